//! x
use klamm_node::*;
#[derive(Clone, Debug)]
pub struct Puppet;
impl Node for Puppet { fn handle(&mut self, _: &mut Context<'_>, _: Input) {} fn next_deadline(&self) -> Option<(Time, &'static str)> { None } }
