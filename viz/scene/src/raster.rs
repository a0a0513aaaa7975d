//! A scene as pixels: PNG pictures and animated GIFs.
//!
//! The same display list that is written as SVG is filled by `tiny-skia`, with the outlines of the one font it needs: a whole
//! SVG renderer with its own text engine would bring three times the crates, and would read back what is known already.

use klamm_node::Span;
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Rect as SkiaRect, StrokeDash,
    Transform,
};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use crate::geometry::{Point, Rect, Tenths};
use crate::scene::{Anchor, Label, Look, Object, Part, Scene, Shape, Stroke};
use crate::svg::{dash_of, weight};
use crate::text::{self, FONT};
use crate::theme::Colour;

/// Why a scene can't be made into pixels.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RasterError {
    /// It has no area, or more than there is memory for.
    #[error("a picture of {width} by {height} pixels can't be drawn")]
    Size {
        /// Pixels to the right.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The picture can't be encoded.
    #[error("the picture can't be encoded: {0}")]
    Encoding(String),
}

/// The most pixels on a side.
const LARGEST: u32 = 16_384;

/// A scene as a PNG file, with so many pixels for each of the scene's.
///
/// # Errors
///
/// When it is too large.
pub fn png(scene: &Scene, scale: u8) -> Result<Vec<u8>, RasterError> {
    let pixels = pixels(scene, scale)?;
    pixels.encode_png().map_err(|error| RasterError::Encoding(error.to_string()))
}

/// Scenes as an animated GIF, each shown for a time. It repeats for ever.
///
/// # Errors
///
/// When there is none, or one is too large.
pub fn gif(frames: &[(Scene, Span)]) -> Result<Vec<u8>, RasterError> {
    let width = frames.iter().map(|(scene, _)| scene.width).max().unwrap_or(0);
    let height = frames.iter().map(|(scene, _)| scene.height).max().unwrap_or(0);
    let encoding = |error: gif::EncodingError| RasterError::Encoding(error.to_string());
    let mut pictures = Vec::new();
    for (scene, _) in frames {
        // All frames are as large as the largest.
        let scene = Scene { width, height, ..scene.clone() };
        pictures.push(pixels(&scene, 1)?);
    }
    let (w, h) = (size(width, 1), size(height, 1));
    let wrong = RasterError::Size { width: w, height: h };
    let (Ok(w), Ok(h)) = (u16::try_from(w), u16::try_from(h)) else { return Err(wrong) };
    if w == 0 || h == 0 {
        return Err(wrong);
    }
    let palette = Colours::of(&pictures);
    let mut bytes = Vec::new();
    {
        let mut encoder =
            gif::Encoder::new(&mut bytes, w, h, &palette.table()).map_err(encoding)?;
        encoder.set_repeat(gif::Repeat::Infinite).map_err(encoding)?;
        for (picture, (_, shown)) in pictures.iter().zip(frames) {
            let buffer: Vec<u8> = rgb(picture).map(|colour| palette.nearest(colour)).collect();
            let delay = u16::try_from(shown.as_millis() / 10).unwrap_or(u16::MAX);
            let frame = gif::Frame {
                width: w,
                height: h,
                delay,
                buffer: buffer.into(),
                ..gif::Frame::default()
            };
            encoder.write_frame(&frame).map_err(encoding)?;
        }
    }
    Ok(bytes)
}

fn size(length: Tenths, scale: u8) -> u32 {
    u32::try_from(length).unwrap_or(0).div_ceil(10) * u32::from(scale)
}

fn pixels(scene: &Scene, scale: u8) -> Result<Pixmap, RasterError> {
    let (width, height) = (size(scene.width, scale), size(scene.height, scale));
    let wrong = RasterError::Size { width, height };
    if width > LARGEST || height > LARGEST {
        return Err(wrong);
    }
    let mut pixmap = Pixmap::new(width, height).ok_or(wrong)?;
    let Colour(r, g, b) = scene.background;
    pixmap.fill(Color::from_rgba8(r, g, b, 255));
    let face = Face::parse(FONT, 0).map_err(|error| RasterError::Encoding(error.to_string()))?;
    let unit = f32::from(scale) / 10.0;
    let mut brush = Brush { pixmap, face, transform: Transform::from_scale(unit, unit) };
    scene.objects.iter().for_each(|object| brush.object(object));
    Ok(brush.pixmap)
}

struct Brush<'a> {
    pixmap: Pixmap,
    face: Face<'a>,
    transform: Transform,
}

fn f(tenths: Tenths) -> f32 {
    // Places are far below what a float holds exactly.
    tenths as f32
}

fn paint(colour: Colour) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(colour.0, colour.1, colour.2, 255);
    paint
}

impl Brush<'_> {
    fn object(&mut self, object: &Object) {
        for part in &object.parts {
            match part {
                Part::Shape(shape) => self.shape(shape),
                Part::Object(object) => self.object(object),
            }
        }
    }

    fn shape(&mut self, shape: &Shape) {
        let path = match shape {
            Shape::Rect { rect, radius, look } => (rect_path(*rect, *radius), look),
            Shape::Circle { centre, radius, look } => {
                (PathBuilder::from_circle(f(centre.x), f(centre.y), f(*radius)), look)
            }
            Shape::Path { points, closed, look } => (line_path(points, *closed), look),
            Shape::Text(label) => return self.label(label),
        };
        if let (Some(path), look) = path {
            self.path(&path, look);
        }
    }

    fn path(&mut self, path: &tiny_skia::Path, look: &Look) {
        if let Some(fill) = look.fill {
            self.pixmap.fill_path(path, &paint(fill), FillRule::Winding, self.transform, None);
        }
        if let Some(Stroke { colour, width, dash }) = look.stroke {
            let dash = dash_of(dash, width)
                .and_then(|(on, off)| StrokeDash::new(vec![f(on), f(off)], 0.0));
            let stroke = tiny_skia::Stroke {
                width: f(width),
                line_cap: LineCap::Butt,
                line_join: LineJoin::Miter,
                dash,
                ..tiny_skia::Stroke::default()
            };
            self.pixmap.stroke_path(path, &paint(colour), &stroke, self.transform, None);
        }
    }

    fn label(&mut self, label: &Label) {
        let width = text::width(&label.text, label.size);
        let x = match label.anchor {
            Anchor::Start => label.at.x,
            Anchor::Middle => label.at.x - width / 2,
            Anchor::End => label.at.x - width,
        };
        let scale = f(label.size) / f32::from(self.face.units_per_em());
        let mut outline = Outline { path: PathBuilder::new(), x: f(x), y: f(label.at.y), scale };
        for sign in label.text.chars() {
            let glyph = self.face.glyph_index(sign).unwrap_or(GlyphId(0));
            // A sign without a shape, such as a space, only moves on.
            let _ = self.face.outline_glyph(glyph, &mut outline);
            let advance = self.face.glyph_hor_advance(glyph).unwrap_or(0);
            outline.x += f32::from(advance) * scale;
        }
        let Some(path) = outline.path.finish() else { return };
        let look = Look {
            fill: Some(label.colour),
            stroke: label.strong.then(|| Stroke::new(label.colour, weight(label.size))),
        };
        self.path(&path, &look);
    }
}

/// A glyph's outline at its place; the font's y grows upwards.
struct Outline {
    path: PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Outline {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) =
            (self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

fn line_path(points: &[Point], closed: bool) -> Option<tiny_skia::Path> {
    let mut builder = PathBuilder::new();
    for (at, point) in points.iter().enumerate() {
        if at == 0 {
            builder.move_to(f(point.x), f(point.y));
        } else {
            builder.line_to(f(point.x), f(point.y));
        }
    }
    if closed {
        builder.close();
    }
    builder.finish()
}

fn rect_path(rect: Rect, radius: Tenths) -> Option<tiny_skia::Path> {
    let (x, y, w, h) = (f(rect.x), f(rect.y), f(rect.w.max(0)), f(rect.h.max(0)));
    let r = f(radius).min(w / 2.0).min(h / 2.0);
    if r <= 0.0 {
        return SkiaRect::from_xywh(x, y, w, h).map(PathBuilder::from_rect);
    }
    let (right, bottom) = (x + w, y + h);
    let mut builder = PathBuilder::new();
    builder.move_to(x + r, y);
    builder.line_to(right - r, y);
    builder.quad_to(right, y, right, y + r);
    builder.line_to(right, bottom - r);
    builder.quad_to(right, bottom, right - r, bottom);
    builder.line_to(x + r, bottom);
    builder.quad_to(x, bottom, x, bottom - r);
    builder.line_to(x, y + r);
    builder.quad_to(x, y, x + r, y);
    builder.close();
    builder.finish()
}

/// The opaque colours of a picture, in order.
fn rgb(picture: &Pixmap) -> impl Iterator<Item = [u8; 3]> {
    picture.pixels().iter().map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
}

/// The 256 colours of an animation.
struct Colours {
    table: Vec<[u8; 3]>,
    /// The nearest of the table for each colour with five bits a part.
    nearest: Vec<u8>,
}

fn key([r, g, b]: [u8; 3]) -> usize {
    usize::from(r >> 3) << 10 | usize::from(g >> 3) << 5 | usize::from(b >> 3)
}

impl Colours {
    /// The most used ones: pictures are flat, and what is rare is the edge between two that are not.
    fn of(pictures: &[Pixmap]) -> Self {
        let mut counts = std::collections::BTreeMap::<[u8; 3], u32>::new();
        for colour in pictures.iter().flat_map(rgb) {
            *counts.entry(colour).or_default() += 1;
        }
        let mut used: Vec<([u8; 3], u32)> = counts.into_iter().collect();
        used.sort_by_key(|(colour, count)| (std::cmp::Reverse(*count), *colour));
        let mut table: Vec<[u8; 3]> = Vec::new();
        // A colour very near to one that is there already is no gain.
        for (colour, _) in used {
            if table.len() == 256 {
                break;
            }
            if table.iter().all(|other| distance(*other, colour) > 150) || table.is_empty() {
                table.push(colour);
            }
        }
        let nearest = (0..1_usize << 15)
            .map(|key| {
                let part = |shift: usize| u8::try_from(key >> shift & 31).unwrap_or(0) << 3 | 4;
                index_of(&table, [part(10), part(5), part(0)])
            })
            .collect();
        Self { table, nearest }
    }

    fn table(&self) -> Vec<u8> {
        self.table.concat()
    }

    fn nearest(&self, colour: [u8; 3]) -> u8 {
        match self.table.iter().take(24).position(|known| *known == colour) {
            Some(at) => u8::try_from(at).unwrap_or(0),
            None => self.nearest.get(key(colour)).copied().unwrap_or(0),
        }
    }
}

fn index_of(table: &[[u8; 3]], colour: [u8; 3]) -> u8 {
    let nearest = table.iter().enumerate().min_by_key(|(_, known)| distance(**known, colour));
    nearest.and_then(|(at, _)| u8::try_from(at).ok()).unwrap_or(0)
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests;
