//! Output pixels found by their place on the sky, where their place on the grid is of no use: across cuts, poles and
//! the edges of all-sky projections.

use super::outline::{Direction, Outline, chord};

/// Outlines of output pixels, sorted into cubes of space.
#[derive(Debug, Default)]
pub(crate) struct SkyIndex {
    /// Output pixel (column, row) and outline.
    items: Vec<((i64, i64), Outline)>,
    /// Cube and item, sorted.
    cubes: Vec<(u64, u32)>,
    side: f64,
    largest: f64,
}

impl SkyIndex {
    /// Sorts the outlines of output pixels.
    pub(crate) fn new(items: Vec<((i64, i64), Outline)>) -> SkyIndex {
        let largest = items.iter().map(|i| i.1.radius).fold(0.0, f64::max);
        let side = (2.0 * largest).max(2e-6);
        let mut cubes: Vec<(u64, u32)> =
            items.iter().enumerate().map(|(k, (_, o))| (key(o.centre.map(|c| place(c, side))), k as u32)).collect();
        cubes.sort_unstable();
        SkyIndex { items, cubes, side, largest }
    }

    /// Calls `each` with every item that may touch `outline`, in an order that depends on the items alone.
    pub(crate) fn near(&self, outline: &Outline, mut each: impl FnMut((i64, i64), &Outline)) {
        let reach = outline.radius + self.largest;
        let low = outline.centre.map(|c| place(c - reach, self.side));
        let high = outline.centre.map(|c| place(c + reach, self.side));
        for i in low[0]..=high[0] {
            for j in low[1]..=high[1] {
                let (first, last) = (key([i, j, low[2]]), key([i, j, high[2]]));
                let start = self.cubes.partition_point(|c| c.0 < first);
                for (_, item) in self.cubes[start..].iter().take_while(|c| c.0 <= last) {
                    let (pixel, other) = &self.items[*item as usize];
                    if chord(&other.centre, &outline.centre) <= (other.radius + outline.radius) * (1.0 + 1e-9) {
                        each(*pixel, other);
                    }
                }
            }
        }
    }

    /// Whether it holds no outline.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

fn place(c: f64, side: f64) -> i64 {
    ((c + 4.0) / side) as i64
}

fn key(cube: [i64; 3]) -> u64 {
    // 4e6 cubes along a side of 8 fit 22 bits; the first takes what is left of 64.
    ((cube[0] as u64) << 44) | ((cube[1] as u64) << 22) | cube[2] as u64
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
