//! Pages of the book that are made from the code. A stale page fails; `KLAMM_UPDATE=1 cargo test -p klamm-tidy` renews it.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::config::{self, Scope};
use klamm_node::event::{CATALOGUE, Room};
use klamm_protocol::api::{APIS, ApiInfo, Listener};
use klamm_protocol::forward;
use klamm_trace::INVARIANTS;

use crate::{read, root, rust_files};

const NOTICE: &str = "<!-- Made from the code by `KLAMM_UPDATE=1 cargo test -p klamm-tidy`; edit there, not here. -->\n";

pub(crate) fn check(page: &str, text: &str) {
    let text = format!("{NOTICE}{}\n", text.trim_end());
    if std::env::var_os("KLAMM_UPDATE").is_some() {
        std::fs::write(root().join(page), &text).unwrap_or_else(|error| panic!("{page}: {error}"));
    }
    let found = std::fs::read_to_string(root().join(page)).unwrap_or_default();
    assert!(found == text, "{page} is stale: run KLAMM_UPDATE=1 cargo test -p klamm-tidy");
}

#[test]
fn the_catalogue_of_events() {
    let mut page = String::from(
        "# Events\n\nEvery fact that a trace can hold, by room. The text form is documented in [the trace format](trace-format.md).\n",
    );
    for room in Room::ALL {
        page.push_str(&format!("\n## {room}\n\n| Event | Says | Fields |\n| --- | --- | --- |\n"));
        for info in CATALOGUE.iter().filter(|info| info.room == room) {
            let fields: Vec<String> =
                info.fields.iter().map(|field| format!("`{field}`")).collect();
            page.push_str(
                &(format!(
                    "| `{}` | {} | {} |",
                    info.name,
                    info.doc.concat().trim(),
                    fields.join(", ")
                ) + "\n"),
            );
        }
    }
    check("book/src/reference/events.md", &page);
}

#[test]
fn the_list_of_configs() {
    let mut page = String::from(
        "# Configuration keys\n\nKafka's own keys with Kafka's own defaults; what is not listed is refused with the nearest match.\n",
    );
    let scopes = [
        (Scope::Server, "Brokers and controllers"),
        (Scope::Topic, "Topics"),
        (Scope::Producer, "Producers"),
        (Scope::Consumer, "Consumers"),
    ];
    for (scope, title) in scopes {
        page.push_str(&format!(
            "\n## {title}\n\n| Key | Kind | Default | What it does |\n| --- | --- | --- | --- |\n"
        ));
        for key in config::keys(scope) {
            page.push_str(
                &(format!(
                    "| `{}` | {} | `{}` | {} |",
                    key.name,
                    key.kind,
                    key.default,
                    key.doc.trim()
                ) + "\n"),
            );
        }
    }
    check("book/src/reference/configs.md", &page);
}

/// `CreateTopics` as a file or function is named: `create_topics`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The file that answers an API on a listener. Found in the code, so that a served API without an answer fails here.
fn answered_in(api: &ApiInfo, listener: Listener) -> String {
    let name = snake(api.name);
    let post = format!("engine/broker/src/api/{name}.rs");
    // Both listeners are told the APIs by the same post; any other API of the controller listener goes past the broker.
    if root().join(&post).is_file() && (listener == Listener::Broker || name == "api_versions") {
        return post;
    }
    // Whatever is forwarded, and the envelope that it travels in, passes one place.
    let forwarded = forward::FORWARDABLE.contains(&api.api) && listener == Listener::Broker;
    if forwarded || name == "envelope" {
        return "engine/broker/src/process/running/forwarding.rs".to_owned();
    }
    // What groups are asked goes to the coordinators, and most of it on to their own room.
    let coordinators = "engine/broker/src/coordinators.rs";
    let asked = format!("RequestKind::{}(body)", api.name);
    if listener == Listener::Broker && read(coordinators).contains(&asked) {
        let taken = format!("pub fn {name}(");
        let mut files = rust_files().into_iter();
        let room = files.find(|file| {
            file.starts_with("engine/coordinator/src/")
                && !file.contains("/tests")
                && read(file).contains(&taken)
        });
        return room.unwrap_or_else(|| coordinators.to_owned());
    }
    let (rooms, taken): (&[&str], _) = match listener {
        Listener::Broker => (&["engine/broker/src/replica/"], format!("pub fn {name}(")),
        Listener::Controller => (
            &["engine/raft/src/raft.rs", "engine/controller/src/controller.rs"],
            format!("RequestKind::{}(", api.name),
        ),
    };
    let mut files =
        rust_files().into_iter().filter(|file| rooms.iter().any(|room| file.starts_with(room)));
    files
        .find(|file| !file.contains("/tests") && read(file).contains(&taken))
        .unwrap_or_else(|| panic!("nothing answers {} on the listener {listener:?}", api.name))
}

#[test]
fn the_list_of_apis() {
    let mut page = String::from(
        "# APIs\n\nEvery API that is served, in which versions, on which listener, and the file that answers it. An API that is not listed is not told to clients, and a request of it closes the connection.\n\n| API | Key | Versions | Listener | Answered in |\n| --- | --- | --- | --- | --- |\n",
    );
    for api in APIS {
        for (listener, title) in
            [(Listener::Broker, "broker"), (Listener::Controller, "controller")]
        {
            if !api.served_on(listener) {
                continue;
            }
            let mut versions = format!("{}–{}", api.min, api.max);
            if api.advertised_min != api.min {
                versions.push_str(&format!(" (told as {}–{})", api.advertised_min, api.max));
            }
            let file = answered_in(api, listener);
            page.push_str(
                &(format!("| {} | {} | {versions} | {title} | `{file}` |", api.name, api.key)
                    + "\n"),
            );
        }
    }
    check("book/src/reference/apis.md", &page);
}

#[test]
fn the_list_of_invariants() {
    let mut page = String::from(
        "# Invariants\n\nWhat must hold in every run. Those with an S are checked after every event, those with a V at the end of a run. Those with an L are about liveness: they are judged at the end of every run that ends healed, when nothing has been cut, frozen or disturbed for longer than a cluster with its settings takes to recover (L3 is also checked after every event). [Planted faults](../internals/mutations.md) shows which mistakes of the engine each of them notices.\n\n| Code | Name | What must hold |\n| --- | --- | --- |\n",
    );
    for invariant in INVARIANTS {
        let sentence = invariant.doc.concat();
        page.push_str(
            &(format!("| {} | `{}` | {} |", invariant.code, invariant.name, sentence.trim())
                + "\n"),
        );
    }
    check("book/src/reference/invariants.md", &page);
}

/// Where each mark stands: the text after it, with its file.
fn marks(marker: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in
        rust_files().iter().filter(|file| file.starts_with("engine/") || file.starts_with("sim/"))
    {
        let text = read(file);
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let line = line.trim_start();
            let Some(comment) = line.strip_prefix("//") else { continue };
            let comment = comment.trim_start_matches(['/', '!']).trim_start();
            let Some((before, rest)) = comment.split_once(marker) else { continue };
            // The mark may stand in backticks. Where it does not begin a sentence, somebody only speaks of it.
            let (before, rest) = match before.strip_suffix('`') {
                Some(before) => (before, rest.strip_prefix('`').unwrap_or(rest)),
                None => (before, rest),
            };
            if !before.trim_end().is_empty() && !before.trim_end().ends_with('.') {
                continue;
            }
            let mut sentence = rest.trim().to_owned();
            // The sentence may go on in the comment lines below, up to an empty one.
            while let Some(next) = lines.peek() {
                let next = next.trim_start();
                let more =
                    next.strip_prefix("//").map(|more| more.trim_start_matches(['/', '!']).trim());
                match more {
                    Some(more)
                        if !more.is_empty() && !more.contains(marker) && !more.starts_with('#') =>
                    {
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
        page.push_str(&(format!("| {} | `{file}` |", sentence.replace('|', "\\|")) + "\n"));
    }
    check("book/src/internals/deviations.md", &page);
}

#[test]
fn the_index_of_kips() {
    let mut cited: BTreeMap<(bool, u32), BTreeSet<String>> = BTreeMap::new();
    for file in
        rust_files().iter().filter(|file| file.starts_with("engine/") || file.starts_with("sim/"))
    {
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
    let mut page = String::from(
        "# Index of KIPs and JIRA issues\n\nWhere the code cites the proposal or report that it follows.\n\n| Id | Where |\n| --- | --- |\n",
    );
    for ((is_jira, number), files) in cited {
        let prefix = if is_jira { "KAFKA" } else { "KIP" };
        let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
        page.push_str(&(format!("| {prefix}-{number} | {} |", files.join(", ")) + "\n"));
    }
    check("book/src/reference/kips.md", &page);
}

/// The figures of machines that are declared once as a table of moves. Each room's own tests hold its table against its
/// figure; here they only come together.
const MACHINES: &[(&str, &str, &str)] = &[
    (
        "A registered broker, as the active controller sees it",
        "engine/controller/src/decide/life.rs",
        "engine/controller/tests/controller/snapshots/controller__brokers__the_life_of_a_broker_as_a_figure.snap",
    ),
    (
        "What a broker is to a partition",
        "engine/broker/src/replica/role.rs",
        "engine/broker/src/replica/snapshots/klamm_broker__replica__role__tests__the_figure.snap",
    ),
    (
        "A classic group",
        "engine/coordinator/src/classic/state.rs",
        "engine/coordinator/src/classic/snapshots/klamm_coordinator__classic__state__tests__the_figure.snap",
    ),
    (
        "A member of the metadata quorum",
        "engine/raft/src/transitions.rs",
        "engine/raft/src/snapshots/klamm_raft__transitions__tests__the_figure.snap",
    ),
];

#[test]
fn the_machines() {
    let mut page = String::from(
        "# Machines\n\nEach of these is declared once in the code, as a table of moves; a move that is not in it stops the process.\nThe figures are in the language of Graphviz.\n",
    );
    for (title, code, figure) in MACHINES {
        let figure = std::fs::read_to_string(root().join(figure)).expect(figure);
        // A snapshot has a head between two lines of dashes.
        let figure = figure.splitn(3, "---\n").nth(2).unwrap_or_default();
        page.push_str(&format!(
            "\n## {title}\n\nDeclared in `{code}`.\n\n```dot\n{}\n```\n",
            figure.trim_end()
        ));
    }
    check("book/src/reference/machines.md", &page);
}
