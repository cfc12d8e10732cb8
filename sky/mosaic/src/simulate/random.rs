//! Random numbers that are the same on every machine.

use std::f64::consts::TAU;

/// The generator xoshiro256++ with a stream for each purpose, so that tiles can be drawn in any order.
///
/// Source: Blackman & Vigna 2021, ACM Trans. Math. Softw. 47, 36; seeded by SplitMix64 (Steele, Lea & Flood 2014).
#[derive(Debug, Clone)]
pub struct Random {
    state: [u64; 4],
    /// Second value of the last Box-Muller pair.
    spare: Option<f64>,
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The stream number `stream` of the seed `seed`; different streams are independent for all that is done here.
    pub fn new(seed: u64, stream: u64) -> Random {
        let mut first = seed;
        let mut second = stream ^ split_mix(&mut first);
        Random { state: std::array::from_fn(|_| split_mix(&mut second)), spare: None }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Normal with mean 0 and the standard deviation `sigma`.
    ///
    /// Source: Box & Muller 1958, Ann. Math. Stat. 29, 610.
    pub fn normal(&mut self, sigma: f64) -> f64 {
        if let Some(value) = self.spare.take() {
            return value * sigma;
        }
        // 1 - u lies in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        let (sine, cosine) = libm::sincos(TAU * self.unit());
        self.spare = Some(radius * sine);
        radius * cosine * sigma
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_sequence() {
        // First outputs of xoshiro256++ for the state 1, 2, 3, 4, as in the rand_xoshiro crate's reference test.
        let mut random = Random { state: [1, 2, 3, 4], spare: None };
        let expected = [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386];
        for value in expected {
            assert_eq!(random.bits(), value);
        }
    }

    #[test]
    fn split_mix_gives_the_published_sequence() {
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn normal_values_have_the_moments_of_a_normal_distribution() {
        let mut random = Random::new(1, 2);
        let n = 200_000;
        let values: Vec<f64> = (0..n).map(|_| random.normal(2.0)).collect();
        let moment = |power: i32| values.iter().map(|v| v.powi(power)).sum::<f64>() / f64::from(n);
        assert!(moment(1).abs() < 5.0 * 2.0 / f64::from(n).sqrt());
        assert!((moment(2) / 4.0 - 1.0).abs() < 0.02);
        assert!((moment(4) / 48.0 - 1.0).abs() < 0.05);
    }

    #[test]
    fn streams_of_one_seed_differ() {
        assert_ne!(Random::new(7, 0).bits(), Random::new(7, 1).bits());
        assert_ne!(Random::new(7, 0).bits(), Random::new(8, 0).bits());
    }
}
