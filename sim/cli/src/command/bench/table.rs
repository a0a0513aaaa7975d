//! The table.

use super::Measured;
use super::measure::Floor;
use crate::console::Console;

/// Something that the lab wants to be.
#[derive(Debug)]
pub(super) struct Target {
    pub what: &'static str,
    pub wanted: f64,
    pub found: f64,
    /// True if less is better.
    pub less: bool,
    pub unit: &'static str,
}

impl Target {
    pub(super) fn met(&self) -> bool {
        if self.less { self.found < self.wanted } else { self.found >= self.wanted }
    }
}

/// The targets that can be judged by what was measured.
pub(super) fn targets(measured: &[Measured], floor: &Floor) -> Vec<Target> {
    let find =
        |name: &str| measured.iter().find(|one| one.workload.name == name).map(|one| &one.plain);
    let mut targets = Vec::new();
    let mut want = |what, wanted, unit, found: Option<f64>| {
        targets.extend(found.map(|found| Target { what, wanted, found, less: false, unit }));
    };
    want("events a second on S1", 300_000.0, "/s", find("S1").map(|s1| s1.events_per_second()));
    want("S1 against real time", 300.0, "x", find("S1").map(|s1| s1.virtual_to_wall()));
    want("lessons a second", 25.0, "/s", find("L").map(|lesson| lesson.runs_per_second()));
    let what = "the world's own cost of an event";
    targets.push(Target { what, wanted: 300.0, found: floor.event, less: true, unit: " ns" });
    targets
}

/// Everything, for people.
pub(super) fn text(measured: &[Measured], floor: &Floor, console: &Console) -> String {
    let mut text = String::new();
    let head = format!(
        "{:<4} {:>9} {:>10} {:>10} {:>10} {:>8} {:>8} {:>9} {:>14}",
        "",
        "events",
        "events/s",
        "frames/s",
        "virt:wall",
        "runs/s",
        "B/event",
        "peak",
        "with invariants"
    );
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    line(&console.paint("1", &head));
    for Measured { workload, plain, checked } in measured {
        let peak = plain
            .peak
            .map_or_else(|| "n/a".to_owned(), |bytes| format!("{} MiB", bytes / 1_048_576));
        let wrong = if plain.passed() && checked.passed() { "" } else { "  NOT HELD" };
        line(&format!(
            "{:<4} {:>9} {:>10} {:>10} {:>9.0}x {:>8.1} {:>8.1} {:>9} {:>13}/s{wrong}",
            workload.name,
            grouped(real_count(plain.events())),
            grouped(plain.events_per_second()),
            grouped(plain.frames_per_second()),
            plain.virtual_to_wall(),
            plain.runs_per_second(),
            plain.bytes_per_event(),
            peak,
            grouped(checked.events_per_second()),
        ));
    }
    line("");
    for Measured { workload, .. } in measured {
        line(&format!("{:<4} {}", workload.name, workload.what));
    }
    line(
        "One core; trace, hash and View on; the last column with the invariants and the workload's expectations too. The\nfastest of several runs, each workload in a process of its own. Time is what the thread spent on a core where the\nsystem tells (Linux), else what the wall clock showed.\n",
    );

    line(&format!(
        "{:<46} {:>8.0} ns",
        "bare loop: an event (queue, links, hash, trace)", floor.event
    ));
    line(&format!(
        "{:<46} {:>8.0} ns",
        "bare loop: an event without the trace", floor.event_untraced
    ));
    line(&format!("{:<46} {:>8.0} ns", "bare loop: a frame (two events)", floor.frame));
    match floor.message {
        Some(message) => {
            line(&format!("{:<46} {:>8.0} ns", "madsim: a message over its TcpStream", message));
            line(&format!(
                "{:<46} {:>8.1} x",
                "madsim's message to the bare loop's frame",
                message / floor.frame
            ));
        }
        None => line(&format!("{:<46} {:>11}", "madsim: a message over its TcpStream", "n/a")),
    }
    for Measured { workload, plain, .. } in measured {
        let what = format!("an event of {} to one of the bare loop", workload.name);
        line(&format!("{what:<46} {:>8.1} x", plain.event() / floor.event));
    }
    line("");
    for target in targets(measured, floor) {
        let verdict =
            if target.met() { console.paint("32", "met") } else { console.paint("31", "NOT MET") };
        let (sign, wanted, found) =
            (if target.less { "<" } else { ">=" }, grouped(target.wanted), grouped(target.found));
        let unit = target.unit;
        line(&format!(
            "target: {:<34} {sign:>2} {wanted}{unit}, found {found}{unit}: {verdict}",
            target.what
        ));
    }
    text
}

pub(super) fn real_count(count: u64) -> f64 {
    super::measure::real(count)
}

/// 1234567 as `1 234 567`.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(1_234_567.2).replace('\u{a0}', "_"), "1_234_567");
        assert_eq!(grouped(999.0), "999");
    }
}
