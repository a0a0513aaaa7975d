//! Fetch sessions as a fetcher keeps them (KIP-227): what its broker remembers, and what the next request must say.
//!
//! *Flows in*: all partitions that shall be fetched, then whether and how the broker answered. *Flows out*: the session id
//! and epoch of the next request, with the partitions that it must name and those that it must take back. *Must never*:
//! leave a partition out of which the broker would hold another position than the fetcher.
//!
//! Consumers and follower fetchers keep one for each broker they fetch from; the broker's side is its replica room's.

/// The id of no session.
pub const NO_SESSION: i32 = 0;
/// The epoch of a request that wants a new session.
pub const INITIAL_EPOCH: i32 = 0;
/// The epoch of a request that wants none, or no longer.
pub const FINAL_EPOCH: i32 = -1;

/// The epoch after this one. It wraps to 1, since 0 asks for a new session; the final one has no next.
pub const fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        FINAL_EPOCH => FINAL_EPOCH,
        i32::MAX => 1,
        _ => epoch + 1,
    }
}

/// What the next request says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan<K, V> {
    /// The session's id.
    pub session_id: i32,
    /// Its epoch.
    pub session_epoch: i32,
    /// The partitions to name, in order of `K`.
    pub send: Vec<(K, V)>,
    /// The partitions to take back, with what was said of them. One that is replaced stands in both lists.
    pub forget: Vec<(K, V)>,
}

/// A fetcher's half of a session with one broker. `K` names a partition, `V` is all that a request says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchSession<K, V> {
    id: i32,
    /// The epoch of the next request.
    epoch: i32,
    /// What the broker holds once it has the last request; sorted.
    partitions: Vec<(K, V)>,
}

impl<K, V> Default for FetchSession<K, V> {
    fn default() -> Self {
        Self { id: NO_SESSION, epoch: INITIAL_EPOCH, partitions: Vec::new() }
    }
}

impl<K: Ord + Clone, V: PartialEq + Clone> FetchSession<K, V> {
    /// Plans the next request: `wanted` is everything that shall be fetched, sorted by `K` without doubles. `replaced` says
    /// whether a partition has become another one of the same name (a topic was deleted and created again).
    pub fn plan(&mut self, wanted: Vec<(K, V)>, replaced: impl Fn(&V, &V) -> bool) -> Plan<K, V> {
        debug_assert!(wanted.is_sorted_by(|a, b| a.0 < b.0), "partitions come sorted");
        let (session_id, session_epoch) = (self.id, self.epoch);
        if self.is_full() {
            let send = wanted.clone();
            self.partitions = wanted;
            return Plan { session_id, session_epoch, send, forget: Vec::new() };
        }
        let (mut send, mut forget) = (Vec::new(), Vec::new());
        let mut old = std::mem::take(&mut self.partitions).into_iter().peekable();
        for (key, value) in &wanted {
            while let Some(gone) = old.next_if(|(held, _)| held < key) {
                forget.push(gone);
            }
            match old.next_if(|(held, _)| held == key) {
                Some((_, held)) if held == *value => {}
                Some((_, held)) => {
                    send.push((key.clone(), value.clone()));
                    if replaced(&held, value) {
                        forget.push((key.clone(), held));
                    }
                }
                None => send.push((key.clone(), value.clone())),
            }
        }
        forget.extend(old);
        self.partitions = wanted;
        Plan { session_id, session_epoch, send, forget }
    }

    /// Plans the request that ends the session; none if there is none.
    pub fn plan_end(&mut self) -> Option<Plan<K, V>> {
        let id = std::mem::replace(&mut self.id, NO_SESSION);
        self.epoch = INITIAL_EPOCH;
        self.partitions.clear();
        (id != NO_SESSION).then(|| Plan {
            session_id: id,
            session_epoch: FINAL_EPOCH,
            send: Vec::new(),
            forget: Vec::new(),
        })
    }

    /// What the last request asked of a partition, in it or in those before it.
    pub fn asked(&self, key: &K) -> Option<&V> {
        let at = self.partitions.binary_search_by(|(held, _)| held.cmp(key)).ok()?;
        self.partitions.get(at).map(|(_, value)| value)
    }

    /// Everything that the last request asked for, in it or in those before it.
    pub fn partitions(&self) -> &[(K, V)] {
        &self.partitions
    }

    /// The broker answered without an error. `answered` counts the partitions in the answer that were asked for, and
    /// `strange` those that were not. Returns whether the answer makes sense; if not, it must be dropped.
    pub fn answered(&mut self, session_id: i32, answered: usize, strange: usize) -> bool {
        let complete = !self.is_full() || answered == self.partitions.len();
        if strange > 0 || !complete {
            if self.is_full() {
                *self = Self::default();
            } else {
                self.epoch = INITIAL_EPOCH;
            }
            return false;
        }
        if session_id == NO_SESSION {
            // It gave none, or ended this one.
            (self.id, self.epoch) = (NO_SESSION, INITIAL_EPOCH);
        } else if self.is_full() {
            (self.id, self.epoch) = (session_id, next_epoch(INITIAL_EPOCH));
        } else {
            self.epoch = next_epoch(self.epoch);
        }
        true
    }

    /// The broker refused the request as a whole. If it does not know the session, there is none to end.
    pub fn refused(&mut self, unknown: bool) {
        if unknown {
            self.id = NO_SESSION;
        }
        self.epoch = INITIAL_EPOCH;
    }

    /// There was no answer: whether the broker has taken the request in is unknown, so that a new session must begin.
    pub fn failed(&mut self) {
        self.epoch = INITIAL_EPOCH;
    }

    fn is_full(&self) -> bool {
        self.epoch == INITIAL_EPOCH || self.epoch == FINAL_EPOCH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Session = FetchSession<&'static str, (u8, i64)>;

    fn plan(
        session: &mut Session,
        wanted: &[(&'static str, i64)],
    ) -> Plan<&'static str, (u8, i64)> {
        let wanted = wanted.iter().map(|(name, at)| (*name, (1, *at))).collect();
        session.plan(wanted, |before, after| before.0 != after.0)
    }

    #[test]
    fn an_epoch_wraps_to_one() {
        assert_eq!([next_epoch(0), next_epoch(1), next_epoch(i32::MAX)], [1, 2, 1]);
        assert_eq!(next_epoch(FINAL_EPOCH), FINAL_EPOCH);
    }

    #[test]
    fn only_what_changed_is_said() {
        let mut session = Session::default();
        let first = plan(&mut session, &[("a", 0), ("b", 0)]);
        assert_eq!((first.session_id, first.session_epoch, first.send.len()), (0, 0, 2));
        assert!(session.answered(7, 2, 0));
        let idle = plan(&mut session, &[("a", 0), ("b", 0)]);
        let ours = Plan { session_id: 7, session_epoch: 1, send: vec![], forget: vec![] };
        assert_eq!(idle, ours);
        assert!(session.answered(7, 0, 0));
        let moved = plan(&mut session, &[("b", 5), ("c", 0)]);
        assert_eq!(moved.session_epoch, 2);
        assert_eq!(moved.send, [("b", (1, 5)), ("c", (1, 0))]);
        assert_eq!(moved.forget, [("a", (1, 0))]);
        assert_eq!(session.asked(&"b"), Some(&(1, 5)));
    }

    #[test]
    fn a_replaced_partition_is_forgotten_and_asked_for() {
        let mut session = Session::default();
        plan(&mut session, &[("a", 3)]);
        assert!(session.answered(7, 1, 0));
        let next = session.plan(vec![("a", (2, 0))], |before, after| before.0 != after.0);
        assert_eq!(next.send, [("a", (2, 0))]);
        assert_eq!(next.forget, [("a", (1, 3))]);
    }

    #[test]
    fn without_an_answer_a_new_session_begins_and_the_old_one_is_named() {
        let mut session = Session::default();
        plan(&mut session, &[("a", 3)]);
        assert!(session.answered(7, 1, 0));
        plan(&mut session, &[("a", 3)]);
        session.failed();
        let next = plan(&mut session, &[("a", 3)]);
        assert_eq!((next.session_id, next.session_epoch, next.send.len()), (7, 0, 1));
        session.refused(true);
        assert_eq!(plan(&mut session, &[("a", 3)]).session_id, NO_SESSION);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_dropped() {
        let mut session = Session::default();
        plan(&mut session, &[("a", 0), ("b", 0)]);
        assert!(!session.answered(7, 1, 0), "a full answer tells of every partition");
        plan(&mut session, &[("a", 0), ("b", 0)]);
        assert!(session.answered(7, 2, 0));
        plan(&mut session, &[("a", 0), ("b", 0)]);
        assert!(!session.answered(7, 1, 1), "nobody asked for that one");
        let next = plan(&mut session, &[("a", 0), ("b", 0)]);
        assert_eq!((next.session_id, next.session_epoch), (7, 0));
    }

    #[test]
    fn a_broker_without_a_place_is_asked_in_full() {
        let mut session = Session::default();
        plan(&mut session, &[("a", 0)]);
        assert!(session.answered(NO_SESSION, 1, 0));
        let next = plan(&mut session, &[("a", 0)]);
        assert_eq!((next.session_id, next.session_epoch, next.send.len()), (0, 0, 1));
        assert_eq!(session.plan_end(), None);
    }
}
