//! Questions and what came of them: the question that waits here with its answer to be written, and the verdict of the last one.

use eframe::egui;
use egui::{RichText, TextEdit, Ui, WidgetInfo};
use klamm_node::{BrokerId, Seq};
use klamm_scenario::model::{Question, Said};
use klamm_scene::{Hue, Language, filled, short_time};
use klamm_world::predict::{Given, Judgement, Truth, Unjudged, reason};

use super::hand::Hand;
use super::hands;
use crate::action::Action;
use crate::lab::Lab;
use crate::predictions::{Answer, Asked};
use crate::words::Word;

/// What somebody wants to do with a question.
enum Wish {
    Explain(usize),
    GoTo(usize),
}

/// Draws what there is to say of questions; nothing if the scenario asks none. For a class hands are counted.
pub(super) fn show(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand, class: bool) {
    if lab.predictions.all().is_empty() {
        return;
    }
    let here = lab.seq();
    let mut wish = None;
    if is_new(lab) {
        let id = egui::Id::unique("where a question was shown");
        let before = ui.data(|data| data.get_temp::<Seq>(id));
        if before != Some(here) {
            ui.data_mut(|data| data.insert_temp(id, here));
            ui.scroll_to_cursor(Some(egui::Align::TOP));
        }
    }
    // What was judged at this very event comes first: the next question must not push it out of sight.
    let decided = |asked: &Asked| asked.decided() == Some(here);
    let of_now = |index: &usize| lab.predictions.all().get(*index).is_some_and(decided);
    let (new, known): (Vec<usize>, Vec<usize>) = told(lab, here).into_iter().partition(of_now);
    for index in new {
        wish = tell(lab, index, ui, hand).or(wish);
        ui.separator();
    }
    if let Some(index) = lab.predictions.waiting(here) {
        hand.title(ui, Word::Predict);
        ui.scope(|ui| {
            clear(ui, hand);
            if let Some(asked) = lab.predictions.get_mut(index) {
                write(asked, ui, hand, class);
            }
            ui.horizontal_wrapped(|ui| {
                press(Action::Answer, Word::GiveAnswer, true, ui, hand);
                press(Action::SkipQuestion, Word::SkipQuestion, false, ui, hand);
            });
        });
        ui.separator();
    }
    for index in known {
        wish = tell(lab, index, ui, hand).or(wish);
        ui.separator();
    }
    if !class {
        wish = ahead(lab, here, ui, hand).or(wish);
        if let Some(score) = lab.predictions.score() {
            let values: [&dyn std::fmt::Display; 4] =
                [&score.right, &score.judged, &score.skipped, &score.all];
            ui.label(hand.say(Word::PredictionScore, &values));
        }
    }
    match wish {
        Some(Wish::Explain(index)) => lab.explain(index),
        Some(Wish::GoTo(index)) => {
            lab.to_question(index);
        }
        None => return,
    }
    ui.ctx().request_repaint();
}

/// Options look as what they are: an empty ring or box for each, filled only where it is chosen, whatever has the focus.
fn clear(ui: &mut Ui, hand: &Hand) {
    let ink = ui.visuals().widgets.inactive.fg_stroke.color;
    let back = super::hand::color(hand.theme.background);
    let widgets = &mut ui.visuals_mut().widgets;
    for state in [&mut widgets.inactive, &mut widgets.hovered, &mut widgets.active] {
        state.bg_fill = back;
        state.weak_bg_fill = back;
        state.bg_stroke = egui::Stroke::new(1.5, ink);
        state.fg_stroke.color = ink;
        state.expansion = 0.0;
    }
}

/// A button that looks like one; that for what one came to do is filled.
fn press(action: Action, word: Word, first: bool, ui: &mut Ui, hand: &mut Hand) {
    let (fill, on) = (hand.colour(Hue::Leader), super::hand::color(hand.theme.on(Hue::Leader)));
    let text = RichText::new(hand.word(word));
    let button =
        if first { egui::Button::new(text.color(on)).fill(fill) } else { egui::Button::new(text) };
    let response = ui.add(button).on_hover_text(hand.hint(action));
    outlined(ui, &response, hand);
    if response.clicked() {
        hand.todo.push(action);
    }
}

/// A ring around what has the focus: it must not look like what is chosen.
fn outlined(ui: &Ui, response: &egui::Response, hand: &Hand) {
    if response.has_focus() {
        let ring = egui::Stroke::new(2.0, hand.colour(Hue::Leader));
        let around = response.rect.expand(2.0);
        ui.painter().rect_stroke(around, 3.0, ring, egui::StrokeKind::Outside);
    }
}

/// Whether a question waits at this very event, or an answer is judged at it.
pub(super) fn is_new(lab: &Lab) -> bool {
    let here = lab.seq();
    let judged = |asked: &Asked| {
        asked.decided() == Some(here)
            && matches!(asked.answer(), Some(Answer::Given(_) | Answer::Hands(_)))
    };
    lab.predictions.waiting(here).is_some() || lab.predictions.all().iter().any(judged)
}

/// Whether there is something to say here, for who has room for that only.
pub(super) fn is_anything(lab: &Lab) -> bool {
    lab.waits() || !told(lab, lab.seq()).is_empty()
}

/// The answers that are open here, and those that were judged last.
fn told(lab: &Lab, here: Seq) -> Vec<usize> {
    let all = lab.predictions.all();
    let decided = |asked: &Asked| match asked.answer() {
        Some(Answer::Given(_) | Answer::Hands(_)) => asked.decided().filter(|at| *at <= here),
        Some(Answer::Skipped) | None => None,
    };
    let last = all.iter().filter_map(decided).max();
    let tells = |asked: &Asked| {
        let asked_before = asked.at().is_some_and(|at| at <= here);
        let open = asked.answer().is_some_and(|it| *it != Answer::Skipped)
            && asked.decided().is_none_or(|at| at > here);
        (asked_before && open) || (last.is_some() && decided(asked) == last)
    };
    (0..).zip(all).filter(|(_, asked)| tells(asked)).map(|(index, _)| index).collect()
}

/// The answer as it is written.
fn write(asked: &mut Asked, ui: &mut Ui, hand: &mut Hand, class: bool) {
    let language = hand.language;
    let id = egui::Id::unique(("question", &asked.prediction.id));
    let fresh = ui.data_mut(|data| !std::mem::replace(data.get_temp_mut_or_default(id), true));
    let prompt = RichText::new(text(&asked.prediction.prompt, language)).strong();
    ui.label(if class { prompt.heading() } else { prompt });
    let draft = &mut asked.draft;
    match &asked.prediction.ask {
        Question::Choice(options) => {
            let names = (0..).zip(options).map(|(index, option)| {
                let said = text(&option.text, language);
                // A class calls them out by their letters.
                if class { lettered(index, said) } else { said.to_owned() }
            });
            let names: Vec<String> = names.collect();
            let width = hands::beside(&names, ui, hand);
            for (index, (name, option)) in names.iter().zip(options).enumerate() {
                let said = text(&option.text, language);
                hands::row(draft, (index, said), class.then_some(width), ui, hand, |draft, ui| {
                    let radio = ui.radio(draft.option == Some(index), name);
                    outlined(ui, &radio, hand);
                    if fresh && index == 0 && !class {
                        radio.request_focus();
                    }
                    if radio.clicked() {
                        draft.option = Some(index);
                    }
                });
            }
        }
        Question::Brokers { .. } => {
            let all = draft.brokers.1.clone();
            let names = all.iter().map(|broker| hand.say(Word::BrokerNumber, &[broker]));
            let names: Vec<String> = names.collect();
            let width = hands::beside(&names, ui, hand);
            for (index, (broker, name)) in all.into_iter().zip(&names).enumerate() {
                let mut checked = draft.brokers.0.contains(&broker);
                hands::row(draft, (index, name), class.then_some(width), ui, hand, |draft, ui| {
                    let check = ui.checkbox(&mut checked, name);
                    outlined(ui, &check, hand);
                    if fresh && index == 0 && !class {
                        check.request_focus();
                    }
                    if check.changed() {
                        draft.toggle(broker);
                    }
                });
            }
        }
        Question::Number { .. } if class => hands::numbers(draft, ui, hand),
        Question::Number { .. } => {
            let name = hand.word(Word::NumberHint);
            let typed = field(ui, &mut draft.number, name, 120.0);
            if typed.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                hand.todo.push(Action::Answer);
            }
        }
        Question::Order(items) => {
            let mut shift = None;
            for (place, item) in draft.order.iter().enumerate() {
                let Some(item) = items.get(*item) else { continue };
                let said = text(&item.text, language);
                ui.horizontal_wrapped(|ui| {
                    for (up, short, long) in [
                        (true, Word::ShiftUp, Word::MoveUp),
                        (false, Word::ShiftDown, Word::MoveDown),
                    ] {
                        let (short, long) = (hand.word(short), hand.say(long, &[&said]));
                        let button = ui.small_button(short);
                        button.widget_info(|| {
                            WidgetInfo::labeled(egui::Role::Button, true, long.as_str())
                        });
                        if button.clicked() {
                            shift = Some((place, up));
                        }
                    }
                    ui.label(format!("{}. {said}", place + 1));
                });
            }
            if let Some((place, up)) = shift {
                draft.shift(place, up);
            }
            if class {
                hands::orders(asked, ui, hand);
            }
        }
    }
}

/// An option with the letter by which it is called.
pub(super) fn lettered(index: u8, said: &str) -> String {
    let letter = char::from(b'A'.saturating_add(index.min(25)));
    format!("{letter}. {said}")
}

/// A field for a number, with a name for those who do not see it and an edge for those who do.
pub(super) fn field(ui: &mut Ui, typed: &mut String, name: &str, width: f32) -> egui::Response {
    let edit = TextEdit::singleline(typed).desired_width(width).char_limit(12);
    let response = ui
        .scope(|ui| {
            let edge = egui::Stroke::new(1.0, ui.visuals().weak_text_color());
            ui.visuals_mut().widgets.inactive.bg_stroke = edge;
            ui.add(edit)
        })
        .inner;
    let value = typed.clone();
    response.widget_info(|| {
        let mut info = WidgetInfo::text_edit(true, "", value.as_str(), "");
        info.label = Some(name.to_owned());
        info
    });
    response.on_hover_text(name)
}

/// What was answered and, once one has come there, what came of it.
fn tell(lab: &Lab, index: usize, ui: &mut Ui, hand: &Hand) -> Option<Wish> {
    let asked = lab.predictions.all().get(index)?;
    let (question, language) = (&asked.prediction.ask, hand.language);
    ui.label(RichText::new(text(&asked.prediction.prompt, language)).strong());
    let given = match asked.answer()? {
        Answer::Given(given) => Some(given),
        Answer::Hands(_) | Answer::Skipped => None,
    };
    if let Some(given) = given {
        ui.label(hand.say(Word::YouAnswered, &[&said_of(question, given, hand)]));
    }
    let judgement = match asked.verdict() {
        None => {
            ui.label(hand.word(Word::RunNotOver));
            return None;
        }
        Some(Err(why)) => {
            ui.label(hand.word(match why {
                Unjudged::NotYet | Unjudged::Unreached => Word::NeverDecided,
                Unjudged::NoValue => Word::NoSuchValue,
            }));
            return None;
        }
        Some(Ok(judgement)) if judgement.at > lab.seq() => {
            ui.label(hand.word(Word::NotJudgedYet));
            return None;
        }
        Some(Ok(judgement)) => judgement,
    };
    let truth = truth_of(question, judgement, hand);
    let (word, hue) = match asked.is_right() {
        Some(true) => (Word::AnsweredRight, Hue::Ok),
        Some(false) => (Word::AnsweredWrong, Hue::Danger),
        None => (Word::AnswerWas, Hue::Ok),
    };
    ui.label(RichText::new(hand.say(word, &[&truth])).color(hand.colour(hue)).strong());
    hands::told(asked, judgement, ui, hand);
    if lab.predictions.explains(asked) {
        let wrong = given.filter(|_| asked.is_right() == Some(false));
        if let Some(reason) = wrong.and_then(|given| reason(question, given)) {
            ui.label(text(reason, language));
        }
        let because = filled(text(&asked.prediction.because, language), &[truth]);
        ui.label(because.into_iter().map(|(text, _)| text).collect::<String>());
    } else {
        ui.label(hand.word(Word::OtherRun));
    }
    ui.button(hand.word(Word::WhyThisAnswer)).clicked().then_some(Wish::Explain(index))
}

/// The next question that has no answer, to go to.
fn ahead(lab: &Lab, here: Seq, ui: &mut Ui, hand: &Hand) -> Option<Wish> {
    let open = (0..).zip(lab.predictions.all()).filter(|(_, asked)| asked.answer().is_none());
    let next = open
        .filter_map(|(index, asked)| asked.at().map(|at| (at, index)))
        .filter(|(at, _)| *at != here)
        .min_by_key(|(at, _)| (*at < here, *at));
    let (at, index) = next?;
    let when = short_time(lab.trace().time_of(at));
    ui.link(hand.say(Word::QuestionAhead, &[&when])).clicked().then_some(Wish::GoTo(index))
}

/// A text in a language.
fn text(said: &Said, language: Language) -> &str {
    match language {
        Language::English => &said.english,
        Language::Korean => &said.korean,
    }
}

fn brokers(brokers: &[BrokerId], hand: &Hand) -> String {
    if brokers.is_empty() {
        return hand.word(Word::Nobody).to_owned();
    }
    brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn texts(question: &Question, places: impl Iterator<Item = usize>, hand: &Hand) -> String {
    let of = |place: usize| match question {
        Question::Choice(options) => options.get(place).map(|it| text(&it.text, hand.language)),
        Question::Order(items) => items.get(place).map(|it| text(&it.text, hand.language)),
        Question::Brokers { .. } | Question::Number { .. } => None,
    };
    let between = match question {
        Question::Order(_) => " > ",
        Question::Choice(_) | Question::Brokers { .. } | Question::Number { .. } => " / ",
    };
    places.filter_map(of).collect::<Vec<_>>().join(between)
}

/// An answer in words.
pub(super) fn said_of(question: &Question, given: &Given, hand: &Hand) -> String {
    match given {
        Given::Option(chosen) => texts(question, std::iter::once(*chosen), hand),
        Given::Order(order) => texts(question, order.iter().copied(), hand),
        Given::Brokers(set) => brokers(set, hand),
        Given::Number(number) => number.to_string(),
    }
}

/// The truth in words.
fn truth_of(question: &Question, judgement: &Judgement, hand: &Hand) -> String {
    match &judgement.truth {
        Truth::Options(right) => {
            let places = right.iter().enumerate().filter(|(_, right)| **right);
            let said = texts(question, places.map(|(place, _)| place), hand);
            if said.is_empty() { hand.word(Word::NoOption).to_owned() } else { said }
        }
        Truth::Order(order) => texts(question, order.iter().copied(), hand),
        Truth::Brokers(set) => brokers(set, hand),
        Truth::Number(number) => number.to_string(),
    }
}
