//! The toolbar: where one is, walking through the run, and the program's own buttons; and the menu at its end.
//!
//! It is one line, however narrow the window and however large the text: what has no room in it is in the menu, the least
//! important first. What one sets once (motion, colours, text, arrangements) is in the menu always.

use eframe::egui;
use egui::{RichText, Separator, TextStyle, Ui, WidgetText};
use klamm_scene::Step;

use super::hand::{Hand, Icon};
use crate::action::Action;
use crate::layout::Preset;
use crate::settings::Motion;
use crate::window::Window;
use crate::words::Word;

/// The room between two things.
const GAP: f32 = 4.0;

/// The room beside a button's text.
const PADDING: f32 = 5.0;

/// The room that a line between two groups takes.
const LINE: f32 = 6.0;

/// The widest name of a scenario that is not cut short, at text size 100.
const NAME: f32 = 230.0;

/// Something in the toolbar.
struct Item {
    /// How soon it gives way: the highest first, 0 never.
    rank: u8,
    what: What,
}

enum What {
    /// A button: what it does, what is written on it, whether it is chosen.
    Button(Action, String, bool),
    Icon(Action, Icon),
    Label(String),
    /// The name of what is open.
    Name(String),
    /// What playing goes by.
    PlaysBy(Step),
    Menu,
}

impl Item {
    fn button(rank: u8, action: Action, text: &str, chosen: bool) -> Self {
        Self { rank, what: What::Button(action, text.to_owned(), chosen) }
    }

    fn icon(rank: u8, action: Action, icon: Icon) -> Self {
        Self { rank, what: What::Icon(action, icon) }
    }

    fn width(&self, ui: &Ui, hand: &Hand) -> f32 {
        let text = |text: &str| {
            let text = WidgetText::from(text);
            text.into_galley(ui, None, f32::INFINITY, TextStyle::Button).size().x.ceil()
        };
        let button = |label: &str| text(label) + 2.0 * ui.spacing().button_padding.x + 1.0;
        match &self.what {
            What::Button(_, label, _) => button(label),
            What::Icon(..) => Hand::icon_size(ui),
            What::Label(label) => text(label),
            What::Name(name) => text(name).min(NAME * f32::from(hand.style.scale) / 100.0),
            What::PlaysBy(step) => button(&plays_by(*step, hand)),
            What::Menu => button(hand.word(Word::Menu)),
        }
    }

    fn show(&self, window: &Window, missing: &[Action], ui: &mut Ui, hand: &mut Hand) {
        match &self.what {
            What::Button(action, text, chosen) => hand.short(ui, *action, text, *chosen),
            What::Icon(action, icon) => hand.icon(ui, *action, *icon),
            What::Label(text) => {
                ui.label(text);
            }
            What::Name(name) => {
                ui.scope(|ui| {
                    ui.set_max_width(self.width(ui, hand) + 1.0);
                    ui.add(egui::Label::new(RichText::new(name).strong()).truncate());
                });
            }
            What::PlaysBy(step) => {
                let shown = ui.menu_button(plays_by(*step, hand), |ui| {
                    for step in STEPS {
                        hand.entry(ui, Action::PlayBy(step), is_played_by(window, step));
                    }
                });
                shown.response.on_hover_text(hand.word(Word::PlaysByHelp));
            }
            What::Menu => {
                ui.menu_button(hand.word(Word::Menu), |ui| menu(window, missing, ui, hand));
            }
        }
    }
}

const STEPS: [Step; 4] = [Step::Event, Step::Message, Step::Interesting, Step::Beat];

fn plays_by(step: Step, hand: &Hand) -> String {
    let unit = match step {
        Step::Event => Word::InspectTabEvent,
        Step::Message => Word::UnitMessage,
        Step::Interesting => Word::UnitInteresting,
        Step::Beat => Word::UnitBeat,
    };
    hand.say(Word::PlaysBy, &[&hand.word(unit)])
}

fn is_played_by(window: &Window, step: Step) -> bool {
    window.lab().is_some_and(|lab| lab.playback.by == step)
}

/// Draws the toolbar.
pub(super) fn show(window: &Window, ui: &mut Ui, hand: &mut Hand) {
    ui.spacing_mut().button_padding.x = PADDING;
    let groups = groups(window, hand);
    let widths: Vec<Vec<(u8, f32)>> = groups
        .iter()
        .map(|group| group.iter().map(|item| (item.rank, item.width(ui, hand))).collect())
        .collect();
    let rank = rank_that_fits(&widths, ui.available_width());
    let stays = |item: &&Item| item.rank <= rank;
    let all = || groups.iter().flatten();
    let missing: Vec<Action> = all().filter(|item| !stays(item)).flat_map(Item::does).collect();
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        let shown = groups.iter().filter(|group| group.iter().any(|item| stays(&item)));
        for (at, group) in shown.enumerate() {
            if at > 0 {
                ui.add(Separator::default().spacing(LINE));
            }
            for item in group.iter().filter(stays) {
                item.show(window, &missing, ui, hand);
            }
        }
    });
    ui.add_space(2.0);
}

impl Item {
    /// What it does, for the menu.
    fn does(&self) -> Vec<Action> {
        match &self.what {
            What::Button(action, ..) | What::Icon(action, _) => vec![*action],
            What::PlaysBy(_) => STEPS.map(Action::PlayBy).to_vec(),
            What::Label(_) | What::Name(_) | What::Menu => Vec::new(),
        }
    }
}

/// Everything, in groups. The ranks say what is used most: walking before marking, marking before what opens other views.
fn groups(window: &Window, hand: &Hand) -> Vec<Vec<Item>> {
    let word = |word| hand.word(word);
    let mut groups = vec![vec![Item::button(4, Action::Library, word(Word::Library), false)]];
    if let Some(lab) = window.lab() {
        let seed = hand.say(Word::Seed, &[&lab.trace().header().seed]);
        groups[0].push(Item { rank: 2, what: What::Name(lab.source().name()) });
        groups[0].push(Item { rank: 12, what: What::Label(seed) });
        let speed = hand.say(Word::Speed, &[&lab.playback.speed()]);
        groups.push(vec![
            Item::icon(3, Action::First, Icon::First),
            Item::icon(1, Action::Previous(Step::Interesting), Icon::Back),
            Item::icon(0, Action::Previous(Step::Event), Icon::Previous),
            Item::icon(0, Action::PlayPause, Icon::PlayPause),
            Item::icon(0, Action::Next(Step::Event), Icon::Next),
            Item::icon(1, Action::Next(Step::Interesting), Icon::On),
            Item::icon(3, Action::Last, Icon::Last),
            Item::button(5, Action::Slower, "-", false),
            Item { rank: 5, what: What::Label(speed) },
            Item::button(5, Action::Faster, "+", false),
            Item { rank: 7, what: What::PlaysBy(lab.playback.by) },
        ]);
        let here = lab.bookmarks().contains(&lab.seq());
        let breaks = !lab.breakpoints().is_empty();
        groups.push(vec![
            Item::button(8, Action::HideFuture, word(Word::UnitFuture), lab.hide_future),
            Item::button(9, Action::Bookmark, word(Word::Bookmarks), here),
            Item::button(10, Action::Break, word(Word::Breakpoints), breaks),
        ]);
        groups.push(vec![
            Item::button(11, Action::Compare, word(Word::UnitCompare), window.compare.is_some()),
            Item::button(11, Action::Editor, word(Word::UnitEdit), window.editor().is_some()),
        ]);
    }
    groups.push(vec![
        Item::button(6, Action::Commands, "Ctrl+K", false),
        Item::button(6, Action::Shortcuts, "?", false),
        Item::button(8, Action::Language, word(Word::OtherLanguage), false),
        Item { rank: 0, what: What::Menu },
    ]);
    groups
}

/// The highest rank at which all that have it or a lower one fit into the room.
fn rank_that_fits(groups: &[Vec<(u8, f32)>], room: f32) -> u8 {
    let wide = |rank: u8| {
        let mut wide = 0.0;
        for group in groups {
            let stays = group.iter().filter(|(its, _)| *its <= rank);
            let group: f32 = stays.map(|(_, width)| width + GAP).sum();
            if group > 0.0 {
                wide += group + if wide > 0.0 { LINE + GAP } else { 0.0 };
            }
        }
        wide
    };
    let most = groups.iter().flatten().map(|(rank, _)| *rank).max().unwrap_or(0);
    (0..=most).rev().find(|rank| wide(*rank) <= room).unwrap_or(0)
}

/// What had no room in the toolbar, then what one sets.
fn menu(window: &Window, missing: &[Action], ui: &mut Ui, hand: &mut Hand) {
    for action in missing {
        let chosen = matches!(action, Action::PlayBy(step) if is_played_by(window, *step));
        hand.entry(ui, *action, chosen);
    }
    if !missing.is_empty() {
        ui.separator();
    }
    for motion in Motion::ALL {
        hand.entry(ui, Action::MoveAs(motion), window.settings.motion == motion);
    }
    ui.separator();
    for action in [Action::Palette, Action::Language, Action::Larger, Action::Smaller] {
        if !missing.contains(&action) {
            hand.entry(ui, action, false);
        }
    }
    ui.separator();
    if window.lab().is_some() {
        for preset in Preset::ALL {
            hand.entry(ui, Action::Arrange(preset), false);
        }
        hand.entry(ui, Action::UndoLayout, false);
        hand.entry(ui, Action::AskQuestions, window.settings.asks);
        hand.entry(ui, Action::Presenter, false);
    }
    hand.entry(ui, Action::FullScreen, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_gives_way_first() {
        let groups = [vec![(0, 50.0), (3, 50.0)], vec![(5, 100.0)], vec![(0, 20.0)]];
        // 50+4 + 50+4, a line and 100+4, a line and 20+4.
        let whole = 108.0 + 114.0 + 34.0;
        assert_eq!(rank_that_fits(&groups, whole), 5);
        assert_eq!(rank_that_fits(&groups, whole - 1.0), 4);
        assert_eq!(rank_that_fits(&groups, 108.0 + 34.0 - 1.0), 2);
        assert_eq!(rank_that_fits(&groups, 1.0), 0, "what never gives way stays");
    }
}
