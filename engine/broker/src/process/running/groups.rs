//! Groups at the border: requests to the coordinators of this broker, and what the replicas have to tell them.
//!
//! *Flows in*: requests about groups, changed replicas of `__consumer_offsets`, changed topics, time. *Flows out*: answers.
//! *Must never*: let a coordinator hear of a change before the replicas have made it.

use klamm_controller::features::GROUP_FEATURE;
use klamm_controller::image::ImageChange;
use klamm_coordinator::classic::Client;
use klamm_coordinator::{GROUP_TOPIC, Lent, TopicsChange, consumer};
use klamm_node::{CloseReason, Context, Offset};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{
    ConsumerGroupDescribeResponse, FindCoordinatorRequest, RequestKind, ResponseKind,
};

use super::{Broker, Message, Running};
use crate::api;
use crate::coordinators::{Coordinators, ImageTopics};
use crate::replica::CoordinatorLog;

impl Running {
    /// Asks the coordinator of a group.
    pub(super) fn ask_coordinator(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        client_id: Option<&str>,
        request: &RequestKind,
    ) {
        if let Some(broker) = &self.broker
            && broker.image.feature(GROUP_FEATURE).is_none_or(|level| level < 1)
            && let Some(refused) = refused_without_consumer_protocol(request)
        {
            return self.server.respond(cx, token, Some(&refused));
        }
        let host = self.server.peer(token.connection).map(|peer| peer.host.clone());
        // As Java prints an address that has no name.
        let host = format!("/{}", host.as_deref().unwrap_or_default());
        let client = Client { id: client_id.unwrap_or_default(), host: &host };
        let partitions = self.group_partitions();
        let known = self.with_coordinators(cx, |coordinators, cx, lent| {
            coordinators.handle(cx, lent, partitions, token, client, request)
        });
        if known == Some(false) {
            self.server.hang_up(cx, token, CloseReason::Unsupported);
        }
    }

    /// FindCoordinator. If the topic that coordinators live in is not there, somebody has to begin: it is asked for here.
    pub(super) fn find_coordinator(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        client_id: Option<String>,
        request: &FindCoordinatorRequest,
    ) {
        let Some(broker) = &self.broker else { return };
        let answer = api::find_coordinator::answer(request, token.api_version, &broker.image);
        if answer.create {
            self.auto_create_topics(cx, token, client_id.as_ref(), vec![GROUP_TOPIC.into()]);
        }
        self.server.respond(cx, token, Some(&ResponseKind::FindCoordinator(answer.response)));
    }

    /// How many partitions groups are spread over; until the topic is there, as many as it will have.
    fn group_partitions(&self) -> i32 {
        let Some(broker) = &self.broker else { return 0 };
        match broker.image.topic(GROUP_TOPIC) {
            Some(topic) => i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
            None => broker.coordinators.config().offsets_topic_num_partitions,
        }
    }

    /// Tells the coordinators what has changed with their partitions; true if anything has.
    pub(super) fn coordinate(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(broker) = self.broker.as_mut().filter(|broker| broker.published) else {
            return false;
        };
        let stirred = broker.replicas.take_stirred();
        for key in &stirred {
            let Some(Broker { coordinators, replicas, image, .. }) = &self.broker else { break };
            let current = image.topic_id(GROUP_TOPIC);
            let ours = coordinators.topic() == Some(key.topic);
            if !ours && current != Some(key.topic) {
                // Of a topic that was deleted before any of its partitions led here.
                continue;
            }
            let leads = replicas.leadership(*key).ok_or(match current {
                Some(topic) if topic == key.topic => "not-leader",
                Some(_) | None => "deleted",
            });
            let key = *key;
            self.with_coordinators(cx, |coordinators, cx, lent| {
                if !ours {
                    coordinators.let_go(cx, lent, "deleted");
                    coordinators.move_to(key.topic);
                }
            });
            self.with_coordinators(cx, |coordinators, cx, lent| {
                coordinators.stirred(cx, lent, key.partition, leads);
            });
        }
        !stirred.is_empty()
    }

    /// Tells the coordinators which topics are others now.
    pub(super) fn tell_coordinators(
        &mut self,
        cx: &mut Context<'_>,
        changes: &[(Offset, ImageChange)],
    ) {
        if self.broker.as_ref().is_none_or(|broker| broker.coordinators.is_empty()) {
            return;
        }
        let change = self.changed_topics(changes);
        self.with_coordinators(cx, |coordinators, cx, lent| {
            coordinators.topics_changed(cx, lent, &change);
        });
    }

    fn changed_topics(&self, changes: &[(Offset, ImageChange)]) -> TopicsChange {
        let mut told = TopicsChange::default();
        let Some(broker) = &self.broker else { return told };
        for (_, change) in changes {
            match change {
                ImageChange::TopicCreated { name, .. } => {
                    told.changed.insert(name.clone());
                }
                ImageChange::PartitionChanged { topic_id, .. } => {
                    told.changed.extend(broker.image.topic_name(*topic_id).cloned());
                }
                ImageChange::TopicDeleted { topic } => {
                    told.deleted.insert(topic.name.clone());
                }
                ImageChange::BrokerRegistered { .. }
                | ImageChange::BrokerFenced { .. }
                | ImageChange::BrokerUnfenced { .. }
                | ImageChange::BrokerShuttingDown { .. }
                | ImageChange::BrokerUnregistered { .. }
                | ImageChange::ConfigChanged { .. }
                | ImageChange::FeatureLevelChanged { .. }
                | ImageChange::QuotaChanged { .. }
                | ImageChange::ProducerIdsAllocated { .. } => {}
            }
        }
        told
    }

    /// Wakes the coordinators if one of their timers is due.
    pub(super) fn fire_coordinators(&mut self, cx: &mut Context<'_>) {
        let due = self.broker.as_ref().filter(|broker| broker.published).is_some_and(|broker| {
            broker.coordinators.next_deadline().is_some_and(|(at, _)| at <= cx.now)
        });
        if due {
            self.with_coordinators(cx, |coordinators, cx, lent| {
                coordinators.handle_timers(cx, lent);
            });
        }
    }

    /// Lends the coordinators what they need, and takes what they leave.
    pub(super) fn with_coordinators<T>(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut Coordinators, &mut Context<'_>, &mut Lent<'_, CoordinatorLog<'_>>) -> T,
    ) -> Option<T> {
        let Broker { coordinators, replicas, image, .. } = self.broker.as_mut()?;
        let topics = ImageTopics::new(image);
        let mut log = CoordinatorLog::new(replicas, image, coordinators.topic());
        let result = call(coordinators, cx, &mut Lent { topics: &topics, log: &mut log });
        let mut out = Vec::new();
        log.finish(cx, &mut out);
        let answers = coordinators.take_answers();
        self.messages.extend(out.into_iter().map(Message::Replica));
        for (token, response) in answers {
            self.server.respond(cx, token, Some(&response));
        }
        Some(result)
    }
}

/// What the requests of KIP-848 are answered while the cluster's `group.version` is below 1. Groups that were made before
/// stay as they are.
#[expect(clippy::wildcard_enum_match_arm, reason = "the feature is about these two alone")]
fn refused_without_consumer_protocol(request: &RequestKind) -> Option<ResponseKind> {
    let error = ErrorCode::UNSUPPORTED_VERSION;
    Some(match request {
        RequestKind::ConsumerGroupHeartbeat(_) => {
            ResponseKind::ConsumerGroupHeartbeat(consumer::heartbeat_refused(error, ""))
        }
        RequestKind::ConsumerGroupDescribe(body) => {
            let groups = body.group_ids.iter();
            let refused =
                groups.map(|id| consumer::describe_refused(&id.as_str().into(), error, ""));
            let response = ConsumerGroupDescribeResponse::default();
            ResponseKind::ConsumerGroupDescribe(response.with_groups(refused.collect()))
        }
        _ => return None,
    })
}
