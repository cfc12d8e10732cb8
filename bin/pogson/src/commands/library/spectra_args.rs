//! Which spectra of stellar populations to use.

use std::borrow::Cow;
use std::str::FromStr;

use pogson_cube::spectra::{self, SpectraFile};
use pogson_sed::ssp::{Ssp, embedded, nebular};

use crate::failure::Failure;

/// The built-in spectra or files, with or without gas.
#[derive(clap::Args, Debug, Clone)]
pub struct SpectraArgs {
    /// Spectra of stellar populations in place of the built-in ones: FITS, BC03 .ised_ASCII, FSPS .spec or BPASS spectra-*.dat;
    /// one file for each metallicity, and FILE@Z where the file does not say it
    #[arg(long, value_name = "FILE")]
    ssp: Vec<SpectraArg>,
    /// Add the light of gas that young stars ionise: continuum and 61 lines
    #[arg(long)]
    nebular: bool,
}

/// A file of spectra on the command line.
#[derive(Debug, Clone)]
struct SpectraArg(SpectraFile);

impl FromStr for SpectraArg {
    type Err = String;

    fn from_str(text: &str) -> Result<SpectraArg, String> {
        let whole = SpectraFile { path: text.into(), metallicity: None };
        let Some((path, metallicity)) = text.rsplit_once('@') else { return Ok(SpectraArg(whole)) };
        match metallicity.parse::<f64>() {
            Ok(z) if z > 0.0 && z < 1.0 => Ok(SpectraArg(SpectraFile { path: path.into(), metallicity: Some(z) })),
            Ok(_) => Err("the metallicity after @ is a mass fraction between 0 and 1, such as 0.02".to_owned()),
            Err(_) => Ok(SpectraArg(whole)),
        }
    }
}

impl SpectraArgs {
    /// The table of spectra.
    ///
    /// # Errors
    /// Files that cannot be read, of no known form, or that do not go together.
    pub fn read(&self) -> Result<Cow<'static, Ssp>, Failure> {
        let files: Vec<SpectraFile> = self.ssp.iter().map(|file| file.0.clone()).collect();
        let stars = if files.is_empty() { Cow::Borrowed(embedded()) } else { Cow::Owned(spectra::read(&files)?) };
        Ok(if self.nebular { Cow::Owned(stars.with_nebular(nebular())) } else { stars })
    }
}
