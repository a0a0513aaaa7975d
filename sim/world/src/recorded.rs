//! What a recorded run came to, told from its recording.
//!
//! Expectations were judged while the world ran, and each judgement is an event, as are the steps that began and the nodes that
//! panicked. What the invariants find is found again by whoever reads the events. What only the end of a run tells is asked here, as
//! the world asks it.
//!
//! *Flows in*: a header, its events, and invariants that have seen all of them. *Flows out*: the outcome of the run. *Must never*:
//! run anything, or tell what a recording does not hold: how often faults bit is counted by the world alone.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{EventKind, NodeId, Seq, Time};
use klamm_scenario::model::{Network, Trigger};
use klamm_scenario::{Diagnostic, Scenario};
use klamm_trace::{EventStore, Invariants, TraceHash, TraceHeader, View};

use crate::link;
use crate::outcome::{ExpectationReport, Outcome, StepReport};
use crate::runner::{Runner, expected};

/// A recorded run with what was made of it.
pub struct Recording<'a> {
    /// What it says of itself.
    pub header: &'a TraceHeader,
    /// Its events.
    pub events: &'a EventStore,
    /// Their hash.
    pub hash: TraceHash,
    /// The invariants, after the last event.
    pub invariants: Invariants,
    /// The View after an event.
    pub view_at: &'a dyn Fn(Seq) -> View,
}

impl std::fmt::Debug for Recording<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// What a recorded run came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// Its outcome. It has no faults and no mischief: what they changed is not recorded.
    pub outcome: Outcome,
    /// Whether the recording goes on to the run's end. If it does not, what is not decided may still have been met, and what only
    /// the end tells is not known.
    pub whole: bool,
}

/// What a recorded run came to.
///
/// # Errors
/// When its scenario is not one that this build reads: what was expected is written there.
pub fn recorded(recording: Recording<'_>) -> Result<Recorded, Vec<Diagnostic>> {
    let Recording { header, events, hash, mut invariants, view_at } = recording;
    let scenario = klamm_scenario::parse(&header.scenario_name, &header.scenario)?;
    let told = Told::of(&scenario, events);
    let whole = told.is_whole(&scenario);
    if whole {
        if !told.is_slowed() {
            let view = view_at(told.quiet);
            let quiet = Runner::quiescence_of(&scenario, &header.nodes);
            invariants.at_quiescence(&view, &quiet, told.quiet, view.now);
        }
        let view = view_at(told.last);
        invariants.finish(&view, told.last, view.now);
    }
    let findings = invariants.findings();
    let missed_steps = if whole { told.missed(&scenario) } else { Vec::new() };
    let outcome = Outcome {
        end: Time::ZERO + scenario.duration,
        events: told.last.0,
        hash,
        expectations: told.expectations,
        violations: findings.violations.clone(),
        permitted_losses: findings.permitted.clone(),
        faults: Vec::new(),
        mischief: Vec::new(),
        missed_steps,
        panics: told.panics,
    };
    Ok(Recorded { outcome, whole })
}

/// What the events tell of how the run went.
struct Told {
    expectations: Vec<ExpectationReport>,
    /// The steps that began, and when.
    began: BTreeMap<usize, Time>,
    panics: Vec<(NodeId, String)>,
    slow_links: BTreeSet<(NodeId, NodeId)>,
    slow_disks: BTreeSet<NodeId>,
    /// The last event before the run was over: then liveness is judged.
    quiet: Seq,
    last: Seq,
    until: Time,
}

impl Told {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what the cluster did is the invariants' matter"
    )]
    fn of(scenario: &Scenario, events: &EventStore) -> Self {
        let mut told = Self {
            expectations: expected(scenario),
            began: BTreeMap::new(),
            panics: Vec::new(),
            slow_links: BTreeSet::new(),
            slow_disks: BTreeSet::new(),
            quiet: Seq(0),
            last: Seq(0),
            until: Time::ZERO,
        };
        let end = Time::ZERO + scenario.duration;
        for event in events.iter() {
            (told.last, told.until) = (event.seq, event.time);
            let mut judged = None;
            match &event.kind {
                EventKind::ExpectationMet { expectation, .. } => {
                    judged = Some((*expectation, true, ""));
                }
                EventKind::ExpectationFailed { expectation, found, .. } => {
                    judged = Some((*expectation, false, found.as_str()));
                }
                EventKind::StepStarted { step, .. } => {
                    let step = usize::try_from(*step).unwrap_or(usize::MAX);
                    told.began.entry(step).or_insert(event.time);
                }
                EventKind::NodeStopped { reason, orderly: false }
                    if reason.starts_with("panic: ") =>
                {
                    told.panics.push((event.node, reason.clone()));
                }
                EventKind::LinkChanged { from, to, latency_low, latency_high, bandwidth } => {
                    let network = Network {
                        latency_low: *latency_low,
                        latency_high: *latency_high,
                        bandwidth: *bandwidth,
                    };
                    let slow = link::is_slower(network, scenario.cluster.network);
                    set(&mut told.slow_links, (*from, *to), slow);
                }
                EventKind::DiskChanged { write, sync } => {
                    let usual = scenario.cluster.disk;
                    let slow = *write > usual.write || *sync > usual.sync;
                    set(&mut told.slow_disks, event.node, slow);
                }
                _ => {}
            }
            match judged {
                Some((index, met, found)) => {
                    let index = usize::try_from(index).unwrap_or(usize::MAX);
                    if let Some(report) = told.expectations.get_mut(index) {
                        (report.met, report.at) = (Some(met), event.time);
                        found.clone_into(&mut report.found);
                    }
                    if event.time < end {
                        told.quiet = event.seq;
                    }
                }
                None => told.quiet = event.seq,
            }
        }
        told
    }

    /// Whether everything was decided that is decided when a run ends.
    fn is_whole(&self, scenario: &Scenario) -> bool {
        let mut reports = self.expectations.iter();
        for (index, step) in scenario.steps.iter().enumerate() {
            let open = reports.by_ref().take(step.expect.len()).filter(|it| it.met.is_none());
            if open.count() > 0 && self.began.contains_key(&index) {
                return false;
            }
            let later = |trigger: &Trigger| matches!(trigger, Trigger::At(at) if *at > self.until);
            if later(&step.trigger) && Time::ZERO + scenario.duration > self.until {
                return false;
            }
        }
        reports.all(|of_the_end| of_the_end.met.is_some())
    }

    /// Whether a link or a disk is slower than at first, as far as that is recorded.
    fn is_slowed(&self) -> bool {
        !self.slow_links.is_empty() || !self.slow_disks.is_empty()
    }

    /// The steps that never began, each with what it waited for.
    fn missed(&self, scenario: &Scenario) -> Vec<StepReport> {
        let mut missed = Vec::new();
        for (index, step) in scenario.steps.iter().enumerate() {
            if self.began.contains_key(&index) {
                continue;
            }
            let before = match index.checked_sub(1) {
                None => Some(Time::ZERO),
                Some(before) => self.began.get(&before).copied(),
            };
            let stuck = match &step.trigger {
                // Its time came, so it was somebody that was not there.
                Trigger::At(at) => *at <= self.until,
                Trigger::After(span) => before.is_some_and(|before| before + *span <= self.until),
                Trigger::When { .. } => false,
            };
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            missed.push(StepReport::new(index, step, stuck));
        }
        missed
    }
}

fn set<T: Ord>(all: &mut BTreeSet<T>, one: T, is_in: bool) {
    if is_in {
        all.insert(one);
    } else {
        all.remove(&one);
    }
}
