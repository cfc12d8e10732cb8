//! What a record is in the file's tables: rows, planes, and back.

use pogson_sed::observation::{Measurement, Observation};
use pogson_sed::parameter::Parameter;
use pogson_sed::posterior::{BestFit, Marginal, PixelFit};

use super::error::ResultError;
use super::layout::{RowReader, RowWriter};
use super::{Facts, PixelRecord};

/// Planes of a parameter in the file's order: best fit, median, peak, then the other percentiles. All are log10 of the
/// value where the parameter is logarithmic.
pub(super) fn planes(fit: &PixelFit, k: usize) -> [f32; 7] {
    let (Some(m), Some(best)) = (fit.marginals.get(k), fit.best.values.get(k)) else { return [f32::NAN; 7] };
    let best = if m.parameter.is_logarithmic() { libm::log10(*best) } else { *best };
    let [p2, p16, p50, p84, p97] = m.percentiles;
    [best, p50, m.peak, p2, p16, p84, p97].map(|v| v as f32)
}

/// A marginal and the best value from their planes; the histogram is empty.
pub(super) fn from_planes(parameter: Parameter, planes: [f32; 7], first: f64, step: f64) -> (Marginal, f64) {
    let [best, p50, peak, p2, p16, p84, p97] = planes.map(f64::from);
    let best = if parameter.is_logarithmic() { libm::pow(10.0, best) } else { best };
    let percentiles = [p2, p16, p50, p84, p97];
    (Marginal { parameter, percentiles, peak, first, step, histogram: Vec::new() }, best)
}

/// `pixel_details_` of a record with its number in the grid, from 1, and its area's.
pub(super) fn put_details(row: &mut [u8], (id, area): (i64, u32), fit: &PixelFit, galaxy_redshift: f64) {
    let best = &fit.best;
    // As the plane of best values has it.
    let f_mu = best.values.first().map_or(f64::NAN, |v| f64::from(*v as f32));
    RowWriter::new(row)
        .i64(id)
        .i64(i64::from(area))
        .i64(i64::from(best.stellar))
        .i64(i64::from(best.dust))
        .f64(best.chi2)
        .f64(fit.redshift)
        .i64(i64::from(best.stellar))
        .f64(best.stellar_mass)
        .f64(f_mu)
        .f64(fit.redshift - galaxy_redshift);
}

/// `pixel_posterior_` of a record.
pub(super) fn put_posterior(row: &mut [u8], fit: &PixelFit) {
    RowWriter::new(row)
        .f64(fit.ln_evidence)
        .f64(fit.effective_stellar)
        .f64(fit.effective_dust)
        .u32(fit.bands_used)
        .u32(fit.flags);
}

/// The fit without marginals, values and fluxes, from its two rows. None where the grid has nothing.
pub(super) fn from_rows(details: &[u8], posterior: &[u8]) -> Option<PixelFit> {
    let mut row = RowReader::new(details);
    let (id, _area) = (row.i64(), row.i64());
    if id <= 0 {
        return None;
    }
    let (stellar, dust) = (u32::try_from(row.i64()).ok()?, u32::try_from(row.i64()).ok()?);
    let (chi2, redshift, _i_opt, stellar_mass) = (row.f64(), row.f64(), row.i64(), row.f64());
    let best = BestFit { stellar, dust, chi2, stellar_mass, values: Vec::new(), model_jy: Vec::new() };
    let mut row = RowReader::new(posterior);
    Some(PixelFit {
        best,
        marginals: Vec::new(),
        ln_evidence: row.f64(),
        effective_stellar: row.f64(),
        effective_dust: row.f64(),
        bands_used: row.u32(),
        redshift,
        flags: row.u32(),
    })
}

/// `pixel_filters_` of one band.
pub(super) fn put_band(row: &mut [u8], measured: Option<&Measurement>, model_jy: Option<&f64>) {
    let (flux, sigma, kind) = match measured {
        Some(Measurement::Flux { flux_jy, sigma_jy }) => (*flux_jy, *sigma_jy, 1),
        Some(Measurement::UpperLimit { sigma_jy }) => (f64::NAN, *sigma_jy, 2),
        Some(Measurement::Absent) | None => (f64::NAN, f64::NAN, 0),
    };
    RowWriter::new(row).f64(flux).f64(sigma).f64(model_jy.copied().unwrap_or(f64::NAN)).i32(kind);
}

/// The measurement and the model's flux of one band.
pub(super) fn from_band(row: &[u8]) -> (Measurement, f64) {
    let mut row = RowReader::new(row);
    let (flux_jy, sigma_jy, model_jy, kind) = (row.f64(), row.f64(), row.f64(), row.i32());
    let measured = match kind {
        1 => Measurement::Flux { flux_jy, sigma_jy },
        2 => Measurement::UpperLimit { sigma_jy },
        _ => Measurement::Absent,
    };
    (measured, model_jy)
}

/// The number of a place in a grid, from 1.
pub(super) fn id_of(x: u32, y: u32, width: u32) -> i64 {
    i64::from(y) * i64::from(width) + i64::from(x) + 1
}

/// Observation of a record that is read back, named by its place as cubes name theirs.
pub(super) fn observation(facts: &Facts, (x, y): (u32, u32), bands: Vec<Measurement>) -> Observation {
    Observation { name: format!("{}_{}", x + 1, y + 1), redshift: facts.redshift, bands }
}

/// The record as a file gives it back: names by place, planes as 32-bit floats, kept bins.
pub(super) fn as_filed(facts: &Facts, record: &PixelRecord) -> PixelRecord {
    let mut filed = record.clone();
    filed.observation.name = observation(facts, (record.x, record.y), Vec::new()).name;
    filed.observation.redshift = facts.redshift;
    for (k, m) in record.fit.marginals.iter().enumerate() {
        let kept = m.trimmed();
        let (plain, best) = from_planes(m.parameter, planes(&record.fit, k), kept.first, kept.step);
        filed.fit.marginals[k] = Marginal { histogram: kept.histogram, ..plain };
        if let Some(value) = filed.fit.best.values.get_mut(k) {
            *value = best;
        }
    }
    filed
}

/// Whether a record fits the facts of the file and the grid that it is to stand in.
///
/// # Errors
/// [`ResultError::Record`].
pub(super) fn check(record: &PixelRecord, facts: &Facts, (width, height): (u32, u32)) -> Result<(), ResultError> {
    let fail = |problem: String| Err(ResultError::Record { x: record.x, y: record.y, problem });
    let fit = &record.fit;
    let (parameters, bands) = (facts.parameters.len(), facts.bands.len());
    if record.x >= width || record.y >= height {
        return fail(format!(
            "lies outside the grid of {width} x {height}; take the fit and the cube that belong together"
        ));
    }
    if !fit.marginals.iter().map(|m| m.parameter).eq(facts.parameters.iter().copied()) {
        return fail(format!(
            "has other parameters than the {parameters} of the file; fit all pixels with one library"
        ));
    }
    if fit.best.values.len() != parameters {
        return fail(format!("has {} best values for {parameters} parameters", fit.best.values.len()));
    }
    if record.observation.bands.len() != bands || fit.best.model_jy.len() != bands {
        let (observed, modelled) = (record.observation.bands.len(), fit.best.model_jy.len());
        return fail(format!("has {observed} measurements and {modelled} model fluxes for {bands} bands"));
    }
    if let Some(draws) = &record.draws {
        let n = draws.covariance.len();
        if draws.values.len() % parameters.max(1) != 0 || (n != 0 && n != parameters * parameters) {
            return fail(format!("has draws or covariances that are not of {parameters} parameters"));
        }
    }
    Ok(())
}
