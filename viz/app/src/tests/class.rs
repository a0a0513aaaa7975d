//! Before a class: what has to be read from the last row is large, and each answer has its letter and, beside it, its hands.

use eframe::egui;
use egui_kittest::kittest::Queryable as _;
use klamm_scenario::model::Question;
use klamm_scene::Language;

use super::{harness, lab, run};
use crate::predictions::Asked;
use crate::window::{Start, Window};
use crate::words::Word;

/// What is large enough: names in a picture that fills this screen are as high.
const LARGE: f32 = 30.0;

#[test]
fn a_class_reads_the_question_and_finds_the_hands_of_each_answer_beside_it() {
    for language in Language::ALL {
        let (trace, source) = run();
        let mut window = Window::new(Start::default(), None);
        window.settings.language = language;
        window.show_run(source.clone(), trace.clone());
        window.presenter = true;
        let open = lab(&mut window);
        let choice = |asked: &Asked| matches!(asked.prediction.ask, Question::Choice(_));
        let index = open.predictions.all().iter().position(choice).expect("a choice");
        assert!(open.to_question(index));
        let asked = open.predictions.all()[index].clone();
        let narration = open.cursor().view().step.as_ref().expect("a step").text.clone();
        let Question::Choice(options) = &asked.prediction.ask else { panic!("a choice") };
        let mut harness = harness(window);
        harness.set_size(egui::vec2(1920.0, 1080.0));
        harness.run();
        let (mut column, mut below) = (None, 0.0);
        for (letter, option) in ('A'..).zip(options) {
            let said = match language {
                Language::English => &option.text.english,
                Language::Korean => &option.text.korean,
            };
            let answer = harness.get_by_label(&format!("{letter}. {said}")).rect();
            assert!(answer.height() >= LARGE, "{language:?} {letter}: {answer:?}");
            assert!(answer.min.y >= below, "one below the other");
            let hands = harness.get_by_label(&Word::HandsFor.say(language, &[&said])).rect();
            assert!(answer.y_range().contains(hands.center().y), "{answer:?} {hands:?}");
            assert!(hands.min.x > answer.max.x && hands.max.x < 1920.0, "{answer:?} {hands:?}");
            assert_eq!(*column.get_or_insert(hands.min.x), hands.min.x, "all in one column");
            below = answer.max.y;
        }
        let prompt = match language {
            Language::English => &asked.prediction.prompt.english,
            Language::Korean => &asked.prediction.prompt.korean,
        };
        for read in [prompt, &narration] {
            let read = harness.get_by_label(read.as_str()).rect();
            assert!(read.height() >= LARGE, "{language:?}: {read:?}");
        }
        // The button under them is seen, and so is the picture above.
        let give = harness.get_by_label(Word::GiveAnswer.text(language)).rect();
        assert!(give.height() >= LARGE && give.max.y < 1080.0, "{give:?}");
        let named = harness.get_all_by_label_contains("broker-2, ").map(|it| it.rect());
        let card = named.min_by(|a, b| a.width().total_cmp(&b.width()));
        assert!(card.is_some_and(|card| card.max.y < give.min.y), "{card:?}");
    }
}
