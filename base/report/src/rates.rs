//! Rates from counts that only rise.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Time that rates are taken over.
const SPAN: Duration = Duration::from_secs(10);
/// Least time between two points that are kept.
const STEP: Duration = Duration::from_millis(200);
/// Least time that a rate is taken over.
const SHORTEST: Duration = Duration::from_millis(50);

/// Counts since a server began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests answered.
    pub answered: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Requests whose data was cached.
    pub hits: u64,
    /// Requests whose data was not.
    pub misses: u64,
}

/// What the last ten seconds were like. `None`: not known yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recent {
    /// Requests answered per second.
    pub requests_per_s: Option<f64>,
    /// Failures per second.
    pub errors_per_s: Option<f64>,
    /// Share of hits.
    pub hit_rate: Option<f64>,
}

/// Counts at some times of the last ten seconds.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    points: VecDeque<(Instant, Totals)>,
}

impl Rates {
    /// Notes the counts at `now`, and says what the last ten seconds were like.
    pub fn note(&mut self, now: Instant, totals: Totals) -> Recent {
        // The one before the span stays, so that the whole span is covered.
        while self.points.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= SPAN) {
            self.points.pop_front();
        }
        let then = self.points.front().copied();
        if self.points.back().is_none_or(|(at, _)| now.duration_since(*at) >= STEP) {
            self.points.push_back((now, totals));
        }
        let Some((at, then)) = then.filter(|(at, _)| now.duration_since(*at) >= SHORTEST) else {
            return Recent::default();
        };
        let seconds = now.duration_since(at).as_secs_f64();
        let hits = totals.hits.saturating_sub(then.hits);
        let looked = hits + totals.misses.saturating_sub(then.misses);
        Recent {
            requests_per_s: Some(totals.answered.saturating_sub(then.answered) as f64 / seconds),
            errors_per_s: Some(totals.failed.saturating_sub(then.failed) as f64 / seconds),
            hit_rate: (looked > 0).then(|| hits as f64 / looked as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_ten_seconds() {
        let (began, mut rates) = (Instant::now(), Rates::default());
        let at = |tenths: u64| began + Duration::from_millis(tenths * 100);
        assert_eq!(rates.note(began, Totals::default()), Recent::default());
        let mut recent = Recent::default();
        // 50 requests a second for 20 s, all misses, then 100 a second for 10 s, three of four of them hits.
        for tenth in 1..=200 {
            recent = rates.note(at(tenth), Totals { answered: tenth * 5, misses: tenth * 5, ..Totals::default() });
        }
        assert_eq!((recent.requests_per_s, recent.hit_rate), (Some(50.0), Some(0.0)));
        for tenth in 1..=100 {
            let totals = Totals { answered: 1000 + tenth * 10, failed: tenth, hits: tenth * 3, misses: 1000 + tenth };
            recent = rates.note(at(200 + tenth), totals);
        }
        assert_eq!(recent, Recent { requests_per_s: Some(100.0), errors_per_s: Some(10.0), hit_rate: Some(0.75) });
        assert!(rates.points.len() <= 52);
    }
}
