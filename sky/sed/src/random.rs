//! Random numbers by stream: each model, by its number, has a stream of its own, so that it is the same in a library of any
//! size, made by any number of threads.

/// What a stream is for; streams of other purposes share nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A star formation history and its dust.
    Stars = 1,
    /// A dust model.
    Dust = 2,
    /// A mock observation.
    Mock = 3,
    /// Draws from a posterior.
    Posterior = 4,
    /// Pairs of which a pixel's marginals are made where few models count.
    Ensemble = 5,
}

/// A stream of random numbers: xoshiro256++ (Blackman & Vigna 2021, ACM TOMS 47, 36), seeded by SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Stream([u64; 4]);

impl Stream {
    /// The stream of a seed, a purpose and a number.
    pub(crate) fn new(seed: u64, purpose: Purpose, number: u64) -> Stream {
        let mut state = mix(mix(mix(seed) ^ purpose as u64) ^ number);
        Stream(core::array::from_fn(|_| {
            state = state.wrapping_add(GOLDEN);
            mix(state)
        }))
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// Uniform between 0 and 1, neither of which comes up: multiples of 2^-53 plus half of one.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform between two bounds.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Exponential with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(self.uniform())
    }

    /// Normal with mean 0 and deviation 1 (Box & Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(2.0 * self.exponential());
        radius * libm::cos(2.0 * core::f64::consts::PI * self.uniform())
    }

    /// A whole number below `count`, which is above 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f64) as usize).min(count - 1)
    }
}

/// Step of SplitMix64, 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finaliser (Steele, Lea & Flood 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(GOLDEN);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        // From state 1, 2, 3, 4: the reference implementation's first numbers.
        let mut stream = Stream([1, 2, 3, 4]);
        let first: Vec<u64> = (0..4).map(|_| stream.next()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn neighbouring_streams_are_uniform_and_uncorrelated() {
        let n = 20_000;
        let pairs: Vec<(f64, f64)> = (0..n)
            .map(|k| {
                let mut stream = Stream::new(1, Purpose::Stars, k);
                (stream.uniform(), Stream::new(1, Purpose::Dust, k).uniform() - 0.5)
            })
            .collect();
        let mean: f64 = pairs.iter().map(|p| p.0).sum::<f64>() / n as f64;
        let product: f64 = pairs.iter().map(|p| (p.0 - 0.5) * p.1).sum::<f64>() / n as f64;
        let next: f64 = pairs.windows(2).map(|p| (p[0].0 - 0.5) * (p[1].0 - 0.5)).sum::<f64>() / n as f64;
        // Standard deviations: 1/sqrt(12 n) = 0.00204, and 1/(12 sqrt n) = 0.00059 for products.
        assert!((mean - 0.5).abs() < 0.008, "{mean}");
        assert!(product.abs() < 0.0024 && next.abs() < 0.0024, "{product} {next}");
    }

    #[test]
    fn normal_numbers_have_unit_variance() {
        let mut stream = Stream::new(3, Purpose::Mock, 0);
        let values: Vec<f64> = (0..40_000).map(|_| stream.normal()).collect();
        let mean = values.iter().sum::<f64>() / 40_000.0;
        let square = values.iter().map(|v| v * v).sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.03, "{mean} {square}");
    }
}
