//! Simple stellar populations: the light of stars born together, by age and metallicity.

mod bc03;
mod bpass;
mod bytes;
mod embedded;
mod fsps;
mod nebular;
mod text;

pub use bpass::bpass_metallicity;
pub use embedded::embedded;
pub use nebular::{Nebular, nebular};

/// Speed of light, Angstrom/s.
pub const LIGHT: f64 = 2.997_924_58e18;

/// Spectra of simple stellar populations on a grid of metallicities, ages and wavelengths, per solar mass formed.
#[derive(Debug, Clone, PartialEq)]
pub struct Ssp {
    /// What to call it: code, initial mass function, stellar tracks.
    pub name: String,
    /// Wavelengths in vacuum, Angstrom, increasing.
    pub wavelength: Vec<f64>,
    /// Mass fractions of metals, increasing (0.02 is the Sun's here).
    pub metallicity: Vec<f64>,
    /// Ages, yr, increasing; the first may be 0.
    pub age: Vec<f64>,
    /// Light, Lsun/Hz per Msun formed ([`crate::library::SOLAR_LUMINOSITY`]): `[metallicity][age][wavelength]`, flat.
    pub light: Vec<f32>,
    /// Living stars and remnants, Msun per Msun formed: `[metallicity][age]`, flat.
    pub mass: Vec<f32>,
}

/// What is wrong with a grid of spectra.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SspError {
    /// Numbers of values that do not fit together.
    #[error("{name}: {what} has {found} values, but {needed} are needed; is the file whole?")]
    Size {
        /// The table.
        name: String,
        /// Which values.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// Coordinates that do not increase.
    #[error("{name}: {what} {second} follows {first}; sort the table so that its values increase")]
    Order {
        /// The table.
        name: String,
        /// Which coordinate.
        what: &'static str,
        /// A value.
        first: f64,
        /// The one after it.
        second: f64,
    },
    /// Two tables of one metallicity.
    #[error("{name}: has the metallicity {metallicity}, which {first} has too; leave one of them out, or say FILE@Z")]
    Twice {
        /// The second table.
        name: String,
        /// The first.
        first: String,
        /// What both have.
        metallicity: f64,
    },
    /// A value out of range.
    #[error("{name}: {what} {value} is out of range ({range})")]
    Range {
        /// The table.
        name: String,
        /// Which value.
        what: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Bytes or lines that are not in the form that they should have.
    #[error("{name}: {what}; give a file in the form that docs/library.md describes")]
    Form {
        /// The table.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Grids of several files that cannot be joined.
    #[error("{name}: {what} differ from those of {first}; give files of one set")]
    Mixed {
        /// A file.
        name: String,
        /// The first file.
        first: String,
        /// Which coordinates.
        what: &'static str,
    },
}

impl Ssp {
    /// Checks sizes, orders and ranges.
    ///
    /// # Errors
    /// Whatever would make a library wrong: see [`SspError`].
    pub fn check(&self) -> Result<(), SspError> {
        let (nz, na, nw) = (self.metallicity.len(), self.age.len(), self.wavelength.len());
        let size = |what, found, needed| {
            if found == needed {
                return Ok(());
            }
            Err(SspError::Size { name: self.name.clone(), what, found, needed })
        };
        for (what, found, least) in [("metallicity", nz, 1), ("age", na, 2), ("wavelength", nw, 8)] {
            if found < least {
                size(what, found, least)?;
            }
        }
        size("light", self.light.len(), nz * na * nw)?;
        size("mass", self.mass.len(), nz * na)?;
        self.increasing("wavelength", &self.wavelength)?;
        self.increasing("metallicity", &self.metallicity)?;
        self.increasing("age", &self.age)?;
        let range = |what, value, range| Err(SspError::Range { name: self.name.clone(), what, value, range });
        if self.wavelength[0] < 1.0 {
            range("wavelength", self.wavelength[0], "1 Angstrom or more")?;
        }
        if self.metallicity[0] < 1e-6 || self.metallicity[nz - 1] > 1.0 {
            range(
                "metallicity",
                self.metallicity[0].min(1.0 - self.metallicity[nz - 1]),
                "mass fractions of 1e-6 to 1",
            )?;
        }
        if self.age[0] < 0.0 {
            range("age", self.age[0], "0 yr or more")?;
        }
        if let Some(&bad) = self.light.iter().find(|value| !(0.0..1.0).contains(*value)) {
            range("light", f64::from(bad), "Lsun/Hz per Msun, 0 to 1")?;
        }
        if let Some(&bad) = self.mass.iter().find(|value| !(0.0..=1.01).contains(*value)) {
            range("mass", f64::from(bad), "0 to 1 Msun per Msun formed")?;
        }
        Ok(())
    }

    fn increasing(&self, what: &'static str, values: &[f64]) -> Result<(), SspError> {
        for pair in values.windows(2) {
            let increases = pair[0] < pair[1] && pair[1].is_finite() && pair[0].is_finite();
            if !increases {
                return Err(SspError::Order { name: self.name.clone(), what, first: pair[0], second: pair[1] });
            }
        }
        Ok(())
    }

    /// The spectrum at a metallicity's and an age's place in the grid, Lsun/Hz per Msun formed; empty outside.
    pub fn spectrum(&self, metallicity: usize, age: usize) -> &[f32] {
        let nw = self.wavelength.len();
        let at = (metallicity * self.age.len() + age) * nw;
        self.light.get(at..at + nw).unwrap_or(&[])
    }

    /// Living stars and remnants at a place in the grid, Msun per Msun formed; 0 outside.
    pub fn surviving(&self, metallicity: usize, age: usize) -> f32 {
        self.mass.get(metallicity * self.age.len() + age).copied().unwrap_or(0.0)
    }

    /// Spectrum (Lsun/Hz per Msun formed) and surviving mass (Msun per Msun formed) at any metallicity and age: linear in the
    /// logarithms of both, in age itself after an age of 0; beyond the table's ends what stands there.
    ///
    /// - `metallicity`: mass fraction of metals;
    /// - `age`: yr.
    pub fn at(&self, metallicity: f64, age: f64) -> (Vec<f64>, f64) {
        let mut light = vec![0.0; self.wavelength.len()];
        let mut mass = 0.0;
        for (z, share_z) in neighbours(&self.metallicity, metallicity) {
            for (t, share_t) in neighbours(&self.age, age) {
                let share = share_z * share_t;
                for (sum, &value) in light.iter_mut().zip(self.spectrum(z, t)) {
                    *sum += share * f64::from(value);
                }
                mass += share * f64::from(self.surviving(z, t));
            }
        }
        (light, mass)
    }

    /// The same table with wavelengths added where two neighbours are further apart than a ratio, and light between them by a
    /// power law of wavelength: tables are sparse where stars' light is that of hot bodies, and a straight line is none.
    ///
    /// - `ratio`: greatest ratio of neighbouring wavelengths, above 1.001.
    #[must_use]
    pub fn refined(&self, ratio: f64) -> Ssp {
        // Place of the point before, and share of the way to the next in the logarithm.
        let mut points: Vec<(usize, f64)> = Vec::new();
        for (k, pair) in self.wavelength.windows(2).enumerate() {
            let parts = libm::ceil(libm::log(pair[1] / pair[0]) / libm::log(ratio.max(1.001)) - 1e-9).max(1.0);
            points.extend((0..parts as u32).map(|part| (k, f64::from(part) / parts)));
        }
        points.push((self.wavelength.len() - 1, 0.0));
        let between = |low: f64, high: f64, share: f64| {
            if low > 0.0 && high > 0.0 {
                low * libm::exp(share * libm::log(high / low))
            } else {
                low + share * (high - low)
            }
        };
        let fill = |values: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let value = |&(k, share): &(usize, f64)| {
                if share > 0.0 { between(values(k), values(k + 1), share) } else { values(k) }
            };
            points.iter().map(value).collect()
        };
        let spectra = self.light.chunks_exact(self.wavelength.len());
        let light = spectra.flat_map(|light| fill(&|k| f64::from(light[k]))).map(|value| value as f32).collect();
        Ssp { wavelength: fill(&|k| self.wavelength[k]), light, ..self.clone() }
    }

    /// Joins tables of one metallicity each (or more) into one, sorted by metallicity.
    ///
    /// # Errors
    /// Tables with other ages or wavelengths, a metallicity twice, none at all.
    pub fn join(mut tables: Vec<Ssp>) -> Result<Ssp, SspError> {
        tables.sort_by(|a, b| a.metallicity[0].total_cmp(&b.metallicity[0]));
        let mut tables = tables.into_iter();
        let Some(mut joined) = tables.next() else {
            return Err(SspError::Form { name: "spectra".into(), what: "no tables were given".into() });
        };
        for table in tables {
            for (what, same) in
                [("wavelengths", table.wavelength == joined.wavelength), ("ages", table.age == joined.age)]
            {
                if !same {
                    return Err(SspError::Mixed { name: table.name, first: joined.name, what });
                }
            }
            if let Some(&metallicity) = table.metallicity.iter().find(|z| joined.metallicity.contains(z)) {
                return Err(SspError::Twice { name: table.name, first: joined.name, metallicity });
            }
            joined.metallicity.extend(table.metallicity);
            joined.light.extend(table.light);
            joined.mass.extend(table.mass);
        }
        joined.check()?;
        Ok(joined)
    }
}

/// The two of increasing values between which one lies, with shares linear in the logarithm (in the value itself after 0).
pub(crate) fn neighbours(values: &[f64], at: f64) -> [(usize, f64); 2] {
    let above = values.partition_point(|&value| value <= at);
    if above == 0 || above == values.len() {
        let end = above.saturating_sub(1);
        return [(end, 1.0), (end, 0.0)];
    }
    let (low, high) = (values[above - 1], values[above]);
    let share = if low > 0.0 { libm::log(at / low) / libm::log(high / low) } else { at / high };
    [(above - 1, 1.0 - share), (above, share)]
}

/// Weights with which the trapezoidal rule over frequency sums values at wavelengths: Hz for wavelengths in Angstrom.
pub fn frequency_weights(wavelength: &[f64]) -> Vec<f64> {
    let frequency = |k: usize| LIGHT / wavelength[k];
    let last = wavelength.len().saturating_sub(1);
    (0..wavelength.len()).map(|k| 0.5 * (frequency(k.saturating_sub(1)) - frequency((k + 1).min(last)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(metallicity: f64) -> Ssp {
        let wavelength: Vec<f64> = (0..10).map(|k| 1000.0 * f64::from(k + 1)).collect();
        Ssp {
            name: "small".into(),
            wavelength,
            metallicity: vec![metallicity],
            age: vec![0.0, 1e9],
            light: vec![1e-15; 20],
            mass: vec![1.0, 0.7],
        }
    }

    #[test]
    fn a_table_whose_parts_do_not_fit_is_refused() {
        assert_eq!(small(0.02).check(), Ok(()));
        let mut cut = small(0.02);
        cut.light.pop();
        assert!(matches!(cut.check(), Err(SspError::Size { found: 19, needed: 20, .. })));
        let mut back = small(0.02);
        back.age = vec![1e9, 1e8];
        assert!(matches!(back.check(), Err(SspError::Order { what: "age", .. })));
        let mut nan = small(0.02);
        nan.light[3] = f32::NAN;
        assert!(matches!(nan.check(), Err(SspError::Range { what: "light", .. })));
    }

    #[test]
    fn tables_are_joined_in_the_order_of_metallicity() {
        let joined = Ssp::join(vec![small(0.02), small(0.004)]).unwrap();
        assert_eq!(joined.metallicity, [0.004, 0.02]);
        let twice = Ssp::join(vec![small(0.02), small(0.02)]);
        assert!(matches!(twice, Err(SspError::Twice { metallicity: 0.02, .. })));
        let mut other = small(0.05);
        other.age[1] = 2e9;
        assert!(matches!(Ssp::join(vec![small(0.02), other]), Err(SspError::Mixed { what: "ages", .. })));
    }

    #[test]
    fn spectra_between_the_tables_ages_and_metallicities_are_linear_in_logarithms() {
        let table = embedded();
        let k = 500;
        let (light, mass) = table.at(0.02, 1e9);
        assert!((light[k] / f64::from(table.spectrum(4, 42)[k]) - 1.0).abs() < 1e-12);
        assert!((mass - f64::from(table.surviving(4, 42))).abs() < 1e-12);
        let between = table.at(libm::sqrt(0.02 * 0.05), libm::sqrt(1e9 * 1.2e9)).0[k];
        let corners = [(4, 42), (4, 43), (5, 42), (5, 43)].map(|(z, t)| f64::from(table.spectrum(z, t)[k]));
        assert!((between / (corners.iter().sum::<f64>() / 4.0) - 1.0).abs() < 1e-9);
        let half = table.at(0.02, 5e5).0[k];
        let ends = [0, 1].map(|t| f64::from(table.spectrum(4, t)[k]));
        assert!((half / (0.5 * (ends[0] + ends[1])) - 1.0).abs() < 1e-9);
        assert_eq!(table.at(1e-5, 1e9).0[k], f64::from(table.spectrum(0, 42)[k]));
    }

    #[test]
    fn gaps_are_filled_by_power_laws_and_points_that_were_there_stay() {
        let mut sparse = small(0.02);
        sparse.wavelength[9] = 40_000.0;
        for (light, w) in sparse.light.iter_mut().zip(sparse.wavelength.clone().iter().cycle()) {
            *light = (1e-7 / (w * w)) as f32;
        }
        let fine = sparse.refined(1.05);
        assert!(fine.wavelength.windows(2).all(|pair| pair[1] / pair[0] < 1.0500001));
        assert_eq!(fine.check(), Ok(()));
        for (w, light) in fine.wavelength.iter().zip(fine.spectrum(0, 1)) {
            assert!((f64::from(*light) * w * w / 1e-7 - 1.0).abs() < 1e-6);
        }
        let kept = sparse.wavelength.iter().all(|w| fine.wavelength.contains(w));
        assert!(kept && fine.refined(1.05) == fine);
    }

    #[test]
    fn frequency_weights_sum_to_the_width() {
        let wavelength = [1000.0, 1500.0, 4000.0];
        let sum: f64 = frequency_weights(&wavelength).iter().sum();
        assert!((sum / (LIGHT / 1000.0 - LIGHT / 4000.0) - 1.0).abs() < 1e-14);
    }
}
