//! The filters that Pogson carries.

use std::sync::LazyLock;

use super::names::{canonical, nearest};
use super::{Counting, Filter, FilterError};

/// The curves; see data/README.md.
const TEXT: &str = include_str!("../../../../data/filters.txt");

/// All embedded filters, by wavelength within a survey: GALEX, SDSS, PS1, 2MASS, WISE, Spitzer, Herschel.
pub fn embedded() -> &'static [Filter] {
    static FILTERS: LazyLock<Vec<Filter>> = LazyLock::new(|| {
        let mut filters = Vec::new();
        for block in TEXT.split("\nfilter ").skip(1) {
            let mut lines = block.lines();
            let (title, source) = lines.next().and_then(|line| line.split_once(" | ")).unwrap_or_default();
            let title: Vec<&str> = title.split_whitespace().collect();
            let [name, _, vega, reference] = title[..] else { continue };
            let points = lines.filter_map(|line| line.split_once(' '));
            let pair = |(w, r): (&str, &str)| Some((w.parse::<f64>().ok()?, r.parse::<f64>().ok()?));
            let (wavelength, response) = points.filter_map(pair).unzip();
            if let Ok(mut filter) = Filter::new(name, wavelength, response, Counting::Photon, source) {
                filter.ab_minus_vega = vega.parse().ok().filter(|value: &f64| value.is_finite());
                filter.reference = reference.parse().unwrap_or(1.0);
                filters.push(filter);
            }
        }
        filters
    });
    &FILTERS
}

/// The embedded filter of a name: `SDSS_r`, and other spellings that people and services use (`sdss.r`, `SDSSr`,
/// `SLOAN/SDSS.r`, `PACS100`, `W1`).
///
/// # Errors
/// [`FilterError::Unknown`] with the names that resemble it.
pub fn find(name: &str) -> Result<&'static Filter, FilterError> {
    let wanted = canonical(name);
    let found = embedded().iter().find(|filter| canonical(&filter.name) == wanted);
    found.ok_or_else(|| FilterError::Unknown { name: name.to_owned(), near: nearest(&wanted, embedded()) })
}

/// The embedded filters of a list of names, in its order.
///
/// # Errors
/// An unknown name, a filter named twice (also under two names), an empty list.
pub fn select<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<&'static Filter>, FilterError> {
    let mut chosen: Vec<(&str, &'static Filter)> = Vec::new();
    for name in names {
        let filter = find(name)?;
        if let Some((other, _)) = chosen.iter().find(|(_, other)| other.name == filter.name) {
            let also = if *other == name { String::new() } else { format!(" (as {other} and as {name})") };
            return Err(FilterError::Twice { name: filter.name.clone(), also });
        }
        chosen.push((name, filter));
    }
    if chosen.is_empty() {
        return Err(FilterError::None);
    }
    Ok(chosen.into_iter().map(|(_, filter)| filter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_32_filters_have_the_pivot_that_their_source_states() {
        assert_eq!(embedded().len(), 32);
        // Pivots as sedpy gives them, Angstrom.
        for (name, pivot) in [
            ("GALEX_FUV", 1535.08),
            ("SDSS_r", 6175.69),
            ("2MASS_Ks", 21602.98),
            ("WISE_W3", 120_725.84),
            ("IRAC_ch4", 78_840.88),
            ("PACS_160", 1_619_219.83),
            ("SPIRE_500", 5_004_426.17),
        ] {
            let ours = find(name).unwrap().pivot();
            assert!((ours / pivot - 1.0).abs() < 2e-4, "{name} {ours} {pivot}");
        }
        assert_eq!(find("WISE_W1").unwrap().ab_minus_vega, Some(2.6656));
        assert_eq!(find("SPIRE_250").unwrap().ab_minus_vega, None);
    }

    #[test]
    fn lists_name_each_filter_once_whatever_it_is_called() {
        assert_eq!(select(["FUV", "sdss.r", "W1"]).unwrap().len(), 3);
        let error = select(["WISE_W1", "W1"]).unwrap_err().to_string();
        assert_eq!(error, "filter WISE_W1 is named twice (as WISE_W1 and as W1); leave one of the two out");
        assert_eq!(select([]), Err(FilterError::None));
        let error = select(["SDSS_rr"]).unwrap_err().to_string();
        assert!(error.starts_with("there is no filter SDSS_rr; did you mean SDSS_r"), "{error}");
    }
}
