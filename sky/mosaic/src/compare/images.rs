//! Two images read beside each other.

use pogson_image::fits::{FitsError, Image, Rect};
use rayon::prelude::*;

use super::residual::{Ranks, Residuals, Tally};

/// Pixels of a block.
const BLOCK: usize = 1 << 19;

/// Blocks that are read side by side, and between which the caller is asked whether to go on.
const BATCH: usize = 16;

/// Residuals `a - b` of one plane of two images of the same size, read twice in blocks.
///
/// - `plane`: from 0, in both images;
/// - `between`: called with the number of pixels read since the last call; what it returns ends the work.
///
/// The result does not depend on the number of threads.
///
/// # Errors
/// When pixels cannot be read; what `between` returns.
pub fn residuals<E: From<FitsError>>(
    a: &Image<'_>,
    b: &Image<'_>,
    plane: usize,
    mut between: impl FnMut(usize) -> Result<(), E>,
) -> Result<Residuals, E> {
    let blocks = blocks(a.width(), a.height());
    let mut tally = Tally::default();
    for batch in blocks.chunks(BATCH) {
        let read = |rect: &Rect| pair(a, b, plane, *rect).map(|(a, b)| Tally::of(&a, &b));
        let tallies: Result<Vec<Tally>, FitsError> = batch.par_iter().map(read).collect();
        tallies?.iter().for_each(|next| tally.merge(next));
        between(batch.iter().map(Rect::area).sum())?;
    }
    let empty = tally.refine();
    let mut ranks = empty.clone();
    for batch in blocks.chunks(BATCH) {
        let read = |rect: &Rect| {
            let (a, b) = pair(a, b, plane, *rect)?;
            let mut ranks = empty.clone();
            ranks.add(&a, &b);
            Ok(ranks)
        };
        let counted: Result<Vec<Ranks>, FitsError> = batch.par_iter().map(read).collect();
        counted?.iter().for_each(|next| ranks.merge(next));
        between(batch.iter().map(Rect::area).sum())?;
    }
    Ok(Residuals::new(&tally, &ranks))
}

/// Whole rows, some at a time.
pub fn blocks(width: usize, height: usize) -> Vec<Rect> {
    let rows = (BLOCK / width.max(1)).max(1);
    let block = |y| Rect { x: 0, y, width, height: rows.min(height - y) };
    (0..height).step_by(rows).map(block).collect()
}

/// The same rectangle of both images.
///
/// # Errors
/// When pixels cannot be read.
pub fn pair(a: &Image<'_>, b: &Image<'_>, plane: usize, rect: Rect) -> Result<(Vec<f32>, Vec<f32>), FitsError> {
    let (mut left, mut right) = (vec![0f32; rect.area()], vec![0f32; rect.area()]);
    a.read_f32(plane, rect, &mut left)?;
    b.read_f32(plane, rect, &mut right)?;
    Ok((left, right))
}
