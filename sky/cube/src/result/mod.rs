//! The file of a galaxy's fits: what was measured of each pixel and what was inferred.
//!
//! [`ResultFile`] holds it in memory; [`ResultFile::write`] and [`ResultFile::read`] bring it to and from HDF5 in the
//! layout of the POGS paper (Vinsen & Thilker 2013, Figure 7), with more tables beside it. [`Journal`](journal::Journal)
//! keeps the fits of a run that is still going.

mod areas;
mod codec;
mod error;
mod grid;
mod histogram;
pub mod journal;
mod layout;
mod of_cube;
mod read;
mod write;

pub use error::ResultError;
pub use pogson_sed::posterior::{Draws, LEAST_PROBABILITY};

use std::collections::BTreeMap;

use pogson_image::fits::Header;
use pogson_sed::fit::RedshiftPosterior;
use pogson_sed::library::Band;
use pogson_sed::observation::Observation;
use pogson_sed::parameter::Parameter;
use pogson_sed::posterior::PixelFit;

/// What is common to all pixels of a file.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The galaxy's name.
    pub galaxy: String,
    /// Its redshift.
    pub redshift: f64,
    /// Pixels of the cube along x, 1 to 65,536.
    pub width: u32,
    /// Pixels along y.
    pub height: u32,
    /// The cube's header: its coordinates (WCS) and what else is worth keeping.
    pub header: Header,
    /// The bands, in the order of observations and model fluxes.
    pub bands: Vec<Band>,
    /// The parameters, in the order of marginals and best values: the 16 of the paper, then perhaps those of the
    /// history.
    pub parameters: Vec<Parameter>,
    /// Name of the model library: its hash.
    pub library: String,
    /// Name of the cube: its hash.
    pub cube: String,
    /// Options that bear on the numbers, as name and value.
    pub options: BTreeMap<String, String>,
}

/// One pixel (or one bin of pixels, or the whole galaxy) with its fit.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelRecord {
    /// Column in the cube, from 0.
    pub x: u32,
    /// Row in the cube, from 0 at the bottom.
    pub y: u32,
    /// What was measured.
    pub observation: Observation,
    /// What was inferred.
    pub fit: PixelFit,
    /// Draws from the posterior, where they were asked for.
    pub draws: Option<Draws>,
    /// What is known of its redshift, where that was to be found.
    pub redshift: Option<RedshiftPosterior>,
}

/// Pixels that were added up before the fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// Number of the bin of each pixel, from 0, row by row from the bottom; -1 outside.
    pub map: Vec<i32>,
    /// A fit for each bin that was fitted; `x` is its number and `y` is 0.
    pub records: Vec<PixelRecord>,
}

/// Sums of pixels that are fitted beside the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Special {
    /// The summed fluxes of all usable pixels.
    Integrated,
    /// The summed fluxes of an elliptical ring.
    Radial,
}

impl Special {
    /// All, in the order of the file.
    pub const ALL: [Special; 2] = [Special::Integrated, Special::Radial];
}

/// A part of the frame that was fitted at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its number, from 1.
    pub number: u32,
    /// First column and row, from 0.
    pub first: (u32, u32),
    /// Last column and row.
    pub last: (u32, u32),
    /// Those who fitted it, by number.
    pub users: Vec<i64>,
}

/// Who fitted what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crowd {
    /// Parts of the frame; each fitted pixel lies in one.
    pub areas: Vec<Area>,
    /// People by number, and what they are called; none where it was fitted at one place.
    pub users: BTreeMap<i64, String>,
}

/// All that a fit of a cube yields.
#[derive(Debug, Clone)]
pub struct ResultFile {
    /// What is common.
    pub facts: Facts,
    /// The pixels that were fitted, in any order.
    pub pixels: Vec<PixelRecord>,
    /// The bins, where pixels were binned.
    pub bins: Option<Bins>,
    /// Fits of sums; `x` counts those of a kind from 0, `y` is 0.
    pub special: BTreeMap<Special, Vec<PixelRecord>>,
    /// Who fitted what; None where it was fitted at one place, and areas are to be cut as projects cut them by default.
    pub crowd: Option<Crowd>,
}

impl ResultFile {
    /// A file without pixels.
    pub fn new(facts: Facts) -> ResultFile {
        ResultFile { facts, pixels: Vec::new(), bins: None, special: BTreeMap::new(), crowd: None }
    }

    /// Adds a pixel, in any order; of its histograms the bins of [`LEAST_PROBABILITY`] and more are kept.
    pub fn push(&mut self, mut record: PixelRecord) {
        record.fit.marginals.iter_mut().for_each(|m| *m = m.trimmed());
        self.pixels.push(record);
    }

    /// Adds the fit of a sum.
    pub fn push_special(&mut self, kind: Special, mut record: PixelRecord) {
        record.fit.marginals.iter_mut().for_each(|m| *m = m.trimmed());
        self.special.entry(kind).or_default().push(record);
    }

    /// The fits of a binned cube, where one pixel of each bin was fitted for all of it, as fits of bins: each record takes
    /// its bin's number for `x` and 0 for `y`. Records outside the bins stay pixels.
    ///
    /// - `map`: number of each pixel's bin, row by row; -1 outside ([`Cube::bins`](crate::cube::Cube::bins)).
    pub fn binned(mut self, map: Vec<i32>) -> ResultFile {
        let width = self.facts.width as usize;
        let mut records: BTreeMap<u32, PixelRecord> = BTreeMap::new();
        let bin_of =
            |r: &PixelRecord| map.get(r.y as usize * width + r.x as usize).and_then(|bin| u32::try_from(*bin).ok());
        let (inside, outside): (Vec<_>, Vec<_>) = self.pixels.into_iter().partition(|r| bin_of(r).is_some());
        for mut record in inside {
            if let Some(bin) = bin_of(&record) {
                (record.x, record.y) = (bin, 0);
                records.entry(bin).or_insert(record);
            }
        }
        self.pixels = outside;
        self.bins = Some(Bins { map, records: records.into_values().collect() });
        self
    }

    /// Place of `parameter` among [`Facts::parameters`].
    pub fn parameter_index(&self, parameter: Parameter) -> Option<usize> {
        self.facts.parameters.iter().position(|p| *p == parameter)
    }
}

#[cfg(test)]
pub(crate) mod made_up;
#[cfg(test)]
mod tests;
