//! Long lists: only the rows that are seen are laid out, the others are room of their height.
//!
//! A row that was never seen has the height that its text should take; once it was seen, the one that it took. So what is scrolled
//! past keeps its place, and a frame takes as long as what is seen, not as the list.

use std::cell::RefCell;

use eframe::egui;
use egui::{TextStyle, Ui};
use klamm_scene::text;

use super::hand::{points, tenths};

/// Lists that are not longer are laid out whole: then everything in them can be read to somebody and found.
const FEW: usize = 80;

/// How far from what is seen rows are laid out, in points.
const NEAR: f32 = 40.0;

/// The heights of a list's rows, for a width and a size of text.
#[derive(Debug, Default)]
pub(crate) struct Heights(RefCell<Option<Known>>);

#[derive(Debug)]
struct Known {
    width: f32,
    line: f32,
    rows: Vec<f32>,
}

/// Draws the rows of a list from where one is in the pane, each by its place.
pub(crate) fn rows<'t>(
    ui: &mut Ui,
    heights: &Heights,
    texts: impl ExactSizeIterator<Item = &'t str>,
    mut row: impl FnMut(&mut Ui, usize),
) {
    let count = texts.len();
    if count <= FEW {
        (0..count).for_each(|index| row(ui, index));
        return;
    }
    let (width, line) = (ui.available_width(), ui.text_style_height(&TextStyle::Body));
    let known = heights.0.take();
    let fits = |it: &Known| it.rows.len() == count && (it.width, it.line) == (width, line);
    let mut known = known.filter(fits).unwrap_or_else(|| {
        let size = tenths(TextStyle::Body.resolve(ui.style()).size);
        let room = width.max(1.0);
        let lines = |text: &str| (points(text::width(text, size)) / room).ceil().max(1.0);
        Known { width, line, rows: texts.map(|text| lines(text) * line).collect() }
    });
    let gap = ui.spacing().item_spacing.y;
    let seen = ui.clip_rect().y_range().expand(NEAR);
    let mut skipped = 0.0;
    for (index, height) in known.rows.iter_mut().enumerate() {
        let top = ui.cursor().min.y + skipped;
        if top + *height < seen.min || top > seen.max {
            skipped += *height + gap;
            continue;
        }
        ui.add_space(std::mem::take(&mut skipped));
        let begun = ui.cursor().min.y;
        row(ui, index);
        *height = (ui.cursor().min.y - begun - gap).max(0.0);
    }
    ui.add_space(skipped);
    *heights.0.borrow_mut() = Some(known);
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{ScrollArea, Vec2};
    use egui_kittest::Harness;

    /// Which rows were laid out, and how high the list was.
    #[derive(Default)]
    struct Seen {
        heights: Heights,
        texts: Vec<String>,
        drawn: Vec<usize>,
        height: f32,
        scrolled: f32,
    }

    fn harness(count: usize, scrolled: f32) -> Harness<'static, Seen> {
        let texts = (0..count).map(|n| format!("{n}: {}", "some words ".repeat(n % 7 + 1)));
        let seen = Seen { texts: texts.collect(), scrolled, ..Seen::default() };
        let mut harness = Harness::builder()
            .with_size(Vec2::new(300.0, 400.0))
            .with_context_setup(|ctx| ctx.set_fonts(crate::show::fonts()))
            .build_ui_state(
                |ui, seen: &mut Seen| {
                    let Seen { heights, texts, drawn, height, scrolled } = seen;
                    drawn.clear();
                    let area = ScrollArea::vertical().auto_shrink(false);
                    let shown = area.vertical_scroll_offset(*scrolled).show(ui, |ui| {
                        rows(ui, heights, texts.iter().map(String::as_str), |ui, index| {
                            drawn.push(index);
                            ui.label(texts.get(index).map_or("", String::as_str));
                        });
                    });
                    *height = shown.content_size.y;
                },
                seen,
            );
        harness.run();
        harness
    }

    #[test]
    fn of_a_long_list_only_what_is_seen_is_laid_out() {
        for scrolled in [0.0, 20_000.0, 50_000.0] {
            let mut harness = harness(3000, scrolled);
            let seen = harness.state();
            let (first, last) = (seen.drawn[0], seen.drawn[seen.drawn.len() - 1]);
            assert!((8..40).contains(&seen.drawn.len()), "{} rows at {scrolled}", seen.drawn.len());
            assert_eq!(last - first + 1, seen.drawn.len(), "none is left out");
            assert!((first == 0) == (scrolled == 0.0));
            // What was seen once keeps its height: nothing moves when one comes back.
            let height = seen.height;
            harness.run();
            assert_eq!((harness.state().height, harness.state().drawn[0]), (height, first));
        }
        // The whole height is nearly that of all rows laid out.
        let all: f32 = {
            let mut harness = harness(60, 0.0);
            harness.run();
            harness.state().height
        };
        let estimated = harness(3000, 0.0).state().height / 50.0;
        assert!((0.7..1.3).contains(&(estimated / all)), "{estimated} for {all}");
    }

    #[test]
    fn a_short_list_is_there_whole() {
        let harness = harness(FEW, 0.0);
        assert_eq!(harness.state().drawn.len(), FEW);
    }
}
