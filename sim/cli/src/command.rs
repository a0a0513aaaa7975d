//! One file a command.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod dump_log;
pub(crate) mod files;
pub(crate) mod manual;
pub(crate) mod open;
pub(crate) mod render;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod serve;
