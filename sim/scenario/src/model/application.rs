//! What a scenario says of applications: programs of one's own, run by the host driver.

use std::collections::BTreeMap;

use klamm_node::{GroupId, Time};

/// A machine that runs a program written against the lab's client. The file names the program; which programs there are
/// is known only to the binary that runs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Application {
    /// The source line, from 1.
    pub line: u32,
    /// Its name, which is also its host name.
    pub name: String,
    /// The program, by the name under which the binary knows it.
    pub program: String,
    /// The group that it reads with, if it does: the program finds it as `group.id` in its settings.
    pub group: Option<GroupId>,
    /// Settings of its clients, by librdkafka's keys; the program's clients start from them. Checked when the program
    /// creates a client, because only then it is known which kind of client they are for.
    pub config: BTreeMap<String, String>,
    /// What the program is told besides; it alone knows what that means.
    pub args: BTreeMap<String, String>,
    /// When it starts.
    pub start: Time,
}
