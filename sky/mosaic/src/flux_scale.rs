//! One photometric zero point for all tiles.
//!
//! A tile with zero point `z` (magnitudes for one unit per second or per exposure, as the survey has it) is multiplied by
//! `10^(0.4 (z0 - z))`, `z0` the zero point that the mosaic gets.

use crate::error::MosaicError;
use crate::pipeline::Settings;
use crate::place::Target;
use crate::source::Source;
use crate::work::Watch;
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
    /// The stars that overlaps share; of the tile of this name the factor is 1, or of all the mean.
    Fit(Option<String>),
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
    /// How a fit went.
    pub fit: Option<FitReport>,
    /// Standard error of each source's factor, as a part of it; empty where none is known.
    #[serde(skip)]
    pub errors: Vec<f64>,
}

/// How a fit of scales to overlaps went.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FitReport {
    /// Overlaps with a ratio.
    pub overlaps: usize,
    /// Overlaps with too few stars for one.
    pub without_stars: usize,
    /// Stars and knots in all ratios.
    pub objects: usize,
    /// Squared residuals of the ratios over their errors.
    pub chi2: f64,
    /// Degrees of freedom.
    pub freedom: usize,
    /// Scatter of stars between tiles beyond noise, as a part of their flux.
    pub excess: f64,
    /// The tile whose factor is 1, if one was named.
    pub reference: Option<String>,
    /// Groups of tiles that ratios tie together; each is normalised by itself.
    pub groups: usize,
    /// Tiles that no ratio ties to another; their factor is 1.
    pub loose: Vec<std::path::PathBuf>,
    /// Largest standard error of a factor.
    pub largest_error: f64,
    /// Scatter of the tiles' zero points after scaling, magnitudes, where their headers hold them.
    pub zero_point_rms: Option<f64>,
    /// The ratios.
    pub ratios: Vec<crate::flux_fit::Overlap>,
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

/// Fits each source's factor to what overlaps show, and sets it.
///
/// - `reference`: name of the tile whose factor is 1; without one the factors of each group of tiles have the mean 1.
///
/// # Errors
/// [`MosaicError::NoReference`], and those of [`crate::flux_fit::fit`].
pub fn by_fit(
    sources: &mut [Source],
    target: &Target,
    settings: &Settings,
    reference: Option<&str>,
    watch: &dyn Watch,
) -> Result<Applied, MosaicError> {
    let named = |source: &Source, name: &str| {
        source.path == Path::new(name) || source.path.file_name().is_some_and(|n| n == name)
    };
    let name = reference.map(str::to_string);
    let reference = match reference {
        None => None,
        Some(name) => Some(
            sources
                .iter()
                .position(|s| named(s, name))
                .ok_or_else(|| MosaicError::NoReference { name: name.to_string(), tiles: sources.len() })?,
        ),
    };
    let fitted = crate::flux_fit::fit(sources, target, settings, reference, watch)?;
    set_factors(sources, &fitted.scales.factors);
    let zero_points = zero_points_scaled(sources);
    let report = FitReport {
        overlaps: fitted.overlaps.len(),
        without_stars: fitted.silent,
        objects: fitted.overlaps.iter().map(|o| o.ratio.objects).sum(),
        chi2: fitted.scales.chi2,
        freedom: fitted.scales.freedom,
        excess: fitted.excess,
        reference: name,
        groups: fitted.groups,
        loose: fitted.loose.iter().map(|&k| sources[k].path.clone()).collect(),
        largest_error: fitted.scales.errors.iter().copied().fold(0.0, f64::max),
        zero_point_rms: zero_points.as_deref().map(rms),
        ratios: fitted.overlaps,
    };
    let mut applied = applied(sources, "fit".into(), zero_points.as_deref().map(median));
    if report.overlaps == 0 {
        applied.remark = Some("no overlap shows enough stars to fit scales".into());
        applied.zero_point = None;
    }
    applied.errors = fitted.scales.errors;
    applied.fit = Some(report);
    Ok(applied)
}

/// Zero points after scaling, if all tiles have the same keyword for them.
fn zero_points_scaled(sources: &[Source]) -> Option<Vec<f64>> {
    let (key, _) = sources.first().and_then(|s| scale_keyword(&s.header)).filter(|(key, _)| *key != "FLXSCALE")?;
    sources
        .iter()
        .map(|s| s.header.f64(key).filter(|z| z.is_finite()).map(|z| z + 2.5 * libm::log10(s.scale)))
        .collect()
}

fn rms(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt()
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
    Applied { origin, zero_point, range, ..Applied::default() }
}

fn unscaled(remark: String) -> Applied {
    Applied { range: (1.0, 1.0), remark: Some(remark), ..Applied::default() }
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
