//! From a pixel's sums to what is said of it.

use crate::fit::few::effective;
use crate::fit::grid::{Axes, Axis, Bins};
use crate::fit::models::{Alone, Models};
use crate::fit::prior::Prior;
use crate::fit::refine::Refined;
use crate::fit::scale_width::Kernel;
use crate::fit::sweep::Outcome;
use crate::parameter::Parameter;
use crate::posterior::{BestFit, Marginal, PERCENTILES, PixelFit, flag};

/// How percentiles are read from fine bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The centre of the first bin whose running sum exceeds the share (MAGPHYS).
    Centre,
    /// The place within that bin where the running sum, taken as a line, reaches it.
    Line,
}

/// The sums over fine bins of every parameter, in order.
fn fine_sums(models: &Models, outcome: &Outcome, width: Option<f64>) -> Vec<(Parameter, Vec<f64>)> {
    let mut sums = plain_sums(models, outcome);
    if let Some(t) = width {
        for (parameter, bins) in sums.iter_mut().filter(|(parameter, _)| parameter.hangs_on_scale()) {
            *bins = Kernel::new(t, models.axes.of(*parameter).fine.step()).spread(bins);
        }
    }
    sums.sort_by_key(|(parameter, _)| *parameter);
    sums
}

/// The sums as they were gathered.
fn plain_sums(models: &Models, outcome: &Outcome) -> Vec<(Parameter, Vec<f64>)> {
    let tally = &outcome.tally;
    // Models without a share are passed over once for all parameters.
    let members = |probability: &[f64]| -> Vec<(u32, f64)> {
        let count = probability.iter().filter(|p| **p > 0.0).count();
        let mut members = Vec::with_capacity(count);
        members.extend(probability.iter().enumerate().filter(|(_, p)| **p > 0.0).map(|(model, &p)| (model as u32, p)));
        members
    };
    let alone = |of: &Alone, members: &[(u32, f64)]| {
        // MAGPHYS's clip of sSFR lets bins lie beyond the axis.
        let mut bins = vec![0.0; models.axes.of(of.parameter).fine.len().max(of.reach)];
        for &(model, p) in members {
            bins[usize::from(of.bin[model as usize])] += p;
        }
        (of.parameter, bins)
    };
    let (of_stars, of_dust) = (members(&tally.rows), members(&tally.columns));
    let rows = models.rows.alone.iter().map(|of| alone(of, &of_stars));
    let columns = models.columns.alone.iter().map(|of| alone(of, &of_dust));
    let scaled = [
        (Parameter::StellarMass, tally.mass.clone()),
        (Parameter::DustLuminosity, tally.luminosity.clone()),
        (Parameter::Sfr, tally.sfr.clone()),
        (Parameter::DustMass, tally.dust_mass.clone()),
    ];
    rows.chain(columns).chain(scaled).collect()
}

/// The marginal of one parameter from its sums over fine bins; `total` is what they are shares of.
fn marginal(parameter: Parameter, axis: &Axis, sums: &[f64], total: f64, reading: Reading) -> Marginal {
    let mut histogram = vec![0.0; axis.coarse.len()];
    for (&bin, &p) in axis.coarse_of.iter().zip(sums) {
        if let Some(slot) = histogram.get_mut(usize::from(bin)) {
            *slot += p / total;
        }
    }
    let peak = (0..histogram.len()).fold(0, |best, bin| if histogram[bin] > histogram[best] { bin } else { best });
    let mut percentiles = [0.0; 5];
    for (out, share) in percentiles.iter_mut().zip(PERCENTILES) {
        *out = percentile(axis, sums, share, total, reading);
    }
    let centres = axis.coarse.centres();
    Marginal { parameter, percentiles, peak: centres[peak], first: centres[0], step: axis.coarse.step(), histogram }
}

fn percentile(axis: &Axis, sums: &[f64], share: f64, total: f64, reading: Reading) -> f64 {
    let centres = axis.fine.centres();
    let last = centres[centres.len() - 1];
    let mut before = 0.0;
    for (&centre, &p) in centres.iter().zip(sums) {
        let p = p / total;
        if before + p > share {
            return match reading {
                Reading::Centre => centre,
                Reading::Line => centre + axis.fine.step() * ((share - before) / p - 0.5),
            };
        }
        before += p;
    }
    last
}

/// Leaves nothing in bins that lie outside a range, and the same sum as before in those inside.
fn hold(bins: &mut [f64], fine: &Bins, low: f64, high: f64) {
    let before: f64 = bins.iter().sum();
    // The bins of the ends themselves stay.
    let inside = fine.index(low)..=fine.index(high);
    let within: f64 = bins.iter().enumerate().filter(|(bin, _)| inside.contains(bin)).map(|(_, p)| p).sum();
    if within > 0.0 {
        for (bin, p) in bins.iter_mut().enumerate() {
            *p *= if inside.contains(&bin) { before / within } else { 0.0 };
        }
    }
}

/// What a summary needs besides the sums.
pub(crate) struct Facts {
    /// Bands that counted.
    pub bands_used: u32,
    /// Jy for each Lsun/Hz.
    pub jy_per_light: f64,
    /// Significance of the scale, where its width counts.
    pub width: Option<f64>,
    /// Factor of the likelihood that all pairs share, as a logarithm.
    pub ln_common: f64,
}

/// What a fit with one library, or several, gathered.
pub(crate) struct Gathered {
    /// Fine bins of every parameter, in order, as shares of `total`.
    pub sums: Vec<(Parameter, Vec<f64>)>,
    pub total: f64,
    pub best: BestFit,
    pub ln_evidence: f64,
    pub effective_stellar: f64,
    pub effective_dust: f64,
    pub bands_used: u32,
    pub redshift: f64,
}

/// The sums and the best pair of a pixel.
pub(crate) fn gather(
    models: &Models,
    outcome: &Outcome,
    facts: &Facts,
    refined: Option<&Refined>,
    priors: &[Prior],
) -> Gathered {
    let tally = &outcome.tally;
    let mut sums = match refined {
        Some(refined) => refined.sums(&models.axes, tally.total),
        None => fine_sums(models, outcome, facts.width),
    };
    // What spreads about pairs within a range may not leave it.
    for (parameter, (low, high)) in priors.iter().filter_map(|prior| Some((prior.parameter, prior.range()?))) {
        if let Some((_, bins)) = sums.iter_mut().find(|(of, _)| *of == parameter) {
            hold(bins, &models.axes.of(parameter).fine, low, high);
        }
    }
    Gathered {
        best: best_fit(models, outcome, facts.jy_per_light, &sums),
        sums,
        total: tally.total,
        ln_evidence: libm::log(tally.total / models.weight) + outcome.ln_reference() + facts.ln_common,
        effective_stellar: effective(&tally.rows),
        effective_dust: effective(&tally.columns),
        bands_used: facts.bands_used,
        redshift: models.redshift,
    }
}

/// What is said of the pixel.
pub(crate) fn read(axes: &Axes, gathered: Gathered, reading: Reading) -> PixelFit {
    let Gathered { sums, total, best, ln_evidence, effective_stellar, effective_dust, bands_used, redshift } = gathered;
    let marginals: Vec<Marginal> =
        sums.iter().map(|(parameter, sums)| marginal(*parameter, axes.of(*parameter), sums, total, reading)).collect();
    let mut flags = 0;
    if effective_stellar.min(effective_dust) < 100.0 {
        flags |= flag::FEW_MODELS;
    }
    if best.chi2 > improbable(bands_used.saturating_sub(1)) {
        flags |= flag::POOR_FIT;
    }
    let at_edge = |(parameter, sums): &(Parameter, Vec<f64>)| {
        let last = axes.of(*parameter).fine.len() - 1;
        parameter.hangs_on_scale() && (sums[0] > 0.16 * total || sums[last] > 0.16 * total)
    };
    if sums.iter().any(at_edge) {
        flags |= flag::AT_EDGE;
    }
    PixelFit { best, marginals, ln_evidence, effective_stellar, effective_dust, bands_used, redshift, flags }
}

/// The chi2 that pure noise of `freedom` degrees exceeds once in ten thousand times (Wilson & Hilferty 1931).
fn improbable(freedom: u32) -> f64 {
    let n = f64::from(freedom.max(1));
    let cube = 1.0 - 2.0 / (9.0 * n) + 3.719 * (2.0 / (9.0 * n)).sqrt();
    n * cube * cube * cube
}

fn best_fit(models: &Models, outcome: &Outcome, jy_per_light: f64, sums: &[(Parameter, Vec<f64>)]) -> BestFit {
    let (best, rows, columns) = (&outcome.best, &models.rows, &models.columns);
    let (row, column, mass) = (best.row, best.column, best.scale);
    let luminosity = rows.luminosity[row];
    let alone = |parameter: Parameter| {
        let of = |all: &[Alone], at: usize| all.iter().find(|of| of.parameter == parameter).map(|of| of.value[at]);
        let value = of(&rows.alone, row).or_else(|| of(&columns.alone, column)).unwrap_or(f64::NAN);
        if parameter.is_logarithmic() { libm::exp10(value) } else { value }
    };
    let values = sums
        .iter()
        .map(|(parameter, _)| match parameter {
            Parameter::StellarMass => mass,
            Parameter::DustLuminosity => mass * luminosity,
            Parameter::Sfr => mass * libm::exp10(rows.log_ssfr[row]),
            Parameter::DustMass => mass * luminosity * libm::exp10(columns.log_mass[column]),
            other => alone(*other),
        })
        .collect();
    let model_jy = (0..models.bands.len())
        .map(|band| {
            let light = rows.flux[band][row] + luminosity * columns.flux[band][column];
            mass * light * jy_per_light
        })
        .collect();
    BestFit {
        stellar: rows.number[row],
        dust: columns.model[column] + 1,
        chi2: best.chi2,
        stellar_mass: mass,
        values,
        model_jy,
    }
}
