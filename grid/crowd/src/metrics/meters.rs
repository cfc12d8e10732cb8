//! Counters and gauges, and their names.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::sight::Sight;
use super::tally::Tally;
use crate::role::MICRO;
use crate::schedule::Catalogue;

/// A label with a word of ours.
type Word = [(&'static str, &'static str); 1];
/// Platform and how a result failed there.
type Failed = [(&'static str, String); 2];
type Real = Counter<f64, AtomicU64>;
type Level = Gauge<f64, AtomicU64>;

/// BOINC's outcomes, by number.
const OUTCOMES: [&str; 8] = [
    "unknown",
    "success",
    "could_not_send",
    "client_error",
    "no_reply",
    "not_needed",
    "validate_error",
    "client_detached",
];
/// BOINC's validate states, by number.
const VALIDITIES: [&str; 8] =
    ["unknown", "valid", "invalid", "not_checked", "inconclusive", "too_late", "other", "other"];

/// A part that a project brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Makes work.
    Generator,
    /// Compares outputs.
    Validator,
    /// Takes outcomes.
    Assimilator,
    /// Does units again.
    Refitter,
    /// Looks after the house.
    Keeper,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] = [Role::Generator, Role::Validator, Role::Assimilator, Role::Refitter, Role::Keeper];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Role::Generator => "generator",
            Role::Validator => "validator",
            Role::Assimilator => "assimilator",
            Role::Refitter => "refitter",
            Role::Keeper => "keeper",
        }
    }
}

/// All of a server's counters. They are counted up by atomic additions, and begin at zero with the process.
#[derive(Debug)]
pub struct Meters {
    registry: Registry,
    rpcs: Family<Word, Counter>,
    rpc_seconds: Histogram,
    uploads: Family<Word, Counter>,
    upload_bytes: Counter,
    sent: Counter,
    over: Family<Word, Counter>,
    judged: Family<Word, Counter>,
    failures: Family<Failed, Counter>,
    credit: Real,
    units: Family<Word, Counter>,
    refits: Family<Word, Counter>,
    role_failures: Family<Word, Counter>,
    alerts: Family<Word, Counter>,
    transaction_seconds: Histogram,
    transaction_questions: Histogram,
    taken_back: Counter,
    commit_seconds: Histogram,
    sync_seconds: Histogram,
    results_now: Family<Word, Level>,
    units_now: Family<Word, Level>,
    active: Family<Word, Level>,
    bytes: Family<Word, Level>,
    stages: Family<Word, Level>,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 18))
}

impl Default for Meters {
    fn default() -> Meters {
        let mut registry = Registry::with_prefix("pogson");
        macro_rules! meter {
            ($name:literal, $about:literal, $meter:expr) => {{
                let meter = $meter;
                registry.register($name, $about, meter.clone());
                meter
            }};
        }
        let rpcs = meter!("rpcs", "Scheduler RPCs, by what came of them", Family::default());
        let rpc_seconds = meter!("rpc_seconds", "Time from a whole request to its answer", seconds());
        let uploads = meter!("uploads", "Requests to the upload handler, by answer", Family::default());
        let upload_bytes = meter!("upload_bytes", "Bytes of uploads that were stored", Counter::default());
        let sent = meter!("results_sent", "Results that were given to hosts", Counter::default());
        let over = meter!("results_over", "Results that came to an end, by outcome", Family::default());
        let judged = meter!("results_judged", "Results that were compared, by what was found", Family::default());
        let failures = meter!("result_failures", "Results that failed, by platform and how", Family::default());
        let credit = meter!("credit", "Cobblestones that were granted", Real::default());
        let units = meter!("units", "Work units that were made, handed on, and given up", Family::default());
        let refits = meter!("refits", "Validated units done again by the server, by what was found", Family::default());
        let role_failures =
            meter!("role_failures", "Times that a part of the project could not do its work", Family::default());
        let alerts = meter!("alerts_sent", "Messages to the webhook, by what came of them", Family::default());
        let transaction_seconds =
            meter!("transaction_seconds", "Time that the engine took for a transaction", seconds());
        let transaction_questions = meter!(
            "transaction_questions",
            "Questions that were answered in a transaction",
            Histogram::new(exponential_buckets(1.0, 2.0, 9))
        );
        let taken_back = meter!("transactions_taken_back", "Transactions that failed", Counter::default());
        let commit_seconds =
            meter!("commit_seconds", "Time in which the database made a transaction durable", seconds());
        let sync_seconds = meter!("spool_sync_seconds", "Time in which uploads were made durable", seconds());
        let results_now =
            meter!("results_now", "Results that wait for hosts, and that are with them", Family::default());
        let units_now =
            meter!("units_now", "Work units in the database, and those that wait for a stage", Family::default());
        let active =
            meter!("active", "Hosts heard of in the last day, and users with credit of late", Family::default());
        let bytes = meter!("bytes", "Bytes of database and spool, and free on the project's disk", Family::default());
        let stages = meter!("stage_running", "1 where a stage runs, 0 where it was stopped", Family::default());
        Meters {
            registry,
            rpcs,
            rpc_seconds,
            uploads,
            upload_bytes,
            sent,
            over,
            judged,
            failures,
            credit,
            units,
            refits,
            role_failures,
            alerts,
            transaction_seconds,
            transaction_questions,
            taken_back,
            commit_seconds,
            sync_seconds,
            results_now,
            units_now,
            active,
            bytes,
            stages,
        }
    }
}

impl Meters {
    /// All of them in Prometheus's (OpenMetrics) text form.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// A scheduler RPC was answered.
    pub fn rpc(&self, answer: &'static str, took: Duration) {
        self.rpcs.get_or_create(&[("answer", answer)]).inc();
        self.rpc_seconds.observe(took.as_secs_f64());
    }

    /// A request to the upload handler was answered.
    pub fn upload(&self, answer: &'static str) {
        self.uploads.get_or_create(&[("answer", answer)]).inc();
    }

    /// An upload was stored.
    pub fn stored(&self, bytes: u64) {
        self.upload_bytes.inc_by(bytes);
    }

    /// The spool made uploads durable.
    pub fn synced(&self, took: Duration) {
        self.sync_seconds.observe(took.as_secs_f64());
    }

    /// A unit was done again by the server.
    pub fn refit(&self, found: &'static str) {
        self.refits.get_or_create(&[("found", found)]).inc();
    }

    /// Units that were done again and differ.
    pub fn refits_that_differ(&self) -> u64 {
        self.refits.get_or_create(&[("found", "differs")]).get()
    }

    /// A role could not do its part.
    pub fn role_failed(&self, role: Role) {
        self.role_failures.get_or_create(&[("role", role.word())]).inc();
    }

    /// How often it could not.
    pub fn failures_of(&self, role: Role) -> u64 {
        self.role_failures.get_or_create(&[("role", role.word())]).get()
    }

    /// A message to the webhook.
    pub fn alert(&self, came_to: &'static str) {
        self.alerts.get_or_create(&[("answer", came_to)]).inc();
    }

    /// Results that were found valid, and invalid, since the process began.
    pub fn verdicts(&self) -> (u64, u64) {
        let of = |word| self.judged.get_or_create(&[("validity", word)]).get();
        (of("valid"), of("invalid"))
    }

    /// Results that hosts reported since the process began.
    pub fn reports(&self) -> u64 {
        ["success", "client_error", "validate_error"]
            .iter()
            .map(|word| self.over.get_or_create(&[("outcome", *word)]).get())
            .sum()
    }

    /// A transaction was made.
    pub(crate) fn transaction(&self, questions: usize, took: Duration, commit: Duration) {
        self.transaction_seconds.observe(took.as_secs_f64());
        self.commit_seconds.observe(commit.as_secs_f64());
        if questions > 0 {
            self.transaction_questions.observe(questions as f64);
        }
    }

    /// A transaction was taken back.
    pub(crate) fn taken_back(&self) {
        self.taken_back.inc();
    }

    /// What a transaction did.
    pub(crate) fn take(&self, tally: &Tally, catalogue: &Catalogue) {
        self.sent.inc_by(tally.sent);
        if tally.credit > 0 {
            self.credit.inc_by(tally.credit as f64 / MICRO as f64);
        }
        let some = |(_, count): &(&&'static str, &u64)| **count > 0;
        for (word, count) in OUTCOMES.iter().zip(&tally.over).filter(some) {
            self.over.get_or_create(&[("outcome", *word)]).inc_by(*count);
        }
        for (word, count) in VALIDITIES.iter().zip(&tally.judged).filter(some) {
            self.judged.get_or_create(&[("validity", *word)]).inc_by(*count);
        }
        let ends = [("made", tally.made), ("given_up", tally.given_up), ("assimilated", tally.assimilated)];
        for (word, count) in ends.into_iter().filter(|(_, count)| *count > 0) {
            self.units.get_or_create(&[("event", word)]).inc_by(count);
        }
        for (version, failure) in &tally.failures {
            let platform = catalogue.versions.get(version).map_or("anonymous", |row| row.platform.as_str());
            let labels = [("platform", platform.to_owned()), ("how", failure.word().to_owned())];
            self.failures.get_or_create(&labels).inc();
        }
    }

    /// What was looked up.
    pub(crate) fn show(&self, sight: &Sight) {
        let set = |family: &Family<Word, Level>, label: &'static str, values: &[(&'static str, f64)]| {
            for (word, value) in values {
                family.get_or_create(&[(label, *word)]).set(*value);
            }
        };
        set(&self.results_now, "state", &[("unsent", sight.unsent as f64), ("in_progress", sight.in_progress as f64)]);
        set(
            &self.units_now,
            "waiting_for",
            &[
                ("anything", sight.units as f64),
                ("validation", sight.to_validate as f64),
                ("assimilation", sight.to_assimilate as f64),
                ("deletion", sight.to_delete as f64),
                ("refit", sight.to_refit as f64),
            ],
        );
        set(&self.active, "who", &[("hosts", sight.hosts as f64), ("users", sight.users as f64)]);
        set(
            &self.bytes,
            "of",
            &[
                ("database", sight.database_bytes as f64),
                ("spool", sight.spool_bytes as f64),
                ("disk_free", sight.disk_free as f64),
            ],
        );
        let stages: Vec<(&'static str, f64)> =
            sight.stages.iter().map(|(name, on)| (*name, if *on { 1.0 } else { 0.0 })).collect();
        set(&self.stages, "stage", &stages);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Meters, OUTCOMES, VALIDITIES};
    use crate::life::{Outcome, Validity};
    use crate::metrics::tally::{Failure, Tally};
    use crate::schedule::Catalogue;

    #[test]
    fn words_stand_at_their_numbers() {
        let word = |outcome: Outcome| OUTCOMES[outcome.number() as usize];
        assert_eq!(word(Outcome::Success), "success");
        assert_eq!(word(Outcome::ClientError), "client_error");
        assert_eq!(word(Outcome::NoReply), "no_reply");
        assert_eq!(word(Outcome::DidntNeed), "not_needed");
        assert_eq!(word(Outcome::ValidateError), "validate_error");
        assert_eq!(word(Outcome::ClientDetached), "client_detached");
        let word = |validity: Validity| VALIDITIES[validity.number() as usize];
        assert_eq!(word(Validity::Valid), "valid");
        assert_eq!(word(Validity::Invalid), "invalid");
        assert_eq!(word(Validity::NotChecked), "not_checked");
        assert_eq!(word(Validity::Inconclusive), "inconclusive");
        assert_eq!(word(Validity::TooLate), "too_late");
    }

    #[test]
    fn what_was_counted_is_in_the_text() {
        let meters = Meters::default();
        meters.rpc("work", Duration::from_millis(3));
        meters.rpc("work", Duration::from_millis(3));
        let tally = Tally {
            sent: 4,
            over: [0, 3, 0, 1, 0, 0, 0, 0],
            judged: [0, 2, 1, 0, 0, 0, 0, 0],
            failures: vec![(0, Failure::Invalid)],
            credit: 2_500_000,
            ..Tally::default()
        };
        meters.take(&tally, &Catalogue::default());
        let text = meters.text();
        for line in [
            "pogson_rpcs_total{answer=\"work\"} 2",
            "pogson_rpc_seconds_count 2",
            "pogson_results_sent_total 4",
            "pogson_results_over_total{outcome=\"success\"} 3",
            "pogson_results_judged_total{validity=\"invalid\"} 1",
            "pogson_result_failures_total{platform=\"anonymous\",how=\"invalid\"} 1",
            "pogson_credit_total 2.5",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!((meters.verdicts(), meters.reports()), ((2, 1), 4));
    }
}
