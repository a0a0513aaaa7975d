//! The branches of an opened run as a tree: what was done in the window, when, and from where. None is ever erased by another.

use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use klamm_node::Time;
use klamm_scene::{Language, short_time};

use crate::branch::Refused;
use crate::deed::Doing;
use crate::lab::Lab;
use crate::load::Source;
use crate::window::Notice;
use crate::words::Word;

/// How a branch came to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Made {
    /// The run as it was opened.
    Root,
    /// Something was done at a moment.
    Done(Doing, Time),
    /// Its text was written by hand.
    Edited,
    /// The same scenario under another seed.
    Seed,
}

/// A branch.
#[expect(clippy::partial_pub_fields, reason = "what a list shows is everybody's, what runs is not")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Branch {
    /// Its scenario.
    source: Source,
    text: Arc<str>,
    /// Its seed.
    pub seed: u64,
    /// How it came to be.
    pub made: Made,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// The branch that it was made from.
    pub parent: Option<usize>,
    saved: bool,
}

impl Branch {
    /// What a list calls it.
    pub(crate) fn title(&self, language: Language) -> String {
        let what = match &self.made {
            Made::Root => Word::BranchRoot.text(language).to_owned(),
            Made::Done(doing, at) => {
                Word::BranchAt.say(language, &[&doing.say(language), &short_time(*at)])
            }
            Made::Edited => Word::BranchEdited.text(language).to_owned(),
            Made::Seed => Word::Seed.say(language, &[&self.seed]),
        };
        match &self.name {
            Some(name) => Word::BranchNamed.say(language, &[name, &what]),
            None => what,
        }
    }
}

/// What a branch follows from: a text that can be found again, and what was done to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    /// Where the text is.
    pub source: Source,
    /// The text.
    pub text: Arc<str>,
    /// What was done, the earliest first.
    pub done: Vec<(Time, Doing)>,
    /// The branch's own name.
    pub name: Option<String>,
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

/// Every branch of a run, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Branches {
    all: Vec<Branch>,
    shown: usize,
    look: Option<Look>,
}

impl Branches {
    /// The branches; one is found by its place, which never changes.
    pub(crate) fn all(&self) -> &[Branch] {
        &self.all
    }

    /// Which one is shown.
    pub(crate) fn shown(&self) -> usize {
        self.shown
    }

    /// When the run that is shown parted from the one that it stands on; none for the run as it was.
    pub(crate) fn parted(&self) -> Option<Time> {
        self.all.get(self.shown).and_then(|branch| match &branch.made {
            Made::Done(_, at) => Some(*at),
            // Another text or other dice: nothing before is the same.
            Made::Edited | Made::Seed => Some(Time::ZERO),
            Made::Root => None,
        })
    }

    /// The tree, each branch behind the one that it was made from: place and depth.
    pub(crate) fn tree(&self) -> Vec<(usize, u8)> {
        let mut tree = Vec::new();
        let mut open: Vec<(usize, u8)> = self.children(None).map(|at| (at, 0)).collect();
        open.reverse();
        while let Some((at, depth)) = open.pop() {
            tree.push((at, depth));
            let from = open.len();
            open.extend(self.children(Some(at)).map(|at| (at, depth.saturating_add(1))));
            if let Some(own) = open.get_mut(from..) {
                own.reverse();
            }
        }
        tree
    }

    fn children(&self, of: Option<usize>) -> impl Iterator<Item = usize> {
        (0..).zip(&self.all).filter(move |(_, branch)| branch.parent == of).map(|(at, _)| at)
    }

    /// What all of them are branches of.
    pub(crate) fn of(&self) -> String {
        self.all.first().map_or_else(String::new, |root| root.source.name())
    }

    /// The branch from which the one that is shown was made.
    pub(crate) fn parent(&self) -> Option<usize> {
        self.all.get(self.shown)?.parent
    }

    /// The neighbour in the tree of the one that is shown.
    pub(crate) fn neighbour(&self, on: bool) -> Option<usize> {
        let tree = self.tree();
        let here = tree.iter().position(|(at, _)| *at == self.shown)?;
        let there = if on { here.checked_add(1)? } else { here.checked_sub(1)? };
        tree.get(there).map(|(at, _)| *at)
    }

    /// Names the one that is shown; an empty name takes it away.
    pub(crate) fn rename(&mut self, lab: &Lab, name: &str) {
        self.root(lab);
        let name = name.trim();
        if let Some(branch) = self.all.get_mut(self.shown) {
            branch.name = (!name.is_empty()).then(|| name.to_owned());
        }
    }

    /// The name of the one that is shown.
    pub(crate) fn name(&self) -> Option<&str> {
        self.all.get(self.shown)?.name.as_deref()
    }

    /// What the one that is shown follows from; none if that is in no file and in no library.
    pub(crate) fn origin(&self, lab: &Lab) -> Option<Origin> {
        let Some(shown) = self.all.get(self.shown) else {
            let (source, text) = (lab.source().clone(), Arc::clone(&lab.trace().header().scenario));
            return Some(Origin { source, text, done: Vec::new(), name: None });
        };
        let mut done = Vec::new();
        let mut branch = shown;
        while !branch.saved {
            match &branch.made {
                Made::Done(doing, at) => done.push((*at, doing.clone())),
                Made::Edited => return None,
                Made::Root | Made::Seed => {}
            }
            branch = self.all.get(branch.parent?)?;
        }
        done.reverse();
        let (source, text) = (branch.source.clone(), Arc::clone(&branch.text));
        Some(Origin { source, text, done, name: shown.name.clone() })
    }

    /// The run as it was opened is the first branch.
    fn root(&mut self, lab: &Lab) {
        if self.all.is_empty() {
            let header = lab.trace().header();
            self.all.push(Branch {
                source: lab.source().clone(),
                text: Arc::clone(&header.scenario),
                seed: header.seed,
                made: Made::Root,
                name: None,
                parent: None,
                saved: true,
            });
            self.shown = 0;
        }
    }

    fn push(&mut self, text: String, seed: u64, made: Made) {
        let root = self.all.first().map_or_else(String::new, |root| root.source.name());
        let name = format!("{root} + {}", self.all.len());
        let branch = Branch {
            source: Source::Text { name, text: text.clone() },
            text: Arc::from(text),
            seed,
            made,
            name: None,
            parent: Some(self.shown),
            saved: false,
        };
        self.all.push(branch);
        self.shown = self.all.len() - 1;
    }

    /// A new branch where one stands, with something done there.
    pub(crate) fn grow(&mut self, lab: &Lab, doing: Doing) -> Result<(), Notice> {
        let header = lab.trace().header();
        if !header.switches.is_empty() {
            return Err(Notice::Word(Word::NoBranch));
        }
        let at = lab.cursor().view().now;
        let text = doing.put_into(&header.scenario_name, &header.scenario, at);
        let text = text.map_err(|why| match why {
            Refused::Mistake(mistake) => Notice::Said(Word::StepRefused, mistake),
            Refused::Numbered => Notice::Word(Word::StepNumbered),
        })?;
        self.root(lab);
        self.push(text, header.seed, Made::Done(doing, at));
        Ok(())
    }

    /// A new branch with a text of one's own.
    pub(crate) fn grow_edited(&mut self, lab: &Lab, text: String) {
        self.root(lab);
        self.push(text, lab.trace().header().seed, Made::Edited);
    }

    /// The scenario that is shown under another seed: a branch that is there, or a new one.
    pub(crate) fn under_seed(&mut self, lab: &Lab, seed: u64) -> usize {
        self.root(lab);
        let (here, text) = (self.shown, Arc::clone(&lab.trace().header().scenario));
        let known = self.all.iter().position(|it| it.seed == seed && it.text == text);
        let at = known.unwrap_or_else(|| {
            self.push(text.to_string(), seed, Made::Seed);
            self.shown
        });
        // A seed alone is no work that could be lost: the scenario is where the other one's is.
        self.shown = here;
        at
    }

    /// Rebuilds what a replay code tells: a text, and what was done to it.
    ///
    /// # Errors
    ///
    /// When the text does not take a deed.
    pub(crate) fn rebuild(source: Source, seed: u64, origin: &Origin) -> Result<Self, Refused> {
        let root = Branch {
            source,
            text: Arc::clone(&origin.text),
            seed,
            made: Made::Root,
            name: None,
            parent: None,
            saved: true,
        };
        let mut branches = Self { all: vec![root], shown: 0, look: None };
        let mut text = origin.text.to_string();
        for (at, doing) in &origin.done {
            let name = branches.all.first().map_or_else(String::new, |root| root.source.name());
            text = doing.put_into(&name, &text, *at)?;
            branches.push(text.clone(), seed, Made::Done(doing.clone(), *at));
        }
        if let Some(shown) = branches.all.get_mut(branches.shown) {
            shown.name.clone_from(&origin.name);
        }
        Ok(branches)
    }

    /// What has to be opened to see a branch, and under which seed.
    pub(crate) fn source(&self, index: usize) -> Option<(Source, u64)> {
        let branch = self.all.get(index)?;
        // A trace is not run again: its scenario is.
        let source = match &branch.source {
            Source::File(_) if branch.made == Made::Root => {
                Source::Text { name: branch.source.name(), text: branch.text.to_string() }
            }
            Source::File(_) | Source::Text { .. } => branch.source.clone(),
        };
        Some((source, branch.seed))
    }

    /// Chooses a branch: what is to be run, under which seed, and where to stand in it.
    pub(crate) fn choose(
        &mut self,
        index: usize,
        lab: Option<&Lab>,
    ) -> Option<(Source, Option<u64>, Option<String>)> {
        let (source, seed) = self.source(index)?;
        let branch = self.all.get(index)?;
        self.shown = index;
        self.look = lab.map(|lab| Look {
            tab: lab.tab,
            zoom: lab.zoom,
            selection: lab.selection.clone(),
            inspect: lab.inspect,
            hide_future: lab.hide_future,
        });
        let here = lab.map(|lab| lab.cursor().view().now);
        let at = match &branch.made {
            Made::Done(_, at) => Some(*at),
            Made::Root | Made::Edited | Made::Seed => here,
        };
        Some((source, Some(seed), at.map(|at| format!("{}ns", at.0))))
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
