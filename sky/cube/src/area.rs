//! Areas: the parts into which a galaxy's pixels are cut, each of which one host fits where many fit it.

use std::collections::BTreeMap;

/// Rows of a stripe, as theSkyNet POGS had them.
pub const ROWS: u32 = 7;
/// Pixels of an area at least, as theSkyNet POGS had them.
pub const LEAST: u32 = 15;

/// A rectangle of the frame and how many pixels in it are to be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    /// First column and row, from 0.
    pub first: (u32, u32),
    /// Last column and row.
    pub last: (u32, u32),
    /// Pixels in it that are fitted.
    pub pixels: u32,
}

impl Rectangle {
    /// Whether a pixel lies in it.
    pub fn holds(&self, x: u32, y: u32) -> bool {
        (self.first.0..=self.last.0).contains(&x) && (self.first.1..=self.last.1).contains(&y)
    }
}

/// Cuts pixels into areas: stripes of `rows` rows from the bottom, each cut into runs of columns with at least `least` pixels.
/// A stripe's rest that has fewer joins the area before it; only a stripe with fewer pixels in all makes an area with fewer.
///
/// No two areas overlap, and each pixel lies in one.
///
/// - `pixels`: `y * width + x`;
/// - `width`: columns of the frame.
pub fn cut(pixels: &[usize], width: usize, rows: u32, least: u32) -> Vec<Rectangle> {
    let (width, rows) = (width.max(1), rows.max(1));
    let mut stripes: BTreeMap<u32, BTreeMap<u32, Vec<u32>>> = BTreeMap::new();
    for pixel in pixels {
        let (x, y) = ((pixel % width) as u32, (pixel / width) as u32);
        stripes.entry(y / rows).or_default().entry(x).or_default().push(y);
    }
    let mut areas = Vec::new();
    for columns in stripes.values() {
        let begin = areas.len();
        let mut open: Option<Rectangle> = None;
        for (&x, own) in columns {
            let own = own.iter().fold(None, |known: Option<Rectangle>, &y| {
                let known = known.unwrap_or(Rectangle { first: (x, y), last: (x, y), pixels: 0 });
                Some(Rectangle {
                    first: (x, known.first.1.min(y)),
                    last: (x, known.last.1.max(y)),
                    pixels: known.pixels + 1,
                })
            });
            open = match (open, own) {
                (Some(a), Some(b)) => Some(joined(a, b)),
                (a, b) => a.or(b),
            };
            if let Some(area) = open.filter(|area| area.pixels >= least) {
                areas.push(area);
                open = None;
            }
        }
        if let Some(rest) = open {
            match areas[begin..].last_mut() {
                Some(before) => *before = joined(*before, rest),
                None => areas.push(rest),
            }
        }
    }
    areas
}

/// Runs of sums (bins, rings, the whole) that are fitted at once: the first of each, and the one after its last.
pub fn runs(sums: u32, least: u32) -> impl Iterator<Item = (u32, u32)> {
    let least = least.max(1);
    (0..sums).step_by(least as usize).map(move |from| (from, sums.min(from.saturating_add(least))))
}

fn joined(a: Rectangle, b: Rectangle) -> Rectangle {
    Rectangle {
        first: (a.first.0.min(b.first.0), a.first.1.min(b.first.1)),
        last: (a.last.0.max(b.last.0), a.last.1.max(b.last.1)),
        pixels: a.pixels + b.pixels,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_full_frame_gives_blocks_of_seven_rows_and_three_columns() {
        let all: Vec<usize> = (0..21 * 14).collect();
        let areas = cut(&all, 21, 7, 15);
        assert_eq!(areas.len(), 14);
        assert_eq!(areas[0], Rectangle { first: (0, 0), last: (2, 6), pixels: 21 });
        assert_eq!(areas[13], Rectangle { first: (18, 7), last: (20, 13), pixels: 21 });
    }

    #[test]
    fn a_rest_joins_the_area_before_it_and_a_poor_stripe_stands_alone() {
        // Four columns of seven, and two pixels far above.
        let mut pixels: Vec<usize> = (0..7).flat_map(|y| (0..4).map(move |x| y * 10 + x)).collect();
        pixels.extend([70, 75]);
        let areas = cut(&pixels, 10, 7, 15);
        assert_eq!(areas[0], Rectangle { first: (0, 0), last: (3, 6), pixels: 28 });
        assert_eq!(areas[1], Rectangle { first: (0, 7), last: (5, 7), pixels: 2 });
        assert_eq!(cut(&[], 10, 7, 15), []);
    }

    #[test]
    fn sums_are_cut_into_runs() {
        assert_eq!(runs(0, 15).count(), 0);
        assert_eq!(runs(31, 15).collect::<Vec<_>>(), [(0, 15), (15, 30), (30, 31)]);
    }

    proptest! {
        #[test]
        fn each_pixel_lies_in_exactly_one_area(
            usable in proptest::collection::vec(any::<bool>(), 0..3000),
            width in 1..80usize, rows in 1..12u32, least in 1..40u32,
        ) {
            let pixels: Vec<usize> = (0..usable.len()).filter(|&k| usable[k]).collect();
            let areas = cut(&pixels, width, rows, least);
            let mut counts = vec![0; areas.len()];
            for pixel in &pixels {
                let (x, y) = ((pixel % width) as u32, (pixel / width) as u32);
                let holding: Vec<usize> = (0..areas.len()).filter(|&k| areas[k].holds(x, y)).collect();
                prop_assert_eq!(holding.len(), 1);
                counts[holding[0]] += 1;
            }
            for (area, count) in areas.iter().zip(&counts) {
                prop_assert_eq!(area.pixels, *count);
                prop_assert_eq!(area.first.1 / rows, area.last.1 / rows);
            }
            for a in &areas {
                let stripe = a.first.1 / rows;
                let alone = areas.iter().filter(|b| b.first.1 / rows == stripe).count() == 1;
                prop_assert!(a.pixels >= least || alone);
            }
        }
    }
}
