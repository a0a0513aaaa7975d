//! The bench's steps that change how the cluster works: configs, features, quotas, producer ids; and their answers.

use klamm_protocol::ErrorCode;
use klamm_protocol::convert::text;
use klamm_protocol::kafka::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use klamm_protocol::kafka::messages::update_features_request::FeatureUpdateKey;
use klamm_protocol::kafka::messages::{
    self, AllocateProducerIdsRequest, AlterClientQuotasRequest, AlterConfigsRequest,
    IncrementalAlterConfigsRequest, RequestKind, ResponseKind, UpdateFeaturesRequest,
    alter_configs_request, incremental_alter_configs_request,
};
use klamm_protocol::metadata::resource_type;

use super::bench::Bench;

fn resource(word: &str) -> (i8, &str) {
    let (kind, name) = word.split_once(':').expect("a resource");
    let kind = match kind {
        "topic" => resource_type::TOPIC,
        "broker" => resource_type::BROKER,
        other => other.parse().expect("a number"),
    };
    (kind, name)
}

/// `key=value`, `-key`, `key+=value`, `key-=value`, `key?=value` for an operation that there is not.
fn change(word: &str) -> (&str, i8, Option<&str>) {
    if let Some(key) = word.strip_prefix('-') {
        return (key, 1, None);
    }
    let (key, value) = word.split_once('=').expect("a change");
    let op = match key.as_bytes().last() {
        Some(b'+') => 2,
        Some(b'-') => 3,
        Some(b'?') => 9,
        _ => 0,
    };
    (key.trim_end_matches(['+', '-', '?']), op, Some(value))
}

impl Bench {
    /// ```text
    /// configure topic:orders retention.ms=5 -flush.ms cleanup.policy+=compact [validate-only] / broker: …
    /// replace topic:orders retention.ms=5 …
    /// feature metadata.version=26:up eligible…=0:safe …=3:unsafe [validate-only]
    /// quota user=alice client-id=<default>: producer_byte_rate=1024 -request_percentage / ip=…
    /// allocate 1 | allocate 1 epoch=7
    /// ```
    pub(crate) fn cluster_step(&mut self, verb: &str, words: &[&str]) -> bool {
        let validate_only = words.contains(&"validate-only");
        let words: Vec<&str> =
            words[1..].iter().copied().filter(|word| *word != "validate-only").collect();
        match verb {
            "configure" => {
                let resources = words.split(|word| *word == "/").map(|words| {
                    let (kind, name) = resource(words[0]);
                    let configs = words[1..].iter().map(|word| {
                        let (key, op, value) = change(word);
                        incremental_alter_configs_request::AlterableConfig::default()
                            .with_name(text(key))
                            .with_config_operation(op)
                            .with_value(value.map(text))
                    });
                    incremental_alter_configs_request::AlterConfigsResource::default()
                        .with_resource_type(kind)
                        .with_resource_name(text(name))
                        .with_configs(configs.collect())
                });
                let request = IncrementalAlterConfigsRequest::default()
                    .with_resources(resources.collect())
                    .with_validate_only(validate_only);
                self.request(RequestKind::IncrementalAlterConfigs(request), 1);
            }
            "replace" => {
                let resources = words.split(|word| *word == "/").map(|words| {
                    let (kind, name) = resource(words[0]);
                    let configs = words[1..].iter().map(|word| {
                        let (key, _, value) = change(word);
                        alter_configs_request::AlterableConfig::default()
                            .with_name(text(key))
                            .with_value(value.map(text))
                    });
                    alter_configs_request::AlterConfigsResource::default()
                        .with_resource_type(kind)
                        .with_resource_name(text(name))
                        .with_configs(configs.collect())
                });
                let request = AlterConfigsRequest::default()
                    .with_resources(resources.collect())
                    .with_validate_only(validate_only);
                self.request(RequestKind::AlterConfigs(request), 2);
            }
            "feature" => {
                let updates = words.iter().map(|word| {
                    let (name, wanted) = word.split_once('=').expect("a feature");
                    let (level, way) = wanted.split_once(':').expect("a level and a way");
                    let way = match way {
                        "up" => 1,
                        "safe" => 2,
                        "unsafe" => 3,
                        _ => 0,
                    };
                    FeatureUpdateKey::default()
                        .with_feature(text(name))
                        .with_max_version_level(level.parse().expect("a level"))
                        .with_upgrade_type(way)
                });
                let request = UpdateFeaturesRequest::default()
                    .with_feature_updates(updates.collect())
                    .with_validate_only(validate_only);
                self.request(RequestKind::UpdateFeatures(request), 1);
            }
            "quota" => {
                let entries = words.split(|word| *word == "/").map(|words| {
                    let at = words.iter().position(|word| *word == ":").expect("a colon");
                    let part = |word: &&str| {
                        let (kind, name) = word.split_once('=').expect("a part");
                        EntityData::default()
                            .with_entity_type(text(kind))
                            .with_entity_name((name != "<default>").then(|| text(name)))
                    };
                    let op = |word: &&str| {
                        let (key, _, value) = change(word);
                        OpData::default()
                            .with_key(text(key))
                            .with_value(value.map_or(0.0, |value| value.parse().expect("a number")))
                            .with_remove(value.is_none())
                    };
                    EntryData::default()
                        .with_entity(words[..at].iter().map(part).collect())
                        .with_ops(words[at + 1..].iter().map(op).collect())
                });
                let request = AlterClientQuotasRequest::default()
                    .with_entries(entries.collect())
                    .with_validate_only(validate_only);
                self.request(RequestKind::AlterClientQuotas(request), 1);
            }
            "allocate" => {
                let id: i32 = words[0].parse().expect("a broker");
                let epoch = words.get(1).and_then(|word| word.strip_prefix("epoch="));
                let known = self.image().broker(klamm_node::BrokerId(id));
                let epoch = epoch.map_or_else(
                    || known.map_or(-1, |known| known.epoch.0),
                    |epoch| epoch.parse().expect("a number"),
                );
                let request = AllocateProducerIdsRequest::default()
                    .with_broker_id(messages::BrokerId(id))
                    .with_broker_epoch(epoch);
                self.request(RequestKind::AllocateProducerIds(request), 0);
            }
            _ => return false,
        }
        true
    }
}

fn outcome(code: i16, why: Option<&str>) -> String {
    let why = why.map_or_else(String::new, |why| format!(" {why:?}"));
    format!("{}{why}", ErrorCode(code))
}

/// An answer of this file's requests in one line; none for others.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn shown(response: &ResponseKind) -> Option<String> {
    let lines: Vec<String> = match response {
        ResponseKind::IncrementalAlterConfigs(response) => {
            let one = |found: &messages::incremental_alter_configs_response::AlterConfigsResourceResponse| {
                let why = found.error_message.as_deref();
                format!("{}:{} {}", found.resource_type, found.resource_name.as_str(), outcome(found.error_code, why))
            };
            response.responses.iter().map(one).collect()
        }
        ResponseKind::AlterConfigs(response) => {
            let one = |found: &messages::alter_configs_response::AlterConfigsResourceResponse| {
                let why = found.error_message.as_deref();
                format!(
                    "{}:{} {}",
                    found.resource_type,
                    found.resource_name.as_str(),
                    outcome(found.error_code, why)
                )
            };
            response.responses.iter().map(one).collect()
        }
        ResponseKind::UpdateFeatures(response) => {
            vec![outcome(response.error_code, response.error_message.as_deref())]
        }
        ResponseKind::AlterClientQuotas(response) => {
            let one = |entry: &messages::alter_client_quotas_response::EntryData| {
                outcome(entry.error_code, entry.error_message.as_deref())
            };
            response.entries.iter().map(one).collect()
        }
        ResponseKind::AllocateProducerIds(response) => {
            let (start, len) = (response.producer_id_start.0, response.producer_id_len);
            vec![format!("{} start={start} len={len}", ErrorCode(response.error_code))]
        }
        _ => return None,
    };
    Some(lines.join(" / "))
}
