//! What did not hold in a run, and where: said whole, each with its place.

use egui_kittest::kittest::Queryable as _;
use klamm_node::{Offset, RecordId, Seq, TopicPartition};
use klamm_scene::{Language, short_time};
use klamm_trace::{PermittedLoss, PermittedReason};
use klamm_world::{ExpectationReport, Outcome};

use super::{harness, lab, window};
use crate::words::Word;

#[test]
fn what_did_not_hold_is_listed_with_its_line_and_leads_to_its_place() {
    for language in Language::ALL {
        let mut window = window(language);
        let open = lab(&mut window);
        let place = Seq(open.trace().last().0 / 2);
        let time = open.trace().time_of(place);
        let place = open.trace().at_time(time);
        let expectation = |line, met: Option<bool>| ExpectationReport {
            index: line,
            line,
            text: format!("expected {line}"),
            met,
            found: format!("found {line}"),
            at: time,
        };
        let producer = open.trace().nodes().named("producer-1").expect("a producer");
        let loss = |base, records: u64| PermittedLoss {
            reason: PermittedReason::UncleanElection,
            producer,
            partition: TopicPartition::new("orders", 0),
            base: Offset(base),
            records: (0..records).map(RecordId).collect(),
            acked: Seq(1),
            seq: Seq(40),
            time,
            sentence: String::new(),
            events: Vec::new(),
        };
        open.done(Box::new(Outcome {
            expectations: vec![
                expectation(70, Some(false)),
                expectation(71, Some(true)),
                expectation(72, None),
            ],
            permitted_losses: vec![loss(20, 3), loss(9, 2)],
            ..Outcome::default()
        }));
        let mut harness = harness(window);
        let values: [&dyn std::fmt::Display; 5] =
            [&70, &short_time(time), &place, &"expected 70", &"found 70"];
        let unmet = Word::UnmetAt.say(language, &values);
        harness.get_by_label(&Word::NeverAsked.say(language, &[&72, &"expected 72"]));
        assert!(harness.query_by_label_contains("expected 71").is_none(), "it did hold");
        let producer = "producer-1";
        let values: [&dyn std::fmt::Display; 6] =
            [&5, &producer, &"orders-0", &9, &Seq(40), &PermittedReason::UncleanElection.text()];
        let lost = Word::LossPermitted.say(language, &values);
        harness.get_by_label(&lost).click_accesskit();
        harness.run();
        assert_eq!(lab(harness.state_mut()).seq(), Seq(40));
        harness.get_by_label(&unmet).click_accesskit();
        harness.run();
        assert_eq!(lab(harness.state_mut()).seq(), place);
        // The count in the lowest line leads there too.
        lab(harness.state_mut()).go(Seq(40));
        harness.run();
        harness.get_by_label(&Word::NotPassed.say(language, &[&2])).click_accesskit();
        harness.run();
        assert_eq!(lab(harness.state_mut()).seq(), place);
        // With the future it is hidden.
        lab(harness.state_mut()).hide_future = true;
        harness.run();
        assert!(harness.query_by_label(&unmet).is_none());
        assert!(harness.query_by_label(&lost).is_none());
    }
}
