//! All compatible pairs of a library against one pixel.

use crate::fit::bound::{Leaves, RowBound, least_over_slices};
use crate::fit::decoupled;
use crate::fit::kernel::{Candidates, MOST_MIXED, Row, sweep_row};
use crate::fit::likelihood::Likelihood;
use crate::fit::models::{Convention, LEAF, Models, SLICE};
use crate::fit::tally::{Offset, Offsets, Tally};
use crate::fit::weigh::{Datum, Weighed};
use crate::parameter::Parameter;

/// Above this total chi2 of no model at all, single precision would cancel.
const WIDE_ABOVE: f64 = 300.0;
/// Rows that are looked at first, for a reference chi2.
const SCOUTS: usize = 256;

/// The best pair so far, in double precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Best {
    pub row: usize,
    pub column: usize,
    pub chi2: f64,
    /// Solar masses.
    pub scale: f64,
}

/// What the sweep over a pixel gathered.
pub(crate) struct Outcome {
    pub tally: Tally,
    pub best: Best,
    /// The chi2 at which probabilities are 1.
    pub reference: f64,
    /// `sum w o^2`.
    pub signal: f64,
    /// Pairs that were worked out in full.
    pub worked: u64,
    /// Pairs that were tested.
    pub tested: u64,
}

/// The chi2 of one pair and its scale in solar masses, summed band by band in double precision.
pub(crate) fn pair(models: &Models, data: &[Datum], row: usize, column: usize) -> (f64, f64) {
    let luminosity = models.rows.luminosity[row];
    let model =
        |datum: &Datum| luminosity * models.columns.flux[datum.band][column] + models.rows.flux[datum.band][row];
    let (mut num, mut den) = (0.0, 0.0);
    for datum in data {
        let model = model(datum);
        num += model * datum.light * datum.weight;
        den += model * model * datum.weight;
    }
    let scale = if num > 0.0 { num / den } else { 0.0 };
    let chi2 = data
        .iter()
        .map(|datum| {
            let off = datum.light - scale * model(datum);
            off * off * datum.weight
        })
        .sum();
    (chi2, scale)
}

struct Sweep<'a> {
    models: &'a Models,
    data: &'a [Datum],
    weighed: Weighed,
    leaves: Leaves,
    slices: Leaves,
    best: Best,
    bounds: Vec<f32>,
    worked: u64,
    tested: u64,
}

/// Sweeps all pairs of `models` that may matter to `data`.
///
/// Pairs are left out only while what they could add at most stays below `neglect` of what was summed.
pub(crate) fn sweep(models: &Models, data: &[Datum], neglect: f64) -> Outcome {
    let weighed = Weighed::new(models, data);
    if !weighed.any_dust {
        return decoupled::sweep(models, data, &weighed, neglect);
    }
    let leaves = Leaves::new(&weighed, LEAF, models.columns.count);
    let slices = Leaves::new(&weighed, SLICE, models.columns.count);
    let bounds = vec![0.0; leaves.left.len()];
    let best = Best { row: 0, column: 0, chi2: f64::INFINITY, scale: 0.0 };
    let mut sweep = Sweep { models, data, weighed, leaves, slices, best, bounds, worked: 0, tested: 0 };
    sweep.run(neglect)
}

impl Sweep<'_> {
    fn run(&mut self, neglect: f64) -> Outcome {
        let axes = &self.models.axes;
        let fine = |parameter| &axes.of(parameter).fine;
        let mut tally = Tally::new(
            fine(Parameter::StellarMass),
            fine(Parameter::DustLuminosity),
            fine(Parameter::Sfr),
            fine(Parameter::DustMass),
            self.models.rows.model.len(),
            self.models.columns.model.len(),
        );
        self.scout(&mut tally);
        let reference = self.best.chi2;
        let mut reference_now = reference;
        // What each pair may add at most without being missed.
        let per_pair = neglect / (Likelihood::EXCESS * self.models.pairs.max(1) as f64);
        let threshold = |total: f64, reference: f64| reference - 2.0 * libm::log(per_pair * total.max(1e-300));
        let mut order = self.order((threshold(1.0, reference) / self.weighed.total) as f32);
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (least, row) in order {
            let limit = threshold(tally.total, reference_now) / self.weighed.total;
            if f64::from(least) > limit + 1e-6 {
                break;
            }
            self.row(row as usize, limit, reference_now, &mut tally, false);
            if self.best.chi2 < reference_now - 40.0 {
                let likelihood = Likelihood::new(self.models.convention, self.weighed.total, self.best.chi2);
                tally.rescale(likelihood.of(reference_now - self.best.chi2));
                reference_now = self.best.chi2;
            }
        }
        tally.finish();
        Outcome {
            tally,
            best: self.best,
            reference: reference_now,
            signal: self.weighed.total,
            worked: self.worked,
            tested: self.tested,
        }
    }

    /// Rows with the least bound, or evenly spread ones where none is known, for the best chi2 to begin with.
    fn scout(&mut self, tally: &mut Tally) {
        let rows = self.models.rows.model.len();
        let mut order: Vec<(f32, u32)> = if self.weighed.star_bands {
            self.order(f32::INFINITY)
        } else {
            let paired = |row: &usize| self.models.rows.window[*row].0 < self.models.rows.window[*row].1;
            let rows: Vec<usize> = (0..rows).filter(paired).collect();
            rows.iter().step_by(rows.len().div_ceil(SCOUTS).max(1)).map(|&row| (0.0, row as u32)).collect()
        };
        if order.len() > SCOUTS {
            order.select_nth_unstable_by(SCOUTS, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            order.truncate(SCOUTS);
        }
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (_, row) in order {
            let limit = if self.best.chi2.is_finite() { self.best.chi2 / self.weighed.total } else { 2.0 };
            self.row(row as usize, limit, 0.0, tally, true);
        }
    }

    /// Rows whose bound is not above `limit`, with it.
    fn order(&self, limit: f32) -> Vec<(f32, u32)> {
        let least_dust = self.slices.left.iter().copied().fold(f32::INFINITY, f32::min);
        let mut order = Vec::new();
        for (row, &(low, high)) in self.models.rows.window.iter().enumerate() {
            if low >= high || self.weighed.left_by_stars[row] + least_dust > limit {
                continue;
            }
            let bound = RowBound::new(&self.weighed, row);
            let least = least_over_slices(bound, &self.slices, low as usize / SLICE, (high as usize - 1) / SLICE);
            if least <= limit {
                order.push((least, row as u32));
            }
        }
        order
    }

    /// Sweeps one row; `limit` is in units of the total.
    fn row(&mut self, row: usize, limit: f64, reference: f64, tally: &mut Tally, scout: bool) {
        let (models, weighed) = (self.models, &self.weighed);
        let rows = &models.rows;
        let window = rows.window[row];
        if window.0 >= window.1 {
            return;
        }
        let first_leaf = (window.0 as usize / SLICE) * (SLICE / LEAF);
        let last_leaf = (((window.1 as usize - 1) / SLICE + 1) * (SLICE / LEAF)).min(self.leaves.left.len());
        let mut mixed = [0.0; MOST_MIXED];
        for (slot, band) in mixed.iter_mut().zip(&weighed.mixed) {
            *slot = band.factor * rows.flux[band.band][row];
        }
        // A scale near the row's: that of the bands with its light, else the one that gives the best pair's dust luminosity.
        let (a, c) = (weighed.a[row], weighed.c[row]);
        let scale = match (a > 0.0 && c > 0.0, self.best.scale > 0.0) {
            (true, _) => a / c,
            (false, true) => {
                self.best.scale * rows.luminosity[self.best.row] / (rows.luminosity[row] * weighed.mass_unit)
            }
            (false, false) => 1.0,
        };
        let log = libm::log10(scale * weighed.mass_unit);
        let axes = &models.axes;
        let offset = |parameter, log| Offset::new(&axes.of(parameter).fine, log);
        let offsets = Offsets {
            mass: offset(Parameter::StellarMass, log),
            luminosity: offset(Parameter::DustLuminosity, log + rows.log_luminosity[row]),
            sfr: offset(Parameter::Sfr, log + rows.log_ssfr[row]),
            dust: offset(Parameter::DustMass, log + rows.log_luminosity[row]),
        };
        let wide = weighed.total > WIDE_ABOVE;
        let job = Row {
            weighed,
            columns: &models.columns,
            leaves: &self.leaves,
            bound: RowBound::new(weighed, row),
            a,
            c,
            luminosity: weighed.luminosity[row],
            mixed,
            window,
            first_leaf,
            leaf_count: last_leaf - first_leaf,
            threshold: limit as f32,
            reference,
            scale,
            offsets,
            likelihood: Likelihood::new(models.convention, weighed.total, reference),
            last_dust_bin: axes.of(Parameter::DustMass).fine.len() as i32 - 1,
            wide,
            scout,
            means: models.convention == Convention::Mended,
        };
        let margin = if wide { 1e-4 } else { 1e-4 + 1e-6 * weighed.total };
        let below = if self.best.chi2.is_finite() { self.best.chi2 - reference + margin } else { f64::MAX };
        let mut candidates = Candidates { below: below as f32, columns: Vec::new() };
        let found = sweep_row(&job, tally, &mut candidates, &mut self.bounds);
        self.worked += found.worked;
        self.tested += found.tested;
        if !scout {
            tally.flush(&offsets);
            tally.rows[row] += found.total;
            tally.total += found.total;
            tally.chi2 += found.chi2;
            tally.row_logs[row] += found.log + log * found.total;
        }
        for column in candidates.columns {
            self.consider(row, column as usize);
        }
    }

    /// Takes a pair as the best if it is: the least chi2, then the first in the library's order.
    fn consider(&mut self, row: usize, column: usize) {
        let (chi2, scale) = pair(self.models, self.data, row, column);
        let place = |row: usize, column: usize| (self.models.rows.model[row], self.models.columns.model[column]);
        let better = chi2 < self.best.chi2
            || (chi2 == self.best.chi2 && place(row, column) < place(self.best.row, self.best.column));
        if better {
            self.best = Best { row, column, chi2, scale };
        }
    }
}
