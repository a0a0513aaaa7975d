//! What is drawn: each screen, pane, page, picture and mode at least once, and the moments in which most is to be seen.

use klamm_node::{NodeId, TopicPartition};
use klamm_scene::{Language, Palette, Step, Subject as Number, Tab, Zoom};
use klamm_viz::action::Action;
use klamm_viz::breakpoint::Breakpoint;
use klamm_viz::deed::Deed;
use klamm_viz::lab::{Inspect, Lab, place};
use klamm_viz::layout::Preset;
use klamm_viz::load::Source;
use klamm_viz::window::{Overlay, Screen, Window};

use crate::sitting::{Sitter, until};

/// A picture to be drawn.
pub(crate) struct Subject {
    /// Its name, which is its file's.
    pub(crate) name: &'static str,
    /// The scenario that is open, if one is.
    pub(crate) scenario: Option<&'static str>,
    /// Its width and height.
    pub(crate) size: [u16; 2],
    /// What makes it what it is.
    pub(crate) pose: fn(&mut Sitter),
}

const CRASH: &str = "lessons/leader-crash";
const GROUPS: &str = "lessons/two-groups";

/// Large enough for everything to be seen as one has it on a desk.
const DESK: [u16; 2] = [1280, 800];

/// Every picture.
pub(crate) const ALL: &[Subject] = &[
    page("library", None, DESK, |_| {}),
    page("library-dark-korean", None, DESK, |sitter| dress(sitter, DARK, KOREAN)),
    page("library-large-text-search", None, [1024, 700], |sitter| {
        sitter.state_mut().settings.scale = 150;
        sitter.state_mut().search = "leader epoch".to_owned();
    }),
    page("opening-a-trace", None, [800, 560], |sitter| {
        sitter.state_mut().screen = Screen::Opening(311_000, 1_000_000);
    }),
    page("broken-scenario", None, DESK, |sitter| open(sitter, BROKEN)),
    page("broken-scenario-dark-korean", None, [1024, 700], |sitter| {
        dress(sitter, DARK, KOREAN);
        open(sitter, BROKEN);
    }),
    page("cluster", Some(CRASH), DESK, |sitter| at(sitter, Tab::Cluster, "beat:1")),
    page("cluster-cut-links", Some(CRASH), DESK, |sitter| at(sitter, Tab::Cluster, "7818ms")),
    page("cluster-no-leader-dark", Some(CRASH), DESK, |sitter| {
        dress(sitter, DARK, Language::English);
        at(sitter, Tab::Cluster, "12s");
    }),
    page("cluster-korean-large-text", Some(CRASH), DESK, |sitter| {
        dress(sitter, Palette::Light, KOREAN);
        sitter.state_mut().settings.scale = 150;
        at(sitter, Tab::Cluster, "beat:5");
    }),
    page("cluster-far", Some("questions/rolling-bounce"), DESK, |sitter| {
        at(sitter, Tab::Cluster, "12s");
        lab(sitter).zoom = Zoom::Far;
    }),
    page("logs", Some(CRASH), DESK, |sitter| at(sitter, Tab::Logs, "beat:3")),
    page("logs-debug-dark", Some(CRASH), DESK, |sitter| {
        dress(sitter, DARK, Language::English);
        arrange(sitter, Preset::Debug);
        at(sitter, Tab::Logs, "beat:5");
    }),
    page("logs-narrow", Some(CRASH), [1024, 700], |sitter| at(sitter, Tab::Logs, "beat:6")),
    page("logs-of-groups", Some(GROUPS), DESK, |sitter| at(sitter, Tab::Logs, "9s")),
    page("sequence", Some(CRASH), DESK, |sitter| at(sitter, Tab::Sequence, "beat:3")),
    page("sequence-cone-dark", Some(CRASH), DESK, |sitter| {
        dress(sitter, DARK, Language::English);
        at(sitter, Tab::Sequence, "beat:1");
        let lab = lab(sitter);
        let frame = lab.trace().previous(Step::Message, lab.seq());
        lab.selection.event = frame;
    }),
    page("groups", Some(GROUPS), DESK, |sitter| at(sitter, Tab::Groups, "9s")),
    page("groups-dark-korean", Some("lessons/more-consumers-than-partitions"), DESK, |sitter| {
        dress(sitter, DARK, KOREAN);
        at(sitter, Tab::Groups, "beat:2");
    }),
    page("quorum", Some("lessons/controller-failover"), DESK, |sitter| {
        at(sitter, Tab::Quorum, "beat:2");
    }),
    page("quorum-present-korean", Some(CRASH), [1024, 700], |sitter| {
        dress(sitter, Palette::Light, KOREAN);
        arrange(sitter, Preset::Present);
        at(sitter, Tab::Quorum, "8s");
    }),
    page("presenter", Some(CRASH), [1280, 720], |sitter| {
        at(sitter, Tab::Cluster, "beat:4");
        act(sitter, Action::Presenter);
    }),
    page("presenter-dark-large-text", Some(CRASH), [1280, 720], |sitter| {
        dress(sitter, DARK, KOREAN);
        sitter.state_mut().settings.scale = 150;
        at(sitter, Tab::Logs, "beat:4");
        act(sitter, Action::Presenter);
    }),
    page("why", Some(CRASH), DESK, |sitter| {
        at(sitter, Tab::Logs, "beat:3");
        let leader = broker(sitter, "broker-1").1;
        lab(sitter).ask(Number::HighWatermark(orders(), leader));
    }),
    page("state-with-deeds", Some(CRASH), DESK, |sitter| {
        at(sitter, Tab::Cluster, "beat:3");
        let node = broker(sitter, "broker-2").0;
        lab(sitter).selection.nodes = vec![node];
        lab(sitter).inspect = Inspect::State;
    }),
    page("differences-since-a-bookmark", Some(CRASH), DESK, |sitter| {
        at(sitter, Tab::Logs, "beat:3");
        lab(sitter).toggle_bookmark();
        at(sitter, Tab::Logs, "beat:5");
        lab(sitter).since_bookmark = true;
        lab(sitter).inspect = Inspect::Diff;
    }),
    page("hidden-future", Some(CRASH), DESK, |sitter| {
        at(sitter, Tab::Cluster, "beat:3");
        let lab = lab(sitter);
        lab.hide_future = true;
        lab.toggle_bookmark();
        let breakpoint = Breakpoint::parse("isr orders-0 < 2", lab.trace());
        lab.toggle_breakpoint(breakpoint.expect("a condition"));
    }),
    page("branches", Some(CRASH), DESK, |sitter| {
        at(sitter, Tab::Cluster, "beat:2");
        let node = broker(sitter, "broker-3").0;
        lab(sitter).selection.nodes = vec![node];
        for deed in [Deed::Crash, Deed::Restart] {
            act(sitter, Action::Do(deed));
            until(sitter, |window| window.lab().is_some_and(|lab| lab.until().is_none()));
        }
    }),
    page("commands", Some(CRASH), DESK, |sitter| {
        at(sitter, Tab::Cluster, "beat:1");
        sitter.state_mut().overlay = Some(Overlay::Commands("step".to_owned()));
    }),
    page("keys-korean", Some(CRASH), [1024, 700], |sitter| {
        dress(sitter, Palette::Light, KOREAN);
        at(sitter, Tab::Cluster, "beat:1");
        act(sitter, Action::Shortcuts);
    }),
    page("a-place-that-is-none-dark", Some(CRASH), [1024, 700], |sitter| {
        dress(sitter, DARK, Language::English);
        at(sitter, Tab::Cluster, "beat:1");
        let wrong = lab(sitter).trace();
        let wrong = place(wrong, "99s").expect_err("the run ends before");
        sitter.state_mut().overlay = Some(Overlay::GoTo("99s".to_owned(), Some(wrong)));
    }),
];

const DARK: Palette = Palette::Dark;
const KOREAN: Language = Language::Korean;

/// A scenario with two mistakes.
const BROKEN: &str = r#"Scenario(
    version: 1,
    title: "A lesson with mistakes",
    question: "Where are they?",
    duration: "ten",
    cluster: (brokers: 3, controllers: 3),
    topics: [(name: "orders", partitions: 1, replication_factor: 3)],
    steps: [
        (at: "2s", do: [Crash("broker-9")], say: "There is no such broker."),
    ],
)
"#;

const fn page(
    name: &'static str,
    scenario: Option<&'static str>,
    size: [u16; 2],
    pose: fn(&mut Sitter),
) -> Subject {
    Subject { name, scenario, size, pose }
}

fn dress(sitter: &mut Sitter, palette: Palette, language: Language) {
    sitter.state_mut().settings.palette = palette;
    sitter.state_mut().settings.language = language;
}

fn act(sitter: &mut Sitter, action: Action) {
    let ctx = sitter.ctx.clone();
    sitter.state_mut().act(action, &ctx);
}

fn arrange(sitter: &mut Sitter, preset: Preset) {
    act(sitter, Action::Arrange(preset));
}

fn lab(sitter: &mut Sitter) -> &mut Lab {
    sitter.state_mut().lab_mut().expect("a run is open")
}

/// Stands at a place and shows a picture of it.
fn at(sitter: &mut Sitter, tab: Tab, text: &str) {
    let lab = lab(sitter);
    let seq = place(lab.trace(), text).unwrap_or_else(|_| panic!("{text} is no place"));
    lab.go(seq);
    lab.tab = tab;
}

fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// A broker by its name.
fn broker(sitter: &mut Sitter, name: &str) -> (NodeId, klamm_node::BrokerId) {
    let nodes = lab(sitter).trace().nodes();
    let node = nodes.named(name).expect("a node");
    (node, nodes.broker_of(node).expect("a broker"))
}

/// Opens a text as if it were a scenario.
fn open(sitter: &mut Sitter, text: &str) {
    let source = Source::Text { name: "my-lesson.ron".to_owned(), text: text.to_owned() };
    let wake = std::sync::Arc::new(|| {});
    sitter.state_mut().open(source, wake);
    until(sitter, |window: &Window| matches!(window.screen, Screen::Broken(_)));
}
