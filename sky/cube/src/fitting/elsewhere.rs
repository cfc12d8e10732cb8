//! Fits of a cube that are made elsewhere: its places as they go out, and what comes back as records.

use pogson_sed::observation::Observation;
use pogson_sed::work::{Answered, Kind, Place};

use super::sums::CubeBins;
use crate::cube::Cube;
use crate::integrate::Ring;
use crate::result::{Bins, PixelRecord, ResultFile, Special};

/// A cube and the sums over its pixels that are fitted beside them.
pub struct Elsewhere {
    cube: Cube,
    redshift: f64,
    bins: Option<CubeBins>,
    rings: Vec<Ring>,
}

impl Elsewhere {
    /// - `redshift`: of the object;
    /// - `rings`: their width in pixels, where they are fitted.
    pub fn new(cube: Cube, redshift: f64, rings: Option<f64>) -> Elsewhere {
        let rings = rings.map(|width| cube.rings(&cube.ellipse(), width)).unwrap_or_default();
        let bins = CubeBins::of(&cube);
        Elsewhere { cube, redshift, bins, rings }
    }

    /// The cube.
    pub fn cube(&self) -> &Cube {
        &self.cube
    }

    /// The pixels that are fitted one by one, `y * width + x`: the usable ones, none of a cube that is binned.
    pub fn pixels(&self) -> Vec<usize> {
        if self.bins.is_some() { Vec::new() } else { self.cube.usable() }
    }

    /// A pixel as a place.
    pub fn pixel(&self, pixel: usize) -> Place {
        let (x, y) = self.cube.column_row(pixel);
        self.place(Kind::Pixel, x as u32, y as u32)
    }

    /// Bins, rings and the sum of all, in this order.
    pub fn sums(&self) -> Vec<Place> {
        let bins = self.bins.iter().flat_map(CubeBins::numbers).map(|number| (Kind::Bin, number as u32));
        let rings = self.rings.iter().enumerate().filter(|(_, ring)| ring.pixels > 0);
        let rings = rings.map(|(number, _)| (Kind::Ring, number as u32));
        bins.chain(rings).chain([(Kind::Sum, 0)]).map(|(kind, x)| self.place(kind, x, 0)).collect()
    }

    fn place(&self, kind: Kind, x: u32, y: u32) -> Place {
        let bands = self.observation(kind, x, y).map_or(Vec::new(), |observation| observation.bands);
        Place { kind, x, y, bands }
    }

    /// What was measured at a place; None where there is no such place.
    fn observation(&self, kind: Kind, x: u32, y: u32) -> Option<Observation> {
        let (cube, at, row) = (&self.cube, x as usize, y as usize);
        match kind {
            Kind::Pixel if at < cube.width && row < cube.height => {
                Some(cube.observation(row * cube.width + at, self.redshift))
            }
            Kind::Bin if row == 0 => self.bins.as_ref().map(|bins| bins.observation(cube, at, self.redshift)),
            Kind::Ring if row == 0 => {
                self.rings.get(at).map(|ring| ring.observation(cube.pixel_side_arcsec(), self.redshift))
            }
            Kind::Sum if (at, row) == (0, 0) => Some(cube.integrated(self.redshift)),
            _ => None,
        }
    }

    /// Makes a result ready for what comes back: bins have their map.
    pub fn prepare(&self, result: &mut ResultFile) {
        if let Some(bins) = &self.bins {
            result.bins = Some(Bins { map: bins.map.clone(), records: Vec::new() });
        }
    }

    /// Adds what was found at a place to a result; nothing where nothing was found, or the cube has no such place.
    pub fn take(&self, answered: Answered, result: &mut ResultFile) {
        let Answered { kind, x, y, outcome } = answered;
        let (Ok(found), Some(observation)) = (outcome, self.observation(kind, x, y)) else { return };
        let record = PixelRecord { x, y, observation, fit: found.fit, draws: found.draws, redshift: None };
        match kind {
            Kind::Pixel => result.push(record),
            Kind::Bin => {
                let bins = result.bins.get_or_insert(Bins { map: Vec::new(), records: Vec::new() });
                bins.records.push(record);
            }
            Kind::Ring => result.push_special(Special::Radial, record),
            Kind::Sum => result.push_special(Special::Integrated, record),
        }
    }
}
