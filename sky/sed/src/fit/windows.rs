//! The bins of dust mass of many stellar models at once, for the default.
//!
//! A stellar model's dust masses are those of its window in f_mu times one factor: its histogram is that of `log10 mass` in
//! the window, moved by an offset. The windows are cut into steps of f_mu that they share: what each step's models get, by
//! offset, is a running sum over the steps, and the step's histogram is convolved with it once for all stellar models.
//! Windows that end within a step have a part of it, and offsets within a bin are shared between two bins so that means are
//! kept: percentiles move by less than a tenth of a bin.

/// Steps of ranks.
const STEPS: usize = 64;
/// Shares of all probability at an offset that are taken as none.
const FAINT: f64 = 1e-13;

/// `log10` of mass per luminosity of the dust models, by steps of f_mu.
pub(crate) struct Windows {
    models: usize,
    /// The lowest bin, and how many bins there are from there.
    first: i32,
    bins: usize,
    /// Bin above the first, and how many of a step's models are in it.
    counts: Vec<(usize, f32)>,
    /// Where each step's counts begin, and where the last one's end.
    begins: Vec<usize>,
}

/// The share of one stellar model.
pub(crate) struct Share {
    /// Ranks in f_mu of its dust models.
    pub low: u32,
    pub high: u32,
    /// Its offset, bins.
    pub offset: f64,
    /// The probability of each of its pairs.
    pub p: f64,
}

pogson_lanes::lanes! {
    fn add(bins: &mut [f32], shares: &[f32], count: f32) {
        for (bin, share) in bins.iter_mut().zip(shares) {
            *bin = count.mul_add(*share, *bin);
        }
    }
}

impl Windows {
    /// - `places`: of each model in bins, by rank.
    pub(crate) fn new(places: &[f64]) -> Windows {
        let bin_of: Vec<i32> = places.iter().map(|place| libm::floor(*place) as i32).collect();
        let first = bin_of.iter().copied().min().unwrap_or(0);
        let bins = (bin_of.iter().copied().max().unwrap_or(0) - first) as usize + 1;
        let (mut counts, mut begins) = (Vec::new(), vec![0]);
        for step in 0..STEPS {
            let mut of_step = vec![0.0f32; bins];
            for bin in &bin_of[step * places.len() / STEPS..(step + 1) * places.len() / STEPS] {
                of_step[(bin - first) as usize] += 1.0;
            }
            counts.extend(of_step.into_iter().enumerate().filter(|(_, count)| *count > 0.0));
            begins.push(counts.len());
        }
        Windows { models: places.len(), first, bins, counts, begins }
    }

    /// Adds all shares to the bins of an axis; what lies beyond it goes to its first or last.
    pub(crate) fn add_to(&self, axis: &mut [f64], shares: &[Share]) {
        // Offsets so far out that nothing reaches the axis need no bins of their own.
        let (lowest, highest) = (f64::from(-self.first) - self.bins as f64, axis.len() as f64 - f64::from(self.first));
        let offset = |share: &Share| share.offset.clamp(lowest, highest);
        let bin = |share: &Share| libm::floor(offset(share)) as i32;
        let Some(least) = shares.iter().map(bin).min() else { return };
        let most = shares.iter().map(bin).max().unwrap_or(least);
        let width = (most - least) as usize + 2;
        // Differences between neighbouring steps, by offset; what lies before the first step is of no use.
        let mut steps = vec![0.0f64; (STEPS + 2) * width];
        let per_step = STEPS as f64 / self.models as f64;
        let mut all = 0.0;
        for share in shares {
            let at = (bin(share) - least) as usize;
            let part = offset(share) - libm::floor(offset(share));
            for (end, p) in [(share.high, share.p), (share.low, -share.p)] {
                let place = f64::from(end) * per_step;
                let step = (place as usize).min(STEPS);
                let within = place - step as f64;
                for (step, p) in [(step, p * (1.0 - within)), (step + 1, p * within)] {
                    steps[step * width + at] += p * (1.0 - part);
                    steps[step * width + at + 1] += p * part;
                }
            }
            all += share.p;
        }
        let (mut running, mut single) = (vec![0.0f64; width], vec![0.0f32; width]);
        let mut sums = vec![0.0f32; self.bins + width];
        for step in (0..STEPS).rev() {
            let mut filled = width..0;
            for (k, (sum, of_step)) in running.iter_mut().zip(&steps[(step + 1) * width..]).enumerate() {
                *sum += of_step;
                single[k] = *sum as f32;
                if *sum > FAINT * all {
                    filled = filled.start.min(k)..k + 1;
                }
            }
            if filled.start < filled.end {
                for &(bin, count) in &self.counts[self.begins[step]..self.begins[step + 1]] {
                    add(&mut sums[bin + filled.start..bin + filled.end], &single[filled.clone()], count);
                }
            }
        }
        // Steps are of unequal size by one model, and single precision rounds: all of it is known better.
        let wanted: f64 = shares.iter().map(|share| share.p * f64::from(share.high - share.low)).sum();
        let found: f64 = sums.iter().map(|p| f64::from(*p)).sum();
        let factor = if found > 0.0 { wanted / found } else { 0.0 };
        let last = axis.len() as i32 - 1;
        for (bin, p) in (self.first + least..).zip(sums) {
            axis[bin.clamp(0, last) as usize] += f64::from(p) * factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of 0 to 1 without order, by a fixed recurrence.
    fn numbers(count: usize) -> Vec<f64> {
        let mut state = 12345u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn quantiles_are_those_of_the_plain_sum_over_pairs() {
        let models = 20_000;
        // Masses that hang on f_mu.
        let places: Vec<f64> =
            numbers(models).iter().enumerate().map(|(k, x)| x * 90.0 + 60.0 * k as f64 / models as f64).collect();
        let numbers = numbers(900);
        let shares: Vec<Share> = numbers
            .chunks(3)
            .map(|x| {
                let low = (x[0] * models as f64) as u32;
                Share { low, high: low + (7000).min(models as u32 - low), offset: 60.0 + 40.0 * x[1], p: x[2] }
            })
            .collect();
        // The sums begin at bin 0 of the axis.
        let mut sums = vec![0.0; 400];
        Windows::new(&places).add_to(&mut sums, &shares);
        let mut plain: Vec<(f64, f64)> = Vec::new();
        for share in &shares {
            plain.extend(
                places[share.low as usize..share.high as usize].iter().map(|place| (place + share.offset, share.p)),
            );
        }
        plain.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = plain.iter().map(|pair| pair.1).sum();
        let found: f64 = sums.iter().sum();
        assert!((found / total - 1.0).abs() < 1e-9, "{found} {total}");
        for wanted in [0.025, 0.16, 0.5, 0.84, 0.975] {
            let (mut before, mut truth) = (0.0, f64::NAN);
            for (place, p) in &plain {
                before += p / total;
                if before > wanted {
                    truth = *place;
                    break;
                }
            }
            let mut before = 0.0;
            for (bin, p) in sums.iter().enumerate() {
                let p = p / found;
                if before + p > wanted {
                    let place = bin as f64 + (wanted - before) / p;
                    assert!((place - truth).abs() < 0.2, "{wanted}: {place} {truth}");
                    break;
                }
                before += p;
            }
        }
    }

    #[test]
    fn what_lies_beyond_the_axis_goes_to_its_ends() {
        let windows = Windows::new(&[1.2, 2.8]);
        let share = |offset: f64| Share { low: 0, high: 2, offset, p: 0.5 };
        let mut axis = [0.0; 10];
        windows.add_to(&mut axis, &[]);
        assert_eq!(axis, [0.0; 10]);
        windows.add_to(&mut axis, &[share(-1e6), share(1e6), share(3.0)]);
        assert_eq!(axis, [1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0]);
    }
}
