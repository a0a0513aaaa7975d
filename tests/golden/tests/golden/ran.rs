//! Every scenario, run once under its own seed for all tests that look at the same runs.

use std::sync::OnceLock;

use klamm_golden::{Lesson, lessons, on_workers, told_from_trace, verdict};
use klamm_scene::OpenTrace;
use klamm_world::{World, transcript_options};

use crate::pictures::{Looked, look};
use crate::predictions::wrong_with;

/// A run, told and looked at. The run itself is not kept: all of them together would take too much memory.
pub(crate) struct Ran {
    /// The scenario.
    pub lesson: Lesson,
    /// Title, question, transcript and verdict.
    pub told: String,
    /// What its own predictions say wrongly.
    pub wrong: Vec<String>,
    /// What its pictures come to.
    pub looked: Looked,
}

/// The runs, in the order of paths. What is drawn at random is no story, and nobody's change should have to renew it: `nemesis`
/// looks after those.
pub(crate) fn ran() -> &'static [Ran] {
    static RAN: OnceLock<Vec<Ran>> = OnceLock::new();
    RAN.get_or_init(|| {
        let mut lessons = lessons();
        lessons.retain(|lesson| lesson.scenario.nemesis.is_none());
        on_workers(&lessons, |lesson| {
            let scenario = &lesson.scenario;
            let mut world = World::new(scenario, scenario.seed);
            let outcome = world.run();
            let transcript = told_from_trace(&world, transcript_options(scenario));
            let verdict = verdict(&outcome, &world.recorder().header().nodes);
            let told =
                format!("{}\n{}\n\n{transcript}\n{verdict}", scenario.title, scenario.question);
            let looked = look(lesson, &OpenTrace::of_recorder(world.recorder()));
            let wrong = wrong_with(scenario, &world);
            Ran { lesson: lesson.clone(), told, wrong, looked }
        })
    })
}
