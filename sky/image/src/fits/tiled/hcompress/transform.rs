//! The H-transform on integers, and its inverse.
//!
//! One pass turns each 2 x 2 block into its sum and three differences and groups them by kind: sums top left,
//! differences along a row to the right, between rows below, diagonal ones bottom right. The next pass works on the
//! sums. Low bits are dropped so that the whole stays invertible. Arithmetic wraps, for damaged input may hold anything.

use super::halvings;
use super::smooth::smooth;

/// Rounding of one kind of coefficient to a multiple of a power of two.
#[derive(Debug, Clone, Copy)]
struct Rounding {
    /// The power of two; 0 leaves values alone.
    unit: i64,
    /// Added to values from 0 up.
    up: i64,
    /// Added to negative values.
    down: i64,
}

impl Rounding {
    #[inline(always)]
    fn apply(self, value: i64) -> i64 {
        value.wrapping_add(if value >= 0 { self.up } else { self.down }) & self.unit.wrapping_neg()
    }
}

/// Transforms `a` (row-major, `width` by `height`, both at least 1) in place.
pub(super) fn forward(a: &mut [i64], width: usize, height: usize) {
    let mut sorted = vec![0i64; a.len()];
    let (mut columns, mut rows) = (width, height);
    for pass in 0..halvings(width.max(height)) {
        let unit = 2i64 << pass;
        let slopes = Rounding { unit, up: unit / 2, down: 0 };
        let sums = Rounding { unit: 2 * unit, up: unit, down: unit - 1 };
        let halve = u32::from(pass > 0);
        let (half_columns, half_rows) = (columns.div_ceil(2), rows.div_ceil(2));
        for pair in 0..half_rows {
            let upper = &a[2 * pair * width..][..columns];
            let lower = a.get((2 * pair + 1) * width..).filter(|_| 2 * pair + 1 < rows);
            let (top, bottom) = sorted.split_at_mut(half_rows * columns);
            let (h0, hy) = top[pair * columns..][..columns].split_at_mut(half_columns);
            if let Some(lower) = lower {
                let (hx, hc) = bottom[pair * columns..][..columns].split_at_mut(half_columns);
                for k in 0..columns / 2 {
                    let (a00, a01, a10, a11) = (upper[2 * k], upper[2 * k + 1], lower[2 * k], lower[2 * k + 1]);
                    h0[k] = sums.apply((a11 + a10 + a01 + a00) >> halve);
                    hx[k] = slopes.apply((a11 + a10 - a01 - a00) >> halve);
                    hy[k] = slopes.apply((a11 - a10 + a01 - a00) >> halve);
                    hc[k] = (a11 - a10 - a01 + a00) >> halve;
                }
                if columns % 2 == 1 {
                    let (a00, a10) = (upper[columns - 1], lower[columns - 1]);
                    h0[half_columns - 1] = sums.apply((a10 + a00) << (1 - halve));
                    hx[half_columns - 1] = slopes.apply((a10 - a00) << (1 - halve));
                }
            } else {
                for k in 0..columns / 2 {
                    let (a00, a01) = (upper[2 * k], upper[2 * k + 1]);
                    h0[k] = sums.apply((a01 + a00) << (1 - halve));
                    hy[k] = slopes.apply((a01 - a00) << (1 - halve));
                }
                if columns % 2 == 1 {
                    h0[half_columns - 1] = sums.apply(upper[columns - 1] << (2 - halve));
                }
            }
        }
        for (row, line) in sorted.chunks_exact(columns).take(rows).enumerate() {
            a[row * width..][..columns].copy_from_slice(line);
        }
        (columns, rows) = (half_columns, half_rows);
    }
}

/// Undoes [`forward`] in place.
///
/// - `smooth_scale`: the SCALE of a tile to smooth, 0 for none.
pub(super) fn inverse(a: &mut [i64], width: usize, height: usize, smooth_scale: i64) {
    let passes = halvings(width.max(height));
    let mut mixed = vec![0i64; a.len()];
    if passes > 0 {
        let unit = 2i64 << passes;
        a[0] = Rounding { unit, up: unit / 2, down: unit / 2 - 1 }.apply(a[0]);
    }
    for pass in (0..passes).rev() {
        let (columns, rows) = (width.div_ceil(1 << pass), height.div_ceil(1 << pass));
        interleave(a, width, columns, rows, &mut mixed);
        if smooth_scale > 1 {
            smooth(&mut mixed, columns, rows, smooth_scale >> 1);
        }
        let levels = Levels::of_pass(pass);
        for (pair, lines) in mixed[..rows * columns].chunks_mut(2 * columns).enumerate() {
            let (upper, lower) = lines.split_at_mut(columns);
            if lower.is_empty() {
                levels.expand_row(upper);
            } else {
                levels.expand(upper, lower);
                a[(2 * pair + 1) * width..][..columns].copy_from_slice(lower);
            }
            a[2 * pair * width..][..columns].copy_from_slice(upper);
        }
    }
}

/// Puts the four kinds of coefficients back in their 2 x 2 blocks.
fn interleave(a: &[i64], width: usize, columns: usize, rows: usize, mixed: &mut [i64]) {
    let (half_columns, half_rows) = (columns.div_ceil(2), rows.div_ceil(2));
    for (row, line) in mixed.chunks_exact_mut(columns).take(rows).enumerate() {
        let from = &a[(row / 2 + (row & 1) * half_rows) * width..][..columns];
        let (even, odd) = from.split_at(half_columns);
        for (pair, &value) in line.chunks_mut(2).zip(even) {
            pair[0] = value;
        }
        for (pair, &value) in line.chunks_exact_mut(2).zip(odd) {
            pair[1] = value;
        }
    }
}

/// The constants of one pass of the inverse.
#[derive(Debug, Clone, Copy)]
struct Levels {
    low: i64,
    high: i64,
    slopes: Rounding,
    diagonal: Rounding,
    shift: u32,
}

impl Levels {
    fn of_pass(pass: u32) -> Levels {
        let low = 1i64 << pass;
        let last = pass == 0;
        Levels {
            low,
            high: 2 * low,
            slopes: Rounding { unit: 2 * low, up: low, down: low - 1 },
            diagonal: Rounding { unit: low, up: low >> 1, down: if last { 0 } else { (low >> 1) - 1 } },
            shift: if last { 2 } else { 1 },
        }
    }

    #[inline(always)]
    fn expand(self, upper: &mut [i64], lower: &mut [i64]) {
        let mut uppers = upper.chunks_exact_mut(2);
        let mut lowers = lower.chunks_exact_mut(2);
        for (up, lo) in (&mut uppers).zip(&mut lowers) {
            let (mut h0, mut hx, mut hy, hc) =
                (up[0], self.slopes.apply(lo[0]), self.slopes.apply(up[1]), self.diagonal.apply(lo[1]));
            let low = hc & self.low;
            hx = if hx >= 0 { hx.wrapping_sub(low) } else { hx.wrapping_add(low) };
            hy = if hy >= 0 { hy.wrapping_sub(low) } else { hy.wrapping_add(low) };
            let high = (hc ^ hx ^ hy) & self.high;
            h0 = h0.wrapping_add(if h0 < 0 && low == 0 { high } else { low - high });
            let (plus, minus) = (h0.wrapping_add(hx), h0.wrapping_sub(hx));
            lo[1] = plus.wrapping_add(hy).wrapping_add(hc) >> self.shift;
            lo[0] = plus.wrapping_sub(hy).wrapping_sub(hc) >> self.shift;
            up[1] = minus.wrapping_add(hy).wrapping_sub(hc) >> self.shift;
            up[0] = minus.wrapping_sub(hy).wrapping_add(hc) >> self.shift;
        }
        if let ([h0], [hx]) = (uppers.into_remainder(), lowers.into_remainder()) {
            (*h0, *hx) = self.pair(*h0, *hx);
        }
    }

    fn expand_row(self, line: &mut [i64]) {
        let mut pairs = line.chunks_exact_mut(2);
        for pair in &mut pairs {
            (pair[0], pair[1]) = self.pair(pair[0], pair[1]);
        }
        if let [h0] = pairs.into_remainder() {
            *h0 >>= self.shift;
        }
    }

    #[inline(always)]
    fn pair(self, h0: i64, slope: i64) -> (i64, i64) {
        let slope = self.slopes.apply(slope);
        let high = slope & self.high;
        let h0 = if h0 >= 0 { h0.wrapping_sub(high) } else { h0.wrapping_add(high) };
        (h0.wrapping_sub(slope) >> self.shift, h0.wrapping_add(slope) >> self.shift)
    }
}
