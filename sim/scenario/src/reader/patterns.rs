//! Patterns of topic names that consumers subscribe to.

use std::ops::Range;

use regex::Regex;

use super::Reader;
use crate::diagnostic::Mistake;
use crate::syntax::Node;

impl Reader {
    /// A pattern, by the rules of clients and coordinators here: they take what the crate `regex` takes, which is nearly what the
    /// RE2/J of Kafka's coordinators does. Java's own patterns can do more.
    pub(super) fn pattern(&mut self, node: &Node) -> Option<String> {
        let pattern = self.text(node)?;
        if pattern.trim().is_empty() {
            self.mistake(
                Mistake::new(&node.span, "an empty pattern subscribes to nothing")
                    .help("write a regular expression of whole names: \"orders-.*\""),
            );
            return None;
        }
        // It has to match a whole name, and must be an expression without what is put around it for that.
        let wrong = Regex::new(&pattern)
            .and_then(|_| Regex::new(&format!("\\A(?:{pattern})\\z")).map_err(|_| unclosed()));
        let Err(error) = wrong else { return Some(pattern) };
        let (why, place) = explained(&error.to_string(), &pattern);
        let span = place.and_then(|place| self.within(node, &pattern, &place));
        self.mistake(
            Mistake::new(
                &span.unwrap_or_else(|| node.span.clone()),
                format!("'{pattern}' is no regular expression: {why}"),
            )
            .label(why)
            .help("patterns are those of RE2, as in Kafka's coordinators: nothing looks around, and nothing refers back"),
        );
        None
    }

    /// Where a part of a text stands in the file, if the text stands there as it is: without escapes.
    fn within(&self, node: &Node, value: &str, part: &Range<usize>) -> Option<Range<usize>> {
        let written = self.text.get(node.span.clone())?;
        let start = node.span.start + written.find('"')? + 1;
        let same = self.text.get(start..start + value.len())? == value;
        same.then(|| start + part.start..start + part.end)
    }
}

/// What is wrong with a pattern that is right by itself and not when it has to match whole names.
fn unclosed() -> regex::Error {
    regex::Error::Syntax("it does not end: a comment or a bracket goes on".to_owned())
}

/// The reason in an error of `regex`, and the bytes of the pattern that it marks: under the pattern, indented by four, stands a
/// line of carets.
fn explained(error: &str, pattern: &str) -> (String, Option<Range<usize>>) {
    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let marks = error.lines().find_map(|line| {
        let marks = line.strip_prefix("    ")?;
        let carets = marks.trim_matches(' ');
        let is_mark = !carets.is_empty() && carets.bytes().all(|byte| byte == b'^');
        is_mark.then(|| (marks.len() - marks.trim_start().len(), carets.len()))
    });
    let place = marks.filter(|_| !pattern.contains('\n')).and_then(|(skipped, marked)| {
        let byte = |at: usize| pattern.char_indices().nth(at).map_or(pattern.len(), |(at, _)| at);
        let place = byte(skipped)..byte(skipped + marked);
        (!place.is_empty()).then_some(place)
    });
    (why, place)
}
