//! A leader's memory of idempotent producers (KIP-98): what it needs to tell a producer's next batch from one that it has.
//!
//! The memory is what the log says, so it is thrown away whenever the log may have become another one, and folded from the log
//! again when the next idempotent producer comes.

use klamm_node::{Context, LeaderEpoch, Offset, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::batch::BatchHeader;
use klamm_storage::{Producers, Sequence};

use super::partition::Partition;
use super::produce::Refusal;

/// What the log said when this leader last looked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ProducerMemory {
    producers: Producers,
    /// Everything below is in it.
    folded_to: Offset,
    /// In another leadership the log may differ below that offset.
    leader_epoch: LeaderEpoch,
}

impl Partition {
    /// What a client's batch is. Looks at the log only if there is a producer id, and the memory does not fit any more.
    pub(super) fn judge_sequence(
        &mut self,
        cx: &mut Context<'_>,
        header: &BatchHeader,
    ) -> Result<Sequence, Refusal> {
        if !header.has_producer_id() {
            return Ok(Sequence::Next);
        }
        let judged = self.known_producers(cx)?.judge(header);
        let refuse = |code: ErrorCode, what: &str| {
            let message = format!(
                "{what} for producer {} in epoch {}: the sequence number {}",
                header.producer_id, header.producer_epoch, header.base_sequence
            );
            Err(Refusal { code, message: Some(message), record_errors: Vec::new() })
        };
        match judged {
            Sequence::OutOfOrder => refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "out of order"),
            Sequence::Fenced => refuse(ErrorCode::INVALID_PRODUCER_EPOCH, "an old epoch"),
            judged @ (Sequence::Next | Sequence::Duplicate(_)) => Ok(judged),
        }
    }

    /// What the log says of its producers. Looks at the log only if the memory does not fit any more.
    pub(super) fn known_producers(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Result<&Producers, ErrorCode> {
        let here = (self.log.log_end(), self.leader_epoch);
        let fits = |memory: &ProducerMemory| (memory.folded_to, memory.leader_epoch) == here;
        let memory = match self.producers.take().filter(fits) {
            Some(memory) => memory,
            None => {
                let headers =
                    self.log.headers(cx.disk).map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
                let (folded_to, leader_epoch) = here;
                let known = if planted("producer_state_not_from_log") { &[] } else { &*headers };
                let producers = Producers::fold(known);
                ProducerMemory { producers, folded_to, leader_epoch }
            }
        };
        Ok(&self.producers.insert(memory).producers)
    }

    /// Keeps the memory fit after this leader appended a batch at the end of its log.
    pub(super) fn remember_batch(&mut self, header: &BatchHeader, base_offset: Offset) {
        let Some(memory) = &mut self.producers else { return };
        if (memory.folded_to, memory.leader_epoch) == (base_offset, self.leader_epoch) {
            memory.producers.add(&BatchHeader { base_offset, ..*header });
            memory.folded_to = self.log.log_end();
        }
    }
}
