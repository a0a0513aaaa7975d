//! The controller as a whole: which state it decides on, what waits for commit, what time does to it.

use klamm_node::config::ServerConfig;
use klamm_node::{BrokerId, Context, LeaderEpoch, Offset, Time};
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind};
use klamm_protocol::{MetadataRecord, RequestToken};

use crate::image::MetadataImage;

/// What a controller is told at its start.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// Its `node.id`.
    pub id: BrokerId,
    /// The cluster's id; a registration with another is refused.
    pub cluster_id: String,
    /// The server's settings.
    pub settings: ServerConfig,
    /// Whether it reports the changes of its image as events. False in a process that is a broker too, whose own image
    /// already does.
    pub observe_image: bool,
}

/// What a controller wants from its process.
#[derive(Clone, PartialEq, Debug)]
pub enum ControllerOutput {
    /// Append these records as one atomic batch, then call [`Controller::appended`]; if the quorum has lost its leader,
    /// call [`Controller::deactivate`].
    Append {
        /// The records, never none.
        records: Vec<MetadataRecord>,
    },
    /// Answer a request.
    Reply {
        /// The request.
        token: RequestToken,
        /// Its answer.
        response: ResponseKind,
    },
}

/// A controller, active or standing by.
#[derive(Clone, Debug)]
pub struct Controller {
    config: ControllerConfig,
    image: MetadataImage,
}

impl Controller {
    /// A controller that has not seen the log yet.
    pub fn new(config: ControllerConfig) -> Self {
        Self { config, image: MetadataImage::new() }
    }

    /// The image of everything committed.
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The quorum epoch in which it is active.
    pub fn active_epoch(&self) -> Option<LeaderEpoch> {
        None
    }

    /// Replays a committed record. Active or not, every controller gets every record, in order.
    pub fn handle_committed(
        &mut self,
        cx: &mut Context<'_>,
        offset: Offset,
        record: &MetadataRecord,
    ) {
        let changes = self.image.apply(offset, record);
        if self.config.observe_image {
            self.image.observe_changes(cx, offset, &changes);
        }
    }

    /// This node leads the quorum and has replayed everything before its epoch: it is the active controller.
    /// `log_end` is where its first record will be.
    pub fn activate(
        &mut self,
        cx: &mut Context<'_>,
        epoch: LeaderEpoch,
        log_end: Offset,
        out: &mut Vec<ControllerOutput>,
    ) {
        let _ = (cx, epoch, log_end, out);
    }

    /// This node no longer leads the quorum: what was not committed is forgotten, who waits for it is told.
    pub fn deactivate(&mut self, cx: &mut Context<'_>, out: &mut Vec<ControllerOutput>) {
        let _ = (cx, out);
    }

    /// Takes a request from the controller listener: BrokerRegistration, BrokerHeartbeat, AlterPartition, CreateTopics.
    pub fn handle_request(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: RequestKind,
        out: &mut Vec<ControllerOutput>,
    ) {
        let _ = (cx, token, request, out);
    }

    /// The oldest [`ControllerOutput::Append`] not yet confirmed now lies at these offsets.
    pub fn appended(
        &mut self,
        cx: &mut Context<'_>,
        first: Offset,
        last: Offset,
        out: &mut Vec<ControllerOutput>,
    ) {
        let _ = (cx, first, last, out);
    }

    /// The quorum has committed everything below its high watermark, and [`handle_committed`](Self::handle_committed)
    /// has seen it: replies that waited for that leave.
    pub fn committed_to(
        &mut self,
        cx: &mut Context<'_>,
        high_watermark: Offset,
        out: &mut Vec<ControllerOutput>,
    ) {
        let _ = (cx, high_watermark, out);
    }

    /// Fires what is due at `cx.now`.
    pub fn handle_timers(&mut self, cx: &mut Context<'_>, out: &mut Vec<ControllerOutput>) {
        let _ = (cx, out);
    }

    /// When [`handle_timers`](Self::handle_timers) wants to be called, and why.
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        None
    }
}
