//! The router: one line per API, and what the border posts need from the rooms.

use klamm_controller::KRaftLevel;
use klamm_controller::features::KRAFT_VERSION_FEATURE;
use klamm_node::{CloseReason, Context, Purpose};
use klamm_protocol::api::Listener;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::codec::DecodedRequest;
use klamm_protocol::forward;
use klamm_protocol::kafka::messages::{
    ApiVersionsRequest, DescribeClusterRequest, MetadataRequest, RequestKind, ResponseKind,
};

use super::{Broker, Message, Running};
use crate::api;

impl Running {
    /// One line per API. Which API may come in by which listener, the server has checked already.
    pub(super) fn route(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: Box<DecodedRequest>,
    ) {
        let request = *request;
        let listener = self.server.listener(&token).unwrap_or(Listener::Broker);
        match (listener, request.body) {
            (_, RequestKind::ApiVersions(body)) => self.api_versions(cx, token, listener, &body),
            (
                Listener::Controller,
                body @ (RequestKind::Vote(_)
                | RequestKind::BeginQuorumEpoch(_)
                | RequestKind::EndQuorumEpoch(_)
                | RequestKind::Fetch(_)
                | RequestKind::FetchSnapshot(_)
                | RequestKind::DescribeQuorum(_)
                | RequestKind::AddRaftVoter(_)
                | RequestKind::RemoveRaftVoter(_)
                | RequestKind::UpdateRaftVoter(_)),
            ) => {
                self.with_raft(cx, |raft, cx, out| raft.handle_request(cx, token, body, out));
            }
            (Listener::Controller, RequestKind::Envelope(body)) => {
                self.open_envelope(cx, token, &body);
            }
            (Listener::Controller, body) => {
                let level = self.wanted_kraft_level(&body);
                self.with_controller(cx, |controller, cx, out| {
                    controller.note_kraft_level(level);
                    controller.handle_request(cx, token, body, out);
                });
            }
            (Listener::Broker, RequestKind::Metadata(body)) => {
                self.metadata(cx, token, request.header.client_id, &body);
            }
            (Listener::Broker, RequestKind::DescribeCluster(body)) => {
                self.describe_cluster(cx, token, &body);
            }
            (Listener::Broker, RequestKind::DescribeTopicPartitions(body)) => {
                let Some(broker) = &self.broker else { return };
                let limit = self.config.settings.max_request_partition_size_limit;
                let answer = api::describe_topic_partitions::answer(&body, limit, &broker.image);
                let response = ResponseKind::DescribeTopicPartitions(answer);
                self.server.respond(cx, token, Some(&response));
            }
            (Listener::Broker, RequestKind::FindCoordinator(body)) => {
                self.find_coordinator(cx, token, request.header.client_id, &body);
            }
            (Listener::Broker, RequestKind::DescribeConfigs(body)) => {
                let Some(broker) = &self.broker else { return };
                let (id, properties) = (self.config.id, self.config.properties());
                let answer = api::describe_configs::answer(&body, id, &properties, &broker.image);
                self.server.respond(cx, token, Some(&ResponseKind::DescribeConfigs(answer)));
            }
            (
                Listener::Broker,
                body @ (RequestKind::IncrementalAlterConfigs(_) | RequestKind::AlterConfigs(_)),
            ) => self.alter_configs(cx, token, request.header, body),
            (Listener::Broker, RequestKind::DescribeClientQuotas(body)) => {
                let Some(broker) = &self.broker else { return };
                let answer = api::describe_client_quotas::answer(&body, &broker.image);
                self.server.respond(cx, token, Some(&ResponseKind::DescribeClientQuotas(answer)));
            }
            (Listener::Broker, RequestKind::ListConfigResources(body)) => {
                let Some(broker) = &self.broker else { return };
                let version = token.api_version;
                let answer = api::list_config_resources::answer(&body, version, &broker.image);
                self.server.respond(cx, token, Some(&ResponseKind::ListConfigResources(answer)));
            }
            (Listener::Broker, RequestKind::DescribeLogDirs(body)) => {
                let Some(broker) = &self.broker else { return };
                let answer = broker.replicas.describe_log_dirs(&body, &self.config.log_dir);
                self.server.respond(cx, token, Some(&ResponseKind::DescribeLogDirs(answer)));
            }
            (Listener::Broker, RequestKind::DescribeProducers(body)) => {
                let Some(Broker { replicas, image, .. }) = &mut self.broker else { return };
                let answer = replicas.describe_producers(cx, image, &body);
                self.server.respond(cx, token, Some(&ResponseKind::DescribeProducers(answer)));
            }
            (
                Listener::Broker,
                body @ (RequestKind::SaslHandshake(_)
                | RequestKind::SaslAuthenticate(_)
                | RequestKind::DescribeAcls(_)
                | RequestKind::CreateAcls(_)
                | RequestKind::DeleteAcls(_)),
            ) => self.without_security(cx, token, &body),
            (Listener::Broker, RequestKind::InitProducerId(body)) => {
                let Some(broker) = &mut self.broker else { return };
                let ids = &mut broker.producer_ids;
                let answer = api::init_producer_id::answer(&body, || ids.take());
                self.ask_for_producer_ids(cx);
                self.server.respond(cx, token, Some(&ResponseKind::InitProducerId(answer)));
            }
            (
                Listener::Broker,
                body @ (RequestKind::JoinGroup(_)
                | RequestKind::SyncGroup(_)
                | RequestKind::Heartbeat(_)
                | RequestKind::LeaveGroup(_)
                | RequestKind::OffsetCommit(_)
                | RequestKind::OffsetFetch(_)
                | RequestKind::OffsetDelete(_)
                | RequestKind::TxnOffsetCommit(_)
                | RequestKind::DescribeGroups(_)
                | RequestKind::ListGroups(_)
                | RequestKind::DeleteGroups(_)
                | RequestKind::ConsumerGroupHeartbeat(_)
                | RequestKind::ConsumerGroupDescribe(_)),
            ) => {
                self.ask_coordinator(cx, token, request.header.client_id.as_deref(), &body);
            }
            (Listener::Broker, body) if forward::is_forwardable(&body) => {
                self.forward(cx, token, request.header, body);
            }
            (Listener::Broker, mut body) => {
                let client_id = request.header.client_id.as_deref();
                self.weigh(token, client_id, request.size, &mut body);
                self.ask_replicas(cx, token, client_id, body);
            }
        }
    }

    /// Who somebody is and what he may do, nobody asks here.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the router sends no others here")]
    fn without_security(&mut self, cx: &mut Context<'_>, token: RequestToken, body: &RequestKind) {
        let response = match body {
            RequestKind::SaslHandshake(_) => {
                ResponseKind::SaslHandshake(api::sasl_handshake::answer())
            }
            RequestKind::SaslAuthenticate(_) => {
                ResponseKind::SaslAuthenticate(api::sasl_authenticate::answer())
            }
            RequestKind::DescribeAcls(_) => {
                ResponseKind::DescribeAcls(api::describe_acls::answer())
            }
            RequestKind::CreateAcls(body) => {
                ResponseKind::CreateAcls(api::create_acls::answer(body))
            }
            RequestKind::DeleteAcls(body) => {
                ResponseKind::DeleteAcls(api::delete_acls::answer(body))
            }
            _ => return self.server.hang_up(cx, token, CloseReason::Unsupported),
        };
        self.server.respond(cx, token, Some(&response));
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the server lets only APIs of the table in")]
    fn ask_replicas(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        client_id: Option<&str>,
        body: RequestKind,
    ) {
        let Some(Broker { replicas, image, .. }) = &mut self.broker else { return };
        let mut out = Vec::new();
        match body {
            RequestKind::Produce(body) => {
                replicas.produce(cx, image, token, client_id, body, &mut out);
            }
            RequestKind::Fetch(body) => replicas.fetch(cx, image, token, body, &mut out),
            RequestKind::ListOffsets(body) => {
                replicas.list_offsets(cx, image, token, &body, &mut out);
            }
            RequestKind::OffsetForLeaderEpoch(body) => {
                replicas.offset_for_leader_epoch(cx, image, token, &body, &mut out);
            }
            RequestKind::DeleteRecords(body) => {
                replicas.delete_records(cx, image, token, &body, &mut out);
            }
            _ => self.server.hang_up(cx, token, CloseReason::Unsupported),
        }
        self.messages.extend(out.into_iter().map(Message::Replica));
    }

    /// What the quorum says of the level of kraft.version that a request wants: the feature is the quorum's own.
    fn wanted_kraft_level(&self, request: &RequestKind) -> Option<KRaftLevel> {
        let RequestKind::UpdateFeatures(request) = request else { return None };
        let own = |feature: &&str| *feature == KRAFT_VERSION_FEATURE;
        let update = request.feature_updates.iter().find(|update| own(&update.feature.as_str()))?;
        let verdict = self.raft.check_level(update.max_version_level);
        Some(KRaftLevel { current: self.raft.kraft_version(), verdict })
    }

    fn api_versions(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        listener: Listener,
        request: &ApiVersionsRequest,
    ) {
        let image = match (&self.broker, &self.controller) {
            (Some(broker), _) => Some(&broker.image),
            (None, Some(controller)) => Some(controller.image()),
            (None, None) => None,
        };
        let level = self.raft.kraft_version();
        let response =
            api::api_versions::answer(request, token.api_version, listener, image, level);
        self.server.respond(cx, token, Some(&ResponseKind::ApiVersions(response)));
    }

    fn metadata(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        client_id: Option<String>,
        request: &MetadataRequest,
    ) {
        let Some(broker) = &self.broker else { return };
        let settings = &self.config.settings;
        let answer = api::metadata::answer(
            request,
            token.api_version,
            &self.config.cluster_id,
            settings.auto_create_topics_enable,
            cx.rng.of(Purpose::ClientChoice),
            &broker.image,
        );
        self.auto_create_topics(cx, token, client_id.as_ref(), answer.create);
        self.server.respond(cx, token, Some(&ResponseKind::Metadata(answer.response)));
    }

    fn describe_cluster(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: &DescribeClusterRequest,
    ) {
        let Some(broker) = &self.broker else { return };
        let random = cx.rng.of(Purpose::ClientChoice);
        let controller = api::metadata::some_broker(&broker.image, random);
        let response = api::describe_cluster::answer(
            request,
            token.api_version,
            &self.config.cluster_id,
            controller,
            &broker.image,
        );
        self.server.respond(cx, token, Some(&ResponseKind::DescribeCluster(response)));
    }
}
