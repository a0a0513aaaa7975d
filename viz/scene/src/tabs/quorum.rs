//! Quorum: who votes and who only listens, in which epoch, and how far each one's metadata log and image are.

use klamm_node::{NodeId, Offset};
use klamm_trace::{NodeView, ProcessState};

use crate::geometry::{Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Ink, Look, Role, Stroke, Type};
use crate::stage::{Draw, MARGIN};
use crate::subject::Subject;
use crate::text;
use crate::theme::Hue;

/// Draws the tab.
pub(crate) fn draw(draw: &mut Draw<'_>) {
    let (_, voters) = draw.view().quorum_voters();
    let observers: Vec<NodeId> = draw
        .table()
        .iter()
        .filter(|(node, info)| !info.kind.is_client() && !voters.contains(node))
        .map(|(node, _)| node)
        .collect();
    let axis = Axis::new(draw, voters.iter().chain(&observers));
    title(draw, Phrase::Voters, &axis);
    for node in voters {
        lane(draw, node, &axis);
    }
    if !observers.is_empty() {
        title(draw, Phrase::Observers, &axis);
        for node in observers {
            lane(draw, node, &axis);
        }
    }
    draw.pin_names(axis.x0 - px(8));
}

/// The axis of metadata offsets: the whole log.
struct Axis {
    low: i64,
    high: i64,
    x0: Tenths,
    x1: Tenths,
}

impl Axis {
    fn new<'a>(draw: &Draw<'_>, nodes: impl Iterator<Item = &'a NodeId>) -> Self {
        let x0 = MARGIN + draw.em(250);
        let x1 = draw.stage.style.width - MARGIN - draw.em(70);
        let members: Vec<_> = nodes.filter_map(|node| draw.view().nodes.get(node)).collect();
        let points = || {
            members.iter().flat_map(|node| {
                let applied =
                    node.applied.map_or_else(|| node.raft.log.end().0, |offset| offset.0 + 1);
                [node.raft.log.end().0, applied]
            })
        };
        let high = points().max().unwrap_or(0).max(1);
        let least = points().min().unwrap_or(0);
        // Where all are near the end, one looks at the end.
        let margin = ((high - least) / 2).max(20);
        Self { low: (least - margin).max(0), high, x0, x1 }
    }

    fn x_of(&self, offset: Offset) -> Tenths {
        let way = (offset.0 - self.low).clamp(0, self.high - self.low);
        let x = i64::from(self.x1 - self.x0) * way / (self.high - self.low).max(1);
        self.x0 + i32::try_from(x).unwrap_or(0)
    }
}

fn title(draw: &mut Draw<'_>, phrase: Phrase, axis: &Axis) {
    let (kind, small) = (draw.strong(), draw.small());
    let y = draw.y + draw.em(22);
    let text = draw.word(phrase);
    draw.canvas.object(format!("title:{phrase:?}"), Role::Note, text, |ink| {
        ink.text(at(MARGIN, y), kind, text);
        ink.text(at(axis.x0, y), small, axis.low.to_string());
        let end = axis.high.to_string();
        let x = axis.x1 - text::width(&end, small.size);
        ink.text(at(x, y), small, end);
    });
    draw.y = y + draw.em(8);
}

fn lane(draw: &mut Draw<'_>, node: NodeId, axis: &Axis) {
    let view = draw.view();
    let Some(state) = view.nodes.get(&node) else { return };
    let alive = state.is_alive();
    let member = &state.raft;
    let role = crate::words::quorum(&member.role).map_or("–", |phrase| draw.word(phrase));
    let says = if state.state == ProcessState::Up {
        role
    } else {
        draw.word(crate::words::process(state.state))
    };
    let name_of = draw.name_of(node).to_owned();
    let leads = member.role == "leader" && alive;
    let epoch = draw.say(Phrase::EpochShort, &[&member.epoch]);
    let voted = (member.voted.0 >= 0).then(|| draw.say(Phrase::VotedFor, &[&member.voted]));
    let applied = state.applied.map_or_else(|| "–".to_owned(), |offset| offset.to_string());
    let applied_word = draw.say(Phrase::AppliedIs, &[&applied]);
    let end = member.log.end();
    let mut name = vec![name_of.clone(), says.to_owned(), epoch.clone()];
    name.extend(voted.clone());
    name.push(draw.say(Phrase::LogEndIs, &[&end]));
    name.push(committed_word(draw, state));
    name.push(applied_word.clone());
    let hue = if leads {
        Hue::Leader
    } else if alive {
        Hue::Isr
    } else {
        Hue::Out
    };
    let (top, height) = (draw.y, draw.em(58));
    let (strong, small) = (draw.strong(), draw.small());
    let theme = draw.theme;
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object(format!("node:{name_of}"), Role::Stop, name.join(", "), |ink| {
        let frame = Rect::new(MARGIN - px(8), top, draw.inner() + px(16), height - px(6));
        ink.rect(frame, px(6), Look::fill(theme.panel));
        ink.rect(Rect::new(frame.x, frame.y, px(6), frame.h), px(3), Look::fill(theme.hue(hue)));
        let mut x = MARGIN + px(6);
        let room = axis.x0 - x - px(14);
        let baseline = top + draw.em(20);
        if leads {
            let reach = draw.em(8);
            ink.crown(at(x + reach, baseline - draw.em(5)), reach, theme.hue(Hue::Leader));
            x += 2 * reach + px(6);
        }
        let w = ink.fitted(at(x, baseline), strong, &name_of, room);
        let subject = if state.state == ProcessState::Up {
            Subject::QuorumRole(node)
        } else {
            Subject::Process(node)
        };
        ink.value(subject, says, |ink| {
            let left = x + w + px(10);
            ink.fitted(at(left, baseline), small.colour(theme.ink), says, axis.x0 - px(8) - left)
        });
        let mut x = MARGIN + px(6);
        let second = baseline + draw.em(20);
        x += ink.value(Subject::QuorumEpoch(node), epoch.clone(), |ink| {
            ink.fitted(at(x, second), small.colour(theme.ink), &epoch, room)
        }) + draw.em(10);
        if let Some(voted) = &voted {
            let left = axis.x0 - px(8) - x;
            x += ink.object("vote", Role::Mark, voted.clone(), |ink| {
                ink.fitted(at(x, second), small.colour(theme.ink), voted, left)
            }) + draw.em(10);
        }
        let left = axis.x0 - px(8) - x;
        ink.value(Subject::Applied(node), applied_word.clone(), |ink| {
            ink.fitted(at(x, second), small.colour(theme.ink), &applied_word, left)
        });
        log(draw, ink, node, axis, (hue, top));
    });
    draw.canvas = canvas;
    draw.y = top + height;
}

/// Up to where a node knows the metadata log to be committed; one that does not run knows nothing.
fn committed_word(draw: &Draw<'_>, state: &NodeView) -> String {
    let known = state.is_alive().then(|| state.raft.committed.to_string());
    draw.say(Phrase::CommittedUpTo, &[&known.as_deref().unwrap_or("–")])
}

/// The metadata log: what is committed filled, what is behind it outlined, a notch where the image is.
fn log(draw: &Draw<'_>, ink: &mut Ink, node: NodeId, axis: &Axis, (hue, top): (Hue, Tenths)) {
    let Some(state) = draw.view().nodes.get(&node) else { return };
    let member = &state.raft;
    let theme = draw.theme;
    let (start, end) = (member.log.start(), member.log.end());
    let (x0, x1) = (axis.x_of(start), axis.x_of(end));
    let bar = Rect::new(x0, top + draw.em(12), (x1 - x0).max(px(1)), draw.em(20));
    let committed = axis.x_of(member.committed.min(end));
    let said = committed_word(draw, state);
    let shape = |ink: &mut Ink| {
        if state.is_alive() && committed > x0 {
            let filled = Rect::new(x0, bar.y, committed - x0, bar.h);
            ink.rect(filled, px(2), Look::fill(theme.hue(hue)));
        }
        ink.rect(bar, px(2), Look::edge(Stroke::new(theme.hue(hue), 15)));
    };
    if state.is_alive() {
        ink.value(Subject::MetadataCommitted(node), said, shape);
    } else {
        ink.object("log", Role::Mark, said, shape);
    }
    let said = draw.say(Phrase::LogEndIs, &[&end]);
    ink.value(Subject::MetadataEnd(node), said, |ink| {
        let kind = Type::new(draw.em(14), theme.ink).strong();
        ink.text(at(bar.right() + px(6), bar.bottom() - draw.em(5)), kind, end.to_string())
    });
    if let Some(applied) = state.applied {
        let said = draw.say(Phrase::AppliedIs, &[&applied]);
        ink.object("applied", Role::Mark, said, |ink| {
            let (x, y, size) = (axis.x_of(applied.plus(1)), bar.bottom(), draw.em(7));
            let points = [at(x, y), at(x + size, y + size), at(x - size, y + size)];
            ink.path(&points, true, Look::fill(theme.ink));
        });
    }
}
