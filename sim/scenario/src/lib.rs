//! Scenario files: the RON text that scripts a run, read into a validated model.
//!
//! ```text
//!   text ─► syntax (tree with places) ─► reader (names and values checked against schema) ─► model::Scenario
//!                     └──────────────────────────┴──► every mistake, each with line, column and help
//! ```
//!
//! *Flows in*: a file's name and text. *Flows out*: a [`model::Scenario`], or every error at once, each with its place.
//! *Must never*: run anything, read a file, accept a name that means nothing, or panic on any text.
//!
//! The table in `schema` is the format: the reader takes its names from it, and so does the book's page.

mod diagnostic;
pub mod model;
mod reader;
mod reference;
mod schema;
mod syntax;
mod values;

pub use diagnostic::{Diagnostic, render};
pub use model::Scenario;
pub use reference::reference_markdown;

/// Reads a scenario.
///
/// ```
/// let text = r#"(
///     version: 1, title: "Nothing happens", question: "Does a cluster come up?", duration: "10s",
///     expect: [ControllerActive],
/// )"#;
/// let scenario = klamm_scenario::parse("nothing.ron", text).expect("a good scenario");
/// assert_eq!(scenario.cluster.brokers.len(), 3);
///
/// let found = klamm_scenario::parse("nothing.ron", &text.replace("10s", "ten")).expect_err("a bad one");
/// assert_eq!((found[0].line, found[0].column), (2, 90));
/// assert!(found[0].message.contains("is not a duration"));
/// ```
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn parse(file_name: &str, text: &str) -> Result<Scenario, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    let scenario = syntax::read(text, &mut mistakes).map(|root| {
        let (scenario, found) = reader::read(file_name, text, &root);
        mistakes.extend(found);
        scenario
    });
    match scenario {
        Some(scenario) if mistakes.is_empty() => Ok(scenario),
        Some(_) | None => Err(diagnostic::place(file_name, text, mistakes)),
    }
}

/// A duration as people write it, for command lines: `12s`, `1500ms`, `1m30s`.
///
/// # Errors
/// What is wrong with it, and how to write it.
pub fn duration(text: &str) -> Result<klamm_node::Span, String> {
    values::duration(text).map_err(|wrong| format!("{}; {}", wrong.why, wrong.help))
}

#[cfg(test)]
mod application_tests;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod prediction_tests;
#[cfg(test)]
mod sense_tests;
#[cfg(test)]
mod tests;
