//! What is answered to a request about a data set: bytes, made on the spot.

use pogson_healpix::Cell;

use crate::collection::Collection;
use crate::cutout::Cutout;
use crate::error::PortalError;
use crate::grid::{self, GridError};
use crate::properties::{Publisher, properties};
use crate::render::{Way, render};
use crate::request::{Format, MocForm, What};
use crate::set::{ALLSKY_ORDER, DataSet, TILE_SIDE};
use crate::shelf::{Shelf, Tally};
use crate::{fits_bytes, page};

/// A made answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The data set has nothing there.
    #[error("{0}")]
    Nothing(String),
    /// The request asks for what cannot be.
    #[error("{0}")]
    Bad(String),
    /// The portal failed.
    #[error(transparent)]
    Failed(#[from] PortalError),
}

/// Pixels along a side of a tile within Allsky, and tiles in a row of it.
const SMALL_SIDE: usize = 64;
const SMALL_IN_ROW: usize = 27;

/// Everything that answers are made from.
pub(crate) struct Workshop {
    pub(crate) collection: Collection,
    pub(crate) shelf: Shelf,
    pub(crate) publisher: Publisher,
}

impl Workshop {
    /// Whether a data set has anything at a tile, so that a missing one is told without work.
    pub(crate) fn may_have(&self, set: &DataSet, what: &What) -> bool {
        match what {
            What::Tile(cell, _) => cell.order() <= set.order && set.coverage.touches(*cell),
            _ => true,
        }
    }

    /// Makes an answer.
    pub(crate) fn make(&self, set: &DataSet, what: &What, tally: &mut Tally) -> Result<Answer, Refusal> {
        let text = |media_type, body: String| Ok(Answer { media_type, body: body.into_bytes() });
        match what {
            What::Page => text("text/html; charset=utf-8", page::of_set(set)),
            What::Properties => text("text/plain; charset=utf-8", properties(set, &self.publisher, None)),
            What::Moc(MocForm::Fits) => Ok(Answer { media_type: "application/fits", body: set.coverage.to_fits() }),
            What::Moc(MocForm::Json) => text("application/json", set.coverage.to_json()),
            What::Moc(MocForm::Text) => text("text/plain; charset=utf-8", set.coverage.to_text()),
            What::Tile(cell, format) => self.tile(set, *cell, *format, tally),
            What::Allsky(format) => self.allsky(set, *format, tally),
            What::Cutout(wanted) => self.cutout(set, wanted, tally),
        }
    }

    fn tile(&self, set: &DataSet, cell: Cell, format: Format, tally: &mut Tally) -> Result<Answer, Refusal> {
        let nothing = || {
            Refusal::Nothing(format!("{} has no pixels in tile {} of order {}", set.name, cell.index(), cell.order()))
        };
        if !self.may_have(set, &What::Tile(cell, format)) {
            return Err(nothing());
        }
        let target = grid::tile(cell, TILE_SIDE).map_err(|e| Refusal::Bad(e.to_string()))?;
        let halvings = usize::from(set.order - cell.order());
        let ratio = crate::set::hips_pixel_deg(cell.order()) / set.scale_deg;
        let pixels = render(&self.shelf, set, &target, Way::by_level(set, halvings, ratio), tally)?;
        if pixels.iter().all(|p| p.is_nan()) {
            return Err(nothing());
        }
        let more = [
            ("ORDER", i64::from(cell.order()), "order of the tile"),
            ("NPIX", cell.index() as i64, "number of the tile"),
        ];
        let size = (TILE_SIDE, TILE_SIDE);
        image(set, format, size, &pixels, || fits_bytes::image(set, &target.wcs, &more, size, &pixels))
    }

    /// Tiles of order 3 in rows from the top, each shrunk.
    fn allsky(&self, set: &DataSet, format: Format, tally: &mut Tally) -> Result<Answer, Refusal> {
        let rows = 768usize.div_ceil(SMALL_IN_ROW);
        let (width, height) = (SMALL_IN_ROW * SMALL_SIDE, rows * SMALL_SIDE);
        let mut pixels = vec![f32::NAN; width * height];
        let smaller = (TILE_SIDE / SMALL_SIDE).ilog2() as usize;
        for index in set.coverage.cells_at(ALLSKY_ORDER) {
            let Some(cell) = Cell::new(ALLSKY_ORDER, index) else { continue };
            let target = grid::tile(cell, SMALL_SIDE).map_err(|e| Refusal::Bad(e.to_string()))?;
            let ratio = crate::set::hips_pixel_deg(ALLSKY_ORDER) * (TILE_SIDE / SMALL_SIDE) as f64 / set.scale_deg;
            let way = Way::by_level(set, usize::from(set.order - ALLSKY_ORDER) + smaller, ratio);
            let tile = render(&self.shelf, set, &target, way, tally)?;
            let (column, row) = (index as usize % SMALL_IN_ROW, index as usize / SMALL_IN_ROW);
            // Rows of a FITS image go up.
            let bottom = height - (row + 1) * SMALL_SIDE;
            for (j, line) in tile.chunks_exact(SMALL_SIDE).enumerate() {
                let first = (bottom + j) * width + column * SMALL_SIDE;
                pixels[first..first + SMALL_SIDE].copy_from_slice(line);
            }
        }
        image(set, format, (width, height), &pixels, || fits_bytes::plain((width, height), &pixels))
    }

    fn cutout(&self, set: &DataSet, wanted: &Cutout, tally: &mut Tally) -> Result<Answer, Refusal> {
        let (target, scale) = grid::cutout(wanted, set.scale_deg).map_err(|error| match error {
            GridError::TooLarge { .. } | GridError::Wcs(_) => Refusal::Bad(error.to_string()),
        })?;
        let pixels = render(&self.shelf, set, &target, Way::to_scale(set, scale), tally)?;
        if pixels.iter().all(|p| p.is_nan()) {
            let (ra, dec) = (wanted.center.lon_deg, wanted.center.lat_deg);
            return Err(Refusal::Nothing(format!(
                "{} has no pixels around {ra} {dec}; Moc.fits says where it has",
                set.name
            )));
        }
        let size = (target.width, target.height);
        image(set, wanted.format, size, &pixels, || fits_bytes::image(set, &target.wcs, &[], size, &pixels))
    }
}

/// An image in the form that is wanted.
fn image(
    set: &DataSet,
    format: Format,
    (width, _): (usize, usize),
    pixels: &[f32],
    fits: impl FnOnce() -> Vec<u8>,
) -> Result<Answer, Refusal> {
    match format {
        Format::Fits => Ok(Answer { media_type: "application/fits", body: fits() }),
        Format::Png => {
            let body = set.greys.png(pixels, width).map_err(PortalError::from)?;
            Ok(Answer { media_type: "image/png", body })
        }
        Format::Jpg => Ok(Answer { media_type: "image/jpeg", body: set.greys.jpg(pixels, width) }),
    }
}
