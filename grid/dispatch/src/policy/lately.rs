//! Tables of contexts that forget those which nobody has asked for lately: addresses have no end, memory has.

use std::collections::HashMap;

use crate::shadow::AsItIs;
use std::hash::BuildHasherDefault;

type Table<T> = HashMap<u64, T, BuildHasherDefault<AsItIs>>;

/// What is known of contexts, of at most twice `half` of them: when the younger half is full the older one goes.
pub(super) struct Lately<T> {
    half: usize,
    young: Table<T>,
    old: Table<T>,
}

impl<T> Lately<T> {
    /// An empty table.
    pub(super) fn new(half: usize) -> Self {
        Self { half, young: Table::default(), old: Table::default() }
    }

    /// What is known of `context`; `first` if nothing is.
    pub(super) fn of(&mut self, context: u64, first: impl FnOnce() -> T) -> &mut T {
        if !self.young.contains_key(&context) && self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(context).or_insert_with(|| old.remove(&context).unwrap_or_else(first))
    }

    /// How many contexts something is known of.
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// All that is known.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.young.values().chain(self.old.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_asked_for_lately_stay_and_the_others_go() {
        let mut table = Lately::new(100);
        *table.of(7, || 0) = 70;
        for context in 1000..100_000 {
            assert_eq!(*table.of(7, || 0), 70, "it is asked for again and again");
            *table.of(context, || 0) = 1;
            assert!(table.len() <= 200);
        }
        assert_eq!(*table.of(1000, || 5), 5, "it was asked for long ago");
        assert_eq!(*table.of(99_999, || 5), 1);
    }
}
