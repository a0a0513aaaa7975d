//! Sharing a view: the code that reopens it, a message for a chat, and opening one.

use std::path::Path;

use eframe::egui;
use klamm_scene::{Language, short_time};

use crate::branch::Refused;
use crate::branches::{Branches, Origin};
use crate::code::{Code, Looks, Place, is_trace, sum};
use crate::lab::Lab;
use crate::layout;
use crate::library;
use crate::load::{Source, Wake};
use crate::window::{Notice, Start, Window};
use crate::words::Word;

impl Notice {
    /// As a sentence.
    pub fn say(&self, language: Language) -> String {
        match self {
            Self::Word(word) => word.text(language).to_owned(),
            Self::Said(word, value) => word.say(language, &[value]),
        }
    }
}

/// What a code stands for: what is to be opened, and the branches that lead to it.
///
/// # Errors
///
/// When the scenario is not there, or not the one that the code was made with, or does not take what was done to it.
pub(crate) fn resolve(code: &Code) -> Result<(Source, Branches), Notice> {
    let file = |path: &str| {
        std::fs::read_to_string(path)
            .map_err(|error| Notice::Said(Word::CodeNoFile, format!("{path}: {error}")))
    };
    let (source, text) = match &code.place {
        Place::Library(name) => {
            let card = library::named(name)
                .ok_or_else(|| Notice::Said(Word::CodeNoScenario, name.clone()))?;
            let text = card.text.to_owned();
            (Source::Text { name: card.name.clone(), text: text.clone() }, text)
        }
        Place::Scenario(path) => (Source::File(path.into()), file(path)?),
        Place::Trace(path) => {
            if is_trace(Path::new(path)) != Some(true) {
                return Err(Notice::Said(Word::CodeNoFile, path.clone()));
            }
            // Its text is in it: that is looked at when it is open.
            return Ok((Source::File(path.into()), Branches::default()));
        }
    };
    if sum(text.as_bytes()) != code.text {
        return Err(Notice::Said(Word::CodeOtherText, code.place.name().to_owned()));
    }
    let (done, name) = (code.done.clone(), code.name.clone());
    if done.is_empty() && name.is_none() {
        return Ok((source, Branches::default()));
    }
    let origin = Origin { source: source.clone(), text: text.into(), done, name };
    let branches = Branches::rebuild(source, code.seed, &origin).map_err(|why| match why {
        Refused::Mistake(mistake) => Notice::Said(Word::CodeNotTaken, mistake),
        Refused::Numbered => Notice::Word(Word::StepNumbered),
    })?;
    let shown = branches.source(branches.shown()).map(|(source, _)| source);
    Ok((shown.unwrap_or(origin.source), branches))
}

impl Window {
    /// The code that reopens this view.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn code(&self) -> Result<Code, Notice> {
        let lab = self.lab().ok_or(Notice::Word(Word::NothingThere))?;
        if !lab.is_whole() {
            return Err(Notice::Word(Word::RunFirst));
        }
        let save_first = || Notice::Word(Word::SaveFirst);
        let origin = self.branches.origin(lab).ok_or_else(save_first)?;
        let place = match &origin.source {
            Source::Text { name, .. } => {
                let card = library::named(name).filter(|card| *card.text == *origin.text);
                Place::Library(card.ok_or_else(save_first)?.name.clone())
            }
            Source::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                let name = path.to_str().ok_or_else(save_first)?.to_owned();
                match is_trace(&path) {
                    Some(false) => Place::Scenario(name),
                    // What is done to a trace is done to its scenario, which is in no file.
                    Some(true) if origin.done.is_empty() => Place::Trace(name),
                    Some(true) | None => return Err(save_first()),
                }
            }
        };
        let header = lab.trace().header();
        let name = |node: &klamm_node::NodeId| lab.name(*node).to_owned();
        Ok(Code {
            place,
            text: sum(origin.text.as_bytes()),
            seed: header.seed,
            done: origin.done,
            name: origin.name,
            seq: lab.seq(),
            end: lab.end_hash(),
            view: Looks {
                tab: lab.tab,
                zoom: lab.zoom,
                page: lab.inspect,
                partition: lab.selection.partition.as_ref().map(ToString::to_string),
                group: lab.selection.group.as_ref().map(ToString::to_string),
                nodes: lab.selection.nodes.iter().map(name).collect(),
                event: lab.selection.event,
                asked: lab.asked().last().map(klamm_scene::Subject::id),
                hidden: lab.hide_future,
                language: self.settings.language,
                palette: self.settings.palette,
                scale: self.settings.scale,
                presenter: self.presenter,
                panes: layout::to_code(&self.layout),
            },
        })
    }

    /// Copies the command that reopens this view, or a message with it; false if there is none, and why is said.
    pub(crate) fn copy(&mut self, ctx: &egui::Context, message: bool) -> bool {
        let code = match self.code() {
            Ok(code) => code,
            Err(why) => {
                self.notice = Some(why);
                return false;
            }
        };
        let command = format!("klamm-viz --code {code}");
        let text = match self.lab() {
            Some(lab) if message => self.message(lab, &code, &command),
            Some(_) | None => command,
        };
        ctx.copy_text(text.clone());
        self.notice = Some(Notice::Said(Word::Copied, text));
        true
    }

    /// What one would write beside the command: what is seen, and how it came about.
    fn message(&self, lab: &Lab, code: &Code, command: &str) -> String {
        let language = self.settings.language;
        let scenario = lab.scenario();
        let title = scenario.map_or_else(|| code.place.name().to_owned(), |it| it.title.clone());
        let now = short_time(lab.cursor().view().now);
        let head = Word::MessageHead.say(language, &[&title, &code.seed, &now, &code.seq]);
        let done = code.done.iter().map(|(at, doing)| {
            Word::BranchAt.say(language, &[&doing.say(language), &short_time(*at)])
        });
        let lines: Vec<String> =
            std::iter::once(head).chain(done).chain([command.to_owned()]).collect();
        lines.join("\n")
    }

    /// Opens the view of a code; what is wrong with it is said.
    pub(crate) fn open_code(&mut self, code: &Code, wake: Wake) {
        self.overlay = None;
        let (source, branches) = match resolve(code) {
            Ok(found) => found,
            Err(why) => {
                self.notice = Some(why);
                return;
            }
        };
        let view = &code.view;
        self.settings.language = view.language;
        self.settings.palette = view.palette;
        self.settings.scale = view.scale;
        // Somebody else's look is for now: it is kept once one changes something oneself.
        self.saved = self.settings.clone();
        if let Some(tree) = layout::of_code(&view.panes) {
            self.remember_layout();
            self.layout = tree;
            self.usual = false;
        }
        self.presenter = view.presenter;
        self.search.clear();
        self.open(source.clone(), std::sync::Arc::clone(&wake));
        self.branches = branches;
        // A trace has its seed.
        let seed = (!matches!(code.place, Place::Trace(_))).then_some(code.seed);
        let at = Some(code.seq.to_string());
        self.start = Start {
            seed,
            at,
            tab: Some(view.tab),
            code: Some(Box::new(code.clone())),
            source: None,
        };
        self.run(source, wake);
    }
}
