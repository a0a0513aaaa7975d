//! The window: watch a run, step back and forth, break, and ask why.
//!
//! ```text
//!   scenario or trace ─► Worker (a thread) ─ News ─► Window ─► Lab ─ Scene, answers ─► show ─► egui
//!                                                      ▲                                │
//!                                                      └────────────── Action ◄─────────┘
//! ```
//!
//! *Flows in*: a scenario or trace, keys and clicks. *Flows out*: a window. Everything but `show` is plain data that tests drive
//! without a window, and `show` runs in tests without a renderer.
//! *Must never*: know the engine's rules (pictures and answers come from [`klamm_scene`]), hold a frame up, draw while nothing
//! happens, or paint anything without a name.

pub mod action;
pub mod branch;
mod branches;
mod breaking;
pub mod breakpoint;
pub mod code;
pub mod compare;
mod comparing;
pub mod deed;
mod editing;
pub mod editor;
pub mod lab;
pub mod launch;
pub mod layout;
pub mod library;
pub mod load;
mod meanings;
pub mod nowhere;
pub mod playback;
pub mod predictions;
pub mod settings;
mod sharing;
mod show;
mod subjects;
#[cfg(test)]
mod tests;
pub mod window;
pub mod words;

pub use show::fonts;
