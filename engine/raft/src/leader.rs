//! What a leader knows of the others: how far each has fetched, who still fetches, and which fetches wait.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{
    BrokerId, DirectoryId, LeaderEpoch, Offset, ReplicaKey, Span, Time, Timestamp, planted,
};
use klamm_protocol::batch::{ControlRecord, VoterNode};
use klamm_protocol::channel::RequestToken;

use crate::voter_set::{VoterSet, is};

/// An observer that has not fetched for this long is forgotten (a constant in Kafka).
const OBSERVER_SESSION: Span = Span::secs(300);

/// A replica that is to vote must have fetched within this time (a constant in Kafka).
const CAUGHT_UP_WITHIN_MS: i64 = 3_600_000;

/// The leader's bookkeeping for its epoch.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    /// The offset of its LeaderChange record.
    pub(crate) epoch_start: Offset,
    /// Itself.
    own: ReplicaKey,
    /// Whether it votes: not any more once a record is in its log that removes it (KIP-853).
    own_votes: bool,
    /// The other voters in force, with the directories that the set knows.
    voters: BTreeMap<BrokerId, (ReplicaKey, Progress)>,
    /// Who else fetches. A voter's node with another directory is one of them.
    observers: BTreeMap<ReplicaKey, Progress>,
    /// Until when a majority must have fetched; none for a single voter (KAFKA-15489).
    pub(crate) check_quorum: Option<Time>,
    /// Voters that fetched since the last check.
    fetched: BTreeSet<BrokerId>,
    /// When to call on voters that don't fetch.
    pub(crate) begin_epoch: Option<Time>,
    /// Voters to be sent BeginQuorumEpoch as soon as possible.
    pub(crate) to_call: BTreeSet<BrokerId>,
    /// Fetches that found nothing new, in the order of arrival.
    pub(crate) parked: Vec<ParkedFetch>,
    /// Whether the owner was told of the leadership.
    pub(crate) claimed: bool,
    /// The one change of voters that is under way, on somebody's request (KIP-853).
    pub(crate) change: Option<Box<Change>>,
    /// Control records that wait until the owner has nothing to append.
    pub(crate) staged: Option<Vec<ControlRecord>>,
    /// A committed set of voters is without this leader: it is to resign. The record's offset.
    pub(crate) dismissed: Option<Offset>,
}

/// A request to change the set of voters, on its way.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    pub(crate) token: RequestToken,
    /// The voter that comes or goes.
    pub(crate) voter: VoterNode,
    /// Until when it must be committed.
    pub(crate) deadline: Time,
    pub(crate) stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChangeKind {
    Add,
    Remove,
}

/// How far a change is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// The new voter is asked which levels of `kraft.version` it speaks.
    AsksVersions,
    /// Its record waits to be appended.
    Staged,
    /// Its record is in the log, and the set in force; it is done when this offset is committed.
    Appended(Offset),
}

/// How far a replica is, as its fetches say: what it fetches at, it has, durably if it is a voter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) end: Option<Offset>,
    pub(crate) last_fetch: Option<Time>,
    /// The directory that it says it fetches for (KIP-853).
    pub(crate) directory: DirectoryId,
    /// When it fetched last, by the leader's clock; -1 if never.
    pub(crate) fetched_at: Timestamp,
    /// When it last had everything that the leader had; -1 if never.
    pub(crate) caught_up_at: Timestamp,
    /// The leader's log end when it fetched last.
    pub(crate) leader_end: Offset,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            end: None,
            last_fetch: None,
            directory: DirectoryId::ZERO,
            fetched_at: Timestamp(-1),
            caught_up_at: Timestamp(-1),
            leader_end: Offset(0),
        }
    }
}

/// The moment of a fetch, as the leader sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) now: Time,
    pub(crate) wall: Timestamp,
    pub(crate) log_end: Offset,
}

impl Progress {
    /// The replica fetched at `offset`. It is caught up if that is the leader's end now; and it was at its last fetch,
    /// if it has now what the leader had then (as ISR members are counted, KIP-16).
    fn fetched(&mut self, offset: Offset, look: &Look) {
        if offset >= look.log_end {
            self.caught_up_at = self.caught_up_at.max(look.wall);
        } else if self.leader_end > Offset(0) && offset >= self.leader_end {
            self.caught_up_at = self.caught_up_at.max(self.fetched_at);
        }
        self.leader_end = look.log_end;
        self.fetched_at = self.fetched_at.max(look.wall);
        self.last_fetch = Some(look.now);
        self.end = Some(offset);
    }
}

/// A fetch that waits for new records or a new high watermark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParkedFetch {
    pub(crate) token: RequestToken,
    pub(crate) fetch: FetchFrom,
    pub(crate) deadline: Time,
}

/// The position in a fetch request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchFrom {
    pub(crate) offset: Offset,
    pub(crate) last_epoch: LeaderEpoch,
    /// What the fetcher knows to be committed (KIP-1166).
    pub(crate) high_watermark: Offset,
    pub(crate) max_bytes: usize,
}

impl Leader {
    /// At the moment of the election.
    pub(crate) fn new(
        epoch_start: Offset,
        own: ReplicaKey,
        voters: &VoterSet,
        now: Time,
        check_quorum: Span,
    ) -> Self {
        let mut leader = Self {
            epoch_start,
            own,
            own_votes: true,
            voters: BTreeMap::new(),
            observers: BTreeMap::new(),
            check_quorum: None,
            fetched: BTreeSet::new(),
            begin_epoch: None,
            to_call: BTreeSet::new(),
            parked: Vec::new(),
            claimed: false,
            change: None,
            staged: None,
            dismissed: None,
        };
        leader.set_voters(voters, now, check_quorum);
        leader
    }

    /// Another set of voters is in force. Who stays keeps what is known of it, as a voter or as an observer.
    pub(crate) fn set_voters(&mut self, set: &VoterSet, now: Time, check_quorum: Span) {
        let mut before = std::mem::take(&mut self.voters);
        self.own_votes = set.holds(self.own);
        for key in set.keys().filter(|key| key.id != self.own.id) {
            let progress = match before.remove(&key.id) {
                Some((known, progress)) if is(known, key) => progress,
                Some((known, progress)) => {
                    self.observers.insert(known, progress);
                    self.observers.remove(&key).unwrap_or_default()
                }
                None => self.observers.remove(&key).unwrap_or_default(),
            };
            self.voters.insert(key.id, (key, progress));
        }
        self.observers.extend(before.into_values());
        self.fetched.retain(|id| self.voters.contains_key(id));
        self.to_call.retain(|id| self.voters.contains_key(id));
        if self.voters.is_empty() {
            (self.check_quorum, self.begin_epoch) = (None, None);
        } else {
            self.check_quorum = self.check_quorum.or(Some(now + check_quorum));
            self.begin_epoch = self.begin_epoch.or(Some(now));
        }
    }

    /// A replica fetched at `offset`: it holds everything below. Returns true once a majority has fetched since the
    /// last check.
    pub(crate) fn fetched(&mut self, replica: ReplicaKey, offset: Offset, look: &Look) -> bool {
        if let Some((_, voter)) = self.voter_mut(replica) {
            voter.fetched(offset, look);
            voter.directory = replica.directory;
            return self.follows(replica);
        }
        if replica.id.0 >= 0 && replica != self.own {
            let observer = self.observers.entry(replica).or_default();
            observer.fetched(offset, look);
            observer.directory = replica.directory;
        }
        false
    }

    fn voter_mut(&mut self, replica: ReplicaKey) -> Option<&mut (ReplicaKey, Progress)> {
        self.voters.get_mut(&replica.id).filter(|(key, _)| is(*key, replica))
    }

    /// A voter follows, whatever it fetched. Returns true once a majority does since the last check.
    pub(crate) fn follows(&mut self, replica: ReplicaKey) -> bool {
        if self.voter_mut(replica).is_none() {
            return false;
        }
        self.to_call.remove(&replica.id);
        self.fetched.insert(replica.id);
        let whole = self.fetched.len() >= self.others_for_majority();
        if whole {
            self.fetched.clear();
        }
        whole
    }

    /// How many voters a majority needs beside this one: one more where this one has no vote.
    fn others_for_majority(&self) -> usize {
        if planted("raft_check_quorum_wants_all") {
            return self.voters.len();
        }
        let own = usize::from(self.own_votes);
        ((self.voters.len() + own) / 2 + 1).saturating_sub(own)
    }

    /// Whether a replica without a vote has once had all that there was, and still fetched within the hour.
    pub(crate) fn is_caught_up(&self, replica: ReplicaKey, wall: Timestamp) -> bool {
        self.observers.get(&replica).is_some_and(|observer| {
            observer.caught_up_at.0 > 0
                && observer.fetched_at.0 > 0
                && observer.fetched_at.0 > wall.0.saturating_sub(CAUGHT_UP_WITHIN_MS)
        })
    }

    /// The largest offset that a majority of voters holds, own log included.
    ///
    /// Only what this epoch wrote counts (Z10, KAFKA-12619, Raft's figure 8): a record of an older epoch that a majority
    /// holds can still be overwritten by a leader that never saw it, until a record of this epoch stands behind it.
    /// The comparison is strict: the LeaderChange record at `epoch_start` must itself be replicated.
    pub(crate) fn committed(&self, own_end: Offset) -> Option<Offset> {
        let others = self.voters.values().map(|(_, voter)| voter.end.unwrap_or(Offset(-1)));
        let own = self.own_votes.then_some(own_end);
        let mut ends: Vec<Offset> = others.chain(own).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let majority = if planted("raft_commits_without_majority") { 0 } else { ends.len() / 2 };
        let held = *ends.get(majority)?;
        (held > self.epoch_start || held.0 > 0 && planted("raft_commit_prior_epoch"))
            .then_some(held)
    }

    /// The voters that have not fetched since `since`.
    pub(crate) fn silent_since(&self, since: Time) -> Vec<BrokerId> {
        let silent = |voter: &Progress| voter.last_fetch.is_none_or(|at| at < since);
        self.voters.iter().filter(|(_, (_, voter))| silent(voter)).map(|(id, _)| *id).collect()
    }

    /// The voter that has been silent for the longest, and since when, if it ever fetched.
    pub(crate) fn most_silent(&self) -> Option<(BrokerId, Option<Time>)> {
        self.voters
            .iter()
            .min_by_key(|(id, (_, voter))| (voter.last_fetch, **id))
            .map(|(id, (_, voter))| (*id, voter.last_fetch))
    }

    /// The other voters, most advanced first: the order in which they should succeed.
    pub(crate) fn successors(&self) -> Vec<ReplicaKey> {
        let mut order: Vec<_> = self.voters.values().map(|(key, at)| (at.end, *key)).collect();
        order.sort_by_key(|(end, key)| (std::cmp::Reverse(*end), *key));
        order.into_iter().map(|(_, key)| key).collect()
    }

    /// Forgets observers that have not fetched for long.
    pub(crate) fn forget_observers(&mut self, now: Time) {
        self.observers.retain(|_, observer| {
            observer.last_fetch.is_some_and(|at| now.since(at) < OBSERVER_SESSION)
        });
    }

    /// The other voters, as the set names them.
    pub(crate) fn voters(&self) -> impl Iterator<Item = (ReplicaKey, Progress)> + '_ {
        self.voters.values().copied()
    }

    /// The observers.
    pub(crate) fn observers(&self) -> impl Iterator<Item = (ReplicaKey, Progress)> + '_ {
        self.observers.iter().map(|(key, progress)| (*key, *progress))
    }

    /// Whether it is among the voters itself.
    pub(crate) fn votes(&self) -> bool {
        self.own_votes
    }
}

#[cfg(test)]
mod tests {
    use klamm_node::Endpoint;

    use super::*;

    impl Leader {
        fn fetches(&mut self, replica: i32, offset: i64, at: u64) -> bool {
            let wall = Timestamp(i64::try_from(at).expect("small"));
            let look = Look { now: Time(at), wall, log_end: Offset(9) };
            let replica = ReplicaKey::new(BrokerId(replica), DirectoryId(9));
            self.fetched(replica, Offset(offset), &look)
        }
    }

    fn leader(others: &[i32], epoch_start: i64) -> Leader {
        let at = |id: &i32| (BrokerId(*id), Endpoint::new("c", 1));
        let voters = VoterSet::configured(&others.iter().chain(&[1]).map(at).collect());
        let own = ReplicaKey::new(BrokerId(1), DirectoryId(1));
        Leader::new(Offset(epoch_start), own, &voters, Time::ZERO, Span::secs(3))
    }

    #[test]
    fn a_single_voter_commits_what_it_wrote_itself() {
        assert_eq!(leader(&[], 0).committed(Offset(1)), Some(Offset(1)));
    }

    #[test]
    fn what_a_majority_holds_is_committed_only_from_this_epoch_on() {
        // KAFKA-12619: the epoch starts at 5; a majority that reaches 5 holds nothing of this epoch yet.
        let mut three = leader(&[2, 3], 5);
        assert_eq!(three.committed(Offset(6)), None);
        three.fetches(2, 5, 1);
        assert_eq!(three.committed(Offset(6)), None);
        three.fetches(2, 6, 2);
        assert_eq!(three.committed(Offset(6)), Some(Offset(6)));
    }

    #[test]
    fn observers_are_followed_but_do_not_count() {
        let mut three = leader(&[2, 3], 0);
        three.fetches(7, 9, 1);
        assert_eq!(three.committed(Offset(9)), None);
        assert_eq!(three.observers().count(), 1);
        three.forget_observers(Time::ZERO + Span::secs(301));
        assert_eq!(three.observers().count(), 0);
    }

    #[test]
    fn a_replica_was_caught_up_when_it_last_fetched_if_it_now_has_what_there_was_then() {
        let mut progress = Progress::default();
        let mut fetch = |offset, log_end, at| {
            let look = Look { now: Time(1), wall: Timestamp(at), log_end: Offset(log_end) };
            progress.fetched(Offset(offset), &look);
            progress.caught_up_at.0
        };
        assert_eq!(fetch(0, 10, 100), -1);
        assert_eq!(fetch(10, 20, 200), 100, "it has what there was at 100");
        assert_eq!(fetch(15, 30, 300), 100, "less than there was at 200");
        assert_eq!(fetch(30, 30, 400), 400);
    }

    #[test]
    fn a_majority_of_five_is_two_followers_beside_the_leader() {
        let mut five = leader(&[2, 3, 4, 5], 0);
        assert!(!five.fetches(2, 0, 1));
        assert!(!five.fetches(2, 0, 2), "the same one twice is one");
        assert!(five.fetches(3, 0, 3));
        assert!(!five.fetches(3, 0, 4), "a new count began");
    }
}
