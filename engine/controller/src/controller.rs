//! The controller as a whole: which state it decides on, what waits for commit, what time does to it.
//!
//! Two images: `image` holds what is committed and is the same on every controller; an active controller also has a
//! speculative one with everything that it decided, committed or not, and decides on that. Offsets are known when a
//! decision is made, because nobody else appends to the metadata log while this controller is active.

mod periodic;
mod reply;

use std::collections::VecDeque;

use klamm_node::config::ServerConfig;
use klamm_node::{
    BrokerEpoch, BrokerId, Context, EventKind, LeaderEpoch, Offset, Span, Time, planted,
};
use klamm_protocol::kafka::messages::{
    BrokerHeartbeatRequest, RequestKind, ResponseKind, UpdateFeaturesResponse,
};
use klamm_protocol::metadata::{FeatureLevel, NoOp};
use klamm_protocol::{ErrorCode, MetadataRecord, RequestToken};

use crate::decide::brokers::{Heartbeat, reported_offset};
use crate::decide::life::BrokerState;
use crate::decide::{Decider, Decision, features};
use crate::features::{ELR_FEATURE, GROUP_FEATURE, METADATA_VERSION, METADATA_VERSION_FEATURE};
use crate::image::MetadataImage;
use crate::sessions::Sessions;
use periodic::{Periodic, PeriodicTask};

/// What a controller is told at its start.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// Its `node.id`.
    pub id: BrokerId,
    /// The cluster's id; a registration with another is refused.
    pub cluster_id: String,
    /// The server's settings.
    pub settings: ServerConfig,
    /// Whether it reports the changes of its image as events. False in a process that is a broker too, whose own image
    /// already does.
    pub observe_image: bool,
}

/// What a controller wants from its process.
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::large_enum_variant, reason = "a few per call, and gone at its end")]
pub enum ControllerOutput {
    /// Append these records as one atomic batch, then call [`Controller::appended`]; if the quorum has lost its leader,
    /// call [`Controller::deactivate`].
    Append {
        /// The records, never none.
        records: Vec<MetadataRecord>,
    },
    /// The quorum is to move its feature kraft.version (KIP-853); whether it will is for
    /// [`Controller::kraft_upgrade`].
    UpgradeKRaftVersion {
        /// To this level.
        level: i16,
    },
    /// Answer a request.
    Reply {
        /// The request.
        token: RequestToken,
        /// Its answer.
        response: ResponseKind,
    },
}

/// A controller, active or standing by.
#[derive(Clone, Debug)]
pub struct Controller {
    config: ControllerConfig,
    image: MetadataImage,
    active: Option<Active>,
    /// What the quorum says of the level of kraft.version that the request at hand wants.
    kraft_level: Option<KRaftLevel>,
}

/// A wanted level of kraft.version as the quorum sees it, whose feature it is (KIP-853).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KRaftLevel {
    /// The level that it has.
    pub current: i16,
    /// Whether there is anything to change, or why it can't be changed.
    pub verdict: Result<bool, String>,
}

/// What only the active controller has; dropped with its leadership.
#[derive(Clone, Debug)]
struct Active {
    epoch: LeaderEpoch,
    /// The committed image and everything decided since.
    speculative: MetadataImage,
    sessions: Sessions,
    /// Where the next record will be.
    next_offset: Offset,
    /// Batches handed out and not yet confirmed: first and last offset.
    unconfirmed: VecDeque<(Offset, Offset)>,
    /// Replies, by the last offset that must be committed before they leave. Ascending.
    waiting: VecDeque<Waiting>,
    /// When a NoOp record is due; none if `metadata.max.idle.interval.ms` is 0.
    next_no_op: Option<Time>,
    periodic: Periodic,
    /// An update of features that waits for the quorum to move its own.
    upgrading: Option<Upgrading>,
}

/// An update of features with a new level of kraft.version: its own records come behind those that the quorum writes of that,
/// so that whoever is answered when the last one is committed was answered after all of them.
#[derive(Clone, Debug)]
struct Upgrading {
    token: RequestToken,
    decision: Decision<UpdateFeaturesResponse>,
    /// The quorum has agreed, and is about to write.
    agreed: bool,
}

/// A reply that waits for records to be committed: its own, or those that its decision was based on.
#[derive(Clone, Debug)]
struct Waiting {
    after: Offset,
    token: RequestToken,
    response: ResponseKind,
}

impl Controller {
    /// A controller that has not seen the log yet.
    pub fn new(config: ControllerConfig) -> Self {
        Self { config, image: MetadataImage::new(), active: None, kraft_level: None }
    }

    /// The image of everything committed.
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The quorum epoch in which it is active.
    pub fn active_epoch(&self) -> Option<LeaderEpoch> {
        self.active.as_ref().map(|active| active.epoch)
    }

    /// Replays a committed record. Active or not, every controller gets every record, in order.
    pub fn handle_committed(
        &mut self,
        cx: &mut Context<'_>,
        offset: Offset,
        record: &MetadataRecord,
    ) {
        let changes = self.image.apply(offset, record);
        if self.config.observe_image {
            self.image.observe_changes(cx, offset, &changes);
        }
    }

    /// Everything before is in a snapshot whose last record stood at `last`: its records take the image's place.
    pub fn handle_snapshot(
        &mut self,
        cx: &mut Context<'_>,
        (last, epoch): (Offset, LeaderEpoch),
        records: &[MetadataRecord],
    ) {
        debug_assert!(self.active.is_none(), "the active controller wrote the log itself");
        let changes = self.image.load_snapshot(last, records);
        if self.config.observe_image {
            self.image.observe_loaded(cx, epoch, &changes);
        }
    }

    /// This node leads the quorum and has replayed everything before its epoch: it is the active controller.
    /// `log_end` is where its first record will be.
    pub fn activate(
        &mut self,
        cx: &mut Context<'_>,
        epoch: LeaderEpoch,
        log_end: Offset,
        out: &mut Vec<ControllerOutput>,
    ) {
        cx.observe(EventKind::ControllerActivated { epoch });
        let timeout = self.config.settings.broker_session_timeout;
        self.active = Some(Active {
            epoch,
            speculative: self.image.clone(),
            sessions: Sessions::fresh(timeout, &self.image, self.config.id, cx.now),
            next_offset: log_end,
            unconfirmed: VecDeque::new(),
            waiting: VecDeque::new(),
            next_no_op: None,
            periodic: Periodic::from(&self.config.settings, cx.now),
            upgrading: None,
        });
        if self.image.is_empty() {
            // The first controller of a cluster says which records there are (KIP-584).
            let level = FeatureLevel {
                name: METADATA_VERSION_FEATURE.to_owned(),
                feature_level: METADATA_VERSION,
            };
            let mut levels = vec![level.into()];
            let elr = self.config.settings.eligible_leader_replicas_version;
            if elr > 0 {
                let name = ELR_FEATURE.to_owned();
                levels.push(FeatureLevel { name, feature_level: elr }.into());
                levels.push(crate::decide::configs::first_min_isr(&self.config.settings).into());
            }
            let groups = self.config.settings.group_version;
            if groups > 0 {
                let name = GROUP_FEATURE.to_owned();
                levels.push(FeatureLevel { name, feature_level: groups }.into());
            }
            self.append(cx, levels, out);
        }
        self.arm_no_op(cx.now);
    }

    /// This node no longer leads the quorum: what was not committed is forgotten, who waits for it is told.
    pub fn deactivate(&mut self, cx: &mut Context<'_>, out: &mut Vec<ControllerOutput>) {
        let Some(active) = self.active.take() else { return };
        cx.observe(EventKind::ControllerDeactivated { epoch: active.epoch });
        let waiting = active.waiting.into_iter().map(|waiting| (waiting.token, waiting.response));
        let upgrading = active.upgrading.map(|upgrading| {
            (upgrading.token, ResponseKind::UpdateFeatures(upgrading.decision.reply))
        });
        for (token, response) in waiting.chain(upgrading) {
            out.push(ControllerOutput::Reply { token, response: reply::lost_leadership(response) });
        }
    }

    /// Takes a request from the controller listener: of brokers for themselves, and of people, forwarded or not.
    /// The router sends no others here; one would stay unanswered.
    pub fn handle_request(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: RequestKind,
        out: &mut Vec<ControllerOutput>,
    ) {
        if self.active.is_none() {
            if let Some(response) = reply::not_controller(&request) {
                out.push(ControllerOutput::Reply { token, response });
            }
            return;
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the codec's enum holds every API of Kafka"
        )]
        match request {
            RequestKind::BrokerRegistration(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_register(&request);
                let accepted = decision.reply.error_code == 0;
                let epoch = BrokerEpoch(decision.reply.broker_epoch);
                self.execute(cx, token, decision, ResponseKind::BrokerRegistration, out);
                if let Some(active) = self.active.as_mut().filter(|_| accepted) {
                    active.sessions.registered(BrokerId(request.broker_id.0), epoch);
                }
            }
            RequestKind::BrokerHeartbeat(request) => self.heartbeat(cx, token, &request, out),
            RequestKind::AlterPartition(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_alter_partition(&request, token.api_version);
                self.execute(cx, token, decision, ResponseKind::AlterPartition, out);
            }
            RequestKind::CreateTopics(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_create_topics(&request, cx.rng);
                self.execute(cx, token, decision, ResponseKind::CreateTopics, out);
            }
            RequestKind::DeleteTopics(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_delete_topics(&request, token.api_version);
                self.execute(cx, token, decision, ResponseKind::DeleteTopics, out);
            }
            RequestKind::CreatePartitions(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_create_partitions(&request, cx.rng);
                self.execute(cx, token, decision, ResponseKind::CreatePartitions, out);
            }
            RequestKind::ElectLeaders(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_elect_leaders(&request);
                self.execute(cx, token, decision, ResponseKind::ElectLeaders, out);
            }
            RequestKind::AlterPartitionReassignments(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_alter_reassignments(&request);
                self.execute(cx, token, decision, ResponseKind::AlterPartitionReassignments, out);
            }
            RequestKind::ListPartitionReassignments(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_list_reassignments(&request);
                self.execute(cx, token, decision, ResponseKind::ListPartitionReassignments, out);
            }
            RequestKind::IncrementalAlterConfigs(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_incremental_alter_configs(&request);
                self.execute(cx, token, decision, ResponseKind::IncrementalAlterConfigs, out);
            }
            RequestKind::AlterConfigs(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_alter_configs(&request);
                self.execute(cx, token, decision, ResponseKind::AlterConfigs, out);
            }
            RequestKind::AlterClientQuotas(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_alter_client_quotas(&request);
                self.execute(cx, token, decision, ResponseKind::AlterClientQuotas, out);
            }
            RequestKind::UpdateFeatures(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_update_features(&request, token.api_version);
                let upgrade = decision.reply.1;
                let decision = Decision {
                    records: decision.records,
                    events: decision.events,
                    reply: decision.reply.0,
                };
                let Some(level) = upgrade else {
                    return self.execute(cx, token, decision, ResponseKind::UpdateFeatures, out);
                };
                let Some(active) = &mut self.active else { return };
                if active.upgrading.is_some() {
                    let why = "Another change of kraft.version is under way.";
                    let response = features::refused(ErrorCode::INVALID_UPDATE_VERSION, why);
                    let response = ResponseKind::UpdateFeatures(response);
                    return out.push(ControllerOutput::Reply { token, response });
                }
                active.upgrading = Some(Upgrading { token, decision, agreed: false });
                out.push(ControllerOutput::UpgradeKRaftVersion { level });
            }
            RequestKind::AllocateProducerIds(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_allocate_producer_ids(&request);
                self.execute(cx, token, decision, ResponseKind::AllocateProducerIds, out);
            }
            RequestKind::UnregisterBroker(request) => {
                let Some(decider) = self.decider(cx.now) else { return };
                let decision = decider.decide_unregister(&request);
                let accepted = decision.reply.error_code == 0;
                self.execute(cx, token, decision, ResponseKind::UnregisterBroker, out);
                if let Some(active) = self.active.as_mut().filter(|_| accepted) {
                    active.sessions.forget(BrokerId(request.broker_id.0));
                }
            }
            _ => {}
        }
    }

    fn heartbeat(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: &BrokerHeartbeatRequest,
        out: &mut Vec<ControllerOutput>,
    ) {
        let (id, epoch) = (BrokerId(request.broker_id.0), BrokerEpoch(request.broker_epoch));
        let Some(decider) = self.decider(cx.now) else { return };
        let decision = decider.decide_heartbeat(request);
        let next = decision.reply.next;
        let response = |heartbeat: Heartbeat| ResponseKind::BrokerHeartbeat(heartbeat.response);
        self.execute(cx, token, decision, response, out);
        let (Some(active), Some(next)) = (self.active.as_mut(), next) else { return };
        active.sessions.touch(id, epoch, cx.now);
        active.sessions.note_offset(id, reported_offset(request));
        match next {
            BrokerState::ControlledShutdown => {
                active.sessions.begin_shutdown(id, active.next_offset.plus(-1));
            }
            // Simplified: from 4.0 on Kafka remembers the contact of a broker that it let go, refuses its next incarnation
            // until the old session has run out, and then fences the old one once more.
            BrokerState::ShutdownNow => active.sessions.forget(id),
            BrokerState::Fenced | BrokerState::Unfenced => {}
        }
    }

    /// Whether something that it decided is still to be appended.
    pub fn awaits_append(&self) -> bool {
        self.active.as_ref().is_some_and(|active| !active.unconfirmed.is_empty())
    }

    /// What the quorum says to [`ControllerOutput::UpgradeKRaftVersion`]: whether it is about to write of that, or why not.
    pub fn kraft_upgrade(
        &mut self,
        cx: &mut Context<'_>,
        verdict: Result<bool, String>,
        out: &mut Vec<ControllerOutput>,
    ) {
        let Some(active) = &mut self.active else { return };
        let Some(upgrading) = &mut active.upgrading else { return };
        match verdict {
            Ok(true) => upgrading.agreed = true,
            Ok(false) => self.end_upgrade(cx, out),
            Err(why) => {
                let token = upgrading.token;
                let response = features::refused(ErrorCode::INVALID_UPDATE_VERSION, &why);
                active.upgrading = None;
                let response = ResponseKind::UpdateFeatures(response);
                out.push(ControllerOutput::Reply { token, response });
            }
        }
    }

    fn end_upgrade(&mut self, cx: &mut Context<'_>, out: &mut Vec<ControllerOutput>) {
        let upgrading = self.active.as_mut().and_then(|active| active.upgrading.take());
        let Some(Upgrading { token, decision, .. }) = upgrading else { return };
        self.execute(cx, token, decision, ResponseKind::UpdateFeatures, out);
    }

    /// The quorum itself wrote to the log, of its voters (KIP-853): the next record comes behind that.
    pub fn log_moved(
        &mut self,
        cx: &mut Context<'_>,
        log_end: Offset,
        out: &mut Vec<ControllerOutput>,
    ) {
        debug_assert!(!self.awaits_append(), "what was decided has its offsets");
        let Some(active) = &mut self.active else { return };
        active.next_offset = active.next_offset.max(log_end);
        if active.upgrading.as_ref().is_some_and(|upgrading| upgrading.agreed) {
            self.end_upgrade(cx, out);
        }
    }

    /// The oldest [`ControllerOutput::Append`] not yet confirmed now lies at these offsets.
    pub fn appended(
        &mut self,
        _cx: &mut Context<'_>,
        first: Offset,
        last: Offset,
        _out: &mut Vec<ControllerOutput>,
    ) {
        let Some(active) = &mut self.active else { return };
        let expected = active.unconfirmed.pop_front();
        assert!(
            expected == Some((first, last)),
            "records were decided for {expected:?} and appended at {first}..={last}: somebody else writes to the log"
        );
    }

    /// The quorum has committed everything below its high watermark, and [`handle_committed`](Self::handle_committed)
    /// has seen it: replies that waited for that leave (I4).
    pub fn committed_to(
        &mut self,
        cx: &mut Context<'_>,
        high_watermark: Offset,
        out: &mut Vec<ControllerOutput>,
    ) {
        if self.config.observe_image && self.image.applied() >= Offset(0) {
            self.image.observe_applied(cx);
        }
        let Some(active) = &mut self.active else { return };
        let committed = high_watermark.plus(-1).max(self.image.applied());
        while let Some(waiting) = active.waiting.pop_front_if(|waiting| waiting.after <= committed)
        {
            out.push(ControllerOutput::Reply { token: waiting.token, response: waiting.response });
        }
    }

    /// Fires what is due at `cx.now`.
    pub fn handle_timers(&mut self, cx: &mut Context<'_>, out: &mut Vec<ControllerOutput>) {
        self.fence_stale_broker(cx, out);
        self.hold_periodic_elections(cx, out);
        let due = self.active.as_ref().and_then(|active| active.next_no_op);
        if due.is_some_and(|due| due <= cx.now) {
            // Shows followers and observers that the controller lives, and moves the high watermark on (KIP-835).
            self.append(cx, vec![NoOp::default().into()], out);
        }
    }

    /// When [`handle_timers`](Self::handle_timers) wants to be called, and why.
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let active = self.active.as_ref()?;
        let no_op = active.next_no_op.map(|at| (at, "metadata-no-op"));
        no_op.into_iter().chain(active.periodic.next(active.sessions.next_expiry())).min()
    }

    /// Fences one broker that was silent for its session. The next one comes with the next run: what fencing the first leads
    /// to is seen before (KAFKA-17793).
    fn fence_stale_broker(&mut self, cx: &mut Context<'_>, out: &mut Vec<ControllerOutput>) {
        let task = PeriodicTask::FenceStaleBroker;
        let Some(active) = &self.active else { return };
        let due = active.periodic.is_due(task, active.sessions.next_expiry(), cx.now);
        let expired = active.sessions.expired(cx.now).filter(|_| due);
        let Some((broker, since)) = expired else { return };
        let Some(decider) = self.decider(cx.now) else { return };
        let decision = decider.decide_fence_silent(broker, since);
        self.observe(cx, decision.events);
        self.append(cx, decision.records, out);
        if let Some(active) = &mut self.active {
            active.sessions.forget(broker);
            active.periodic.held(task, cx.now, true);
        }
    }

    /// The looks at partitions without their preferred leader, and at those without any.
    fn hold_periodic_elections(&mut self, cx: &mut Context<'_>, out: &mut Vec<ControllerOutput>) {
        for election in [PeriodicTask::PreferredElection, PeriodicTask::UncleanElection] {
            let Some(active) = &self.active else { return };
            if !active.periodic.is_due(election, None, cx.now) {
                continue;
            }
            let Some(decider) = self.decider(cx.now) else { return };
            let decision = if election == PeriodicTask::PreferredElection {
                decider.decide_preferred_leaders()
            } else {
                decider.decide_unclean_leaders()
            };
            let more = decision.reply;
            self.observe(cx, decision.events);
            self.append(cx, decision.records, out);
            if let Some(active) = &mut self.active {
                active.periodic.held(election, cx.now, more);
            }
        }
    }

    /// What the quorum says of the level of kraft.version that the next request wants, if it wants one.
    pub fn note_kraft_level(&mut self, level: Option<KRaftLevel>) {
        self.kraft_level = level;
    }

    fn decider(&self, now: Time) -> Option<Decider<'_>> {
        let active = self.active.as_ref()?;
        Some(Decider {
            kraft_level: self.kraft_level.as_ref(),
            image: &active.speculative,
            config: &self.config,
            sessions: &active.sessions,
            next_offset: active.next_offset,
            now,
        })
    }

    /// Carries a decision out: tells it, appends its records, keeps its reply until they are committed.
    fn execute<R>(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        decision: Decision<R>,
        response: impl FnOnce(R) -> ResponseKind,
        out: &mut Vec<ControllerOutput>,
    ) {
        self.observe(cx, decision.events);
        self.append(cx, decision.records, out);
        let committed = self.image.applied();
        let Some(active) = &mut self.active else { return };
        let response = response(decision.reply);
        // Without records of its own it still waits for what it was decided upon: that might yet be forgotten.
        let after = active.speculative.applied();
        if after <= committed || planted("reply_before_commit") {
            out.push(ControllerOutput::Reply { token, response });
        } else {
            active.waiting.push_back(Waiting { after, token, response });
        }
    }

    #[expect(clippy::unused_self, reason = "reads as one of the steps of `execute`")]
    fn observe(&self, cx: &mut Context<'_>, events: Vec<(EventKind, klamm_node::Because)>) {
        for (kind, because) in events {
            cx.observe_because(kind, because);
        }
    }

    /// Replays records on the speculative image and hands them to the quorum.
    fn append(
        &mut self,
        cx: &Context<'_>,
        records: Vec<MetadataRecord>,
        out: &mut Vec<ControllerOutput>,
    ) {
        let Some(active) = self.active.as_mut().filter(|_| !records.is_empty()) else { return };
        let first = active.next_offset;
        for record in &records {
            active.speculative.apply(active.next_offset, record);
            active.next_offset = active.next_offset.plus(1);
        }
        active.unconfirmed.push_back((first, active.next_offset.plus(-1)));
        out.push(ControllerOutput::Append { records });
        self.arm_no_op(cx.now);
    }

    fn arm_no_op(&mut self, now: Time) {
        let interval = self.config.settings.metadata_max_idle_interval;
        if let Some(active) = self.active.as_mut().filter(|_| interval > Span::ZERO) {
            active.next_no_op = Some(now + interval);
        }
    }
}
