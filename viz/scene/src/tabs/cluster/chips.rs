//! The replicas that a broker holds, as chips in its card; of many partitions as marks, and from afar as a block a topic.

use klamm_node::{BrokerId, NodeId, TopicPartition};

use super::blocks;
use super::layout::{Form, Layout, brokers, form};
use crate::geometry::{Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Anchor, Dash, Ink, Look, Role, Stroke, Type};
use crate::stage::{Draw, dash, hue_of, is_internal};
use crate::subject::Subject;
use crate::text;
use crate::theme::Hue;

/// How large chips are, the same for all brokers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    w: Tenths,
    h: Tenths,
    gap: Tenths,
    form: Form,
}

/// The replicas that a broker has to do with, those of one's own topics first.
pub(super) fn held(draw: &Draw<'_>, broker: BrokerId) -> Vec<TopicPartition> {
    let view = draw.view();
    let mut held: Vec<_> = view
        .partitions
        .iter()
        .filter(|(partition, state)| {
            state.replicas.contains_key(&broker)
                || view.truth(partition).is_some_and(|truth| truth.replicas.contains(&broker))
        })
        .map(|(partition, _)| partition.clone())
        .collect();
    held.sort_by_key(|partition| is_internal(&partition.topic));
    held
}

impl Size {
    /// The size with which the fullest broker's chips are still read.
    pub(super) fn of(draw: &Draw<'_>, room: Tenths) -> Self {
        let view = draw.view();
        let most = view.brokers.keys().map(|broker| held(draw, *broker).len()).max().unwrap_or(0);
        let widest = view
            .partitions
            .keys()
            .filter(|partition| !is_internal(&partition.topic))
            .map(|partition| text::width(&partition.to_string(), draw.em(14)))
            .max()
            .unwrap_or(0)
            + draw.em(60);
        let fits = widest <= room;
        let form = form(draw.stage.style.zoom, most, fits);
        match form {
            Form::Blocks => Self { w: room, h: draw.em(blocks::HEIGHT), gap: px(4), form },
            Form::Marks => {
                let side = if most > 60 { draw.em(11) } else { draw.em(15) };
                Self { w: side, h: side, gap: px(3), form }
            }
            Form::Chips => {
                let w = widest.max(draw.em(130)).min(room);
                Self { w, h: draw.em(40), gap: px(6), form }
            }
        }
    }

    fn per_row(self, room: Tenths) -> Tenths {
        ((room + self.gap) / (self.w + self.gap)).max(1)
    }

    /// How high a card must be for the fullest broker.
    pub(super) fn height_for(self, draw: &Draw<'_>, nodes: &[NodeId], card: Tenths) -> Tenths {
        let count = |broker| match self.form {
            Form::Blocks => blocks::topics(draw, broker).len(),
            Form::Chips | Form::Marks => held(draw, broker).len(),
        };
        let most = brokers(draw, nodes).into_iter().map(count).max().unwrap_or(0);
        let per_row = self.per_row(card - px(24));
        let rows = (i32::try_from(most).unwrap_or(0) + per_row - 1) / per_row;
        draw.em(22 + 18 + 12) + rows.max(1) * (self.h + self.gap) + draw.em(34)
    }
}

/// Draws a broker's chips and says where they end.
pub(super) fn draw(
    draw: &Draw<'_>,
    layout: &Layout,
    ink: &mut Ink,
    broker: BrokerId,
    room: Rect,
) -> Tenths {
    let size = layout.chip;
    if size.form == Form::Blocks {
        return blocks::draw(draw, ink, broker, room, (size.h, size.gap));
    }
    let per_row = size.per_row(room.w);
    let mut bottom = room.y;
    for (index, partition) in (0_i32..).zip(held(draw, broker)) {
        let x = room.x + index % per_row * (size.w + size.gap);
        let y = room.y + index / per_row * (size.h + size.gap);
        let place = Rect::new(x, y, size.w, size.h);
        bottom = place.bottom();
        chip(draw, ink, (&partition, broker), place, size.form == Form::Marks);
    }
    bottom
}

fn chip(
    draw: &Draw<'_>,
    ink: &mut Ink,
    (partition, broker): (&TopicPartition, BrokerId),
    place: Rect,
    marks: bool,
) {
    let view = draw.view();
    let hue = hue_of(view, partition, broker);
    let truth = view.truth(partition);
    let replica = view.replica_of(partition, broker);
    let standing = match hue {
        Hue::Leader => Phrase::Leader,
        Hue::Isr => Phrase::InIsr,
        Hue::Warning => Phrase::InElr,
        Hue::Out if truth.is_some_and(|truth| truth.adding.contains(&broker)) => Phrase::Adding,
        Hue::Out if truth.is_none_or(|truth| !truth.replicas.contains(&broker)) => {
            Phrase::NoReplicaAnyMore
        }
        Hue::Out | Hue::Danger | Hue::Txn | Hue::Ok => Phrase::OutOfIsr,
    };
    let end = dash(replica.map(|replica| replica.log.end()));
    let mark = dash(replica.map(|replica| replica.high_watermark));
    let name = draw.say(Phrase::ChipName, &[partition, &broker, &draw.word(standing), &end, &mark]);
    let colour = draw.theme.hue(hue);
    let id = format!("replica:{partition}");
    ink.object(&id, Role::Mark, name, |ink| {
        if marks {
            let look = if hue == Hue::Out {
                Look::edge(Stroke::new(colour, 12))
            } else {
                Look::fill(colour)
            };
            ink.rect(place, px(2), look);
            if hue == Hue::Leader {
                let reach = place.w / 3;
                ink.crown(place.centre(), reach, draw.theme.on(hue));
            }
            return;
        }
        let edge = Stroke::new(colour, if hue == Hue::Leader { px(3) } else { px(2) });
        let edge = if hue == Hue::Out { edge.dash(Dash::Dashed) } else { edge };
        ink.rect(place, px(5), Look::both(draw.theme.background, edge));
        if hue == Hue::Warning {
            ink.rect(place.inset(px(3)), px(4), Look::edge(Stroke::new(colour, 10)));
        }
        let kind = Type::new(draw.em(14), draw.theme.ink);
        let small = Type::new(draw.em(11), draw.theme.quiet);
        let mut x = place.x + px(8);
        let first = place.y + draw.em(16);
        if hue == Hue::Leader {
            let reach = draw.em(7);
            ink.crown(at(x + reach, first - draw.em(5)), reach, colour);
            x += 2 * reach + px(5);
        }
        let room = place.right() - px(8) - x;
        let kind = if hue == Hue::Leader { kind.strong() } else { kind };
        ink.numbered(at(x, first), kind, &partition.to_string(), room);
        let second = place.y + draw.em(32);
        let x = place.x + px(8);
        let said = draw.say(Phrase::EndShort, &[&end]);
        let subject = Subject::LogEnd(partition.clone(), broker);
        let w = ink.value(subject, said.clone(), |ink| {
            ink.fitted(at(x, second), small.colour(draw.theme.ink), &said, place.w - px(16))
        });
        let said = draw.say(Phrase::HwShort, &[&mark]);
        let subject = Subject::HighWatermark(partition.clone(), broker);
        let left = x + w + px(8);
        let w = w
            + px(8)
            + ink.value(subject, said.clone(), |ink| {
                let room = place.right() - px(6) - left;
                ink.fitted(at(left, second), small.colour(draw.theme.ink), &said, room)
            });
        // A word as well as a colour, where it is not the ordinary thing.
        if matches!(hue, Hue::Out | Hue::Warning) {
            let word = draw.word(standing);
            let subject = Subject::ReplicaRole(partition.clone(), broker);
            let room = place.w - px(24) - w;
            if room > px(20) {
                let kind = small.colour(draw.theme.hue(Hue::Danger)).anchor(Anchor::End);
                ink.value(subject, word, |ink| {
                    ink.fitted(at(place.right() - px(8), second), kind, word, room)
                });
            }
        }
    });
}
