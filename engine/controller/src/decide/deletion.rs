//! DeleteTopics: by name or by id (KIP-516). What lies on brokers' disks goes once they see the record.
//!
//! *Flows in*: the request. *Flows out*: a RemoveTopic record a topic, and a result for whatever was named.
//! *Must never*: delete a topic that was named twice, for then it is not clear what was meant.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{Because, EventKind, TopicId, TopicName};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{text, topic, topic_id, topic_uuid};
use klamm_protocol::kafka::messages::delete_topics_response::DeletableTopicResult;
use klamm_protocol::kafka::messages::{self, DeleteTopicsRequest, DeleteTopicsResponse};
use klamm_protocol::metadata::RemoveTopic;

use super::{Decider, Decision};

/// From this version on, a refusal because of `delete.topic.enable` has an error of its own.
const VERSION_WITH_DISABLED: i16 = 3;

/// What a request names, once each, and what it names more often.
#[derive(Clone, Debug)]
struct Named<T> {
    once: BTreeSet<T>,
    more: BTreeSet<T>,
}

impl<T: Ord + Clone> Named<T> {
    fn new() -> Self {
        Self { once: BTreeSet::new(), more: BTreeSet::new() }
    }

    fn add(&mut self, named: T) {
        if self.more.contains(&named) || !self.once.insert(named.clone()) {
            self.once.remove(&named);
            self.more.insert(named);
        }
    }
}

impl Decider<'_> {
    /// Decides every topic of the request; all deletions are one batch.
    ///
    /// Kafka shuffles the results, so that nobody can learn from their order which topics there are but not for him; without
    /// authorisation they may stand in order.
    pub(crate) fn decide_delete_topics(
        &self,
        request: &DeleteTopicsRequest,
        version: i16,
    ) -> Decision<DeleteTopicsResponse> {
        let mut names = Named::new();
        let mut ids = Named::new();
        let mut results = Vec::new();
        request.topic_names.iter().for_each(|name| names.add(name.as_str()));
        for asked in &request.topics {
            let id = topic_id(asked.topic_id);
            match (&asked.name, id == TopicId::ZERO) {
                (None, true) => {
                    let why = "Neither topic name nor id were specified.";
                    results.push(result(None, id, ErrorCode::INVALID_REQUEST, Some(why)));
                }
                (None, false) => ids.add(id),
                (Some(name), true) => names.add(name.as_str()),
                (Some(name), false) => {
                    let why = "You may not specify both topic name and topic id.";
                    results.push(result(Some(name), id, ErrorCode::INVALID_REQUEST, Some(why)));
                }
            }
        }
        if !self.config.settings.delete_topic_enable {
            return self.deletion_disabled(&names, &ids, version);
        }
        for name in &names.more {
            let (name, why) = (topic(name), "Duplicate topic name.");
            results.push(result(Some(&name), TopicId::ZERO, ErrorCode::INVALID_REQUEST, Some(why)));
        }
        for id in &ids.more {
            let why = "Duplicate topic id.";
            results.push(result(None, *id, ErrorCode::INVALID_REQUEST, Some(why)));
        }
        let mut wanted: BTreeMap<TopicId, TopicName> = BTreeMap::new();
        for id in &ids.once {
            match self.image.topic_name(*id) {
                Some(name) => drop(wanted.insert(*id, name.clone())),
                None => results.push(result(None, *id, ErrorCode::UNKNOWN_TOPIC_ID, None)),
            }
        }
        for name in &names.once {
            let Some(found) = self.image.topic(name) else {
                let name = topic(name);
                let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                results.push(result(Some(&name), TopicId::ZERO, unknown, None));
                continue;
            };
            if ids.more.contains(&found.id) || wanted.insert(found.id, found.name.clone()).is_some()
            {
                wanted.remove(&found.id);
                let why = "The provided topic name maps to an ID that was already supplied.";
                let name = topic(name);
                let invalid = ErrorCode::INVALID_REQUEST;
                results.push(result(Some(&name), found.id, invalid, Some(why)));
            }
        }
        let mut decision = Decision::only(());
        for (id, name) in wanted {
            results.push(result(Some(&topic(&name)), id, ErrorCode::NONE, None));
            let kind = EventKind::TopicDeletionDecided { topic: name };
            decision.events.push((kind, Because::Input));
            decision.records.push(RemoveTopic { topic_id: id }.into());
        }
        decision.with(DeleteTopicsResponse::default().with_responses(results))
    }

    #[expect(clippy::unused_self, reason = "reads as one of the outcomes of a decision")]
    fn deletion_disabled(
        &self,
        names: &Named<&str>,
        ids: &Named<TopicId>,
        version: i16,
    ) -> Decision<DeleteTopicsResponse> {
        let error = if version < VERSION_WITH_DISABLED {
            ErrorCode::INVALID_REQUEST
        } else {
            ErrorCode::TOPIC_DELETION_DISABLED
        };
        let why = Some("Topic deletion is disabled.");
        let of_names = names.once.iter().chain(&names.more);
        let of_names = of_names.map(|name| result(Some(&topic(name)), TopicId::ZERO, error, why));
        let of_ids = ids.once.iter().chain(&ids.more).map(|id| result(None, *id, error, why));
        let results = of_names.chain(of_ids).collect();
        Decision::only(DeleteTopicsResponse::default().with_responses(results))
    }
}

fn result(
    name: Option<&messages::TopicName>,
    id: TopicId,
    error: ErrorCode,
    why: Option<&str>,
) -> DeletableTopicResult {
    DeletableTopicResult::default()
        .with_name(name.cloned())
        .with_topic_id(topic_uuid(id))
        .with_error_code(error.0)
        .with_error_message(why.map(text))
}
