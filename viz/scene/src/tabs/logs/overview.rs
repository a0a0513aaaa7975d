//! All partitions at once: a row each, with who leads, who is in sync, and how far the logs are.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, TopicName, TopicPartition};

use crate::geometry::{Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Ink, Look, Role, Stroke, Type};
use crate::stage::{Draw, MARGIN, hue_of, is_internal};
use crate::subject::Subject;
use crate::theme::Hue;

/// Rows before a second column is begun.
const COLUMN: usize = 50;

pub(super) fn draw(draw: &mut Draw<'_>) {
    let view = draw.view();
    let mut partitions: Vec<&TopicPartition> =
        view.partitions.keys().filter(|p| view.truth(p).is_some()).collect();
    // Kafka's own topics come last.
    partitions.sort_by_key(|partition| is_internal(&partition.topic));
    if partitions.is_empty() {
        return draw.nothing(Phrase::NoPartition);
    }
    sums(draw);
    let columns = partitions.len().div_ceil(COLUMN).min(4);
    let rows = partitions.len().div_ceil(columns);
    let count = i32::try_from(columns).unwrap_or(1);
    let width = draw.inner() / count;
    let height = draw.em(18);
    let top = draw.y + draw.em(8);
    let mut canvas = std::mem::take(&mut draw.canvas);
    for (index, partition) in partitions.into_iter().enumerate() {
        let (column, row) = (index / rows, index % rows);
        let x = MARGIN + i32::try_from(column).unwrap_or(0) * width;
        let y = top + i32::try_from(row).unwrap_or(0) * height;
        let name = name(draw, partition);
        let id = format!("partition:{partition}");
        let place = Rect::new(x, y, width - px(12), height - px(3));
        canvas.object(id, Role::Stop, name, |ink| line(draw, ink, partition, place));
    }
    draw.canvas = canvas;
    draw.y = top + i32::try_from(rows).unwrap_or(0) * height + draw.em(8);
}

/// A line a topic with how many of its partitions are in which trouble, the worst of which gives it its colour.
fn sums(draw: &mut Draw<'_>) {
    let view = draw.view();
    let mut topics: BTreeMap<(bool, &TopicName), [usize; 4]> = BTreeMap::new();
    for (partition, state) in &view.partitions {
        let Some(truth) = &state.truth else { continue };
        let topic = &partition.topic;
        let [all, leaderless, under_min, behind] =
            topics.entry((is_internal(topic), topic)).or_default();
        *all += 1;
        if truth.leader == BrokerId::NONE {
            *leaderless += 1;
        } else if truth.isr.len() < view.min_isr(topic) {
            *under_min += 1;
        } else if truth.isr.len() < truth.replicas.len() {
            *behind += 1;
        }
    }
    let (small, line) = (draw.small(), draw.em(18));
    let room = draw.inner();
    for ((_, topic), counts) in topics {
        let [all, leaderless, under_min, behind] = counts;
        let text = draw.say(Phrase::TopicSum, &[topic, &all, &leaderless, &under_min, &behind]);
        let hue = match counts {
            [_, 0, 0, 0] => None,
            [_, 0, 0, _] => Some(Hue::Warning),
            _ => Some(Hue::Danger),
        };
        let colour = hue.map_or(draw.theme.ink, |hue| draw.theme.hue(hue));
        let y = draw.y + line;
        // Warning's colour is too light for letters: a bar bears it, the words are ink.
        let bar = Rect::new(MARGIN, y - small.size, px(4), small.size + px(2));
        let kind = small.colour(draw.theme.ink);
        draw.canvas.object(format!("sum:{topic}"), Role::Note, text.clone(), |ink| {
            ink.rect(bar, 0, Look::fill(colour));
            ink.fitted(at(MARGIN + px(10), y), kind, &text, room - px(10))
        });
        draw.y = y;
    }
}

fn name(draw: &Draw<'_>, partition: &TopicPartition) -> String {
    let view = draw.view();
    let leader = view.leader_of(partition).unwrap_or(BrokerId::NONE);
    let isr = draw.brokers(view.isr_of(partition));
    let mark = crate::stage::dash(view.high_watermark_of(partition));
    let end = crate::stage::dash(view.log_end_of(partition));
    draw.say(Phrase::PartitionRow, &[partition, &leader, &isr, &mark, &end])
}

fn line(draw: &Draw<'_>, ink: &mut Ink, partition: &TopicPartition, place: Rect) {
    let view = draw.view();
    let kind = Type::new(draw.em(12), draw.theme.ink);
    let baseline = place.bottom() - draw.em(4);
    let label = draw.em(130).min(place.w / 3);
    ink.fitted(at(place.x, baseline), kind, &partition.to_string(), label - px(6));
    let mut x = place.x + label;
    let side = place.h - px(2);
    let Some(truth) = view.truth(partition) else { return };
    let subject = Subject::Isr(partition.clone());
    let isr = draw.say(Phrase::IsrIs, &[&draw.brokers(&truth.isr)]);
    ink.value(subject, isr, |ink| {
        for broker in &truth.replicas {
            let hue = hue_of(view, partition, *broker);
            let cell = Rect::new(x, place.y, side * 3 / 2, side);
            let colour = draw.theme.hue(hue);
            if hue == Hue::Out {
                ink.rect(cell, px(2), Look::edge(Stroke::new(colour, 12)));
            } else {
                ink.rect(cell, px(2), Look::fill(colour));
            }
            let on = if hue == Hue::Out { draw.theme.ink } else { draw.theme.on(hue) };
            let digit = Type::new(draw.em(11), on).anchor(crate::scene::Anchor::Middle);
            let text = crate::text::fitted(&broker.to_string(), digit.size, cell.w);
            ink.text(at(cell.centre().x, cell.bottom() - draw.em(3)), digit, text);
            x += cell.w + px(2);
        }
    });
    bars(draw, ink, partition, Rect::new(x + px(8), place.y, place.right() - x - px(8), side));
}

/// The log ends against each other: how far the slowest replica is behind the leader.
fn bars(draw: &Draw<'_>, ink: &mut Ink, partition: &TopicPartition, room: Rect) {
    let view = draw.view();
    let Some(state) = view.partitions.get(partition) else { return };
    let kind = Type::new(draw.em(12), draw.theme.ink);
    let numbers = draw.em(52);
    let Some(leader) = view.leader_of(partition) else { return };
    let most = view.replica_of(partition, leader).map_or(0, |replica| replica.log.end().0);
    let text = most.to_string();
    let subject = Subject::LogEnd(partition.clone(), leader);
    let said = draw.say(Phrase::LogEndIs, &[&most]);
    ink.value(subject, said, |ink| {
        ink.fitted(at(room.x, room.bottom() - draw.em(3)), kind, &text, numbers);
    });
    let others = state.replicas.iter().filter(|(broker, _)| **broker != leader);
    let slowest = others.min_by_key(|(_, replica)| replica.log.end());
    let Some((slowest, replica)) = slowest else { return };
    let behind = most - replica.log.end().0;
    if behind <= 0 {
        return;
    }
    let place = room.x + numbers;
    let words = draw.say(Phrase::BehindBy, &[&behind]);
    let colour = draw.theme.hue(Hue::Danger);
    let limit: Tenths = room.right() - place;
    ink.value(Subject::LogEnd(partition.clone(), *slowest), words.clone(), |ink| {
        ink.fitted(at(place, room.bottom() - draw.em(3)), kind.colour(colour), &words, limit)
    });
}
