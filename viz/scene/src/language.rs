//! Two languages: a typed catalogue, and Korean particles that follow the sound before them.
//!
//! A phrase has `{0}`, `{1}`, … for values. In Korean a particle is written `<을/를>`: with a final consonant before it, without
//! one; which it is follows from what was said last, be it a syllable, a digit or a Latin letter.

use std::fmt::Display;

mod catalogue;
mod particle;

pub use catalogue::Phrase;
pub use particle::particle;

/// A language of the pictures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Korean];

    /// Its code in arguments.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// A phrase with its values.
    pub fn say(self, phrase: Phrase, values: &[&dyn Display]) -> String {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.pieces(phrase, &values).into_iter().map(|(text, _)| text).collect()
    }

    /// A phrase with its values, in pieces: what is a value bears its number.
    pub fn pieces(self, phrase: Phrase, values: &[String]) -> Vec<(String, Option<usize>)> {
        filled(phrase.pattern(self), values)
    }

    /// A phrase without values.
    pub fn word(self, phrase: Phrase) -> &'static str {
        phrase.pattern(self)
    }
}

/// A pattern of any catalogue with its values, in pieces: what is a value bears its number.
pub fn filled(pattern: &str, values: &[String]) -> Vec<(String, Option<usize>)> {
    let mut pieces: Vec<(String, Option<usize>)> = Vec::new();
    let mut rest = pattern;
    let plain = |pieces: &mut Vec<(String, Option<usize>)>, text: &str| {
        if text.is_empty() {
            return;
        }
        match pieces.last_mut() {
            Some((last, None)) => last.push_str(text),
            Some((_, Some(_))) | None => pieces.push((text.to_owned(), None)),
        }
    };
    while let Some(at) = rest.find(['{', '<']) {
        plain(&mut pieces, &rest[..at]);
        rest = &rest[at..];
        let close = if rest.starts_with('{') { '}' } else { '>' };
        let Some((inside, after)) = rest[1..].split_once(close) else { break };
        match (close, inside.parse::<usize>().ok(), inside.split_once('/')) {
            ('}', Some(index), _) => {
                if let Some(value) = values.get(index) {
                    pieces.push((value.clone(), Some(index)));
                }
            }
            (_, _, Some((with, without))) => {
                let before = pieces.last().map_or("", |(text, _)| text.as_str());
                let chosen = particle(before, with, without);
                plain(&mut pieces, chosen);
            }
            _ => plain(&mut pieces, &rest[..inside.len() + 2]),
        }
        rest = after;
    }
    plain(&mut pieces, rest);
    pieces
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(pattern: &str) -> BTreeSet<&str> {
        pattern.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(n, _)| n).collect()
    }

    #[test]
    fn every_phrase_is_there_in_both_languages_with_the_same_values() {
        for phrase in Phrase::ALL {
            let (english, korean) =
                (phrase.pattern(Language::English), phrase.pattern(Language::Korean));
            assert!(!english.is_empty() && !korean.is_empty(), "{phrase:?}");
            assert_eq!(placeholders(english), placeholders(korean), "{phrase:?}");
            let dense: BTreeSet<String> =
                (0..placeholders(english).len()).map(|n| n.to_string()).collect();
            let found: BTreeSet<String> =
                placeholders(english).into_iter().map(str::to_owned).collect();
            assert_eq!(found, dense, "{phrase:?}: values are numbered from 0");
            // A particle right behind a value must be one that follows the value.
            for tail in ["}을 ", "}를 ", "}은 ", "}는 ", "}이 ", "}가 ", "}로 ", "}으로 "]
            {
                assert!(!korean.contains(tail), "{phrase:?}: {tail} does not follow the value");
            }
        }
    }

    #[test]
    fn a_phrase_takes_its_values() {
        let said = Language::English.say(Phrase::BrokerCard, &[&"broker-2", &"leader", &7]);
        assert_eq!(said, "broker-2, leader, 7");
        let said = Language::Korean.say(Phrase::BelievesLeader, &[&"orders-0", &3]);
        assert_eq!(said, "orders-0: 3을 리더로 믿음");
    }

    #[test]
    fn korean_letters_of_the_catalogue_are_in_the_font() {
        let face = ttf_parser::Face::parse(crate::text::FONT, 0).expect("the font");
        for phrase in Phrase::ALL {
            for language in Language::ALL {
                for sign in phrase.pattern(language).chars() {
                    assert!(face.glyph_index(sign).is_some(), "{phrase:?}: {sign}");
                }
            }
        }
    }
}
