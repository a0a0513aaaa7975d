//! The book holds together: the summary and the pages agree, and links lead somewhere.
//!
//! mdBook says nothing of a link to a page that is not there, and makes an empty page of a missing one; so it is checked here.

use std::collections::BTreeSet;

use crate::{assert_none, read, root, tracked};

const SOURCE: &str = "book/src/";
const SUMMARY: &str = "book/src/SUMMARY.md";

/// The pages of the book, relative to its source, without the summary.
fn pages() -> BTreeSet<String> {
    let pages = tracked().into_iter().filter(|file| file.ends_with(".md") && file != SUMMARY);
    pages.filter_map(|file| file.strip_prefix(SOURCE).map(str::to_owned)).collect()
}

/// What the links of a text lead to, each with its line. Code is passed over.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        if in_code {
            continue;
        }
        // What stands between backticks is every second piece.
        let prose: String = line
            .split('`')
            .enumerate()
            .map(|(at, piece)| if at % 2 == 0 { piece } else { "code" })
            .collect();
        for rest in prose.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push((number + 1, target.to_owned()));
            }
        }
    }
    found
}

/// How mdBook makes an anchor of a heading.
fn anchor(heading: &str) -> String {
    let mut anchor = String::new();
    for letter in heading.trim().to_lowercase().chars() {
        match letter {
            ' ' => anchor.push('-'),
            letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => {
                anchor.push(letter)
            }
            _ => {}
        }
    }
    anchor
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).any(|anchor| anchor == wanted)
}

#[test]
fn the_summary_and_the_pages_agree() {
    let listed: Vec<String> = links(&read(SUMMARY)).into_iter().map(|(_, page)| page).collect();
    let set: BTreeSet<String> = listed.iter().cloned().collect();
    let pages = pages();
    let mut offenders: Vec<String> =
        set.difference(&pages).map(|page| format!("{page} is listed and not there")).collect();
    offenders.extend(pages.difference(&set).map(|page| format!("{page} is not in the summary")));
    if listed.len() != set.len() {
        offenders.push("a page is listed twice".to_owned());
    }
    assert_none("the summary of the book", &offenders);
    assert!(!pages.is_empty(), "the book has no pages");
}

#[test]
fn links_lead_somewhere() {
    let mut offenders = Vec::new();
    let pages = tracked().into_iter().filter(|file| file.ends_with(".md"));
    for page in pages {
        let text = read(&page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file =
                if path.is_empty() { root().join(&page) } else { root().join(folder).join(path) };
            if !file.exists() {
                offenders.push(format!("{page}:{line}: {target} is not there"));
            } else if !anchor.is_empty() && file.extension().is_some_and(|kind| kind == "md") {
                let text = std::fs::read_to_string(&file)
                    .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                if !has_anchor(&text, anchor) {
                    offenders.push(format!("{page}:{line}: no heading for {target}"));
                }
            }
        }
    }
    assert_none("links that lead nowhere", &offenders);
}

#[test]
fn links_are_found_outside_of_code_only() {
    let text = "See [a](b.md#c) and `[x](y)`.\n```\n[p](q)\n```\n[d](e.md), [f](g)";
    let found = links(text);
    assert_eq!(found, [(1, "b.md#c".to_owned()), (5, "e.md".to_owned()), (5, "g".to_owned())]);
    assert!(has_anchor("# The `klamm why` command\n", "the-klamm-why-command"));
    assert!(!has_anchor("# Other\n", "the"));
}
