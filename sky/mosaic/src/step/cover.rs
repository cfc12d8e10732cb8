//! Which pixels a tile covers by its geometry, bad pixels included, as runs along rows.
//!
//! Overlaps weigh a pixel by the number of tiles on it; where a tile's pixel is bad its geometry counts still, as in
//! [`crate::pipeline`]. The runs are a binary table, EXTNAME COVER, behind the `_area` image.

use crate::error::MosaicError;
use crate::mapping::Window;
use crate::patch::Projector;
use pogson_image::fits::{FitsFile, FitsWriter, Header, NewColumn, Values, write_table};

/// Name of the extension.
pub const EXTENSION: &str = "COVER";

/// Runs of covered pixels of an image, 0-based in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs {
    /// Row, first column, past-the-last column; sorted by rows.
    runs: Vec<(u32, u32, u32)>,
}

impl Runs {
    /// The runs where `covered` is true, a row at a time.
    fn push_row(&mut self, y: u32, covered: impl Iterator<Item = bool>) {
        let mut start = None;
        let mut end = 0;
        for (x, covered) in (0u32..).zip(covered) {
            match (covered, start) {
                (true, None) => start = Some(x),
                (false, Some(first)) => {
                    self.runs.push((y, first, x));
                    start = None;
                }
                _ => {}
            }
            end = x + 1;
        }
        if let Some(first) = start {
            self.runs.push((y, first, end));
        }
    }

    /// What a projector covers of its window.
    pub fn of_projector(projector: &dyn Projector) -> Runs {
        let Window { x, y, width, height } = projector.window();
        let mut out = Runs::default();
        let mut count = vec![0u8; width];
        for j in 0..height {
            count.fill(0);
            projector.count_row(y + j as i64, x, &mut count);
            out.push_row(j as u32, count.iter().map(|c| *c > 0));
        }
        out
    }

    /// Where a plane of weights is positive.
    pub fn of_weights(weights: &[f32], width: usize) -> Runs {
        let mut out = Runs::default();
        for (y, row) in (0u32..).zip(weights.chunks_exact(width.max(1))) {
            out.push_row(y, row.iter().map(|w| *w > 0.0));
        }
        out
    }

    /// Adds 1 to the covered pixels of row `y` from column `x` on.
    pub fn count(&self, y: u32, x: u32, count: &mut [u8]) {
        let from = self.runs.partition_point(|run| run.0 < y);
        let end = x + count.len() as u32;
        for (_, first, last) in self.runs[from..].iter().take_while(|run| run.0 == y) {
            let (first, last) = ((*first).max(x), (*last).min(end));
            for c in count.iter_mut().take(last.saturating_sub(x) as usize).skip((first - x) as usize) {
                *c = c.saturating_add(1);
            }
        }
    }

    /// Writes the table as the next HDU.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&self, writer: &mut FitsWriter) -> Result<(), MosaicError> {
        let column = |get: fn(&(u32, u32, u32)) -> u32| Values::I32(self.runs.iter().map(|r| get(r) as i32).collect());
        let columns = [
            NewColumn::scalars("Y", "pix", column(|r| r.0 + 1)),
            NewColumn::scalars("X1", "pix", column(|r| r.1 + 1)),
            NewColumn::scalars("X2", "pix", column(|r| r.2)),
        ];
        let mut header = Header::new();
        header.set("EXTNAME", EXTENSION, "rows and columns, from 1, that the tile covers");
        write_table(writer, &header, &columns)?;
        Ok(())
    }

    /// Reads the table, if the file has one.
    ///
    /// # Errors
    /// A table without the columns, or with runs outside an image of `width` columns.
    pub fn read(file: &FitsFile, width: usize) -> Result<Option<Runs>, MosaicError> {
        let Ok(hdu) = file.named(EXTENSION, None) else { return Ok(None) };
        let table = file.table(hdu)?;
        let column = |name: &str| table.require(name).and_then(|c| table.column_f64(c));
        let (y, first, last) = (column("Y")?, column("X1")?, column("X2")?);
        let mut runs: Vec<(u32, u32, u32)> = Vec::with_capacity(y.len());
        for ((y, first), last) in y.iter().zip(&first).zip(&last) {
            let inside = *y >= 1.0 && *first >= 1.0 && first <= last && *last <= width as f64;
            let sorted = runs.last().is_none_or(|run| f64::from(run.0) + 1.0 < *y);
            let sorted =
                sorted || runs.last().is_some_and(|run| f64::from(run.0) + 1.0 == *y && f64::from(run.2) < *first);
            if !(inside && sorted) {
                return Err(MosaicError::Geometry {
                    path: file.path().to_path_buf(),
                    reason: format!(
                        "its table {EXTENSION} has a run over columns {first} to {last} of row {y}, outside the image or \
                         out of order; project the tile again"
                    ),
                });
            }
            runs.push((*y as u32 - 1, *first as u32 - 1, *last as u32));
        }
        Ok(Some(Runs { runs }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_count_what_the_weights_show() {
        let weights = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0f32];
        let runs = Runs::of_weights(&weights, 5);
        for y in 0..3 {
            for x in 0..5 {
                let mut count = vec![0; 5 - x];
                runs.count(y, x as u32, &mut count);
                let wanted: Vec<u8> = (x..5).map(|k| u8::from(weights[y as usize * 5 + k] > 0.0)).collect();
                assert_eq!(count, wanted, "row {y} from {x}");
            }
        }
    }
}
