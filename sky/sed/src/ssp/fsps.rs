//! FSPS's `.spec` files (Conroy, Gunn & White 2009, ApJ 699, 486; written by `compsp` for `sfh=0`).
//!
//! Comment lines, one of them with `Log(Z/Zsol):`; the numbers of ages and wavelengths; the wavelengths (Angstrom); then for
//! each age log(age/yr), log(mass), log(Lbol), log(SFR), and the spectrum, Lsun/Hz per Msun formed.

use super::text::{Numbers, number_after};
use super::{Ssp, SspError};
use crate::library::SOLAR_LUMINOSITY;

/// The Sun's luminosity in FSPS, erg/s.
const SUN: f64 = 3.839e33;
/// The Sun's metallicity that FSPS's headers are relative to, for its Padova isochrones.
const SOLAR: f64 = 0.019;

impl Ssp {
    /// Reads a `.spec` file of a simple stellar population.
    ///
    /// - `metallicity`: in place of the header's, which is relative to 0.019 (with MIST isochrones to 0.0142).
    ///
    /// # Errors
    /// Another form, a file that is cut off, no metallicity, and what [`Ssp::check`] refuses.
    pub fn from_fsps(text: &str, name: &str, metallicity: Option<f64>) -> Result<Ssp, SspError> {
        let wrong = |what: &str| SspError::Form { name: name.to_owned(), what: what.to_owned() };
        let own = || number_after(text, "Log(Z/Zsol):").map(|log| SOLAR * libm::pow(10.0, log));
        let metallicity = metallicity.or_else(own).ok_or_else(|| wrong("no header line has Log(Z/Zsol)"))?;
        let mut body = text;
        while body.trim_start().starts_with('#') {
            body = body.split_once('\n').map_or("", |(_, rest)| rest);
        }
        let mut numbers = Numbers::new(body);
        let count = |value: Option<f64>| value.filter(|n| (2.0..=1e6).contains(n)).map(|n| n as usize);
        let counts = (count(numbers.number()), count(numbers.number()));
        let (Some(ages), Some(waves)) = counts else {
            return Err(wrong("its first line is not the numbers of ages and wavelengths"));
        };
        let wavelength = numbers.values(waves).ok_or_else(|| wrong("its wavelengths are cut off"))?;
        let (mut age, mut mass, mut light) = (Vec::new(), Vec::new(), Vec::new());
        for k in 0..ages {
            let cut = || wrong(&format!("the spectrum of age {} of {ages} is cut off", k + 1));
            let head = numbers.values(4).ok_or_else(cut)?;
            age.push(libm::pow(10.0, head[0]));
            mass.push(libm::pow(10.0, head[1]) as f32);
            let spectrum = numbers.values(waves).ok_or_else(cut)?;
            light.extend(spectrum.iter().map(|value| (value * SUN / SOLAR_LUMINOSITY) as f32));
        }
        let ssp = Ssp { name: name.to_owned(), wavelength, metallicity: vec![metallicity], age, light, mass };
        ssp.check()?;
        Ok(ssp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "#   Log(Z/Zsol): -0.301\n#   Fraction of blue HB stars:  0.200\n#\n#   log(age) log(mass) Log(lbol) log(SFR) spectra\n 2 9\n 1000 2000 3000 4000 5000 6000 7000 8000 9000\n 6.0000 -0.0100 2.0 -70.0\n 1e-14 2e-14 3e-14 4e-14 5e-14 6e-14 7e-14 8e-14 9e-14\n 9.0000 -0.2000 1.0 -70.0\n 1e-15 2e-15 3e-15 4e-15 5e-15 6e-15 7e-15 8e-15 9e-15\n";

    #[test]
    fn ages_masses_and_light_are_taken_in_their_units() {
        let ssp = Ssp::from_fsps(FILE, "f.spec", None).unwrap();
        assert!((ssp.metallicity[0] - 0.0095).abs() < 1e-5, "{}", ssp.metallicity[0]);
        assert!((ssp.age[0] - 1e6).abs() < 1e-3 && (ssp.age[1] - 1e9).abs() < 1.0);
        assert!((ssp.surviving(0, 1) - 0.630_957_3).abs() < 1e-6);
        assert!((f64::from(ssp.spectrum(0, 1)[8]) / (9e-15 * 3.839 / 3.826) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn faint_light_may_have_three_digits_in_its_exponent_as_fortran_writes_it() {
        let ssp = Ssp::from_fsps(&FILE.replace("1e-15", "1.0-103"), "f.spec", None).unwrap();
        assert!(ssp.spectrum(0, 1)[0] < 1e-30 && ssp.spectrum(0, 1)[1] > 1e-16);
    }

    #[test]
    fn files_of_other_forms_are_refused() {
        assert!(Ssp::from_fsps(&FILE.replace("# ", "! "), "f", Some(0.02)).is_err());
        assert!(Ssp::from_fsps(&FILE[..FILE.len() - 30], "f", None).unwrap_err().to_string().contains("age 2 of 2"));
        assert!(Ssp::from_fsps("", "f", None).unwrap_err().to_string().contains("Log(Z/Zsol)"));
        assert!(Ssp::from_fsps("# Log(Z/Zsol): 0.0\n", "f", None).is_err());
    }
}
