//! How many contexts a server has used since it used another: what a cache that keeps the last ones goes by.

use std::collections::VecDeque;

/// Most steps that are counted apart.
const STEPS: usize = 512;

/// The last use of each context by when it was, counted in steps of a power of two uses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ages {
    /// Uses of a step: two to this power.
    shift: u32,
    /// The step that the first count is of.
    first: u64,
    /// Last uses of each step, the newest at the end.
    counts: VecDeque<u32>,
}

impl Ages {
    /// A context is used at `at`, which is later than all before.
    pub(crate) fn add(&mut self, at: u64) {
        if self.counts.is_empty() {
            self.first = at >> self.shift;
        }
        while self.first + self.counts.len() as u64 <= at >> self.shift {
            self.counts.push_back(0);
        }
        if let Some(last) = self.counts.back_mut() {
            *last += 1;
        }
        if self.counts.len() > STEPS {
            self.widen();
        }
    }

    /// What was used at `at` has been used again, or is forgotten.
    pub(crate) fn remove(&mut self, at: u64) {
        let step = self.step(at);
        if let Some(count) = self.counts.get_mut(step) {
            *count = count.saturating_sub(1);
        }
        while self.counts.front() == Some(&0) {
            self.counts.pop_front();
            self.first += 1;
        }
    }

    /// How many other contexts have been used since `at`, when one was that has not been used again: exact where a step is one use, else
    /// within a step's count.
    pub(crate) fn since(&self, at: u64) -> usize {
        let step = self.step(at);
        let Some(own) = self.counts.get(step) else { return 0 };
        let later: u32 = self.counts.range(step + 1..).sum();
        // Those of the same step are spread over it.
        let uses = 1_u64 << self.shift;
        let behind = (uses - 1 - (at & (uses - 1))) as f64 / uses as f64;
        later as usize + (f64::from(own.saturating_sub(1)) * behind).round() as usize
    }

    fn step(&self, at: u64) -> usize {
        (at >> self.shift).saturating_sub(self.first) as usize
    }

    /// Makes two steps one.
    fn widen(&mut self) {
        let mut wider = VecDeque::with_capacity(STEPS);
        if self.first % 2 == 1 {
            self.counts.push_front(0);
            self.first -= 1;
        }
        for at in (0..self.counts.len()).step_by(2) {
            wider.push_back(self.counts[at] + self.counts.get(at + 1).copied().unwrap_or(0));
        }
        (self.shift, self.first, self.counts) = (self.shift + 1, self.first / 2, wider);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a list of the contexts in the order of their last uses.
    #[test]
    fn what_has_been_used_since_is_counted_within_a_hundredth() {
        let (mut ages, mut list, mut state) = (Ages::default(), Vec::<(u64, u64)>::new(), 1_u64);
        for at in 0..40_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The product of two numbers at random: some come often, most seldom.
            let context = ((state >> 48) * (state >> 32 & 0xffff)) >> 22;
            if let Some(place) = list.iter().position(|(one, _)| *one == context) {
                let (_, before) = list.remove(place);
                let (found, since) = (ages.since(before), list.len() - place);
                assert!(found.abs_diff(since) <= 1 + since / 100, "{found}, of {since}");
                ages.remove(before);
            }
            list.push((context, at));
            ages.add(at);
            if list.len() > 600 {
                ages.remove(list.remove(0).1);
            }
            assert!(ages.counts.len() <= STEPS);
        }
        assert_eq!(ages.counts.iter().sum::<u32>() as usize, list.len());
    }

    #[test]
    fn the_first_uses_are_counted_exactly() {
        let mut ages = Ages::default();
        (1..=100).for_each(|at| ages.add(at));
        assert_eq!((ages.since(1), ages.since(100)), (99, 0));
        ages.remove(50);
        assert_eq!((ages.since(1), ages.since(60)), (98, 40));
    }
}
