//! Opening: what streams in, what is broken, what is remembered.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use eframe::egui::{self, Key};
use egui_kittest::kittest::Queryable as _;
use klamm_node::Seq;
use klamm_scene::{Language, Palette, Tab};
use klamm_trace::{Keep, Trace};
use klamm_world::{Options, World};

use super::{harness, is_open, lesson, press, until};
use crate::launch::Args;
use crate::load::{News, Problem, Source, Worker};
use crate::nowhere::no_display;
use crate::settings;
use crate::window::{Notice, Screen, Start, Window};
use crate::words::Word;

fn opened(source: Source) -> Window {
    Window::new(Start { source: Some(source), ..Start::default() }, None)
}

/// The bytes of a small trace.
pub(super) fn trace() -> Vec<u8> {
    let text = "(version: 1, title: \"Little\", question: \"Does it come up?\", duration: \"2s\")";
    let scenario = klamm_scenario::parse("little.ron", text).expect("a good scenario");
    let keep = Keep { events: true, view: true, invariants: false };
    let mut world = World::with(&scenario, 3, &Options { keep, ..Options::default() });
    while world.step().is_some() {}
    world.recorder().to_trace().to_bytes()
}

#[test]
fn a_scenario_streams_in_and_its_end_is_told() {
    let mut harness = harness(opened(lesson()));
    until(&mut harness, |window| window.lab().is_some_and(|lab| lab.outcome().is_some()));
    until(&mut harness, |window| window.lab().is_some_and(|lab| lab.until().is_none()));
    let lab = harness.state().lab().expect("open");
    assert_eq!(lab.seq(), lab.trace().beats()[0].seq, "one stands at the first step");
    assert_eq!(lab.trace().last(), super::run().0.last(), "the same run as ever");
}

#[test]
fn a_place_and_a_picture_can_be_asked_for_at_the_start() {
    let start = Start {
        source: Some(lesson()),
        at: Some("4s".to_owned()),
        tab: Some(Tab::Quorum),
        seed: Some(8),
        code: None,
    };
    let mut harness = harness(Window::new(start, None));
    until(&mut harness, |window| window.lab().is_some_and(|lab| lab.until().is_none()));
    let lab = harness.state().lab().expect("open");
    let time = lab.cursor().view().now.0;
    assert!(time <= 4_000_000_000 && time > 3_900_000_000, "{time}");
    assert_eq!((lab.tab, lab.trace().header().seed), (Tab::Quorum, 8));
}

#[test]
fn a_place_in_a_saved_trace_and_at_the_end_of_a_run_is_reached_and_one_that_is_none_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.trace");
    fs::write(&path, trace()).expect("written");
    let open = |source: Source, at: &str| {
        let start = Start { source: Some(source), at: Some(at.to_owned()), ..Start::default() };
        let mut harness = harness(Window::new(start, None));
        until(&mut harness, |window| window.lab().is_some_and(crate::lab::Lab::is_whole));
        let window = harness.state();
        let lab = window.lab().expect("open");
        (lab.seq(), lab.trace().last(), window.notice.clone())
    };
    let (seq, _, notice) = open(Source::File(path.clone()), "17");
    assert_eq!((seq, notice), (Seq(17), None));
    let (seq, last, _) = open(Source::File(path.clone()), "end");
    assert_eq!(seq, last);
    let (seq, last, notice) = open(lesson(), "end");
    assert_eq!((seq, notice), (last, None), "not the end of what had come when it was asked");
    for source in [Source::File(path), lesson()] {
        let (seq, _, notice) = open(source, "99999s");
        assert_eq!(notice, Some(Notice::Word(Word::NoSuchMoment)));
        assert!(seq > Seq(0), "one stands where one stands without a wish");
    }
}

#[test]
fn a_saved_trace_says_what_its_run_came_to_or_why_that_is_not_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let expects = |what: &str| {
        let text = format!(
            "(version: 1, title: \"Little\", question: \"Does it come up?\", duration: \"2s\", expect: [{what}])"
        );
        klamm_scenario::parse("little.ron", &text).expect("a good scenario")
    };
    let opened = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        let mut harness = harness(opened(Source::File(path)));
        until(&mut harness, is_open);
        harness
    };
    let word = |word: Word| word.text(Language::English).to_owned();
    let run = |what: &str, until: Option<klamm_node::Time>| {
        let mut world = World::new(&expects(what), 3);
        match until {
            Some(time) => world.run_until(time),
            None => drop(world.run()),
        }
        world.recorder().to_trace()
    };
    let harness = opened("good", &run("ControllerActive()", None).to_bytes());
    assert!(harness.query_by_label(&word(Word::Passed)).is_some());
    let wrong = run("Fenced(1)", None);
    let harness = opened("bad", &wrong.to_bytes());
    assert!(harness.query_by_label(&Word::NotPassed.say(Language::English, &[&1])).is_some());
    let expected = harness.query_all_by_label_contains("broker 1 is fenced").count();
    assert!(expected > 0, "what was expected is told");
    let early = klamm_node::Time::ZERO + klamm_node::Span::secs(1);
    let harness = opened("early", &run("Fenced(1)", Some(early)).to_bytes());
    assert!(harness.query_by_label(&word(Word::CutShort)).is_some());
    assert!(harness.query_by_label(&word(Word::Passed)).is_none(), "nothing is made up");
    let mut unread = wrong;
    unread.header.scenario = "of another time".into();
    let harness = opened("unread", &unread.to_bytes());
    assert!(harness.query_by_label(&word(Word::NoVerdict)).is_some());
}

#[test]
fn a_card_opens_its_scenario_and_the_library_is_searched() {
    for language in Language::ALL {
        let mut window = Window::new(Start::default(), None);
        window.settings.language = language;
        window.search = "leader crashes under load".to_owned();
        let mut harness = harness(window);
        let card = "lessons/leader-crash: The leader of a partition crashes under load";
        harness.get_by_label(card).click();
        harness.run_ok();
        until(&mut harness, is_open);
        assert_eq!(harness.state().lab().expect("open").source().name(), "lessons/leader-crash");
        harness.state_mut().search = "zebra".to_owned();
        let ctx = harness.ctx.clone();
        harness.state_mut().act(crate::action::Action::Library, &ctx);
        harness.run();
        assert!(harness.query_by_label(Word::NothingFound.text(language)).is_some());
    }
}

#[test]
fn a_broken_scenario_shows_its_mistakes_at_their_lines_and_can_be_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.ron");
    fs::write(&path, "(\n    version: 1,\n    title: \"Mine\",\n    question: \"?\",\n    duration: \"ten\",\n)\n")
        .expect("written");
    let mut harness = harness(opened(Source::File(path.clone())));
    until(&mut harness, |window| matches!(window.screen, Screen::Broken(_)));
    assert!(harness.query_by_label_contains("line 5, column").is_some());
    assert!(harness.query_by_label_contains("is not a duration").is_some());
    let shown = harness.state().editor().expect("it is shown in the editor");
    assert!(shown.text.contains("duration: \"ten\""), "the line itself is shown");
    fs::write(&path, "(version: 1, title: \"Mine\", question: \"?\", duration: \"1s\")")
        .expect("written");
    harness.get_by_label(Word::TryAgain.text(Language::English)).click();
    harness.run_ok();
    until(&mut harness, is_open);
    assert_eq!(harness.state().settings.recent, [path]);
}

#[test]
fn traces_open_and_damaged_ones_say_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = trace();
    let open = |name: &str, bytes: &[u8]| -> Result<Seq, String> {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        let worker = Worker::start(Source::File(path), None, Arc::new(|| {}));
        while let Some(news) = worker.wait(Duration::from_secs(60)).expect("it goes on") {
            match news {
                News::Opened(trace, _) => return Ok(trace.last()),
                News::Failed(problem) => return Err(problem.to_string()),
                News::Reading(..) => {}
                News::Begun(..) | News::Grown(_) | News::Done(_) => panic!("{news:?}"),
            }
        }
        panic!("neither opened nor failed")
    };
    let events = Trace::from_bytes(&good).expect("a trace").events.len();
    assert_eq!(open("good", &good), Ok(Seq(u64::try_from(events).expect("few"))));
    let cut = open("cut", &good[..good.len() / 2]).expect_err("half a trace");
    assert!(cut.contains("cut off") || cut.contains("corrupt"), "{cut}");
    let mut newer = good.clone();
    newer[Trace::MAGIC.len()] = 99;
    let newer = open("newer", &newer).expect_err("from the future");
    assert!(newer.contains("version") && newer.contains("newer klamm"), "{newer}");
    let mut rotten = good;
    let middle = rotten.len() / 2;
    rotten[middle] ^= 0x55;
    assert!(open("rotten", &rotten).expect_err("a flipped byte").contains("corrupt"));
    let noise = open("noise", &[0, 159, 146, 150]).expect_err("noise");
    assert!(noise.contains("neither a trace nor a scenario"), "{noise}");
    let nothing = Worker::start(Source::File(folder.path().join("no")), None, Arc::new(|| {}));
    let news = nothing.wait(Duration::from_secs(60)).expect("news");
    assert!(matches!(news, Some(News::Failed(Problem::Plain(_)))), "{news:?}");
    let seeded = folder.path().join("good");
    let seeded = Worker::start(Source::File(seeded), Some(3), Arc::new(|| {}));
    assert!(matches!(seeded.wait(Duration::from_secs(60)), Ok(Some(News::Failed(_)))));
}

#[test]
fn an_application_is_refused_with_the_way_to_see_it() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/apps/auto-commit-handoff.ron");
    let worker = Worker::start(Source::File(path), None, Arc::new(|| {}));
    let Ok(Some(News::Failed(problem))) = worker.wait(Duration::from_secs(60)) else {
        panic!("it ran")
    };
    assert!(problem.to_string().contains("the program 'mailer'"), "{problem}");
}

#[test]
fn opening_can_be_given_up() {
    let mut harness = harness(opened(lesson()));
    press(&mut harness, Key::Escape);
    until(&mut harness, |window| !matches!(window.screen, Screen::Opening(..)));
    press(&mut harness, Key::O);
    let ctx = harness.ctx.clone();
    harness.state_mut().act(crate::action::Action::Library, &ctx);
    harness.run();
    assert!(matches!(harness.state().screen, Screen::Library));
}

#[test]
fn what_a_person_chose_is_there_at_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("window.ron");
    let (trace, source) = super::run();
    let mut window = Window::new(Start::default(), Some(kept.clone()));
    window.show_run(source.clone(), trace.clone());
    let mut first = harness(window);
    for key in [Key::L, Key::F7] {
        press(&mut first, key);
    }
    let layout = first.state().layout.clone();
    drop(first);
    let again = Window::new(Start::default(), Some(kept.clone()));
    assert_eq!(again.settings.language, Language::Korean);
    assert_eq!(again.layout, layout);
    fs::write(&kept, "(version: 77)").expect("written");
    let fresh = Window::new(Start::default(), Some(kept.clone()));
    assert!(matches!(fresh.notice, Some(Notice::Said(Word::SettingsUnreadable, _))));
    assert!(matches!(settings::read(&kept), settings::Found::Nothing), "the old one is kept aside");
}

#[test]
fn arguments_and_displays() {
    let parse = |line: &str| Args::try_parse_from(line.split(' '));
    assert!(parse("klamm-viz --seed 7").is_err(), "a seed of nothing");
    for (place, good) in
        [("12.5s", true), ("end", true), ("beat:2", true), ("7", true), ("nonsense", false)]
    {
        assert_eq!(parse(&format!("klamm-viz a --at {place}")).is_ok(), good, "{place}");
    }
    assert!(parse("klamm-viz a --seed x").is_err() && parse("klamm-viz a --tab moon").is_err());
    let missing = parse("klamm-viz no-such-file.ron").expect("good arguments").start();
    assert!(missing.expect_err("it is missing").contains("no such file"));
    assert!(parse("klamm-viz .").expect("good").start().expect_err("a folder").contains("folder"));
    let args = parse("klamm-viz questions/minimum-isr.ron --lang ko --theme dark").expect("good");
    let window = args.window(None).expect("a scenario of the library");
    assert_eq!(
        (window.settings.language, window.settings.palette),
        (Language::Korean, Palette::Dark)
    );
    if cfg!(target_os = "linux") {
        assert!(no_display(|_| None).is_some_and(|text| text.contains("there is no display")));
        assert!(no_display(|_| Some("".into())).is_some(), "an empty DISPLAY is none");
        assert_eq!(no_display(|name| (name == "DISPLAY").then(|| ":0".into())), None);
    }
}

#[test]
fn what_is_done_makes_a_branch_that_is_the_same_run_up_to_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = harness(super::window(Language::English));
    let (trace, _) = super::run();
    let open = super::lab(harness.state_mut());
    let (first, second) = (open.trace().beats()[1].seq, Seq(open.trace().beats()[1].seq.0 + 333));
    open.go(second);
    let at = open.cursor().view().now;
    // Nobody is picked yet.
    press(&mut harness, Key::K);
    assert_eq!(harness.state().notice, Some(Notice::Word(Word::PickNode)));
    let broker = trace.nodes().named("broker-3").expect("a broker");
    let open = super::lab(harness.state_mut());
    open.selection.nodes = vec![broker];
    open.tab = Tab::Logs;
    harness.key_press(Key::K);
    harness.step();
    let whole = |window: &Window| window.lab().is_some_and(|lab| lab.until().is_none());
    until(&mut harness, whole);
    let open = super::lab(harness.state_mut());
    assert_eq!((open.tab, open.selection.nodes.as_slice()), (Tab::Logs, [broker].as_slice()));
    assert!(!open.cursor().view().is_alive(broker), "it has died at this very moment");
    assert_eq!(open.cursor().view().now, at);
    let parted = klamm_trace::first_divergence(trace.events(), open.trace().events());
    let parted = parted.expect("another run").seq;
    assert!(parted >= first && trace.time_of(parted) >= at, "the same up to there: {parted}");
    // It is saved as a scenario that gives the same run, and its command needs that file.
    assert_eq!(harness.state().code(), Err(Notice::Word(Word::SaveFirst)));
    let path = folder.path().join("mine.ron");
    harness.state_mut().save_as(&path.display().to_string());
    let code = harness.state().code().expect("a code").to_string();
    assert!(code.contains("mine.ron:text=") && code.contains(":seed=7:at="), "{code}");
    let text = fs::read_to_string(&path).expect("saved");
    assert!(text.contains("Crash(\"broker-3\")") && text.contains("// The main lesson"));
    let events = super::lab(harness.state_mut()).trace().last();
    // A second one does not replace it.
    harness.state_mut().save_as(&path.display().to_string());
    assert!(matches!(harness.state().overlay, Some(crate::window::Overlay::Save(_, Some(_)))));
    press(&mut harness, Key::Escape);
    // Back to the run as it was, and to the branch again: nothing is erased.
    harness.get_by_label(Word::BranchRoot.text(Language::English)).click_accesskit();
    harness.run_ok();
    until(&mut harness, whole);
    assert_eq!(super::lab(harness.state_mut()).trace().last(), trace.last());
    harness.get_by_label_contains("broker-3 crashes at").click_accesskit();
    harness.run_ok();
    until(&mut harness, whole);
    assert_eq!(super::lab(harness.state_mut()).trace().last(), events);
    // A deed upon a deed.
    harness.key_press(Key::R);
    harness.step();
    until(&mut harness, whole);
    let branches = &harness.state().branches;
    assert_eq!((branches.tree(), branches.shown()), (vec![(0, 0), (1, 1), (2, 2)], 2));
}

#[test]
fn cards_lie_side_by_side_with_their_words_inside_and_one_below_the_other() {
    for (language, scale) in [(Language::English, 100), (Language::Korean, 150)] {
        let mut window = Window::new(Start::default(), None);
        window.settings.language = language;
        window.settings.scale = scale;
        window.search = "lessons/".to_owned();
        let harness = harness(window);
        let cards: Vec<_> = crate::library::chapters()[0].1.iter().take(4).collect();
        let mut places = Vec::new();
        for card in cards {
            let place = harness.get_by_label(&format!("{}: {}", card.name, card.title)).rect();
            let [title, question] =
                [&card.title, &card.question].map(|it| harness.get_by_label(it).rect());
            assert!(place.contains_rect(title), "{}: {title:?} is not in {place:?}", card.name);
            assert!(
                title.max.y <= question.min.y && question.min.x >= place.min.x,
                "{}",
                card.name
            );
            assert!(places.iter().all(|other: &egui::Rect| !other.intersects(place.shrink(1.0))));
            places.push(place);
        }
    }
}
