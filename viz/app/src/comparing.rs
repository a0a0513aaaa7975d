//! Comparing from the window: with what, and keeping both runs in step.

use klamm_scene::Step;

use crate::action::Action;
use crate::compare::{Compare, With};
use crate::load::Wake;
use crate::window::{Notice, Overlay, Screen, Window};
use crate::words::Word;

impl Window {
    /// Begins or ends to compare.
    pub(crate) fn toggle_compare(&mut self) -> bool {
        if self.compare.take().is_some() {
            return true;
        }
        self.put(Overlay::Compare(String::new()))
    }

    /// Compares with another run.
    pub(crate) fn compare_with(&mut self, with: With, wake: Wake) {
        self.overlay = None;
        let Screen::Lab(lab) = &self.screen else { return };
        let index = match with {
            With::Branch(index) => index,
            With::Seed(seed) => self.branches.under_seed(lab, seed),
        };
        if let Some((source, seed)) = self.branches.source(index) {
            self.presenter = false;
            self.compare = Some(Compare::begin(index, source, seed, wake));
        }
    }

    /// Takes what came of the second run, and lets it follow the first. True if there is more to do at once.
    pub(crate) fn keep_step(&mut self) -> bool {
        // Questions are asked where there is one run and the guide beside it.
        let (comparing, asks) = (self.compare.is_some(), self.settings.asks);
        if comparing != std::mem::replace(&mut self.compared, comparing)
            && let Some(lab) = self.lab_mut()
        {
            lab.predictions.ask(asks && !comparing);
        }
        let Some(compare) = &mut self.compare else { return false };
        let busy = match compare.hear() {
            Ok(busy) => busy,
            Err(problem) => {
                self.compare = None;
                self.notice = Some(Notice::Said(Word::NotCompared, problem.to_string()));
                return false;
            }
        };
        if let (Some(compare), Screen::Lab(lab)) = (&mut self.compare, &mut self.screen) {
            compare.follow(lab);
        }
        busy
    }

    /// A step of both runs, if an action is one and two are shown; whether there was one to take.
    pub(crate) fn step_both(&mut self, action: Action) -> Option<bool> {
        let (step, on) = step_of(action)?;
        let (Some(compare), Screen::Lab(lab)) = (&mut self.compare, &mut self.screen) else {
            return None;
        };
        compare.other()?;
        let moved = compare.step(lab, step, on);
        compare.follow(lab);
        Some(moved)
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only two actions are single steps")]
fn step_of(action: Action) -> Option<(Step, bool)> {
    match action {
        Action::Next(step) => Some((step, true)),
        Action::Previous(step) => Some((step, false)),
        _ => None,
    }
}
