//! The waiting room, with what it promises to levels and members.

use super::*;
use crate::simulate::Random;

fn entry(level: usize, member: u64, weight: f64, item: u32) -> Entry<u32> {
    Entry { level, member, weight, work_s: 0.01, item }
}

/// Keeps the room full from all levels, each by `members` members, and lets `count` out.
fn crowded(rules: Rules, members: &[(usize, u64, f64)], count: usize) -> Vec<Entry<u32>> {
    let mut room = Waiting::new(rules);
    let mut out = Vec::new();
    for turn in 0..count {
        let now_s = turn as f64 * 0.01;
        for &(level, member, weight) in members {
            while room.levels[level].waiting.values().filter(|waits| waits.entry.member == member).count() < 5 {
                if room.enter(entry(level, member, weight, 0), now_s) != Entered::Waits {
                    break;
                }
            }
        }
        out.extend(room.next(now_s));
    }
    out
}

fn share(out: &[Entry<u32>], of: impl Fn(&Entry<u32>) -> bool) -> f64 {
    out.iter().filter(|entry| of(entry)).count() as f64 / out.len() as f64
}

#[test]
fn no_level_starves_and_the_highest_gets_what_the_others_are_not_promised() {
    let rules = Rules { ages_s: f64::INFINITY, ..Rules::default() };
    let out = crowded(rules, &[(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)], 10_000);
    for (level, expected) in [0.82, 0.1, 0.08].into_iter().enumerate() {
        let share = share(&out, |entry| entry.level == level);
        assert!((share - expected).abs() < 0.002, "level {level}: {share}");
    }
}

#[test]
fn members_share_a_level_by_their_weights_however_much_they_ask() {
    let out = crowded(Rules::default(), &[(1, 1, 1.0), (1, 2, 1.0), (1, 3, 2.0)], 8000);
    for (member, expected) in [(1, 0.25), (2, 0.25), (3, 0.5)] {
        let share = share(&out, |entry| entry.member == member);
        assert!((share - expected).abs() < 0.005, "member {member}: {share}");
    }
    // One that floods does not keep another waiting.
    let mut room = Waiting::new(Rules::default());
    for item in 0..1000 {
        room.enter(entry(0, 1, 1.0, item), 0.0);
    }
    assert_eq!((0..10).filter_map(|_| room.next(0.1)).count(), 10);
    room.enter(entry(0, 2, 1.0, 5000), 0.2);
    let waited = (0..).take_while(|_| room.next(0.2).is_some_and(|entry| entry.item != 5000)).count();
    assert!(waited <= 1, "{waited}");
}

#[test]
fn where_the_room_is_full_a_higher_level_takes_the_lowest_ones_place() {
    let mut room = Waiting::new(Rules { room: 3, ..Rules::default() });
    for (level, item) in [(1, 10), (2, 20), (2, 21)] {
        assert_eq!(room.enter(entry(level, 1, 1.0, item), 0.0), Entered::Waits);
    }
    assert_eq!(room.enter(entry(2, 9, 1.0, 22), 0.0), Entered::Full(entry(2, 9, 1.0, 22)));
    assert_eq!(room.enter(entry(0, 1, 1.0, 1), 0.0), Entered::InPlaceOf(entry(2, 1, 1.0, 21)));
    assert_eq!(room.enter(entry(1, 2, 1.0, 11), 0.0), Entered::InPlaceOf(entry(2, 1, 1.0, 20)));
    assert_eq!(room.enter(entry(1, 3, 1.0, 12), 0.0), Entered::Full(entry(1, 3, 1.0, 12)));
    assert_eq!((0..4).map_while(|_| room.next(0.0)).map(|entry| entry.item).collect::<Vec<_>>(), [1, 10, 11]);
    assert!(room.is_empty());
}

#[test]
fn who_has_waited_long_counts_as_of_the_level_above() {
    let rules = Rules { least: [0.0; LEVELS], ages_s: 10.0, ..Rules::default() };
    let mut room = Waiting::new(rules);
    room.enter(entry(2, 1, 1.0, 30), 0.0);
    room.enter(entry(0, 2, 1.0, 1), 19.0);
    room.enter(entry(1, 2, 1.0, 10), 19.0);
    // 19 s: one level up, where it came first.
    assert_eq!(room.next(19.0).map(|entry| entry.item), Some(1));
    assert_eq!(room.next(19.0).map(|entry| entry.item), Some(30));
    room.enter(entry(2, 1, 1.0, 31), 20.0);
    room.enter(entry(0, 2, 1.0, 2), 40.5);
    // 20.5 s: two levels up.
    assert_eq!(room.next(40.5).map(|entry| entry.item), Some(10));
    assert_eq!(room.next(40.5).map(|entry| entry.item), Some(31));
}

#[test]
fn clients_that_leave_are_no_longer_waited_for() {
    let mut room = Waiting::new(Rules::default());
    for item in 0..10 {
        room.enter(entry((item % 3) as usize, u64::from(item), 1.0, item), 0.0);
    }
    assert_eq!(room.leave(|item| item % 2 == 0).len(), 5);
    assert_eq!(room.len(), 5);
    let left = std::iter::from_fn(|| room.next(0.0)).count();
    assert_eq!(left, 5);
}

/// Requests of the levels at random times for `seconds`, a server that takes one each 10 ms: what went, by level and member, with the
/// time that it waited.
fn asked(rules: Rules, rates: &[(usize, u64, f64)], seconds: f64) -> Vec<(usize, u64, f64)> {
    let mut random = Random::new(5, 1);
    let mut due: Vec<f64> = rates.iter().map(|(_, _, rate)| random.exponential() / rate).collect();
    let mut room = Waiting::new(rules);
    let (mut free_s, mut went) = (0.0, Vec::new());
    while let Some(at) = (0..due.len()).min_by(|&a, &b| due[a].total_cmp(&due[b])) {
        let now_s = due[at];
        while free_s <= now_s
            && let Some(entry) = room.next(free_s)
        {
            room.took(0.01);
            went.push((entry.level, entry.member, free_s - f64::from(entry.item) * 1e-3));
            free_s += 0.01;
        }
        free_s = free_s.max(now_s);
        if now_s > seconds {
            break;
        }
        let (level, member, rate) = rates[at];
        room.enter(entry(level, member, 1.0, (now_s * 1e3) as u32), now_s);
        due[at] += random.exponential() / rate;
    }
    went
}

#[test]
fn in_overload_the_high_level_is_served_and_the_others_neither_starve_nor_wait_in_vain() {
    for total in [200.0, 300.0, 1000.0] {
        let rest = (total - 70.0) / 2.0;
        let went = asked(Rules::default(), &[(0, 1, 70.0), (1, 2, rest), (2, 3, rest)], 200.0);
        for (level, least, longest_s) in [(0, 0.95 * 70.0, 0.5), (1, 5.0, 5.0), (2, 5.0, 5.0)] {
            let ones = || went.iter().filter(|one| one.0 == level);
            let rate = ones().count() as f64 / 200.0;
            assert!(rate > least, "{total}/s, level {level}: {rate} a second");
            // The first seconds tell how fast a level goes.
            let mut waited_s: Vec<f64> = ones().skip(ones().count() / 5).map(|one| one.2).collect();
            waited_s.sort_by(f64::total_cmp);
            let p99_s = waited_s[waited_s.len() * 99 / 100];
            assert!(p99_s < longest_s, "{total}/s, level {level}: waits {p99_s} s");
        }
    }
}

#[test]
fn one_that_asks_for_as_much_as_all_others_gets_what_each_of_them_gets() {
    let mut rates: Vec<_> = (0..10).map(|member| (1, member, 30.0)).collect();
    rates.push((1, 10, 300.0));
    let went = asked(Rules::default(), &rates, 200.0);
    for member in 0..=10 {
        let share = went.iter().filter(|one| one.1 == member).count() as f64 / went.len() as f64;
        assert!((share * 11.0 - 1.0).abs() < 0.15, "member {member}: {share}");
    }
}
