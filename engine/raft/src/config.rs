//! Who is in the quorum, and how long everything may take.

use std::collections::BTreeMap;

use klamm_node::config::ServerConfig;
use klamm_node::{BrokerId, DirectoryId, Endpoint, ReplicaKey, Span};

/// A member's settings. A node that is not among the voters in force is an observer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RaftConfig {
    /// This node (`node.id`).
    pub id: BrokerId,
    /// The voters and where they listen (`controller.quorum.voters`); empty where the log names them (KIP-853).
    pub voters: BTreeMap<BrokerId, Endpoint>,
    /// Whom to ask for the leader where no voters are configured (`controller.quorum.bootstrap.servers`).
    pub bootstrap: Vec<Endpoint>,
    /// Where this node's controller listens; none for a broker, which never votes.
    pub listener: Option<Endpoint>,
    /// Whether this node, if it has no vote, asks for one by itself (`controller.quorum.auto.join.enable`, KIP-1186).
    pub auto_join: bool,
    /// The cluster's id; a request with another is refused.
    pub cluster_id: String,
    /// The identity of this node's metadata log directory.
    pub directory_id: DirectoryId,
    /// The least time without a leader before an election; drawn up to twice this.
    pub election_timeout: Span,
    /// How long a follower does without a successful fetch.
    pub fetch_timeout: Span,
    /// The longest backoff between successors of a leader that resigned.
    pub backoff_max: Span,
    /// How long a request may take.
    pub request_timeout: Span,
    /// How long after a failed request the same member is left alone.
    pub retry_backoff: Span,
    /// How long the leader holds a fetch that finds nothing new. A constant in Kafka too.
    pub fetch_max_wait: Span,
    /// The largest batch (Kafka's constant, 8 MiB).
    pub max_batch_bytes: usize,
    /// The most that a fetch returns (KIP-1219).
    pub fetch_max_bytes: usize,
    /// The most of a snapshot that one request returns (KIP-1219).
    pub fetch_snapshot_max_bytes: usize,
    /// The largest segment of the metadata log.
    pub segment_bytes: u64,
    /// Bytes of log and snapshots above which the oldest snapshot goes; none for no limit.
    pub retention_bytes: Option<u64>,
    /// The age at which a snapshot that is not the newest goes; none for no limit.
    pub retention_ms: Option<i64>,
}

impl RaftConfig {
    /// From a node's settings.
    pub fn new(
        id: BrokerId,
        voters: BTreeMap<BrokerId, Endpoint>,
        cluster_id: impl Into<String>,
        directory_id: DirectoryId,
        settings: &ServerConfig,
    ) -> Self {
        // Never nothing: a follower must get on.
        let bytes = |value: i32| usize::try_from(value).unwrap_or(0).max(1);
        Self {
            id,
            listener: voters.get(&id).cloned(),
            bootstrap: Vec::new(),
            auto_join: settings.controller_quorum_auto_join_enable,
            voters,
            cluster_id: cluster_id.into(),
            directory_id,
            election_timeout: settings.controller_quorum_election_timeout,
            fetch_timeout: settings.controller_quorum_fetch_timeout,
            backoff_max: settings.controller_quorum_election_backoff_max,
            request_timeout: settings.controller_quorum_request_timeout,
            retry_backoff: settings.controller_quorum_retry_backoff,
            fetch_max_wait: Span::millis(500),
            max_batch_bytes: 8 << 20,
            fetch_max_bytes: bytes(settings.controller_quorum_fetch_max_bytes),
            fetch_snapshot_max_bytes: bytes(settings.controller_quorum_fetch_snapshot_max_bytes),
            segment_bytes: settings.metadata_log_segment_bytes.min(1 << 30),
            retention_bytes: u64::try_from(settings.metadata_max_retention_bytes).ok(),
            retention_ms: Some(settings.metadata_max_retention_ms).filter(|ms| *ms >= 0),
        }
    }

    /// This node as a replica.
    pub fn own(&self) -> ReplicaKey {
        ReplicaKey::new(self.id, self.directory_id)
    }

    /// Whom to ask for the leader: the configured voters, or the bootstrap servers under ids of their own, from -2 down, as
    /// in Kafka.
    pub(crate) fn askable(&self) -> BTreeMap<BrokerId, Endpoint> {
        if self.voters.is_empty() {
            let all = (2..).map(|n: i32| BrokerId(-n)).zip(self.bootstrap.iter().cloned());
            all.filter(|(_, at)| Some(at) != self.listener.as_ref()).collect()
        } else {
            let voters = self.voters.iter().filter(|(id, _)| **id != self.id);
            voters.map(|(id, at)| (*id, at.clone())).collect()
        }
    }

    /// How long a leader goes on without fetches of a majority (KAFKA-15489): one and a half fetch timeouts.
    pub fn check_quorum_timeout(&self) -> Span {
        Span(self.fetch_timeout.0.saturating_add(self.fetch_timeout.0 / 2))
    }

    /// How often a leader calls on voters that don't fetch from it.
    pub fn begin_epoch_interval(&self) -> Span {
        Span(self.fetch_timeout.0 / 2)
    }
}
