//! An arrangement of panes as a short word for replay codes: `v2.720.h3.190.g.570.s.240.i.280.t`.
//!
//! A container is its letter with how many are in it; in rows and columns each child has its share of a thousand before it, tabs
//! have the place of the one that is open. A pane is its letter.

use eframe::egui::Id;
use egui_tiles::{Container, Grid, LinearDir, Tile, TileId, Tiles, Tree};

use super::{Pane, is_sound, linear};

/// How deep containers may stand in each other.
const DEPTH: u8 = 8;

impl Pane {
    fn letter(self) -> &'static str {
        match self {
            Self::Guide => "g",
            Self::Stage => "s",
            Self::Inspector => "i",
            Self::Timeline => "t",
        }
    }
}

/// An arrangement as a word.
pub fn to_code(tree: &Tree<Pane>) -> String {
    let mut words = Vec::new();
    if let Some(root) = tree.root {
        put(tree, root, &mut words);
    }
    words.join(".")
}

fn put(tree: &Tree<Pane>, tile: TileId, words: &mut Vec<String>) {
    let shown = |child: &TileId| tree.tiles.get(*child).is_some();
    match tree.tiles.get(tile) {
        None => {}
        Some(Tile::Pane(pane)) => words.push(pane.letter().to_owned()),
        Some(Tile::Container(Container::Tabs(tabs))) => {
            let children: Vec<TileId> = tabs.children.iter().copied().filter(shown).collect();
            if let [only] = children.as_slice() {
                return put(tree, *only, words);
            }
            let open = children.iter().position(|child| tabs.active == Some(*child)).unwrap_or(0);
            words.extend([format!("x{}", children.len()), open.to_string()]);
            children.into_iter().for_each(|child| put(tree, child, words));
        }
        Some(Tile::Container(Container::Linear(linear))) => {
            let children: Vec<TileId> = linear.children.iter().copied().filter(shown).collect();
            let letter = match linear.dir {
                LinearDir::Horizontal => "h",
                LinearDir::Vertical => "v",
            };
            words.push(format!("{letter}{}", children.len()));
            let all: f32 = children.iter().map(|child| linear.shares[*child]).sum();
            for child in children {
                words.push(thousandths(linear.shares[child] / all.max(f32::MIN_POSITIVE)));
                put(tree, child, words);
            }
        }
        Some(Tile::Container(Container::Grid(grid))) => {
            let children: Vec<TileId> = grid.children().copied().filter(shown).collect();
            words.push(format!("q{}", children.len()));
            children.into_iter().for_each(|child| put(tree, child, words));
        }
    }
}

fn thousandths(share: f32) -> String {
    format!("{:.0}", (share * 1000.0).clamp(1.0, 1000.0))
}

/// The arrangement that a word stands for; none if it is none that can be shown.
pub fn of_code(code: &str) -> Option<Tree<Pane>> {
    let mut tiles = Tiles::default();
    let mut words = code.split('.');
    let root = get(&mut words, &mut tiles, DEPTH, true)?;
    let tree = Tree::new(Id::unique("lab"), root, tiles);
    (words.next().is_none() && is_sound(&tree)).then_some(tree)
}

fn get<'a>(
    words: &mut impl Iterator<Item = &'a str>,
    tiles: &mut Tiles<Pane>,
    depth: u8,
    alone: bool,
) -> Option<TileId> {
    let word = words.next()?;
    if let Some(pane) = Pane::ALL.into_iter().find(|pane| pane.letter() == word) {
        let pane = tiles.insert_pane(pane);
        // Every pane has a tab to be taken by.
        return Some(if alone { tiles.insert_tab_tile(vec![pane]) } else { pane });
    }
    let depth = depth.checked_sub(1)?;
    let (kind, count) = word.split_at_checked(1)?;
    let count: usize = count.parse().ok().filter(|count| (1..=Pane::ALL.len()).contains(count))?;
    match kind {
        "x" => {
            let open: usize = words.next()?.parse().ok()?;
            let children: Option<Vec<TileId>> =
                (0..count).map(|_| get(words, tiles, depth, false)).collect();
            let children = children?;
            let open = *children.get(open)?;
            let tabs = tiles.insert_tab_tile(children);
            if let Some(Tile::Container(Container::Tabs(tabs))) = tiles.get_mut(tabs) {
                tabs.set_active(open);
            }
            Some(tabs)
        }
        "h" | "v" => {
            let dir = if kind == "h" { LinearDir::Horizontal } else { LinearDir::Vertical };
            let mut children = Vec::new();
            for _ in 0..count {
                let share: u16 = words.next()?.parse().ok().filter(|it| (1..=1000).contains(it))?;
                children.push((get(words, tiles, depth, true)?, f32::from(share) / 1000.0));
            }
            Some(linear(tiles, dir, &children))
        }
        "q" => {
            let children: Option<Vec<TileId>> =
                (0..count).map(|_| get(words, tiles, depth, true)).collect();
            Some(tiles.insert_container(Container::Grid(Grid::new(children?))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Preset;

    #[test]
    fn arrangements_come_back_and_nonsense_does_not() {
        for preset in Preset::ALL {
            let code = to_code(&preset.tree());
            let again = of_code(&code).unwrap_or_else(|| panic!("{code}"));
            assert_eq!(to_code(&again), code);
        }
        assert_eq!(to_code(&Preset::Learn.tree()), "v2.720.h3.190.g.570.s.240.i.280.t");
        for good in ["s", "x2.1.s.g", "q2.s.h2.500.i.500.x2.0.t.g"] {
            assert_eq!(of_code(good).map(|tree| to_code(&tree)).as_deref(), Some(good));
        }
        let deep = format!("{}s", "v1.1000.".repeat(20));
        for bad in [
            "",
            "g",
            "s.s",
            "x2.5.s.g",
            "x2.0.s.s",
            "h2.0.s.1.g",
            "h9.1.s",
            "h2.1.s",
            "z1.s",
            &deep,
        ] {
            assert!(of_code(bad).is_none(), "{bad}");
        }
    }
}
