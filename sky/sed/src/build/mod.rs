//! Model libraries from spectra, filters and priors: fluxes of stars behind dust, and of dust.

mod bands;
mod dust;
mod exponential;
mod kernel;
mod stars;
#[cfg(test)]
mod tests;
mod tile;

pub use bands::{BuildError, Builder};
pub use stars::StellarSpectrum;
