//! Who was heard of, and when: the active controller's soft state about brokers. Nothing of it is in the log; a new active
//! controller starts with everybody unfenced heard of just now.

use std::collections::BTreeMap;

use klamm_node::{BrokerEpoch, BrokerId, Offset, Span, Time};

use crate::image::MetadataImage;

/// What is known of one broker.
#[derive(Clone, Debug)]
struct Session {
    epoch: BrokerEpoch,
    last_contact: Time,
    metadata_offset: Offset,
    controlled_shutdown_offset: Option<Offset>,
}

/// All sessions.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    timeout: Span,
    by_broker: BTreeMap<BrokerId, Session>,
}

impl Sessions {
    pub(crate) fn new(timeout: Span) -> Self {
        Self { timeout, by_broker: BTreeMap::new() }
    }

    /// The sessions of a controller that just became active. Fenced brokers need none: they have nothing to lose. Nor does
    /// the broker in the controller's own process: an incarnation that this process did not register itself died with
    /// an earlier process, and its successor need not wait for its session to run out.
    ///
    /// Simplified: Kafka's combined processes do wait.
    pub(crate) fn fresh(timeout: Span, image: &MetadataImage, own: BrokerId, now: Time) -> Self {
        let mut sessions = Self::new(timeout);
        let forgets = klamm_node::planted("failover_forgets_sessions");
        let held =
            |broker: &&crate::image::BrokerImage| !broker.fenced && broker.id != own && !forgets;
        for broker in image.brokers().filter(held) {
            sessions.touch(broker.id, broker.epoch, now);
            if broker.in_controlled_shutdown {
                sessions.begin_shutdown(broker.id, image.applied());
            }
        }
        sessions
    }

    /// A heartbeat came.
    pub(crate) fn touch(&mut self, broker: BrokerId, epoch: BrokerEpoch, now: Time) {
        let fresh = Session {
            epoch,
            last_contact: now,
            metadata_offset: Offset(-1),
            controlled_shutdown_offset: None,
        };
        let session = self.by_broker.entry(broker).or_insert_with(|| fresh.clone());
        if session.epoch == epoch {
            session.last_contact = now;
        } else {
            *session = fresh;
        }
    }

    /// A broker reported how far its image is.
    pub(crate) fn note_offset(&mut self, broker: BrokerId, offset: Offset) {
        if let Some(session) = self.by_broker.get_mut(&broker) {
            session.metadata_offset = offset;
        }
    }

    /// A controlled shutdown begins; everybody must know of it up to this offset before the broker may stop.
    pub(crate) fn begin_shutdown(&mut self, broker: BrokerId, offset: Offset) {
        if let Some(session) = self.by_broker.get_mut(&broker) {
            session.controlled_shutdown_offset.get_or_insert(offset);
        }
    }

    pub(crate) fn forget(&mut self, broker: BrokerId) {
        self.by_broker.remove(&broker);
    }

    /// A broker registered: sessions of its earlier incarnations end, its own goes on.
    pub(crate) fn registered(&mut self, broker: BrokerId, epoch: BrokerEpoch) {
        if self.by_broker.get(&broker).is_some_and(|session| session.epoch != epoch) {
            self.forget(broker);
        }
    }

    /// Whether this incarnation was heard of within the timeout.
    pub(crate) fn is_valid(&self, broker: BrokerId, epoch: BrokerEpoch, now: Time) -> bool {
        self.by_broker.get(&broker).is_some_and(|session| {
            session.epoch == epoch && session.last_contact + self.timeout >= now
        })
    }

    /// The broker whose session ran out first, and when it was last heard of.
    pub(crate) fn expired(&self, now: Time) -> Option<(BrokerId, Time)> {
        let (since, broker) = self.oldest()?;
        (since + self.timeout < now).then_some((broker, since))
    }

    /// When the next session runs out.
    pub(crate) fn next_expiry(&self) -> Option<Time> {
        self.oldest().map(|(since, _)| since + self.timeout)
    }

    fn oldest(&self) -> Option<(Time, BrokerId)> {
        self.by_broker.iter().map(|(broker, session)| (session.last_contact, *broker)).min()
    }

    pub(crate) fn controlled_shutdown_offset(&self, broker: BrokerId) -> Option<Offset> {
        self.by_broker.get(&broker)?.controlled_shutdown_offset
    }

    /// How far every active broker's image is at least; as far as can be when there is none.
    pub(crate) fn lowest_active_offset(&self, image: &MetadataImage) -> Offset {
        image
            .brokers()
            .filter(|broker| broker.is_active())
            .map(|broker| {
                self.by_broker.get(&broker.id).map_or(Offset(-1), |session| session.metadata_offset)
            })
            .min()
            .unwrap_or(Offset(i64::MAX))
    }
}
