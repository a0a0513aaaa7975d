//! Questions in the window: where they stop one, what is hidden until they are answered, verdicts, and who answers by what.

use eframe::egui::{Event, Key};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use klamm_node::{BrokerId, Seq};
use klamm_scenario::model::{Question, Said};
use klamm_scene::{Language, OpenTrace, Step};
use klamm_world::predict::{Given, Truth, is_right};
use klamm_world::{Options, World};

use super::{harness, lab, press};
use crate::branch::with_step;
use crate::lab::{Inspect, Lab};
use crate::layout::Pane;
use crate::library;
use crate::load::Source;
use crate::predictions::{Answer, Asked, Session};
use crate::window::{Notice, Start, Window};
use crate::words::Word;

/// A scenario of the library, run to its end.
fn opened(name: &str) -> (Source, OpenTrace) {
    let card = library::named(name).expect("a scenario of the library");
    let scenario = klamm_scenario::parse(&card.name, card.text).expect("good");
    let mut world = World::with(&scenario, scenario.seed, &Options::default());
    world.run();
    let source = Source::Text { name: card.name.clone(), text: card.text.to_owned() };
    (source, OpenTrace::of_recorder(world.recorder()))
}

fn window(language: Language, (source, trace): &(Source, OpenTrace)) -> Window {
    let mut window = Window::new(Start::default(), None);
    window.settings.language = language;
    window.show_run(source.clone(), trace.clone());
    window
}

fn said(said: &Said, language: Language) -> &str {
    match language {
        Language::English => &said.english,
        Language::Korean => &said.korean,
    }
}

/// An answer that is right, or one that is wrong.
fn answer(asked: &Asked, right: bool) -> Given {
    let Some(Ok(judgement)) = asked.verdict() else { panic!("the run is over") };
    let question = &asked.prediction.ask;
    let given = match (&judgement.truth, question) {
        (Truth::Options(truth), _) => {
            Given::Option(truth.iter().position(|is| *is == right).expect("both kinds"))
        }
        (Truth::Brokers(truth), _) if right => Given::Brokers(truth.clone()),
        (Truth::Brokers(truth), Question::Brokers { .. }) => {
            let all = &asked.draft.brokers.1;
            // Others are checked: whoever was, is not.
            Given::Brokers(all.iter().copied().filter(|id| !truth.contains(id)).collect())
        }
        (Truth::Number(truth), _) if right => Given::Number(*truth),
        (Truth::Number(truth), _) => Given::Number(truth + 1000),
        (Truth::Order(truth), _) if right => Given::Order(truth.clone()),
        (Truth::Order(truth), _) => Given::Order(truth.iter().rev().copied().collect()),
        (Truth::Brokers(_), _) => panic!("brokers answer a question about brokers"),
    };
    assert_eq!(is_right(question, &judgement.truth, &given), right, "{}", asked.prediction.id);
    given
}

/// Writes an answer as a person does: with the widgets.
fn write(harness: &mut Harness<'_, Window>, asked: &Asked, given: &Given, language: Language) {
    match (given, &asked.prediction.ask) {
        (Given::Option(index), Question::Choice(options)) => {
            harness.get_by_label(said(&options[*index].text, language)).click_accesskit();
        }
        (Given::Brokers(brokers), _) => {
            for broker in brokers {
                let name = Word::BrokerNumber.say(language, &[broker]);
                harness.get_by_label(&name).click_accesskit();
                harness.run();
            }
        }
        (Given::Number(number), _) => {
            harness.get_by_label(Word::NumberHint.text(language)).focus();
            harness.run();
            harness.event(Event::Text(number.to_string()));
            harness.run();
            press(harness, Key::Enter);
        }
        (Given::Order(order), Question::Order(items)) => {
            for (place, wanted) in order.iter().enumerate() {
                let name = Word::MoveUp.say(language, &[&said(&items[*wanted].text, language)]);
                let index =
                    harness.state().lab().and_then(|lab| lab.predictions.waiting(lab.seq()));
                let index = index.expect("it waits");
                let at = |harness: &mut Harness<'_, Window>| {
                    let draft = &lab(harness.state_mut()).predictions.all()[index].draft;
                    draft.order.iter().position(|it| it == wanted).expect("it is there")
                };
                while at(harness) > place {
                    harness.get_by_label(&name).click_accesskit();
                    harness.run();
                }
            }
        }
        (Given::Option(_) | Given::Order(_), _) => panic!("another question"),
    }
    harness.run();
}

/// A lesson from its start to its end by steps of the scenario: each question stops one, is answered, and is judged. The other
/// panes only cost time.
fn play(name: &str, run: &(Source, OpenTrace), language: Language, right: bool) {
    let mut window = window(language, run);
    window.layout =
        egui_tiles::Tree::new_tabs(eframe::egui::Id::unique("guide"), vec![Pane::Guide]);
    let mut harness = harness(window);
    let all = lab(harness.state_mut()).predictions.all().len();
    assert!(all > 0, "{name} asks nothing");
    let mut answered = 0;
    for _ in 0..200 {
        let waiting = {
            let lab = lab(harness.state_mut());
            lab.predictions.waiting(lab.seq())
        };
        let Some(index) = waiting else {
            // What lies between questions needs no picture.
            if !lab(harness.state_mut()).next(Step::Beat) {
                // Behind the last step there is no other, and what is left is judged at the end.
                press(&mut harness, Key::End);
                break;
            }
            continue;
        };
        let asked = lab(harness.state_mut()).predictions.all()[index].clone();
        let (here, prompt) = (asked.at().expect("asked"), said(&asked.prediction.prompt, language));
        // It is not passed by playing or stepping, and what is behind it is not told.
        let keys = [Key::PageDown, Key::ArrowRight, Key::Space];
        for key in keys.iter().skip(answered % 3).take(1) {
            press(&mut harness, *key);
            let window = harness.state();
            assert_eq!(window.notice, Some(Notice::Word(Word::AnswerFirst)), "{name}: {key:?}");
            assert_eq!(window.lab().map(Lab::seq), Some(here), "{name}: {key:?}");
        }
        harness.get_by_label(prompt);
        let open = lab(harness.state_mut());
        assert!(open.hides(Seq(here.0 + 1)) && !open.hides(here) && !open.playback.plays());
        let given = answer(&asked, right);
        write(&mut harness, &asked, &given, language);
        let given_by_enter = matches!(given, Given::Number(_));
        if !given_by_enter {
            harness.get_by_label(Word::GiveAnswer.text(language)).click_accesskit();
            harness.run();
        }
        let open = lab(harness.state_mut());
        let kept = open.predictions.all()[index].answer().cloned();
        assert_eq!(kept, Some(Answer::Given(given)), "{name}: {}", asked.prediction.id);
        answered += 1;
        verdict(&mut harness, index, language, right, name);
    }
    let open = lab(harness.state_mut());
    let score = open.predictions.score().expect("answers");
    assert_eq!((answered, score.judged, score.all), (all, all, all), "{name}");
    assert_eq!(score.right, if right { all } else { 0 }, "{name}");
    // Stepping back takes nothing away.
    press(&mut harness, Key::Home);
    assert_eq!(lab(harness.state_mut()).predictions.score(), Some(score));
}

/// Where an answer is judged: what is said, and *Why?*. Then one goes on from where one was.
fn verdict(
    harness: &mut Harness<'_, Window>,
    index: usize,
    language: Language,
    right: bool,
    name: &str,
) {
    let open = lab(harness.state_mut());
    let here = open.seq();
    let asked = open.predictions.all()[index].clone();
    let decided = asked.decided().expect("judged");
    assert!(decided > here, "{name}");
    assert_eq!(asked.is_right(), Some(right));
    open.go(decided);
    harness.run();
    let word = if right { Word::AnsweredRight } else { Word::AnsweredWrong };
    let head = word.text(language).split("{0}").next().expect("a beginning").to_owned();
    assert!(harness.query_all_by_label_contains(&head).next().is_some(), "{name}: {head}");
    if let (false, Question::Choice(options), Some(Answer::Given(Given::Option(chosen)))) =
        (right, &asked.prediction.ask, asked.answer())
    {
        let reason = options[*chosen].reason.as_ref().expect("a wrong option has a reason");
        harness.get_by_label(said(reason, language));
    }
    let why = Word::WhyThisAnswer.text(language);
    let buttons = harness.query_all_by_label(why).count();
    assert!(buttons > 0, "{name}");
    harness.get_all_by_label(why).next().expect("Why?").click_accesskit();
    harness.run();
    let open = lab(harness.state_mut());
    assert_eq!(open.seq(), decided, "{name}");
    let told = match open.inspect {
        Inspect::Why => !open.asked().is_empty(),
        Inspect::Event => open.selection.event.is_none(),
        Inspect::State | Inspect::Diff | Inspect::Invariants => false,
    };
    assert!(told, "{name}: one click explains it");
    if open.inspect == Inspect::Why {
        let style = harness.state().style();
        let answer = lab(harness.state_mut()).answer(style);
        assert!(answer.is_some(), "{name}: {}: the value has no Why?", asked.prediction.id);
    }
    let open = lab(harness.state_mut());
    open.go(here);
}

#[test]
fn every_lesson_is_played_asked_and_judged_in_both_languages() {
    let lessons = library::chapters().iter().flat_map(|(_, cards)| cards);
    let lessons = lessons.filter(|card| card.name.starts_with("lessons/"));
    let mut played = 0;
    let mut kinds = Vec::new();
    for (index, card) in lessons.enumerate() {
        // Each lesson in one language with right answers or with wrong ones; all four ways are taken by several lessons, and
        // texts are read in both languages below.
        let language = if index % 2 == 0 { Language::Korean } else { Language::English };
        let run = opened(&card.name);
        play(&card.name, &run, language, index % 4 < 2);
        if ["lessons/empty-disk", "lessons/keys-and-order", "lessons/stuck-consumer"]
            .contains(&card.name.as_str())
        {
            kinds.extend(raise_hands(&run, language));
        }
        played += 1;
    }
    assert!(played >= 18, "{played} lessons");
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["brokers", "number", "order"], "hands were counted for every kind");
}

/// A class answers the questions of a lesson that are no choices: hands are typed with the widgets, and it is told how many were right.
fn raise_hands(run: &(Source, OpenTrace), language: Language) -> Vec<&'static str> {
    let type_into = |harness: &mut Harness<'_, Window>, name: &str, text: &str| {
        harness.get_by_role_and_label(eframe::egui::Role::TextInput, name).focus();
        harness.run();
        harness.event(Event::Text(text.to_owned()));
        harness.run();
    };
    let mut window = window(language, run);
    window.presenter = true;
    let mut harness = harness(window);
    let count = lab(harness.state_mut()).predictions.all().len();
    let mut kinds = Vec::new();
    for index in 0..count {
        let open = lab(harness.state_mut());
        let asked = open.predictions.all()[index].clone();
        if matches!(asked.prediction.ask, Question::Choice(_)) {
            continue;
        }
        open.to_question(index);
        harness.run();
        let given = [answer(&asked, true), answer(&asked, false)];
        let right = match (&asked.prediction.ask, &given) {
            (Question::Choice(_), _) => 0,
            (Question::Brokers { .. }, [Given::Brokers(right), _]) => {
                // Seven hands for each broker there is.
                for broker in &asked.draft.brokers.1 {
                    let broker = Word::BrokerNumber.say(language, &[broker]);
                    let name = Word::HandsFor.say(language, &[&broker]);
                    type_into(&mut harness, &name, "7");
                }
                kinds.push("brokers");
                7 * right.len()
            }
            (Question::Number { .. }, [Given::Number(right), Given::Number(wrong)]) => {
                for (place, (number, hands)) in [(right, "9"), (wrong, "4")].iter().enumerate() {
                    let name = Word::ProposedNumber.say(language, &[&(place + 1)]);
                    type_into(&mut harness, &name, &number.to_string());
                    let name = Word::HandsForNumber.say(language, &[&(place + 1)]);
                    type_into(&mut harness, &name, hands);
                }
                kinds.push("number");
                9
            }
            (Question::Order(items), [Given::Order(right), _]) => {
                // The order as it stands in the file, then the right one.
                let first = &asked.draft.order;
                type_into(&mut harness, Word::HandsForThis.text(language), "5");
                harness.get_by_label(Word::AddHands.text(language)).click_accesskit();
                harness.run();
                for (place, wanted) in right.iter().enumerate() {
                    let said = said(&items[*wanted].text, language);
                    let name = Word::MoveUp.say(language, &[&said]);
                    let at = |harness: &mut Harness<'_, Window>| {
                        let draft = &lab(harness.state_mut()).predictions.all()[index].draft;
                        draft.order.iter().position(|it| it == wanted).expect("it is there")
                    };
                    while at(&mut harness) > place {
                        harness.get_by_label(&name).click_accesskit();
                        harness.run();
                    }
                }
                // What is typed and not added counts too.
                type_into(&mut harness, Word::HandsForThis.text(language), "6");
                kinds.push("order");
                if first == right { 11 } else { 6 }
            }
            (Question::Brokers { .. } | Question::Number { .. } | Question::Order(_), _) => {
                panic!("an answer of another kind")
            }
        };
        harness.get_by_label(Word::GiveAnswer.text(language)).click_accesskit();
        harness.run();
        let open = lab(harness.state_mut());
        let asked = open.predictions.all()[index].clone();
        let (found, all) = asked.hands().expect("hands were counted and it is judged");
        assert_eq!(usize::try_from(found), Ok(right), "{}", asked.prediction.id);
        open.go(asked.decided().expect("judged"));
        harness.run();
        harness.get_by_label(&Word::HandsRight.say(language, &[&found, &all]));
    }
    kinds
}

/// The main lesson all four ways.
#[test]
fn the_main_lesson_is_answered_rightly_and_wrongly_in_both_languages() {
    let name = "lessons/leader-crash";
    let run = opened(name);
    for language in Language::ALL {
        for right in [true, false] {
            play(name, &run, language, right);
        }
    }
}

/// Through the worker, as in the real window: a run that is still to come has no verdict yet, and has them all in the end.
#[test]
fn a_scenario_that_streams_in_is_judged_as_one_that_was_there() {
    let start = Start { source: Some(super::lesson()), ..Start::default() };
    let mut harness = harness(Window::new(start, None));
    super::until(&mut harness, |window| window.lab().is_some_and(Lab::is_whole));
    let open = lab(harness.state_mut());
    let index = open.predictions.all().iter().position(|it| matches!(it.verdict(), Some(Ok(_))));
    let index = index.expect("a question of the lesson's beginning is judged");
    let given = answer(&open.predictions.all()[index], true);
    let Given::Option(right) = given else { panic!("it begins with a choice") };
    open.to_question(index);
    if let Some(asked) = open.predictions.get_mut(index) {
        asked.draft.option = Some(right);
    }
    harness.run();
    press(&mut harness, Key::A);
    let open = lab(harness.state_mut());
    let decided = open.predictions.all()[index].decided().expect("judged");
    open.go(decided);
    harness.run();
    let head = Word::AnsweredRight.text(Language::English).split("{0}").next().expect("words");
    assert!(harness.query_all_by_label_contains(head).next().is_some(), "it says that it is right");
    let score = lab(harness.state_mut()).predictions.score().expect("an answer");
    assert_eq!((score.right, score.judged), (1, 1));
}

#[test]
fn every_sign_of_every_question_is_in_the_font() {
    let ctx = eframe::egui::Context::default();
    ctx.set_fonts(crate::show::fonts());
    let texts: Vec<String> = library::chapters()
        .iter()
        .flat_map(|(_, cards)| cards)
        .flat_map(|card| {
            let scenario = klamm_scenario::parse(&card.name, card.text).expect("good");
            let steps = scenario.steps.into_iter();
            steps.flat_map(|step| step.predict).flat_map(|it| texts(&it)).collect::<Vec<_>>()
        })
        .collect();
    assert!(texts.len() > 100, "{} texts", texts.len());
    let mut missing = std::collections::BTreeSet::new();
    // The fonts are there from the first frame on.
    let mut output = ctx.run_ui(eframe::egui::RawInput::default(), |ui| {
        ui.ctx().fonts_mut(|fonts| {
            let font = eframe::egui::FontId::proportional(14.0);
            let signs = texts.iter().flat_map(|text| text.chars());
            missing.extend(signs.filter(|sign| !fonts.has_glyph(&font, *sign)));
        });
    });
    output.textures_delta.clear();
    assert!(missing.is_empty(), "not in the font: {missing:?}");
}

/// Every text of a question.
fn texts(prediction: &klamm_scenario::model::Prediction) -> Vec<String> {
    let mut all = vec![prediction.prompt.clone(), prediction.because.clone()];
    match &prediction.ask {
        Question::Choice(options) => {
            all.extend(options.iter().map(|it| it.text.clone()));
            all.extend(options.iter().filter_map(|it| it.reason.clone()));
        }
        Question::Brokers { wrong, .. } => all.extend(wrong.iter().map(|(_, it)| it.clone())),
        Question::Number { wrong, .. } => all.extend(wrong.iter().map(|(_, it)| it.clone())),
        Question::Order(items) => all.extend(items.iter().map(|it| it.text.clone())),
    }
    all.into_iter().flat_map(|said| [said.english, said.korean]).collect()
}

#[test]
fn playing_stops_at_a_question_and_where_its_answer_is_judged() {
    let run = opened("lessons/leader-crash");
    let mut window = window(Language::English, &run);
    let open = lab(&mut window);
    open.playback.by = Step::Interesting;
    while open.playback.faster() {}
    let mut now = 1.0;
    let mut play = |open: &mut Lab| {
        assert!(open.play_pause(now));
        loop {
            now += 10.0;
            if let Some(stopped) = open.tick(now) {
                return stopped;
            }
        }
    };
    use crate::playback::Stopped;
    assert_eq!(play(open), Stopped::Question);
    let index = open.predictions.waiting(open.seq()).expect("it waits");
    assert!(!open.play_pause(5.0), "it does not play past a question");
    assert!(!open.answer_question(false), "nothing is chosen");
    let right = answer(&open.predictions.all()[index], true);
    let Given::Option(right) = right else { panic!("a choice") };
    if let Some(asked) = open.predictions.get_mut(index) {
        asked.draft.option = Some(right);
    }
    assert!(open.answer_question(false));
    let decided = open.predictions.all()[index].decided().expect("judged");
    let stopped = play(open);
    assert!(open.seq() <= decided, "not past the verdict");
    if open.seq() == decided && open.predictions.waiting(decided).is_none() {
        assert_eq!(stopped, Stopped::Verdict);
    }
    // A skipped question stops nobody, and is counted.
    while let Some(index) = open.predictions.all().iter().position(|it| it.answer().is_none()) {
        open.to_question(index);
        assert!(open.skip_question());
        assert_eq!(open.predictions.all()[index].answer(), Some(&Answer::Skipped));
    }
    assert!(!open.skip_question(), "none is left");
    let score = open.predictions.score().expect("answers");
    assert_eq!(score.skipped, score.all - 1);
}

#[test]
fn a_class_raises_hands_and_sees_how_many_were_right() {
    let run = opened("lessons/leader-crash");
    let mut window = window(Language::English, &run);
    window.presenter = true;
    let open = lab(&mut window);
    let choice = |asked: &Asked| matches!(asked.prediction.ask, Question::Choice(_));
    let index = open.predictions.all().iter().position(choice).expect("a choice");
    open.to_question(index);
    let mut harness = harness(window);
    let asked = lab(harness.state_mut()).predictions.all()[index].clone();
    let Question::Choice(options) = &asked.prediction.ask else { panic!("a choice") };
    for (option, hands) in options.iter().zip([7_u32, 5]) {
        let name = Word::HandsFor.say(Language::English, &[&option.text.english]);
        harness.get_by_label(&name).focus();
        harness.run();
        harness.event(Event::Text(hands.to_string()));
        harness.run();
    }
    harness.get_by_label(Word::GiveAnswer.text(Language::English)).click_accesskit();
    harness.run();
    let open = lab(harness.state_mut());
    let Some(Answer::Hands(hands)) = open.predictions.all()[index].answer() else {
        panic!("hands were counted")
    };
    assert_eq!([hands[0].count, hands[1].count], [7, 5]);
    let asked = open.predictions.all()[index].clone();
    open.go(asked.decided().expect("judged"));
    harness.run();
    let (right, all) = asked.hands().expect("hands");
    assert_eq!(all, 12);
    let said = Word::HandsRight.say(Language::English, &[&right, &all]);
    harness.get_by_label(&said);
}

#[test]
fn answers_stay_with_their_run() {
    let run = opened("lessons/leader-crash");
    let mut window = window(Language::English, &run);
    let open = lab(&mut window);
    for index in 0..open.predictions.all().len() {
        open.to_question(index);
        assert!(open.skip_question());
    }
    window.show_run(run.0.clone(), run.1.clone());
    let open = lab(&mut window);
    assert!(open.predictions.all().iter().all(|it| it.answer() == Some(&Answer::Skipped)));
    // Another run has none of them.
    let other = opened("lessons/keys-and-order");
    window.show_run(other.0.clone(), other.1);
    assert!(lab(&mut window).predictions.all().iter().all(|it| it.answer().is_none()));
    window.show_run(run.0.clone(), run.1);
    assert!(lab(&mut window).predictions.score().is_some());
}

#[test]
fn a_branch_has_the_answers_from_before_it_parted_and_judges_the_rest_by_itself() {
    let card = library::named("lessons/leader-crash").expect("the main lesson");
    let run = opened(&card.name);
    let mut window = window(Language::English, &run);
    let open = lab(&mut window);
    let order: Vec<usize> = (0..open.predictions.all().len()).collect();
    for index in &order {
        open.to_question(*index);
        let given = answer(&open.predictions.all()[*index], true);
        let asked = open.predictions.get_mut(*index).expect("a question");
        match given {
            Given::Option(option) => asked.draft.option = Some(option),
            Given::Number(number) => asked.draft.number = number.to_string(),
            Given::Brokers(_) | Given::Order(_) => panic!("the lesson asks no such thing"),
        }
        assert!(open.answer_question(false));
    }
    let mut session = Session::default();
    session.keep(open);
    // Broker 2 is stopped in order, a second after the first question was decided: broker 3 follows the dead leader.
    let first = open.predictions.all()[0].decided().expect("judged");
    let at = open.trace().time_of(first) + klamm_node::Span::secs(1);
    let text = with_step(&card.name, card.text, at, "Stop(\"broker-2\")");
    let text = text.expect("a branch");
    let scenario = klamm_scenario::parse("branch", &text).expect("good");
    let mut world = World::with(&scenario, scenario.seed, &Options::default());
    world.run();
    let source = Source::Text { name: "branch".to_owned(), text };
    let mut branch = Lab::new(source, OpenTrace::of_recorder(world.recorder()));
    session.restore(&mut branch, Some(at));
    branch.predictions.is_branch(true);
    let answers: Vec<bool> =
        branch.predictions.all().iter().map(|asked| asked.answer().is_some()).collect();
    assert!(answers[0] && answers[1..].iter().all(|has| !has), "{answers:?}");
    let next = branch.predictions.all().iter().find(|it| it.prediction.id == "next-leader");
    let next = next.expect("the second question");
    let Some(Ok(judgement)) = next.verdict() else { panic!("{:?}", next.verdict()) };
    assert_eq!(judgement.truth, Truth::Options(vec![false, true, false]), "broker 3 leads here");
    assert!(!branch.predictions.explains(next), "the texts say that broker 3 is wrong");
    let numbers = branch.predictions.all().iter().filter(|it| it.prediction.id == "how-long");
    assert!(numbers.clone().count() == 1 && numbers.clone().all(|it| it.verdict().is_some()));
    assert!(!numbers.clone().any(|it| branch.predictions.explains(it)), "another run's seconds");
}

#[test]
fn who_wants_no_questions_is_asked_none() {
    let run = opened("lessons/leader-crash");
    let mut harness = harness(window(Language::English, &run));
    harness.state_mut().settings.asks = true;
    let open = lab(harness.state_mut());
    assert!(open.to_question(0) && open.waits() && open.curtain().is_some());
    let ctx = harness.ctx.clone();
    harness.state_mut().act(crate::action::Action::AskQuestions, &ctx);
    harness.run();
    let open = lab(harness.state_mut());
    assert!(!open.waits() && open.curtain().is_none() && open.predictions.all().is_empty());
    assert!(open.next(Step::Beat));
    assert_eq!(harness.query_all_by_label(Word::Predict.text(Language::English)).count(), 0);
}

#[test]
fn a_draft_is_an_answer_only_when_it_is_complete() {
    use crate::predictions::Draft;
    use klamm_scenario::model::{BrokerSet, Measure, OrderItem, Proof};
    let number = Question::Number { answer: Measure::Seconds, off_by: 0, wrong: Vec::new() };
    let mut draft = Draft::of(&number, &[]);
    assert_eq!(draft.given(), None);
    for (typed, given) in [("7", Some(7)), (" -3 ", Some(-3)), ("seven", None), ("", None)] {
        draft.number = typed.to_owned();
        assert_eq!(draft.given(), given.map(Given::Number), "{typed}");
    }
    let brokers = Question::Brokers { answer: BrokerSet::Fenced, wrong: Vec::new() };
    let mut draft = Draft::of(&brokers, &[BrokerId(1), BrokerId(2)]);
    assert_eq!(draft.given(), Some(Given::Brokers(Vec::new())), "nobody is an answer");
    draft.toggle(BrokerId(2));
    draft.toggle(BrokerId(1));
    draft.toggle(BrokerId(2));
    assert_eq!(draft.given(), Some(Given::Brokers(vec![BrokerId(1)])));
    let item = || OrderItem {
        text: Said::default(),
        when: Proof::Condition(klamm_scenario::model::Condition::AllInSync),
    };
    let mut draft = Draft::of(&Question::Order(vec![item(), item(), item()]), &[]);
    assert!(!draft.shift(0, true) && !draft.shift(2, false) && !draft.shift(3, true));
    assert!(draft.shift(2, true) && draft.shift(1, true));
    assert_eq!(draft.given(), Some(Given::Order(vec![2, 0, 1])));
}
