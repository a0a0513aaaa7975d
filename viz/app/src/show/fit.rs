//! How large a picture is drawn: made for a width, and drawn smaller or larger to the room that there is.

use klamm_scene::Tab;

/// Pictures are not drawn smaller than this; from there on they are scrolled.
const LEAST: f32 = 0.72;

/// Where two share the room, both are seen before their small letters are.
const LEAST_OF_TWO: f32 = 0.6;

/// Nor larger than this, where they fill a screen: larger letters say no more.
const MOST: f32 = 2.2;

/// The width for which a picture is made, in points at text size 100: what its words need side by side.
fn natural(tab: Tab, brokers: usize) -> f32 {
    match tab {
        Tab::Cluster if brokers > 4 => 1100.0,
        Tab::Cluster => 920.0,
        Tab::Logs | Tab::Sequence | Tab::Groups | Tab::Quorum => 760.0,
    }
}

/// The width for which a picture is to be made, and how large it is drawn, in a room of this width.
pub(super) fn width(room: f32, tab: Tab, brokers: usize, scale: u16) -> (f32, f32) {
    within(room, natural(tab, brokers) * f32::from(scale) / 100.0, LEAST)
}

/// The same for one of two pictures side by side.
pub(super) fn beside(room: f32, tab: Tab, brokers: usize, scale: u16) -> (f32, f32) {
    within(room, natural(tab, brokers) * f32::from(scale) / 100.0, LEAST_OF_TWO)
}

fn within(room: f32, natural: f32, least: f32) -> (f32, f32) {
    let factor = (room / natural).clamp(least, 1.0);
    ((room / factor).max(natural), factor)
}

/// The same for a picture that is to fill the room: made for the least width and drawn as large as this allows.
pub(super) fn filling(tab: Tab, brokers: usize, scale: u16) -> f32 {
    natural(tab, brokers) * f32::from(scale) / 100.0
}

/// How large a picture is drawn that is to fill a room.
pub(super) fn fill(room: [f32; 2], size: [f32; 2]) -> f32 {
    (room[0] / size[0].max(1.0)).min(room[1] / size[1].max(1.0)).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_wide_as_its_room_or_is_scrolled_and_never_unreadable() {
        for tab in Tab::ALL {
            for room in [300.0, 660.0, 800.0, 1200.0, 2400.0] {
                let (width, factor) = width(room, tab, 3, 100);
                assert!((LEAST..=1.0).contains(&factor), "{tab:?} {room}: {factor}");
                let drawn = width * factor;
                assert!(drawn >= room - 0.1, "{tab:?} {room}: {drawn} leaves a gap");
                assert!(
                    drawn <= room + 0.1 || factor <= LEAST,
                    "{tab:?} {room}: {drawn} is scrolled"
                );
            }
            let (width, factor) = width(696.0, tab, 3, 100);
            assert!(width * factor <= 696.1, "{tab:?}: all of it is seen on a small screen");
        }
        assert_eq!(fill([1600.0, 900.0], [800.0, 300.0]), 2.0);
        assert_eq!(fill([1600.0, 450.0], [800.0, 300.0]), 1.5);
        assert_eq!(fill([100.0, 100.0], [800.0, 300.0]), LEAST);
    }
}
