//! What a leader knows of the others: how far each has fetched, who still fetches, and which fetches wait.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{BrokerId, DirectoryId, LeaderEpoch, Offset, Span, Time, Timestamp, planted};
use klamm_protocol::channel::RequestToken;

/// An observer that has not fetched for this long is forgotten (a constant in Kafka).
const OBSERVER_SESSION: Span = Span::secs(300);

/// The leader's bookkeeping for its epoch.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    /// The offset of its LeaderChange record.
    pub(crate) epoch_start: Offset,
    /// The other voters.
    voters: BTreeMap<BrokerId, Progress>,
    observers: BTreeMap<BrokerId, Progress>,
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
    pub(crate) replica: BrokerId,
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
        others: impl Iterator<Item = BrokerId>,
        now: Time,
        check_quorum: Span,
    ) -> Self {
        let voters: BTreeMap<_, _> = others.map(|id| (id, Progress::default())).collect();
        Self {
            epoch_start,
            check_quorum: (!voters.is_empty()).then(|| now + check_quorum),
            fetched: BTreeSet::new(),
            begin_epoch: (!voters.is_empty()).then_some(now),
            to_call: BTreeSet::new(),
            parked: Vec::new(),
            claimed: false,
            observers: BTreeMap::new(),
            voters,
        }
    }

    /// A replica fetched at `offset`: it holds everything below. Returns true once a majority has fetched since the
    /// last check.
    pub(crate) fn fetched(
        &mut self,
        replica: BrokerId,
        directory: DirectoryId,
        offset: Offset,
        look: &Look,
    ) -> bool {
        if let Some(voter) = self.voters.get_mut(&replica) {
            voter.fetched(offset, look);
            voter.directory = directory;
            return self.follows(replica);
        }
        if replica.0 >= 0 {
            let observer = self.observers.entry(replica).or_default();
            observer.fetched(offset, look);
            observer.directory = directory;
        }
        false
    }

    /// A voter follows, whatever it fetched. Returns true once a majority does since the last check.
    pub(crate) fn follows(&mut self, replica: BrokerId) -> bool {
        if !self.voters.contains_key(&replica) {
            return false;
        }
        self.to_call.remove(&replica);
        self.fetched.insert(replica);
        let majority = self.voters.len().div_ceil(2);
        let whole = self.fetched.len() >= majority;
        if whole {
            self.fetched.clear();
        }
        whole
    }

    /// The largest offset that a majority of voters holds, own log included.
    ///
    /// Only what this epoch wrote counts (KAFKA-12619, Raft's figure 8): a record of an older epoch that a majority
    /// holds can still be overwritten by a leader that never saw it, until a record of this epoch stands behind it.
    /// The comparison is strict: the LeaderChange record at `epoch_start` must itself be replicated.
    pub(crate) fn committed(&self, own_end: Offset) -> Option<Offset> {
        let mut ends: Vec<Offset> =
            self.voters.values().map(|voter| voter.end.unwrap_or(Offset(-1))).collect();
        ends.push(own_end);
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let majority = if planted("raft_commits_without_majority") { 0 } else { ends.len() / 2 };
        let held = *ends.get(majority)?;
        (held > self.epoch_start || held.0 > 0 && planted("raft_commit_prior_epoch"))
            .then_some(held)
    }

    /// The voters that have not fetched since `since`.
    pub(crate) fn silent_since(&self, since: Time) -> Vec<BrokerId> {
        let silent = |voter: &Progress| voter.last_fetch.is_none_or(|at| at < since);
        self.voters.iter().filter(|(_, voter)| silent(voter)).map(|(id, _)| *id).collect()
    }

    /// The voter that has been silent for the longest, and since when, if it ever fetched.
    pub(crate) fn most_silent(&self) -> Option<(BrokerId, Option<Time>)> {
        self.voters
            .iter()
            .min_by_key(|(id, voter)| (voter.last_fetch, **id))
            .map(|(id, voter)| (*id, voter.last_fetch))
    }

    /// The other voters, most advanced first: the order in which they should succeed.
    pub(crate) fn successors(&self) -> Vec<BrokerId> {
        let mut order: Vec<_> = self.voters.iter().map(|(id, voter)| (voter.end, *id)).collect();
        order.sort_by_key(|(end, id)| (std::cmp::Reverse(*end), *id));
        order.into_iter().map(|(_, id)| id).collect()
    }

    /// Forgets observers that have not fetched for long.
    pub(crate) fn forget_observers(&mut self, now: Time) {
        self.observers.retain(|_, observer| {
            observer.last_fetch.is_some_and(|at| now.since(at) < OBSERVER_SESSION)
        });
    }

    /// The other voters.
    pub(crate) fn voters(&self) -> impl Iterator<Item = (BrokerId, Progress)> + '_ {
        self.voters.iter().map(|(id, progress)| (*id, *progress))
    }

    /// The observers.
    pub(crate) fn observers(&self) -> impl Iterator<Item = (BrokerId, Progress)> + '_ {
        self.observers.iter().map(|(id, progress)| (*id, *progress))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Leader {
        fn fetches(&mut self, replica: i32, offset: i64, at: u64) -> bool {
            let wall = Timestamp(i64::try_from(at).expect("small"));
            let look = Look { now: Time(at), wall, log_end: Offset(9) };
            self.fetched(BrokerId(replica), DirectoryId::ZERO, Offset(offset), &look)
        }
    }

    fn leader(others: &[i32], epoch_start: i64) -> Leader {
        let others = others.iter().map(|id| BrokerId(*id));
        Leader::new(Offset(epoch_start), others, Time::ZERO, Span::secs(3))
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
