//! Finding a position (ListOffsets) and checking it against a new leader (OffsetForLeaderEpoch, KIP-320).

use std::collections::BTreeMap;

use klamm_node::{
    Context, EventKind, LeaderEpoch, Offset, Span, TopicName, TopicPartition, planted,
};
use klamm_protocol::kafka::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsTopic,
};
use klamm_protocol::kafka::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use klamm_protocol::kafka::messages::{
    ApiKey, BrokerId as WireBrokerId, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, RequestKind,
};
use klamm_protocol::{Call, ErrorCode, convert};

use super::{Asked, Consumer, Position, State, Wanted, position_set};

/// The timestamps that ListOffsets takes for the two ends of a log.
pub(super) const LATEST: i64 = -1;
pub(super) const EARLIEST: i64 = -2;

/// Asks a leader for the offsets of these timestamps, in the epoch that it is believed to be in.
pub(super) fn list_offsets(
    partitions: &[(&TopicPartition, i64, LeaderEpoch)],
    version: i16,
    request_timeout: Span,
) -> RequestKind {
    let mut topics: BTreeMap<TopicName, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (partition, timestamp, epoch) in partitions {
        let mut asked = ListOffsetsPartition::default()
            .with_partition_index(partition.partition)
            .with_timestamp(*timestamp);
        if version >= 4 {
            asked = asked.with_current_leader_epoch(epoch.0);
        }
        topics.entry(TopicName::clone(&partition.topic)).or_default().push(asked);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        ListOffsetsTopic::default().with_name(convert::topic(&name)).with_partitions(partitions)
    });
    let mut request = ListOffsetsRequest::default()
        .with_replica_id(WireBrokerId(-1))
        .with_topics(topics.collect());
    if version >= 10 {
        let timeout = request_timeout.as_millis();
        request = request.with_timeout_ms(i32::try_from(timeout).unwrap_or(i32::MAX));
    }
    RequestKind::ListOffsets(request)
}

impl Consumer {
    pub(super) fn look_up(&mut self, cx: &mut Context<'_>, wanted: Wanted) {
        let version = self.core.version(&wanted.to, ApiKey::ListOffsets as i16).unwrap_or(1);
        let mut asked = Vec::new();
        for (partition, leader) in &wanted.partitions {
            let state = self.partitions.get(partition).map(|assigned| assigned.state);
            let Some(State::LookUp { timestamp, .. }) = state else { continue };
            asked.push((partition, timestamp, leader.epoch));
        }
        let request = list_offsets(&asked, version, self.core.request_timeout);
        let asked = self.asked(ApiKey::ListOffsets, &wanted);
        let call = Call::new(request, self.core.request_timeout);
        self.core.send(cx, &wanted.to, call, asked);
    }

    pub(super) fn looked_up(
        &mut self,
        cx: &mut Context<'_>,
        asked: &Asked,
        response: &ListOffsetsResponse,
    ) {
        let mut answers = BTreeMap::new();
        for topic in &response.topics {
            let name = convert::topic_name(&topic.name);
            for answer in &topic.partitions {
                let at = TopicPartition::new(TopicName::clone(&name), answer.partition_index);
                answers.insert(at, (ErrorCode(answer.error_code), answer.offset));
            }
        }
        for (partition, turn) in &asked.partitions {
            let answer = answers.get(partition).copied();
            let (code, offset) = answer.unwrap_or((ErrorCode::UNKNOWN_SERVER_ERROR, -1));
            if code.is_none()
                && offset < 0
                && let Some(assigned) = self.current(partition, *turn)
                && let State::LookUp { timestamp: 0.., reason } = assigned.state
            {
                // No record is as young as that: it begins at the end (KIP-1106).
                assigned.state = State::LookUp { timestamp: LATEST, reason };
                continue;
            }
            if !code.is_none() || offset < 0 {
                self.retry(cx, partition, *turn, asked.about(partition), code, None);
                continue;
            }
            let Some(assigned) = self.current(partition, *turn) else { continue };
            let State::LookUp { reason, .. } = assigned.state else { continue };
            let offset = Offset(offset);
            // As in the Java consumer: a looked-up position has no epoch, it needs no validation.
            let leader_epoch = asked.epochs.get(partition).copied().unwrap_or(LeaderEpoch::NONE);
            let position = Position { offset, epoch: LeaderEpoch::NONE, leader_epoch };
            assigned.state = State::Fetch(position);
            assigned.failures = 0;
            position_set(cx, partition, offset, reason);
        }
    }

    pub(super) fn validate(&mut self, cx: &mut Context<'_>, wanted: Wanted) {
        let version = self.core.version(&wanted.to, ApiKey::OffsetForLeaderEpoch as i16);
        let mut topics: BTreeMap<TopicName, Vec<OffsetForLeaderPartition>> = BTreeMap::new();
        for (partition, leader) in &wanted.partitions {
            let state = self.partitions.get(partition).map(|assigned| assigned.state);
            let Some(State::Validate(position)) = state else { continue };
            topics.entry(TopicName::clone(&partition.topic)).or_default().push(
                OffsetForLeaderPartition::default()
                    .with_partition(partition.partition)
                    .with_current_leader_epoch(leader.epoch.0)
                    .with_leader_epoch(position.epoch.0),
            );
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            OffsetForLeaderTopic::default()
                .with_topic(convert::topic(&name))
                .with_partitions(partitions)
        });
        let mut request = OffsetForLeaderEpochRequest::default().with_topics(topics.collect());
        if version.is_some_and(|version| version >= 3) {
            request = request.with_replica_id(WireBrokerId(-1));
        }
        let asked = self.asked(ApiKey::OffsetForLeaderEpoch, &wanted);
        let request = RequestKind::OffsetForLeaderEpoch(request);
        let call = Call::new(request, self.core.request_timeout);
        self.core.send(cx, &wanted.to, call, asked);
    }

    pub(super) fn validated(
        &mut self,
        cx: &mut Context<'_>,
        asked: &Asked,
        response: &OffsetForLeaderEpochResponse,
    ) {
        let mut answers = BTreeMap::new();
        for topic in &response.topics {
            let name = convert::topic_name(&topic.topic);
            for answer in &topic.partitions {
                let at = TopicPartition::new(TopicName::clone(&name), answer.partition);
                answers.insert(at, answer);
            }
        }
        for (partition, turn) in &asked.partitions {
            let code = answers.get(partition).map(|answer| ErrorCode(answer.error_code));
            let code = code.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
            let Some(answer) = answers.get(partition).filter(|_| code.is_none()) else {
                self.retry(cx, partition, *turn, asked.about(partition), code, None);
                continue;
            };
            let leader_epoch = asked.epochs.get(partition).copied().unwrap_or(LeaderEpoch::NONE);
            let (epoch, end) = (LeaderEpoch(answer.leader_epoch), Offset(answer.end_offset));
            self.agree(cx, partition, *turn, (epoch, end), leader_epoch);
        }
    }

    /// The leader's log has the largest epoch that both know until `end`: whatever was read behind that is gone there.
    ///
    /// KIP-320: with a reset policy the consumer goes back to where the logs part, which is nearer than either end of the log;
    /// without one it stops, as the Java consumer does with a LogTruncationException.
    pub(super) fn agree(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        turn: u64,
        (epoch, end): (LeaderEpoch, Offset),
        leader_epoch: LeaderEpoch,
    ) {
        let may_go_back = self.config.auto_offset_reset != "none";
        let Some(assigned) = self.current(partition, turn) else { return };
        let (State::Validate(position) | State::Fetch(position)) = assigned.state else { return };
        assigned.failures = 0;
        let common = epoch.0 >= 0 && end.0 >= 0;
        if common && end >= position.offset || planted("consumer_ignores_truncation") {
            assigned.state = State::Fetch(Position { leader_epoch, ..position });
            return;
        }
        cx.observe(EventKind::TruncationDetected {
            partition: partition.clone(),
            position: position.offset,
            epoch: position.epoch,
            leaders_epoch: epoch,
            end_offset: end,
        });
        if !common {
            return self.reset(cx, partition, turn, "truncation");
        }
        // What waits to be polled is dropped: the application has not come as far as the fetches.
        let (offset, epoch) = match assigned.handed_out() {
            Some(at) if at.0 < end => at,
            Some(_) | None => (end, epoch),
        };
        assigned.turn += 1;
        if may_go_back {
            assigned.state = State::Fetch(Position { offset, epoch, leader_epoch });
            position_set(cx, partition, offset, "truncation");
        } else {
            assigned.state = State::Stopped(position.offset);
        }
    }
}
