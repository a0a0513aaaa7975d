//! Reading RON into a tree that knows where everything stands.
//!
//! The `ron` crate stops at the first error and its values have no places, and a scenario's author wants all errors, each
//! with its place. So this reads the same grammar into [`Node`]s and goes on after an error at the next comma.
//!
//! Two things more than RON: a group may mix unnamed and named fields, `(Fenced(1), within: "5s")`; and `Some(x)` may be
//! written `x`. Two things less: extensions (`#![enable(…)]`) and byte strings are refused, since nothing here needs them.

mod token;

use std::ops::Range;

use crate::diagnostic::Mistake;
use token::{Kind as T, Token};

/// A value, and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Char(char),
    Text(String),
    /// A bare name: a variant without fields, or `None`.
    Name(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// `(…)` or `Name(…)`: a struct, a tuple, a variant, or `Some(…)`.
    Group {
        name: Option<Ident>,
        fields: Vec<Field>,
    },
    /// Something was wrong here, and has been reported.
    Broken,
}

/// A name in the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ident {
    pub text: String,
    pub span: Range<usize>,
}

/// A field of a group.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Field {
    pub name: Option<Ident>,
    pub value: Node,
}

impl Node {
    /// What the value is, for messages.
    pub(crate) fn what(&self) -> String {
        match &self.kind {
            Kind::Bool(value) => value.to_string(),
            Kind::Integer(value) => format!("the number {value}"),
            Kind::Float(value) => format!("the number {value}"),
            Kind::Char(value) => format!("the character '{value}'"),
            Kind::Text(_) => "a text".to_owned(),
            Kind::Name(name) => format!("'{name}'"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::Group { name: Some(name), .. } => format!("'{}(…)'", name.text),
            Kind::Group { name: None, .. } => "a group in ( )".to_owned(),
            Kind::Broken => "something broken".to_owned(),
        }
    }
}

/// How deep values may lie in each other.
const MAX_DEPTH: u32 = 64;

/// Reads a file's one value. What is broken inside is [`Kind::Broken`] and has its mistake.
pub(crate) fn read(text: &str, mistakes: &mut Vec<Mistake>) -> Option<Node> {
    let tokens = token::tokens(text, mistakes);
    let mut parser = Parser { tokens, at: 0, end: text.len(), mistakes, depth: 0 };
    parser.attributes();
    if parser.tokens.is_empty() {
        let span = 0..text.len().min(1);
        parser.mistakes.push(
            Mistake::new(&span, "the file holds no scenario")
                .help("begin with: Scenario(version: 1, title: \"…\", …)"),
        );
        return None;
    }
    let root = parser.value().ok()?;
    if let Some(token) = parser.peek() {
        let span = token.span.clone();
        parser.mistakes.push(
            Mistake::new(&span, "there is more behind the end of the scenario")
                .help("a bracket before this may be closed too early"),
        );
    }
    Some(root)
}

/// A mistake that has been reported; whoever sees it goes on behind it.
struct Reported;

struct Parser<'m> {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
    mistakes: &'m mut Vec<Mistake>,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn peek_kind(&self) -> Option<&T> {
        self.peek().map(|token| &token.kind)
    }

    /// Where the next token stands, or the end of the file.
    fn here(&self) -> Range<usize> {
        self.peek().map_or(self.end..self.end, |token| token.span.clone())
    }

    fn last_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.span.end)
    }

    fn expected<R>(&mut self, what: &str) -> Result<R, Reported> {
        let mistake = match self.peek() {
            Some(token) => {
                Mistake::new(&token.span, format!("expected {what}, found {}", token.kind))
            }
            None => Mistake::new(&self.here(), format!("expected {what}, but the file ends")),
        };
        self.mistakes.push(mistake.label(format!("expected {what}")));
        Err(Reported)
    }

    /// `#![enable(…)]` at the top, refused with its place.
    fn attributes(&mut self) {
        while let Some(Token { kind: T::Attribute, span }) = self.peek().cloned() {
            self.at += 1;
            self.mistakes
                .push(Mistake::new(&span, "extensions of RON are not used in scenarios").help(
                "leave this line out: what the extensions allow is allowed already, or not needed",
            ));
        }
    }

    fn value(&mut self) -> Result<Node, Reported> {
        let Some(token) = self.peek().cloned() else { return self.expected("a value") };
        if self.depth >= MAX_DEPTH {
            self.mistakes.push(Mistake::new(
                &token.span,
                format!("values lie deeper than {MAX_DEPTH} in each other"),
            ));
            // Nothing below can be understood: skip the rest of the file.
            self.at = self.tokens.len();
            return Err(Reported);
        }
        let start = token.span.start;
        self.depth += 1;
        let kind = self.kind(token);
        self.depth -= 1;
        Ok(Node { span: start..self.last_end(), kind: kind? })
    }

    fn kind(&mut self, token: Token) -> Result<Kind, Reported> {
        match token.kind {
            T::Bool(value) => self.take(Kind::Bool(value)),
            T::Integer(value) => self.take(Kind::Integer(value)),
            T::Float(value) => self.take(Kind::Float(value)),
            T::Char(value) => self.take(Kind::Char(value)),
            T::Text(value) => self.take(Kind::Text(value)),
            T::Broken => self.take(Kind::Broken),
            T::Name(text) => {
                self.at += 1;
                if self.peek_kind() == Some(&T::Punctuation('(')) {
                    self.group(Some(Ident { text, span: token.span }))
                } else {
                    Ok(Kind::Name(text))
                }
            }
            T::Punctuation('(') => self.group(None),
            T::Punctuation('[') => {
                let list = self.sequence(']', Self::value)?;
                Ok(Kind::List(list))
            }
            T::Punctuation('{') => {
                let map = self.sequence('}', Self::entry)?;
                Ok(Kind::Map(map))
            }
            T::Punctuation(_) | T::Attribute => self.expected("a value"),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "one shape for every arm of the match")]
    fn take(&mut self, kind: Kind) -> Result<Kind, Reported> {
        self.at += 1;
        Ok(kind)
    }

    fn group(&mut self, name: Option<Ident>) -> Result<Kind, Reported> {
        let fields = self.sequence(')', Self::field)?;
        Ok(Kind::Group { name, fields })
    }

    fn field(&mut self) -> Result<Field, Reported> {
        let next_is_colon =
            self.tokens.get(self.at + 1).is_some_and(|next| next.kind == T::Punctuation(':'));
        match self.peek().cloned() {
            Some(Token { kind: T::Name(text), span }) if next_is_colon => {
                self.at += 2;
                Ok(Field { name: Some(Ident { text, span }), value: self.value_of_name()? })
            }
            Some(Token { kind: T::Text(text), span }) if next_is_colon => {
                // A habit from JSON. Reported once, and read as it was meant.
                self.mistakes.push(
                    Mistake::new(
                        &span,
                        format!("the field '{text}' must be written without quotes"),
                    )
                    .help(format!("write: {text}:")),
                );
                self.at += 2;
                Ok(Field { name: Some(Ident { text, span }), value: self.value_of_name()? })
            }
            _ => Ok(Field { name: None, value: self.value()? }),
        }
    }

    /// The value behind `name:`; if it can't be read, the name at least stands.
    fn value_of_name(&mut self) -> Result<Node, Reported> {
        let here = self.here();
        match self.value() {
            Ok(node) => Ok(node),
            Err(Reported) => {
                self.skip();
                Ok(Node { span: here, kind: Kind::Broken })
            }
        }
    }

    fn entry(&mut self) -> Result<(Node, Node), Reported> {
        let key = self.value()?;
        if self.peek_kind() != Some(&T::Punctuation(':')) {
            return self.expected("':' between a key and its value");
        }
        self.at += 1;
        Ok((key, self.value()?))
    }

    /// `open element, element, … close`; the opening bracket is next.
    fn sequence<E>(
        &mut self,
        close: char,
        mut element: impl FnMut(&mut Self) -> Result<E, Reported>,
    ) -> Result<Vec<E>, Reported> {
        let open = self.here();
        self.at += 1;
        let mut elements = Vec::new();
        loop {
            match self.peek_kind() {
                Some(T::Punctuation(found)) if *found == close => {
                    self.at += 1;
                    return Ok(elements);
                }
                None => {
                    // One mistake for the innermost open bracket is enough: the outer ones follow from it.
                    let already = self.mistakes.iter().any(|mistake| mistake.is_unclosed());
                    if !already {
                        self.mistakes.push(Mistake::unclosed(&open, close));
                    }
                    return Ok(elements);
                }
                Some(_) => {}
            }
            match element(self) {
                Ok(element) => elements.push(element),
                Err(Reported) => self.skip(),
            }
            match self.peek_kind() {
                Some(T::Punctuation(',')) => self.at += 1,
                Some(T::Punctuation(found)) if *found == close => {}
                None => {}
                Some(_) => {
                    let wrong_bracket =
                        matches!(self.peek_kind(), Some(T::Punctuation(')' | ']' | '}')));
                    let found: Result<(), Reported> = self.expected(&format!("',' or '{close}'"));
                    if found.is_err() && wrong_bracket {
                        // As if it had been the right one: what follows may well be fine.
                        self.at += 1;
                        return Ok(elements);
                    }
                    if self.peek_kind() == Some(&T::Punctuation(':')) {
                        // What follows belongs to a name that does not belong here.
                        self.skip();
                        if self.peek_kind() == Some(&T::Punctuation(',')) {
                            self.at += 1;
                        }
                    }
                }
            }
        }
    }

    /// Goes on behind a mistake: to the next comma or closing bracket of this level.
    fn skip(&mut self) {
        let mut depth = 0_u32;
        while let Some(kind) = self.peek_kind() {
            match kind {
                T::Punctuation('(' | '[' | '{') => depth += 1,
                T::Punctuation(')' | ']' | '}') if depth == 0 => return,
                T::Punctuation(')' | ']' | '}') => depth -= 1,
                T::Punctuation(',') if depth == 0 => return,
                T::Punctuation(_)
                | T::Bool(_)
                | T::Integer(_)
                | T::Float(_)
                | T::Char(_)
                | T::Text(_)
                | T::Name(_)
                | T::Attribute
                | T::Broken => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests;
