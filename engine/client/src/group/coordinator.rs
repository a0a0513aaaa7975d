//! Which broker coordinates the group, and how a request gets there.

use klamm_node::{BrokerId, Context, Endpoint, EventKind, GroupId, Span, Time};
use klamm_protocol::kafka::messages::{ApiKey, FindCoordinatorRequest, RequestKind, ResponseKind};
use klamm_protocol::{Call, ErrorCode, RpcError, convert};

use super::{Asked, Group};
use crate::consumer::Consumer;
use crate::metadata::endpoint;

/// What is known of the coordinator.
#[derive(Clone, Debug, Default)]
pub(super) struct Coordinator {
    known: Option<(BrokerId, Endpoint)>,
    last: Option<BrokerId>,
    asking: bool,
    retry_at: Time,
    failures: u32,
    /// Who is to be asked, once there is a connection.
    via: Option<Endpoint>,
}

impl Coordinator {
    /// Who was found last, though it may be gone by now.
    pub(super) fn last(&self) -> Option<BrokerId> {
        self.last
    }

    pub(super) fn is_at(&self, at: &Endpoint) -> bool {
        self.known.as_ref().is_some_and(|(_, known)| known == at)
    }

    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }
}

/// A look-up of a group's coordinator; several at once from version 4 on (KIP-699), which is not needed here.
pub(crate) fn find_coordinator(group: &GroupId, version: i16) -> RequestKind {
    let request = FindCoordinatorRequest::default();
    let key = convert::text(group.as_str());
    RequestKind::FindCoordinator(if version >= 4 {
        request.with_coordinator_keys(vec![key])
    } else {
        request.with_key(key)
    })
}

impl Group {
    /// Looks for the coordinator if it is not known. True if it is.
    pub(super) fn find(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) -> bool {
        if self.coordinator.is_known() {
            return true;
        }
        if self.coordinator.asking {
            return false;
        }
        if self.coordinator.retry_at > cx.now {
            self.sooner(self.coordinator.retry_at);
            return false;
        }
        let via = &mut self.coordinator.via;
        self.coordinator.asking = reader.ask_for_coordinator(cx, &self.id, via);
        if !self.coordinator.asking {
            // There is no connection yet, which wakes when it comes up; or nobody is known, which metadata sees to.
            let soon = cx.now + self.config.retry_backoff;
            self.sooner(soon);
        }
        false
    }

    /// The answer to a look-up.
    pub(crate) fn found(&mut self, cx: &mut Context<'_>, outcome: &Result<ResponseKind, RpcError>) {
        self.coordinator.asking = false;
        let (code, node) = match outcome {
            Ok(ResponseKind::FindCoordinator(response)) => match response.coordinators.first() {
                Some(one) => {
                    (ErrorCode(one.error_code), (one.node_id.0, one.host.as_str(), one.port))
                }
                None => (
                    ErrorCode(response.error_code),
                    (response.node_id.0, response.host.as_str(), response.port),
                ),
            },
            Ok(_) => (ErrorCode::UNKNOWN_SERVER_ERROR, (-1, "", -1)),
            Err(error) => {
                self.failed(cx, ApiKey::FindCoordinator, error.word());
                return self.look_again(cx);
            }
        };
        let (id, host, port) = node;
        match (code, endpoint(host, port)) {
            (ErrorCode::NONE, Some(at)) if id >= 0 => {
                let broker = BrokerId(id);
                self.coordinator.failures = 0;
                self.coordinator.known = Some((broker, at));
                self.coordinator.last = Some(broker);
                let group = self.id.clone();
                cx.observe(EventKind::CoordinatorFound { group, broker });
                self.classic.coordinator_found(cx.now, &self.config);
                self.again = true;
            }
            (code, _) => {
                self.failed(cx, ApiKey::FindCoordinator, code.word());
                if code.is_none() || code.retriable() {
                    return self.look_again(cx);
                }
                self.application.fail(code.word());
            }
        }
    }

    fn look_again(&mut self, cx: &mut Context<'_>) {
        self.coordinator.retry_at = self.backoff.until(cx, self.coordinator.failures);
        self.coordinator.failures = self.coordinator.failures.saturating_add(1);
    }

    /// The coordinator is elsewhere, or gone; with `hang_up` what was asked of it fails at once.
    pub(super) fn coordinator_gone(&mut self, cx: &mut Context<'_>, hang_up: bool) {
        let Some((_, at)) = self.coordinator.known.take() else { return };
        self.coordinator.retry_at = cx.now;
        if hang_up {
            self.pool.disconnect(cx, &at);
        }
        self.again = true;
    }

    /// The highest version of an API that the coordinator knows; none while there is no connection.
    pub(super) fn version(&self, api: ApiKey) -> Option<i16> {
        let (_, at) = self.coordinator.known.as_ref()?;
        let ours = klamm_protocol::api::info(api as i16)?.max;
        let theirs = self.pool.versions(at)?.get(&(api as i16))?.1;
        Some(ours.min(theirs))
    }

    /// Whether there is a connection to the coordinator.
    pub(super) fn is_connected(&self) -> bool {
        self.coordinator.known.as_ref().is_some_and(|(_, at)| self.pool.is_open(at))
    }

    /// Whether a request would leave at once; if not, sees to the connection.
    pub(super) fn connected(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((_, at)) = self.coordinator.known.clone() else { return false };
        if self.pool.is_open(&at) {
            return true;
        }
        if let Some(retry) = self.pool.connect(cx, &at) {
            // It could not be reached just now: somebody else may coordinate the group.
            self.coordinator_gone(cx, false);
            self.coordinator.retry_at = retry;
            self.sooner(retry);
        }
        false
    }

    /// Sends the coordinator a request. Only while [`Self::connected`].
    pub(super) fn tell(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestKind,
        timeout: Span,
        asked: Asked,
    ) {
        if let Some((_, at)) = self.coordinator.known.clone() {
            self.pool.send(cx, &at, Call::new(request, timeout), asked);
        }
    }
}
