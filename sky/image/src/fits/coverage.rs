//! Which parts of an image have been written, so that a part written twice is noticed.

/// Intervals of columns written, for each row.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// Sorted, disjoint and not touching. Rows are few beside their pixels, and mostly have one interval.
    rows: Vec<Vec<(usize, usize)>>,
    twice: bool,
}

impl Coverage {
    pub(crate) fn of_rows(rows: usize) -> Coverage {
        Coverage { rows: vec![Vec::new(); rows], twice: false }
    }

    /// Adds the columns `start .. end` of a row.
    pub(crate) fn add(&mut self, row: usize, start: usize, end: usize) {
        let Some(intervals) = self.rows.get_mut(row) else { return };
        if self.twice || start >= end {
            return;
        }
        // Intervals that overlap the new one or touch it.
        let from = intervals.partition_point(|i| i.1 < start);
        let to = intervals.partition_point(|i| i.0 <= end);
        if intervals[from..to].iter().any(|i| i.0 < end && start < i.1) {
            self.twice = true;
            self.rows = Vec::new();
            return;
        }
        let low = intervals[from..to].first().map_or(start, |i| i.0.min(start));
        let high = intervals[from..to].last().map_or(end, |i| i.1.max(end));
        intervals.splice(from..to, [(low, high)]);
    }

    /// Whether some part was added more than once.
    pub(crate) fn twice(&self) -> bool {
        self.twice
    }
}

#[cfg(test)]
mod tests {
    use super::Coverage;
    use proptest::prelude::*;

    #[test]
    fn parts_that_touch_become_one() {
        let mut coverage = Coverage::of_rows(1);
        for (start, end) in [(5, 7), (0, 2), (7, 9), (2, 5)] {
            coverage.add(0, start, end);
        }
        assert!(!coverage.twice());
        assert_eq!(coverage.rows[0], [(0, 9)]);
        coverage.add(0, 8, 10);
        assert!(coverage.twice());
    }

    proptest! {
        #[test]
        fn it_agrees_with_counting_each_column(parts in proptest::collection::vec((0usize..30, 0usize..8), 0..10)) {
            let mut counts = [0; 40];
            let mut coverage = Coverage::of_rows(1);
            for (start, length) in parts {
                coverage.add(0, start, start + length);
                counts[start..start + length].iter_mut().for_each(|c| *c += 1);
                prop_assert_eq!(coverage.twice(), counts.iter().any(|c| *c > 1));
            }
        }
    }
}
