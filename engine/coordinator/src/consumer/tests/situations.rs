//! Situations of consumer groups, told as scripts: `situations/*.txt` go in, a transcript of events and answers comes out.
//!
//! One command a line; lines with `#` are for people and are echoed. A consumer's id is its name.
//!
//! ```text
//!   config KEY=VALUE…                        a coordinator with these settings (first line; later: with the next failover)
//!   topic NAME N [RACK]                      a topic is created or changed; 0 partitions: deleted
//!   start NAME topics=t+u [regex=…] [assignor=…] [timeout=60s] [rack=…] [v=1]      joins: epoch 0, says everything
//!   beat NAME [epoch=N] [topics=…] [regex=…] [assignor=…] [timeout=…] [owns=t:0,1+u:2|nothing] [v=1]
//!   own NAME [epoch=N]                       a heartbeat that says it has what it was told
//!   leave NAME   away NAME                   for good; for a while (static)
//!   static NAME ID   copy NAME FROM   restart NAME ID        as in classic groups; a new process with another id (- for none)
//!   join, sync, heartbeat, quit NAME         classic clients: JoinGroup, SyncGroup, Heartbeat, LeaveGroup
//!   commit NAME [epoch=N] [v=9]   fetch NAME [epoch=N]          whether offsets may be
//!   wait 3s   hold / release   refuse ERROR / accept   failover [lossy]   state   describe   list   delete
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use klamm_node::{ConnectionId, Field, PlantedFaults, Span, Time};
use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::list_groups_request::ListGroupsRequest;
use klamm_protocol::kafka::messages::{ApiKey, DeleteGroupsResponse, ResponseKind};

use super::members::{Members, Says};
use crate::assignor::Partitions;
use crate::classic::assigned_partitions;
use crate::classic::tests::clients::{Clients, Joins};
use crate::classic::tests::lab::{GROUP, Lab, Seen};
use crate::consumer::ConsumerGroup;
use crate::consumer::refused::Refused;
use crate::group::Group;
use crate::shard::Topics;

/// A script being played.
struct Play {
    lab: Lab,
    members: Members,
    clients: Clients,
    text: String,
}

/// The words of a command.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn value(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
    fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.value(key).map(|value| value.parse().ok().expect("a number"))
    }
    fn plain(&self) -> Vec<&'a str> {
        self.0.iter().skip(1).filter(|word| !word.contains('=')).copied().collect()
    }
    fn names(&self, key: &str) -> Option<Vec<String>> {
        let names = |value: &str| {
            value.split('+').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        self.value(key).map(names)
    }
}

fn span(text: &str) -> Span {
    match text.strip_suffix("ms") {
        Some(ms) => Span::millis(ms.parse().expect("milliseconds")),
        None => Span::secs(text.strip_suffix('s').unwrap_or(text).parse().expect("seconds")),
    }
}

fn millis(text: &str) -> i32 {
    i32::try_from(span(text).as_millis()).expect("a short span")
}

impl Play {
    fn says(&self, words: &Words<'_>) -> Says {
        let text = |key: &str| words.value(key).map(|text| text.replace('_', " "));
        Says {
            version: words.number("v").unwrap_or(1),
            epoch: words.number("epoch"),
            topics: words.names("topics"),
            regex: words.value("regex").map(str::to_owned),
            assignor: words.value("assignor").map(str::to_owned),
            rack: text("rack"),
            timeout_ms: words.value("timeout").map_or(-1, millis),
            owned: words.value("owns").map(|owned| self.partitions(owned)),
        }
    }

    fn partitions(&self, owned: &str) -> Partitions {
        let topic = |part: &str| {
            let (topic, partitions) = part.split_once(':').expect("topic:partitions");
            let id = self.lab.sheet.id_of(topic).expect("the topic is there");
            (id, partitions.split(',').map(|at| at.parse().expect("a number")).collect())
        };
        owned.split('+').filter(|part| *part != "nothing").map(topic).collect()
    }

    fn command(&mut self, line: &str) {
        let words = Words(line.split_whitespace().collect());
        let plain = words.plain();
        let name = plain.first().copied().unwrap_or_default();
        let says = self.says(&words);
        let refused = match words.0[0] {
            "start" => {
                let timeout = words.value("timeout").map_or(60_000, millis);
                let owned = Some(Partitions::new());
                let says = Says { epoch: Some(0), timeout_ms: timeout, owned, ..says };
                self.members.beat(&mut self.lab, name, says).err()
            }
            "beat" => self.members.beat(&mut self.lab, name, says).err(),
            "own" => {
                let owned = Some(self.members.known(name).told.clone());
                self.members.beat(&mut self.lab, name, Says { owned, ..says }).err()
            }
            "leave" => {
                self.members.beat(&mut self.lab, name, Says { epoch: Some(-1), ..says }).err()
            }
            "away" => {
                self.members.beat(&mut self.lab, name, Says { epoch: Some(-2), ..says }).err()
            }
            _ => self.classic(&words, name).map(|code| Refused { code, message: String::new() }),
        };
        if let Some(Refused { code, message }) = refused {
            writeln!(self.text, "{name:>18} <- {code} {message}").expect("text");
        }
        self.tell();
    }

    fn classic(&mut self, words: &Words<'_>, name: &str) -> Option<ErrorCode> {
        let lab = &mut self.lab;
        match words.0[0] {
            "join" => {
                let usual = Joins::default();
                let joins = Joins {
                    version: words.number("v").unwrap_or(usual.version),
                    protocols: words.value("protocols").unwrap_or(usual.protocols),
                    topics: words.value("topics").unwrap_or(usual.topics),
                    kind: words.value("type").unwrap_or(usual.kind),
                    ..usual
                };
                self.clients.join(lab, name, &joins).err()
            }
            "sync" => {
                let generation = words.number("gen");
                let protocol = words.value("protocol").unwrap_or("range");
                self.clients.sync(lab, name, (5, generation), ("consumer", protocol), true).err()
            }
            "heartbeat" => self.clients.heartbeat(lab, name, words.number("gen")).err(),
            "quit" => self.clients.leave(lab, 5, &words.plain()).err(),
            verb => {
                self.other(verb, words);
                None
            }
        }
    }

    fn line(&mut self, what: &str, text: impl AsRef<str>) {
        writeln!(self.text, "{what:>18} {}", text.as_ref()).expect("text");
    }

    fn other(&mut self, verb: &str, words: &Words<'_>) {
        let plain = words.plain();
        match (verb, plain.as_slice()) {
            ("topic", [name, partitions, rack @ ..]) => {
                let partitions = partitions.parse().expect("a number");
                self.lab.change_topic(name, partitions, rack.first().copied().unwrap_or(""));
            }
            ("config", _) => {
                let pairs: Vec<_> =
                    words.0.iter().filter_map(|word| word.split_once('=')).collect();
                self.lab.set(&pairs);
            }
            ("static", [name, instance]) => {
                let instance = Some((*instance).to_owned());
                match name.strip_prefix("classic:") {
                    Some(name) => self.clients.known(name).instance = instance,
                    None => self.members.known(name).instance = instance,
                }
            }
            ("restart", [name, id]) => {
                let known = self.members.known(name);
                (known.id, known.epoch) = ((*id).trim_matches('-').to_owned(), 0);
            }
            ("copy", [name, from]) => {
                let (number, source) =
                    (self.members.known(name).number, self.members.known(from).clone());
                *self.members.known(name) = super::members::Known { number, ..source };
            }
            ("commit", [name]) => {
                let known = self.members.known(name).clone();
                let epoch = words.number("epoch").unwrap_or(known.epoch);
                let version = words.number("v").unwrap_or(9);
                let outcome = self
                    .group()
                    .map(|group| group.validate_offset_commit(&known.id, epoch, false, version));
                self.line("commit", outcome_name(outcome));
            }
            ("fetch", [name]) => {
                let known = self.members.known(name).clone();
                let epoch = words.number("epoch").unwrap_or(known.epoch);
                let member = Some(known.id.as_str()).filter(|name| *name != "nobody");
                let outcome = self.group().map(|group| group.validate_offset_fetch(member, epoch));
                self.line("fetch", outcome_name(outcome));
            }
            ("wait", [for_]) => self.lab.wait(span(for_)),
            ("hold", _) => self.lab.log.holds = true,
            ("release", _) => {
                self.lab.log.holds = false;
                self.lab.commit();
            }
            ("refuse", [error]) => {
                let code = (-1..200).map(ErrorCode).find(|code| code.word() == *error);
                self.lab.log.refuses = Some(code.expect("an error's name"));
            }
            ("accept", _) => self.lab.log.refuses = None,
            ("failover", how) => self.lab.fail_over(how.is_empty()),
            ("state", _) => self.state(),
            ("describe", _) => self.describe(),
            ("list", _) => {
                for group in self.lab.shard().list(&ListGroupsRequest::default()) {
                    let (id, kind, state) = (group.group_id.0, group.group_type, group.group_state);
                    self.line("listed", format!("{id} {kind} {state} {}", group.protocol_type));
                }
            }
            ("delete", _) => {
                let token = self.lab.token(0, ApiKey::DeleteGroups, 2);
                let mut error = ErrorCode::NONE;
                let asked = self.lab.ask(token, |shard, op| {
                    error = ErrorCode(shard.delete(op, &GROUP.into()).error_code);
                    let answer = ResponseKind::DeleteGroups(DeleteGroupsResponse::default());
                    op.reply(token, answer, |_| {});
                });
                asked.expect("it serves");
                self.line("deleted", error.to_string());
            }
            (verb, _) => panic!("no such command: {verb}"),
        }
    }

    fn group(&self) -> Option<&ConsumerGroup> {
        match self.lab.shard().groups.get(GROUP)? {
            Group::Consumer(group) => Some(group),
            Group::Classic(_) => None,
        }
    }

    fn named(&self, partitions: &Partitions) -> String {
        named(&self.lab, partitions)
    }

    /// What the coordinator holds.
    fn state(&mut self) {
        let Some(group) = self.group() else {
            let classic = self.lab.group();
            let what = classic.map_or_else(
                || "no group".to_owned(),
                |group| {
                    format!("classic {} generation={}", group.state().name(), group.generation())
                },
            );
            return self.line("state", what);
        };
        let mut lines = vec![format!(
            "{} epoch={} target={} assignor={} topics={:?}",
            group.state().name(),
            group.epoch(),
            group.assignment_epoch(),
            group.preferred_assignor().map_or("-", AsRef::as_ref),
            group.subscribed_topics().iter().map(|topic| &***topic).collect::<Vec<_>>(),
        )];
        for member in group.members() {
            lines.push(format!(
                "{} epoch={} {} has {} gives {} target {}{}",
                member.id,
                member.epoch,
                member.state.name(),
                self.named(&member.assigned),
                self.named(&member.revoking),
                self.named(group.target(member.id.as_str())),
                if member.is_classic() { " classic" } else { "" },
            ));
        }
        lines.into_iter().for_each(|line| self.line("state", line));
    }

    fn describe(&mut self) {
        let lab = &self.lab;
        let described = lab.shard().consumer_group_describe(&lab.sheet, &GROUP.into());
        let mut lines = vec![format!(
            "{} {} epoch={} target={} assignor={} {}",
            ErrorCode(described.error_code),
            described.group_state,
            described.group_epoch,
            described.assignment_epoch,
            described.assignor_name,
            described.error_message.as_deref().unwrap_or_default(),
        )];
        for member in &described.members {
            let has = |assignment: &klamm_protocol::kafka::messages::consumer_group_describe_response::Assignment| {
                let topics = assignment.topic_partitions.iter();
                let topics: Vec<String> = topics
                    .map(|topic| format!("{}{:?}", topic.topic_name.0, topic.partitions))
                    .collect();
                topics.join(" ")
            };
            lines.push(format!(
                "{} instance={:?} rack={:?} epoch={} names={:?} regex={:?} type={} has [{}] target [{}]",
                member.member_id,
                member.instance_id.as_deref(),
                member.rack_id.as_deref(),
                member.member_epoch,
                member.subscribed_topic_names.iter().map(|name| &*name.0).collect::<Vec<_>>(),
                member.subscribed_topic_regex.as_deref(),
                member.member_type,
                has(&member.assignment),
                has(&member.target_assignment),
            ));
        }
        lines.into_iter().for_each(|line| self.line("described", line));
    }

    /// Tells what came out.
    fn tell(&mut self) {
        for (at, seen) in self.lab.take_seen() {
            let line = match seen {
                Seen::Event(kind) => {
                    let mut line = kind.name().to_owned();
                    kind.visit(&mut |key, value: &dyn Field| {
                        // There is one group here, in one partition.
                        if !["group", "at"].contains(&key) && !value.is_silent() {
                            write!(line, " {key}=").expect("text");
                            value.show(&mut line).expect("text");
                        }
                    });
                    line
                }
                Seen::Answer(connection, _, response) => self.answer(connection, &response),
            };
            let stamp = at.since(Time(0)).as_millis() as f64 / 1000.0;
            writeln!(self.text, "{stamp:>10.3}s {line}").expect("text");
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "others are not asked for")]
    fn answer(&mut self, connection: ConnectionId, response: &ResponseKind) -> String {
        let number = connection.0;
        self.clients.learn(number, response);
        let client = self.clients.name_of(number).to_owned();
        match response {
            ResponseKind::ConsumerGroupHeartbeat(beat) => {
                self.members.learn(number, beat);
                let name = self.members.name_of(number).unwrap_or("?").to_owned();
                let error = ErrorCode(beat.error_code);
                if !error.is_none() {
                    let message = beat.error_message.as_deref().unwrap_or_default();
                    return format!("{name} <- {error} {message}");
                }
                let told = beat.assignment.as_ref().map(|_| {
                    let told = self.members.known(&name).told.clone();
                    format!(" has {}", self.named(&told))
                });
                format!(
                    "{name} <- member={} epoch={} interval={}{}",
                    beat.member_id.as_deref().unwrap_or("null"),
                    beat.member_epoch,
                    beat.heartbeat_interval_ms,
                    told.unwrap_or_default(),
                )
            }
            ResponseKind::JoinGroup(joined) => format!(
                "{client} <- JoinGroup {} member={} generation={} protocol={:?}",
                ErrorCode(joined.error_code),
                joined.member_id,
                joined.generation_id,
                joined.protocol_name.as_deref().unwrap_or("null"),
            ),
            ResponseKind::SyncGroup(synced) => {
                let partitions = assigned_partitions(&synced.assignment).expect("an assignment");
                let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
                let error = ErrorCode(synced.error_code);
                format!("{client} <- SyncGroup {error} [{}]", partitions.join(" "))
            }
            ResponseKind::Heartbeat(beat) => {
                format!("{client} <- Heartbeat {}", ErrorCode(beat.error_code))
            }
            ResponseKind::LeaveGroup(left) => {
                let members = left.members.iter().map(|member| {
                    format!("{}: {}", member.member_id, ErrorCode(member.error_code))
                });
                let members: Vec<String> = members.collect();
                let error = ErrorCode(left.error_code);
                format!("{client} <- LeaveGroup {error} [{}]", members.join("; "))
            }
            _ => "done".to_owned(),
        }
    }
}

fn named(lab: &Lab, partitions: &Partitions) -> String {
    let topic = |(topic, partitions): (&klamm_node::TopicId, &std::collections::BTreeSet<i32>)| {
        let name = lab.sheet.name_of(*topic).unwrap_or_else(|| "gone".into());
        let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{name}:{}", partitions.join(","))
    };
    let topics: Vec<String> = partitions.iter().map(topic).collect();
    format!("[{}]", topics.join(" "))
}

fn outcome_name(outcome: Option<Result<(), ErrorCode>>) -> String {
    match outcome {
        None => "no group".to_owned(),
        Some(Ok(())) => ErrorCode::NONE.to_string(),
        Some(Err(code)) => code.to_string(),
    }
}

fn play(script: &str) -> String {
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    let mut text = String::new();
    let mut settings = Vec::new();
    while let Some(line) = lines.next_if(|line| line.starts_with('#') || line.starts_with("config"))
    {
        settings.extend(
            line.split_whitespace()
                .filter_map(|word| word.split_once('='))
                .filter(|_| line.starts_with("config")),
        );
        writeln!(text, "{line}").expect("text");
    }
    let mut play = Play {
        lab: Lab::new(1, &settings),
        members: Members::default(),
        clients: Clients::default(),
        text: String::new(),
    };
    for line in lines {
        if line.starts_with('#') {
            writeln!(play.text, "{line}").expect("text");
        } else {
            writeln!(play.text, "> {line}").expect("text");
            play.command(line);
        }
    }
    text + &play.text
}

fn scripts() -> BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/consumer/tests/situations");
    let files = std::fs::read_dir(folder).expect("the scripts");
    let named = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a script"))
    };
    files.map(|file| named(file.expect("a file").path())).collect()
}

#[test]
fn every_situation() {
    for (name, script) in scripts() {
        insta::assert_snapshot!(name, play(&script));
    }
}

/// Every planted fault shows in the situation that its rule is about. Needs a build with planted faults.
#[test]
fn planted_faults_show() {
    if !PlantedFaults::POSSIBLE {
        return;
    }
    let scripts = scripts();
    for (fault, situation) in [
        ("lose_partition_epoch_on_revocation", "revocation_taken_back"),
        ("group_assigns_before_revocation", "revoke_before_assign"),
    ] {
        let script = &scripts[situation];
        let faults = PlantedFaults::new([fault.to_owned()]);
        // A fault also breaks what the lab itself asks after every command.
        let faulty =
            std::panic::catch_unwind(|| faults.during(|| play(script))).unwrap_or_default();
        assert!(faulty != play(script), "{fault} does not show in {situation}");
    }
}
