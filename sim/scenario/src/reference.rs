//! The format's page of the book, made from the table that the reader itself uses.

use std::fmt::Write;

use klamm_node::Room;

use crate::schema::{CHOICES, Choice, Field, RECORDS, Shape};

const INTRODUCTION: &str = "<!-- Made from the code by `KLAMM_UPDATE=1 cargo test -p klamm-scenario`; edit there, not here. -->
# The scenario format

A scenario is a file in [RON](https://github.com/ron-rs/ron): `(…)` is a struct or a tuple, `[…]` a list, `{…}` a map, `//` begins
a comment, and a comma may stand behind the last element. Names of structs may be left out. `Some(x)` may be written `x`.
Extensions (`#![enable(…)]`) and byte strings are refused.

Every mistake is reported at once, each with its line and column. An unknown name is one: nothing is passed over.

## How values are written

| Kind | Written |
| --- | --- |
| duration, time | a text with units, which may be added up: `\"500ms\"`, `\"2s\"`, `\"1m30s\"`; units are ns, us, ms, s, m, h. A time counts from the start of the run |
| size | a text with a unit, `\"64B\"`, `\"16KB\"`, `\"1MiB\"`, or a number of bytes; KB is 1000, KiB 1024 |
| rate | how many in a time: `\"50/s\"`, `\"600/min\"`, `\"10/h\"` |
| partition | topic and index, as Kafka names its directory: `\"orders-0\"` |
| broker id | a number, or the broker's host: `1`, `\"broker-1\"` |
| map of texts | Kafka's own keys: `{ \"min.insync.replicas\": \"2\" }`; numbers and true or false need no quotes |
| range | `(least, greatest)`, or one value for both |

Actions, conditions, targets and the like are written with the names of their fields, `Acknowledged(client: \"p\", count: 10)`, or in
the order of the table, `IsrIs(\"orders-0\", [1, 2])`; unnamed fields come first. Without fields the brackets may be left out.
";

/// The page `reference/scenario-format.md` of the book.
pub fn reference_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for shape in RECORDS {
        section(&mut page, shape);
    }
    for choice in CHOICES {
        choices(&mut page, choice);
    }
    page.push_str("\n## Rooms\n\nThe parts of the lab that `show` may name: ");
    let rooms: Vec<String> = Room::ALL.iter().map(|room| format!("`{room}`")).collect();
    page.push_str(&rooms.join(", "));
    page.push_str(".\n");
    page
}

fn section(page: &mut String, shape: &Shape) {
    line(
        page,
        &format!(
            "\n## {}\n\n{}\n\n| Field | Kind | Default | What it says |",
            shape.name, shape.doc
        ),
    );
    line(page, "| --- | --- | --- | --- |");
    for field in shape.fields {
        let default = match field.default {
            None => "must be there".to_owned(),
            Some(default) if default.contains(' ') && !default.starts_with(['[', '(', '"']) => {
                default.to_owned()
            }
            Some(default) => format!("`{default}`"),
        };
        line(page, &format!("| `{}` | {} | {default} | {} |", field.name, field.kind, field.doc));
    }
}

fn choices(page: &mut String, choice: &Choice) {
    line(page, &format!("\n## {}\n\n{}", choice.name, choice.doc));
    let long = choice.shapes.iter().any(|shape| shape.fields.len() > 4 && shape.unnamed == 0);
    if long {
        for shape in choice.shapes {
            section(page, shape);
        }
        return;
    }
    line(page, &format!("\n| {} | What it says | Fields |\n| --- | --- | --- |", choice.name));
    for shape in choice.shapes {
        let fields: Vec<String> = shape.fields.iter().map(in_a_cell).collect();
        line(page, &format!("| `{}` | {} | {} |", shape.name, shape.doc, fields.join("<br>")));
    }
}

fn in_a_cell(field: &Field) -> String {
    let default = match field.default {
        None => String::new(),
        Some(default) => format!(" (default: {default})"),
    };
    format!("`{}`: {}{default}. {}", field.name, field.kind, field.doc)
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("a string takes every write");
}
