//! Maps as FITS images.

use std::path::Path;

use pogson_image::fits::{Bitpix, FitsError, FitsWriter, Header, Options, Rect};

use super::plane::{Level, Quality, frame_of, parameter_plane, quality_plane};
use crate::result::ResultFile;

/// Extensions beside the median: name, plane, what it is.
const OTHERS: [(&str, usize, &str); 6] = [
    ("P2_5", 0, "2.5th percentile"),
    ("P16", 1, "16th percentile"),
    ("P84", 3, "84th percentile"),
    ("P97_5", 4, "97.5th percentile"),
    ("PEAK", 5, "most probable bin"),
    ("BEST", 6, "best pair of models"),
];

/// Writes a parameter's maps: the median in the primary image, percentiles, peak and best fit in extensions, each with
/// the cube's coordinates. Values are log10 where BUNIT says `log(...)`.
///
/// - `k`: place in the facts' list of parameters.
///
/// # Errors
/// What writing says.
pub fn write_parameter(
    path: &Path,
    result: &ResultFile,
    level: Level,
    k: usize,
    overwrite: bool,
) -> Result<(), FitsError> {
    let Some(parameter) = result.facts.parameters.get(k).copied() else { return Ok(()) };
    let unit = match (parameter.is_logarithmic(), parameter.unit()) {
        (true, unit) => format!("log({unit})"),
        (false, unit) => unit.to_owned(),
    };
    let mut writer = FitsWriter::create(path, Options { overwrite, checksum: true })?;
    for (name, image, what) in std::iter::once(("MEDIAN", 2, "median")).chain(OTHERS) {
        let mut header = common(result, level);
        header.set("EXTNAME", name, what);
        header.set("PARAM", parameter.name(), "parameter");
        if !unit.is_empty() {
            header.set("BUNIT", unit.as_str(), "unit of pixels");
        }
        add(&mut writer, &header, result, &parameter_plane(result, level, k, image))?;
    }
    writer.finish()
}

/// Writes the maps of [`Quality`], each an image of its own.
///
/// # Errors
/// What writing says.
pub fn write_quality(path: &Path, result: &ResultFile, level: Level, overwrite: bool) -> Result<(), FitsError> {
    let mut writer = FitsWriter::create(path, Options { overwrite, checksum: true })?;
    for (quality, name, what) in Quality::ALL.into_iter().filter(|(quality, ..)| quality.is_in(result, level)) {
        let mut header = common(result, level);
        header.set("EXTNAME", name, what);
        add(&mut writer, &header, result, &quality_plane(result, level, quality))?;
    }
    writer.finish()
}

/// The cube's coordinates and what the fit was made of.
fn common(result: &ResultFile, level: Level) -> Header {
    let facts = &result.facts;
    let mut header = facts.header.clone();
    let own = ["BUNIT", "EXTNAME", "EXTVER", "CHECKSUM", "DATASUM", "DATE", "BSCALE", "BZERO", "BLANK"];
    header.retain(|card| !own.contains(&card.key()));
    header.set("OBJECT", facts.galaxy.as_str(), "galaxy");
    header.set("REDSHIFT", facts.redshift, "redshift");
    header.set("LEVEL", if level == Level::Bins { "bins" } else { "pixels" }, "what was fitted");
    header.push_history(&format!("pogson {} maps", env!("CARGO_PKG_VERSION")));
    header.push_history(&format!("model library {}", facts.library));
    header.push_history(&format!("cube {}", facts.cube));
    header
}

fn add(writer: &mut FitsWriter, header: &Header, result: &ResultFile, map: &[f32]) -> Result<(), FitsError> {
    let (width, height) = frame_of(result);
    let hdu = writer.add_image(header, &[width, height], Bitpix::F32)?;
    writer.write_rect_f32(hdu, 0, Rect { x: 0, y: 0, width, height }, map)
}
