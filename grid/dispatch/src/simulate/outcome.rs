//! What came of a run.

use super::Scenario;

/// Of the requests after the warm-up.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Answers a second.
    pub throughput: f64,
    /// Share of answers from caches.
    pub hit_rate: f64,
    /// Time from request to answer, milliseconds: mean.
    pub mean_ms: f64,
    /// The same, median.
    pub p50_ms: f64,
    /// The same, 99th percentile.
    pub p99_ms: f64,
    /// Share of requests that were not answered: not let in, closed for another, or met by full queues alone.
    pub refused: f64,
    /// Entries of the dispatchers' tables when the last request came, all together.
    pub table: f64,
    /// Of each level of the scenario.
    pub levels: Vec<Level>,
}

/// Of the requests of one level after the warm-up.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Share of its requests that were not answered.
    pub refused: f64,
    /// Answers a second.
    pub throughput: f64,
    /// Time from request to answer, milliseconds: mean.
    pub mean_ms: f64,
    /// The same, median.
    pub p50_ms: f64,
    /// The same, 99th percentile.
    pub p99_ms: f64,
}

fn mean<T>(all: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    all.iter().map(figure).sum::<f64>() / all.len() as f64
}

impl Outcome {
    /// What came of several runs of one scenario: the mean of each figure; not numbers if there are none.
    #[must_use]
    pub fn mean(runs: &[Self]) -> Self {
        let levels = runs.iter().map(|run| run.levels.len()).min().unwrap_or(0);
        let level = |at: usize, figure: fn(&Level) -> f64| mean(runs, |run| figure(&run.levels[at]));
        Self {
            throughput: mean(runs, |run| run.throughput),
            hit_rate: mean(runs, |run| run.hit_rate),
            mean_ms: mean(runs, |run| run.mean_ms),
            p50_ms: mean(runs, |run| run.p50_ms),
            p99_ms: mean(runs, |run| run.p99_ms),
            refused: mean(runs, |run| run.refused),
            table: mean(runs, |run| run.table),
            levels: (0..levels)
                .map(|at| Level {
                    refused: level(at, |one| one.refused),
                    throughput: level(at, |one| one.throughput),
                    mean_ms: level(at, |one| one.mean_ms),
                    p50_ms: level(at, |one| one.p50_ms),
                    p99_ms: level(at, |one| one.p99_ms),
                })
                .collect(),
        }
    }
}

/// Counts of a level.
#[derive(Clone, Debug, Default)]
struct Count {
    latencies_ms: Vec<f64>,
    refused: usize,
}

/// Counts of a run, while it goes on.
pub(super) struct Tally {
    levels: [Count; 3],
    hits: usize,
    warm_up: usize,
}

impl Tally {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self { levels: Default::default(), hits: 0, warm_up: scenario.warm_up }
    }

    /// The `number`th request was answered after `ms` milliseconds.
    pub(super) fn answered(&mut self, number: usize, level: usize, ms: f64, hit: bool) {
        if number >= self.warm_up {
            self.levels[level].latencies_ms.push(ms);
            self.hits += usize::from(hit);
        }
    }

    /// It was not, and will not be.
    pub(super) fn refused(&mut self, number: usize, level: usize) {
        self.levels[level].refused += usize::from(number >= self.warm_up);
    }

    /// - `during_s`: seconds of what was counted.
    pub(super) fn outcome(mut self, scenario: &Scenario, during_s: f64, table: usize) -> Outcome {
        let mut all: Vec<f64> = Vec::new();
        let mut levels = Vec::new();
        for count in &mut self.levels {
            count.latencies_ms.sort_by(f64::total_cmp);
            all.extend(&count.latencies_ms);
            let (latencies, refused) = (&count.latencies_ms, count.refused as f64);
            levels.push(Level {
                refused: refused / (refused + latencies.len() as f64),
                throughput: latencies.len() as f64 / during_s,
                mean_ms: mean(latencies, |ms| *ms),
                p50_ms: quantile(latencies, 0.5),
                p99_ms: quantile(latencies, 0.99),
            });
        }
        all.sort_by(f64::total_cmp);
        let refused = self.levels.iter().map(|count| count.refused).sum::<usize>() as f64;
        if scenario.levels[0] >= 1.0 {
            levels.clear();
        }
        Outcome {
            throughput: all.len() as f64 / during_s,
            hit_rate: self.hits as f64 / all.len() as f64,
            mean_ms: mean(&all, |ms| *ms),
            p50_ms: quantile(&all, 0.5),
            p99_ms: quantile(&all, 0.99),
            refused: refused / (refused + all.len() as f64),
            table: table as f64,
            levels,
        }
    }
}

/// Of sorted values that below which a `share` of them lies; not a number if there are none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
