//! The broker's part of a process: its rooms and its ways to others.

use std::collections::BTreeSet;
use std::sync::Arc;

use klamm_controller::image::{ImageChange, MetadataImage};
use klamm_coordinator::GroupConfig;
use klamm_node::{
    BrokerEpoch, Context, DirectoryId, DiskResult, Incarnation, IncarnationId, Offset, Purpose,
    Span, Time, planted,
};
use klamm_protocol::MetadataRecord;
use klamm_protocol::channel::{Client, ClientSettings};

use super::{Broker, ProcessConfig, due};
use crate::controller_channel::ControllerChannel;
use crate::coordinators::Coordinators;
use crate::lifecycle::{BrokerState, Lifecycle};
use crate::producer_ids::ProducerIds;
use crate::quotas::Quotas;
use crate::replica::{Replicas, Wake};

impl Broker {
    /// Reads how the last run on this disk ended, and begins to register. The logs wait for metadata.
    pub(super) fn open(
        cx: &mut Context<'_>,
        config: &Arc<ProcessConfig>,
        groups: GroupConfig,
        directory: DirectoryId,
        incarnation: Incarnation,
    ) -> DiskResult<Self> {
        let replicas = Replicas::open(cx, config.id, config.settings.clone())?;
        let drawn = cx.rng.at(Purpose::Ids, u64::from(incarnation.0)).wide();
        let previous = replicas.previous_broker_epoch().unwrap_or(BrokerEpoch(-1));
        let mut lifecycle =
            Lifecycle::new(Arc::clone(config), directory, IncarnationId(drawn), previous);
        lifecycle.start(cx);
        let settings = &config.settings;
        // KAFKA-14392: an attempt to reach the controller takes no longer than the channel may try at all.
        let half_a_session = Span(settings.broker_session_timeout.0 / 2);
        let channel_id = |purpose: &str| format!("broker-{}-{purpose}", config.id);
        let to_leader = |fetcher: i32| ClientSettings {
            client_id: channel_id(&format!("fetcher-{fetcher}")),
            // The fetcher itself backs off after an error; the connection adds nothing to that.
            reconnect_backoff: Span::ZERO,
            ..ClientSettings::default()
        };
        let fetchers = 0..settings.num_replica_fetchers.max(1);
        Ok(Self {
            image: MetadataImage::new(),
            lifecycle,
            replicas,
            coordinators: Coordinators::new(groups),
            published: false,
            to_controller: ControllerChannel::new(channel_id("heartbeat"), half_a_session),
            alter_partition: ControllerChannel::new(
                channel_id("alter-partition"),
                settings.request_timeout,
            ),
            forwarding: ControllerChannel::new(channel_id("forwarding"), settings.request_timeout),
            to_leaders: fetchers.map(|fetcher| Client::new(to_leader(fetcher))).collect(),
            creating: BTreeSet::new(),
            producer_ids: ProducerIds::default(),
            quotas: Quotas::default(),
        })
    }

    /// Replays one committed record into the image.
    pub(super) fn replay(
        &mut self,
        cx: &mut Context<'_>,
        offset: Offset,
        record: &MetadataRecord,
        changes: &mut Vec<(Offset, ImageChange)>,
    ) {
        if planted("observer_skips_record") && offset.0 % 7 == 3 {
            return;
        }
        let mut applied = self.image.apply(offset, record);
        if planted("replicas_miss_changes") && offset.0 > 40 {
            applied.clear();
        }
        self.image.observe_changes(cx, offset, &applied);
        changes.extend(applied.into_iter().map(|change| (offset, change)));
    }

    /// True from the moment at which its logs are closed.
    pub(super) fn is_closed(&self) -> bool {
        self.lifecycle.state() == BrokerState::ShuttingDown
    }

    /// Closes what this broker opened to others.
    pub(super) fn close_connections(&mut self, cx: &mut Context<'_>) {
        self.to_leaders.iter_mut().for_each(|pool| pool.close_all(cx));
        self.to_controller.client().close_all(cx);
        self.alter_partition.client().close_all(cx);
        self.forwarding.client().close_all(cx);
    }

    /// The deadlines of its rooms and connections.
    #[inline]
    pub(super) fn each_deadline(&self, see: &mut impl FnMut((Time, &'static str))) {
        if self.is_closed() {
            return;
        }
        if self.published {
            let replicas = self.replicas.next_deadline().map(|(at, wake)| (at, why(wake)));
            let rooms = [replicas, self.coordinators.next_deadline()];
            rooms.into_iter().flatten().for_each(&mut *see);
        }
        self.lifecycle.next_deadline().into_iter().for_each(&mut *see);
        due(self.to_controller.next_deadline(), "heartbeat-channel", see);
        due(self.alter_partition.next_deadline(), "alter-partition-channel", see);
        due(self.forwarding.next_deadline(), "forwarding-channel", see);
        for pool in &self.to_leaders {
            due(pool.next_deadline(), "fetcher-connection", see);
        }
    }
}

fn why(wake: Wake) -> &'static str {
    match wake {
        Wake::IsrCheck => "isr-check",
        Wake::HighWatermarkCheckpoint => "high-watermark-checkpoint",
        Wake::LogStartCheckpoint => "log-start-checkpoint",
        Wake::RecoveryPointCheckpoint => "recovery-point-checkpoint",
        Wake::DirectoryRemoval => "directory-removal",
        Wake::AlterPartition => "alter-partition-retry",
        Wake::Fetcher(_) => "fetcher-backoff",
        Wake::Parked => "parked-request",
    }
}
