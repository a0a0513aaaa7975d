//! Fetch sessions (KIP-227): what a broker remembers of its fetchers, so that they name only what changed.
//!
//! *Flows in*: the session id and epoch of a request with its partitions, and what was read for them. *Flows out*: every
//! partition that is to be read, then the choice of those that must be told. *Must never*: leave out of an answer what the
//! fetcher does not know yet.
//!
//! ```text
//!   (0, -1)  no session            (0, 0)  give me one        (id, n)  what changed, n counts: 1, 2, … 2³¹−1, 1, …
//!   (id, -1) end this one          (id, 0) end this one and give me another
//! ```
//!
//! Simplified: one cache, where Kafka has had eight shards of it since 4.0; and a session of names resolves them anew at
//! each fetch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_node::{BrokerId, Context, EventKind, Offset, Purpose, Span, Time, TopicId};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::fetch_session::{FINAL_EPOCH, INITIAL_EPOCH, NO_SESSION, next_epoch};
use klamm_protocol::kafka::messages::TopicName;

use super::PartitionKey;
use super::read::{PartitionRead, ReadAsk};

/// How long a session is safe from more valuable ones, and after which silence it is worth nothing. A constant in Kafka.
const EVICTION: Span = Span::secs(120);

/// A topic as a fetcher names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TopicRef {
    /// By id: from version 13 on (KIP-516).
    Id(TopicId),
    /// By name: before.
    Name(TopicName),
}

/// One partition that a fetcher wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FetchItem {
    /// The topic, as it will be named in the answer.
    pub topic: TopicRef,
    /// The partition's index.
    pub index: i32,
    /// The partition; none if the name says nothing to this broker.
    pub key: Option<PartitionKey>,
    /// The position, and what the reader knows.
    pub ask: ReadAsk,
}

impl FetchItem {
    /// Keeps each partition once: of one that is named twice the last word counts, in the first one's place.
    pub(super) fn drop_doubles(items: &mut Vec<Self>) {
        let mut before = items.iter().enumerate().take(FEW);
        if items.len() <= FEW
            && before.all(|(at, item)| {
                !items[..at].iter().any(|other| item.is(&other.topic, other.index))
            })
        {
            return;
        }
        let mut order: Vec<usize> = (0..items.len()).collect();
        let key = |at: &usize| Places::key(&items[*at].topic, items[*at].index);
        order.sort_by_cached_key(key);
        let mut doubles: Vec<(usize, usize)> = Vec::new();
        let mut first = None;
        for pair in order.windows(2) {
            if items[pair[0]].is(&items[pair[1]].topic, items[pair[1]].index) {
                doubles.push((*first.get_or_insert(pair[0]), pair[1]));
            } else {
                first = None;
            }
        }
        if doubles.is_empty() {
            return;
        }
        for (first, again) in &doubles {
            items[*first] = items[*again].clone();
        }
        let mut at = 0;
        items.retain(|_| {
            at += 1;
            !doubles.iter().any(|(_, again)| *again == at - 1)
        });
    }

    fn is(&self, topic: &TopicRef, index: i32) -> bool {
        self.index == index && self.topic == *topic
    }
}

/// What a partition's read gave.
pub(super) type ReadResult = Result<PartitionRead, ErrorCode>;

/// What the fetcher of a session was told last about a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Told {
    high_watermark: Offset,
    log_start: Offset,
}

impl Told {
    /// Unlike every answer.
    const NOTHING: Self = Self { high_watermark: Offset(-1), log_start: Offset(-1) };

    fn by(read: &ReadResult) -> Self {
        match read {
            // Whoever is told to cut its log takes nothing else from the answer: the high watermark is told again. Kafka, which
            // forgets after errors only, tells it when it has moved on, or in another session.
            Ok(read) if read.diverging.is_some() => Self::NOTHING,
            Ok(read) => Self { high_watermark: read.high_watermark, log_start: read.log_start },
            // An answer after the error must not look like an old one.
            Err(_) => Self::NOTHING,
        }
    }
}

/// What a request has to do with a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SessionUse {
    /// Nothing.
    None,
    /// It asks for one, which is made with the answer.
    New,
    /// It goes on with one, which is in this epoch from now on.
    Incremental {
        /// Which.
        id: i32,
        /// The epoch that the next request must carry.
        epoch: i32,
    },
}

#[derive(Clone, Debug)]
struct Session {
    /// Followers' sessions take places from clients' ones, never the other way round.
    privileged: bool,
    uses_ids: bool,
    created: Time,
    last_used: Time,
    /// The epoch that the next request must carry.
    epoch: i32,
    /// In the order of reading. Shared with the request that is being served.
    items: Arc<Vec<FetchItem>>,
    /// For each item.
    told: Vec<Told>,
    /// Its size when it was last touched, by which it stands in the lists of the cache.
    size: usize,
}

/// What a session is worth: the least is evicted first.
type Worth = (bool, usize, i32);

impl Session {
    fn worth(&self, id: i32) -> Worth {
        (self.privileged, self.size, id)
    }
}

/// The sessions of a broker.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    slots: usize,
    /// Sets this process's ids apart from those of its earlier incarnations.
    opened_at: Time,
    sessions: BTreeMap<i32, Session>,
    last_used: BTreeSet<(Time, i32)>,
    /// What a client's session may take the place of.
    evictable_by_all: BTreeSet<Worth>,
    /// What a follower's session may take the place of: besides, every client's session, however young.
    evictable_by_privileged: BTreeSet<Worth>,
}

impl Sessions {
    /// An empty cache of so many places.
    pub(super) fn new(slots: usize, opened_at: Time) -> Self {
        Self {
            slots,
            opened_at,
            sessions: BTreeMap::new(),
            last_used: BTreeSet::new(),
            evictable_by_all: BTreeSet::new(),
            evictable_by_privileged: BTreeSet::new(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Takes a request in: the partitions that it is about, and what it has to do with a session.
    ///
    /// # Errors
    /// The three codes that refuse a request as a whole.
    pub(super) fn open(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        (id, epoch): (i32, i32),
        asked: Vec<FetchItem>,
        forgotten: Vec<(TopicRef, i32)>,
        resolve: impl Fn(&TopicRef, i32) -> Option<PartitionKey>,
    ) -> Result<(Arc<Vec<FetchItem>>, SessionUse), ErrorCode> {
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            // Whatever session a full request names ends here.
            let reason = if epoch == FINAL_EPOCH { "final" } else { "replaced" };
            if id != NO_SESSION && self.remove(id) {
                cx.observe(EventKind::FetchSessionClosed { session: id, reason: reason.into() });
            }
            let kind = if epoch == FINAL_EPOCH { SessionUse::None } else { SessionUse::New };
            return Ok((Arc::new(asked), kind));
        }
        let uses_ids = token.api_version >= 13;
        let found = match self.sessions.get(&id) {
            None => Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
            Some(session) if session.epoch != epoch => Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH),
            Some(session) if session.uses_ids != uses_ids => {
                Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR)
            }
            Some(_) => Ok(()),
        };
        if let Err(code) = found {
            cx.observe(EventKind::FetchSessionRefused {
                session: id,
                epoch,
                connection: token.connection,
                error: code.word(),
            });
            return Err(code);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        };
        session.update(asked, forgotten);
        if !uses_ids {
            session.resolve(resolve);
        }
        if session.items.is_empty() {
            // Nothing is left of it: the request is answered without one.
            self.remove(id);
            let reason = "empty".into();
            cx.observe(EventKind::FetchSessionClosed { session: id, reason });
            return Ok((Arc::default(), SessionUse::None));
        }
        session.epoch = next_epoch(session.epoch);
        let (items, epoch) = (Arc::clone(&session.items), session.epoch);
        self.touch(id, cx.now);
        Ok((items, SessionUse::Incremental { id, epoch }))
    }

    /// A full request that asked for a session is answered: makes one if there is a place. Returns its id, or 0, which
    /// tells the fetcher to go on with full requests.
    pub(super) fn create(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        replica: BrokerId,
        items: &Arc<Vec<FetchItem>>,
        reads: &[ReadResult],
    ) -> i32 {
        let privileged = replica.0 >= 0;
        let room =
            self.sessions.len() < self.slots || self.try_evict(cx, (privileged, items.len(), 0));
        if !room {
            return NO_SESSION;
        }
        let random = cx.rng.at(Purpose::FetchSession, self.opened_at.0);
        let id = loop {
            // 31 bits of a draw are a positive number.
            let id = i32::try_from(random.between(1, 0x7fff_ffff)).unwrap_or(NO_SESSION);
            if id != NO_SESSION && !self.sessions.contains_key(&id) {
                break id;
            }
        };
        let session = Session {
            privileged,
            uses_ids: token.api_version >= 13,
            created: cx.now,
            last_used: cx.now,
            epoch: next_epoch(INITIAL_EPOCH),
            items: Arc::clone(items),
            told: reads.iter().map(Told::by).collect(),
            size: items.len(),
        };
        self.sessions.insert(id, session);
        self.touch(id, cx.now);
        cx.observe(EventKind::FetchSessionCreated {
            session: id,
            connection: token.connection,
            replica,
            partitions: u32::try_from(items.len()).unwrap_or(u32::MAX),
        });
        id
    }

    /// An incremental request was read: which of its partitions must be told. Those that had records go to the end of the
    /// session's order, so that they are read last next time, and nobody starves behind a busy partition.
    ///
    /// # Errors
    /// The session has gone on meanwhile, while this request waited: its answer would be out of order.
    pub(super) fn conclude(
        &mut self,
        id: i32,
        epoch: i32,
        reads: &[ReadResult],
        chosen: &mut Vec<bool>,
    ) -> Result<(), ErrorCode> {
        // A session that lost its place while the request waited: this answer is still one of it, and tells everything.
        // The next request will hear that it is gone.
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        let mut moved = false;
        for (told, read) in session.told.iter_mut().zip(reads) {
            let now = Told::by(read);
            let tell = match read {
                Err(_) => true,
                Ok(read) => {
                    moved |= !read.records.is_empty();
                    !read.records.is_empty()
                        || now != *told
                        || read.diverging.is_some()
                        || read.preferred.is_some()
                }
            };
            *told = now;
            chosen.push(tell);
        }
        if moved {
            session.rotate(|at| reads[at].as_ref().is_ok_and(|read| !read.records.is_empty()));
        }
        Ok(())
    }

    /// Notes that a session was used, and puts it where its size and age say.
    fn touch(&mut self, id: i32, now: Time) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        self.last_used.remove(&(session.last_used, id));
        self.last_used.insert((now, id));
        session.last_used = now;
        let before = session.worth(id);
        session.size = session.items.len();
        let worth = session.worth(id);
        if before != worth {
            self.evictable_by_all.remove(&before);
            self.evictable_by_privileged.remove(&before);
        }
        let old_enough = now.since(session.created) > EVICTION;
        if !session.privileged || old_enough {
            self.evictable_by_privileged.insert(worth);
        }
        if old_enough {
            self.evictable_by_all.insert(worth);
        }
    }

    fn remove(&mut self, id: i32) -> bool {
        let Some(session) = self.sessions.remove(&id) else { return false };
        self.last_used.remove(&(session.last_used, id));
        self.evictable_by_all.remove(&session.worth(id));
        self.evictable_by_privileged.remove(&session.worth(id));
        true
    }

    /// Makes a place for a session of this worth: of one that was not used for long, or else of the least that it may
    /// take the place of, if it is worth more.
    fn try_evict(&mut self, cx: &mut Context<'_>, newcomer: Worth) -> bool {
        let idle = self.last_used.first().filter(|(at, _)| cx.now.since(*at) > EVICTION);
        let (session, reason) = if let Some((_, id)) = idle {
            (*id, "idle")
        } else {
            let list =
                if newcomer.0 { &self.evictable_by_privileged } else { &self.evictable_by_all };
            match list.first() {
                Some(least) if newcomer >= *least => {
                    (least.2, if newcomer.0 == least.0 { "fewer-partitions" } else { "client" })
                }
                Some(_) | None => return false,
            }
        };
        self.remove(session);
        cx.observe(EventKind::FetchSessionEvicted { session, reason: reason.into() });
        true
    }
}

impl Session {
    /// Takes what an incremental request says: positions of partitions old and new, and partitions to forget.
    fn update(&mut self, asked: Vec<FetchItem>, forgotten: Vec<(TopicRef, i32)>) {
        if asked.is_empty() && forgotten.is_empty() {
            return;
        }
        let items = Arc::make_mut(&mut self.items);
        let mut places = Places::new(items, asked.len());
        for item in asked {
            match places.find(items, &item.topic, item.index) {
                Some(at) => items[at] = item,
                None => {
                    items.push(item);
                    self.told.push(Told::NOTHING);
                    places.pushed(items);
                }
            }
        }
        if forgotten.is_empty() {
            return;
        }
        let mut keep = vec![true; items.len()];
        let places = Places::new(items, forgotten.len());
        for (topic, index) in forgotten {
            if let Some(at) = places.find(items, &topic, index) {
                keep[at] = false;
            }
        }
        let mut kept = keep.iter();
        items.retain(|_| *kept.next().unwrap_or(&true));
        let mut kept = keep.iter();
        self.told.retain(|_| *kept.next().unwrap_or(&true));
    }

    /// Looks the names up again: a topic may have come, gone, or come again as another one.
    fn resolve(&mut self, resolve: impl Fn(&TopicRef, i32) -> Option<PartitionKey>) {
        let stale = |item: &FetchItem| item.key != resolve(&item.topic, item.index);
        if self.items.iter().any(stale) {
            for item in Arc::make_mut(&mut self.items) {
                item.key = resolve(&item.topic, item.index);
            }
        }
    }

    /// Moves the partitions that were busy to the end, in their order.
    fn rotate(&mut self, busy: impl Fn(usize) -> bool) {
        let order: Vec<usize> = (0..self.items.len())
            .filter(|at| !busy(*at))
            .chain((0..self.items.len()).filter(|at| busy(*at)))
            .collect();
        if order.is_sorted() {
            return;
        }
        self.items = Arc::new(order.iter().map(|at| self.items[*at].clone()).collect());
        self.told = order.iter().map(|at| self.told[*at]).collect();
    }
}

/// Finds partitions in a session: one after the other for a few questions, by an index for many.
enum Places {
    Scan,
    Index(BTreeMap<(u128, TopicName, i32), usize>),
}

/// Questions up to which scanning is cheaper than an index.
const FEW: usize = 8;

impl Places {
    fn new(items: &[FetchItem], questions: usize) -> Self {
        if questions <= FEW {
            return Self::Scan;
        }
        let all = items.iter().enumerate();
        Self::Index(all.map(|(at, item)| (Self::key(&item.topic, item.index), at)).collect())
    }

    fn key(topic: &TopicRef, index: i32) -> (u128, TopicName, i32) {
        match topic {
            TopicRef::Id(id) => (id.0, TopicName::default(), index),
            TopicRef::Name(name) => (0, name.clone(), index),
        }
    }

    fn find(&self, items: &[FetchItem], topic: &TopicRef, index: i32) -> Option<usize> {
        match self {
            Self::Scan => items.iter().position(|item| item.is(topic, index)),
            Self::Index(places) => places.get(&Self::key(topic, index)).copied(),
        }
    }

    /// An item was added at the end.
    fn pushed(&mut self, items: &[FetchItem]) {
        if let (Self::Index(places), Some(item)) = (self, items.last()) {
            places.insert(Self::key(&item.topic, item.index), items.len() - 1);
        }
    }
}
