//! A trace of the simulated worlds gives the same decisions when it is replayed.

use pogson_dispatch::Request;
use pogson_dispatch::dispatcher::{FirstCosts, Setup, Tuning};
use pogson_dispatch::policy::{NAMES, Report, Settings};
use pogson_dispatch::servers::Answer;
use pogson_dispatch::simulate::{Outcome, Scenario, run_traced};
use pogson_dispatch::trace::{Event, Reader, Recorder, TraceError, begin, decisions, estimate};
use proptest::prelude::*;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// Runs a world, and gives its trace as text.
fn traced(scenario: &Scenario, policy: &str, seed: u64) -> (Outcome, String) {
    let settings = Settings::default();
    let shared = Shared::default();
    let recorder = Recorder::new(shared.clone(), &scenario.setup(policy, &settings, seed)).expect("memory");
    let outcome = run_traced(scenario, policy, &settings, seed, recorder.listener()).expect("a known name");
    recorder.end().expect("memory");
    let text = std::mem::take(&mut *shared.0.lock().expect("one thread"));
    (outcome, String::from_utf8(text).expect("text"))
}

/// Bytes that are written, and read later.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one thread").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn world(name: &str) -> Scenario {
    let slow_start_s = if name == "away" { 5.0 } else { 0.0 };
    Scenario { requests: 6000, warm_up: 0, slow_start_s, ..Scenario::by_name(name).expect("a known name") }
}

fn reader(text: &str) -> Reader<&[u8]> {
    Reader::new(text.as_bytes()).expect("a trace")
}

#[test]
fn a_trace_of_any_policy_gives_the_same_decisions() {
    for (name, gates, knows) in [("saturated-1000", 1, true), ("away", 2, false), ("paper-500", 1, true)] {
        let scenario = Scenario { gates, knows, ..world(name) };
        for policy in NAMES {
            let (_, text) = traced(&scenario, policy, 7);
            let read = reader(&text);
            let setup = read.setup().clone();
            assert_eq!(setup, scenario.setup(policy, &Settings::default(), 7));
            let compared = decisions(&setup, read).expect("a whole trace");
            assert_eq!((compared.different, compared.first), (0, None), "{name}, {policy}");
            assert!(compared.same > 1000);
        }
    }
}

#[test]
fn a_decision_that_was_changed_is_found_with_its_line() {
    let (_, text) = traced(&world("open"), "pogson", 1);
    let asked = |line: &&str| line.starts_with("ask ");
    let at =
        text.lines().position(|line| asked(&line) && line.ends_with(" 3")).expect("a request that went to the fourth");
    let changed: String = text
        .lines()
        .enumerate()
        .map(
            |(number, line)| if number == at { format!("{}4\n", &line[..line.len() - 1]) } else { format!("{line}\n") },
        )
        .collect();
    let compared = decisions(reader(&changed).setup(), reader(&changed)).expect("a whole trace");
    let first = compared.first.expect("one is different");
    assert_eq!((first.line, first.traced, first.here), (at as u64 + 1, Some(4), Some(3)));
}

/// The estimate for the policy that made the trace is held against what truly happened, that for others against a run of theirs. Worlds
/// with room to spare: requests come at the same times whatever the policy.
#[test]
fn what_another_policy_would_have_done_is_estimated() {
    let scenario = Scenario { requests: 20_000, ..world("open") };
    let (own, text) = traced(&scenario, "lard", 3);
    let compared = decisions(reader(&text).setup(), reader(&text)).expect("a whole trace");
    assert!(
        (compared.traced.hit_rate - own.hit_rate).abs() < 1e-9 && (compared.traced.p99_ms - own.p99_ms).abs() < 1e-3
    );
    for policy in ["lard", "pogson", "rendezvous", "bounded-load"] {
        let (truly, _) = traced(&scenario, policy, 3);
        let setup = Setup { policy: policy.into(), ..reader(&text).setup().clone() };
        let estimated = estimate(&setup, reader(&text), &compared.known).expect("a whole trace");
        assert_eq!(estimated.requests + estimated.refused, 20_000);
        assert!((estimated.hit_rate - truly.hit_rate).abs() < 0.02, "{policy}: {estimated:?}, truly {truly:?}");
        assert!((estimated.p50_ms / truly.p50_ms - 1.0).abs() < 0.2, "{policy}: {estimated:?}, truly {truly:?}");
        assert!(estimated.imbalance >= 1.0 && estimated.imbalance < 2.0, "{policy}: {estimated:?}");
    }
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1e9, Just(0.0), 0.0..1e-9]
}

fn event() -> impl Strategy<Value = Event> {
    let place = 0_usize..100;
    let room = 0_usize..1 << 22;
    prop_oneof![
        (real(), any::<u64>(), room.clone(), real()).prop_map(|(at_s, id, room, weight)| Event::Join {
            at_s,
            id,
            room,
            weight
        }),
        (real(), place.clone()).prop_map(|(at_s, place)| Event::Leave { at_s, place }),
        (real(), place.clone(), any::<bool>()).prop_map(|(at_s, place, up)| Event::Up { at_s, place, up }),
        (real(), place.clone()).prop_map(|(at_s, place)| Event::Anew { at_s, place }),
        (real(), place.clone(), real()).prop_map(|(at_s, place, weight)| Event::Weight { at_s, place, weight }),
        (real(), place.clone(), any::<u32>()).prop_map(|(at_s, place, holds)| Event::Hold { at_s, place, holds }),
        (real(), place.clone(), room).prop_map(|(at_s, place, room)| Event::Room { at_s, place, room }),
        (real(), place.clone(), any::<u32>(), any::<Option<u32>>(), real(), prop::collection::vec(any::<u32>(), 0..4))
            .prop_map(|(at_s, place, queue, limit, total_s, classes)| Event::Report {
                at_s,
                place,
                report: Report { queue, classes, total_s, limit }
            }),
        (real(), 0_u64..9, any::<(u64, u32)>(), prop::collection::vec(place.clone(), 0..3), prop::option::of(place))
            .prop_map(|(at_s, number, (context, product), tried, chosen)| Event::Request {
                at_s,
                number,
                request: Request { context, product },
                tried,
                chosen
            }),
        (real(), 0_u64..9, any::<Option<bool>>(), prop::option::of(real())).prop_map(
            |(at_s, number, hit, service_s)| Event::Answer { at_s, number, answer: Answer { hit, service_s } }
        ),
        (real(), 0_u64..9).prop_map(|(at_s, number)| Event::Withdraw { at_s, number }),
        (real(), real(), real(), any::<bool>()).prop_map(|(at_s, slow_start_s, reports_count_s, learns_rooms)| {
            Event::Tune { at_s, tuning: Tuning { slow_start_s, reports_count_s, learns_rooms } }
        }),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let costs = prop_oneof![
        (real(), real()).prop_map(|(hit_s, miss_s)| FirstCosts::Guessed(hit_s, miss_s)),
        prop::collection::vec((real(), real()), 0..4).prop_map(FirstCosts::Known),
    ];
    (0..NAMES.len(), any::<u64>(), costs, any::<bool>(), (real(), real(), real(), real(), any::<[u32; 2]>())).prop_map(
        |(name, seed, costs, learns_rooms, (slow_start_s, bound, beta, price, [t_low, t_high]))| Setup {
            policy: NAMES[name].into(),
            settings: Settings { bound, beta, price, t_low, t_high, ..Settings::default() },
            seed,
            costs,
            learns_rooms,
            slow_start_s,
            reports_count_s: bound,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(setup in setup(), events in prop::collection::vec(event(), 0..20)) {
        let mut text = Vec::new();
        begin(&mut text, &setup).expect("memory");
        for event in &events {
            writeln!(text, "{event}").expect("memory");
        }
        let read = Reader::new(&text[..]).expect("a trace");
        prop_assert_eq!(read.setup(), &setup);
        let read: Vec<_> = read.map(|event| event.expect("an event").1).collect();
        prop_assert_eq!(read, events);
    }

    #[test]
    fn any_events_are_replayed_or_refused_with_their_line(setup in setup(), events in prop::collection::vec(event(), 0..60)) {
        // Most speak of servers that there are.
        let joins = (0..100).map(|id| Event::Join { at_s: 0.0, id, room: 10, weight: 1.0 });
        let all: Vec<_> = joins.chain(events).collect();
        let numbered = || all.iter().cloned().zip(1..).map(|(event, line)| Ok((line, event)));
        match decisions(&setup, numbered()) {
            Ok(compared) => {
                estimate(&setup, numbered(), &compared.known).expect("what could be replayed");
            }
            Err(error) => prop_assert!(matches!(error, TraceError::Line { line, .. } if line > 100), "{error}"),
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "(pogson-trace 1\n)?(set [a-z_]{1,9} [0-9a-z:. -]{0,9}\n)*([a-z]{1,6}( [-0-9a-f.,]{0,6}){0,7}\n){0,4}.*") {
        if let Ok(reader) = Reader::new(text.as_bytes()) {
            let _ = reader.take(10).collect::<Result<Vec<_>, _>>();
        }
    }
}
