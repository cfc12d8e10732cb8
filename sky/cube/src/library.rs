//! Model libraries made by many threads.

use std::sync::atomic::{AtomicBool, Ordering};

use pogson_sed::build::{BuildError, Builder};
use pogson_sed::filter::{Filter, FilterError, find};
use pogson_sed::library::{Band, Dust, Library, Stellar};
use pogson_sed::magphys;
use rayon::prelude::*;

/// Models that a thread makes at a time.
const SHARE: u32 = 1024;

/// Why a library was not made.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// A filter that is not known, or named twice.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// Something that no library can be made of.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Too few models.
    #[error("a library of {count} {what} models; make at least 1 and at most 100 million")]
    Count {
        /// How many were asked for.
        count: u32,
        /// Of what.
        what: &'static str,
    },
    /// The work was stopped from outside.
    #[error("interrupted")]
    Interrupted,
}

/// How many models to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Stellar models.
    pub stellar: u32,
    /// Dust models.
    pub dust: u32,
}

impl Default for Size {
    fn default() -> Self {
        Size { stellar: 50_000, dust: 50_000 }
    }
}

/// Makes all models of a library with rayon's threads; the result does not depend on their number.
///
/// - `progress` is told of models as they are made, `size.stellar + size.dust` in all;
/// - `stop` ends the work within some milliseconds once it is true.
///
/// # Errors
/// [`LibraryError::Count`], [`LibraryError::Interrupted`].
pub fn build(
    builder: &Builder<'_>,
    size: Size,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Library, LibraryError> {
    for (count, what) in [(size.stellar, "stellar"), (size.dust, "dust")] {
        if !(1..=100_000_000).contains(&count) {
            return Err(LibraryError::Count { count, what });
        }
    }
    let shares = |count: u32| (0..count.div_ceil(SHARE)).map(move |k| k * SHARE..count.min((k + 1) * SHARE));
    let go_on = || if stop.load(Ordering::Relaxed) { Err(LibraryError::Interrupted) } else { Ok(()) };
    let stars: Vec<Stellar> = (shares(size.stellar).collect::<Vec<_>>().into_par_iter())
        .map(|numbers| {
            go_on()?;
            let count = numbers.len() as u64;
            let models = builder.stellar(numbers);
            progress(count);
            Ok(models)
        })
        .collect::<Result<_, LibraryError>>()?;
    let dust: Vec<Dust> = (shares(size.dust).collect::<Vec<_>>().into_par_iter())
        .map(|numbers| {
            go_on()?;
            let count = numbers.len() as u64;
            let models = builder.dust(numbers);
            progress(count);
            Ok(models)
        })
        .collect::<Result<_, LibraryError>>()?;
    let mut library = Library {
        redshift: builder.redshift(),
        bands: builder.bands().to_vec(),
        stellar: Stellar::default(),
        dust: Dust::default(),
    };
    stars.into_iter().for_each(|models| library.stellar.append(models));
    dust.into_iter().for_each(|models| library.dust.append(models));
    Ok(library)
}

/// Bands and curves of embedded filters by their names; bands' wavelengths are pivots.
///
/// # Errors
/// An unknown name, a filter named twice, no names.
pub fn bands_of(names: &[String]) -> Result<Vec<(Band, Filter)>, FilterError> {
    let filters = pogson_sed::filter::select(names.iter().map(String::as_str))?;
    Ok(filters.into_iter().map(|filter| (band_of(filter), filter.clone())).collect())
}

/// The band of a filter: its name and its pivot wavelength.
pub fn band_of(filter: &Filter) -> Band {
    Band { name: filter.name.clone(), wavelength_um: filter.pivot() / 1e4, id: 0 }
}

/// Bands and curves of a MAGPHYS filter table: names, wavelengths and numbers are the table's, curves the embedded ones.
///
/// # Errors
/// A name that no embedded filter has, two names of one filter.
pub fn bands_of_table(table: &[magphys::Filter]) -> Result<Vec<(Band, Filter)>, FilterError> {
    pogson_sed::filter::select(table.iter().map(|line| line.band.name.as_str()))?;
    table.iter().map(|line| Ok((line.band.clone(), find(&line.band.name)?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn names(list: &str) -> Vec<String> {
        list.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn threads_and_sizes_change_no_model() {
        let bands = bands_of(&names("FUV,SDSS_r,W3,SPIRE_250")).unwrap();
        let (bands, filters): (Vec<Band>, Vec<Filter>) = bands.into_iter().unzip();
        let filters: Vec<&Filter> = filters.iter().collect();
        let builder = Builder::new(pogson_sed::ssp::embedded(), &bands, &filters, 0.02, 5).unwrap();
        let stop = AtomicBool::new(false);
        let make = |threads: usize, size: Size| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| build(&builder, size, &|_| (), &stop).unwrap())
        };
        let one = make(1, Size { stellar: 2500, dust: 1500 });
        let three = make(3, Size { stellar: 2500, dust: 1500 });
        assert_eq!(one, three);
        let small = make(2, Size { stellar: 7, dust: 5 });
        assert_eq!(small.stellar.flux[1], one.stellar.flux[1][..7]);
        assert_eq!(small.dust.flux[3], one.dust.flux[3][..5]);
        assert_eq!(one.stellar.index, (1..=2500).collect::<Vec<u32>>());
        assert!(one.stellar.history.unwrap().age.len() == 2500);
    }

    #[test]
    fn stopped_and_empty_libraries_are_errors() {
        let (band, filter) = bands_of(&names("SDSS_r")).unwrap().remove(0);
        let builder = Builder::new(pogson_sed::ssp::embedded(), &[band], &[&filter], 0.0, 5).unwrap();
        let stop = AtomicBool::new(true);
        let size = Size { stellar: 10, dust: 10 };
        assert!(matches!(build(&builder, size, &|_| (), &stop), Err(LibraryError::Interrupted)));
        let none = Size { stellar: 0, dust: 10 };
        assert!(matches!(build(&builder, none, &|_| (), &stop), Err(LibraryError::Count { count: 0, .. })));
    }
}
