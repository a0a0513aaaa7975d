//! Which voters there are at each offset of the log, and which level of `kraft.version` (KIP-853).
//!
//! A set is in force from the moment that its record is in the log, committed or not; where the record is cut off, the set
//! before it returns. Below everything in the log are the newest snapshot's set and, before the first record of all, the
//! set that the disk was formatted with, or the configured one.

use std::collections::BTreeMap;

use klamm_node::Offset;
use klamm_protocol::batch::{Batch, ControlRecord};

use crate::voter_set::VoterSet;

/// Where a set stands that the disk was formatted with: no log holds it.
pub(crate) const BOOTSTRAP: Offset = Offset(-1);

/// Sets of voters and levels by the offsets of their records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct VoterHistory {
    /// In force while nothing else is.
    fixed: VoterSet,
    sets: BTreeMap<Offset, VoterSet>,
    levels: BTreeMap<Offset, i16>,
}

/// A set that shares no majority with the one before it: nobody could have written it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Apart(pub(crate) Offset);

impl VoterHistory {
    /// With the configured voters; none where the log is to name them.
    pub(crate) fn new(fixed: VoterSet) -> Self {
        Self { fixed, ..Self::default() }
    }

    /// The voters in force.
    pub(crate) fn voters(&self) -> &VoterSet {
        self.sets.last_key_value().map_or(&self.fixed, |(_, set)| set)
    }

    /// The voters that were in force for the record before `end`.
    pub(crate) fn voters_below(&self, end: Offset) -> &VoterSet {
        self.sets.range(..end).next_back().map_or(&self.fixed, |(_, set)| set)
    }

    /// Where the record of the voters in force stands; none if they are configured.
    pub(crate) fn offset(&self) -> Option<Offset> {
        self.sets.last_key_value().map(|(offset, _)| *offset)
    }

    /// The level of `kraft.version`: 0 where nothing says otherwise.
    pub(crate) fn level(&self) -> i16 {
        self.levels.last_key_value().map_or(0, |(_, level)| *level)
    }

    /// What a snapshot of everything below `end` says of the quorum.
    pub(crate) fn below(&self, end: Offset) -> Vec<ControlRecord> {
        let level = self.levels.range(..end).next_back().map_or(0, |(_, level)| *level);
        let mut state = Vec::new();
        if level > 0 {
            state.push(ControlRecord::KRaftVersion { kraft_version: level });
            let set = self.sets.range(..end).next_back();
            state.extend(set.map(|(_, set)| ControlRecord::Voters(set.to_record())));
        }
        state
    }

    /// Takes in a record of the log or a snapshot; most say nothing of the voters.
    pub(crate) fn learn(&mut self, offset: Offset, record: &ControlRecord) -> Result<(), Apart> {
        match record {
            ControlRecord::KRaftVersion { kraft_version } => {
                self.levels.insert(offset, *kraft_version);
            }
            ControlRecord::Voters(voters) => {
                let set = VoterSet::of_record(voters);
                // A configured or formatted set is no leader's work: members may differ in it.
                let last = self.sets.last_key_value();
                if last.is_some_and(|(at, last)| *at > BOOTSTRAP && !last.overlaps(&set)) {
                    return Err(Apart(offset));
                }
                self.sets.insert(offset, set);
            }
            ControlRecord::Abort { .. }
            | ControlRecord::Commit { .. }
            | ControlRecord::LeaderChange(_)
            | ControlRecord::SnapshotHeader { .. }
            | ControlRecord::SnapshotFooter
            | ControlRecord::Other { .. } => {}
        }
        Ok(())
    }

    /// Takes in a batch of the log.
    pub(crate) fn learn_batch(&mut self, batch: &Batch) -> Result<(), Apart> {
        if !batch.header().is_control() {
            return Ok(());
        }
        for record in batch.records().unwrap_or_default() {
            if let Ok(control) = ControlRecord::parse(&record) {
                self.learn(record.offset, &control)?;
            }
        }
        Ok(())
    }

    /// Everything that is known is void but for a snapshot that ends before `end`, which says this.
    pub(crate) fn load(&mut self, end: Offset, state: &[ControlRecord]) -> Result<(), Apart> {
        self.sets.clear();
        self.levels.clear();
        state.iter().try_for_each(|record| self.learn(end.plus(-1), record))
    }

    /// The log was cut: records from `end` on are gone.
    pub(crate) fn truncate(&mut self, end: Offset) {
        self.sets.retain(|offset, _| *offset < end);
        self.levels.retain(|offset, _| *offset < end);
    }

    /// Nothing below `start` will be asked for any more, save what is in force there.
    pub(crate) fn forget_below(&mut self, start: Offset) {
        fn forget<T>(known: &mut BTreeMap<Offset, T>, start: Offset) {
            if let Some(kept) = known.range(..start).next_back().map(|(offset, _)| *offset) {
                known.retain(|offset, _| *offset >= kept);
            }
        }
        forget(&mut self.sets, start);
        forget(&mut self.levels, start);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use klamm_node::{BrokerId, DirectoryId, Endpoint};

    use super::*;

    fn set(ids: &[i32]) -> VoterSet {
        let voter = |id: &i32| {
            (BrokerId(*id), (DirectoryId(*id as u128), Endpoint::new(format!("c{id}"), 9093)))
        };
        VoterSet::initial(&ids.iter().map(voter).collect())
    }

    fn record(ids: &[i32]) -> ControlRecord {
        ControlRecord::Voters(set(ids).to_record())
    }

    #[test]
    fn a_set_is_in_force_at_once_and_the_one_before_it_returns_with_a_truncation() {
        let fixed = VoterSet::configured(&BTreeMap::from([(BrokerId(9), Endpoint::new("c9", 1))]));
        let mut history = VoterHistory::new(fixed.clone());
        assert_eq!((history.voters(), history.offset(), history.level()), (&fixed, None, 0));
        history.learn(Offset(5), &ControlRecord::KRaftVersion { kraft_version: 1 }).expect("taken");
        history.learn(Offset(6), &record(&[1])).expect("taken");
        history.learn(Offset(9), &record(&[1, 2])).expect("taken");
        assert_eq!((history.voters(), history.offset()), (&set(&[1, 2]), Some(Offset(9))));
        history.truncate(Offset(9));
        assert_eq!((history.voters(), history.offset()), (&set(&[1]), Some(Offset(6))));
        history.truncate(Offset(5));
        assert_eq!((history.voters(), history.level()), (&fixed, 0));
    }

    #[test]
    fn two_steps_at_once_are_refused_but_not_after_a_bootstrap() {
        let mut history = VoterHistory::new(VoterSet::default());
        history.learn(BOOTSTRAP, &record(&[1])).expect("taken");
        history.learn(Offset(1), &record(&[1, 2, 3])).expect("no leader wrote the first one");
        assert_eq!(history.learn(Offset(8), &record(&[3])), Err(Apart(Offset(8))));
        assert_eq!(history.voters(), &set(&[1, 2, 3]));
    }

    #[test]
    fn a_snapshot_says_what_was_in_force_where_it_ends() {
        let mut history = VoterHistory::new(VoterSet::default());
        assert_eq!(history.below(Offset(9)), [], "nothing at level 0");
        history.learn(Offset(1), &ControlRecord::KRaftVersion { kraft_version: 1 }).expect("taken");
        history.learn(Offset(2), &record(&[1])).expect("taken");
        history.learn(Offset(7), &record(&[1, 2])).expect("taken");
        let state = history.below(Offset(7));
        assert_eq!(state, [ControlRecord::KRaftVersion { kraft_version: 1 }, record(&[1])]);
        assert_eq!(history.below(Offset(8))[1], record(&[1, 2]));
        let mut other = VoterHistory::default();
        other.load(Offset(7), &state).expect("taken");
        assert_eq!((other.voters(), other.offset()), (&set(&[1]), Some(Offset(6))));
        history.forget_below(Offset(8));
        assert_eq!(history.below(Offset(7)).len(), 1, "the set before is gone");
        assert_eq!((history.voters(), history.level()), (&set(&[1, 2]), 1));
    }
}
