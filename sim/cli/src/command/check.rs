//! `klamm check`: everything that is wrong with scenario files, without running them.

use serde_json::json;

use super::files;
use crate::args::{Check, TextOrJson};
use crate::console::{Console, Failure, Outcome};

/// Checks each file; one bad file does not keep the others from being read.
pub(crate) fn check(args: &Check, console: &Console) -> Outcome {
    let mut all_good = true;
    let mut answers = Vec::new();
    for path in &args.scenarios {
        let name = path.display().to_string();
        let text = match files::text(path) {
            Ok(text) => text,
            Err(failure) => {
                all_good = false;
                failure.tell(console);
                answers.push(json!({ "file": name, "ok": false, "error": "can't be read" }));
                continue;
            }
        };
        match klamm_scenario::parse(&name, &text) {
            Ok(scenario) => {
                if args.format == TextOrJson::Text && !console.quiet() {
                    let count = |n: usize, what: &str| {
                        format!("{n} {what}{}", if n == 1 { "" } else { "s" })
                    };
                    let steps = count(scenario.steps.len(), "step");
                    let mark = console.paint("32", "ok");
                    console.say(&format!("{mark} {name}: {} ({steps})\n", scenario.title))?;
                }
                answers.push(json!({ "file": name, "ok": true, "title": scenario.title }));
            }
            Err(mistakes) => {
                all_good = false;
                if args.format == TextOrJson::Text {
                    console.note(&klamm_scenario::render(&mistakes, &text, console.colour_err()));
                }
                answers.push(json!({ "file": name, "ok": false, "diagnostics": mistakes }));
            }
        }
    }
    if args.format == TextOrJson::Json {
        console.say(&format!("{:#}\n", serde_json::Value::Array(answers)))?;
    }
    if all_good { Ok(()) } else { Err(Failure::InputTold) }
}
