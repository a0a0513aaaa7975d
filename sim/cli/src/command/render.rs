//! `klamm render`: a moment of a run as a picture, without a display.

use std::collections::BTreeSet;
use std::path::Path;

use klamm_node::{EventKind, GroupId, Seq, Span, Time, TopicPartition};
use klamm_scene::{
    ARRIVED, Cursor, Language, OpenTrace, Palette, RasterError, Scene, Selection, Stage, Step,
    Style, Tab, Theme, Zoom, between, draw, gif, png, sheet, short_time, svg,
};
use klamm_trace::{Keep, Trace};
use klamm_world::{Options, World};

use super::{files, run};
use crate::args::{Render, RenderLanguage, RenderStep, RenderTab, RenderTheme, RenderZoom};
use crate::console::{Console, Failure, Outcome};

/// How long a frame of an animation is shown.
const FRAME: Span = Span::millis(700);

/// How many frames show the way from one step to the next, and how long each is shown.
const WAY: u16 = 8;
const SHORT: Span = Span::millis(80);

/// The most frames of an animation.
const FRAMES: usize = 240;

/// Makes a picture of a run.
pub(crate) fn render(args: &Render, console: &Console) -> Outcome {
    let Some(output) = &args.output else {
        let trace = opened(args, console)?;
        return console.say(&sheet(&trace, &selection(args, &trace)?, style(args)));
    };
    let form = Form::of(output)?;
    let trace = opened(args, console)?;
    let from = place(&trace, "--at", &args.at)?;
    let selection = selection(args, &trace)?;
    let style = style(args);
    let tab = match args.tab {
        RenderTab::Cluster => Tab::Cluster,
        RenderTab::Logs => Tab::Logs,
        RenderTab::Sequence => Tab::Sequence,
        RenderTab::Groups => Tab::Groups,
        RenderTab::Quorum => Tab::Quorum,
    };
    let mut cursor = Cursor::new(&trace);
    let picture = |cursor: &mut Cursor, seq: Seq| -> Scene {
        cursor.seek(&trace, seq);
        let stage = Stage { trace: &trace, view: cursor.view(), selection: &selection, style };
        draw(tab, &stage)
    };
    // A moment on its way from the event before.
    let still = |cursor: &mut Cursor| -> Scene {
        let before = picture(cursor, Seq(from.0.saturating_sub(1)));
        let after = picture(cursor, from);
        between(&trace, &before, &after, from, Style { alpha: args.part, ..style })
    };
    let drawn = |error: RasterError| Failure::in_file(output, error);
    let bytes = match form {
        Form::Svg => svg(&still(&mut cursor)).into_bytes(),
        Form::Png => png(&still(&mut cursor), args.scale).map_err(drawn)?,
        Form::Gif => {
            let to = match &args.to {
                Some(to) => place(&trace, "--to", to)?,
                None => trace.last(),
            };
            if to < from {
                return Err(Failure::Input(format!(
                    "--to {}: this is event {to}, and --at {} is event {from}: an animation goes forward",
                    args.to.as_deref().unwrap_or("end"),
                    args.at
                )));
            }
            let places = places(args, &trace, from, to)?;
            let mut frames: Vec<(Scene, Span)> = Vec::new();
            for seq in places {
                let after = picture(&mut cursor, seq);
                if let (true, Some((before, _))) = (args.smooth, frames.last().cloned()) {
                    let way = (0..WAY).map(|n| ARRIVED * n / WAY).map(|alpha| {
                        let style = Style { alpha, ..style };
                        (between(&trace, &before, &after, seq, style), SHORT)
                    });
                    frames.extend(way);
                }
                frames.push((after, FRAME));
            }
            gif(&frames).map_err(drawn)?
        }
    };
    run::write_atomically(output, &bytes)
}

/// What the output's name asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Svg,
    Png,
    Gif,
}

impl Form {
    fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            Some("gif") => Ok(Self::Gif),
            _ => Err(Failure::in_file(path, "the name must end in .svg, .png or .gif")),
        }
    }
}

/// Reads a trace, or runs a scenario.
fn opened(args: &Render, console: &Console) -> Result<OpenTrace, Failure> {
    let bytes = std::fs::read(&args.input).map_err(|error| Failure::in_file(&args.input, error))?;
    if bytes.starts_with(Trace::MAGIC) {
        if args.seed.is_some() {
            return Err(Failure::Input(
                "--seed: a trace has its seed already; give the scenario to run it under another"
                    .to_owned(),
            ));
        }
        return OpenTrace::from_bytes(&bytes).map_err(|error| Failure::in_file(&args.input, error));
    }
    let scenario = files::scenario(&args.input, console)?;
    let keep = Keep { events: true, view: true, invariants: false };
    let options = Options { keep, ..Options::default() };
    // The world alone: every driver gives the same events.
    let mut world = World::with(&scenario, args.seed.unwrap_or(scenario.seed), &options);
    while world.step().is_some() {}
    Ok(OpenTrace::of_recorder(world.recorder()))
}

/// A place in the run as a person says it: an event's number, a time, `beat:3`, or `end`.
fn place(trace: &OpenTrace, flag: &str, text: &str) -> Result<Seq, Failure> {
    let last = trace.last();
    let wrong = |message: String| Err(Failure::Input(format!("{flag} {text}: {message}")));
    if text == "end" {
        return Ok(last);
    }
    if let Some(beat) = text.strip_prefix("beat:") {
        let beats = trace.beats();
        let found = beat.parse::<usize>().ok().and_then(|beat| beats.get(beat));
        return match found {
            Some(beat) => Ok(beat.seq),
            None if beats.is_empty() => wrong("the run has no steps".to_owned()),
            None => wrong(format!("the steps that the run came to are 0 to {}", beats.len() - 1)),
        };
    }
    if let Ok(seq) = text.parse::<u64>() {
        return if seq <= last.0 {
            Ok(Seq(seq))
        } else {
            wrong(format!("there is no such event; the run has 1 to {last}"))
        };
    }
    let time = Time::ZERO + files::span(flag, text)?;
    if time > trace.end() {
        return wrong(format!("the run is over at {}s", short_time(trace.end())));
    }
    Ok(trace.at_time(time))
}

/// The moments of an animation.
fn places(args: &Render, trace: &OpenTrace, from: Seq, to: Seq) -> Result<Vec<Seq>, Failure> {
    let step = match args.by {
        RenderStep::Event => Step::Event,
        RenderStep::Message => Step::Message,
        RenderStep::Beat => Step::Beat,
        RenderStep::Interesting => Step::Interesting,
    };
    let mut places = vec![from];
    let mut at = from;
    while let Some(next) = trace.next(step, at).filter(|next| *next <= to) {
        places.push(next);
        at = next;
        let each = if args.smooth { usize::from(WAY) + 1 } else { 1 };
        if places.len() * each > FRAMES {
            return Err(Failure::Input(format!(
                "this animation would have more than {FRAMES} frames: narrow it with --at and --to, or take longer steps with --by"
            )));
        }
    }
    Ok(places)
}

fn selection(args: &Render, trace: &OpenTrace) -> Result<Selection, Failure> {
    let mut selection = Selection::default();
    if let Some(name) = &args.partition {
        let known = trace.tip().partitions.keys().find(|partition| partition.to_string() == *name);
        let Some(known) = known else {
            let all: Vec<String> =
                trace.tip().partitions.keys().map(TopicPartition::to_string).collect();
            return Err(Failure::Input(format!(
                "--partition {name}: the run has no such partition; it has {}",
                all.join(", ")
            )));
        };
        selection.partition = Some(known.clone());
    }
    if let Some(name) = &args.group {
        let group = GroupId::from(name.as_str());
        let all = groups(trace);
        if !all.contains(&group) {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            let has = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            return Err(Failure::Input(format!(
                "--group {name}: the run has no such group; it has {has}"
            )));
        }
        selection.group = Some(group);
    }
    for name in &args.node {
        let Some(node) = trace.nodes().named(name) else {
            let all: Vec<&str> = trace.nodes().iter().map(|(_, info)| &*info.name).collect();
            return Err(Failure::Input(format!(
                "--node {name}: the run has no such node; it has {}",
                all.join(", ")
            )));
        };
        selection.nodes.push(node);
    }
    if let Some(event) = args.event {
        let last = trace.last();
        if event > last.0 {
            return Err(Failure::Input(format!(
                "--event {event}: there is no such event; the run has 1 to {last}"
            )));
        }
        selection.event = Some(Seq(event));
    }
    Ok(selection)
}

/// Every group that some coordinator held at some time of the run.
#[expect(clippy::wildcard_enum_match_arm, reason = "groups come into being by these alone")]
fn groups(trace: &OpenTrace) -> BTreeSet<GroupId> {
    trace
        .events()
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::GroupTypeSet { group, .. } | EventKind::OffsetCommitted { group, .. } => {
                Some(group)
            }
            _ => None,
        })
        .collect()
}

fn style(args: &Render) -> Style {
    let palette = match args.theme {
        RenderTheme::Light => Palette::Light,
        RenderTheme::Dark => Palette::Dark,
    };
    let language = match args.lang {
        RenderLanguage::En => Language::English,
        RenderLanguage::Ko => Language::Korean,
    };
    let zoom = match args.zoom {
        RenderZoom::Auto => Zoom::Auto,
        RenderZoom::Near => Zoom::Near,
        RenderZoom::Middle => Zoom::Middle,
        RenderZoom::Far => Zoom::Far,
    };
    Style {
        theme: Theme::new(palette),
        scale: args.text_scale,
        width: i32::from(args.width) * 10,
        zoom,
        captioned: !args.bare,
        ..Style::new(palette, language)
    }
}
