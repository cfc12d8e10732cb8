//! From tiles to mosaic in one process: place, compare, solve, co-add.

mod beyond;

use crate::background::difference::{Difference, Projected};
use crate::background::fit::{PairFit, fit};
use crate::background::solve::{Solution, solve};
use crate::background::{Background, polynomial::Polynomial};
use crate::cache::{Load, TileCache};
use crate::coadd::Combine;
use crate::coadd::block::{Block, Finished};
use crate::error::MosaicError;
use crate::mapping::Window;
use crate::method::Method;
use crate::patch::{Patch, Projector};
use crate::place::{Placing, Target, place};
use crate::source::{LeftOut, Loading, OnBad, Source};
use crate::work::{Watch, sweep};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// How a mosaic is made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Way of reprojection.
    pub method: Method,
    /// What is matched between tiles.
    pub background: Background,
    /// How values are combined.
    pub combine: Combine,
    /// Worker threads.
    pub threads: usize,
    /// Memory for tiles and blocks together, in bytes.
    pub memory: usize,
    /// Largest error of approximated maps, in tile pixels.
    pub tolerance_px: f64,
    /// Whether pixels hold the sum of flux rather than surface brightness.
    pub flux: bool,
    /// Least footprint of an output pixel with a value.
    pub threshold: f32,
    /// Whether the variance of the result is wanted.
    pub variance: bool,
    /// Weight maps and masks.
    pub loading: Loading,
    /// What to do with tiles that cannot be read.
    pub on_bad: OnBad,
}

/// Receives finished blocks of the output, from several threads.
pub trait Sink: Sync {
    /// Blocks that come next belong to this plane of a cube, from 0.
    fn begin_plane(&self, _plane: usize) {}

    /// Takes the planes of one block.
    ///
    /// # Errors
    /// Those of writing.
    fn take(&self, window: Window, planes: &Finished) -> Result<(), MosaicError>;
}

/// What was found on the way.
pub struct Outcome {
    /// Tiles that took part, as indices into the sources given.
    pub used: Vec<usize>,
    /// Output window of each used tile.
    pub windows: Vec<Window>,
    /// Fits over overlaps; indices count the used tiles.
    pub pairs: Vec<PairFit>,
    /// Corrections; one per used tile.
    pub solution: Solution,
    /// Tiles that could not be read after all.
    pub left_out: Vec<LeftOut>,
    /// Method that was used.
    pub method: Method,
    /// Times that a tile was read.
    pub loads: u64,
    /// Most bytes of tiles held at once.
    pub peak_tile_bytes: usize,
}

/// Pixels of a block: few enough to stay in the cache.
const BLOCK_PIXELS: usize = 1 << 16;
/// The same for methods that add patches of tile pixels, of which those on a block's border are worked out twice.
const AREA_BLOCK_PIXELS: usize = 1 << 19;
/// Widest block: as wide as the output, if that is no wider, so that each is written in one go.
const WIDEST_BLOCK: usize = 4096;
/// Narrowest one, for tiles that hardly fit into memory.
const NARROWEST_BLOCK: usize = 1024;

thread_local! {
    /// A thread's patch, kept between blocks.
    static PATCH: std::cell::Cell<Patch> = std::cell::Cell::default();
}

/// A job while it runs.
struct Job<'a> {
    sources: &'a [Source],
    used: Vec<usize>,
    projectors: Vec<Box<dyn Projector>>,
    settings: &'a Settings,
    /// Pixels of a block.
    block_pixels: usize,
    target: &'a Target,
    watch: &'a dyn Watch,
    lost: Mutex<(HashSet<usize>, Vec<LeftOut>)>,
}

/// Makes a mosaic; blocks go to `sink` as they are finished.
///
/// # Errors
/// [`MosaicError::NoOverlap`] if no tile touches the frame, [`MosaicError::Interrupted`], and those of reading and
/// writing.
pub fn run(
    sources: &[Source],
    target: &Target,
    settings: &Settings,
    sink: &dyn Sink,
    watch: &dyn Watch,
) -> Result<Outcome, MosaicError> {
    let mut all = run_planes(sources, target, settings, 1, sink, watch)?;
    all.pop().ok_or(MosaicError::Interrupted)
}

/// Makes a mosaic of each plane of cubes, through one mapping of each tile; what was found on the way, plane by plane.
///
/// Backgrounds are matched in each plane by itself. A tile that cannot be read in one plane is left out of those after it.
///
/// # Errors
/// Those of [`run`].
pub fn run_planes(
    sources: &[Source],
    target: &Target,
    settings: &Settings,
    planes: usize,
    sink: &dyn Sink,
    watch: &dyn Watch,
) -> Result<Vec<Outcome>, MosaicError> {
    let method = method_for(sources, target, settings);
    let (used, projectors) = (Vec::new(), Vec::new());
    let block_pixels = block_pixels(method, settings);
    let mut job = Job { sources, used, projectors, settings, block_pixels, target, watch, lost: Mutex::default() };
    job.place(method)?;
    (0..planes)
        .map(|plane| {
            sink.begin_plane(plane);
            job.run_plane(method, plane, sink)
        })
        .collect()
}

/// The method that these tiles get.
pub fn method_for(sources: &[Source], target: &Target, settings: &Settings) -> Method {
    if settings.method == Method::Auto && crate::aligned::all(sources, target, settings.tolerance_px) {
        return Method::Aligned;
    }
    settings.method.resolve(scale_ratio(sources, target))
}

/// Images that lie on the output grid already.
pub(crate) struct OnGrid<'a> {
    /// Their sizes and paths.
    pub images: &'a [Source],
    /// What brings each onto the output.
    pub projectors: Vec<Box<dyn Projector>>,
    /// Reads an image by its index.
    pub load: &'a Load<'a>,
    /// What to subtract from each, if anything.
    pub corrections: Option<&'a [Polynomial]>,
}

/// Co-adds images that lie on the output grid; blocks go to `sink` as they are finished. Returns those that could not be
/// read.
///
/// # Errors
/// [`MosaicError::Interrupted`], and those of reading and writing.
pub(crate) fn add_projected(
    images: OnGrid<'_>,
    target: &Target,
    settings: &Settings,
    sink: &dyn Sink,
    watch: &dyn Watch,
) -> Result<Vec<LeftOut>, MosaicError> {
    let OnGrid { images: sources, projectors, load, corrections } = images;
    let windows: Vec<Window> = projectors.iter().map(|p| p.window()).collect();
    let used = (0..sources.len()).collect();
    let block_pixels = BLOCK_PIXELS;
    let job = Job { sources, used, projectors, settings, block_pixels, target, watch, lost: Mutex::default() };
    let cache = TileCache::new(sources.len(), settings.memory.saturating_sub(job.block_bytes()), load);
    job.coadd(&cache, &windows, corrections, sink)?;
    drop(cache);
    Ok(job.lost.into_inner().unwrap_or_else(PoisonError::into_inner).1)
}

/// Side of an output pixel over the median side of the tiles' pixels.
pub(crate) fn scale_ratio(sources: &[Source], target: &Target) -> f64 {
    let side = |wcs: &pogson_image::wcs::Wcs, width: usize, height: usize| {
        wcs.pixel_area_sr(width as f64 / 2.0 - 0.5, height as f64 / 2.0 - 0.5).map_or(f64::NAN, f64::sqrt)
    };
    let mut sides: Vec<f64> =
        sources.iter().map(|s| side(&s.wcs, s.width, s.height)).filter(|s| s.is_finite()).collect();
    sides.sort_by(f64::total_cmp);
    let out = side(&target.wcs, target.width, target.height);
    match sides.get(sides.len() / 2) {
        Some(side) if out.is_finite() && *side > 0.0 => out / side,
        _ => 1.0,
    }
}

impl Job<'_> {
    /// One plane of the tiles, from comparison to sum.
    fn run_plane(&self, method: Method, plane: usize, sink: &dyn Sink) -> Result<Outcome, MosaicError> {
        let blank: Mutex<HashSet<usize>> = Mutex::default();
        let load = |tile: usize| {
            let source = &self.sources[self.used[tile]];
            let loaded = source.load_plane(plane, method.kernel(), &self.loading())?;
            if loaded.is_blank() && blank.lock().unwrap_or_else(PoisonError::into_inner).insert(tile) {
                self.watch.warn(&format!("{}: no pixel has a value; the tile adds nothing", source.path.display()));
            }
            Ok(loaded)
        };
        let budget = self.settings.memory.saturating_sub(self.block_bytes());
        let cache = TileCache::new(self.used.len(), budget, &load);
        let windows: Vec<Window> = self.projectors.iter().map(|p| p.window()).collect();
        let (pairs, solution) = match self.settings.background {
            Background::None => (Vec::new(), Solution::none(&windows)),
            Background::Degree(degree) => {
                let pairs = self.compare(&cache, &windows, usize::from(degree))?;
                let mut solution = solve(&windows, &pairs, usize::from(degree));
                if solution.island_count > 1
                    && let Some(wider) = self.solve_beyond(method, plane, &solution)?
                {
                    solution = wider;
                }
                (pairs, solution)
            }
        };
        let corrections = match self.settings.background {
            Background::None => None,
            Background::Degree(_) => Some(solution.corrections.as_slice()),
        };
        self.coadd(&cache, &windows, corrections, sink)?;
        let (loads, peak_tile_bytes) = (cache.loads(), cache.peak_bytes());
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = lost.1.clone();
        if lost.0.len() == self.used.len() {
            let reasons = left_out.iter().map(|l| l.reason.as_str()).take(3).collect::<Vec<_>>().join("; ");
            return Err(MosaicError::NoTiles { given: self.sources.len(), reasons });
        }
        Ok(Outcome { used: self.used.clone(), windows, pairs, solution, left_out, method, loads, peak_tile_bytes })
    }

    fn loading(&self) -> Loading {
        let mut loading = self.settings.loading.clone();
        loading.variance |= self.wants_variance();
        loading
    }

    fn wants_variance(&self) -> bool {
        // Clipping goes by each value's own noise where maps tell it, and by the values' scatter where none do.
        let clips_by_maps =
            matches!(self.settings.combine, Combine::Clipped(_)) && self.settings.loading.weight_map.is_some();
        self.settings.variance || self.settings.combine.needs_variance() || clips_by_maps
    }

    /// Bytes that blocks and patches of all threads take.
    fn block_bytes(&self) -> usize {
        self.settings.threads * self.block_pixels * bytes_per_pixel(self.settings)
    }

    fn place(&mut self, method: Method) -> Result<(), MosaicError> {
        self.watch.stage("placing tiles", self.sources.len());
        let how = Placing { method, tolerance_px: self.settings.tolerance_px, flux: self.settings.flux };
        let placed = sweep(self.settings.threads, self.sources.len(), self.watch, |k| {
            place(&self.sources[k], self.target, &how)
        })?;
        for (k, projector) in placed.into_iter().enumerate() {
            if let Some(projector) = projector {
                self.used.push(k);
                self.projectors.push(projector);
            }
        }
        if self.used.is_empty() {
            let frame = format!(
                "{} x {} pixels, {}",
                self.target.width,
                self.target.height,
                self.target.wcs.projection().code()
            );
            return Err(MosaicError::NoOverlap { tiles: self.sources.len(), frame });
        }
        Ok(())
    }

    /// The loaded tile, or `None` when it cannot be read and is to be left out.
    fn tile(
        &self,
        cache: &TileCache<'_>,
        index: usize,
    ) -> Result<Option<std::sync::Arc<crate::tile::Tile>>, MosaicError> {
        if self.lost.lock().unwrap_or_else(PoisonError::into_inner).0.contains(&index) {
            return Ok(None);
        }
        match cache.get(index) {
            Ok(tile) => Ok(Some(tile)),
            Err(error) if self.settings.on_bad == OnBad::LeaveOut => {
                let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
                if lost.0.insert(index) {
                    let path = self.sources[self.used[index]].path.clone();
                    self.watch.warn(&error.to_string());
                    lost.1.push(LeftOut { path, reason: error.to_string() });
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Differences over all overlaps, fitted.
    fn compare(&self, cache: &TileCache<'_>, windows: &[Window], degree: usize) -> Result<Vec<PairFit>, MosaicError> {
        let pairs = overlapping(windows);
        self.watch.stage("comparing overlaps", pairs.len());
        cache.expect(pairs.iter().flat_map(|&(a, b, _)| [a, b]));
        let fits = sweep(self.settings.threads, pairs.len(), self.watch, |k| {
            let (a, b, shared) = pairs[k];
            let (Some(ta), Some(tb)) = (self.tile(cache, a)?, self.tile(cache, b)?) else { return Ok(None) };
            let others: Vec<&dyn Projector> = (0..windows.len())
                .filter(|&c| c != a && c != b && windows[c].intersect(&shared).is_some())
                .map(|c| self.projectors[c].as_ref())
                .collect();
            let pa = Projected { index: a, projector: self.projectors[a].as_ref(), tile: &ta };
            let pb = Projected { index: b, projector: self.projectors[b].as_ref(), tile: &tb };
            let difference = Difference::measure(&pa, &pb, &others, shared)?;
            Ok(fit(&difference, degree))
        })?;
        Ok(fits.into_iter().flatten().collect())
    }

    fn coadd(
        &self,
        cache: &TileCache<'_>,
        windows: &[Window],
        corrections: Option<&[Polynomial]>,
        sink: &dyn Sink,
    ) -> Result<(), MosaicError> {
        let pedestal = self.pedestal(cache)?;
        let blocks = self.blocks(windows, cache);
        let mut remaining = vec![0usize; windows.len()];
        for (_, tiles) in &blocks {
            for &tile in tiles {
                remaining[tile] += 1;
            }
        }
        let remaining = Mutex::new(remaining);
        self.watch.stage("co-adding", blocks.len());
        cache.expect(blocks.iter().flat_map(|(_, tiles)| tiles.iter().copied()));
        let variance = self.wants_variance();
        sweep(self.settings.threads, blocks.len(), self.watch, |k| {
            let (window, tiles) = &blocks[k];
            let mut block = Block::new(*window, self.settings.combine, self.settings.variance);
            let mut patch = PATCH.take();
            for &index in tiles {
                if let Some(tile) = self.tile(cache, index)?
                    && let Some(part) = windows[index].intersect(window)
                {
                    self.projectors[index].project(&tile, part, pedestal, variance, &mut patch)?;
                    block.add(part, &mut patch, corrections.map(|c| &c[index]));
                }
                let mut remaining = remaining.lock().unwrap_or_else(PoisonError::into_inner);
                remaining[index] -= 1;
                if remaining[index] == 0 {
                    cache.release(index);
                }
            }
            PATCH.set(patch);
            sink.take(*window, &block.finish(pedestal, self.settings.threshold))
        })?;
        Ok(())
    }

    /// A level near all values: subtracted inside, so that f32 sums keep their digits, and added back at the end.
    fn pedestal(&self, cache: &TileCache<'_>) -> Result<f64, MosaicError> {
        if self.settings.combine == Combine::Chi || self.settings.flux {
            return Ok(0.0);
        }
        for index in 0..self.used.len() {
            if let Some(tile) = self.tile(cache, index)? {
                return Ok(tile.pedestal);
            }
        }
        Ok(0.0)
    }

    /// Blocks of the output in the order of the sweep, each with the tiles that touch it, in the order given.
    ///
    /// The sweep goes up in stripes. A stripe is as wide as memory allows: tiles that a row of its blocks touches
    /// must fit.
    fn blocks(&self, windows: &[Window], cache: &TileCache<'_>) -> Vec<(Window, Vec<usize>)> {
        // Width and height of a block.
        let mut block = self.shape(WIDEST_BLOCK.min(self.target.width));
        let mut stripe = self.target.width.div_ceil(block.0).max(1);
        while self.widest_row(windows, stripe * block.0, block.1) > cache.budget() {
            if stripe > 1 {
                stripe = stripe.div_ceil(2);
            } else if block.0 > NARROWEST_BLOCK {
                block = self.shape(block.0.div_ceil(2));
            } else {
                break;
            }
        }
        let columns = self.target.width.div_ceil(block.0);
        let rows = self.target.height.div_ceil(block.1);
        let mut blocks = Vec::with_capacity(columns * rows);
        for start in (0..columns).step_by(stripe) {
            for row in 0..rows {
                for column in start..(start + stripe).min(columns) {
                    let (x, y) = (column * block.0, row * block.1);
                    let width = block.0.min(self.target.width - x);
                    let height = block.1.min(self.target.height - y);
                    let window = Window { x: x as i64, y: y as i64, width, height };
                    let tiles = (0..windows.len()).filter(|&t| windows[t].intersect(&window).is_some()).collect();
                    blocks.push((window, tiles));
                }
            }
        }
        blocks
    }

    /// Bytes of the tiles that the fullest row of blocks touches, of stripes as wide and rows as high as said.
    fn widest_row(&self, windows: &[Window], width: usize, height: usize) -> usize {
        let mut most = 0;
        for x in (0..self.target.width as i64).step_by(width) {
            for y in (0..self.target.height as i64).step_by(height) {
                let band = Window { x, y, width, height };
                let bytes = (0..windows.len())
                    .filter(|&t| windows[t].intersect(&band).is_some())
                    .map(|t| self.sources[self.used[t]].width * self.sources[self.used[t]].height * 4)
                    .sum();
                most = most.max(bytes);
            }
        }
        most
    }

    /// A block as wide as said.
    fn shape(&self, width: usize) -> (usize, usize) {
        let width = width.max(1);
        (width, (self.block_pixels / width).max(1))
    }
}

/// Bytes that a pixel of a block takes in all planes.
fn bytes_per_pixel(settings: &Settings) -> usize {
    4 * if settings.combine.needs_stack() { 40 } else { 18 }
}

/// Pixels of a block: more for methods of areas, where memory allows.
fn block_pixels(method: Method, settings: &Settings) -> usize {
    let by_interpolation = method.kernel().is_some() || method == Method::Aligned;
    let large = settings.threads * AREA_BLOCK_PIXELS * bytes_per_pixel(settings);
    if by_interpolation || large > settings.memory / 4 { BLOCK_PIXELS } else { AREA_BLOCK_PIXELS }
}

/// Pairs of tiles whose windows meet, with the shared window, in the order of a sweep over the output.
pub(crate) fn overlapping(windows: &[Window]) -> Vec<(usize, usize, Window)> {
    let mut pairs = Vec::new();
    for a in 0..windows.len() {
        for b in a + 1..windows.len() {
            if let Some(shared) = windows[a].intersect(&windows[b]) {
                pairs.push((a, b, shared));
            }
        }
    }
    pairs.sort_by_key(|(a, b, shared)| (shared.y, shared.x, *a, *b));
    pairs
}
