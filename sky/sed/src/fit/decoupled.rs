//! Pixels without any band that holds dust's light: chi2 hangs on the stellar model alone.
//!
//! Each stellar model then has one scale and one probability, which all dust models in its window share: sums over columns
//! are differences of running sums over f_mu, and only the dust's mass takes a loop over pairs, with a constant to add.

use crate::fit::grid::Bins;
use crate::fit::models::Models;
use crate::fit::sweep::{Best, Outcome, pair};
use crate::fit::tally::{Offset, Offsets, Tally};
use crate::fit::weigh::{Datum, Weighed};
use crate::parameter::Parameter;

/// The fine bins of log10 of mass per luminosity, in order of f_mu.
struct Masses {
    bin: Vec<i32>,
    part: Vec<f32>,
}

impl Masses {
    fn new(models: &Models) -> Masses {
        let columns = &models.columns;
        let mut masses = Masses { bin: vec![0; columns.count], part: vec![0.0; columns.count] };
        for (place, &rank) in columns.rank.iter().enumerate() {
            if let (Some(bin), Some(part)) = (masses.bin.get_mut(rank as usize), masses.part.get_mut(rank as usize)) {
                *bin = columns.mass_bin[place];
                *part = columns.mass_part[place];
            }
        }
        masses
    }
}

pub(crate) fn sweep(models: &Models, data: &[Datum], weighed: &Weighed, neglect: f64) -> Outcome {
    let (rows, axes) = (&models.rows, &models.axes);
    let fine = |parameter| &axes.of(parameter).fine;
    let dust_bins = fine(Parameter::DustMass);
    let mut tally = Tally::new(
        fine(Parameter::StellarMass),
        fine(Parameter::DustLuminosity),
        fine(Parameter::Sfr),
        dust_bins,
        rows.model.len(),
        models.columns.model.len(),
    );
    let (count, best) = (models.columns.count, best(models, data, weighed));
    // Likelihood of each row; the sums over bands are in double precision.
    let left: Vec<f64> = (0..rows.model.len()).map(|row| weighed.total * left_of(weighed, row)).collect();
    let limit = best.chi2 + 2.0 * libm::log(models.pairs.max(1) as f64 / neglect);
    let masses = Masses::new(models);
    let mut steps = vec![0.0f64; count + 1];
    let mut counts = vec![0u32; dust_bins.len()];
    let mut worked = 0;
    for (row, &chi2) in left.iter().enumerate() {
        let (low, high) = rows.window[row];
        if chi2 > limit || low >= high {
            continue;
        }
        let p = libm::exp(-0.5 * (chi2 - best.chi2));
        let pairs = f64::from(high - low);
        tally.rows[row] = p * pairs;
        tally.total += p * pairs;
        tally.chi2 += p * pairs * (chi2 - best.chi2);
        steps[low as usize] += p;
        steps[high as usize] -= p;
        let (a, c) = (weighed.a[row], weighed.c[row]);
        let scale = if a > 0.0 && c > 0.0 { a / c } else { f64::MIN_POSITIVE };
        let log = libm::log10(scale * weighed.mass_unit);
        let offset = |parameter, log| Offset::new(fine(parameter), log);
        let offsets = Offsets {
            mass: offset(Parameter::StellarMass, log),
            luminosity: offset(Parameter::DustLuminosity, log + rows.log_luminosity[row]),
            sfr: offset(Parameter::Sfr, log + rows.log_ssfr[row]),
            dust: offset(Parameter::DustMass, log + rows.log_luminosity[row]),
        };
        tally.add_scale(&offsets, 0.0, p * pairs);
        add_masses(&mut tally.dust_mass, &mut counts, dust_bins, offsets.dust, &masses, low as usize..high as usize, p);
        worked += u64::from(high - low);
    }
    spread(&mut tally.columns, &steps, &models.columns.rank);
    Outcome { tally, best, reference: best.chi2, signal: weighed.total, worked, tested: models.pairs }
}

/// What the row's best scale leaves, in units of the total.
fn left_of(weighed: &Weighed, row: usize) -> f64 {
    let (a, c) = (weighed.a[row], weighed.c[row]);
    if a > 0.0 && c > 0.0 { (1.0 - a * a / c).max(0.0) } else { 1.0 }
}

/// The row that leaves least, with the first of its columns in the library's order.
fn best(models: &Models, data: &[Datum], weighed: &Weighed) -> Best {
    let rows = &models.rows;
    let mut best = Best { row: 0, column: 0, chi2: f64::INFINITY, scale: 0.0 };
    let mut least = f64::INFINITY;
    for row in 0..rows.model.len() {
        let (low, high) = rows.window[row];
        let left = left_of(weighed, row);
        if low >= high || left > least + 1e-9 {
            continue;
        }
        let first = (0..models.columns.model.len())
            .filter(|&column| (low as i32..high as i32).contains(&models.columns.rank[column]))
            .min_by_key(|&column| models.columns.model[column]);
        let Some(column) = first else { continue };
        let (chi2, scale) = pair(models, data, row, column);
        let earlier = rows.model[row] < rows.model[best.row];
        if chi2 < best.chi2 || (chi2 == best.chi2 && earlier) {
            best = Best { row, column, chi2, scale };
            least = left;
        }
    }
    best
}

/// Adds `p` to the bin of each dust model of `ranks`.
fn add_masses(
    bins: &mut [f64],
    counts: &mut [u32],
    axis: &Bins,
    offset: Offset,
    masses: &Masses,
    ranks: std::ops::Range<usize>,
    p: f64,
) {
    let last = axis.len() as i32 - 1;
    let (mut low, mut high) = (last, 0);
    for (&bin, &part) in masses.bin[ranks.clone()].iter().zip(&masses.part[ranks]) {
        let bin = (offset.bin + bin + i32::from(part + offset.part >= 1.0)).clamp(0, last);
        low = low.min(bin);
        high = high.max(bin);
        counts[bin as usize] += 1;
    }
    for bin in low..=high {
        let count = std::mem::take(&mut counts[bin as usize]);
        bins[bin as usize] += p * f64::from(count);
    }
}

/// Hands each column the running sum at its rank.
fn spread(columns: &mut [f64], steps: &[f64], rank: &[i32]) {
    let mut running = 0.0;
    let sums: Vec<f64> = steps
        .iter()
        .map(|step| {
            running += step;
            running
        })
        .collect();
    for (column, &rank) in columns.iter_mut().zip(rank) {
        if let Some(&sum) = sums.get(rank as usize) {
            *column = sum;
        }
    }
}
