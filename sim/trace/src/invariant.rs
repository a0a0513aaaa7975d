//! Invariants: what must hold after every event, and what it means when it does not.
//!
//! Each invariant is a file of its own, with the property, where it comes from, and how it looks when it is broken. An
//! invariant sees the [`View`] after the event, the event itself, and the [`Observer`]: what an all-seeing bystander
//! remembers of the run, such as which record was ever committed at which offset. Each is incremental: it looks only at
//! what the event can have changed.
//!
//! Two alarms (Kafka's bugs show in this order): [`Severity::Amber`] says that the cluster is one election away from a
//! loss, [`Severity::Red`] that a promise is broken. What a promise never covered is not a violation: it is listed as a
//! [`PermittedLoss`] with its reason.

use klamm_node::event::Event;
use klamm_node::{Seq, Time};

use crate::view::View;

mod acked_durable;
mod alteration;
mod applications;
mod candidate_completeness;
mod client_history;
mod commits;
mod committed_only;
mod committed_prefix;
mod crash_recovery;
mod eligible;
mod epoch_cache;
mod epoch_offset_unique;
mod finding;
mod group_liveness;
mod leader_completeness;
mod listed_offsets;
mod liveness;
mod membership;
mod metadata_image;
mod metadata_monotone;
mod metadata_recovery;
mod observer;
mod offsets_dense;
mod ownership;
mod quorum_service;
mod raft;
mod reconciled_prefix;
mod repeatable_read;
mod sequences;
mod topic_identity;
mod watermark;
mod weak_isr;

#[cfg(test)]
mod application_tests;
#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod healing_tests;
#[cfg(test)]
mod tests;

pub(crate) use finding::{Finding, Reporter};
pub use finding::{
    Findings, INVARIANTS, InvariantId, InvariantInfo, PermittedLoss, PermittedReason, Severity,
    Violation,
};
pub use liveness::Quiescence;
use observer::Observer;

/// What an invariant looks at.
#[derive(Debug)]
struct Check<'a> {
    /// The View after the event.
    view: &'a View,
    /// The event.
    event: &'a Event,
    /// What the bystander remembers.
    observer: &'a mut Observer,
    /// Where findings go.
    reporter: &'a mut Reporter,
}

/// The invariants with what they remember.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    observer: Observer,
    reporter: Reporter,
    epoch_cache: epoch_cache::EpochCache,
    metadata_monotone: metadata_monotone::MetadataMonotone,
    membership: membership::Membership,
    offsets_dense: offsets_dense::OffsetsDense,
    raft: raft::Raft,
    metadata_image: metadata_image::MetadataImage,
    crash_recovery: crash_recovery::CrashRecovery,
    metadata_recovery: metadata_recovery::MetadataRecovery,
    alteration: alteration::Alteration,
    client_history: client_history::ClientHistory,
    liveness: liveness::Liveness,
    eligible: eligible::Eligible,
    topic_identity: topic_identity::TopicIdentity,
    listed_offsets: listed_offsets::ListedOffsets,
    sequences: sequences::Sequences,
    quorum_service: quorum_service::QuorumService,
    commits: commits::Commits,
    applications: applications::Applications,
    finished: bool,
}

impl Invariants {
    /// Checks what an event can have changed, in the View after it.
    pub fn check(&mut self, view: &View, event: &Event) {
        let (observer, reporter) = (&mut self.observer, &mut self.reporter);
        let mut cx = Check { view, event, observer, reporter };
        // The bystander goes first: it decides what an election lost, and whether that was permitted.
        observer::observe_deletion(&mut cx);
        observer::observe_unclean(&mut cx);
        leader_completeness::check(&mut cx);
        observer::observe_commit(&mut cx);
        acked_durable::check(&mut cx);
        candidate_completeness::check(&mut cx);
        committed_prefix::check(&mut cx);
        reconciled_prefix::check(&mut cx);
        epoch_offset_unique::check(&mut cx);
        self.epoch_cache.check(&mut cx);
        watermark::check(&mut cx);
        repeatable_read::check(&mut cx);
        self.metadata_monotone.check(&mut cx);
        self.membership.check(&mut cx);
        self.offsets_dense.check(&mut cx);
        self.raft.check(&mut cx);
        self.metadata_image.check(&mut cx);
        self.crash_recovery.check(&mut cx);
        self.metadata_recovery.check(&mut cx);
        weak_isr::check(&mut cx);
        self.alteration.check(&mut cx);
        committed_only::check(&mut cx);
        self.client_history.check(&mut cx);
        self.sequences.check(&mut cx);
        self.eligible.check(&mut cx);
        self.topic_identity.check(&mut cx);
        self.listed_offsets.check(&mut cx);
        self.quorum_service.check(&mut cx);
        ownership::check(&mut cx);
        self.commits.check(&mut cx);
        self.applications.check(&mut cx);
        self.liveness.check(&cx);
    }

    /// Checks liveness (L1–L10) at a quiet moment; false if the moment is not quiet, and nothing was checked.
    ///
    /// The runner calls it where a run is meant to be healed: at the end of every run, and at the end of a nemesis's quiet
    /// end. It need not know whether the moment is quiet: what the trace tells of faults is looked at here. What the trace
    /// can't tell is the caller's: it calls only if no link and no disk is slower than the scenario began with.
    pub fn at_quiescence(&mut self, view: &View, quiet: &Quiescence, seq: Seq, time: Time) -> bool {
        self.reporter.at(seq, time);
        let judged = self.liveness.judge(view, quiet, &mut self.reporter);
        if judged {
            self.client_history.unresolved(view, quiet, &mut self.reporter);
            self.applications.at_quiescence(view, &mut self.reporter);
        }
        judged
    }

    /// Checks what only the end of a run can tell. A second call adds nothing.
    pub fn finish(&mut self, view: &View, seq: Seq, time: Time) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.reporter.at(seq, time);
        acked_durable::finish(view, &mut self.observer, &mut self.reporter);
        self.applications.finish(view, &mut self.reporter);
        let seen = std::mem::take(&mut self.epoch_cache);
        seen.finish(view, &mut self.reporter);
        for violation in crate::validation::validate(view) {
            if !self.observer.excuses_validation(&violation) {
                self.reporter.add(violation);
            }
        }
    }

    /// Everything found so far.
    pub fn findings(&self) -> &Findings {
        self.reporter.findings()
    }
}
