//! Keeping pictures, and telling two apart.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Transformations};

/// How far a channel may be off. Renderers round differently where an edge is smoothed; a colour that somebody changed is
/// farther off than that, and so is a letter that moved by half a pixel.
const TOLERANCE: u8 = 24;

/// How far a channel may be off in what is kept: with few colours a picture takes a third of the room. It counts against
/// [`TOLERANCE`], and leaves as much again for rounding.
const KEPT_WITHIN: u8 = 12;

/// A picture: three bytes for each pixel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Reads one.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(|error| said(&error))?;
        let mut decoder = Decoder::new(BufReader::new(file));
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        let mut reader = decoder.read_info().map_err(|error| said(&error))?;
        let mut bytes = vec![0; reader.output_buffer_size().ok_or_else(|| said(&"too large"))?];
        let info = reader.next_frame(&mut bytes).map_err(|error| said(&error))?;
        if info.color_type != ColorType::Rgb {
            return Err(said(&"not a picture that this test has kept"));
        }
        let (pixels, _) = bytes.as_chunks();
        Ok(Self { width: info.width, height: info.height, pixels: pixels.to_vec() })
    }

    /// Writes one.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let file = File::create(path).map_err(|error| said(&error))?;
        let mut encoder = Encoder::new(BufWriter::new(file), self.width, self.height);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::High);
        let few = self.few_colours();
        let bytes = match &few {
            Some((palette, places)) => {
                encoder.set_color(ColorType::Indexed);
                encoder.set_palette(palette.as_flattened());
                encoder.set_filter(Filter::NoFilter);
                places.as_slice()
            }
            None => {
                encoder.set_color(ColorType::Rgb);
                encoder.set_filter(Filter::Sub);
                self.pixels.as_flattened()
            }
        };
        let mut writer = encoder.write_header().map_err(|error| said(&error))?;
        writer.write_image_data(bytes).map_err(|error| said(&error))?;
        writer.finish().map_err(|error| said(&error))
    }

    /// The picture in at most 256 colours, those that are most in it first; none if that would change it too much.
    fn few_colours(&self) -> Option<(Vec<[u8; 3]>, Vec<u8>)> {
        let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
        for pixel in &self.pixels {
            *counts.entry(*pixel).or_default() += 1;
        }
        let mut order: Vec<([u8; 3], usize)> = counts.into_iter().collect();
        order.sort_by_key(|(_, count)| usize::MAX - count);
        let mut palette: Vec<[u8; 3]> = Vec::new();
        let mut places: BTreeMap<[u8; 3], u8> = BTreeMap::new();
        for (colour, _) in order {
            let far = |other: &[u8; 3]| distance(colour, *other);
            let near = (0..).zip(&palette).map(|(at, other)| (far(other), at)).min();
            let place = match near {
                Some((far, at)) if far <= KEPT_WITHIN => at,
                _ => {
                    palette.push(colour);
                    palette.len() - 1
                }
            };
            places.insert(colour, u8::try_from(place).ok()?);
        }
        let pixels = self.pixels.iter().filter_map(|pixel| places.get(pixel).copied());
        Some((palette.clone(), pixels.collect()))
    }

    /// What is different in another: how many pixels, and a picture that shows them on a pale one of this. None if nothing is.
    pub(crate) fn differs(&self, other: &Self) -> Option<(usize, Self)> {
        if (self.width, self.height) != (other.width, other.height) {
            return Some((self.pixels.len().max(other.pixels.len()), other.clone()));
        }
        let mut count = 0;
        let pixels = self.pixels.iter().zip(&other.pixels).map(|(kept, new)| {
            let off = distance(*kept, *new) > TOLERANCE;
            count += usize::from(off);
            if off { [255, 0, 0] } else { kept.map(|channel| 255 - (255 - channel) / 4) }
        });
        let shown = Self { pixels: pixels.collect(), ..*self };
        (count > 0).then_some((count, shown))
    }
}

/// How far the channel is off that is off most.
fn distance(a: [u8; 3], b: [u8; 3]) -> u8 {
    a.into_iter().zip(b).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
}

#[test]
fn one_pixel_of_another_colour_is_a_difference_and_rounding_is_none() {
    let kept = Picture { width: 3, height: 2, pixels: vec![[250, 120, 0]; 6] };
    let mut new = kept.clone();
    assert!(kept.differs(&new).is_none());
    new.pixels[4] = [250, 120 + TOLERANCE, 0];
    assert!(kept.differs(&new).is_none());
    new.pixels[4] = [250, 121 + TOLERANCE, 0];
    assert_eq!(
        kept.differs(&new).map(|(count, shown)| (count, shown.pixels[4])),
        Some((1, [255, 0, 0]))
    );
    let wider = Picture { width: 6, height: 1, ..kept.clone() };
    assert!(kept.differs(&wider).is_some(), "another shape");
}

#[test]
fn what_is_kept_looks_like_what_was_drawn() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    // A ramp of more colours than a palette has, and one of each of three axes, which has too many.
    let ramp: Vec<[u8; 3]> = (0..=255_u8).flat_map(|at| [[at, 0, 0], [0, at, 128]]).collect();
    let cube =
        (0..512_u16).map(|at| [0, 3, 6].map(|by| u8::try_from((at >> by & 7) * 36).unwrap_or(255)));
    for (name, pixels) in [("ramp", ramp), ("cube", cube.collect())] {
        let drawn = Picture { width: 32, height: 16, pixels };
        let path = folder.join(format!("{name}.png"));
        drawn.write(&path).expect("written");
        let kept = Picture::read(&path).expect("readable");
        let off = drawn.pixels.iter().zip(&kept.pixels).map(|(a, b)| distance(*a, *b)).max();
        assert!(off.is_some_and(|off| off <= KEPT_WITHIN), "{name}: {off:?}");
        assert_eq!(drawn.few_colours().is_some(), name == "ramp");
    }
}
