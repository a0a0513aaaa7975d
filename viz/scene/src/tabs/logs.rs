//! Logs: a partition's replicas as lanes on one axis of offsets, so that how far a high watermark or a log end lags is a
//! distance one can see.
//!
//! What is filled is committed, what is only outlined is not yet; what the leader does not have is crossed. The bar through all
//! lanes is the leader's high watermark, the tick in each lane what that replica believes it to be. Groups hang below.

use klamm_node::{BrokerId, LeaderEpoch, Offset, TopicPartition};
use klamm_trace::{Batch, PartitionView, ReplicaRole, ReplicaView};

use crate::geometry::{Point, Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Anchor, Ink, Look, Role, Stroke, Type};
use crate::stage::{Draw, MARGIN, Zoom, fact, hue_of, list};
use crate::subject::Subject;
use crate::text;
use crate::theme::{Colour, Hue};

mod axis;
mod groups;
mod overview;

use axis::Axis;

/// Draws the tab.
pub(crate) fn draw(draw: &mut Draw<'_>) {
    if draw.stage.style.zoom == Zoom::Far {
        return overview::draw(draw);
    }
    let Some(partition) = draw.partition() else { return draw.nothing(Phrase::NoPartition) };
    let Some(view) = draw.view().partitions.get(&partition) else {
        return draw.nothing(Phrase::NoPartition);
    };
    let logs = Logs::new(draw, &partition, view);
    logs.heading(draw);
    // The flag of the high watermark begins here.
    let axis = draw.y + draw.em(4);
    logs.axis(draw);
    let top = draw.y;
    for broker in logs.brokers.clone() {
        logs.lane(draw, broker);
    }
    logs.watermark(draw, top);
    groups::draw(draw, &logs);
    draw.pin_heads(axis, top);
    draw.pin_names(logs.axis.x0 - px(8));
    logs.legend(draw);
}

/// What every part of the picture needs.
pub(crate) struct Logs<'a> {
    pub partition: &'a TopicPartition,
    pub view: &'a PartitionView,
    /// The replicas, preferred leader first, then those that are no replicas any more.
    pub brokers: Vec<BrokerId>,
    /// The replica that truly leads.
    pub leader: Option<(BrokerId, &'a ReplicaView)>,
    pub axis: Axis,
}

impl<'a> Logs<'a> {
    fn new(draw: &Draw<'a>, partition: &'a TopicPartition, view: &'a PartitionView) -> Self {
        let mut brokers: Vec<BrokerId> =
            view.truth.as_ref().map(|truth| truth.replicas.clone()).unwrap_or_default();
        let others = view.replicas.keys().filter(|broker| !brokers.contains(broker)).copied();
        let others: Vec<_> = others.collect();
        brokers.extend(others);
        let leader = draw.view().true_leader(partition);
        let axis = Axis::new(draw, partition, view);
        Self { partition, view, brokers, leader, axis }
    }

    /// The facts of the partition: its name, who leads in which epoch, the ISR.
    fn heading(&self, draw: &mut Draw<'_>) {
        let (title, small, strong) = (draw.title(), draw.small(), draw.strong());
        let view = draw.view();
        let partition = self.partition;
        let leader = view.leader_of(partition);
        let truth = view.truth(partition);
        let mut facts = vec![
            (
                Subject::Leader(partition.clone()),
                draw.word(Phrase::Leader),
                leader.map_or_else(|| draw.word(Phrase::Nobody).to_owned(), |b| b.to_string()),
            ),
            (
                Subject::LeaderEpoch(partition.clone()),
                draw.word(Phrase::LeaderEpoch),
                truth.map_or_else(|| "–".to_owned(), |truth| truth.leader_epoch.to_string()),
            ),
            (Subject::Isr(partition.clone()), draw.word(Phrase::Isr), list(view.isr_of(partition))),
            (
                Subject::MinIsr(partition.clone()),
                draw.word(Phrase::MinIsr),
                view.min_isr(&partition.topic).to_string(),
            ),
        ];
        let elr = truth.map(|truth| truth.elr.as_slice()).unwrap_or_default();
        if !elr.is_empty() {
            facts.push((Subject::Elr(partition.clone()), draw.word(Phrase::Elr), list(elr)));
        }
        let warning = truth.and_then(|truth| {
            let least = view.min_isr(&partition.topic);
            if truth.leader == BrokerId::NONE {
                Some(Phrase::Leaderless)
            } else if truth.isr.len() < least {
                Some(Phrase::UnderMinIsr)
            } else if truth.isr.len() < truth.replicas.len() {
                Some(Phrase::UnderReplicated)
            } else {
                None
            }
        });
        let warning = warning.map(|phrase| draw.word(phrase));
        let (danger, gap) = (draw.theme.hue(Hue::Danger), draw.em(26));
        let top = draw.y + draw.em(14);
        let baseline = top + draw.em(20);
        let name = partition.to_string();
        draw.canvas.object("partition", Role::Area, name.clone(), |ink| {
            let mut x = MARGIN + ink.text(at(MARGIN, baseline), title, &name) + gap;
            for (subject, label, value) in facts {
                let said = format!("{label} {value}");
                x += gap
                    + ink.value(subject, said, |ink| {
                        fact(ink, at(x, top), (small, strong), label, &value)
                    });
            }
            if let Some(warning) = warning {
                ink.object("health", Role::Note, warning, |ink| {
                    let kind = strong.colour(danger);
                    ink.text(at(x, baseline), kind, format!("! {warning}"))
                });
            }
        });
        draw.y = baseline + draw.em(18);
    }

    /// The offsets along the top.
    fn axis(&self, draw: &mut Draw<'_>) {
        let (small, faint) = (draw.small(), draw.theme.faint);
        // Room for the flag of the high watermark above the numbers.
        let top = draw.y + draw.em(24);
        let line = top + draw.em(8);
        let name = draw.say(Phrase::AxisName, &[&self.axis.low, &self.axis.high]);
        let word = draw.word(Phrase::Offset);
        draw.canvas.object("axis", Role::Area, name, |ink| {
            ink.text(at(MARGIN, top), small, word);
            ink.line(at(self.axis.x0, line), at(self.axis.x1, line), Stroke::new(faint, 10));
            for (offset, place) in self.axis.ticks(small.size) {
                let kind = small.anchor(Anchor::Middle);
                ink.text(at(place, top), kind, offset.to_string());
                if !self.axis.records {
                    ink.line(at(place, line), at(place, line + px(4)), Stroke::new(faint, 10));
                }
            }
            if let Some(folded) = self.axis.folded {
                let text = format!("… {folded}");
                ink.text(at(self.axis.x0 - px(6), top), small.anchor(Anchor::End), text);
            }
        });
        draw.y = line + draw.em(6);
    }

    /// A replica's lane.
    fn lane(&self, draw: &mut Draw<'_>, broker: BrokerId) {
        let lane = Lane::new(self, draw, broker);
        let top = draw.y;
        let height = draw.em(78);
        let name = lane.name(draw);
        let id = format!("lane:{}@{broker}", self.partition);
        let hue = lane.hue;
        let (panel, touched) = (draw.theme.panel, lane.is_touched(draw));
        let ring = Stroke::new(draw.theme.ink, 16);
        let frame = Rect::new(MARGIN - px(8), top, draw.inner() + px(16), height - draw.em(6));
        let mut canvas = std::mem::take(&mut draw.canvas);
        canvas.object(id, Role::Stop, name, |ink| {
            let look = Look { fill: Some(panel), stroke: touched.then_some(ring) };
            ink.rect(frame, px(6), look);
            let mark = Rect::new(frame.x, frame.y, px(6), frame.h);
            ink.rect(mark, px(3), Look::fill(draw.theme.hue(hue)));
            lane.words(draw, ink, top);
            lane.body(draw, ink, top);
        });
        draw.canvas = canvas;
        draw.y = top + height;
    }

    /// The leader's high watermark through all lanes.
    fn watermark(&self, draw: &mut Draw<'_>, top: Tenths) {
        let Some((broker, leader)) = self.leader else { return };
        let mark = leader.high_watermark;
        let x = self.axis.x_of(mark);
        let colour = draw.theme.hue(Hue::Danger);
        let kind = Type::new(draw.em(13), draw.theme.on(Hue::Danger)).strong();
        let text = draw.say(Phrase::HwFlag, &[&mark]);
        let bottom = draw.y - draw.em(6);
        let flag_y = top - draw.em(32);
        let flag_h = draw.em(18);
        let subject = Subject::HighWatermark(self.partition.clone(), broker);
        let name = draw.say(Phrase::HwName, &[&mark, &broker]);
        draw.canvas.object("high-watermark", Role::Mark, name.clone(), |ink| {
            ink.value(subject, name, |ink| {
                let w = text::width(&text, kind.size) + kind.size;
                // The flag flies to the left, where everything is committed.
                let left = (x - w).max(MARGIN);
                let flag = Rect::new(left, flag_y, w, flag_h);
                ink.line(at(x, flag.y), at(x, bottom), Stroke::new(colour, px(2)));
                ink.rect(flag, px(2), Look::fill(colour));
                let place = at(flag.x + kind.size / 2, flag.y + flag_h * 3 / 4);
                ink.text(place, kind, text);
            });
        });
    }

    /// What the marks mean.
    fn legend(&self, draw: &mut Draw<'_>) {
        let small = draw.small();
        let (leader, danger) = (draw.theme.hue(Hue::Leader), draw.theme.hue(Hue::Danger));
        let (ok, ink_colour) = (draw.theme.hue(Hue::Ok), draw.theme.ink);
        let entries = [
            Phrase::LegendCommitted,
            Phrase::LegendUncommitted,
            Phrase::LegendForeign,
            Phrase::LegendOwnHw,
            Phrase::LegendSynced,
            Phrase::LegendKey,
        ];
        let y = draw.y + draw.em(18);
        let side = draw.em(12);
        let name = draw.word(Phrase::Legend);
        let words: Vec<&'static str> = entries.iter().map(|phrase| draw.word(*phrase)).collect();
        let limit = draw.stage.style.width - MARGIN;
        let line = draw.em(20);
        let bottom = draw.canvas.object("legend", Role::Note, name, |ink| {
            let (mut x, mut y) = (MARGIN, y);
            for (place, word) in words.into_iter().enumerate() {
                let w = side + px(6) + text::width(word, small.size) + px(18);
                if x + w > limit && x > MARGIN {
                    (x, y) = (MARGIN, y + line);
                }
                let cell = Rect::new(x, y - side + px(1), side, side);
                let edge = Stroke::new(leader, 15);
                match place {
                    0 => ink.rect(cell, px(1), Look::both(leader, edge)),
                    1 => ink.rect(cell, px(1), Look::edge(edge)),
                    2 => {
                        ink.rect(cell, px(1), Look::edge(edge));
                        ink.cross(cell.centre(), side / 2, Stroke::new(danger, 20));
                    }
                    3 => own_tick(ink, at(cell.centre().x, cell.bottom()), side, danger),
                    4 => {
                        let y = cell.centre().y;
                        ink.line(at(cell.x, y), at(cell.right(), y), Stroke::new(ok, px(3)));
                    }
                    _ => {
                        ink.rect(cell, px(1), Look::edge(edge));
                        let kind = Type::new(side * 3 / 4, ink_colour).anchor(Anchor::Middle);
                        ink.text(at(cell.centre().x, cell.bottom() - side / 4), kind, "k");
                    }
                }
                ink.text(at(x + side + px(6), y), small.colour(ink_colour), word);
                x += w;
            }
            y
        });
        draw.y = bottom + draw.em(8);
    }
}

/// The tick at what a replica itself believes to be the high watermark: an arrow from below.
fn own_tick(ink: &mut Ink, tip: Point, size: Tenths, colour: Colour) {
    let half = size * 4 / 10;
    let top = tip.by(0, -size);
    let arrow = [top, top.by(half, half), top.by(-half, half)];
    ink.path(&arrow, true, Look::fill(colour));
    ink.line(top.by(0, half), tip, Stroke::new(colour, px(2)));
}

/// A replica as it is drawn.
struct Lane<'a> {
    logs: &'a Logs<'a>,
    broker: BrokerId,
    replica: Option<&'a ReplicaView>,
    hue: Hue,
    /// What its broker believes, where that is not the truth.
    wrong: bool,
    alive: bool,
}

impl<'a> Lane<'a> {
    fn new(logs: &'a Logs<'a>, draw: &Draw<'_>, broker: BrokerId) -> Self {
        let replica = logs.view.replicas.get(&broker);
        let view = draw.view();
        let node = draw.table().node_of(broker);
        let alive = node.is_some_and(|node| view.is_alive(node));
        let truth = view.truth(logs.partition);
        let wrong = replica.zip(truth).is_some_and(|(replica, truth)| match replica.role {
            ReplicaRole::Leader => {
                truth.leader != broker || truth.leader_epoch != replica.leader_epoch
            }
            ReplicaRole::Follower => {
                truth.leader != replica.leader || truth.leader_epoch != replica.leader_epoch
            }
            ReplicaRole::Idle => false,
        });
        let hue = if alive || replica.is_none() {
            hue_of(view, logs.partition, broker)
        } else {
            Hue::Out
        };
        Self { logs, broker, replica, hue, wrong, alive }
    }

    /// What it is, in words.
    fn role(&self, draw: &Draw<'_>) -> String {
        let view = draw.view();
        let node = draw.table().node_of(self.broker);
        let Some(replica) = self.replica else { return draw.word(Phrase::NoReplicaYet).to_owned() };
        if !self.alive {
            let state = node.and_then(|node| view.nodes.get(&node)).map(|node| node.state);
            return draw.word(crate::words::process(state.unwrap_or_default())).to_owned();
        }
        match replica.role {
            ReplicaRole::Leader if self.wrong => draw.word(Phrase::BelievesToLead).to_owned(),
            ReplicaRole::Leader => draw.word(Phrase::Leader).to_owned(),
            ReplicaRole::Follower if replica.leader == BrokerId::NONE => {
                draw.word(Phrase::WaitsForLeader).to_owned()
            }
            ReplicaRole::Follower if self.wrong => {
                draw.say(Phrase::BelievesToFollow, &[&replica.leader])
            }
            ReplicaRole::Follower => draw.say(Phrase::FollowerOf, &[&replica.leader]),
            ReplicaRole::Idle => draw.word(Phrase::NotOpenedYet).to_owned(),
        }
    }

    /// Its standing with the partition, in words.
    fn standing(&self, draw: &Draw<'_>) -> Option<Phrase> {
        let truth = draw.view().truth(self.logs.partition)?;
        if truth.leader == self.broker {
            None
        } else if truth.isr.contains(&self.broker) {
            Some(Phrase::InIsr)
        } else if truth.elr.contains(&self.broker) {
            Some(Phrase::InElr)
        } else if truth.adding.contains(&self.broker) {
            Some(Phrase::Adding)
        } else if truth.replicas.contains(&self.broker) {
            Some(Phrase::OutOfIsr)
        } else {
            Some(Phrase::NoReplicaAnyMore)
        }
    }

    fn broker_name(&self, draw: &Draw<'_>) -> String {
        let node = draw.table().node_of(self.broker);
        node.map_or_else(|| self.broker.to_string(), |node| draw.name_of(node).to_owned())
    }

    /// Everything that the lane shows, for whoever can't see it.
    fn name(&self, draw: &Draw<'_>) -> String {
        let mut words = vec![self.broker_name(draw), self.role(draw)];
        if let Some(standing) = self.standing(draw) {
            words.push(draw.word(standing).to_owned());
        }
        if let Some(replica) = self.replica {
            words.push(draw.say(Phrase::LeaderEpochIs, &[&replica.leader_epoch]));
            words.push(draw.say(Phrase::LogStartIs, &[&replica.log.start()]));
            words.push(draw.say(Phrase::LogEndIs, &[&replica.log.end()]));
            words.push(draw.say(Phrase::OwnHwIs, &[&replica.high_watermark]));
            words.push(draw.say(Phrase::SyncedIs, &[&replica.synced]));
        }
        words.join(", ")
    }

    /// True if the event at this step is about it.
    fn is_touched(&self, draw: &Draw<'_>) -> bool {
        let Some(event) = draw.event() else { return false };
        if draw.table().broker_of(event.node) != Some(self.broker) {
            return false;
        }
        let mut about = false;
        event.kind.visit(&mut |key, value| {
            if key == "partition" {
                let mut text = String::new();
                about |= value.show(&mut text).is_ok() && text == self.logs.partition.to_string();
            }
        });
        about
    }

    /// The words on the left: who it is and its numbers.
    fn words(&self, draw: &Draw<'_>, ink: &mut Ink, top: Tenths) {
        let (strong, small) = (draw.strong(), draw.small());
        let partition = self.logs.partition;
        let mut x = MARGIN + px(6);
        let room = self.logs.axis.x0 - x - px(16);
        let baseline = top + draw.em(22);
        if self.hue == Hue::Leader && self.alive {
            let reach = draw.em(8);
            ink.crown(at(x + reach, baseline - draw.em(5)), reach, draw.theme.hue(Hue::Leader));
            x += 2 * reach + px(6);
        }
        ink.fitted(at(x, baseline), strong, &self.broker_name(draw), room);
        x = MARGIN + px(6);
        // The role, and how it stands.
        let role = self.role(draw);
        let colour = if self.wrong { draw.theme.hue(Hue::Danger) } else { draw.theme.ink };
        let second = baseline + draw.em(18);
        let subject = Subject::ReplicaRole(partition.clone(), self.broker);
        let mut said = role.clone();
        if let Some(standing) = self.standing(draw) {
            said = format!("{role}, {}", draw.word(standing));
        }
        ink.value(subject, said.clone(), |ink| {
            ink.fitted(at(x, second), small.colour(colour), &said, room)
        });
        let Some(replica) = self.replica else { return };
        let third = second + draw.em(18);
        let epoch = draw.say(Phrase::EpochShort, &[&replica.leader_epoch]);
        let mark = draw.say(Phrase::HwShort, &[&replica.high_watermark]);
        let synced = draw.say(Phrase::SyncedShort, &[&replica.synced]);
        let numbers = [
            (Subject::ReplicaEpoch(partition.clone(), self.broker), epoch),
            (Subject::HighWatermark(partition.clone(), self.broker), mark),
            (Subject::Synced(partition.clone(), self.broker), synced),
        ];
        let end = self.logs.axis.x0 - px(10);
        for (subject, text) in numbers {
            let kind = small.colour(draw.theme.ink);
            let room = end - x;
            x += ink
                .value(subject, text.clone(), |ink| ink.fitted(at(x, third), kind, &text, room))
                + draw.em(10);
        }
    }

    /// The log itself.
    fn body(&self, draw: &Draw<'_>, ink: &mut Ink, top: Tenths) {
        let Some(replica) = self.replica else { return };
        let axis = &self.logs.axis;
        let band = Rect::new(axis.x0, top + draw.em(6), 0, draw.em(14));
        let row = Rect::new(axis.x0, top + draw.em(23), 0, draw.em(30));
        self.epochs(draw, ink, replica, band);
        let mut seen = 0;
        for batch in replica.log.batches() {
            if batch.last >= axis.low && batch.base < axis.high {
                seen += 1;
                self.batch(draw, ink, replica, batch, row);
            }
        }
        if seen == 0 && replica.log.end() == replica.log.start() {
            let text = draw.word(Phrase::EmptyLog);
            let place = at(axis.x_of(replica.log.end()) + draw.em(30), row.centre().y + draw.em(4));
            ink.object("empty", Role::Note, text, |ink| ink.text(place, draw.small(), text));
        }
        self.marks(draw, ink, replica, row);
    }

    /// The leader epochs, each a band from where it starts.
    fn epochs(&self, draw: &Draw<'_>, ink: &mut Ink, replica: &ReplicaView, band: Rect) {
        let axis = &self.logs.axis;
        let epochs = replica.log.epochs();
        let name = epochs
            .iter()
            .map(|(epoch, start)| draw.say(Phrase::EpochFrom, &[epoch, start]))
            .collect::<Vec<_>>()
            .join(", ");
        if epochs.is_empty() {
            return;
        }
        let subject = Subject::Epochs(self.logs.partition.clone(), self.broker);
        ink.value(subject, name, |ink| {
            for (index, (epoch, start)) in epochs.iter().enumerate() {
                let end =
                    epochs.get(index + 1).map_or_else(|| replica.log.end(), |(_, next)| *next);
                let (from, to) = (axis.x_of(*start), axis.x_of(end));
                if to <= from {
                    continue;
                }
                let strength = if epoch.0 % 2 == 0 { 10 } else { 24 };
                let fill = draw.theme.ink.over(draw.theme.background, strength);
                let rect = Rect::new(from, band.y, to - from, band.h);
                ink.rect(rect, 0, Look::fill(fill));
                let text = draw.say(Phrase::EpochBand, &[epoch]);
                let kind = Type::new(draw.em(11), draw.theme.ink);
                let place = at(rect.x + px(4), rect.bottom() - draw.em(3));
                ink.text(place, kind, fit(&text, epoch, kind.size, rect.w - px(6)));
            }
        });
    }

    /// A batch: joined squares, or a bar where there is no room for squares.
    fn batch(
        &self,
        draw: &Draw<'_>,
        ink: &mut Ink,
        replica: &ReplicaView,
        batch: Batch,
        row: Rect,
    ) {
        let axis = &self.logs.axis;
        let committed =
            self.logs.leader.map_or(replica.high_watermark, |(_, leader)| leader.high_watermark);
        let foreign = self.is_foreign(replica, batch);
        let colour = draw.theme.hue(self.hue);
        let edge = Stroke::new(colour, 15);
        let (first, last) = (batch.base.max(axis.low), batch.last.min(Offset(axis.high.0 - 1)));
        let all = Rect::new(
            axis.x_of(first) + axis.gap(),
            row.y,
            (axis.x_of(last.plus(1)) - axis.x_of(first) - 2 * axis.gap()).max(5),
            row.h,
        );
        let status = if foreign {
            Phrase::RecordForeign
        } else if batch.last < committed {
            Phrase::RecordCommitted
        } else {
            Phrase::RecordUncommitted
        };
        let name = if batch.base == batch.last {
            draw.say(Phrase::RecordName, &[&batch.base, &batch.epoch, &draw.word(status)])
        } else {
            let status = draw.word(status);
            draw.say(Phrase::BatchName, &[&batch.base, &batch.last, &batch.epoch, &status])
        };
        let id = format!("batch:{}", batch.base);
        ink.object(&id, Role::Mark, name, |ink| {
            // A batch over the watermark is filled up to it.
            let x = axis.x_of(committed).clamp(all.x, all.right());
            if !foreign && committed > first {
                let w = if committed > last { all.w } else { x - all.x };
                let filled = Rect::new(all.x, all.y, w, all.h);
                ink.rect(filled, px(2), Look::fill(colour));
                if !self.alive {
                    ink.hatch(filled, px(9), Stroke::new(draw.theme.background, 14));
                }
            }
            ink.rect(all, px(2), Look::edge(edge));
            if axis.records {
                self.cells(draw, ink, (first, last), batch, committed, all);
            }
            if foreign {
                let reach = (all.h / 2 - px(3)).min(all.w / 2);
                let cross = Stroke::new(draw.theme.hue(Hue::Danger), 25);
                ink.cross(all.centre(), reach, cross);
            }
        });
    }

    /// The keys of the records in a batch, and what divides them.
    fn cells(
        &self,
        draw: &Draw<'_>,
        ink: &mut Ink,
        (first, last): (Offset, Offset),
        batch: Batch,
        committed: Offset,
        all: Rect,
    ) {
        let axis = &self.logs.axis;
        let sent = self.logs.view.sent.get(&batch.crc);
        for offset in first.0..=last.0 {
            let x = axis.x_of(Offset(offset));
            let filled = offset < committed.0 && !self.is_foreign_at(batch);
            let on = if filled { draw.theme.on(self.hue) } else { draw.theme.ink };
            if offset > first.0 {
                let divide = Stroke::new(on.over(draw.theme.hue(self.hue), 45), 8);
                ink.line(at(x, all.y + px(4)), at(x, all.bottom() - px(4)), divide);
            }
            let index = usize::try_from(offset - batch.base.0).unwrap_or(usize::MAX);
            let record = sent.and_then(|sent| sent.get(index));
            let record = record.and_then(|record| draw.view().records.get(record));
            let Some(key) = record.and_then(|record| record.key.as_deref()) else { continue };
            let kind = Type::new(draw.em(12), on).anchor(Anchor::Middle);
            let short = short_key(key);
            if text::width(short, kind.size) + px(4) <= axis.cell {
                let place = at(x + axis.cell / 2, all.centre().y + kind.size * 36 / 100);
                if filled && !self.alive {
                    // The hatching shall not strike the key out.
                    let w = text::width(short, kind.size) + px(4);
                    let plate = Rect::around(at(place.x, all.centre().y), w, kind.size);
                    ink.rect(plate, px(2), Look::fill(draw.theme.hue(self.hue)));
                }
                ink.text(place, kind, short);
            }
        }
    }

    fn is_foreign_at(&self, batch: Batch) -> bool {
        self.replica.is_some_and(|replica| self.is_foreign(replica, batch))
    }

    /// True if the leader has other records at these offsets, or none though its log begins below.
    fn is_foreign(&self, replica: &ReplicaView, batch: Batch) -> bool {
        let Some((leader, log)) = self.logs.leader.map(|(b, replica)| (b, &replica.log)) else {
            return false;
        };
        if leader == self.broker || std::ptr::eq(log, &replica.log) {
            return false;
        }
        match log.at(batch.base) {
            Some(theirs) => theirs.crc != batch.crc || theirs.epoch != batch.epoch,
            None => batch.base >= log.start(),
        }
    }

    /// Where the log begins and ends, what is durable, and what it believes to be the high watermark.
    fn marks(&self, draw: &Draw<'_>, ink: &mut Ink, replica: &ReplicaView, row: Rect) {
        let axis = &self.logs.axis;
        let partition = self.logs.partition;
        let colour = draw.theme.ink;
        let (start, end) = (replica.log.start(), replica.log.end());
        // What is durable lies under the records.
        let synced = replica.synced.min(end);
        let y = row.bottom() + draw.em(5);
        if synced > start.max(axis.low) {
            let name = draw.say(Phrase::SyncedIs, &[&replica.synced]);
            ink.object("durable", Role::Mark, name, |ink| {
                let (from, to) = (axis.x_of(start), axis.x_of(synced));
                let line = Stroke::new(draw.theme.hue(Hue::Ok), px(3));
                ink.line(at(from, y), at(to, y), line);
            });
        }
        // The start is torn.
        if start > axis.low || (start > Offset(0) && start >= axis.low) {
            let subject = Subject::LogStart(partition.clone(), self.broker);
            let name = draw.say(Phrase::LogStartIs, &[&start]);
            let x = axis.x_of(start);
            ink.value(subject, name.clone(), |ink| {
                let (step, half) = (row.h / 6, px(4));
                let points: Vec<Point> = (0..=6)
                    .map(|n| at(x + if n % 2 == 0 { -half } else { 0 }, row.y + n * step))
                    .collect();
                ink.path(&points, false, Look::edge(Stroke::new(colour, 18)));
                let kind = Type::new(draw.em(11), draw.theme.quiet).anchor(Anchor::Start);
                let w = text::width(&name, kind.size);
                let left = (x - w - px(8)).max(axis.x0);
                if left + w < x {
                    ink.text(at(left, row.centre().y), kind, name);
                }
            });
        }
        // Its own idea of the high watermark.
        let mark = replica.high_watermark;
        let danger = draw.theme.hue(Hue::Danger);
        if mark >= axis.low && self.alive {
            let name = draw.say(Phrase::OwnHwIs, &[&mark]);
            ink.object("own-hw", Role::Mark, name, |ink| {
                let tip = at(axis.x_of(mark), row.bottom() + draw.em(14));
                own_tick(ink, tip, draw.em(13), danger);
            });
        }
        // The end.
        let subject = Subject::LogEnd(partition.clone(), self.broker);
        let name = draw.say(Phrase::LogEndIs, &[&end]);
        ink.value(subject, name, |ink| {
            let size = draw.em(7);
            let x = axis.x_of(end).max(axis.x0) + px(3);
            let y = row.centre().y;
            if end < axis.low {
                // Behind the left edge.
                let kind = draw.body().strong();
                let text = format!("… {end}");
                ink.text(at(x, y + draw.em(5)), kind, text);
                return;
            }
            let points = [at(x, y), at(x + size, y - size), at(x + size, y + size)];
            ink.path(&points, true, Look::fill(colour));
            let kind = draw.body().strong();
            ink.text(at(x + size + px(4), y + draw.em(5)), kind, end.to_string());
        });
    }
}

/// The whole text, or the number alone, or nothing.
fn fit(text: &str, epoch: &LeaderEpoch, size: Tenths, room: Tenths) -> String {
    let short = epoch.to_string();
    if text::width(text, size) <= room {
        text.to_owned()
    } else if text::width(&short, size) <= room {
        short
    } else {
        String::new()
    }
}

/// The end of a key tells it from others: `k3` of `key-3`.
fn short_key(key: &str) -> &str {
    let from = key.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
    let tail = key.get(from..).unwrap_or(key);
    tail.trim_start_matches(['-', '_', ':'])
}
