//! The pixel stage: detector corrections first, then SIP and look-up tables, added up.

use super::axes::Description;
use super::error::{DistortionError, DistortionWarning};
use super::lookup::{LookupSource, LookupTable, Tables, detector, prior};
use super::polynomial::{LANES, Lane};
use super::sip::Sip;
use super::warp::{Domain, Image, Warp, warp_rows};
use crate::fits::header::Header;

/// All corrections between detector pixels and those that CRPIX and CD take.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PixelStage {
    detector: Tables,
    sip: Option<Sip>,
    prior: Tables,
    domain: Domain,
}

warp_rows!(pixel_forward, pixel_inverse, PixelStage);

impl PixelStage {
    /// Reads what the header has; `None` when that is nothing. `with_sip` tells whether SIP counts.
    pub(super) fn from_header(
        header: &Header,
        description: &Description,
        with_sip: bool,
        source: Option<&dyn LookupSource>,
        warnings: &mut Vec<DistortionWarning>,
    ) -> Result<Option<Self>, DistortionError> {
        let sip = if with_sip { Sip::from_header(header, description, warnings)? } else { None };
        let detector = detector(header, source, warnings)?;
        let prior = prior(header, source, warnings)?;
        if sip.is_none() && detector.iter().chain(&prior).all(Option::is_none) {
            return Ok(None);
        }
        let (centre, half_diagonal) = description.image_disc(header, 1, 2);
        let mut stage = Self { detector, sip, prior, domain: Domain::unbounded(centre, half_diagonal, 1e-10) };
        if stage.sip.is_some() {
            stage.domain.radius = stage.domain.measure(&stage);
        }
        Ok(Some(stage))
    }
}

impl Warp for PixelStage {
    #[inline(always)]
    fn map(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (mut qx, mut qy) = (*x, *y);
        add(&self.detector, x, y, &mut qx, &mut qy);
        let (mut ox, mut oy) = (qx, qy);
        if let Some(sip) = &self.sip {
            let (dx, dy) = sip.offsets(&qx, &qy);
            for i in 0..LANES {
                ox[i] += dx[i];
                oy[i] += dy[i];
            }
        }
        add(&self.prior, &qx, &qy, &mut ox, &mut oy);
        (ox, oy)
    }

    #[inline(always)]
    fn map_with_slopes(&self, x: &Lane, y: &Lane) -> Image {
        let inner = tables_with_slopes(&self.detector, x, y);
        let mut outer = tables_with_slopes(&self.prior, &inner.x, &inner.y);
        if let Some(sip) = &self.sip {
            let (a, b) = sip.slopes(&inner.x, &inner.y);
            for i in 0..LANES {
                outer.x[i] += a.value[i];
                outer.y[i] += b.value[i];
                outer.x_by[0][i] += a.by_u[i];
                outer.x_by[1][i] += a.by_v[i];
                outer.y_by[0][i] += b.by_u[i];
                outer.y_by[1][i] += b.by_v[i];
            }
        }
        if self.detector.iter().all(Option::is_none) {
            return outer;
        }
        let chain = |by: &[Lane; 2]| {
            let mut out = [[0.0; LANES]; 2];
            for k in 0..2 {
                for i in 0..LANES {
                    out[k][i] = by[0][i].mul_add(inner.x_by[k][i], by[1][i] * inner.y_by[k][i]);
                }
            }
            out
        };
        Image { x_by: chain(&outer.x_by), y_by: chain(&outer.y_by), ..outer }
    }

    #[inline(always)]
    fn guess(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (mut gx, mut gy) = (*x, *y);
        if let Some(sip) = &self.sip {
            let (dx, dy) = sip.inverse_offsets(x, y);
            for i in 0..LANES {
                // Inverse polynomials hold for the image; far from it they may throw the guess anywhere.
                if dx[i].abs().max(dy[i].abs()) < self.domain.half_diagonal {
                    gx[i] += dx[i];
                    gy[i] += dy[i];
                }
            }
        }
        (gx, gy)
    }

    #[inline(always)]
    fn domain(&self) -> &Domain {
        &self.domain
    }
}

/// Adds the tables' corrections at `(x, y)`.
#[inline(always)]
fn add(tables: &Tables, x: &Lane, y: &Lane, ox: &mut Lane, oy: &mut Lane) {
    let one = |table: &Option<LookupTable>, out: &mut Lane| {
        if let Some(table) = table {
            for i in 0..LANES {
                out[i] += table.offset(x[i], y[i]);
            }
        }
    };
    one(&tables[0], ox);
    one(&tables[1], oy);
}

/// The identity plus the tables' corrections, with slopes.
#[inline(always)]
fn tables_with_slopes(tables: &Tables, x: &Lane, y: &Lane) -> Image {
    let one = |table: &Option<LookupTable>, out: &mut Lane, by: &mut [Lane; 2]| {
        if let Some(table) = table {
            for i in 0..LANES {
                let (value, by_x, by_y) = table.slopes(x[i], y[i]);
                out[i] += value;
                by[0][i] += by_x;
                by[1][i] += by_y;
            }
        }
    };
    let mut image = Image { x: *x, y: *y, x_by: [[1.0; LANES], [0.0; LANES]], y_by: [[0.0; LANES], [1.0; LANES]] };
    one(&tables[0], &mut image.x, &mut image.x_by);
    one(&tables[1], &mut image.y, &mut image.y_by);
    image
}
