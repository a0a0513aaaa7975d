//! The palettes keep what was asked of them: WCAG contrast, and CIEDE2000 between every two roles as four kinds of eyes see
//! them (colour blindness after Machado, Oliveira and Fernandes 2009).

use super::*;

fn linear(c: u8) -> f64 {
    let c = f64::from(c) / 255.0;
    if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

fn rgb(colour: Colour) -> [f64; 3] {
    [linear(colour.0), linear(colour.1), linear(colour.2)]
}

fn luminance(colour: Colour) -> f64 {
    let [r, g, b] = rgb(colour);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

type Matrix = [[f64; 3]; 3];

const NORMAL: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
const PROTANOPIA: Matrix = [
    [0.152_286, 1.052_583, -0.204_868],
    [0.114_503, 0.786_281, 0.099_216],
    [-0.003_882, -0.048_116, 1.051_998],
];
const DEUTERANOPIA: Matrix = [
    [0.367_322, 0.860_646, -0.227_968],
    [0.280_085, 0.672_501, 0.047_413],
    [-0.011_820, 0.042_940, 0.968_881],
];
const TRITANOPIA: Matrix = [
    [1.255_528, -0.076_749, -0.178_779],
    [-0.078_411, 0.930_809, 0.147_602],
    [0.004_733, 0.691_367, 0.303_900],
];

fn times(matrix: &Matrix, [x, y, z]: [f64; 3]) -> [f64; 3] {
    matrix.map(|[a, b, c]| a * x + b * y + c * z)
}

fn lab(rgb: [f64; 3]) -> [f64; 3] {
    let xyz = times(
        &[
            [0.412_456_4, 0.357_576_1, 0.180_437_5],
            [0.212_672_9, 0.715_152_2, 0.072_175_0],
            [0.019_333_9, 0.119_192_0, 0.950_304_1],
        ],
        rgb.map(|c| c.clamp(0.0, 1.0)),
    );
    let f = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let [x, y, z] = [f(xyz[0] / 0.950_47), f(xyz[1]), f(xyz[2] / 1.088_83)];
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// CIEDE2000, after Sharma, Wu and Dalal 2005.
fn difference(one: [f64; 3], two: [f64; 3]) -> f64 {
    let ([l1, a1, b1], [l2, a2, b2]) = (one, two);
    let mean = (a1.hypot(b1) + a2.hypot(b2)) / 2.0;
    let g = 0.5 * (1.0 - (mean.powi(7) / (mean.powi(7) + 25_f64.powi(7))).sqrt());
    let (a1, a2) = (a1 * (1.0 + g), a2 * (1.0 + g));
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let turn = match h2 - h1 {
        d if d > 180.0 => d - 360.0,
        d if d < -180.0 => d + 360.0,
        d => d,
    };
    let turn = if c1 * c2 == 0.0 { 0.0 } else { turn };
    let dh = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin();
    let (l, c) = ((l1 + l2) / 2.0, (c1 + c2) / 2.0);
    let h = match (h1 + h2, (h1 - h2).abs()) {
        (sum, _) if c1 * c2 == 0.0 => sum,
        (sum, apart) if apart <= 180.0 => sum / 2.0,
        (sum, _) if sum < 360.0 => (sum + 360.0) / 2.0,
        (sum, _) => (sum - 360.0) / 2.0,
    };
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0)
        - 0.20 * cos(4.0 * h - 63.0);
    let sl = 1.0 + 0.015 * (l - 50.0).powi(2) / (20.0 + (l - 50.0).powi(2)).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let rc = 2.0 * (c.powi(7) / (c.powi(7) + 25_f64.powi(7))).sqrt();
    let theta = 30.0 * (-((h - 275.0) / 25.0).powi(2)).exp();
    let rt = -rc * (2.0 * theta).to_radians().sin();
    let (dl, dc, dh) = ((l2 - l1) / sl, (c2 - c1) / sc, dh / sh);
    (dl * dl + dc * dc + dh * dh + rt * dc * dh).sqrt()
}

#[test]
fn the_difference_is_ciede2000() {
    // Two pairs of the table by Sharma, Wu and Dalal.
    let first = difference([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485]);
    assert!((first - 2.0425).abs() < 0.0001, "{first}");
    let other = difference([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387]);
    assert!((other - 1.2644).abs() < 0.0001, "{other}");
}

#[test]
fn every_role_is_seen_on_its_background() {
    for palette in Palette::ALL {
        let theme = Theme::new(palette);
        for hue in Hue::ALL {
            let found = contrast(theme.hue(hue), theme.background);
            assert!(found >= 3.0, "{palette:?} {hue:?}: {found:.2}");
            // White on the dark palette's violet is the one that is only for large marks.
            let least = if (palette, hue) == (Palette::Dark, Hue::Txn) { 3.0 } else { 4.5 };
            let digits = contrast(theme.on(hue), theme.hue(hue));
            assert!(digits >= least, "digits on {palette:?} {hue:?}: {digits:.2}");
        }
        for (name, colour, least) in [("ink", theme.ink, 7.0), ("quiet", theme.quiet, 4.5)] {
            for ground in [theme.background, theme.panel, theme.tint(Hue::Leader, 12)] {
                let found = contrast(colour, ground);
                assert!(found >= least, "{palette:?} {name}: {found:.2}");
            }
        }
    }
}

#[test]
fn every_two_roles_are_told_apart_by_all_kinds_of_eyes() {
    for (palette, least) in [(Palette::Light, 15.0), (Palette::Dark, 15.7)] {
        let theme = Theme::new(palette);
        let mut all: Vec<(String, Colour)> =
            Hue::ALL.iter().map(|hue| (format!("{hue:?}"), theme.hue(*hue))).collect();
        all.push(("ink".to_owned(), theme.ink));
        let eyes = [
            ("normal", &NORMAL),
            ("protanopia", &PROTANOPIA),
            ("deuteranopia", &DEUTERANOPIA),
            ("tritanopia", &TRITANOPIA),
        ];
        for (at, (one, a)) in all.iter().enumerate() {
            for (two, b) in &all[..at] {
                for (eye, matrix) in eyes {
                    let see = |colour: Colour| lab(times(matrix, rgb(colour)));
                    let found = difference(see(*a), see(*b));
                    assert!(found >= least - 0.1, "{palette:?} {one}/{two} {eye}: {found:.2}");
                }
            }
        }
    }
}
