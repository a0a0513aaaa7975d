//! Actions of fate beyond a crash: links that lose packets, answers that are held back, disks that lie.

use super::Reader;
use super::fields::Args;
use super::steps::StepPlace;
use crate::diagnostic::Mistake;
use crate::model::{Action, DiskFault, Flaws, HELD_APIS};
use crate::syntax::Node;
use crate::values;

impl Reader {
    /// An action of fate, by its name in the table; none for a broken one.
    pub(super) fn fault(
        &mut self,
        name: &str,
        node: &Node,
        args: &Args<'_>,
        place: &StepPlace,
    ) -> Option<Action> {
        Some(match name {
            "FlakyLink" => {
                let (from, to) = self.groups(args, place);
                let mut share = |field: &str| {
                    let node = args.get(field)?;
                    self.written(node, "share", values::share)
                };
                let flaws = Flaws {
                    loss: share("loss").unwrap_or(0),
                    duplicate: share("duplicate").unwrap_or(0),
                    reorder: share("reorder").unwrap_or(0),
                };
                let nothing = ["loss", "duplicate", "reorder"];
                if nothing.iter().all(|field| args.get(field).is_none()) {
                    self.mistake(
                        Mistake::new(&node.span, "this changes nothing")
                            .help("give a loss, duplicate or reorder; \"0%\" mends the link"),
                    );
                }
                let both_ways = self.boolean_or(args.get("both_ways"), true);
                Action::FlakyLink { from, to, flaws, both_ways }
            }
            "HoldReplies" => {
                let (from, to) = self.groups(args, place);
                let by = args.get("by").and_then(|node| self.duration(node));
                let api = match args.get("api") {
                    None => None,
                    Some(node) => Some(self.one_of(node, "API", &HELD_APIS)?),
                };
                Action::HoldReplies { from, to, by: by?, api }
            }
            "DelayMetadata" => {
                let by = args.get("by").and_then(|node| self.duration(node));
                Action::DelayMetadata { target: self.server(args, place)?, by: by? }
            }
            "ResetConnections" => {
                let (from, to) = self.groups(args, place);
                Action::ResetConnections { from, to }
            }
            "BreakDisk" => {
                let how = args.get("how").and_then(|node| {
                    let kinds = DiskFault::ALL.map(|(fault, name)| (name, fault));
                    self.one_of(node, "disk fault", &kinds)
                });
                Action::BreakDisk { target: self.server(args, place)?, how: Some(how?) }
            }
            "MendDisk" => Action::BreakDisk { target: self.server(args, place)?, how: None },
            "RotDisk" => {
                let partition = match args.get("partition") {
                    None => None,
                    Some(node) => Some(self.partition(node)?),
                };
                Action::RotDisk { target: self.server(args, place)?, partition }
            }
            other => unreachable!("the table has the action {other}, and the reader does not"),
        })
    }

    fn server(&mut self, args: &Args<'_>, place: &StepPlace) -> Option<crate::model::Target> {
        let target = self.who(args, place)?;
        self.check_has_disk(args, &target);
        Some(target)
    }
}
