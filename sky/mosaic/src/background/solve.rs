//! The global solution: one polynomial per tile from the differences of all pairs.

use super::fit::{PairFit, solve_small};
use super::polynomial::{Polynomial, monomials, shift_matrix};
use super::skyline::{Skyline, order};
use crate::mapping::Window;

/// Weight, in pixels, that pulls each coefficient towards zero: nothing beside a real overlap, enough to hold what
/// no overlap determines.
const HOLD_PIXELS: f64 = 1e-5;

/// Corrections to subtract from each tile.
#[derive(Debug, Clone)]
pub struct Solution {
    /// One per tile, in output pixel coordinates.
    pub corrections: Vec<Polynomial>,
    /// Number of the island each tile belongs to, from 0.
    pub islands: Vec<usize>,
    /// How many islands there are.
    pub island_count: usize,
}

impl Solution {
    /// Corrections that change nothing.
    pub fn none(windows: &[Window]) -> Solution {
        Solution {
            corrections: windows.iter().map(|w| Polynomial::zero(centre(w), 0)).collect(),
            islands: (0..windows.len()).collect(),
            island_count: windows.len(),
        }
    }
}

fn centre(window: &Window) -> (f64, f64) {
    (window.x as f64 + window.width as f64 / 2.0, window.y as f64 + window.height as f64 / 2.0)
}

/// Solves for the corrections.
///
/// - `windows`: the output window of each tile; its area weighs in the choice of the common polynomial.
/// - `pairs`: fits over overlaps; their `a < b` index the tiles.
/// - `degree`: 0 level, 1 plane, up to 3.
pub fn solve(windows: &[Window], pairs: &[PairFit], degree: usize) -> Solution {
    let n = windows.len();
    let m = monomials(degree).len();
    let mut neighbours = vec![Vec::new(); n];
    for pair in pairs {
        neighbours[pair.a].push(pair.b);
        neighbours[pair.b].push(pair.a);
    }
    let order = order(&neighbours);
    let mut place = vec![0; n];
    for (k, &tile) in order.iter().enumerate() {
        place[tile] = k;
    }
    let mut first: Vec<usize> = (0..n).collect();
    for pair in pairs {
        let (i, j) = (place[pair.a], place[pair.b]);
        first[i.max(j)] = first[i.max(j)].min(i.min(j));
    }
    let mut matrix = Skyline::new((0..n * m).map(|row| first[row / m] * m).collect());
    let mut right = vec![0.0; n * m];
    for pair in pairs {
        add_pair(&mut matrix, &mut right, pair, windows, &place, degree);
    }
    for row in 0..n * m {
        matrix.add(row, row, HOLD_PIXELS);
    }
    // The held matrix is positive definite by construction; should rounding spoil it, no correction is the safe answer.
    if matrix.factor().is_ok() {
        matrix.solve(&mut right);
    } else {
        right.fill(0.0);
    }
    let mut corrections: Vec<Polynomial> = (0..n)
        .map(|tile| Polynomial {
            centre: centre(&windows[tile]),
            degree,
            coefficients: right[place[tile] * m..(place[tile] + 1) * m].to_vec(),
        })
        .collect();
    let (islands, island_count) = components(&neighbours);
    for island in 0..island_count {
        remove_common(&mut corrections, windows, &islands, island, degree);
    }
    Solution { corrections, islands, island_count }
}

/// Adds the normal equations of one pair: the difference is `P_a - P_b`.
fn add_pair(
    matrix: &mut Skyline,
    right: &mut [f64],
    pair: &PairFit,
    windows: &[Window],
    place: &[usize],
    degree: usize,
) {
    let m = monomials(degree).len();
    let normal = pair.moments.normal(degree);
    let cross = pair.moments.right(degree);
    let here = pair.difference.centre;
    // Monomials about the tile's centre in terms of those about the overlap's.
    let t = [pair.a, pair.b].map(|tile| shift_matrix(degree, centre(&windows[tile]), here));
    let rows = [place[pair.a] * m, place[pair.b] * m];
    for (s, (ts, row)) in t.iter().zip(rows).enumerate() {
        let sign = if s == 0 { 1.0 } else { -1.0 };
        for i in 0..m {
            right[row + i] += sign * (0..m).map(|k| ts[i * m + k] * cross[k]).sum::<f64>();
        }
        for (u, (tu, column)) in t.iter().zip(rows).enumerate() {
            let sign = if s == u { 1.0 } else { -1.0 };
            for i in 0..m {
                for j in 0..m {
                    if column + j > row + i {
                        continue;
                    }
                    let sum: f64 = (0..m * m).map(|k| ts[i * m + k / m] * normal[k] * tu[j * m + k % m]).sum();
                    matrix.add(row + i, column + j, sign * sum);
                }
            }
        }
    }
}

/// Numbers the connected components.
pub(crate) fn components(neighbours: &[Vec<usize>]) -> (Vec<usize>, usize) {
    let mut island = vec![usize::MAX; neighbours.len()];
    let mut count = 0;
    for start in 0..neighbours.len() {
        if island[start] != usize::MAX {
            continue;
        }
        let mut open = vec![start];
        island[start] = count;
        while let Some(tile) = open.pop() {
            for &next in &neighbours[tile] {
                if island[next] == usize::MAX {
                    island[next] = count;
                    open.push(next);
                }
            }
        }
        count += 1;
    }
    (island, count)
}

/// Takes out of an island's corrections the polynomial that fits them best over the tiles' areas.
fn remove_common(corrections: &mut [Polynomial], windows: &[Window], islands: &[usize], island: usize, degree: usize) {
    let members: Vec<usize> = (0..windows.len()).filter(|&t| islands[t] == island).collect();
    let Some(&head) = members.first() else { return };
    if members.len() == 1 {
        corrections[head].coefficients.fill(0.0);
        return;
    }
    let origin = centre(&windows[head]);
    let terms = monomials(degree);
    let m = terms.len();
    // In units of the island's own extent, or the normal equations lose their digits on wide mosaics.
    let reach = members
        .iter()
        .map(|&t| (centre(&windows[t]).0 - origin.0).abs().max((centre(&windows[t]).1 - origin.1).abs()))
        .fold(1.0f64, f64::max);
    let (mut normal, mut right) = (vec![0.0; m * m], vec![0.0; m]);
    const GRID: usize = 4;
    for &tile in &members {
        let w = &windows[tile];
        for k in 0..GRID * GRID {
            let x = w.x as f64 + (k % GRID) as f64 * (w.width as f64 - 1.0) / (GRID - 1) as f64;
            let y = w.y as f64 + (k / GRID) as f64 * (w.height as f64 - 1.0) / (GRID - 1) as f64;
            let (s, t) = ((x - origin.0) / reach, (y - origin.1) / reach);
            let phi: Vec<f64> = terms.iter().map(|&(p, q)| s.powi(p as i32) * t.powi(q as i32)).collect();
            let value = corrections[tile].at(x, y);
            let weight = w.area() as f64;
            for i in 0..m {
                right[i] += weight * phi[i] * value;
                for j in 0..m {
                    normal[i * m + j] += weight * phi[i] * phi[j];
                }
            }
        }
    }
    let Some(common) = solve_small(normal, right) else { return };
    let unit = reach / super::polynomial::LENGTH_PX;
    let coefficients = terms.iter().zip(common).map(|(&(p, q), c)| c / unit.powi((p + q) as i32)).collect();
    let common = Polynomial { centre: origin, degree, coefficients };
    for &tile in &members {
        let shifted = common.about(corrections[tile].centre);
        for (c, s) in corrections[tile].coefficients.iter_mut().zip(shifted.coefficients) {
            *c -= s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::background::difference::Difference;
    use crate::background::fit::fit;

    /// Tiles on a grid with overlaps, each with a known polynomial; differences are exact.
    fn set(degree: usize) -> (Vec<Window>, Vec<Polynomial>, Vec<PairFit>) {
        let mut windows = Vec::new();
        let mut planes = Vec::new();
        for k in 0..12i64 {
            let window = Window { x: (k % 4) * 430, y: (k / 4) * 970 + (k % 2) * 300, width: 512, height: 1024 };
            let mut plane = Polynomial::zero(centre(&window), degree);
            for (i, c) in plane.coefficients.iter_mut().enumerate() {
                *c = (((k * 31 + i as i64 * 17) % 13) as f64 - 6.0) * 0.3;
            }
            windows.push(window);
            planes.push(plane);
        }
        let mut pairs = Vec::new();
        for a in 0..windows.len() {
            for b in a + 1..windows.len() {
                let Some(shared) = windows[a].intersect(&windows[b]) else { continue };
                let value = |x: i64, y: i64| planes[a].at(x as f64, y as f64) - planes[b].at(x as f64, y as f64);
                let difference = Difference::from_function((a, b), shared, value);
                pairs.extend(fit(&difference, degree));
            }
        }
        (windows, planes, pairs)
    }

    #[test]
    fn known_polynomials_are_found_but_for_the_common_one() {
        for degree in 0..=2 {
            let (windows, planes, pairs) = set(degree);
            let solution = solve(&windows, &pairs, degree);
            assert_eq!(solution.island_count, 1);
            // What is left must be one polynomial for all tiles.
            let rest = |t: usize, x: f64, y: f64| planes[t].at(x, y) - solution.corrections[t].at(x, y);
            for (x, y) in [(0.0, 0.0), (900.0, 1500.0), (1700.0, 200.0)] {
                for t in 1..windows.len() {
                    let gap = rest(t, x, y) - rest(0, x, y);
                    assert!(gap.abs() < 2e-3, "degree {degree}, tile {t} at ({x}, {y}): {gap}");
                }
            }
        }
    }

    #[test]
    fn corrections_hold_no_common_plane() {
        let (windows, _, pairs) = set(1);
        let mut corrections = solve(&windows, &pairs, 1).corrections;
        let before = corrections.clone();
        remove_common(&mut corrections, &windows, &[0; 12], 0, 1);
        for (a, b) in corrections.iter().zip(&before) {
            assert!((a.coefficients[0] - b.coefficients[0]).abs() < 1e-9);
        }
    }

    #[test]
    fn tiles_that_touch_nothing_are_islands_and_stay_as_they_are() {
        let windows =
            vec![Window { x: 0, y: 0, width: 100, height: 100 }, Window { x: 500, y: 0, width: 100, height: 100 }];
        let solution = solve(&windows, &[], 1);
        assert_eq!(solution.island_count, 2);
        assert!(solution.corrections.iter().all(|c| c.coefficients.iter().all(|v| *v == 0.0)));
    }
}
