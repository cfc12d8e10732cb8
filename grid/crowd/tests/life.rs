//! Units from beginning to end, with hosts that fail, vanish and err.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use pogson_crowd::life::{
    Assimilation, Change, Limits, Outcome, ServerState, Standing, Trouble, UnitState, Validity, Verdict, judge,
    straggler, transition,
};
use proptest::prelude::*;

const DAY: i64 = 86_400;

/// What a host makes of a result.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Right,
    Wrong(u32),
    Fails,
    Vanishes,
    Aborts,
}

struct World {
    unit: UnitState,
    results: Vec<Standing>,
    /// What each success says.
    answers: Vec<u32>,
    assimilated: usize,
    inputs: bool,
    now: i64,
}

impl World {
    fn new(limits: Limits) -> World {
        let unit = UnitState { limits, canonical: None, trouble: None, assimilation: Assimilation::Waiting };
        World { unit, results: Vec::new(), answers: Vec::new(), assimilated: 0, inputs: true, now: 0 }
    }

    /// Makes all changes, until there are none.
    fn settle(&mut self) -> Option<i64> {
        for _ in 0..50 {
            let (changes, next) = transition(&self.unit, &self.results, self.now);
            let mut changed = false;
            for change in changes {
                changed |= self.make(change);
            }
            if !changed {
                return next;
            }
        }
        panic!("changes without end");
    }

    fn at(&mut self, id: i64) -> &mut Standing {
        self.results.iter_mut().find(|result| result.id == id).unwrap()
    }

    fn make(&mut self, change: Change) -> bool {
        match change {
            Change::NoReply(id) => self.at(id).timed_out(),
            Change::DidntNeed(id) => {
                let result = self.at(id);
                (result.state, result.outcome) = (ServerState::Over, Outcome::DidntNeed);
            }
            Change::NotChecked(id) => self.at(id).validity = Validity::NotChecked,
            Change::GiveUp(trouble) => self.unit.trouble = Some(trouble),
            Change::Create(count) => {
                for _ in 0..count {
                    self.results.push(Standing::unsent(self.results.len() as i64));
                    self.answers.push(0);
                }
            }
            Change::Validate => self.validate(),
            Change::Assimilate => {
                self.assimilated += 1;
                self.unit.assimilation = Assimilation::Done;
            }
            Change::DeleteInputs => return std::mem::take(&mut self.inputs),
            Change::DeleteOutputs(id) => self.at(id).has_files = false,
        }
        true
    }

    fn validate(&mut self) {
        if let Some(canonical) = self.unit.canonical {
            let kept = self.at(canonical).has_files;
            let truth = self.answers[canonical as usize];
            for k in 0..self.results.len() {
                if self.results[k].is_success() && self.results[k].validity == Validity::Unknown {
                    self.results[k].validity = straggler(kept.then_some(self.answers[k] == truth));
                }
            }
            return;
        }
        let places: Vec<usize> = (0..self.results.len()).filter(|&k| self.results[k].is_success()).collect();
        let limits = self.unit.limits;
        let same = |a: usize, b: usize| self.answers[places[a]] == self.answers[places[b]];
        match judge(places.len(), same, limits.quorum, limits.successes) {
            Verdict::Agreed { canonical, valid, invalid } => {
                self.unit.canonical = Some(places[canonical] as i64);
                valid.iter().for_each(|&k| self.results[places[k]].validity = Validity::Valid);
                invalid.iter().for_each(|&k| self.results[places[k]].validity = Validity::Invalid);
            }
            Verdict::Inconclusive => {
                places.iter().for_each(|&k| self.results[k].validity = Validity::Inconclusive);
                self.unit.limits.target = places.len() + 1;
            }
            Verdict::GivenUp => self.unit.trouble = Some(Trouble::TooManySuccesses),
        }
    }

    /// Sends all that waits, and lets hosts do what they do; those that vanish are waited for.
    fn run(&mut self, fates: &mut impl Iterator<Item = Fate>) {
        for _ in 0..100 {
            let next = self.settle();
            let waiting: Vec<usize> =
                (0..self.results.len()).filter(|&k| self.results[k].state == ServerState::Unsent).collect();
            for k in waiting {
                let fate = fates.next().unwrap_or(Fate::Right);
                let result = &mut self.results[k];
                (result.state, result.deadline) = (ServerState::InProgress, self.now + 7 * DAY);
                let over =
                    |result: &mut Standing, outcome| (result.state, result.outcome) = (ServerState::Over, outcome);
                match fate {
                    Fate::Right | Fate::Wrong(_) => {
                        over(result, Outcome::Success);
                        result.has_files = true;
                        self.answers[k] = if let Fate::Wrong(answer) = fate { answer } else { 0 };
                    }
                    Fate::Fails => over(result, Outcome::ClientError),
                    Fate::Aborts => {
                        over(result, Outcome::ClientError);
                        result.aborted_by_user = true;
                    }
                    Fate::Vanishes => {}
                }
                self.settle();
            }
            match next.filter(|_| self.results.iter().any(|r| r.state == ServerState::InProgress)) {
                Some(_) if self.results.iter().any(|r| r.state == ServerState::Unsent) => {}
                Some(time) => self.now = time.max(self.now + 1),
                None if self.results.iter().all(|r| r.state == ServerState::Over) => {
                    self.settle();
                    if self.results.iter().all(|r| r.state == ServerState::Over) {
                        return;
                    }
                }
                None => {}
            }
        }
        panic!("a unit without end");
    }
}

#[test]
fn eight_failures_are_outlived_and_nine_are_not() {
    let mut world = World::new(Limits::default());
    world.run(&mut std::iter::repeat_n(Fate::Fails, 8));
    assert!(world.unit.canonical.is_some() && world.unit.trouble.is_none());
    let mut world = World::new(Limits::default());
    world.run(&mut std::iter::repeat_n(Fate::Fails, 9));
    assert_eq!(world.unit.trouble, Some(Trouble::TooManyErrors));
}

#[test]
fn what_users_end_is_no_error_but_counts_in_all() {
    let mut world = World::new(Limits::default());
    world.run(&mut std::iter::repeat_n(Fate::Aborts, 12));
    assert!(world.unit.canonical.is_some());
    let mut world = World::new(Limits::default());
    world.run(&mut std::iter::repeat_n(Fate::Aborts, 30));
    assert_eq!(world.unit.trouble, Some(Trouble::TooManyTotal));
    assert_eq!(world.results.len(), 20);
}

#[test]
fn the_fifth_success_without_a_match_is_the_last() {
    let mut world = World::new(Limits::default());
    world.run(&mut (1..).map(Fate::Wrong));
    assert_eq!(world.unit.trouble, Some(Trouble::TooManySuccesses));
    assert_eq!(world.results.len(), 5);
    assert!(world.results.iter().all(|result| result.validity == Validity::NotChecked));
}

#[test]
fn a_result_that_comes_late_is_compared_with_the_canonical_one_and_too_late_when_that_is_gone() {
    let mut world = World::new(Limits::default());
    world.run(&mut [Fate::Vanishes, Fate::Right, Fate::Right].into_iter());
    assert_eq!(world.results.len(), 3);
    assert!(!world.inputs, "all is over, and the inputs are gone");
    let late = &mut world.results[0];
    assert_eq!(late.outcome, Outcome::NoReply);
    (late.outcome, late.has_files) = (Outcome::Success, true);
    world.settle();
    assert_eq!(world.results[0].validity, Validity::TooLate);
    assert!(!world.results[0].has_files);
}

#[test]
fn units_take_as_many_results_as_those_of_the_paper() {
    // theSkyNet POGS, Table 2: 90.8, 8.5 and 0.7 % of units by two, three and more results, where 3.4 % of results are client
    // errors, 1.0 % never come and 0.3 % are wrong.
    let mut state = 88_172_645_463_325_252u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut number = 0;
    let mut fates = std::iter::from_fn(move || {
        number += 1;
        Some(match uniform() {
            x if x < 0.034 => Fate::Fails,
            x if x < 0.044 => Fate::Vanishes,
            x if x < 0.047 => Fate::Wrong(number),
            _ => Fate::Right,
        })
    });
    let units = 40_000;
    let mut by_results = [0u32; 3];
    for _ in 0..units {
        let mut world = World::new(Limits::default());
        world.run(&mut fates);
        assert!(world.unit.canonical.is_some());
        by_results[world.results.len().min(4) - 2] += 1;
    }
    for (found, wanted) in by_results.iter().zip([90.8, 8.5, 0.7]) {
        let share = 100.0 * f64::from(*found) / f64::from(units);
        // Chance moves a share by 0.15 at most.
        assert!((share - wanted).abs() < 0.5, "{share} {wanted}");
    }
}

proptest! {
    #[test]
    fn every_unit_ends_once_with_one_outcome(
        picks in proptest::collection::vec(0u32..9, 0..40), quorum in 1usize..4, extra in 0usize..2, errors in 0usize..6,
        successes in 3usize..6, total in 4usize..20,
    ) {
        let limits = Limits { quorum, target: quorum + extra, errors, total, successes };
        let mut fates = picks.iter().map(|pick| match pick {
            0..4 => Fate::Right,
            4 => Fate::Wrong(1),
            5 => Fate::Wrong(2),
            6 => Fate::Fails,
            7 => Fate::Vanishes,
            _ => Fate::Aborts,
        });
        let mut world = World::new(limits);
        world.run(&mut fates);
        prop_assert!(world.unit.canonical.is_some() != world.unit.trouble.is_some());
        prop_assert_eq!(world.assimilated, 1);
        prop_assert!(world.results.len() <= total);
        prop_assert!(!world.inputs && world.results.iter().all(|result| !result.has_files));
        let valid: Vec<&Standing> = world.results.iter().filter(|r| r.validity == Validity::Valid).collect();
        if let Some(canonical) = world.unit.canonical {
            prop_assert!(valid.len() > quorum / 2);
            let truth = world.answers[canonical as usize];
            prop_assert!(valid.iter().all(|r| world.answers[r.id as usize] == truth));
        } else {
            prop_assert!(valid.is_empty());
        }
        // Nothing more happens to a unit that has ended.
        let before = world.results.clone();
        world.now += 1000 * DAY;
        world.settle();
        prop_assert_eq!(before, world.results);
    }
}
