//! Smoothing of lossy HCOMPRESS_1 tiles: coefficients that rounding blurred are set to what their neighbours suggest.

/// Smooths the interleaved coefficients of one pass: slopes along and across rows, then the diagonal ones.
///
/// - `a`: row-major, `columns` by `rows`, in 2 x 2 blocks of sum, row slope, column slope, diagonal.
/// - `most`: the largest change of a coefficient, half the SCALE.
///
/// Blocks at the edge stay. Slopes never pass what keeps the neighbouring sums monotonic.
pub(super) fn smooth(a: &mut [i64], columns: usize, rows: usize, most: i64) {
    let two_rows = 2 * columns;
    for i in (2..rows.saturating_sub(2)).step_by(2) {
        for j in (0..columns).step_by(2) {
            let at = i * columns + j;
            let change = slope_change(a[at - two_rows], a[at], a[at + two_rows], a[at + columns], most);
            a[at + columns] = a[at + columns].wrapping_add(change);
        }
    }
    for i in (0..rows).step_by(2) {
        for j in (2..columns.saturating_sub(2)).step_by(2) {
            let at = i * columns + j;
            let change = slope_change(a[at - 2], a[at], a[at + 2], a[at + 1], most);
            a[at + 1] = a[at + 1].wrapping_add(change);
        }
    }
    for i in (2..rows.saturating_sub(2)).step_by(2) {
        for j in (2..columns.saturating_sub(2)).step_by(2) {
            let at = i * columns + j;
            let corners = [a[at - two_rows - 2], a[at + two_rows - 2], a[at - two_rows + 2], a[at + two_rows + 2]];
            let change = diagonal_change(corners, a[at], a[at + columns], a[at + 1], a[at + columns + 1], most);
            a[at + columns + 1] = a[at + columns + 1].wrapping_add(change);
        }
    }
}

/// Division by a power of two, rounding towards zero, limited to `most` either way.
#[inline(always)]
fn limited(excess: i64, shift: u32, most: i64) -> i64 {
    let toward_zero = if excess >= 0 { excess } else { excess.wrapping_add((1 << shift) - 1) };
    (toward_zero >> shift).clamp(-most, most)
}

#[inline(always)]
fn slope_change(before: i64, here: i64, after: i64, slope: i64, most: i64) -> i64 {
    let (rise, come) = (after.wrapping_sub(here), here.wrapping_sub(before));
    let upper = rise.min(come).max(0).wrapping_shl(2);
    let lower = rise.max(come).min(0).wrapping_shl(2);
    if lower >= upper {
        return 0;
    }
    let wish = after.wrapping_sub(before).min(upper).max(lower);
    limited(wish.wrapping_sub(slope.wrapping_shl(3)), 3, most)
}

/// - `corners`: sums of the diagonal neighbours: before/before, after/before, before/after, after/after (row, column).
#[inline(always)]
fn diagonal_change(corners: [i64; 4], here: i64, hx: i64, hy: i64, hc: i64, most: i64) -> i64 {
    let [mm, pm, mp, pp] = corners;
    let (x, y) = (hx.wrapping_shl(1), hy.wrapping_shl(1));
    // The rooms that the four neighbours leave, each with its own signs of the slopes.
    let rooms = |bound: fn(i64) -> i64| {
        [
            bound(pp.wrapping_sub(here)).wrapping_sub(x).wrapping_sub(y),
            bound(here.wrapping_sub(pm)).wrapping_add(x).wrapping_sub(y),
            bound(here.wrapping_sub(mp)).wrapping_sub(x).wrapping_add(y),
            bound(mm.wrapping_sub(here)).wrapping_add(x).wrapping_add(y),
        ]
    };
    let upper = rooms(|v| v.max(0)).into_iter().fold(i64::MAX, i64::min).wrapping_shl(4);
    let lower = rooms(|v| v.min(0)).into_iter().fold(i64::MIN, i64::max).wrapping_shl(4);
    if lower >= upper {
        return 0;
    }
    let wish = pp.wrapping_add(mm).wrapping_sub(mp).wrapping_sub(pm).min(upper).max(lower);
    limited(wish.wrapping_sub(hc.wrapping_shl(6)), 6, most)
}
