//! The decoders of compressed tiles, their round trips, and whole tables, on any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_image::fits::tiled::{TiledImage, gzip, hcompress, plio, rice};
use pogson_image::fits::{Header, Rect};

fuzz_target!(|data: &[u8]| {
    let Some((&[mode, a, b], rest)) = data.split_first_chunk::<3>() else { return };
    let (width, height) = (usize::from(a) + 1, usize::from(b) + 1);
    let pixels = width * height;
    match mode % 8 {
        0 => {
            let _ = rice::decode(rest, 32, &mut vec![0u8; pixels]);
            let _ = rice::decode(rest, 16, &mut vec![0i16; pixels]);
            let _ = rice::decode(rest, 32, &mut vec![0i32; pixels]);
        }
        1 => {
            if let Ok(bytes) = gzip::inflate(rest, 4 * pixels) {
                let _ = gzip::unshuffle(&bytes, usize::from(a));
            }
        }
        2 => {
            let _ = plio::decode(&words(rest), &mut vec![0i32; pixels]);
        }
        3 => {
            let mut tile = vec![0xDD, 0x99];
            tile.extend((height as i32).to_be_bytes());
            tile.extend((width as i32).to_be_bytes());
            tile.extend(rest);
            let _ = hcompress::decode(&tile, width, height, mode & 8 != 0, &mut vec![0i32; pixels]);
        }
        4 => {
            let values = numbers(rest);
            let mut out = vec![0i32; values.len()];
            let block = usize::from(a) + 1;
            let coded = rice::encode(&values, block).expect("a block of 1 to 256 is fine");
            rice::decode(&coded, block, &mut out).expect("own bytes decode");
            assert_eq!(out, values);
        }
        5 => {
            let values = numbers(rest);
            if let Ok(coded) = hcompress::encode(&values, width, values.len() / width, 0) {
                let mut out = vec![0i32; values.len()];
                hcompress::decode(&coded, width, values.len() / width, false, &mut out).expect("own bytes decode");
                assert_eq!(out, values);
            }
        }
        6 => {
            let values: Vec<i32> = numbers(rest).into_iter().map(|v| v & plio::MAX_VALUE).collect();
            let coded = plio::encode(&values).expect("24 bits fit");
            let mut out = vec![0i32; values.len()];
            if !values.is_empty() {
                plio::decode(&coded, &mut out).expect("own words decode");
            }
            assert_eq!(out, values);
        }
        _ => table(rest),
    }
});

/// A header and the data of a table, of which one corner is read.
fn table(bytes: &[u8]) {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]);
    let (cards, _) = text.split_once("\nEND").unwrap_or((&text, ""));
    let Ok(mut header) = Header::from_text(cards) else { return };
    header.set("ZIMAGE", true, "");
    let Ok(image) = TiledImage::new(&header, bytes.get(cards.len()..).unwrap_or(&[])) else { return };
    // Larger tiles are decoded like these, only longer.
    if image.grid().tile().iter().product::<usize>() > 1 << 16 {
        return;
    }
    let (width, height) = (image.axes()[0].min(9), image.axes().get(1).map_or(1, |&n| n.min(9)));
    let rect = Rect { x: 0, y: 0, width, height };
    let _ = image.read_f32(0, rect, &mut vec![0.0; rect.area()]);
    let _ = image.read_i64(0, rect, &mut vec![0; rect.area()]);
}

fn words(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])).collect()
}

fn numbers(bytes: &[u8]) -> Vec<i32> {
    bytes.chunks_exact(4).map(|b| i32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect()
}
