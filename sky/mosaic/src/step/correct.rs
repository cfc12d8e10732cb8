//! Step 5: a projected image less its correction, as a file.

use super::identity::{Identity, KEY, image_stands};
use super::image::{OnGrid, area_path, values, variance_path};
use super::project::{Done, Existing, reserve_pedestal, set_pedestal};
use crate::background::polynomial::{LENGTH_PX, Polynomial};
use crate::coadd::block::subtract_row;
use crate::error::MosaicError;
use pogson_image::fits::output::Output;
use pogson_image::fits::{Bitpix, FitsError, FitsWriter, Header, Options};
use std::io::Write;
use std::path::Path;

/// Writes `image` less `correction` as `out`, and copies of the image's area and variance images beside it.
///
/// - `correction`: in pixels of the grid; `None` for an image that needs none.
///
/// # Errors
/// Those of reading and writing.
pub fn correct(
    image: &OnGrid,
    correction: Option<&Polynomial>,
    out: &Path,
    existing: Existing,
) -> Result<Done, MosaicError> {
    let from = &image.source.path;
    let companions: Vec<_> = [area_path, variance_path]
        .iter()
        .map(|beside| (beside(from), beside(out)))
        .filter(|(from, _)| from.exists())
        .collect();
    let mut id = Identity::of_step("correct");
    id.file(from)?;
    for (from, _) in &companions {
        id.file(from)?;
    }
    if let Some(poly) = correction {
        id.text(&format!("{} {}", poly.centre.0 - image.window.x as f64, poly.centre.1 - image.window.y as f64));
        for c in &poly.coefficients {
            id.bytes(&c.to_bits().to_le_bytes());
        }
    }
    let key = id.key();
    if existing.resume && image_stands(out, &key) && companions.iter().all(|(_, to)| to.exists()) {
        return Ok(Done::Kept);
    }
    let options = Options { overwrite: existing.replace(), checksum: true };
    let (mut values, pedestal) = values(&image.source)?;
    let header = header(image.header(), correction, &key);
    let width = image.source.width;
    let mut writer = FitsWriter::create(out, options)?;
    // Copies come first: the image is there only with its companions.
    for (from, to) in &companions {
        copy(from, to, options.overwrite)?;
    }
    writer.add_image(&header, &[width, image.source.height], Bitpix::F32)?;
    if let Some(poly) = correction {
        let t0 = (image.window.x as f64 - poly.centre.0) / LENGTH_PX;
        for (j, row) in values.chunks_exact_mut(width).enumerate() {
            let y = (image.window.y + j as i64) as f64;
            subtract_row(&poly.along_row(y), t0, row);
        }
    }
    writer.write_rows_f32(0, 0, 0, &values)?;
    if let Some(header) = writer.header_mut(0) {
        set_pedestal(header, pedestal);
    }
    writer.finish()?;
    Ok(Done::Written)
}

fn header(from: &Header, correction: Option<&Polynomial>, key: &str) -> Header {
    let mut header = from.clone();
    header.retain(|card| !matches!(card.key(), "BSCALE" | "BZERO" | "DATE"));
    header.set(KEY, key, "made of: see docs, step");
    header.push_history(&format!("pogson {} step correct", env!("CARGO_PKG_VERSION")));
    match correction {
        Some(poly) => header.push_history(&format!("background subtracted, a polynomial of degree {}", poly.degree)),
        None => header.push_history("no background correction is known for this image"),
    }
    reserve_pedestal(&mut header);
    header
}

/// Copies a file under a temporary name, brings it to the disk and renames it.
fn copy(from: &Path, to: &Path, overwrite: bool) -> Result<(), MosaicError> {
    let io = |action| move |source| FitsError::Io { path: to.to_path_buf(), action, source };
    let bytes = std::fs::read(from).map_err(|source| FitsError::Io {
        path: from.to_path_buf(),
        action: "read the file",
        source,
    })?;
    let output = Output::create(to, overwrite)?;
    output.reserve(bytes.len() as u64)?;
    (&mut output.file()).write_all(&bytes).map_err(io("write the file"))?;
    Ok(output.finish()?)
}
