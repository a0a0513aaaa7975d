//! What a picture is a function of, and the types and sizes that all tabs share.

use std::fmt::Display;

use klamm_node::event::Event;
use klamm_node::{BrokerId, GroupId, NodeId, Offset, Seq, TopicPartition};
use klamm_trace::{NodeTable, View};

use crate::geometry::{Point, Tenths, at, px};
use crate::language::{Language, Phrase};
use crate::opened::OpenTrace;
use crate::scene::{Band, Canvas, Ink, Pinned, Role, Scene, Type};
use crate::text;
use crate::theme::{Hue, Palette, Theme};

/// A picture of the stage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Tab {
    /// Brokers, controllers, clients, and what is between them.
    Cluster,
    /// One partition's logs on a shared axis of offsets.
    Logs,
    /// Messages in the order of events.
    Sequence,
    /// Partitions by members.
    Groups,
    /// The metadata quorum.
    Quorum,
}

impl Tab {
    /// Every tab, in the order of the keys 1 to 5.
    pub const ALL: [Self; 5] =
        [Self::Cluster, Self::Logs, Self::Sequence, Self::Groups, Self::Quorum];

    /// Its name in arguments.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Logs => "logs",
            Self::Sequence => "sequence",
            Self::Groups => "groups",
            Self::Quorum => "quorum",
        }
    }

    /// Its title.
    pub const fn title(self) -> Phrase {
        match self {
            Self::Cluster => Phrase::TabCluster,
            Self::Logs => Phrase::TabLogs,
            Self::Sequence => Phrase::TabSequence,
            Self::Groups => Phrase::TabGroups,
            Self::Quorum => Phrase::TabQuorum,
        }
    }
}

/// How near one looks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Zoom {
    /// As near as there is room.
    #[default]
    Auto,
    /// Every record, every chip with its words.
    Near,
    /// Batches as bars, chips with short words.
    Middle,
    /// All partitions at once, as marks.
    Far,
}

/// How a picture looks, whatever it shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// The colours.
    pub theme: Theme,
    /// The language.
    pub language: Language,
    /// The size of text in hundredths: 100 to 200.
    pub scale: u16,
    /// The width of the picture.
    pub width: Tenths,
    /// How near one looks.
    pub zoom: Zoom,
    /// How far on the way from the step before one is, in thousandths: 1000 is the step itself, see [`crate::passing`].
    pub alpha: u16,
    /// True for a line with time and event and the narration above the picture, for pictures outside the window.
    pub captioned: bool,
}

impl Style {
    /// A picture for a page: 1200 pixels wide, with its caption.
    pub fn new(palette: Palette, language: Language) -> Self {
        Self {
            theme: Theme::new(palette),
            language,
            scale: 100,
            width: px(1200),
            zoom: Zoom::Auto,
            alpha: 1000,
            captioned: true,
        }
    }
}

impl Default for Style {
    fn default() -> Self {
        Self::new(Palette::Light, Language::English)
    }
}

/// What one has picked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// A partition; the first of a topic of one's own if none is picked.
    pub partition: Option<TopicPartition>,
    /// A group; the first if none is picked.
    pub group: Option<GroupId>,
    /// Nodes that the sequence is about; all if none is picked.
    pub nodes: Vec<NodeId>,
    /// An event whose causes and effects stand out.
    pub event: Option<Seq>,
}

/// Everything that a picture is a function of.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// The run.
    pub trace: &'a OpenTrace,
    /// The state at the step.
    pub view: &'a View,
    /// What one has picked.
    pub selection: &'a Selection,
    /// How it looks.
    pub style: Style,
}

/// Draws a tab.
pub fn draw(tab: Tab, stage: &Stage<'_>) -> Scene {
    let mut draw = Draw::new(*stage, tab);
    match tab {
        Tab::Cluster => crate::tabs::cluster::draw(&mut draw),
        Tab::Logs => crate::tabs::logs::draw(&mut draw),
        Tab::Sequence => crate::tabs::sequence::draw(&mut draw),
        Tab::Groups => crate::tabs::groups::draw(&mut draw),
        Tab::Quorum => crate::tabs::quorum::draw(&mut draw),
    }
    draw.finish()
}

/// A picture being drawn.
pub(crate) struct Draw<'a> {
    pub stage: Stage<'a>,
    pub canvas: Canvas,
    pub theme: Theme,
    /// Where the next thing goes.
    pub y: Tenths,
    pub tab: Tab,
    pub pinned: Pinned,
}

/// The margin around a picture.
pub(crate) const MARGIN: Tenths = px(16);

impl<'a> Draw<'a> {
    fn new(stage: Stage<'a>, tab: Tab) -> Self {
        let theme = stage.style.theme;
        let mut draw =
            Self { stage, canvas: Canvas::new(), theme, y: MARGIN, tab, pinned: Pinned::default() };
        if stage.style.captioned {
            draw.caption();
        }
        draw
    }

    fn finish(self) -> Scene {
        let title = self.say(
            Phrase::SceneTitle,
            &[
                &self.word(self.tab.title()),
                &self.stage.trace.header().scenario_name,
                &self.stage.view.now,
            ],
        );
        let mut scene = self.canvas.finish(title, self.stage.style.width, self.theme.background);
        scene.pinned = self.pinned;
        scene
    }

    /// What lies between two heights names the columns of all that was drawn below it so far.
    pub(crate) fn pin_heads(&mut self, from: Tenths, to: Tenths) {
        self.pinned.heads.push(Band { from, to, until: self.y });
    }

    /// What lies left of a place names the rows.
    pub(crate) fn pin_names(&mut self, to: Tenths) {
        self.pinned.names = to;
    }

    pub(crate) fn view(&self) -> &'a View {
        self.stage.view
    }

    pub(crate) fn table(&self) -> &'a NodeTable {
        &self.stage.view.table
    }

    pub(crate) fn name_of(&self, node: NodeId) -> &'a str {
        self.stage.view.table.name(node)
    }

    /// The event at the step.
    pub(crate) fn event(&self) -> Option<Event> {
        self.stage.trace.event(self.stage.view.seq)
    }

    pub(crate) fn say(&self, phrase: Phrase, values: &[&dyn Display]) -> String {
        self.stage.style.language.say(phrase, values)
    }

    pub(crate) fn word(&self, phrase: Phrase) -> &'static str {
        self.stage.style.language.word(phrase)
    }

    /// A length that grows with the text.
    pub(crate) fn em(&self, pixels: i32) -> Tenths {
        px(pixels) * i32::from(self.stage.style.scale) / 100
    }

    /// The width between the margins.
    pub(crate) fn inner(&self) -> Tenths {
        self.stage.style.width - 2 * MARGIN
    }

    pub(crate) fn title(&self) -> Type {
        Type::new(self.em(20), self.theme.ink).strong()
    }

    pub(crate) fn strong(&self) -> Type {
        Type::new(self.em(15), self.theme.ink).strong()
    }

    pub(crate) fn body(&self) -> Type {
        Type::new(self.em(14), self.theme.ink)
    }

    pub(crate) fn small(&self) -> Type {
        Type::new(self.em(12), self.theme.quiet)
    }

    /// Time, event, and what the scenario says.
    fn caption(&mut self) {
        let (view, theme) = (self.stage.view, self.theme);
        let event = self.event();
        let what = event.as_ref().map_or_else(String::new, |event| {
            let name = view.table.name(event.node);
            self.say(Phrase::CaptionEvent, &[&event.seq, &event.kind.name(), &name])
        });
        let time = self.say(Phrase::CaptionTime, &[&short_time(view.now)]);
        let (strong, small, body) = (self.strong(), self.small(), self.body());
        let line = self.em(19);
        let room = self.inner();
        let narration = view.step.as_ref().map(|step| step.text.clone()).unwrap_or_default();
        let name = format!("{time}, {what}");
        let top = self.y;
        self.y = self.canvas.object("caption", Role::Note, name, |ink| {
            let mut y = top + strong.size;
            let w = ink.text(at(MARGIN, y), strong, &time);
            ink.fitted(at(MARGIN + w + px(14), y), small, &what, room - w - px(14));
            for text in text::wrapped(&narration, body.size, room).into_iter().take(3) {
                y += line;
                ink.text(at(MARGIN, y), body.colour(theme.quiet), text);
            }
            y + line
        });
    }

    /// A line of what is missing, where a picture would be empty.
    pub(crate) fn nothing(&mut self, phrase: Phrase) {
        let text = self.word(phrase);
        let (kind, y) = (self.body().colour(self.theme.quiet), self.y + self.em(24));
        self.canvas.object(format!("nothing:{y}"), Role::Note, text, |ink| {
            ink.text(at(MARGIN, y), kind, text)
        });
        self.y = y + self.em(12);
    }

    /// The partition that is picked, or the first one of a topic of one's own.
    pub(crate) fn partition(&self) -> Option<TopicPartition> {
        picked_partition(self.stage.view, self.stage.selection)
    }

    /// Broker ids as people write them.
    pub(crate) fn brokers(&self, ids: &[BrokerId]) -> String {
        list(ids)
    }
}

/// The partition that is picked, or the first one of a topic of one's own.
pub fn picked_partition(view: &View, selection: &Selection) -> Option<TopicPartition> {
    let known = |partition: &&TopicPartition| view.partitions.contains_key(*partition);
    let own = || view.partitions.keys().find(|partition| !is_internal(&partition.topic));
    selection
        .partition
        .as_ref()
        .filter(known)
        .or_else(own)
        .or_else(|| view.partitions.keys().next())
        .cloned()
}

/// Whether a topic is Kafka's own.
pub(crate) fn is_internal(topic: &str) -> bool {
    topic.starts_with("__")
}

/// Broker ids as people write them.
pub(crate) fn list(ids: &[BrokerId]) -> String {
    if ids.is_empty() {
        return "–".to_owned();
    }
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Seconds with three digits.
pub fn short_time(time: klamm_node::Time) -> String {
    format!("{}.{:03}", time.0 / 1_000_000_000, time.0 % 1_000_000_000 / 1_000_000)
}

/// An offset, or a dash.
pub(crate) fn dash(offset: Option<Offset>) -> String {
    offset.map_or_else(|| "–".to_owned(), |offset| offset.to_string())
}

/// A label over a value: how a picture's heading tells facts. Returns how wide it was.
pub(crate) fn fact(
    ink: &mut Ink,
    place: Point,
    (small, strong): (Type, Type),
    label: &str,
    value: &str,
) -> Tenths {
    let first = ink.text(place, small, label);
    let second = ink.text(place.by(0, strong.size + strong.size / 3), strong, value);
    first.max(second)
}

/// The colour role of a replica.
pub(crate) fn hue_of(view: &View, partition: &TopicPartition, broker: BrokerId) -> Hue {
    let Some(truth) = view.truth(partition) else { return Hue::Out };
    if truth.leader == broker {
        Hue::Leader
    } else if truth.isr.contains(&broker) {
        Hue::Isr
    } else if truth.elr.contains(&broker) {
        Hue::Warning
    } else {
        Hue::Out
    }
}
