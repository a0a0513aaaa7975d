//! Where a value is found: the layers of a broker's and of a topic's settings.

use std::collections::BTreeMap;

use klamm_node::BrokerId;
use klamm_node::config::ServerConfig;

use super::{BROKER_KEYS, Kind, TOPIC_KEYS, Update, broker_key, broker_synonyms, topic_key};
use crate::image::{ConfigResource, MetadataImage};

/// Where a value comes from: `ConfigSource` on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(i8)]
pub enum Source {
    /// Set for the topic.
    Topic = 1,
    /// Set for this broker, while it runs.
    Broker = 2,
    /// Set for all brokers, while they run.
    AllBrokers = 3,
    /// In this broker's `server.properties`.
    Static = 4,
    /// Kafka's default.
    Default = 5,
}

impl Source {
    /// The number on the wire.
    pub fn code(self) -> i8 {
        self as i8
    }
}

/// A value in one layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Synonym {
    /// The key: the one that is described, or one that stands behind it.
    pub name: String,
    /// The value; none for one that is not told.
    pub value: Option<String>,
    /// The layer.
    pub source: Source,
}

/// A key as DescribeConfigs tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Described {
    /// The key.
    pub name: String,
    /// Its effective value; none for null, and for one that is not told.
    pub value: Option<String>,
    /// Where that comes from.
    pub source: Source,
    /// Whether only a restart can change it.
    pub read_only: bool,
    /// Whether its value is kept back.
    pub sensitive: bool,
    /// Every layer that has a value, the effective one first.
    pub synonyms: Vec<Synonym>,
    /// What a value is; none for a key that Kafka does not know.
    pub kind: Option<Kind>,
    /// What it does.
    pub documentation: &'static str,
}

/// All layers as one node sees them.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    image: &'a MetadataImage,
    node: BrokerId,
    fixed: &'a BTreeMap<String, String>,
}

impl<'a> Layers<'a> {
    /// The layers of a node with this `server.properties`.
    pub fn new(
        image: &'a MetadataImage,
        node: BrokerId,
        fixed: &'a BTreeMap<String, String>,
    ) -> Self {
        Self { image, node, fixed }
    }

    /// A broker key's values, layer by layer.
    fn of_broker_key(&self, name: &str) -> impl Iterator<Item = (Source, &'a str)> + use<'a> {
        let dynamic = |resource: ConfigResource| -> Option<&'a str> {
            self.image.config(&resource)?.get(name).map(String::as_str)
        };
        [
            (Source::Broker, dynamic(ConfigResource::Broker(Some(self.node)))),
            (Source::AllBrokers, dynamic(ConfigResource::Broker(None))),
            (Source::Static, self.fixed.get(name).map(String::as_str)),
            (Source::Default, broker_key(name).and_then(|key| key.default)),
        ]
        .into_iter()
        .filter_map(|(source, value)| Some((source, value?)))
    }

    /// A topic key's effective value, if the topic has these of its own.
    ///
    /// The first broker key behind it that has a value in any layer counts, in its own unit.
    pub fn topic_value(
        &self,
        name: &str,
        own: &BTreeMap<String, String>,
    ) -> Option<(String, Source)> {
        let key = topic_key(name)?;
        if let Some(value) = own.get(name) {
            return Some((value.trim().to_owned(), Source::Topic));
        }
        let behind = key.behind.iter().find_map(|(behind, unit)| {
            let (source, value) = self.of_broker_key(behind).next()?;
            Some((in_units(value, *unit), source))
        });
        behind.or_else(|| Some((key.default?.to_owned(), Source::Default)))
    }

    /// Every key of a topic that has these of its own.
    pub fn describe_topic(&self, own: &BTreeMap<String, String>) -> Vec<Described> {
        let described = TOPIC_KEYS.iter().filter_map(|key| {
            let (value, _) = self.topic_value(key.name, own)?;
            let mut synonyms = Vec::new();
            if own.contains_key(key.name) {
                let (name, value) = (key.name.to_owned(), Some(value.clone()));
                synonyms.push(Synonym { name, value, source: Source::Topic });
            }
            if let Some((first, _)) = key.behind.first() {
                synonyms.extend(self.broker_synonyms_of(first, false));
            }
            Some(Described {
                name: key.name.to_owned(),
                value: Some(value),
                source: synonyms.first().map_or(Source::Default, |first| first.source),
                read_only: false,
                sensitive: false,
                synonyms,
                kind: Some(key.kind),
                documentation: key.doc,
            })
        });
        described.collect()
    }

    /// Every key of this broker, and whatever else was set for it or for all.
    pub fn describe_broker(&self) -> Vec<Described> {
        let of_image = [ConfigResource::Broker(Some(self.node)), ConfigResource::Broker(None)];
        let set = of_image.iter().filter_map(|resource| self.image.config(resource));
        let mut names: Vec<&str> = BROKER_KEYS.iter().map(|key| key.name).collect();
        names.extend(set.flat_map(BTreeMap::keys).map(String::as_str));
        names.extend(self.fixed.keys().map(String::as_str));
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| self.describe_broker_key(name, |_| true)).collect()
    }

    /// What is set for all brokers.
    pub fn describe_all_brokers(&self) -> Vec<Described> {
        let set = self.image.config(&ConfigResource::Broker(None));
        let names = set.into_iter().flat_map(BTreeMap::keys);
        let only = |synonym: &Synonym| synonym.source == Source::AllBrokers;
        let described = names.map(|name| {
            let value = set.and_then(|set| set.get(name)).cloned();
            let described = self.describe_broker_key(name, only);
            let value = value.filter(|_| !described.sensitive);
            Described { value, ..described }
        });
        described.collect()
    }

    fn describe_broker_key(&self, name: &str, shown: impl Fn(&Synonym) -> bool) -> Described {
        let key = broker_key(name);
        // What Kafka does not know might be a secret.
        let sensitive = key.is_none_or(super::Key::is_sensitive);
        let value = self.of_broker_key(name).next().map(|(_, value)| value.trim().to_owned());
        let synonyms: Vec<Synonym> =
            self.broker_synonyms_of(name, sensitive).into_iter().filter(shown).collect();
        Described {
            name: name.to_owned(),
            value: value.filter(|_| !sensitive),
            source: synonyms.first().map_or(Source::Default, |first| first.source),
            read_only: key.is_none_or(|key| key.update == Update::ReadOnly),
            sensitive,
            synonyms,
            kind: key.map(|key| key.kind),
            documentation: key.map_or("", super::Key::documentation),
        }
    }

    /// Every layer's value of a broker key and of those that stand in for it, layer by layer; what comes before the key itself
    /// is left out, as Kafka leaves it out, so that a topic whose age is given in hours tells no synonym.
    fn broker_synonyms_of(&self, name: &str, sensitive: bool) -> Vec<Synonym> {
        let own = [name];
        let names: &[&str] = match broker_synonyms(name) {
            [] => &own,
            names => names,
        };
        let mut all: Vec<Synonym> = Vec::new();
        for layer in [Source::Broker, Source::AllBrokers, Source::Static, Source::Default] {
            for name in names {
                let found = self.of_broker_key(name).find(|(source, _)| *source == layer);
                all.extend(found.map(|(source, value)| Synonym {
                    name: (*name).to_owned(),
                    value: (!sensitive).then(|| value.trim().to_owned()),
                    source,
                }));
            }
        }
        all.into_iter().skip_while(|synonym| synonym.name != name).collect()
    }
}

/// A number in other units; a negative one means 'never' in all of them.
fn in_units(value: &str, unit: i64) -> String {
    match value.trim().parse::<i64>() {
        Ok(number) if unit != 1 && number >= 0 => number.saturating_mul(unit).to_string(),
        Ok(number) if unit != 1 && number < 0 => "-1".to_owned(),
        Ok(_) | Err(_) => value.trim().to_owned(),
    }
}

impl MetadataImage {
    /// A node's settings as they are while it runs: what is set for it over what is set for all over its own file. A key that
    /// only a restart can change stays as the file has it.
    pub fn server_config(&self, node: BrokerId, fixed: &ServerConfig) -> ServerConfig {
        let layers = [ConfigResource::Broker(None), ConfigResource::Broker(Some(node))];
        let mut config = fixed.clone();
        for (key, value) in layers.iter().filter_map(|layer| self.config(layer)).flatten() {
            if broker_key(key).is_some_and(|key| key.update != Update::ReadOnly) {
                // A value was checked when it was set; a key that this build has no use for stays unused.
                drop(config.set(key, value));
            }
        }
        config
    }
}
