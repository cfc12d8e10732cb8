//! Exact overlap on the sphere.

use super::accumulate::{Accumulator, Source, Window};
use super::density::Density;
use super::divide;
use super::error::OverlapError;
use super::index::SkyIndex;
use super::lattice::{Corners, Kind, Lattice, Layout, Patch};
use super::own;
use super::pair::Pair;
use super::pairs::{self, Geometry, Pairs, Task};
use super::sheet::{Quantity, Sheet};
use pogson_image::wcs::Wcs;

/// Corners interpolated between exact places may be off by this much, in output pixels.
const TOLERANCE: f64 = 2e-11;

/// Solid angles that the pixels of an input image share with those of an output image, the corners of both joined by
/// great circles.
///
/// An output pixel's value is sum(f Ω) / sum(Ω), Ω the shared solid angles: [`ExactMap::accumulate`] adds to both
/// sums. Overlaps are within 1e-9 of an output pixel of the exact ones for the corners that the coordinates give.
/// Where the projection ends within a pixel, the part on the sky counts.
///
/// A linear gnomonic output is the fast way: great circles are straight there, so all pixels of a patch are laid on
/// the grid at once. Other outputs are clipped pixel by pixel.
///
/// ```
/// use pogson_image::{fits::Header, wcs::Wcs};
/// use pogson_mosaic::exact::{Accumulator, ExactMap, Source};
/// # let header = |scale: f64| Header::from_text(&format!(
/// #     "NAXIS1 = 9\nNAXIS2 = 9\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 5\nCRPIX2 = 5\n\
/// #      CRVAL1 = 275.0\nCRVAL2 = -16.0\nCDELT1 = -{scale}\nCDELT2 = {scale}"));
/// # let (input, output) = (Wcs::from_header(&header(0.001)?)?, Wcs::from_header(&header(0.0005)?)?);
/// let map = ExactMap::new(&input, (9, 9), &output, (9, 9))?;
/// let source = Source { data: &[3.0; 81], width: 9, height: 9, weight: None, variance: None };
/// let (mut sum, mut area) = ([0.0; 81], [0.0; 81]);
/// let (sums, areas) = (&mut sum[..], &mut area[..]);
/// map.accumulate(&source, &mut Accumulator::new((0, 0), 9, 9, sums, areas));
/// assert!((sum[40] / area[40] - 3.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ExactMap {
    pair: Pair,
    lattice: Lattice,
    density: Option<Density>,
    out_size: (usize, usize),
    quantity: Quantity,
    engine: Engine,
    /// Sense of the pixel grids of input and output on the sky.
    parities: (f64, f64),
}

/// Ways to the same overlaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    /// Patches laid on a gnomonic grid.
    Sheet,
    /// Pairs of pixels found by their place on the output grid.
    Clip,
    /// Pairs of pixels found by their place on the sky.
    #[cfg(test)]
    Index,
}

impl ExactMap {
    /// Works out where the pixels of an input image lie on an output grid.
    ///
    /// - `in_size`, `out_size`: width and height in pixels
    ///
    /// # Errors
    /// [`OverlapError::NoPixels`], [`OverlapError::Unreachable`].
    pub fn new(
        input: &Wcs,
        in_size: (usize, usize),
        output: &Wcs,
        out_size: (usize, usize),
    ) -> Result<ExactMap, OverlapError> {
        OverlapError::check(input, in_size, output, out_size)?;
        let pair = Pair::new(input, output);
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| pair.across(x, y, u, v);
        let lattice = Lattice::new(&map, Window::whole(in_size), out_size, TOLERANCE);
        let density = pair.gnomonic().map(Density::Gnomonic);
        let engine = if density.is_some() { Engine::Sheet } else { Engine::Clip };
        let parities = (
            divide::parity(&|x, y, v| pair.input_sky(x, y, v), in_size),
            divide::parity(&|x, y, v| pair.output_sky(x, y, v), out_size),
        );
        Ok(ExactMap { pair, lattice, density, out_size, quantity: Quantity::Brightness, engine, parities })
    }

    /// The same map by another way.
    #[cfg(test)]
    pub(super) fn forced(mut self, engine: Engine) -> ExactMap {
        self.engine = engine;
        self
    }

    /// The same map for fluxes: each input value is divided by its pixel's own solid angle, so that `sum / area` is
    /// flux per steradian; times the output pixel's solid angle ([`ExactMap::own_areas`]) it is the flux in it. The
    /// sum over one tile's block `sum` is the tile's flux.
    pub fn conserving_flux(mut self) -> ExactMap {
        self.quantity = Quantity::Flux;
        self
    }

    /// Output pixels that the input may touch, empty if none: a little generous.
    pub fn footprint(&self) -> Window {
        self.lattice.footprint(self.out_size)
    }

    /// Adds the input image into a block of the output. Areas are steradians.
    ///
    /// Only the part inside the block is worked out. The result does not depend on how many threads work on other
    /// blocks.
    pub fn accumulate(&self, source: &Source<'_>, into: &mut Accumulator<'_>) {
        self.add(source, self.quantity, into);
    }

    /// Adds the areas of input pixels alone: `area` gains the sum of weight x solid angle, `sum` nothing. Without
    /// `weight` each pixel counts 1; it is `width * height` long, as the input.
    pub fn areas_only(&self, size: (usize, usize), weight: Option<&[f32]>, into: &mut Accumulator<'_>) {
        let data = vec![0.0; size.0 * size.1];
        let source = Source { data: &data, width: size.0, height: size.1, weight, variance: None };
        self.add(&source, Quantity::Area, into);
    }

    fn add(&self, source: &Source<'_>, quantity: Quantity, into: &mut Accumulator<'_>) {
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| self.pair.across(x, y, u, v);
        let (mut corners, mut sheet, mut pairs) = (Corners::new(Layout::Corners), Sheet::default(), Pairs::default());
        let mut left: Vec<&Patch> = Vec::new();
        for patch in self.lattice.near(into.origin, (into.width, into.height), 1.0) {
            if patch.kind == Kind::Broken {
                left.push(patch);
                continue;
            }
            corners.of(patch, &map);
            let done = match (self.engine, &self.density) {
                // A smooth patch on a gnomonic grid is smooth on the sky: its sides are straight by far.
                (Engine::Sheet, Some(density)) => {
                    let straight = patch.kind == Kind::Smooth || pairs.input_plane(patch, &self.pair).is_some();
                    if straight {
                        sheet.add(patch, &corners, source, quantity, density, into);
                    }
                    straight
                }
                #[cfg(test)]
                (Engine::Index, _) => false,
                // Where the map is strongly curved, a pixel's place on the grid does not tell which pixels it touches.
                _ => {
                    patch.kind == Kind::Smooth
                        && pairs.add(patch, &corners, &self.pair, &mut Task { source, quantity, into })
                }
            };
            if !done {
                left.push(patch);
            }
        }
        if !left.is_empty() {
            let index: SkyIndex = pairs::index_of_block(&left, &self.pair, self.parities.1, into, self.out_size);
            for patch in left {
                pairs::add_by_index(patch, &self.pair, self.parities.0, &index, &mut Task { source, quantity, into });
            }
        }
    }

    /// Solid angles of the output pixels of a window, in steradians, row by row; 0 off the sky. `area / own` is the
    /// covered part of a pixel.
    pub fn own_areas(&self, window: Window) -> Vec<f64> {
        let width = window.x1.saturating_sub(window.x0);
        let mut areas = vec![0.0; width * window.y1.saturating_sub(window.y0)];
        match &self.density {
            Some(Density::Gnomonic(plane)) if width > 0 => {
                for (row, line) in areas.chunks_exact_mut(width).enumerate() {
                    plane.row_of_pixels((window.y0 + row) as f64, window.x0 as f64, line);
                }
            }
            _ => own::areas(&|x, y, v| self.pair.output_sky(x, y, v), window, self.parities.1, &mut areas),
        }
        areas
    }
}
