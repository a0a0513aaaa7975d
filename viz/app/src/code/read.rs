//! Reading a code field by field, with the place of whatever is wrong.

use super::{BEGIN, CodeError, Place};
use crate::words::Word;

/// A code's fields, taken in their order.
pub(super) struct Fields<'a> {
    text: &'a str,
    /// Where the next field begins; behind the end once all are taken.
    at: usize,
}

/// The words of a field that has several.
pub(super) struct Words<'a> {
    rest: Option<&'a str>,
    at: usize,
}

fn wrong<T>(at: usize, wants: Word, value: impl Into<String>) -> Result<T, CodeError> {
    // Characters count from one, and a code has one byte a character.
    Err(CodeError { at: at + 1, wants, value: value.into() })
}

impl<'a> Fields<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, CodeError> {
        let known = |sign: char| sign.is_ascii_alphanumeric() || "._/-,%=:".contains(sign);
        if let Some((at, sign)) = (0..).zip(text.chars()).find(|(_, sign)| !known(*sign)) {
            return wrong(at, Word::CodeSign, sign.to_string());
        }
        let begin = text.split(':').next().unwrap_or_default();
        if begin != BEGIN {
            let version = begin.strip_prefix("klamm").and_then(|it| it.parse::<u32>().ok());
            if version.is_some_and(|version| version > 1) {
                return wrong(0, Word::CodeNewer, "");
            }
            return wrong(0, Word::CodeBegins, format!("{BEGIN}:"));
        }
        Ok(Self { text, at: BEGIN.len() + 1 })
    }

    fn next(&self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        rest.split(':').next().unwrap_or_default()
    }

    /// Takes the next field if it has this key: where its value begins, and the value.
    fn take(&mut self, key: &str) -> Option<(usize, &'a str)> {
        let field = self.next();
        let (found, value) = field.split_once('=')?;
        let at = self.at + found.len() + 1;
        (found == key).then(|| {
            self.at += field.len() + 1;
            (at, value)
        })
    }

    fn must(&mut self, key: &str) -> Result<(usize, &'a str), CodeError> {
        let at = self.at.min(self.text.len());
        match self.take(key) {
            Some(found) => Ok(found),
            None => wrong(at, Word::CodeField, format!("{key}=")),
        }
    }

    /// Everything before the next field, without the colon.
    pub(super) fn before(&self) -> &'a str {
        self.text.get(..self.at.saturating_sub(1)).unwrap_or(self.text)
    }

    /// Where the next field begins, counted from one.
    pub(super) fn here(&self) -> usize {
        self.at.min(self.text.len()) + 1
    }

    pub(super) fn end(&self) -> Result<(), CodeError> {
        if self.at > self.text.len() { Ok(()) } else { wrong(self.at - 1, Word::TooMuch, "") }
    }

    pub(super) fn place(&mut self) -> Result<Place, CodeError> {
        for (key, make) in [
            ("lib", Place::Library as fn(String) -> Place),
            ("file", Place::Scenario),
            ("trace", Place::Trace),
        ] {
            if let Some((at, value)) = self.take(key) {
                return Ok(make(text(at, value)?));
            }
        }
        wrong(self.at.min(self.text.len()), Word::CodeField, "lib=, file=, trace=")
    }

    pub(super) fn hex(&mut self, key: &str, digits: usize) -> Result<u64, CodeError> {
        let (at, value) = self.must(key)?;
        let plain = value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u64::from_str_radix(value, 16) {
            Ok(number) if plain => Ok(number),
            Ok(_) | Err(_) => wrong(at, Word::CodeHex, digits.to_string()),
        }
    }

    pub(super) fn number(&mut self, key: &str) -> Result<u64, CodeError> {
        let (at, value) = self.must(key)?;
        number(at, value)
    }

    pub(super) fn optional_number(&mut self, key: &str) -> Result<Option<u64>, CodeError> {
        self.take(key).map(|(at, value)| number(at, value)).transpose()
    }

    pub(super) fn optional(&mut self, key: &str) -> Result<Option<String>, CodeError> {
        self.take(key).map(|(at, value)| text(at, value)).transpose()
    }

    pub(super) fn one_of<T: Copy>(
        &mut self,
        key: &str,
        all: &[(&'static str, T)],
    ) -> Result<T, CodeError> {
        let (at, value) = self.must(key)?;
        one_of(at, value, all)
    }

    /// Takes the next field if it is this one, which has no value.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        let is = self.next() == key;
        if is {
            self.at += key.len() + 1;
        }
        is
    }

    pub(super) fn words(&mut self, key: &str) -> Option<Words<'a>> {
        self.take(key).map(|(at, value)| Words { rest: Some(value), at })
    }

    /// An arrangement of panes that can be shown.
    pub(super) fn panes(&mut self, key: &str) -> Result<String, CodeError> {
        let (at, value) = self.must(key)?;
        match crate::layout::of_code(value) {
            Some(_) => Ok(value.to_owned()),
            None => wrong(at, Word::CodePanes, ""),
        }
    }
}

impl<'a> Words<'a> {
    fn next(&mut self) -> (usize, Option<&'a str>) {
        let at = self.at;
        let Some(rest) = self.rest else { return (at.saturating_sub(1), None) };
        let (word, more) = match rest.split_once(',') {
            Some((word, more)) => (word, Some(more)),
            None => (rest, None),
        };
        self.rest = more;
        self.at += word.len() + 1;
        (at, Some(word))
    }

    pub(super) fn number(&mut self) -> Result<u64, CodeError> {
        let (at, word) = self.next();
        number(at, word.unwrap_or_default())
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[(&'static str, T)]) -> Result<T, CodeError> {
        let (at, word) = self.next();
        one_of(at, word.unwrap_or_default(), all)
    }

    /// All the words that are left: so many names.
    pub(super) fn names(mut self, count: usize) -> Result<Vec<String>, CodeError> {
        let mut names = Vec::new();
        loop {
            match self.next() {
                (at, None) if names.len() < count => {
                    return wrong(at, Word::CodeNames, count.to_string());
                }
                (_, None) => return Ok(names),
                (at, Some(_)) if names.len() == count => {
                    return wrong(at, Word::CodeNames, count.to_string());
                }
                (at, Some(word)) => names.push(text(at, word)?),
            }
        }
    }
}

fn number(at: usize, value: &str) -> Result<u64, CodeError> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(number) if digits => Ok(number),
        Ok(_) | Err(_) => wrong(at, Word::CodeNumber, ""),
    }
}

fn one_of<T: Copy>(at: usize, value: &str, all: &[(&'static str, T)]) -> Result<T, CodeError> {
    match all.iter().find(|(name, _)| *name == value) {
        Some((_, found)) => Ok(*found),
        None => {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            wrong(at, Word::CodeOneOf, names.join(", "))
        }
    }
}

/// A text as it was before it was escaped.
fn text(at: usize, value: &str) -> Result<String, CodeError> {
    let mut bytes = Vec::new();
    let mut rest = value.bytes().enumerate();
    while let Some((offset, byte)) = rest.next() {
        match byte {
            b'%' => {
                let digits = value.get(offset + 1..offset + 3).unwrap_or_default();
                let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                match u8::from_str_radix(digits, 16) {
                    Ok(byte) if plain && digits.len() == 2 => bytes.push(byte),
                    Ok(_) | Err(_) => return wrong(at + offset, Word::CodeEscape, ""),
                }
                rest.next();
                rest.next();
            }
            b'=' | b',' => return wrong(at + offset, Word::CodeSign, char::from(byte)),
            _ => bytes.push(byte),
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => wrong(at, Word::CodeEscape, ""),
    }
}
