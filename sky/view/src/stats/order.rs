//! Passes over the pixels: sums, moments, exact order statistics by digits of their bits, histograms.

use rayon::prelude::*;

/// `read(first, rows, out)` fills `out` with whole rows; called from several threads.
pub(super) type ReadRows<'a, E> = dyn Fn(usize, usize, &mut [f64]) -> Result<(), E> + Sync + 'a;

/// Pixels that are read by rows, as often as a pass needs them.
pub(super) struct Pixels<'a, E> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) read: &'a ReadRows<'a, E>,
}

/// Extremes with the first place (column, row) of each, counts, and the sum.
pub(super) struct Sums {
    pub(super) count: u64,
    pub(super) nan: u64,
    pub(super) infinite: u64,
    pub(super) sum: f64,
    pub(super) min: (f64, Option<(usize, usize)>),
    pub(super) max: (f64, Option<(usize, usize)>),
}

/// Mean and standard deviation of the values between two ends.
pub(super) struct Moments {
    pub(super) count: u64,
    pub(super) mean: f64,
    pub(super) std: f64,
}

const DIGITS: usize = 1 << 16;

impl<E: Send> Pixels<'_, E> {
    /// Visits bands of rows, several at once; the answers come in the order of the bands, whose size is always the
    /// same, so that sums over them do not depend on the number of threads.
    fn bands<T: Send>(&self, visit: impl Fn(usize, &[f64]) -> T + Sync) -> Result<Vec<T>, E> {
        let rows = ((1 << 18) / self.width.max(1)).max(1);
        (0..self.height.div_ceil(rows))
            .into_par_iter()
            .map(|band| {
                let first = band * rows;
                let count = rows.min(self.height - first);
                let mut values = vec![0.0; count * self.width];
                (self.read)(first, count, &mut values)?;
                Ok(visit(first, &values))
            })
            .collect()
    }

    pub(super) fn sums(&self) -> Result<Sums, E> {
        let bands = self.bands(|first, values| {
            let mut band = Sums::empty();
            for (i, &v) in values.iter().enumerate() {
                if v.is_finite() {
                    band.count += 1;
                    band.sum += v;
                    let place = Some((i % self.width, first + i / self.width));
                    if band.min.1.is_none() || v < band.min.0 {
                        band.min = (v, place);
                    }
                    if band.max.1.is_none() || v > band.max.0 {
                        band.max = (v, place);
                    }
                } else if v.is_nan() {
                    band.nan += 1;
                } else {
                    band.infinite += 1;
                }
            }
            band
        })?;
        Ok(bands.into_iter().fold(Sums::empty(), Sums::and))
    }

    /// Moments of the finite values in `[low, high]`, summed as deviations from `about`.
    pub(super) fn moments(&self, low: f64, high: f64, about: f64) -> Result<Moments, E> {
        let bands = self.bands(|_, values| {
            let (mut count, mut first, mut second) = (0u64, 0.0, 0.0);
            for &v in values.iter().filter(|v| v.is_finite() && (low..=high).contains(*v)) {
                let d = v - about;
                count += 1;
                first += d;
                second = d.mul_add(d, second);
            }
            (count, first, second)
        })?;
        let (count, first, second) = bands.into_iter().fold((0u64, 0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
        let n = count as f64;
        let shift = first / n;
        let variance = shift.mul_add(-shift, second / n).max(0.0);
        // Of no value at all neither is defined.
        let std = if count == 0 { f64::NAN } else { variance.sqrt() };
        Ok(Moments { count, mean: about + shift, std })
    }

    /// Percentiles of `map(v)` over the finite values for which it is not NaN; `count` of them there are.
    pub(super) fn percentiles(
        &self,
        percents: &[f64],
        count: u64,
        map: impl Fn(f64) -> f64 + Sync,
    ) -> Result<Vec<f64>, E> {
        if count == 0 {
            return Ok(vec![f64::NAN; percents.len()]);
        }
        let last = count - 1;
        let places: Vec<f64> = percents.iter().map(|p| (p / 100.0).clamp(0.0, 1.0) * last as f64).collect();
        let ranks: Vec<u64> = places.iter().flat_map(|place| [*place as u64, (*place as u64 + 1).min(last)]).collect();
        let values = self.ranked(&ranks, &map)?;
        Ok(places
            .iter()
            .zip(values.chunks_exact(2))
            .map(|(place, pair)| {
                let share = place - libm::floor(*place);
                if share == 0.0 { pair[0] } else { (pair[1] - pair[0]).mul_add(share, pair[0]) }
            })
            .collect())
    }

    /// Values at the given ranks (0 for the smallest): sixteen bits of them become known in each of four passes.
    fn ranked(&self, ranks: &[u64], map: &(impl Fn(f64) -> f64 + Sync)) -> Result<Vec<f64>, E> {
        let mut left = ranks.to_vec();
        let mut known = vec![0u64; ranks.len()];
        for pass in 0..4u32 {
            let mut prefixes = known.clone();
            prefixes.sort_unstable();
            prefixes.dedup();
            let counts = self.digits(&prefixes, pass, map)?;
            for (rank, prefix) in left.iter_mut().zip(&mut known) {
                let which = prefixes.partition_point(|p| p < prefix);
                let mut digit = 0;
                for (d, n) in counts[which * DIGITS..(which + 1) * DIGITS].iter().enumerate() {
                    digit = d;
                    if *rank < *n {
                        break;
                    }
                    *rank -= n;
                }
                *prefix = *prefix << 16 | digit as u64;
            }
        }
        Ok(known.into_iter().map(from_key).collect())
    }

    /// Counts of the next sixteen bits of the keys that begin with each of the ascending prefixes.
    fn digits(&self, prefixes: &[u64], pass: u32, map: &(impl Fn(f64) -> f64 + Sync)) -> Result<Vec<u64>, E> {
        let shift = 48 - 16 * pass;
        let bands = self.height.div_ceil(self.counting_rows());
        (0..bands)
            .into_par_iter()
            .try_fold(
                || vec![0u64; prefixes.len() * DIGITS],
                |mut counts, band| {
                    let first = band * self.counting_rows();
                    let rows = self.counting_rows().min(self.height - first);
                    let mut values = vec![0.0; rows * self.width];
                    (self.read)(first, rows, &mut values)?;
                    for &v in values.iter().filter(|v| v.is_finite()) {
                        let mapped = map(v);
                        if mapped.is_nan() {
                            continue;
                        }
                        let key = to_key(mapped);
                        let prefix = if pass == 0 { 0 } else { key >> (shift + 16) };
                        if let Ok(which) = prefixes.binary_search(&prefix) {
                            counts[which * DIGITS + (key >> shift & 0xffff) as usize] += 1;
                        }
                    }
                    Ok(counts)
                },
            )
            .try_reduce(
                || vec![0u64; prefixes.len() * DIGITS],
                |mut a, b| {
                    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                    Ok(a)
                },
            )
    }

    /// Rows a band when counting: whole numbers add up alike in any order, so bands may be large.
    fn counting_rows(&self) -> usize {
        ((1 << 20) / self.width.max(1)).max(1)
    }

    pub(super) fn histogram(&self, low: f64, high: f64, bins: usize) -> Result<Vec<u64>, E> {
        let per_unit = bins as f64 / (high - low);
        let bands = self.bands(|_, values| {
            let mut counts = vec![0u64; bins];
            for &v in values.iter().filter(|v| v.is_finite() && (low..=high).contains(*v)) {
                // All in the first bin where the range has no width.
                let bin = if per_unit.is_finite() { ((v - low) * per_unit) as usize } else { 0 };
                counts[bin.min(bins - 1)] += 1;
            }
            counts
        })?;
        Ok(bands.into_iter().fold(vec![0; bins], |mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        }))
    }
}

impl Sums {
    fn empty() -> Sums {
        Sums { count: 0, nan: 0, infinite: 0, sum: 0.0, min: (f64::NAN, None), max: (f64::NAN, None) }
    }

    fn and(self, next: Sums) -> Sums {
        let nearer = |old: (f64, Option<_>), new: (f64, Option<_>), better: bool| {
            if old.1.is_none() || (new.1.is_some() && better) { new } else { old }
        };
        Sums {
            count: self.count + next.count,
            nan: self.nan + next.nan,
            infinite: self.infinite + next.infinite,
            sum: self.sum + next.sum,
            min: nearer(self.min, next.min, next.min.0 < self.min.0),
            max: nearer(self.max, next.max, next.max.0 > self.max.0),
        }
    }
}

/// Bits of a number that sort like the number; both zeros alike.
fn to_key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn from_key(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}
