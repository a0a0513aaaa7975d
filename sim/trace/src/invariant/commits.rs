//! S22 CommitFenced, S23 OffsetRetention and the group's half of S24 ConsumerProgress: what a group has committed.
//!
//! * S22 (a) an accepted commit came from a member of the group in its generation or epoch, or the group has no members;
//!   (b), (c) an offset that a consumer was told is kept is what the next coordinator has loaded, or a newer one.
//! * S23 an offset is removed by retention only once the group has been empty for as long, or nobody of a stable group
//!   reads the topic.
//! * S24 every record below a committed offset was handed to some member of the group before; and a committed offset goes
//!   back only after a consumer was told to (a seek, a reset).
//!
//! Broken, it looks like this: a consumer that was put out of its group moves the offsets of its successor back, or forth
//! past records that nobody has seen (KAFKA-2596, KIP-62).

use std::collections::{BTreeMap, VecDeque};

use klamm_node::{
    BrokerId, EventKind, GroupId, MemberId, NodeId, Offset, Seq, Span, Time, TopicPartition,
};

use super::{Check, Finding, InvariantId, Severity};

/// Kafka's default of `offsets.retention.minutes`: seven days.
const RETENTION_MINUTES: u64 = 7 * 24 * 60;

/// What was handed out or passed over of a partition: ranges of offsets that neither overlap nor touch.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(BTreeMap<Offset, Offset>);

impl Ranges {
    pub(super) fn add(&mut self, mut from: Offset, mut to: Offset) {
        if to <= from {
            return;
        }
        while let Some((start, end)) = self
            .0
            .range(..=to)
            .next_back()
            .map(|(start, end)| (*start, *end))
            .filter(|(_, end)| *end >= from)
        {
            (from, to) = (from.min(start), to.max(end));
            self.0.remove(&start);
        }
        self.0.insert(from, to);
    }

    /// The first offset from `from` to `to` that is not in a range.
    pub(super) fn first_gap(&self, from: Offset, to: Offset) -> Option<Offset> {
        let covered =
            self.0.range(..=from).next_back().map(|(_, end)| *end).filter(|end| *end > from);
        let next = covered.unwrap_or(from);
        (next < to).then_some(next)
    }
}

/// A group's history in one partition.
#[derive(Clone, Debug, Default)]
struct Progress {
    handed_out: Ranges,
    /// The newest commit that was written: offset, event.
    committed: Option<(Offset, Seq)>,
    /// The newest commit that a consumer was told is kept: offset, place in the coordinator's log, event.
    promised: Option<(Offset, Offset, Seq)>,
    /// The lowest position that a consumer was sent back to since the newest commit.
    sent_back: Option<Offset>,
}

/// A commit that a coordinator has written and that is not known to be committed in its own log yet: a coordinator that is
/// deposed takes it along.
#[derive(Clone, Debug)]
struct Written {
    group: GroupId,
    partition: TopicPartition,
    offset: Offset,
    member: MemberId,
    log_offset: Offset,
}

/// The topic that coordinators live in.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

#[derive(Clone, Debug, Default)]
pub(super) struct Commits {
    /// What waits for the high watermark, by coordinator and partition of its topic.
    written: BTreeMap<(NodeId, i32), VecDeque<Written>>,
    progress: BTreeMap<(GroupId, TopicPartition), Progress>,
    /// Where each consumer of a group stood.
    positions: BTreeMap<(NodeId, TopicPartition), Offset>,
    /// Since when each group is empty.
    empty: BTreeMap<GroupId, Time>,
}

impl Commits {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event is about committed offsets")]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        let node = cx.event.node;
        match &cx.event.kind {
            EventKind::PositionSet { partition, to, reason } => {
                self.position_set(cx, partition, *to, reason);
            }
            EventKind::RecordsPolled { partition, from, to } => {
                self.positions.insert((node, partition.clone()), *to);
                if let Some(group) = group_of(cx, node) {
                    self.of(&group, partition).handed_out.add(*from, *to);
                }
            }
            EventKind::OffsetCommitted {
                group,
                partition,
                offset,
                member,
                epoch,
                at,
                log_offset,
                ..
            } => {
                let loading = cx
                    .view
                    .nodes
                    .get(&node)
                    .and_then(|node| node.coordinates.get(at))
                    .is_none_or(|coordinator| !coordinator.loaded);
                // What is loaded was judged when it was written.
                if !loading {
                    fenced(cx, group, partition, member, *epoch);
                    let written = Written {
                        group: group.clone(),
                        partition: partition.clone(),
                        offset: *offset,
                        member: member.clone(),
                        log_offset: *log_offset,
                    };
                    self.written.entry((node, *at)).or_default().push_back(written);
                    let log = TopicPartition::new(OFFSETS_TOPIC, *at);
                    let broker = cx.view.table.broker_of(node).unwrap_or(BrokerId::NONE);
                    let replica = cx.view.replica_of(&log, broker);
                    let up_to = replica.map_or(Offset(0), |replica| replica.high_watermark);
                    self.settle(cx, *at, up_to);
                }
            }
            EventKind::HighWatermarkMoved { partition, to, .. }
                if &*partition.topic == OFFSETS_TOPIC =>
            {
                self.settle(cx, partition.partition, *to);
            }
            EventKind::CoordinatorLoading { partition, .. }
            | EventKind::CoordinatorUnloaded { partition, .. } => {
                self.written.remove(&(node, *partition));
            }
            EventKind::CommitAcknowledged { group, offsets } => {
                for (partition, offset) in offsets {
                    self.promised(cx, group, partition, *offset);
                }
            }
            EventKind::CoordinatorLoaded { partition, .. } => self.loaded(cx, *partition),
            EventKind::GroupStateChanged { group, to, .. } => {
                if to == "Empty" {
                    self.empty.insert(group.clone(), cx.event.time);
                } else {
                    self.empty.remove(group);
                }
            }
            EventKind::OffsetRemoved { group, partition, reason } => {
                if reason == "expired" {
                    self.expired(cx, group, partition);
                }
                self.progress.remove(&(group.clone(), partition.clone()));
            }
            EventKind::GroupDeleted { group, .. } => {
                self.progress.retain(|(of, _), _| of != group);
                self.empty.remove(group);
            }
            EventKind::NodeStarted { .. } => {
                self.written.retain(|(writer, _), _| *writer != node);
                self.positions.retain(|(reader, _), _| *reader != node);
            }
            _ => {}
        }
    }

    fn of(&mut self, group: &GroupId, partition: &TopicPartition) -> &mut Progress {
        self.progress.entry((group.clone(), partition.clone())).or_default()
    }

    /// A consumer reads on elsewhere than it stopped. Where its group had committed is where it should go on; anything else
    /// is a person's or a policy's will, and what it passes over is passed over by that will.
    fn position_set(
        &mut self,
        cx: &Check<'_>,
        partition: &TopicPartition,
        to: Offset,
        reason: &str,
    ) {
        let node = cx.event.node;
        let before = self.positions.insert((node, partition.clone()), to);
        let Some(group) = group_of(cx, node).filter(|_| reason != "committed") else { return };
        let progress = self.of(&group, partition);
        let from =
            before.or_else(|| progress.committed.map(|(offset, _)| offset)).unwrap_or(Offset(0));
        progress.handed_out.add(from.min(to), to);
        progress.sent_back = Some(progress.sent_back.map_or(to, |known| known.min(to)));
    }

    /// What the high watermark of a coordinator's log has passed is committed.
    fn settle(&mut self, cx: &mut Check<'_>, at: i32, up_to: Offset) {
        let key = (cx.event.node, at);
        while let Some(queue) = self.written.get_mut(&key)
            && queue.front().is_some_and(|first| first.log_offset < up_to)
            && let Some(Written { group, partition, offset, member, .. }) = queue.pop_front()
        {
            self.committed(cx, &group, &partition, offset, &member);
        }
    }

    fn committed(
        &mut self,
        cx: &mut Check<'_>,
        group: &GroupId,
        partition: &TopicPartition,
        offset: Offset,
        member: &MemberId,
    ) {
        let start =
            cx.view.true_leader(partition).map_or(Offset(0), |(_, leader)| leader.log.start());
        let seq = cx.event.seq;
        let progress = self.of(group, partition);
        let before = progress.committed.replace((offset, seq));
        let sent_back = progress.sent_back.take();
        // Offsets that somebody outside the group sets are a person's will.
        if member.as_str().is_empty() {
            progress.handed_out.add(Offset(0), offset);
            return;
        }
        let Some((before, since)) = before else { return };
        if offset < before && sent_back.is_none_or(|to| to > offset) {
            let what = format!(
                "went back from {before} to {offset}, committed by member {member}, and no consumer was sent back"
            );
            report(cx, InvariantId::ConsumerProgress, group, partition, offset, what, vec![since]);
            return;
        }
        // Where a person set it forward, nobody need have read what lies between.
        let gap = self.of(group, partition).handed_out.first_gap(before.max(start), offset);
        if let Some(gap) = gap {
            let what = format!(
                "moved from {before} to {offset}, committed by member {member}, and nobody in the group had got the record at {gap}"
            );
            report(cx, InvariantId::ConsumerProgress, group, partition, gap, what, vec![since]);
        }
    }

    fn promised(
        &mut self,
        cx: &Check<'_>,
        group: &GroupId,
        partition: &TopicPartition,
        offset: Offset,
    ) {
        let seq = cx.event.seq;
        let Some((_, view)) = cx.view.group(group) else { return };
        let Some(kept) = view.offsets.get(partition).filter(|kept| kept.offset == offset) else {
            return;
        };
        let log_offset = kept.log_offset;
        self.of(group, partition).promised = Some((offset, log_offset, seq));
    }

    fn loaded(&mut self, cx: &mut Check<'_>, at: i32) {
        let Some(node) = cx.view.nodes.get(&cx.event.node) else { return };
        let log = TopicPartition::new(OFFSETS_TOPIC, at);
        // What a predecessor has still on its way it will not see committed as the coordinator.
        self.written.retain(|(_, partition), _| *partition != at);
        // From here on the group goes on from what the new coordinator has: a commit that its predecessor did not live to
        // see committed may be part of it.
        for ((group, partition), progress) in &mut self.progress {
            let held = node.groups.get(group).filter(|view| view.at == at);
            if let Some(kept) = held.and_then(|view| view.offsets.get(partition)) {
                progress.committed = Some((kept.offset, kept.seq));
            }
        }
        let mut missing = Vec::new();
        for ((group, partition), progress) in &self.progress {
            let Some((offset, log_offset, told)) = progress.promised else { continue };
            // Which partition holds a group is known from where its promise was written.
            let held = cx
                .view
                .nodes
                .values()
                .any(|other| other.groups.get(group).is_some_and(|view| view.at == at))
                || self.home(cx, group) == Some(at);
            if !held {
                continue;
            }
            let found = node.groups.get(group).and_then(|view| view.offsets.get(partition));
            // A commit of the same offset may have followed, and need not have been told of.
            let kept =
                found.is_some_and(|kept| kept.log_offset > log_offset || kept.offset == offset);
            let excused = cx.observer.get(&log).is_some_and(|memory| {
                memory.excuse(log_offset, klamm_node::LeaderEpoch::NONE).is_some()
            });
            if !kept && !excused {
                let now = found.map_or_else(|| "none".to_owned(), |kept| kept.offset.to_string());
                missing.push((group.clone(), partition.clone(), offset, now, told));
            }
        }
        for (group, partition, offset, now, told) in missing {
            let what = format!(
                "was promised to be kept at {offset}; the coordinator that has just loaded it has {now}"
            );
            report(cx, InvariantId::CommitFenced, &group, &partition, offset, what, vec![told]);
        }
    }

    /// The partition of `__consumer_offsets` that a group is in, by Kafka's rule.
    fn home(&self, cx: &Check<'_>, group: &GroupId) -> Option<i32> {
        let count = cx.view.partitions.keys().filter(|p| &*p.topic == OFFSETS_TOPIC).count();
        let count = i32::try_from(count).ok().filter(|count| *count > 0)?;
        let hash = group
            .as_str()
            .encode_utf16()
            .fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
        Some(hash.checked_abs().unwrap_or(0) % count)
    }

    fn expired(&self, cx: &mut Check<'_>, group: &GroupId, partition: &TopicPartition) {
        let minutes = cx.view.server_config.get("offsets.retention.minutes");
        let minutes = minutes.and_then(|text| text.parse().ok()).unwrap_or(RETENTION_MINUTES);
        let retention = Span::secs(minutes.saturating_mul(60));
        let Some(view) = cx.view.nodes.get(&cx.event.node).and_then(|node| node.groups.get(group))
        else {
            return;
        };
        let reader = view.members.iter().find(|(_, member)| {
            member.assigned.contains(partition) || member.target.contains(partition)
        });
        let skewed = cx
            .view
            .nodes
            .values()
            .any(|node| node.clock_offset_ms != 0 || node.clock_drift_ppm != 0);
        let what = if let Some((member, _)) = reader {
            format!("expired while member {member} reads it")
        } else if let Some(since) =
            self.empty.get(group).filter(|_| view.members.is_empty() && !skewed)
        {
            let age = cx.event.time.since(*since);
            if age >= retention {
                return;
            }
            format!("expired {age} after the group became empty; it is to be kept for {retention}")
        } else {
            return;
        };
        report(cx, InvariantId::OffsetRetention, group, partition, Offset(-1), what, Vec::new());
    }
}

/// S22 (a).
fn fenced(
    cx: &mut Check<'_>,
    group: &GroupId,
    partition: &TopicPartition,
    member: &MemberId,
    epoch: i32,
) {
    let Some(view) = cx.view.nodes.get(&cx.event.node).and_then(|node| node.groups.get(group))
    else {
        return;
    };
    let problem = if member.as_str().is_empty() {
        (!view.members.is_empty()).then(|| "by nobody in the group, which has members".to_owned())
    } else {
        match view.members.get(member) {
            None => Some(format!("by {member}, which is not a member")),
            Some(_) if view.kind != "consumer" => (epoch != view.epoch).then(|| {
                format!("by {member} of generation {epoch}, and the generation is {}", view.epoch)
            }),
            // With KIP-848 an older epoch will do for what the member has had since then.
            Some(at) => (epoch > at.epoch
                || epoch < at.epoch
                    && !at.assigned.contains(partition)
                    && !at.revoking.contains(partition))
            .then(|| format!("by {member} of epoch {epoch}, and its epoch is {}", at.epoch)),
        }
    };
    let Some(problem) = problem else { return };
    let what = format!("was committed {problem}");
    report(cx, InvariantId::CommitFenced, group, partition, Offset(-1), what, Vec::new());
}

fn group_of(cx: &Check<'_>, node: NodeId) -> Option<GroupId> {
    cx.view.nodes.get(&node)?.client.membership.as_ref()?.group.clone()
}

fn report(
    cx: &mut Check<'_>,
    id: InvariantId,
    group: &GroupId,
    partition: &TopicPartition,
    offset: Offset,
    what: String,
    events: Vec<Seq>,
) {
    cx.reporter.report(Finding {
        id,
        severity: Severity::Red,
        subject: format!("{group} {partition}"),
        partition: Some(partition),
        offset: (offset.0 >= 0).then_some(offset),
        sentence: format!("{partition}: the offset of group {group} {what}"),
        events,
    });
}
