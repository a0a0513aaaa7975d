//! Changes of the set of voters at the leader's (KIP-853): AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter, and the way from
//! configured voters to replicated ones.
//!
//! ```text
//!   request ─checks─► (add: ask the new voter's versions) ─► staged ─► appended, in force ─► committed by the new set, answered
//! ```
//!
//! *Flows in*: requests of operators and voters. *Flows out*: their answers; sets of voters, staged until the owner has
//! nothing else to append. *Must never*: begin a change before the one before it is committed, or before a record of the
//! own epoch is: two changes at once, or a change on top of one that an earlier leader left behind, can leave two
//! majorities that do not meet.

use klamm_node::event::Word;
use klamm_node::{Context, EventKind, Offset, ReplicaKey, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::batch::{ControlRecord, VoterNode};
use klamm_protocol::channel::{RequestToken, RpcError};
use klamm_protocol::kafka::messages as wire;
use klamm_protocol::kafka::messages::{
    AddRaftVoterRequest, RemoveRaftVoterRequest, ResponseKind, UpdateRaftVoterRequest,
};
use klamm_protocol::kafka::protocol::StrBytes;

use crate::leader::{Change, ChangeKind, Stage};
use crate::messages::{self, LISTENER, voters as onwire};
use crate::output::{RaftCall, RaftOutput};
use crate::raft::Raft;
use crate::role::Role;
use crate::voter_set::{VoterSet, endpoint};
use crate::voters::word;

/// An error and a sentence for people.
type Refusal = (ErrorCode, Option<String>);

/// The feature whose levels a voter is asked for.
const FEATURE: &str = "kraft.version";

fn timed_out(why: &str) -> Refusal {
    (ErrorCode::REQUEST_TIMED_OUT, Some(why.to_owned()))
}

impl Raft {
    pub(crate) fn handle_add_voter(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: &AddRaftVoterRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let voter = onwire::read_add(request);
        let key = voter.as_ref().map(|voter| voter.key);
        let refused = match self.begin_adding(cx, token, request.cluster_id.as_ref(), voter, out) {
            Ok(()) => return,
            Err(refused) => refused,
        };
        self.tell_answer(cx, ChangeKind::Add, key, refused.0);
        let response = onwire::add_response(refused.0, refused.1.as_deref());
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    fn begin_adding(
        &mut self,
        cx: &Context<'_>,
        token: RequestToken,
        cluster: Option<&StrBytes>,
        voter: Option<VoterNode>,
        out: &mut Vec<RaftOutput>,
    ) -> Result<(), Refusal> {
        self.check_asked(cluster)?;
        let invalid = |why: &str| (ErrorCode::INVALID_REQUEST, Some(why.to_owned()));
        let voter =
            voter.ok_or_else(|| invalid("Add voter request didn't include a valid voter"))?;
        let Some(at) = endpoint(&voter).cloned() else {
            let why = "Add voter request didn't include the endpoint for the default listener";
            return Err(invalid(&format!("{why} {LISTENER}")));
        };
        self.check_change("adding")?;
        if self.voters().get(voter.key.id).is_some() {
            let why = format!(
                "The voter id for {} is already part of the set of voters {}.",
                voter.key,
                list(self.voters())
            );
            return Err((ErrorCode::DUPLICATE_VOTER, Some(why)));
        }
        let ask = wire::ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("klamm"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        if !self.ask_at(cx, out, (voter.key.id, at), ask.into()) {
            return Err(timed_out(&format!(
                "New voter {} is not ready to receive requests",
                voter.key
            )));
        }
        let deadline = cx.now + self.config.request_timeout;
        if let Role::Leader(leader) = &mut self.role {
            let (kind, stage) = (ChangeKind::Add, Stage::AsksVersions);
            leader.change = Some(Box::new(Change { kind, token, voter, deadline, stage }));
        }
        Ok(())
    }

    pub(crate) fn handle_remove_voter(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: &RemoveRaftVoterRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let key = onwire::read_remove(request);
        let refused = match self.begin_removing(cx, token, request.cluster_id.as_ref(), key, out) {
            Ok(()) => return,
            Err(refused) => refused,
        };
        self.tell_answer(cx, ChangeKind::Remove, key, refused.0);
        let response = onwire::remove_response(refused.0, refused.1.as_deref());
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    fn begin_removing(
        &mut self,
        cx: &Context<'_>,
        token: RequestToken,
        cluster: Option<&StrBytes>,
        key: Option<ReplicaKey>,
        out: &mut Vec<RaftOutput>,
    ) -> Result<(), Refusal> {
        self.check_asked(cluster)?;
        let why = "Remove voter request didn't include a valid voter";
        let key = key.ok_or_else(|| (ErrorCode::INVALID_REQUEST, Some(why.to_owned())))?;
        self.check_change("removing")?;
        let left = self.voters().get(key.id).zip(self.voters().without(key));
        let Some((voter, left)) = left.map(|(voter, left)| (voter.clone(), left)) else {
            let set = list(self.voters());
            let why = format!("Cannot remove voter {key} from the set of voters {set}");
            return Err((ErrorCode::VOTER_NOT_FOUND, Some(why)));
        };
        let deadline = cx.now + self.config.request_timeout;
        if let Role::Leader(leader) = &mut self.role {
            let (kind, stage) = (ChangeKind::Remove, Stage::Staged);
            leader.change = Some(Box::new(Change { kind, token, voter, deadline, stage }));
        }
        self.stage(vec![ControlRecord::Voters(left.to_record())], out);
        Ok(())
    }

    pub(crate) fn handle_update_voter(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: &UpdateRaftVoterRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let error = self.update_voter(request, out).err().unwrap_or(ErrorCode::NONE);
        let voter = onwire::read_update(request).map(|voter| voter.key);
        if let Some(voter) = voter {
            let error = Word::Owned(error.to_string());
            cx.observe(EventKind::VoterChangeAnswered { change: "update".into(), voter, error });
        }
        let response = onwire::update_response(error, &self.standing());
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    /// A voter says where it listens and what it speaks. It is answered before that is committed.
    fn update_voter(
        &mut self,
        request: &UpdateRaftVoterRequest,
        out: &mut Vec<RaftOutput>,
    ) -> Result<(), ErrorCode> {
        let own = &self.config.cluster_id;
        if !messages::same_cluster(request.cluster_id.as_ref(), own) {
            return Err(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let epoch = klamm_node::LeaderEpoch(request.current_leader_epoch);
        if let Some(error) = self.not_leading(epoch) {
            return Err(error);
        }
        let voter = onwire::read_update(request).ok_or(ErrorCode::INVALID_REQUEST)?;
        self.check_change("updating").map_err(|(error, _)| error)?;
        let (min, max) = voter.kraft_versions;
        if !(min..=max).contains(&self.kraft_version()) {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let updated = self.voters().updated(voter).ok_or(ErrorCode::VOTER_NOT_FOUND)?;
        self.stage(vec![ControlRecord::Voters(updated.to_record())], out);
        Ok(())
    }

    /// The answer of a voter to UpdateRaftVoter.
    pub(crate) fn take_update(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        response: &wire::UpdateRaftVoterResponse,
        out: &mut Vec<RaftOutput>,
    ) {
        let answer = onwire::read_update_response(response);
        if !answer.error.is_none() {
            self.back_off(call.to, cx.now);
        }
        self.learn(cx, out, &answer);
    }

    /// Whether a request reached the leader of its cluster.
    fn check_asked(&self, cluster: Option<&StrBytes>) -> Result<(), Refusal> {
        let own = &self.config.cluster_id;
        if !messages::same_cluster(cluster, own) {
            let given = cluster.map(|id| id.to_string()).unwrap_or_default();
            let why = format!("The given id \"{given}\" doesn't match the cluster id \"{own}\"");
            return Err((ErrorCode::INCONSISTENT_CLUSTER_ID, Some(why)));
        }
        match self.not_leading(self.state.epoch) {
            Some(error) => Err((error, None)),
            None if self.shutdown.is_some() => Err((ErrorCode::BROKER_NOT_AVAILABLE, None)),
            None => Ok(()),
        }
    }

    /// Whether a change may begin now, in the order in which Kafka looks.
    fn check_change(&self, doing: &str) -> Result<(), Refusal> {
        let Role::Leader(leader) = &self.role else {
            return Err((ErrorCode::NOT_LEADER_OR_FOLLOWER, None));
        };
        let hasty = planted("raft_two_voter_changes");
        if (leader.change.is_some() || leader.staged.is_some()) && !hasty {
            return Err(timed_out(
                "Request timed out waiting for leader to handle previous voter change request",
            ));
        }
        if !leader.claimed {
            return Err(timed_out(
                "Request timed out waiting for leader to establish HWM and fence previous voter changes",
            ));
        }
        let level = self.kraft_version();
        if level == 0 {
            let why =
                format!("Cluster doesn't support {doing} voter because the {FEATURE} feature is 0");
            return Err((ErrorCode::UNSUPPORTED_VERSION, Some(why)));
        }
        let committed = self.high_watermark();
        let offset = self.history.offset();
        if offset.is_none_or(|offset| offset >= committed) && !hasty {
            let at = offset.map_or_else(|| "nowhere".to_owned(), |offset| offset.to_string());
            return Err(timed_out(&format!(
                "Request timed out waiting for voters to commit the latest voter change at {at} with HWM {committed}"
            )));
        }
        Ok(())
    }

    /// What a new voter answers to the question for its versions, or that it does not.
    pub(crate) fn take_versions(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        outcome: &Result<ResponseKind, RpcError>,
        out: &mut Vec<RaftOutput>,
    ) {
        let Role::Leader(leader) = &self.role else { return };
        let asked = |change: &&Change| {
            change.stage == Stage::AsksVersions && change.voter.key.id == call.to
        };
        let Some(mut voter) = leader.change.as_deref().filter(asked).map(|c| c.voter.clone())
        else {
            return;
        };
        let response = match outcome {
            Ok(ResponseKind::ApiVersions(response)) if response.error_code == 0 => response,
            Ok(_) | Err(_) => {
                let why = "Aborted add voter operation for since API_VERSIONS returned an error";
                return self.end_change(cx, ErrorCode::REQUEST_TIMED_OUT, Some(why), out);
            }
        };
        let range = response.supported_features.iter().find(|range| &*range.name == FEATURE);
        let (min, max) = range.map_or((0, 0), |range| (range.min_version, range.max_version));
        let level = self.kraft_version();
        if !(min..=max).contains(&level) {
            let why = format!(
                "Aborted add voter operation for {} since the {FEATURE} range (min: {min}, max: {max}) doesn't support the \
                 finalized version {level}",
                voter.key
            );
            return self.end_change(cx, ErrorCode::INVALID_REQUEST, Some(&why), out);
        }
        // One that is far behind would hold up the high watermark as soon as it counts.
        if !leader.is_caught_up(voter.key, cx.wall) {
            let why =
                format!("Aborted add voter operation for {} since it is lagging behind", voter.key);
            return self.end_change(cx, ErrorCode::REQUEST_TIMED_OUT, Some(&why), out);
        }
        voter.kraft_versions = (min, max);
        let Some(more) = self.voters().with(voter) else { return };
        if let Role::Leader(leader) = &mut self.role
            && let Some(change) = &mut leader.change
        {
            change.stage = Stage::Staged;
        }
        self.stage(vec![ControlRecord::Voters(more.to_record())], out);
    }

    /// Asks the owner for a moment in which nothing that it decided is still to be appended: its records' offsets are
    /// part of its decisions.
    fn stage(&mut self, records: Vec<ControlRecord>, out: &mut Vec<RaftOutput>) {
        if let Role::Leader(leader) = &mut self.role {
            leader.staged = Some(records);
            out.push(RaftOutput::Staged);
        }
    }

    /// Appends what [`RaftOutput::Staged`] announced, if this member still leads. The owner's next record comes behind it:
    /// see [`Self::log_end`]. Whether it did.
    pub fn append_staged(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) -> bool {
        if self.failed || self.shutdown.is_some() {
            return false;
        }
        let last = self.log.log_end();
        let Role::Leader(leader) = &mut self.role else { return false };
        let Some(records) = leader.staged.take() else { return false };
        let last = (1..records.len()).fold(last, |at, _| at.plus(1));
        if let Some(change) = leader.change.as_mut().filter(|c| c.stage == Stage::Staged) {
            change.stage = Stage::Appended(last);
        }
        self.write_control(cx, &records, out);
        self.settle(cx, out);
        true
    }

    /// More is committed: perhaps the change that is under way.
    pub(crate) fn settle_change(
        &mut self,
        cx: &mut Context<'_>,
        committed: Offset,
        out: &mut Vec<RaftOutput>,
    ) {
        let (set, now, check) = (self.history.voters(), cx.now, self.config.check_quorum_timeout());
        let Role::Leader(leader) = &mut self.role else { return };
        if planted("raft_majority_of_old_voters") {
            leader.set_voters(set, now, check);
        }
        let Some(at) = self.history.offset().filter(|at| *at < committed) else { return };
        if !leader.votes() {
            leader.dismissed = Some(at);
        }
        let done = |stage: Stage| matches!(stage, Stage::Appended(at) if at < committed);
        if leader.change.as_ref().is_some_and(|change| done(change.stage)) {
            self.end_change(cx, ErrorCode::NONE, None, out);
        }
    }

    /// Answers the request for the change that is under way. A set that is in the log stays in force, whatever is answered.
    pub(crate) fn end_change(
        &mut self,
        cx: &mut Context<'_>,
        error: ErrorCode,
        why: Option<&str>,
        out: &mut Vec<RaftOutput>,
    ) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(change) = leader.change.take() else { return };
        self.answer_change(cx, &change, error, why, out);
    }

    pub(crate) fn answer_change(
        &self,
        cx: &mut Context<'_>,
        change: &Change,
        error: ErrorCode,
        why: Option<&str>,
        out: &mut Vec<RaftOutput>,
    ) {
        self.tell_answer(cx, change.kind, Some(change.voter.key), error);
        let response = match change.kind {
            ChangeKind::Add => onwire::add_response(error, why).into(),
            ChangeKind::Remove => onwire::remove_response(error, why).into(),
        };
        out.push(RaftOutput::Reply { token: change.token, response });
    }

    #[expect(clippy::unused_self, reason = "reads as one of the steps of an answer")]
    fn tell_answer(
        &self,
        cx: &mut Context<'_>,
        kind: ChangeKind,
        voter: Option<ReplicaKey>,
        error: ErrorCode,
    ) {
        if let Some(voter) = voter {
            let error = Word::Owned(error.to_string());
            cx.observe(EventKind::VoterChangeAnswered { change: word(kind), voter, error });
        }
    }

    /// Why the level of `kraft.version` can't become this one, in a sentence; `Ok(false)` if it has it already (KIP-853,
    /// upgrade).
    ///
    /// Simplified: a leader of configured voters knows their directories from their fetches, and takes it that all speak
    /// what it speaks; in Kafka each tells both to every new leader by UpdateRaftVoter (KAFKA-16538).
    ///
    /// # Errors
    /// The sentence.
    pub fn check_level(&self, level: i16) -> Result<bool, String> {
        let current = self.kraft_version();
        let Role::Leader(leader) = &self.role else {
            return Err("This controller does not lead the metadata quorum.".to_owned());
        };
        if leader.staged.is_some() {
            let why = "because another change of the voters is pending";
            return Err(format!(
                "Invalid concurrent upgrade of {FEATURE} from version {current} to {level} {why}"
            ));
        }
        if level == current {
            return Ok(false);
        }
        if level < current {
            return Err(format!(
                "Invalid downgrade of {FEATURE} from version {current} to {level} because the new version is a downgrade"
            ));
        }
        match self.upgraded() {
            Some(_) => Ok(true),
            None => Err(format!(
                "Invalid upgrade of {FEATURE} from version {current} to {level} because the directories of the voters {} are \
                 not all known",
                list(self.voters())
            )),
        }
    }

    /// Stages the level and the set of voters that goes with it, if [`Self::check_level`] says so.
    ///
    /// # Errors
    /// The sentence why not.
    pub fn upgrade(&mut self, level: i16, out: &mut Vec<RaftOutput>) -> Result<bool, String> {
        if !self.check_level(level)? {
            return Ok(false);
        }
        let Some(voters) = self.upgraded() else { return Ok(false) };
        let records = vec![
            ControlRecord::KRaftVersion { kraft_version: level },
            ControlRecord::Voters(voters.to_record()),
        ];
        self.stage(records, out);
        Ok(true)
    }

    /// The configured voters with the directories that they fetch for; none before every one has fetched.
    fn upgraded(&self) -> Option<VoterSet> {
        let Role::Leader(leader) = &self.role else { return None };
        let mut set = VoterSet::default();
        for (key, progress) in leader.voters() {
            let known = ReplicaKey::new(key.id, progress.directory);
            let at = self.voters().endpoint(key.id)?;
            progress.end.filter(|_| known.directory != klamm_node::DirectoryId::ZERO)?;
            set = set.with(crate::voter_set::node(known, at))?;
        }
        set.with(self.own_node()?)
    }
}

/// A set for people.
fn list(voters: &VoterSet) -> String {
    let keys: Vec<String> = voters.keys().map(|key| key.to_string()).collect();
    format!("[{}]", keys.join(", "))
}
