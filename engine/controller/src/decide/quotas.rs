//! AlterClientQuotas: who may do how much (KIP-546, KIP-612).
//!
//! *Flows in*: quotas to set and to take away, by entity. *Flows out*: ClientQuota records and an error per entity; one entity's
//! refusal does not touch the others.
//! *Must never*: store a quota for an entity that no client can be.

use klamm_protocol::ErrorCode;
use klamm_protocol::convert::text;
use klamm_protocol::kafka::messages::alter_client_quotas_request::EntryData as Asked;
use klamm_protocol::kafka::messages::alter_client_quotas_response::{EntityData, EntryData};
use klamm_protocol::kafka::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse};
use klamm_protocol::metadata::{ClientQuota, Double};

use super::{Decider, Decision, Refusal};
use crate::image::{QuotaEntity, QuotaName};

/// What a quota's value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Long,
    Int,
    Double,
}

/// The quotas of users and clients.
const OF_CLIENTS: [(&str, Kind); 4] = [
    ("producer_byte_rate", Kind::Long),
    ("consumer_byte_rate", Kind::Long),
    ("request_percentage", Kind::Double),
    ("controller_mutation_rate", Kind::Double),
];
/// The quotas of addresses.
const OF_ADDRESSES: [(&str, Kind); 1] = [("connection_creation_rate", Kind::Int)];

impl Decider<'_> {
    /// Sets and takes away quotas.
    pub(crate) fn decide_alter_client_quotas(
        &self,
        request: &AlterClientQuotasRequest,
    ) -> Decision<AlterClientQuotasResponse> {
        let mut decision = Decision::only(());
        let mut entries = Vec::with_capacity(request.entries.len());
        let mut seen: Vec<QuotaEntity> = Vec::new();
        for asked in &request.entries {
            let outcome = self.alter_quotas(asked, &mut seen);
            let (error, why) = match outcome {
                Ok(records) => {
                    if !request.validate_only {
                        decision.records.extend(records.into_iter().map(Into::into));
                    }
                    (ErrorCode::NONE, None)
                }
                Err((error, why)) => (error, Some(text(&why))),
            };
            let entity = asked.entity.iter().map(|part| {
                EntityData::default()
                    .with_entity_type(part.entity_type.clone())
                    .with_entity_name(part.entity_name.clone())
            });
            entries.push(
                EntryData::default()
                    .with_error_code(error.0)
                    .with_error_message(why)
                    .with_entity(entity.collect()),
            );
        }
        decision.with(AlterClientQuotasResponse::default().with_entries(entries))
    }

    fn alter_quotas(
        &self,
        asked: &Asked,
        seen: &mut Vec<QuotaEntity>,
    ) -> Result<Vec<ClientQuota>, Refusal> {
        let refuse = |why: String| Err((ErrorCode::INVALID_REQUEST, why));
        let entity = entity(asked)?;
        for (at, op) in asked.ops.iter().enumerate() {
            if asked.ops.iter().take(at).any(|earlier| earlier.key == op.key) {
                return refuse(format!(
                    "Duplicate quota key {} not updating quota for this entity {entity}",
                    op.key.as_str()
                ));
            }
        }
        if seen.contains(&entity) {
            return refuse(format!("Ignoring duplicate entity {entity}"));
        }
        seen.push(entity.clone());
        let keys: &[(&str, Kind)] = if entity.ip.is_some() { &OF_ADDRESSES } else { &OF_CLIENTS };
        let mut records = Vec::new();
        for op in &asked.ops {
            let key = op.key.as_str();
            let current = self.image.quota(&entity, key).map(Double);
            let wanted = if op.remove {
                None
            } else {
                check(keys, key, op.value)?;
                Some(Double(op.value))
            };
            if wanted != current {
                records.push(entity.record(key, wanted));
            }
        }
        Ok(records)
    }
}

fn entity(asked: &Asked) -> Result<QuotaEntity, Refusal> {
    let refuse = |why: String| Err((ErrorCode::INVALID_REQUEST, why));
    if asked.entity.is_empty() {
        return refuse("Invalid empty client quota entity".to_owned());
    }
    let mut entity = QuotaEntity::default();
    for part in &asked.entity {
        let kind = part.entity_type.as_str();
        match entity.part_mut(kind) {
            Some(place @ None) => *place = Some(QuotaName::of(part.entity_name.as_deref())),
            Some(Some(_)) => {
                return refuse(format!(
                    "Invalid client quota entity, duplicate entity entry {kind}"
                ));
            }
            None => return refuse(format!("Unhandled client quota entity type: {kind}")),
        }
    }
    if entity.ip.is_some() && (entity.user.is_some() || entity.client_id.is_some()) {
        let why = "Invalid quota entity combination, IP entity should not be combined with User or ClientId";
        return refuse(why.to_owned());
    }
    if let Some(QuotaName::Named(address)) = &entity.ip
        && address.parse::<std::net::IpAddr>().is_err()
    {
        // Simplified: Kafka would resolve a host's name.
        return refuse(format!("{address} is not a valid IP or resolvable host."));
    }
    Ok(entity)
}

fn check(keys: &[(&str, Kind)], key: &str, value: f64) -> Result<(), Refusal> {
    let refuse = |why: String| Err((ErrorCode::INVALID_REQUEST, why));
    let Some((_, kind)) = keys.iter().find(|(known, _)| *known == key) else {
        return refuse(format!("Invalid configuration key {key}"));
    };
    if value.is_nan() || value <= 0.0 {
        return refuse(format!("Quota {key} must be greater than 0"));
    }
    let most = match kind {
        Kind::Double => return Ok(()),
        Kind::Int => f64::from(i32::MAX),
        Kind::Long => 9_223_372_036_854_775_807.0,
    };
    let article = if *kind == Kind::Int { "an INT" } else { "a LONG" };
    if value > most {
        return refuse(format!("Proposed value for {key} is too large for {article}."));
    }
    if value.fract() > 1e-6 {
        return refuse(format!("{key} cannot be a fractional value."));
    }
    Ok(())
}
