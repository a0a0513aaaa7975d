//! The set of voters as a part of the replicated state (KIP-853): what a member makes of a set that comes into force or goes.
//!
//! *Flows in*: batches of the log, snapshots, truncations. *Flows out*: whether this member votes, and
//! [`EventKind::QuorumVotersChanged`]. *Must never*: wait for a set to be committed. A voter that counted majorities of
//! the set before, while another counts those of the new one, could lose what the other commits.

use bytes::Bytes;
use klamm_node::event::Word;
use klamm_node::{
    Because, BrokerId, Context, DiskResult, Endpoint, EventKind, LeaderEpoch, Offset, ReplicaKey,
    Time, planted,
};
use klamm_protocol::batch::{ControlRecord, VoterNode, batches};
use klamm_protocol::kafka::messages::RequestKind;
use klamm_storage::Log;

use crate::messages;
use crate::output::RaftOutput;
use crate::raft::Raft;
use crate::role::Role;
use crate::snapshots::{Contents, SnapshotId, Snapshots};
use crate::voter_history::{BOOTSTRAP, VoterHistory};
use crate::voter_set::{self, VoterSet};

/// What was in force before something happened to the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct InForce {
    voters: VoterSet,
    level: i16,
    offset: Option<Offset>,
}

/// Formats a disk for a quorum whose log names its voters: the first set is in a snapshot that stands for no record, as
/// `kafka-storage format --initial-controllers` writes it. The first leader puts it into the log.
///
/// # Errors
/// The disk fails.
pub fn format(cx: &mut Context<'_>, voters: &VoterSet) -> DiskResult<()> {
    let contents = Contents {
        timestamp: klamm_node::Timestamp(0),
        state: vec![
            ControlRecord::KRaftVersion { kraft_version: 1 },
            ControlRecord::Voters(voters.to_record()),
        ],
        records: Vec::new(),
    };
    let mut snapshots = Snapshots::default();
    snapshots.write(cx.disk, SnapshotId::BOOTSTRAP, cx.wall, &contents, usize::MAX)?;
    Ok(())
}

/// What the disk says of the voters: the newest snapshot's word, then the control batches of the log behind it.
pub(crate) fn recover(
    cx: &mut Context<'_>,
    fixed: VoterSet,
    snapshots: &Snapshots,
    log: &Log,
    control: &[(Offset, LeaderEpoch, i32)],
) -> DiskResult<Result<VoterHistory, String>> {
    let mut history = VoterHistory::new(fixed);
    let (end, state) = match snapshots.latest() {
        Some(id) => (id.end_offset, snapshots.state(id)),
        None => (Offset(0), snapshots.state(SnapshotId::BOOTSTRAP)),
    };
    if history.load(end, state).is_err() {
        return Ok(Err(format!("the snapshot that ends at {end} has two sets of voters")));
    }
    let mut epoch = None;
    for (base, of, records) in control {
        // A leader's first batch says that it leads; alone it says nothing of the voters and need not be read. What the
        // log begins with may be any batch of its epoch.
        let opens = *records == 1 && epoch.is_some_and(|last| last < *of) || *base == Offset(0);
        let opens = opens && *records == 1;
        epoch = Some(*of);
        if opens || *base < end || *base < log.log_start() || *base >= log.log_end() {
            continue;
        }
        let read = match log.read(cx.disk, *base, 1, log.log_end(), true) {
            Ok(read) => read,
            Err(klamm_storage::ReadError::Disk(error)) => return Err(error),
            Err(error) => return Ok(Err(format!("the metadata log can't be read: {error}"))),
        };
        let learnt = batches(&read.bytes)
            .filter_map(Result::ok)
            .try_for_each(|batch| history.learn_batch(&batch));
        if learnt.is_err() {
            return Ok(Err(format!("the set of voters at {base} is not the next one")));
        }
    }
    Ok(Ok(history))
}

impl Raft {
    /// The voters in force.
    pub fn voters(&self) -> &VoterSet {
        self.history.voters()
    }

    /// The voters that its log, cut off at `end`, would name.
    pub fn voters_below(&self, end: Offset) -> &VoterSet {
        self.history.voters_below(end)
    }

    /// The level of `kraft.version` in force.
    pub fn kraft_version(&self) -> i16 {
        self.history.level()
    }

    /// Whether this member votes.
    pub fn is_voter(&self) -> bool {
        self.voters().holds(self.config.own())
    }

    /// The nodes of the other voters.
    pub(crate) fn other_voters(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.voters().keys().map(|key| key.id).filter(|id| *id != self.config.id)
    }

    /// This member as a set of voters would name it; none for a broker.
    pub(crate) fn own_node(&self) -> Option<VoterNode> {
        let at: &Endpoint = self.config.listener.as_ref()?;
        Some(voter_set::node(self.config.own(), at))
    }

    pub(crate) fn standing_of_voters(&self) -> InForce {
        InForce {
            voters: self.voters().clone(),
            level: self.kraft_version(),
            offset: self.history.offset(),
        }
    }

    /// Says at the start who votes, if that is not configured.
    pub(crate) fn announce_voters(&self, cx: &mut Context<'_>) {
        if self.config.voters.is_empty() || self.history.offset().is_some() {
            self.tell_voters(cx, Vec::new(), Because::Input);
        }
    }

    fn tell_voters(&self, cx: &mut Context<'_>, before: Vec<ReplicaKey>, because: Because) {
        let kind = EventKind::QuorumVotersChanged {
            replica: self.config.own(),
            offset: self.history.offset().unwrap_or(BOOTSTRAP),
            kraft_version: self.kraft_version(),
            before,
            voters: self.voters().keys().collect(),
        };
        cx.observe_because(kind, because);
    }

    /// Looks for sets of voters in what was appended from `from` on. Returns false if this can't go on.
    pub(crate) fn learn_voters(
        &mut self,
        cx: &mut Context<'_>,
        records: &Bytes,
        from: Offset,
        out: &mut Vec<RaftOutput>,
    ) -> bool {
        let end = self.log.log_end();
        let mut before = None;
        for batch in batches(records).map_while(Result::ok) {
            let header = batch.header();
            if !header.is_control() || header.base_offset < from || header.next_offset() > end {
                continue;
            }
            before.get_or_insert_with(|| self.standing_of_voters());
            if let Err(apart) = self.history.learn_batch(&batch) {
                self.halt(cx, &format!("{apart:?}: a set of voters that is not the next one"));
                return false;
            }
        }
        if let Some(before) = before {
            self.voters_moved(cx, &before, out);
        }
        !self.failed
    }

    /// After the log grew or was cut: if other voters are in force now, this member may have become one or be one no more.
    pub(crate) fn voters_moved(
        &mut self,
        cx: &mut Context<'_>,
        before: &InForce,
        out: &mut Vec<RaftOutput>,
    ) {
        if *before == self.standing_of_voters() {
            return;
        }
        self.tell_voters(cx, before.voters.keys().collect(), Because::Previous);
        let voter = self.is_voter();
        let (now, check) = (cx.now, self.config.check_quorum_timeout());
        match &mut self.role {
            Role::Leader(leader) => {
                if !planted("raft_majority_of_old_voters") {
                    leader.set_voters(self.history.voters(), now, check);
                }
            }
            Role::Follower(following) if !voter => {
                let following = *following;
                self.enter(cx, out, self.state, Role::Observer(following), Because::Previous);
            }
            Role::Observer(following) if voter => {
                let following = *following;
                if self.state.leader.is_some() {
                    self.enter(cx, out, self.state, Role::Follower(following), Because::Previous);
                }
            }
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Follower(_)
            | Role::Resigned { .. }
            | Role::Observer(_) => {}
        }
    }

    /// What a new leader adds to its first batch: the set of voters, if no log has it yet, or if it says something else of
    /// this member than this member.
    pub(crate) fn first_voters(&self) -> Vec<ControlRecord> {
        let level = self.kraft_version();
        let Some(own) = self.own_node().filter(|_| level > 0) else { return Vec::new() };
        let formatted = self.history.offset() == Some(BOOTSTRAP);
        if !formatted && !self.voters().needs_update(&own) {
            return Vec::new();
        }
        let voters = self.voters().updated(own).unwrap_or_else(|| self.voters().clone());
        vec![
            ControlRecord::KRaftVersion { kraft_version: level },
            ControlRecord::Voters(voters.to_record()),
        ]
    }

    /// What a member asks its leader for on its own behalf, in the place of a fetch: to be known rightly (UpdateRaftVoter),
    /// or, where it is to join by itself, to become a voter (KIP-1186).
    ///
    /// Simplified: the leader answers an observer that joins by itself when the change is committed; in Kafka 4.2
    /// (AddRaftVoter version 1) when it is appended. Where the change can't be committed without the new voter, the
    /// request times out before that, and succeeds all the same.
    pub(crate) fn about_itself(&self, now: Time) -> Option<RequestKind> {
        let own = self.own_node().filter(|_| self.kraft_version() > 0)?;
        let cluster = &self.config.cluster_id;
        match &self.role {
            Role::Follower(following) if following.update_at <= now => {
                let wrong = self.voters().needs_update(&own);
                wrong.then(|| {
                    messages::voters::update_request(cluster, self.state.epoch, &own).into()
                })
            }
            Role::Observer(following) if following.update_at <= now && self.config.auto_join => {
                Some(match self.voters().get(own.key.id) {
                    // What this node was before its disk was replaced still votes.
                    Some(old) => messages::voters::remove_request(cluster, old.key).into(),
                    None => {
                        let timeout = self.config.request_timeout;
                        messages::voters::add_request(cluster, &own, timeout).into()
                    }
                })
            }
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Resigned { .. }
            | Role::Observer(_) => None,
        }
    }
}

/// The kind of a change as events name it.
pub(crate) fn word(kind: crate::leader::ChangeKind) -> Word {
    Word::Borrowed(match kind {
        crate::leader::ChangeKind::Add => "add",
        crate::leader::ChangeKind::Remove => "remove",
    })
}
