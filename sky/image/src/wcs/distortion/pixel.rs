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
            stage.domain = stage.domain.clone().measured(&stage);
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
        Image { x_by: chain(&outer.x_by, &inner), y_by: chain(&outer.y_by, &inner), ..outer }
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

/// Slopes of an outer function by the variables of an inner map.
#[inline(always)]
fn chain(outer: &[Lane; 2], inner: &Image) -> [Lane; 2] {
    let mut by = [[0.0; LANES]; 2];
    for (by, (x_by, y_by)) in by.iter_mut().zip(inner.x_by.iter().zip(&inner.y_by)) {
        for i in 0..LANES {
            by[i] = outer[0][i].mul_add(x_by[i], outer[1][i] * y_by[i]);
        }
    }
    by
}

/// Adds the tables' corrections at `(x, y)`.
#[inline(always)]
fn add(tables: &Tables, x: &Lane, y: &Lane, ox: &mut Lane, oy: &mut Lane) {
    add_one(&tables[0], x, y, ox);
    add_one(&tables[1], x, y, oy);
}

#[inline(always)]
fn add_one(table: &Option<LookupTable>, x: &Lane, y: &Lane, out: &mut Lane) {
    if let Some(table) = table {
        for i in 0..LANES {
            out[i] += table.offset(x[i], y[i]);
        }
    }
}

/// The identity plus the tables' corrections, with slopes.
#[inline(always)]
fn tables_with_slopes(tables: &Tables, x: &Lane, y: &Lane) -> Image {
    let mut image = Image { x: *x, y: *y, x_by: [[1.0; LANES], [0.0; LANES]], y_by: [[0.0; LANES], [1.0; LANES]] };
    add_slopes(&tables[0], x, y, &mut image.x, &mut image.x_by);
    add_slopes(&tables[1], x, y, &mut image.y, &mut image.y_by);
    image
}

#[inline(always)]
fn add_slopes(table: &Option<LookupTable>, x: &Lane, y: &Lane, out: &mut Lane, by: &mut [Lane; 2]) {
    if let Some(table) = table {
        for i in 0..LANES {
            let (value, by_x, by_y) = table.slopes(x[i], y[i]);
            out[i] += value;
            by[0][i] += by_x;
            by[1][i] += by_y;
        }
    }
}
