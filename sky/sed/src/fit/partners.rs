//! The probabilities of one row's partners, from a pixel's weighed sums in double precision.

use crate::fit::kernel::MOST_MIXED;
use crate::fit::likelihood::Likelihood;
use crate::fit::models::{Models, SLICE};
use crate::fit::weigh::Weighed;

/// Probabilities below this share of the best pair's are taken as none.
const FAINT: f64 = 1e-10;

/// The compatible columns of a row, with the running sum of their probabilities.
#[derive(Default)]
pub(crate) struct Partners {
    columns: Vec<(u32, f64)>,
    /// What each column leaves, in units of the total.
    left: Vec<f64>,
    /// Where all columns are alike: the columns by rank, the row's window and the probability of each.
    by_rank: Vec<u32>,
    window: (u32, u32),
    p: f64,
}

impl Partners {
    /// Sums up a row.
    ///
    /// - `reference`: the chi2 where `likelihood` is 1, not in units of the total;
    /// - `penalty`: what priors take there.
    pub(crate) fn gather(
        &mut self,
        models: &Models,
        weighed: &Weighed,
        likelihood: Likelihood,
        (reference, penalty): (f64, f64),
        row: usize,
    ) {
        self.columns.clear();
        let (low, high) = models.rows.window[row];
        (self.window, self.p) = ((low, high), 0.0);
        if low >= high {
            return;
        }
        if !weighed.paired {
            let (left, scale) = weighed.alone(row);
            let above = weighed.total * left - reference;
            let taken = if models.has_priors() { models.penalty_of(row, 0, scale) - penalty } else { 0.0 };
            self.p = likelihood.of(above) * libm::exp2((-taken).min(1000.0));
            if self.by_rank.is_empty() {
                self.by_rank = columns_by_rank(models);
            }
            return;
        }
        let first = low as usize / SLICE * SLICE;
        let last = (((high as usize - 1) / SLICE + 1) * SLICE).min(models.columns.model.len());
        let mut mixed = [0.0; MOST_MIXED];
        for (slot, band) in mixed.iter_mut().zip(&weighed.mixed) {
            *slot = band.factor * models.rows.flux[band.band][row];
        }
        // Above this the likelihood is faint: it falls at least as exp(-chi2 / 4).
        let limit = (reference - 4.0 * libm::log(FAINT)) / weighed.total;
        self.left.resize(last - first, 0.0);
        self.left.fill(0.0);
        for (slot, band) in mixed.iter().zip(&weighed.mixed) {
            cross(&mut self.left, &band.columns_double[first..last], *slot);
        }
        let (b, e) = (&weighed.b[first..last], &weighed.e[first..last]);
        leave(&mut self.left, b, e, weighed.a[row], weighed.c[row], weighed.luminosity[row]);
        let mut sum = 0.0;
        for (k, &left) in self.left.iter().enumerate().filter(|(_, left)| **left <= limit) {
            if (low as i32..high as i32).contains(&models.columns.rank[first + k]) {
                let p = likelihood.of(weighed.total * left - reference);
                sum += if models.has_priors() {
                    let num = weighed.luminosity[row] * b[k] + weighed.a[row];
                    let scale = if num > 0.0 { (1.0 - left) / num * weighed.mass_unit } else { 0.0 };
                    p * libm::exp2((penalty - models.penalty_of(row, first + k, scale)).min(1000.0))
                } else {
                    p
                };
                self.columns.push(((first + k) as u32, sum));
            }
        }
    }

    /// Sum of the probabilities.
    pub(crate) fn total(&self) -> f64 {
        let alike = self.p * f64::from(self.window.1.saturating_sub(self.window.0));
        self.columns.last().map_or(alike, |last| last.1)
    }

    /// The column at a share of the sum; none if there is none.
    pub(crate) fn choose(&self, share: f64) -> Option<usize> {
        if self.p > 0.0 {
            let (low, high) = self.window;
            let rank = low + ((share * f64::from(high - low)) as u32).min(high - low - 1);
            return self.by_rank.get(rank as usize).map(|&column| column as usize);
        }
        let wanted = share * self.total();
        let place = self.columns.partition_point(|(_, sum)| *sum <= wanted);
        self.columns.get(place).or(self.columns.last()).map(|entry| entry.0 as usize)
    }
}

/// The column of each rank in f_mu.
fn columns_by_rank(models: &Models) -> Vec<u32> {
    let columns = &models.columns;
    let mut by_rank = vec![0; columns.count];
    for (column, &rank) in columns.rank.iter().enumerate() {
        if let Some(slot) = by_rank.get_mut(rank as usize) {
            *slot = column as u32;
        }
    }
    by_rank
}

pogson_lanes::lanes! {
    fn cross(sum: &mut [f64], flux: &[f64], factor: f64) {
        for (sum, flux) in sum.iter_mut().zip(flux) {
            *sum = factor.mul_add(*flux, *sum);
        }
    }
}

pogson_lanes::lanes! {
    fn leave(left: &mut [f64], b: &[f64], e: &[f64], a: f64, c: f64, luminosity: f64) {
        for ((left, b), e) in left.iter_mut().zip(b).zip(e) {
            let num = luminosity.mul_add(*b, a);
            let den = luminosity.mul_add(luminosity.mul_add(*e, *left), c);
            let num = if num > 0.0 { num } else { 0.0 };
            *left = if den > 0.0 { 1.0 - num * num / den } else { 1.0 };
        }
    }
}
