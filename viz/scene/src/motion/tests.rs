//! On the way: the ends are the steps themselves, causes come before effects and effects before what follows from them.

use super::*;
use crate::language::Language;
use crate::stage::Selection;
use crate::svg::svg;
use crate::testing;
use crate::theme::{Palette, Theme};
use crate::{Step, Style};

fn style(alpha: u16) -> Style {
    Style { alpha, captioned: false, ..Style::default() }
}

/// A tab at a step and at the one before, and on the way between them.
fn way(trace: &OpenTrace, tab: Tab, seq: Seq, alpha: u16) -> (Scene, Scene, Scene) {
    let selection = Selection::default();
    let (before, after) = (trace.view_at(Seq(seq.0 - 1)), trace.view_at(seq));
    let stage = |view| Stage { trace, view, selection: &selection, style: style(alpha) };
    let (from, to) = (draw(tab, &stage(&before)), draw(tab, &stage(&after)));
    let passing = passing(tab, &stage(&before), &stage(&after));
    (from, to, passing)
}

/// The first event of a kind behind a beat.
fn event(trace: &OpenTrace, beat: usize, is: impl Fn(&EventKind) -> bool) -> Seq {
    event_at(trace, beat, |event| is(&event.kind))
}

fn event_at(trace: &OpenTrace, beat: usize, is: impl Fn(&Event) -> bool) -> Seq {
    let from = trace.beats()[beat].seq;
    let mut events = trace.events().from(from);
    events.find(is).expect("such an event comes").seq
}

/// Everything that is written in a scene.
fn words(scene: &Scene) -> Vec<String> {
    scene.labels().into_iter().map(|(_, label)| label.text.clone()).collect()
}

#[test]
fn the_end_of_the_way_is_the_step_itself_and_every_place_on_it_has_one_picture() {
    let trace = testing::leader_crash();
    for tab in Tab::ALL {
        for beat in [1, 3, 5] {
            let seq = Seq(trace.beats()[beat].seq.0 + 25);
            let (_, to, arrived) = way(trace, tab, seq, ARRIVED);
            assert_eq!(svg(&to), svg(&arrived), "{tab:?}");
            for alpha in [0, 100, 400, 700, 900, 999] {
                let (_, _, once) = way(trace, tab, seq, alpha);
                let (_, _, again) = way(trace, tab, seq, alpha);
                assert_eq!(svg(&once), svg(&again));
                let untidy = crate::rules::untidy(&once);
                let untidy: Vec<_> = untidy.iter().filter(|it| it.contains("id ")).collect();
                assert!(untidy.is_empty(), "{tab:?} {alpha}: {untidy:?}");
            }
        }
    }
}

#[test]
fn what_lands_comes_before_what_follows_from_it() {
    let trace = testing::leader_crash();
    // The leader's high watermark moves: a bar and a flag that follow from what a follower has fetched.
    let leader = trace.nodes().named("broker-1").expect("it leads until it dies");
    let seq = event_at(trace, 1, |event| {
        event.node == leader
            && matches!(&event.kind, EventKind::HighWatermarkMoved { partition, .. } if *partition == testing::orders())
    });
    let flag = |scene: &Scene| scene.object("high-watermark").map(|object| object.bounds);
    let (from, to, landed) = way(trace, Tab::Logs, seq, EFFECT.1);
    assert_ne!(flag(&from), flag(&to));
    let shapes_of = |scene: &Scene| -> Vec<Shape> {
        let all = scene.all().into_iter().filter(|it| it.id.starts_with("high-watermark"));
        all.flat_map(|object| shapes(object).cloned().collect::<Vec<_>>()).collect()
    };
    assert_eq!(shapes_of(&landed), shapes_of(&from), "it has not moved when effects are there");
    let (_, _, half) = way(trace, Tab::Logs, seq, 900);
    assert!(shapes_of(&half) != shapes_of(&from) && shapes_of(&half) != shapes_of(&to));
    assert!(words(&half).iter().any(|text| text.contains("HighWatermarkMoved")), "because …");
    assert!(!words(&way(trace, Tab::Logs, seq, 300).2).iter().any(|it| it.contains("because")));
    // A batch is there once effects are, and not while it is on its way.
    let seq = event(trace, 3, |kind| matches!(kind, EventKind::BatchAppended { .. }));
    let ends = |scene: &Scene| {
        let of = scene.all().into_iter().filter(|it| it.id.contains("log-end:orders-0"));
        of.map(|it| it.parts.clone()).collect::<Vec<_>>()
    };
    let (from, to, flying) = way(trace, Tab::Logs, seq, 500);
    assert_eq!(ends(&flying), ends(&from));
    assert_ne!(ends(&from), ends(&to));
    assert_eq!(ends(&way(trace, Tab::Logs, seq, EFFECT.1).2), ends(&to));
}

#[test]
fn frames_fly_from_their_sender_and_to_their_receiver() {
    let trace = testing::leader_crash();
    let sent = event(trace, 1, |kind| matches!(kind, EventKind::FrameSent { .. }));
    let sender = trace.nodes().name(trace.event(sent).expect("stored").node).to_owned();
    let id = format!("frames/frame:{sent}");
    let place = |scene: &Scene| scene.object(&id).map(|object| object.bounds.centre());
    let card = |scene: &Scene| {
        scene
            .object(&format!("node:{sender}"))
            .and_then(crate::rules::first_shape)
            .map(Rect::centre)
    };
    let far = |alpha: u16| {
        let (_, to, scene) = way(trace, Tab::Cluster, sent, alpha);
        place(&scene).zip(card(&to)).map(|(frame, card)| frame.distance(card))
    };
    assert_eq!(far(100), None, "the sender is ringed before");
    let distances: Vec<_> = [200, 300, 450, 600].into_iter().filter_map(far).collect();
    assert!(distances.len() == 4 && distances.is_sorted(), "{distances:?}");
    assert_eq!(far(600), far(ARRIVED));
    let (_, _, pulse) = way(trace, Tab::Cluster, sent, 100);
    assert!(pulse.object("pulse").is_some_and(|ring| ring.name.starts_with(&sender)));
    // And away, until it has arrived.
    let arrives = event(
        trace,
        1,
        |kind| matches!(kind, EventKind::FrameDelivered { frame } if *frame >= sent),
    );
    let event = trace.event(arrives).expect("stored");
    let EventKind::FrameDelivered { frame } = event.kind else { panic!("it is one") };
    let id = format!("frames/frame:{frame}");
    let there = |alpha| way(trace, Tab::Cluster, arrives, alpha).2.object(&id).cloned();
    let (a, b) = (there(200).expect("it flies"), there(500).expect("it flies"));
    assert_ne!(a.bounds, b.bounds);
    assert_eq!(there(FLIGHT.1), None, "it has arrived");
}

#[test]
fn no_more_than_sixty_frames_fly() {
    let canvas = |count: i32, x: Tenths| {
        let mut canvas = Canvas::new();
        canvas.object("frames", Role::Area, "frames", |ink| {
            for n in 0..count {
                ink.object(&format!("frame:{}", n + 1), Role::Mark, "a frame", |ink| {
                    ink.circle(at(x, px(n)), px(3), Look::fill(Colour::hex(0)));
                });
            }
        });
        canvas.finish("test".to_owned(), px(500), Colour::hex(0xFF_FF_FF))
    };
    let (before, after) = (canvas(100, 0), canvas(100, px(400)));
    let trace = testing::leader_crash();
    let half = between(trace, &before, &after, Seq(1), style(375));
    let all = half.all();
    let places = all.iter().filter(|it| frame_of(it).is_some()).map(|it| it.bounds.centre().x);
    let flying = places.filter(|x| *x > 0 && *x < px(400)).count();
    assert_eq!(flying, FLYING);
}

#[test]
fn back_fades_and_nothing_flies() {
    let trace = testing::leader_crash();
    let sent = event(trace, 3, |kind| matches!(kind, EventKind::FrameSent { .. }));
    let (before, after, _) = way(trace, Tab::Cluster, sent, ARRIVED);
    // From the later step to the earlier one.
    let back = undoing(&after, &before, 500);
    let ghosts = |scene: &Scene| {
        scene
            .all()
            .into_iter()
            .filter(|it| it.id.starts_with("undone/"))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert!(!ghosts(&back).is_empty(), "the undone part is seen");
    assert!(ghosts(&back).iter().all(|ghost| ghost.subject.is_none()));
    let id = format!("undone/frames/frame:{sent}");
    let frame = format!("frames/frame:{sent}");
    let (then, ghost) = (after.object(&frame).expect("it left"), back.object(&id));
    assert_eq!(ghost.map(|it| it.bounds), Some(then.bounds), "it stays where it was");
    assert_eq!(svg(&undoing(&after, &before, ARRIVED)), svg(&before));
}

#[test]
fn with_reduced_motion_what_changed_has_a_ring_and_nothing_else_has() {
    let trace = testing::leader_crash();
    let seq = event(trace, 3, |kind| matches!(kind, EventKind::BatchAppended { .. }));
    let (before, after, _) = way(trace, Tab::Logs, seq, ARRIVED);
    let colour = Theme::new(Palette::Light).hue(Hue::Warning);
    let rings = |scene: &Scene| -> Vec<String> {
        let all = scene.objects.iter().filter(|object| object.id.starts_with("changed/"));
        all.map(|object| object.id.clone()).collect()
    };
    let found = rings(&ringed(&before, &after, colour));
    assert!(found.iter().any(|id| id.contains("log-end:orders-0")), "{found:?}");
    assert_eq!(rings(&ringed(&after, &after, colour)), Vec::<String>::new());
    // Everything else is the step itself.
    let mut without = ringed(&before, &after, colour);
    without.objects.retain(|object| !object.id.starts_with("changed/"));
    assert_eq!(without, after);
}

#[test]
fn the_reason_is_told_in_both_languages() {
    let trace = testing::leader_crash();
    let seq = trace.next(Step::Interesting, trace.beats()[3].seq).expect("something happens");
    let selection = Selection::default();
    let (before, after) = (trace.view_at(Seq(seq.0 - 1)), trace.view_at(seq));
    for language in Language::ALL {
        let style = Style { language, ..style(900) };
        let stage = |view| Stage { trace, view, selection: &selection, style };
        let scene = passing(Tab::Cluster, &stage(&before), &stage(&after));
        let because = scene.object("because").expect("it is told");
        let kind = trace.event(seq).expect("stored").kind.name();
        assert!(because.name.contains(kind) && because.bounds.right() <= scene.width);
    }
}
