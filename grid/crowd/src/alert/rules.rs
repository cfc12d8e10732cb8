//! When something is wrong.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::metrics::{Meters, Role, Sight};
use crate::project::AlertConfig;

const HOUR: i64 = 3600;

/// Counters as they stand; they only grow while a process lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Results that were found valid.
    pub valid: u64,
    /// And invalid.
    pub invalid: u64,
    /// Results that hosts reported.
    pub reports: u64,
    /// Times that each role failed.
    pub failures: Vec<(&'static str, u64)>,
    /// Units that the server found differently.
    pub differs: u64,
}

impl Counts {
    /// Of a server's counters.
    pub fn of(meters: &Meters) -> Counts {
        let (valid, invalid) = meters.verdicts();
        Counts {
            valid,
            invalid,
            reports: meters.reports(),
            failures: Role::ALL.iter().map(|role| (role.word(), meters.failures_of(*role))).collect(),
            differs: meters.refits_that_differ(),
        }
    }

    fn failures_of(&self, role: &str) -> u64 {
        self.failures.iter().find(|(name, _)| *name == role).map_or(0, |(_, count)| *count)
    }
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// The rule, as `queue-empty`; a role's or stage's name follows a colon.
    pub alert: String,
    /// `firing`, or `resolved`.
    pub state: &'static str,
    /// Since when, seconds of Unix time.
    pub since: i64,
    /// When it was seen.
    pub time: i64,
    /// What was found, in the threshold's unit.
    pub value: f64,
    /// What it may be.
    pub threshold: f64,
    /// A sentence.
    pub text: String,
}

/// A rule that does not hold.
struct Broken {
    value: f64,
    threshold: f64,
    text: String,
}

/// Rules, with what they have to remember.
pub struct Rules {
    config: AlertConfig,
    /// Alerts that are on, and since when.
    firing: BTreeMap<String, i64>,
    /// Since when something is as it should not be for long.
    since: BTreeMap<String, i64>,
    /// What was counted, oldest first.
    past: VecDeque<(i64, Counts)>,
    /// When something was reported last, as far as is known.
    last_report: Option<(i64, u64)>,
}

impl Rules {
    /// With thresholds, and the alerts that an earlier process left on.
    pub fn new(config: AlertConfig, firing: impl IntoIterator<Item = (String, i64)>) -> Rules {
        Rules {
            config,
            firing: firing.into_iter().collect(),
            since: BTreeMap::new(),
            past: VecDeque::new(),
            last_report: None,
        }
    }

    /// What has begun and what has ended, by the project's state and what was counted.
    pub fn look(&mut self, sight: &Sight, counts: &Counts) -> Vec<Notice> {
        let now = sight.time;
        self.past.push_back((now, counts.clone()));
        let longest = HOUR
            .max(seconds(self.config.role_failing_minutes, 60.0))
            .max(seconds(self.config.refit_differs_hours, 3600.0));
        while self.past.len() > 2 && self.past.get(1).is_some_and(|(time, _)| *time <= now - longest) {
            self.past.pop_front();
        }
        // What is kept of hours is thinned to a few hundred looks.
        if self.past.len() > 1000 {
            let mut at = 0;
            self.past.retain(|_| {
                at += 1;
                at % 2 == 1 || at > 900
            });
        }
        let mut broken: BTreeMap<String, Broken> = BTreeMap::new();
        self.queue(sight, &mut broken);
        self.invalid(now, counts, &mut broken);
        self.silence(now, counts, &mut broken);
        self.disk(sight, &mut broken);
        self.roles(now, counts, &mut broken);
        self.stages(sight, &mut broken);
        self.refits(now, counts, &mut broken);
        self.notices(now, broken)
    }

    /// Alerts that are on, and since when.
    pub fn firing(&self) -> impl Iterator<Item = (&str, i64)> {
        self.firing.iter().map(|(name, since)| (name.as_str(), *since))
    }

    fn notices(&mut self, now: i64, broken: BTreeMap<String, Broken>) -> Vec<Notice> {
        let mut notices = Vec::new();
        let ended: Vec<String> = self.firing.keys().filter(|name| !broken.contains_key(*name)).cloned().collect();
        for name in ended {
            let since = self.firing.remove(&name).unwrap_or(now);
            let text = format!("{name}: all is well again after {} minutes", (now - since).max(0) / 60);
            let notice = Notice { alert: name, state: "resolved", since, time: now, value: 0.0, threshold: 0.0, text };
            notices.push(notice);
        }
        for (name, Broken { value, threshold, text }) in broken {
            if self.firing.contains_key(&name) {
                continue;
            }
            self.firing.insert(name.clone(), now);
            notices.push(Notice { alert: name, state: "firing", since: now, time: now, value, threshold, text });
        }
        notices
    }

    /// Seconds since which something holds, where it does.
    fn lasts(&mut self, name: &str, holds: bool, now: i64) -> i64 {
        if !holds {
            self.since.remove(name);
            return -1;
        }
        (now - *self.since.entry(name.to_owned()).or_insert(now)).max(0)
    }

    /// What was counted so long ago, or at the beginning.
    fn before(&self, time: i64) -> Option<&Counts> {
        let old = self.past.iter().rev().find(|(then, _)| *then <= time);
        old.or_else(|| self.past.front()).map(|(_, counts)| counts)
    }

    fn queue(&mut self, sight: &Sight, broken: &mut BTreeMap<String, Broken>) {
        let (minutes, least) = (self.config.queue_empty_minutes, self.config.queue_below);
        if minutes <= 0.0 {
            return;
        }
        let lasts = self.lasts("queue-empty", sight.unsent < least, sight.time);
        if lasts >= seconds(minutes, 60.0) {
            let text = format!("queue-empty: {} results wait for hosts, for {} minutes", sight.unsent, lasts / 60);
            let found = Broken { value: sight.unsent as f64, threshold: least as f64, text };
            broken.insert("queue-empty".to_owned(), found);
        }
    }

    fn invalid(&self, now: i64, counts: &Counts, broken: &mut BTreeMap<String, Broken>) {
        let most = self.config.invalid_rate;
        let Some(before) = self.before(now - HOUR).filter(|_| most > 0.0) else { return };
        let valid = counts.valid.saturating_sub(before.valid);
        let invalid = counts.invalid.saturating_sub(before.invalid);
        let all = valid + invalid;
        let rate = invalid as f64 / all.max(1) as f64;
        if all >= self.config.invalid_least.max(1) && rate > most {
            let text = format!("invalid-rate: {invalid} of {all} results of the last hour are not valid");
            broken.insert("invalid-rate".to_owned(), Broken { value: rate, threshold: most, text });
        }
    }

    fn silence(&mut self, now: i64, counts: &Counts, broken: &mut BTreeMap<String, Broken>) {
        let last = match self.last_report {
            Some((time, reports)) if reports == counts.reports => time,
            _ => now,
        };
        self.last_report = Some((last, counts.reports));
        let minutes = self.config.no_result_minutes;
        if minutes > 0.0 && now - last >= seconds(minutes, 60.0) {
            let found = (now - last) / 60;
            let text = format!("no-result: no host reported a result for {found} minutes");
            broken.insert("no-result".to_owned(), Broken { value: found as f64, threshold: minutes, text });
        }
    }

    fn disk(&self, sight: &Sight, broken: &mut BTreeMap<String, Broken>) {
        let least = self.config.disk_free_gb;
        let free = sight.disk_free as f64 / 1e9;
        if least > 0.0 && free < least {
            let text = format!("disk-full: {free:.1} GB are free on the project's disk");
            broken.insert("disk-full".to_owned(), Broken { value: free, threshold: least, text });
        }
    }

    fn roles(&self, now: i64, counts: &Counts, broken: &mut BTreeMap<String, Broken>) {
        let minutes = self.config.role_failing_minutes;
        let Some(before) = self.before(now - seconds(minutes, 60.0)).filter(|_| minutes > 0.0) else { return };
        for (role, count) in &counts.failures {
            let failed = count.saturating_sub(before.failures_of(role));
            // One that goes on is off only when nothing failed for as long.
            let name = format!("role-failing:{role}");
            let most = if self.firing.contains_key(&name) { 1 } else { self.config.role_failures.max(1) };
            if failed >= most {
                let text = format!("{name}: it failed {failed} times in {minutes} minutes; the log says why");
                broken.insert(name, Broken { value: failed as f64, threshold: most as f64, text });
            }
        }
    }

    fn stages(&mut self, sight: &Sight, broken: &mut BTreeMap<String, Broken>) {
        let minutes = self.config.stage_stopped_minutes;
        if minutes <= 0.0 {
            return;
        }
        for (stage, runs) in &sight.stages {
            let name = format!("stage-stopped:{stage}");
            let lasts = self.lasts(&name, !runs, sight.time);
            if lasts >= seconds(minutes, 60.0) {
                let text = format!("{name}: it was stopped {} minutes ago", lasts / 60);
                broken.insert(name, Broken { value: lasts as f64 / 60.0, threshold: minutes, text });
            }
        }
    }

    fn refits(&self, now: i64, counts: &Counts, broken: &mut BTreeMap<String, Broken>) {
        let hours = self.config.refit_differs_hours;
        let Some(before) = self.before(now - seconds(hours, 3600.0)).filter(|_| hours > 0.0) else { return };
        let found = counts.differs.saturating_sub(before.differs);
        if found > 0 {
            let text = format!("refit-differs: {found} validated units are not what the server itself comes to");
            broken.insert("refit-differs".to_owned(), Broken { value: found as f64, threshold: 0.0, text });
        }
    }
}

fn seconds(count: f64, unit: f64) -> i64 {
    (count * unit).clamp(0.0, 1e12) as i64
}

#[cfg(test)]
mod tests {
    use super::{Counts, Notice, Rules};
    use crate::metrics::Sight;
    use crate::project::AlertConfig;

    fn sight(time: i64) -> Sight {
        let stages = vec![("send", true), ("validate", true)];
        Sight { time, unsent: 100, disk_free: 1 << 40, stages, ..Sight::default() }
    }

    fn names(notices: &[Notice]) -> Vec<(&str, &str)> {
        notices.iter().map(|notice| (notice.alert.as_str(), notice.state)).collect()
    }

    #[test]
    fn an_empty_queue_is_told_after_its_minutes_once_and_resolved_once() {
        let mut rules = Rules::new(AlertConfig { queue_empty_minutes: 10.0, ..AlertConfig::default() }, []);
        let empty = |time| Sight { unsent: 0, ..sight(time) };
        let counts = Counts::default();
        assert!(rules.look(&sight(0), &counts).is_empty());
        assert!(rules.look(&empty(60), &counts).is_empty());
        assert!(rules.look(&empty(659), &counts).is_empty());
        assert_eq!(names(&rules.look(&empty(660), &counts)), [("queue-empty", "firing")]);
        assert!(rules.look(&empty(720), &counts).is_empty());
        let ended = rules.look(&sight(780), &counts);
        assert_eq!(names(&ended), [("queue-empty", "resolved")]);
        assert_eq!((ended[0].since, ended[0].time), (660, 780));
        // A short one after that begins anew.
        assert!(rules.look(&empty(800), &counts).is_empty());
    }

    #[test]
    fn the_invalid_rate_is_of_the_last_hour_and_of_enough_results() {
        let mut rules = Rules::new(AlertConfig { invalid_rate: 0.1, invalid_least: 20, ..AlertConfig::default() }, []);
        let counts = |valid, invalid| Counts { valid, invalid, reports: valid + invalid, ..Counts::default() };
        assert!(rules.look(&sight(0), &counts(1000, 0)).is_empty());
        assert!(rules.look(&sight(60), &counts(1005, 5)).is_empty(), "ten results are too few");
        assert_eq!(names(&rules.look(&sight(120), &counts(1020, 5))), [("invalid-rate", "firing")]);
        assert_eq!(names(&rules.look(&sight(180), &counts(1100, 5))), [("invalid-rate", "resolved")]);
        // An hour later these count no more.
        assert_eq!(names(&rules.look(&sight(3900), &counts(1118, 8))), [("invalid-rate", "firing")]);
    }

    #[test]
    fn silence_disk_and_stopped_stages_are_told() {
        let config = AlertConfig {
            no_result_minutes: 60.0,
            disk_free_gb: 5.0,
            stage_stopped_minutes: 10.0,
            ..AlertConfig::default()
        };
        let mut rules = Rules::new(config, []);
        let counts = |reports| Counts { reports, ..Counts::default() };
        assert!(rules.look(&sight(0), &counts(1)).is_empty());
        let stopped = |time| Sight { disk_free: 4_000_000_000, stages: vec![("validate", false)], ..sight(time) };
        assert_eq!(names(&rules.look(&stopped(60), &counts(1))), [("disk-full", "firing")]);
        assert_eq!(names(&rules.look(&stopped(660), &counts(1))), [("stage-stopped:validate", "firing")]);
        assert_eq!(names(&rules.look(&stopped(3600), &counts(1))), [("no-result", "firing")]);
        let ended = rules.look(&sight(3700), &counts(2));
        assert_eq!(
            names(&ended),
            [("disk-full", "resolved"), ("no-result", "resolved"), ("stage-stopped:validate", "resolved")]
        );
    }

    #[test]
    fn a_role_that_fails_again_and_again_is_told_until_it_was_well_for_as_long() {
        let mut rules =
            Rules::new(AlertConfig { role_failing_minutes: 10.0, role_failures: 3, ..AlertConfig::default() }, []);
        let counts = |count| Counts { failures: vec![("validator", count)], ..Counts::default() };
        assert!(rules.look(&sight(0), &counts(0)).is_empty());
        assert!(rules.look(&sight(60), &counts(2)).is_empty());
        assert_eq!(names(&rules.look(&sight(120), &counts(3))), [("role-failing:validator", "firing")]);
        assert!(rules.look(&sight(600), &counts(4)).is_empty());
        assert!(rules.look(&sight(1100), &counts(4)).is_empty());
        assert_eq!(names(&rules.look(&sight(1300), &counts(4))), [("role-failing:validator", "resolved")]);
    }

    #[test]
    fn alerts_of_an_earlier_process_are_resolved_by_the_next() {
        let mut rules = Rules::new(AlertConfig::default(), [("disk-full".to_owned(), 5)]);
        let ended = rules.look(&sight(100), &Counts::default());
        assert_eq!(names(&ended), [("disk-full", "resolved")]);
        assert_eq!(ended[0].since, 5);
    }

    #[test]
    fn a_threshold_of_nought_turns_a_rule_off() {
        let off = AlertConfig {
            queue_empty_minutes: 0.0,
            invalid_rate: 0.0,
            no_result_minutes: 0.0,
            disk_free_gb: 0.0,
            role_failing_minutes: 0.0,
            stage_stopped_minutes: 0.0,
            refit_differs_hours: 0.0,
            ..AlertConfig::default()
        };
        let mut rules = Rules::new(off, []);
        let bad = Counts { invalid: 500, differs: 3, failures: vec![("validator", 99)], ..Counts::default() };
        rules.look(&sight(0), &Counts::default());
        let worst = Sight { time: 1 << 30, stages: vec![("send", false)], ..Sight::default() };
        assert!(rules.look(&worst, &bad).is_empty());
    }
}
