//! Pages of the book that are made from the code. A stale page fails; `KLAMM_UPDATE=1 cargo test -p klamm-tidy` renews it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use klamm_node::config::{self, Scope};
use klamm_node::event::{CATALOGUE, Room};

use crate::{read, root, rust_files};

const NOTICE: &str = "<!-- Made from the code by `KLAMM_UPDATE=1 cargo test -p klamm-tidy`; edit there, not here. -->\n";

fn check(page: &str, text: &str) {
    let text = format!("{NOTICE}{}\n", text.trim_end());
    if std::env::var_os("KLAMM_UPDATE").is_some() {
        std::fs::write(root().join(page), &text).unwrap_or_else(|error| panic!("{page}: {error}"));
    }
    let found = std::fs::read_to_string(root().join(page)).unwrap_or_default();
    assert!(found == text, "{page} is stale: run KLAMM_UPDATE=1 cargo test -p klamm-tidy");
}

#[test]
fn the_catalogue_of_events() {
    let mut page = String::from("# Events\n\nEvery fact that a trace can hold, by room. The text form is documented in [the trace format](trace-format.md).\n");
    for room in Room::ALL {
        let _ = write!(page, "\n## {room}\n\n| Event | Says | Fields |\n| --- | --- | --- |\n");
        for info in CATALOGUE.iter().filter(|info| info.room == room) {
            let fields: Vec<String> = info.fields.iter().map(|field| format!("`{field}`")).collect();
            let _ = writeln!(page, "| `{}` | {} | {} |", info.name, info.doc.concat().trim(), fields.join(", "));
        }
    }
    check("book/src/reference/events.md", &page);
}

#[test]
fn the_list_of_configs() {
    let mut page = String::from("# Configuration keys\n\nKafka's own keys with Kafka's own defaults; what is not listed is refused with the nearest match.\n");
    let scopes = [
        (Scope::Server, "Brokers and controllers"),
        (Scope::Topic, "Topics"),
        (Scope::Producer, "Producers"),
        (Scope::Consumer, "Consumers"),
    ];
    for (scope, title) in scopes {
        let _ = write!(page, "\n## {title}\n\n| Key | Kind | Default | What it does |\n| --- | --- | --- | --- |\n");
        for key in config::keys(scope) {
            let _ = writeln!(page, "| `{}` | {} | `{}` | {} |", key.name, key.kind, key.default, key.doc.trim());
        }
    }
    check("book/src/reference/configs.md", &page);
}

/// Where each mark stands: the text after it, with its file.
fn marks(marker: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in rust_files().iter().filter(|file| file.starts_with("engine/") || file.starts_with("sim/")) {
        let text = read(file);
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let line = line.trim_start();
            let Some(comment) = line.strip_prefix("//") else { continue };
            let comment = comment.trim_start_matches(['/', '!']).trim_start();
            let Some((_, rest)) = comment.split_once(marker) else { continue };
            let mut sentence = rest.trim().to_owned();
            // The sentence may go on in the comment lines below, up to an empty one.
            while let Some(next) = lines.peek() {
                let next = next.trim_start();
                let more = next.strip_prefix("//").map(|more| more.trim_start_matches(['/', '!']).trim());
                match more {
                    Some(more) if !more.is_empty() && !more.contains(marker) && !more.starts_with('#') => {
                        sentence.push(' ');
                        sentence.push_str(more);
                        lines.next();
                    }
                    _ => break,
                }
            }
            found.push((sentence, file.clone()));
        }
    }
    found
}

#[test]
fn the_list_of_deviations() {
    let marker = concat!("Simplified", ":");
    let mut page = String::from(
        "# Where Klamm is simpler than Kafka\n\nEvery place in the code where real behaviour is simplified says so with one word; this page gathers them.\n\n| What | Where |\n| --- | --- |\n",
    );
    for (sentence, file) in marks(marker) {
        let _ = writeln!(page, "| {} | `{file}` |", sentence.replace('|', "\\|"));
    }
    check("book/src/internals/deviations.md", &page);
}

#[test]
fn the_index_of_kips() {
    let mut cited: BTreeMap<(bool, u32), BTreeSet<String>> = BTreeMap::new();
    for file in rust_files().iter().filter(|file| file.starts_with("engine/") || file.starts_with("sim/")) {
        let text = read(file);
        for (prefix, is_kip) in [("KIP-", true), ("KAFKA-", false)] {
            for rest in text.split(prefix).skip(1) {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                if let Ok(number) = digits.parse() {
                    cited.entry((!is_kip, number)).or_default().insert(file.clone());
                }
            }
        }
    }
    let mut page = String::from("# Index of KIPs and JIRA issues\n\nWhere the code cites the proposal or report that it follows.\n\n| Id | Where |\n| --- | --- |\n");
    for ((is_jira, number), files) in cited {
        let prefix = if is_jira { "KAFKA" } else { "KIP" };
        let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
        let _ = writeln!(page, "| {prefix}-{number} | {} |", files.join(", "));
    }
    check("book/src/reference/kips.md", &page);
}
