//! What the application subscribed to, and the topics that this is by now.

use klamm_node::{Context, EventKind, TopicName};
use regex::Regex;

use super::Group;
use crate::consumer::Consumer;

#[derive(Clone, Debug)]
pub(super) enum Subscribed {
    Nothing,
    Names(std::collections::BTreeSet<TopicName>),
    /// With the classic protocol, matched here.
    Pattern(String),
}

impl Group {
    /// Reads these topics from now on.
    pub(super) fn subscribe(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        to: Subscribed,
    ) {
        reader.metadata().look_for(None, false);
        let topics = match &to {
            Subscribed::Nothing => return,
            Subscribed::Names(names) => {
                names.iter().for_each(|name| reader.metadata().want(name));
                self.topics = names.clone();
                names.iter().map(ToString::to_string).collect()
            }
            Subscribed::Pattern(pattern) => {
                // As Java's `matches`: the whole name.
                let regex = match Regex::new(&format!("^(?:{pattern})$")) {
                    Ok(regex) => regex,
                    // With KIP-848 the coordinator says what it thinks of a pattern.
                    Err(_) if self.is_modern => Regex::new("").expect("an empty pattern"),
                    Err(_) => return self.application.fail("INVALID_REGULAR_EXPRESSION".into()),
                };
                reader.metadata().look_for(Some(regex), self.config.exclude_internal_topics);
                self.topics = reader.metadata().matched();
                vec![pattern.clone()]
            }
        };
        if !self.config.client_rack.is_empty() {
            reader.metadata().keep_racks();
        }
        self.subscribed = to;
        cx.observe(EventKind::Subscribed {
            group: self.id.clone(),
            topics,
            protocol: self.config.group_protocol.clone().into(),
        });
        if self.is_modern {
            self.subscribe_modern(cx);
        } else {
            self.classic.subscribe(reader.metadata().changes());
        }
        self.again = true;
    }

    /// Brings the topics of a pattern up to date.
    pub(super) fn look_around(&mut self, reader: &mut Consumer) {
        let changes = reader.metadata().changes();
        if matches!(self.subscribed, Subscribed::Pattern(_)) && self.looked_around_at != changes {
            self.looked_around_at = changes;
            self.topics = reader.metadata().matched();
        }
    }

    pub(super) fn is_subscribed(&self) -> bool {
        !matches!(self.subscribed, Subscribed::Nothing)
    }
}
