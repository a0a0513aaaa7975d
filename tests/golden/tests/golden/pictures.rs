//! What every scenario looks like at its steps.
//!
//! Of all of them a hash a picture is kept (`tests/golden/pictures/all.snap`, the lines of `klamm render FILE --hash`), so that a
//! change is seen wherever it shows. Of the chosen moments below the whole SVG is kept, and in both languages everything that
//! somebody who does not see the picture gets: names, and the answer to *Why?* for each number. All of them have to be tidy.
//!
//! After a change that is meant to change them: `INSTA_UPDATE=always cargo test -p klamm-golden pictures`, then look at what changed
//! with `klamm render FILE --at beat:N --tab TAB -o x.svg`.

use std::fmt::Write as _;
use std::path::Path;

use klamm_golden::{Lesson, env_count};
use klamm_scene::{
    Cursor, Language, Object, OpenTrace, Palette, Part, Role, Scene, Selection, Stage, Style, Tab,
    Zoom, draw, places, rules, sheet, svg, why,
};

use crate::ran::ran;

const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pictures");

/// Pictures that are kept whole: a scenario, a moment, and the tabs that show something of it.
const CHOSEN: [(&str, &str, &[Tab]); 9] = [
    ("lessons/leader-crash", "beat:1", &Tab::ALL),
    ("lessons/leader-crash", "beat:3", &[Tab::Cluster, Tab::Logs, Tab::Sequence]),
    ("lessons/leader-crash", "beat:5", &[Tab::Cluster, Tab::Logs, Tab::Quorum]),
    ("lessons/leader-crash", "end", &[Tab::Logs]),
    ("lessons/two-groups", "end", &[Tab::Cluster, Tab::Logs, Tab::Groups]),
    ("lessons/rack-aware-reads", "beat:1", &[Tab::Cluster]),
    ("lessons/zombie-commits", "beat:2", &[Tab::Groups]),
    ("questions/asymmetric-cut", "beat:2", &[Tab::Cluster, Tab::Sequence]),
    ("questions/quorum-loses-majority", "beat:2", &[Tab::Cluster, Tab::Quorum]),
];

/// What the pictures of a run come to.
pub(crate) struct Looked {
    sheet: String,
    /// The chosen ones, each with the name of its snapshot.
    chosen: Vec<(String, String)>,
    /// What is not as it has to be.
    untidy: Vec<String>,
}

/// Looks at a run.
pub(crate) fn look(lesson: &Lesson, trace: &OpenTrace) -> Looked {
    let selection = Selection::default();
    let path = format!("{}/{}", lesson.chapter, lesson.name);
    let mut cursor = Cursor::new(trace);
    let (mut chosen, mut untidy) = (Vec::new(), Vec::new());
    for (at, (place, seq)) in places(trace).into_iter().enumerate() {
        cursor.seek(trace, seq);
        let view = cursor.view();
        let stage = |style| Stage { trace, view, selection: &selection, style };
        for tab in Tab::ALL {
            for style in styles(at) {
                let found = rules::untidy(&draw(tab, &stage(style)));
                let told = |it| {
                    let Style { language, scale, zoom, .. } = style;
                    format!("{path} {place} {tab:?} {language:?} {scale} {zoom:?}: {it}")
                };
                untidy.extend(found.into_iter().map(told));
            }
        }
        let tabs = CHOSEN.iter().filter(|(of, when, _)| *of == path && *when == place);
        for tab in tabs.flat_map(|(_, _, tabs)| *tabs) {
            let name = format!("{path}-{place}-{}", tab.name()).replace(['/', ':'], "-");
            let scene = draw(*tab, &stage(Style::default()));
            chosen.push((name.clone(), svg(&scene)));
            for language in Language::ALL {
                let stage = stage(Style::new(Palette::Light, language));
                let heard = heard(&draw(*tab, &stage), &stage);
                chosen.push((format!("{name}.{}", language.code()), heard));
            }
        }
    }
    Looked { sheet: sheet(trace, &selection, Style::default()), chosen, untidy }
}

/// The styles in which a moment has to be tidy. Each moment has one of its own besides the ordinary one, so that every scenario is
/// looked at in each; `KLAMM_STYLES=1` looks at every moment in all of them.
fn styles(moment: usize) -> Vec<Style> {
    let of = |language, scale, zoom| Style { scale, zoom, ..Style::new(Palette::Dark, language) };
    let all = [
        of(Language::Korean, 100, Zoom::Auto),
        of(Language::Korean, 150, Zoom::Auto),
        of(Language::Korean, 200, Zoom::Auto),
        of(Language::English, 150, Zoom::Far),
        of(Language::English, 200, Zoom::Near),
        of(Language::Korean, 150, Zoom::Middle),
    ];
    let usual = of(Language::English, 100, Zoom::Auto);
    if env_count("KLAMM_STYLES", 0) > 0 {
        return all.into_iter().chain([usual]).collect();
    }
    let own = all.get(moment % all.len()).copied();
    own.into_iter().chain([usual]).collect()
}

/// What somebody who does not see the picture gets: the names, inner ones further right, and the rule of every number.
fn heard(scene: &Scene, stage: &Stage<'_>) -> String {
    fn say(object: &Object, depth: usize, text: &mut String) {
        let role = match object.role {
            Role::Area => "area",
            Role::Stop => "stop",
            Role::Mark => "mark",
            Role::Value => "value",
            Role::Note => "note",
        };
        writeln!(text, "{:depth$}{role}: {}", "", object.name, depth = depth * 2)
            .expect("writing to a String can't fail");
        for part in &object.parts {
            if let Part::Object(inner) = part {
                say(inner, depth + 1, text);
            }
        }
    }
    let mut text = format!("{}\n", scene.title);
    scene.objects.iter().for_each(|it| say(it, 0, &mut text));
    let mut kinds = std::collections::BTreeSet::new();
    for subject in scene.subjects() {
        // One of a kind: the rules are the kinds', and what changed a value is looked for through the whole run.
        if let Some(answer) = kinds.insert(subject.kind()).then(|| why(stage, &subject)).flatten() {
            let changed = answer.changed.as_ref().map_or("–", |changed| changed.text.as_str());
            let (id, value, rule) = (subject.id(), &answer.value, answer.text());
            write!(text, "\nwhy {id} = {value}\n  {rule}\n  {changed}\n")
                .expect("writing to a String can't fail");
        }
    }
    text
}

#[test]
fn every_scenario_looks_as_it_did() {
    let mut all = String::new();
    for ran in ran() {
        writeln!(all, "{}/{}\n{}", ran.lesson.chapter, ran.lesson.name, ran.looked.sheet)
            .expect("writing to a String can't fail");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(PICTURES));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("all", all));
}

#[test]
fn chosen_pictures_are_what_they_were_line_by_line() {
    let mut found = 0;
    for (name, text) in ran().iter().flat_map(|ran| &ran.looked.chosen) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new(PICTURES));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name.as_str(), text));
        found += 1;
    }
    let tabs: usize = CHOSEN.iter().map(|(_, _, tabs)| tabs.len()).sum();
    assert_eq!(found, tabs * 3, "every chosen moment is there");
}

#[test]
fn every_picture_of_every_scenario_is_tidy() {
    let untidy: Vec<_> = ran().iter().flat_map(|ran| &ran.looked.untidy).collect();
    let first: Vec<_> = untidy.iter().take(40).map(|it| it.as_str()).collect();
    assert!(untidy.is_empty(), "{} places, among them:\n{}", untidy.len(), first.join("\n"));
}
