//! Errors in scenario files, written for learners: the place, what is wrong, what would be right.

use std::collections::BTreeSet;
use std::ops::Range;

use ariadne::{CharSet, Config, IndexType, Label, Report, ReportKind, Source};
use serde::Serialize;

/// One thing that is wrong with a scenario file. Serializes to `{file, line, column, message, …}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnostic {
    /// The file's name as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The bytes that it speaks of.
    #[serde(skip)]
    pub span: Range<usize>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// A word or two for the place itself.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What else is good to know: the names that are allowed here.
    pub notes: Vec<String>,
}

/// `file:line:column: message (help)`, on one line.
impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

const UNCLOSED: &str = "this bracket is never closed";

/// A mistake before it knows its file and line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mistake {
    start: usize,
    end: usize,
    message: String,
    label: String,
    help: Option<String>,
    notes: Vec<String>,
}

impl Mistake {
    pub(crate) fn new(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self {
            start: span.start,
            end: span.end,
            message: message.into(),
            label: "here".to_owned(),
            help: None,
            notes: Vec::new(),
        }
    }

    /// A bracket that is never closed.
    pub(crate) fn unclosed(open: &Range<usize>, close: char) -> Self {
        Self::new(open, UNCLOSED).help(format!("close it with '{close}'"))
    }

    pub(crate) fn is_unclosed(&self) -> bool {
        self.message == UNCLOSED
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds the nearest valid name, and what is allowed.
    pub(crate) fn names<'a>(
        mut self,
        wrong: &str,
        what: &str,
        allowed: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let allowed: Vec<&str> = allowed.into_iter().collect();
        if let Some(near) = nearest(wrong, &allowed) {
            self.help = Some(format!("did you mean '{near}'?"));
        }
        let shown: Vec<&str> = allowed.iter().copied().take(60).collect();
        if shown.is_empty() {
            self.notes.push(format!("there are no {what}"));
        } else {
            let more = if shown.len() < allowed.len() { ", …" } else { "" };
            self.notes.push(format!("{what}: {}{more}", shown.join(", ")));
        }
        self
    }
}

/// Gives mistakes their file, line and column, in the order of the file and without repetitions.
pub(crate) fn place(file: &str, text: &str, mistakes: Vec<Mistake>) -> Vec<Diagnostic> {
    let lines = LineIndex::new(text);
    let in_order: BTreeSet<Mistake> = mistakes.into_iter().collect();
    in_order
        .into_iter()
        .map(|mistake| {
            let (line, column) = lines.place(text, mistake.start);
            Diagnostic {
                file: file.to_owned(),
                line,
                column,
                span: mistake.start..mistake.end,
                message: mistake.message,
                label: mistake.label,
                help: mistake.help,
                notes: mistake.notes,
            }
        })
        .collect()
}

/// Where lines begin.
#[derive(Clone, Debug)]
pub(crate) struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    pub(crate) fn new(text: &str) -> Self {
        let after_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    fn place(&self, text: &str, at: usize) -> (u32, u32) {
        let line = self.line(at);
        let start = self.starts.get(line as usize - 1).copied().unwrap_or(0);
        let column = text.get(start..at.min(text.len())).map_or(0, |part| part.chars().count());
        (line, u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1))
    }
}

/// The diagnostics as a terminal shows them, with the lines of the file that they speak of.
pub fn render(diagnostics: &[Diagnostic], text: &str, colour: bool) -> String {
    let mut out = Vec::new();
    for diagnostic in diagnostics {
        let span = within(text, &diagnostic.span);
        let mut report = Report::build(ReportKind::Error, (&diagnostic.file, span.clone()))
            .with_config(
                Config::default()
                    .with_color(colour)
                    .with_index_type(IndexType::Byte)
                    .with_char_set(CharSet::Unicode),
            )
            .with_message(&diagnostic.message)
            .with_label(Label::new((&diagnostic.file, span)).with_message(&diagnostic.label));
        if let Some(help) = &diagnostic.help {
            report = report.with_help(help);
        }
        for note in &diagnostic.notes {
            report = report.with_note(note);
        }
        if report.finish().write((&diagnostic.file, Source::from(text)), &mut out).is_err() {
            // Writing into a vector does not fail; were it to, the plain line still says everything.
            out.extend_from_slice(format!("{diagnostic}\n").as_bytes());
        }
    }
    // The drawing pads lines with spaces.
    let drawn = String::from_utf8_lossy(&out);
    let mut text = String::with_capacity(drawn.len());
    for line in drawn.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A span that lies in the text, on character boundaries, and is not empty unless the text is.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let start = floor(span.start).unwrap_or(0);
    let end = floor(span.end).unwrap_or(0).max(start);
    if end > start {
        return start..end;
    }
    match text[start..].chars().next() {
        Some(next) => start..start + next.len_utf8(),
        None => start..start,
    }
}

/// A sentence of the book for a terminal: links are their words, code stands in quotes unless it has its own.
pub(crate) fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some(at) = rest.find(['[', '`']) {
        let (before, mark) = rest.split_at(at);
        text.push_str(before);
        let link = mark[1..].split_once("](").and_then(|(words, behind)| {
            let (_, behind) = behind.split_once(')')?;
            (!words.contains(['[', '`'])).then_some((words, behind))
        });
        rest = match (mark.starts_with('['), link, mark[1..].split_once('`')) {
            (true, Some((words, behind)), _) => {
                text.push_str(words);
                behind
            }
            (false, _, Some((code, behind))) => {
                let quote = if code.contains(['"', '\'']) { "" } else { "'" };
                text.extend([quote, code, quote]);
                behind
            }
            _ => {
                text.push_str(&mark[..1]);
                &mark[1..]
            }
        };
    }
    text.push_str(rest);
    text
}

/// The allowed name that needs the fewest changes, if it needs few.
pub(crate) fn nearest<'a>(wrong: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    let most = (wrong.chars().count() / 3).max(1);
    allowed
        .iter()
        .map(|name| (distance(&lower, &name.to_lowercase()), *name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let swapped = if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                before[j - 2] + 1
            } else {
                usize::MAX
            };
            row[j] = replaced.min(swapped).min(last[j] + 1).min(row[j - 1] + 1);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let allowed = ["replication_factor", "partitions", "name"];
        assert_eq!(nearest("replicationfactor", &allowed), Some("replication_factor"));
        assert_eq!(nearest("partitoins", &allowed), Some("partitions"));
        assert_eq!(nearest("Name", &allowed), Some("name"));
        assert_eq!(nearest("zebra", &allowed), None);
        assert_eq!(distance("ab", "ba"), 1);
    }

    #[test]
    fn a_terminal_shows_no_markdown() {
        assert_eq!(plain("[target](#target)"), "target");
        assert_eq!(plain("list of [client](#client)s, or `None`"), "list of clients, or 'None'");
        assert_eq!(plain("As in `\"50/s\"`: [Settings](configs.md)."), "As in \"50/s\": Settings.");
        assert_eq!(
            plain("`[\"orders-0\"]`, [a list] and a ` alone"),
            "[\"orders-0\"], [a list] and a ` alone"
        );
        for shape in crate::schema::RECORDS {
            for field in shape.fields {
                let shown = plain(field.doc) + &plain(field.kind);
                assert!(!shown.contains('`') && !shown.contains("]("), "{shown}");
            }
        }
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a\nbé→c\n";
        let lines = LineIndex::new(text);
        assert_eq!(lines.place(text, 0), (1, 1));
        assert_eq!(lines.place(text, 2), (2, 1));
        assert_eq!(lines.place(text, text.len() - 2), (2, 4));
        assert_eq!(lines.place(text, text.len()), (3, 1));
    }
}
