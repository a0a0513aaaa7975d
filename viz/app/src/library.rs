//! The scenarios that the program carries, as cards by chapter.
//!
//! Scenarios with applications are not among them: they run only in the binary that has their programs built in.

use std::sync::LazyLock;

use klamm_scenario::Scenario;
use klamm_scenario::model::Client;

use crate::words::Word;

/// Chapter, name and text of every scenario of the repository.
const CARRIED: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// The chapters in the order in which a learner meets them, by folder.
const CHAPTERS: [(&str, Word); 5] = [
    ("lessons", Word::ChapterLessons),
    ("questions", Word::ChapterQuestions),
    ("regressions", Word::ChapterRegressions),
    ("schedules", Word::ChapterSchedules),
    ("nemesis", Word::ChapterNemesis),
];

/// A scenario to choose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// Folder and name: `lessons/leader-crash`.
    pub name: String,
    /// What happens in it.
    pub title: String,
    /// The question that it answers.
    pub question: String,
    /// Its text.
    pub text: &'static str,
}

impl Card {
    /// Whether every word of a search is somewhere on the card.
    pub fn matches(&self, search: &str) -> bool {
        let all = format!("{} {} {}", self.name, self.title, self.question).to_lowercase();
        search.to_lowercase().split_whitespace().all(|word| all.contains(word))
    }
}

static CARDS: LazyLock<Vec<(Word, Vec<Card>)>> = LazyLock::new(|| {
    let chapter = |(folder, title): (&str, Word)| {
        let cards = CARRIED.iter().filter(|(at, _, _)| *at == folder);
        (title, cards.filter_map(|(_, name, text)| card(folder, name, text)).collect())
    };
    CHAPTERS.into_iter().map(chapter).collect()
});

fn card(folder: &str, name: &str, text: &'static str) -> Option<Card> {
    let name = format!("{folder}/{name}");
    let scenario = klamm_scenario::parse(&name, text).ok()?;
    needs_program(&scenario).is_none().then(|| Card {
        name,
        title: scenario.title.clone(),
        question: scenario.question.clone(),
        text,
    })
}

/// Every chapter with its cards.
pub fn chapters() -> &'static [(Word, Vec<Card>)] {
    &CARDS
}

/// A card by its name: `lessons/leader-crash`.
pub fn named(name: &str) -> Option<&'static Card> {
    chapters().iter().flat_map(|(_, cards)| cards).find(|card| card.name == name)
}

/// The program that a scenario needs and this binary does not have: line, application, program.
pub fn needs_program(scenario: &Scenario) -> Option<(u32, String, String)> {
    scenario.clients.iter().find_map(|client| match client {
        Client::Application(it) => Some((it.line, it.name.clone(), it.program.clone())),
        Client::Producer(_) | Client::Consumer(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_that_runs_here_has_a_card() {
        let with_programs =
            CARRIED.iter().filter(|(_, _, text)| text.contains("Application(")).count();
        let cards: usize = chapters().iter().map(|(_, cards)| cards.len()).sum();
        assert!(with_programs > 0 && cards > 50, "{cards} cards");
        assert_eq!(cards + with_programs, CARRIED.len(), "a chapter or a card is missing");
        assert!(chapters().iter().all(|(_, cards)| !cards.is_empty()));
    }

    #[test]
    fn a_search_finds_words_in_any_order() {
        let card = named("lessons/leader-crash").expect("the main lesson");
        assert!(
            card.matches("CRASHES leader") && card.matches("") && !card.matches("leader zebra")
        );
    }
}
