//! The presenter's view: the picture, what the scenario says of it, and the question that waits, each to be read from the last
//! row of a class.
//!
//! *Flows in*: the window. *Flows out*: three panels, the question's below the picture: there a line of it is a line.
//! *Must never*: write anything that a class is to read smaller than the names in the picture.

use eframe::egui;
use egui::{CentralPanel, Id, Panel, RichText, ScrollArea, Ui};

use super::hand::Hand;
use super::{question, stage, status};
use crate::window::{Screen, Window};

/// A screen on which text of size 100 is as large as the picture's: its width and height in points.
const MEASURE: [f32; 2] = [920.0, 540.0];

/// The largest text: from there on, the picture does not grow either.
const MOST: f32 = 2.2;

/// The names in the picture, and what is read beside it, in points at text size 100.
const READ: f32 = 16.0;

/// Draws the view.
pub(super) fn show(window: &mut Window, ui: &mut Ui, hand: &mut Hand) {
    let room = ui.available_size();
    let chosen = f32::from(hand.style.scale) / 100.0;
    let by = (large([room.x, room.y]) / chosen).max(1.0);
    Panel::bottom("caption").show(ui, |ui| {
        enlarge(ui, by);
        caption(window, ui, hand);
    });
    if let Screen::Lab(lab) = &mut window.screen
        && question::is_anything(lab)
    {
        // As high as what is asked, up to nearly half of the screen: it is known once it has been laid out.
        let id = Id::unique("the height of the question");
        let most = room.y * 0.48;
        let height = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(most).min(most);
        let asked = Panel::bottom("question").exact_size(height).show(ui, |ui| {
            enlarge(ui, by * READ / 14.0);
            let above = ui.max_rect().height();
            let area = ScrollArea::vertical().auto_shrink(false);
            let area = area.show(ui, |ui| question::show(lab, ui, hand, true));
            area.content_size.y + height - above
        });
        let wanted = asked.inner.min(most);
        if (wanted - height).abs() > 1.0 {
            ui.data_mut(|data| data.insert_temp(id, wanted));
            ui.ctx().request_discard("the question has another height");
        }
    }
    CentralPanel::default().show(ui, |ui| {
        if let Screen::Lab(lab) = &mut window.screen {
            stage::show(lab, ui, hand, true);
        }
    });
}

/// How large text is on a screen: as large as the picture is drawn that fills it.
fn large(room: [f32; 2]) -> f32 {
    (room[0] / MEASURE[0]).min(room[1] / MEASURE[1]).clamp(1.0, MOST)
}

/// Makes everything in a part of the window larger.
fn enlarge(ui: &mut Ui, by: f32) {
    let style = ui.style_mut();
    for font in style.text_styles.values_mut() {
        font.size *= by;
    }
    let spacing = &mut style.spacing;
    spacing.interact_size.y *= by;
    spacing.icon_width *= by;
    spacing.icon_width_inner *= by;
    spacing.icon_spacing *= by;
    spacing.button_padding *= by;
}

/// What the scenario says, where one stands, and what the program has to say. The event is for those who sit near.
fn caption(window: &Window, ui: &mut Ui, hand: &Hand) {
    ui.add_space(6.0);
    if let Screen::Lab(lab) = &window.screen {
        let read = egui::TextStyle::Body.resolve(ui.style()).size * READ / 14.0;
        let narration = status::narration(lab);
        if !narration.is_empty() {
            ui.label(RichText::new(narration).size(read).strong());
        }
        ui.label(window.position().unwrap_or_default());
    }
    status::notice(window, ui, hand);
    ui.add_space(6.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_grows_with_the_screen_as_the_picture_does() {
        assert_eq!(large([800.0, 560.0]), 1.0, "never smaller than it is");
        assert!(large([1920.0, 1080.0]) >= 2.0);
        assert_eq!(large([7680.0, 4320.0]), MOST);
    }
}
