//! A small lab for the room's tests: members on a wire that carries encoded frames, with disks that outlive them.

#![expect(clippy::field_scoped_visibility_modifiers, reason = "the tests look inside")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bytes::Bytes;
use klamm_node::config::ServerConfig;
use klamm_node::disk::memory::{Loss, MemoryDisk};
use klamm_node::{
    BrokerId, ConnectionId, Context, CorrelationId, DirectoryId, Effect, Effects, Endpoint,
    EventKind, LeaderEpoch, Offset, Output, Purpose, ReplicaKey, Seq, Span, Stream, Streams, Time,
    Timestamp,
};
use klamm_protocol::channel::{RequestToken, RpcError};
use klamm_protocol::kafka::messages::api_versions_response::SupportedFeatureKey;
use klamm_protocol::kafka::messages::{
    AddRaftVoterRequest, ApiKey, ApiVersionsResponse, RemoveRaftVoterRequest, RequestKind,
    ResponseKind, add_raft_voter_request,
};
use klamm_protocol::{api, codec, convert};
use klamm_raft::{KRAFT_VERSIONS, QuorumRole, Raft, RaftCall, RaftConfig, RaftOutput, VoterSet};

/// A frame under way.
#[derive(Clone, Debug)]
enum Frame {
    Request(Bytes),
    Response(ApiKey, i16, Bytes),
}

#[derive(Clone, Debug)]
struct InFlight {
    from: BrokerId,
    to: BrokerId,
    call: (BrokerId, RaftCall),
    frame: Frame,
}

/// A process, or the place where one was.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) raft: Option<Raft>,
    pub(crate) disk: MemoryDisk,
    rng: Streams,
    /// Data records told since the last start.
    pub(crate) told: Vec<(Offset, Bytes)>,
    batches_since_snapshot: usize,
    /// The role that it told last; `start` before the first.
    last_role: String,
    pub(crate) leads: Option<LeaderEpoch>,
    config: RaftConfig,
    kraft_versions: (i16, i16),
    /// What its empty disk is formatted with at its first start.
    formatted_with: Option<VoterSet>,
    /// What every incarnation must not fall below.
    pub(crate) epoch_seen: LeaderEpoch,
    pub(crate) high_watermark_seen: Offset,
    pub(crate) synced_seen: Offset,
    /// The log changed since the last look.
    pub(crate) touched: bool,
    /// Where the set of voters stands that it told last.
    voters_at: Offset,
}

impl Member {
    fn new(config: RaftConfig, seed: u64) -> Self {
        Self {
            raft: None,
            disk: MemoryDisk::new(),
            rng: Streams::new(seed, u64::from(config.id.0.unsigned_abs())),
            told: Vec::new(),
            batches_since_snapshot: 0,
            last_role: "start".to_owned(),
            leads: None,
            config,
            kraft_versions: KRAFT_VERSIONS,
            formatted_with: None,
            epoch_seen: LeaderEpoch(0),
            high_watermark_seen: Offset(0),
            synced_seen: Offset(0),
            touched: false,
            voters_at: Offset(-1),
        }
    }
}

/// What lies between the directories of a member whose voters the log names.
pub(crate) const ANOTHER_DISK: u128 = 1 << 116;

/// The directory that a member has first.
fn directory(id: i32) -> DirectoryId {
    DirectoryId(1000 + id.unsigned_abs() as u128)
}

/// The wire and the members.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) now: Time,
    pub(crate) members: BTreeMap<BrokerId, Member>,
    wire: BTreeMap<(Time, u64), InFlight>,
    serial: u64,
    /// Calls that wait for an outcome, by asker and call, until when.
    waiting: BTreeMap<(BrokerId, RaftCall), Time>,
    tokens: BTreeMap<RequestToken, (BrokerId, BrokerId, RaftCall)>,
    cuts: BTreeSet<(BrokerId, BrokerId)>,
    pub(crate) dice: Stream,
    /// Latency of a frame, least and most.
    pub(crate) latency: (Span, Span),
    /// Frames lost in a million.
    pub(crate) loss: u32,
    pub(crate) transcript: Option<String>,
    pub(crate) voters: BTreeMap<BrokerId, Endpoint>,
    /// The first voters of a quorum whose log names them.
    pub(crate) first: Option<VoterSet>,
    /// After so many batches each member writes a snapshot.
    pub(crate) snapshot_every: Option<usize>,
    /// What was answered to requests that nobody in the lab sent.
    pub(crate) answers: Vec<ResponseKind>,
    /// How often a set of voters was cut off, and voters came into force or out of it.
    pub(crate) sets_undone: usize,
    pub(crate) sets_changed: usize,
    /// Every move from role to role that was made.
    pub(crate) moves: BTreeSet<(String, String)>,
}

fn unpack(record: &Bytes) -> (Offset, Bytes) {
    let offset = record[..8].try_into().expect("eight bytes");
    (Offset(i64::from_be_bytes(offset)), record.slice(8..))
}

fn pack((offset, record): &(Offset, Bytes)) -> Bytes {
    [&offset.0.to_be_bytes()[..], record].concat().into()
}

impl Lab {
    pub(crate) fn new(
        seed: u64,
        voters: i32,
        observers: i32,
        tune: impl Fn(&mut ServerConfig),
    ) -> Self {
        let endpoints: BTreeMap<_, _> = (1..=voters)
            .map(|id| (BrokerId(id), Endpoint::new(format!("controller-{id}"), 9093)))
            .collect();
        let mut settings = ServerConfig::default();
        tune(&mut settings);
        let member = |id: i32| {
            let config =
                RaftConfig::new(BrokerId(id), endpoints.clone(), "lab", directory(id), &settings);
            let member = Member::new(config, seed);
            (BrokerId(id), member)
        };
        let observers = (1..=observers).map(|n| 100 + n);
        let mut lab = Self {
            now: Time(0),
            members: (1..=voters).chain(observers).map(member).collect(),
            wire: BTreeMap::new(),
            serial: 0,
            waiting: BTreeMap::new(),
            tokens: BTreeMap::new(),
            cuts: BTreeSet::new(),
            dice: Stream::new(seed, Purpose::Nemesis, 0, 0),
            latency: (Span::millis(1), Span::millis(1)),
            loss: 0,
            transcript: None,
            voters: endpoints,
            first: None,
            snapshot_every: None,
            answers: Vec::new(),
            moves: BTreeSet::new(),
            sets_undone: 0,
            sets_changed: 0,
        };
        for id in lab.ids() {
            lab.start(id);
        }
        lab
    }

    /// A quorum whose log names its voters (KIP-853): disks of the first controllers are formatted with them, others stand
    /// by without a vote.
    pub(crate) fn dynamic(
        seed: u64,
        voters: i32,
        standbys: i32,
        tune: impl Fn(&mut ServerConfig),
    ) -> Self {
        let mut lab = Self::new(seed, 0, 0, &tune);
        let mut settings = ServerConfig::default();
        tune(&mut settings);
        let at = |id: i32| Endpoint::new(format!("controller-{id}"), 9093);
        // The first digit tells the member, the second one its disk: `2-CA…`, and `2-CB…` after a replacement.
        let directory = |id: i32| DirectoryId(u128::from(id.unsigned_abs()) << 122);
        let first = (1..=voters).map(|id| (BrokerId(id), (directory(id), at(id)))).collect();
        lab.first = Some(VoterSet::initial(&first));
        for id in 1..=voters + standbys {
            let mut config =
                RaftConfig::new(BrokerId(id), BTreeMap::new(), "lab", directory(id), &settings);
            config.bootstrap = (1..=voters + standbys).map(at).collect();
            config.listener = Some(at(id));
            let mut member = Member::new(config, seed);
            if id <= voters {
                member.formatted_with = lab.first.clone();
            }
            lab.members.insert(BrokerId(id), member);
        }
        for id in lab.ids() {
            lab.start(id);
        }
        lab
    }

    /// Who votes, by the newest leader's word, or by the first set.
    pub(crate) fn voters_now(&self) -> Option<VoterSet> {
        let leading = |m: &Member| {
            let raft = m.raft.as_ref()?;
            (raft.role() == QuorumRole::Leader).then(|| (raft.epoch(), raft.voters().clone()))
        };
        let newest = self.members.values().filter_map(leading).max_by_key(|(epoch, _)| *epoch);
        newest.map(|(_, set)| set).or_else(|| self.first.clone())
    }

    /// The voters, if everyone runs and has the same log, all of it committed: a disk may be replaced then.
    pub(crate) fn agrees_on_voters(&self) -> Option<VoterSet> {
        let mut sets = self.members.values().map(|member| {
            let raft = member.raft.as_ref()?;
            let end = raft.high_watermark();
            (end == raft.log_end()).then(|| (end, raft.voters().clone()))
        });
        let first = sets.next()??;
        sets.all(|set| set.as_ref() == Some(&first)).then_some(first.1)
    }

    /// Voters of a set whose disks are gone.
    pub(crate) fn ghosts(&self, set: &VoterSet) -> Vec<ReplicaKey> {
        set.keys().filter(|key| self.key(key.id) != *key).collect()
    }

    pub(crate) fn key(&self, id: BrokerId) -> ReplicaKey {
        self.members[&id].config.own()
    }

    /// An operator asks a member to change the voters. The answer comes to `answers`.
    pub(crate) fn add_voter(&mut self, at: BrokerId, who: ReplicaKey) {
        let listener = add_raft_voter_request::Listener::default()
            .with_name(convert::text("CONTROLLER"))
            .with_host(convert::text(&format!("controller-{}", who.id)))
            .with_port(9093);
        let request = AddRaftVoterRequest::default()
            .with_cluster_id(Some(convert::text("lab")))
            .with_voter_id(who.id.0)
            .with_voter_directory_id(convert::directory_uuid(who.directory))
            .with_listeners(vec![listener]);
        self.inject(at, request.into());
    }

    pub(crate) fn remove_voter(&mut self, at: BrokerId, who: ReplicaKey) {
        let request = RemoveRaftVoterRequest::default()
            .with_cluster_id(None)
            .with_voter_id(who.id.0)
            .with_voter_directory_id(convert::directory_uuid(who.directory));
        self.inject(at, request.into());
    }

    /// The leader is to let the log name its voters.
    pub(crate) fn upgrade(&mut self, at: BrokerId) -> Result<bool, String> {
        self.call(at, |raft, _, _, out| raft.as_mut().expect("up").upgrade(1, out))
    }

    /// A member's controller listens elsewhere from its next start on.
    pub(crate) fn move_listener(&mut self, id: BrokerId, port: u16) {
        let member = self.members.get_mut(&id).expect("a member");
        member.config.listener = Some(Endpoint::new(format!("controller-{id}"), port));
    }

    /// Whether a member's owner would answer that it speaks these levels of `kraft.version`.
    pub(crate) fn speaks(&mut self, id: BrokerId, levels: (i16, i16)) {
        self.members.get_mut(&id).expect("a member").kraft_versions = levels;
    }

    pub(crate) fn ids(&self) -> Vec<BrokerId> {
        self.members.keys().copied().collect()
    }

    pub(crate) fn is_voter(&self, id: BrokerId) -> bool {
        if self.first.is_some() {
            return self.voters_now().is_some_and(|set| set.holds(self.key(id)));
        }
        self.voters.contains_key(&id)
    }

    /// Calls a member and takes what comes out of it.
    fn call<R>(
        &mut self,
        id: BrokerId,
        f: impl FnOnce(&mut Option<Raft>, &RaftConfig, &mut Context<'_>, &mut Vec<RaftOutput>) -> R,
    ) -> R {
        let now = self.now;
        let member = self.members.get_mut(&id).expect("a member");
        let (mut effects, mut out) = (Effects::default(), Vec::new());
        let mut cx = Context {
            now,
            wall: Timestamp(i64::try_from(now.0 / 1_000_000).expect("small")),
            input_seq: Seq(0),
            disk: &mut member.disk,
            rng: &mut member.rng,
            out: &mut effects,
        };
        let result = f(&mut member.raft, &member.config, &mut cx, &mut out);
        member.touched = true;
        for item in effects.items {
            match item {
                Output::Observed(kind, _) => {
                    if let EventKind::QuorumRoleChanged { role, .. } = &kind {
                        let from = std::mem::replace(&mut member.last_role, role.to_string());
                        self.moves.insert((from, role.to_string()));
                    }
                    if let EventKind::QuorumVotersChanged { offset, before, voters, .. } = &kind {
                        let undone = member.voters_at > *offset && !before.is_empty();
                        self.sets_undone += usize::from(undone);
                        member.voters_at = *offset;
                        let apart = |of: &[ReplicaKey], from: &[ReplicaKey]| {
                            of.iter().filter(|key| !from.contains(key)).count()
                        };
                        if !before.is_empty() {
                            self.sets_changed += apart(before, voters) + apart(voters, before);
                        }
                    }
                    if let Some(text) = &mut self.transcript {
                        writeln!(text, "{now} {id} {kind}").expect("text");
                    }
                }
                Output::Effect(Effect::Halt { reason, .. }, _) => panic!("{id} halts: {reason}"),
                Output::Effect(effect, _) => {
                    panic!("the room has no effects of its own: {effect:?}")
                }
            }
        }
        for output in out {
            self.take(id, output);
        }
        result
    }

    fn take(&mut self, id: BrokerId, output: RaftOutput) {
        let member = self.members.get_mut(&id).expect("a member");
        match output {
            RaftOutput::Send { to, endpoint, request, timeout, call } => {
                // Those that are asked for the leader have names of their own, and addresses like anyone's.
                let host = endpoint.host.rsplit('-').next().and_then(|id| id.parse().ok());
                let to = host.map_or(to, BrokerId);
                let key = codec::key_of(&request).expect("served") as i16;
                let version = api::info(key).expect("served").max;
                let frame = codec::encode_request(version, CorrelationId(1), None, &request)
                    .expect("a request that fits its version");
                self.waiting.insert((id, call), self.now + timeout);
                self.post(id, to, (id, call), Frame::Request(frame));
            }
            RaftOutput::Reply { token, response } => {
                let Some((asker, _, call)) = self.tokens.remove(&token) else {
                    self.answers.push(response);
                    return;
                };
                let key = ApiKey::try_from(token.api_key).expect("known");
                let frame =
                    codec::encode_response(key, token.api_version, CorrelationId(1), &response)
                        .expect("a response that fits its version");
                let frame = Frame::Response(key, token.api_version, frame);
                self.post(id, asker, (asker, call), frame);
            }
            RaftOutput::Committed { records, .. } => {
                member.told.extend(records);
                member.batches_since_snapshot += 1;
                if self.snapshot_every.is_some_and(|n| member.batches_since_snapshot >= n) {
                    self.snapshot(id);
                }
            }
            RaftOutput::Snapshot { id: snapshot, records } => {
                // The lab's own records of a snapshot: the offset, then the record.
                member.told = records.iter().map(unpack).collect();
                member.batches_since_snapshot = 0;
                self.say(format!(
                    "{id} loads {} records, all below {}",
                    records.len(),
                    snapshot.end_offset
                ));
            }
            RaftOutput::BecameLeader { epoch } => {
                assert_eq!(member.leads, None, "{id} gains what it has");
                member.leads = Some(epoch);
                self.say(format!("{id} may write in epoch {epoch}"));
            }
            RaftOutput::LostLeadership { epoch } => {
                assert_eq!(member.leads.take(), Some(epoch), "{id} loses what it has not");
                self.say(format!("{id} may not write any more"));
            }
            RaftOutput::LeaderChanged => {}
            // The lab's members have nothing else to append.
            RaftOutput::Staged => self.call(id, |raft, _, cx, out| {
                raft.as_mut().expect("up").append_staged(cx, out);
            }),
        }
    }

    /// A process answers for its member which levels of `kraft.version` it speaks.
    fn versions(&self, id: BrokerId) -> ResponseKind {
        let (min, max) = self.members[&id].kraft_versions;
        let feature = SupportedFeatureKey::default()
            .with_name(convert::text("kraft.version"))
            .with_min_version(min)
            .with_max_version(max);
        ApiVersionsResponse::default().with_supported_features(vec![feature]).into()
    }

    fn say(&mut self, line: String) {
        let now = self.now;
        if let Some(text) = &mut self.transcript {
            writeln!(text, "{now} {line}").expect("text");
        }
    }

    fn post(&mut self, from: BrokerId, to: BrokerId, call: (BrokerId, RaftCall), frame: Frame) {
        let latency = self.dice.span(self.latency.0, self.latency.1);
        if self.dice.per_million(self.loss) {
            return;
        }
        self.serial += 1;
        let at = (self.now + latency, self.serial);
        self.wire.insert(at, InFlight { from, to, call, frame });
    }

    /// Runs until `until`: frames, timeouts of calls, timers, in order of time.
    pub(crate) fn run_to(&mut self, until: Time) {
        loop {
            let frame = self.wire.keys().next().map(|(at, _)| *at);
            let call = self.waiting.values().copied().min();
            let timer = self
                .members
                .iter()
                .filter_map(|(id, member)| Some((member.raft.as_ref()?.next_deadline()?.0, *id)))
                .min();
            let next = [frame, call, timer.map(|(at, _)| at)].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= until) else { break };
            self.now = self.now.max(next);
            if frame == Some(next) {
                self.deliver();
            } else if call == Some(next) {
                let due = self.waiting.iter().find(|(_, at)| **at == next).map(|(call, _)| *call);
                let (id, call) = due.expect("a call is due");
                self.finish(id, call, Err(RpcError::Timeout));
            } else if let Some((_, id)) = timer {
                self.call(id, |raft, _, cx, out| {
                    raft.as_mut().expect("up").handle_timers(cx, out);
                });
                let again = self.members[&id].raft.as_ref().expect("up").next_deadline();
                let stuck = again.is_some_and(|(at, _)| at <= self.now);
                assert!(!stuck, "{id} wants to be woken again at once: {again:?}");
            }
        }
        self.now = until;
    }

    pub(crate) fn run(&mut self, span: Span) {
        self.run_to(self.now + span);
    }

    fn deliver(&mut self) {
        let Some((_, flight)) = self.wire.pop_first() else { return };
        let InFlight { from, to, call, frame } = flight;
        if self.cuts.contains(&(from, to)) {
            return;
        }
        if self.members[&to].raft.is_none() {
            if let Frame::Request(_) = frame {
                let (asker, call) = call;
                let refused = RpcError::Disconnected(klamm_node::CloseReason::Refused);
                self.finish(asker, call, Err(refused));
            }
            return;
        }
        match frame {
            Frame::Request(bytes) => {
                let request = codec::decode_request(bytes.slice(4..)).expect("a request");
                self.serial += 1;
                let token = RequestToken {
                    connection: ConnectionId(1),
                    correlation_id: CorrelationId(1),
                    api_key: request.header.api_key,
                    api_version: request.header.api_version,
                    serial: self.serial,
                };
                self.tokens.insert(token, (call.0, to, call.1));
                if let RequestKind::ApiVersions(_) = request.body {
                    return self.take(to, RaftOutput::Reply { token, response: self.versions(to) });
                }
                self.hand(to, token, request.body);
            }
            Frame::Response(key, version, bytes) => {
                let (_, response) =
                    codec::decode_response(key, version, bytes.slice(4..)).expect("a response");
                self.finish(to, call.1, Ok(response));
            }
        }
    }

    /// Hands over a request that nobody in the lab sent; its reply goes to `answers`.
    pub(crate) fn inject(&mut self, to: BrokerId, request: RequestKind) {
        let key = codec::key_of(&request).expect("served") as i16;
        self.inject_at(to, request, api::info(key).expect("served").max);
    }

    /// The same in a version; returns the answer, if it comes at once.
    pub(crate) fn ask(&mut self, to: BrokerId, request: RequestKind, version: i16) -> ResponseKind {
        self.answers.clear();
        self.inject_at(to, request, version);
        let answer = self.answers.pop().expect("an answer");
        // What is said must also fit on the wire.
        let key = codec::key_of_response(&answer).expect("served");
        codec::encode_response(key, version, CorrelationId(1), &answer).expect("it fits");
        answer
    }

    fn inject_at(&mut self, to: BrokerId, request: RequestKind, version: i16) {
        self.serial += 1;
        let key = codec::key_of(&request).expect("served") as i16;
        let token = RequestToken {
            connection: ConnectionId(2),
            correlation_id: CorrelationId(1),
            api_key: key,
            api_version: version,
            serial: self.serial,
        };
        self.hand(to, token, request);
    }

    fn hand(&mut self, to: BrokerId, token: RequestToken, request: RequestKind) {
        self.call(to, |raft, _, cx, out| {
            raft.as_mut().expect("up").handle_request(cx, token, request, out);
        });
    }

    fn finish(&mut self, id: BrokerId, call: RaftCall, outcome: Result<ResponseKind, RpcError>) {
        if self.waiting.remove(&(id, call)).is_none() {
            return;
        }
        self.call(id, |raft, _, cx, out| {
            if let Some(raft) = raft {
                raft.handle_response(cx, call, outcome, out);
            }
        });
    }

    pub(crate) fn start(&mut self, id: BrokerId) {
        if self.members[&id].raft.is_some() {
            return;
        }
        let format = self.members.get_mut(&id).and_then(|member| member.formatted_with.take());
        self.call(id, |raft, config, cx, out| {
            if let Some(voters) = format {
                klamm_raft::format(cx, &voters).expect("formatted");
            }
            let mut opened = Raft::open(cx, config.clone()).expect("opened");
            opened.handle_timers(cx, out);
            *raft = Some(opened);
        });
    }

    /// The process dies; what the operating system holds of its files stays.
    pub(crate) fn crash(&mut self, id: BrokerId) {
        let member = self.members.get_mut(&id).expect("a member");
        member.raft = None;
        member.told.clear();
        member.batches_since_snapshot = 0;
        member.last_role = "start".to_owned();
        member.leads = None;
        member.high_watermark_seen = Offset(0);
        self.waiting.retain(|(asker, _), _| *asker != id);
        self.tokens.retain(|_, (asker, answerer, _)| *asker != id && *answerer != id);
        // Its requests die with it, and so do the connections that answers would come back by.
        self.wire.retain(|_, flight| flight.call.0 != id);
    }

    pub(crate) fn power_failure(&mut self, id: BrokerId, loss: Loss) {
        self.crash(id);
        let member = self.members.get_mut(&id).expect("a member");
        member.disk.lose_power(loss, &mut self.dice);
    }

    pub(crate) fn cut(&mut self, from: BrokerId, to: BrokerId) {
        self.cuts.insert((from, to));
    }

    pub(crate) fn isolate(&mut self, id: BrokerId) {
        for other in self.ids() {
            self.cuts.insert((id, other));
            self.cuts.insert((other, id));
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
    }

    pub(crate) fn append(&mut self, id: BrokerId, records: Vec<Bytes>) -> Option<(Offset, Offset)> {
        self.call(id, |raft, _, cx, out| raft.as_mut()?.append(cx, records, out))
    }

    /// The member's owner makes a snapshot of what it was told.
    pub(crate) fn snapshot(&mut self, id: BrokerId) {
        let member = self.members.get_mut(&id).expect("a member");
        let Some((last, _)) = member.told.last() else { return };
        let (end, records) = (last.plus(1), member.told.iter().map(pack).collect());
        member.batches_since_snapshot = 0;
        self.call(id, |raft, _, cx, _| {
            if let Some(raft) = raft {
                raft.create_snapshot(cx, end, records, "record-bytes");
            }
        });
    }

    /// A member gets a new, empty disk.
    pub(crate) fn wipe(&mut self, id: BrokerId) {
        self.crash(id);
        let member = self.members.get_mut(&id).expect("a member");
        member.disk = MemoryDisk::new();
        if member.config.voters.is_empty() {
            // As `kafka-storage format --no-initial-controllers` leaves it.
            member.config.directory_id.0 += ANOTHER_DISK;
        }
        member.epoch_seen = LeaderEpoch(0);
        member.synced_seen = Offset(0);
        member.voters_at = Offset(-1);
    }

    pub(crate) fn shutdown(&mut self, id: BrokerId) {
        self.call(id, |raft, _, cx, out| {
            if let Some(raft) = raft {
                raft.shutdown(cx, out);
            }
        });
    }

    /// The member that may write, in the newest epoch.
    pub(crate) fn leader(&self) -> Option<BrokerId> {
        let leading = |(id, member): (&BrokerId, &Member)| member.leads.map(|epoch| (epoch, *id));
        self.members.iter().filter_map(leading).max().map(|(_, id)| id)
    }
}
