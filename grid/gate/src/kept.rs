//! What a thread keeps of answers whose clients take them more slowly than servers send them: how much, and who keeps it.

use std::cell::Cell;

use crate::link;

/// Most bytes that a thread keeps.
#[derive(Default)]
pub(crate) struct Keeps {
    /// Of one answer, and of all together.
    most: Cell<[usize; 2]>,
    held: Cell<usize>,
}

/// What is kept of one answer.
pub(crate) struct Kept<'a> {
    keeps: &'a Keeps,
    held: usize,
}

impl Keeps {
    /// So many bytes of one answer may be kept, and of all together, from now on.
    pub(crate) fn may(&self, of_one: u64, of_all: u64) {
        self.most.set([of_one, of_all].map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)));
    }

    /// An answer of which nothing is kept.
    pub(crate) fn begin(&self) -> Kept<'_> {
        Kept { keeps: self, held: 0 }
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.get()
    }
}

impl Kept<'_> {
    /// So many bytes are kept now.
    pub(crate) fn holds(&mut self, held: usize) {
        let keeps = self.keeps;
        keeps.held.set(keeps.held.get() - self.held + held);
        self.held = held;
        // What one read brings is kept in any case: of many that is much.
        link::reads_little(keeps.held.get() > 0 && keeps.held.get() >= keeps.most.get()[1]);
    }

    /// Whether the rest may be kept beside what is, or one more piece where nobody knows how much it is: of what cannot be had whole
    /// nothing is read ahead, for its server would have to wait all the same.
    ///
    /// - `left`: bytes of the rest, if that is known.
    pub(crate) fn has_room(&self, left: Option<u64>) -> bool {
        let [of_one, of_all] = self.keeps.most.get();
        let left = usize::try_from(left.unwrap_or(1)).unwrap_or(usize::MAX);
        self.held.saturating_add(left) <= of_one && self.keeps.held.get().saturating_add(left) <= of_all
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.holds(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_bounds_for_one_answer_and_for_all() {
        let keeps = Keeps::default();
        keeps.may(100, 150);
        let (mut one, mut other) = (keeps.begin(), keeps.begin());
        assert!(one.has_room(Some(100)) && !one.has_room(Some(101)) && one.has_room(None));
        one.holds(100);
        assert!(!one.has_room(None) && other.has_room(Some(50)) && !other.has_room(Some(51)));
        other.holds(60);
        assert_eq!(keeps.held(), 160, "one read goes beyond it");
        assert!(!other.has_room(None));
        one.holds(20);
        drop(other);
        assert_eq!(keeps.held(), 20);
        assert!(one.has_room(Some(80)));
        drop(one);
        assert_eq!(keeps.held(), 0);
    }
}
