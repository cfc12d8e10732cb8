//! Any bytes as a file: all HDUs are walked, images read by rectangles, tables cell by cell, sums compared.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_image::fits::{BinTable, FitsFile, Image, Rect};

/// Pixels and cells read of each HDU, so that an input takes no longer than others.
const ENOUGH: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = FitsFile::from_bytes("fuzz.fits", bytes.to_vec()) else { return };
    let _ = (file.warnings(), file.first_image(), file.named("SCI", Some(1)));
    for index in 0..file.hdus().len().min(50) {
        let _ = file.verify(index);
        if let Ok(image) = file.image(index) {
            read_image(&image);
        }
        if let Ok(table) = file.table(index) {
            read_table(&table);
        }
    }
});

fn read_image(image: &Image<'_>) {
    let (width, height, planes) = (image.width(), image.height(), image.planes());
    let mut left = ENOUGH;
    for plane in [0, planes / 2, planes.saturating_sub(1), planes] {
        for (x, y, w, h) in [(0, 0, width, height), (width / 2, height / 3, 5, 2), (0, height / 2, width, 1)] {
            let rect = Rect { x, y, width: w, height: h };
            if rect.area() > left {
                continue;
            }
            left -= rect.area();
            let mut single = vec![0.0f32; rect.area()];
            let mut double = vec![0.0f64; rect.area()];
            let mut whole = vec![0i64; rect.area()];
            let a = image.read_f32(plane, rect, &mut single);
            let b = image.read_f64(plane, rect, &mut double);
            assert_eq!(a.is_ok(), b.is_ok());
            let _ = image.read_i64(plane, rect, &mut whole);
        }
    }
}

fn read_table(table: &BinTable<'_>) {
    let mut left = ENOUGH;
    for row in 0..table.rows() {
        for column in 0..table.columns().len() {
            if left == 0 {
                return;
            }
            left -= 1;
            let _ = table.raw(row, column).map(|raw| left = left.saturating_sub(raw.len()));
            let _ = (table.f64s(row, column), table.i64s(row, column), table.text(row, column));
            let _ = (table.texts(row, column), table.logicals(row, column), table.bits(row, column));
            let _ = (table.complexes(row, column), table.count(row, column));
        }
    }
    for column in 0..table.columns().len().min(10) {
        let _ = (table.column_f64(column), table.column_text(column));
    }
}
