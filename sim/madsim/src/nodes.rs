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
//! cut. A link that a step slows down holds its frames back before madsim gets them. Bandwidth and the speed of disks
//! do not exist and are reported as ignored.

#[expect(clippy::field_scoped_visibility_modifiers, reason = "the tasks of a run share it")]
mod bench;
mod driver;
mod process;

pub use driver::run_nodes;
