//! Random numbers of a simulation.

/// The generator SplitMix64 (Steele, Lea & Flood 2014, OOPSLA), enough for arrivals and choices.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each seed and purpose.
    #[must_use]
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        random.bits();
        random
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Between 0 and 1, both excluded.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Below `count`, all alike.
    pub fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64
    }

    /// Exponential, with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.uniform())
    }
}

/// Ranks with probabilities as their powers: Zipf's law.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// Probability of a rank or one before it.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// Ranks 0 to `count` - 1, rank r with a probability in proportion to (r + 1)^-`exponent`.
    #[must_use]
    pub fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=count)
            .map(|rank| {
                sum += libm::pow(rank as f64, -exponent);
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|value| *value /= sum);
        Self { cumulative }
    }

    /// A rank.
    pub fn draw(&self, random: &mut Random) -> u64 {
        let uniform = random.uniform();
        self.cumulative.partition_point(|value| *value < uniform).min(self.cumulative.len() - 1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_come_as_often_as_their_powers() {
        let (zipf, mut random) = (Zipf::new(1000, 0.8), Random::new(1, 2));
        let mut counts = [0.0; 1000];
        for _ in 0..400_000 {
            counts[zipf.draw(&mut random) as usize] += 1.0;
        }
        for rank in [1, 9, 99] {
            let expected = libm::pow(rank as f64 + 1.0, -0.8);
            let deviation: f64 = (counts[rank] / counts[0] - expected) / expected;
            // Counts are above 700: within four standard deviations.
            assert!(deviation.abs() < 0.15, "rank {rank}: {deviation}");
        }
    }
}
