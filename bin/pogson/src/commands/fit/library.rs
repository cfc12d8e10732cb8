//! The models of a fit: from a library's file, or made for it.

use std::path::PathBuf;

use pogson_cube::fitting::filters_of;
use pogson_cube::library::{Size, build};
use pogson_sed::build::Builder;
use pogson_sed::filter::FilterError;
use pogson_sed::library::{Band, Library};
use pogson_sed::ssp::embedded;

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// How far a library's redshift may be from an object's.
pub const WITHIN: f64 = 0.005;

/// Where models come from.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Models")]
pub struct ModelArgs {
    /// Library that pogson library made [default: models are made for the bands and the redshift]
    #[arg(long, value_name = "LIB", conflicts_with_all = ["sfh", "ir", "stellar", "dust", "seed"])]
    pub library: Option<PathBuf>,
    /// Number of stellar models to make
    #[arg(long, value_name = "N", default_value_t = Size::default().stellar)]
    pub stellar: u32,
    /// Number of dust models to make
    #[arg(long, value_name = "N", default_value_t = Size::default().dust)]
    pub dust: u32,
    /// Seed of their random numbers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl ModelArgs {
    /// What built models are made of, in words.
    pub fn source(&self) -> &'static str {
        &embedded().name
    }

    /// Makes models for bands at a redshift.
    ///
    /// # Errors
    /// A band without a built-in filter, a redshift beyond those of libraries, an interruption.
    pub fn make(&self, bands: &[Band], redshift: f64, out: &Output) -> Result<Library, Failure> {
        let filters = filters_of(bands).map_err(|error| match error {
            FilterError::Unknown { .. } => Failure::bad_input(format!(
                "{error}; for a filter of your own make a library with pogson library build --curve, and give --library"
            )),
            other => other.into(),
        })?;
        let builder = Builder::new(embedded(), bands, &filters, redshift, self.seed)?;
        let size = Size { stellar: self.stellar, dust: self.dust };
        let progress = out.progress("models", u64::from(self.stellar) + u64::from(self.dust), Unit::Models);
        Ok(build(&builder, size, &|count| progress.add(count), &out.interrupt_flag())?)
    }
}

/// The nearest of some redshifts, at most [`WITHIN`] away.
pub fn nearest(redshift: f64, among: &[f64]) -> Option<f64> {
    let away = |z: &f64| (z - redshift).abs();
    let near = among.iter().copied().min_by(|a, b| away(a).total_cmp(&away(b)))?;
    // A little more, for differences of decimal numbers.
    (away(&near) <= WITHIN + 1e-9).then_some(near)
}

/// The redshifts of MAGPHYS's libraries: 0.00 to 0.10 by 0.01.
pub fn paper_grid() -> Vec<f64> {
    (0..=10).map(|k| f64::from(k) / 100.0).collect()
}

/// The redshift at which MAGPHYS's library for an object lies.
///
/// # Errors
/// An object beyond them.
pub fn paper_redshift(redshift: f64) -> Result<f64, Failure> {
    nearest(redshift, &paper_grid()).ok_or_else(|| {
        Failure::bad_input(format!(
            "redshift {redshift} lies outside MAGPHYS's libraries, 0.00 to 0.10 by 0.01; leave --paper out, or give --library"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_library_is_at_most_0_005_away() {
        assert_eq!(paper_redshift(0.0102).unwrap(), 0.01);
        assert_eq!(paper_redshift(0.105).unwrap(), 0.1);
        assert_eq!(paper_redshift(-0.004).unwrap(), 0.0);
        let said = paper_redshift(0.106).unwrap_err().to_string();
        assert!(said.starts_with("redshift 0.106 lies outside"), "{said}");
        assert_eq!(nearest(0.02, &[0.01, 0.013]), None);
        assert_eq!(nearest(0.02, &[]), None);
    }
}
