//! A crowd against a small server: what hosts do, what they report, what is counted.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(missing_docs, unreachable_pub, reason = "the fake server is the tests' own")]

mod fake;

use std::sync::atomic::AtomicBool;

use fake::{Fake, Manner};
use pogson_volunteers::clock::{Pretended, Wall};
use pogson_volunteers::habits::Habits;
use pogson_volunteers::output::{Author, Form, output};
use pogson_volunteers::profile::Kinds;
use pogson_volunteers::{Accounts, Pace, Plan, Summary, emulate};

fn plan(fake: &Fake) -> Plan {
    Plan {
        url: fake.url.clone(),
        hosts: 20,
        accounts: Accounts::Create { count: 5, domain: "example.org".into() },
        seed: 11,
        pace: Pace::Rate { per_second: 200.0, tasks: 2 },
        seconds: 1.0,
        drain: 20.0,
        retry: (0.05, 0.1),
        patience: 5.0,
        ..Plan::default()
    }
}

fn run(plan: &Plan) -> Summary {
    emulate(plan, &mut Wall::new(), &AtomicBool::new(false)).unwrap()
}

/// Days pass by in seconds.
fn simulated(fake: &Fake, habits: Habits) -> Plan {
    Plan {
        pace: Pace::Natural { spread: 3600.0, buffer: 1800.0 },
        seconds: 2.0 * 86_400.0,
        drain: 7.0 * 86_400.0,
        habits,
        kinds: Kinds { mixed: false, processors: Some(1), ..Kinds::default() },
        hosts: 10,
        ..plan(fake)
    }
}

fn simulate(plan: &Plan) -> Summary {
    emulate(plan, &mut Pretended::new(1e9, 1.0, None).unwrap(), &AtomicBool::new(false)).unwrap()
}

#[test]
fn outputs_are_sent_whole_before_they_are_reported() {
    let fake = Fake::start(Manner::default());
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let summary = run(&Plan { record: Some(record.clone()), addresses: 7, ..plan(&fake) });
    let seen = fake.seen.lock().unwrap();
    assert_eq!(seen.problems, Vec::<String>::new());
    assert_eq!((seen.hosts, summary.hosts, seen.without_file), (20, 20, 0));
    assert_eq!(seen.accounts.len(), 5);
    assert!(summary.errors.is_empty(), "{:?}", summary.errors);
    assert!(seen.reports.len() > 50, "{}", seen.reports.len());
    assert_eq!(seen.reports.len() as u64, seen.sent, "every task is reported in the end");
    for name in seen.reports.keys() {
        let unit = name.strip_suffix("_0").unwrap();
        let right = output(unit, 0, 4000, Form::Digits, Author::Honest);
        assert!(seen.files[&format!("{name}_0")] == right, "{name}");
    }
    // About 200 requests a second for a second, and the first of each host.
    assert!((150..=260).contains(&summary.rpc.count), "{}", summary.rpc.count);
    assert!(seen.key_shown > 0 && seen.sticky > 0);
    let record = std::fs::read_to_string(record).unwrap();
    let lines = |word: &str| record.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((lines("upload "), lines("report ")), (seen.files.len(), seen.reports.len()));
    let first = record.lines().find(|line| line.starts_with("upload ")).unwrap().split(' ').collect::<Vec<_>>();
    assert_eq!((first[2], first[3]), ("4000", seen.md5s[first[1]].as_str()));
}

#[test]
fn large_outputs_go_on_where_they_were_cut() {
    let fake = Fake::start(Manner::default());
    let habits = Habits { cut_upload: 0.5, lost_upload: 0.2, ..Habits::default() };
    let summary = run(&Plan { output_bytes: 200_000, habits, ..plan(&fake) });
    let seen = fake.seen.lock().unwrap();
    assert_eq!(seen.problems, Vec::<String>::new());
    assert_eq!(seen.without_file, 0);
    assert_eq!(seen.reports.len() as u64, seen.sent);
    assert!(summary.counts["uploads_resumed"] > 5, "{:?}", summary.counts);
    assert!(summary.counts["uploads_found_whole"] > 5, "{:?}", summary.counts);
    assert!(summary.errors["upload: connection dropped on purpose"] > 10);
}

#[test]
fn lost_replies_lead_to_second_reports() {
    let fake = Fake::start(Manner::default());
    let habits = Habits { lost_reply: 0.3, duplicate: 0.3, ..Habits::default() };
    let summary = run(&Plan { habits, ..plan(&fake) });
    let seen = fake.seen.lock().unwrap();
    assert!(seen.reports.values().any(|report| report.2 > 1));
    assert!(summary.counts["acks_of_duplicates"] > 0, "{:?}", summary.counts);
    assert!(summary.errors["rpc: connection dropped on purpose"] > 5);
    assert_eq!(seen.without_file, 0);
}

#[test]
fn a_server_that_is_busy_or_short_of_room_gets_everything_in_the_end() {
    let fake = Fake::start(Manner { transient_once: true, busy: true, ..Manner::default() });
    let summary = run(&plan(&fake));
    let seen = fake.seen.lock().unwrap();
    assert_eq!((seen.reports.len() as u64, seen.without_file), (seen.sent, 0));
    assert_eq!(summary.errors["upload: transient error"], seen.files.len() as u64);
    assert!(summary.errors["rpc: HTTP status 503"] > 20);
}

#[test]
fn an_output_that_is_refused_for_good_is_reported_as_done_without_a_file() {
    let fake = Fake::start(Manner { permanent: true, ..Manner::default() });
    let summary = run(&plan(&fake));
    let seen = fake.seen.lock().unwrap();
    assert!(seen.without_file > 0 && seen.without_file == seen.reports.len() as u64);
    assert!(seen.reports.values().all(|(state, exit, _)| (*state, *exit) == (5, 0)));
    assert_eq!(summary.errors["upload: refused for good"], seen.sent);
}

#[test]
fn hosts_wait_as_long_as_they_are_told() {
    let fake = Fake::start(Manner { delay: 0.5, ..Manner::default() });
    let summary = run(&Plan { hosts: 2, pace: Pace::Rate { per_second: 100.0, tasks: 1 }, ..plan(&fake) });
    // Two hosts, half a second between requests, one second and a last report each.
    assert!(summary.rpc.count <= 8, "{}", summary.rpc.count);
    assert!(summary.counts["turns_held_back"] > 0);
}

#[test]
fn programs_are_taken_only_with_the_project_s_signature() {
    for wrong_key in [false, true] {
        let fake = Fake::start(Manner { wrong_key, ..Manner::default() });
        let summary = run(&Plan { downloads: true, hosts: 5, ..plan(&fake) });
        let seen = fake.seen.lock().unwrap();
        assert!(!seen.reports.is_empty());
        let as_refused = seen.reports.values().filter(|(state, exit, _)| (*state, *exit) == (1, -186)).count();
        assert_eq!(as_refused, if wrong_key { seen.reports.len() } else { 0 });
        assert_eq!(summary.errors.contains_key("download: wrong signature"), wrong_key);
    }
}

#[test]
fn a_simulation_is_the_same_again_and_keeps_its_rates() {
    let habits = Habits { error: 0.2, silent: 0.1, wrong: 0.1, trickle: 0.2, ..Habits::default() };
    let outcome = || {
        let fake = Fake::start(Manner { delay: 7.0, ..Manner::default() });
        let summary = simulate(&Plan { at_once: 1, ..simulated(&fake, habits.clone()) });
        let seen = fake.seen.lock().unwrap();
        assert_eq!((seen.problems.len(), seen.without_file), (0, 0));
        assert!(seen.trickles > 0);
        (summary.counts, seen.reports.clone(), seen.md5s.clone())
    };
    let (counts, reports, md5s) = outcome();
    let share = |what: &str| counts[what] as f64 / counts["tasks"] as f64;
    assert!(counts["tasks"] > 1000, "{counts:?}");
    assert!((share("reports_of_errors") - 0.2).abs() < 0.04, "{counts:?}");
    assert!((share("silent") - 0.1).abs() < 0.03, "{counts:?}");
    assert!((share("wrong") - 0.1).abs() < 0.03, "{counts:?}");
    assert_eq!(counts["tasks"], counts["silent"] + counts["reports"] + counts["reports_of_errors"], "{counts:?}");
    let again = outcome();
    assert_eq!((counts, reports), (again.0, again.1));
    assert_eq!(md5s, again.2);
}

#[test]
fn a_natural_host_computes_as_fast_as_it_is() {
    let fake = Fake::start(Manner { delay: 7.0, ..Manner::default() });
    let summary = simulate(&Plan { hosts: 10, ..simulated(&fake, Habits::default()) });
    // Tasks of 1e12 operations at about 3e9 a second: some 330 s each, on 10 hosts for two days; hosts' speeds scatter by 1.5.
    let expected = 10.0 * 2.0 * 86_400.0 / (1e12 / 3e9);
    let ratio = summary.counts["tasks"] as f64 / expected;
    assert!((0.7..1.4).contains(&ratio), "{ratio}");
}
