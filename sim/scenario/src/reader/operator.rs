//! Actions of an operator: what is asked of the cluster through the admin client.

use std::collections::BTreeSet;

use klamm_node::config::Scope;
use klamm_node::{
    AdminRequest, BrokerId, ConfigTarget, Downgrade, Endpoint, Offset, TopicName, TopicPartition,
};

use super::Reader;
use super::cluster::{check_key, controller_listener};
use super::fields::Args;
use crate::diagnostic::Mistake;
use crate::model::Action;
use crate::syntax::Node;

/// Kafka's quota keys.
const QUOTAS: [&str; 5] = [
    "producer_byte_rate",
    "consumer_byte_rate",
    "request_percentage",
    "controller_mutation_rate",
    "connection_creation_rate",
];

/// The features of a Kafka 4 cluster.
pub(super) const FEATURES: [&str; 6] = [
    "metadata.version",
    "eligible.leader.replicas.version",
    "kraft.version",
    "group.version",
    "transaction.version",
    "share.version",
];

/// What stands for whoever has no quota of its own.
const DEFAULT_ENTITY: &str = "<default>";

impl Reader {
    /// An action of an operator, by its name in the table; none for a broken one, or another action's name.
    pub(super) fn admin_request(
        &mut self,
        name: &str,
        node: &Node,
        args: &Args<'_>,
    ) -> Option<Action> {
        let request = match name {
            "DeleteTopic" => AdminRequest::DeleteTopic { topic: self.topic_of(args)? },
            "AddPartitions" => {
                let topic = self.topic_of(args);
                let count = args.get("count").and_then(|node| self.i32_from(node, 1));
                let assignments = self.list_of(args.get("assignments"), |reader, node| {
                    Some(reader.list(node, Self::broker))
                });
                AdminRequest::AddPartitions { topic: topic?, count: count?, assignments }
            }
            "ElectLeaders" => AdminRequest::ElectLeaders {
                unclean: self.boolean_or(args.get("unclean"), false),
                partitions: self.list_of(args.get("partitions"), Self::partition),
            },
            "Reassign" => {
                let partition = args.get("partition").and_then(|node| self.partition(node));
                let replicas = self.replicas(args.get("replicas")?);
                AdminRequest::Reassign { moves: vec![(partition?, Some(replicas))] }
            }
            "CancelReassign" => {
                let partition = self.partition(args.get("partition")?)?;
                AdminRequest::Reassign { moves: vec![(partition, None)] }
            }
            "AlterConfig" => return self.alter_config(node, args).map(Action::Admin),
            "DeleteRecords" => {
                let partition: Option<TopicPartition> =
                    args.get("partition").and_then(|node| self.partition(node));
                let before = match args.get("before") {
                    None => Offset(-1),
                    Some(node) => Offset(self.i64(node)?),
                };
                AdminRequest::DeleteRecords { partition: partition?, before }
            }
            "SetQuota" => return self.set_quota(node, args).map(Action::Admin),
            "UpdateFeature" => return self.update_feature(args).map(Action::Admin),
            "AddVoter" => {
                let (controller, listener) = self.controller(args.get("controller")?)?;
                AdminRequest::AddVoter { controller, listener }
            }
            "RemoveVoter" => {
                let (controller, _) = self.controller(args.get("controller")?)?;
                AdminRequest::RemoveVoter { controller }
            }
            "UnregisterBroker" => {
                AdminRequest::UnregisterBroker { broker: self.broker(args.get("broker")?)? }
            }
            other => unreachable!("the table has the action {other}, and the reader does not"),
        };
        Some(Action::Admin(request))
    }

    fn topic_of(&mut self, args: &Args<'_>) -> Option<TopicName> {
        args.get("topic").and_then(|node| self.topic_name(node)).map(Into::into)
    }

    /// Brokers in an order, each once.
    pub(super) fn replicas(&mut self, node: &Node) -> Vec<BrokerId> {
        let mut seen = BTreeSet::new();
        self.list(node, |reader, node| {
            let broker = reader.broker(node)?;
            if !seen.insert(broker) {
                reader.mistake(Mistake::new(
                    &node.span,
                    format!("broker {broker} is in this list twice"),
                ));
            }
            Some(broker)
        })
    }

    fn alter_config(&mut self, node: &Node, args: &Args<'_>) -> Option<AdminRequest> {
        let topic = args.get("topic").map(|node| self.topic_name(node));
        let broker = args.get("broker").map(|node| self.broker(node));
        if let (Some(_), Some(second)) = (args.get("topic"), args.get("broker")) {
            self.mistake(
                Mistake::new(&second.span, "a setting is a topic's or a broker's")
                    .help("leave out one of the two"),
            );
            return None;
        }
        let scope = if topic.is_some() { Scope::Topic } else { Scope::Server };
        let set = self.config(args.get("set"), scope);
        let deleted = self.list_of(args.get("delete"), |reader, node| {
            let key = reader.text(node)?;
            match check_key(scope, &key, node) {
                None => Some(key),
                Some(mistake) => {
                    reader.mistake(mistake);
                    None
                }
            }
        });
        if args.get("set").is_none() && args.get("delete").is_none() {
            self.mistake(
                Mistake::new(&node.span, "this changes nothing")
                    .help("give settings to set or to delete"),
            );
        }
        let resource = match (topic, broker) {
            (Some(topic), _) => ConfigTarget::Topic(topic?.into()),
            (None, Some(broker)) => ConfigTarget::Broker(broker?),
            (None, None) => ConfigTarget::AllBrokers,
        };
        let set = set.into_iter().map(|(key, value)| (key, Some(value)));
        let changes = set.chain(deleted.into_iter().map(|key| (key, None))).collect();
        Some(AdminRequest::AlterConfig { resource, changes })
    }

    fn set_quota(&mut self, node: &Node, args: &Args<'_>) -> Option<AdminRequest> {
        let key_node = args.get("key")?;
        let key = self.word(key_node, "a quota's name")?;
        if !QUOTAS.contains(&key.as_str()) {
            self.mistake(
                Mistake::new(&key_node.span, format!("there is no quota '{key}'"))
                    .names(&key, "quotas", QUOTAS),
            );
        }
        let value = args.get("value").map(|node| self.u64(node));
        let kinds = [("user", "user"), ("client", "client-id"), ("ip", "ip")];
        let mut entity = Vec::new();
        for (field, kind) in kinds {
            let Some(node) = args.get(field) else { continue };
            let name = self.text(node)?;
            entity.push((kind.to_owned(), (name != DEFAULT_ENTITY).then_some(name)));
        }
        if entity.is_empty() {
            self.mistake(
                Mistake::new(&node.span, "nobody gets this quota")
                    .help("give a user, a client or an ip; \"<default>\" is whoever has none"),
            );
        }
        let value = match value {
            None => None,
            Some(value) => Some(value?),
        };
        Some(AdminRequest::SetQuota { entity, key, value })
    }

    /// A feature that there is.
    pub(super) fn feature(&mut self, node: &Node) -> Option<String> {
        let feature = self.text(node)?;
        if FEATURES.contains(&feature.as_str()) {
            return Some(feature);
        }
        self.mistake(
            Mistake::new(&node.span, format!("there is no feature '{feature}'"))
                .names(&feature, "features", FEATURES),
        );
        None
    }

    fn update_feature(&mut self, args: &Args<'_>) -> Option<AdminRequest> {
        let feature = args.get("feature").and_then(|node| self.feature(node));
        let level = args.get("level").and_then(|node| self.level(node));
        let downgrade = match args.get("downgrade") {
            None => Downgrade::No,
            Some(node) => {
                let kinds = [
                    ("No", Downgrade::No),
                    ("Safe", Downgrade::Safe),
                    ("Unsafe", Downgrade::Unsafe),
                ];
                self.one_of(node, "kind of downgrade", &kinds)?
            }
        };
        Some(AdminRequest::UpdateFeature { feature: feature?, level: level?, downgrade })
    }

    pub(super) fn level(&mut self, node: &Node) -> Option<i16> {
        let level = self.integer(node, 0, i128::from(i16::MAX))?;
        i16::try_from(level).ok()
    }

    /// A word of a few.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        kinds: &[(&'static str, T)],
    ) -> Option<T> {
        let word = self.word(node, &format!("a {what}"))?;
        let found = kinds.iter().find(|(name, _)| *name == word);
        if found.is_none() {
            self.mistake(Mistake::new(&node.span, format!("there is no {what} '{word}'")).names(
                &word,
                &format!("{what}s"),
                kinds.iter().map(|(name, _)| *name),
            ));
        }
        found.map(|(_, kind)| *kind)
    }

    /// A controller's node id and where it listens, by its host.
    pub(super) fn controller(&mut self, node: &Node) -> Option<(BrokerId, Endpoint)> {
        let host = self.text(node)?;
        let number = host.strip_prefix("controller-").and_then(|n| n.parse::<u16>().ok());
        let all = self.names.controllers.saturating_add(self.names.spare_controllers);
        match number.filter(|number| (1..=all).contains(number)) {
            Some(number) => Some(controller_listener(number)),
            None => {
                let known: Vec<String> = (1..=all).map(|n| format!("controller-{n}")).collect();
                self.mistake(
                    Mistake::new(&node.span, format!("there is no controller '{host}'")).names(
                        &host,
                        "controllers",
                        known.iter().map(String::as_str),
                    ),
                );
                None
            }
        }
    }
}
