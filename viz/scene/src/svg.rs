//! A scene as SVG: text stays text, every object keeps its id and has its name as a title.
//!
//! The text is a pure function of the scene, with whole numbers and one decimal: two equal scenes are two equal files on every
//! machine, so a picture can be tested as text and hashed.

use std::fmt::Write as _;

use crate::geometry::Tenths;
use crate::scene::{Anchor, Dash, Label, Look, Object, Part, Role, Scene, Shape, Stroke};
use crate::text::FAMILY;
use crate::theme::Colour;

/// A scene as an SVG file.
pub fn svg(scene: &Scene) -> String {
    let mut out = String::new();
    let (w, h) = (number(scene.width), number(scene.height));
    let background = colour(scene.background);
    let family = format!("'{FAMILY}', 'NanumBarunGothic', 'Noto Sans KR', sans-serif");
    line(
        &mut out,
        0,
        &format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" font-family=\"{family}\">"
        ),
    );
    line(&mut out, 1, &format!("<title>{}</title>", escaped(&scene.title)));
    line(&mut out, 1, &format!("<rect width=\"{w}\" height=\"{h}\" fill=\"{background}\"/>"));
    for object in &scene.objects {
        write_object(&mut out, object, 1);
    }
    out.push_str("</svg>\n");
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    out.extend(std::iter::repeat_n(' ', depth));
    out.push_str(text);
    out.push('\n');
}

fn write_object(out: &mut String, object: &Object, depth: usize) {
    let role = match object.role {
        Role::Area => "area",
        Role::Stop => "stop",
        Role::Mark => "mark",
        Role::Value => "value",
        Role::Note => "note",
    };
    line(out, depth, &format!("<g id=\"{}\" class=\"{role}\">", escaped(&object.id)));
    line(out, depth + 1, &format!("<title>{}</title>", escaped(&object.name)));
    for part in &object.parts {
        match part {
            Part::Shape(shape) => line(out, depth + 1, &shape_text(shape)),
            Part::Object(object) => write_object(out, object, depth + 1),
        }
    }
    line(out, depth, "</g>");
}

fn shape_text(shape: &Shape) -> String {
    match shape {
        Shape::Rect { rect, radius, look } => {
            let (x, y, w, h) =
                (number(rect.x), number(rect.y), number(rect.w.max(0)), number(rect.h.max(0)));
            let round =
                if *radius > 0 { format!(" rx=\"{}\"", number(*radius)) } else { String::new() };
            format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"{round}{}/>",
                look_text(look)
            )
        }
        Shape::Circle { centre, radius, look } => {
            let (x, y, r) = (number(centre.x), number(centre.y), number(*radius));
            format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\"{}/>", look_text(look))
        }
        Shape::Path { points, closed, look } => {
            let mut path = String::new();
            for (at, point) in points.iter().enumerate() {
                let letter = if at == 0 { 'M' } else { 'L' };
                write!(path, "{letter}{} {}", number(point.x), number(point.y))
                    .expect("writing to a String can't fail");
            }
            if *closed {
                path.push('Z');
            }
            format!("<path d=\"{path}\"{}/>", look_text(look))
        }
        Shape::Text(label) => label_text(label),
    }
}

fn look_text(look: &Look) -> String {
    let fill = look.fill.map_or_else(|| "none".to_owned(), colour);
    let mut text = format!(" fill=\"{fill}\"");
    if let Some(Stroke { colour: edge, width, dash }) = look.stroke {
        write!(text, " stroke=\"{}\" stroke-width=\"{}\"", colour(edge), number(width))
            .expect("writing to a String can't fail");
        if let Some((on, off)) = dash_of(dash, width) {
            write!(text, " stroke-dasharray=\"{} {}\"", number(on), number(off))
                .expect("writing to a String can't fail");
        }
    }
    text
}

/// How long the pieces of a broken line and what lies between are.
pub(crate) fn dash_of(dash: Dash, width: Tenths) -> Option<(Tenths, Tenths)> {
    match dash {
        Dash::Solid => None,
        Dash::Dashed => Some((width * 4, width * 3)),
        Dash::Dotted => Some((width, width * 2)),
    }
}

fn label_text(label: &Label) -> String {
    let (x, y, size) = (number(label.at.x), number(label.at.y), number(label.size));
    let anchor = match label.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let fill = colour(label.colour);
    // The font has one weight: heavy letters have an edge of their own colour.
    let strong = if label.strong {
        format!(" stroke=\"{fill}\" stroke-width=\"{}\"", number(weight(label.size)))
    } else {
        String::new()
    };
    let text = escaped(&label.text);
    format!(
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor} fill=\"{fill}\"{strong}>{text}</text>"
    )
}

/// How much heavy letters are heavier.
pub(crate) fn weight(size: Tenths) -> Tenths {
    (size / 24).max(4)
}

/// `12` or `12.5`.
fn number(tenths: Tenths) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    let tenths = tenths.unsigned_abs();
    match tenths % 10 {
        0 => format!("{sign}{}", tenths / 10),
        rest => format!("{sign}{}.{rest}", tenths / 10),
    }
}

fn colour(colour: Colour) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2)
}

/// Text between tags or in quotes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // A control character is not allowed in XML at all.
            sign if sign.is_control() => safe.push(' '),
            sign => safe.push(sign),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Rect, at, px};
    use crate::scene::{Canvas, Type};

    #[test]
    fn numbers_have_one_decimal_at_most() {
        assert_eq!([number(120), number(125), number(-5), number(0)], ["12", "12.5", "-0.5", "0"]);
    }

    #[test]
    fn a_scene_is_written_with_names_and_nothing_breaks_out_of_them() {
        let mut canvas = Canvas::new();
        let ink = Colour::hex(0);
        canvas.object("a\"b", Role::Stop, "lane <1> & more", |pen| {
            pen.rect(Rect::new(0, 0, px(10), px(10)), px(2), Look::fill(ink));
            pen.text(at(5, 95), Type::new(120, ink).strong(), "</text>");
            pen.object("in", Role::Mark, "inside", |pen| {
                pen.line(at(0, 0), at(15, 0), Stroke::new(ink, 10).dash(Dash::Dashed));
            });
        });
        let scene = canvas.finish("title".to_owned(), px(20), Colour::hex(0xFF_FF_FF));
        let text = svg(&scene);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for line in [
            "<g id=\"a&quot;b\" class=\"stop\">",
            "<title>lane &lt;1&gt; &amp; more</title>",
            "<rect x=\"0\" y=\"0\" width=\"10\" height=\"10\" rx=\"2\" fill=\"#000000\"/>",
            "<g id=\"a&quot;b/in\" class=\"mark\">",
            "<path d=\"M0 0L1.5 0\" fill=\"none\" stroke=\"#000000\" stroke-width=\"1\" stroke-dasharray=\"4 3\"/>",
        ] {
            assert!(lines.contains(&line), "{line} is missing in\n{text}");
        }
        assert!(text.contains(">&lt;/text&gt;</text>"));
    }
}
