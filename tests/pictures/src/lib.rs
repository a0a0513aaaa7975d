//! Pictures of the whole window, kept and compared. Nothing here is used by anybody: see `tests/pictures/`.
//!
//! Flows in: the window, drawn by the painter that it ships with, on a software renderer. Flows out: a failed test with every
//! picture that looks different, or, with `KLAMM_UPDATE=1` in the environment, fresh pictures in `kept/`. Must never draw on a
//! graphics card, nor pass where there is nothing to draw with.
