//! Random faults that a scenario declares.

use klamm_node::{Span, Time};

use super::Reader;
use crate::diagnostic::Mistake;
use crate::model::{Budget, Mischief, Nemesis};
use crate::schema;
use crate::syntax::Node;

/// How long the quiet end is unless it is said: a broker's session, an election, and catching up.
const QUIET: Span = Span::secs(30);
/// The shortest quiet end: less than a broker's session says nothing about recovery.
const LEAST_QUIET: Span = Span::secs(10);

/// The shortest time between two faults. The nemesis takes a look at every one of these moments, so that a run of many is long.
const LEAST_PAUSE: Span = Span::millis(1);

impl Reader {
    pub(super) fn nemesis(&mut self, node: Option<&Node>) -> Option<Nemesis> {
        let node = node?;
        let args = self.record(node, &schema::NEMESIS);
        let duration = self.duration.unwrap_or_default();
        let start =
            args.get("start").and_then(|node| self.time(node)).unwrap_or(Time(10_000_000_000));
        let stop = match args.get("stop") {
            None => Time(duration.0.saturating_sub(QUIET.0)),
            Some(node) => self.time(node)?,
        };
        let named = args.get("stop").or_else(|| args.get("start"));
        let place = named.map_or(node.span.start..node.span.start + 1, |at| at.span.clone());
        if stop <= start {
            self.mistake(
                Mistake::new(
                    &place,
                    format!("it stops at {} and starts at {}", Span(stop.0), Span(start.0)),
                )
                .help(format!(
                    "let the run last longer: without 'stop' it stops {QUIET} before the end"
                )),
            );
        } else if Time(stop.0 + LEAST_QUIET.0) > Time(duration.0) {
            self.mistake(
                Mistake::new(&place, "the end of the run is not quiet long enough to judge it")
                    .help(format!("stop at least {LEAST_QUIET} before the end, better {QUIET}")),
            );
        }
        let every = self.spans(args.get("every"), (Span::secs(1), Span::secs(4)));
        if let Some(node) = args.get("every")
            && (Span::ZERO..LEAST_PAUSE).contains(&every.0)
        {
            self.mistake(
                Mistake::new(&node.span, "faults come too fast to do anything").help(format!(
                    "a frame takes about a millisecond: write at least {LEAST_PAUSE}"
                )),
            );
        }
        let lasting = self.spans(args.get("lasting"), (Span::secs(1), Span::secs(10)));
        let mut number = |field: &str, least: i128, default: u32| {
            let value = args.get(field).and_then(|node| self.integer(node, least, 1000));
            value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
        };
        let at_once = number("at_once", 1, 2);
        let budget = Budget {
            brokers: number("brokers_down", 0, 1),
            controllers: number("controllers_down", 0, 1),
            live_isr: number("live_isr", 0, 1),
        };
        if let Some(node) = args.get("controllers_down")
            && budget.controllers * 2
                >= u32::from(self.names.controllers)
                    + u32::try_from(self.names.combined.len()).unwrap_or(u32::MAX)
        {
            self.mistake(
                Mistake::new(&node.span, "without a majority of controllers nothing is decided")
                    .help("random faults leave the metadata quorum its majority; write steps for the rest"),
            );
        }
        let kinds = match args.get("kinds") {
            None => {
                let usual = Mischief::ALL.iter().filter(|(_, _, usual)| *usual);
                usual.map(|(kind, _, _)| (*kind, 1)).collect()
            }
            Some(list) => {
                let kinds = self.list(list, Self::mischief);
                if kinds.is_empty() {
                    self.mistake(Mistake::new(&list.span, "a nemesis without any kind of fault"));
                }
                for (place, (kind, _)) in kinds.iter().enumerate() {
                    if kinds[..place].iter().any(|(other, _)| other == kind) {
                        let said = format!("'{}' is named twice", kind.name());
                        self.mistake(
                            Mistake::new(&list.span, said).help("give it a weight: Crash(2)"),
                        );
                    }
                }
                kinds
            }
        };
        let swarm = self.boolean_or(args.get("swarm"), false);
        let line = self.line_of(node);
        Some(Nemesis { line, start, stop, every, lasting, at_once, kinds, swarm, budget })
    }

    fn spans(&mut self, node: Option<&Node>, default: (Span, Span)) -> (Span, Span) {
        let Some(node) = node else { return default };
        match self.range(node, Self::duration) {
            Some((low, _)) if low == Span::ZERO => {
                self.mistake(Mistake::new(&node.span, "this takes no time at all"));
                default
            }
            Some(range) => range,
            None => default,
        }
    }

    fn mischief(&mut self, node: &Node) -> Option<(Mischief, u32)> {
        let (name, args) = self.choice(node, &schema::MISCHIEF)?;
        let weight = args.get("weight").and_then(|node| self.integer(node, 1, 100));
        let known = Mischief::ALL.iter().find(|(_, known, _)| *known == name);
        let Some((kind, _, _)) = known else {
            unreachable!("the table has the fault {name}, and the model does not")
        };
        Some((*kind, weight.and_then(|weight| u32::try_from(weight).ok()).unwrap_or(1)))
    }
}
