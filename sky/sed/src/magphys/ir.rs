//! Dust libraries (`infrared_*.lbr`).

use std::io::BufRead;

use super::MagphysError;
use super::magnitude::luminosity;
use super::rows::Rows;
use crate::library::{Band, Dust, Light};

/// Properties in a line, before the magnitudes.
const PROPERTIES: usize = 8;

/// Reads a dust library: two header lines, then for each model f_mu, xi_C^ISM, T_W^BC, T_C^ISM, xi_PAH^BC, xi_MIR^BC,
/// xi_W^BC, M_d/L_d and absolute AB magnitudes in those of `bands` that hold dust's light at `redshift`.
///
/// - `bands`: all bands of the fit, in order;
/// - `redshift`: decides which bands have a column (the galaxy's, in MAGPHYS);
/// - `file`: what errors call it.
///
/// # Errors
/// A line of other fields than these bands need, properties that are no numbers or out of range, no models.
pub fn read_ir(input: impl BufRead, file: &str, bands: &[Band], redshift: f64) -> Result<Dust, MagphysError> {
    let columns: Vec<usize> = (0..bands.len()).filter(|&k| bands[k].light(redshift) != Light::Stars).collect();
    let needed = PROPERTIES + columns.len();
    let why = || format!("{PROPERTIES} properties, magnitudes in {} bands above 2.5 um", columns.len());
    let mut rows = Rows::new(input, file);
    rows.skip(2)?;
    let mut dust = Dust { flux: vec![Vec::new(); bands.len()], ..Dust::default() };
    while let Some(row) = rows.next()? {
        row.expect(needed, why)?;
        let f_mu = row.finite(0, "f_mu")?;
        if !(-0.01..=1.01).contains(&f_mu) {
            return Err(row.fault(0, "f_mu", "a share of 0 to 1 belongs there"));
        }
        let mass = row.finite(7, "dust mass")?;
        if mass < 0.0 {
            return Err(row.fault(7, "dust mass", "0 or more belongs there"));
        }
        dust.f_mu.push(f_mu);
        dust.xi_cold.push(row.finite(1, "xi_C")?);
        dust.t_warm.push(row.finite(2, "T_W")?);
        dust.t_cold.push(row.finite(3, "T_C")?);
        dust.xi_pah.push(row.finite(4, "xi_PAH")?);
        dust.xi_mir.push(row.finite(5, "xi_MIR")?);
        dust.xi_warm.push(row.finite(6, "xi_W")?);
        dust.mass.push(mass);
        for (field, &band) in (PROPERTIES..).zip(&columns) {
            dust.flux[band].push(luminosity(row.magnitude(field)?));
        }
    }
    if dust.is_empty() {
        return Err(rows.empty("models"));
    }
    let models = dust.len();
    for flux in &mut dust.flux {
        // Bands of stars alone had no column.
        flux.resize(models, 0.0);
    }
    Ok(dust)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_properties_stand_in_magphys_order() {
        let line = "0.25 0.75 40.0 20.0 0.0625 0.1875 0.75 1.5E-003 -3.0";
        let bands = [
            Band { name: "r".into(), wavelength_um: 0.6, id: 0 },
            Band { name: "W4".into(), wavelength_um: 22.0, id: 0 },
        ];
        let dust = read_ir(format!("a\nb\n{line}\n").as_bytes(), "i.lbr", &bands, 0.0).unwrap();
        assert_eq!((dust.f_mu[0], dust.xi_cold[0], dust.t_warm[0], dust.t_cold[0]), (0.25, 0.75, 40.0, 20.0));
        assert_eq!((dust.xi_pah[0], dust.xi_mir[0], dust.xi_warm[0], dust.mass[0]), (0.0625, 0.1875, 0.75, 1.5e-3));
        assert_eq!(dust.flux[0], [0.0]);
        assert_eq!(dust.flux[1], [luminosity(-3.0)]);
        let error = read_ir(format!("a\nb\n{line}\n").as_bytes(), "i.lbr", &bands[..1], 0.0).unwrap_err().to_string();
        assert!(error.starts_with("i.lbr, line 3: has 9 fields, but 8 are needed"), "{error}");
    }
}
