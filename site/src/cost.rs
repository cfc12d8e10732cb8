//! What fits cost, so that hosts know how long a unit takes.
//!
//! When a galaxy is added some of its fits are made and timed: the time depends on the bands, and on how far the light stands out of the
//! noise.

use std::time::Duration;

use pogson_sed::observation::Measurement;
use pogson_sed::work::{Bench, Place};
use serde::{Deserialize, Serialize};

use crate::error::SiteError;

/// Floating-point operations that BOINC counts for a second of one core: its Whetstone benchmark, to which hosts' speeds refer, on
/// a core that takes half a second for a fit in 13 bands (9.1e9, client 7.20.5). Fits do more of them, by vectors.
pub const FLOPS: f64 = 9e9;
/// Fits that are timed.
const SAMPLES: usize = 8;
/// Seconds after which no more are timed.
const ENOUGH: f64 = 20.0;

/// CPU seconds of a galaxy's fits on one core.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// To make the library ready.
    pub start: f64,
    /// At places by the significance of their light, the root of the sum of (flux / sigma)^2.
    pub at: Vec<(f64, f64)>,
}

impl Cost {
    /// Times some fits, spread over the significance of places.
    ///
    /// - `start`: seconds that it took to make the library ready.
    pub(crate) fn measure(bench: &Bench<'_>, places: &[Place], start: f64) -> Result<Cost, SiteError> {
        let mut by_significance: Vec<(f64, &Place)> = places.iter().map(|place| (significance(place), place)).collect();
        by_significance.sort_by(|a, b| a.0.total_cmp(&b.0));
        let last = by_significance.len().saturating_sub(1);
        let mut chosen: Vec<usize> = (0..SAMPLES).map(|k| k * last / (SAMPLES - 1).max(1)).collect();
        chosen.dedup();
        let mut at: Vec<(f64, f64)> = Vec::new();
        let mut spent = 0.0;
        for (significance, place) in chosen.into_iter().filter_map(|k| by_significance.get(k)) {
            let before = thread_seconds();
            let fitted = bench.fit(place)?.is_ok();
            let seconds = thread_seconds() - before;
            spent += seconds;
            // Places that cannot be fitted take no time.
            if fitted {
                at.push((*significance, seconds));
            }
            if spent > ENOUGH {
                break;
            }
        }
        Ok(Cost { start, at })
    }

    /// CPU seconds of some places.
    pub(crate) fn of(&self, places: &[Place]) -> f64 {
        self.start + places.iter().map(|place| self.seconds(significance(place))).sum::<f64>()
    }

    /// CPU seconds of a fit: between those that were timed by the logarithm of the significance, beyond them as the last.
    fn seconds(&self, significance: f64) -> f64 {
        let (Some(first), Some(last)) = (self.at.first(), self.at.last()) else { return 0.5 };
        if significance <= first.0 {
            return first.1;
        }
        let after = self.at.partition_point(|(known, _)| *known < significance);
        let Some(((x0, y0), (x1, y1))) = self.at.get(after - 1).copied().zip(self.at.get(after).copied()) else {
            return last.1;
        };
        let log = |x: f64| libm::log(x.max(1e-3));
        let share = (log(significance) - log(x0)) / (log(x1) - log(x0)).max(1e-12);
        y0 + share.clamp(0.0, 1.0) * (y1 - y0)
    }
}

/// How far a place's light stands out, all bands together.
fn significance(place: &Place) -> f64 {
    let of = |band: &Measurement| match band {
        Measurement::Flux { flux_jy, sigma_jy } if *sigma_jy > 0.0 => (flux_jy / sigma_jy) * (flux_jy / sigma_jy),
        _ => 0.0,
    };
    place.bands.iter().map(of).sum::<f64>().sqrt()
}

/// CPU seconds of this thread.
pub(crate) fn thread_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let whole = Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    whole.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(significance: f64) -> Place {
        let band = Measurement::Flux { flux_jy: significance * 1e-6, sigma_jy: 1e-6 };
        Place { kind: pogson_sed::work::Kind::Pixel, x: 0, y: 0, bands: vec![band, Measurement::Absent] }
    }

    #[test]
    fn between_two_timed_fits_a_place_takes_what_lies_between() {
        let cost = Cost { start: 1.0, at: vec![(10.0, 0.2), (1000.0, 0.6)] };
        for (significance, seconds) in [(1.0, 0.2), (10.0, 0.2), (100.0, 0.4), (1000.0, 0.6), (1e6, 0.6)] {
            assert!((cost.of(&[place(significance)]) - 1.0 - seconds).abs() < 1e-9, "{significance}");
        }
        let both = cost.of(&[place(10.0), place(100.0)]);
        assert!((both - 1.6).abs() < 1e-9);
    }
}
