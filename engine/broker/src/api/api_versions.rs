//! ApiVersions (key 18, versions 0 to 4), on both listeners. Reads the API table and the image's features.
//!
//! Errors: INVALID_REQUEST for a software name or version that is none (KIP-511). UNSUPPORTED_VERSION is answered by the
//! channel, which alone sees versions from the future.

use klamm_controller::features::{self, KRAFT_VERSION_FEATURE};
use klamm_controller::image::MetadataImage;
use klamm_protocol::api::{self, Listener};
use klamm_protocol::convert;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use klamm_protocol::kafka::messages::{ApiVersionsRequest, ApiVersionsResponse};

/// Answers from the table of a listener.
pub fn answer(
    request: &ApiVersionsRequest,
    version: i16,
    listener: Listener,
    image: Option<&MetadataImage>,
    kraft_version: i16,
) -> ApiVersionsResponse {
    let software = [&request.client_software_name, &request.client_software_version];
    if version >= 3 && !software.iter().all(|text| is_software(text)) {
        return ApiVersionsResponse::default().with_error_code(ErrorCode::INVALID_REQUEST.0);
    }
    let apis = api::served_on(listener).map(|api| {
        ApiVersion::default()
            .with_api_key(api.key)
            .with_min_version(api.advertised_min)
            .with_max_version(api.max)
    });
    let response = ApiVersionsResponse::default().with_api_keys(apis.collect());
    if version < 3 {
        return response;
    }
    // A client below version 4 can't read a feature whose lowest level is 0 (KAFKA-17011).
    let supported = features::supported().into_iter().chain([features::kraft_version()]);
    let supported = supported.filter(|feature| version >= 4 || feature.min_supported_version > 0);
    let supported = supported.map(|feature| {
        SupportedFeatureKey::default()
            .with_name(convert::text(&feature.name))
            .with_min_version(feature.min_supported_version)
            .with_max_version(feature.max_supported_version)
    });
    let response = response.with_supported_features(supported.collect());
    let Some(image) = image.filter(|image| image.applied().0 >= 0) else { return response };
    // The level of kraft.version is the quorum's, and in no metadata record (KIP-853). Level 0 is not told.
    let quorum = (kraft_version > 0).then_some((KRAFT_VERSION_FEATURE, kraft_version));
    let finalized = image.features().chain(quorum).map(|(name, level)| {
        FinalizedFeatureKey::default()
            .with_name(convert::text(name))
            .with_min_version_level(level)
            .with_max_version_level(level)
    });
    response
        .with_finalized_features(finalized.collect())
        .with_finalized_features_epoch(image.applied().0)
}

/// Letters, digits, dots and hyphens, and neither of the latter at an end.
fn is_software(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars().all(inner) && outer(text.chars().next()) && outer(text.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_follow_the_pattern_of_kip_511() {
        for good in ["apache-kafka-java", "librdkafka", "2.11.0", "a"] {
            assert!(is_software(good), "{good}");
        }
        for bad in ["", "-a", "a.", "a b", "ä", "a_b"] {
            assert!(!is_software(bad), "{bad}");
        }
    }

    #[test]
    fn each_listener_tells_its_own_apis() {
        let request = ApiVersionsRequest::default();
        let keys = |listener| -> Vec<i16> {
            let response = answer(&request, 0, listener, None, 0);
            response.api_keys.iter().map(|api| api.api_key).collect()
        };
        assert!(keys(Listener::Broker).contains(&0) && !keys(Listener::Broker).contains(&52));
        assert!(
            keys(Listener::Controller).contains(&52) && !keys(Listener::Controller).contains(&0)
        );
    }
}
