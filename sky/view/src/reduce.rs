//! Area-averaging: an image of any size becomes one of at most so many pixels, streamed by rows.

use rayon::prelude::*;

/// How an axis of `from` pixels is divided into cells of `factor` pixels each, the last one perhaps cut short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cells {
    from: usize,
    factor: f64,
}

impl Cells {
    /// Cells of `factor >= 1` pixels over `from` pixels; a smaller or undefined factor counts as 1.
    pub fn new(from: usize, factor: f64) -> Cells {
        Cells { from, factor: if factor >= 1.0 { factor } else { 1.0 } }
    }

    /// Number of cells. What is left over at the end makes one more if it is at least a millionth of a cell.
    pub fn count(&self) -> usize {
        ((self.from as f64 / self.factor - 1e-6).ceil() as usize).max(usize::from(self.from > 0))
    }

    /// First and one past the last pixel that cell `k` touches, and both ends as fractions of pixels.
    fn range(&self, k: usize) -> (usize, usize, f64, f64) {
        let end = self.from as f64;
        let from = (k as f64 * self.factor).min(end);
        let to = if k + 1 == self.count() { end } else { ((k + 1) as f64 * self.factor).min(end) };
        (from.floor() as usize, (to.ceil() as usize).min(self.from), from, to)
    }
}

/// Share of pixel `i` that lies between `from` and `to`.
fn share(i: usize, from: f64, to: f64) -> f64 {
    (to.min((i + 1) as f64) - from.max(i as f64)).clamp(0.0, 1.0)
}

/// What a cell of the reduced image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellValue {
    /// The mean over the cell's area that has values: surface brightness stays.
    Mean,
    /// The sum of value times covered area: the total over the image stays.
    Sum,
}

/// Averages an image into cells of `factor` by `factor` pixels and hands over the rows of cells.
///
/// - `size`: width and height of the image in pixels.
/// - `factor`: side of a cell in pixels, at least 1, not necessarily whole.
/// - `read(first, rows, out)`: fills `out` with that many whole rows, row-major; called from several threads.
/// - `write(first, out)`: takes whole rows of cells, from `first` on; called from several threads, each row once.
///
/// NaN pixels count neither in value nor in area; a cell without any other is NaN. Memory is a few rows of cells a
/// thread. Each cell is summed in one order, so that the bytes do not depend on the number of threads.
///
/// # Errors
/// The first error that `read` or `write` gives.
pub fn reduce<E: Send>(
    size: (usize, usize),
    factor: f64,
    value: CellValue,
    read: impl Fn(usize, usize, &mut [f32]) -> Result<(), E> + Sync,
    write: impl Fn(usize, &[f32]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let (width, height) = size;
    let (across, down) = (Cells::new(width, factor), Cells::new(height, factor));
    if width == 0 || height == 0 {
        return Ok(());
    }
    // About 4 million pixels at once: few calls for small images, 16 MiB a thread for the largest.
    let rows_of_cells = ((4 << 20) as f64 / (width as f64 * across.factor)).clamp(1.0, 64.0) as usize;
    let bands = down.count().div_ceil(rows_of_cells);
    (0..bands).into_par_iter().try_for_each(|band| {
        let first_cell = band * rows_of_cells;
        let cells = rows_of_cells.min(down.count() - first_cell);
        let (first, ..) = down.range(first_cell);
        let (_, last, ..) = down.range(first_cell + cells - 1);
        let mut pixels = vec![0f32; (last - first) * width];
        read(first, last - first, &mut pixels)?;
        let mut out = vec![0f32; cells * across.count()];
        for (k, row) in out.chunks_exact_mut(across.count()).enumerate() {
            let (top, bottom, from, to) = down.range(first_cell + k);
            let lines = &pixels[(top - first) * width..(bottom - first) * width];
            row_of_cells(lines, width, &across, |line| share(top + line, from, to), value, row);
        }
        write(first_cell, &out)
    })
}

/// One row of cells from the lines of pixels under it.
fn row_of_cells(
    lines: &[f32],
    width: usize,
    across: &Cells,
    line_share: impl Fn(usize) -> f64,
    value: CellValue,
    out: &mut [f32],
) {
    let mut sums = vec![(0f64, 0f64); out.len()];
    for (l, line) in lines.chunks_exact(width).enumerate() {
        let weight = line_share(l);
        if weight <= 0.0 {
            continue;
        }
        for (k, (sum, area)) in sums.iter_mut().enumerate() {
            let (left, right, from, to) = across.range(k);
            for (i, &pixel) in line[left..right].iter().enumerate() {
                if !pixel.is_nan() {
                    let w = weight * share(left + i, from, to);
                    *sum = w.mul_add(f64::from(pixel), *sum);
                    *area += w;
                }
            }
        }
    }
    for (cell, (sum, area)) in out.iter_mut().zip(sums) {
        *cell = match value {
            _ if area <= 0.0 => f32::NAN,
            CellValue::Mean => (sum / area) as f32,
            CellValue::Sum => sum as f32,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;
    use std::sync::Mutex;

    fn reduced(pixels: &[f32], width: usize, factor: f64, value: CellValue) -> (usize, Vec<f32>) {
        let height = pixels.len() / width;
        let across = Cells::new(width, factor).count();
        let out = Mutex::new(vec![0f32; across * Cells::new(height, factor).count()]);
        let Ok(()) = reduce(
            (width, height),
            factor,
            value,
            |first, rows, buffer: &mut [f32]| {
                buffer.copy_from_slice(&pixels[first * width..(first + rows) * width]);
                Ok::<(), Infallible>(())
            },
            |first, rows| {
                out.lock().unwrap()[first * across..first * across + rows.len()].copy_from_slice(rows);
                Ok(())
            },
        );
        (across, out.into_inner().unwrap())
    }

    #[test]
    fn blocks_of_two_by_two_are_averaged() {
        let pixels = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, f32::NAN];
        assert_eq!(reduced(&pixels, 4, 2.0, CellValue::Mean).1, [3.5, 14.0 / 3.0]);
        assert_eq!(reduced(&pixels, 4, 2.0, CellValue::Sum).1, [14.0, 14.0]);
    }

    #[test]
    fn a_cell_of_one_and_a_half_pixels_takes_half_of_the_middle_one() {
        let (across, cells) = reduced(&[1.0, 2.0, 4.0], 3, 1.5, CellValue::Sum);
        // One row of pixels makes one row of cells, two thirds of a cell high.
        assert_eq!((across, cells), (2, vec![2.0, 5.0]));
    }

    #[test]
    fn cells_without_a_value_are_nan_and_others_are_not_touched_by_nan() {
        let pixels = [f32::NAN, f32::NAN, 1.0, f32::NAN];
        let (_, cells) = reduced(&pixels, 4, 2.0, CellValue::Mean);
        assert!(cells[0].is_nan());
        assert_eq!(cells[1], 1.0);
    }

    proptest! {
        #[test]
        fn sums_over_the_image_are_kept_at_any_factor(
            width in 1usize..40, height in 1usize..40, factor in 1.0f64..17.0, seed in 0u32..1000,
        ) {
            let pixels: Vec<f32> = (0..width * height).map(|i| ((i as u32 * 7919 + seed) % 101) as f32).collect();
            let total: f64 = pixels.iter().map(|v| f64::from(*v)).sum();
            let (_, cells) = reduced(&pixels, width, factor, CellValue::Sum);
            let kept: f64 = cells.iter().map(|v| f64::from(*v)).sum();
            prop_assert!((kept - total).abs() <= 1e-5 * total.max(1.0), "{kept} of {total}");
        }
    }
}
