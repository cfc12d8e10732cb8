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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::fmt::Write;

    use super::*;

    fn file(path: PathBuf) -> SpectraFile {
        SpectraFile { path, metallicity: None }
    }

    /// A record of BC03's form.
    fn record(text: &mut String, values: &[f64]) {
        write!(text, " {}", values.len()).unwrap();
        values.iter().for_each(|value| write!(text, " {value:.5E}").unwrap());
        text.push('\n');
    }

    fn bc03(folder: &Path, name: &str, metallicity: &str) -> PathBuf {
        let wavelength: Vec<f64> = (1..=10).map(|k| 1000.0 * f64::from(k)).collect();
        let mut text = String::new();
        record(&mut text, &[0.0, 1e9]);
        writeln!(text, " 0.1 100. 0\n some words\n X=0.7, Y=0.28, Z={metallicity}, words").unwrap();
        record(&mut text, &wavelength);
        for _ in 0..2 {
            record(&mut text, &[1e-4; 10]);
            record(&mut text, &[1.0; 3]);
        }
        let path = folder.join(format!("{name}.ised_ASCII"));
        std::fs::write(&path, text).unwrap();
        let colors = "#log-age-yr Mbol M*_liv M_remnants\n 5.0 1 0.99 0.0\n 9.0 1 0.5 0.2\n";
        std::fs::write(folder.join(format!("{name}.4color")), colors).unwrap();
        path
    }

    #[test]
    fn bc03_files_are_joined_by_metallicity_with_masses_from_beside_them() {
        let dir = tempfile::tempdir().unwrap();
        let files = [bc03(dir.path(), "m62", "0.0200"), bc03(dir.path(), "m42", "0.0040")].map(file);
        let ssp = read(&files).unwrap();
        assert_eq!(ssp.metallicity, [0.004, 0.02]);
        assert!((ssp.surviving(1, 1) - 0.7).abs() < 1e-6);
        assert!(ssp.wavelength.len() > 10 && ssp.wavelength.contains(&3000.0));
    }

    #[test]
    fn bpass_and_fsps_files_are_known_by_their_names_and_first_lines() {
        let dir = tempfile::tempdir().unwrap();
        let spectra = dir.path().join("spectra-bin-imf135_300.z014.dat");
        let rows: String = (1..=9).map(|k| format!("{}. 1E2 2E2\n", 1000 * k)).collect();
        std::fs::write(&spectra, rows).unwrap();
        assert!(read(&[file(spectra.clone())]).unwrap_err().to_string().contains("starmass"));
        std::fs::write(dir.path().join("starmass-bin-imf135_300.z014.dat"), "6.0 9E5\n6.1 8E5\n").unwrap();
        assert_eq!(read(&[file(spectra)]).unwrap().metallicity, [0.014]);
        let fsps = dir.path().join("ssp.spec");
        let rows = "# Log(Z/Zsol): 0.0\n#\n 2 8\n 1 2 3 4 5 6 7 8\n 6 0 1 -70\n 1 1 1 1 1 1 1 1\n 7 -0.1 1 -70\n 1 1 1 1 1 1 1 1\n";
        std::fs::write(&fsps, rows.replace(" 1 1 1 1 1 1 1 1", " .1 .1 .1 .1 .1 .1 .1 .1")).unwrap();
        let ssp = read(&[SpectraFile { path: fsps, metallicity: Some(0.0142) }]).unwrap();
        assert_eq!((ssp.metallicity[0], ssp.age.len()), (0.0142, 2));
    }

    #[test]
    fn the_own_form_is_read_and_others_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        std::fs::write(&path, pogson_sed::ssp::embedded().to_bytes()).unwrap();
        assert_eq!(&read(&[file(path)]).unwrap(), pogson_sed::ssp::embedded());
        let other = dir.path().join("b.txt");
        std::fs::write(&other, "nothing of the kind").unwrap();
        assert!(read(&[file(other)]).is_err());
        assert!(read(&[file(dir.path().join("none"))]).unwrap_err().to_string().contains("none"));
        assert!(read(&[]).is_err());
    }
}
