//! AlterConfigs (key 33, versions 0 to 2) and IncrementalAlterConfigs (key 44, versions 0 and 1), on the broker listener: what a
//! broker checks before it forwards the rest to the active controller.
//!
//! The controller knows topics; whether a broker's own settings are good, only brokers know (KIP-226). What is refused here is
//! not forwarded, and is told together with the controller's answer, in the order of the request.
//!
//! Errors: INVALID_REQUEST for a resource or key that comes twice, a null value, another broker's id, a key that only a restart
//! can change, a key that only one broker at a time may be given, and a value that is not good for a broker.

use std::collections::BTreeMap;

use klamm_controller::configs::{BROKER_KEYS, Kind, Layers, Update, broker_key, parts};
use klamm_controller::image::{ConfigResource, MetadataImage};
use klamm_node::BrokerId;
use klamm_protocol::convert::text;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::alter_configs_response::AlterConfigsResourceResponse;
use klamm_protocol::kafka::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResourceResponse;
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind};
use klamm_protocol::metadata::resource_type;

/// Sizes of thread pools, which may at most double or halve at once.
const THREADS: [&str; 6] = [
    "background.threads",
    "log.cleaner.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];

/// A resource that was refused here, by its place in the request.
pub type Refused = (usize, String);

/// `OpType` on the wire.
mod operation {
    pub(super) const SET: i8 = 0;
    pub(super) const DELETE: i8 = 1;
    pub(super) const APPEND: i8 = 2;
}

/// What one resource of either request asks for.
struct Asked<'a> {
    kind: i8,
    name: &'a str,
    configs: Vec<(&'a str, i8, Option<&'a str>)>,
    /// False if what is not named goes back to its default.
    incremental: bool,
}

/// Takes out of a request what can't be done. `None` if it is neither of the two requests.
pub fn preprocess(
    request: &mut RequestKind,
    me: BrokerId,
    fixed: &BTreeMap<String, String>,
    image: &MetadataImage,
) -> Vec<Refused> {
    let asked = asked(request);
    let names: Vec<_> = asked.iter().map(|asked| (asked.kind, asked.name)).collect();
    let judge = |asked: &Asked<'_>| {
        if names.iter().filter(|known| **known == (asked.kind, asked.name)).count() > 1 {
            return Err("Each resource must appear at most once.".to_owned());
        }
        check(asked, me, fixed, image)
    };
    let refused: Vec<Refused> = asked
        .iter()
        .enumerate()
        .filter_map(|(at, asked)| Some((at, judge(asked).err()?)))
        .collect();
    let mut at = 0;
    let mut stays = || {
        at += 1;
        !refused.iter().any(|(gone, _)| *gone == at - 1)
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else has resources")]
    match request {
        RequestKind::IncrementalAlterConfigs(request) => request.resources.retain(|_| stays()),
        RequestKind::AlterConfigs(request) => request.resources.retain(|_| stays()),
        _ => {}
    }
    refused
}

/// Whether nothing of a request is left to be forwarded.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else has resources")]
pub fn is_empty(request: &RequestKind) -> bool {
    match request {
        RequestKind::IncrementalAlterConfigs(request) => request.resources.is_empty(),
        RequestKind::AlterConfigs(request) => request.resources.is_empty(),
        _ => false,
    }
}

/// Puts what was refused here back into the controller's answer, at the places of the original request.
pub fn reassemble(original: &RequestKind, refused: &[Refused], response: &mut ResponseKind) {
    for (at, why) in refused {
        let why = Some(text(why));
        match (original, &mut *response) {
            (
                RequestKind::IncrementalAlterConfigs(original),
                ResponseKind::IncrementalAlterConfigs(response),
            ) => {
                let Some(resource) = original.resources.get(*at) else { continue };
                let result = IncrementalResourceResponse::default()
                    .with_error_code(ErrorCode::INVALID_REQUEST.0)
                    .with_error_message(why)
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name.clone());
                response.responses.insert((*at).min(response.responses.len()), result);
            }
            (RequestKind::AlterConfigs(original), ResponseKind::AlterConfigs(response)) => {
                let Some(resource) = original.resources.get(*at) else { continue };
                let result = AlterConfigsResourceResponse::default()
                    .with_error_code(ErrorCode::INVALID_REQUEST.0)
                    .with_error_message(why)
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name.clone());
                response.responses.insert((*at).min(response.responses.len()), result);
            }
            _ => {}
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else has resources")]
fn asked(request: &RequestKind) -> Vec<Asked<'_>> {
    match request {
        RequestKind::IncrementalAlterConfigs(request) => request
            .resources
            .iter()
            .map(|resource| Asked {
                kind: resource.resource_type,
                name: &resource.resource_name,
                configs: resource
                    .configs
                    .iter()
                    .map(|set| (set.name.as_str(), set.config_operation, set.value.as_deref()))
                    .collect(),
                incremental: true,
            })
            .collect(),
        RequestKind::AlterConfigs(request) => request
            .resources
            .iter()
            .map(|resource| Asked {
                kind: resource.resource_type,
                name: &resource.resource_name,
                configs: resource
                    .configs
                    .iter()
                    .map(|set| (set.name.as_str(), operation::SET, set.value.as_deref()))
                    .collect(),
                incremental: false,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn check(
    asked: &Asked<'_>,
    me: BrokerId,
    fixed: &BTreeMap<String, String>,
    image: &MetadataImage,
) -> Result<(), String> {
    let mut names: Vec<&str> = asked.configs.iter().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("Error due to duplicate config keys".to_owned());
    }
    let nulls = asked.configs.iter();
    let nulls = nulls.filter(|(_, op, value)| *op != operation::DELETE && value.is_none());
    let nulls: Vec<&str> = nulls.map(|(name, ..)| *name).collect();
    if !nulls.is_empty() {
        return Err(format!("Null value not supported for : {}", nulls.join(", ")));
    }
    if asked.kind != resource_type::BROKER {
        return Ok(());
    }
    let broker = match (asked.name, asked.name.parse::<i32>()) {
        ("", _) => None,
        (_, Ok(id)) if BrokerId(id) == me => Some(me),
        (name, Ok(_)) => {
            return Err(format!("Unexpected broker id, expected {me}, but received {name}"));
        }
        (name, Err(_)) => return Err(format!("Node id must be an integer, but it is: {name}")),
    };
    let resource = ConfigResource::Broker(broker);
    let after = after(asked, image.config(&resource));
    check_dynamic(&after, broker.is_some())?;
    let running: BTreeMap<String, String> = Layers::new(image, me, fixed)
        .describe_broker()
        .into_iter()
        .filter_map(|key| Some((key.name, key.value?)))
        .collect();
    check_threads(&after, &running)
}

/// A broker resource's keys as they would be.
fn after(asked: &Asked<'_>, before: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut after = before.filter(|_| asked.incremental).cloned().unwrap_or_default();
    for (name, op, value) in &asked.configs {
        let value = value.unwrap_or("");
        if *op == operation::DELETE {
            after.remove(*name);
        } else if *op == operation::SET || broker_key(name).is_none_or(|key| key.kind != Kind::List)
        {
            // What can't be appended to is the controller's to refuse.
            after.insert((*name).to_owned(), value.to_owned());
        } else {
            let default = broker_key(name).and_then(|key| key.default).unwrap_or("");
            let current = after.get(*name).map_or(default, String::as_str).to_owned();
            let mut list: Vec<&str> = parts(&current).collect();
            for part in parts(value) {
                list.retain(|known| *known != part || *op == operation::APPEND);
                if *op == operation::APPEND && !list.contains(&part) {
                    list.push(part);
                }
            }
            after.insert((*name).to_owned(), list.join(","));
        }
    }
    after
}

/// Whether these may be set while brokers run.
fn check_dynamic(set: &BTreeMap<String, String>, per_broker: bool) -> Result<(), String> {
    let with = |update: Update| -> Vec<&str> {
        let keys = BROKER_KEYS.iter().filter(|key| key.update == update);
        keys.map(|key| key.name).filter(|name| set.contains_key(*name)).collect()
    };
    let fixed = with(Update::ReadOnly);
    if !fixed.is_empty() {
        return Err(format!("Cannot update these configs dynamically: Set({})", fixed.join(", ")));
    }
    for (name, value) in set {
        if let Some(key) = broker_key(name) {
            key.check(value)?;
        }
    }
    let of_one = with(Update::PerBroker);
    if !per_broker && !of_one.is_empty() {
        return Err(format!(
            "Cannot update these configs at default cluster level, broker id must be specified: Set({})",
            of_one.join(", ")
        ));
    }
    Ok(())
}

fn check_threads(
    after: &BTreeMap<String, String>,
    running: &BTreeMap<String, String>,
) -> Result<(), String> {
    let number = |set: &BTreeMap<String, String>, name: &str| -> Option<i64> {
        set.get(name)?.trim().parse().ok()
    };
    for name in THREADS {
        let (Some(new), Some(old)) = (number(after, name), number(running, name)) else { continue };
        let why = if new == old {
            continue;
        } else if new <= 0 {
            "value should be at least 1".to_owned()
        } else if new < old / 2 {
            format!("value should be at least half the current value {old}")
        } else if new > old.saturating_mul(2) {
            format!("value should not be greater than double the current value {old}")
        } else {
            continue;
        };
        return Err(format!(
            "Dynamic thread count update validation failed for {name}={new}: {why}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
