//! UpdateFeatures: the levels of features in the whole cluster (KIP-584, KIP-778, KIP-1022).
//!
//! *Flows in*: wanted levels. *Flows out*: FeatureLevel records for all of them, or for none with the first error.
//! *Must never*: finalize a level that this controller or a registered broker does not support, or go down where that would
//! lose metadata.
//!
//! Simplified: records are written in their newest version whatever the level of metadata.version says.

use klamm_protocol::ErrorCode;
use klamm_protocol::MetadataRecord;
use klamm_protocol::convert::text;
use klamm_protocol::kafka::messages::update_features_request::FeatureUpdateKey;
use klamm_protocol::kafka::messages::update_features_response::UpdatableFeatureResult;
use klamm_protocol::kafka::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use klamm_protocol::metadata::{ClearElr, Config, FeatureLevel, NoOp, resource_type};

use super::{Decider, Decision, Refusal};
use crate::features::{
    ELR_FEATURE, ELR_METADATA_VERSION, KRAFT_VERSION_FEATURE, METADATA_VERSION_FEATURE,
    changes_metadata, kraft_version, supported,
};
use crate::image::ConfigResource;

const MIN_ISR: &str = "min.insync.replicas";

/// How a level may move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Upgrade {
    Up,
    SafelyDown,
    UnsafelyDown,
}

impl Upgrade {
    fn of(update: &FeatureUpdateKey, version: i16) -> Option<Self> {
        match (version, update.upgrade_type) {
            // Version 0 only says whether it may go down at all.
            (0, _) if update.allow_downgrade => Some(Self::SafelyDown),
            (0, _) | (_, 1) => Some(Self::Up),
            (_, 2) => Some(Self::SafelyDown),
            (_, 3) => Some(Self::UnsafelyDown),
            _ => None,
        }
    }
}

/// An answer that nothing was done.
pub(crate) fn refused(error: ErrorCode, why: &str) -> UpdateFeaturesResponse {
    UpdateFeaturesResponse::default().with_error_code(error.0).with_error_message(Some(text(why)))
}

impl Decider<'_> {
    /// Moves all features of the request, or none. The quorum moves its own, kraft.version, to the level that is returned
    /// beside the response.
    pub(crate) fn decide_update_features(
        &self,
        request: &UpdateFeaturesRequest,
        version: i16,
    ) -> Decision<(UpdateFeaturesResponse, Option<i16>)> {
        let mut upgrade = None;
        let mut decision = Decision::only(());
        // What this request makes of a feature counts for those that depend on it.
        let wanted = |name: &str| {
            let asked =
                request.feature_updates.iter().find(|update| update.feature.as_str() == name);
            asked.map_or_else(|| self.image.feature(name), |update| Some(update.max_version_level))
        };
        for update in &request.feature_updates {
            let own = update.feature.as_str() == KRAFT_VERSION_FEATURE;
            if self.kraft_level.is_some_and(|quorum| own && quorum.verdict == Ok(true)) {
                upgrade = Some(update.max_version_level);
            }
            match self.update_feature(update, version, wanted(METADATA_VERSION_FEATURE)) {
                Ok(records) => decision.records.extend(records),
                Err((error, why)) => {
                    let why = format!(
                        "The update failed for all features since the following feature had an error: {why}"
                    );
                    return Decision::only((refused(error, &why), None));
                }
            }
        }
        if request.validate_only {
            decision.records.clear();
            upgrade = None;
        }
        let mut response = UpdateFeaturesResponse::default();
        if version < 2 {
            let done = request.feature_updates.iter().map(|update| {
                UpdatableFeatureResult::default().with_feature(update.feature.clone())
            });
            response = response.with_results(done.collect());
        }
        decision.with((response, upgrade))
    }

    fn update_feature(
        &self,
        update: &FeatureUpdateKey,
        version: i16,
        metadata_version: Option<i16>,
    ) -> Result<Vec<MetadataRecord>, Refusal> {
        let (name, level) = (update.feature.as_str(), update.max_version_level);
        let invalid = |why: &str| {
            let why = format!("Invalid update version {level} for feature {name}. {why}");
            Err((ErrorCode::INVALID_UPDATE_VERSION, why))
        };
        let Some(upgrade) = Upgrade::of(update, version) else {
            return invalid("The controller does not support the given upgrade type.");
        };
        if level < 0 {
            return invalid("A feature version cannot be less than 0.");
        }
        if let Some(why) = self.reason_not_supported(name, level) {
            return invalid(&why);
        }
        let quorum = self.kraft_level.filter(|_| name == KRAFT_VERSION_FEATURE);
        let current = quorum.map_or_else(|| self.image.feature(name).unwrap_or(0), |q| q.current);
        if level < current && upgrade == Upgrade::Up {
            return invalid(
                "Can't downgrade the version of this feature without setting the upgrade type to either safe or \
                 unsafe downgrade.",
            );
        }
        if level > current && upgrade != Upgrade::Up {
            return invalid("Can't downgrade to a newer version.");
        }
        if let Some(quorum) = quorum {
            return match &quorum.verdict {
                // The quorum's own records are not the controller's: this one is what the answer waits for, be it that there
                // is nothing to change.
                Ok(_) if upgrade == Upgrade::Up => Ok(vec![NoOp::default().into()]),
                Ok(_) => Ok(Vec::new()),
                Err(why) => Err((ErrorCode::INVALID_UPDATE_VERSION, why.clone())),
            };
        }
        let record = FeatureLevel { name: name.to_owned(), feature_level: level };
        if name == METADATA_VERSION_FEATURE {
            self.check_metadata_version(current, level, upgrade)?;
            return Ok(vec![record.into()]);
        }
        if name == ELR_FEATURE {
            if level > 0 && metadata_version.is_none_or(|found| found < ELR_METADATA_VERSION) {
                return invalid(&format!(
                    "{name} could not be set to {level} because it depends on metadata.version level \
                     {ELR_METADATA_VERSION}"
                ));
            }
            let mut records = self.min_isr_records(level > 0 && current == 0);
            records.push(record.into());
            if level == 0 && current > 0 {
                records.push(ClearElr::default().into());
            }
            return Ok(records);
        }
        Ok(vec![record.into()])
    }

    fn reason_not_supported(&self, name: &str, level: i16) -> Option<String> {
        let range = |features: &[klamm_protocol::metadata::BrokerFeature]| {
            let found = features.iter().find(|feature| feature.name == name);
            found.map_or((0, 0), |found| (found.min_supported_version, found.max_supported_version))
        };
        let reason = |who: String, (min, max): (i16, i16)| {
            if (min..=max).contains(&level) && max > 0 {
                return None;
            }
            Some(match (min, max) {
                (_, 0) => format!("{who} does not support this feature."),
                (min, max) if min == max => format!("{who} only supports versions {min}"),
                (min, max) => format!("{who} only supports versions {min}-{max}"),
            })
        };
        if name == KRAFT_VERSION_FEATURE && self.kraft_level.is_some() {
            let known = range(&[kraft_version()]);
            return reason(format!("Local controller {}", self.config.id), known);
        }
        let mine = reason(format!("Local controller {}", self.config.id), range(&supported()));
        let of_brokers = || {
            let mut brokers = self.image.brokers();
            brokers
                .find_map(|broker| reason(format!("Broker {}", broker.id), range(&broker.features)))
        };
        mine.or_else(of_brokers)
    }

    fn check_metadata_version(
        &self,
        current: i16,
        level: i16,
        upgrade: Upgrade,
    ) -> Result<(), Refusal> {
        let why = if level >= current || !changes_metadata(level, current) {
            return Ok(());
        } else if upgrade == Upgrade::UnsafelyDown {
            "Unsafe metadata downgrade is not supported in this version."
        } else {
            "Refusing to perform the requested downgrade because it might delete metadata information."
        };
        let why = format!("Invalid metadata.version {level}. {why}");
        Err((ErrorCode::INVALID_UPDATE_VERSION, why))
    }

    /// KIP-966: with eligible leaders the min ISR must be the same for all brokers and known to the controller.
    fn min_isr_records(&self, turned_on: bool) -> Vec<MetadataRecord> {
        if !turned_on {
            return Vec::new();
        }
        let mut records = Vec::new();
        let config = |resource_name: String, value: Option<String>| Config {
            resource_type: resource_type::BROKER,
            resource_name,
            name: MIN_ISR.to_owned(),
            value,
        };
        let has = |resource: ConfigResource| {
            self.image.config(&resource).is_some_and(|set| set.contains_key(MIN_ISR))
        };
        if !has(ConfigResource::Broker(None)) {
            let value = self.config.settings.min_insync_replicas.to_string();
            records.push(config(String::new(), Some(value)).into());
        }
        for broker in self.image.brokers() {
            if has(ConfigResource::Broker(Some(broker.id))) {
                records.push(config(broker.id.to_string(), None).into());
            }
        }
        records
    }
}
