//! AllocateProducerIds: blocks of producer ids for brokers (KIP-730).
//!
//! *Flows in*: a broker that runs short. *Flows out*: a ProducerIds record and the block.
//! *Must never*: hand out an id twice; a block counts as handed out when its record is committed, used or not.

use klamm_node::BrokerId;
use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::{
    self, AllocateProducerIdsRequest, AllocateProducerIdsResponse,
};
use klamm_protocol::metadata::ProducerIds;

use super::{Decider, Decision};

/// How many ids a block has.
const BLOCK: i32 = 1_000;

impl Decider<'_> {
    /// Hands out the next block.
    pub(crate) fn decide_allocate_producer_ids(
        &self,
        request: &AllocateProducerIdsRequest,
    ) -> Decision<AllocateProducerIdsResponse> {
        let refuse = |error: ErrorCode| {
            Decision::only(AllocateProducerIdsResponse::default().with_error_code(error.0))
        };
        let broker = BrokerId(request.broker_id.0);
        let broker_epoch = match self.check_broker_epoch(broker, request.broker_epoch) {
            Ok(broker) => broker.epoch,
            Err(error) => return refuse(error),
        };
        let first = self.image.next_producer_id();
        let Some(next_producer_id) = first.checked_add(i64::from(BLOCK)) else {
            return refuse(ErrorCode::UNKNOWN_SERVER_ERROR);
        };
        let next_producer_id =
            if klamm_node::planted("overlapping_producer_ids") { first } else { next_producer_id };
        let mut decision = Decision::only(());
        let record = ProducerIds { broker_id: broker, broker_epoch, next_producer_id };
        decision.records.push(record.into());
        decision.with(
            AllocateProducerIdsResponse::default()
                .with_producer_id_start(messages::ProducerId(first))
                .with_producer_id_len(BLOCK),
        )
    }
}
