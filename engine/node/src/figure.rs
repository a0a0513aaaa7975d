//! Transition tables as figures for the book.
//!
//! *Flows in*: the moves of a table, by their words. *Flows out*: text in the DOT language. *Must never*: know what the
//! states mean.

/// A figure of `moves`: from, to, and what moves. A move that leads back to where it began is left out.
pub fn transitions<'a>(
    name: &str,
    moves: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
) -> String {
    let mut dot = format!("digraph {name} {{\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
    for (from, to, label) in moves.into_iter().filter(|(from, to, _)| from != to) {
        dot.push_str(&format!("  \"{from}\" -> \"{to}\" [label=\"{label}\"];\n"));
    }
    dot.push_str("}\n");
    dot
}
