//! The branches of an opened run: what was done in the window, when, and from where. None is ever erased by another.

use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use klamm_node::Time;

use crate::branch::{Deed, Refused, with_step};
use crate::lab::Lab;
use crate::load::Source;
use crate::window::Notice;
use crate::words::Word;

/// A branch.
#[expect(clippy::partial_pub_fields, reason = "what a list shows is everybody's, what runs is not")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Branch {
    /// Its scenario.
    source: Source,
    text: Arc<str>,
    seed: u64,
    /// What was done, and when; none for the run as it was.
    pub done: Option<(String, Time)>,
    /// How many branches it stands on.
    pub depth: u8,
    saved: bool,
}

/// How one looked at a run, to look at its branch alike.
#[derive(Debug)]
struct Look {
    tab: klamm_scene::Tab,
    zoom: klamm_scene::Zoom,
    selection: klamm_scene::Selection,
    inspect: crate::lab::Inspect,
    hide_future: bool,
}

/// Every branch of a run.
#[derive(Debug, Default)]
pub(crate) struct Branches {
    all: Vec<Branch>,
    shown: usize,
    look: Option<Look>,
}

impl Branches {
    /// The branches, each behind the one that it stands on.
    pub(crate) fn all(&self) -> &[Branch] {
        &self.all
    }

    /// Which one is shown.
    pub(crate) fn shown(&self) -> usize {
        self.shown
    }

    /// When the run that is shown parted from the one that it stands on; none for the run as it was.
    pub(crate) fn parted(&self) -> Option<Time> {
        self.all.get(self.shown).and_then(|branch| branch.done.as_ref().map(|(_, at)| *at))
    }

    /// Whether what is shown is a branch that no file has.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.all.get(self.shown).is_some_and(|branch| !branch.saved)
    }

    /// A new branch where one stands, with something done there.
    pub(crate) fn grow(&mut self, lab: &Lab, deed: Deed) -> Result<(), Notice> {
        let header = lab.trace().header();
        if !header.switches.is_empty() {
            return Err(Notice::Word(Word::NoBranch));
        }
        let node = lab.picked_node().map(|node| lab.name(node).to_owned());
        let node = match (deed.needs_node(), node) {
            (true, None) => return Err(Notice::Word(Word::PickNode)),
            (_, node) => node.unwrap_or_default(),
        };
        let (at, action) = (lab.cursor().view().now, deed.action(&node));
        let name = format!("{} + {}", header.scenario_name, self.all.len().max(1));
        let text = with_step(&name, &header.scenario, at, &action).map_err(|why| match why {
            Refused::Mistake(mistake) => Notice::Said(Word::StepRefused, mistake),
            Refused::Numbered => Notice::Word(Word::StepNumbered),
        })?;
        if self.all.is_empty() {
            self.all.push(Branch {
                source: lab.source().clone(),
                text: Arc::clone(&header.scenario),
                seed: header.seed,
                done: None,
                depth: 0,
                saved: true,
            });
            self.shown = 0;
        }
        let depth = self.all.get(self.shown).map_or(0, |branch| branch.depth);
        let branch = Branch {
            source: Source::Text { name, text: text.clone() },
            text: Arc::from(text),
            seed: header.seed,
            done: Some((action, at)),
            depth: depth.saturating_add(1),
            saved: false,
        };
        // Behind the branches that stand on the same one already, and theirs.
        let siblings = self.all.iter().skip(self.shown + 1).take_while(|other| other.depth > depth);
        let place = self.shown + 1 + siblings.count();
        self.all.insert(place, branch);
        self.shown = place;
        Ok(())
    }

    /// Chooses a branch: what is to be run, under which seed, and where to stand in it.
    pub(crate) fn choose(
        &mut self,
        index: usize,
        lab: Option<&Lab>,
    ) -> Option<(Source, Option<u64>, Option<String>)> {
        let branch = self.all.get(index)?;
        self.shown = index;
        self.look = lab.map(|lab| Look {
            tab: lab.tab,
            zoom: lab.zoom,
            selection: lab.selection.clone(),
            inspect: lab.inspect,
            hide_future: lab.hide_future,
        });
        // A trace is not run again: its scenario is.
        let name = branch.source.name();
        let source = match &branch.source {
            Source::File(_) if branch.done.is_none() => {
                Source::Text { name, text: branch.text.to_string() }
            }
            Source::File(_) | Source::Text { .. } => branch.source.clone(),
        };
        let here = lab.map(|lab| lab.cursor().view().now);
        let at = branch.done.as_ref().map(|(_, at)| *at).or(here);
        Some((source, Some(branch.seed), at.map(|at| format!("{}ns", at.0))))
    }

    /// Looks at a run as one looked at the one before.
    pub(crate) fn dress(&mut self, lab: &mut Lab) {
        let Some(look) = self.look.take() else { return };
        lab.tab = look.tab;
        lab.zoom = look.zoom;
        lab.selection = klamm_scene::Selection { event: None, ..look.selection };
        lab.inspect = look.inspect;
        lab.hide_future = look.hide_future;
    }

    /// A name for the file of what is shown.
    pub(crate) fn file_name(&self, lab: Option<&Lab>) -> String {
        let name = lab.map_or_else(String::new, |lab| lab.trace().header().scenario_name.clone());
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let plain = last.replace(" + ", "-").replace(".ron", "");
        format!("{plain}.ron")
    }

    /// Saves the scenario of what is shown as a new file.
    pub(crate) fn save(&mut self, lab: &mut Lab, path: &Path) -> io::Result<PathBuf> {
        let text = Arc::clone(&lab.trace().header().scenario);
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let path = path.canonicalize()?;
        if let Some(branch) = self.all.get_mut(self.shown) {
            branch.saved = true;
            branch.source = Source::File(path.clone());
        }
        lab.is_from(Source::File(path.clone()));
        Ok(path)
    }
}
