//! Exact overlap in the output's plane.

use super::accumulate::{Accumulator, Source, Window};
use super::density::Density;
use super::error::OverlapError;
use super::lattice::{Corners, Kind, Lattice, Layout};
use super::pair::Pair;
use super::pairs::Geometry;
use super::sheet::{Quantity, Sheet};
use pogson_image::wcs::Wcs;

/// Areas that the pixels of an input image share with those of an output image, in the output's pixel plane, the
/// corners of input pixels joined by straight lines.
///
/// Corners come from low polynomials over patches of the input, the distorted-plane equivalent that Montage's
/// mTANHdr fits by hand, wherever they are measured to hold to a tolerance; elsewhere from the exact mapping. An
/// output pixel's value is `sum / area`; areas are output pixels.
#[derive(Debug)]
pub struct PlaneMap {
    pair: Pair,
    lattice: Lattice,
    out_size: (usize, usize),
    quantity: Quantity,
}

impl PlaneMap {
    /// Works out where the pixels of an input image lie on an output grid.
    ///
    /// - `in_size`, `out_size`: width and height in pixels
    /// - `tolerance`: how far a corner may lie from its exact place, in output pixels; 0.001 is a good one, 0 makes
    ///   every corner exact
    ///
    /// # Errors
    /// [`OverlapError`]: no pixels, frames that do not reach each other, a negative tolerance.
    pub fn new(
        input: &Wcs,
        in_size: (usize, usize),
        output: &Wcs,
        out_size: (usize, usize),
        tolerance: f64,
    ) -> Result<PlaneMap, OverlapError> {
        OverlapError::check(input, in_size, output, out_size)?;
        if tolerance.is_nan() || tolerance < 0.0 {
            let wanted = "output pixels, at least 0";
            return Err(OverlapError::Parameter { name: "tolerance", value: tolerance, wanted });
        }
        let pair = Pair::new(input, output);
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| pair.across(x, y, u, v);
        let lattice = Lattice::new(&map, Window::whole(in_size), out_size, tolerance);
        Ok(PlaneMap { pair, lattice, out_size, quantity: Quantity::Brightness })
    }

    /// The same map for fluxes: each input value is divided by its pixel's own area in output pixels, so that
    /// `sum / area` is flux per output pixel.
    pub fn conserving_flux(mut self) -> PlaneMap {
        self.quantity = Quantity::Flux;
        self
    }

    /// Output pixels that the input may touch, empty if none: a little generous.
    pub fn footprint(&self) -> Window {
        self.lattice.footprint(self.out_size)
    }

    /// Largest distance measured between approximated and exact places, in output pixels.
    pub fn worst_error(&self) -> f64 {
        self.lattice.worst
    }

    /// Adds the input image into a block of the output. Pixels that the output's plane cannot hold are left out.
    pub fn accumulate(&self, source: &Source<'_>, into: &mut Accumulator<'_>) {
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| self.pair.across(x, y, u, v);
        let (mut corners, mut sheet) = (Corners::new(Layout::Corners), Sheet::default());
        for patch in self.lattice.near(into.origin, (into.width, into.height), 1.0) {
            corners.of(patch, &map);
            match patch.kind {
                Kind::Broken => sheet.add_sound(patch, &corners, source, self.quantity, &Density::Flat, into),
                _ => sheet.add(patch, &corners, source, self.quantity, &Density::Flat, into),
            }
        }
    }
}
