//! BPASS's text tables (Eldridge et al. 2017, PASA 34, e058; Stanway & Eldridge 2018, MNRAS 479, 75).
//!
//! `spectra-*.zNNN.dat`: wavelength (Angstrom), then a column for each age, 10^6.0 to 10^11.0 yr in steps of 0.1 dex,
//! Lsun/Angstrom for 10^6 Msun formed. `starmass-*.zNNN.dat`: log(age/yr), mass in stars and, since version 2.2, in remnants.

use core::cmp::Ordering;

use super::embedded::embedded;
use super::{LIGHT, Ssp, SspError};
use crate::magphys::fortran::number;

/// Mass formed, Msun.
const FORMED: f64 = 1e6;
/// More wavelengths than this are averaged onto the embedded spectra's.
const MANY: usize = 20_000;

impl Ssp {
    /// Reads a table of spectra and its table of masses.
    ///
    /// Tables at every Angstrom are averaged onto the embedded spectra's 1221 wavelengths, as bands need no more.
    ///
    /// - `metallicity`: the file name's ([`bpass_metallicity`]).
    ///
    /// # Errors
    /// Lines of other numbers, masses of other ages, and what [`Ssp::check`] refuses.
    pub fn from_bpass(spectra: &str, masses: &str, name: &str, metallicity: f64) -> Result<Ssp, SspError> {
        let wrong = |what: String| SspError::Form { name: name.to_owned(), what };
        let rows = table(spectra).map_err(|line| wrong(format!("line {line} of the spectra is no row of numbers")))?;
        let columns = rows.first().map_or(0, Vec::len);
        if columns < 3 {
            return Err(wrong("a row of spectra needs a wavelength and at least two ages".into()));
        }
        let ages = columns - 1;
        let age: Vec<f64> = (0..ages).map(|k| libm::pow(10.0, 6.0 + 0.1 * k as f64)).collect();
        let mut wavelength: Vec<f64> = rows.iter().map(|row| row[0]).collect();
        if let Some(pair) =
            wavelength.windows(2).find(|pair| !matches!(pair[0].partial_cmp(&pair[1]), Some(Ordering::Less)))
        {
            let (first, second) = (pair[0], pair[1]);
            return Err(SspError::Order { name: name.to_owned(), what: "wavelength", first, second });
        }
        let mut light = Vec::with_capacity(ages * rows.len());
        let mut fine = Vec::new();
        let coarse: Vec<f64> = if rows.len() > MANY {
            let (first, last) = (wavelength[0], wavelength[rows.len() - 1]);
            embedded().wavelength.iter().copied().filter(|w| (first..=last).contains(w)).collect()
        } else {
            Vec::new()
        };
        for k in 1..=ages {
            fine.clear();
            fine.extend(rows.iter().map(|row| row[k] / FORMED));
            let per_angstrom = if coarse.is_empty() { fine.clone() } else { averages(&wavelength, &fine, &coarse) };
            let grid = if coarse.is_empty() { &wavelength } else { &coarse };
            light.extend(per_angstrom.iter().zip(grid).map(|(l, w)| (l * w * w / LIGHT) as f32));
        }
        if !coarse.is_empty() {
            wavelength = coarse;
        }
        let rows = table(masses).map_err(|line| wrong(format!("line {line} of the masses is no row of numbers")))?;
        let of = |age: f64| {
            let row = rows.iter().find(|row| (row[0] - libm::log10(age)).abs() < 0.01)?;
            Some(((row.get(1)? + row.get(2).unwrap_or(&0.0)) / FORMED) as f32)
        };
        let mass: Option<Vec<f32>> = age.iter().map(|&age| of(age)).collect();
        let mass = mass.ok_or_else(|| wrong("the table of masses lacks an age of the spectra".into()))?;
        let ssp = Ssp { name: name.to_owned(), wavelength, metallicity: vec![metallicity], age, light, mass };
        ssp.check()?;
        Ok(ssp)
    }
}

/// The metallicity in the name of a BPASS file: 0.02 for `...z020.dat`, 1e-5 for `...zem5.dat`.
pub fn bpass_metallicity(file: &str) -> Option<f64> {
    file.rsplit('.').find_map(|part| match part.strip_prefix('z')? {
        "em5" => Some(1e-5),
        "em4" => Some(1e-4),
        digits if digits.len() == 3 => digits.parse::<u32>().ok().map(|n| f64::from(n) / 1000.0),
        _ => None,
    })
}

/// Rows of numbers, all of as many columns; an error is the first line that is none.
fn table(text: &str) -> Result<Vec<Vec<f64>>, usize> {
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for (line, content) in text.lines().enumerate() {
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let row: Option<Vec<f64>> = content.split_whitespace().map(number).collect();
        let row = row.filter(|row| rows.first().is_none_or(|first| first.len() == row.len())).ok_or(line + 1)?;
        rows.push(row);
    }
    Ok(rows)
}

/// Means of values over the stretches around coarse wavelengths (to the middles between them).
fn averages(fine: &[f64], values: &[f64], coarse: &[f64]) -> Vec<f64> {
    let last = coarse.len() - 1;
    let mean = |k: usize| {
        let low = 0.5 * (coarse[k] + coarse[k.saturating_sub(1)]);
        let high = 0.5 * (coarse[k] + coarse[(k + 1).min(last)]);
        let range = fine.partition_point(|&w| w < low)..fine.partition_point(|&w| w <= high);
        let part = &values[range.clone()];
        if part.is_empty() {
            values[range.start.min(values.len() - 1)]
        } else {
            part.iter().sum::<f64>() / part.len() as f64
        }
    };
    (0..coarse.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use core::fmt::Write;

    use super::*;

    const MASSES: &str = "6.0 9.9E5 1E3\n6.1 9.5E5 2E3\n6.2 9.0E5 3E3\n";

    #[test]
    fn spectra_and_masses_are_per_solar_mass_formed() {
        let mut spectra = String::new();
        for k in 1..=10 {
            writeln!(spectra, " {}.0 1.0E+02 2.0E+02 4.0E+02", 1000 * k).unwrap();
        }
        let ssp = Ssp::from_bpass(&spectra, MASSES, "b", 0.02).unwrap();
        assert_eq!(ssp.age.len(), 3);
        assert!((ssp.age[1] / 1.258_925e6 - 1.0).abs() < 1e-6);
        let expected = 2e-4 * 3000.0 * 3000.0 / LIGHT;
        assert!((f64::from(ssp.spectrum(0, 1)[2]) / expected - 1.0).abs() < 1e-6);
        assert!((ssp.surviving(0, 2) - 0.903).abs() < 1e-6);
        assert!(Ssp::from_bpass(&spectra, "6.0 9.9E5\n", "b", 0.02).is_err());
        assert!(Ssp::from_bpass("1 2\n", MASSES, "b", 0.02).is_err());
        let backwards: String = (0..25_000).map(|k| format!("{} 1 1 1\n", 30_000 - k)).collect();
        assert!(matches!(Ssp::from_bpass(&backwards, MASSES, "b", 0.02), Err(SspError::Order { .. })));
    }

    #[test]
    fn tables_at_every_angstrom_are_averaged_with_their_light_kept() {
        let mut spectra = String::new();
        for w in 1..=30_000 {
            writeln!(spectra, "{w} {:.6e} 1 1", 1.0 + 0.5 * libm::sin(f64::from(w) / 700.0)).unwrap();
        }
        let ssp = Ssp::from_bpass(&spectra, MASSES, "b", 0.02).unwrap();
        assert!((100..1274).contains(&ssp.wavelength.len()));
        let weights = crate::ssp::frequency_weights(&ssp.wavelength);
        let sum: f64 = ssp.spectrum(0, 0).iter().zip(&weights).map(|(&l, w)| f64::from(l) * w).sum();
        let range = ssp.wavelength[0]..ssp.wavelength[ssp.wavelength.len() - 1];
        let integral = |w: f64| w - 350.0 * libm::cos(w / 700.0);
        let expected = (integral(range.end) - integral(range.start)) / 1e6;
        assert!((sum / expected - 1.0).abs() < 2e-3, "{sum} {expected}");
    }

    #[test]
    fn metallicities_stand_in_file_names() {
        assert_eq!(bpass_metallicity("dir.v2/spectra-bin-imf135_300.z020.dat"), Some(0.02));
        assert_eq!(bpass_metallicity("spectra-bin-imf135_300.a+00.zem5.dat"), Some(1e-5));
        assert_eq!(bpass_metallicity("spectra.dat"), None);
    }
}
