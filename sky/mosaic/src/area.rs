//! Projection of a tile by shared areas, by drops or by adaptive filters.

use crate::adaptive::AdaptiveMap;
use crate::drizzle::DrizzleMap;
use crate::error::MosaicError;
use crate::exact::{self, Accumulator, ExactMap, PlaneMap};
use crate::mapping::{GridMap, Window};
use crate::patch::{Patch, Projector};
use crate::tile::{Pixels, Tile, Variance};

/// A method that adds tiles into sums and areas.
pub trait AreaMap: Send + Sync {
    /// Output pixels that the tile may touch.
    fn touched(&self) -> exact::Window;

    /// Adds the tile into a block.
    fn add(&self, source: &exact::Source<'_>, into: &mut Accumulator<'_>);

    /// Areas of the output pixels of a window, in the unit of the sums' areas; `None` where all are 1.
    fn own(&self, _window: exact::Window) -> Option<Vec<f64>> {
        None
    }
}

impl AreaMap for ExactMap {
    fn touched(&self) -> exact::Window {
        self.footprint()
    }

    fn add(&self, source: &exact::Source<'_>, into: &mut Accumulator<'_>) {
        self.accumulate(source, into);
    }

    fn own(&self, window: exact::Window) -> Option<Vec<f64>> {
        Some(self.own_areas(window))
    }
}

impl AreaMap for PlaneMap {
    fn touched(&self) -> exact::Window {
        self.footprint()
    }

    fn add(&self, source: &exact::Source<'_>, into: &mut Accumulator<'_>) {
        self.accumulate(source, into);
    }
}

impl AreaMap for DrizzleMap {
    fn touched(&self) -> exact::Window {
        self.footprint()
    }

    fn add(&self, source: &exact::Source<'_>, into: &mut Accumulator<'_>) {
        self.accumulate(source, into);
    }
}

impl AreaMap for AdaptiveMap {
    fn touched(&self) -> exact::Window {
        self.footprint()
    }

    fn add(&self, source: &exact::Source<'_>, into: &mut Accumulator<'_>) {
        self.accumulate(source, into);
    }
}

/// What sums hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Surface brightness times area: the ratio is the value.
    Brightness,
    /// Flux per unit of area: the ratio times the pixel's own area is the value.
    Flux,
}

/// A tile brought to the output by a method of areas.
pub struct ByArea<M> {
    map: M,
    centres: GridMap,
    size: (usize, usize),
    held: Held,
}

impl<M: AreaMap> ByArea<M> {
    /// - `centres`: from output pixels to the tile's, to tell which pixels the tile covers; need not be fine.
    /// - `size`: columns and rows of the tile.
    pub fn new(map: M, centres: GridMap, size: (usize, usize), held: Held) -> ByArea<M> {
        ByArea { map, centres, size, held }
    }

    /// The window that a map touches, `None` if none.
    pub fn window_of(map: &M) -> Option<Window> {
        let touched = map.touched();
        (!touched.is_empty()).then(|| Window {
            x: touched.x0 as i64,
            y: touched.y0 as i64,
            width: touched.x1 - touched.x0,
            height: touched.y1 - touched.y0,
        })
    }
}

impl<M: AreaMap> Projector for ByArea<M> {
    fn window(&self) -> Window {
        self.centres.window()
    }

    fn project(
        &self,
        tile: &Tile,
        window: Window,
        pedestal: f64,
        variance: bool,
        patch: &mut Patch,
    ) -> Result<(), MosaicError> {
        patch.reset(window.width, window.height, variance);
        // A tile loaded for interpolation has no plain pixels.
        let Pixels::Plain(pixels) = &tile.pixels else { return Ok(()) };
        let n = window.area();
        let mut sums = std::mem::take(&mut patch.sums);
        for (room, n) in sums.iter_mut().zip([n, n, if variance { n } else { 0 }]) {
            room.clear();
            room.resize(n, 0.0);
        }
        let [sum, area, noise] = &mut sums;
        let variances = match (&tile.variance, variance) {
            (_, false) => None,
            (Variance::Map(map), true) => Some(map.as_slice()),
            (Variance::Uniform(value), true) => Some(std::slice::from_ref(value)),
        };
        let source =
            exact::Source { data: pixels, width: self.size.0, height: self.size.1, weight: None, variance: variances };
        let origin = (window.x as usize, window.y as usize);
        let mut into = Accumulator::new(origin, window.width, window.height, sum, area);
        into.variance = variance.then_some(noise.as_mut_slice());
        self.map.add(&source, &mut into);
        let own = self.map.own(exact::Window {
            x0: origin.0,
            y0: origin.1,
            x1: origin.0 + window.width,
            y1: origin.1 + window.height,
        });
        for k in 0..n {
            if area[k] <= 0.0 {
                continue;
            }
            let whole = own.as_ref().map_or(1.0, |own| own[k]);
            let share = if whole > 0.0 { area[k] / whole } else { 0.0 };
            let value = match self.held {
                Held::Brightness => sum[k] / area[k] + tile.pedestal,
                Held::Flux => sum[k] / area[k] * whole,
            };
            patch.value[k] = (value - pedestal) as f32;
            // Shared areas of a fully covered pixel add up to it but for rounding.
            let share = if (share - 1.0).abs() < 1e-6 { 1.0 } else { share };
            patch.weight[k] = share as f32;
            patch.cover[k] = share as f32;
            if variance {
                let scale = if self.held == Held::Flux { whole } else { 1.0 };
                patch.variance[k] = (noise[k] / (area[k] * area[k]) * scale * scale) as f32;
            }
        }
        patch.sums = sums;
        Ok(())
    }

    fn count_row(&self, y: i64, x: i64, count: &mut [u8]) {
        self.centres.count_inside(self.size, y, x, count);
    }
}
