//! Whether the pixels of a rectangle are quadrilaterals of great circles, all of them.

use super::divide::{HAND, PROBES, is_straight};
use super::outline::{Direction, Skyward, chord, is_defined};
use pogson_image::sphere::Vectors;

/// Whether no side of a rectangle of pixels has to be divided ([`super::divide`]).
///
/// - `first`: pixel coordinates of its lower left corner.
/// - `size`: pixels across and up.
/// - `corners`: the corners on the sky, row by row, one more each way than there are pixels.
pub(super) fn all_straight(place: &Skyward<'_>, first: (f64, f64), size: (usize, usize), corners: &Vectors) -> bool {
    let stride = size.0 + 1;
    let at = |i: usize, j: usize| -> Direction {
        let k = j * stride + i;
        [corners.x[k], corners.y[k], corners.z[k]]
    };
    if evenly_spaced(size, &at) {
        return true;
    }
    // Probes of the sides along rows, then along columns.
    let sides = |across: bool| {
        let (columns, rows) = if across { (size.0, size.1 + 1) } else { (size.0 + 1, size.1) };
        let n = columns * rows;
        let (mut x, mut y) = (Vec::with_capacity(4 * n), Vec::with_capacity(4 * n));
        for j in 0..rows {
            for i in 0..columns {
                for (along, aside) in [(PROBES[0], 0.0), (PROBES[1], 0.0), (0.5, HAND), (0.5, -HAND)] {
                    let (s, t) = if across { (along, aside) } else { (-aside, along) };
                    x.push(first.0 + i as f64 + s);
                    y.push(first.1 + j as f64 + t);
                }
            }
        }
        let mut v = Vectors { x: vec![0.0; 4 * n], y: vec![0.0; 4 * n], z: vec![0.0; 4 * n] };
        place(&x, &y, &mut v);
        (0..n).all(|k| {
            let (i, j) = (k % columns, k / columns);
            let end = if across { at(i + 1, j) } else { at(i, j + 1) };
            let [a, b, c, d] = [0, 1, 2, 3].map(|p| [v.x[4 * k + p], v.y[4 * k + p], v.z[4 * k + p]]);
            is_straight(&at(i, j), &end, &[a, b], chord(&c, &d) / (2.0 * HAND))
        })
    };
    sides(true) && sides(false)
}

/// Whether corners follow each other in steps that hardly change, by far less than sides may bulge: then no side needs a
/// closer look.
fn evenly_spaced(size: (usize, usize), at: &impl Fn(usize, usize) -> Direction) -> bool {
    const CHANGE: f64 = 0.1;
    if size.0 < 2 || size.1 < 2 {
        return false;
    }
    let square = |v: Direction| v.iter().map(|c| c * c).sum::<f64>();
    let step = |a: Direction, b: Direction| -> Direction { std::array::from_fn(|k| b[k] - a[k]) };
    // NaN is not even.
    let even = |a: Direction, b: Direction, c: Direction, aside: Direction| {
        let (first, second) = (step(a, b), step(b, c));
        let bend = step(first, second);
        is_defined(&aside) && square(bend) <= CHANGE * CHANGE * square(first).min(square(step(b, aside)))
    };
    let beside = |k: usize, n: usize| if k < n { k + 1 } else { k - 1 };
    (0..=size.1).all(|j| {
        let aside = beside(j, size.1);
        (1..size.0).all(|i| even(at(i - 1, j), at(i, j), at(i + 1, j), at(i, aside)))
    }) && (0..=size.0).all(|i| {
        let aside = beside(i, size.0);
        (1..size.1).all(|j| even(at(i, j - 1), at(i, j), at(i, j + 1), at(aside, j)))
    })
}
