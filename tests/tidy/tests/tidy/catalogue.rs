//! The book's list of scenarios: every one with its title and its question, and where to begin.

use klamm_scenario::Scenario;

use crate::generated::check;
use crate::{root, tracked};

/// The folders below `scenarios`, with what is in them.
const CHAPTERS: [(&str, &str, &str); 6] = [
    ("lessons", "Lessons", "One idea each; the place to begin."),
    ("questions", "Questions", "What an interviewer or an engineer on call would ask."),
    (
        "schedules",
        "Schedules",
        "The message orders that once broke Kafka, or would; each says which decision saves us.",
    ),
    ("apps", "Applications", "Programs of one's own under the lab, with a mistake and without it."),
    (
        "nemesis",
        "Random faults",
        "Another story under every seed; what must hold is always the same.",
    ),
    (
        "regressions",
        "Regressions",
        "Seeds that once showed a mistake of ours, cut down to the point.",
    ),
];

/// For somebody who has never seen the lab: the scenario, and why it comes at this place.
const FIRST: [(&str, &str); 7] = [
    ("lessons/keys-and-order", "what a partition is, and what order it keeps"),
    ("lessons/leader-crash", "what happens when a leader dies"),
    ("lessons/slow-follower", "what being in sync means"),
    ("lessons/partitioned-leader", "what `acks=all` promises and `acks=1` does not"),
    ("lessons/power-loss", "what no promise covers"),
    ("questions/minimum-isr", "why a topic refuses to be written to"),
    ("questions/stop-the-world", "what a rebalance costs, three times over"),
];

fn scenarios() -> Vec<(String, Scenario)> {
    let files = tracked().into_iter().filter_map(|file| {
        let name = file.strip_prefix("scenarios/")?.strip_suffix(".ron")?.to_owned();
        let text = std::fs::read_to_string(root().join(&file)).expect("a scenario in UTF-8");
        let scenario = klamm_scenario::parse(&file, &text).unwrap_or_else(|mistakes| {
            panic!("{}", klamm_scenario::render(&mistakes, &text, false))
        });
        Some((name, scenario))
    });
    files.collect()
}

#[test]
fn the_list_of_scenarios() {
    let scenarios = scenarios();
    let mut page = String::from(
        "# The scenarios\n\n`klamm run scenarios/NAME.ron` tells one; `--seed N` tells it with other chances. Each file begins with what to look for.\n\n## Where to begin\n\n",
    );
    for (place, (name, why)) in FIRST.iter().enumerate() {
        let found = scenarios.iter().find(|(known, _)| known == name);
        let (_, scenario) = found.unwrap_or_else(|| panic!("{name} is no scenario"));
        page.push_str(&format!("{}. `{name}`: {why}. *{}*\n", place + 1, scenario.question));
    }
    let mut left = scenarios.len();
    for (folder, title, about) in CHAPTERS {
        let of_folder = || {
            scenarios.iter().filter_map(|(name, scenario)| {
                let short = name.strip_prefix(folder)?.strip_prefix('/')?;
                Some((short, scenario))
            })
        };
        if of_folder().next().is_none() {
            continue;
        }
        page.push_str(&format!(
            "\n## {title}\n\n{about} In `scenarios/{folder}`.\n\n| Scenario | What happens | The question |\n| --- | --- | --- |\n"
        ));
        for (name, scenario) in of_folder() {
            left -= 1;
            page.push_str(&format!("| `{name}` | {} | {} |\n", scenario.title, scenario.question));
        }
    }
    assert_eq!(left, 0, "scenarios in a folder that this list does not know");
    check("book/src/reference/scenarios.md", &page);
}
