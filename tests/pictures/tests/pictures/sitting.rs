//! A window that sits for its picture: fixed time, fonts, size and scale; no animation, no pointer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use eframe::egui::{TexturesDelta, vec2};
use egui_kittest::{Harness, TestRenderer};
use klamm_scene::OpenTrace;
use klamm_viz::lab::Lab;
use klamm_viz::load::{News, Source, Worker};
use klamm_viz::window::{Start, Window};
use klamm_viz::{fonts, library};
use klamm_world::Outcome;

use crate::compare::Picture;
use crate::software::Software;
use crate::subjects::Subject;

/// What the harness leaves free around the window, in pixels: no part of it.
const MARGIN: u16 = 8;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The window with everything that a person could do to it.
pub(crate) type Sitter = Harness<'static, Window>;

/// Keeps what egui has to say about textures until the picture is drawn.
#[derive(Clone, Default)]
struct Textures(Rc<RefCell<TexturesDelta>>);

impl TestRenderer for Textures {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        self.0.borrow_mut().append(std::mem::take(delta));
    }
}

/// Draws a subject.
pub(crate) fn picture(software: &Software, subject: &Subject) -> Picture {
    let mut window = Window::new(Start::default(), None);
    // A question that waits would hide half of what the pictures are of.
    window.settings.asks = false;
    if let Some(scenario) = subject.scenario {
        let (source, trace, outcome) = run(scenario);
        window.show_run(source, trace);
        if let Some(lab) = window.lab_mut() {
            lab.done(Box::new(outcome));
        }
    }
    let textures = Textures::default();
    let [width, height] = subject.size.map(|length| length + 2 * MARGIN);
    let mut sitter = Harness::builder()
        .with_size(vec2(f32::from(width), f32::from(height)))
        .with_pixels_per_point(1.0)
        .with_max_steps(16)
        .with_step_dt(0.25)
        .renderer(textures.clone())
        .with_context_setup(|ctx| ctx.set_fonts(fonts()))
        .build_ui_state(|ui, window: &mut Window| window.show(ui), window);
    (subject.pose)(&mut sitter);
    sitter.run();
    let output = sitter.output();
    let shapes = sitter.ctx.tessellate(output.shapes.clone(), output.pixels_per_point);
    let size = [u32::from(width), u32::from(height)];
    let drawn = software.draw(size, &shapes, &mut textures.0.borrow_mut());
    let image = drawn.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
    let margin = usize::from(MARGIN);
    let rows = image.pixels.chunks(usize::from(width)).skip(margin);
    let rows = rows.take(usize::from(subject.size[1]));
    let inside = rows.flat_map(|row| row.iter().skip(margin).take(usize::from(subject.size[0])));
    let pixels = inside.map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let [width, height] = subject.size.map(u32::from);
    Picture { width, height, pixels }
}

/// Lets frames pass until something is so: what runs is another thread.
pub(crate) fn until(sitter: &mut Sitter, what: impl Fn(&Window) -> bool) {
    let begun = Instant::now();
    while !what(sitter.state()) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", sitter.state().notice);
        thread::yield_now();
        sitter.step();
    }
}

/// A scenario of the library, run to its end, once.
fn run(name: &str) -> (Source, OpenTrace, Outcome) {
    thread_local! {
        static RUNS: RefCell<BTreeMap<String, (Source, OpenTrace, Outcome)>> = RefCell::default();
    }
    let known = RUNS.with_borrow(|runs| runs.get(name).cloned());
    known.unwrap_or_else(|| {
        let card = library::named(name).unwrap_or_else(|| panic!("{name} is not in the library"));
        let run = finished(Source::Text { name: card.name.clone(), text: card.text.to_owned() });
        RUNS.with_borrow_mut(|runs| runs.insert(name.to_owned(), run.clone()));
        run
    })
}

fn finished(source: Source) -> (Source, OpenTrace, Outcome) {
    let worker = Worker::start(source.clone(), None, Arc::new(|| {}));
    let mut lab: Option<Lab> = None;
    let mut outcome = None;
    while let Some(news) = worker.wait(PATIENCE).expect("the run goes on") {
        match news {
            News::Begun(header, _) => {
                lab = Some(Lab::new(source.clone(), OpenTrace::new(*header)));
            }
            News::Grown(events) => {
                let lab = lab.as_mut().expect("it has begun");
                lab.grown(events);
                while lab.take() {}
            }
            News::Done(done) => outcome = Some(*done),
            News::Failed(problem) => panic!("{problem}"),
            News::Reading(..) | News::Opened(..) => panic!("this is no trace"),
        }
    }
    let lab = lab.expect("it has begun");
    (source, lab.trace().clone(), outcome.expect("it is over"))
}
