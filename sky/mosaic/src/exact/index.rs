//! Output pixels found by their place on the sky, where their place on the grid is of no use: across cuts, poles and
//! the edges of all-sky projections.

use super::outline::{Direction, Outline, chord};

/// Outlines below which a box is not divided.
const FEW: usize = 8;

/// Outlines of output pixels in a tree of boxes, so that small ones and those drawn out over much of the sky are found
/// alike.
#[derive(Debug, Default)]
pub(crate) struct SkyIndex {
    /// Output pixel (column, row) and outline, in the order of the boxes.
    items: Vec<((i64, i64), Outline)>,
    boxes: Vec<Bounds>,
}

/// A box that holds outlines `first..last`; its halves follow it, the second at `other` (0: it is not divided).
#[derive(Debug, Clone, Copy)]
struct Bounds {
    low: Direction,
    high: Direction,
    first: usize,
    last: usize,
    other: usize,
}

impl SkyIndex {
    /// Sorts the outlines of output pixels.
    pub(crate) fn new(mut items: Vec<((i64, i64), Outline)>) -> SkyIndex {
        let mut boxes = Vec::new();
        let n = items.len();
        if n > 0 {
            divide(&mut items, 0, &mut boxes);
        }
        SkyIndex { items, boxes }
    }

    /// Calls `each` with every item that may touch `outline`, in an order that depends on the items alone.
    pub(crate) fn near(&self, outline: &Outline, mut each: impl FnMut((i64, i64), &Outline)) {
        let mut at = 0;
        // Boxes follow each other in the order of the walk, so one that is missed is skipped by going on at its sibling,
        // which waits on the stack.
        let mut waiting: Vec<usize> = Vec::new();
        let (centre, radius) = (&outline.centre, outline.radius * (1.0 + 1e-9));
        while let Some(bounds) = self.boxes.get(at) {
            let meets = (0..3).all(|k| centre[k] + radius >= bounds.low[k] && centre[k] - radius <= bounds.high[k]);
            if meets && bounds.other != 0 {
                waiting.push(bounds.other);
                at += 1;
                continue;
            }
            if meets {
                for (pixel, other) in &self.items[bounds.first..bounds.last] {
                    if chord(&other.centre, centre) <= other.radius + radius {
                        each(*pixel, other);
                    }
                }
            }
            match waiting.pop() {
                Some(next) => at = next,
                None => return,
            }
        }
    }

    /// Whether it holds no outline.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Appends the boxes of some outlines, of which the first has place `first` among all.
fn divide(items: &mut [((i64, i64), Outline)], first: usize, boxes: &mut Vec<Bounds>) {
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for (_, outline) in items.iter() {
        // A little more than the radius, for rounding.
        let radius = outline.radius * (1.0 + 1e-9);
        for k in 0..3 {
            low[k] = low[k].min(outline.centre[k] - radius);
            high[k] = high[k].max(outline.centre[k] + radius);
        }
    }
    let here = boxes.len();
    boxes.push(Bounds { low, high, first, last: first + items.len(), other: 0 });
    if items.len() > FEW {
        let longest = (1..3).fold(0, |a, k| if high[k] - low[k] > high[a] - low[a] { k } else { a });
        let middle = items.len() / 2;
        items.select_nth_unstable_by(middle, |a, b| {
            let by_place = a.1.centre[longest].total_cmp(&b.1.centre[longest]);
            by_place.then_with(|| a.0.cmp(&b.0))
        });
        let (left, right) = items.split_at_mut(middle);
        divide(left, first, boxes);
        boxes[here].other = boxes.len();
        divide(right, first + middle, boxes);
    }
}

/// A cap that holds all the directions: centre, and largest chord from it.
pub(crate) fn cap(directions: impl Iterator<Item = Direction> + Clone) -> Option<(Direction, f64)> {
    let sum = directions.clone().fold([0.0; 3], |s: Direction, v| std::array::from_fn(|k| s[k] + v[k]));
    let length = sum.iter().map(|c| c * c).sum::<f64>().sqrt();
    if length < 1e-9 {
        return directions.clone().next().map(|v| (v, 2.0));
    }
    let centre = sum.map(|c| c / length);
    Some((centre, directions.map(|v| chord(&v, &centre)).fold(0.0, f64::max)))
}
