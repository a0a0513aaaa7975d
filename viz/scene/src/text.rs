//! How wide text is, so that a picture knows whether a label fits before anything draws it.
//!
//! The widths are those of the font in `font/`, which every drawer uses; a test reads them from the font itself.

use crate::geometry::Tenths;

/// The advance of each sign from space to tilde, in thousandths of the size.
const ASCII: [i32; 95] = [
    224, 446, 297, 583, 583, 892, 892, 297, 446, 446, 446, 583, 297, 583, 297, 446, 583, 583, 583,
    583, 583, 583, 583, 583, 583, 583, 297, 297, 446, 583, 446, 669, 1052, 644, 627, 639, 721, 596,
    554, 710, 718, 247, 410, 626, 529, 884, 710, 752, 586, 752, 610, 592, 621, 696, 635, 961, 617,
    611, 594, 446, 961, 446, 434, 446, 297, 560, 588, 490, 588, 559, 340, 588, 592, 244, 301, 530,
    244, 892, 592, 577, 588, 588, 383, 475, 357, 592, 530, 788, 528, 530, 473, 446, 446, 446, 669,
];

/// The advance of a Hangul syllable and of most signs.
const FULL: i32 = 892;

/// How far capitals rise above the line, in thousandths of the size.
pub const CAPITALS: i32 = 700;

/// The font's bytes: a subset of an OFL font, see `font/OFL.txt`.
pub const FONT: &[u8] = include_bytes!("../font/klamm-sans.ttf");

/// The font's family.
pub const FAMILY: &str = "Klamm Sans";

/// A font for text in columns: ASCII alone, each sign half as wide as a Hangul syllable of the other. For windows; pictures have no
/// columns.
pub const MONO: &[u8] = include_bytes!("../font/klamm-mono.ttf");

/// Its family.
pub const MONO_FAMILY: &str = "Klamm Mono";

/// The advance of a sign, in thousandths of the size.
fn advance(sign: char) -> i32 {
    match sign {
        ' '..='~' => {
            let at = usize::try_from(u32::from(sign) - 32).unwrap_or(0);
            ASCII.get(at).copied().unwrap_or(FULL)
        }
        '·' | '°' | '“' | '”' => 446,
        '‘' | '’' => 303,
        _ => FULL,
    }
}

/// The width of a text in a size.
pub fn width(text: &str, size: Tenths) -> Tenths {
    let thousandths: i64 = text.chars().map(|sign| i64::from(advance(sign))).sum();
    i32::try_from((thousandths * i64::from(size) + 999) / 1000).unwrap_or(i32::MAX)
}

/// The text if it fits, else as much of it as does with an ellipsis behind.
pub fn fitted(text: &str, size: Tenths, room: Tenths) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    let dots = width("…", size);
    for sign in text.chars() {
        short.push(sign);
        if width(&short, size) + dots > room {
            short.pop();
            break;
        }
    }
    let mut short = short.trim_end().to_owned();
    if dots <= room {
        short.push('…');
    }
    short
}

/// The text if it fits, else cut before the number that it ends in: of names that differ by their numbers alone this is what
/// tells one from the other.
pub fn numbered(text: &str, size: Tenths, room: Tenths) -> String {
    let head = text.trim_end_matches(|sign: char| sign.is_ascii_digit());
    let number = text.strip_prefix(head).unwrap_or_default();
    if number.is_empty() || width(text, size) <= room {
        return fitted(text, size, room);
    }
    let left = room - width(number, size);
    if left < 0 {
        return fitted(number, size, room);
    }
    format!("{}{number}", fitted(head, size, left))
}

/// Lines that fit, broken at spaces; a word that is too long by itself is cut.
pub fn wrapped(text: &str, size: Tenths, room: Tenths) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut()
            && width(&format!("{line} {word}"), size) <= room
        {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        lines.push(fitted(word, size, room));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_the_fonts() {
        let face = ttf_parser::Face::parse(FONT, 0).expect("the font");
        assert_eq!(face.units_per_em(), 1000);
        let signs = (' '..='~').chain("·…–—‘’“”×가힝ㄱㅣ리더".chars());
        for sign in signs {
            let glyph =
                face.glyph_index(sign).unwrap_or_else(|| panic!("{sign} is not in the font"));
            let found = face.glyph_hor_advance(glyph).map(i32::from);
            assert_eq!(found, Some(advance(sign)), "{sign}");
        }
        assert_eq!(face.capital_height().map(i32::from), Some(CAPITALS));
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        let size = 120;
        let text = "a rather long label";
        assert_eq!(fitted(text, size, width(text, size)), text);
        let short = fitted(text, size, 600);
        assert!(short.ends_with('…') && width(&short, size) <= 600, "{short}");
        assert_eq!(fitted("리더", size, 10), "");
        // The number stays, whatever goes.
        assert_eq!(numbered("broker-12", size, width("broker-12", size)), "broker-12");
        for (room, said) in [(500, "brok…12"), (260, "…12"), (160, "12")] {
            let short = numbered("broker-12", size, room);
            assert!(short == said && width(&short, size) <= room, "{room}: {short}");
        }
        assert_eq!(numbered("orders", size, 300), fitted("orders", size, 300));
        for line in wrapped("one two three four five six seven", size, 700) {
            assert!(width(&line, size) <= 700, "{line}");
        }
    }
}
