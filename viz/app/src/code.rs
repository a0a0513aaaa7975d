//! Replay codes: one word that reopens a view, for chats, issues and lessons.
//!
//! ```text
//!   klamm1:lib=lessons/leader-crash:text=<16>:seed=7:do=5300000000,crash,broker-3:at=1234:end=<16>:tab=logs:…:sum=<8>
//! ```
//!
//! *Flows in*: a view, or a text. *Flows out*: a text, or a view and where it differs from what it claims.
//! *Must never*: accept a part that it does not understand, or drop one: a code is read whole, in one order, or refused with the
//! place. The run is not in it, so the hash of its end is: a build that plays the scenario differently is found out.
//!
//! Everything between colons is letters, digits and `. _ / - , % =`, so that a code needs no quotes in a shell and survives chats;
//! anything else is written as `%` and two digits.

use std::fmt;
use std::path::Path;

use klamm_node::{Seq, Time};
use klamm_scene::{Language, Palette, Tab, Zoom};
use klamm_trace::RollingHash;

use crate::deed::{Deed, Doing};
use crate::lab::Inspect;
use crate::settings::SCALES;
use crate::words::Word;

mod read;
#[cfg(test)]
mod tests;

use read::Fields;

/// How a code begins: the name with the version of its form.
pub const BEGIN: &str = "klamm1";

/// The fields that have no value.
const FLAGS: [&str; 2] = ["hidden", "presenter"];

/// Where a run's scenario is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the library.
    Library(String),
    /// In a file.
    Scenario(String),
    /// In a trace, with its run.
    Trace(String),
}

impl Place {
    /// Its name, or its path.
    pub fn name(&self) -> &str {
        match self {
            Self::Library(name) | Self::Scenario(name) | Self::Trace(name) => name,
        }
    }

    fn key(&self) -> &'static str {
        match self {
            Self::Library(_) => "lib",
            Self::Scenario(_) => "file",
            Self::Trace(_) => "trace",
        }
    }
}

/// What a code tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    /// Where the scenario is.
    pub place: Place,
    /// The sum of its text, see [`sum`].
    pub text: u64,
    /// The seed.
    pub seed: u64,
    /// What was done in the window, and when, the earliest first.
    pub done: Vec<(Time, Doing)>,
    /// The branch's name.
    pub name: Option<String>,
    /// The event at which one stands.
    pub seq: Seq,
    /// The hash of the whole run's end, as far as a code has room for it.
    pub end: u64,
    /// How one looks at it.
    pub view: Looks,
}

/// How one looks at a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Looks {
    /// The picture.
    pub tab: Tab,
    /// How near.
    pub zoom: Zoom,
    /// The inspector's page.
    pub page: Inspect,
    /// The partition that is picked.
    pub partition: Option<String>,
    /// The group that is picked.
    pub group: Option<String>,
    /// The nodes that are picked.
    pub nodes: Vec<String>,
    /// The event that is picked.
    pub event: Option<Seq>,
    /// The number that was asked about, by its id.
    pub asked: Option<String>,
    /// Whether what is still to come is hidden.
    pub hidden: bool,
    /// The language.
    pub language: Language,
    /// The palette.
    pub palette: Palette,
    /// The size of text in hundredths.
    pub scale: u16,
    /// Whether the picture is alone.
    pub presenter: bool,
    /// The arrangement of panes, see [`crate::layout::to_code`].
    pub panes: String,
}

/// A text that is no code: where it goes wrong, and what would be right there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeError {
    /// The character, from 1.
    pub at: usize,
    /// What would be right.
    pub wants: Word,
    /// The sentence's value.
    pub value: String,
}

impl CodeError {
    /// As a sentence.
    pub fn say(&self, language: Language) -> String {
        let wants = self.wants.say(language, &[&self.value]);
        Word::CodeWrong.say(language, &[&self.at, &wants])
    }
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Language::English))
    }
}

/// The sum of bytes, by which a text is known again.
pub fn sum(bytes: &[u8]) -> u64 {
    let mut hash = RollingHash::default();
    hash.push(bytes);
    low(hash.get().0)
}

/// As much of a hash as a code has room for.
pub fn low(hash: u128) -> u64 {
    u64::try_from(hash & u128::from(u64::MAX)).unwrap_or(0)
}

/// The names of what a field can be, with what they stand for.
fn zooms() -> [(&'static str, Zoom); 4] {
    [("auto", Zoom::Auto), ("near", Zoom::Near), ("middle", Zoom::Middle), ("far", Zoom::Far)]
}

fn tabs() -> [(&'static str, Tab); 5] {
    Tab::ALL.map(|tab| (tab.name(), tab))
}

fn languages() -> [(&'static str, Language); 2] {
    Language::ALL.map(|language| (language.code(), language))
}

fn palettes() -> [(&'static str, Palette); 2] {
    Palette::ALL.map(|palette| (palette.name(), palette))
}

fn name_of<T: PartialEq>(all: &[(&'static str, T)], it: &T) -> &'static str {
    all.iter().find(|(_, known)| known == it).map_or("", |(name, _)| name)
}

/// As it stands between colons.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"._/-".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02x}"));
        }
    }
    escaped
}

/// The code, as one word.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = format!(
            "{BEGIN}:{}={}:text={:016x}:seed={}",
            self.place.key(),
            escaped(self.place.name()),
            self.text,
            self.seed
        );
        let mut field = |key: &str, value: &str| {
            all.push(':');
            all.push_str(key);
            // A flag has no value, not even an empty one.
            if !FLAGS.contains(&key) {
                all.push('=');
                all.push_str(value);
            }
        };
        for (at, doing) in &self.done {
            let mut words = vec![at.0.to_string(), doing.deed.code().to_owned()];
            words.extend(doing.of.iter().map(|name| escaped(name)));
            field("do", &words.join(","));
        }
        let some = |text: &Option<String>| text.as_deref().map(escaped);
        if let Some(name) = some(&self.name) {
            field("name", &name);
        }
        field("at", &self.seq.to_string());
        field("end", &format!("{:016x}", self.end));
        let view = &self.view;
        field("tab", view.tab.name());
        field("zoom", name_of(&zooms(), &view.zoom));
        field("page", view.page.name());
        for (key, value) in [("part", &view.partition), ("group", &view.group)] {
            if let Some(value) = some(value) {
                field(key, &value);
            }
        }
        for node in &view.nodes {
            field("node", &escaped(node));
        }
        if let Some(event) = view.event {
            field("event", &event.to_string());
        }
        if let Some(asked) = some(&view.asked) {
            field("why", &asked);
        }
        if view.hidden {
            field("hidden", "");
        }
        field("lang", view.language.code());
        field("theme", view.palette.name());
        field("size", &view.scale.to_string());
        if view.presenter {
            field("presenter", "");
        }
        field("panes", &view.panes);
        let check = sum(all.as_bytes()) >> 32;
        write!(f, "{all}:sum={check:08x}")
    }
}

impl Code {
    /// The code in a text that may have more around it: a command line, a message. None if there is none.
    pub fn find_in(text: &str) -> Option<&str> {
        let begins = |at: &usize| {
            let rest = text.get(*at + "klamm".len()..).unwrap_or_default();
            rest.split_once(':').is_some_and(|(version, _)| {
                !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let at = text.match_indices("klamm").map(|(at, _)| at).find(begins)?;
        let rest = text.get(at..)?;
        let end = rest.find(|sign: char| sign.is_whitespace() || "'\"`<>".contains(sign));
        rest.get(..end.unwrap_or(rest.len()))
    }

    /// Reads a code.
    ///
    /// # Errors
    ///
    /// Where it goes wrong, and what would be right there.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let mut fields = Fields::new(text)?;
        let place = fields.place()?;
        let (sum_of_text, seed) = (fields.hex("text", 16)?, fields.number("seed")?);
        let mut done = Vec::new();
        while let Some(mut words) = fields.words("do") {
            let at = Time(words.number()?);
            let deed = words
                .one_of(&Deed::ALL.iter().map(|deed| (deed.code(), *deed)).collect::<Vec<_>>())?;
            done.push((at, Doing { deed, of: words.names(deed.arity())? }));
        }
        let name = fields.optional("name")?;
        let (seq, end) = (Seq(fields.number("at")?), fields.hex("end", 16)?);
        let (tab, zoom) = (fields.one_of("tab", &tabs())?, fields.one_of("zoom", &zooms())?);
        let page = fields.one_of("page", &Inspect::ALL.map(|page| (page.name(), page)))?;
        let (partition, group) = (fields.optional("part")?, fields.optional("group")?);
        let mut nodes = Vec::new();
        while let Some(node) = fields.optional("node")? {
            nodes.push(node);
        }
        let event = fields.optional_number("event")?.map(Seq);
        let asked = fields.optional("why")?;
        let hidden = fields.flag("hidden");
        let language = fields.one_of("lang", &languages())?;
        let palette = fields.one_of("theme", &palettes())?;
        let scales = SCALES.map(|scale| (scale_name(scale), scale));
        let scale = fields.one_of("size", &scales)?;
        let presenter = fields.flag("presenter");
        let panes = fields.panes("panes")?;
        let (before, at) = (fields.before(), fields.here());
        let check = fields.hex("sum", 8)?;
        fields.end()?;
        let wrong_sum = |at| CodeError { at, wants: Word::CodeSum, value: String::new() };
        if check != sum(before.as_bytes()) >> 32 {
            return Err(wrong_sum(at));
        }
        let code = Self {
            place,
            text: sum_of_text,
            seed,
            done,
            name,
            seq,
            end,
            view: Looks {
                tab,
                zoom,
                page,
                partition,
                group,
                nodes,
                event,
                asked,
                hidden,
                language,
                palette,
                scale,
                presenter,
                panes,
            },
        };
        // One view has one code: a number with a zero before it is none of ours.
        let again = code.to_string();
        let differs = again.bytes().zip(text.bytes()).position(|(one, other)| one != other);
        match differs {
            Some(at) => Err(wrong_sum(at + 1)),
            None if again.len() != text.len() => Err(wrong_sum(again.len().min(text.len()) + 1)),
            None => Ok(code),
        }
    }
}

fn scale_name(scale: u16) -> &'static str {
    match scale {
        125 => "125",
        150 => "150",
        175 => "175",
        200 => "200",
        _ => "100",
    }
}

/// Whether a file is a trace; none if it can't be read.
pub(crate) fn is_trace(path: &Path) -> Option<bool> {
    use std::io::Read as _;
    let mut begin = Vec::new();
    let length = u64::try_from(klamm_trace::Trace::MAGIC.len()).unwrap_or(0);
    std::fs::File::open(path).ok()?.take(length).read_to_end(&mut begin).ok()?;
    Some(begin == klamm_trace::Trace::MAGIC)
}
