//! Applications: programs of one's own.

use std::collections::BTreeMap;

use klamm_node::Time;

use super::Reader;
use super::fields::Args;
use crate::diagnostic::Mistake;
use crate::model::Application;
use crate::syntax::{Kind, Node};

impl Reader {
    pub(super) fn application(&mut self, args: &Args<'_>, node: &Node) -> Application {
        for (field, what) in [("program", "a program"), ("group", "a group")] {
            if let Some(node @ Node { kind: Kind::Text(name), .. }) = args.get(field)
                && name.is_empty()
            {
                self.mistake(Mistake::new(&node.span, format!("{what} has a name")));
            }
        }
        let group = args.get("group").and_then(|node| self.text(node));
        let mut config = self.texts(args.get("config"));
        if let Some(group) = &group {
            match config.get("group.id") {
                Some(other) if other != group => {
                    if let Some(node) = args.get("config") {
                        self.mistake(
                            Mistake::new(
                                &node.span,
                                format!("'group.id' is '{other}', and group is '{group}'"),
                            )
                            .help("leave 'group.id' out: it follows from group"),
                        );
                    }
                }
                _ => {
                    config.insert("group.id".to_owned(), group.clone());
                }
            }
        }
        Application {
            line: self.line_of(node),
            name: self.text_or_empty(args.get("name")),
            program: self.text_or_empty(args.get("program")),
            group: group.map(|group| group.as_str().into()),
            config,
            args: self.texts(args.get("args")),
            start: args.get("start").and_then(|node| self.time(node)).unwrap_or(Time::ZERO),
        }
    }

    /// A map of texts whose keys mean something to somebody else.
    fn texts(&mut self, node: Option<&Node>) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        for (key_node, key, value_node, value) in self.entries(node) {
            if map.insert(key.clone(), value).is_some() {
                self.mistake(Mistake::new(&key_node.span, format!("'{key}' is given twice")));
            }
            // Whoever reads the map splits it at nothing: a key without a name is a slip of the pen.
            if key.is_empty() {
                self.mistake(Mistake::new(&value_node.span, "this value has no name"));
            }
        }
        map
    }
}
