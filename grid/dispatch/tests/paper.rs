//! The paper of context-based dispatching: its tables, in the order in which a request meets them, and what its policy comes to.
//!
//! Of its example's figures those are known that its Equation 2 gives for class C: 0, 0.4 and 0.6. The reports that they follow from are
//! made up here, and so are addresses.

use pogson_dispatch::Request;
use pogson_dispatch::costs::Costs;
use pogson_dispatch::paper::{Admitted, FilterTable, Member, MemberTable, Network, connections};
use pogson_dispatch::policy::{BindTable, Context, Policy, Report, Settings, hits};
use pogson_dispatch::servers::Servers;
use pogson_dispatch::simulate::{Scenario, run};

/// Queues of three servers, by class A, B, C, and the seconds that they will take.
fn reports() -> [Report; 3] {
    [([6, 4, 0], 105.0), ([3, 3, 4], 95.0), ([2, 2, 6], 120.0)].map(|(classes, total_s)| Report {
        queue: classes.iter().sum(),
        classes: classes.to_vec(),
        total_s,
        limit: None,
    })
}

/// Table 6 as it is printed binds class C to the second server. By Equation 2 that has 0.4 of it and the third has 0.6, and the class is
/// bound where H is largest: to the third.
#[test]
fn class_c_goes_to_the_third_server() {
    for (found, expected) in hits(&reports(), 2).into_iter().zip([0.0, 0.4, 0.6]) {
        assert!((found - expected).abs() < 1e-12);
    }
    assert_eq!(BindTable::of(&reports(), 3).server, [Some(0), Some(0), Some(2)]);
}

#[test]
fn parts_of_a_class_add_up_to_one_or_none() {
    for class in 0..3 {
        let sum: f64 = hits(&reports(), class).iter().sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }
    assert_eq!(hits(&reports(), 3), [0.0; 3], "a class that nobody has");
    assert_eq!(hits(&[Report::default(), Report::default()], 0), [0.0; 2], "queues that are empty");
}

#[test]
fn a_request_meets_the_tables_one_after_the_other() {
    // The member table: a new connection of the observatory's network is of the high level.
    let network = Network { address: "192.0.2.0".parse().expect("an address"), bits: 24 };
    let observatory = Member { from: Some(network), port: Some(80), cookie: None, level: 0 };
    let members = MemberTable { rows: vec![observatory], otherwise: 2 };
    let level = |from: &str| members.level(from.parse().expect("an address"), 80, "");
    assert_eq!([level("192.0.2.77"), level("198.51.100.1")], [0, 2]);
    // The filter table: the cluster is full, and the guest that came last gives its place up.
    let mut filters = FilterTable::new(connections(3, 55, 65), 60.0);
    for guest in 0..184 {
        assert_eq!(filters.admit(guest, level("198.51.100.1"), 0.0), Admitted::Accepted);
    }
    assert_eq!(filters.admit(200, level("198.51.100.1"), 1.0), Admitted::Rejected, "2 x 65 + 55 - 1 live");
    assert_eq!(filters.admit(201, level("192.0.2.77"), 1.0), Admitted::InPlaceOf(183));
    // The bind table: contexts of class C go to the third server, until that is behind by more than T_load.
    let servers = Servers::new(&[100; 3], Costs::known(&[(1.0, 10.0)]));
    let mut policy = Context::new(3, 600.0);
    let tell = |policy: &mut Context, third_s: f64| {
        for (at, report) in reports().into_iter().enumerate() {
            let total_s = if at == 2 { third_s } else { report.total_s };
            policy.report(at, &Report { total_s, ..report });
        }
        policy.choose(Request { context: 2, product: 0 }, &servers, 0.0)
    };
    assert_eq!(tell(&mut policy, 695.0), Some(2));
    assert_eq!(tell(&mut policy, 695.1), Some(1), "the least loaded");
}

fn throughput(policy: &str, feedback_s: f64, settings: &Settings) -> f64 {
    let scenario = Scenario { feedback_s, ..Scenario::by_name("saturated-500").expect("a known name") };
    run(&scenario, policy, settings, 1).expect("a known name").throughput
}

/// With full queues, 500 contexts and 20 classes: answers a second of an independent simulation by others, at the best of some T_load.
#[test]
fn context_based_dispatching_passes_lard_with_fresh_feedback_alone() {
    let settings = Settings { t_low: 55, classes: 20, ..Settings::default() };
    let lard = throughput("lard", 0.5, &settings);
    assert!((lard / 1088.0 - 1.0).abs() < 0.05, "{lard}");
    for (feedback_s, others) in [(0.05, 1806.0), (0.2, 1239.0), (1.0, 592.0)] {
        let by_load = [0.5, 0.7, 1.0]
            .map(|t_load_s| throughput("context", feedback_s, &Settings { t_load_s, ..settings.clone() }));
        let best = by_load.into_iter().fold(0.0, f64::max);
        assert!((best / others - 1.0).abs() < 0.15, "feedback {feedback_s} s: {best}, others {others}");
        assert_eq!(best > lard, feedback_s < 0.3);
    }
    let stale =
        [0.1, 0.5, 1.0, 3.0].map(|t_load_s| throughput("context", 5.0, &Settings { t_load_s, ..settings.clone() }));
    assert!(stale.iter().all(|rate| *rate < 0.3 * lard), "{stale:?}");
}

/// The paper's 600 s are 57 of its example's mean service times of 10.5 s. At costs of milliseconds no queue is ever so far behind, and
/// all goes to where it went first.
#[test]
fn t_load_of_the_paper_sends_all_to_few_servers_at_costs_of_milliseconds() {
    let settings = Settings { classes: 20, ..Settings::default() };
    let scaled = throughput("context", 0.05, &Settings { t_load_s: 0.5, ..settings.clone() });
    let as_printed = throughput("context", 0.05, &Settings { t_load_s: 600.0, ..settings });
    assert!(as_printed < 0.4 * scaled, "{as_printed} against {scaled}");
}
