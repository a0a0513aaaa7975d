//! What a random fault does to whom: one function per kind, within what must survive.

#![expect(clippy::field_scoped_visibility_modifiers, reason = "plain data of the nemesis")]

use klamm_node::rng::Stream;
use klamm_node::{AdminRequest, BrokerId, NodeId, Span, TopicPartition};
use klamm_scenario::Scenario;
use klamm_scenario::model::{Action, Budget, Disk, DiskFault, Flaws, Mischief, Network, Target};
use klamm_trace::{NodeKind, NodeTable, PartitionState, ProcessState, View};

/// A fault that can happen now.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// What it begins with.
    pub(super) onset: Vec<Action>,
    /// What follows, each so long after the onset.
    pub(super) stages: Vec<(Span, Vec<Action>)>,
    /// What ends it.
    pub(super) end: Vec<Action>,
    /// How long it lasts.
    pub(super) lasting: Span,
    /// Servers that are down, frozen or isolated by it.
    pub(super) down: Vec<NodeId>,
    /// Links that it cuts.
    pub(super) links: Vec<(NodeId, NodeId)>,
}

/// What a plan is made with.
pub(super) struct Sight<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) table: &'a NodeTable,
    pub(super) view: &'a View,
    pub(super) budget: Budget,
    /// Servers that other faults have taken.
    pub(super) down: &'a [NodeId],
    /// Links that other faults have cut.
    pub(super) links: &'a [(NodeId, NodeId)],
    pub(super) lasting: (Span, Span),
}

/// A fault of a kind, if one is possible at this moment.
pub(super) fn plan(kind: Mischief, dice: &mut Stream, sight: &Sight<'_>) -> Option<Plan> {
    let lasting = dice.span(sight.lasting.0, sight.lasting.1);
    let planned = match kind {
        Mischief::Crash => sight
            .process(dice, |_, who| (vec![Action::Crash(who.clone())], vec![Action::Restart(who)])),
        Mischief::PowerFailure => sight.process(dice, |dice, who| {
            let partial = dice.per_million(500_000);
            let off = Action::PowerOff { targets: vec![who.clone()], partial };
            (vec![off], vec![Action::Restart(who)])
        }),
        Mischief::Freeze => sight
            .process(dice, |_, who| (vec![Action::Pause(who.clone())], vec![Action::Resume(who)])),
        Mischief::OrderlyStop => sight
            .process(dice, |_, who| (vec![Action::Stop(who.clone())], vec![Action::Restart(who)])),
        Mischief::LostDisk => sight.broker(dice, |who| {
            let onset = vec![Action::Crash(who.clone()), Action::WipeDisk(who.clone())];
            (onset, vec![Action::Restart(who)])
        }),
        Mischief::Isolate => sight.isolate(dice),
        Mischief::OneWayCut => sight.one_way(dice),
        Mischief::PairCut => sight.pair(dice),
        Mischief::Split => sight.split(dice, false),
        Mischief::Bridge => sight.split(dice, true),
        Mischief::Ring => sight.ring(dice),
        Mischief::Swizzle => sight.swizzle(dice, lasting),
        Mischief::SlowLink => sight.slow_link(dice),
        Mischief::FlakyLink => sight.flaky_link(dice),
        Mischief::Reset => sight.any_server(dice).map(|node| {
            let from = vec![sight.host(node)];
            let onset = vec![Action::ResetConnections { from, to: Vec::new() }];
            Plan { onset, ..Plan::default() }
        }),
        Mischief::SlowDisk => sight.slow_disk(dice),
        Mischief::HeldReplies => sight.held_replies(dice),
        Mischief::LateMetadata => sight.any_broker(dice).map(|node| {
            let by = dice.span(Span::millis(300), Span::secs(6));
            let delay = |by| Action::DelayMetadata { target: sight.host(node), by };
            Plan { onset: vec![delay(by)], end: vec![delay(Span::ZERO)], ..Plan::default() }
        }),
        Mischief::WrongClock => sight.wrong_clock(dice),
        Mischief::MoveLeader => return sight.move_leader(dice),
        Mischief::Reassign => sight.reassign(dice),
        Mischief::FailingSync => sight.broken_disk(dice, DiskFault::SyncFails),
        Mischief::FullDisk => sight.broken_disk(dice, DiskFault::Full),
        Mischief::LyingDisk => sight.lying_disk(dice, lasting),
        Mischief::ConsumerCrash => sight
            .consumer(dice, |who| (vec![Action::Crash(who.clone())], vec![Action::Restart(who)])),
        Mischief::ConsumerFreeze => sight
            .consumer(dice, |who| (vec![Action::Pause(who.clone())], vec![Action::Resume(who)])),
        Mischief::ConsumerStop => sight
            .consumer(dice, |who| (vec![Action::Stop(who.clone())], vec![Action::Restart(who)])),
        Mischief::ConsumerCut => sight.consumer_cut(dice),
        Mischief::HeldGroupReplies => sight.held_group_replies(dice),
        Mischief::CoordinatorCrash => sight.coordinator_crash(dice),
    };
    planned.map(|plan| Plan { lasting, ..plan })
}

impl Sight<'_> {
    fn host(&self, node: NodeId) -> Target {
        Target::Node(self.table.name(node).to_owned())
    }

    fn hosts(&self, nodes: &[NodeId]) -> Vec<Target> {
        nodes.iter().map(|node| self.host(*node)).collect()
    }

    fn servers(&self) -> Vec<NodeId> {
        let servers = self.table.iter().filter(|(_, info)| !info.kind.is_client());
        servers.map(|(node, _)| node).collect()
    }

    fn is_broker(&self, node: NodeId) -> bool {
        self.table.get(node).is_some_and(|info| info.kind.is_broker())
    }

    fn is_voter(&self, node: NodeId) -> bool {
        self.table.get(node).is_some_and(|info| info.kind.is_controller())
    }

    /// Up, and left alone by other faults.
    fn is_free(&self, node: NodeId) -> bool {
        let up = self.view.nodes.get(&node).is_some_and(|view| view.state == ProcessState::Up);
        up && !self.down.contains(&node)
    }

    /// Whether a server may be taken without hurting what must survive.
    fn may_take(&self, node: NodeId) -> bool {
        if !self.is_free(node) {
            return false;
        }
        let broker = self.is_broker(node);
        // A process in both roles is taken from both.
        let exhausted = |plays: &dyn Fn(NodeId) -> bool, most: u32| {
            let peers = self.servers().into_iter().filter(|peer| plays(*peer));
            let taken = peers.filter(|peer| !self.is_free(*peer)).count() + 1;
            plays(node) && u32::try_from(taken).map_or(true, |taken| taken > most)
        };
        if exhausted(&|peer| self.is_broker(peer), self.budget.brokers)
            || exhausted(&|peer| self.is_voter(peer), self.budget.controllers)
        {
            return false;
        }
        let Some(id) = self.table.broker_of(node) else { return false };
        !broker || self.truths().all(|(_, truth)| self.survives(truth, id))
    }

    /// Whether a partition's ISR is left with enough members without a broker.
    fn survives(&self, truth: &PartitionState, without: BrokerId) -> bool {
        if !truth.isr.contains(&without) {
            return true;
        }
        let others = truth.isr.iter().filter(|id| **id != without);
        let alive = others.filter(|id| self.table.node_of(**id).is_some_and(|n| self.is_free(n)));
        u32::try_from(alive.count()).map_or(true, |alive| alive >= self.budget.live_isr)
    }

    fn truths(&self) -> impl Iterator<Item = (&TopicPartition, &PartitionState)> {
        self.view.partitions.iter().filter_map(|(at, view)| Some((at, view.truth.as_ref()?)))
    }

    /// Somebody of these; a third of the time somebody who leads, for that is where it hurts.
    fn pick(&self, dice: &mut Stream, among: &[NodeId]) -> Option<NodeId> {
        if among.is_empty() {
            return None;
        }
        let leads = |node: &&NodeId| {
            let id = self.table.broker_of(**node);
            let active = self.view.active_controller().map(|(id, _)| id);
            id.is_some_and(|id| {
                active == Some(id) || self.truths().any(|(_, truth)| truth.leader == id)
            })
        };
        let leaders: Vec<NodeId> = among.iter().filter(leads).copied().collect();
        let (biased, any) = (dice.per_million(333_333), dice.index(among.len()));
        let leader = dice.index(leaders.len());
        if biased && let Some(leader) = leaders.get(leader) {
            return Some(*leader);
        }
        among.get(any).copied()
    }

    /// Something that takes a server, and gives it back.
    fn process(
        &self,
        dice: &mut Stream,
        what: impl FnOnce(&mut Stream, Target) -> (Vec<Action>, Vec<Action>),
    ) -> Option<Plan> {
        let mut among = self.servers();
        // Brokers three times as often as controllers.
        let broker = dice.per_million(750_000);
        among.retain(|node| self.may_take(*node));
        let wished: Vec<NodeId> =
            among.iter().filter(|node| self.is_broker(**node) == broker).copied().collect();
        let node = self.pick(dice, if wished.is_empty() { &among } else { &wished })?;
        let (onset, end) = what(dice, self.host(node));
        Some(Plan { onset, end, down: vec![node], ..Plan::default() })
    }

    /// Something that takes a broker, and gives it back.
    fn broker(
        &self,
        dice: &mut Stream,
        what: impl FnOnce(Target) -> (Vec<Action>, Vec<Action>),
    ) -> Option<Plan> {
        let mut among = self.servers();
        among.retain(|node| self.is_broker(*node) && self.may_take(*node));
        let node = self.pick(dice, &among)?;
        let (onset, end) = what(self.host(node));
        Some(Plan { onset, end, down: vec![node], ..Plan::default() })
    }

    fn any_server(&self, dice: &mut Stream) -> Option<NodeId> {
        let mut among = self.servers();
        among.retain(|node| self.is_free(*node));
        self.pick(dice, &among)
    }

    fn any_broker(&self, dice: &mut Stream) -> Option<NodeId> {
        let mut among = self.servers();
        among.retain(|node| self.is_broker(*node) && self.is_free(*node));
        self.pick(dice, &among)
    }

    /// Two groups that hear each other no more, unless another fault has cut one of these links already.
    fn cut(&self, from: &[NodeId], to: &[NodeId], both_ways: bool) -> Option<Plan> {
        let mut links = Vec::new();
        for from in from {
            for to in to {
                links.extend([(*from, *to), (*to, *from)]);
            }
        }
        if links.is_empty() || links.iter().any(|link| self.links.contains(link)) {
            return None;
        }
        let (from, to) = (self.hosts(from), self.hosts(to));
        let onset = vec![Action::Cut { from: from.clone(), to: to.clone(), both_ways }];
        Some(Plan { onset, end: vec![Action::Heal { from, to }], links, ..Plan::default() })
    }

    fn isolate(&self, dice: &mut Stream) -> Option<Plan> {
        let mut among = self.servers();
        among.retain(|node| self.may_take(*node));
        let node = self.pick(dice, &among)?;
        let from_clients_too = dice.per_million(500_000);
        let mut others = self.servers();
        if from_clients_too {
            others = self.table.iter().map(|(node, _)| node).collect();
        }
        others.retain(|other| *other != node);
        let plan = self.cut(&[node], &others, true)?;
        Some(Plan { down: vec![node], ..plan })
    }

    fn one_way(&self, dice: &mut Stream) -> Option<Plan> {
        let mut among = self.servers();
        among.retain(|node| self.may_take(*node));
        let node = self.pick(dice, &among)?;
        let mut others = self.servers();
        others.retain(|other| *other != node);
        let plan = match dice.per_million(500_000) {
            true => self.cut(&[node], &others, false),
            false => self.cut(&others, &[node], false),
        }?;
        Some(Plan { down: vec![node], ..plan })
    }

    fn pair(&self, dice: &mut Stream) -> Option<Plan> {
        // Two who speak to each other: a follower with its leader, a broker with the active controller.
        let node = |id: &BrokerId| self.table.node_of(*id);
        let mut pairs: Vec<(NodeId, NodeId)> = Vec::new();
        for (_, truth) in self.truths() {
            let Some(leader) = node(&truth.leader) else { continue };
            let replicas = truth.replicas.iter().filter_map(node);
            pairs.extend(replicas.filter(|other| *other != leader).map(|other| (leader, other)));
        }
        if let Some(active) = self.active_controller() {
            let brokers = self.servers().into_iter().filter(|node| self.is_broker(*node));
            pairs.extend(brokers.map(|broker| (active, broker)));
        }
        pairs.retain(|(one, other)| self.is_free(*one) && self.is_free(*other));
        let (one, other) = *pairs.get(dice.index(pairs.len()))?;
        self.cut(&[one], &[other], dice.per_million(500_000))
    }

    fn split(&self, dice: &mut Stream, bridged: bool) -> Option<Plan> {
        let mut servers = self.servers();
        dice.shuffle(&mut servers);
        if bridged {
            servers.pop()?;
        }
        if servers.len() < 2 {
            return None;
        }
        let (left, right) = servers.split_at(1 + dice.index(servers.len() - 1));
        self.cut(left, right, true)
    }

    /// Everybody in a circle, and nobody hears those on the far side.
    fn ring(&self, dice: &mut Stream) -> Option<Plan> {
        let mut servers = self.servers();
        dice.shuffle(&mut servers);
        let count = servers.len();
        // With so many neighbours on each side, everybody hears a majority, himself included.
        let near = (count / 2).div_ceil(2);
        let mut ring = Plan::default();
        for (at, node) in servers.iter().enumerate() {
            let far = |other: &usize| {
                let distance = (*other - at).min(count + at - *other);
                distance > near
            };
            let far: Vec<NodeId> = (at + 1..count).filter(far).map(|i| servers[i]).collect();
            if far.is_empty() {
                continue;
            }
            let cut = self.cut(&[*node], &far, true)?;
            ring.onset.extend(cut.onset);
            ring.end.extend(cut.end);
            ring.links.extend(cut.links);
        }
        (!ring.onset.is_empty()).then_some(ring)
    }

    fn active_controller(&self) -> Option<NodeId> {
        self.view.active_controller().and_then(|(id, _)| self.table.node_of(id))
    }

    /// Up to three servers lose the others, one after the other, and get them back in another order.
    fn swizzle(&self, dice: &mut Stream, lasting: Span) -> Option<Plan> {
        // The idle controllers hear nobody who would miss them.
        let active = self.active_controller();
        let mut servers = self.servers();
        servers.retain(|node| self.is_broker(*node) || active == Some(*node));
        dice.shuffle(&mut servers);
        let (victims, others) = servers.split_at(servers.len().min(3));
        let mut order: Vec<u64> = (0..victims.len() as u64).collect();
        dice.shuffle(&mut order);
        let beat = Span(lasting.0 / (2 * victims.len() as u64 + 1));
        let mut swizzle = Plan::default();
        for (at, victim) in (0..).zip(victims) {
            let cut = self.cut(&[*victim], others, true)?;
            match at {
                0 => swizzle.onset = cut.onset,
                _ => swizzle.stages.push((beat.times(at), cut.onset)),
            }
            swizzle.end.extend(cut.end);
            swizzle.links.extend(cut.links);
        }
        let count = victims.len() as u64;
        let healed = swizzle.end.clone();
        for (place, which) in (0..).zip(order) {
            let one = usize::try_from(which).ok().and_then(|which| healed.get(which).cloned());
            swizzle.stages.push((beat.times(count + place), one.into_iter().collect()));
        }
        Some(swizzle)
    }

    fn slow_link(&self, dice: &mut Stream) -> Option<Plan> {
        let node = self.any_server(dice)?;
        let usual = self.scenario.cluster.network;
        let low = dice.span(Span::millis(10), Span::millis(300));
        let narrow = dice.between(20_000, 500_000);
        let network = match dice.per_million(700_000) {
            true => Network { latency_low: low, latency_high: low.times(2), ..usual },
            false => Network { bandwidth: narrow, ..usual },
        };
        let both_ways = dice.per_million(700_000);
        let change = |network, both_ways| {
            let from = vec![self.host(node)];
            Action::SlowLink { from, to: Vec::new(), network, both_ways }
        };
        Some(Plan {
            onset: vec![change(network, both_ways)],
            end: vec![change(usual, both_ways)],
            ..Plan::default()
        })
    }

    fn flaky_link(&self, dice: &mut Stream) -> Option<Plan> {
        let node = self.any_server(dice)?;
        let mut share = |most| u32::try_from(dice.between(1, most)).unwrap_or(1);
        let flaws = Flaws { loss: share(200), duplicate: share(100), reorder: share(300) };
        let change = |flaws| {
            let from = vec![self.host(node)];
            Action::FlakyLink { from, to: Vec::new(), flaws, both_ways: true }
        };
        let (onset, end) = (vec![change(flaws)], vec![change(Flaws::default())]);
        Some(Plan { onset, end, ..Plan::default() })
    }

    fn slow_disk(&self, dice: &mut Stream) -> Option<Plan> {
        let node = self.any_server(dice)?;
        let usual = self.scenario.cluster.disk;
        let disk = Disk {
            read: usual.read,
            write: dice.span(Span::micros(100), Span::millis(5)),
            sync: dice.span(Span::millis(20), Span::millis(500)),
        };
        let change = |disk| vec![Action::SlowDisk { target: self.host(node), disk }];
        Some(Plan { onset: change(disk), end: change(usual), ..Plan::default() })
    }

    fn held_replies(&self, dice: &mut Stream) -> Option<Plan> {
        const PRODUCE: i16 = 0;
        const FETCH: i16 = 1;
        // Nobody asks a broker that leads nothing.
        let mut leaders = self.servers();
        leaders.retain(|node| {
            let id = self.table.broker_of(*node);
            self.is_free(*node) && self.truths().any(|(_, truth)| Some(truth.leader) == id)
        });
        let node = self.pick(dice, &leaders)?;
        let api = [None, Some(PRODUCE), Some(FETCH)][dice.index(3)];
        let by = dice.span(Span::millis(200), Span::secs(4));
        let hold = |by| {
            let from = vec![self.host(node)];
            vec![Action::HoldReplies { from, to: Vec::new(), by, api }]
        };
        Some(Plan { onset: hold(by), end: hold(Span::ZERO), ..Plan::default() })
    }

    fn wrong_clock(&self, dice: &mut Stream) -> Option<Plan> {
        let node = self.any_server(dice)?;
        let mut signed = |most: u64| {
            i64::try_from(dice.between(0, 2 * most)).unwrap_or(0) - i64::try_from(most).unwrap_or(0)
        };
        let (offset_ms, drift) = (signed(120_000), signed(20_000));
        let set = |offset_ms, drift_ppm| {
            vec![Action::SkewClock { target: self.host(node), offset_ms, drift_ppm }]
        };
        let onset = set(offset_ms, i32::try_from(drift).unwrap_or(0));
        Some(Plan { onset, end: set(0, 0), ..Plan::default() })
    }

    /// A partition at rest, with a leader and more than one replica.
    fn any_partition(&self, dice: &mut Stream) -> Option<(&TopicPartition, &PartitionState)> {
        let rests = |(_, truth): &(&TopicPartition, &PartitionState)| {
            truth.leader != BrokerId::NONE && truth.replicas.len() > 1 && !truth.is_moving()
        };
        let among: Vec<_> = self.truths().filter(rests).collect();
        among.get(dice.index(among.len())).copied()
    }

    /// Another member of the ISR becomes the preferred leader, and then the leader.
    fn move_leader(&self, dice: &mut Stream) -> Option<Plan> {
        let (partition, truth) = self.any_partition(dice)?;
        let elect = Action::Admin(AdminRequest::ElectLeaders {
            unclean: false,
            partitions: vec![partition.clone()],
        });
        let preferred = truth.replicas.first()?;
        if *preferred != truth.leader && truth.isr.contains(preferred) {
            return Some(Plan { onset: vec![elect], ..Plan::default() });
        }
        let others: Vec<BrokerId> =
            truth.isr.iter().filter(|id| **id != truth.leader).copied().collect();
        let next = *others.get(dice.index(others.len()))?;
        let rest = truth.replicas.iter().filter(|id| **id != next).copied();
        let replicas: Vec<BrokerId> = [next].into_iter().chain(rest).collect();
        let moves = vec![(partition.clone(), Some(replicas))];
        let onset = vec![Action::Admin(AdminRequest::Reassign { moves })];
        let wait = Span::secs(1);
        Some(Plan { onset, end: vec![elect], lasting: wait, ..Plan::default() })
    }

    fn reassign(&self, dice: &mut Stream) -> Option<Plan> {
        let (partition, truth) = self.any_partition(dice)?;
        let mut brokers: Vec<BrokerId> = self
            .scenario
            .cluster
            .brokers
            .iter()
            .map(|broker| broker.id)
            .filter(|id| self.view.fenced(*id) == Some(false))
            .collect();
        dice.shuffle(&mut brokers);
        let abandoned = dice.per_million(250_000);
        brokers.truncate(truth.replicas.len());
        let news = brokers.iter().any(|id| !truth.replicas.contains(id));
        if !news || brokers.len() < truth.replicas.len() {
            return None;
        }
        let to = |replicas| {
            let moves = vec![(partition.clone(), replicas)];
            vec![Action::Admin(AdminRequest::Reassign { moves })]
        };
        let end = if abandoned { to(None) } else { Vec::new() };
        Some(Plan { onset: to(Some(brokers)), end, ..Plan::default() })
    }

    /// Consumers that run, and applications, which mostly consume; left alone by other faults.
    fn consumers(&self) -> Vec<NodeId> {
        let consumers = self
            .table
            .iter()
            .filter(|(_, info)| matches!(info.kind, NodeKind::Consumer | NodeKind::Application));
        consumers.map(|(node, _)| node).filter(|node| self.is_free(*node)).collect()
    }

    /// Something that takes a consumer, and gives it back.
    fn consumer(
        &self,
        dice: &mut Stream,
        what: impl FnOnce(Target) -> (Vec<Action>, Vec<Action>),
    ) -> Option<Plan> {
        let consumers = self.consumers();
        let node = *consumers.get(dice.index(consumers.len()))?;
        let (onset, end) = what(self.host(node));
        Some(Plan { onset, end, down: vec![node], ..Plan::default() })
    }

    fn consumer_cut(&self, dice: &mut Stream) -> Option<Plan> {
        let consumers = self.consumers();
        let node = *consumers.get(dice.index(consumers.len()))?;
        let brokers: Vec<NodeId> =
            self.servers().into_iter().filter(|node| self.is_broker(*node)).collect();
        let plan = self.cut(&[node], &brokers, true)?;
        Some(Plan { down: vec![node], ..plan })
    }

    fn held_group_replies(&self, dice: &mut Stream) -> Option<Plan> {
        const OFFSET_COMMIT: i16 = 8;
        const HEARTBEAT: i16 = 12;
        const CONSUMER_GROUP_HEARTBEAT: i16 = 68;
        let node = self.coordinator(dice)?;
        let mut groups = self.view.nodes.get(&node)?.groups.values();
        // What members of a group say all the time.
        let heartbeat = match groups.any(|group| group.kind == "consumer") {
            true => CONSUMER_GROUP_HEARTBEAT,
            false => HEARTBEAT,
        };
        let api = Some([OFFSET_COMMIT, heartbeat][dice.index(2)]);
        let by = dice.span(Span::millis(200), Span::secs(8));
        let hold = |by| {
            let from = vec![self.host(node)];
            vec![Action::HoldReplies { from, to: Vec::new(), by, api }]
        };
        Some(Plan { onset: hold(by), end: hold(Span::ZERO), ..Plan::default() })
    }

    fn coordinator_crash(&self, dice: &mut Stream) -> Option<Plan> {
        let node = self.coordinator(dice).filter(|node| self.may_take(*node))?;
        let who = self.host(node);
        let (onset, end) = (vec![Action::Crash(who.clone())], vec![Action::Restart(who)]);
        Some(Plan { onset, end, down: vec![node], ..Plan::default() })
    }

    /// A broker that coordinates some group.
    fn coordinator(&self, dice: &mut Stream) -> Option<NodeId> {
        let holds = |node: &NodeId| {
            self.is_free(*node)
                && self.view.nodes.get(node).is_some_and(|view| !view.groups.is_empty())
        };
        let coordinators: Vec<NodeId> = self.servers().into_iter().filter(holds).collect();
        coordinators.get(dice.index(coordinators.len())).copied()
    }

    /// The broker ends by itself, for it can't trust its disk, and starts again once that is mended.
    fn broken_disk(&self, dice: &mut Stream, how: DiskFault) -> Option<Plan> {
        self.broker(dice, |who| {
            let onset = vec![Action::BreakDisk { target: who.clone(), how: Some(how) }];
            let mend = Action::BreakDisk { target: who.clone(), how: None };
            (onset, vec![mend, Action::Restart(who)])
        })
    }

    fn lying_disk(&self, dice: &mut Stream, lasting: Span) -> Option<Plan> {
        let plan = self.broken_disk(dice, DiskFault::SyncLies)?;
        let targets = plan.down.iter().map(|node| self.host(*node)).collect();
        let off = Action::PowerOff { targets, partial: false };
        Some(Plan { stages: vec![(Span(lasting.0 / 2), vec![off])], ..plan })
    }
}
