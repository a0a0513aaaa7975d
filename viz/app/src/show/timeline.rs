//! The timeline: bands over time, the place where one stands, and a finger to move it with.
//!
//! Idle stretches are folded by [`klamm_scene::TimeScale`]. With the future hidden nothing right of the playhead is drawn, and
//! the scale, which shows how long the run is, is the only thing that tells of it.

use std::rc::Rc;

use eframe::egui;
use egui::{
    Color32, FontId, Painter, Pos2, Rect, Role, ScrollArea, Sense, Shape, Stroke, Ui, pos2, vec2,
};
use klamm_node::{Time, TopicPartition};
use klamm_scene::{Fault, FaultKind, Hue, PartitionPoint, Tick, TimeScale, short_time};

use super::hand::{Hand, color, named, points, tenths};
use crate::lab::Lab;
use crate::words::Word;

/// The width of the bands' names, at text size 100.
const GUTTER: f32 = 104.0;

/// The height of a band, at text size 100.
const ROW: f32 = 18.0;

/// What lasts shorter is as wide as this: it is there to be seen.
const SHORTEST: f32 = 4.0;

/// Up to so many partitions stand above everything else.
const FEW: usize = 3;

/// More partitions than these stand below everything else.
const MANY: usize = 12;

/// How far the timeline can be stretched.
const STRETCH: (f32, f32) = (1.0, 32.0);

/// A band.
enum Band {
    Steps,
    Controller,
    Partition(TopicPartition),
    /// Faults that do not overlap: which lane it is, and what is in it, by its places in the list.
    Faults(usize, Vec<usize>),
    Groups,
    Violations,
}

/// Air between the words of a mark and the next mark.
const AIR: f32 = 14.0;

/// Where times are.
struct Field<'a> {
    lab: &'a Lab,
    hand: &'a Hand,
    scale: Rc<TimeScale>,
    ticks: &'a [Tick],
    left: f32,
    /// Nothing later is shown.
    shown: Time,
    font: FontId,
    /// Of two runs, which.
    side: Option<&'static str>,
}

/// Draws the pane; of two runs, both on one axis.
pub(super) fn show(lab: &mut Lab, other: Option<&Lab>, ui: &mut Ui, hand: &Hand) {
    let size = f32::from(hand.style.scale) / 100.0;
    ui.horizontal(|ui| {
        for (word, sign, factor) in [(Word::StretchLess, "-", 0.5), (Word::StretchMore, "+", 2.0)] {
            let name = hand.word(word);
            let response = ui.button(sign).on_hover_text(name);
            named(&response, Role::Button, name);
            if response.clicked() {
                lab.stretch = (lab.stretch * factor).clamp(STRETCH.0, STRETCH.1);
            }
        }
        ui.label(short_time(lab.cursor().view().now));
    });
    let mut to = None;
    let gutter = GUTTER * size;
    let width = (ui.available_width() - gutter - 24.0).max(120.0) * lab.stretch;
    let scale = match other {
        Some(other) => Rc::new(lab.trace().time_scale_with(other.trace(), tenths(width))),
        None => lab.time_scale(tenths(width)),
    };
    let font = FontId::proportional(12.0 * size);
    let seconds = |text: &str| hand.say(Word::Seconds, &[&text]);
    let (ticks, every) = scale.ticks(|text| {
        let words = ui.painter().layout_no_wrap(seconds(text), font.clone(), Color32::BLACK);
        tenths(words.size().x + AIR * size)
    });
    ScrollArea::both().id_salt("timeline").auto_shrink(false).show(ui, |ui| {
        let (left, top) = (ui.cursor().min.x + gutter, ui.cursor().min.y);
        // Names stay where they are while the bands are scrolled below them.
        let fixed = ui.clip_rect().min.x.max(ui.cursor().min.x);
        let shown = lab.curtain().map(|seq| lab.trace().time_of(seq));
        let row = ROW * size;
        let (axis, _) = ui.allocate_exact_size(vec2(gutter + width, row), Sense::hover());
        let mut bottom = axis.max.y;
        let mut last = Time::ZERO;
        for (run, side) in std::iter::once((&*lab, "A")).chain(other.map(|other| (other, "B"))) {
            let field = Field {
                scale: Rc::clone(&scale),
                ticks: &ticks,
                left,
                shown: shown.unwrap_or_else(|| run.trace().end()),
                font: font.clone(),
                lab: run,
                hand,
                side: other.map(|_| side),
            };
            last = last.max(field.shown);
            if let Some(time) = field.rows(ui, (fixed, gutter, width), &mut bottom) {
                to = Some(time);
            }
        }
        let x_of = |time: Time| left + points(scale.x_of(time));
        // It stays at the upper edge while the bands are scrolled below it.
        let axis = axis.translate(vec2(0.0, (ui.clip_rect().min.y - axis.min.y).max(0.0)));
        let response = ui.interact(axis, ui.scope_id().with("axis"), Sense::click_and_drag());
        let title = hand.word(Word::BandTime);
        let name = if every.is_empty() {
            title.to_owned()
        } else {
            hand.say(Word::BandCount, &[&title, &hand.say(Word::TickEvery, &[&every])])
        };
        named(&response, Role::Slider, &name);
        if (response.clicked() || response.dragged())
            && let Some(at) = response.interact_pointer_pos()
        {
            to = Some(scale.time_at(tenths((at.x - left).max(0.0))));
        }
        ui.painter().rect_filled(axis, 0.0, color(hand.theme.panel));
        let (ink, quiet) = (color(hand.theme.ink), color(hand.theme.quiet));
        let marks = axis.with_min_x(fixed + gutter).intersect(ui.clip_rect());
        let painter = ui.painter().with_clip_rect(marks);
        for tick in ticks.iter().filter(|tick| tick.time <= last) {
            let x = left + points(tick.x);
            painter.vline(x, axis.y_range(), Stroke::new(1.0, quiet));
            let place = pos2(x + 3.0, axis.center().y);
            let words = seconds(&tick.text);
            painter.text(place, egui::Align2::LEFT_CENTER, words, font.clone(), ink);
        }
        let place = pos2(fixed + 2.0, axis.center().y);
        ui.painter().text(place, egui::Align2::LEFT_CENTER, title, font.clone(), ink);
        response.on_hover_text_at_pointer(name);
        let x = x_of(lab.cursor().view().now);
        if x >= fixed + gutter - 5.0 {
            let line = Stroke::new(2.0, color(hand.theme.ink));
            ui.painter().vline(x, top..=bottom, line);
        }
        for seq in lab.bookmarks().iter().filter(|seq| !lab.hides(**seq)) {
            let x = x_of(lab.trace().time_of(*seq));
            let flag = vec![pos2(x, top), pos2(x + 8.0, top + 4.0), pos2(x, top + 8.0)];
            ui.painter().add(Shape::convex_polygon(flag, hand.colour(Hue::Txn), Stroke::NONE));
        }
    });
    if let Some(time) = to {
        let seq = lab.trace().at_time(time);
        lab.go(seq);
        ui.ctx().request_repaint();
    }
}

/// Which bands there are. What has no content in this run has no band.
fn bands(lab: &Lab) -> Vec<Band> {
    let bands = lab.trace().bands();
    let mut all = vec![Band::Steps];
    // What broke is seen at once.
    if lab.violations().next().is_some() {
        all.push(Band::Violations);
    }
    let own = |(partition, _): &(&TopicPartition, _)| !partition.topic.starts_with("__");
    let mut own: Vec<_> = bands.partitions().iter().filter(own).collect();
    let many = own.len() > MANY;
    if many {
        // Of very many those to which something happens come first, and what happened to nodes comes before all of them.
        own.sort_by_cached_key(|(_, points)| !changes(lab, points));
    }
    let own = own.into_iter().map(|(partition, _)| Band::Partition(partition.clone()));
    let own: Vec<Band> = own.collect();
    // In a lesson they are what it is about; of a few more the controller is easier found above them.
    let mut last = Vec::new();
    if own.len() <= FEW {
        all.extend(own);
        all.push(Band::Controller);
    } else {
        all.push(Band::Controller);
        if many {
            last = own;
        } else {
            all.extend(own);
        }
    }
    // How many lanes there are would tell how much is still to break.
    let told = |lane: &Vec<usize>| {
        let mut faults = lane.iter().filter_map(|at| bands.faults().get(*at));
        faults.any(|fault| !lab.hides(fault.from.0))
    };
    all.extend(
        (0..)
            .zip(lanes(bands.faults()).into_iter().filter(told))
            .map(|(place, lane)| Band::Faults(place, lane)),
    );
    if bands.rebalances().iter().any(|rebalance| !lab.hides(rebalance.from.0)) {
        all.push(Band::Groups);
    }
    all.extend(last);
    all
}

/// Whether a partition's leader or ISR is ever another than at first, as far as that may be told.
fn changes(lab: &Lab, points: &[PartitionPoint]) -> bool {
    let mut told = points.iter().filter(|point| point.leader.is_some() && !lab.hides(point.seq));
    let first = told.next().map(|point| (point.leader, point.in_sync));
    told.any(|point| Some((point.leader, point.in_sync)) != first)
}

/// Faults in lanes: each in the first in which nothing else lasts at its time.
fn lanes(faults: &[Fault]) -> Vec<Vec<usize>> {
    let mut lanes: Vec<(Option<Time>, Vec<usize>)> = Vec::new();
    // What happened to processes comes first: it is what one looks for.
    let mut order: Vec<(usize, &Fault)> =
        faults.iter().enumerate().filter(|(_, fault)| !is_told(faults, fault)).collect();
    order.sort_by_key(|(_, fault)| match fault.kind {
        FaultKind::Down(_) => 0,
        FaultKind::Paused(_)
        | FaultKind::Disk(_)
        | FaultKind::SlowDisk(_)
        | FaultKind::Clock(_) => 1,
        FaultKind::Cut(..) | FaultKind::Link(..) => 2,
    });
    for (at, fault) in order {
        let end = fault.to.map(|(_, time)| time);
        let free =
            lanes.iter_mut().find(|(until, _)| until.is_some_and(|time| time <= fault.from.1));
        match free {
            Some((until, lane)) => {
                *until = end;
                lane.push(at);
            }
            None => lanes.push((end, vec![at])),
        }
    }
    lanes.into_iter().map(|(_, lane)| lane).collect()
}

/// Whether a fault is the other half of one that is told for both: a link that was cut and healed both ways at once.
fn is_told(faults: &[Fault], fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Cut(from, to) if from > to) && has_other_half(faults, fault)
}

fn has_other_half(faults: &[Fault], fault: &Fault) -> bool {
    let FaultKind::Cut(from, to) = fault.kind else { return false };
    let times = |fault: &Fault| (fault.from.1, fault.to.map(|(_, time)| time));
    let back = |other: &&Fault| other.kind == FaultKind::Cut(to, from);
    faults.iter().filter(back).any(|other| times(other) == times(fault))
}

impl Field<'_> {
    fn x(&self, time: Time) -> f32 {
        self.left + points(self.scale.x_of(time))
    }

    /// Draws every band of the run, and moves the bottom on; the time that was clicked.
    fn rows(
        &self,
        ui: &mut Ui,
        (fixed, gutter, width): (f32, f32, f32),
        bottom: &mut f32,
    ) -> Option<Time> {
        let mut to = None;
        let row = ROW * self.font.size / 12.0;
        let hand = self.hand;
        for (at, band) in bands(self.lab).iter().enumerate() {
            let (rect, response) =
                ui.allocate_exact_size(vec2(gutter + width, row), Sense::click_and_drag());
            *bottom = rect.max.y;
            // What is scrolled out of sight is not drawn: a cluster may have hundreds of bands.
            if !ui.is_rect_visible(rect) {
                named(&response, Role::Slider, &self.sided(self.title(band)));
                continue;
            }
            let name = self.sided(self.name(band));
            named(&response, Role::Slider, &name);
            if response.clicked() || response.dragged() {
                to = response.interact_pointer_pos().map(|at| self.time_at(at));
            }
            if at % 2 == 0 {
                ui.painter().rect_filled(rect, 0.0, color(hand.theme.panel).gamma_multiply(0.6));
            }
            self.draw(ui.painter(), band, rect.with_min_x(self.left));
            let names = Rect::from_min_size(pos2(fixed, rect.min.y), vec2(gutter - 4.0, row));
            ui.painter().rect_filled(names, 0.0, color(hand.theme.panel));
            let place = pos2(names.min.x + 2.0, names.center().y);
            let ink = color(hand.theme.ink);
            let clipped = ui.painter().with_clip_rect(names.intersect(ui.clip_rect()));
            clipped.text(
                place,
                egui::Align2::LEFT_CENTER,
                self.sided(self.title(band)),
                self.font.clone(),
                ink,
            );
            response.on_hover_text_at_pointer(name);
        }
        to
    }

    /// With the side's letter before it, where there are two.
    fn sided(&self, text: String) -> String {
        match self.side {
            Some(side) => format!("{side} {text}"),
            None => text,
        }
    }

    /// The time at a place.
    fn time_at(&self, at: Pos2) -> Time {
        self.scale.time_at(tenths((at.x - self.left).max(0.0)))
    }

    fn title(&self, band: &Band) -> String {
        match band {
            Band::Steps => self.hand.word(Word::BandSteps).to_owned(),
            Band::Controller => self.hand.word(Word::BandController).to_owned(),
            Band::Partition(partition) => partition.to_string(),
            Band::Faults(0, _) => self.hand.word(Word::BandFaults).to_owned(),
            Band::Faults(place, _) => self.hand.say(Word::BandFaultsMore, &[&(place + 1)]),
            Band::Groups => self.hand.word(Word::BandGroups).to_owned(),
            Band::Violations => self.hand.word(Word::BandViolations).to_owned(),
        }
    }

    /// What a band says at the playhead.
    fn name(&self, band: &Band) -> String {
        let (lab, seq) = (self.lab, self.lab.seq());
        let bands = lab.trace().bands();
        let title = self.title(band);
        let listed = |all: Vec<String>| {
            let all = if all.is_empty() {
                self.hand.word(Word::BandNobody).to_owned()
            } else {
                all.join(", ")
            };
            self.hand.say(Word::BandCount, &[&title, &all])
        };
        match band {
            Band::Steps => {
                listed(lab.cursor().view().step.iter().map(|step| step.text.clone()).collect())
            }
            Band::Controller => {
                let active = lab.cursor().view().active_controller();
                let name = active.map(|(broker, _)| self.broker(broker));
                listed(
                    name.map(|it| self.hand.say(Word::BandControllerIs, &[&it]))
                        .into_iter()
                        .collect(),
                )
            }
            Band::Partition(partition) => match bands.partition_at(partition, seq) {
                Some(point) if point.replicas > 0 => {
                    let nobody = || self.hand.word(Word::BandNobody).to_owned();
                    let leader = point.leader.map_or_else(nobody, |leader| leader.to_string());
                    let values: [&dyn std::fmt::Display; 4] =
                        [partition, &leader, &point.in_sync, &point.replicas];
                    self.hand.say(Word::BandPartition, &values)
                }
                _ => self.hand.say(Word::BandNoPartition, &[partition]),
            },
            Band::Faults(_, lane) => {
                let now = self.faults(lane).filter(|fault| {
                    fault.from.0 <= seq && fault.to.is_none_or(|(end, _)| end > seq)
                });
                listed(now.map(|fault| self.fault(fault)).collect())
            }
            Band::Groups => {
                let now = bands.rebalances().iter().filter(|rebalance| {
                    rebalance.from.0 <= seq && rebalance.to.is_none_or(|(end, _)| end > seq)
                });
                listed(now.map(|rebalance| rebalance.group.to_string()).collect())
            }
            Band::Violations => {
                let past = lab.trace().violations().iter().filter(|violation| violation.seq <= seq);
                listed(past.map(|violation| violation.id.code().to_owned()).collect())
            }
        }
    }

    fn faults<'a>(&'a self, lane: &'a [usize]) -> impl Iterator<Item = &'a Fault> {
        let all = self.lab.trace().bands().faults();
        lane.iter().filter_map(|at| all.get(*at))
    }

    fn broker(&self, id: klamm_node::BrokerId) -> String {
        let nodes = self.lab.trace().nodes();
        nodes.node_of(id).map_or_else(|| id.to_string(), |node| nodes.name(node).to_owned())
    }

    fn fault(&self, fault: &Fault) -> String {
        let name = |node| self.lab.name(node);
        match fault.kind {
            FaultKind::Down(node) => self.hand.say(Word::FaultDown, &[&name(node)]),
            FaultKind::Paused(node) => self.hand.say(Word::FaultPaused, &[&name(node)]),
            FaultKind::Cut(from, to)
                if has_other_half(self.lab.trace().bands().faults(), fault) =>
            {
                self.hand.say(Word::FaultCutBoth, &[&name(from), &name(to)])
            }
            FaultKind::Cut(from, to) => self.hand.say(Word::FaultCut, &[&name(from), &name(to)]),
            FaultKind::Link(from, to) => self.hand.say(Word::FaultLink, &[&name(from), &name(to)]),
            FaultKind::Disk(node) => self.hand.say(Word::FaultDisk, &[&name(node)]),
            FaultKind::SlowDisk(node) => self.hand.say(Word::DidSlowDisk, &[&name(node)]),
            FaultKind::Clock(node) => self.hand.say(Word::FaultClock, &[&name(node)]),
        }
    }

    fn draw(&self, painter: &Painter, band: &Band, rect: Rect) {
        let bands = self.lab.trace().bands();
        // Where calm is to come is not told while the future is hidden.
        let last = self.x(self.shown);
        let folds = self.scale.segments().iter().filter(|segment| segment.folded);
        for fold in folds.filter(|fold| self.left + points(fold.x0) <= last) {
            let x = self.left + points(fold.x0);
            let fold = Rect::from_x_y_ranges(x..=x + points(fold.x1 - fold.x0), rect.y_range());
            painter.rect_filled(fold, 0.0, color(self.hand.theme.faint).gamma_multiply(0.4));
        }
        let seen = painter.clip_rect().x_range();
        let line = Stroke::new(1.0, color(self.hand.theme.faint).gamma_multiply(0.6));
        for tick in self.ticks.iter().filter(|tick| tick.time <= self.shown) {
            let x = self.left + points(tick.x);
            if seen.contains(x) {
                painter.vline(x, rect.y_range(), line);
            }
        }
        match band {
            Band::Steps => {
                for beat in self.lab.trace().beats().iter().filter(|beat| beat.time <= self.shown) {
                    let done = beat.seq <= self.lab.seq();
                    let ink = color(if done { self.hand.theme.ink } else { self.hand.theme.quiet });
                    let at = pos2(self.x(beat.time), rect.center().y);
                    let radius = rect.height() * 0.22;
                    if done {
                        painter.circle_filled(at, radius, ink);
                    } else {
                        painter.circle_stroke(at, radius, Stroke::new(1.5, ink));
                    }
                }
            }
            Band::Controller => {
                let points = bands.controllers();
                for (at, (_, from, active)) in points.iter().enumerate() {
                    let to = points.get(at + 1).map(|(_, time, _)| *time);
                    if let Some(active) = active {
                        self.bar(
                            painter,
                            rect,
                            (*from, to),
                            1.0,
                            Hue::Leader,
                            &self.broker(*active),
                        );
                    }
                }
            }
            Band::Partition(partition) => self.partition(painter, partition, rect),
            Band::Faults(_, lane) => {
                for fault in self.faults(lane) {
                    let to = fault.to.map(|(_, time)| time);
                    let name = self.fault(fault);
                    self.bar(painter, rect, (fault.from.1, to), 0.8, Hue::Danger, &name);
                }
            }
            Band::Groups => {
                for rebalance in bands.rebalances() {
                    let to = rebalance.to.map(|(_, time)| time);
                    let name = rebalance.group.to_string();
                    self.bar(painter, rect, (rebalance.from.1, to), 0.8, Hue::Warning, &name);
                }
            }
            Band::Violations => {
                for violation in self.lab.trace().violations() {
                    if violation.time <= self.shown {
                        let (x, y) = (self.x(violation.time), rect.center().y);
                        let line = Stroke::new(2.5, self.hand.colour(Hue::Danger));
                        let reach = rect.height() * 0.28;
                        painter.line_segment(
                            [pos2(x - reach, y - reach), pos2(x + reach, y + reach)],
                            line,
                        );
                        painter.line_segment(
                            [pos2(x - reach, y + reach), pos2(x + reach, y - reach)],
                            line,
                        );
                    }
                }
            }
        }
    }

    /// Who leads, as a number; how thick the bar is says how many are in sync. Below the minimum it changes its colour and has a
    /// line on top, without a leader it is a line alone.
    fn partition(&self, painter: &Painter, partition: &TopicPartition, rect: Rect) {
        let Some(all) = self.lab.trace().bands().partitions().get(partition) else { return };
        let mut drawn: Option<(f32, Hue)> = None;
        for (at, point) in all.iter().enumerate() {
            if point.replicas == 0 {
                continue;
            }
            let to = all.get(at + 1).map(|next| next.time);
            // Thousands of changes on one pixel are one mark, as long as they say the same of it.
            let says = match point.leader {
                Some(_) if point.under_min => Hue::Warning,
                Some(_) => Hue::Isr,
                None => Hue::Danger,
            };
            let right = self.x(to.unwrap_or(self.shown));
            if drawn.is_some_and(|(x, hue)| hue == says && right < x + 0.5) {
                continue;
            }
            drawn = Some((right, says));
            let part = share(point.in_sync, point.replicas);
            match point.leader {
                Some(leader) => {
                    let hue = if point.under_min { Hue::Warning } else { Hue::Isr };
                    self.bar(painter, rect, (point.time, to), part, hue, &leader.to_string());
                }
                None => self.bar(painter, rect, (point.time, to), 0.12, Hue::Danger, ""),
            }
            if point.under_min
                && let Some(bar) = self.span(rect, (point.time, to))
            {
                painter.hline(
                    bar.x_range(),
                    bar.min.y + 1.0,
                    Stroke::new(2.0, self.hand.colour(Hue::Danger)),
                );
            }
        }
    }

    /// The rectangle of a stretch of time, as far as it is shown.
    fn span(&self, rect: Rect, (from, to): (Time, Option<Time>)) -> Option<Rect> {
        let to = to.unwrap_or(self.shown).min(self.shown);
        (from <= to).then(|| {
            let left = self.x(from);
            Rect::from_x_y_ranges(
                left..=self.x(to).max(left + SHORTEST),
                rect.y_range().shrink(1.0),
            )
        })
    }

    fn bar(
        &self,
        painter: &Painter,
        rect: Rect,
        times: (Time, Option<Time>),
        part: f32,
        hue: Hue,
        text: &str,
    ) {
        let Some(span) = self.span(rect, times) else { return };
        let height = span.height() * part.clamp(0.1, 1.0);
        let bar = Rect::from_x_y_ranges(span.x_range(), span.max.y - height..=span.max.y);
        painter.rect_filled(bar, 2.0, self.hand.colour(hue));
        // An edge inside of a very short one would be all of it.
        if bar.width() > 2.0 * SHORTEST {
            painter.rect_stroke(
                bar,
                2.0,
                Stroke::new(1.0, color(self.hand.theme.background)),
                egui::StrokeKind::Inside,
            );
        }
        // Letters need their height and a little air.
        let size = self.font.size.min(height * 0.8);
        if text.is_empty() || size < 7.0 {
            return;
        }
        let ink: Color32 = color(self.hand.theme.on(hue));
        let font = FontId::proportional(size);
        let galley = painter.layout_no_wrap(text.to_owned(), font, ink);
        if galley.size().x + 6.0 <= bar.width() {
            let y = bar.center().y - galley.size().y / 2.0;
            painter.galley(pos2(bar.min.x + 3.0, y), galley, ink);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "replicas are few")]
fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}
