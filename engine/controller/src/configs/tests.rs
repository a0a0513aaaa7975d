//! Tables against the typed settings, values against their checks, and the layers.

use std::collections::BTreeMap;

use klamm_node::config::{self, Scope, ServerConfig, TopicConfig};
use klamm_node::{BrokerId, Offset};
use klamm_protocol::metadata::{Config, resource_type};

use super::*;
use crate::image::MetadataImage;

#[test]
fn both_tables_are_sorted_and_their_defaults_are_good() {
    assert!(TOPIC_KEYS.is_sorted_by_key(|key| key.name));
    assert!(BROKER_KEYS.is_sorted_by_key(|key| key.name));
    for key in TOPIC_KEYS.iter().chain(BROKER_KEYS) {
        if let Some(default) = key.default {
            assert_eq!(key.check(default), Ok(()), "{}", key.name);
        }
    }
    for key in BROKER_KEYS {
        assert!(!key.documentation().is_empty(), "{}", key.name);
        assert!(key.behind.is_empty());
    }
    for (key, (behind, _)) in
        TOPIC_KEYS.iter().flat_map(|key| key.behind.iter().map(move |b| (key, b)))
    {
        assert!(broker_key(behind).is_some(), "{behind} behind {}", key.name);
    }
}

/// What the engine reads is in the tables with the same default; what it does not read is listed as without effect.
#[test]
fn the_tables_agree_with_the_settings_of_the_engine() {
    for key in config::keys(Scope::Server) {
        // A feature's first level is not a key of Kafka's.
        if ["eligible.leader.replicas.version", "group.version", "kraft.version"]
            .contains(&key.name)
        {
            continue;
        }
        let known = broker_key(key.name).unwrap_or_else(|| panic!("{} is missing", key.name));
        assert_eq!(known.default, Some(key.default), "{}", key.name);
    }
    for key in TOPIC_KEYS {
        let read = TopicConfig::default().get(key.name);
        assert_eq!(read.is_none(), WITHOUT_EFFECT.contains(&key.name), "{}", key.name);
        if let Some(default) = read {
            assert_eq!(key.default, Some(default.as_str()), "{}", key.name);
        }
    }
    let page = include_str!("topic.rs").split_once("use std").expect("a header").0;
    for key in WITHOUT_EFFECT {
        assert!(page.contains(key), "{key} is not told as without effect");
    }
}

#[test]
fn a_bad_value_is_refused_with_kafkas_sentence() {
    let cases = [
        (
            "min.insync.replicas",
            "0",
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1",
        ),
        (
            "retention.ms",
            "soon",
            "Invalid value soon for configuration retention.ms: Not a number of type LONG",
        ),
        (
            "retention.ms",
            "-2",
            "Invalid value -2 for configuration retention.ms: Value must be at least -1",
        ),
        (
            "segment.bytes",
            "3000000000",
            "Invalid value 3000000000 for configuration segment.bytes: Not a number of type INT",
        ),
        (
            "preallocate",
            "yes",
            "Invalid value yes for configuration preallocate: Expected value to be either true or false",
        ),
        (
            "cleanup.policy",
            "compact,shred",
            "Invalid value compact,shred for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "compression.type",
            "none",
            "Invalid value none for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        (
            "min.cleanable.dirty.ratio",
            "1.5",
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            "compression.gzip.level",
            "10",
            "Invalid value 10 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
    ];
    for (key, value, sentence) in cases {
        let found = topic_key(key).expect("a key").check(value).expect_err(value);
        assert_eq!(found, sentence);
    }
    let throttled = topic_key("leader.replication.throttled.replicas").expect("a key");
    for good in ["*", "", "0:1,1:2"] {
        assert_eq!(throttled.check(good), Ok(()), "{good}");
    }
    for bad in ["**", "0:", "0-1", ":1"] {
        assert!(throttled.check(bad).is_err(), "{bad}");
    }
    for good in ["compact,delete", " delete ", ""] {
        assert_eq!(topic_key("cleanup.policy").expect("a key").check(good), Ok(()), "{good}");
    }
}

fn own(set: &[(&str, &str)]) -> BTreeMap<String, String> {
    set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// An image with broker configs: `""` for all brokers.
fn image(set: &[(&str, &str, &str)]) -> MetadataImage {
    let mut image = MetadataImage::new();
    for (offset, (broker, key, value)) in (0..).zip(set) {
        let record = Config {
            resource_type: resource_type::BROKER,
            resource_name: (*broker).to_owned(),
            name: (*key).to_owned(),
            value: Some((*value).to_owned()),
        };
        image.apply(Offset(offset), &record.into());
    }
    image
}

#[test]
fn a_topics_value_is_that_of_the_nearest_layer() {
    let topic = own(&[("min.insync.replicas", "5")]);
    let dynamic = [("1", "min.insync.replicas", "4"), ("", "min.insync.replicas", "3")];
    let fixed = own(&[("min.insync.replicas", "2")]);
    let value = |image: &MetadataImage, fixed, topic| {
        Layers::new(image, BrokerId(1), fixed).topic_value("min.insync.replicas", topic)
    };
    let (none, empty) = (own(&[]), image(&[]));
    let told = |value: &str, source| Some((value.to_owned(), source));
    assert_eq!(value(&image(&dynamic), &fixed, &topic), told("5", Source::Topic));
    assert_eq!(value(&image(&dynamic), &fixed, &none), told("4", Source::Broker));
    assert_eq!(value(&image(&dynamic[1..]), &fixed, &none), told("3", Source::AllBrokers));
    assert_eq!(value(&empty, &fixed, &none), told("2", Source::Static));
    assert_eq!(value(&empty, &none, &none), told("1", Source::Default));
    // What is set for another broker is not this one's matter.
    assert_eq!(
        value(&image(&[("2", "min.insync.replicas", "4")]), &none, &none),
        told("1", Source::Default)
    );
}

#[test]
fn an_age_in_hours_is_told_in_milliseconds_and_a_nearer_key_wins() {
    fn value(image: &MetadataImage, fixed: &BTreeMap<String, String>) -> Option<String> {
        let layers = Layers::new(image, BrokerId(1), fixed);
        layers.topic_value("retention.ms", &BTreeMap::new()).map(|(value, _)| value)
    }
    let (empty, none) = (image(&[]), own(&[]));
    assert_eq!(value(&empty, &none).as_deref(), Some("604800000"));
    assert_eq!(value(&empty, &own(&[("log.retention.hours", "2")])).as_deref(), Some("7200000"));
    assert_eq!(value(&empty, &own(&[("log.retention.minutes", "-1")])).as_deref(), Some("-1"));
    let both = own(&[("log.retention.hours", "2"), ("log.retention.minutes", "3")]);
    assert_eq!(value(&empty, &both).as_deref(), Some("180000"));
    assert_eq!(value(&image(&[("", "log.retention.ms", "77")]), &both).as_deref(), Some("77"));
}

#[test]
fn a_key_is_described_with_all_its_layers() {
    let image = image(&[
        ("", "min.insync.replicas", "3"),
        ("1", "min.insync.replicas", "4"),
        ("", "my.own", "x"),
    ]);
    let fixed = own(&[("min.insync.replicas", "2"), ("ssl.key.password", "secret")]);
    let layers = Layers::new(&image, BrokerId(1), &fixed);
    let found = |all: Vec<Described>, name: &str| all.into_iter().find(|key| key.name == name);
    let told = |key: &Described| -> Vec<String> {
        let text = |synonym: &Synonym| {
            format!(
                "{:?} {}={}",
                synonym.source,
                synonym.name,
                synonym.value.as_deref().unwrap_or("null")
            )
        };
        key.synonyms.iter().map(text).collect()
    };
    let topic =
        found(layers.describe_topic(&own(&[("min.insync.replicas", "5")])), "min.insync.replicas");
    let topic = topic.expect("a topic key");
    assert_eq!((topic.value.as_deref(), topic.source), (Some("5"), Source::Topic));
    assert_eq!(
        told(&topic),
        [
            "Topic min.insync.replicas=5",
            "Broker min.insync.replicas=4",
            "AllBrokers min.insync.replicas=3",
            "Static min.insync.replicas=2",
            "Default min.insync.replicas=1",
        ]
    );
    // Known from Kafka's tools: an age that is only given in hours tells no synonym.
    let age = found(layers.describe_topic(&own(&[])), "retention.ms").expect("a topic key");
    assert_eq!(
        (age.value.as_deref(), age.source, told(&age).len()),
        (Some("604800000"), Source::Default, 0)
    );
    let secret = found(layers.describe_broker(), "ssl.key.password").expect("a broker key");
    assert!(secret.sensitive && secret.value.is_none() && !secret.read_only);
    assert_eq!(told(&secret), ["Static ssl.key.password=null"]);
    let strange = found(layers.describe_broker(), "my.own").expect("set for all");
    assert!(
        strange.sensitive && strange.read_only && strange.kind.is_none() && strange.value.is_none()
    );
    let all: Vec<_> = layers.describe_all_brokers();
    let names: Vec<_> = all.iter().map(|key| (key.name.as_str(), key.value.as_deref())).collect();
    assert_eq!(names, [("min.insync.replicas", Some("3")), ("my.own", None)]);
    assert_eq!(told(&all[0]), ["AllBrokers min.insync.replicas=3"]);
}

#[test]
fn what_runs_is_what_was_set_last_unless_only_a_restart_can_change_it() {
    let image = image(&[
        ("", "min.insync.replicas", "3"),
        ("1", "log.segment.bytes", "4096"),
        ("1", "broker.session.timeout.ms", "1"),
    ]);
    let one = image.server_config(BrokerId(1), &ServerConfig::default());
    let expected =
        ServerConfig { min_insync_replicas: 3, log_segment_bytes: 4096, ..ServerConfig::default() };
    assert_eq!(one, expected);
    let two = image.server_config(BrokerId(2), &ServerConfig::default());
    assert_eq!(two, ServerConfig { min_insync_replicas: 3, ..ServerConfig::default() });
}
