//! Exact quantiles of more values than memory holds: read twice, count twice.
//!
//! The bits of a float32, turned so that they sort as the values do, are counted by their upper half in the first reading
//! and by their lower half, within the few upper halves that hold a wanted rank, in the second.

use std::collections::BTreeMap;

const BINS: usize = 1 << 16;

/// Bits of a value that sort as values sort; -0 sorts just below +0.
fn key(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The value whose [`key`] is given.
fn value(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// What the first reading counts.
#[derive(Debug, Clone)]
pub struct Coarse {
    counts: Vec<u64>,
}

impl Default for Coarse {
    fn default() -> Coarse {
        Coarse { counts: vec![0; BINS] }
    }
}

impl Coarse {
    /// Counts a value; NaN must not be given.
    pub fn add(&mut self, value: f32) {
        self.counts[(key(value) >> 16) as usize] += 1;
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Coarse) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// Number of values counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Counters for the second reading.
    ///
    /// - `fractions`: the wanted quantiles, each in `[0, 1]`.
    pub fn refine(&self, fractions: &[f64]) -> Fine {
        let total = self.total();
        let mut fine = Fine { bins: BTreeMap::new(), wanted: Vec::new() };
        for &fraction in fractions {
            let place = fraction * total.saturating_sub(1) as f64;
            let (low, high) = (place.floor() as u64, place.ceil() as u64);
            let ends = if total == 0 { None } else { self.locate(low).zip(self.locate(high)) };
            if let Some((a, b)) = ends {
                for bin in [a.bin, b.bin] {
                    fine.bins.entry(bin).or_insert_with(|| vec![0; BINS]);
                }
            }
            fine.wanted.push(ends.map(|(low, high)| Wanted { low, high, share: place - place.floor() }));
        }
        fine
    }

    fn locate(&self, rank: u64) -> Option<Rank> {
        let mut before = 0;
        for (bin, count) in self.counts.iter().enumerate() {
            if rank < before + count {
                return Some(Rank { bin: bin as u16, rank: rank - before });
            }
            before += count;
        }
        None
    }
}

/// A rank inside one coarse bin.
#[derive(Debug, Clone, Copy)]
struct Rank {
    bin: u16,
    rank: u64,
}

#[derive(Debug, Clone, Copy)]
struct Wanted {
    low: Rank,
    high: Rank,
    share: f64,
}

/// What the second reading counts.
#[derive(Debug, Clone)]
pub struct Fine {
    bins: BTreeMap<u16, Vec<u64>>,
    wanted: Vec<Option<Wanted>>,
}

impl Fine {
    /// Counts a value; the second reading must give the same values as the first.
    pub fn add(&mut self, value: f32) {
        let key = key(value);
        if let Some(counts) = self.bins.get_mut(&((key >> 16) as u16)) {
            counts[(key & 0xffff) as usize] += 1;
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Fine) {
        for (bin, theirs) in &other.bins {
            if let Some(mine) = self.bins.get_mut(bin) {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    *mine += theirs;
                }
            }
        }
    }

    /// The wanted quantiles in their order, interpolated linearly between ranks; NaN where nothing was counted.
    pub fn quantiles(&self) -> Vec<f64> {
        self.wanted
            .iter()
            .map(|wanted| {
                let Some(wanted) = wanted else { return f64::NAN };
                let (low, high) = (self.at(wanted.low), self.at(wanted.high));
                if low == high { low } else { (high - low).mul_add(wanted.share, low) }
            })
            .collect()
    }

    fn at(&self, rank: Rank) -> f64 {
        let mut before = 0;
        for (low, count) in self.bins.get(&rank.bin).into_iter().flatten().enumerate() {
            before += count;
            if rank.rank < before {
                return f64::from(value(u32::from(rank.bin) << 16 | low as u32));
            }
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quantiles(values: &[f32], fractions: &[f64]) -> Vec<f64> {
        let mut coarse = Coarse::default();
        values.iter().for_each(|v| coarse.add(*v));
        let mut fine = coarse.refine(fractions);
        values.iter().for_each(|v| fine.add(*v));
        fine.quantiles()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn quantiles_are_those_of_the_sorted_values(
            values in prop::collection::vec(-1e20f32..1e20, 1..200),
            fraction in 0.0f64..=1.0,
        ) {
            let mut sorted = values.clone();
            sorted.sort_by(f32::total_cmp);
            let place = fraction * (values.len() - 1) as f64;
            let (low, high) = (f64::from(sorted[place.floor() as usize]), f64::from(sorted[place.ceil() as usize]));
            let expected = low + (high - low) * place.fract();
            let found = quantiles(&values, &[fraction])[0];
            prop_assert!((found - expected).abs() <= 1e-12 * expected.abs().max(low.abs()));
        }

        #[test]
        fn keys_sort_as_values_do(a in any::<f32>(), b in any::<f32>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(key(a).cmp(&key(b)), a.total_cmp(&b));
            prop_assert_eq!(value(key(a)).to_bits(), a.to_bits());
        }
    }

    #[test]
    fn nothing_counted_has_no_median() {
        assert!(quantiles(&[], &[0.5])[0].is_nan());
    }
}
