//! Every picture of a run at its steps, each by a hash of its SVG: one short text that changes when any picture does.
//!
//! `klamm render FILE --hash` prints it; the golden suite keeps it for every scenario, so that a change of how something is drawn
//! is seen wherever it shows, and on every machine and in every build the same text has to come out.

use std::fmt::Write as _;

use klamm_node::Seq;
use klamm_trace::RollingHash;

use crate::opened::{Cursor, OpenTrace};
use crate::scene::Scene;
use crate::stage::{Selection, Stage, Style, Tab, draw};
use crate::svg::svg;

/// The moments of a run at which it is looked at: its steps, as `--at` takes them, and its end.
pub fn places(trace: &OpenTrace) -> Vec<(String, Seq)> {
    let beats = trace.beats().iter().enumerate();
    let mut places: Vec<_> = beats.map(|(at, beat)| (format!("beat:{at}"), beat.seq)).collect();
    places.push(("end".to_owned(), trace.last()));
    places
}

/// Sixteen hexadecimal digits that stand for a picture: those of equal files are equal.
pub fn fingerprint(scene: &Scene) -> String {
    let mut hash = RollingHash::default();
    hash.push(svg(scene).as_bytes());
    let mut digits = hash.get().to_string();
    digits.truncate(16);
    digits
}

/// A line for each moment with the hash of each tab's picture.
pub fn sheet(trace: &OpenTrace, selection: &Selection, style: Style) -> String {
    let mut cursor = Cursor::new(trace);
    let mut text = String::new();
    for (place, seq) in places(trace) {
        cursor.seek(trace, seq);
        text.push_str(&place);
        for tab in Tab::ALL {
            let mut scene = draw(tab, &Stage { trace, view: cursor.view(), selection, style });
            // It names the scenario's file, which has other names from other folders.
            scene.title.clear();
            write!(text, " {} {}", tab.name(), fingerprint(&scene))
                .expect("writing to a String can't fail");
        }
        text.push('\n');
    }
    text
}
