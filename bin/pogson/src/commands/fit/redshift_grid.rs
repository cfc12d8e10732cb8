//! Libraries at all redshifts of a range, over which an object's is found.

use pogson_cube::fitting::{How, RedshiftTextError, arrange, parameters_of};
use pogson_cube::library_store::LibraryFile;
use pogson_sed::fit::{Fitter, Options, RedshiftError, RedshiftFitter};
use pogson_sed::library::{Band, Library};
use pogson_sed::parameter::Parameter;

use super::library::ModelArgs;
use crate::failure::Failure;
use crate::output::Output;

/// How far a block of a library's file may be from a redshift of the range.
const SAME: f64 = 1e-6;

/// Libraries made ready.
pub enum Ready {
    /// One, for a known redshift.
    Known(Box<Fitter>),
    /// One at each redshift of a range.
    Grid(RedshiftFitter),
}

impl Ready {
    /// What to fit with.
    pub fn how(&self) -> How<'_> {
        match self {
            Ready::Known(fitter) => How::Known(fitter),
            Ready::Grid(fitter) => How::Grid(fitter),
        }
    }
}

/// Makes libraries at `redshifts` ready; with what names them, and the parameters that they tell.
///
/// # Errors
/// Redshifts that a library's file does not hold, libraries that are not alike, an interruption.
pub fn grid(
    models: &ModelArgs,
    redshifts: &[f64],
    bands: &[Band],
    options: &Options,
    out: &Output,
) -> Result<(RedshiftFitter, String, Vec<Parameter>), Failure> {
    let file = models.library.as_ref().map(|path| LibraryFile::open(path).map(|file| (path, file))).transpose()?;
    let at = |redshift: f64| -> Result<Library, Failure> {
        match &file {
            Some((path, file)) => {
                arrange(file.nearest(redshift, SAME)?, bands).map_err(|fault| Failure::in_file(path, fault))
            }
            None => models.make(bands, redshift, out),
        }
    };
    let mut parameters = Vec::new();
    let mut fitters = Vec::with_capacity(redshifts.len());
    for &redshift in redshifts {
        let library = at(redshift)?;
        out.go_on()?;
        parameters = parameters_of(&library);
        fitters.push(Fitter::new(&library, options.clone())?);
    }
    let name = match &file {
        Some((_, file)) => file.index().name(),
        None => {
            let ModelArgs { stellar, dust, seed, .. } = models;
            format!("{stellar} + {dust} models of {}, seed {seed}, at redshift {}", models.source(), words(redshifts))
        }
    };
    Ok((RedshiftFitter::new(fitters)?, name, parameters))
}

/// Redshifts in a line.
pub fn words(redshifts: &[f64]) -> String {
    redshifts.iter().map(f64::to_string).collect::<Vec<String>>().join(", ")
}

impl From<RedshiftError> for Failure {
    fn from(error: RedshiftError) -> Failure {
        Failure::bad_input(error.to_string())
    }
}

impl From<RedshiftTextError> for Failure {
    fn from(error: RedshiftTextError) -> Failure {
        Failure::bad_input(error.to_string())
    }
}
