//! The point spread function of an image: as the user says, by its stars, or as its survey usually has it.

use crate::error::CubeError;
use crate::input::{Input, PsfChoice};
use crate::psf::{Plane, Psf, PsfImage};
use crate::stars::{Image, width_of_stars};

/// Width that an image is expected to have, arcseconds: the user's, the header's, the survey's, or three pixels.
pub(super) fn expected(input: &Input) -> f64 {
    match &input.spec.psf {
        Some(PsfChoice::Gaussian(fwhm) | PsfChoice::Moffat(fwhm, _)) => *fwhm,
        _ => usual(input).0,
    }
}

/// Width by keyword or table, and where it is from.
fn usual(input: &Input) -> (f64, &'static str) {
    let keys = ["PSFFWHM", "PSF_FWHM", "FWHMPSF"];
    let keyword = keys.iter().find_map(|key| input.header.f64(key)).filter(|f| f.is_finite() && *f > 0.0);
    // The beam of a radio or submillimetre map, degrees.
    let beam = || {
        let (a, b) = input.header.f64("BMAJ").zip(input.header.f64("BMIN"))?;
        (a > 0.0 && b > 0.0 && a.is_finite()).then(|| (a * b).sqrt() * 3600.0)
    };
    match (keyword.or_else(beam), input.known) {
        (Some(fwhm), _) => (fwhm, "its header"),
        (None, Some(known)) => (known.fwhm_arcsec, "the survey's usual width"),
        (None, None) => {
            (3.0 * input.wcs.pixel_side_deg().unwrap_or(1.0 / 3600.0) * 3600.0, "three pixels, for want of better")
        }
    }
}

/// The point spread function and where it is from, a few words.
///
/// Stars are looked for only where the survey's width alone is known, for they show the seeing of that image.
pub(super) fn of_image(input: &Input, plane: Plane, image: Option<Image<'_>>) -> Result<(Psf, String), CubeError> {
    Ok(match &input.spec.psf {
        Some(PsfChoice::Gaussian(fwhm)) => (Psf::Gaussian { fwhm: *fwhm }, "as given".into()),
        Some(PsfChoice::Moffat(fwhm, beta)) => (Psf::Moffat { fwhm: *fwhm, beta: *beta }, "as given".into()),
        Some(PsfChoice::Image(path)) => {
            (Psf::Image(PsfImage::read(path, plane.0)?), format!("image {}", path.display()))
        }
        None => {
            let (fwhm, source) = usual(input);
            let side = plane.side();
            let stars = (source != "its header").then_some(image).flatten();
            match stars.and_then(|image| width_of_stars(image, fwhm / side)) {
                Some((pixels, number)) => {
                    (Psf::Gaussian { fwhm: pixels * side }, format!("measured from {number} stars"))
                }
                None => (Psf::Gaussian { fwhm }, source.into()),
            }
        }
    })
}
