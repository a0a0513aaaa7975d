//! How the panes stand: the usual arrangement fits itself to the window until somebody arranges them, changes can be taken back, and a
//! pane that is behind another comes to the front when there is something new in it.

use egui_tiles::Tile;
use klamm_node::Seq;
use klamm_scene::{Selection, Subject};

use super::Window;
use crate::lab::{Inspect, Lab};
use crate::layout::{Pane, Preset, Room};

/// How many arrangements can be taken back.
const UNDO: usize = 32;

/// What somebody looks at, as far as panes tell of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Attention {
    /// What the inspector is about.
    inspected: (Inspect, Selection, usize, Option<Subject>),
    /// What the guide asks, or has judged.
    asked: (Option<usize>, usize),
    /// In which run.
    last: Seq,
}

impl Attention {
    fn of(lab: &Lab) -> Self {
        let asked = lab.asked();
        Self {
            inspected: (lab.inspect, lab.selection.clone(), asked.len(), asked.last().cloned()),
            asked: (
                lab.predictions.waiting(lab.seq()),
                lab.predictions.score().map_or(0, |score| score.judged),
            ),
            last: lab.trace().last(),
        }
    }
}

impl Window {
    /// Arranges the panes in a way to begin with. The usual way goes on fitting itself to the window.
    pub(super) fn arrange(&mut self, preset: Preset) {
        self.remember_layout();
        self.layout = preset.tree_in(self.room);
        self.usual = preset == Preset::Learn;
        self.settings.layout = (!self.usual).then(|| self.layout.clone());
    }

    /// The arrangement before the last change; false if there was none.
    pub(super) fn undo_layout(&mut self) -> bool {
        let before = self.layouts_before.pop();
        let undone = before.is_some();
        if let Some(before) = before {
            self.layout = before.clone();
            self.settings.layout = Some(before);
            self.usual = false;
        }
        undone
    }

    /// Keeps the arrangement, to be taken back.
    pub(crate) fn remember_layout(&mut self) {
        self.layouts_before.push(self.layout.clone());
        if self.layouts_before.len() > UNDO {
            self.layouts_before.remove(0);
        }
    }

    /// Fits the usual arrangement to the width that there is.
    pub(crate) fn fit_layout(&mut self, width: f32) {
        let room = Room::of(width, self.settings.scale);
        if room == self.room {
            return;
        }
        let shared = std::mem::replace(&mut self.room, room) != Room::Wide;
        if self.usual {
            let inspects = shared && self.is_in_front(Pane::Inspector);
            self.layout = Preset::Learn.tree_in(room);
            if inspects && room != Room::Wide {
                self.reveal(Pane::Inspector);
            }
        }
    }

    /// Whether a pane can be seen.
    pub(crate) fn is_in_front(&self, wanted: Pane) -> bool {
        let active = self.layout.active_tiles();
        let mut panes = active.iter().filter_map(|tile| self.layout.tiles.get(*tile));
        panes.any(|tile| matches!(tile, Tile::Pane(pane) if *pane == wanted))
    }

    /// Brings a pane to the front, if it is behind another; true if it was.
    pub(crate) fn reveal(&mut self, wanted: Pane) -> bool {
        let is_wanted = |tile: &Tile<Pane>| matches!(tile, Tile::Pane(pane) if *pane == wanted);
        !self.is_in_front(wanted) && self.layout.make_active(|_, tile| is_wanted(tile))
    }

    /// Brings to the front what has something new to say: the inspector of what was picked or asked, the guide of its questions.
    /// True if something came to the front.
    pub(crate) fn attend(&mut self) -> bool {
        let now = self.lab().map(Attention::of);
        let before = std::mem::replace(&mut self.attention, now.clone());
        let (Some(before), Some(now)) = (before, now) else { return false };
        if before.last != now.last {
            return false;
        }
        if before.inspected != now.inspected {
            return self.reveal(Pane::Inspector);
        }
        let asks = now.asked.0.is_some() && before.asked.0 != now.asked.0;
        let judges = before.asked.1 < now.asked.1;
        (asks || judges) && self.reveal(Pane::Guide)
    }
}
