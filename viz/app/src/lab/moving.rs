//! The way from one step to the next, as it is shown: which two pictures, and how far on the way one is.
//!
//! It keeps no time: whoever draws says what time it is, and is told when the next picture is due. A step that was taken by hand or
//! in playing is shown on its way; where one jumps or scrubs, nothing moves. At speeds above 4 a step snaps.

use std::rc::Rc;

use klamm_scene::{ARRIVED, Hue, Scene, Style, between, ringed, undoing};

use super::{Lab, SceneKey};
use crate::settings::Motion;

/// How long the way of a step back is, in seconds.
const BACK: f64 = 0.12;

/// How long what changed has its ring where nothing moves.
const RING: f64 = 1.0;

/// The part of a step's time that its way takes: the eye needs a rest before the next.
const PART: f64 = 0.9;

/// The shortest way that is shown; what is shorter snaps.
const SHORTEST: f64 = 0.2;

/// A step that was taken and is still shown on its way.
#[derive(Debug)]
pub(super) struct Moving {
    /// The picture that one comes from, and what it was of.
    from: (SceneKey, Rc<Scene>),
    back: bool,
    /// When it was first shown.
    begun: Option<f64>,
}

impl Lab {
    /// A step was taken from the picture that was shown.
    pub(super) fn sets_off(&mut self, from: Option<(SceneKey, Rc<Scene>)>, back: bool) {
        self.moving = from.map(|from| Moving { from, back, begun: None });
    }

    /// The picture to show now, and in how many seconds there is another one. None: nothing moves.
    pub fn shown(&mut self, style: Style, motion: Motion, now: f64) -> (Rc<Scene>, Option<f64>) {
        let after = self.scene(style);
        let length = self.playback.interval() * PART;
        let Some(moving) = &mut self.moving else { return (after, None) };
        let same_look = self.scene.as_ref().is_some_and(|(key, _)| moving.from.0.looks_like(key));
        let passed = now - *moving.begun.get_or_insert(now);
        let length = match motion {
            Motion::Full if moving.back => BACK,
            Motion::Full => length,
            Motion::Reduced => RING,
            Motion::Off => 0.0,
        };
        let snaps = motion == Motion::Full && !moving.back && length < SHORTEST;
        let before = Rc::clone(&moving.from.1);
        if !same_look
            || snaps
            || passed >= length
            || passed < 0.0
            || before.objects == after.objects
        {
            self.moving = None;
            return (after, None);
        }
        let back = moving.back;
        let alpha = thousandths(passed / length);
        let (scene, next) = match motion {
            Motion::Reduced => {
                let colour = style.theme.hue(Hue::Warning);
                (ringed(&before, &after, colour), length - passed)
            }
            Motion::Full | Motion::Off if back => (undoing(&before, &after, alpha), 0.0),
            Motion::Full | Motion::Off => {
                let style = Style { alpha, ..style };
                (between(&self.trace, &before, &after, self.seq(), style), 0.0)
            }
        };
        (Rc::new(scene), Some(next))
    }
}

impl SceneKey {
    /// Whether two pictures differ in nothing but the step.
    fn looks_like(&self, other: &Self) -> bool {
        self.tab == other.tab && self.selection == other.selection && self.style == other.style
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
fn thousandths(part: f64) -> u16 {
    (part.clamp(0.0, 1.0) * f64::from(ARRIVED)) as u16
}
