//! Bands of a library for the bands that were measured.

use pogson_sed::filter::{Filter, FilterError, find};
use pogson_sed::library::{Band, Library};

/// Relative difference of two wavelengths that one filter's name may stand for: pivot and effective wavelengths differ by less.
const SAME: f64 = 0.1;

/// Why a library does not serve for some bands.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BandsError {
    /// Bands that the library lacks.
    #[error(
        "the library has no models in {missing} (it has {has}); make one for all bands with pogson library build --filters {all}"
    )]
    Missing {
        /// Those.
        missing: String,
        /// Bands of the library.
        has: String,
        /// All bands that are wanted.
        all: String,
    },
    /// A band at another wavelength.
    #[error(
        "band {name} is at {found} um in the library and at {wanted} um in the data; make a library for the data's filters"
    )]
    Wavelength {
        /// The band.
        name: String,
        /// In the library.
        found: f64,
        /// In the data.
        wanted: f64,
    },
    /// A band that is measured twice.
    #[error("band {name} is there twice; leave one of the two out")]
    Twice {
        /// The band.
        name: String,
    },
}

/// Whether two names mean one filter: letter by letter but for case, or as names of one built-in filter.
fn same(a: &str, b: &str) -> bool {
    let filter = |name: &str| find(name).ok().map(|filter| filter.name.as_str());
    a.eq_ignore_ascii_case(b) || filter(a).is_some_and(|known| filter(b) == Some(known))
}

/// The library with just `bands`, in their order; fluxes of its other bands are left out.
///
/// # Errors
/// [`BandsError`]: bands that the library lacks, or has at other wavelengths.
pub fn arrange(mut library: Library, bands: &[Band]) -> Result<Library, BandsError> {
    once(bands)?;
    let place = |band: &Band| {
        let exact = library.bands.iter().position(|other| other.name == band.name);
        exact.or_else(|| library.bands.iter().position(|other| same(&other.name, &band.name)))
    };
    let names =
        |bands: &[&Band], between: &str| bands.iter().map(|band| band.name.as_str()).collect::<Vec<_>>().join(between);
    let missing: Vec<&Band> = bands.iter().filter(|band| place(band).is_none()).collect();
    if !missing.is_empty() {
        return Err(BandsError::Missing {
            missing: names(&missing, ", "),
            has: names(&library.bands.iter().collect::<Vec<_>>(), ", "),
            all: names(&bands.iter().collect::<Vec<_>>(), ","),
        });
    }
    let places: Vec<usize> = bands.iter().filter_map(place).collect();
    for (band, &place) in bands.iter().zip(&places) {
        let found = library.bands[place].wavelength_um;
        if (found / band.wavelength_um - 1.0).abs() > SAME {
            return Err(BandsError::Wavelength { name: band.name.clone(), found, wanted: band.wavelength_um });
        }
    }
    let stellar = places.iter().map(|&k| library.stellar.flux[k].clone()).collect();
    let dust = places.iter().map(|&k| library.dust.flux[k].clone()).collect();
    // The library's own wavelengths decide which light its fluxes hold.
    let arranged = bands
        .iter()
        .zip(&places)
        .map(|(band, &place)| Band { wavelength_um: library.bands[place].wavelength_um, ..band.clone() });
    library.bands = arranged.collect();
    (library.stellar.flux, library.dust.flux) = (stellar, dust);
    Ok(library)
}

/// No band twice.
fn once(bands: &[Band]) -> Result<(), BandsError> {
    let twice =
        bands.iter().enumerate().find(|(k, band)| bands[..*k].iter().any(|other| same(&other.name, &band.name)));
    match twice {
        Some((_, band)) => Err(BandsError::Twice { name: band.name.clone() }),
        None => Ok(()),
    }
}

/// The built-in filters of bands.
///
/// # Errors
/// A band that no built-in filter has the name of.
pub fn filters_of(bands: &[Band]) -> Result<Vec<&'static Filter>, FilterError> {
    pogson_sed::filter::select(bands.iter().map(|band| band.name.as_str()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use pogson_sed::library::{Dust, Stellar};

    fn band(name: &str, wavelength_um: f64) -> Band {
        Band { name: name.into(), wavelength_um, id: 0 }
    }

    fn library() -> Library {
        Library {
            redshift: 0.01,
            bands: vec![band("SDSS_r", 0.62), band("own", 1.0), band("WISE_W1", 3.37)],
            stellar: Stellar { flux: vec![vec![1.0], vec![2.0], vec![3.0]], ..Stellar::default() },
            dust: Dust { flux: vec![vec![10.0], vec![20.0], vec![30.0]], ..Dust::default() },
        }
    }

    #[test]
    fn bands_come_in_the_order_of_the_data_under_any_name_of_the_filter() {
        let arranged = arrange(library(), &[band("W1", 3.35), band("sdss.r", 0.6165)]).unwrap();
        assert_eq!(arranged.stellar.flux, [[3.0], [1.0]]);
        assert_eq!(arranged.dust.flux, [[30.0], [10.0]]);
        assert_eq!(arranged.bands, [band("W1", 3.37), band("sdss.r", 0.62)]);
    }

    #[test]
    fn bands_that_differ_are_named() {
        let error = arrange(library(), &[band("OWN", 1.0), band("WISE_W4", 22.0), band("Y", 1.0)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the library has no models in WISE_W4, Y (it has SDSS_r, own, WISE_W1); make one for all bands with pogson \
             library build --filters OWN,WISE_W4,Y"
        );
        let error = arrange(library(), &[band("own", 1.2)]).unwrap_err().to_string();
        assert!(error.starts_with("band own is at 1 um in the library and at 1.2 um in the data"), "{error}");
        let error = arrange(library(), &[band("W1", 3.4), band("WISE_W1", 3.4)]).unwrap_err();
        assert_eq!(error, BandsError::Twice { name: "WISE_W1".into() });
    }
}
