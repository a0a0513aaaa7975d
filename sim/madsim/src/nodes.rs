//! Node mode: every process of a scenario is a madsim node of its own.
//!
//! ```text
//!   driver task:  Runner ── orders ──► Bench (recorder, disks, dice, links as madsim has them)
//!                    ▲                   ▲
//!                    └── View ◄── events ┴── process task of each node ── madsim TCP, madsim timers
//! ```
//!
//! What differs from the world, and is madsim's: latencies are one range for all links and at least a millisecond; a
//! stream delivers at most a thousand messages a second; a peer's death closes its connections at once, even across a
//! cut; a connect over a cut link is refused, which is turned back into silence here; what was in flight crosses a new
//! cut. A link that a step slows down, narrows, makes flaky or lets hold answers keeps its frames back before madsim gets
//! them, frame by frame: what TCP would send again takes longer, and nothing else shows. A disk costs time only while it is
//! slower than usual.

#[expect(clippy::field_scoped_visibility_modifiers, reason = "the tasks of a run share it")]
mod bench;
mod driver;
mod process;

pub use driver::run_nodes;
