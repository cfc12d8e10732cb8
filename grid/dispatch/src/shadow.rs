//! What a server probably has in its cache, if that keeps what was used last.

use std::collections::{HashMap, VecDeque};

/// A step in which the room is learned is this part of it in the end; at first they are larger.
const LEARNS: usize = 100;
/// What the first is.
const FIRST: usize = 4;
/// Most room that is believed in, contexts.
const MOST: usize = 1 << 22;

/// The contexts used last, as many as fit, and as many again that no longer do, which come back when there is more room.
#[derive(Clone, Debug)]
pub struct Shadow {
    room: usize,
    /// When each was last used, by count, and whether it fits.
    last: HashMap<u64, (u64, bool)>,
    /// Uses in their order, of what fits and of what does not. Those that were followed by another of the same context do not count.
    fits: VecDeque<(u64, u64)>,
    gone: VecDeque<(u64, u64)>,
    /// How many fit.
    held: usize,
    count: u64,
    mistakes: usize,
}

impl Shadow {
    /// An empty cache for `room` contexts.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self {
            room,
            last: HashMap::new(),
            fits: VecDeque::new(),
            gone: VecDeque::new(),
            held: 0,
            count: 0,
            mistakes: FIRST,
        }
    }

    /// Whether `context` is there.
    #[must_use]
    pub fn has(&self, context: u64) -> bool {
        self.last.get(&context).is_some_and(|(_, fits)| *fits)
    }

    /// How many contexts are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// How many fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.room
    }

    /// From now on so many fit.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
        while self.held < self.room
            && let Some((context, at)) = self.gone.pop_back()
        {
            if self.last.get(&context) == Some(&(at, false)) {
                self.last.insert(context, (at, true));
                self.fits.push_front((context, at));
                self.held += 1;
            }
        }
        self.fit();
    }

    /// Uses `context`; whether it was there.
    pub fn touch(&mut self, context: u64) -> bool {
        self.count += 1;
        let was_there = self.last.insert(context, (self.count, true)).is_some_and(|(_, fits)| fits);
        self.fits.push_back((context, self.count));
        self.held += usize::from(!was_there);
        self.fit();
        let much = 2 * self.room.max(8);
        for (uses, fits) in [(&mut self.fits, true), (&mut self.gone, false)] {
            if uses.len() > much {
                uses.retain(|(context, at)| self.last.get(context) == Some(&(*at, fits)));
            }
        }
        was_there
    }

    /// What was expected of a use was wrong: it was in the cache (`hit`) though not here, or the other way round. The room follows, so
    /// that both happen as often in the end.
    pub fn was_wrong(&mut self, hit: bool) {
        self.mistakes = self.mistakes.saturating_add(1);
        let step = (self.room / self.mistakes.min(LEARNS)).max(1);
        let room = if hit { self.room.saturating_add(step).min(MOST) } else { self.room.saturating_sub(step).max(1) };
        self.set_room(room);
    }

    /// Nothing is there: the server has begun anew.
    pub fn clear(&mut self) {
        *self = Self { count: self.count, mistakes: self.mistakes, ..Self::new(self.room) };
    }

    fn fit(&mut self) {
        while self.held > self.room
            && let Some((context, at)) = self.fits.pop_front()
        {
            if self.last.get(&context) == Some(&(at, true)) {
                self.last.insert(context, (at, false));
                self.gone.push_back((context, at));
                self.held -= 1;
            }
        }
        while self.last.len() > 2 * self.room.max(1)
            && let Some((context, at)) = self.gone.pop_front()
        {
            if self.last.get(&context) == Some(&(at, false)) {
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

    #[test]
    fn what_no_longer_fits_comes_back_with_the_room() {
        let mut shadow = Shadow::new(4);
        for context in [1, 2, 3, 4] {
            shadow.touch(context);
        }
        shadow.set_room(2);
        assert!(!shadow.has(1) && !shadow.has(2) && shadow.has(3) && shadow.has(4));
        shadow.set_room(3);
        assert!(!shadow.has(1) && shadow.has(2) && shadow.len() == 3);
        shadow.touch(5);
        assert!(!shadow.has(2) && shadow.has(3) && shadow.has(4) && shadow.has(5));
        shadow.clear();
        assert!(shadow.is_empty() && !shadow.has(5));
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
            assert!(shadow.fits.len() <= 17 && shadow.gone.len() <= 17 && shadow.last.len() <= 10);
        }
    }
}
