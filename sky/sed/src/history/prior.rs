//! The prior of star formation histories and of their dust (da Cunha, Charlot & Elbaz 2008, section 2.1).

use crate::random::{Purpose, Stream};

/// Bursts per year: half of all galaxies have one in 2 Gyr.
const BURST_RATE: f64 = core::f64::consts::LN_2 / 2e9;

/// A draw of the prior.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Time since the first star formed, yr.
    pub age: f64,
    /// Inverse time-scale of the continuous star formation, Gyr^-1.
    pub gamma: f64,
    /// Metallicity in solar units (0.02), the same at all times.
    pub metallicity: f64,
    /// Bursts, the earliest first.
    pub bursts: Vec<Burst>,
    /// V-band optical depth of young stars.
    pub tau_v: f64,
    /// Share of it in the diffuse medium.
    pub mu: f64,
}

/// A time of constant, additional star formation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// How long ago it began, yr.
    pub began: f64,
    /// How long it lasts, or would if today did not cut it short, yr.
    pub duration: f64,
    /// Mass that it forms over its duration, over the mass that forms continuously in the galaxy's life.
    pub amplitude: f64,
}

impl History {
    /// The draw of a number of the library of a seed.
    ///
    /// - metallicity: uniform in 0.02 to 2;
    /// - age: uniform in 0.1 Gyr to 13.5 Gyr or `oldest`, yr, whichever is less;
    /// - gamma: density falling as `1 - tanh(8 gamma - 6)` in 0 to 1;
    /// - tau_V: as `1 - tanh(1.5 tau_V - 6.7)` in 0 to 6; mu: as `1 - tanh(8 mu - 6)` in 0 to 1;
    /// - bursts: at random times (Poisson), half of all galaxies with one in the last 2 Gyr; amplitudes log-uniform in 0.03 to
    ///   4, durations uniform in 3e7 to 3e8 yr.
    pub fn draw(seed: u64, number: u64, oldest: f64) -> History {
        let mut stream = Stream::new(seed, Purpose::Stars, number);
        let metallicity = stream.between(0.02, 2.0);
        let tau_v = falling(stream.uniform(), 1.5, 6.7, 6.0);
        let mu = falling(stream.uniform(), 8.0, 6.0, 1.0);
        let gamma = falling(stream.uniform(), 8.0, 6.0, 1.0);
        let age = stream.between(0.1e9, oldest.clamp(0.1e9, 13.5e9));
        let mut bursts = Vec::new();
        let mut began = age - stream.exponential() / BURST_RATE;
        while began > 0.0 {
            let amplitude = 0.03 * libm::exp(stream.uniform() * libm::log(4.0 / 0.03));
            bursts.push(Burst { began, duration: stream.between(3e7, 3e8), amplitude });
            began -= stream.exponential() / BURST_RATE;
        }
        History { age, gamma, metallicity, bursts, tau_v, mu }
    }

    /// Time since the last burst ended, yr, at least a million; the galaxy's age if there was none.
    ///
    /// Of a burst that goes on, 1e5 (begun just now) to 1e6 (about to end) by the share of its duration that is past, even in
    /// the logarithm. One value for all of them would be a lump, in which no interval can hold the share of truths it names.
    pub fn since_last_burst(&self) -> f64 {
        let since = self.bursts.iter().map(|burst| {
            if burst.began > burst.duration {
                (burst.began - burst.duration).max(1e6)
            } else {
                1e5 * libm::exp10(burst.began / burst.duration)
            }
        });
        since.fold(self.age, f64::min)
    }
}

/// Inverse of the distribution with the density `1 - tanh(a x - b)` in 0 to `most`, at the probability `p`.
///
/// The density's integral is `-ln(1 + exp(2 b - 2 a x))/a`, so that the inverse is closed.
fn falling(p: f64, a: f64, b: f64, most: f64) -> f64 {
    let integral = |x: f64| -libm::log1p(libm::exp(2.0 * (b - a * x)));
    let at = integral(0.0) + p * (integral(most) - integral(0.0));
    let x = (b - 0.5 * libm::log(libm::expm1(-at))) / a;
    x.clamp(0.0, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws() -> Vec<History> {
        (0..20_000).map(|k| History::draw(7, k, 13.3e9)).collect()
    }

    /// Greatest distance between the draws' distribution and a given one (Kolmogorov & Smirnov).
    fn distance(mut values: Vec<f64>, cumulative: impl Fn(f64) -> f64) -> f64 {
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let steps = values.iter().enumerate();
        steps.map(|(k, &v)| (cumulative(v) - (k as f64 + 0.5) / n).abs()).fold(0.0, f64::max)
    }

    /// Numerical integral of `1 - tanh(a x - b)`, independent of the closed form.
    fn cumulative(a: f64, b: f64, most: f64, x: f64) -> f64 {
        let sum =
            |to: f64| (0..2000).map(|k| 1.0 - libm::tanh(a * to * (f64::from(k) + 0.5) / 2000.0 - b)).sum::<f64>() * to;
        sum(x) / sum(most)
    }

    #[test]
    fn parameters_follow_the_published_priors() {
        let draws = draws();
        let column = |f: fn(&History) -> f64| draws.iter().map(f).collect::<Vec<f64>>();
        // 1.95/sqrt(20000) = 0.0138 is the distance that chance exceeds once in a thousand.
        let near = |d: f64| assert!(d < 0.0138, "{d}");
        near(distance(column(|h| h.metallicity), |z| (z - 0.02) / 1.98));
        near(distance(column(|h| h.age), |t| (t - 1e8) / (13.3e9 - 1e8)));
        let some = |f: fn(&History) -> f64| column(f).into_iter().step_by(10).collect::<Vec<f64>>();
        let near = |d: f64| assert!(d < 0.0436, "{d}");
        near(distance(some(|h| h.tau_v), |x| cumulative(1.5, 6.7, 6.0, x)));
        near(distance(some(|h| h.mu), |x| cumulative(8.0, 6.0, 1.0, x)));
        near(distance(some(|h| h.gamma), |x| cumulative(8.0, 6.0, 1.0, x)));
    }

    #[test]
    fn half_of_the_old_galaxies_have_a_burst_in_the_last_two_gyr() {
        let old: Vec<History> = draws().into_iter().filter(|h| h.age > 2e9).collect();
        let recent = old.iter().filter(|h| h.bursts.iter().any(|b| b.began < 2e9)).count();
        let share = recent as f64 / old.len() as f64;
        assert!((share - 0.5).abs() < 0.015, "{share}");
        let bursts: Vec<Burst> = old.iter().flat_map(|h| h.bursts.clone()).collect();
        assert!(bursts.iter().all(|b| (0.03..=4.0).contains(&b.amplitude) && (3e7..=3e8).contains(&b.duration)));
        let median = bursts.iter().filter(|b| b.amplitude < libm::sqrt(0.12)).count() as f64 / bursts.len() as f64;
        assert!((median - 0.5).abs() < 0.01, "{median}");
    }

    #[test]
    fn bursts_that_go_on_are_spread_evenly_below_a_million_years() {
        let burst = |began, duration| Burst { began, duration, amplitude: 1.0 };
        let with = |bursts| History { age: 5e9, gamma: 0.1, metallicity: 1.0, bursts, tau_v: 1.0, mu: 0.3 };
        assert_eq!(with(Vec::new()).since_last_burst(), 5e9);
        assert_eq!(with(vec![burst(3e9, 1e8), burst(1e9, 2e8)]).since_last_burst(), 8e8);
        assert_eq!(with(vec![burst(1e8 + 10.0, 1e8)]).since_last_burst(), 1e6);
        assert!((with(vec![burst(3e9, 1e8), burst(1e8, 2e8)]).since_last_burst() / 1e5 - 10f64.sqrt()).abs() < 1e-12);
        // A burst's beginning is even in time, so that the share that is past is even too.
        let mut on: Vec<f64> = draws().iter().map(History::since_last_burst).filter(|&t| t < 1e6).collect();
        on.iter_mut().for_each(|t| *t = libm::log10(*t / 1e5));
        assert!(on.len() > 500, "{}", on.len());
        let far = 1.95 / (on.len() as f64).sqrt();
        let d = distance(on, |share| share);
        assert!(d < far, "{d}");
    }

    #[test]
    fn a_model_does_not_depend_on_those_before_it() {
        let alone = History::draw(7, 12_345, 13.3e9);
        assert_eq!(alone, draws()[12_345]);
        assert_ne!(alone, History::draw(8, 12_345, 13.3e9));
    }
}
