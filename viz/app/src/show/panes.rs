//! The panes of the lab: which is where is the person's to say.

use eframe::egui;
use egui::{Frame, Margin, Ui, WidgetText};
use egui_tiles::{Behavior, EditAction, SimplificationOptions, TileId, UiResponse};

use super::hand::Hand;
use super::{guide, inspector, stage, timeline};
use crate::lab::Lab;
use crate::layout::Pane;
use crate::window::{Screen, Window};
use crate::words::Word;

/// Draws the panes. A change of the arrangement can be taken back, a long drag as one.
pub(super) fn show(window: &mut Window, ui: &mut Ui, hand: &mut Hand) {
    window.fit_layout(ui.available_width());
    let before = window.layout.clone();
    let Screen::Lab(lab) = &mut window.screen else { return };
    let mut panes = Panes { lab, hand, edited: false, turned: false };
    window.layout.ui(&mut panes, ui);
    let (edited, turned) = (panes.edited, panes.turned);
    if turned && !window.usual {
        window.settings.layout = Some(window.layout.clone());
    }
    if edited && window.layout != before {
        // A drag edits in every frame; only where it began is worth going back to.
        let dragging = ui.ctx().data(|data| data.get_temp::<bool>(dragged()).unwrap_or(false));
        if !dragging {
            window.layouts_before.push(before);
        }
        ui.ctx().data_mut(|data| data.insert_temp(dragged(), true));
        window.settings.layout = Some(window.layout.clone());
        window.usual = false;
    }
    if !ui.ctx().input(|input| input.pointer.any_down()) {
        ui.ctx().data_mut(|data| data.insert_temp(dragged(), false));
    }
}

fn dragged() -> egui::Id {
    egui::Id::unique("a drag of panes")
}

struct Panes<'a> {
    lab: &'a mut Lab,
    hand: &'a mut Hand,
    edited: bool,
    /// Whether another tab was turned to: that is no change of the arrangement.
    turned: bool,
}

impl Behavior<Pane> for Panes<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        Frame::new().inner_margin(Margin::same(6)).show(ui, |ui| match pane {
            Pane::Guide => guide::show(self.lab, ui, self.hand),
            Pane::Stage => stage::show(self.lab, ui, self.hand, false),
            Pane::Inspector => inspector::show(self.lab, ui, self.hand),
            Pane::Timeline => timeline::show(self.lab, None, ui, self.hand),
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        let word = match pane {
            Pane::Guide => Word::Guide,
            Pane::Stage => Word::StagePane,
            Pane::Inspector => Word::Inspector,
            Pane::Timeline => Word::Timeline,
        };
        self.hand.word(word).into()
    }

    /// The tabs grow with their titles.
    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        24.0 * f32::from(self.hand.style.scale) / 100.0
    }

    /// The bar steps back: what is in the panes is to be seen first.
    fn tab_bar_color(&self, visuals: &egui::Visuals) -> egui::Color32 {
        visuals.panel_fill
    }

    /// Every pane has its tab, to be taken by.
    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn on_edit(&mut self, edit: EditAction) {
        match edit {
            EditAction::TabSelected => self.turned = true,
            EditAction::TileResized | EditAction::TileDragged | EditAction::TileDropped => {
                self.edited = true;
            }
        }
    }
}
