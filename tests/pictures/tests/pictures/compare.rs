//! Keeping pictures, and telling two apart.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Transformations};

/// How far a channel may be off at an edge. Renderers round differently where it is smoothed; a letter that moved by half a pixel
/// is farther off than that.
const TOLERANCE: u8 = 24;

/// How far a channel may be off where all around is of one colour: nothing is smoothed there, and every colour counts.
const FLAT: u8 = 2;

/// How far a channel may be off in what is kept, at edges: with few colours a picture takes a third of the room. It counts against
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

    /// Whether all pixels around one are of its colour.
    fn is_flat(&self, at: usize) -> bool {
        let width = usize::try_from(self.width).unwrap_or(1).max(1);
        let (above, below) = (at.checked_sub(width), at + width);
        let around = [
            at.checked_sub(1),
            Some(at + 1),
            above,
            above.and_then(|at| at.checked_sub(1)),
            above.map(|at| at + 1),
            Some(below),
            Some(below - 1),
            Some(below + 1),
        ];
        let here = self.pixels.get(at);
        around.into_iter().flatten().filter_map(|at| self.pixels.get(at)).all(|it| Some(it) == here)
    }

    /// The picture in at most 256 colours, exact where it is flat; none if that would change it too much.
    fn few_colours(&self) -> Option<(Vec<[u8; 3]>, Vec<u8>)> {
        let mut counts: BTreeMap<[u8; 3], (usize, usize)> = BTreeMap::new();
        for (at, pixel) in self.pixels.iter().enumerate() {
            let (flat, all) = counts.entry(*pixel).or_default();
            *flat += usize::from(self.is_flat(at));
            *all += 1;
        }
        let mut order: Vec<([u8; 3], (usize, usize))> = counts.into_iter().collect();
        order.sort_by_key(|(_, (flat, all))| (usize::MAX - flat, usize::MAX - all));
        let mut palette: Vec<[u8; 3]> = Vec::new();
        let mut places: BTreeMap<[u8; 3], u8> = BTreeMap::new();
        for (colour, (flat, _)) in order {
            let far = |other: &[u8; 3]| distance(colour, *other);
            let near = (0..).zip(&palette).map(|(at, other)| (far(other), at)).min();
            let place = match near {
                Some((far, at)) if far <= KEPT_WITHIN && flat == 0 => at,
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
        let pixels = self.pixels.iter().zip(&other.pixels).enumerate().map(|(at, (kept, new))| {
            let flat = self.is_flat(at) && other.is_flat(at);
            let off = distance(*kept, *new) > if flat { FLAT } else { TOLERANCE };
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
fn another_colour_is_a_difference_and_rounding_at_an_edge_is_none() {
    let kept = Picture { width: 8, height: 8, pixels: vec![[250, 120, 0]; 64] };
    assert!(kept.differs(&kept.clone()).is_none());
    // A pixel in the middle: an edge of something.
    let mut new = kept.clone();
    new.pixels[27] = [250, 120 + TOLERANCE, 0];
    assert!(kept.differs(&new).is_none());
    new.pixels[27] = [250, 121 + TOLERANCE, 0];
    let (count, shown) = kept.differs(&new).expect("a difference");
    assert_eq!((count, shown.pixels[27]), (1, [255, 0, 0]));
    // A shade that nobody sees at an edge is another colour where there is nothing else.
    let shade = |by: u8| Picture { pixels: vec![[250, 120 + by, 0]; 64], ..kept.clone() };
    assert!(kept.differs(&shade(FLAT)).is_none());
    assert_eq!(kept.differs(&shade(FLAT + 1)).map(|(count, _)| count), Some(64));
    let wider = Picture { width: 16, height: 4, ..kept.clone() };
    assert!(kept.differs(&wider).is_some(), "another shape");
}

#[test]
fn what_is_kept_looks_like_what_was_drawn() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
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
