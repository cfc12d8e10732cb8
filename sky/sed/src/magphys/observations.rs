//! Observations (`observations.dat`): a name, a redshift, and a flux and its error for each band, in Jy.

use std::io::BufRead;

use super::MagphysError;
use super::filters::Filter;
use super::rows::{Row, Rows};
use crate::observation::{Measurement, Observation};

/// What to make of a flux above 0 whose standard deviation is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroSigma {
    /// An error.
    Refuse,
    /// 5 % of the flux, to which MAGPHYS raises every smaller standard deviation.
    Floor,
}

/// Reads observations: one header line (whatever stands there), then a line for each object.
///
/// Bands of `filters` that do not take part in fits are absent, and so are bands whose flux and standard deviation are
/// both 0 or below (`-1 -1`, `-99 -99`, `0 0`). `<` in the place of a flux means an upper limit, given as one standard
/// deviation.
///
/// - `filters`: the bands, in the order of the columns;
/// - `file`: what errors call it.
///
/// # Errors
/// A header that is an object's line, a line of other fields, a redshift not in -0.01 to 20, a flux without a standard deviation (see [`ZeroSigma`]), no
/// lines at all.
pub fn read_observations(
    input: impl BufRead,
    file: &str,
    filters: &[Filter],
    zero_sigma: ZeroSigma,
) -> Result<Vec<Observation>, MagphysError> {
    let mut rows = Rows::new(input, file);
    let needed = 2 + 2 * filters.len();
    rows.header(|row| row.is_of_numbers(needed))?;
    let mut observations = Vec::new();
    while let Some(row) = rows.next()? {
        row.expect(needed, || format!("name, redshift, flux and error in each of {} bands", filters.len()))?;
        let redshift = row.finite(1, "redshift")?;
        if !(-0.01..=20.0).contains(&redshift) {
            return Err(row.fault(1, "redshift", "a redshift of -0.01 to 20 belongs there"));
        }
        let mut bands = Vec::with_capacity(filters.len());
        for (k, filter) in filters.iter().enumerate() {
            let measured = measurement(&row, 2 + 2 * k, zero_sigma)?;
            bands.push(if filter.fit { measured } else { Measurement::Absent });
        }
        observations.push(Observation { name: row.text(0).to_owned(), redshift, bands });
    }
    if observations.is_empty() {
        return Err(rows.empty("observations"));
    }
    Ok(observations)
}

fn measurement(row: &Row<'_>, field: usize, zero_sigma: ZeroSigma) -> Result<Measurement, MagphysError> {
    let sigma_jy = row.finite(field + 1, "standard deviation")?;
    if row.text(field) == "<" {
        if sigma_jy <= 0.0 {
            return Err(row.fault(field + 1, "standard deviation", "an upper limit's standard deviation is above 0"));
        }
        return Ok(Measurement::UpperLimit { sigma_jy });
    }
    let flux_jy = row.finite(field, "flux")?;
    match (flux_jy > 0.0, sigma_jy > 0.0, zero_sigma) {
        (_, true, _) => Ok(Measurement::Flux { flux_jy, sigma_jy }),
        (false, false, _) => Ok(Measurement::Absent),
        (true, false, ZeroSigma::Floor) => Ok(Measurement::Flux { flux_jy, sigma_jy: f64::from(0.05_f32) * flux_jy }),
        (true, false, ZeroSigma::Refuse) => {
            Err(row.fault(field + 1, "standard deviation", "a number above 0 belongs beside a flux, or -1 -1 for none"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Band;

    fn filters(fit: [bool; 3]) -> Vec<Filter> {
        let band = |k: usize| Band { name: format!("b{k}"), wavelength_um: 1.0, id: 0 };
        fit.iter().enumerate().map(|(k, &fit)| Filter { band: band(k), fit }).collect()
    }

    fn read(text: &str, fit: [bool; 3]) -> Result<Vec<Observation>, MagphysError> {
        read_observations(text.as_bytes(), "o.dat", &filters(fit), ZeroSigma::Refuse)
    }

    #[test]
    fn fluxes_limits_and_gaps_are_told_apart() {
        let all = read("# {json}\npix1 0.01 1e-6 2e-7 -1 -1 < 3e-6\np2 0.02 -1e-8 1e-7 0.0 0.0 -99. -99.\n", [true; 3])
            .unwrap();
        let flux = Measurement::Flux { flux_jy: 1e-6, sigma_jy: 2e-7 };
        assert_eq!(all[0].bands, [flux, Measurement::Absent, Measurement::UpperLimit { sigma_jy: 3e-6 }]);
        assert_eq!(all[0].name, "pix1");
        let negative = Measurement::Flux { flux_jy: -1e-8, sigma_jy: 1e-7 };
        assert_eq!(all[1].bands, [negative, Measurement::Absent, Measurement::Absent]);
    }

    #[test]
    fn a_list_without_header_does_not_lose_its_first_object() {
        let error = read("pix1 0.01 1e-6 2e-7 -1 -1 < 3e-6\np2 0 1 1 1 1 1 1\n", [true; 3]).unwrap_err().to_string();
        assert!(error.starts_with("o.dat, line 1: ") && error.contains("begins with #"), "{error}");
        assert_eq!(read("name z f e f e f e\np2 0 1 1 1 1 1 1\n", [true; 3]).unwrap().len(), 1);
        assert_eq!(read("\np2 0 1 1 1 1 1 1\n", [true; 3]).unwrap().len(), 1);
    }

    #[test]
    fn bands_that_are_not_fitted_are_absent() {
        let all = read("h\np 0 1 1 1 1 1 1", [true, false, true]).unwrap();
        assert_eq!(all[0].bands[1], Measurement::Absent);
        assert_ne!(all[0].bands[2], Measurement::Absent);
    }

    #[test]
    fn a_flux_without_an_error_is_refused_or_given_five_percent() {
        let text = "h\np 0 1 1 2 0 1 1";
        let error = read(text, [true; 3]).unwrap_err().to_string();
        assert!(error.starts_with("o.dat, line 2: field 6 (standard deviation) is '0';"), "{error}");
        let all = read_observations(text.as_bytes(), "o", &filters([true; 3]), ZeroSigma::Floor).unwrap();
        assert!(matches!(all[0].bands[1], Measurement::Flux { sigma_jy, .. } if (sigma_jy - 0.1).abs() < 1e-8));
    }

    #[test]
    fn nan_short_lines_and_wild_redshifts_are_refused() {
        assert!(read("h\np 0 NaN 1 1 1 1 1", [true; 3]).is_err());
        assert!(read("h\np 0 1 inf 1 1 1 1", [true; 3]).is_err());
        assert!(
            read("h\np 0 1 1 1 1 1", [true; 3]).unwrap_err().to_string().contains("has 7 fields, but 8 are needed")
        );
        assert!(read("h\np 900 1 1 1 1 1 1", [true; 3]).is_err());
        assert!(read("h\n", [true; 3]).is_err());
    }
}
