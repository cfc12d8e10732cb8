//! Fits that are made elsewhere: what is asked as text, what is answered as text, and the fit of one place between them.
//!
//! Both texts hold every number exactly, as the shortest decimal that reads back to it, so that an answer is the same bytes on
//! every machine, and what is made of it later is what a fit at home gives.

mod answer;
mod ask;
mod error;
mod fit;
mod lines;

pub use answer::{Answer, Answered, Outcome, head_of, tail_of};
pub use error::WorkError;
pub use fit::{Bench, Found};

use crate::fit::Options;
use crate::library::Band;
use crate::observation::{Measurement, Observation};

/// What is fitted at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A pixel of a cube: column and row.
    Pixel,
    /// A bin of pixels: its number, and 0.
    Bin,
    /// An elliptical ring of pixels: its number from inside, and 0.
    Ring,
    /// All pixels: 0 and 0.
    Sum,
}

impl Kind {
    /// All, with the words of the texts.
    pub const ALL: [(Kind, &'static str); 4] =
        [(Kind::Pixel, "pixel"), (Kind::Bin, "bin"), (Kind::Ring, "ring"), (Kind::Sum, "sum")];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Pixel => "pixel",
            Kind::Bin => "bin",
            Kind::Ring => "ring",
            Kind::Sum => "sum",
        }
    }

    fn of(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|(_, own)| *own == word).map(|(kind, _)| kind)
    }

    /// Number of the stream of random numbers for the draws at a place: that of no other place of a galaxy.
    pub fn stream(self, x: u32, y: u32) -> u64 {
        match self {
            Kind::Pixel | Kind::Bin => u64::from(y) << 32 | u64::from(x),
            // No cube has that many rows.
            Kind::Ring => u64::from(u32::MAX) << 32 | u64::from(x),
            Kind::Sum => u64::MAX,
        }
    }
}

/// A place that is to be fitted, and what was measured there.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Of what kind.
    pub kind: Kind,
    /// Column, or number.
    pub x: u32,
    /// Row, or 0.
    pub y: u32,
    /// One entry for each band of the work.
    pub bands: Vec<Measurement>,
}

impl Place {
    /// What was measured, as an observation; named after the place.
    pub fn observation(&self, redshift: f64) -> Observation {
        let name = format!("{} {} {}", self.kind.word(), self.x, self.y);
        Observation { name, redshift, bands: self.bands.clone() }
    }
}

/// A piece of work: places of one galaxy, and how to fit them.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Its name: one word.
    pub unit: String,
    /// Redshift of the galaxy.
    pub redshift: f64,
    /// Name of the library's file ([`Index::name`](crate::library_file::Index::name)).
    pub library: String,
    /// Bands of library and places, in order.
    pub bands: Vec<Band>,
    /// How to fit.
    pub options: Options,
    /// For each band, the least standard deviation as a share of the flux; empty for none.
    pub floors: Vec<f64>,
    /// Draws from each posterior to keep.
    pub draws: u32,
    /// Seed of the draws.
    pub seed: u64,
    /// The places.
    pub places: Vec<Place>,
}

#[cfg(test)]
mod tests;
