//! Pictures of a recorded run: an opened trace that can be walked both ways, and every picture of it as one display list.
//!
//! ```text
//!   Trace ─► OpenTrace ─► Cursor ─ View ─┐
//!              │ bands, steps, times     ├─► Stage ─ draw(tab) ─► Scene ─┬─► SVG ─── book, tests, hashes
//!              └─────────────────────────┘     │                         ├─► PNG, GIF
//!                       Style (theme, language, text size, zoom)         └─► the window (viz/app)
//! ```
//!
//! *Flows in*: events, and what a person has picked. *Flows out*: a [`Scene`], a pure function of those: the same trace, step,
//! selection and style give the same list of shapes, byte for byte as SVG, on every machine and in every build.
//! *Must never*: know the engine or a window, compute a number that the [`klamm_trace::View`] does not have, read a clock, or draw
//! anything without a name: shapes can only be drawn inside of an [`Object`], which has one.
//!
//! Coordinates are whole tenths of a pixel, see [`geometry`].

pub mod geometry;
mod language;
pub mod link;
mod motion;
mod opened;
mod raster;
pub mod rules;
mod scene;
mod sheet;
mod stage;
mod subject;
mod svg;
mod tabs;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod text;
mod theme;
mod why;
mod words;

pub use language::{Language, Phrase, filled, particle};
pub use motion::{ARRIVED, between, passing, ringed, undoing};
pub use opened::{
    Bands, Beat, Cursor, Fault, FaultKind, GivenUp, OpenTrace, Opening, PartitionPoint, Rebalance,
    Segment, Step, Tick, TimeScale, is_interesting,
};
pub use raster::{RasterError, gif, png};
pub use scene::{
    Anchor, Band, Canvas, Dash, Ink, Label, Look, Object, Part, Pinned, Role, Scene, Shape, Stroke,
    Type,
};
pub use sheet::{fingerprint, places, sheet};
pub use stage::{Selection, Stage, Style, Tab, Zoom, draw, picked_partition, short_time};
pub use subject::Subject;
pub use svg::svg;
pub use theme::{Colour, Hue, Palette, Theme};
pub use why::{Changed, WhyAnswer, WhyPart, sentence, subjects, value_of, why};
