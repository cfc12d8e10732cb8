//! What is counted and measured.

use std::collections::BTreeMap;

use serde::Serialize;

/// Steps of a doubling of time.
const STEPS: f64 = 64.0;
/// Shortest time that is told apart, in milliseconds.
const LEAST: f64 = 1e-3;

/// Times, to about one percent.
#[derive(Debug, Clone, Default)]
pub struct Times {
    counts: Vec<u64>,
    count: u64,
    most: f64,
}

/// Percentiles of times, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 90 % took at most this.
    pub p90_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Times {
    /// Adds a time in seconds.
    pub fn add(&mut self, seconds: f64) {
        let ms = (seconds * 1e3).max(LEAST);
        let at = (libm::log2(ms / LEAST) * STEPS) as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.count += 1;
        self.most = self.most.max(ms);
    }

    /// The percentiles.
    pub fn percentiles(&self) -> Percentiles {
        let at = |share: f64| {
            let wanted = (share * self.count as f64).ceil().max(1.0) as u64;
            let mut seen = 0;
            let reached = self.counts.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            let upper = reached.map_or(0.0, |at| LEAST * libm::exp2((at + 1) as f64 / STEPS));
            (upper.min(self.most) * 1e3).round() / 1e3
        };
        Percentiles {
            count: self.count,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: (self.most * 1e3).round() / 1e3,
        }
    }
}

/// Everything that an emulation counts.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Scheduler requests, from when they were due to the whole reply.
    pub rpc: Times,
    /// Uploads, from when they were due to the handler's word, the question for the size included.
    pub upload: Times,
    /// How late the emulator itself was with what was due.
    pub lag: Times,
    /// Counts by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Errors by kind.
    pub errors: BTreeMap<String, u64>,
    /// The server's messages, by text.
    pub messages: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one.
    pub fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// Counts several.
    pub fn add(&mut self, what: &'static str, number: u64) {
        if number > 0 {
            *self.counts.entry(what).or_default() += number;
        }
    }

    /// Counts an error: where and what.
    pub fn error(&mut self, place: &str, what: impl std::fmt::Display) {
        *self.errors.entry(format!("{place}: {what}")).or_default() += 1;
    }

    /// Counts a message; a hundred different ones are told apart.
    pub fn message(&mut self, text: &str) {
        if let Some(count) = self.messages.get_mut(text) {
            *count += 1;
        } else if self.messages.len() < 100 {
            self.messages.insert(text.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_times_within_two_percent() {
        let mut times = Times::default();
        // Uniform between 0 and 1 s.
        for n in 1..=10_000 {
            times.add(f64::from(n) / 1e4);
        }
        let found = times.percentiles();
        for (value, truth) in
            [(found.p50_ms, 500.0), (found.p90_ms, 900.0), (found.p99_ms, 990.0), (found.max_ms, 1000.0)]
        {
            assert!((value / truth - 1.0).abs() < 0.02, "{value} for {truth}");
        }
        assert_eq!(found.count, 10_000);
    }

    #[test]
    fn no_times_have_no_percentiles() {
        assert_eq!(Times::default().percentiles(), Percentiles::default());
    }
}
