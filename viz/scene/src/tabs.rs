//! The tabs of the stage, each a pure function of the [`crate::Stage`].

pub(crate) mod cluster;
pub(crate) mod groups;
pub(crate) mod logs;
pub(crate) mod quorum;
pub(crate) mod sequence;
