//! Faults and what they changed.
//!
//! Every fault that the lab is told to do gets a line in the [`Ledger`], and every change that it makes is counted
//! there. A fault that never bit is a hole in the scenario, and is reported.

use klamm_node::Time;

use crate::outcome::FaultReport;

/// A fault's line in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FaultId(u32);

/// A way in which a fault can change the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Bite {
    ProcessesStopped,
    ProcessesStarted,
    ProcessesFrozen,
    FramesLost,
    PacketsStopped,
    PacketsSlowed,
    PacketsUnanswered,
    BytesLost,
    InputsDelayed,
    CallsSlowed,
    CallsSkewed,
    LinksHealed,
    RequestsGiven,
    PacketsLost,
    PacketsDoubled,
    PacketsOvertaken,
    RepliesHeld,
    ConnectionsReset,
    DiskCallsFailed,
    SyncsFaked,
    BytesRotted,
}

const BITES: usize = 21;

impl Bite {
    const ALL: [(Self, &'static str, &'static str); BITES] = [
        (Self::ProcessesStopped, "process stopped", "processes stopped"),
        (Self::ProcessesStarted, "process started", "processes started"),
        (Self::ProcessesFrozen, "process frozen", "processes frozen"),
        (Self::FramesLost, "frame lost", "frames lost"),
        (Self::PacketsStopped, "packet stopped", "packets stopped"),
        (Self::PacketsSlowed, "packet slowed", "packets slowed"),
        (Self::PacketsUnanswered, "packet unanswered", "packets unanswered"),
        (Self::BytesLost, "byte lost", "bytes lost"),
        (Self::InputsDelayed, "input delayed", "inputs delayed"),
        (Self::CallsSlowed, "call slowed", "calls slowed"),
        (Self::CallsSkewed, "call with a wrong clock", "calls with a wrong clock"),
        (Self::LinksHealed, "link healed", "links healed"),
        (Self::RequestsGiven, "request given", "requests given"),
        (Self::PacketsLost, "packet lost", "packets lost"),
        (Self::PacketsDoubled, "packet doubled", "packets doubled"),
        (Self::PacketsOvertaken, "packet overtaken", "packets overtaken"),
        (Self::RepliesHeld, "reply held", "replies held"),
        (Self::ConnectionsReset, "connection reset", "connections reset"),
        (Self::DiskCallsFailed, "disk call failed", "disk calls failed"),
        (Self::SyncsFaked, "sync faked", "syncs faked"),
        (Self::BytesRotted, "byte rotted", "bytes rotted"),
    ];
}

#[derive(Clone, Debug)]
struct Line {
    step: Option<u32>,
    line: u32,
    text: String,
    at: Time,
    bites: [u64; BITES],
}

/// Every fault that was done.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    lines: Vec<Line>,
}

impl Ledger {
    pub(crate) fn open(&mut self, step: Option<u32>, line: u32, text: String, at: Time) -> FaultId {
        self.lines.push(Line { step, line, text, at, bites: [0; BITES] });
        FaultId(u32::try_from(self.lines.len() - 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn bite(&mut self, fault: Option<FaultId>, bite: Bite, count: u64) {
        let line = fault.and_then(|fault| self.lines.get_mut(usize::try_from(fault.0).ok()?));
        if let Some(line) = line {
            line.bites[bite as usize] += count;
        }
    }

    /// Every fault with what it changed so far.
    pub fn reports(&self) -> Vec<FaultReport> {
        let report = |line: &Line| FaultReport {
            step: line.step,
            line: line.line,
            text: line.text.clone(),
            at: line.at,
            effects: Bite::ALL
                .iter()
                .map(|(bite, one, many)| match line.bites[*bite as usize] {
                    1 => (*one, 1),
                    count => (*many, count),
                })
                .filter(|(_, count)| *count > 0)
                .collect(),
        };
        self.lines.iter().map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_bites_is_in_the_order_of_the_enum() {
        for (index, (bite, ..)) in Bite::ALL.iter().enumerate() {
            assert_eq!(*bite as usize, index);
        }
    }

    #[test]
    fn a_fault_that_never_bit_has_no_effects() {
        let mut ledger = Ledger::default();
        let idle = ledger.open(Some(0), 3, "pause broker-1".to_owned(), Time(5));
        let busy = ledger.open(Some(1), 4, "crash broker-2".to_owned(), Time(6));
        ledger.bite(Some(busy), Bite::FramesLost, 2);
        ledger.bite(None, Bite::FramesLost, 2);
        let reports = ledger.reports();
        assert_eq!((reports[0].bites(), reports[1].bites()), (0, 2));
        assert_eq!(idle, FaultId(0));
    }
}
