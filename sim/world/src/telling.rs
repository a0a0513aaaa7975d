//! What a scenario wants told of its run. The command and the snapshots take it from here, so that they tell the same.

use klamm_scenario::Scenario;
use klamm_trace::TranscriptOptions;

/// What a scenario's own transcript shows, as `klamm run` tells it without options.
pub fn transcript_options(scenario: &Scenario) -> TranscriptOptions {
    let show = scenario.show.clone();
    let steps = (0..).zip(&scenario.steps);
    TranscriptOptions {
        rooms: show.rooms,
        partitions: show.partitions,
        hide: show.hide,
        states: show.states,
        narration: steps.filter_map(|(index, step)| Some((index, step.say.clone()?))).collect(),
        ..TranscriptOptions::default()
    }
}
