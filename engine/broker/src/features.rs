//! The features that this build supports (KIP-584): what brokers register and what ApiVersions tells.

/// A feature and its range of levels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SupportedFeature {
    /// Its name.
    pub name: &'static str,
    /// The lowest level.
    pub min: i16,
    /// The highest level.
    pub max: i16,
}

/// Every supported feature. `metadata.version` reaches from 3.3-IV3, the lowest of Kafka 4, to 4.1-IV1.
pub const SUPPORTED: &[SupportedFeature] =
    &[SupportedFeature { name: "metadata.version", min: 7, max: 27 }];
