//! Quotas at the border: what clients' produce and fetch requests weigh, and what they are told when it is too much.
//!
//! *Flows in*: requests of the broker listener, and their answers on the way out. *Flows out*: answers with a throttle time, and
//! muted connections. *Must never*: throttle a broker; followers have quotas of their own (KIP-73).

use klamm_node::{Context, EventKind, Span};
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{FetchResponse, RequestKind, ResponseKind};

use super::Running;
use crate::quotas::{Quota, Quotas};

/// Without authentication everybody is this user.
const USER: &str = "ANONYMOUS";

/// A request whose answer is going to be weighed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Weighed {
    quota: Quota,
    client_id: String,
    /// What the request itself weighs.
    bytes: u64,
    /// Whether the answer goes on with a fetch session (KIP-227).
    in_session: bool,
}

impl Running {
    /// Takes note of a request that may be throttled when it is answered. Costs nothing in a cluster without quotas.
    pub(super) fn weigh(
        &mut self,
        token: RequestToken,
        client_id: Option<&str>,
        size: usize,
        request: &mut RequestKind,
    ) {
        let Some(broker) = self.broker.as_ref().filter(|broker| broker.image.has_quotas()) else {
            return;
        };
        let client_id = client_id.unwrap_or("");
        #[expect(clippy::wildcard_enum_match_arm, reason = "other requests have no quota of bytes")]
        let weighed = match request {
            RequestKind::Produce(_) => {
                let bytes = u64::try_from(size).unwrap_or(u64::MAX);
                let client_id = client_id.to_owned();
                Weighed { quota: Quota::Produce, client_id, bytes, in_session: false }
            }
            RequestKind::Fetch(fetch) => {
                let of_consumer = fetch.replica_id.0 < 0 && fetch.replica_state.replica_id.0 < 0;
                if !of_consumer {
                    return;
                }
                let (settings, image) = (&self.config.settings, &broker.image);
                if let Some(most) = Quotas::most_to_fetch(settings, image, USER, client_id) {
                    fetch.max_bytes = fetch.max_bytes.min(most);
                }
                let in_session = fetch.session_epoch > 0;
                let client_id = client_id.to_owned();
                Weighed { quota: Quota::Fetch, client_id, bytes: 0, in_session }
            }
            _ => return,
        };
        self.weighed.insert(token.serial, weighed);
    }

    /// Answers a request of a client, which may have to wait before its next one.
    pub(super) fn answer(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        mut response: Option<Box<ResponseKind>>,
    ) {
        let weighed =
            if self.weighed.is_empty() { None } else { self.weighed.remove(&token.serial) };
        let Some((weighed, broker)) = weighed.zip(self.broker.as_mut()) else {
            return self.server.respond(cx, token, response.as_deref());
        };
        let bytes = match response.as_deref() {
            Some(ResponseKind::Fetch(fetch)) => records_of(fetch),
            Some(_) | None => weighed.bytes,
        };
        let who = (USER, weighed.client_id.as_str());
        let rules = (&self.config.settings, &broker.image);
        let throttle = broker.quotas.record(cx.now, rules, weighed.quota, who, bytes);
        if throttle == Span::ZERO {
            return self.server.respond(cx, token, response.as_deref());
        }
        let millis = i32::try_from(throttle.as_millis()).unwrap_or(i32::MAX);
        match response.as_deref_mut() {
            Some(ResponseKind::Produce(produce)) => produce.throttle_time_ms = millis,
            Some(ResponseKind::Fetch(fetch)) => {
                // An answer without data, in the session if there is one: clients know it by its throttle time (KIP-219).
                let session = if weighed.in_session { fetch.session_id } else { 0 };
                *fetch =
                    FetchResponse::default().with_throttle_time_ms(millis).with_session_id(session);
            }
            _ => {}
        }
        self.server.respond(cx, token, response.as_deref());
        cx.observe(EventKind::ClientThrottled {
            connection: token.connection,
            client_id: weighed.client_id,
            quota: weighed.quota.word().into(),
            throttle,
        });
        self.server.throttle(token.connection, cx.now + throttle);
    }
}

/// The bytes of records in an answer; what is around them is small.
fn records_of(fetch: &FetchResponse) -> u64 {
    let partitions = fetch.responses.iter().flat_map(|topic| &topic.partitions);
    let sizes = partitions.map(|partition| partition.records.as_ref().map_or(0, bytes::Bytes::len));
    sizes.map(|size| u64::try_from(size).unwrap_or(u64::MAX)).sum()
}
