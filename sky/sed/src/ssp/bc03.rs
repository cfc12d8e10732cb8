//! Bruzual & Charlot's `.ised_ASCII` files (2003, MNRAS 344, 1000; the form of GALAXEV's `ascii_ised`).
//!
//! Numbers in records of a count and that many values, across lines: ages (yr); some lines about the model, one of them with the
//! metallicity (`Z=0.0200` or `metal=0.02`); wavelengths (Angstrom); for each age a spectrum (Lsun/Angstrom per Msun formed) and
//! a record of indices; then records over age: bolometric light, mass in stars, and seven more up to the tenth, the mass in
//! remnants. Where these are missing, `.4color` tables have the masses.

use super::text::{Numbers, number_after};
use super::{LIGHT, Ssp, SspError};

impl Ssp {
    /// Reads an `.ised_ASCII` file; `colors` is the text of the `.4color` table beside it, for files without masses.
    ///
    /// - `metallicity`: in place of the file's own.
    ///
    /// # Errors
    /// Another form, a file that is cut off, no metallicity or masses anywhere, and what [`Ssp::check`] refuses.
    pub fn from_bc03(text: &str, name: &str, metallicity: Option<f64>, colors: Option<&str>) -> Result<Ssp, SspError> {
        let wrong = |what: &str| SspError::Form { name: name.to_owned(), what: what.to_owned() };
        let mut numbers = Numbers::new(text);
        let age = numbers.record().ok_or_else(|| wrong("it does not begin with a number of ages and the ages"))?;
        let about = numbers.rest();
        let wavelength =
            numbers.skip_to_increasing().ok_or_else(|| wrong("no record of wavelengths follows the ages"))?;
        let about = &about[..about.len() - numbers.rest().len()];
        let own = || number_after(about, "metal=").or_else(|| number_after(about, "Z="));
        let metallicity = metallicity.or_else(own).ok_or_else(|| wrong("no line has its metallicity (Z=...)"))?;
        let mut light = Vec::with_capacity(age.len() * wavelength.len());
        for k in 0..age.len() {
            let spectrum = numbers.record().filter(|spectrum| spectrum.len() == wavelength.len());
            let spectrum = spectrum.ok_or_else(|| wrong(&format!("spectrum {} of {} is cut off", k + 1, age.len())))?;
            light.extend(spectrum.iter().zip(&wavelength).map(|(l, w)| (l * w * w / LIGHT) as f32));
            // Indices of lines, at wavelengths of their own.
            numbers.record().ok_or_else(|| wrong(&format!("no record follows spectrum {}", k + 1)))?;
        }
        let records: Vec<Vec<f64>> = core::iter::from_fn(|| numbers.record()).take(10).collect();
        let whole = records.iter().all(|record| record.len() == age.len());
        let mass = match (records.get(1), records.get(9), colors) {
            (Some(stars), Some(remnants), _) if whole => stars.iter().zip(remnants).map(|(a, b)| a + b).collect(),
            (_, _, Some(colors)) => masses(colors, &age).ok_or_else(|| wrong("its .4color table has no masses"))?,
            _ => return Err(wrong("it has no masses of stars and remnants; put its .4color table beside it")),
        };
        let mass = mass.into_iter().map(|value| value as f32).collect();
        let ssp = Ssp { name: name.to_owned(), wavelength, metallicity: vec![metallicity], age, light, mass };
        ssp.check()?;
        Ok(ssp)
    }
}

/// Living stars and remnants at ages from a `.4color` table: columns by the names in its last comment line.
fn masses(text: &str, age: &[f64]) -> Option<Vec<f64>> {
    let titles = text.lines().filter(|line| line.starts_with('#')).find(|line| line.contains("M*_liv"))?;
    let titles: Vec<&str> = titles.trim_start_matches('#').split_whitespace().collect();
    let column = |name: &str| titles.iter().position(|title| title.eq_ignore_ascii_case(name));
    let (living, remnants) = (column("M*_liv")?, column("M_remnants")?);
    let rows: Option<Vec<(f64, f64)>> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            let fields: Option<Vec<f64>> = line.split_whitespace().map(|field| field.parse().ok()).collect();
            let fields = fields?;
            Some((*fields.first()?, fields.get(living)? + fields.get(remnants)?))
        })
        .collect();
    let rows = rows?;
    let at = |age: f64| -> Option<f64> {
        let log = libm::log10(age.max(1.0));
        let above = rows.partition_point(|row| row.0 <= log);
        match (above.checked_sub(1).and_then(|k| rows.get(k)), rows.get(above)) {
            (None, first) => first.map(|row| row.1),
            (Some(last), None) => Some(last.1),
            (Some(low), Some(high)) => Some(low.1 + (high.1 - low.1) * (log - low.0) / (high.0 - low.0)),
        }
    };
    age.iter().map(|&age| at(age)).collect()
}

#[cfg(test)]
mod tests {
    use core::fmt::Write;

    use super::super::text::tests::write_record;
    use super::*;

    /// A file in the form, of three ages and twelve wavelengths.
    fn file(masses: bool) -> String {
        let age = [0.0, 1e7, 1e9];
        let wavelength: Vec<f64> = (1..=12).map(|k| 1000.0 * f64::from(k)).collect();
        let mut text = String::new();
        write_record(&mut text, &age);
        text.push_str("\n   0.10000E+00   0.10000E+03  0  4\n   0.000  0.000\n Padova 1994, Chabrier\n");
        text.push_str(" BC03: Y=0.2700, Z=0.0200, [Fe/H]=+0.0932\n Padova 1994\n Padova 1994\n");
        write_record(&mut text, &wavelength);
        for k in 1..=3 {
            write_record(&mut text, &[1e-3 * f64::from(k); 12]);
            write_record(&mut text, &[0.5; 4]);
        }
        if masses {
            for record in 0..12 {
                write_record(&mut text, &[1.0, 0.9, 0.6].map(|m| if record == 9 { 0.1 - 0.1 * m } else { m }));
            }
        }
        text
    }

    #[test]
    fn spectra_come_out_per_hertz_and_masses_include_remnants() {
        let ssp = Ssp::from_bc03(&file(true), "bc", None, None).unwrap();
        assert_eq!((ssp.metallicity[0], ssp.age[2], ssp.wavelength.len()), (0.02, 1e9, 12));
        let expected = 3e-3 * 5000.0 * 5000.0 / LIGHT;
        assert!((f64::from(ssp.spectrum(0, 2)[4]) / expected - 1.0).abs() < 1e-6);
        assert!((ssp.surviving(0, 2) - 0.64).abs() < 1e-6 && (ssp.surviving(0, 0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn masses_may_come_from_the_table_of_colours() {
        assert!(Ssp::from_bc03(&file(false), "bc", None, None).unwrap_err().to_string().contains(".4color"));
        let mut colors = String::from("#  log-age-yr  Mbol  Bmag  Vmag  Kmag  M*_liv  M_remnants\n");
        for (log, living) in [(5.0, 0.9), (7.0, 0.8), (9.0, 0.5)] {
            writeln!(colors, "{log} 1 2 3 4 {living} 0.1").unwrap();
        }
        let ssp = Ssp::from_bc03(&file(false), "bc", Some(0.004), Some(&colors)).unwrap();
        assert_eq!(ssp.metallicity, [0.004]);
        assert!((ssp.surviving(0, 1) - 0.9).abs() < 1e-6 && (ssp.surviving(0, 2) - 0.6).abs() < 1e-6);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_or_lacks_only_records_after_the_masses() {
        let whole = file(true);
        let least = whole.len() * 3 / 4;
        for end in (0..least).step_by(11) {
            assert!(Ssp::from_bc03(&whole[..end], "bc", None, None).is_err(), "{end}");
        }
    }
}
