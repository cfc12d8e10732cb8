//! Step 3: the difference of two projected images over their overlap, fitted.

use super::grid::{Listed, read_table};
use super::image::{self, OnGrid, Stored};
use crate::background::difference::{Difference, Projected};
use crate::background::fit::{PairFit, fit};
use crate::cache::TileCache;
use crate::error::MosaicError;
use crate::patch::Projector;
use crate::work::{Watch, sweep};
use pogson_image::table::OverlapEntry;
use std::collections::BTreeSet;
use std::path::Path;

/// Pairs that a table of overlaps names, as places in the table of images.
///
/// # Errors
/// [`MosaicError::Table`].
pub fn read_pairs(path: &Path, images: &Listed) -> Result<Vec<(usize, usize)>, MosaicError> {
    let problem = |reason: String| MosaicError::Table { path: path.to_path_buf(), reason };
    let table = read_table(path)?;
    let entries = OverlapEntry::read_all(&table).map_err(|e| problem(e.to_string()))?;
    entries.iter().map(|e| Ok((images.index(e.plus_id, path)?, images.index(e.minus_id, path)?))).collect()
}

/// The images that the overlaps of some pairs need: the pairs' own, and those that lie on the same pixels.
pub fn needed(images: &Listed, pairs: &[(usize, usize)]) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    for (a, b) in pairs {
        out.extend([*a, *b]);
        if let Some(shared) = images.windows[*a].intersect(&images.windows[*b]) {
            out.extend((0..images.windows.len()).filter(|c| images.windows[*c].intersect(&shared).is_some()));
        }
    }
    out
}

/// Where the images are, and how the work is done.
pub struct Work<'a> {
    /// The images.
    pub images: &'a Listed,
    /// Folder of the images, if not as the table says.
    pub folder: Option<&'a Path>,
    /// Degree of the fits.
    pub degree: usize,
    /// Worker threads.
    pub threads: usize,
    /// Memory for images, in bytes.
    pub memory: usize,
    /// Told of the progress.
    pub watch: &'a dyn Watch,
}

/// Fits the differences of pairs; `None` for a pair that shares too few pixels.
///
/// # Errors
/// Those of reading; an image that is not there.
pub fn diff_fit(work: &Work<'_>, pairs: &[(usize, usize)]) -> Result<Vec<Option<PairFit>>, MosaicError> {
    let windows = &work.images.windows;
    let needed = needed(work.images, pairs);
    let within = work.images.enclosing();
    let order: Vec<usize> = needed.iter().copied().collect();
    work.watch.stage("opening images", order.len());
    let opened = sweep(work.threads, order.len(), work.watch, |k| {
        let image = OnGrid::open(&work.images.file(order[k], work.folder), &work.images.frame)?;
        agrees(work.images, order[k], &image)?;
        let stored = image.stored(within)?;
        Ok((image, stored))
    })?;
    let mut on_grid: Vec<Option<(OnGrid, Stored)>> = (0..windows.len()).map(|_| None).collect();
    for (k, (image, stored)) in order.iter().zip(opened) {
        on_grid[*k] = stored.map(|stored| (image, stored));
    }
    let missing = |k: usize| MosaicError::Geometry {
        path: work.images.file(k, work.folder),
        reason: "the image has no pixel on the frame".into(),
    };
    let load = |k: usize| image::load(&on_grid[k].as_ref().ok_or_else(|| missing(k))?.0.source, false);
    let cache = TileCache::new(windows.len(), work.memory, &load);
    work.watch.stage("comparing overlaps", pairs.len());
    sweep(work.threads, pairs.len(), work.watch, |k| {
        let (a, b) = pairs[k];
        let Some(shared) = windows[a].intersect(&windows[b]) else { return Ok(None) };
        let projector = |k: usize| on_grid[k].as_ref().map(|(_, stored)| stored as &dyn Projector);
        let (Some(first), Some(second)) = (projector(a), projector(b)) else { return Ok(None) };
        let others: Vec<&dyn Projector> = (0..windows.len())
            .filter(|&c| c != a && c != b && windows[c].intersect(&shared).is_some())
            .filter_map(projector)
            .collect();
        let (ta, tb) = (cache.get(a)?, cache.get(b)?);
        let pa = Projected { index: a, projector: first, tile: &ta };
        let pb = Projected { index: b, projector: second, tile: &tb };
        let difference = Difference::measure(&pa, &pb, &others, shared)?;
        Ok(fit(&difference, work.degree))
    })
}

/// Whether the file is the image that the table lists.
fn agrees(images: &Listed, index: usize, image: &OnGrid) -> Result<(), MosaicError> {
    let listed = images.windows[index];
    if listed == image.window {
        return Ok(());
    }
    Err(MosaicError::Geometry {
        path: image.source.path.clone(),
        reason: format!(
            "the image is {} x {} pixels from ({}, {}) of the grid, and {} says {} x {} from ({}, {}); make the table again",
            image.window.width,
            image.window.height,
            image.window.x,
            image.window.y,
            images.path.display(),
            listed.width,
            listed.height,
            listed.x,
            listed.y
        ),
    })
}
