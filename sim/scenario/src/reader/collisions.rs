//! Topics that Kafka can't have side by side: in the names of its metrics a dot is an underscore.

use std::collections::BTreeMap;

use super::Reader;
use super::cluster::{action_name, actions_of, field_of};
use super::fields::Args;
use crate::diagnostic::Mistake;
use crate::syntax::{Kind, Node};

/// The topic that a cluster makes by itself.
const OF_THE_CLUSTER: &str = "__consumer_offsets";

/// Names by what they have in common (`Topic.unifyCollisionChars`).
type Known = BTreeMap<String, String>;

impl Reader {
    /// Looks for names that differ in dots and underscores alone (`Topic.hasCollision`): among the topics of the file, and those
    /// that steps create in the order of the file, as long as no step has deleted the other one.
    pub(super) fn collisions(&mut self, scenario: &Args<'_>) {
        let mut known = Known::from([(unified(OF_THE_CLUSTER), OF_THE_CLUSTER.to_owned())]);
        if let Some(Kind::List(topics)) = scenario.get("topics").map(|node| &node.kind) {
            for topic in topics {
                self.collides(&mut known, field_of(topic, "name", 0));
            }
        }
        let Some(Kind::List(steps)) = scenario.get("steps").map(|node| &node.kind) else { return };
        for action in steps.iter().flat_map(actions_of) {
            match action_name(action) {
                Some("CreateTopic") => self.collides(&mut known, field_of(action, "name", 0)),
                Some("DeleteTopic") => {
                    if let Some(Kind::Text(gone)) =
                        field_of(action, "topic", 0).map(|node| &node.kind)
                        && known.get(&unified(gone)) == Some(gone)
                    {
                        known.remove(&unified(gone));
                    }
                }
                Some(_) | None => {}
            }
        }
    }

    fn collides(&mut self, known: &mut Known, node: Option<&Node>) {
        let Some(Node { kind: Kind::Text(name), span }) = node else { return };
        let other = known.entry(unified(name)).or_insert_with(|| name.clone());
        if other != name {
            let mistake =
                Mistake::new(span, format!("topic '{name}' collides with topic '{other}'"))
                    .label("it differs in '.' and '_' alone")
                    .help("Kafka counts both under one name and creates but one of them: choose '.' or '_' for all names");
            self.mistake(mistake);
        }
    }
}

fn unified(name: &str) -> String {
    name.replace('.', "_")
}
