//! What many lines say together.

use std::collections::HashMap;
use std::time::Instant;

use pogson_report::learned::Learned;
use pogson_report::process::Usage;
use pogson_report::rates::{Rates, Totals};
use pogson_report::{ClassCounts, Report};

use crate::line::Line;
use crate::rules::Rules;
use crate::status::ServerStatus;

/// Time after which what a request weighed is down to a third, seconds.
const MEMORY_S: f64 = 5.0;
/// Classes that are kept apart; what comes beyond them counts in sums alone.
const CLASSES: usize = 4096;
/// Requests of a class that are at work at the same time, below which it is forgotten.
const LEAST: f64 = 0.01;

/// A sum in which what is older counts less, by `exp(-age / 5 s)`.
#[derive(Clone, Copy, Debug, Default)]
struct Fading {
    sum: f64,
    at_s: f64,
}

impl Fading {
    fn at(&self, now_s: f64) -> f64 {
        self.sum * libm::exp(-(now_s - self.at_s).max(0.0) / MEMORY_S)
    }

    fn add(&mut self, value: f64, now_s: f64) {
        *self = Self { sum: self.at(now_s) + value, at_s: now_s };
    }
}

/// What the lines of a log say.
#[derive(Clone, Debug)]
pub struct Tally {
    began: Instant,
    classes: Rules,
    products: Rules,
    totals: Totals,
    unread: u64,
    rates: Rates,
    learned: Learned,
    /// Requests with a time, and the sum of their times.
    timed: Fading,
    took: Fading,
    /// Sums of times by class.
    by_class: HashMap<u64, Fading>,
}

impl Tally {
    /// Begins, with rules for classes of requests whose line does not say theirs, and for products.
    #[must_use]
    pub fn new(classes: Rules, products: Rules, now: Instant) -> Self {
        Self {
            began: now,
            classes,
            products,
            totals: Totals::default(),
            unread: 0,
            rates: Rates::default(),
            learned: Learned::default(),
            timed: Fading::default(),
            took: Fading::default(),
            by_class: HashMap::new(),
        }
    }

    /// A line came; `None` if it could not be read.
    pub fn note(&mut self, line: Option<&Line>, now: Instant) {
        let Some(line) = line else {
            self.unread += 1;
            return;
        };
        let failed = line.status.is_some_and(|status| status >= 500);
        self.totals.answered += 1;
        self.totals.failed += u64::from(failed);
        self.totals.hits += u64::from(line.hit == Some(true));
        self.totals.misses += u64::from(line.hit == Some(false));
        let Some(took_s) = line.took_s else { return };
        let now_s = self.since(now);
        self.timed.add(1.0, now_s);
        self.took.add(took_s, now_s);
        if let Some(class) = line.class.or_else(|| self.classes.number(&line.path))
            && (self.by_class.len() < CLASSES || self.by_class.contains_key(&class))
        {
            self.by_class.entry(class).or_default().add(took_s, now_s);
        }
        if !failed {
            let product = self.products.number(&line.path).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
            self.learned.learn(product, line.hit, took_s);
        }
    }

    /// Lines that could be read, and those that could not.
    #[must_use]
    pub fn lines(&self) -> (u64, u64) {
        (self.totals.answered, self.unread)
    }

    /// What they say now, with what is known otherwise.
    ///
    /// A log says of a request only when it is over, so what is under way is a mean: by Little's law the time that requests took within
    /// a while, divided by that while. Where the server says itself how many it works on, that counts.
    pub fn report(&mut self, now: Instant, status: Option<ServerStatus>, usage: Usage) -> Report {
        let recent = self.rates.note(now, self.totals);
        let now_s = self.since(now);
        // Since its beginning a young sum holds less than one that has forgotten as much as it was told.
        let span_s = MEMORY_S * (1.0 - libm::exp(-now_s / MEMORY_S));
        let mean = |fading: &Fading| if span_s > 0.0 { fading.at(now_s) / span_s } else { 0.0 };
        self.by_class.retain(|_, fading| fading.at(now_s) > LEAST * MEMORY_S);
        let classes = self.by_class.iter().map(|(class, fading)| (*class, mean(fading).round() as u64));
        let active = status.and_then(|status| status.active).unwrap_or_else(|| mean(&self.took).round() as u64);
        let timed = self.timed.at(now_s);
        let mean_s = if timed > 0.0 { self.took.at(now_s) / timed } else { 0.0 };
        let (read, unread) = self.lines();
        Report {
            active: Some(active),
            queue_s: Some(active as f64 * mean_s),
            connections: status.and_then(|status| status.connections),
            cpu: usage.cpu,
            memory: usage.memory,
            requests_per_s: recent.requests_per_s,
            errors_per_s: recent.errors_per_s,
            hit_rate: recent.hit_rate,
            classes: classes
                .filter(|(_, active)| *active > 0)
                .map(|(class, active)| (class, ClassCounts { queued: 0, active }))
                .collect(),
            costs: self.learned.costs(),
            others: [("log_lines".to_owned(), read as f64), ("log_lines_unread".to_owned(), unread as f64)].into(),
            ..Report::default()
        }
    }

    fn since(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.began).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(path: &str, took_s: f64, hit: bool) -> Line {
        Line { took_s: Some(took_s), hit: Some(hit), status: Some(200), path: path.into(), class: None }
    }

    fn tally(now: Instant) -> Tally {
        let rules = |text: &str| Rules(text.split(' ').map(|rule| rule.parse().expect(rule)).collect());
        Tally::new(rules("/tiles/=1 /cutout=2"), rules("/cutout=7"), now)
    }

    #[test]
    fn requests_under_way_are_those_of_littles_law() {
        let began = Instant::now();
        for seconds in [1, 5, 60] {
            let mut tally = tally(began);
            // 100 a second that take 0.1 s, and 20 a second that take 0.25 s: 10 and 5 at the same time.
            for tick in 0..seconds * 100 {
                let now = began + Duration::from_millis(tick * 10);
                tally.note(Some(&line("/tiles/x", 0.1, true)), now);
                if tick % 5 == 0 {
                    tally.note(Some(&line("/cutout", 0.25, false)), now);
                }
            }
            let report = tally.report(began + Duration::from_secs(seconds), None, Usage::default());
            assert_eq!((report.active, report.classes[&1].active, report.classes[&2].active), (Some(15), 10, 5));
            let mean_s = (100.0 * 0.1 + 20.0 * 0.25) / 120.0;
            assert!((report.queue_s.unwrap() - 15.0 * mean_s).abs() < 0.01);
            assert!((report.costs[&7].miss_s.unwrap() - 0.25).abs() < 1e-9);
            assert!((report.costs[&0].hit_s.unwrap() - 0.1).abs() < 1e-9);
        }
    }

    #[test]
    fn rates_are_those_of_the_lines() {
        let began = Instant::now();
        let mut tally = tally(began);
        tally.report(began, None, Usage::default());
        for tick in 0..200 {
            let failed = Line { status: Some(503), ..line("/", 0.01, tick % 4 == 0) };
            tally.note(Some(&if tick % 10 == 0 { failed } else { line("/", 0.01, tick % 4 == 0) }), began);
            tally.note(None, began);
        }
        let report = tally.report(began + Duration::from_secs(4), None, Usage::default());
        assert_eq!((report.requests_per_s, report.errors_per_s, report.hit_rate), (Some(50.0), Some(5.0), Some(0.25)));
        assert_eq!((report.others["log_lines"], report.others["log_lines_unread"]), (200.0, 200.0));
    }

    #[test]
    fn what_the_server_says_of_itself_goes_before_what_the_log_lets_guess() {
        let began = Instant::now();
        let mut tally = tally(began);
        tally.note(Some(&line("/", 0.5, true)), began);
        let status = ServerStatus { active: Some(6), connections: Some(40) };
        let report = tally.report(began + Duration::from_secs(1), Some(status), Usage::default());
        assert_eq!((report.active, report.connections, report.queue_s), (Some(6), Some(40), Some(3.0)));
    }

    #[test]
    fn classes_that_do_not_come_again_are_forgotten_and_there_is_an_end_to_them() {
        let began = Instant::now();
        let mut tally = tally(began);
        for class in 0..10_000 {
            tally.note(Some(&Line { class: Some(class), ..line("/", 100.0, true) }), began);
        }
        let report = tally.report(began + Duration::from_secs(1), None, Usage::default());
        assert_eq!(report.classes.len(), CLASSES);
        let report = tally.report(began + Duration::from_secs(3600), None, Usage::default());
        assert!(report.classes.is_empty() && tally.by_class.is_empty());
    }
}
