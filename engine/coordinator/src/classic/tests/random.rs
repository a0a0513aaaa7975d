//! Classic groups by chance: consumers that come, go, crash, give requests up and come back, over a coordinator whose log
//! stalls, refuses and moves to another broker. Whatever happens, no rule is broken; and once it is quiet, the group comes to
//! rest (L5).

use std::collections::{BTreeMap, BTreeSet};
use std::panic::catch_unwind;

use klamm_node::{EventKind, MemberId, PlantedFaults, Span};
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::ResponseKind;
use klamm_protocol::{ErrorCode, GroupRecord};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::clients::{Clients, Joins, Known, subscription};
use super::lab::{Lab, Seen};
use crate::classic::GroupState;

/// The consumers: two dynamic ones of today, one from before member ids were required, three static ones, of which two share
/// an instance id by a mistake of their operator.
const NAMES: [&str; 6] = ["a", "b", "old", "s1", "s2", "s2-again"];
const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 20_000;
/// What a consumer has that is in no generation.
const NO_GENERATION: i32 = -1;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// A consumer goes on: it joins, syncs, heartbeats.
    Step(usize),
    /// All consumers go on.
    Steps,
    /// A consumer waits no more for its answer.
    GivesUp(usize),
    /// A process dies, or starts again if it is dead.
    Crash(usize),
    /// A consumer leaves in good order.
    Leave(usize),
    /// It subscribes to something else.
    Resubscribe(usize),
    /// Its application hangs; its heartbeats go on (KIP-62).
    Hangs(usize),
    /// It commits, as it believes to be.
    Commit(usize),
    /// An administrator removes a static member.
    Remove(usize),
    /// Time passes.
    Wait(u64),
    /// The high watermark stands still, or goes on.
    Hold(bool),
    /// The log refuses, or takes.
    Refuse(bool),
    /// Another coordinator takes over, with what is not committed or without.
    FailOver(bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    let who = 0..NAMES.len();
    prop_oneof![
        6 => who.clone().prop_map(Happens::Step),
        8 => Just(Happens::Steps),
        1 => who.clone().prop_map(Happens::GivesUp),
        1 => who.clone().prop_map(Happens::Crash),
        1 => who.clone().prop_map(Happens::Leave),
        1 => who.clone().prop_map(Happens::Resubscribe),
        1 => who.clone().prop_map(Happens::Hangs),
        2 => who.clone().prop_map(Happens::Commit),
        1 => who.prop_map(Happens::Remove),
        6 => prop_oneof![Just(0), 1..1_000_u64, 1_000..25_000_u64].prop_map(Happens::Wait),
        1 => any::<bool>().prop_map(Happens::Hold),
        1 => any::<bool>().prop_map(Happens::Refuse),
        1 => any::<bool>().prop_map(Happens::FailOver),
    ]
}

/// What a consumer does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Join,
    Sync,
    Heartbeat,
}

#[derive(Clone, Debug)]
struct Consumer {
    name: &'static str,
    lives: bool,
    next: Next,
    topics: &'static str,
    /// It has subscribed to something else than it told the last time.
    resubscribed: bool,
    hangs: bool,
    /// Its request under way, and the generation that it was sent in.
    asked: Option<(RequestToken, i32)>,
}

struct World {
    lab: Lab,
    clients: Clients,
    consumers: Vec<Consumer>,
    /// The greatest generation that this coordinator has begun or loaded.
    generation: i32,
    /// Ids that are not the group's any more.
    gone: BTreeSet<MemberId>,
    rebalances: u32,
}

impl World {
    fn new() -> Self {
        let mut clients = Clients::default();
        let consumer = |name: &&'static str| Consumer {
            name,
            lives: true,
            next: Next::Join,
            topics: "t",
            resubscribed: false,
            hangs: false,
            asked: None,
        };
        for name in NAMES {
            let instance = name.strip_suffix("-again").unwrap_or(name);
            let known = clients.known(name);
            known.instance = name.starts_with('s').then(|| instance.to_owned());
            known.generation = NO_GENERATION;
        }
        Self {
            lab: Lab::new(7, &[]),
            clients,
            consumers: NAMES.iter().map(consumer).collect(),
            generation: 0,
            gone: BTreeSet::new(),
            rebalances: 0,
        }
    }

    fn step(&mut self, at: usize) {
        let consumer = self.consumers[at].clone();
        if !consumer.lives || consumer.asked.is_some() {
            return;
        }
        let name = consumer.name;
        let old = name == "old";
        let next = match consumer.next {
            Next::Heartbeat if consumer.resubscribed && !consumer.hangs => Next::Join,
            // The heartbeat thread begins with the answer to the JoinGroup.
            Next::Sync if consumer.hangs => Next::Heartbeat,
            Next::Join if consumer.hangs => return,
            next @ (Next::Join | Next::Sync | Next::Heartbeat) => next,
        };
        let sent = match next {
            Next::Join => {
                self.consumers[at].resubscribed = false;
                let joins = Joins {
                    version: if old { 3 } else { 9 },
                    session_ms: SESSION_MS,
                    rebalance_ms: REBALANCE_MS,
                    topics: consumer.topics,
                    ..Joins::default()
                };
                self.clients.join(&mut self.lab, name, &joins)
            }
            Next::Sync => {
                let version = if old { 2 } else { 5 };
                self.clients.sync(&mut self.lab, name, (version, None), ("consumer", "range"), true)
            }
            Next::Heartbeat => self.clients.heartbeat(&mut self.lab, name, None),
        };
        let generation = self.clients.known(name).generation;
        match sent {
            Ok(token) => self.consumers[at].asked = Some((token, generation)),
            // Loading, or nobody there: it asks again.
            Err(error) => assert!(error.retriable(), "{name}: {error}"),
        }
        self.hear();
    }

    /// Consumers take their answers; events are looked at.
    fn hear(&mut self) {
        for (_, seen) in self.lab.take_seen() {
            match seen {
                Seen::Event(event) => self.note(&event),
                Seen::Answer(connection, token, response) => {
                    let number = connection.0;
                    let at = self.consumers.iter().position(|consumer| {
                        self.clients
                            .by_name
                            .get(consumer.name)
                            .is_some_and(|known| known.number == number)
                    });
                    let Some(at) = at else { continue };
                    let asked = self.consumers[at].asked.filter(|(asked, _)| *asked == token);
                    if let Some((_, generation)) = asked {
                        self.consumers[at].asked = None;
                        self.clients.learn(number, &response);
                        self.answered(at, generation, &response);
                    }
                }
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others change nothing that is held against"
    )]
    fn note(&mut self, event: &EventKind) {
        match event {
            EventKind::GenerationStarted { generation, .. } => {
                assert!(*generation > self.generation, "generations ascend");
                self.generation = *generation;
            }
            // That nobody is left is a generation of its own.
            EventKind::GroupStateChanged { reason, epoch, .. } if reason == "last-left" => {
                assert!(*epoch > self.generation, "generations ascend");
                self.generation = *epoch;
            }
            EventKind::CoordinatorLoaded { .. } => {
                self.generation = self.lab.group().map_or(0, |group| group.generation());
                self.gone.clear();
            }
            EventKind::RebalanceStarted { .. } => self.rebalances += 1,
            EventKind::MemberRemoved { member, .. } => {
                self.gone.insert(member.clone());
            }
            EventKind::MemberJoined { member, .. } => {
                self.gone.remove(member);
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "consumers ask three things")]
    fn answered(&mut self, at: usize, generation: i32, response: &ResponseKind) {
        let name = self.consumers[at].name;
        let (code, succeeds) = match response {
            ResponseKind::JoinGroup(joined) => (joined.error_code, Next::Sync),
            ResponseKind::SyncGroup(synced) => (synced.error_code, Next::Heartbeat),
            ResponseKind::Heartbeat(beat) => (beat.error_code, Next::Heartbeat),
            _ => return,
        };
        let error = ErrorCode(code);
        if let (ResponseKind::SyncGroup(synced), true) = (response, error.is_none()) {
            let id = self.clients.known(name).id.clone();
            self.check_assignment(&id, generation, &synced.assignment);
        }
        let hangs = self.consumers[at].hangs;
        self.consumers[at].next = match error {
            // A heartbeat of one that hangs is no step on; a SyncGroup that was under way when it began to hang is.
            ErrorCode::NONE if hangs && matches!(response, ResponseKind::Heartbeat(_)) => {
                self.consumers[at].next
            }
            // It learns nothing of a rebalance and heartbeats on.
            ErrorCode::REBALANCE_IN_PROGRESS if hangs => self.consumers[at].next,
            ErrorCode::NONE => succeeds,
            ErrorCode::FENCED_INSTANCE_ID => {
                // Fatal for a consumer: another process has its place.
                self.consumers[at].lives = false;
                Next::Join
            }
            ErrorCode::UNKNOWN_MEMBER_ID => {
                self.forget(name);
                Next::Join
            }
            ErrorCode::ILLEGAL_GENERATION => {
                self.clients.known(name).generation = NO_GENERATION;
                Next::Join
            }
            // A heartbeat that finds nobody is sent again.
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR
                if succeeds == Next::Heartbeat
                    && matches!(response, ResponseKind::Heartbeat(_)) =>
            {
                Next::Heartbeat
            }
            ErrorCode::MEMBER_ID_REQUIRED
            | ErrorCode::REBALANCE_IN_PROGRESS
            | ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::NOT_COORDINATOR
            | ErrorCode::UNKNOWN_SERVER_ERROR => Next::Join,
            error => panic!("{name} does not understand {error}"),
        };
    }

    /// A consumer is to join anew, or begins to live: it has no id, and no generation of its own.
    fn forget(&mut self, name: &str) {
        let known = self.clients.known(name);
        known.id.clear();
        known.generation = NO_GENERATION;
    }

    /// What a member is told is committed, as the assignment of the generation that it asked for; and within one generation
    /// a partition has one owner.
    fn check_assignment(&self, id: &str, generation: i32, told: &bytes::Bytes) {
        let mut owners: BTreeMap<bytes::Bytes, String> = BTreeMap::new();
        let mut found = false;
        for record in self.lab.log.records(self.lab.log.committed) {
            let GroupRecord::GroupMetadata { value: Some(value), .. } = record else { continue };
            if value.generation != generation {
                continue;
            }
            for member in value.members {
                found |= member.member_id.as_str() == id && member.assignment == *told;
                let who = member.group_instance_id.unwrap_or_else(|| member.member_id.to_string());
                let owner = owners.entry(member.assignment).or_insert_with(|| who.clone());
                assert_eq!(*owner, who, "two owners in generation {generation}");
            }
        }
        assert!(
            found,
            "{id} was told an assignment of generation {generation} that is not committed"
        );
    }

    fn commit(&mut self, at: usize) {
        let name = self.consumers[at].name;
        let Known { id, generation, .. } = self.clients.known(name).clone();
        // Without a generation, a consumer of a group does not even ask.
        if id.is_empty() || generation == NO_GENERATION {
            return;
        }
        let taken = self.clients.may_commit(&mut self.lab, name, None, (true, false));
        if taken.is_ok() {
            assert_eq!(generation, self.generation, "{name} commits in a generation that is over");
            assert!(!self.gone.contains(id.as_str()), "{name} commits though it is out");
        }
        self.hear();
    }

    fn happen(&mut self, happens: Happens) {
        match happens {
            Happens::Step(at) => self.step(at),
            Happens::Steps => (0..NAMES.len()).for_each(|at| self.step(at)),
            Happens::GivesUp(at) => self.consumers[at].asked = None,
            Happens::Crash(at) => {
                let consumer = &mut self.consumers[at];
                (consumer.lives, consumer.next, consumer.asked) =
                    (!consumer.lives, Next::Join, None);
                let name = consumer.name;
                self.forget(name);
            }
            Happens::Leave(at) => {
                let consumer = &mut self.consumers[at];
                (consumer.next, consumer.asked) = (Next::Join, None);
                let name = consumer.name;
                // A static member goes without a word (KIP-345).
                if consumer.lives
                    && !name.starts_with('s')
                    && !self.clients.known(name).id.is_empty()
                {
                    let left = self.clients.leave(
                        &mut self.lab,
                        if name == "old" { 2 } else { 5 },
                        &[name],
                    );
                    left.expect("it serves");
                }
                self.forget(name);
                self.hear();
            }
            Happens::Resubscribe(at) => {
                let consumer = &mut self.consumers[at];
                consumer.topics = if consumer.topics == "t" { "t+u" } else { "t" };
                consumer.resubscribed = true;
            }
            Happens::Hangs(at) => self.consumers[at].hangs = true,
            Happens::Commit(at) => self.commit(at),
            Happens::Remove(at) => {
                if let Some(instance) = self.clients.known(NAMES[at]).instance.clone() {
                    let who = format!("instance:{instance}");
                    self.clients.leave(&mut self.lab, 5, &[&who]).expect("it serves");
                    self.hear();
                }
            }
            Happens::Wait(ms) => {
                self.lab.wait(Span::millis(ms));
                self.hear();
            }
            Happens::Hold(holds) => {
                self.lab.log.holds = holds;
                if !holds {
                    self.lab.commit();
                }
                self.hear();
            }
            Happens::Refuse(refuses) => {
                self.lab.log.refuses = refuses.then_some(ErrorCode::NOT_ENOUGH_REPLICAS);
            }
            Happens::FailOver(keeps) => {
                self.lab.fail_over(keeps);
                self.hear();
            }
        }
    }

    /// Nothing happens any more but what consumers do: within the longest wait of the protocol and some rounds, everybody who
    /// lives is a member of one stable generation, and nobody who is gone.
    fn come_to_rest(&mut self) {
        self.happen(Happens::Refuse(false));
        self.happen(Happens::Hold(false));
        // Who was fenced stays away: two processes with one instance id would fence each other for ever.
        for _ in 0..200 {
            self.happen(Happens::Steps);
            self.happen(Happens::Wait(1_000));
        }
        let before = self.rebalances;
        for _ in 0..60 {
            self.happen(Happens::Steps);
            self.happen(Happens::Wait(1_000));
        }
        assert_eq!(self.rebalances, before, "it rebalances on without a reason");
        let living: Vec<&Consumer> =
            self.consumers.iter().filter(|consumer| consumer.lives && !consumer.hangs).collect();
        let Some(group) = self.lab.group() else {
            assert!(living.is_empty(), "nobody is in a group");
            return;
        };
        let members = group.members().count();
        // With nobody but a static member that hangs, a rebalance waits for it as long as its heartbeats come.
        if members == 0 || !living.is_empty() {
            let wanted = if members == 0 { GroupState::Empty } else { GroupState::Stable };
            assert_eq!(group.state(), wanted, "{group:#?}");
        }
        // Who hangs may be in or out: whether its heartbeats count depends on the generation that the coordinator knows.
        let hanging = self.consumers.iter().filter(|consumer| consumer.lives && consumer.hangs);
        let most = living.len() + hanging.count();
        assert!((living.len()..=most).contains(&members), "{group:#?}");
        for consumer in living {
            let known = &self.clients.by_name[consumer.name];
            let member = group.member(&known.id).expect("who lives is a member");
            assert_eq!(known.generation, group.generation(), "{}", consumer.name);
            assert_eq!(known.assignment.as_ref(), Some(&member.assignment), "{}", consumer.name);
            let told = member.metadata(Some("range"));
            let word = subscription(consumer.topics);
            assert_eq!(told, word, "{} is taken at its word", consumer.name);
        }
        assert_eq!(group.pending_members().count(), 0, "{group:#?}");
    }
}

/// Everything that happens, and then quiet.
fn live(story: &[Happens]) {
    let mut world = World::new();
    for happens in story {
        world.happen(*happens);
    }
    world.come_to_rest();
}

fn stories() -> impl Strategy<Value = Vec<Happens>> {
    prop::collection::vec(happens(), 1..120)
}

/// How many stories: `PROPTEST_CASES`, or so many.
#[expect(clippy::disallowed_methods, reason = "how long a test looks is said from outside")]
fn cases(otherwise: u32) -> u32 {
    let told = std::env::var("PROPTEST_CASES").ok();
    told.and_then(|told| told.parse().ok()).unwrap_or(otherwise)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(300),
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_story_breaks_a_rule(story in stories()) {
        live(&story);
    }
}

/// A consumer that is told to join anew forgets its generation with its id, as Java's does. One that would keep it could
/// commit: the generation that was lost with the failover (2) is counted again, by the group that becomes empty (1 to 2)
/// and then takes the consumer's new id while it prepares generation 3. Kafka takes such a commit, and so does the engine.
#[test]
fn a_generation_is_counted_again_after_a_failover_that_lost_it() {
    use Happens::{Commit, FailOver, Hold, Step, Steps, Wait};
    let old = 2;
    let lost = [Step(old), Step(0), Wait(3_000), Hold(true), Step(0), Steps, Steps, Step(0)];
    let again = [FailOver(false), Steps, Step(old), Wait(13_000), Step(0), Steps, Steps, Commit(0)];
    live(&[lost, again].concat());
}

/// The rules are looked at: a mistake in the engine breaks one of them in some story. Needs a build with planted faults.
#[test]
fn planted_faults_break_a_rule() {
    if !PlantedFaults::POSSIBLE {
        return;
    }
    for fault in [
        "group_accepts_old_generation_commit",
        "group_keeps_old_subscription",
        "group_no_instance_fencing",
        "group_no_sync_expiration",
        "group_static_member_not_persisted",
    ] {
        let mut runner = TestRunner::deterministic();
        let broken = (0..1_000).any(|_| {
            let story = stories().new_tree(&mut runner).expect("a story").current();
            let faults = PlantedFaults::new([fault.to_owned()]);
            catch_unwind(|| faults.during(|| live(&story))).is_err()
        });
        assert!(broken, "{fault} goes unnoticed");
    }
}
