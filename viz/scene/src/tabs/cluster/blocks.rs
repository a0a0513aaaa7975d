//! From afar: the replicas of a topic at a broker as one bar, with how many there are and how the worst of them stand.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, TopicName};

use super::chips::held;
use crate::geometry::{Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Anchor, Ink, Look, Role, Stroke, Type};
use crate::stage::{Draw, hue_of, is_internal};
use crate::text;
use crate::theme::Hue;

/// The height of a block, in pixels at text size 100.
pub(super) const HEIGHT: i32 = 44;

/// How the replicas of a topic at a broker stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    all: i32,
    lead: i32,
    in_sync: i32,
    eligible: i32,
}

impl Counts {
    fn out(self) -> i32 {
        self.all - self.lead - self.in_sync - self.eligible
    }
}

/// The topics of which a broker has replicas, one's own first.
pub(super) fn topics(draw: &Draw<'_>, broker: BrokerId) -> Vec<(TopicName, Counts)> {
    let mut topics: BTreeMap<(bool, TopicName), Counts> = BTreeMap::new();
    for partition in held(draw, broker) {
        let key = (is_internal(&partition.topic), partition.topic.clone());
        let counts = topics.entry(key).or_default();
        counts.all += 1;
        match hue_of(draw.view(), &partition, broker) {
            Hue::Leader => counts.lead += 1,
            Hue::Isr => counts.in_sync += 1,
            Hue::Warning => counts.eligible += 1,
            Hue::Out | Hue::Danger | Hue::Txn | Hue::Ok => {}
        }
    }
    topics.into_iter().map(|((_, topic), counts)| (topic, counts)).collect()
}

/// Draws a broker's blocks and says where they end.
pub(super) fn draw(
    draw: &Draw<'_>,
    ink: &mut Ink,
    broker: BrokerId,
    room: Rect,
    (height, gap): (Tenths, Tenths),
) -> Tenths {
    let mut y = room.y;
    for (topic, counts) in topics(draw, broker) {
        block(draw, ink, broker, (&topic, counts), Rect::new(room.x, y, room.w, height));
        y += height + gap;
    }
    y
}

fn block(
    draw: &Draw<'_>,
    ink: &mut Ink,
    broker: BrokerId,
    (topic, counts): (&TopicName, Counts),
    place: Rect,
) {
    let out = counts.out();
    let name = draw.say(Phrase::BlockName, &[topic, &broker, &counts.all, &counts.lead, &out]);
    let worst = if out > 0 {
        Hue::Danger
    } else if counts.eligible > 0 {
        Hue::Warning
    } else {
        Hue::Isr
    };
    ink.object(&format!("topic:{topic}"), Role::Mark, name, |ink| {
        let edge = Stroke::new(draw.theme.hue(worst), if out > 0 { px(2) } else { 10 });
        ink.rect(place, px(4), Look::both(draw.theme.background, edge));
        let (left, right) = (place.x + px(6), place.right() - px(6));
        let first = place.y + draw.em(14);
        let kind = Type::new(draw.em(12), draw.theme.ink);
        let count = format!("×{}", counts.all);
        let w = text::width(&count, kind.size);
        let room = right - left - w - px(4);
        ink.fitted(at(left, first), kind, topic, room);
        ink.text(at(right, first), kind.anchor(Anchor::End), count);
        // A bar of how they stand.
        let bar = Rect::new(left, place.y + draw.em(19), right - left, draw.em(7));
        let mut x = bar.x;
        let parts = [
            (Hue::Leader, counts.lead),
            (Hue::Isr, counts.in_sync),
            (Hue::Warning, counts.eligible),
            (Hue::Out, out),
        ];
        for (hue, count) in parts {
            let w = bar.w * count / counts.all.max(1);
            if w > 0 {
                let colour = draw.theme.hue(hue);
                let look = match hue {
                    Hue::Out => Look::edge(Stroke::new(colour, 12)),
                    Hue::Leader | Hue::Isr | Hue::Danger | Hue::Warning | Hue::Txn | Hue::Ok => {
                        Look::fill(colour)
                    }
                };
                ink.rect(Rect::new(x, bar.y, w, bar.h), 0, look);
                x += w;
            }
        }
        let (words, colour) = if out > 0 {
            (draw.say(Phrase::CountOut, &[&out]), draw.theme.hue(Hue::Danger))
        } else {
            (draw.say(Phrase::CountLead, &[&counts.lead]), draw.theme.quiet)
        };
        let kind = Type::new(draw.em(11), colour);
        ink.fitted(at(left, place.y + draw.em(38)), kind, &words, right - left);
    });
}
