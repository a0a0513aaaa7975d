//! Client quotas: who may do how much (KIP-13, KIP-546, KIP-612).
//!
//! A quota is for a combination of user and client id, each by name or as the default for those without one of their own, or
//! for an address.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use klamm_protocol::metadata::{ClientQuota, Double, QuotaEntityPart};

use super::{ImageChange, MetadataImage};

/// A name, or everybody who has no quota by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum QuotaName {
    /// Everybody else.
    Default,
    /// This one.
    Named(String),
}

/// Whom a quota is for. At least one part is there, and an address stands alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct QuotaEntity {
    /// The user.
    pub user: Option<QuotaName>,
    /// The client id.
    pub client_id: Option<QuotaName>,
    /// The address.
    pub ip: Option<QuotaName>,
}

/// The quotas of one entity, by key.
pub(super) type Values = BTreeMap<String, Double>;

impl QuotaName {
    /// From the wire: none stands for the default.
    pub fn of(name: Option<&str>) -> Self {
        name.map_or(Self::Default, |name| Self::Named(name.to_owned()))
    }

    /// For the wire.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Named(name) => Some(name),
        }
    }
}

impl QuotaEntity {
    /// The parts with their types, as Kafka names them.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &QuotaName)> {
        let parts = [("user", &self.user), ("client-id", &self.client_id), ("ip", &self.ip)];
        parts.into_iter().filter_map(|(kind, name)| Some((kind, name.as_ref()?)))
    }

    /// The part of a type; none for a type that there is not.
    pub fn part_mut(&mut self, kind: &str) -> Option<&mut Option<QuotaName>> {
        match kind {
            "user" => Some(&mut self.user),
            "client-id" => Some(&mut self.client_id),
            "ip" => Some(&mut self.ip),
            _ => None,
        }
    }

    /// The record that gives it a quota, or takes it away.
    pub(crate) fn record(&self, key: &str, value: Option<Double>) -> ClientQuota {
        let part = |(kind, name): (&str, &QuotaName)| QuotaEntityPart {
            entity_type: kind.to_owned(),
            entity_name: name.name().map(str::to_owned),
        };
        ClientQuota {
            entity: self.parts().map(part).collect(),
            key: key.to_owned(),
            value: value.unwrap_or(Double(0.0)),
            remove: value.is_none(),
        }
    }

    fn of_record(record: &ClientQuota) -> Option<Self> {
        let mut entity = Self::default();
        for part in &record.entity {
            let name = QuotaName::of(part.entity_name.as_deref());
            *entity.part_mut(&part.entity_type)? = Some(name);
        }
        Some(entity)
    }
}

/// `user=alice,client-id=<default>`
impl Display for QuotaEntity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, (kind, name)) in self.parts().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{kind}={}", name.name().unwrap_or("<default>"))?;
        }
        Ok(())
    }
}

impl MetadataImage {
    pub(super) fn apply_client_quota(&mut self, record: &ClientQuota) -> Vec<ImageChange> {
        let Some(entity) = QuotaEntity::of_record(record) else { return Vec::new() };
        let values = self.quotas.entry(entity.clone()).or_default();
        let value = (!record.remove).then_some(record.value);
        match value {
            Some(value) => values.insert(record.key.clone(), value),
            None => values.remove(&record.key),
        };
        if values.is_empty() {
            self.quotas.remove(&entity);
        }
        vec![ImageChange::QuotaChanged { entity, key: record.key.clone(), value }]
    }

    /// Whether there are any quotas; most clusters have none.
    pub fn has_quotas(&self) -> bool {
        !self.quotas.is_empty()
    }

    /// Every entity with quotas.
    pub fn quotas(&self) -> impl Iterator<Item = (&QuotaEntity, &BTreeMap<String, Double>)> {
        self.quotas.iter()
    }

    /// One entity's own quota.
    pub fn quota(&self, entity: &QuotaEntity, key: &str) -> Option<f64> {
        self.quotas.get(entity)?.get(key).map(|value| value.0)
    }

    /// The quota that holds for a user's client, and who shares it: the user, the client id, or both, by name. A default is not
    /// shared by all, but held by each.
    ///
    /// The nearest of Kafka's eight: user and client id, user and any client, user; any user and client id, any user and any
    /// client, any user; client id, any client.
    pub fn quota_of(
        &self,
        user_name: &str,
        client_name: &str,
        key: &str,
    ) -> Option<(QuotaEntity, f64)> {
        let named = |name: &str| Some(QuotaName::Named(name.to_owned()));
        let any = || Some(QuotaName::Default);
        let nearest = [
            (named(user_name), named(client_name)),
            (named(user_name), any()),
            (named(user_name), None),
            (any(), named(client_name)),
            (any(), any()),
            (any(), None),
            (None, named(client_name)),
            (None, any()),
        ];
        nearest.into_iter().find_map(|(user, client_id)| {
            let entity = QuotaEntity { user, client_id, ip: None };
            let value = self.quota(&entity, key)?;
            let holder = QuotaEntity {
                user: entity.user.map(|_| QuotaName::Named(user_name.to_owned())),
                client_id: entity.client_id.map(|_| QuotaName::Named(client_name.to_owned())),
                ip: None,
            };
            Some((holder, value))
        })
    }
}

/// What changed from some quotas to others.
pub(super) fn changes(
    before: &BTreeMap<QuotaEntity, Values>,
    after: &BTreeMap<QuotaEntity, Values>,
    changes: &mut Vec<ImageChange>,
) {
    let value = |quotas: &BTreeMap<QuotaEntity, Values>, entity: &QuotaEntity, key: &str| {
        quotas.get(entity).and_then(|values| values.get(key)).copied()
    };
    let all = before.iter().chain(after);
    let mut keys: Vec<(&QuotaEntity, &String)> =
        all.flat_map(|(entity, values)| values.keys().map(move |key| (entity, key))).collect();
    keys.sort_unstable();
    keys.dedup();
    for (entity, key) in keys {
        let now = value(after, entity, key);
        if now != value(before, entity, key) {
            let (entity, key) = (entity.clone(), key.clone());
            changes.push(ImageChange::QuotaChanged { entity, key, value: now });
        }
    }
}
