//! Pixels are where the scene says, and what is written can be read.

use super::*;
use crate::geometry::{at, px};
use crate::scene::{Canvas, Role, Type};

fn scene(offset: Tenths) -> Scene {
    let mut canvas = Canvas::new();
    let (red, blue) = (Colour::hex(0xFF_00_00), Colour::hex(0x00_00_FF));
    canvas.object("o", Role::Stop, "a square and a word", |pen| {
        pen.rect(Rect::new(px(10) + offset, px(10), px(20), px(20)), 0, Look::fill(red));
        pen.text(at(px(40), px(30)), Type::new(px(20), blue), "HW 리더");
    });
    canvas.finish("test".to_owned(), px(120), Colour::hex(0xFF_FF_FF))
}

#[test]
fn shapes_and_letters_are_where_the_scene_says() {
    let picture = pixels(&scene(0), 2).expect("a picture");
    let at = |x: u32, y: u32| picture.pixel(x, y).map(|p| [p.red(), p.green(), p.blue()]);
    assert_eq!(at(40, 40), Some([255, 0, 0]));
    assert_eq!(at(10, 10), Some([255, 255, 255]));
    let blue = rgb(&picture).filter(|colour| *colour == [0, 0, 255]).count();
    assert!(blue > 200, "letters are drawn: {blue}");
    let png = png(&scene(0), 1).expect("a file");
    assert_eq!(&png[1..4], b"PNG");
}

#[test]
fn an_animation_has_its_frames_and_colours() {
    let frames = [(scene(0), Span::millis(500)), (scene(100), Span::millis(500))];
    let bytes = gif(&frames).expect("a file");
    let mut reader = gif::DecodeOptions::new().read_info(bytes.as_slice()).expect("a GIF");
    assert_eq!((reader.width(), reader.height()), (120, 46));
    let palette = reader.global_palette().expect("colours").to_vec();
    let mut seen = Vec::new();
    while let Some(frame) = reader.read_next_frame().expect("a frame") {
        assert_eq!(frame.delay, 50);
        let index = usize::from(frame.buffer[20 * 120 + 15]);
        seen.push(palette[index * 3..index * 3 + 3].to_vec());
    }
    assert_eq!(seen, [vec![255, 0, 0], vec![255, 255, 255]]);
}

#[test]
fn what_is_too_large_or_nothing_is_refused() {
    let huge = Scene { height: px(100_000), ..scene(0) };
    assert!(matches!(png(&huge, 1), Err(RasterError::Size { .. })));
    assert!(gif(&[]).is_err());
}
