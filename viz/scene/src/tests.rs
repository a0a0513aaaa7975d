//! Pictures of the lessons: what they say, that they are exact, and that nothing in them runs out of its box.

use klamm_node::Seq;

use super::*;
use crate::geometry::Rect;
use crate::testing;

/// A picture of a trace at an event.
fn picture(trace: &OpenTrace, tab: Tab, seq: Seq, style: Style) -> Scene {
    let view = trace.view_at(seq);
    draw(tab, &Stage { trace, view: &view, selection: &Selection::default(), style })
}

/// The event so many milliseconds behind the beginning of a beat.
fn moment(trace: &OpenTrace, beat: usize, millis: u64) -> Seq {
    trace.at_time(trace.beats()[beat].time + klamm_node::Span::millis(millis))
}

/// Moments of the lessons, a handful for each tab.
fn moments() -> Vec<(&'static str, &'static OpenTrace, Tab, Seq)> {
    let (crash, groups) = (testing::leader_crash(), testing::two_groups());
    let late = Seq(groups.last().0 * 2 / 3);
    vec![
        ("logs-replicated", crash, Tab::Logs, moment(crash, 1, 0)),
        ("logs-only-the-leader-has-it", crash, Tab::Logs, moment(crash, 3, 15)),
        ("logs-leader-down", crash, Tab::Logs, moment(crash, 4, 0)),
        ("logs-returns", crash, Tab::Logs, moment(crash, 6, 0)),
        ("cluster-cut", crash, Tab::Cluster, moment(crash, 2, 10)),
        ("cluster-elected", crash, Tab::Cluster, moment(crash, 5, 0)),
        ("sequence-cut", crash, Tab::Sequence, moment(crash, 3, 15)),
        ("quorum", crash, Tab::Quorum, moment(crash, 1, 0)),
        ("groups", groups, Tab::Groups, late),
        ("logs-of-groups", groups, Tab::Logs, late),
    ]
}

#[test]
fn a_picture_drawn_twice_is_the_same_file() {
    for (name, trace, tab, seq) in moments() {
        let once = svg(&picture(trace, tab, seq, Style::default()));
        assert_eq!(once, svg(&picture(trace, tab, seq, Style::default())), "{name}");
        assert!(once.contains("<title>") && once.ends_with("</svg>\n"), "{name}");
    }
}

/// The name of an object.
fn name_of(scene: &Scene, id: &str) -> String {
    let found = scene.all().into_iter().find(|object| object.id == id);
    found.map(|object| object.name.clone()).unwrap_or_default()
}

#[test]
fn the_lesson_is_told_in_words() {
    let trace = testing::leader_crash();
    let style = Style::default();
    let scene = picture(trace, Tab::Logs, moment(trace, 1, 0), style);
    assert!(name_of(&scene, "lane:orders-0@1").starts_with("broker-1, leader, leader epoch 0"));
    assert!(name_of(&scene, "lane:orders-0@2").starts_with("broker-2, follower of 1, in ISR"));
    let down = picture(trace, Tab::Logs, moment(trace, 4, 0), style);
    assert!(name_of(&down, "lane:orders-0@1").starts_with("broker-1, crashed"));
    let cut = picture(trace, Tab::Cluster, moment(trace, 2, 10), style);
    let between = name_of(&cut, "cut:broker-1:broker-2");
    assert!(between.ends_with("is cut both ways"), "{between}");
    // The machine is dead, and nobody has told the controller.
    let unaware = picture(trace, Tab::Cluster, moment(trace, 4, 100), style);
    let card = unaware.object("node:broker-1").expect("a card");
    let said: Vec<&str> = card
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Object(object) => Some(object.name.as_str()),
            Part::Shape(_) => None,
        })
        .collect();
    assert!(said.contains(&"the controller does not know yet"), "{said:?}");
    let korean = Style::new(Palette::Dark, Language::Korean);
    let scene = picture(trace, Tab::Logs, moment(trace, 1, 0), korean);
    assert!(name_of(&scene, "lane:orders-0@2").starts_with("broker-2, 1의 팔로워, ISR 안"));
}

#[test]
fn pictures_are_tidy_in_either_language_and_any_size_of_text() {
    let mut offenders = Vec::new();
    for (name, trace, tab, seq) in moments() {
        for language in Language::ALL {
            for (scale, width) in [(100, 12_000), (150, 12_000), (200, 12_000), (100, 7_000)] {
                let style = Style { scale, width, ..Style::new(Palette::Light, language) };
                let found = rules::untidy(&picture(trace, tab, seq, style));
                let told =
                    found.iter().map(|it| format!("{name} {language:?} {scale} {width}: {it}"));
                offenders.extend(told);
            }
        }
    }
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn twelve_brokers_with_two_hundred_partitions_are_tidy_from_near_and_far() {
    let trace = testing::wide();
    let view = trace.tip();
    let selection = Selection::default();
    let mut offenders = Vec::new();
    for zoom in [Zoom::Auto, Zoom::Near, Zoom::Middle, Zoom::Far] {
        for (language, scale) in
            [(Language::English, 100), (Language::Korean, 150), (Language::Korean, 200)]
        {
            let style = Style { scale, zoom, ..Style::new(Palette::Light, language) };
            for tab in Tab::ALL {
                let scene = draw(tab, &Stage { trace, view, selection: &selection, style });
                let found = rules::untidy(&scene);
                offenders.extend(found.iter().map(|it| format!("{tab:?} {zoom:?} {scale}: {it}")));
            }
        }
    }
    offenders.sort();
    offenders.dedup_by_key(|it| it.chars().take(32).collect::<String>());
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn from_afar_a_topic_is_a_block_with_its_counts_and_the_worst_is_said() {
    let trace = testing::wide();
    let far = Style { zoom: Zoom::Far, ..Style::default() };
    let (seq, before) = (trace.last(), Seq(trace.beats()[0].seq.0 - 1));
    // All 600 replicas are counted, each once.
    let replicas = |scene: &Scene| -> usize {
        let blocks = scene.all().into_iter().filter(|it| it.id.ends_with("/topic:orders"));
        let count =
            |it: &Object| it.name.split(' ').nth(4).and_then(|word| word.parse::<usize>().ok());
        blocks.filter_map(count).sum()
    };
    assert_eq!(replicas(&picture(trace, Tab::Cluster, seq, far)), 600);
    let sum = |seq| name_of(&picture(trace, Tab::Logs, seq, far), "sum:orders");
    assert!(sum(before).starts_with("orders: 200 partitions, 0 leaderless"), "{}", sum(before));
    let rows = picture(trace, Tab::Logs, seq, far);
    let rows = rows.objects.iter().filter(|it| it.id.starts_with("partition:orders-")).count();
    assert_eq!(rows, 200, "and each has its row");
    let near = picture(trace, Tab::Cluster, seq, Style { zoom: Zoom::Near, ..far });
    assert_eq!(
        near.all()
            .into_iter()
            .filter(|it| it.id.contains("/replica:orders-") && it.role == Role::Mark)
            .count(),
        600
    );
}

#[test]
fn the_place_of_a_card_does_not_depend_on_what_happens() {
    let trace = testing::leader_crash();
    let places = |seq: Seq| -> Vec<(String, Option<Rect>)> {
        let scene =
            picture(trace, Tab::Cluster, seq, Style { captioned: false, ..Style::default() });
        let nodes = scene.objects.iter().filter(|object| object.id.starts_with("node:"));
        nodes.map(|object| (object.id.clone(), rules::first_shape(object))).collect()
    };
    let first = places(moment(trace, 1, 0));
    for beat in 2..trace.beats().len() {
        assert_eq!(places(moment(trace, beat, 30)), first, "beat {beat}");
    }
}

#[test]
fn a_step_before_the_first_event_is_a_picture_too() {
    let trace = testing::leader_crash();
    for tab in Tab::ALL {
        for seq in [Seq(0), Seq(1), trace.last()] {
            let scene = picture(trace, tab, seq, Style::default());
            assert!(!scene.objects.is_empty(), "{tab:?} at {seq}");
        }
    }
}
