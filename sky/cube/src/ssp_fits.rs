//! Spectra of simple stellar populations in a plain FITS form.
//!
//! The file has an image `LNU` with axes wavelength, age, metallicity (in FITS's order) in `solLum/Hz/solMass`, or `LLAMBDA`
//! in `solLum/Angstrom/solMass`; tables `WAVE`, `AGE` and `METAL` with the coordinates (columns `WAVE`, `AGE` and `Z`; units
//! Angstrom, nm or um, and yr, Myr or Gyr); and a table `PROPS` with a row for each metallicity and age, ages fastest, and a
//! column `MLIVE` (living stars and remnants, Msun per Msun formed), or `MSTARS` and perhaps `MREMN` in its place. `LSUN` in
//! the primary header is the luminosity of the Sun that is meant, in erg/s.

use std::path::Path;

use pogson_image::fits::{FitsError, FitsFile};
use pogson_sed::library::SOLAR_LUMINOSITY;
use pogson_sed::ssp::{LIGHT, Ssp, SspError};

/// Why a file of spectra could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SspFitsError {
    /// The file is not sound FITS.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// The table in it is not sound.
    #[error(transparent)]
    Ssp(#[from] SspError),
}

/// Reads a file of spectra in the plain FITS form.
///
/// # Errors
/// A file that is not FITS, lacks a part, or whose parts do not fit together.
pub fn read(path: &Path) -> Result<Ssp, SspFitsError> {
    let file = FitsFile::open(path)?;
    let name = path.display().to_string();
    let form = |what: String| SspFitsError::Ssp(SspError::Form { name: name.clone(), what });
    let wavelength = coordinates(&file, "WAVE", &["WAVE"], &[("angstrom", 1.0), ("nm", 10.0), ("um", 1e4)], &form)?;
    let age = coordinates(&file, "AGE", &["AGE"], &[("yr", 1.0), ("myr", 1e6), ("gyr", 1e9)], &form)?;
    let metallicity = coordinates(&file, "METAL", &["Z", "METAL"], &[("", 1.0)], &form)?;
    let (index, per_angstrom) = match file.named("LNU", None) {
        Ok(index) => (index, false),
        Err(missing) => (file.named("LLAMBDA", None).map_err(|_| missing)?, true),
    };
    let image = file.image(index)?;
    let shape = (image.width(), image.height(), image.planes());
    if shape != (wavelength.len(), age.len(), metallicity.len()) {
        let (w, a, z) = (wavelength.len(), age.len(), metallicity.len());
        return Err(form(format!("the image is {shape:?}, but WAVE, AGE and METAL have {w}, {a} and {z} rows")));
    }
    let sun = file.hdu(0)?.header().f64("LSUN").unwrap_or(SOLAR_LUMINOSITY) / SOLAR_LUMINOSITY;
    let plane = wavelength.len() * age.len();
    let mut light = vec![0.0f32; plane * metallicity.len()];
    for (k, out) in light.chunks_exact_mut(plane).enumerate() {
        image.read_f32(k, image.rect(), out)?;
        if per_angstrom || sun != 1.0 {
            for spectrum in out.chunks_exact_mut(wavelength.len()) {
                for (value, &w) in spectrum.iter_mut().zip(&wavelength) {
                    let scale = if per_angstrom { w * w / LIGHT } else { 1.0 };
                    *value = (f64::from(*value) * scale * sun) as f32;
                }
            }
        }
    }
    let props = file.table(file.named("PROPS", None)?)?;
    let column = |name: &str| props.column(name).map(|at| props.column_f64(at)).transpose();
    let mass = match (column("MLIVE")?, column("MSTARS")?, column("MREMN")?) {
        (Some(mass), _, _) | (None, Some(mass), None) => mass,
        (None, Some(stars), Some(remnants)) => stars.iter().zip(&remnants).map(|(a, b)| a + b).collect(),
        _ => return Err(form("its table PROPS has neither a column MLIVE nor MSTARS".into())),
    };
    let mass = mass.into_iter().map(|value| value as f32).collect();
    let title = file.hdu(0)?.header().str("MODEL").unwrap_or(&name).trim().to_owned();
    let ssp = Ssp { name: title, wavelength, metallicity, age, light, mass };
    ssp.check()?;
    Ok(ssp)
}

/// A column of a table of coordinates, in the first of `units`.
fn coordinates(
    file: &FitsFile,
    table: &str,
    columns: &[&str],
    units: &[(&str, f64)],
    form: &impl Fn(String) -> SspFitsError,
) -> Result<Vec<f64>, SspFitsError> {
    let table = file.table(file.named(table, None)?)?;
    let Some(at) = columns.iter().find_map(|name| table.column(name)) else {
        return Err(form(format!("the table of {} has no column of that name", columns[0])));
    };
    let unit = table.columns()[at].unit.trim().to_lowercase();
    let known = units.iter().find(|(name, _)| unit == *name || unit.is_empty());
    let Some((_, scale)) = known else {
        return Err(form(format!("column {} is in {unit}, which is not known", columns[0])));
    };
    Ok(table.column_f64(at)?.into_iter().map(|value| value * scale).collect())
}
