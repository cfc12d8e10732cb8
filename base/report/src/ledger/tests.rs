use proptest::prelude::*;

use super::*;
use crate::{Sender, Signed};

const NOW: u64 = 1_700_000_000_000;

fn key() -> Key {
    Key::new(b"0123456789abcdef").expect("it is long enough")
}

fn name() -> Name {
    "a".parse().expect("it is a name")
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.know(name(), key());
    ledger
}

fn said(length: u64) -> Report {
    Report { queue_length: Some(length), ..Report::default() }
}

fn take(ledger: &mut Ledger, signed: &Signed, now_ms: u64) -> Verdict {
    ledger.take(signed.mark.as_bytes(), signed.payload.as_bytes(), now_ms)
}

fn length(ledger: &Ledger) -> Option<u64> {
    ledger.latest("a")?.report.queue_length
}

#[test]
fn the_newest_report_counts_whatever_the_order() {
    let (mut ledger, sender) = (ledger(), Sender::new(name(), key()));
    let all: Vec<_> = (1..=5).map(|turn| sender.push(&said(turn), NOW + turn)).collect();
    assert_eq!(take(&mut ledger, &all[0], NOW), Verdict::Fresh(name()));
    assert_eq!(take(&mut ledger, &all[3], NOW), Verdict::Fresh(name()));
    assert_eq!(ledger.latest("a").map(|said| said.lost), Some(2));
    assert_eq!(take(&mut ledger, &all[1], NOW), Verdict::Reordered(name()));
    assert_eq!(take(&mut ledger, &all[1], NOW), Verdict::Replayed(name()));
    assert_eq!(take(&mut ledger, &all[3], NOW), Verdict::Replayed(name()));
    assert_eq!((length(&ledger), ledger.latest("a").map(|said| said.lost)), (Some(4), Some(1)));
    assert_eq!(ledger.refusals(), Refusals { reordered: 1, replayed: 2, ..Refusals::default() });
}

#[test]
fn both_forms_of_one_sender_share_its_sequence() {
    let (mut ledger, sender) = (ledger(), Sender::new(name(), key()));
    let (push, header) = (sender.push(&said(1), NOW), sender.header(&said(2), 1000, NOW));
    assert_eq!(take(&mut ledger, &push, NOW), Verdict::Fresh(name()));
    assert_eq!(take(&mut ledger, &header, NOW), Verdict::Fresh(name()));
    assert_eq!(length(&ledger), Some(2));
}

#[test]
fn a_new_life_supersedes_the_old_one_which_cannot_come_back() {
    let (mut ledger, first) = (ledger(), Sender::new(name(), key()));
    let early = first.push(&said(1), NOW);
    let withheld = first.push(&said(2), NOW + 10);
    assert_eq!(take(&mut ledger, &early, NOW), Verdict::Fresh(name()));
    let second = Sender::new(name(), key());
    assert_eq!(take(&mut ledger, &second.push(&said(7), NOW + 20), NOW + 20), Verdict::Fresh(name()));
    assert_eq!(take(&mut ledger, &early, NOW + 30), Verdict::Replayed(name()));
    assert_eq!(take(&mut ledger, &withheld, NOW + 30), Verdict::Replayed(name()));
    assert_eq!(take(&mut ledger, &second.push(&said(8), NOW + 40), NOW + 40), Verdict::Fresh(name()));
    assert_eq!((length(&ledger), ledger.latest("a").map(|said| said.taken)), (Some(8), Some(3)));
}

#[test]
fn the_highest_number_is_the_last_of_its_life_and_the_next_life_is_heard() {
    let (mut ledger, sender) = (ledger(), Sender::new(name(), key()));
    let of = |sequence: u64, time_ms: u64, length: u64| {
        let payload = orca::write_body(&said(length));
        let signed = sender.push(&said(0), time_ms).mark;
        let (mark, _, _) = Mark::parse(signed.as_bytes()).expect("a mark");
        let mark = Mark { sequence, ..mark }.to_string();
        let signature = key().sign(&mark, payload.as_bytes());
        Signed { mark: format!("{mark}; signature={signature}"), payload }
    };
    assert_eq!(take(&mut ledger, &of(1, NOW, 1), NOW), Verdict::Fresh(name()));
    assert_eq!(take(&mut ledger, &of(u64::MAX, NOW + 1, 2), NOW), Verdict::Fresh(name()));
    for (sequence, verdict) in [(u64::MAX, Verdict::Replayed(name())), (2, Verdict::Replayed(name()))] {
        assert_eq!(take(&mut ledger, &of(sequence, NOW + 2, 3), NOW), verdict);
    }
    assert_eq!(length(&ledger), Some(2));
    let next = Sender::new(name(), key());
    assert_eq!(take(&mut ledger, &next.push(&said(4), NOW + 3), NOW), Verdict::Fresh(name()));
    assert_eq!(length(&ledger), Some(4));
}

#[test]
fn a_life_that_was_never_heard_of_cannot_begin_in_the_past() {
    let mut ledger = ledger();
    let unheard = Sender::new(name(), key()).push(&said(1), NOW);
    let present = Sender::new(name(), key()).push(&said(2), NOW + 10);
    assert_eq!(take(&mut ledger, &present, NOW + 10), Verdict::Fresh(name()));
    assert_eq!(take(&mut ledger, &unheard, NOW + 20), Verdict::TooOld(name()));
}

#[test]
fn more_lives_than_are_remembered_stay_in_the_past() {
    let mut ledger = ledger();
    let lives: Vec<_> = (0..40).map(|life| Sender::new(name(), key()).push(&said(life), NOW + life)).collect();
    for life in &lives {
        assert_eq!(take(&mut ledger, life, NOW + 50), Verdict::Fresh(name()));
    }
    for life in &lives {
        assert_ne!(take(&mut ledger, life, NOW + 50), Verdict::Fresh(name()));
    }
    assert_eq!(length(&ledger), Some(39));
}

#[test]
fn what_is_dated_beyond_the_limits_is_refused() {
    let (mut ledger, sender) = (ledger(), Sender::new(name(), key()));
    assert_eq!(take(&mut ledger, &sender.push(&said(1), NOW), NOW + 30_001), Verdict::TooOld(name()));
    assert_eq!(take(&mut ledger, &sender.push(&said(2), NOW + 30_001), NOW), Verdict::TooNew(name()));
    assert_eq!(take(&mut ledger, &sender.push(&said(3), NOW), NOW + 30_000), Verdict::Fresh(name()));
}

#[test]
fn a_report_without_the_key_is_forged_and_one_of_a_stranger_unknown() {
    let mut ledger = ledger();
    let other = Key::new(b"another key, as long").expect("it is long enough");
    assert_eq!(take(&mut ledger, &Sender::new(name(), other).push(&said(1), NOW), NOW), Verdict::Forged(name()));
    let stranger: Name = "b".parse().expect("it is a name");
    let report = Sender::new(stranger.clone(), key()).push(&said(1), NOW);
    assert_eq!(take(&mut ledger, &report, NOW), Verdict::UnknownSender(stranger));
    assert_eq!((length(&ledger), ledger.age_ms("a", NOW)), (None, None));
}

#[test]
fn age_counts_from_when_a_report_came() {
    let (mut ledger, sender) = (ledger(), Sender::new(name(), key()));
    take(&mut ledger, &sender.push(&said(1), NOW - 500), NOW);
    assert_eq!((ledger.age_ms("a", NOW + 7), ledger.age_ms("a", NOW - 7)), (Some(7), Some(0)));
    ledger.forget("a");
    assert_eq!(ledger.age_ms("a", NOW + 7), None);
}

#[test]
fn a_report_that_cannot_be_read_uses_up_no_number() {
    let mut ledger = ledger();
    let sign = |payload: &str| {
        let mark = "v=1; name=a; boot=0000000000000001; sequence=1; time=1700000000000";
        let signature = key().sign(mark, payload.as_bytes());
        Signed { mark: format!("{mark}; signature={signature}"), payload: payload.to_owned() }
    };
    assert!(matches!(take(&mut ledger, &sign("{"), NOW), Verdict::Malformed(Malformed::Form { .. })));
    assert_eq!(take(&mut ledger, &sign("{}"), NOW), Verdict::Fresh(name()));
}

proptest! {
    #[test]
    fn a_report_with_any_byte_changed_is_never_taken(at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let sender = Sender::new(name(), key());
        let signed = sender.push(&said(3), NOW);
        let (mut mark, mut payload) = (signed.mark.into_bytes(), signed.payload.into_bytes());
        let index = at.index(mark.len() + payload.len());
        if index < mark.len() { mark[index] ^= flip } else { payload[index - mark.len()] ^= flip }
        let mut ledger = ledger();
        prop_assert!(!matches!(ledger.take(&mark, &payload, NOW), Verdict::Fresh(_)));
        prop_assert_eq!(length(&ledger), None);
    }

    #[test]
    fn bytes_moved_between_mark_and_payload_are_never_taken(shift in 1_usize..60) {
        let sender = Sender::new(name(), key());
        let signed = sender.push(&said(3), NOW);
        let joined = format!("{}\n{}", signed.mark, signed.payload);
        let at = signed.mark.len().saturating_sub(shift);
        let mut ledger = ledger();
        let verdict = ledger.take(&joined.as_bytes()[..at], &joined.as_bytes()[at + 1..], NOW);
        prop_assert!(!matches!(verdict, Verdict::Fresh(_)));
    }

    #[test]
    fn any_bytes_are_judged(mark in prop::collection::vec(any::<u8>(), 0..300), payload in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(!matches!(ledger().take(&mark, &payload, NOW), Verdict::Fresh(_)));
    }

    /// Two lives, delivered in any order and any number of times: a later one of the ledger's is never followed by an earlier one.
    #[test]
    fn what_is_known_never_goes_back(order in prop::collection::vec(0_usize..12, 0..60)) {
        let mut reports = Vec::new();
        for life in 0..2 {
            let sender = Sender::new(name(), key());
            reports.extend((0..6).map(|turn| sender.push(&said(life * 6 + turn), NOW + life * 6 + turn)));
        }
        let mut ledger = ledger();
        let mut newest = None;
        for at in order {
            if let Verdict::Fresh(_) = take(&mut ledger, &reports[at], NOW) {
                prop_assert!(newest < Some(at));
                newest = Some(at);
            }
        }
        prop_assert_eq!(length(&ledger), newest.map(|at| at as u64));
    }
}
