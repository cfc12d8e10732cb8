//! What is common to all fits of a run, as result files and journals keep it.

use std::collections::BTreeMap;

use pogson_image::fits::Header;
use pogson_sed::fit::{Convention, Form, Options, Prior};
use pogson_sed::library::{Band, Library};
use pogson_sed::parameter::Parameter;

use crate::result::Facts;

/// Options that bear on the numbers, as name and value.
pub fn options_in_words(options: &Options) -> BTreeMap<String, String> {
    let Options { convention, tolerance, floor, min_bands, neglect, distance_mpc, priors } = options;
    let convention = match convention {
        Convention::Paper => "paper",
        Convention::Mended => "mended",
    };
    let mut words = BTreeMap::from([
        ("convention".to_owned(), convention.to_owned()),
        ("tolerance".to_owned(), format!("{tolerance:?}")),
        ("floor".to_owned(), format!("{floor:?}")),
        ("min_bands".to_owned(), min_bands.to_string()),
        ("neglect".to_owned(), format!("{neglect:?}")),
    ]);
    if !priors.is_empty() {
        let word = |prior: &Prior| match prior.form {
            Form::Range { low, high } => format!("{} {low:?} to {high:?}", prior.parameter.name()),
            Form::Gaussian { mean, sigma } => format!("{} {mean:?} sigma {sigma:?}", prior.parameter.name()),
        };
        words.insert("priors".to_owned(), priors.iter().map(word).collect::<Vec<String>>().join(", "));
    }
    if let Some(mpc) = distance_mpc {
        words.insert("distance_mpc".to_owned(), format!("{mpc:?}"));
    }
    words
}

/// The parameters that fits with a library tell.
pub fn parameters_of(library: &Library) -> Vec<Parameter> {
    match library.stellar.history {
        Some(_) => Parameter::all().collect(),
        None => Parameter::PAPER.to_vec(),
    }
}

/// Facts of the fits of a list of objects; places in the list are columns.
///
/// - `count`: objects of the list;
/// - `names`: of the libraries, and of the list.
pub fn facts_of_list(count: usize, bands: &[Band], names: (&str, &str), options: BTreeMap<String, String>) -> Facts {
    Facts {
        galaxy: "list".to_owned(),
        redshift: 0.0,
        width: u32::try_from(count).unwrap_or(u32::MAX),
        height: 1,
        header: Header::new(),
        bands: bands.to_vec(),
        parameters: Parameter::all().collect(),
        library: names.0.to_owned(),
        cube: names.1.to_owned(),
        options,
    }
}
