//! What must be so in every picture, whatever it shows: names, ids, and that nothing runs out of its box.
//!
//! *Flows in*: a scene. *Flows out*: a sentence for each place at which it is not as it has to be. The suite asks for the pictures
//! of every scenario, in both languages and several sizes of text.

use std::collections::{BTreeMap, BTreeSet};

use crate::geometry::Rect;
use crate::scene::{Object, Part, Scene};

/// How far a label may stick out of its card: the descent of its letters.
const SLACK: i32 = 20;

/// Everything in a picture that is not as it has to be.
pub fn untidy(scene: &Scene) -> Vec<String> {
    let mut found = Vec::new();
    let paper = Rect::new(0, 0, scene.width, scene.height);
    let mut ids = BTreeSet::new();
    for object in scene.all() {
        if object.name.trim().is_empty() {
            found.push(format!("{} has no name", object.id));
        }
        if object.name.contains(['{', '<']) {
            found.push(format!("the name of {} is not filled in: {}", object.id, object.name));
        }
        if !ids.insert(&object.id) {
            found.push(format!("two objects have the id {}", object.id));
        }
    }
    for (object, label) in scene.labels() {
        if !paper.holds(label.bounds()) {
            found.push(format!("'{}' of {} runs out of the picture", label.text, object.id));
        }
    }
    cards(scene, &mut found);
    found
}

/// The first thing that is drawn of an object: the box that it is.
pub fn first_shape(object: &Object) -> Option<Rect> {
    object.parts.iter().find_map(|part| match part {
        Part::Shape(shape) => Some(shape.bounds()),
        Part::Object(_) => None,
    })
}

/// The cards of nodes, the lanes of replicas and the frames of groups hold their words, and lie beside each other.
fn cards(scene: &Scene, found: &mut Vec<String>) {
    let is_card =
        |object: &&Object| object.id.starts_with("node:") || object.id.starts_with("lane:");
    let cards: Vec<(&str, Rect)> = scene
        .objects
        .iter()
        .filter(is_card)
        .filter_map(|object| Some((object.id.as_str(), first_shape(object)?)))
        .collect();
    for (at, (one, a)) in cards.iter().enumerate() {
        for (two, b) in cards.iter().take(at) {
            if a.overlaps(*b) {
                found.push(format!("{one} and {two} overlap"));
            }
        }
    }
    let of: BTreeMap<&str, Rect> = cards.into_iter().collect();
    for (object, label) in scene.labels() {
        let owner = object.id.split('/').next().unwrap_or_default();
        let Some(card) = of.get(owner) else { continue };
        if !card.inset(-SLACK).holds(label.bounds()) {
            found.push(format!("'{}' runs out of {owner}", label.text));
        }
    }
    marks(scene, found);
}

/// Replicas within a card lie beside each other and inside of it.
fn marks(scene: &Scene, found: &mut Vec<String>) {
    for card in scene.objects.iter().filter(|object| object.id.starts_with("node:")) {
        let Some(frame) = first_shape(card) else { continue };
        let chips = card.parts.iter().filter_map(|part| match part {
            Part::Object(object) => Some((object.id.as_str(), first_shape(object)?)),
            Part::Shape(_) => None,
        });
        let chips: Vec<_> =
            chips.filter(|(id, _)| id.contains("/replica:") || id.contains("/topic:")).collect();
        for (at, (id, chip)) in chips.iter().enumerate() {
            if !frame.holds(*chip) {
                found.push(format!("{id} lies outside of its card"));
            }
            if let Some((other, _)) = chips.iter().take(at).find(|(_, it)| it.overlaps(*chip)) {
                found.push(format!("{id} and {other} overlap"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{at, px};
    use crate::scene::{Canvas, Look, Role, Type};
    use crate::theme::Colour;

    #[test]
    fn what_overlaps_or_runs_out_or_has_no_name_is_found() {
        let ink = Colour::hex(0);
        let mut canvas = Canvas::new();
        for (id, x) in [("node:a", 0), ("node:b", 90)] {
            canvas.object(id, Role::Stop, "a card", |pen| {
                pen.rect(Rect::new(px(x), 0, px(100), px(40)), 0, Look::fill(ink));
                pen.text(at(px(x), px(20)), Type::new(px(12), ink), "much too long for a card");
                for (chip, y) in [("replica:p-0", 5), ("replica:p-1", 10), ("replica:p-2", 38)] {
                    pen.object(chip, Role::Mark, "a chip", |pen| {
                        pen.rect(Rect::new(px(x), px(y), px(10), px(10)), 0, Look::fill(ink));
                    });
                }
            });
        }
        canvas.object("node:a", Role::Note, " ", |_| {});
        let found = untidy(&canvas.finish("test".to_owned(), px(200), ink));
        for sentence in [
            "node:b and node:a overlap",
            "'much too long for a card' of node:b runs out of the picture",
            "'much too long for a card' runs out of node:a",
            "node:a/replica:p-1 and node:a/replica:p-0 overlap",
            "node:a/replica:p-2 lies outside of its card",
            "node:a has no name",
            "two objects have the id node:a",
        ] {
            assert!(found.iter().any(|it| it == sentence), "'{sentence}' is not in {found:#?}");
        }
    }
}
