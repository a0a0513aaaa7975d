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
        let mut tiles = Tiles::default();
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
    fn presets_are_sound_and_what_lacks_the_stage_is_not() {
        for preset in Preset::ALL {
            assert!(is_sound(&preset.tree()), "{preset:?}");
        }
        assert!(!is_sound(&Tree::new_tabs(Id::unique("lab"), vec![Pane::Guide])));
        assert!(!is_sound(&Tree::new_tabs(Id::unique("lab"), vec![Pane::Stage, Pane::Stage])));
        assert!(!is_sound(&Tree::empty(Id::unique("lab"))));
    }
}
