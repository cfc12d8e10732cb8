//! What a server probably has in its cache, if that keeps what was used last.

use std::collections::{HashMap, VecDeque};

/// A step in which the room is learned is this part of it.
const LEARNS: usize = 100;
/// Most room that is believed in, contexts.
const MOST: usize = 1 << 22;

/// The contexts used last, as many as fit.
#[derive(Clone, Debug)]
pub struct Shadow {
    room: usize,
    /// When each was last used, by count.
    last: HashMap<u64, u64>,
    /// Uses in their order; those that were followed by another of the same context do not count.
    uses: VecDeque<(u64, u64)>,
    count: u64,
}

impl Shadow {
    /// An empty cache for `room` contexts.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self { room, last: HashMap::new(), uses: VecDeque::new(), count: 0 }
    }

    /// Whether `context` is there.
    #[must_use]
    pub fn has(&self, context: u64) -> bool {
        self.last.contains_key(&context)
    }

    /// How many contexts are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.last.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// How many fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.room
    }

    /// From now on so many fit.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
        self.fit();
    }

    /// Uses `context`; whether it was there.
    pub fn touch(&mut self, context: u64) -> bool {
        self.count += 1;
        let was_there = self.last.insert(context, self.count).is_some();
        self.uses.push_back((context, self.count));
        self.fit();
        if self.uses.len() > 2 * self.room.max(8) {
            self.uses.retain(|(context, at)| self.last.get(context) == Some(at));
        }
        was_there
    }

    /// What was expected of a use was wrong: it was in the cache (`hit`) though not here, or the other way round. The room follows, so
    /// that both happen as often in the end.
    pub fn was_wrong(&mut self, hit: bool) {
        let step = (self.room / LEARNS).max(1);
        let room = if hit { self.room.saturating_add(step).min(MOST) } else { self.room.saturating_sub(step).max(1) };
        self.set_room(room);
    }

    /// It is not there after all.
    pub fn forget(&mut self, context: u64) {
        self.last.remove(&context);
    }

    /// Nothing is there: the server has begun anew.
    pub fn clear(&mut self) {
        self.last.clear();
        self.uses.clear();
    }

    fn fit(&mut self) {
        while self.last.len() > self.room
            && let Some((context, at)) = self.uses.pop_front()
        {
            if self.last.get(&context) == Some(&at) {
                self.last.remove(&context);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let mut shadow = Shadow::new(3);
        assert!([1, 2, 3].into_iter().all(|context| !shadow.touch(context)));
        assert!(shadow.touch(1));
        assert!(!shadow.touch(4));
        assert!(!shadow.has(2) && shadow.has(1) && shadow.has(3) && shadow.has(4));
    }

    /// Against a list in the order of use.
    #[test]
    fn it_is_a_list_in_the_order_of_use() {
        let (mut shadow, mut list) = (Shadow::new(5), Vec::new());
        let mut state = 1_u64;
        for _ in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let context = state >> 60;
            let was_there = list.iter().position(|one| *one == context).map(|at| list.remove(at)).is_some();
            list.push(context);
            if list.len() > 5 {
                list.remove(0);
            }
            assert_eq!(shadow.touch(context), was_there);
            assert!(list.iter().all(|context| shadow.has(*context)) && shadow.len() == list.len());
            assert!(shadow.uses.len() <= 17);
        }
    }
}
