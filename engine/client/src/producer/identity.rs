//! How an idempotent producer comes by its id and keeps its epoch: InitProducerId, the next epoch, the end.

use std::collections::BTreeMap;

use klamm_node::{Context, EventKind, ProducerEpoch, Time};
use klamm_protocol::kafka::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProducerId, RequestKind, ResponseKind,
};
use klamm_protocol::{Call, ErrorCode, RpcError};

use super::Producer;
use super::idempotence::Renumbered;
use super::sender::Sent;

impl Producer {
    /// What an idempotent producer does before it sends: begins the next epoch if one is due, and asks for an id if it has none.
    /// Returns when there will be something to do that no input announces.
    pub(super) fn keep_identity(&mut self, cx: &mut Context<'_>) -> Option<Time> {
        let idempotence = self.idempotence.as_mut()?;
        if let Some(error) = idempotence.failure() {
            self.give_up_all(cx, error);
            return None;
        }
        idempotence.resolve();
        if let Some(renumbered) = idempotence.bump() {
            self.begin_epoch(cx, renumbered);
        }
        self.ask_for_id(cx)
    }

    /// Batches that have a number and are not done get one of the new epoch: they keep their order.
    fn begin_epoch(&mut self, cx: &mut Context<'_>, renumbered: Renumbered) {
        let Renumbered { producer_id, producer_epoch, partitions, batches } = renumbered;
        let mut waiting = BTreeMap::new();
        for (serial, sequence) in batches {
            match self.in_flight.get_mut(&serial) {
                Some((_, batch)) => batch.renumber(sequence),
                None => {
                    waiting.insert(serial, sequence);
                }
            }
        }
        for partition in &partitions {
            self.accumulator.renumber(partition, &waiting);
        }
        cx.observe(EventKind::ProducerEpochBumped {
            producer_id: producer_id.0,
            producer_epoch: producer_epoch.0,
            partitions,
        });
    }

    /// Asks any broker for an id (KIP-98).
    fn ask_for_id(&mut self, cx: &mut Context<'_>) -> Option<Time> {
        let idempotence = self.idempotence.as_mut().filter(|one| one.lacks_id())?;
        if self.closing && self.waiting.is_empty() && self.accumulator.is_empty() {
            return None;
        }
        if idempotence.retry_at() > cx.now {
            return Some(idempotence.retry_at());
        }
        let later = cx.now + self.config.retry_backoff;
        let Some(to) = idempotence.take_via().or_else(|| self.core.least_loaded(cx)) else {
            self.core.metadata.refresh();
            idempotence.wait_until(later);
            return Some(later);
        };
        match self.core.ready(cx, &to) {
            Ok(()) => {}
            Err(None) => {
                // It comes up, or it fails: both are inputs.
                idempotence.ask_via(to);
                return None;
            }
            Err(Some(_)) => {
                idempotence.wait_until(later);
                return Some(later);
            }
        }
        // No transaction, so there is no time that one could take.
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let call = Call::new(RequestKind::InitProducerId(request), self.core.request_timeout);
        idempotence.asked();
        self.core.send(cx, &to, call, Sent::InitProducerId);
        None
    }

    /// Takes the answer to InitProducerId.
    pub(super) fn identity_answered(
        &mut self,
        cx: &mut Context<'_>,
        outcome: &Result<ResponseKind, RpcError>,
    ) {
        let error = match outcome {
            Ok(ResponseKind::InitProducerId(answer)) if answer.error_code == 0 => {
                return self.assign_id(cx, answer);
            }
            Ok(ResponseKind::InitProducerId(answer)) => ErrorCode(answer.error_code),
            Ok(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
            Err(RpcError::UnsupportedVersion) => ErrorCode::UNSUPPORTED_VERSION,
            Err(_) => ErrorCode::NETWORK_EXCEPTION,
        };
        let Some(idempotence) = &mut self.idempotence else { return };
        let authorization = [
            ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
            ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        ]
        .contains(&error);
        if error.retriable() || authorization {
            idempotence.ask_again(cx.now + self.config.retry_backoff);
            if authorization {
                // Somebody may be allowed later what is not allowed now; what is open now fails (KAFKA-13668).
                self.give_up_all(cx, error);
            }
        } else {
            idempotence.fail(error);
        }
    }

    fn assign_id(&mut self, cx: &mut Context<'_>, answer: &InitProducerIdResponse) {
        let (id, epoch) = (answer.producer_id.0, answer.producer_epoch);
        if let Some(idempotence) = &mut self.idempotence {
            idempotence.assign(klamm_node::ProducerId(id), ProducerEpoch(epoch));
            cx.observe(EventKind::ProducerIdAssigned { producer_id: id, producer_epoch: epoch });
        }
    }

    /// Fails everything whose fate is open.
    fn give_up_all(&mut self, cx: &mut Context<'_>, error: ErrorCode) {
        let mut all: Vec<_> = std::mem::take(&mut self.in_flight).into_values().collect();
        all.extend(self.accumulator.remove(|_| true));
        for (partition, batch) in all {
            self.accumulator.decided(&batch);
            if let (Some(idempotence), Some(sequence)) = (&mut self.idempotence, batch.sequence) {
                idempotence.forget(&partition, sequence);
            }
            self.give_up(cx, partition, batch.records, error);
        }
    }
}
