//! When a second server is asked, as Dean & Barroso 2013 ("The Tail at Scale", hedged requests) have it: after most answers would have
//! come, and for few requests.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use crate::config::Hedge;

/// Second servers that may be asked in a row, after a time without any.
const MOST: f64 = 10.0;
/// Answers that have to be known before their percentiles are.
const ENOUGH: f64 = 100.0;
/// Answers after which the older ones count half.
const HALVES: f64 = 1000.0;
/// Shortest time that is told apart, seconds.
const SHORTEST_S: f64 = 1e-4;
/// Classes of times, each a tenth of a factor of two wide: up to some seven minutes.
const CLASSES: usize = 220;
/// Classes for each factor of two.
const PER_OCTAVE: f64 = 10.0;
/// Kinds of work whose times are known at once.
const KINDS: usize = 256;

/// A thread's knowledge of how long answers take, and how many second servers it may still ask.
#[derive(Default)]
pub(crate) struct Hedges {
    /// By pool.
    left: RefCell<Vec<f64>>,
    /// By pool and product.
    times: RefCell<HashMap<(usize, u32), Times>>,
}

impl Hedges {
    /// A request comes for a pool, of which `percent` may be sent to a second server.
    pub(crate) fn earns(&self, pool: usize, percent: f64) {
        let mut left = self.left.borrow_mut();
        if left.len() <= pool {
            // The first that is slow may be one of few.
            left.resize(pool + 1, 1.0);
        }
        left[pool] = (left[pool] + percent / 100.0).min(MOST);
    }

    /// Whether a second server may be asked.
    pub(crate) fn may(&self, pool: usize) -> bool {
        self.left.borrow().get(pool).is_some_and(|left| *left >= 1.0)
    }

    /// One is.
    pub(crate) fn spends(&self, pool: usize) {
        if let Some(left) = self.left.borrow_mut().get_mut(pool) {
            *left -= 1.0;
        }
    }

    /// The first byte of an answer came after a time, or did not come for at least that.
    pub(crate) fn took(&self, pool: usize, product: u32, time: Duration) {
        let mut times = self.times.borrow_mut();
        if times.len() < KINDS || times.contains_key(&(pool, product)) {
            times.entry((pool, product)).or_default().note(time.as_secs_f64());
        }
    }

    /// The time after which a second server is asked; `None` if that is not known yet.
    pub(crate) fn after(&self, pool: usize, product: u32, hedge: &Hedge) -> Option<Duration> {
        match hedge.percentile {
            Some(percentile) => self.times.borrow().get(&(pool, product))?.percentile(percentile),
            None => hedge.after,
        }
    }

    /// Another configuration is served: its pools are others.
    pub(crate) fn turn_over(&self) {
        self.left.borrow_mut().clear();
        self.times.borrow_mut().clear();
    }
}

/// How often answers took how long, the older ones counting less.
struct Times {
    counts: Box<[f64; CLASSES]>,
    sum: f64,
}

impl Default for Times {
    fn default() -> Self {
        Self { counts: Box::new([0.0; CLASSES]), sum: 0.0 }
    }
}

impl Times {
    fn note(&mut self, seconds: f64) {
        if self.sum >= HALVES {
            self.counts.iter_mut().for_each(|count| *count /= 2.0);
            self.sum /= 2.0;
        }
        let class = (libm::log2(seconds / SHORTEST_S) * PER_OCTAVE).clamp(0.0, (CLASSES - 1) as f64);
        self.counts[class as usize] += 1.0;
        self.sum += 1.0;
    }

    /// The time within which so many percent came: the upper bound of its class.
    fn percentile(&self, percentile: f64) -> Option<Duration> {
        if self.sum < ENOUGH {
            return None;
        }
        let wanted = self.sum * percentile / 100.0;
        let mut sum = 0.0;
        let class = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        let seconds = SHORTEST_S * libm::exp2((class? + 1) as f64 / PER_OCTAVE);
        Some(Duration::from_secs_f64(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hedge(percentile: f64) -> Hedge {
        Hedge { after: None, percentile: Some(percentile), budget: 5.0 }
    }

    #[test]
    fn no_more_are_asked_than_the_budget_has() {
        let hedges = Hedges::default();
        assert!(!hedges.may(0));
        let mut asked = 0;
        for _ in 0..10_000 {
            hedges.earns(3, 5.0);
            if hedges.may(3) {
                hedges.spends(3);
                asked += 1;
            }
        }
        assert!((500..=501).contains(&asked), "{asked}");
        for _ in 0..10_000 {
            hedges.earns(3, 5.0);
        }
        let in_a_row = (0..100).filter(|_| hedges.may(3).then(|| hedges.spends(3)).is_some()).count();
        assert_eq!(in_a_row, 10);
        hedges.earns(4, 0.0);
        hedges.spends(4);
        hedges.earns(4, 0.0);
        assert!(!hedges.may(4));
    }

    #[test]
    fn a_percentile_is_that_of_what_came_lately() {
        let hedges = Hedges::default();
        for at in 0..99_u32 {
            hedges.took(0, 0, Duration::from_millis(u64::from(at)));
        }
        assert_eq!(hedges.after(0, 0, &hedge(95.0)), None, "too few are known");
        for at in 0..10_000_u32 {
            hedges.took(0, 0, Duration::from_micros(u64::from(at * 7919 % 10_000) * 10));
        }
        // Of an even spread from 0 to 100 ms the percentiles are those milliseconds; classes are 7 percent wide.
        for percentile in [50.0, 90.0, 95.0, 99.0] {
            let found = hedges.after(0, 0, &hedge(percentile)).expect("enough are known").as_secs_f64() * 1000.0;
            assert!((percentile * 0.93..percentile * 1.12).contains(&found), "{percentile}: {found}");
        }
        assert_eq!(hedges.after(0, 1, &hedge(95.0)), None, "other work takes other times");
        for _ in 0..20_000 {
            hedges.took(0, 0, Duration::from_millis(400));
        }
        let found = hedges.after(0, 0, &hedge(50.0)).expect("enough are known").as_secs_f64();
        assert!((0.4..0.44).contains(&found), "{found}");
    }

    #[test]
    fn any_time_has_a_class() {
        let hedges = Hedges::default();
        for _ in 0..100 {
            hedges.took(0, 0, Duration::ZERO);
        }
        assert!(hedges.after(0, 0, &hedge(99.0)).expect("known") < Duration::from_millis(1));
        for _ in 0..10_000 {
            hedges.took(0, 0, Duration::MAX);
        }
        assert!(hedges.after(0, 0, &hedge(99.0)).expect("known") > Duration::from_secs(60));
    }
}
