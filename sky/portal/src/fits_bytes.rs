//! FITS images in memory.

use pogson_image::fits::Header;
use pogson_image::fits::header::BLOCK;
use pogson_image::wcs::Wcs;

use crate::set::DataSet;

/// Keywords of the mosaic that hold for any part of it.
const KEPT: [&str; 22] = [
    "BUNIT", "OBJECT", "TELESCOP", "INSTRUME", "DETECTOR", "FILTER", "BAND", "OBSERVER", "ORIGIN", "SURVEY",
    "DATE-OBS", "DATE-BEG", "DATE-END", "MJD-OBS", "MJD-BEG", "MJD-END", "EXPTIME", "GAIN", "MAGZP", "MAGZPT",
    "PHOTZP", "AIRMASS",
];

/// An image of floats as a file, with its place on the sky.
///
/// - `more`: integer keywords after those that describe the data.
pub(crate) fn image(
    set: &DataSet,
    wcs: &Wcs,
    more: &[(&str, i64, &str)],
    size: (usize, usize),
    pixels: &[f32],
) -> Vec<u8> {
    let mut header = described(size);
    for (key, value, comment) in more {
        header.set(key, *value, comment);
    }
    wcs.write_to(&mut header);
    for key in KEPT {
        if let Some(card) = set.header.card(key) {
            header.push(card.clone());
        }
    }
    header.push_history(&format!(
        "pogson {} portal: part of {} ({})",
        env!("CARGO_PKG_VERSION"),
        set.name,
        set.version
    ));
    written(&header, pixels)
}

/// An image of floats that has no one place on the sky.
pub(crate) fn plain(size: (usize, usize), pixels: &[f32]) -> Vec<u8> {
    written(&described(size), pixels)
}

fn described((width, height): (usize, usize)) -> Header {
    let mut header = Header::new();
    header.set("SIMPLE", true, "conforms to FITS");
    header.set("BITPIX", -32_i64, "");
    header.set("NAXIS", 2_i64, "");
    header.set("NAXIS1", width as i64, "");
    header.set("NAXIS2", height as i64, "");
    header
}

fn written(header: &Header, pixels: &[f32]) -> Vec<u8> {
    let mut out = header.to_bytes();
    let data = (pixels.len() * 4).next_multiple_of(BLOCK);
    out.reserve_exact(data);
    let end = out.len() + data;
    out.extend(pixels.iter().flat_map(|pixel| pixel.to_be_bytes()));
    out.resize(end, 0);
    out
}
