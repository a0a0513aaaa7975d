//! Replication throttles: a bound on the bytes a second of replicas that are moved or are far behind (KIP-73).
//!
//! *Flows in*: `leader.` and `follower.replication.throttled.rate` of this broker, `...throttled.replicas` of topics, bytes
//! that were sent and fetched, time. *Flows out*: whether a follower's fetch is left empty, or not made. *Must never*: slow
//! down a replica that is in sync: what is throttled is the catching-up, not the cluster.
//!
//! The traffic of every throttled replica counts, in sync or not, so that all of it together keeps to the quota.

use std::collections::{BTreeSet, VecDeque};

use klamm_controller::image::ConfigResource;
use klamm_node::config::ServerConfig;
use klamm_node::{BrokerId, Context, EventKind, Span, Time, TopicPartition};

use super::Replicas;
use super::image::Image;
use super::partition::Partition;

/// Whose fetches of a partition this broker throttles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Throttled {
    /// Those of its followers, while it leads.
    pub as_leader: bool,
    /// Its own, while it follows.
    pub as_follower: bool,
}

/// Whether a list of `partition:broker` pairs has a replica; `*` has every one. What makes no sense names nobody: the
/// controller validated the list when it was set.
pub(super) fn names(list: &str, partition: i32, broker: BrokerId) -> bool {
    list.trim() == "*"
        || list.split(',').any(|pair| {
            let numbers = pair.split_once(':').map(|(p, b)| (p.trim().parse(), b.trim().parse()));
            matches!(numbers, Some((Ok(p), Ok(b))) if (p, b) == (partition, broker.0))
        })
}

/// Which side of the replication a throttle is on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    /// What this broker sends.
    Leader,
    /// What it fetches.
    Follower,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
        }
    }
}

/// A rate over some windows, as Kafka's `SimpleRate` measures it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Rate {
    window: Span,
    windows: usize,
    /// When each window began, and the bytes in it, oldest first.
    samples: VecDeque<(Time, u64)>,
}

impl Rate {
    fn record(&mut self, now: Time, bytes: u64) {
        self.forget(now);
        match self.samples.back_mut() {
            Some((began, sum)) if now.since(*began) < self.window => {
                *sum = sum.saturating_add(bytes)
            }
            Some(_) | None => self.samples.push_back((now, bytes)),
        }
    }

    fn forget(&mut self, now: Time) {
        let age = Span(self.window.0.saturating_mul(self.windows as u64));
        while self.samples.front().is_some_and(|(began, _)| now.since(*began) >= age) {
            self.samples.pop_front();
        }
    }

    /// Bytes a second since the oldest window began, but over a whole window at least.
    fn measure(&mut self, now: Time) -> u64 {
        self.forget(now);
        let Some((oldest, _)) = self.samples.front() else { return 0 };
        let elapsed = now.since(*oldest).max(self.window).0.max(1);
        let bytes: u128 = self.samples.iter().map(|(_, bytes)| u128::from(*bytes)).sum();
        let rate = bytes * u128::from(Span::secs(1).0) / u128::from(elapsed);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// One side's throttle.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Throttle {
    rate: Rate,
    /// Bytes a second.
    quota: u64,
    /// What is held back at the moment.
    held: BTreeSet<(TopicPartition, BrokerId)>,
}

impl Throttle {
    fn new(config: &ServerConfig, quota: i64) -> Self {
        let windows = usize::try_from(config.replication_quota_window_num).unwrap_or(1).max(1);
        let secs = u64::try_from(config.replication_quota_window_size_seconds).unwrap_or(1).max(1);
        let rate = Rate { window: Span::secs(secs), windows, samples: VecDeque::new() };
        Self { rate, quota: u64::try_from(quota).unwrap_or(0), held: BTreeSet::new() }
    }
}

/// Both throttles of a broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Throttles {
    leader: Throttle,
    follower: Throttle,
}

impl Throttles {
    /// Nothing measured yet; the quotas of `server.properties`.
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            leader: Throttle::new(config, config.leader_replication_throttled_rate),
            follower: Throttle::new(config, config.follower_replication_throttled_rate),
        }
    }

    fn side(&mut self, side: Side) -> &mut Throttle {
        match side {
            Side::Leader => &mut self.leader,
            Side::Follower => &mut self.follower,
        }
    }

    /// Whether what this broker sends is over its quota.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.leader.rate.clone().measure(now) > self.leader.quota
    }

    /// Counts what a throttled replica got.
    pub(super) fn record(&mut self, now: Time, side: Side, bytes: usize) {
        if bytes > 0 {
            self.side(side).rate.record(now, bytes as u64);
        }
    }

    /// Whether a throttled replica that is not in sync has to wait, and says so when that is news.
    pub(super) fn holds(
        &mut self,
        cx: &mut Context<'_>,
        side: Side,
        partition: &TopicPartition,
        replica: BrokerId,
    ) -> bool {
        let throttle = self.side(side);
        let (rate, quota) = (throttle.rate.measure(cx.now), throttle.quota);
        if rate <= quota {
            self.lets_go(side, partition, replica);
            return false;
        }
        if throttle.held.insert((partition.clone(), replica)) {
            let (partition, side) = (partition.clone(), side.word().into());
            cx.observe(EventKind::ReplicationThrottled { partition, side, replica, rate, quota });
        }
        true
    }

    fn lets_go(&mut self, side: Side, partition: &TopicPartition, replica: BrokerId) {
        let held = &mut self.side(side).held;
        if !held.is_empty() {
            held.remove(&(partition.clone(), replica));
        }
    }
}

impl Partition {
    /// Whether a follower's fetch of this partition may have to wait: it is throttled here, and the follower is not in sync.
    pub(super) fn may_throttle(&self, follower: BrokerId) -> bool {
        self.config.throttled.as_leader
            && self.leading().is_ok_and(|leader| !leader.isr.committed().contains(&follower))
    }

    /// Whether this follower's own fetch may have to wait: it is throttled, and was behind at its last fetch.
    pub(super) fn may_throttle_itself(&self) -> bool {
        self.config.throttled.as_follower
            && self.following().is_some_and(|follower| follower.lag.is_none_or(|lag| lag > 0))
    }
}

impl Replicas {
    /// Takes this broker's quotas from metadata: its own setting, else that of all brokers, else `server.properties`.
    pub(super) fn configure_throttles(&mut self, image: &Image) {
        let set = |key: &str, file: i64| {
            let places = [ConfigResource::Broker(Some(self.me.id)), ConfigResource::Broker(None)];
            let values = places.iter().filter_map(|at| image.config(at)?.get(key)?.parse().ok());
            u64::try_from(values.into_iter().next().unwrap_or(file)).unwrap_or(0)
        };
        let leader =
            set("leader.replication.throttled.rate", self.config.leader_replication_throttled_rate);
        let follower = set(
            "follower.replication.throttled.rate",
            self.config.follower_replication_throttled_rate,
        );
        (self.throttles.leader.quota, self.throttles.follower.quota) = (leader, follower);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_replicas_by_partition_and_broker() {
        for (list, named) in [
            ("", false),
            ("*", true),
            ("1:3", false),
            ("0:2,1:2", true),
            (" 1 : 2 ", true),
            ("1", false),
        ] {
            assert_eq!(names(list, 1, BrokerId(2)), named, "{list:?}");
        }
    }

    #[test]
    fn a_rate_is_over_the_time_since_its_oldest_window_but_over_one_at_least() {
        let mut rate = Rate { window: Span::secs(1), windows: 11, samples: VecDeque::new() };
        let at = |ms| Time::ZERO + Span::millis(ms);
        rate.record(at(0), 1_000);
        assert_eq!(rate.measure(at(1)), 1_000, "not a million: it may be the only one for a while");
        assert_eq!(rate.measure(at(4_000)), 250);
        rate.record(at(4_000), 3_000);
        assert_eq!(rate.measure(at(8_000)), 500);
        assert_eq!(rate.measure(at(11_000)), 428, "the first window is forgotten after eleven");
        assert_eq!(rate.measure(at(15_000)), 0);
    }
}
