//! Which of the last sequence numbers of a life have come.

/// Numbers that are told apart behind the highest one.
const WIDTH: u64 = 64;

/// Where a sequence number stands among those that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Higher than all; so many between it and the highest so far have not come.
    Ahead {
        /// How many.
        skipped: u64,
    },
    /// Lower than the highest, not seen before.
    Behind,
    /// Seen before, or so far behind that nobody knows.
    Seen,
}

/// The highest number so far, and a bit for each of the 64 up to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    highest: u64,
    /// Bit n: `highest - n` has come.
    seen: u64,
}

impl Window {
    /// One that has seen `first` alone. Numbers below it count as seen: nobody knows whether they ever came.
    pub(crate) fn new(first: u64) -> Self {
        Self { highest: first, seen: u64::MAX }
    }

    /// Notes that `number` came.
    pub(crate) fn note(&mut self, number: u64) -> Place {
        if number > self.highest {
            let step = number - self.highest;
            self.seen = if step >= WIDTH { 1 } else { self.seen << step | 1 };
            self.highest = number;
            return Place::Ahead { skipped: step - 1 };
        }
        let behind = self.highest - number;
        if behind >= WIDTH || self.seen >> behind & 1 == 1 {
            return Place::Seen;
        }
        self.seen |= 1 << behind;
        Place::Behind
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_is_taken_once_whatever_the_order(first in 1_u64..50, numbers in prop::collection::vec(1_u64..200, 0..300)) {
            let mut window = Window::new(first);
            let (mut came, mut skipped_in_all, mut behind_in_all) = (BTreeSet::from([first]), 0, 0);
            for number in numbers {
                let highest = *came.last().expect("it is never empty");
                match window.note(number) {
                    Place::Ahead { skipped } => {
                        prop_assert!(number > highest && skipped == number - highest - 1);
                        skipped_in_all += skipped;
                        came.insert(number);
                    }
                    Place::Behind => {
                        prop_assert!(came.insert(number), "{number} came before");
                        behind_in_all += 1;
                    }
                    Place::Seen => prop_assert!(came.contains(&number) || number < first || highest - number >= 64),
                }
            }
            // What was skipped and did not come late is what is missing between the first and the highest.
            let highest = *came.last().expect("it is never empty");
            prop_assert_eq!(skipped_in_all - behind_in_all, highest - first + 1 - came.len() as u64);
        }
    }

    #[test]
    fn the_ends_of_the_range_are_no_trouble() {
        let mut window = Window::new(0);
        assert_eq!(window.note(u64::MAX), Place::Ahead { skipped: u64::MAX - 1 });
        assert_eq!(window.note(u64::MAX), Place::Seen);
        assert_eq!(window.note(u64::MAX - 63), Place::Behind);
        assert_eq!(window.note(0), Place::Seen);
    }
}
