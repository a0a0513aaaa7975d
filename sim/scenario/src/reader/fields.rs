//! Fields by name or place, and the plain values in them.

use std::ops::Range;

use klamm_node::Span;

use super::{Reader, is_none};
use crate::diagnostic::{Mistake, nearest, plain};
use crate::schema::{Choice, Shape};
use crate::syntax::{Field, Kind, Node};
use crate::values::{self, Wrong};

/// The fields of one struct, verb or condition, in the order of its table.
pub(super) struct Args<'n> {
    shape: &'static Shape,
    values: Vec<Option<&'n Node>>,
}

impl<'n> Args<'n> {
    pub(super) fn empty(shape: &'static Shape) -> Self {
        Self { shape, values: vec![None; shape.fields.len()] }
    }

    /// A field's value, unless it is absent or `None`. `Some(x)` is `x`.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        let index = self.shape.fields.iter().position(|field| field.name == name);
        debug_assert!(index.is_some(), "{} has no field '{name}' in its table", self.shape.name);
        let node = unwrapped(self.values.get(index?).copied().flatten()?);
        (!is_none(node)).then_some(node)
    }
}

/// `x` of `Some(x)`.
pub(super) fn unwrapped(node: &Node) -> &Node {
    match &node.kind {
        Kind::Group { name: Some(name), fields } if name.text == "Some" => {
            match fields.as_slice() {
                [Field { name: None, value }] => value,
                _ => node,
            }
        }
        Kind::Bool(_)
        | Kind::Integer(_)
        | Kind::Float(_)
        | Kind::Char(_)
        | Kind::Text(_)
        | Kind::Name(_)
        | Kind::List(_)
        | Kind::Map(_)
        | Kind::Group { .. }
        | Kind::Broken => node,
    }
}

impl Reader {
    /// The fields of a struct.
    pub(super) fn record<'n>(&mut self, node: &'n Node, shape: &'static Shape) -> Args<'n> {
        match &node.kind {
            Kind::Group { name, fields } => {
                if let Some(name) = name
                    && name.text != shape.name
                {
                    self.mistake(
                        Mistake::new(
                            &name.span,
                            format!("expected '{}', found '{}'", shape.name, name.text),
                        )
                        .help(format!("write {}(…), or only (…)", shape.name)),
                    );
                    return Args::empty(shape);
                }
                let span = name
                    .as_ref()
                    .map_or(node.span.start..node.span.start + 1, |name| name.span.clone());
                self.args(&span, fields, shape)
            }
            Kind::Broken => Args::empty(shape),
            Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Char(_)
            | Kind::Text(_)
            | Kind::Name(_)
            | Kind::List(_)
            | Kind::Map(_) => {
                let names: Vec<&str> = shape.fields.iter().map(|field| field.name).collect();
                self.mistake(
                    Mistake::new(
                        &node.span,
                        format!("expected a {}, found {}", shape.name, node.what()),
                    )
                    .help(format!("write its fields in ( ): {}", names.join(", "))),
                );
                Args::empty(shape)
            }
        }
    }

    /// One of several, by name.
    pub(super) fn choice<'n>(
        &mut self,
        node: &'n Node,
        choice: &'static Choice,
    ) -> Option<(&'static str, Args<'n>)> {
        let (name, span, fields): (&str, Range<usize>, &'n [Field]) = match &node.kind {
            Kind::Name(name) => (name, node.span.clone(), &[]),
            Kind::Group { name: Some(name), fields } => (&name.text, name.span.clone(), fields),
            Kind::Broken => return None,
            Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Char(_)
            | Kind::Text(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Group { name: None, .. } => {
                let mistake = Mistake::new(
                    &node.span,
                    format!("expected a {}, found {}", choice.name, node.what()),
                )
                .names(
                    "",
                    &format!("{}s", choice.name),
                    choice.shapes.iter().map(|shape| shape.name),
                );
                self.mistake(mistake);
                return None;
            }
        };
        let Some(shape) = choice.shapes.iter().find(|shape| shape.name == name) else {
            let mistake = Mistake::new(&span, format!("there is no {} '{name}'", choice.name))
                .names(
                    name,
                    &format!("{}s", choice.name.trim_end_matches('s')),
                    choice.shapes.iter().map(|shape| shape.name),
                );
            self.mistake(mistake);
            return None;
        };
        Some((shape.name, self.args(&span, fields, shape)))
    }

    /// Sorts fields into the order of the table: unnamed ones first, in that order, then by name.
    pub(super) fn args<'n>(
        &mut self,
        span: &Range<usize>,
        fields: &'n [Field],
        shape: &'static Shape,
    ) -> Args<'n> {
        let mut args = Args::empty(shape);
        let mut meant: Vec<&str> = Vec::new();
        let allowed: Vec<&str> = shape.fields.iter().map(|field| field.name).collect();
        let mut named = false;
        let mut too_many = false;
        for (place, field) in fields.iter().enumerate() {
            let Some(name) = &field.name else {
                if matches!(field.value.kind, Kind::Broken) {
                    args_unsure(&mut meant, &allowed);
                    continue;
                }
                if named {
                    self.mistake(
                        Mistake::new(
                            &field.value.span,
                            "a field without a name stands behind one with a name",
                        )
                        .help("fields without names come first"),
                    );
                } else if place >= shape.unnamed {
                    if !too_many {
                        self.mistake(unnamed_mistake(shape, &field.value, &allowed));
                    }
                    too_many = true;
                    args_unsure(&mut meant, &allowed);
                } else {
                    args.values[place] = Some(&field.value);
                }
                continue;
            };
            named = true;
            match shape.fields.iter().position(|known| known.name == name.text) {
                Some(index) if args.values[index].is_some() => {
                    self.mistake(Mistake::new(
                        &name.span,
                        format!("the field '{}' is given twice", name.text),
                    ));
                }
                Some(index) => args.values[index] = Some(&field.value),
                None => {
                    meant.extend(nearest(&name.text, &allowed));
                    let what = format!("fields of {}", shape.name);
                    self.mistake(
                        Mistake::new(
                            &name.span,
                            format!("{} has no field '{}'", shape.name, name.text),
                        )
                        .label("unknown field")
                        .names(&name.text, &what, allowed.iter().copied()),
                    );
                }
            }
        }
        for (field, value) in shape.fields.iter().zip(&args.values) {
            // A field that is there under a misspelt name is not missing as well.
            if field.default.is_none() && value.is_none() && !meant.contains(&field.name) {
                self.mistake(
                    Mistake::new(span, format!("{} needs the field '{}'", shape.name, field.name))
                        .label("it is missing here")
                        .help(format!(
                            "{}: {} ({})",
                            field.name,
                            plain(field.doc),
                            plain(field.kind)
                        )),
                );
            }
        }
        args
    }

    pub(super) fn wrong(&mut self, node: &Node, expected: &str) {
        if !matches!(node.kind, Kind::Broken) {
            self.mistake(
                Mistake::new(&node.span, format!("expected {expected}, found {}", node.what()))
                    .label(format!("expected {expected}")),
            );
        }
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Name(name) => {
                self.mistake(
                    Mistake::new(&node.span, format!("expected a text, found '{name}'"))
                        .help(format!("write it in double quotes: \"{name}\"")),
                );
                None
            }
            Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Char(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Group { .. }
            | Kind::Broken => {
                self.wrong(node, "a text in double quotes");
                None
            }
        }
    }

    pub(super) fn text_or_empty(&mut self, node: Option<&Node>) -> String {
        node.and_then(|node| self.text(node)).unwrap_or_default()
    }

    /// A name, in quotes or not.
    pub(super) fn word(&mut self, node: &Node, expected: &str) -> Option<String> {
        match &node.kind {
            Kind::Text(word) | Kind::Name(word) => Some(word.clone()),
            Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Char(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Group { .. }
            | Kind::Broken => {
                self.wrong(node, expected);
                None
            }
        }
    }

    pub(super) fn boolean_or(&mut self, node: Option<&Node>, default: bool) -> bool {
        match node.map(|node| (&node.kind, node)) {
            None => default,
            Some((Kind::Bool(value), _)) => *value,
            Some((_, node)) => {
                self.wrong(node, "true or false");
                default
            }
        }
    }

    pub(super) fn integer(&mut self, node: &Node, least: i128, greatest: i128) -> Option<i128> {
        let Kind::Integer(value) = node.kind else {
            self.wrong(node, "a whole number");
            return None;
        };
        if (least..=greatest).contains(&value) {
            return Some(value);
        }
        let mistake = Mistake::new(&node.span, format!("{value} is out of range"));
        self.mistake(mistake.help(format!("it must be from {least} to {greatest}")));
        None
    }

    pub(super) fn i32_from(&mut self, node: &Node, least: i32) -> Option<i32> {
        self.integer(node, i128::from(least), i128::from(i32::MAX))
            .and_then(|value| i32::try_from(value).ok())
    }

    pub(super) fn u32(&mut self, node: &Node) -> Option<u32> {
        self.integer(node, 0, i128::from(u32::MAX)).and_then(|value| u32::try_from(value).ok())
    }

    pub(super) fn u64(&mut self, node: &Node) -> Option<u64> {
        self.integer(node, 0, i128::from(i64::MAX)).and_then(|value| u64::try_from(value).ok())
    }

    pub(super) fn i64(&mut self, node: &Node) -> Option<i64> {
        self.integer(node, 0, i128::from(i64::MAX)).and_then(|value| i64::try_from(value).ok())
    }

    /// A text that one of the functions of [`values`] reads.
    pub(super) fn written<T>(
        &mut self,
        node: &Node,
        what: &str,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let text = match &node.kind {
            Kind::Text(text) => text.clone(),
            Kind::Integer(number) => number.to_string(),
            Kind::Float(number) => number.to_string(),
            Kind::Bool(_)
            | Kind::Char(_)
            | Kind::Name(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Group { .. }
            | Kind::Broken => {
                self.wrong(node, &format!("a {what}, as a text"));
                return None;
            }
        };
        match read(&text) {
            Ok(value) => Some(value),
            Err(Wrong { why, help }) => {
                self.mistake(
                    Mistake::new(&node.span, format!("'{text}' is not a {what}: {why}"))
                        .label(why)
                        .help(help),
                );
                None
            }
        }
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Span> {
        self.written(node, "duration", values::duration)
    }

    pub(super) fn duration_or(&mut self, node: Option<&Node>, default: Span) -> Span {
        node.and_then(|node| self.duration(node)).unwrap_or(default)
    }

    /// `(least, greatest)`, or one value for both.
    pub(super) fn range<T: PartialOrd + Copy>(
        &mut self,
        node: &Node,
        mut one: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<(T, T)> {
        if let Kind::Group { name: None, fields } = &node.kind {
            let [Field { name: None, value: least }, Field { name: None, value: greatest }] =
                fields.as_slice()
            else {
                self.wrong(node, "(least, greatest)");
                return None;
            };
            let (low, high) = (one(self, least), one(self, greatest));
            let (low, high) = (low?, high?);
            if low > high {
                self.mistake(
                    Mistake::new(&node.span, "the greatest value is below the least")
                        .help("write (least, greatest)"),
                );
                return None;
            }
            return Some((low, high));
        }
        let value = one(self, node)?;
        Some((value, value))
    }

    /// The elements that could be read.
    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        mut one: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        let Kind::List(nodes) = &node.kind else {
            self.wrong(node, "a list in [ ]");
            return Vec::new();
        };
        nodes.iter().filter_map(|node| one(self, node)).collect()
    }

    pub(super) fn list_of<T>(
        &mut self,
        node: Option<&Node>,
        one: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        node.map(|node| self.list(node, one)).unwrap_or_default()
    }
}

/// Nothing can be said of missing fields when one of unknown name is broken.
fn args_unsure<'a>(meant: &mut Vec<&'a str>, allowed: &[&'a str]) {
    meant.extend_from_slice(allowed);
}

fn unnamed_mistake(shape: &Shape, value: &Node, allowed: &[&str]) -> Mistake {
    let mistake = Mistake::new(
        &value.span,
        match shape.unnamed {
            0 if shape.fields.is_empty() => format!("{} has no fields", shape.name),
            0 => format!("the fields of {} need their names", shape.name),
            most => format!(
                "{} takes {most} field{} without a name",
                shape.name,
                if most == 1 { "" } else { "s" }
            ),
        },
    );
    match allowed {
        [] => mistake,
        _ => mistake.help(format!("its fields are: {}", allowed.join(", "))),
    }
}
