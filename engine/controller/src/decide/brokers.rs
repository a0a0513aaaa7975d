//! A broker's life as the controller sees it: registration, heartbeats, fencing, controlled shutdown (KIP-631, KIP-841).
//!
//! *Flows in*: BrokerRegistration and BrokerHeartbeat requests, and silence. *Flows out*: RegisterBroker and
//! BrokerRegistrationChange records, with the partition changes that follow.
//! *Must never*: keep two sessions for one broker id, or let an old incarnation speak for a new one.

use std::collections::BTreeSet;

use klamm_node::{
    Because, BrokerEpoch, BrokerId, EventKind, IfSome, IncarnationId, Offset, Time, planted,
};
use klamm_protocol::convert::{directory_id, incarnation_id, text};
use klamm_protocol::kafka::messages::{
    ApiKey, BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest,
    BrokerRegistrationResponse, UnregisterBrokerRequest, UnregisterBrokerResponse,
};
use klamm_protocol::metadata::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChange, RegisterBroker, UnregisterBroker,
};
use klamm_protocol::{ErrorCode, MetadataRecord};

use super::changes::Occasion;
use super::life::{BrokerMove, BrokerState};
use super::{Decider, Decision};
use crate::features::{METADATA_VERSION_FEATURE, OLDEST_METADATA_VERSION};
use crate::image::BrokerImage;

/// Directory ids below this have a meaning of their own (KIP-858).
const RESERVED_DIRECTORIES: u128 = 100;

/// Where a registered broker stands, by its image.
fn state_of(broker: &BrokerImage) -> BrokerState {
    match (broker.fenced, broker.in_controlled_shutdown) {
        (true, _) => BrokerState::Fenced,
        (false, true) => BrokerState::ControlledShutdown,
        (false, false) => BrokerState::Unfenced,
    }
}

/// The answer to a heartbeat, and what the broker is from now on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Heartbeat {
    pub response: BrokerHeartbeatResponse,
    /// None if the heartbeat was refused.
    pub next: Option<BrokerState>,
}

impl Decider<'_> {
    /// Accepts or refuses a registration. The broker epoch is the offset of the registration's record, so that every
    /// incarnation's epoch is greater than all before (KIP-380).
    pub(crate) fn decide_register(
        &self,
        request: &BrokerRegistrationRequest,
    ) -> Decision<BrokerRegistrationResponse> {
        let id = BrokerId(request.broker_id.0);
        let incarnation = incarnation_id(request.incarnation_id);
        let existing = self.image.broker(id);
        if let Err(error) = self.check_registration(request, existing, incarnation) {
            return Decision::only(registration_reply(error, BrokerEpoch(-1)));
        }
        // A request whose answer was lost comes again from the same process: it keeps its epoch and its state.
        let again = existing.filter(|existing| existing.incarnation == incarnation);
        let gone = existing.filter(|_| again.is_none());
        // A broker that knows the epoch of its last registration wrote it down when it stopped in an orderly way, with all its
        // logs on disk.
        let clean = gone.map(|gone| {
            request.previous_broker_epoch == gone.epoch.0 || planted("every_restart_is_clean")
        });
        let mut decision = Decision::only(());
        let kind = EventKind::RegistrationDecided { broker: id, incarnation, clean: IfSome(clean) };
        decision.events.push((kind, Because::Input));
        if let Some((gone, clean)) = gone.zip(clean) {
            let next = state_of(gone).after(BrokerMove::Reregistered);
            debug_assert_eq!(next, BrokerState::Fenced, "a new process starts fenced");
            // The old incarnation is gone, and with it what the new one is still believed to lead. After an unclean stop it may
            // have lost what it had not synced, and no ELR may count on it (Z03, KIP-966).
            if clean || !self.elr_enabled() {
                self.remove_from_isrs(&mut decision, id, Occasion::Fencing);
            } else {
                self.remove_from_isrs_and_elrs(&mut decision, id, Occasion::UncleanShutdown);
            }
        }
        let offset = self.next_offset.plus(i64::try_from(decision.records.len()).unwrap_or(0));
        let broker_epoch = again.map_or(BrokerEpoch(offset.0), |again| again.epoch);
        decision.records.push(MetadataRecord::RegisterBroker(RegisterBroker {
            broker_id: id,
            is_migrating_zk_broker: false,
            incarnation_id: incarnation,
            broker_epoch,
            end_points: end_points(request),
            features: features(request),
            rack: request.rack.as_ref().map(ToString::to_string),
            fenced: again.is_none_or(|again| again.fenced),
            in_controlled_shutdown: again.is_some_and(|again| again.in_controlled_shutdown),
            log_dirs: request.log_dirs.iter().map(|id| directory_id(*id)).collect(),
        }));
        decision.with(registration_reply(ErrorCode::NONE, broker_epoch))
    }

    /// A broker has log directories, each of them its own (KIP-858).
    fn check_directories(
        &self,
        id: BrokerId,
        request: &BrokerRegistrationRequest,
    ) -> Result<(), ErrorCode> {
        let asked: BTreeSet<_> = request.log_dirs.iter().map(|id| directory_id(*id)).collect();
        let reserved = asked.iter().any(|directory| directory.0 < RESERVED_DIRECTORIES);
        let anothers = self.image.brokers().any(|other| {
            other.id != id && other.log_dirs.iter().any(|directory| asked.contains(directory))
        });
        if asked.is_empty() || asked.len() < request.log_dirs.len() || reserved || anothers {
            return Err(ErrorCode::INVALID_REGISTRATION);
        }
        Ok(())
    }

    fn check_registration(
        &self,
        request: &BrokerRegistrationRequest,
        existing: Option<&BrokerImage>,
        incarnation: IncarnationId,
    ) -> Result<(), ErrorCode> {
        let id = BrokerId(request.broker_id.0);
        if request.cluster_id.as_str() != self.config.cluster_id {
            return Err(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        if let Some(existing) = existing
            && existing.incarnation != incarnation
            && self.sessions.is_valid(existing.id, existing.epoch, self.now)
        {
            // Another process with this id is alive, or died so recently that nobody can tell.
            return Err(ErrorCode::DUPLICATE_BROKER_REGISTRATION);
        }
        if request.is_migrating_zk_broker || request.broker_id.0 < 0 {
            return Err(ErrorCode::INVALID_REGISTRATION);
        }
        self.check_directories(id, request)?;
        let supports = |name: &str, level: i16| {
            let wanted = request.features.iter().find(|feature| feature.name.as_str() == name);
            match wanted {
                Some(range) => {
                    (range.min_supported_version..=range.max_supported_version).contains(&level)
                }
                // A broker that names no range is as old as the oldest metadata version.
                None => name == METADATA_VERSION_FEATURE && level == OLDEST_METADATA_VERSION,
            }
        };
        if self.image.features().any(|(name, level)| !supports(name, level)) {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        Ok(())
    }

    /// Moves a broker through its life as its heartbeat asks.
    pub(crate) fn decide_heartbeat(&self, request: &BrokerHeartbeatRequest) -> Decision<Heartbeat> {
        let id = BrokerId(request.broker_id.0);
        let broker = match self.check_broker_epoch(id, request.broker_epoch) {
            Ok(broker) => broker,
            Err(error) => {
                let response = BrokerHeartbeatResponse::default().with_error_code(error.0);
                let (epoch, api) = (request.broker_epoch, ApiKey::BrokerHeartbeat);
                return super::refused(id, epoch, api, error)
                    .with(Heartbeat { response, next: None });
            }
        };
        let current = state_of(broker);
        let next = match self.cause_of_move(broker, current, request) {
            Some(event) => current.after(event),
            None => current,
        };
        let mut decision = Decision::only(());
        if next != current {
            match next {
                BrokerState::Fenced => self.fence(&mut decision, broker, "request", Because::Input),
                BrokerState::Unfenced => self.unfence(&mut decision, broker),
                BrokerState::ControlledShutdown => self.begin_shutdown(&mut decision, broker),
                BrokerState::ShutdownNow => {
                    self.fence(&mut decision, broker, "controlled-shutdown", Because::Input);
                }
            }
        } else if next == BrokerState::ControlledShutdown {
            // What it came to lead or joined since is moved too.
            self.remove_from_isrs(&mut decision, id, Occasion::ControlledShutdown);
        }
        let response = BrokerHeartbeatResponse::default()
            .with_is_caught_up(request.current_metadata_offset >= broker.registered_at.0)
            .with_is_fenced(matches!(next, BrokerState::Fenced | BrokerState::ShutdownNow))
            .with_should_shut_down(next == BrokerState::ShutdownNow);
        decision.with(Heartbeat { response, next: Some(next) })
    }

    /// Which move of the [table](super::life) a heartbeat is; none if the broker stays what it is.
    fn cause_of_move(
        &self,
        broker: &BrokerImage,
        current: BrokerState,
        request: &BrokerHeartbeatRequest,
    ) -> Option<BrokerMove> {
        match current {
            // Nothing is lost by its leave: it leads nothing, and nobody waits for it.
            BrokerState::Fenced if request.want_shut_down => Some(BrokerMove::LeftAtOnce),
            BrokerState::Fenced => {
                // Unfenced once it knows of its own registration, so that it does not act on the world before it. A broker
                // that was leaving does not come back as the same incarnation (KIP-841).
                let caught_up = request.current_metadata_offset >= broker.registered_at.0;
                let wanted = !request.want_fence && !broker.in_controlled_shutdown;
                let late = broker.epoch.0 > 20 && planted("never_unfences");
                (caught_up && wanted && !late).then_some(BrokerMove::CaughtUp)
            }
            BrokerState::Unfenced => match (request.want_fence, request.want_shut_down) {
                (true, true) => Some(BrokerMove::LeftAtOnce),
                (true, false) => Some(BrokerMove::AskedToBeFenced),
                (false, true) if self.leads_something(broker.id) => Some(BrokerMove::AskedToLeave),
                (false, true) => Some(BrokerMove::LeftAtOnce),
                (false, false) => None,
            },
            BrokerState::ControlledShutdown => {
                // It may go when it leads nothing and every active broker has learnt who leads instead.
                let passed = self
                    .sessions
                    .controlled_shutdown_offset(broker.id)
                    .is_some_and(|offset| offset <= self.sessions.lowest_active_offset(self.image));
                let may_go = passed && !self.leads_something(broker.id);
                may_go.then_some(BrokerMove::LeadershipsMoved)
            }
            BrokerState::ShutdownNow => None,
        }
    }

    /// Fences a broker that was silent for the session timeout; one at a time, so that a controller that was itself
    /// stalled does not fence everybody before it hears the heartbeats that wait in its queue.
    pub(crate) fn decide_fence_silent(&self, id: BrokerId, since: Time) -> Decision<()> {
        let mut decision = Decision::only(());
        let alive = planted("never_fences");
        if let Some(broker) = self.image.broker(id).filter(|broker| !broker.fenced && !alive) {
            let because = Because::Silence { of: id, since };
            let next = state_of(broker).after(BrokerMove::SessionExpired);
            debug_assert_eq!(next, BrokerState::Fenced, "silence fences");
            self.fence(&mut decision, broker, "session-timeout", because);
        }
        decision
    }

    /// The registration that a request speaks for.
    pub(super) fn check_broker_epoch(
        &self,
        id: BrokerId,
        epoch: i64,
    ) -> Result<&BrokerImage, ErrorCode> {
        self.image
            .broker(id)
            .filter(|broker| broker.epoch.0 == epoch || planted("stale_broker_epoch"))
            .ok_or(ErrorCode::STALE_BROKER_EPOCH)
    }

    fn fence(
        &self,
        decision: &mut Decision<()>,
        broker: &BrokerImage,
        reason: &'static str,
        because: Because,
    ) {
        if broker.fenced {
            return;
        }
        let kind = EventKind::FencingDecided { broker: broker.id, reason: reason.into() };
        decision.events.push((kind, because));
        if !planted("fenced_stays_in_isr") {
            self.remove_from_isrs(decision, broker.id, Occasion::Fencing);
        }
        let change = BrokerRegistrationChange { fenced: 1, ..registration_change(broker) };
        decision.records.push(change.into());
    }

    fn unfence(&self, decision: &mut Decision<()>, broker: &BrokerImage) {
        let kind = EventKind::UnfencingDecided { broker: broker.id };
        decision.events.push((kind, Because::Input));
        let change = BrokerRegistrationChange { fenced: -1, ..registration_change(broker) };
        decision.records.push(change.into());
        self.elect_leaderless(decision, broker.id);
    }

    fn begin_shutdown(&self, decision: &mut Decision<()>, broker: &BrokerImage) {
        let kind = EventKind::ControlledShutdownDecided { broker: broker.id };
        decision.events.push((kind, Because::Input));
        let change =
            BrokerRegistrationChange { in_controlled_shutdown: 1, ..registration_change(broker) };
        decision.records.push(change.into());
        if !planted("shutdown_keeps_isr") {
            self.remove_from_isrs(decision, broker.id, Occasion::ControlledShutdown);
        }
    }

    /// Forgets a broker that will not come back. A living one is thrown out: its epoch is stale from then on.
    pub(crate) fn decide_unregister(
        &self,
        request: &UnregisterBrokerRequest,
    ) -> Decision<UnregisterBrokerResponse> {
        let id = BrokerId(request.broker_id.0);
        let Some(broker) = self.image.broker(id) else {
            let why = format!("Broker ID {id} is not currently registered");
            return Decision::only(
                UnregisterBrokerResponse::default()
                    .with_error_code(ErrorCode::BROKER_ID_NOT_REGISTERED.0)
                    .with_error_message(Some(text(&why))),
            );
        };
        let mut decision = Decision::only(());
        let kind = EventKind::UnregistrationDecided { broker: id };
        decision.events.push((kind, Because::Input));
        self.remove_from_isrs_and_elrs(&mut decision, id, Occasion::Unregistration);
        let record = UnregisterBroker { broker_id: id, broker_epoch: broker.epoch };
        decision.records.push(record.into());
        decision.with(UnregisterBrokerResponse::default().with_error_message(None))
    }
}

fn registration_change(broker: &BrokerImage) -> BrokerRegistrationChange {
    BrokerRegistrationChange {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        ..BrokerRegistrationChange::default()
    }
}

fn registration_reply(error: ErrorCode, epoch: BrokerEpoch) -> BrokerRegistrationResponse {
    BrokerRegistrationResponse::default().with_error_code(error.0).with_broker_epoch(epoch.0)
}

fn end_points(request: &BrokerRegistrationRequest) -> Vec<BrokerEndpoint> {
    let end_point =
        |listener: &klamm_protocol::kafka::messages::broker_registration_request::Listener| {
            BrokerEndpoint {
                name: listener.name.to_string(),
                host: listener.host.to_string(),
                port: listener.port,
                security_protocol: listener.security_protocol,
            }
        };
    request.listeners.iter().map(end_point).collect()
}

fn features(request: &BrokerRegistrationRequest) -> Vec<BrokerFeature> {
    let feature =
        |feature: &klamm_protocol::kafka::messages::broker_registration_request::Feature| {
            BrokerFeature {
                name: feature.name.to_string(),
                min_supported_version: feature.min_supported_version,
                max_supported_version: feature.max_supported_version,
            }
        };
    request.features.iter().map(feature).collect()
}

/// The offset that a heartbeat reports, for the session.
pub(crate) fn reported_offset(request: &BrokerHeartbeatRequest) -> Offset {
    Offset(request.current_metadata_offset)
}
