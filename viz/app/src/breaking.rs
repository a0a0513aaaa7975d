//! Doing something to the cluster from the window: what is offered, the branch that it makes, and walking among branches.

use klamm_node::Seq;

use crate::deed::{Deed, Doing};
use crate::load::Wake;
use crate::window::{Notice, Overlay, Screen, Start, Window};
use crate::words::Word;

/// The record that is sent if nobody writes another.
const RECORD: &str = "hello";

impl Overlay {
    /// A choice of what to do.
    pub(crate) fn choose(deed: Option<Deed>) -> Self {
        Self::Choose { deed, text: String::new(), record: RECORD.to_owned() }
    }
}

impl Window {
    /// Does a kind of deed to what is picked; asks if there is a choice, and says why if it can't be done.
    pub(crate) fn offer(&mut self, deed: Deed, wake: Wake) -> bool {
        let Some(choices) = self.lab().map(|lab| lab.choices(deed)) else { return false };
        match choices.as_deref() {
            Err(why) => self.notice = Some(Notice::Word(*why)),
            Ok([only]) if deed != Deed::Produce => match only.refused {
                Some(why) => self.notice = Some(Notice::Word(why)),
                None => return self.carry_out(only.doing.clone(), wake),
            },
            Ok(_) => return self.put(Overlay::choose(Some(deed))),
        }
        false
    }

    /// Does something at the moment that is shown, in a branch of its own; false if it can't be done, and why is said.
    pub(crate) fn carry_out(&mut self, doing: Doing, wake: Wake) -> bool {
        let Screen::Lab(lab) = &self.screen else { return false };
        match self.branches.grow(lab, doing) {
            Ok(()) => {
                self.show_branch(self.branches.shown(), wake);
                true
            }
            Err(notice) => {
                self.notice = Some(notice);
                false
            }
        }
    }

    /// Runs a branch again and goes to where it begins.
    pub(crate) fn show_branch(&mut self, index: usize, wake: Wake) {
        let lab = match &self.screen {
            Screen::Lab(lab) => Some(&**lab),
            Screen::Library | Screen::Opening(..) | Screen::Broken(_) => None,
        };
        let Some((source, seed, at)) = self.branches.choose(index, lab) else { return };
        self.start = Start { seed, at, ..Start::default() };
        self.run(source, wake);
    }

    /// Back to where the branch was made.
    pub(crate) fn go_to_parent(&mut self, wake: Wake) -> bool {
        let Some(parent) = self.branches.parent() else {
            self.notice = Some(Notice::Word(Word::IsRoot));
            return false;
        };
        // One stands where the deed was done, as before it.
        let here = self.lab().map_or(Seq(0), |lab| lab.seq());
        let made = self.branches.all().get(self.branches.shown()).map(|branch| branch.made.clone());
        self.show_branch(parent, wake);
        self.start.at = match made {
            Some(crate::branches::Made::Done(_, at)) => Some(format!("{}ns", at.0)),
            Some(_) | None => Some(here.to_string()),
        };
        true
    }

    /// To the branch behind or before in the tree; false if there is none.
    pub(crate) fn go_to_neighbour(&mut self, on: bool, wake: Wake) -> bool {
        let Some(index) = self.branches.neighbour(on) else { return false };
        self.show_branch(index, wake);
        true
    }

    /// Keeps the branches of what is shown for later, if there are any.
    pub(crate) fn put_aside(&mut self) {
        let branches = std::mem::take(&mut self.branches);
        if branches.all().len() > 1 {
            self.aside.push(branches);
        }
    }

    /// Takes branches up again that were put aside.
    pub(crate) fn take_up(&mut self, index: usize, wake: Wake) {
        if index < self.aside.len() {
            let branches = self.aside.remove(index);
            self.put_aside();
            self.screen = Screen::Library;
            self.branches = branches;
            self.show_branch(self.branches.shown(), wake);
        }
    }

    /// Names the branch that is shown.
    pub(crate) fn name_branch(&mut self, name: &str) {
        let Screen::Lab(lab) = &self.screen else { return };
        self.branches.rename(lab, name);
        self.overlay = None;
    }
}

/// A record as it is typed, put into what is to be done: `value`, or `key=value`.
pub(crate) fn with_record(mut doing: Doing, record: &str) -> Doing {
    if doing.deed == Deed::Produce {
        let (key, value) = record.split_once('=').unwrap_or(("", record));
        doing.of.truncate(3);
        doing.of.extend([key.trim().to_owned(), value.to_owned()]);
    }
    doing
}
