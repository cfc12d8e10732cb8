//! Numbers drawn from a seed and from what they are for: the same question has the same answer, whenever and by whomever it is asked.

/// A state that questions are mixed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw(u64);

impl Draw {
    /// Of a seed.
    pub fn new(seed: u64) -> Draw {
        Draw(mixed(seed))
    }

    /// For a text.
    pub fn of(self, text: &str) -> Draw {
        // FNV-1a, then mixed: names differ in few bits only.
        let hash = text.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Draw(mixed(hash))
    }

    /// For a number.
    pub fn at(self, number: u64) -> Draw {
        Draw(mixed(self.0 ^ mixed(number)))
    }

    /// 64 random bits.
    pub fn bits(self) -> u64 {
        mixed(self.0)
    }

    /// Uniform in [0, 1).
    pub fn unit(self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A whole number below `count`; 0 where that is 0.
    pub fn below(self, count: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64
    }

    /// Exponential with mean 1.
    pub fn exponential(self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Normal with mean 0 and deviation 1.
    pub fn normal(self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.at(1).unit())
    }
}

/// Steele, Lea and Flood's finaliser (SplitMix64, 2014).
pub(crate) fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_gives_the_published_sequence() {
        // First outputs of SplitMix64 with seed 1234567 (Vigna's splitmix64.c).
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let outputs: Vec<u64> = (0..3).map(|n| mixed(1_234_567_u64.wrapping_add(step.wrapping_mul(n)))).collect();
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let draw = Draw::new(7);
        let mean = |of: &dyn Fn(Draw) -> f64| (0..20_000).map(|n| of(draw.at(n))).sum::<f64>() / 20_000.0;
        assert!((mean(&|d| d.unit()) - 0.5).abs() < 0.01);
        assert!((mean(&|d| d.exponential()) - 1.0).abs() < 0.03);
        assert!(mean(&|d| d.normal()).abs() < 0.03);
        assert!((mean(&|d| d.normal() * d.normal()) - 1.0).abs() < 0.05);
        assert!((mean(&|d| d.below(10) as f64) - 4.5).abs() < 0.1);
    }

    #[test]
    fn questions_have_answers_of_their_own() {
        let draw = Draw::new(1);
        assert_eq!(draw.of("wrong").at(3).bits(), draw.of("wrong").at(3).bits());
        assert_ne!(draw.of("wrong").at(3).bits(), draw.of("error").at(3).bits());
        assert_ne!(draw.of("a_0").bits(), draw.of("a_1").bits());
        assert_ne!(Draw::new(2).of("a").bits(), draw.of("a").bits());
    }
}
