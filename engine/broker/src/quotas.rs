//! Client quotas on this broker: how much each client moved lately, and how long it has to wait (KIP-13, KIP-219).
//!
//! *Flows in*: bytes of produce requests and of fetch responses, as they are answered. *Flows out*: throttle times.
//! *Must never*: delay an answer; the answer tells the client to wait, and its connection is muted meanwhile.
//!
//! A rate is measured over `quota.window.num` windows of `quota.window.size.seconds` each. A client that is over its quota waits
//! as long as it takes for the rate to come down to it.
//!
//! Simplified: `request_percentage` is stored and described, but bites nobody, since handling a request takes no time of the
//! virtual clock; `controller_mutation_rate` and `connection_creation_rate` likewise are not enforced.

use std::collections::{BTreeMap, VecDeque};

use klamm_controller::image::{MetadataImage, QuotaEntity};
use klamm_node::config::ServerConfig;
use klamm_node::{Span, Time};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Quota {
    /// Bytes of produce requests.
    Produce,
    /// Bytes of responses to consumers' fetches.
    Fetch,
}

impl Quota {
    fn key(self) -> &'static str {
        match self {
            Self::Produce => "producer_byte_rate",
            Self::Fetch => "consumer_byte_rate",
        }
    }

    /// One word for events.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Fetch => "fetch",
        }
    }
}

/// How rates are measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Windows {
    count: usize,
    each: Span,
}

impl Windows {
    fn of(config: &ServerConfig) -> Self {
        let count = usize::try_from(config.quota_window_num).unwrap_or(1).max(1);
        let seconds = u64::try_from(config.quota_window_size_seconds).unwrap_or(1).max(1);
        Self { count, each: Span::secs(seconds) }
    }

    fn all(self) -> Span {
        self.each.times(u64::try_from(self.count).unwrap_or(u64::MAX))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sample {
    since: Time,
    last: Time,
    bytes: u64,
}

/// What one holder of a quota moved lately.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Rate {
    samples: VecDeque<Sample>,
}

impl Rate {
    fn record(&mut self, now: Time, bytes: u64, windows: Windows) {
        match self.samples.back_mut() {
            Some(sample) if now < sample.since + windows.each => {
                sample.bytes = sample.bytes.saturating_add(bytes);
                sample.last = now;
            }
            Some(_) | None => self.samples.push_back(Sample { since: now, last: now, bytes }),
        }
        // One more than there are windows: the oldest may overlap the time that counts.
        while self.samples.len() > windows.count + 1 {
            self.samples.pop_front();
        }
        let counts = |sample: &Sample| sample.last + windows.all() > now;
        while self.samples.front().is_some_and(|sample| !counts(sample)) {
            self.samples.pop_front();
        }
    }

    /// Takes back what was recorded last.
    fn unrecord(&mut self, bytes: u64) {
        if let Some(sample) = self.samples.back_mut() {
            sample.bytes = sample.bytes.saturating_sub(bytes);
        }
    }

    /// How long until the rate is down to so many bytes a second; zero if it is already.
    ///
    /// The time that counts is at least all windows but one and what has passed of the last, so that a burst after a pause is
    /// not taken for a high rate.
    fn wait(&self, now: Time, bound: u64, windows: Windows) -> Span {
        let Some(oldest) = self.samples.front() else { return Span::ZERO };
        let each = windows.each.as_millis().max(1);
        let mut elapsed = now.since(oldest.since).as_millis();
        let full = elapsed / each;
        let least = u64::try_from(windows.count - 1).unwrap_or(u64::MAX);
        elapsed += least.saturating_sub(full).saturating_mul(each);
        let elapsed = u128::from(elapsed.max(1));
        let bytes: u128 = self.samples.iter().map(|sample| u128::from(sample.bytes)).sum();
        // bytes / elapsed > bound, and then (rate - bound) / bound * elapsed, without fractions.
        let until = bytes * 1_000 / u128::from(bound.max(1));
        Span::millis(u64::try_from(until.saturating_sub(elapsed)).unwrap_or(u64::MAX / 2_000_000))
    }
}

/// The clients of this broker that have quotas.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Quotas {
    rates: BTreeMap<(Quota, QuotaEntity), Rate>,
}

impl Quotas {
    /// Counts what a client moved, and says how long it has to wait; zero if it has no quota or is within.
    pub(crate) fn record(
        &mut self,
        now: Time,
        (config, image): (&ServerConfig, &MetadataImage),
        quota: Quota,
        (user, client_id): (&str, &str),
        bytes: u64,
    ) -> Span {
        let Some((holder, value)) = image.quota_of(user, client_id, quota.key()) else {
            return Span::ZERO;
        };
        let windows = Windows::of(config);
        let rate = self.rates.entry((quota, holder)).or_default();
        rate.record(now, bytes, windows);
        let wait = rate.wait(now, whole(value), windows);
        if quota == Quota::Fetch && wait > Span::ZERO {
            // These bytes are not sent: the client gets an empty answer, and asks again later.
            rate.unrecord(bytes);
        }
        wait
    }

    /// The most that a consumer may be sent at once: what its quota allows in all windows but one. More would never pass.
    pub(crate) fn most_to_fetch(
        config: &ServerConfig,
        image: &MetadataImage,
        user: &str,
        client_id: &str,
    ) -> Option<i32> {
        let (_, value) = image.quota_of(user, client_id, Quota::Fetch.key())?;
        let windows = Windows::of(config);
        let seconds = (windows.all().as_millis() - windows.each.as_millis()) / 1_000;
        let most = whole(value).saturating_mul(seconds.max(1));
        Some(i32::try_from(most).unwrap_or(i32::MAX))
    }
}

/// A rate of bytes, which the controller lets be whole only.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked: above 0 and whole"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_node::Offset;
    use klamm_protocol::metadata::{ClientQuota, Double, QuotaEntityPart};

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::millis(millis)
    }

    fn image(quotas: &[(&str, f64)]) -> MetadataImage {
        let mut image = MetadataImage::new();
        for (offset, (entity, value)) in (0..).zip(quotas) {
            let part = |part: &str| {
                let (kind, name) = part.split_once('=').expect("a part");
                let entity_name = (name != "<default>").then(|| name.to_owned());
                QuotaEntityPart { entity_type: kind.to_owned(), entity_name }
            };
            let record = ClientQuota {
                entity: entity.split(',').map(part).collect(),
                key: "producer_byte_rate".to_owned(),
                value: Double(*value),
                remove: false,
            };
            image.apply(Offset(offset), &record.into());
        }
        image
    }

    /// Throttle times of a client that sends so many bytes at these times.
    fn waits(quota: f64, sends: &[(u64, u64)]) -> Vec<u64> {
        let (image, config) = (image(&[("client-id=app", quota)]), ServerConfig::default());
        let mut quotas = Quotas::default();
        let mut send = |(millis, bytes): &(u64, u64)| {
            let who = ("ANONYMOUS", "app");
            let wait = quotas.record(at(*millis), (&config, &image), Quota::Produce, who, *bytes);
            wait.as_millis()
        };
        sends.iter().map(&mut send).collect()
    }

    #[test]
    fn a_client_within_its_quota_never_waits() {
        let steady: Vec<_> = (0..60).map(|n| (n * 1_000, 900)).collect();
        assert!(waits(1_000.0, &steady).iter().all(|wait| *wait == 0));
        // Who sends exactly its quota at the very beginning of each window is a tenth above it: 11 windows' bytes in 10
        // seconds. Kafka counts so too.
        let exact: Vec<_> = (0..11).map(|n| (n * 1_000, 1_000)).collect();
        assert_eq!(waits(1_000.0, &exact)[9..], [0, 1_000]);
    }

    /// 10 windows of a second count before the first is over: 10 kB pass at once, and what is beyond is to be waited for.
    #[test]
    fn a_burst_waits_until_its_rate_is_down_to_the_quota() {
        assert_eq!(waits(1_000.0, &[(0, 10_000)]), [0]);
        assert_eq!(waits(1_000.0, &[(0, 12_000)]), [2_000]);
        // No less than 10 seconds count, so that what came at once is not paid back at once.
        assert_eq!(waits(1_000.0, &[(0, 12_000), (2_000, 1_000)]), [2_000, 3_000]);
        // A client that waits as it is told goes on at its quota.
        let mut now = 0;
        let mut sent = 0;
        let (image, config) = (image(&[("client-id=app", 1_000.0)]), ServerConfig::default());
        let mut quotas = Quotas::default();
        for _ in 0..100 {
            let who = ("ANONYMOUS", "app");
            let wait = quotas.record(at(now), (&config, &image), Quota::Produce, who, 5_000);
            sent += 5_000;
            now += wait.as_millis();
        }
        let rate = sent * 1_000 / now;
        assert!((950..1_050).contains(&rate), "{rate} bytes a second");
    }

    #[test]
    fn what_is_long_past_does_not_count() {
        assert_eq!(waits(1_000.0, &[(0, 20_000), (40_000, 10_000)]), [10_000, 0]);
    }

    #[test]
    fn the_nearest_quota_holds_and_a_default_is_each_ones_own() {
        let all = [
            ("user=alice,client-id=app", 8.0),
            ("user=alice,client-id=<default>", 7.0),
            ("user=alice", 6.0),
            ("user=<default>,client-id=app", 5.0),
            ("user=<default>,client-id=<default>", 4.0),
            ("user=<default>", 3.0),
            ("client-id=app", 2.0),
            ("client-id=<default>", 1.0),
        ];
        for skip in 0..all.len() {
            let image = image(&all[skip..]);
            let (_, found) = image.quota_of("alice", "app", "producer_byte_rate").expect("some");
            assert!((found - all[skip].1).abs() < f64::EPSILON, "{found} after {skip}");
        }
        let image = image(&[("client-id=<default>", 1_000.0)]);
        let (config, mut quotas) = (ServerConfig::default(), Quotas::default());
        let mut send = |client: &str| {
            let who = ("ANONYMOUS", client);
            quotas.record(at(0), (&config, &image), Quota::Produce, who, 12_000).as_millis()
        };
        assert_eq!((send("a"), send("b"), send("a")), (2_000, 2_000, 14_000));
        assert_eq!(image.quota_of("alice", "app", "consumer_byte_rate"), None);
    }
}
