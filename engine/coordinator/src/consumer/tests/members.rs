//! Consumers of the new protocol by name: what each of them knows of its place, and its requests.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::TopicId;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::consumer_group_heartbeat_request::TopicPartitions;
use klamm_protocol::kafka::messages::{
    ApiKey, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId,
};

use crate::assignor::Partitions;
use crate::classic::Client;
use crate::classic::tests::clients::text;
use crate::classic::tests::lab::{GROUP, Lab};
use crate::consumer::heartbeat::check;
use crate::consumer::refused::Refused;

/// What a consumer knows, and has.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) number: u64,
    /// Its id, which it makes itself.
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) epoch: i32,
    /// What it was told to have.
    pub(super) told: Partitions,
}

/// What a heartbeat says; what is none is not said.
#[derive(Clone, Debug)]
pub(super) struct Says {
    pub(super) version: i16,
    pub(super) epoch: Option<i32>,
    pub(super) topics: Option<Vec<String>>,
    pub(super) regex: Option<String>,
    pub(super) assignor: Option<String>,
    pub(super) rack: Option<String>,
    pub(super) timeout_ms: i32,
    pub(super) owned: Option<Partitions>,
}

impl Default for Says {
    fn default() -> Self {
        Self {
            version: 1,
            epoch: None,
            topics: None,
            regex: None,
            assignor: None,
            rack: None,
            timeout_ms: -1,
            owned: None,
        }
    }
}

/// Everybody. Their connections count from 1001, those of classic clients from 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    pub(super) by_name: BTreeMap<String, Known>,
}

pub(super) fn group() -> GroupId {
    text(GROUP).into()
}

impl Members {
    pub(super) fn known(&mut self, name: &str) -> &mut Known {
        let number = 1001 + self.by_name.len() as u64;
        self.by_name.entry(name.to_owned()).or_insert_with(|| Known {
            number,
            id: name.to_owned(),
            ..Known::default()
        })
    }

    pub(super) fn name_of(&self, number: u64) -> Option<&str> {
        let found = self.by_name.iter().find(|(_, known)| known.number == number);
        found.map(|(name, _)| name.as_str())
    }

    /// A heartbeat.
    pub(super) fn beat(
        &mut self,
        lab: &mut Lab,
        name: &str,
        says: Says,
    ) -> Result<RequestToken, Refused> {
        let known = self.known(name).clone();
        let token = lab.token(known.number, ApiKey::ConsumerGroupHeartbeat, says.version);
        let epoch = says.epoch.unwrap_or(known.epoch);
        let topic = |(topic, partitions): (&TopicId, &BTreeSet<i32>)| {
            TopicPartitions::default()
                .with_topic_id(convert::topic_uuid(*topic))
                .with_partitions(partitions.iter().copied().collect())
        };
        let owned = says.owned.map(|owned| owned.iter().map(topic).collect());
        let names =
            says.topics.map(|names| names.iter().map(|name| convert::topic(name)).collect());
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group())
            .with_member_id(text(&known.id))
            .with_member_epoch(epoch)
            .with_instance_id(known.instance.as_deref().map(text))
            .with_rack_id(says.rack.as_deref().map(text))
            .with_rebalance_timeout_ms(says.timeout_ms)
            .with_subscribed_topic_names(names)
            .with_subscribed_topic_regex(says.regex.as_deref().map(text))
            .with_server_assignor(says.assignor.as_deref().map(text))
            .with_topic_partitions(owned);
        check(&lab.shard().config.clone(), says.version, &request)?;
        let client = Client { id: name, host: "/127.0.0.1" };
        let asked =
            lab.ask(token, |shard, op| shard.consumer_group_heartbeat(op, token, client, &request));
        asked.map(|()| token).map_err(|code| Refused::new(code, ""))
    }

    /// Takes what an answer tells.
    pub(super) fn learn(&mut self, number: u64, response: &ConsumerGroupHeartbeatResponse) {
        let Some(name) = self.name_of(number).map(str::to_owned) else { return };
        let known = self.known(&name);
        if response.error_code != 0 {
            return;
        }
        if let Some(id) = &response.member_id {
            known.id = id.to_string();
        }
        known.epoch = response.member_epoch;
        if let Some(assignment) = &response.assignment {
            let topics = assignment.topic_partitions.iter();
            let topic = |topic: &klamm_protocol::kafka::messages::consumer_group_heartbeat_response::TopicPartitions| {
                (convert::topic_id(topic.topic_id), topic.partitions.iter().copied().collect())
            };
            known.told = topics.map(topic).collect();
        }
    }
}
