//! Situations of classic groups, told as scripts: `situations/*.txt` go in, a transcript of events and answers comes out.
//!
//! One command a line; lines with `#` are for people and are echoed. Ids of members end in a number instead of a UUID.
//!
//! ```text
//!   config KEY=VALUE…                          a coordinator with these settings (first line; later: with the next failover)
//!   join NAME [v=9] [session=10s] [rebalance=60s] [protocols=a+b] [topics=t+u] [type=consumer] [reason=…]
//!   sync NAME [v=5] [gen=N] [type=…] [protocol=…] [nothing]     the leader gives each member a partition, or nothing
//!   heartbeat NAME [gen=N]        leave [v=5] NAME…|instance:ID        commit NAME [gen=N] [anonymous] [transactional]
//!   static NAME ID        NAME has this group.instance.id     restart NAME     NAME has forgotten its member id
//!   copy NAME FROM        NAME takes itself for FROM          wait 3s          time passes
//!   hold / release        commits are held back               refuse ERROR / accept      appends are refused
//!   failover [lossy]      another coordinator loads the log   state            what the coordinator holds
//!   describe [v=6] [ID]   list [states=a+b] [types=a+b]       delete           what administrators ask
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use klamm_node::{Field, PlantedFaults, Span, Time};
use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::list_groups_request::ListGroupsRequest;
use klamm_protocol::kafka::messages::{ApiKey, DeleteGroupsResponse, ResponseKind};

use super::clients::{Clients, Joins, text};
use super::lab::{GROUP, Lab, Seen};
use crate::classic::assigned_partitions;

/// A script being played.
struct Play {
    lab: Lab,
    clients: Clients,
    text: String,
    /// The UUIDs seen, in order.
    uuids: Vec<String>,
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
    fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }
    fn plain(&self) -> Vec<&'a str> {
        self.0.iter().skip(1).filter(|word| !word.contains('=')).copied().collect()
    }
    fn name(&self) -> &'a str {
        self.plain().first().copied().unwrap_or_default()
    }
    fn settings(&self) -> Vec<(&'a str, &'a str)> {
        self.0.iter().filter_map(|word| word.split_once('=')).collect()
    }
}

fn span(text: &str) -> Span {
    match text.strip_suffix("ms") {
        Some(ms) => Span::millis(ms.parse().expect("milliseconds")),
        None => Span::secs(text.strip_suffix('s').unwrap_or(text).parse().expect("seconds")),
    }
}

fn error_named(name: &str) -> ErrorCode {
    let code = (-1..200).map(ErrorCode).find(|code| code.word() == name);
    code.expect("an error's name")
}

fn millis(text: &str) -> i32 {
    i32::try_from(span(text).as_millis()).expect("a short span")
}

impl Play {
    fn new(settings: &[(&str, &str)]) -> Self {
        let lab = Lab::new(1, settings);
        Self { lab, clients: Clients::default(), text: String::new(), uuids: Vec::new() }
    }

    fn command(&mut self, line: &str) {
        let words = Words(line.split_whitespace().collect());
        let name = words.name();
        let refused = match words.0[0] {
            "join" => {
                let usual = Joins::default();
                let joins = Joins {
                    version: words.number("v").unwrap_or(usual.version),
                    session_ms: words.value("session").map_or(usual.session_ms, millis),
                    rebalance_ms: words.value("rebalance").map_or(usual.rebalance_ms, millis),
                    kind: words.value("type").unwrap_or(usual.kind),
                    protocols: words.value("protocols").unwrap_or(usual.protocols),
                    topics: words.value("topics").unwrap_or(usual.topics),
                    reason: words.value("reason"),
                };
                self.clients.join(&mut self.lab, name, &joins).err()
            }
            "sync" => {
                let version = words.number("v").unwrap_or(5);
                let kind = words.value("type").unwrap_or("consumer");
                let protocol = words.value("protocol").unwrap_or("range");
                let generation = words.number("gen");
                let assigns = !words.has("nothing");
                let sync = self.clients.sync(
                    &mut self.lab,
                    name,
                    (version, generation),
                    (kind, protocol),
                    assigns,
                );
                sync.err()
            }
            "heartbeat" => self.clients.heartbeat(&mut self.lab, name, words.number("gen")).err(),
            "leave" => {
                let version = words.number("v").unwrap_or(5);
                self.clients.leave(&mut self.lab, version, &words.plain()).err()
            }
            "commit" => {
                let how = (!words.has("anonymous"), words.has("transactional"));
                let outcome =
                    self.clients.may_commit(&mut self.lab, name, words.number("gen"), how);
                self.lab.take_seen();
                Some(outcome.err().unwrap_or(ErrorCode::NONE))
            }
            other => {
                self.other(other, &words);
                None
            }
        };
        if let Some(error) = refused {
            writeln!(self.text, "{:>18} <- {error}", name).expect("text");
        }
        self.tell();
    }

    fn other(&mut self, verb: &str, words: &Words<'_>) {
        let plain = words.plain();
        match (verb, plain.as_slice()) {
            ("config", _) => self.lab.set(&words.settings()),
            ("static", [name, instance]) => {
                self.clients.known(name).instance = Some((*instance).to_owned());
            }
            ("restart", [name]) => self.clients.known(name).id.clear(),
            ("copy", [name, from]) => {
                let (number, source) =
                    (self.clients.known(name).number, self.clients.known(from).clone());
                *self.clients.known(name) = super::clients::Known { number, ..source };
            }
            ("wait", [for_]) => self.lab.wait(span(for_)),
            ("hold", _) => self.lab.log.holds = true,
            ("release", _) => {
                self.lab.log.holds = false;
                self.lab.commit();
            }
            ("refuse", [error]) => self.lab.log.refuses = Some(error_named(error)),
            ("accept", _) => self.lab.log.refuses = None,
            ("failover", how) => self.lab.fail_over(how.is_empty()),
            ("state", _) => self.state(),
            ("describe", which) => {
                let group = which.first().copied().unwrap_or(GROUP);
                let version = words.number("v").unwrap_or(6);
                let described = self.lab.shard().describe(version, &group.into());
                let members = described.members.iter().map(|member| {
                    let metadata = member.member_metadata.len();
                    format!(
                        "{} {} metadata={metadata}",
                        member.member_id,
                        owned(&member.member_assignment)
                    )
                });
                let members: Vec<String> = members.collect();
                writeln!(
                    self.text,
                    "{:>18} {} {} type={} protocol={} [{}]{}",
                    "described",
                    ErrorCode(described.error_code),
                    described.group_state,
                    described.protocol_type,
                    described.protocol_data,
                    members.join("; "),
                    described.error_message.map(|why| format!(" {why:?}")).unwrap_or_default(),
                )
                .expect("text");
            }
            ("list", _) => {
                let names = |key: &str| {
                    let names = words.value(key).into_iter().flat_map(|names| names.split('+'));
                    names.map(text).collect::<Vec<_>>()
                };
                let request = ListGroupsRequest::default()
                    .with_states_filter(names("states"))
                    .with_types_filter(names("types"));
                for group in self.lab.shard().list(&request) {
                    let (id, kind, state) = (group.group_id.0, group.group_type, group.group_state);
                    writeln!(
                        self.text,
                        "{:>18} {id} {kind} {state} {}",
                        "listed", group.protocol_type
                    )
                    .expect("text");
                }
            }
            ("delete", which) => {
                let group = which.first().copied().unwrap_or(GROUP);
                let token = self.lab.token(0, ApiKey::DeleteGroups, 2);
                let mut error = ErrorCode::NONE;
                let asked = self.lab.ask(token, |shard, op| {
                    error = ErrorCode(shard.delete(op, &group.into()).error_code);
                    let answer = ResponseKind::DeleteGroups(DeleteGroupsResponse::default());
                    op.reply(token, answer, |_| {});
                });
                asked.expect("it serves");
                writeln!(self.text, "{:>18} {error}", "deleted").expect("text");
            }
            (verb, _) => panic!("no such command: {verb}"),
        }
    }

    /// What the coordinator holds.
    fn state(&mut self) {
        let Some(group) = self.lab.group() else {
            return writeln!(self.text, "{:>18} no group", "state").expect("text");
        };
        writeln!(
            self.text,
            "{:>18} {} generation={} protocol={} leader={} topics={:?}",
            "state",
            group.state().name(),
            group.generation(),
            group.protocol().unwrap_or("-"),
            group.leader().map_or("-", |leader| leader.as_str()),
            group
                .subscribed_topics()
                .map(|topics| topics.iter().map(|topic| &**topic).collect::<Vec<_>>()),
        )
        .expect("text");
        for member in group.members() {
            let waits = match (member.is_awaiting_join(), member.awaiting_sync.is_some()) {
                (true, _) => "joins",
                (_, true) => "syncs",
                _ => "-",
            };
            let instance = member.instance_id.as_deref().unwrap_or("-");
            let line = format!(
                "{:>18} {} instance={instance} waits={waits} {}\n",
                "member",
                member.id,
                owned(&member.assignment)
            );
            self.text.push_str(&line);
        }
        for pending in group.pending_members() {
            writeln!(self.text, "{:>18} {pending}", "pending").expect("text");
        }
    }

    /// Tells what came out.
    fn tell(&mut self) {
        for (at, seen) in self.lab.take_seen() {
            let line = match seen {
                Seen::Event(kind) => {
                    let mut line = kind.name().to_owned();
                    kind.visit(&mut |key, value: &dyn Field| {
                        // There is one group here, in one partition.
                        if !["group", "at", "kind"].contains(&key) && !value.is_silent() {
                            write!(line, " {key}=").expect("text");
                            value.show(&mut line).expect("text");
                        }
                    });
                    line
                }
                Seen::Answer(connection, _, response) => {
                    self.clients.learn(connection.0, &response);
                    let name = self.clients.name_of(connection.0);
                    format!("{name} <- {}", told(&response))
                }
            };
            writeln!(self.text, "{} {line}", stamp(at)).expect("text");
        }
        self.text = self.without_uuids();
    }

    /// The transcript with numbers in place of UUIDs.
    fn without_uuids(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = (0..rest.len()).find(|at| is_uuid(rest.get(*at..*at + 36))) {
            let uuid = &rest[at..at + 36];
            let known = self.uuids.iter().position(|seen| seen == uuid);
            let number = known.unwrap_or_else(|| {
                self.uuids.push(uuid.to_owned());
                self.uuids.len() - 1
            });
            write!(out, "{}{}", &rest[..at], number + 1).expect("text");
            rest = &rest[at + 36..];
        }
        out + rest
    }
}

fn is_uuid(text: Option<&str>) -> bool {
    let parts: Vec<&str> = text.unwrap_or_default().split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && parts.iter().all(|part| part.chars().all(|digit| digit.is_ascii_hexdigit()))
        && parts[2].starts_with('4')
}

fn stamp(at: Time) -> String {
    format!("{:>10.3}s", at.since(Time(0)).as_millis() as f64 / 1000.0)
}

fn owned(assignment: &bytes::Bytes) -> String {
    let partitions = assigned_partitions(assignment).expect("an assignment of this test");
    let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    format!("[{}]", partitions.join(" "))
}

/// An answer in words.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "four answers are told, others are not asked for"
)]
fn told(response: &ResponseKind) -> String {
    match response {
        ResponseKind::JoinGroup(joined) => {
            let members: Vec<&str> =
                joined.members.iter().map(|member| &*member.member_id).collect();
            format!(
                "JoinGroup {} member={} generation={} type={} protocol={} leader={}{}{}",
                ErrorCode(joined.error_code),
                joined.member_id,
                joined.generation_id,
                joined.protocol_type.as_deref().unwrap_or("null"),
                joined
                    .protocol_name
                    .as_deref()
                    .map_or_else(|| "null".to_owned(), |name| format!("{name:?}")),
                joined.leader,
                if members.is_empty() {
                    String::new()
                } else {
                    format!(" members=[{}]", members.join(" "))
                },
                if joined.skip_assignment { " skip_assignment" } else { "" },
            )
        }
        ResponseKind::SyncGroup(synced) => format!(
            "SyncGroup {} type={} protocol={} {}",
            ErrorCode(synced.error_code),
            synced.protocol_type.as_deref().unwrap_or("null"),
            synced.protocol_name.as_deref().unwrap_or("null"),
            owned(&synced.assignment),
        ),
        ResponseKind::Heartbeat(beat) => format!("Heartbeat {}", ErrorCode(beat.error_code)),
        ResponseKind::LeaveGroup(left) => {
            let members = left.members.iter().map(|member| {
                let instance = member.group_instance_id.as_deref().unwrap_or("-");
                format!("{}/{instance}: {}", member.member_id, ErrorCode(member.error_code))
            });
            let members: Vec<String> = members.collect();
            format!("LeaveGroup {} [{}]", ErrorCode(left.error_code), members.join("; "))
        }
        _ => "done".to_owned(),
    }
}

fn play(script: &str) -> String {
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    let mut text = String::new();
    let mut settings = Vec::new();
    while let Some(line) = lines.next_if(|line| line.starts_with('#') || line.starts_with("config"))
    {
        if line.starts_with("config") {
            settings.extend(Words(line.split_whitespace().collect()).settings());
        }
        writeln!(text, "{line}").expect("text");
    }
    let mut play = Play::new(&settings);
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

fn scripts() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/classic/tests/situations");
    let files = std::fs::read_dir(folder).expect("the scripts");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let named = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a script"))
    };
    paths.into_iter().map(named).collect()
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
    let scripts: BTreeMap<String, String> = scripts().into_iter().collect();
    for (fault, situation) in [
        ("group_accepts_old_generation_commit", "commits"),
        ("group_keeps_old_subscription", "metadata_changes"),
        ("group_lost_join_timeout", "new_member_wait_ends"),
        ("group_no_initial_rebalance_delay", "first_generation"),
        ("group_no_instance_fencing", "static_member_returns"),
        ("group_no_sync_expiration", "static_members_absent"),
        ("group_static_member_not_persisted", "static_member_is_written_first"),
        ("group_unbounded_anonymous_joins", "first_generation"),
    ] {
        let script = &scripts[situation];
        let faults = PlantedFaults::new([fault.to_owned()]);
        // A fault may also break what the lab itself asks after every command.
        let faulty =
            std::panic::catch_unwind(|| faults.during(|| play(script))).unwrap_or_default();
        assert!(faulty != play(script), "{fault} does not show in {situation}");
    }
}
