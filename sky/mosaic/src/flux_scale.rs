//! One photometric zero point for all tiles.
//!
//! A tile with zero point `z` (magnitudes for one unit per second or per exposure, as the survey has it) is multiplied by
//! `10^(0.4 (z0 - z))`, `z0` the zero point that the mosaic gets.

use crate::error::MosaicError;
use crate::source::Source;
use pogson_image::fits::Header;
use std::collections::HashMap;
use std::path::Path;

/// Where the tiles' relative flux scales come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum FluxScale {
    /// Zero points (or `FLXSCALE` factors) in the headers; nothing where a tile has none.
    #[default]
    Keyword,
    /// A table of file names and zero points, or factors.
    Table(std::path::PathBuf),
    /// Pixel values as they are.
    None,
}

/// Keywords that hold a zero point in magnitudes, the survey's own first.
const ZERO_POINTS: [&str; 8] = ["MAGZP", "MAGZPT", "PHOTZP", "ZEROPNT", "MAGZERO", "ZPT_0001", "PHOT_ZP", "ZP"];

/// What was done to bring the tiles together.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Applied {
    /// Keyword, or name of the table, that the scales come from; empty when nothing was done.
    pub origin: String,
    /// Zero point of the mosaic, magnitudes, where known.
    pub zero_point: Option<f64>,
    /// Smallest and largest factor.
    pub range: (f64, f64),
    /// Why nothing was done, or what is doubtful.
    pub remark: Option<String>,
}

/// Sets each source's factor from its header.
///
/// The mosaic's zero point is the median of the tiles'. Where a tile lacks the keyword, no tile is scaled.
pub fn by_keyword(sources: &mut [Source]) -> Applied {
    let found: Vec<Option<(&str, f64)>> = sources.iter().map(|s| scale_keyword(&s.header)).collect();
    let Some((key, _)) = found.first().copied().flatten() else {
        return unscaled(format!("no zero point in the headers ({} and FLXSCALE were sought)", ZERO_POINTS.join(", ")));
    };
    let key = key.to_string();
    let values: Vec<f64> = found.iter().flatten().filter(|(k, _)| *k == key).map(|(_, v)| *v).collect();
    if values.len() < sources.len() {
        let lacking = sources.len() - values.len();
        return unscaled(format!("{lacking} of {} tiles have no {key}; none was scaled", sources.len()));
    }
    if key == "FLXSCALE" {
        set_factors(sources, &values);
        return applied(sources, key, None);
    }
    let zero_point = median(&values);
    let factors: Vec<f64> = values.iter().map(|z| factor(zero_point, *z)).collect();
    set_factors(sources, &factors);
    applied(sources, key, Some(zero_point))
}

fn scale_keyword(header: &Header) -> Option<(&'static str, f64)> {
    ZERO_POINTS
        .iter()
        .find_map(|key| header.f64(key).filter(|v| v.is_finite() && *v != 0.0).map(|v| (*key, v)))
        .or_else(|| header.f64("FLXSCALE").filter(|v| v.is_finite() && *v > 0.0).map(|v| ("FLXSCALE", v)))
}

/// Sets each source's factor from a text table: a file name and a zero point in each line, or with a first line
/// `# name factor` a name and a factor. Lines that start with `#`, `|` or `\` are passed over.
///
/// # Errors
/// [`MosaicError::Table`] for a table that can't be read, a number that is none, or a tile that it lacks.
pub fn by_table(sources: &mut [Source], table: &Path) -> Result<Applied, MosaicError> {
    let problem = |reason: String| MosaicError::Table { path: table.to_path_buf(), reason };
    let text = std::fs::read_to_string(table).map_err(|e| problem(e.to_string()))?;
    let factors_given = text.lines().next().is_some_and(|l| l.starts_with('#') && l.contains("factor"));
    let mut by_name = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with(['#', '|', '\\']) {
            continue;
        }
        let mut words = line.split_whitespace();
        let (Some(name), Some(value)) = (words.next(), words.next()) else {
            return Err(problem(format!("line {}: a file name and a number are needed", number + 1)));
        };
        let value: f64 =
            value.parse().ok().filter(|v: &f64| v.is_finite() && (!factors_given || *v > 0.0)).ok_or_else(|| {
                problem(format!(
                    "line {}: '{value}' is no {}",
                    number + 1,
                    if factors_given { "factor" } else { "zero point" }
                ))
            })?;
        by_name.insert(name.to_string(), value);
    }
    let values = sources
        .iter()
        .map(|s| {
            let name = s.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            by_name.get(&name).copied().ok_or_else(|| problem(format!("{name} is not in the table")))
        })
        .collect::<Result<Vec<f64>, _>>()?;
    let origin = table.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if factors_given {
        set_factors(sources, &values);
        return Ok(applied(sources, origin, None));
    }
    let zero_point = median(&values);
    let factors: Vec<f64> = values.iter().map(|z| factor(zero_point, *z)).collect();
    set_factors(sources, &factors);
    Ok(applied(sources, origin, Some(zero_point)))
}

fn factor(zero_point: f64, tile: f64) -> f64 {
    libm::pow(10.0, 0.4 * (zero_point - tile))
}

fn set_factors(sources: &mut [Source], factors: &[f64]) {
    for (source, factor) in sources.iter_mut().zip(factors) {
        source.scale = *factor;
    }
}

/// The record of factors that are in force.
pub fn applied(sources: &[Source], origin: String, zero_point: Option<f64>) -> Applied {
    let range = sources.iter().fold((f64::INFINITY, 0.0f64), |(a, b), s| (a.min(s.scale), b.max(s.scale)));
    Applied { origin, zero_point, range, remark: None }
}

fn unscaled(remark: String) -> Applied {
    Applied { origin: String::new(), zero_point: None, range: (1.0, 1.0), remark: Some(remark) }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    match n {
        0 => 0.0,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_one_magnitude_deeper_is_scaled_down_by_pogsons_ratio() {
        // One magnitude is a ratio of 100^(1/5) (Pogson 1856).
        assert!((factor(20.0, 21.0) - 1.0 / 2.511_886_431_509_58).abs() < 1e-12);
    }

    #[test]
    fn the_surveys_keyword_is_found_before_a_general_one() {
        let mut header = Header::new();
        header.set("FLXSCALE", 2.0, "");
        assert_eq!(scale_keyword(&header), Some(("FLXSCALE", 2.0)));
        header.set("MAGZP", 19.9, "");
        assert_eq!(scale_keyword(&header), Some(("MAGZP", 19.9)));
    }
}
