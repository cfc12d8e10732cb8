//! All compatible pairs of a library against one pixel.

use crate::fit::bound::{Leaves, RowBound, least_over_slices};
use crate::fit::decoupled;
use crate::fit::kernel::{Aim, Found, MOST_MIXED, Priors, Row, Sums, TWO_LN_2, sweep_slice};
use crate::fit::likelihood::Likelihood;
use crate::fit::models::{Convention, LEAF, Models, SLICE};
use crate::fit::prior::{NEVER, OfScale};
use crate::fit::tally::{Dusts, Offset, Offsets, RowTally, Tally};
use crate::fit::weigh::{Datum, Weighed};
use crate::parameter::Parameter;

/// Above this total chi2 of no model at all, single precision would cancel.
const WIDE_ABOVE: f64 = 300.0;
/// A limit, in units of the total, that no pair is above.
const FARTHEST: f64 = 1e30;
/// Rows that are looked at first, for a reference chi2.
const SCOUTS: usize = 256;
/// Rows that go through the columns together, slice by slice, so that a slice is in the cache for all but the first.
const BATCH: usize = 8;

/// The best pair so far, in double precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Best {
    pub row: usize,
    pub column: usize,
    pub chi2: f64,
    /// Solar masses.
    pub scale: f64,
    /// What priors take, as `-log2` of the pair's weight.
    pub penalty: f64,
}

impl Best {
    /// No pair.
    pub(crate) const NONE: Best = Best { row: 0, column: 0, chi2: f64::INFINITY, scale: 0.0, penalty: 0.0 };

    /// What the best has least of: chi2, and what priors take in its units.
    pub(crate) fn score(&self) -> f64 {
        self.chi2 + f64::from(TWO_LN_2) * self.penalty
    }
}

/// Where probabilities are 1: the chi2 of a pair, and what priors take of it.
#[derive(Debug, Clone, Copy, Default)]
struct Reference {
    chi2: f64,
    penalty: f64,
}

impl Reference {
    fn of(best: &Best) -> Reference {
        // A best pair that priors forbid is none; its light still tells what chi2 to expect.
        let allowed = best.penalty < 0.5 * f64::from(NEVER);
        Reference { chi2: best.chi2, penalty: if allowed { best.penalty } else { 0.0 } }
    }

    fn score(self) -> f64 {
        self.chi2 + f64::from(TWO_LN_2) * self.penalty
    }
}

/// What the sweep over a pixel gathered.
pub(crate) struct Outcome {
    pub tally: Tally,
    pub best: Best,
    /// The chi2 at which probabilities are 1, where priors take `penalty`.
    pub reference: f64,
    /// See `reference`.
    pub penalty: f64,
    /// `sum w o^2`.
    pub signal: f64,
    /// Pairs that were worked out in full.
    pub worked: u64,
    /// Pairs that were tested.
    pub tested: u64,
}

impl Outcome {
    /// Logarithm of the likelihood and the prior's weight at which probabilities are 1.
    pub(crate) fn ln_reference(&self) -> f64 {
        -0.5 * self.reference - std::f64::consts::LN_2 * self.penalty
    }
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

/// Where a batch of rows is summed before it is handed on.
struct Hands {
    rows: [RowTally; BATCH],
    dusts: Dusts,
}

struct Sweep<'a> {
    models: &'a Models,
    data: &'a [Datum],
    weighed: Weighed,
    leaves: Leaves,
    slices: Leaves,
    best: Best,
    worked: u64,
    tested: u64,
}

/// Sweeps all pairs of `models` that may matter to `data`.
///
/// Pairs are left out only while what they could add at most stays below `neglect` of what was summed.
pub(crate) fn sweep(models: &Models, data: &[Datum], neglect: f64) -> Outcome {
    let weighed = Weighed::new(models, data);
    if !weighed.paired {
        return decoupled::sweep(models, data, &weighed, neglect);
    }
    let leaves = Leaves::new(&weighed, LEAF, models.columns.count);
    let slices = Leaves::new(&weighed, SLICE, models.columns.count);
    let mut sweep = Sweep { models, data, weighed, leaves, slices, best: Best::NONE, worked: 0, tested: 0 };
    sweep.run(neglect)
}

impl Sweep<'_> {
    fn run(&mut self, neglect: f64) -> Outcome {
        let mut tally = self.tally();
        let mut hands = Hands { rows: std::array::from_fn(|_| RowTally::new()), dusts: Dusts::new() };
        self.scout(&mut hands, &mut tally);
        let mut reference = Reference::of(&self.best);
        // What each pair may add at most without being missed.
        let per_pair = neglect / (Likelihood::EXCESS * self.models.pairs.max(1) as f64);
        let signal = self.weighed.total;
        let limit_of = |total: f64, reference: Reference| {
            (reference.score() - 2.0 * libm::log(per_pair * total.max(1e-300))) / signal
        };
        let mut ordered_to = limit_of(1.0, reference);
        let mut order = self.sorted(ordered_to as f32);
        let mut at = 0;
        loop {
            let limit = limit_of(tally.total, reference);
            // The first row alone tells how far others have to be looked at.
            let size = if tally.total == 0.0 { 1 } else { BATCH };
            let batch = &order[at..order.len().min(at + size)];
            if batch.first().is_some_and(|&(least, _)| f64::from(least) <= limit + 1e-6) {
                let rows: Vec<usize> = batch.iter().map(|&(_, row)| row as usize).collect();
                at += rows.len();
                self.rows(&rows, limit, reference, &mut hands, &mut tally);
                if self.best.score() < reference.score() - 40.0 {
                    // Single precision's range is about the reference: all begins again with a better one.
                    reference = Reference::of(&self.best);
                    tally = self.tally();
                    at = 0;
                }
            } else if ordered_to < limit {
                // Priors took so much from the best pair that more rows count than its chi2 alone tells. Those that are
                // done come first again, for their bounds are least.
                ordered_to = limit + 20.0 / signal;
                order = self.sorted(ordered_to as f32);
            } else {
                break;
            }
        }
        Outcome {
            tally,
            best: self.best,
            reference: reference.chi2,
            penalty: reference.penalty,
            signal: self.weighed.total,
            worked: self.worked,
            tested: self.tested,
        }
    }

    fn tally(&self) -> Tally {
        let fine = |parameter| &self.models.axes.of(parameter).fine;
        Tally::new(
            fine(Parameter::StellarMass),
            fine(Parameter::DustLuminosity),
            fine(Parameter::Sfr),
            fine(Parameter::DustMass),
            self.models.rows.model.len(),
            self.models.columns.model.len(),
        )
    }

    /// Rows with the least bound, or evenly spread ones where none is known, for the best chi2 to begin with.
    fn scout(&mut self, hands: &mut Hands, tally: &mut Tally) {
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
            let score = self.best.score();
            let limit = if score.is_finite() { score / self.weighed.total } else { FARTHEST };
            let row = row as usize;
            let job = self.job(row, limit, Reference::default());
            let found = self.run_through(&job, Aim::Least, hands, tally).0;
            self.candidates(row, limit, Reference::default(), found.least(), hands, tally);
        }
    }

    /// Rows whose bound, with what priors take of the row, is not above `limit`; with it.
    fn order(&self, limit: f32) -> Vec<(f32, u32)> {
        let least_dust = self.slices.left.iter().copied().fold(f32::INFINITY, f32::min);
        let mut order = Vec::new();
        for (row, &(low, high)) in self.models.rows.window.iter().enumerate() {
            let taken = (self.taken_of(row) / self.weighed.total) as f32;
            if low >= high || self.weighed.left_by_stars[row] + least_dust + taken > limit {
                continue;
            }
            let bound = RowBound::new(&self.weighed, row);
            let least =
                least_over_slices(bound, &self.slices, low as usize / SLICE, (high as usize - 1) / SLICE) + taken;
            if least <= limit {
                order.push((least, row as u32));
            }
        }
        order
    }

    /// The same, the least first.
    fn sorted(&self, limit: f32) -> Vec<(f32, u32)> {
        let mut order = self.order(limit);
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        order
    }

    /// One row alone over all its slices; the columns of [`Aim::Below`].
    fn run_through(&self, job: &Row, aim: Aim, hands: &mut Hands, tally: &mut Tally) -> (Found, Vec<u32>) {
        let (mut found, mut below) = (Found::nothing(), Vec::new());
        let [row, ..] = &mut hands.rows;
        let mut sums = Sums { row, columns: &mut tally.columns, dusts: &mut hands.dusts };
        for slice in slices_of(job.window) {
            sweep_slice(job, slice, aim, &mut sums, &mut below, &mut found);
        }
        (found, below)
    }

    /// Sums the pairs of up to [`BATCH`] rows; `limit` is in units of the total.
    fn rows(&mut self, rows: &[usize], limit: f64, reference: Reference, hands: &mut Hands, tally: &mut Tally) {
        let jobs: Vec<Row> = rows.iter().map(|&row| self.job(row, limit, reference)).collect();
        let mut found = [Found::nothing(); BATCH];
        let first = jobs.iter().map(|job| slices_of(job.window).start).min().unwrap_or(0);
        let last = jobs.iter().map(|job| slices_of(job.window).end).max().unwrap_or(0);
        for slice in first..last {
            let each = jobs.iter().zip(&mut hands.rows).zip(&mut found);
            for ((job, row), found) in each.filter(|((job, _), _)| slices_of(job.window).contains(&slice)) {
                let mut sums = Sums { row, columns: &mut tally.columns, dusts: &mut hands.dusts };
                sweep_slice(job, slice, Aim::Sums, &mut sums, &mut Vec::new(), found);
            }
        }
        for (((job, found), &row), sums) in jobs.iter().zip(&found).zip(rows).zip(&mut hands.rows) {
            let total = sums.flush(&job.offsets, tally);
            let sum = |lanes: &[f32; LEAF]| lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
            let log = libm::log10(job.scale * self.weighed.mass_unit);
            tally.rows[row] += total;
            tally.total += total;
            tally.chi2 += sum(&found.chi2);
            tally.row_logs[row] += sum(&found.log) + log * total;
        }
        hands.dusts.flush(tally);
        drop(jobs);
        for (found, &row) in found.iter().zip(rows) {
            self.worked += found.worked;
            self.tested += found.tested;
            self.candidates(row, limit, reference, found.least(), hands, tally);
        }
    }

    /// Looks in double precision at the pairs of a row that may be the best, where there are any.
    ///
    /// - `least`: the least score above that of `reference` that single precision found.
    fn candidates(
        &mut self,
        row: usize,
        limit: f64,
        reference: Reference,
        least: f32,
        hands: &mut Hands,
        tally: &mut Tally,
    ) {
        let margin = if self.weighed.total > WIDE_ABOVE { 1e-4 } else { 1e-4 + 1e-6 * self.weighed.total };
        let margin = margin + 1e-6 * f64::from(least).abs();
        let best = self.best.score() - reference.score();
        if f64::from(least) >= best + margin || least == f32::INFINITY {
            return;
        }
        let below = best.min(f64::from(least)) + margin;
        let columns = self.run_through(&self.job(row, limit, reference), Aim::Below(below as f32), hands, tally).1;
        for column in columns {
            self.consider(row, column as usize);
        }
    }

    /// What priors take of a row, in units of chi2.
    fn taken_of(&self, row: usize) -> f64 {
        f64::from(TWO_LN_2) * self.models.rows.penalty.get(row).map_or(0.0, |&p| f64::from(p))
    }

    /// What a row's sweep needs; `limit` of the score is in units of the total.
    fn job(&self, row: usize, limit: f64, reference: Reference) -> Row<'_> {
        let (models, weighed) = (self.models, &self.weighed);
        let rows = &models.rows;
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
        let taken = self.taken_of(row);
        let priors = models.has_priors().then(|| Priors {
            row: (taken / f64::from(TWO_LN_2) - reference.penalty) as f32,
            columns: &models.columns.penalty,
            scale: OfScale::new(&models.scaled, log, rows.log_luminosity[row], rows.log_ssfr[row]),
        });
        Row {
            weighed,
            columns: &models.columns,
            leaves: &self.leaves,
            bound: RowBound::new(weighed, row),
            a,
            c,
            luminosity: weighed.luminosity[row],
            mixed,
            window: rows.window[row],
            threshold: (limit - taken / weighed.total) as f32,
            reference: reference.chi2,
            scale,
            offsets: Offsets {
                mass: offset(Parameter::StellarMass, log),
                luminosity: offset(Parameter::DustLuminosity, log + rows.log_luminosity[row]),
                sfr: offset(Parameter::Sfr, log + rows.log_ssfr[row]),
                dust: offset(Parameter::DustMass, log + rows.log_luminosity[row]),
            },
            likelihood: Likelihood::new(models.convention, weighed.total, reference.chi2),
            priors,
            last_dust_bin: axes.of(Parameter::DustMass).fine.len() as i32 - 1,
            wide: weighed.total > WIDE_ABOVE,
            means: models.convention == Convention::Mended,
        }
    }

    /// Takes a pair as the best if it is: the least score, then the first in the library's order.
    fn consider(&mut self, row: usize, column: usize) {
        let (chi2, scale) = pair(self.models, self.data, row, column);
        let pair = Best { row, column, chi2, scale, penalty: self.models.penalty_of(row, column, scale) };
        let place = |best: &Best| (self.models.rows.model[best.row], self.models.columns.model[best.column]);
        let (score, least) = (pair.score(), self.best.score());
        if score < least || (score == least && place(&pair) < place(&self.best)) {
            self.best = pair;
        }
    }
}

/// The slices that a window of ranks reaches into.
fn slices_of(window: (u32, u32)) -> std::ops::Range<usize> {
    if window.0 >= window.1 { 0..0 } else { window.0 as usize / SLICE..(window.1 as usize - 1) / SLICE + 1 }
}
