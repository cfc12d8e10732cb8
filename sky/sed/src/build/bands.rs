//! What a library is made of.

use super::dust::DustTables;
use super::tile::{Tile, tiles};
use crate::filter::{Filter, find};
use crate::history::{AgeGrid, age_of_universe};
use crate::library::{Band, Light};
use crate::ssp::Ssp;

/// Why a library cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// Bands and filters that do not pair.
    #[error("{bands} bands, but {filters} filters; give one filter for each band")]
    Pairs {
        /// Number of bands.
        bands: usize,
        /// Number of filters.
        filters: usize,
    },
    /// No bands.
    #[error("a library needs at least one band; name some filters")]
    NoBands,
    /// A redshift at which the models mean nothing.
    #[error("redshift {redshift}: libraries are made for 0 to 5")]
    Redshift {
        /// The redshift.
        redshift: f64,
    },
    /// A filter that reaches below the spectra.
    #[error(
        "filter {name} begins at {angstrom:.0} Angstrom in the galaxy's frame, where the spectra have no light; leave it out"
    )]
    TooBlue {
        /// The filter.
        name: String,
        /// Where it begins.
        angstrom: f64,
    },
}

/// Makes the models of one library, any range of them on its own.
///
/// A model depends on the seed and its number alone, so that ranges can be made in any order, by any number of threads, and
/// model 17 is the same in libraries of any size.
#[derive(Debug)]
pub struct Builder<'a> {
    pub(super) ssp: &'a Ssp,
    pub(super) seed: u64,
    pub(super) redshift: f64,
    pub(super) bands: Vec<Band>,
    /// Oldest age of a galaxy, yr.
    pub(super) oldest: f64,
    pub(super) ages: AgeGrid,
    pub(super) tiles: Vec<Tile>,
    /// Light in the r band at rest, of each metallicity and age: weights of light-weighted ages.
    pub(super) red: Vec<f64>,
    pub(super) dust: DustTables,
}

impl<'a> Builder<'a> {
    /// Prepares a library.
    ///
    /// - `ssp`: the stars' spectra;
    /// - `bands` and `filters`: what to compute, one filter for each band; bands' wavelengths decide which hold stars' light
    ///   and which dust's ([`Band::light`]);
    /// - `redshift`: 0 to 5. The light of hydrogen between galaxies that is missing above 0.2 is not taken away.
    /// - `seed`: of the random numbers.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn new(
        ssp: &'a Ssp,
        bands: &[Band],
        filters: &[&Filter],
        redshift: f64,
        seed: u64,
    ) -> Result<Builder<'a>, BuildError> {
        if bands.len() != filters.len() {
            return Err(BuildError::Pairs { bands: bands.len(), filters: filters.len() });
        }
        if bands.is_empty() {
            return Err(BuildError::NoBands);
        }
        if !(0.0..=5.0).contains(&redshift) {
            return Err(BuildError::Redshift { redshift });
        }
        let mut weights = Vec::with_capacity(bands.len());
        for (band, filter) in bands.iter().zip(filters) {
            let begins = filter.wavelength().first().copied().unwrap_or(0.0) / (1.0 + redshift);
            if begins < ssp.wavelength[0] {
                return Err(BuildError::TooBlue { name: band.name.clone(), angstrom: begins });
            }
            weights.push(match band.light(redshift) {
                Light::Dust => Vec::new(),
                Light::Stars | Light::Both => scaled(filter.weights(&ssp.wavelength, redshift), 1.0 + redshift),
            });
        }
        let r = find("SDSS_r").map(|filter| filter.weights(&ssp.wavelength, 0.0)).unwrap_or_default();
        let red = ssp.light.chunks_exact(ssp.wavelength.len());
        let red = red.map(|light| r.iter().map(|&(k, weight)| weight * f64::from(light[k])).sum()).collect();
        Ok(Builder {
            ssp,
            seed,
            redshift,
            bands: bands.to_vec(),
            oldest: age_of_universe(redshift),
            ages: AgeGrid::new(&ssp.age),
            tiles: tiles(ssp, &weights),
            red,
            dust: DustTables::new(bands, filters, redshift),
        })
    }

    /// The bands of the library.
    pub fn bands(&self) -> &[Band] {
        &self.bands
    }

    /// The redshift of the library.
    pub fn redshift(&self) -> f64 {
        self.redshift
    }
}

/// Weights times the stretching of frequencies, by which f_nu rises.
pub(super) fn scaled(mut weights: Vec<(usize, f64)>, factor: f64) -> Vec<(usize, f64)> {
    for (_, weight) in &mut weights {
        *weight *= factor;
    }
    weights
}
