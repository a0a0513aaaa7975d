//! What every part of the window is drawn with: words, colours, and buttons that are made from the table of actions.

use eframe::egui;
use egui::{
    Color32, Pos2, Response, RichText, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, vec2,
};
use klamm_node::Seq;
use klamm_scene::{Colour, Hue, Language, Style, Theme};

use crate::action::Action;
use crate::code::Code;
use crate::compare::With;
use crate::deed::{Deed, Doing};
use crate::editing::Answer;
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
    /// Which branches to take up again once everything is drawn.
    pub aside: Option<usize>,
    /// Which branch to show once everything is drawn.
    pub branch: Option<usize>,
    /// What becomes of text that is not saved.
    pub answer: Option<Answer>,
    /// What to compare with once everything is drawn.
    pub compare: Option<With>,
    /// The replay code to open once everything is drawn.
    pub code: Option<Box<Code>>,
    /// What to do to the cluster once everything is drawn.
    pub doing: Option<Doing>,
    /// Where to go once everything is drawn.
    pub go: Option<Seq>,
    /// The branches as they are listed: place, depth, what it is called, whether it is shown.
    pub branches: Vec<(usize, u8, String, bool)>,
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
            aside: None,
            branch: None,
            answer: None,
            compare: None,
            code: None,
            doing: None,
            go: None,
            branches: branches(window, style.language),
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
    pub(super) fn hint(&self, action: Action) -> String {
        let Some(entry) = action.entry() else { return String::new() };
        let keys: Vec<String> = entry.keys.iter().map(|press| press.text()).collect();
        let name = self.word(entry.word);
        if keys.is_empty() { name.to_owned() } else { format!("{name} ({})", keys.join(", ")) }
    }

    /// Whether an action has anything to act on.
    fn can(&self, action: Action) -> bool {
        self.in_lab
            || matches!(
                action,
                Action::Editor
                    | Action::RunEdited
                    | Action::SaveBranch
                    | Action::Language
                    | Action::Palette
                    | Action::Motion
                    | Action::MoveAs(_)
                    | Action::Larger
                    | Action::Smaller
                    | Action::FullScreen
                    | Action::Commands
                    | Action::Shortcuts
                    | Action::Library
            )
    }

    /// A line of a menu for an action: its name and its keys.
    pub(super) fn entry(&mut self, ui: &mut Ui, action: Action, chosen: bool) {
        let Some(entry) = action.entry() else { return };
        let keys: Vec<String> = entry.keys.iter().map(|press| press.text()).collect();
        let name = self.word(entry.word);
        let enabled = self.can(action);
        let button = egui::Button::selectable(chosen, name).right_text(keys.join(", "));
        let response = ui.add_enabled(enabled, button);
        response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, chosen, name));
        if response.clicked() {
            self.todo.push(action);
        }
    }

    /// A button with a text of its own for an action; its name is the action's.
    pub(super) fn short(&mut self, ui: &mut Ui, action: Action, text: &str, chosen: bool) {
        let enabled = self.can(action);
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

    /// What is offered for a text with a replay code in it: the view, or what is wrong with the code. False if it has none.
    pub(super) fn code_in(&mut self, ui: &mut Ui, text: &str, entered: bool) -> bool {
        let Some(found) = Code::find_in(text) else { return false };
        match Code::parse(found) {
            Err(wrong) => {
                ui.label(RichText::new(wrong.say(self.language)).color(self.colour(Hue::Danger)));
            }
            Ok(code) => {
                ui.label(code.place.name());
                if ui.button(self.word(Word::CodeOpen)).clicked() || entered {
                    self.code = Some(Box::new(code));
                }
            }
        }
        true
    }

    /// A button for a deed; one that can't be done now says why.
    pub(super) fn deed(&mut self, ui: &mut Ui, deed: Deed, refused: Option<Word>) {
        let text = self.word(deed.word());
        let action = Action::Do(deed);
        let why = refused.map(|word| self.word(word));
        let button = egui::Button::selectable(false, text);
        let response = ui.add_enabled(why.is_none(), button);
        let name = why.map_or_else(|| text.to_owned(), |why| format!("{text}: {why}"));
        named_if(&response, why.is_none(), &name);
        let hint = self.hint(action);
        let response = response.on_hover_text(&hint);
        let response = response.on_disabled_hover_text(why.unwrap_or(&hint));
        if response.clicked() {
            self.todo.push(action);
        }
    }

    /// The width of a button with a picture.
    pub(super) fn icon_size(ui: &Ui) -> f32 {
        ui.spacing().interact_size.y * 1.2
    }

    /// A button with a picture.
    pub(super) fn icon(&mut self, ui: &mut Ui, action: Action, icon: Icon) {
        let size = Self::icon_size(ui);
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

/// The tree of branches, line by line.
fn branches(window: &Window, language: Language) -> Vec<(usize, u8, String, bool)> {
    let (all, shown) = (window.branches.all(), window.branches.shown());
    let line = |(at, depth): (usize, u8)| {
        let title = all.get(at)?.title(language);
        Some((at, depth, title, at == shown))
    };
    window.branches.tree().into_iter().filter_map(line).collect()
}

/// Puts a name on a button, with what it needs to be pressed.
pub(super) fn named_if(response: &Response, enabled: bool, name: &str) {
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
}

/// Puts a name on something that was drawn by hand.
pub(super) fn named(response: &Response, role: Role, name: &str) {
    response.widget_info(|| WidgetInfo::labeled(role, true, name));
}
