//! What is common to all fits of a run, as result files and journals keep it.

use std::collections::BTreeMap;

use pogson_image::fits::Header;
use pogson_sed::fit::{Convention, Form, Options, Prior};
use pogson_sed::library::{Band, Library};
use pogson_sed::parameter::Parameter;

use crate::cube::Cube;
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

/// Least uncertainty of a cube's fluxes, as a share: what models and the calibration of surveys against each other leave.
/// MAGPHYS takes the same for all (`fit_sed_skynet.f`).
pub const MODEL_FLOOR: f64 = 0.05;

/// All that bears on the numbers of a cube's fits, as name and value.
///
/// - `floors`: least uncertainty by band, as a share of the flux; empty for none;
/// - `draws`: of each posterior;
/// - `rings`: their width in pixels, where they are fitted.
pub fn run_in_words(
    options: &Options,
    bands: &[Band],
    floors: &[f64],
    draws: u32,
    rings: Option<f64>,
) -> BTreeMap<String, String> {
    let mut words = options_in_words(options);
    for (band, floor) in bands.iter().zip(floors).filter(|(_, floor)| **floor > 0.0) {
        words.insert(format!("floor {}", band.name), format!("{floor:?}"));
    }
    words.insert("draws".to_owned(), draws.to_string());
    if let Some(width) = rings {
        words.insert("rings".to_owned(), format!("{width:?}"));
    }
    words
}

/// Width of rings that are as wide as what a cube tells apart, pixels.
pub fn ring_width(cube: &Cube) -> f64 {
    let side = cube.pixel_side_arcsec();
    cube.psf_fwhm_arcsec.map_or(3.0, |fwhm| (fwhm / side).max(1.0))
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
