//! How many requests a server works on at once, learned: enough to keep it busy, few enough that those that wait do so here, where
//! their order can still be changed.
//!
//! As TCP Vegas does (Brakmo & Peterson 1995, IEEE J. Sel. Areas Commun. 13, 1465): of the requests under way those wait at the server
//! that its answers are late for. If servers say how long they worked on each, what is above that is waiting. Else means of many answers
//! are compared, the quickest of late standing for no waiting; as they differ by chance, more is let wait then. From time to time half
//! as many are let go: if as much is done with these, it stays at that. At first the limit doubles until some wait.

/// Requests that may wait at the server: fewer let the limit grow, more let it shrink.
const WAIT: std::ops::RangeInclusive<f64> = 1.0..=3.0;
/// Part of a limit that goes at once where too many wait.
const SHRINKS: f64 = 0.9;
/// The same of servers that do not say how long they worked, as a part of those under way, beside [`WAIT`].
const WAIT_PART: std::ops::RangeInclusive<f64> = 0.15..=0.3;
/// Answers of a mean, and as many times the limit if that is more.
const ANSWERS: (f64, f64) = (100.0, 4.0);
/// The same as long as the limit doubles.
const FIRST_ANSWERS: (f64, f64) = (16.0, 2.0);
/// The same while half of a limit is tried.
const HALF_ANSWERS: (f64, f64) = (40.0, 2.0);
/// With half of a limit that is done of what was with all of it, if the other half only waited.
const AS_MUCH: f64 = 0.75;
/// Seconds for which the quickest mean counts, and answers if they take longer.
const QUICKEST_FOR: (f64, f64) = (10.0, 400.0);
/// Limit below which half of it is not tried: no more wait than may.
const HALVES_FROM: f64 = 2.0 * *WAIT.end();
/// Weight of a new answer in what is known of waiting.
const GAIN: f64 = 0.2;
/// Seconds for which a limit stays below the number at which a server has turned one away.
const REFUSED_FOR_S: f64 = 10.0;
/// Bounds of a limit.
const LIMIT: std::ops::RangeInclusive<f64> = 1.0..=100_000.0;

/// The limit of one server.
#[derive(Clone, Debug)]
pub struct Limit {
    limit: f64,
    /// Mean share of an answer's time that it waited.
    waited: f64,
    /// Answers until the limit may shrink again: those that were under way when it did have not felt it.
    spared: f64,
    silent: Silent,
    /// What the server turned away at, and until when it counts, seconds.
    refused: (f64, f64),
}

/// What is known of a server that does not say how long it works.
#[derive(Clone, Debug)]
struct Silent {
    /// Answers that are not in a mean yet: since when, number, and sums of their seconds and of requests under way.
    since_s: f64,
    answers: f64,
    took_s: f64,
    active: f64,
    /// Quickest means of this and of the last stretch of time, seconds, when this one began, and its answers.
    quickest_s: [f64; 2],
    began_s: f64,
    stretch: f64,
    /// Limit to go back to, and answers a second with it: with half of it nobody should wait, which is looked at in each stretch.
    before: Option<(f64, f64)>,
    /// Whether nothing has waited yet.
    rises: bool,
    /// Whether it was looked for whether the first limit is too much already.
    looked: bool,
}

/// What answers say together.
struct Mean {
    /// Answers a second. What was under way before a limit changed has its time by the old one, but is as much done.
    rate: f64,
    /// Requests under way, and how many of them waited.
    active: f64,
    waits: f64,
}

impl Silent {
    /// Whether a new stretch of time begins.
    fn begins(&mut self, now_s: f64) -> bool {
        let begins = now_s - self.began_s > QUICKEST_FOR.0 && self.stretch >= QUICKEST_FOR.1;
        if begins {
            self.stretch = 0.0;
            self.quickest_s = [f64::INFINITY, self.quickest_s[0]];
            self.began_s = now_s;
        }
        begins
    }

    /// What answers say together, as soon as there are enough.
    fn mean(&mut self, took_s: f64, active: u32, limit: f64, now_s: f64) -> Option<Mean> {
        if self.since_s > now_s {
            self.since_s = now_s - took_s;
        }
        self.answers += 1.0;
        self.stretch += 1.0;
        self.took_s += took_s;
        self.active += f64::from(active);
        let enough = match self {
            Self { rises: true, .. } => FIRST_ANSWERS,
            Self { before: Some(_), .. } => HALF_ANSWERS,
            _ => ANSWERS,
        };
        if self.answers < enough.0.max(enough.1 * limit) {
            return None;
        }
        let (took_s, active) = (self.took_s / self.answers, self.active / self.answers);
        let rate = self.answers / (now_s - self.since_s).max(f64::MIN_POSITIVE);
        (self.since_s, self.answers, self.took_s, self.active) = (now_s, 0.0, 0.0, 0.0);
        self.quickest_s[0] = self.quickest_s[0].min(took_s);
        let quickest_s = self.quickest_s[0].min(self.quickest_s[1]);
        Some(Mean { rate, active, waits: (1.0 - quickest_s / took_s) * active })
    }
}

impl Limit {
    /// - `first`: requests at once before anything is known.
    #[must_use]
    pub fn new(first: u32) -> Self {
        let limit = f64::from(first).clamp(*LIMIT.start(), *LIMIT.end());
        let silent = Silent {
            since_s: f64::INFINITY,
            answers: 0.0,
            took_s: 0.0,
            active: 0.0,
            quickest_s: [f64::INFINITY; 2],
            began_s: 0.0,
            stretch: 0.0,
            before: None,
            rises: true,
            looked: false,
        };
        Self { limit, waited: 0.0, spared: 0.0, silent, refused: (f64::INFINITY, f64::NEG_INFINITY) }
    }

    /// Requests at once.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.limit as u32
    }

    /// Whether one more may go, with `active` under way.
    #[must_use]
    pub fn lets(&self, active: u32) -> bool {
        active < self.requests()
    }

    /// The server has turned a request away, because it had too many.
    ///
    /// - `active`: requests that were under way, this one among them.
    pub fn refused(&mut self, active: u32, now_s: f64) {
        let most = f64::from(active.saturating_sub(1)).max(*LIMIT.start());
        self.limit = self.limit.min(most);
        self.silent.before = None;
        self.silent.rises = false;
        self.refused = (self.limit, now_s + REFUSED_FOR_S);
    }

    /// An answer came.
    ///
    /// - `took_s`: seconds from request to answer.
    /// - `service_s`: seconds that the server says it worked on it.
    /// - `active`: requests that were under way, this one among them.
    /// - `now_s`: seconds of a clock that does not go back.
    pub fn answered(&mut self, took_s: f64, service_s: Option<f64>, active: u32, now_s: f64) {
        if !(took_s > 0.0 && took_s.is_finite()) {
            return;
        }
        self.spared -= 1.0;
        self.learn(took_s, service_s, active, now_s);
        if now_s < self.refused.1 {
            self.limit = self.limit.min(self.refused.0);
        }
    }

    fn learn(&mut self, took_s: f64, service_s: Option<f64>, active: u32, now_s: f64) {
        if let Some(service_s) = service_s {
            let waited = (1.0 - service_s / took_s).clamp(0.0, 1.0);
            self.waited += GAIN * (waited - self.waited);
            let active = f64::from(active);
            self.follow(self.waited * active, active, WAIT, 1.0);
        } else if let Some(mean) = self.silent.mean(took_s, active, self.limit, now_s) {
            self.compare(&mean, now_s);
        }
    }

    /// Takes in a mean of answers of a server that does not say how long it works.
    fn compare(&mut self, mean: &Mean, now_s: f64) {
        let is_full = mean.active >= self.limit - 2.0;
        let begins = self.silent.begins(now_s);
        if let Some((before, rate_before)) = self.silent.before.take() {
            if is_full && mean.rate >= AS_MUCH * rate_before {
                self.silent.rises = false;
                self.halve(mean.rate);
            } else {
                self.limit = before;
            }
            return;
        }
        let bounds = WAIT.start() + WAIT_PART.start() * mean.active..=WAIT.end() + WAIT_PART.end() * mean.active;
        if self.silent.rises {
            if !self.silent.looked {
                self.silent.looked = true;
                if is_full {
                    return self.halve(mean.rate);
                }
            }
            self.silent.rises = mean.waits < *bounds.start();
            if !self.silent.rises {
                self.halve(mean.rate);
            } else if is_full {
                self.limit = (self.limit * 2.0).min(*LIMIT.end());
            }
            return;
        }
        if begins {
            // Where not all of the limit is used, half of it would not be looked at but only be less.
            return self.halve(if is_full { mean.rate } else { f64::INFINITY });
        }
        let answers = ANSWERS.0.max(ANSWERS.1 * self.limit);
        self.follow(mean.waits, mean.active, bounds, answers);
    }

    /// Looks whether half of the limit does as much.
    ///
    /// - `rate`: answers a second with all of it.
    fn halve(&mut self, rate: f64) {
        if self.limit >= HALVES_FROM {
            self.silent.before = Some((self.limit, rate));
            self.limit /= 2.0;
        }
    }

    /// - `answers`: for which this is the news.
    fn follow(&mut self, waits: f64, active: f64, bounds: std::ops::RangeInclusive<f64>, answers: f64) {
        if waits > *bounds.end() {
            if self.spared <= 0.0 {
                self.limit = (self.limit * SHRINKS).max(*LIMIT.start());
                self.spared = self.limit;
            }
        } else if waits < *bounds.start() && active >= self.limit - 2.0 {
            // One more for each round of answers; what is not used says nothing.
            self.limit = (self.limit + (answers / self.limit).min((self.limit / 4.0).max(1.0))).min(*LIMIT.end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;
    use std::cmp::Reverse;
    use std::collections::{BinaryHeap, VecDeque};

    /// A server that works on `workers` requests at once, each for about 10 ms, asked for as much as the limit lets: what the limit
    /// comes to, and answers a second.
    fn run(workers: usize, says: bool) -> (f64, f64) {
        let (mut limit, mut random) = (Limit::new(1), Random::new(7, workers as u64));
        let mut busy = BinaryHeap::new();
        let mut queue: VecDeque<u64> = VecDeque::new();
        let (mut active, mut now_ns, mut count, mut sum) = (0, 0_u64, 0.0, 0.0);
        let mut service_ns = || (5e6 + 5e6 * random.exponential()) as u64;
        let answers = 60_000;
        let mut half_ns = 0;
        for answer in 0..answers {
            while limit.lets(active) {
                active += 1;
                queue.push_back(now_ns);
            }
            while busy.len() < workers
                && let Some(came_ns) = queue.pop_front()
            {
                let service_ns = service_ns();
                busy.push(Reverse((now_ns + service_ns, came_ns, service_ns)));
            }
            let Some(Reverse((done_ns, came_ns, service_ns))) = busy.pop() else { break };
            now_ns = done_ns;
            let service_s = says.then_some(service_ns as f64 * 1e-9);
            limit.answered((done_ns - came_ns) as f64 * 1e-9, service_s, active, done_ns as f64 * 1e-9);
            active -= 1;
            if answer == answers / 2 {
                half_ns = now_ns;
            } else if answer > answers / 2 {
                count += 1.0;
                sum += f64::from(limit.requests());
            }
        }
        (sum / count, count / ((now_ns - half_ns) as f64 * 1e-9))
    }

    /// Limits, second by second, of a silent server that works on `workers` requests at once, each for 80 ms on average, asked for as
    /// much as the limit lets from the start.
    fn begins(workers: usize, seed: u64, seconds: usize) -> Vec<u32> {
        let (mut limit, mut random) = (Limit::new(16), Random::new(seed, workers as u64));
        let mut busy = BinaryHeap::new();
        let mut queue: VecDeque<u64> = VecDeque::new();
        let (mut active, mut now_ns, mut limits) = (0, 0_u64, Vec::new());
        while limits.len() < seconds {
            while limit.lets(active) {
                active += 1;
                queue.push_back(now_ns);
            }
            while busy.len() < workers
                && let Some(came_ns) = queue.pop_front()
            {
                busy.push(Reverse((now_ns + (80e6 * random.exponential()) as u64, came_ns)));
            }
            let Some(Reverse((done_ns, came_ns))) = busy.pop() else { break };
            now_ns = done_ns;
            limit.answered((done_ns - came_ns) as f64 * 1e-9, None, active, done_ns as f64 * 1e-9);
            active -= 1;
            if now_ns > 1_000_000_000 * limits.len() as u64 {
                limits.push(limit.requests());
            }
        }
        limits
    }

    #[test]
    fn a_slow_server_that_got_too_many_at_first_soon_gets_few() {
        for workers in [1, 2, 4] {
            for seed in 1..=5 {
                let limits = begins(workers, seed, 30);
                let few = limits[12..].iter().filter(|&&limit| limit as usize <= workers + 6).count();
                assert!(few >= 16, "{workers} workers: {limits:?}");
            }
        }
    }

    #[test]
    fn a_server_is_kept_busy_and_few_wait_there() {
        for workers in [1, 4, 16, 64] {
            let (limit, rate) = run(workers, true);
            let all = workers as f64 / 0.01;
            assert!(rate > 0.95 * all, "{workers} workers: {rate} of {all} a second, limit {limit}");
            assert!(limit < workers as f64 + 6.0, "{workers} workers: limit {limit}");
        }
    }

    #[test]
    fn many_that_wait_at_a_silent_server_soon_do_not() {
        let (mut limit, mut now_s) = (Limit::new(4), 0.0);
        for _ in 0..600 {
            // One after the other, each for 10 ms.
            now_s += 0.01;
            limit.answered(0.01 * f64::from(limit.requests()), None, limit.requests(), now_s);
        }
        assert!(limit.requests() <= 6, "{}", limit.requests());
    }

    #[test]
    fn one_that_turns_requests_away_gets_as_many_as_it_takes() {
        let mut limit = Limit::new(16);
        let (mut refusals, mut now_s) = (0, 0.0);
        for _ in 0..2000 {
            now_s += 0.01;
            let active = limit.requests();
            if active > 4 {
                limit.refused(active, now_s);
                refusals += 1;
            } else {
                limit.answered(0.01, Some(0.01), active, now_s);
            }
        }
        assert_eq!(limit.requests(), 4);
        assert!(refusals < 20, "{refusals} of 2000");
    }

    #[test]
    fn one_that_says_nothing_is_judged_by_its_quickest_means() {
        for workers in [1, 4, 16, 64] {
            let (limit, rate) = run(workers, false);
            let all = workers as f64 / 0.01;
            assert!(rate > 0.85 * all, "{workers} workers: {rate} of {all} a second, limit {limit}");
            assert!(limit < 1.6 * workers as f64 + 6.0, "{workers} workers: limit {limit}");
        }
    }
}
