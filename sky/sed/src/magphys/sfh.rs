//! Stellar libraries (`starformhist_*.lbr`).

use std::io::BufRead;

use super::MagphysError;
use super::magnitude::luminosity;
use super::rows::Rows;
use super::write::HISTORY_COLUMNS;
use crate::library::{Band, Histories, Light, Stellar};

/// Properties in a line, between the model's number and the magnitudes.
const PROPERTIES: usize = 24;

/// Properties of histories, in the order of [`Histories::columns_mut`].
const HISTORY: [(usize, &str); 7] = [
    (1, "age"),
    (19, "mass-weighted age"),
    (20, "light-weighted age"),
    (2, "gamma"),
    (3, "metallicity"),
    (9, "time since the last burst"),
    (7, "mass formed"),
];

/// Reads a stellar library: two header lines, then for each model its number, 24 properties (4 tau_V, 5 mu, 6 M*, 10 SFR,
/// 21 L_dust, 22 f_mu) and absolute AB magnitudes in those of `bands` that hold stellar light at `redshift`.
///
/// The luminosities and rates come out per stellar mass, [`crate::library::Library`]'s way. Histories are read where the second
/// line says which columns hold them, as in files of [`super::write_sfh`].
///
/// - `bands`: all bands of the fit, in order;
/// - `redshift`: decides which bands have a column (the galaxy's, in MAGPHYS);
/// - `file`: what errors call it.
///
/// # Errors
/// A line of other fields than these bands need, properties that are no numbers or out of range, no models.
pub fn read_sfh(input: impl BufRead, file: &str, bands: &[Band], redshift: f64) -> Result<Stellar, MagphysError> {
    let columns: Vec<usize> = (0..bands.len()).filter(|&k| bands[k].light(redshift) != Light::Dust).collect();
    let needed = 1 + PROPERTIES + columns.len();
    let why = || format!("number, {PROPERTIES} properties, magnitudes in {} bands below 10 um", columns.len());
    let mut rows = Rows::new(input, file);
    rows.skip(1)?;
    let told = rows.skip_one_that_says(HISTORY_COLUMNS)?;
    let mut history = Histories::default();
    let mut stellar = Stellar { flux: vec![Vec::new(); bands.len()], ..Stellar::default() };
    while let Some(row) = rows.next()? {
        row.expect(needed, why)?;
        let property = |number: usize, what| row.finite(number, what);
        let mass = property(6, "stellar mass")?;
        if mass <= 0.0 {
            return Err(row.fault(6, "stellar mass", "a mass above 0 belongs there"));
        }
        let f_mu = property(22, "f_mu")?;
        if !(-0.01..=1.01).contains(&f_mu) {
            return Err(row.fault(22, "f_mu", "a share of 0 to 1 belongs there"));
        }
        let (rate, dust) = (property(10, "star formation rate")?, property(21, "dust luminosity")?);
        for (field, value, what) in [(10, rate, "star formation rate"), (21, dust, "dust luminosity")] {
            if value < 0.0 {
                return Err(row.fault(field, what, "0 or more belongs there"));
            }
        }
        stellar.index.push(row.whole(0, "model's number")?);
        stellar.tau_v.push(property(4, "tau_V")?);
        stellar.mu.push(property(5, "mu")?);
        stellar.f_mu.push(f_mu);
        stellar.ssfr.push(rate / mass);
        stellar.dust_luminosity.push(dust / mass);
        if told {
            for ((field, what), column) in HISTORY.into_iter().zip(history.columns_mut()) {
                column.push(property(field, what)?);
            }
        }
        for (field, &band) in (1 + PROPERTIES..).zip(&columns) {
            stellar.flux[band].push(luminosity(row.magnitude(field)?) / mass);
        }
    }
    if stellar.is_empty() {
        return Err(rows.empty("models"));
    }
    // Models without histories are written with zeros.
    stellar.history = history.age.iter().any(|age| *age > 0.0).then_some(history);
    let models = stellar.len();
    for flux in &mut stellar.flux {
        // Bands of dust alone had no column.
        flux.resize(models, 0.0);
    }
    Ok(stellar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bands() -> Vec<Band> {
        let band = |name: &str, wavelength_um| Band { name: name.into(), wavelength_um, id: 0 };
        vec![band("r", 0.6), band("W3", 12.0), band("W1", 3.4)]
    }

    const LINE: &str = "7 1 1 1 0.5 0.25 2.0 1 1 1 4e-10 1 1 1 1 1 1 1 1 1 1 6.0 0.125 1 1 -5.0 -4.0";

    #[test]
    fn properties_come_out_per_stellar_mass_and_columns_skip_bands_of_dust() {
        let stellar = read_sfh(format!("a\nb\n{LINE}\n").as_bytes(), "s.lbr", &bands(), 0.01).unwrap();
        assert_eq!((stellar.index[0], stellar.tau_v[0], stellar.mu[0], stellar.f_mu[0]), (7, 0.5, 0.25, 0.125));
        assert_eq!((stellar.ssfr[0], stellar.dust_luminosity[0]), (2e-10, 3.0));
        assert_eq!(stellar.flux[1], [0.0]);
        assert_eq!(stellar.flux[0], [luminosity(-5.0) / 2.0]);
        assert_eq!(stellar.flux[2], [luminosity(-4.0) / 2.0]);
    }

    #[test]
    fn a_library_for_other_filters_is_refused_with_both_numbers() {
        let fewer = &bands()[..1];
        let error = read_sfh(format!("a\nb\n{LINE}\n").as_bytes(), "s.lbr", fewer, 0.01).unwrap_err().to_string();
        assert!(error.starts_with("s.lbr, line 3: has 27 fields, but 26 are needed"), "{error}");
    }

    #[test]
    fn masses_of_zero_and_cut_lines_are_refused() {
        let massless = LINE.replace("2.0", "0.0");
        assert!(read_sfh(format!("a\nb\n{massless}").as_bytes(), "s", &bands(), 0.0).is_err());
        assert!(read_sfh(format!("a\nb\n{LINE}\n{}", &LINE[..40]).as_bytes(), "s", &bands(), 0.0).is_err());
        assert!(read_sfh(&b"a\nb\n"[..], "s", &bands(), 0.0).is_err());
    }
}
