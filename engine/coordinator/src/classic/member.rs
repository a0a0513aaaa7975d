//! A member of a classic group.
//!
//! *Flows in*: what it said when it joined, and the requests of its that wait. *Flows out*: its vote, its metadata, whether it
//! counts as alive. *Must never*: answer a request; that is the group's business.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{MemberId, Span};
use klamm_protocol::channel::RequestToken;

/// A protocol that a member supports: for consumers the name of an assignor, and the subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protocol {
    /// The name.
    pub name: Arc<str>,
    /// What the member tells the leader under that name.
    pub metadata: Bytes,
}

/// What a member said of itself when it joined the last time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// How long it may take to join again once it is asked to.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it supports, by preference.
    pub protocols: Vec<Protocol>,
}

/// A JoinGroup that waits for the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JoinWait {
    /// The request; none when it has been answered already though the member counts as joined (the group could not be
    /// written when it was created).
    pub token: Option<RequestToken>,
}

/// A member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Its `group.instance.id`, if it is static (KIP-345).
    pub instance_id: Option<Arc<str>>,
    /// Its client id.
    pub client_id: Arc<str>,
    /// Where it came from.
    pub client_host: Arc<str>,
    /// What it said when it joined the last time.
    pub terms: Terms,
    /// What the leader assigned to it; empty before.
    pub assignment: Bytes,
    /// Its JoinGroup that waits.
    pub awaiting_join: Option<JoinWait>,
    /// Its SyncGroup that waits.
    pub awaiting_sync: Option<RequestToken>,
    /// It joined for the first time, and the generation that it joined for has not begun.
    pub is_new: bool,
}

impl Member {
    /// Whether it is a static one.
    pub fn is_static(&self) -> bool {
        self.instance_id.is_some()
    }

    /// Whether its JoinGroup waits.
    pub fn is_awaiting_join(&self) -> bool {
        self.awaiting_join.is_some()
    }

    /// How long it may be silent.
    pub fn session_timeout(&self) -> Span {
        Span::from_wire_millis(self.terms.session_timeout_ms.into())
    }

    /// What it told the leader under a protocol's name; nothing if it does not support it.
    pub fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let found = |known: &&Protocol| protocol == Some(&*known.name);
        self.terms
            .protocols
            .iter()
            .find(found)
            .map(|known| known.metadata.clone())
            .unwrap_or_default()
    }

    /// Whether it supports a protocol.
    pub fn supports(&self, protocol: &str) -> bool {
        self.terms.protocols.iter().any(|known| &*known.name == protocol)
    }

    /// The first of its protocols that is a candidate.
    pub fn vote(&self, candidates: &BTreeSet<Arc<str>>) -> Option<Arc<str>> {
        self.terms
            .protocols
            .iter()
            .map(|known| &known.name)
            .find(|name| candidates.contains(*name))
            .cloned()
    }

    /// Whether it need not send heartbeats for now. Who waits for an answer can't (KAFKA-10134, KAFKA-12890); but a client that
    /// joined for the first time may be gone and come back under another id, so its wait has an end (KAFKA-7610).
    pub fn has_satisfied_heartbeat(&self) -> bool {
        let waits = self.is_awaiting_join() || self.awaiting_sync.is_some();
        // Planted (Z53, KAFKA-9752): liveness is derived from the waiting request alone.
        if klamm_node::planted("group_lost_join_timeout") {
            return waits;
        }
        !self.is_new && waits
    }
}
