//! Groups: partitions by members. What a member has is filled, what it is to have in the end is outlined, what it has to give up
//! is hatched; below, how far the group is with each partition. What a member has that does not run any more is hatched in grey:
//! nobody reads it, and the coordinator does not know yet.

use std::collections::BTreeSet;

use klamm_node::{GroupId, TopicPartition};
use klamm_trace::{GroupView, MemberView, ProcessState};

use crate::geometry::{Point, Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Anchor, Dash, Ink, Look, Role, Stroke, Type};
use crate::stage::{Draw, MARGIN, fact};
use crate::subject::Subject;
use crate::text;
use crate::theme::Hue;

/// Draws the tab: the picked group, or all.
pub(crate) fn draw(draw: &mut Draw<'_>) {
    let groups: Vec<GroupId> = draw.view().groups().into_iter().cloned().collect();
    let picked = draw.stage.selection.group.clone();
    let shown: Vec<GroupId> =
        groups.into_iter().filter(|group| picked.as_ref().is_none_or(|p| p == group)).collect();
    if shown.is_empty() {
        return draw.nothing(Phrase::NoGroups);
    }
    for group in shown {
        one(draw, &group);
    }
}

fn one(draw: &mut Draw<'_>, id: &GroupId) {
    let view = draw.view();
    let Some((coordinator, group)) = view.group(id) else {
        let text = draw.say(Phrase::NoCoordinator, &[id]);
        let (kind, y) = (draw.strong(), draw.y + draw.em(22));
        draw.canvas.object(format!("group:{id}"), Role::Stop, text.clone(), |ink| {
            ink.text(at(MARGIN, y), kind, text)
        });
        draw.y = y + draw.em(20);
        return;
    };
    heading(draw, id, group, draw.name_of(coordinator));
    let mut partitions: BTreeSet<TopicPartition> = group.offsets.keys().cloned().collect();
    for member in group.members.values() {
        let all = member.assigned.iter().chain(&member.revoking).chain(&member.target);
        partitions.extend(all.cloned());
    }
    let topics: BTreeSet<_> = partitions.iter().map(|partition| partition.topic.clone()).collect();
    // Partitions that nobody has are part of the picture.
    let all = view.partitions.keys().filter(|p| topics.contains(&p.topic)).cloned();
    partitions.extend(all);
    let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
    let left = MARGIN + draw.em(210);
    let room = draw.stage.style.width - MARGIN - left;
    let count = i32::try_from(partitions.len()).unwrap_or(1).max(1);
    // Of very many partitions each is a stroke.
    let cell = (room / count).clamp(px(1), draw.em(110));
    let above = draw.y;
    columns(draw, &partitions, left, cell);
    let below = draw.y;
    let mut members: Vec<Row<'_>> = group
        .members
        .iter()
        .map(|(member, state)| Row::new(draw, member.as_str(), state, group))
        .collect();
    // By name: who comes back with another member id has the place that it had.
    members.sort_by_key(|row| row.place());
    for member in &members {
        row(draw, member, (id, group), &partitions, (left, cell));
    }
    if group.members.is_empty() {
        draw.nothing(Phrase::NoMembers);
    }
    let reads = members.iter().filter(|row| row.gone.is_none());
    let read = reads.flat_map(|row| &row.state.assigned).collect();
    offsets(draw, (id, group), &partitions, &read, (left, cell));
    draw.pin_heads(above, below);
    draw.pin_names(left - px(4));
    draw.y += draw.em(18);
}

fn heading(draw: &mut Draw<'_>, id: &GroupId, group: &GroupView, coordinator: &str) {
    let (title, small, strong) = (draw.title(), draw.small(), draw.strong());
    let top = draw.y + draw.em(14);
    let baseline = top + draw.em(20);
    let state = if group.state.is_empty() { "–".to_owned() } else { group.state.to_string() };
    let epoch_word = match group.kind.as_ref() {
        "consumer" => Phrase::GroupEpoch,
        _ => Phrase::Generation,
    };
    let facts = [
        (Some(Subject::GroupState(id.clone())), draw.word(Phrase::State), state),
        (Some(Subject::GroupEpoch(id.clone())), draw.word(epoch_word), group.epoch.to_string()),
        (None, draw.word(Phrase::Coordinator), coordinator.to_owned()),
        (None, draw.word(Phrase::Protocol), group.kind.to_string()),
    ];
    let gap = draw.em(26);
    let name = draw.say(Phrase::GroupNamed, &[id]);
    draw.canvas.object(format!("group:{id}"), Role::Area, name, |ink| {
        let mut x = MARGIN + ink.text(at(MARGIN, baseline), title, id.to_string()) + gap;
        for (index, (subject, label, value)) in facts.into_iter().enumerate() {
            let said = format!("{label} {value}");
            let w = match subject {
                Some(subject) => ink.value(subject, said, |ink| {
                    fact(ink, at(x, top), (small, strong), label, &value)
                }),
                None => ink.object(&format!("fact{index}"), Role::Note, said, |ink| {
                    fact(ink, at(x, top), (small, strong), label, &value)
                }),
            };
            x += w + gap;
        }
    });
    draw.y = baseline + draw.em(14);
}

fn columns(draw: &mut Draw<'_>, partitions: &[TopicPartition], left: Tenths, cell: Tenths) {
    let kind = Type::new(draw.em(12), draw.theme.ink).anchor(Anchor::Middle);
    let y = draw.y + draw.em(16);
    let widest = partitions.iter().map(|p| text::width(&p.to_string(), kind.size)).max();
    let whole = widest.unwrap_or(0) + px(6) <= cell;
    let name = draw.word(Phrase::Partitions);
    let right = draw.stage.style.width - MARGIN;
    draw.canvas.object(format!("columns:{y}"), Role::Area, name, |ink| {
        let mut free = left;
        for (index, partition) in (0_i32..).zip(partitions) {
            let short = if whole { partition.to_string() } else { partition.partition.to_string() };
            let place = at(left + index * cell + cell / 2, y);
            let w = text::width(&short, kind.size);
            let (from, to) = (place.x - w / 2, place.x + w / 2);
            if w + px(2) <= cell || (from >= free && to <= right) {
                ink.text(place, kind, short);
                free = to + px(6);
            }
        }
    });
    draw.y = y + draw.em(8);
}

/// A member, as its coordinator has it and as it is.
struct Row<'a> {
    member: &'a str,
    who: &'a str,
    state: &'a MemberView,
    intends: bool,
    /// Why it does not read what it has, if it does not.
    gone: Option<Phrase>,
}

impl<'a> Row<'a> {
    fn new(draw: &Draw<'_>, member: &'a str, state: &'a MemberView, group: &GroupView) -> Self {
        let who = if state.client_id.is_empty() { member } else { &state.client_id };
        let intends = group.kind == "consumer" && state.target != state.assigned;
        let node = draw.table().named(&state.client_id).and_then(|it| draw.view().nodes.get(&it));
        let gone = node.and_then(|node| {
            let known = node.client.membership.as_ref().and_then(|place| place.member.as_ref());
            let replaced = match known {
                Some(known) => known.as_str() != member,
                None => state.seq < node.since,
            };
            match node.state {
                ProcessState::Up if replaced => Some(Phrase::MemberReplaced),
                ProcessState::Up | ProcessState::New => None,
                ProcessState::Paused
                | ProcessState::Crashed
                | ProcessState::PoweredOff
                | ProcessState::Stopped => Some(crate::words::process(node.state)),
            }
        });
        Self { member, who, state, intends, gone }
    }

    /// Its place in the list: by name, and by number where names end in one.
    fn place(&self) -> (&'a str, u64, &'a str) {
        let head = self.who.trim_end_matches(|sign: char| sign.is_ascii_digit());
        let number = self.who.strip_prefix(head).and_then(|number| number.parse().ok());
        (head, number.unwrap_or(0), self.member)
    }
}

fn row(
    draw: &mut Draw<'_>,
    row: &Row<'_>,
    (id, group): (&GroupId, &GroupView),
    partitions: &[TopicPartition],
    (left, cell): (Tenths, Tenths),
) {
    let (top, height) = (draw.y, draw.em(42));
    let Row { member, who, state, intends, gone } = *row;
    // Classic groups count generations.
    let (named, counted) = match group.kind.as_ref() {
        "consumer" => (Phrase::MemberName, Phrase::MemberEpochShort),
        _ => (Phrase::MemberNameClassic, Phrase::MemberGenerationShort),
    };
    let words = |set: &BTreeSet<TopicPartition>| {
        let all: Vec<String> = set.iter().map(ToString::to_string).collect();
        if all.is_empty() { "–".to_owned() } else { all.join(", ") }
    };
    let mut name = vec![draw.say(named, &[&who, &state.epoch, &words(&state.assigned)])];
    let unaware = draw.word(Phrase::CoordinatorUnaware);
    if let Some(gone) = gone {
        name.extend([draw.word(gone).to_owned(), unaware.to_owned()]);
    }
    if !state.revoking.is_empty() {
        name.push(draw.say(Phrase::GivesUp, &[&words(&state.revoking)]));
    }
    if intends {
        name.push(draw.say(Phrase::IsToHave, &[&words(&state.target)]));
    }
    let behind = state.epoch != group.epoch;
    let (strong, small) = (draw.strong(), draw.small());
    let theme = draw.theme;
    let own = format!("member:{id}:{member}");
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object(own, Role::Stop, name.join(", "), |ink| {
        let frame = Rect::new(MARGIN, top, draw.inner(), height - px(5));
        ink.rect(frame, px(5), Look::fill(theme.panel));
        let room = left - MARGIN - px(16);
        let (first, second) = (at(MARGIN + px(8), top + draw.em(16)), top + draw.em(32));
        let danger = small.colour(theme.hue(Hue::Danger));
        let w = ink.numbered(first, strong, who, room) + px(10);
        if let Some(gone) = gone {
            let beside = Rect::new(left, frame.y, frame.right() - left, frame.h);
            ink.hatch(beside.inset(px(2)), px(14), Stroke::new(theme.faint, 12));
            ink.fitted(first.by(w, 0), danger, draw.word(gone), room - w);
            ink.fitted(at(first.x, second), danger, unaware, room);
        } else {
            let epoch = draw.say(counted, &[&state.epoch, &state.state]);
            let kind = if behind { danger } else { small };
            ink.fitted(at(first.x, second), kind, &epoch, room);
        }
        for (index, partition) in (0_i32..).zip(partitions) {
            let x = left + index * cell;
            let place = Rect::new(x, top, cell, height - px(5)).inset(px(3).min(cell / 6));
            slot(draw, ink, partition, row, place);
        }
    });
    draw.canvas = canvas;
    draw.y = top + height;
}

fn slot(draw: &Draw<'_>, ink: &mut Ink, partition: &TopicPartition, row: &Row<'_>, place: Rect) {
    let (theme, state) = (draw.theme, row.state);
    let colour = theme.hue(Hue::Isr);
    let has = state.assigned.contains(partition);
    let gives_up = state.revoking.contains(partition);
    let comes = row.intends && state.target.contains(partition) && !has;
    let unread = row.gone.is_some() && (has || gives_up);
    let phrase = if unread {
        Phrase::SlotUnread
    } else if gives_up {
        Phrase::SlotGivesUp
    } else if has {
        Phrase::SlotHas
    } else if comes {
        Phrase::SlotComes
    } else {
        return;
    };
    let name = draw.say(phrase, &[partition]);
    ink.object(&partition.to_string(), Role::Mark, name, |ink| {
        if unread {
            let out = theme.hue(Hue::Out);
            ink.rect(place, px(3), Look::both(theme.background, Stroke::new(out, 15)));
            ink.hatch(place.inset(px(2)), px(7), Stroke::new(out, 15));
        } else if gives_up {
            ink.rect(place, px(3), Look::edge(Stroke::new(colour, 15)));
            ink.hatch(place.inset(px(2)), px(7), Stroke::new(colour, 15));
        } else if has {
            ink.rect(place, px(3), Look::fill(colour));
        } else {
            let line = Stroke::new(colour, px(2)).dash(Dash::Dashed);
            ink.rect(place, px(3), Look::edge(line));
        }
    });
}

/// A number in its column, or a stroke in its colour where the column is too narrow for it.
fn number(ink: &mut Ink, place: Point, kind: Type, text: &str, cell: Tenths) {
    if text::width(text, kind.size) + px(2) <= cell || cell >= kind.size * 2 {
        ink.fitted(place, kind, text, cell - px(2));
    } else {
        let stroke = Rect::new(place.x - cell / 2, place.y - kind.size / 2, cell * 3 / 4, px(5));
        ink.rect(stroke, 0, Look::fill(kind.colour));
    }
}

/// How far the group is with each partition.
fn offsets(
    draw: &mut Draw<'_>,
    (id, group): (&GroupId, &GroupView),
    partitions: &[TopicPartition],
    read: &BTreeSet<&TopicPartition>,
    (left, cell): (Tenths, Tenths),
) {
    let view = draw.view();
    let (small, colour) = (draw.small(), draw.theme.ink);
    let first = draw.y + draw.em(18);
    let second = first + draw.em(18);
    let (committed, lag) = (draw.word(Phrase::Committed), draw.word(Phrase::Lag));
    let none = draw.word(Phrase::NoCommit);
    let danger = draw.theme.hue(Hue::Danger);
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object(format!("offsets:{id}"), Role::Stop, format!("{committed}, {lag}"), |ink| {
        ink.text(at(MARGIN + px(8), first), small, committed);
        ink.text(at(MARGIN + px(8), second), small, lag);
        for (index, partition) in (0_i32..).zip(partitions) {
            let x = left + index * cell + cell / 2;
            let kind = Type::new(draw.em(13), colour).anchor(Anchor::Middle);
            let kept = group.offsets.get(partition).map(|kept| kept.offset);
            let text = kept.map_or_else(|| none.to_owned(), |offset| offset.to_string());
            let subject = Subject::Committed(id.clone(), partition.clone());
            ink.value(subject, format!("{partition} {committed} {text}"), |ink| {
                number(ink, at(x, first), kind.colour(colour), &text, cell);
            });
            let Some(behind) = view.lag(id, partition).filter(|_| kept.is_some()) else { continue };
            let subject = Subject::Lag(id.clone(), partition.clone());
            // Lag is a usual thing; of what nobody reads it only grows.
            let alarms = behind > 0 && !read.contains(partition);
            let kind = if alarms { kind.colour(danger) } else { kind };
            ink.value(subject, format!("{partition} {lag} {behind}"), |ink| {
                number(ink, at(x, second), kind, &behind.to_string(), cell);
            });
        }
    });
    draw.canvas = canvas;
    draw.y = second + draw.em(10);
}
