//! How far whoever takes a body is behind what there is for it.

use std::time::{Duration, Instant};

/// Times the slowest rate at which one may take that counts where others wait for its place.
const PRESSED: u32 = 16;

/// Time for which the taker of a body was waited for, and what of it was not made up for since.
///
/// Bytes that a socket takes before anybody is waited for make up for nothing, so that large buffers of the kernel buy no time.
pub(crate) struct Behind {
    /// Bytes a second; 0: any progress makes up for all.
    rate: u64,
    /// Since when it is waited for and was not yet counted.
    since: Option<Instant>,
    /// Bytes that have gone.
    gone: u64,
    waited: Duration,
    /// By the rate, and by [`PRESSED`] times of it.
    debts: [Duration; 2],
}

impl Behind {
    /// - `rate`: bytes a second that make up for a second; 0: any progress makes up for all.
    pub(crate) fn new(rate: u64) -> Self {
        Self { rate, since: None, gone: 0, waited: Duration::ZERO, debts: [Duration::ZERO; 2] }
    }

    /// It is waited for at `now`, `gone` bytes having gone in all.
    pub(crate) fn waits(&mut self, gone: u64, now: Instant) {
        if let Some(since) = self.since {
            let time = now.saturating_duration_since(since);
            self.waited += time;
            self.debts.iter_mut().for_each(|debt| *debt += time);
        }
        self.since = Some(now);
        let went = gone.saturating_sub(self.gone);
        self.gone = gone;
        if went == 0 {
            return;
        }
        for (debt, times) in self.debts.iter_mut().zip([1, PRESSED]) {
            let rate = self.rate.saturating_mul(u64::from(times));
            let pays = went.checked_div(rate).map_or(Duration::MAX, |whole| {
                Duration::from_secs(whole) + Duration::from_secs_f64((went % rate) as f64 / rate as f64)
            });
            *debt = debt.saturating_sub(pays);
        }
    }

    /// It took all that there was, and is not waited for any more.
    pub(crate) fn goes_on(&mut self, gone: u64, now: Instant) {
        if self.since.is_some() {
            self.waits(gone, now);
            self.since = None;
        }
    }

    /// Whether it is waited for now.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.since.is_some()
    }

    /// Time for which it was waited for in all.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// What of that it has not made up for.
    pub(crate) fn debt(&self) -> Duration {
        self.debts[0]
    }

    /// The same by a rate that is higher, for those whose places others wait for.
    pub(crate) fn debt_where_others_wait(&self) -> Duration {
        self.debts[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_takes_nothing_is_behind_by_the_time_that_passes() {
        let (mut behind, begins) = (Behind::new(1000), Instant::now());
        behind.waits(5_000_000, begins);
        behind.waits(5_000_000, begins + 7 * SECOND);
        assert_eq!((behind.waited(), behind.debt()), (7 * SECOND, 7 * SECOND));
    }

    #[test]
    fn who_takes_at_the_rate_is_not_and_who_takes_half_of_it_is_by_half_of_the_time() {
        for (bytes, debt) in [(1000, Duration::ZERO), (500, 30 * SECOND)] {
            let (mut behind, begins) = (Behind::new(1000), Instant::now());
            for second in 0..=60 {
                behind.waits(u64::from(second) * bytes, begins + second * SECOND);
            }
            assert_eq!((behind.waited(), behind.debt()), (60 * SECOND, debt), "{bytes} bytes a second");
            assert!(behind.debt_where_others_wait() > debt);
        }
    }

    #[test]
    fn time_in_which_nothing_is_there_to_take_does_not_count() {
        let (mut behind, begins) = (Behind::new(1000), Instant::now());
        behind.waits(0, begins);
        behind.goes_on(100_000, begins + SECOND);
        behind.waits(200_000, begins + 100 * SECOND);
        behind.waits(200_000, begins + 103 * SECOND);
        assert_eq!((behind.waited(), behind.debt()), (4 * SECOND, 3 * SECOND));
    }

    #[test]
    fn without_a_rate_any_progress_makes_up_for_all() {
        let (mut behind, begins) = (Behind::new(0), Instant::now());
        behind.waits(0, begins);
        behind.waits(0, begins + 50 * SECOND);
        assert_eq!(behind.debt(), 50 * SECOND);
        behind.waits(1, begins + 55 * SECOND);
        assert_eq!((behind.debt(), behind.waited()), (Duration::ZERO, 55 * SECOND));
    }
}
