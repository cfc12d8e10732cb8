//! Pixels of a data set on another grid, by the mosaicker.

use pogson_image::fits::{Header, Rect};
use pogson_image::wcs::PixelMap;
use pogson_mosaic::coadd::Combine;
use pogson_mosaic::coadd::block::Block;
use pogson_mosaic::mapping::Window;
use pogson_mosaic::method::Method;
use pogson_mosaic::patch::Patch;
use pogson_mosaic::place::{Placing, Target, place};
use pogson_mosaic::source::Source;
use pogson_mosaic::tile::Tile;

use crate::error::PortalError;
use crate::level::{REACH, cut};
use crate::set::DataSet;
use crate::shelf::{Shelf, Tally};

/// Sides of the pieces that an image is made in.
const PIECE: usize = 512;
/// Points along each side of a piece that are followed to the data set.
const POINTS: usize = 9;
/// Largest error of approximated maps, pixels; as `pogson reproject` has it.
const TOLERANCE_PX: f64 = 1e-4;

/// How an image is made of a data set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Which copy of the data set is taken.
    level: usize,
    method: Method,
    /// Side of an output pixel in pixels of that copy.
    ratio: f64,
}

impl Way {
    /// The way to pixels of a side: as `pogson reproject` goes up to four pixels of the mosaic in one, from smaller copies past that,
    /// so that a large part of the sky costs no more than a small one.
    pub(crate) fn to_scale(set: &DataSet, scale_deg: f64) -> Way {
        let ratio = scale_deg / set.scale_deg;
        let halvings = (libm::log2(ratio.max(1.0)) as usize).saturating_sub(1);
        Way::by_level(set, halvings, ratio)
    }

    /// The way through the copy that was halved so often.
    pub(crate) fn by_level(set: &DataSet, halvings: usize, ratio: f64) -> Way {
        let level = halvings.min(set.levels.len() - 1);
        let ratio = ratio / (1u64 << level) as f64;
        Way { level, method: Method::Auto.resolve(ratio), ratio }
    }
}

/// The pixels of the target, row-major, NaN where the data set has none.
pub(crate) fn render(
    shelf: &Shelf,
    set: &DataSet,
    target: &Target,
    way: Way,
    tally: &mut Tally,
) -> Result<Vec<f32>, PortalError> {
    let mut job = Job { shelf, set, target, way, tally, out: vec![f32::NAN; target.width * target.height] };
    for y in (0..target.height).step_by(PIECE) {
        for x in (0..target.width).step_by(PIECE) {
            let (width, height) = (PIECE.min(target.width - x), PIECE.min(target.height - y));
            job.piece(Rect { x, y, width, height })?;
        }
    }
    Ok(job.out)
}

struct Job<'a> {
    shelf: &'a Shelf,
    set: &'a DataSet,
    target: &'a Target,
    way: Way,
    tally: &'a mut Tally,
    out: Vec<f32>,
}

/// Where a piece lies on the data set's image.
enum Reach {
    /// Nowhere.
    Off,
    /// Within this rectangle.
    Within(Rect),
    /// It is torn by the edge of a projection; its quarters may not be.
    Torn,
}

impl Job<'_> {
    fn piece(&mut self, piece: Rect) -> Result<(), PortalError> {
        match self.reach(piece) {
            Reach::Off => Ok(()),
            Reach::Within(rect) => self.resample(piece, rect),
            Reach::Torn => quarters(piece).try_for_each(|quarter| self.piece(quarter)),
        }
    }

    /// The pixels of the data set's image that a piece needs.
    fn reach(&self, piece: Rect) -> Reach {
        let image = &self.set.levels[self.way.level];
        let map = PixelMap::between(&self.target.wcs, &image.wcs);
        let steps = |size: usize| if size <= POINTS { size } else { POINTS };
        let (nx, ny) = (steps(piece.width), steps(piece.height));
        let at = |first: usize, size: usize, k: usize, n: usize| {
            first as f64 + if n > 1 { k as f64 * (size - 1) as f64 / (n - 1) as f64 } else { 0.0 }
        };
        let (mut x, mut y) = (Vec::with_capacity(nx * ny), Vec::with_capacity(nx * ny));
        for j in 0..ny {
            for i in 0..nx {
                x.push(at(piece.x, piece.width, i, nx));
                y.push(at(piece.y, piece.height, j, ny));
            }
        }
        let (mut u, mut v) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        map.apply(&x, &y, &mut u, &mut v);
        let defined = u.iter().zip(&v).filter(|(u, v)| u.is_finite() && v.is_finite()).count();
        let small = piece.width <= POINTS && piece.height <= POINTS;
        if defined == 0 {
            // The points may have missed a part that is defined.
            return if small { Reach::Off } else { Reach::Torn };
        }
        if defined < u.len() && !small {
            return Reach::Torn;
        }
        let span = |c: &[f64]| {
            c.iter()
                .filter(|c| c.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), c| (a.min(*c), b.max(*c)))
        };
        let ((x0, x1), (y0, y1)) = (span(&u), span(&v));
        let widest = 3.0 * self.way.ratio * (piece.width + piece.height) as f64 + 64.0;
        if (x1 - x0).max(y1 - y0) > widest && piece.area() > 1 {
            return Reach::Torn;
        }
        let pad = REACH as f64 + self.way.ratio + 0.005 * (x1 - x0).max(y1 - y0);
        match cut((x0 - pad, x1 + pad), (y0 - pad, y1 + pad), image.rect()) {
            Some(rect) => Reach::Within(rect),
            None => Reach::Off,
        }
    }

    fn resample(&mut self, piece: Rect, rect: Rect) -> Result<(), PortalError> {
        let image = &self.set.levels[self.way.level];
        let size = (piece.width, piece.height);
        let moved = self.target.wcs.shifted(piece.x as f64, piece.y as f64, size);
        let cut = image.wcs.shifted(rect.x as f64, rect.y as f64, (rect.width, rect.height));
        let (Some(wcs), Some(cut)) = (moved, cut) else { return Ok(()) };
        let target = Target { wcs, width: piece.width, height: piece.height };
        let source = Source {
            path: image.file().path().to_path_buf(),
            hdu: 0,
            plane: 0,
            width: rect.width,
            height: rect.height,
            further_axes: Vec::new(),
            wcs: cut,
            header: Header::new(),
            scale: 1.0,
        };
        let placing = Placing { method: self.way.method, tolerance_px: TOLERANCE_PX, flux: false };
        let Some(projector) = place(&source, &target, &placing)? else { return Ok(()) };
        let mut pixels = self.shelf.window(self.set, self.way.level, rect, self.tally)?;
        if pixels.iter().all(|p| p.is_nan()) {
            return Ok(());
        }
        let tile = Tile::new(self.way.method.kernel(), &mut pixels, rect.width, rect.height, 1.0);
        let Some(window) = projector.window().intersect(&target.window()) else { return Ok(()) };
        let mut patch = Patch::default();
        projector.project(&tile, window, tile.pedestal, false, &mut patch)?;
        let whole = Window { x: 0, y: 0, width: piece.width, height: piece.height };
        let mut block = Block::new(whole, Combine::Mean, false);
        block.add(window, &mut patch, None);
        let values = block.finish(tile.pedestal, 0.0);
        for (k, row) in values.value.chunks_exact(piece.width).enumerate() {
            let first = (piece.y + k) * self.target.width + piece.x;
            self.out[first..first + piece.width].copy_from_slice(row);
        }
        Ok(())
    }
}

/// A rectangle of more than one pixel in up to four.
fn quarters(piece: Rect) -> impl Iterator<Item = Rect> {
    let halves = |first: usize, size: usize| [(first, size / 2), (first + size / 2, size - size / 2)];
    let columns = halves(piece.x, piece.width);
    halves(piece.y, piece.height)
        .into_iter()
        .flat_map(move |(y, height)| columns.into_iter().map(move |(x, width)| Rect { x, y, width, height }))
        .filter(|quarter| quarter.area() > 0)
}
