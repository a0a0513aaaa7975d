//! Configs: at a topic's creation, and altered later (IncrementalAlterConfigs, KIP-339; AlterConfigs).
//!
//! *Flows in*: what a request wants set, deleted, appended, subtracted. *Flows out*: Config records and an error per resource;
//! one resource's refusal does not touch the others.
//! Turning `unclean.leader.election.enable` on elects nobody by itself: the periodic look at leaderless partitions finds it, or
//! an ElectLeaders request does, as Kafka's text of the key says.
//!
//! *Must never*: store a topic's value that Kafka would refuse. Broker values are checked by brokers, before they forward.
//!
//! With eligible leader replicas (KIP-966) the min ISR of the cluster must be known to the controller: it may neither be taken
//! away nor be set for one broker alone, and any change of it makes the controller forget who was eligible.
//!
//! Simplified: there are no resources of client metrics and groups; they are refused as unknown types.

use std::collections::BTreeMap;

use klamm_node::BrokerId;
use klamm_protocol::convert::text;
use klamm_protocol::kafka::messages::create_topics_request::CreatableTopic;
use klamm_protocol::kafka::messages::create_topics_response::CreatableTopicConfigs;
use klamm_protocol::kafka::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, alter_configs_response, incremental_alter_configs_response,
};
use klamm_protocol::metadata::{ClearElr, Config, resource_type};
use klamm_protocol::{ErrorCode, MetadataRecord};

use super::topics::legal_name;
use super::{Decider, Decision, Refusal};
use crate::configs::{Kind, Layers, TOPIC_KEYS, broker_key, parts, topic_conflict, topic_key};
use crate::image::ConfigResource;

const MIN_ISR: &str = "min.insync.replicas";

type Set = BTreeMap<String, String>;

/// The configs that a request sets for a new topic, if all of them are good.
pub(super) fn requested(topic: &CreatableTopic) -> Result<Set, Refusal> {
    let wanted = topic.configs.iter();
    let wanted: Vec<_> = wanted.map(|set| (set.name.as_str(), set.value.as_deref())).collect();
    let nulls: Vec<&str> =
        wanted.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    if !nulls.is_empty() {
        let why = format!("Null value not supported for topic configs: {}", nulls.join(","));
        return Err((ErrorCode::INVALID_CONFIG, why));
    }
    let set =
        wanted.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let set: Set = set.collect();
    check_topic(&set).map(|()| set)
}

/// Whether a topic may have all of these.
fn check_topic(set: &Set) -> Result<(), Refusal> {
    let refuse = |why: String| Err((ErrorCode::INVALID_CONFIG, why));
    for (name, value) in set {
        match topic_key(name) {
            None => return refuse(format!("Unknown topic config name: {name}")),
            Some(key) => key.check(value).or_else(refuse)?,
        }
    }
    topic_conflict(set).map_or(Ok(()), refuse)
}

/// What is done to a key: `OpType` on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
}

impl Operation {
    fn of(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

impl Decider<'_> {
    /// Every topic key with its effective value and where it comes from, for the answer to a creation. Never null: the Java
    /// admin client throws on that.
    pub(super) fn effective(&self, own: &Set) -> Vec<CreatableTopicConfigs> {
        let fixed = self.fixed();
        let layers = Layers::new(self.image, self.config.id, &fixed);
        let described = TOPIC_KEYS.iter().filter_map(|key| {
            let (value, source) = layers.topic_value(key.name, own)?;
            let config = CreatableTopicConfigs::default()
                .with_name(text(key.name))
                .with_value(Some(text(&value)))
                .with_config_source(source.code());
            Some(config)
        });
        described.collect()
    }

    fn fixed(&self) -> Set {
        let changed = self.config.settings.changed().into_iter();
        changed.map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Alters keys one by one.
    pub(crate) fn decide_incremental_alter_configs(
        &self,
        request: &IncrementalAlterConfigsRequest,
    ) -> Decision<IncrementalAlterConfigsResponse> {
        let mut decision = Decision::only(());
        let names = request.resources.iter();
        let names: Vec<_> =
            names.map(|asked| (asked.resource_type, asked.resource_name.as_str())).collect();
        let mut responses = Vec::with_capacity(names.len());
        for asked in &request.resources {
            let outcome = once(&names, asked.resource_type, &asked.resource_name).and_then(|()| {
                let resource = self.resource(asked.resource_type, &asked.resource_name)?;
                let mut wanted = BTreeMap::new();
                for config in &asked.configs {
                    let Some(operation) = Operation::of(config.config_operation) else {
                        let why = format!("Unknown operation type {}", config.config_operation);
                        return Err((ErrorCode::INVALID_REQUEST, why));
                    };
                    let value = config.value.as_deref();
                    let changed = self.altered(&resource, &config.name, operation, value)?;
                    wanted.insert(config.name.to_string(), changed);
                }
                self.alter_resource(&resource, wanted)
            });
            let (error, why) = self.outcome(&mut decision, outcome, request.validate_only);
            responses.push(
                incremental_alter_configs_response::AlterConfigsResourceResponse::default()
                    .with_error_code(error.0)
                    .with_error_message(why.map(|why| text(&why)))
                    .with_resource_type(asked.resource_type)
                    .with_resource_name(asked.resource_name.clone()),
            );
        }
        decision.with(IncrementalAlterConfigsResponse::default().with_responses(responses))
    }

    /// Replaces all keys of each resource: what is not in the request goes back to its default.
    pub(crate) fn decide_alter_configs(
        &self,
        request: &AlterConfigsRequest,
    ) -> Decision<AlterConfigsResponse> {
        let mut decision = Decision::only(());
        let names = request.resources.iter();
        let names: Vec<_> =
            names.map(|asked| (asked.resource_type, asked.resource_name.as_str())).collect();
        let mut responses = Vec::with_capacity(names.len());
        for asked in &request.resources {
            let outcome = once(&names, asked.resource_type, &asked.resource_name).and_then(|()| {
                let resource = self.resource(asked.resource_type, &asked.resource_name)?;
                let mut wanted: BTreeMap<String, Option<String>> = BTreeMap::new();
                for key in self.image.config(&resource).into_iter().flat_map(BTreeMap::keys) {
                    wanted.insert(key.clone(), None);
                }
                for config in &asked.configs {
                    wanted.insert(
                        config.name.to_string(),
                        config.value.as_ref().map(ToString::to_string),
                    );
                }
                self.alter_resource(&resource, wanted)
            });
            let (error, why) = self.outcome(&mut decision, outcome, request.validate_only);
            responses.push(
                alter_configs_response::AlterConfigsResourceResponse::default()
                    .with_error_code(error.0)
                    .with_error_message(why.map(|why| text(&why)))
                    .with_resource_type(asked.resource_type)
                    .with_resource_name(asked.resource_name.clone()),
            );
        }
        decision.with(AlterConfigsResponse::default().with_responses(responses))
    }

    /// Takes one resource's records into the decision, unless they were only to be checked.
    fn outcome(
        &self,
        decision: &mut Decision<()>,
        outcome: Result<Vec<Config>, Refusal>,
        validate_only: bool,
    ) -> (ErrorCode, Option<String>) {
        let records = match outcome {
            Ok(records) => records,
            Err((error, why)) => return (error, Some(why)),
        };
        if !validate_only {
            // Who was eligible to lead was so under the old min ISR.
            let cleared =
                records.iter().filter(|config| config.name == MIN_ISR && self.elr_enabled());
            let cleared: Vec<_> = cleared.map(|config| clear_elr(config).into()).collect();
            decision.records.extend(records.into_iter().map(MetadataRecord::from));
            decision.records.extend(cleared);
        }
        (ErrorCode::NONE, None)
    }

    /// A resource that a request may name. That it exists is found out after its values were checked.
    fn resource(&self, kind: i8, name: &str) -> Result<ConfigResource, Refusal> {
        let refuse = |why: String| Err((ErrorCode::INVALID_REQUEST, why));
        match kind {
            resource_type::TOPIC if name.is_empty() => {
                refuse("Default topic resources are not allowed.".to_owned())
            }
            resource_type::TOPIC => match legal_name(name) {
                Ok(()) => Ok(ConfigResource::Topic(name.into())),
                Err(why) => Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why)),
            },
            resource_type::BROKER if name.is_empty() => Ok(ConfigResource::Broker(None)),
            resource_type::BROKER => match name.parse::<i32>() {
                Ok(id) if id >= 0 => Ok(ConfigResource::Broker(Some(BrokerId(id)))),
                Ok(_) => refuse("Invalid negative broker ID.".to_owned()),
                Err(_) => refuse("Unable to parse broker name as a base 10 number.".to_owned()),
            },
            other => refuse(format!("Unknown resource type {other}")),
        }
    }

    /// A key's value after one operation; none for no value.
    fn altered(
        &self,
        resource: &ConfigResource,
        name: &str,
        operation: Operation,
        value: Option<&str>,
    ) -> Result<Option<String>, Refusal> {
        let key = match resource {
            ConfigResource::Topic(_) => topic_key(name),
            ConfigResource::Broker(_) => broker_key(name),
        };
        let current = self.image.config(resource).and_then(|set| set.get(name)).map(String::as_str);
        let value = value.unwrap_or("");
        match operation {
            Operation::Set => return Ok(Some(value.to_owned())),
            Operation::Delete => return Ok(None),
            Operation::Append | Operation::Subtract => {}
        }
        if key.is_none_or(|key| key.kind != Kind::List) {
            let why =
                format!("Can't {} to key {name} because its type is not LIST.", operation.name());
            return Err((ErrorCode::INVALID_CONFIG, why));
        }
        let before = current.or_else(|| key.and_then(|key| key.default)).unwrap_or("");
        let mut list: Vec<&str> = before.split(',').filter(|part| !part.is_empty()).collect();
        for part in parts(value) {
            match operation {
                Operation::Subtract => {
                    if let Some(at) = list.iter().position(|known| *known == part) {
                        list.remove(at);
                    }
                }
                Operation::Append | Operation::Set | Operation::Delete => {
                    if !list.contains(&part) {
                        list.push(part);
                    }
                }
            }
        }
        Ok(Some(list.join(",")))
    }

    /// The records by which a resource's keys get these values, if the resource is good with them.
    fn alter_resource(
        &self,
        resource: &ConfigResource,
        wanted: BTreeMap<String, Option<String>>,
    ) -> Result<Vec<Config>, Refusal> {
        let before = self.image.config(resource);
        let mut after = before.cloned().unwrap_or_default();
        for (name, value) in &wanted {
            self.check_min_isr(resource, name, value.is_none())?;
            match value {
                Some(value) => after.insert(name.clone(), value.clone()),
                None => after.remove(name),
            };
        }
        if let ConfigResource::Topic(_) = resource {
            check_topic(&after)?;
        }
        self.check_exists(resource)?;
        let (resource_type, resource_name) = on_the_log(resource);
        // KAFKA-14136: a broker's value is written even if it is the same, so that brokers read their files again.
        let news = |name: &str, value: &Option<String>| {
            let current = before.and_then(|set| set.get(name));
            matches!(resource, ConfigResource::Broker(_)) || current != value.as_ref()
        };
        let record = |(name, value)| Config {
            resource_type,
            resource_name: resource_name.clone(),
            name,
            value,
        };
        Ok(wanted.into_iter().filter(|(name, value)| news(name, value)).map(record).collect())
    }

    /// KIP-966: the controller must know the min ISR that counts.
    fn check_min_isr(
        &self,
        resource: &ConfigResource,
        name: &str,
        removed: bool,
    ) -> Result<(), Refusal> {
        if name != MIN_ISR || !self.elr_enabled() {
            return Ok(());
        }
        let why = match resource {
            ConfigResource::Broker(Some(_)) => {
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled."
            }
            ConfigResource::Broker(None) if removed => {
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
            }
            ConfigResource::Broker(None) | ConfigResource::Topic(_) => return Ok(()),
        };
        Err((ErrorCode::INVALID_CONFIG, why.to_owned()))
    }

    fn check_exists(&self, resource: &ConfigResource) -> Result<(), Refusal> {
        match resource {
            ConfigResource::Topic(name) if self.image.topic(name).is_none() => {
                let why = format!("The topic '{name}' does not exist.");
                Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, why))
            }
            ConfigResource::Broker(Some(id))
                if self.image.broker(*id).is_none() && *id != self.config.id =>
            {
                let why = format!("No node with id {id} found.");
                Err((ErrorCode::BROKER_ID_NOT_REGISTERED, why))
            }
            ConfigResource::Topic(_) | ConfigResource::Broker(_) => Ok(()),
        }
    }

    /// The settings of a topic as this controller counts them.
    pub(crate) fn topic_config(&self, topic: &str) -> klamm_node::config::TopicConfig {
        let server = self.image.server_config(self.config.id, &self.config.settings);
        self.image.topic_config(topic, &server)
    }
}

/// The min ISR of a cluster that begins with eligible leaders (KIP-966): this controller's own holds for all brokers.
pub(crate) fn first_min_isr(settings: &klamm_node::config::ServerConfig) -> Config {
    Config {
        resource_type: resource_type::BROKER,
        resource_name: String::new(),
        name: MIN_ISR.to_owned(),
        value: Some(settings.min_insync_replicas.to_string()),
    }
}

fn clear_elr(config: &Config) -> ClearElr {
    let of_topic = config.resource_type == resource_type::TOPIC;
    let topic_name = if of_topic { config.resource_name.clone() } else { String::new() };
    ClearElr { topic_name }
}

/// Refuses a resource that a request names twice.
fn once(names: &[(i8, &str)], kind: i8, name: &str) -> Result<(), Refusal> {
    if names.iter().filter(|known| **known == (kind, name)).count() > 1 {
        return Err((ErrorCode::INVALID_REQUEST, "Duplicate resource.".to_owned()));
    }
    Ok(())
}

fn on_the_log(resource: &ConfigResource) -> (i8, String) {
    match resource {
        ConfigResource::Topic(name) => (resource_type::TOPIC, name.to_string()),
        ConfigResource::Broker(Some(id)) => (resource_type::BROKER, id.to_string()),
        ConfigResource::Broker(None) => (resource_type::BROKER, String::new()),
    }
}
