//! Spectra of stellar populations from files of any known form.

use std::io;
use std::path::{Path, PathBuf};

use pogson_sed::ssp::{Ssp, SspError, bpass_metallicity};

use crate::ssp_fits::{self, SspFitsError};
use crate::text_file;

/// A file of spectra, and its metallicity where the file's own is not to be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct SpectraFile {
    /// The file.
    pub path: PathBuf,
    /// Mass fraction of metals, in place of what the file says.
    pub metallicity: Option<f64>,
}

/// Why spectra could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SpectraError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A FITS file that is not in the plain form.
    #[error(transparent)]
    Fits(#[from] SspFitsError),
    /// A table that is not sound.
    #[error(transparent)]
    Ssp(#[from] SspError),
    /// No metallicity, where the file's name should say it.
    #[error("{path}: its name does not say the metallicity (as ...z020.dat does); write FILE@0.02")]
    Metallicity {
        /// The file.
        path: PathBuf,
    },
}

/// Reads files of spectra, and joins those of single metallicities into one table.
///
/// The forms are told apart by their contents: FITS ([`ssp_fits`]), Pogson's own ([`Ssp::to_bytes`]), BC03's `.ised_ASCII`
/// (masses from a `.4color` file beside it if need be), FSPS's `.spec`, BPASS's `spectra-*.dat` (with `starmass-*.dat` beside
/// it). Text may be gzipped.
///
/// # Errors
/// Files that cannot be read, of no known form, or that do not go together.
pub fn read(files: &[SpectraFile]) -> Result<Ssp, SpectraError> {
    let tables = files.iter().map(read_one).collect::<Result<Vec<Ssp>, SpectraError>>()?;
    // As the embedded spectra are: imported tables are as sparse in the infrared.
    Ok(Ssp::join(tables)?.refined(1.05))
}

fn read_one(file: &SpectraFile) -> Result<Ssp, SpectraError> {
    let path = &file.path;
    let io = |path: &Path, source| SpectraError::Io { path: path.to_owned(), source };
    let name = path.display().to_string();
    let mut head = Vec::new();
    let mut input = text_file::open(path).map_err(|e| io(path, e))?;
    io::Read::read_to_end(&mut io::Read::take(&mut input, 80), &mut head).map_err(|e| io(path, e))?;
    if head.starts_with(b"SIMPLE") {
        return Ok(ssp_fits::read(path)?);
    }
    if head.starts_with(b"POGSSP") {
        let bytes = std::fs::read(path).map_err(|e| io(path, e))?;
        return Ok(Ssp::from_bytes(&bytes, &name)?);
    }
    let text = text_file::read(path).map_err(|e| io(path, e))?;
    if text.trim_start().starts_with('#') {
        return Ok(Ssp::from_fsps(&text, &name, file.metallicity)?);
    }
    let short = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = |from: &str, to: &str| {
        let other = path.with_file_name(short.replace(from, to));
        if short.contains(from) && other.exists() {
            Some(text_file::read(&other).map_err(|e| io(&other, e)))
        } else {
            None
        }
    };
    if short.starts_with("spectra") {
        let metallicity = file.metallicity.or_else(|| bpass_metallicity(&short));
        let metallicity = metallicity.ok_or_else(|| SpectraError::Metallicity { path: path.clone() })?;
        let masses = beside("spectra", "starmass").transpose()?.ok_or_else(|| {
            let what = "its table of masses (starmass-... in the same folder) is missing".to_owned();
            SspError::Form { name: name.clone(), what }
        })?;
        return Ok(Ssp::from_bpass(&text, &masses, &name, metallicity)?);
    }
    let colors = beside(".ised_ASCII", ".4color").transpose()?;
    Ok(Ssp::from_bc03(&text, &name, file.metallicity, colors.as_deref())?)
}
