//! The words of RON.

use std::fmt;
use std::ops::Range;

use crate::diagnostic::Mistake;

/// A word, and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Range<usize>,
}

/// What a word is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind {
    /// One of `( ) [ ] { } : ,`.
    Punctuation(char),
    Name(String),
    Bool(bool),
    Integer(i128),
    Float(f64),
    Char(char),
    Text(String),
    /// `#![…]`, whole.
    Attribute,
    /// Something that was reported.
    Broken,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Punctuation(c) => write!(f, "'{c}'"),
            Self::Name(name) => write!(f, "'{name}'"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "the number {value}"),
            Self::Float(value) => write!(f, "the number {value}"),
            Self::Char(value) => write!(f, "the character '{value}'"),
            Self::Text(_) => f.write_str("a text"),
            Self::Attribute => f.write_str("an attribute"),
            Self::Broken => f.write_str("something broken"),
        }
    }
}

/// All words of a text. What is none is reported and becomes [`Kind::Broken`].
pub(super) fn tokens(text: &str, mistakes: &mut Vec<Mistake>) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, mistakes };
    let mut tokens = Vec::new();
    // A byte order mark is white space to an author.
    lexer.eat("\u{feff}");
    loop {
        lexer.blanks();
        let start = lexer.at;
        let Some(next) = lexer.peek() else { return tokens };
        let kind = lexer.word(next);
        tokens.push(Token { kind, span: start..lexer.at });
    }
}

struct Lexer<'t, 'm> {
    text: &'t str,
    at: usize,
    mistakes: &'m mut Vec<Mistake>,
}

impl<'t> Lexer<'t, '_> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn eat_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn broken(&mut self, mistake: Mistake) -> Kind {
        self.mistakes.push(mistake);
        Kind::Broken
    }

    fn blanks(&mut self) {
        loop {
            self.eat_while(char::is_whitespace);
            let start = self.at;
            if self.eat("//") {
                self.eat_while(|c| c != '\n');
            } else if self.eat("/*") {
                self.block_comment(start);
            } else {
                return;
            }
        }
    }

    /// Block comments may lie in each other.
    fn block_comment(&mut self, start: usize) {
        let mut depth = 1_u32;
        while depth > 0 {
            if self.eat("/*") {
                depth += 1;
            } else if self.eat("*/") {
                depth -= 1;
            } else if self.next().is_none() {
                let mistake = Mistake::new(&(start..start + 2), "this comment has no end")
                    .help("end it with */");
                self.mistakes.push(mistake);
                return;
            }
        }
    }

    fn word(&mut self, next: char) -> Kind {
        let start = self.at;
        match next {
            '(' | ')' | '[' | ']' | '{' | '}' | ':' | ',' => {
                self.at += 1;
                Kind::Punctuation(next)
            }
            '"' => {
                self.at += 1;
                self.text(start)
            }
            '\'' => {
                self.at += 1;
                self.char(start)
            }
            '#' if self.rest().starts_with("#!") => {
                self.eat_while(|c| c != ']' && c != '\n');
                self.eat("]");
                Kind::Attribute
            }
            'r' if self.raw_text_ahead() => {
                self.at += 1;
                self.raw_text(start)
            }
            'b' if matches!(self.rest().as_bytes().get(1), Some(b'"' | b'\'')) => {
                self.at += 1;
                let quoted = self.next().is_some_and(|c| c == '"');
                if quoted {
                    self.text(start)
                } else {
                    self.char(start)
                };
                let span = start..self.at;
                self.broken(
                    Mistake::new(&span, "bytes are not used in scenarios")
                        .help("write a text: \"…\""),
                )
            }
            '0'..='9' | '+' | '-' | '.' => self.number(start),
            c if c.is_alphabetic() || c == '_' => self.name(),
            c => {
                self.next();
                let span = start..self.at;
                self.eat_while(|c| !c.is_whitespace() && !"()[]{}:,\"'".contains(c));
                self.broken(Mistake::new(
                    &span,
                    format!("the character '{}' means nothing here", c.escape_default()),
                ))
            }
        }
    }

    fn name(&mut self) -> Kind {
        // `r#name` is a name that might be mistaken for something else.
        self.eat("r#");
        let name = self.eat_while(|c| c.is_alphanumeric() || c == '_');
        match name {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "inf" => Kind::Float(f64::INFINITY),
            "NaN" => Kind::Float(f64::NAN),
            name => Kind::Name(name.to_owned()),
        }
    }

    fn number(&mut self, start: usize) -> Kind {
        let negative = self.peek() == Some('-');
        if matches!(self.peek(), Some('+' | '-')) {
            self.at += 1;
        }
        let body = self.at;
        let mut exponent = false;
        let based =
            self.rest().get(1..2).is_some_and(|c| "xob".contains(c)) && self.peek() == Some('0');
        let word = self.eat_while(|c| {
            let sign = exponent && !based && (c == '+' || c == '-');
            exponent = c == 'e' || c == 'E';
            c.is_ascii_alphanumeric() || c == '_' || c == '.' || sign
        });
        let digits: String = word.chars().filter(|c| *c != '_').collect();
        let radix = match digits.get(..2) {
            Some("0x") => Some(16),
            Some("0o") => Some(8),
            Some("0b") => Some(2),
            _ => None,
        };
        let integer = match radix {
            Some(radix) => i128::from_str_radix(&digits[2..], radix)
                .ok()
                .filter(|_| !digits[2..].starts_with(['+', '-'])),
            None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<i128>().ok(),
            None => None,
        };
        if let Some(value) = integer {
            return Kind::Integer(if negative { -value } else { value });
        }
        let float_like = word.bytes().any(|b| b.is_ascii_digit())
            && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
        match digits.parse::<f64>() {
            Ok(value) if float_like => Kind::Float(if negative { -value } else { value }),
            Ok(_) | Err(_) if matches!(word, "inf" | "NaN") => Kind::Float(if word == "NaN" {
                f64::NAN
            } else if negative {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }),
            Ok(_) | Err(_) => {
                let span = start..self.at.max(body);
                let written = &self.text[span.clone()];
                self.broken(
                    Mistake::new(&span, format!("'{written}' is not a number"))
                        .help("durations and sizes are texts: \"2s\", \"16KB\""),
                )
            }
        }
    }

    fn char(&mut self, start: usize) -> Kind {
        let value = match self.next() {
            Some('\\') => self.escape(start),
            Some('\'') | None => None,
            Some(c) => Some(c),
        };
        match value {
            Some(value) if self.eat("'") => Kind::Char(value),
            Some(_) | None => {
                self.eat_while(|c| c.is_alphanumeric());
                self.eat("'");
                let span = start..self.at;
                self.broken(
                    Mistake::new(&span, "a single quote holds one character")
                        .help("texts stand in double quotes: \"…\""),
                )
            }
        }
    }

    fn text(&mut self, start: usize) -> Kind {
        let mut value = String::new();
        let mut good = true;
        loop {
            match self.next() {
                Some('"') => break,
                Some('\\') => match self.peek() {
                    // A line that goes on: the break and the indentation behind it don't count.
                    Some('\n' | '\r') => {
                        self.eat_while(char::is_whitespace);
                    }
                    _ => match self.escape(start) {
                        Some(c) => value.push(c),
                        None => good = false,
                    },
                },
                Some(c) => value.push(c),
                None => {
                    let line_end = self.text[start..]
                        .find('\n')
                        .map_or(self.text.len(), |length| start + length);
                    return self.broken(
                        Mistake::new(&(start..line_end), "this text has no end")
                            .help("end it with a double quote"),
                    );
                }
            }
        }
        if good { Kind::Text(value) } else { Kind::Broken }
    }

    /// The character behind a backslash.
    fn escape(&mut self, start: usize) -> Option<char> {
        let at = self.at.saturating_sub(1).max(start);
        let value = match self.next() {
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('0') => Some('\0'),
            Some(c @ ('\\' | '"' | '\'')) => Some(c),
            Some('x') => {
                let rest = self.rest();
                let digits =
                    rest.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                self.at += digits.map_or(0, str::len);
                digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from)
            }
            Some('u') if self.eat("{") => {
                let digits = self.eat_while(|c| c.is_ascii_hexdigit());
                let value = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                if self.eat("}") { value } else { None }
            }
            Some(_) | None => None,
        };
        if value.is_none() {
            let mistake = Mistake::new(&(at..self.at), "this escape means nothing")
                .help(r#"escapes are \n \r \t \0 \\ \" \' \x41 \u{1F600}"#);
            self.mistakes.push(mistake);
        }
        value
    }

    fn raw_text_ahead(&self) -> bool {
        let behind = self.rest().get(1..).unwrap_or_default();
        behind.trim_start_matches('#').starts_with('"')
    }

    fn raw_text(&mut self, start: usize) -> Kind {
        let hashes = self.eat_while(|c| c == '#');
        self.eat("\"");
        let end = format!("\"{hashes}");
        match self.rest().find(&end) {
            Some(length) => {
                let value = self.rest()[..length].to_owned();
                self.at += length + end.len();
                Kind::Text(value)
            }
            None => {
                self.at = self.text.len();
                let line_end =
                    self.text[start..].find('\n').map_or(self.text.len(), |length| start + length);
                self.broken(
                    Mistake::new(&(start..line_end), "this text has no end")
                        .help(format!("end it with {end}")),
                )
            }
        }
    }
}
