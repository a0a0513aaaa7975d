//! Branches: a scenario with one more step, at the moment that is shown.
//!
//! A branch is a scenario like any other: it runs from the seed, and because chance is drawn by purpose and not in turn, it is the
//! same run up to the new step. Only the text is changed, and only by what is put in, so that comments and order stay.

use klamm_node::Time;
use klamm_scenario::model::Trigger;
use klamm_scenario::{Diagnostic, Scenario};

/// Why a scenario takes no step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It can't be read, before or behind it: the first mistake.
    Mistake(String),
    /// A later step speaks of another by its number, which would be another's then.
    Numbered,
}

/// A scenario's text with one more step. Steps stand in the order of time: it is put before the first that has a later time of
/// its own, where it comes between no step and one that waits for it.
///
/// # Errors
///
/// When the text is no scenario, or the step can't be put in without changing what others mean.
pub fn with_step(name: &str, text: &str, at: Time, action: &str) -> Result<String, Refused> {
    let steps = read(name, text)?.steps;
    let later =
        steps.iter().position(|step| matches!(step.trigger, Trigger::At(time) if time > at));
    let behind = steps.get(later.unwrap_or(steps.len())..).unwrap_or_default();
    if behind.iter().any(|step| format!("{:?}", step.actions).contains("Same(")) {
        return Err(Refused::Numbered);
    }
    let put = put_in(text, "steps", later, &format!("(at: \"{}ns\", do: [{action}]),", at.0));
    let put = put.ok_or_else(|| Refused::Mistake(String::new()))?;
    read(name, &put)?;
    Ok(put)
}

/// A scenario's text with one more client, behind the others.
///
/// # Errors
///
/// When the text is no scenario, or no scenario any more with it.
pub fn with_client(name: &str, text: &str, client: &str) -> Result<String, Refused> {
    read(name, text)?;
    let put = put_in(text, "clients", None, &format!("{client},"));
    let put = put.ok_or_else(|| Refused::Mistake(String::new()))?;
    read(name, &put)?;
    Ok(put)
}

/// Reads a scenario; the first mistake, if there is one.
pub(crate) fn read(name: &str, text: &str) -> Result<Scenario, Refused> {
    let mistake = |found: Vec<Diagnostic>| found.first().map(ToString::to_string);
    klamm_scenario::parse(name, text)
        .map_err(|found| Refused::Mistake(mistake(found).unwrap_or_default()))
}

/// The text with an item in a list of the scenario: before the one with an index, or behind all.
fn put_in(text: &str, list: &str, before: Option<usize>, step: &str) -> Option<String> {
    let scan = scan(text, list)?;
    if let Some(index) = before {
        let (head, tail) = text.split_at_checked(*scan.starts.get(index)?)?;
        return Some(format!("{head}{step}\n        {tail}"));
    }
    let (place, comma, put) = match scan.list {
        Some(Spot { end, comma }) => (end, comma, format!("    {step}\n    ")),
        None => (scan.all.end, scan.all.comma, format!("    {list}: [\n        {step}\n    ],\n")),
    };
    let (before, after) = text.split_at_checked(place)?;
    // A comment in the last line must not swallow what is put in.
    let own_line = before.trim_end_matches([' ', '\t']).ends_with('\n');
    let line = if own_line { before.to_owned() } else { format!("{before}\n    ") };
    match comma {
        // The comma belongs behind the last thing, not behind a comment.
        Some(at) => {
            let (head, tail) = line.split_at_checked(at)?;
            Some(format!("{head},{tail}{put}{after}"))
        }
        None => Some(format!("{line}{put}{after}")),
    }
}

/// Where something can be put in: before a closing bracket, and where a comma is missing first, if one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Spot {
    end: usize,
    comma: Option<usize>,
}

struct Scan {
    all: Spot,
    list: Option<Spot>,
    /// Where each of its items begins.
    starts: Vec<usize>,
}

/// Finds the scenario's closing bracket and that of one of its lists, past strings and comments.
fn scan(text: &str, wanted: &str) -> Option<Scan> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    let (mut list, mut starts) = (None, Vec::new());
    let mut in_list = false;
    let mut name = "";
    // Behind the last thing that is neither space nor comment, and what it was.
    let (mut last, mut last_byte) = (0, b' ');
    let spot = |end: usize, last: usize, last_byte: u8| Spot {
        end,
        comma: (!matches!(last_byte, b',' | b'[' | b'(')).then_some(last),
    };
    while let Some(byte) = bytes.get(at).copied() {
        let rest = text.get(at..).unwrap_or_default();
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        if rest.starts_with("/*") {
            at += block_comment(rest)?;
            continue;
        }
        let length = match byte {
            b'"' => string(rest)?,
            b'r' if rest.starts_with("r\"") || rest.starts_with("r#") => raw_string(rest)?,
            b'\'' => character(rest)?,
            _ if byte.is_ascii_alphanumeric() || byte == b'_' => rest
                .find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_')
                .unwrap_or(rest.len()),
            _ => rest.chars().next()?.len_utf8(),
        };
        if in_list && depth == 2 && matches!(last_byte, b',' | b'[') && byte != b']' {
            starts.push(at);
        }
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                in_list |= depth == 2 && byte == b'[' && name == wanted;
            }
            b')' | b']' | b'}' => {
                if depth == 2 && in_list && byte == b']' {
                    list = Some(spot(at, last, last_byte));
                    in_list = false;
                }
                if depth == 1 {
                    return Some(Scan { all: spot(at, last, last_byte), list, starts });
                }
                depth = depth.checked_sub(1)?;
            }
            b':' => {}
            _ if depth == 1 => name = rest.get(..length).unwrap_or_default(),
            _ => {}
        }
        at += length;
        (last, last_byte) = (at, byte);
    }
    None
}

/// How long a string is, with its quotes.
fn string(rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, sign) in rest.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.bytes().skip(1).take_while(|byte| *byte == b'#').count();
    let close = format!("\"{}", "#".repeat(hashes));
    let body = hashes + 2;
    let found = rest.get(body..)?.find(&close)?;
    Some(body + found + close.len())
}

fn character(rest: &str) -> Option<usize> {
    let mut signs = rest.char_indices().skip(1);
    if signs.next()?.1 == '\\' {
        signs.next();
    }
    signs.find(|(_, sign)| *sign == '\'').map(|(at, _)| at + 1)
}

/// How long a comment between `/*` and `*/` is; they may stand in each other.
fn block_comment(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let here = rest.get(at..)?;
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += here.chars().next()?.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deed::{Deed, Doing};
    use crate::library;

    #[test]
    fn every_scenario_of_the_library_takes_a_step_in_its_midst_and_keeps_the_rest() {
        let mut numbered = 0;
        for card in library::chapters().iter().flat_map(|(_, cards)| cards) {
            let before = klamm_scenario::parse(&card.name, card.text).expect("good");
            let at = Time(before.duration.0 / 2 + 1);
            let text = match with_step(&card.name, card.text, at, "Heal()") {
                Ok(text) => text,
                Err(Refused::Numbered) => {
                    numbered += 1;
                    continue;
                }
                Err(Refused::Mistake(mistake)) => panic!("{}: {mistake}", card.name),
            };
            let mut after = klamm_scenario::parse(&card.name, &text).expect("still good");
            let new = after.steps.iter().position(|step| step.trigger == Trigger::At(at));
            let new = after.steps.remove(new.expect("the step"));
            assert_eq!((new.actions.len(), new.expect.len()), (1, 0), "{}", card.name);
            let all = |scenario: &Scenario| -> Vec<_> {
                let each = scenario.steps.iter();
                each.map(|it| (it.trigger.clone(), it.actions.clone(), it.say.clone())).collect()
            };
            let asked = |scenario: &Scenario| -> Vec<_> {
                let each = scenario.steps.iter();
                each.map(|it| it.predict.iter().map(|it| it.id.clone()).collect::<Vec<_>>())
                    .collect()
            };
            assert_eq!(asked(&after), asked(&before), "{}", card.name);
            assert_eq!(all(&after), all(&before), "{}", card.name);
            assert_eq!(
                (after.clients, after.topics),
                (before.clients, before.topics),
                "{}",
                card.name
            );
        }
        assert!(numbered < 5, "{numbered} scenarios take no step in their midst");
    }

    #[test]
    fn every_deed_is_something_that_a_scenario_knows() {
        let head = "(version: 1, title: \"t\", question: \"q\", duration: \"9s\", topics: [(name: \"orders\")]";
        let clients = "clients: [Producer(name: \"p\"), Consumer(name: \"c\", group: \"g\", topic: \"orders\", config: {\"group.instance.id\": \"i\"})]";
        let at = Time(5_000_000_000);
        for deed in Deed::ALL.iter().copied() {
            for names in operands(deed) {
                let doing = Doing::new(deed, &names);
                for text in [
                    format!("{head}, {clients})"),
                    format!("{head}, {clients}, steps: [])"),
                    format!("{head}, {clients}, // \"steps: [\n)"),
                    format!(
                        "{head}, {clients}, steps: [(at: \"1s\", do: [Crash(\"broker-2\")])] /* ) /* ] */ */ )"
                    ),
                    format!(
                        "{head}, steps: [(at: \"1s\", say: r#\"a \"]\" b\"#) // last )\n ], {clients})"
                    ),
                    format!("{head}, steps: [/* ( */ (at: \"7s\", say: \"late\")], {clients},)"),
                ] {
                    let put = doing.put_into("t", &text, at);
                    let put = put.unwrap_or_else(|why| panic!("{why:?}\n{text}"));
                    let parsed = klamm_scenario::parse("t", &put).expect("good");
                    let new = parsed.steps.iter().find(|it| it.trigger == Trigger::At(at));
                    let late = parsed.clients.iter().find(|it| it.added() == Some(at));
                    let (step, client) =
                        (new.map(|step| step.actions.len()), late.map(|it| it.name()));
                    let expected = match (deed, names.as_slice()) {
                        (Deed::AddConsumer, _) => (None, Some("c-2")),
                        (Deed::Produce, ["made", ..]) => (None, Some("made")),
                        (_, _) => (Some(1), None),
                    };
                    assert_eq!((step, client), expected, "{put}");
                }
            }
        }
    }

    /// What each kind of deed is tried with.
    fn operands(deed: Deed) -> Vec<Vec<&'static str>> {
        match deed {
            Deed::Heal => vec![vec![]],
            Deed::Produce => vec![
                vec!["p", "orders", "", "", "a \"b\" \\ \n 한글"],
                vec!["p", "orders", "0", "k", ""],
                vec!["made", "orders", "", "k", "v"],
            ],
            Deed::AddConsumer => vec![vec!["c-2", "g", "c"]],
            Deed::KillMember => vec![vec!["c"]],
            Deed::ElectPreferred | Deed::ElectUnclean => vec![vec!["orders-0"], vec![""]],
            Deed::Cut | Deed::CutOneWay | Deed::SlowLink | Deed::NormalLink => {
                vec![vec!["broker-1", "broker-2"]]
            }
            Deed::Crash
            | Deed::Restart
            | Deed::PowerOff
            | Deed::Stop
            | Deed::Pause
            | Deed::Resume
            | Deed::Isolate
            | Deed::SlowDisk
            | Deed::NormalDisk => vec![vec!["broker-1"]],
        }
    }

    #[test]
    fn what_can_not_be_put_in_is_refused() {
        let head = "(version: 1, title: \"t\", question: \"q\", duration: \"9s\"";
        for text in ["(never closed", "", "(version: 1)"] {
            assert!(matches!(with_step("t", text, Time(1), "Heal()"), Err(Refused::Mistake(_))));
            let late = with_client("t", text, "Producer(name: \"p\")");
            assert!(matches!(late, Err(Refused::Mistake(_))));
        }
        let numbered = format!(
            "{head}, steps: [(at: \"1s\", do: [Crash(\"broker-2\")]), (at: \"5s\", do: [Restart(Same(0))])])"
        );
        assert_eq!(
            with_step("t", &numbered, Time(3_000_000_000), "Heal()"),
            Err(Refused::Numbered)
        );
        assert!(with_step("t", &numbered, Time(6_000_000_000), "Heal()").is_ok());
        let bare = format!("{head})");
        for wrong in [
            Doing::new(Deed::Crash, &["nobody"]),
            Doing::new(Deed::Crash, &[]),
            Doing::new(Deed::AddConsumer, &["c-2", "g", "nobody"]),
            Doing::new(Deed::ElectPreferred, &["orders-9"]),
            Doing::new(Deed::Produce, &["p\"", "orders", "", "", "v"]),
        ] {
            assert!(matches!(wrong.put_into("t", &bare, Time(1)), Err(Refused::Mistake(_))));
        }
    }
}
