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

/// The font of all pictures is the window's too: one width for one text, in both languages, on every machine.
pub fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let name = text::FAMILY.to_owned();
    fonts.font_data.insert(name.clone(), Arc::new(FontData::from_static(text::FONT)));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts.families.insert(family, vec![name.clone()]);
    }
    fonts
}
