//! What the invariants find, and the list of them.

use std::collections::BTreeSet;
use std::fmt;

use klamm_node::{NodeId, Offset, RecordId, Seq, Time, TopicPartition};

/// How bad a violation is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Nothing is lost yet: the cluster is one election (or one crash) away from it.
    Amber,
    /// A promise is broken.
    Red,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Amber => "amber",
            Self::Red => "red",
        })
    }
}

macro_rules! invariants {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        /// Which invariant or validation.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum InvariantId {$(
            $(#[doc = $doc])+
            $name,
        )+}

        impl InvariantId {
            /// The short code, `S1`.
            pub fn code(self) -> &'static str {
                match self {$( Self::$name => $code, )+}
            }

            /// The name, `AckedDurable`.
            pub fn name(self) -> &'static str {
                match self {$( Self::$name => stringify!($name), )+}
            }
        }

        /// Every invariant and validation, for the book.
        pub const INVARIANTS: &[InvariantInfo] = &[$(
            InvariantInfo { id: InvariantId::$name, code: $code, name: stringify!($name), doc: &[$($doc),+] },
        )+];
    };
}

invariants! {
    /// A record acknowledged with acks=all is in the log of whoever truly leads.
    AckedDurable = "S1";
    /// A new leader holds everything that was ever committed.
    LeaderCompleteness = "S2";
    /// Every running member of the ISR holds everything below the leader's high watermark.
    CandidateCompleteness = "S3";
    /// Every running member of the ISR that a leader believes in holds everything below that leader's high watermark.
    WeakIsr = "S4";
    /// The ISR that a leader counts on contains the controller's, and what it was answered is committed.
    QuorumSuperset = "S5";
    /// Below both their high watermarks any two logs are equal.
    CommittedPrefixAgreement = "S6";
    /// Once a leader has accepted a follower's fetch position, the follower's log below it equals the leader's.
    ReconciledPrefix = "S7";
    /// One epoch and one offset name one batch, wherever it is.
    EpochOffsetUnique = "S8";
    /// A leader-epoch cache says exactly where each epoch of its log begins.
    EpochCacheExact = "S9";
    /// The high watermark lies within the log, does not fall while a leader leads, and rises only with enough replicas; the
    /// end that a client is told never goes back.
    WatermarkSanity = "S10";
    /// What a consumer has read at an offset is what every consumer reads there.
    RepeatableRead = "S11";
    /// A partition's epochs never fall, one epoch has one leader, and no client goes back to an older one.
    MetadataMonotone = "S12";
    /// Only registered, unfenced replicas are in an ISR or lead.
    MembershipEligible = "S13";
    /// Eligible leader replicas are replicas that left the ISR since it became too small, and whose disks can be trusted.
    ElrValid = "S14";
    /// Offsets follow one another without overlap or gap, and a producer is told the offset that was stored.
    OffsetsDense = "S15";
    /// Leaders store a batch no more often than a producer sent it, and what an idempotent producer numbered once and in order.
    NoDuplicates = "S16";
    /// A consumer is shown nothing that is not committed.
    NoDirtyRead = "S19";
    /// In a group a partition has one owner at one generation or member epoch.
    OwnershipExclusive = "S21";
    /// A commit that was accepted came from a member in its generation or epoch, and what was accepted is kept.
    CommitFenced = "S22";
    /// A committed offset disappears by retention only when the group has been empty, or has not read the topic, for as long.
    OffsetRetention = "S23";
    /// A consumer reads on where it stopped, and a group goes on where it committed, unless a position was set.
    ConsumerProgress = "S24";
    /// The metadata quorum is a correct Raft.
    Raft = "S25";
    /// Every node's metadata image follows from the same committed records, in order.
    MetadataImage = "S26";
    /// A log comes back from a crash with everything that it must have kept.
    CrashRecovery = "S28";
    /// What a replica holds belongs to the topic that it serves, not to an older one of the same name.
    TopicIdentity = "S29";
    /// A record that an application of a group was handed, and that the group's committed offset has passed, is processed.
    CommittedMeansProcessed = "P1";
    /// An application processes nothing of a partition that it gave up and that another member of its group owns.
    ProcessOnlyOwned = "P2";
    /// Once a cluster has healed, every running broker is unfenced and each of its replicas is in the ISR.
    IsrHeals = "L1";
    /// Once a cluster has healed, every partition that can have a leader has one, and so has the metadata quorum.
    LeaderEventually = "L2";
    /// A producer leaves no record out, keeps their order, and tells the fate of each once and in time.
    ProduceResolves = "L3";
    /// Once a cluster has healed, every group with members is stable, and each partition that it subscribed to has an owner.
    GroupStabilises = "L5";
    /// Once a cluster has healed, no leader waits for an answer to an AlterPartition.
    AlterPartitionResolves = "L6";
    /// Once a cluster has healed, every running broker believes of each partition what is committed.
    MetadataConverges = "L7";
    /// Once a cluster has healed, in-sync replicas have the leader's log end and high watermark, and no fetcher is stuck.
    FollowersCatchUp = "L8";
    /// Once a cluster has healed, no reassignment is under way.
    ReassignmentEnds = "L10";
    /// At the end of a run, every acknowledged record can be read from the leader.
    AckedReadable = "V1";
    /// At the end of a run, all live replicas agree below their high watermarks.
    ReplicasAgree = "V2";
}

/// `S1 AckedDurable`.
impl fmt::Display for InvariantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

/// An invariant, for the book.
#[derive(Clone, Copy, Debug)]
pub struct InvariantInfo {
    /// Which.
    pub id: InvariantId,
    /// The short code.
    pub code: &'static str,
    /// The name.
    pub name: &'static str,
    /// What it says.
    pub doc: &'static [&'static str],
}

/// A broken invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub id: InvariantId,
    /// How bad.
    pub severity: Severity,
    /// The event after which it was found.
    pub seq: Seq,
    /// When.
    pub time: Time,
    /// The partition that it is about.
    pub partition: Option<TopicPartition>,
    /// The offset that it is about.
    pub offset: Option<Offset>,
    /// What is wrong, in a plain sentence.
    pub sentence: String,
    /// The events involved, oldest first; `seq` is one of them.
    pub events: Vec<Seq>,
}

/// `red S1 AckedDurable at 2.000350 (#123): …`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, id, time, seq, sentence, .. } = self;
        write!(f, "{severity} {id} at {time} (#{}): {sentence}", seq.0)
    }
}

/// Why a loss is permitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PermittedReason {
    /// acks=0: the producer asked for no promise.
    AcksNone,
    /// acks=1: the leader answered before any follower had the record.
    AcksLeader,
    /// The controller elected a leader outside the ISR (`unclean.leader.election.enable`).
    UncleanElection,
    /// As many holders as `min.insync.replicas` lost power before the record was synced.
    PowerLoss,
    /// As many holders as `min.insync.replicas` had their disks replaced or lost power.
    DiskLoss,
    /// The last member of the ISR lost its tail and led all the same: what eligible leader replicas (KIP-966) are for.
    LastReplica,
}

impl PermittedReason {
    /// The reason as a clause.
    pub fn text(self) -> &'static str {
        match self {
            Self::AcksNone => "acks=0 asks for no promise",
            Self::AcksLeader => "acks=1 promises nothing once the leader is replaced",
            Self::UncleanElection => "an unclean election chose a leader outside the ISR",
            Self::PowerLoss => {
                "as many holders as min.insync.replicas lost power before they had synced it"
            }
            Self::DiskLoss => "as many holders as min.insync.replicas lost their disks",
            Self::LastReplica => {
                "the last member of the ISR lost it before it had synced it, and without eligible leader replicas \
                 (KIP-966) it leads all the same"
            }
        }
    }
}

impl fmt::Display for PermittedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AcksNone => "acks=0",
            Self::AcksLeader => "acks=1",
            Self::UncleanElection => "unclean-election",
            Self::PowerLoss => "power-loss",
            Self::DiskLoss => "disk-loss",
            Self::LastReplica => "last-replica",
        })
    }
}

/// Acknowledged records that are lost, and whose loss the promise did not exclude.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PermittedLoss {
    /// Why.
    pub reason: PermittedReason,
    /// Who was promised.
    pub producer: NodeId,
    /// Where the records were.
    pub partition: TopicPartition,
    /// The offset of the first; -1 if the producer never learnt it.
    pub base: Offset,
    /// The records.
    pub records: Vec<RecordId>,
    /// The acknowledgement.
    pub acked: Seq,
    /// The event after which it was found.
    pub seq: Seq,
    /// When.
    pub time: Time,
    /// What happened, in a plain sentence.
    pub sentence: String,
    /// The events that explain it, oldest first.
    pub events: Vec<Seq>,
}

/// Everything that the invariants found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Broken invariants, in the order of the run.
    pub violations: Vec<Violation>,
    /// Permitted losses, in the order of the run.
    pub permitted: Vec<PermittedLoss>,
}

impl Findings {
    /// The violations of a severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(move |violation| violation.severity == severity)
    }
}

/// A violation as an invariant states it.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    pub id: InvariantId,
    pub severity: Severity,
    /// What it is about: the first violation of a subject is reported, later ones are its echo.
    pub subject: String,
    pub partition: Option<&'a TopicPartition>,
    pub offset: Option<Offset>,
    pub sentence: String,
    pub events: Vec<Seq>,
}

/// Collects findings, each subject once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reporter {
    findings: Findings,
    reported: BTreeSet<(InvariantId, String)>,
    seq: Seq,
    time: Time,
}

impl Reporter {
    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Findings belong to this event from now on.
    pub(crate) fn at(&mut self, seq: Seq, time: Time) {
        (self.seq, self.time) = (seq, time);
    }

    pub(crate) fn report(&mut self, finding: Finding<'_>) {
        let Finding { id, severity, subject, partition, offset, sentence, mut events } = finding;
        if !self.reported.insert((id, subject)) {
            return;
        }
        events.push(self.seq);
        events.retain(|seq| seq.0 > 0);
        events.sort_unstable();
        events.dedup();
        let (seq, time, partition) = (self.seq, self.time, partition.cloned());
        self.add(Violation { id, severity, seq, time, partition, offset, sentence, events });
    }

    pub(crate) fn add(&mut self, violation: Violation) {
        self.findings.violations.push(violation);
    }

    pub(crate) fn permit(&mut self, mut loss: PermittedLoss) {
        loss.events.sort_unstable();
        loss.events.dedup();
        (loss.seq, loss.time) = (self.seq, self.time);
        self.findings.permitted.push(loss);
    }
}
