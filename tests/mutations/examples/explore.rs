//! A tool: what a scenario finds with and without a planted fault, and its transcript.
//!
//! `KLAMM_TRY="SCENARIO FAULT SEED..SEED" cargo run -p klamm-mutations --example explore`; a fault of
//! `none` plants nothing, `KLAMM_TELL=1` adds the transcript.

#![expect(clippy::print_stdout, reason = "a tool that prints")]

use std::path::Path;

use klamm_trace::Keep;
use klamm_world::{Options, World};

fn main() {
    let Ok(wanted) = std::env::var("KLAMM_TRY") else { return };
    let tell = std::env::var_os("KLAMM_TELL").is_some();
    for wish in wanted.split(';') {
        let mut words = wish.split_whitespace();
        let name = words.next().expect("a scenario");
        let faults: Vec<String> = words
            .next()
            .into_iter()
            .filter(|fault| *fault != "none")
            .flat_map(|faults| faults.split(',').map(str::to_owned))
            .collect();
        let (first, last) = words
            .next()
            .and_then(|seeds| seeds.split_once(".."))
            .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)))
            .unwrap_or((1, 1));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = root.join(format!("scenarios/{name}.ron"));
        let other = root.join(format!("../../scenarios/{name}.ron"));
        let file = if own.is_file() { own } else { other };
        let text = std::fs::read_to_string(&file).expect("the scenario is there");
        let scenario = match klamm_scenario::parse(name, &text) {
            Ok(scenario) => scenario,
            Err(mistakes) => panic!("{}", klamm_scenario::render(&mistakes, &text, false)),
        };
        for seed in first..=last {
            let keep = if tell { Keep::ALL } else { Keep::CHECKED };
            let switches = faults.clone();
            let options = Options { keep, switches, ..Options::default() };
            let mut world = World::with(&scenario, seed, &options);
            let outcome = world.run();
            if tell {
                let options = klamm_world::transcript_options(&scenario);
                println!("{}", klamm_trace::Transcript::of(&world.recorder().to_trace(), options));
            }
            println!("== {name} {faults:?} seed {seed}");
            for violation in &outcome.violations {
                println!("   {} {}", violation.id.code(), violation.sentence);
            }
            for panic in &outcome.panics {
                println!("   panic {panic:?}");
            }
            for unmet in outcome.expectations.iter().filter(|one| one.met != Some(true)) {
                println!("   line {}: {} — {}", unmet.line, unmet.text, unmet.found);
            }
            for missed in &outcome.missed_steps {
                println!("   never: line {} {}", missed.line, missed.text);
            }
        }
    }
}
