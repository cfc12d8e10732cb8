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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::PathBuf;

    use pogson_image::fits::{Bitpix, FitsWriter, Header, NewColumn, Options, Values, write_table};
    use pogson_sed::ssp::{embedded, frequency_weights};

    use super::*;

    fn source() -> Option<PathBuf> {
        let root = std::env::var_os("POGSON_SHARED")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
        let path = root.join("data/spectra/ssp_pegase2_kroupa.fits");
        if path.exists() {
            return Some(path);
        }
        println!("skipped: {} is missing; set POGSON_SHARED", path.display());
        None
    }

    #[test]
    fn the_embedded_spectra_are_those_of_their_source() {
        let Some(path) = source() else { return };
        let ssp = read(&path).unwrap().refined(1.05);
        let ours = embedded();
        assert_eq!((&ssp.wavelength, &ssp.light, &ssp.mass), (&ours.wavelength, &ours.light, &ours.mass));
    }

    #[test]
    fn mixtures_of_ages_have_the_tabulated_luminosity_within_half_a_percent() {
        let Some(path) = source() else { return };
        let file = FitsFile::open(&path).unwrap();
        let props = file.table(file.named("PROPS", None).unwrap()).unwrap();
        let tabulated = props.column_f64(props.require("LBOL").unwrap()).unwrap();
        let ssp = embedded();
        let weights = frequency_weights(&ssp.wavelength);
        let ages = ssp.age.len();
        for metal in 0..ssp.metallicity.len() {
            let own: Vec<f64> = (0..ages)
                .map(|age| ssp.spectrum(metal, age).iter().zip(&weights).map(|(&l, w)| f64::from(l) * w).sum())
                .collect();
            // Star formation that falls at many rates, or began at many times.
            for gamma in [0.0, 0.1, 0.3, 1.0] {
                for oldest in [20, 30, 45, 62] {
                    let mass = |k: usize| libm::exp(gamma * ssp.age[k] / 1e9) * (ssp.age[k] - ssp.age[k - 1]);
                    let sum = |light: &[f64]| (1..=oldest).map(|k| mass(k) * light[k]).sum::<f64>();
                    let ratio = sum(&own) / sum(&tabulated[metal * ages..(metal + 1) * ages]);
                    assert!((ratio - 1.0).abs() < 0.005, "{metal} {gamma} {oldest} {ratio}");
                }
            }
        }
    }

    /// A table of two ages and one metallicity: wavelengths in nm, light per Angstrom, masses in two columns.
    fn write(path: &Path, wavelengths: usize) {
        let mut writer = FitsWriter::create(path, Options { overwrite: true, checksum: false }).unwrap();
        let table = |writer: &mut FitsWriter, name: &str, columns: &[NewColumn]| {
            let mut header = Header::new();
            header.set("EXTNAME", name, "");
            write_table(writer, &header, columns).unwrap();
        };
        let doubles = |name: &str, unit: &str, values: Vec<f64>| NewColumn::scalars(name, unit, Values::F64(values));
        let wave = (1..=wavelengths).map(|k| 100.0 * k as f64).collect();
        table(&mut writer, "WAVE", &[doubles("WAVE", "nm", wave)]);
        table(&mut writer, "AGE", &[doubles("AGE", "Myr", vec![1.0, 1000.0])]);
        table(&mut writer, "METAL", &[doubles("Z", "", vec![0.02])]);
        let masses = [doubles("MSTARS", "", vec![0.9, 0.5]), doubles("MREMN", "", vec![0.0, 0.125])];
        table(&mut writer, "PROPS", &masses);
        let mut header = Header::new();
        header.set("EXTNAME", "LLAMBDA", "");
        let image = writer.add_image(&header, &[10, 2, 1], Bitpix::F32).unwrap();
        writer.write_rows_f32(image, 0, 0, &[2e-3; 20]).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn other_units_and_columns_are_understood_and_parts_that_do_not_fit_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tiny.fits");
        write(&path, 10);
        let ssp = read(&path).unwrap();
        assert_eq!((ssp.wavelength[9], ssp.age[1], ssp.metallicity[0]), (10_000.0, 1e9, 0.02));
        assert_eq!(ssp.surviving(0, 1), 0.625);
        let expected = 2e-3 * 5000.0 * 5000.0 / LIGHT;
        assert!((f64::from(ssp.spectrum(0, 1)[4]) / expected - 1.0).abs() < 1e-6);
        write(&path, 9);
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("the image is (10, 2, 1), but WAVE, AGE and METAL have 9, 2 and 1 rows"), "{error}");
    }
}
