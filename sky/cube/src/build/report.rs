//! What was done to each band, in figures.

use serde::Serialize;

use super::band::Band;
use super::{Matching, Request, Star};
use crate::cube::{Cube, Layer};
use crate::grid::Grid;
use crate::object::Object;
use crate::psf::Target;

/// What was done to a band.
#[derive(Debug, Clone, Serialize)]
pub struct BandReport {
    /// Its filter.
    pub band: String,
    /// Effective wavelength, micrometres.
    pub wavelength_um: f64,
    /// The image.
    pub file: String,
    /// How its values became Jy.
    pub calibration: String,
    /// Side of its pixels, arcseconds.
    pub pixel_arcsec: f64,
    /// Width of its point spread function, arcseconds.
    pub fwhm_arcsec: f64,
    /// Where that is from.
    pub fwhm_source: String,
    /// Sky level that was subtracted, Jy per pixel of the image.
    pub sky_jy: f64,
    /// Standard deviation of the sky in a pixel of the image, Jy.
    pub sky_scatter_jy: f64,
    /// Correlation area of the image's noise, its pixels.
    pub sky_correlation_pixels: f64,
    /// Galactic extinction that was corrected for, magnitudes.
    pub extinction_mag: f64,
    /// Calibration floor, share of the flux.
    pub floor: f64,
    /// Correlation area of the noise in the cube, pixels.
    pub correlation_pixels: f64,
    /// Middle of the noise in a pixel of the cube, Jy.
    pub noise_jy: f64,
    /// Scatter beyond the object by faint sources and structure of the background, which is added to the noise, Jy.
    pub confusion_jy: f64,
    /// Scatter of pixels beyond the object over the propagated noise; NaN where there is too little sky to tell.
    pub scatter_over_noise: f64,
    /// Pixels of the cube with data.
    pub pixels: usize,
    /// Flux within the object's ellipse, stars left out, Jy; NaN where no object was found.
    pub object_jy: f64,
    /// What to beware of, a sentence each.
    pub remarks: Vec<String>,
}

impl BandReport {
    pub(super) fn of(
        band: &Band,
        layer: &Layer,
        (confusion_jy, scatter_over_noise): (f64, f64),
        remarks: &[String],
    ) -> BandReport {
        let mut noise: Vec<f64> =
            (0..layer.flux.len()).map(|k| layer.noise_sigma(k)).filter(|s| s.is_finite()).collect();
        BandReport {
            band: layer.band.name.clone(),
            wavelength_um: layer.band.wavelength_um,
            file: band.input.spec.path.display().to_string(),
            calibration: band.input.scale.why.clone(),
            pixel_arcsec: band.plane.side(),
            fwhm_arcsec: band.psf.fwhm(),
            fwhm_source: band.psf_source.clone(),
            sky_jy: band.sky.level,
            sky_scatter_jy: band.sky.sigma,
            sky_correlation_pixels: band.sky.correlation.area(),
            extinction_mag: layer.extinction_mag,
            floor: layer.floor,
            correlation_pixels: layer.noise.area(),
            noise_jy: crate::sky::median(&mut noise),
            confusion_jy,
            scatter_over_noise,
            pixels: layer.flux.iter().filter(|v| v.is_finite()).count(),
            object_jy: f64::NAN,
            remarks: remarks.to_vec(),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Serialize)]
pub struct BuildReport {
    /// Bands by wavelength.
    pub bands: Vec<BandReport>,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Side of a pixel, arcseconds.
    pub pixel_arcsec: f64,
    /// Common width of point spread functions, arcseconds.
    pub fwhm_arcsec: Option<f64>,
    /// Usable pixels.
    pub usable: usize,
    /// Right ascension and declination of the object, ICRS degrees.
    pub object_deg: Option<(f64, f64)>,
    /// Semi-axes of the object, arcseconds, and the angle of the major one from north through east, degrees.
    pub object_ellipse: Option<(f64, f64, f64)>,
    /// Masked stars.
    pub stars: Vec<Star>,
    /// The object on the grid.
    #[serde(skip)]
    pub object: Option<Object>,
}

/// Reach of the object's ellipse within which its flux is summed.
const SUM_REACH: f64 = 1.0;

pub(super) fn finish(
    mut bands: Vec<BandReport>,
    cube: &Cube,
    grid: &Grid,
    object: Option<Object>,
    stars: Vec<Star>,
) -> BuildReport {
    use crate::cube::mask::{REGION, STAR};
    for (report, layer) in bands.iter_mut().zip(&cube.layers) {
        let mut sum = 0.0;
        for k in (0..cube.pixels()).filter(|&k| layer.has(k) && cube.mask[k] & (STAR | REGION) == 0) {
            let (x, y) = ((k % cube.width) as f64, (k / cube.width) as f64);
            if object.as_ref().is_some_and(|o| o.radius(x, y) <= SUM_REACH) {
                sum += f64::from(layer.flux[k]);
            }
        }
        if object.is_some() {
            report.object_jy = sum;
        }
    }
    let place = object.as_ref().and_then(|o| grid.wcs.pix_to_sky(o.x, o.y));
    // The grid is north up with east to the left: from the columns' axis (west) to north through east.
    let ellipse = |o: &Object| (o.a * grid.side_arcsec, o.b * grid.side_arcsec, (o.angle_deg - 90.0).rem_euclid(180.0));
    BuildReport {
        width: cube.width,
        height: cube.height,
        pixel_arcsec: grid.side_arcsec,
        fwhm_arcsec: cube.psf_fwhm_arcsec,
        usable: cube.usable().len(),
        object_deg: place.map(|p| (p.lon_deg, p.lat_deg)),
        object_ellipse: object.as_ref().map(ellipse),
        bands,
        stars,
        object,
    }
}

/// Science options for HISTORY.
pub(super) fn history(request: &Request, bands: &[BandReport], target: Option<&Target>) -> Vec<String> {
    let mut lines = vec![format!("pogson {} cube", env!("CARGO_PKG_VERSION"))];
    lines.push(match (target, request.matching) {
        (Some(target), Matching::Gaussian(_)) => format!("PSF: Gaussian of FWHM {:.3}\"", target.fwhm()),
        (Some(target), _) => format!("PSF: that of the coarsest band, FWHM {:.3}\"", target.fwhm()),
        (None, _) => "PSF: not matched".into(),
    });
    let red = &request.reddening;
    lines.push(format!("extinction: E(B-V) {} by {}, R_V {}", red.ebv, red.law.name(), red.r_v));
    for band in bands {
        lines.push(format!(
            "{}: FWHM {:.3}\" ({}), sky {:.6e} Jy/pixel, {}",
            band.band, band.fwhm_arcsec, band.fwhm_source, band.sky_jy, band.calibration
        ));
    }
    lines
}
