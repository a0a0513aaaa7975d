//! How the panes of the lab are arranged: three presets, and whatever a person makes of them by dragging.

use eframe::egui::Id;
use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

mod code;

pub use code::{of_code, to_code};

/// A pane of the lab.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Pane {
    /// The scenario's question, its steps, what was found.
    Guide,
    /// The picture.
    Stage,
    /// Event, state, differences, Why?.
    Inspector,
    /// The bands over time.
    Timeline,
}

impl Pane {
    /// Every pane.
    pub const ALL: [Self; 4] = [Self::Guide, Self::Stage, Self::Inspector, Self::Timeline];
}

/// An arrangement to begin with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Preset {
    /// The guide beside the picture.
    Learn,
    /// Inspector and timeline large.
    Debug,
    /// The picture alone, with the timeline below.
    Present,
}

impl Preset {
    /// Every arrangement.
    pub const ALL: [Self; 3] = [Self::Learn, Self::Debug, Self::Present];

    /// The panes in it.
    pub fn tree(self) -> Tree<Pane> {
        self.tree_in(Room::Wide)
    }

    /// The panes in it, in a room.
    pub fn tree_in(self, room: Room) -> Tree<Pane> {
        let mut tiles = Tiles::default();
        if let (Self::Learn, Room::Narrow { side }) = (self, room) {
            let pages = [Pane::Guide, Pane::Inspector].map(|pane| tiles.insert_pane(pane));
            let pages = tiles.insert_tab_tile(pages.to_vec());
            let mut beside = |pane: Pane| {
                let pane = tiles.insert_pane(pane);
                tiles.insert_tab_tile(vec![pane])
            };
            let (stage, timeline) = (beside(Pane::Stage), beside(Pane::Timeline));
            let side = f32::from(side) / 100.0;
            let row = [(pages, side), (stage, 1.0 - side)];
            let row = linear(&mut tiles, LinearDir::Horizontal, &row);
            let all = [(row, 0.78), (timeline, 0.22)];
            let root = linear(&mut tiles, LinearDir::Vertical, &all);
            return Tree::new(Id::unique("lab"), root, tiles);
        }
        // Every pane has a tab to be taken by, as `show::panes` asks for; made here, so that showing a tree does not change it.
        let mut beside = |pane: Pane| {
            let pane = tiles.insert_pane(pane);
            tiles.insert_tab_tile(vec![pane])
        };
        let (stage, timeline) = (beside(Pane::Stage), beside(Pane::Timeline));
        let (row, share) = match self {
            Self::Learn => {
                let (guide, inspector) = (beside(Pane::Guide), beside(Pane::Inspector));
                (vec![(guide, 0.19), (stage, 0.57), (inspector, 0.24)], 0.72)
            }
            Self::Debug => (vec![(stage, 0.55), (beside(Pane::Inspector), 0.45)], 0.62),
            Self::Present => (vec![(stage, 1.0)], 0.84),
        };
        let row = linear(&mut tiles, LinearDir::Horizontal, &row);
        let root =
            linear(&mut tiles, LinearDir::Vertical, &[(row, share), (timeline, 1.0 - share)]);
        Tree::new(Id::unique("lab"), root, tiles)
    }
}

/// How much room the panes have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Room {
    /// Three panes side by side leave the picture enough.
    #[default]
    Wide,
    /// They do not: what is beside the picture shares one place.
    Narrow {
        /// The hundredths of the width that it has.
        side: u8,
    },
}

/// What a picture of the smallest clusters takes, drawn as small as it is drawn: in points at text size 100.
const PICTURE: f32 = 664.0;

/// What a pane takes beside its picture.
const AROUND: f32 = 30.0;

impl Room {
    /// The room in a width, at a text size in hundredths.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 19 and 30"
    )]
    pub fn of(width: f32, scale: u16) -> Self {
        let picture = PICTURE * f32::from(scale) / 100.0 + AROUND;
        if picture <= width * 0.57 {
            return Self::Wide;
        }
        let side = (100.0 - 100.0 * picture / width.max(1.0)).clamp(19.0, 30.0);
        Self::Narrow { side: side as u8 }
    }
}

fn linear(tiles: &mut Tiles<Pane>, dir: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, children.iter().map(|(tile, _)| *tile).collect());
    for (tile, share) in children {
        linear.shares.set_share(*tile, *share);
    }
    tiles.insert_container(Container::Linear(linear))
}

/// Whether an arrangement that was read from a file can be used: it has a root, each pane once at most, and the stage.
pub fn is_sound(tree: &Tree<Pane>) -> bool {
    let mut panes: Vec<Pane> = tree
        .tiles
        .tiles()
        .filter_map(|tile| match tile {
            Tile::Pane(pane) => Some(*pane),
            Tile::Container(_) => None,
        })
        .collect();
    let count = panes.len();
    panes.sort();
    panes.dedup();
    let known = |tile: &TileId| tree.tiles.get(*tile).is_some();
    let whole = tree.tiles.tiles().all(|tile| match tile {
        Tile::Container(container) => container.children().all(known),
        Tile::Pane(_) => true,
    });
    tree.root.as_ref().is_some_and(known)
        && whole
        && count == panes.len()
        && panes.contains(&Pane::Stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_three_panes_leave_the_picture_too_little_two_share_a_place() {
        assert_eq!(Room::of(1360.0, 100), Room::Wide);
        assert_eq!(Room::of(1280.0, 100), Room::Wide);
        assert_eq!(Room::of(1024.0, 100), Room::Narrow { side: 30 });
        assert_eq!(Room::of(1280.0, 150), Room::Narrow { side: 19 });
        for (width, scale) in [(1280.0, 125), (1280.0, 150), (1024.0, 100), (1440.0, 150)] {
            let Room::Narrow { side } = Room::of(width, scale) else { panic!("{width} {scale}") };
            let left = width * (1.0 - f32::from(side) / 100.0);
            let wanted = PICTURE * f32::from(scale) / 100.0 + AROUND;
            assert!(left + 1.0 >= wanted, "{width} {scale}: {left} of {wanted}");
            let tree = Preset::Learn.tree_in(Room::Narrow { side });
            assert!(is_sound(&tree));
            assert_eq!(tree.tiles.tiles().filter(|it| matches!(it, Tile::Pane(_))).count(), 4);
        }
    }

    #[test]
    fn presets_are_sound_and_what_lacks_the_stage_is_not() {
        for preset in Preset::ALL {
            assert!(is_sound(&preset.tree()), "{preset:?}");
        }
        assert!(!is_sound(&Tree::new_tabs(Id::unique("lab"), vec![Pane::Guide])));
        assert!(!is_sound(&Tree::new_tabs(Id::unique("lab"), vec![Pane::Stage, Pane::Stage])));
        assert!(!is_sound(&Tree::empty(Id::unique("lab"))));
    }
}
