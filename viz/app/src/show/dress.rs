//! The look of the whole window: the font, the palette's colours, the size of text.

use std::sync::Arc;

use eframe::egui;
use egui::{Context, FontData, FontDefinitions, FontFamily, FontId, Stroke, TextStyle, Visuals};
use klamm_scene::{Hue, Palette, Theme, text};

use super::hand::color;
use crate::window::Window;

impl Window {
    /// Puts the look on, if it has changed.
    pub(super) fn dress(&mut self, ctx: &Context) {
        let wanted = (self.settings.palette, self.settings.scale, self.presenter);
        if self.dressed == Some(wanted) {
            return;
        }
        self.dressed = Some(wanted);
        // What has been begun of this frame has the old look still.
        ctx.request_repaint();
        // The program's own keys change the size of text.
        ctx.options_mut(|options| options.zoom_with_keyboard = false);
        let theme = Theme::new(wanted.0);
        let kind = match wanted.0 {
            Palette::Light => egui::Theme::Light,
            Palette::Dark => egui::Theme::Dark,
        };
        ctx.set_theme(kind);
        ctx.set_visuals_of(kind, visuals(&theme));
        let scale = f32::from(wanted.1) / 100.0;
        ctx.all_styles_mut(|style| {
            let sizes = [
                (TextStyle::Small, 12.0, FontFamily::Proportional),
                (TextStyle::Body, 14.0, FontFamily::Proportional),
                (TextStyle::Button, 14.0, FontFamily::Proportional),
                (TextStyle::Heading, 20.0, FontFamily::Proportional),
                (TextStyle::Monospace, 13.0, FontFamily::Monospace),
            ];
            let sized = |(name, size, family)| (name, FontId::new(size * scale, family));
            style.text_styles = sizes.into_iter().map(sized).collect();
            style.spacing.interact_size.y = 20.0 * scale;
            style.spacing.item_spacing = egui::vec2(8.0, 5.0);
            style.interaction.selectable_labels = false;
        });
    }
}

/// The colours of egui's own parts, from the palette.
fn visuals(theme: &Theme) -> Visuals {
    let mut visuals = match theme.palette {
        Palette::Light => Visuals::light(),
        Palette::Dark => Visuals::dark(),
    };
    let (ink, quiet) = (color(theme.ink), color(theme.quiet));
    let (panel, faint, back) = (color(theme.panel), color(theme.faint), color(theme.background));
    visuals.panel_fill = panel;
    visuals.window_fill = back;
    visuals.extreme_bg_color = back;
    visuals.faint_bg_color = panel;
    visuals.hyperlink_color = color(theme.hue(Hue::Leader));
    visuals.selection.bg_fill = color(theme.tint(Hue::Leader, 30));
    visuals.selection.stroke = Stroke::new(1.0, ink);
    visuals.weak_text_color = Some(quiet);
    let widgets = &mut visuals.widgets;
    for state in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        state.fg_stroke.color = ink;
    }
    visuals.widgets.noninteractive.bg_stroke.color = faint;
    visuals
}

/// The font of all pictures is the window's too: one width for one text, in both languages, on every machine. What stands in columns
/// has a font of its own for ASCII, and two columns for whatever it has not.
pub fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let (sans, mono) = (text::FAMILY.to_owned(), text::MONO_FAMILY.to_owned());
    for (name, bytes) in [(&sans, text::FONT), (&mono, text::MONO)] {
        fonts.font_data.insert(name.clone(), Arc::new(FontData::from_static(bytes)));
    }
    fonts.families.insert(FontFamily::Proportional, vec![sans.clone()]);
    fonts.families.insert(FontFamily::Monospace, vec![mono, sans]);
    fonts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_even_and_a_syllable_takes_two_of_them() {
        let ctx = Context::default();
        ctx.set_fonts(fonts());
        let width = |text: &str| {
            let mut width = 0.0;
            let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
                let font = FontId::monospace(50.0);
                let galley = ui.painter().layout_no_wrap(text.to_owned(), font, egui::Color32::RED);
                width = galley.size().x;
            });
            output.textures_delta.clear();
            width
        };
        let column = width("m");
        assert!(column > 10.0);
        for (text, columns) in
            [("i", 1.0), ("(", 1.0), ("iiiiiiii", 8.0), ("가", 2.0), ("리더 leader", 11.0)]
        {
            let off = width(text) / column - columns;
            assert!(off.abs() < 0.05, "{text} takes {} columns", columns + off);
        }
    }
}
