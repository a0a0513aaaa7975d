//! What every part of the window is drawn with: words, colours, and buttons that are made from the table of actions.

use eframe::egui;
use egui::{
    Color32, Pos2, Response, RichText, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, vec2,
};
use klamm_scene::{Colour, Hue, Language, Style, Theme};

use crate::action::Action;
use crate::branches::Branch;
use crate::load::Source;
use crate::settings::Motion;
use crate::window::Window;
use crate::words::Word;

/// Drawing, and what came of it.
#[expect(
    clippy::partial_pub_fields,
    reason = "what is drawn with is everybody's, what enables buttons is theirs alone"
)]
#[derive(Debug)]
pub(super) struct Hand {
    pub language: Language,
    pub theme: Theme,
    pub style: Style,
    /// How much moves.
    pub motion: Motion,
    /// What to do once everything is drawn.
    pub todo: Vec<Action>,
    /// What to open once everything is drawn.
    pub open: Option<Source>,
    /// Which branch to show once everything is drawn.
    pub branch: Option<usize>,
    /// The branches, to be listed.
    pub branches: Vec<Branch>,
    /// The one that is shown.
    pub shown: usize,
    in_lab: bool,
    plays: bool,
}

/// A picture on a button.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Icon {
    First,
    Back,
    Previous,
    PlayPause,
    Next,
    On,
    Last,
}

impl Hand {
    pub(super) fn new(window: &Window) -> Self {
        let style = window.style();
        Self {
            language: style.language,
            theme: style.theme,
            style,
            motion: window.settings.motion,
            todo: Vec::new(),
            open: None,
            branch: None,
            branches: window.branches.all().to_vec(),
            shown: window.branches.shown(),
            in_lab: window.lab().is_some(),
            plays: window.lab().is_some_and(|lab| lab.playback.plays()),
        }
    }

    pub(super) fn word(&self, word: Word) -> &'static str {
        word.text(self.language)
    }

    pub(super) fn say(&self, word: Word, values: &[&dyn std::fmt::Display]) -> String {
        word.say(self.language, values)
    }

    pub(super) fn colour(&self, hue: Hue) -> Color32 {
        color(self.theme.hue(hue))
    }

    /// A title of a part.
    pub(super) fn title(&self, ui: &mut Ui, word: Word) {
        ui.add_space(4.0);
        ui.label(RichText::new(self.word(word)).strong());
    }

    /// The name of an action with its keys.
    fn hint(&self, action: Action) -> String {
        let Some(entry) = action.entry() else { return String::new() };
        let keys: Vec<String> = entry.keys.iter().map(|press| press.text()).collect();
        let name = self.word(entry.word);
        if keys.is_empty() { name.to_owned() } else { format!("{name} ({})", keys.join(", ")) }
    }

    /// A button with a text of its own for an action; its name is the action's.
    pub(super) fn short(&mut self, ui: &mut Ui, action: Action, text: &str, chosen: bool) {
        let enabled = self.in_lab
            || matches!(
                action,
                Action::Language
                    | Action::Palette
                    | Action::Commands
                    | Action::Shortcuts
                    | Action::Library
            );
        let name = action.entry().map_or("", |entry| self.word(entry.word));
        let button = egui::Button::selectable(chosen, text);
        let response = ui.add_enabled(enabled, button).on_hover_text(self.hint(action));
        response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, chosen, name));
        if response.clicked() {
            self.todo.push(action);
        }
    }

    /// A button with the action's name on it.
    pub(super) fn button(&mut self, ui: &mut Ui, action: Action) {
        let name = action.entry().map_or("", |entry| self.word(entry.word));
        self.short(ui, action, name, false);
    }

    /// A button with a picture.
    pub(super) fn icon(&mut self, ui: &mut Ui, action: Action, icon: Icon) {
        let size = ui.spacing().interact_size.y * 1.2;
        let name = action.entry().map_or("", |entry| self.word(entry.word));
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(size), Sense::click());
        let visuals = ui.style().interact(&response);
        let painter = ui.painter();
        painter.rect_filled(rect, 4.0, visuals.weak_bg_fill);
        let colour = if self.in_lab { visuals.fg_stroke.color } else { color(self.theme.faint) };
        let at = |x: f32, y: f32| rect.center() + vec2(x, y) * size / 20.0;
        for shape in icon.shapes(self.plays, &at, colour) {
            painter.add(shape);
        }
        response.widget_info(|| WidgetInfo::labeled(Role::Button, self.in_lab, name));
        if response.on_hover_text(self.hint(action)).clicked() && self.in_lab {
            self.todo.push(action);
        }
    }
}

impl Icon {
    /// Its shapes, on a field from -10 to 10.
    fn shapes(self, plays: bool, at: &dyn Fn(f32, f32) -> Pos2, colour: Color32) -> Vec<Shape> {
        let arrow = |x: f32, way: f32| {
            Shape::convex_polygon(
                vec![at(x - 3.0 * way, -6.0), at(x + 4.0 * way, 0.0), at(x - 3.0 * way, 6.0)],
                colour,
                Stroke::NONE,
            )
        };
        let bar = |x: f32| {
            let (a, b) = (at(x - 1.2, -6.0), at(x + 1.2, 6.0));
            Shape::rect_filled(egui::Rect::from_two_pos(a, b), 0.0, colour)
        };
        match self {
            Self::First => vec![bar(-6.0), arrow(1.0, -1.0)],
            Self::Back => vec![arrow(-4.0, -1.0), arrow(4.0, -1.0)],
            Self::Previous => vec![arrow(0.0, -1.0)],
            Self::PlayPause if plays => vec![bar(-3.5), bar(3.5)],
            Self::PlayPause => vec![arrow(0.0, 1.0), arrow(1.5, 1.0)],
            Self::Next => vec![arrow(0.0, 1.0)],
            Self::On => vec![arrow(-4.0, 1.0), arrow(4.0, 1.0)],
            Self::Last => vec![arrow(-1.0, 1.0), bar(6.0)],
        }
    }
}

/// A scene's colour.
pub(super) fn color(colour: Colour) -> Color32 {
    Color32::from_rgb(colour.0, colour.1, colour.2)
}

/// Tenths of a pixel as points.
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture is far smaller than what f32 counts exactly"
)]
pub(super) fn points(tenths: i32) -> f32 {
    tenths as f32 / 10.0
}

/// Points as tenths of a pixel.
#[expect(clippy::cast_possible_truncation, reason = "a picture is far smaller than an i32")]
pub(super) fn tenths(points: f32) -> i32 {
    (points * 10.0).round() as i32
}

/// Puts a name on something that was drawn by hand.
pub(super) fn named(response: &Response, role: Role, name: &str) {
    response.widget_info(|| WidgetInfo::labeled(role, true, name));
}
