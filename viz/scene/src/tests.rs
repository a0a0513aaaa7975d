//! Pictures of the lessons: what they say, that they are exact, and that nothing in them runs out of its box.

use klamm_node::Seq;
use klamm_node::event::EventKind;

use super::*;
use crate::geometry::{Rect, px};
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
fn frames_that_wait_at_a_cut_leave_its_sign_readable_and_their_number_is_told() {
    let (crash, parted) = (testing::leader_crash(), testing::partitioned_leader());
    let of_crash = [10, 60, 120, 180].map(|millis| (crash, moment(crash, 2, millis)));
    let of_parted = (1..20).map(|part| (parted, Seq(parted.last().0 * part / 20)));
    let mut most = 0;
    for (trace, seq) in of_crash.into_iter().chain(of_parted) {
        let view = trace.view_at(seq);
        let waiting = |from: &str, to: &str| {
            let frames = view.frames.iter().filter(|(_, frame)| {
                let name = |node| trace.nodes().name(node);
                (name(frame.from), name(frame.to)) == (from, to)
            });
            frames.count()
        };
        for (language, scale, width) in [
            (Language::English, 100, 12_000),
            (Language::Korean, 150, 12_000),
            (Language::English, 100, 7_000),
        ] {
            let style = Style { scale, width, ..Style::new(Palette::Light, language) };
            let scene = picture(trace, Tab::Cluster, seq, style);
            let all = scene.all();
            let cuts = all.iter().filter(|object| object.id.starts_with("cut:"));
            for cut in cuts {
                // The sign is the two short lines that are thicker than the way.
                let sign = cut.parts.iter().filter_map(|part| {
                    let Part::Shape(Shape::Path { points, look, .. }) = part else { return None };
                    let thick = look.stroke.is_some_and(|stroke| stroke.width > px(2));
                    let end = |at: usize| Rect::new(points[at].x, points[at].y, 0, 0);
                    thick.then(|| end(0).union(end(1)))
                });
                let sign = sign.reduce(Rect::union).expect("a sign");
                let ends: Vec<&str> = cut.id.split(':').skip(1).collect();
                // Other ways may cross this one: what is on them passes.
                let own = |object: &&&Object| {
                    let (bundle, frame) = (
                        object.id.strip_prefix("frames/bundle:"),
                        object.id.strip_prefix("frames/frame:"),
                    );
                    let sent = frame.and_then(|seq| trace.event(Seq(seq.parse().ok()?)));
                    let sent = sent.and_then(|event| {
                        let EventKind::FrameSent { to, .. } = event.kind else { return None };
                        let name = |node| trace.nodes().name(node).to_owned();
                        Some(format!("{}:{}", name(event.node), name(to)))
                    });
                    let between = sent.as_deref().or(bundle);
                    between
                        .is_some_and(|it| ends.iter().all(|end| it.split(':').any(|x| x == *end)))
                };
                for frame in all.iter().filter(own) {
                    assert!(
                        !frame.bounds.overlaps(sign),
                        "{language:?} {scale} {width} {seq}: {} is over {}",
                        frame.id,
                        cut.id
                    );
                }
                let count = waiting(ends[0], ends[1]) + waiting(ends[1], ends[0]);
                let said = scene.object(&format!("waits:{}:{}", ends[0], ends[1]));
                let expected = (count > 0).then(|| language.say(Phrase::WaitingAtCut, &[&count]));
                assert_eq!(said.map(|it| it.name.clone()), expected);
                // In a narrow picture the ways around a box have no room for words.
                let boxes = all.iter().filter(|it| it.role == Role::Stop && width >= 12_000);
                for (said, stop) in said.iter().flat_map(|it| boxes.clone().map(move |b| (it, b))) {
                    assert!(
                        !said.bounds.overlaps(stop.bounds),
                        "{language:?} {scale} {width} {seq}: {} is behind {}",
                        said.id,
                        stop.id
                    );
                }
                most = most.max(count);
            }
        }
    }
    assert!(most > 1, "no more than {most} wait anywhere");
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

/// What is written in an object and in what is inside of it.
fn written<'a>(scene: &'a Scene, id: &str) -> Vec<&'a str> {
    let inside = |it: &Object| it.id == id || it.id.starts_with(&format!("{id}/"));
    let labels = scene.labels().into_iter().filter(|(object, _)| inside(object));
    labels.map(|(_, label)| label.text.as_str()).collect()
}

#[test]
fn where_there_is_little_room_the_number_of_a_name_is_what_stays() {
    let narrow = |scale| Style { width: 7_000, scale, captioned: false, ..Style::default() };
    let trace = testing::wide();
    for scale in [100, 150] {
        let scene = picture(trace, Tab::Cluster, trace.last(), narrow(scale));
        for broker in 1..=12 {
            let card = format!("node:broker-{broker}");
            let said = written(&scene, &card);
            let named = |text: &&&str| text.starts_with('b') && text.ends_with(&broker.to_string());
            assert!(said.iter().any(|text| named(&text)), "{scale} {broker}: {said:?}");
            // That it runs is said whole or goes without saying; that it does not is said whole.
            assert!(!said.iter().any(|text| text.starts_with("run") && *text != "running"));
            assert!(broker != 3 || said.contains(&"crashed"), "{scale}: {said:?}");
            assert!(broker != 3 || scale != 100 || said.contains(&"not fenced"), "{said:?}");
        }
    }
    let groups = testing::two_groups();
    let window = Style { width: 9_200, captioned: false, ..Style::default() };
    let scene = picture(groups, Tab::Cluster, groups.last(), window);
    for partition in 0..3 {
        let chip = format!("node:broker-1/replica:__consumer_offsets-{partition}");
        let said = written(&scene, &chip);
        assert!(said[0].starts_with('_') && said[0].ends_with(&partition.to_string()), "{said:?}");
    }
}

#[test]
fn who_did_it_is_outlined_wherever_one_comes_from() {
    let trace = testing::leader_crash();
    let outlined = |seq: Seq| -> Vec<(String, Rect)> {
        let scene = picture(trace, Tab::Cluster, seq, Style::default());
        let all = scene.objects.iter().filter_map(|object| {
            let node = object.id.strip_prefix("doer:")?;
            let card = rules::first_shape(scene.object(&format!("node:{node}"))?)?;
            assert!(object.bounds.holds(card), "{node}: around its card");
            Some((node.to_owned(), card))
        });
        all.collect()
    };
    let from = moment(trace, 1, 0);
    let mut told = 0;
    for seq in (from.0..from.0 + 60).map(Seq) {
        let event = trace.event(seq).expect("an event");
        let names: Vec<String> = outlined(seq).into_iter().map(|(name, _)| name).collect();
        if event.node == klamm_trace::LAB {
            assert!(names.is_empty(), "the scenario has no card: {names:?}");
        } else {
            assert_eq!(names, [trace.nodes().name(event.node)], "{seq}");
            told += 1;
        }
    }
    assert!(told > 20, "{told}");
}

#[test]
fn frames_between_two_controllers_do_not_cross_the_words_of_a_third() {
    let trace = testing::leader_crash();
    let [one, three] = ["controller-1", "controller-3"]
        .map(|name| trace.nodes().named(name).expect("it is there"));
    let passes = |seq: &Seq| {
        let event = trace.event(*seq).expect("an event");
        let EventKind::FrameSent { to, .. } = event.kind else { return false };
        [(one, three), (three, one)].contains(&(event.node, to))
    };
    let from = moment(trace, 1, 0).0;
    let sent: Vec<Seq> = (from..trace.last().0).map(Seq).filter(passes).take(4).collect();
    assert_eq!(sent.len(), 4, "they speak with each other");
    for seq in sent {
        for width in [12_000, 7_000] {
            let scene = picture(trace, Tab::Cluster, seq, Style { width, ..Style::default() });
            let frame = scene.object(&format!("frames/frame:{seq}")).expect("it is on its way");
            let mark = rules::first_shape(frame).expect("a mark");
            let card = scene.object("node:controller-2").and_then(rules::first_shape);
            assert!(!card.expect("a card").overlaps(mark), "{seq}: {mark:?}");
        }
    }
}

#[test]
fn a_member_that_does_not_run_is_told_from_those_that_do() {
    let trace = testing::dead_member();
    let at = |beat: usize| {
        let seq = moment(trace, beat, 300);
        picture(trace, Tab::Groups, seq, Style::default())
    };
    let scene = at(1);
    let mut rows: Vec<&Object> =
        scene.objects.iter().filter(|it| it.id.starts_with("member:readers:")).collect();
    rows.sort_by_key(|row| row.bounds.y);
    let who: Vec<&str> =
        rows.iter().map(|row| row.name.split([' ', ',']).nth(1).unwrap_or("")).collect();
    assert_eq!(who, ["reader-1", "reader-2", "reader-10"], "by name, and by number in it");
    let (alive, dead) = (rows[0], rows[1]);
    assert!(alive.name.contains("generation ") && !alive.name.contains("crashed"));
    assert!(dead.name.contains("crashed, the coordinator does not know yet"), "{}", dead.name);
    let said = written(&scene, &dead.id);
    assert!(said.contains(&"crashed"), "{said:?}");
    assert!(said.contains(&"the coordinator does not know yet"), "{said:?}");
    let slots = |row: &Object| -> Vec<String> {
        let marks = row.parts.iter().filter_map(|part| match part {
            Part::Object(object) => Some(object.name.clone()),
            Part::Shape(_) => None,
        });
        marks.collect()
    };
    assert!(slots(alive).iter().all(|name| name.starts_with("has orders-")), "{:?}", slots(alive));
    let unread = slots(dead);
    assert_eq!(unread.len(), 1, "{unread:?}");
    let partition = unread[0].strip_prefix("nobody reads ").expect("it waits for the session");
    // Only where nobody reads does lag alarm.
    let danger = Style::default().theme.hue(Hue::Danger);
    let lags = scene.labels().into_iter().filter(|(object, _)| object.name.contains("lag to HW "));
    let mut alarms = 0;
    for (object, label) in lags {
        let waits = object.name.starts_with(partition) && label.text != "0";
        assert_eq!(label.colour == danger, waits, "{}", object.name);
        alarms += usize::from(waits);
    }
    assert_eq!(alarms, 1);
    // It runs again under another id, and the old one's session goes on.
    let scene = at(2);
    let names = scene.objects.iter().filter(|it| it.id.starts_with("member:readers:"));
    let replaced = names.filter(|it| it.name.contains("came back as another")).count();
    assert_eq!(replaced, 1);
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
