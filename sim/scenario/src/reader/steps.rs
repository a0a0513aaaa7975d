//! Steps: moments, actions and who they act on.

use std::collections::BTreeSet;
use std::ops::Range;

use klamm_node::{BrokerId, Span, Time};

use super::Reader;
use super::fields::{Args, unwrapped};
use super::is_none;
use super::predictions::Declared;
use crate::diagnostic::Mistake;
use crate::model::{Action, Cluster, Condition, Step, Target, Trigger};
use crate::schema;
use crate::syntax::{Field, Ident, Kind, Node};
use crate::values;

/// A step's place in the file, for whatever refers to earlier steps.
#[derive(Clone, Debug)]
pub(super) struct StepPlace {
    index: u32,
    /// Of each earlier step: whether it acts on anybody.
    acts: Vec<bool>,
    /// Of each earlier step: its place among all, for one in the file may stand for several.
    places: Vec<u32>,
    /// Where no step can be referred to.
    apart: Option<&'static str>,
}

impl StepPlace {
    pub(super) fn after_all() -> Self {
        Self { index: 0, acts: Vec::new(), places: Vec::new(), apart: Some("the end of the run") }
    }

    pub(super) fn in_a_prediction() -> Self {
        Self { apart: Some("a prediction"), ..Self::after_all() }
    }
}

impl Reader {
    pub(super) fn steps(
        &mut self,
        node: Option<&Node>,
        cluster: &Cluster,
        declared: &mut [Declared],
    ) -> Vec<Step> {
        let mut place = StepPlace { index: 0, acts: Vec::new(), places: Vec::new(), apart: None };
        let mut latest = Time::ZERO;
        let mut total = 0;
        let steps = self.list_of(node, |reader, node| {
            let args = reader.record(node, &schema::STEP);
            let trigger = reader.trigger(&args, node, &mut latest, &place);
            let rolling = reader.rolling_restart(args.get("do"));
            let actions = match rolling {
                Some(_) => Vec::new(),
                None => reader
                    .list_of(args.get("do"), |reader, node| reader.action(node, cluster, &place)),
            };
            let expect = reader.expectations(args.get("expect"), &place);
            let say = args.get("say").and_then(|node| reader.text(node));
            let predict = reader.predict(args.get("predict"), declared);
            place.acts.push(rolling.is_some() || acts_on_somebody(args.get("do")));
            place.places.push(total);
            place.index += 1;
            let line = reader.line_of(node);
            let step = Step { line, trigger, actions, expect, say, predict };
            let steps = match rolling {
                Some(brokers) => rolled(&step, &brokers),
                None => vec![step],
            };
            total += u32::try_from(steps.len()).unwrap_or(0);
            Some(steps)
        });
        steps.into_iter().flatten().collect()
    }

    /// The brokers of a step that is a rolling restart.
    fn rolling_restart(&mut self, node: Option<&Node>) -> Option<Vec<BrokerId>> {
        let Kind::List(actions) = &node?.kind else { return None };
        let [action] = actions.as_slice() else { return None };
        let (Kind::Name(name) | Kind::Group { name: Some(Ident { text: name, .. }), .. }) =
            &action.kind
        else {
            return None;
        };
        if name != "RollingRestart" {
            return None;
        }
        let (_, args) = self.choice(action, &schema::ACTION)?;
        Some(match args.get("brokers") {
            Some(node) => self.replicas(node),
            None => self.names.brokers.iter().copied().map(BrokerId).collect(),
        })
    }

    fn trigger(
        &mut self,
        args: &Args<'_>,
        node: &Node,
        latest: &mut Time,
        place: &StepPlace,
    ) -> Trigger {
        let after = args.get("after").and_then(|node| self.duration(node));
        match (args.get("at"), args.get("when"), args.get("after")) {
            (Some(at), when, after) => {
                if let Some(other) = when.or(after) {
                    self.mistake(
                        Mistake::new(&other.span, "a step with 'at' happens at that time")
                            .help("leave out 'at', or this"),
                    );
                }
                let Some(time) = self.time(at) else { return Trigger::At(*latest) };
                if time < *latest {
                    self.mistake(
                        Mistake::new(&at.span, "this step stands behind a later one")
                            .label("goes back in time")
                            .help(format!(
                                "a step above happens at {latest}; put steps in the order of time"
                            )),
                    );
                }
                *latest = time.max(*latest);
                Trigger::At(time)
            }
            (None, Some(when), _) => match self.condition(when, place) {
                Some(condition) => Trigger::When { condition, after: after.unwrap_or_default() },
                None => Trigger::After(Span::ZERO),
            },
            (None, None, Some(_)) => Trigger::After(after.unwrap_or_default()),
            (None, None, None) => {
                // A step that is broken has said so already.
                if matches!(node.kind, Kind::Group { .. }) {
                    self.mistake(
                        Mistake::new(
                            &(node.span.start..node.span.start + 1),
                            "this step has no moment",
                        )
                        .help("write at: \"5s\", or when: a condition, or after: \"2s\""),
                    );
                }
                Trigger::After(Span::ZERO)
            }
        }
    }

    fn action(&mut self, node: &Node, cluster: &Cluster, place: &StepPlace) -> Option<Action> {
        let (name, args) = self.choice(node, &schema::ACTION)?;
        Some(match name {
            "Crash" => Action::Crash(self.who(&args, place)?),
            "Restart" => Action::Restart(self.who(&args, place)?),
            "Stop" => Action::Stop(self.who(&args, place)?),
            "Pause" => Action::Pause(self.who(&args, place)?),
            "Resume" => Action::Resume(self.who(&args, place)?),
            "WipeDisk" => {
                let target = self.who(&args, place)?;
                self.check_has_disk(&args, &target);
                Action::WipeDisk(target)
            }
            "PowerOff" => Action::PowerOff {
                targets: self.group(args.get("targets"), place),
                partial: self.boolean_or(args.get("partial"), false),
            },
            "Cut" => {
                let (from, to) = self.groups(&args, place);
                Action::Cut { from, to, both_ways: self.boolean_or(args.get("both_ways"), true) }
            }
            "Heal" => {
                let (from, to) = self.groups(&args, place);
                Action::Heal { from, to }
            }
            "SlowLink" => {
                let (from, to) = self.groups(&args, place);
                if args.get("latency").is_none() && args.get("bandwidth").is_none() {
                    self.mistake(
                        Mistake::new(&node.span, "this changes nothing")
                            .help("give a latency or a bandwidth"),
                    );
                }
                Action::SlowLink {
                    from,
                    to,
                    network: self.link(&args, cluster.network),
                    both_ways: self.boolean_or(args.get("both_ways"), true),
                }
            }
            "SlowDisk" => {
                let disk = self.disk_speed(&args, cluster.disk);
                let target = self.who(&args, place)?;
                self.check_has_disk(&args, &target);
                Action::SlowDisk { target, disk }
            }
            "SkewClock" => {
                let offset_ms = args
                    .get("offset")
                    .and_then(|node| self.written(node, "duration", values::signed_millis));
                // Twice too fast, or almost standing still, is as far as a clock goes here.
                let drift_ppm =
                    args.get("drift_ppm").and_then(|node| self.integer(node, -999_999, 1_000_000));
                Action::SkewClock {
                    target: self.who(&args, place)?,
                    offset_ms: offset_ms.unwrap_or(0),
                    drift_ppm: drift_ppm.and_then(|ppm| i32::try_from(ppm).ok()).unwrap_or(0),
                }
            }
            "Produce" => return self.produce(&args),
            "CreateTopic" => {
                let topic = self.topic(&args);
                Action::CreateTopic(topic)
            }
            "StopWorkload" => {
                Action::StopWorkload { client: self.producer_name(args.get("client")?)? }
            }
            "FlakyLink" | "HoldReplies" | "DelayMetadata" | "ResetConnections" | "BreakDisk"
            | "MendDisk" | "RotDisk" => return self.fault(name, node, &args, place),
            "RollingRestart" => {
                self.mistake(
                    Mistake::new(&node.span, "a rolling restart stands alone in its step")
                        .help("give the other actions a step of their own"),
                );
                return None;
            }
            _ => {
                return match self.group_action(name, &args) {
                    Some(found) => found,
                    None => self.admin_request(name, node, &args),
                };
            }
        })
    }

    fn produce(&mut self, args: &Args<'_>) -> Option<Action> {
        let client = args.get("client").and_then(|node| self.producer_name(node));
        let topic = args.get("topic").and_then(|node| self.topic_name(node));
        let partition = args.get("partition").and_then(|node| {
            let partition = self.i32_from(node, 0)?;
            self.check_partition(topic.as_deref()?, partition, &node.span)?;
            Some(partition)
        });
        let records = self.list_of(args.get("records"), Self::record_to_send);
        Some(Action::Produce { client: client?, topic: topic?.into(), partition, records })
    }

    /// `("key", "value")`, `(None, "value")` or `"value"`.
    fn record_to_send(&mut self, node: &Node) -> Option<(Option<String>, String)> {
        let Kind::Group { name: None, fields } = &node.kind else {
            return self.text(node).map(|value| (None, value));
        };
        let [Field { name: None, value: key }, Field { name: None, value }] = fields.as_slice()
        else {
            self.wrong(node, "a record as (key, value)");
            return None;
        };
        let key = unwrapped(key);
        let key = if is_none(key) { None } else { Some(self.text(key)?) };
        Some((key, self.text(value)?))
    }

    pub(super) fn who(&mut self, args: &Args<'_>, place: &StepPlace) -> Option<Target> {
        self.target(args.get("target")?, place)
    }

    pub(super) fn check_has_disk(&mut self, args: &Args<'_>, target: &Target) {
        if let (Target::Node(name), Some(node)) = (target, args.get("target"))
            && self.names.is_client(name)
        {
            self.mistake(
                Mistake::new(&node.span, format!("'{name}' has no disk"))
                    .help("only brokers and controllers keep files"),
            );
        }
    }

    /// Two sides, which may not overlap: nothing can be cut off from itself.
    pub(super) fn groups(
        &mut self,
        args: &Args<'_>,
        place: &StepPlace,
    ) -> (Vec<Target>, Vec<Target>) {
        let (from_node, to_node) = (args.get("from"), args.get("to"));
        let from = self.located_group(from_node, place);
        let to = self.located_group(to_node, place);
        if let Some(Node { kind: Kind::List(nodes), span }) = from_node
            && nodes.is_empty()
            && !to.is_empty()
        {
            self.mistake(
                Mistake::new(span, "nobody is on this side").help("name at least one node"),
            );
        }
        for (target, span) in &to {
            if from.iter().any(|(other, _)| other == target) {
                self.mistake(
                    Mistake::new(span, format!("{} is on both sides", shown(target)))
                        .label("named on the other side as well")
                        .help("a node stands on one side only: the groups may not overlap"),
                );
            }
        }
        let strip = |side: Vec<(Target, Range<usize>)>| {
            side.into_iter().map(|(target, _)| target).collect()
        };
        (strip(from), strip(to))
    }

    fn group(&mut self, node: Option<&Node>, place: &StepPlace) -> Vec<Target> {
        if let Some(Node { kind: Kind::List(nodes), span }) = node
            && nodes.is_empty()
        {
            self.mistake(Mistake::new(span, "nobody is named here"));
        }
        self.located_group(node, place).into_iter().map(|(target, _)| target).collect()
    }

    fn located_group(
        &mut self,
        node: Option<&Node>,
        place: &StepPlace,
    ) -> Vec<(Target, Range<usize>)> {
        let mut seen = BTreeSet::new();
        self.list_of(node, |reader, node| {
            let target = reader.target(node, place)?;
            if !seen.insert(target.clone()) {
                reader.mistake(Mistake::new(
                    &node.span,
                    format!("{} is named twice", shown(&target)),
                ));
            }
            Some((target, node.span.clone()))
        })
    }

    /// Who a step acts on, by name or by part.
    pub(super) fn target(&mut self, node: &Node, place: &StepPlace) -> Option<Target> {
        if let Kind::Text(name) = &node.kind {
            return self.node_name(name, node);
        }
        let (name, args) = self.choice(node, &schema::TARGET)?;
        Some(match name {
            "LeaderOf" => Target::LeaderOf(self.partition(args.get("partition")?)?),
            "FollowerOf" => {
                let index = args.get("index").and_then(|node| self.u32(node));
                Target::FollowerOf(self.partition(args.get("partition")?)?, index.unwrap_or(0))
            }
            "ActiveController" => Target::ActiveController,
            "QuorumLeader" => Target::QuorumLeader,
            "Same" => {
                let node = args.get("step")?;
                let step = self.u32(node)?;
                Target::Same(self.check_same(step, node, place)?)
            }
            other => unreachable!("the table has the target {other}, and the reader does not"),
        })
    }

    fn check_same(&mut self, step: u32, node: &Node, place: &StepPlace) -> Option<u32> {
        if let Some(where_it_is) = place.apart {
            self.mistake(
                Mistake::new(&node.span, format!("{where_it_is} can't refer to a step"))
                    .help("name the node"),
            );
            return None;
        }
        match place.acts.get(step as usize) {
            Some(true) => place.places.get(step as usize).copied(),
            Some(false) => {
                self.mistake(
                    Mistake::new(&node.span, format!("step {step} acts on nobody"))
                        .help("steps count from 0"),
                );
                None
            }
            None => {
                self.mistake(
                    Mistake::new(&node.span, format!("step {step} is not before this one"))
                        .help(format!("steps count from 0, and this is step {}", place.index)),
                );
                None
            }
        }
    }

    /// The host of a broker, controller or client.
    fn node_name(&mut self, name: &str, node: &Node) -> Option<Target> {
        let names = &self.names;
        let number =
            |prefix: &str| name.strip_prefix(prefix).and_then(|number| number.parse::<i32>().ok());
        let is_broker = number("broker-").is_some_and(|id| names.brokers.contains(&id));
        let all_controllers = names.controllers.saturating_add(names.spare_controllers);
        let is_controller =
            number("controller-").is_some_and(|id| (1..=i32::from(all_controllers)).contains(&id));
        if is_broker || is_controller || names.is_client(name) {
            return Some(Target::Node(name.to_owned()));
        }
        if names.clients_unsure || (names.brokers_unsure && name.starts_with("broker-")) {
            return None;
        }
        let brokers = names.brokers.iter().map(|id| format!("broker-{id}"));
        let controllers = (1..=all_controllers).map(|id| format!("controller-{id}"));
        let clients = names.producers.iter().chain(&names.consumers).chain(&names.applications);
        let clients = clients.cloned();
        let known: Vec<String> = brokers.chain(controllers).chain(clients).collect();
        let what = if name.starts_with("broker-") { "broker" } else { "node" };
        let mistake = Mistake::new(&node.span, format!("there is no {what} '{name}'"))
            .label(format!("unknown {what}"))
            .names(name, "nodes", known.iter().map(String::as_str));
        self.mistake(mistake);
        None
    }
}

/// A step for each broker: it stops and starts again, once the one before is back in sync.
fn rolled(step: &Step, brokers: &[BrokerId]) -> Vec<Step> {
    let target = |broker: &BrokerId| Target::Node(format!("broker-{broker}"));
    let mut steps: Vec<Step> = Vec::new();
    for (index, broker) in brokers.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| brokers.get(before));
        let trigger = match before {
            None => step.trigger.clone(),
            Some(before) => Trigger::When {
                condition: Condition::All(vec![
                    Condition::Restarted(target(before)),
                    Condition::Unfenced(*before),
                    Condition::AllInSync,
                ]),
                after: Span::ZERO,
            },
        };
        steps.push(Step {
            line: step.line,
            trigger,
            actions: vec![Action::Stop(target(broker)), Action::Restart(target(broker))],
            expect: Vec::new(),
            say: step.say.clone().filter(|_| index == 0),
            predict: if index == 0 { step.predict.clone() } else { Vec::new() },
        });
    }
    // What the step expects is expected of its end.
    match steps.last_mut() {
        Some(last) => last.expect.clone_from(&step.expect),
        None => steps.push(step.clone()),
    }
    steps
}

/// Actions that name nobody whom a later step could act on.
const ON_NOBODY: [&str; 22] = [
    "DeleteGroup",
    "DescribeGroup",
    "ListGroups",
    "ListGroupOffsets",
    "SetGroupOffsets",
    "DeleteGroupOffsets",
    "Produce",
    "CreateTopic",
    "StopWorkload",
    "DeleteTopic",
    "AddPartitions",
    "ElectLeaders",
    "Reassign",
    "CancelReassign",
    "AlterConfig",
    "DeleteRecords",
    "SetQuota",
    "UpdateFeature",
    "AddVoter",
    "RemoveVoter",
    "UnregisterBroker",
    "Heal",
];

/// Whether a step can be what `Same` refers to.
fn acts_on_somebody(node: Option<&Node>) -> bool {
    let Some(Kind::List(actions)) = node.map(|node| &node.kind) else { return false };
    actions.iter().any(|action| {
        let Kind::Group { name: Some(name), fields } = &action.kind else { return false };
        !fields.is_empty() && !ON_NOBODY.contains(&name.text.as_str())
    })
}

fn shown(target: &Target) -> String {
    match target {
        Target::Node(name) => format!("'{name}'"),
        Target::LeaderOf(partition) => format!("the leader of {partition}"),
        Target::FollowerOf(partition, index) => format!("follower {index} of {partition}"),
        Target::ActiveController => "the active controller".to_owned(),
        Target::QuorumLeader => "the quorum's leader".to_owned(),
        Target::Same(step) => format!("what step {step} acted on"),
    }
}
