//! Which pixels of a cube are not to be used: stars, regions, all outside the object.

use std::path::Path;

use pogson_image::region::{Canvas, Mask, Physical, RegionFile};
use pogson_image::sphere::SkyCoord;
use pogson_image::wcs::PixelMap;

use super::Request;
use super::band::Band;
use crate::cube::{Cube, mask};
use crate::error::CubeError;
use crate::grid::Grid;
use crate::object::Object;
use crate::stars::{Image, compact_sources};

/// Significance of a star's peak in its own image.
const SIGNIFICANT: f64 = 25.0;
/// Widest usual width of images in which stars are told from knots, arcseconds.
const SHARP_ARCSEC: f64 = 5.0;
/// Wavelengths in which stars are looked for, micrometres.
const OPTICAL: std::ops::Range<f64> = 0.3..5.0;
/// Wavelength beyond which knots of young stars are no longer compact and bright.
const RED: f64 = 0.7;
/// Reach of the object's ellipse where only the object is wanted.
const OBJECT_REACH: f64 = 1.5;

/// A masked star.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Star {
    /// Right ascension, ICRS degrees.
    pub ra_deg: f64,
    /// Declination.
    pub dec_deg: f64,
    /// Radius of the mask, arcseconds.
    pub radius_arcsec: f64,
    /// Bands in which it was found; none for stars of a catalogue.
    pub bands: Vec<String>,
    /// Column on the grid, 0-based.
    #[serde(skip)]
    pub(super) x: f64,
    /// Row.
    #[serde(skip)]
    pub(super) y: f64,
    /// Flux in each layer in which it was found, Jy; the layers by position.
    #[serde(skip)]
    pub(super) flux: Vec<(usize, f64)>,
}

/// Sets the bits of the mask that do not depend on the number of bands, and tells the stars.
pub(super) fn apply(
    cube: &mut Cube,
    bands: &[Band],
    grid: &Grid,
    object: Option<&Object>,
    request: &Request,
) -> Result<Vec<Star>, CubeError> {
    let mut stars = Vec::new();
    if request.stars {
        for mut star in search(bands, grid, object) {
            let glow = Glow::new(&star, cube, grid);
            // What the cube hardly shows need not be masked.
            star.radius_arcsec = glow.radius();
            if star.radius_arcsec > 0.0 {
                let covered: Vec<usize> = (0..cube.pixels()).filter(|&k| glow.covers(k, cube)).collect();
                covered.into_iter().for_each(|k| cube.mask[k] |= mask::STAR);
                stars.push(star);
            }
        }
    }
    for path in &request.catalogues {
        let known = catalogue(path, cube, grid)?;
        for star in &known {
            let reach = star.radius_arcsec / grid.side_arcsec;
            set(cube, mask::STAR, |x, y| libm::hypot(x - star.x, y - star.y) <= reach);
        }
        stars.extend(known);
    }
    for path in &request.regions {
        let file = RegionFile::read(path).map_err(|e| CubeError::Request(e.to_string()))?;
        let canvas =
            Canvas { wcs: Some(&grid.wcs), width: grid.width, height: grid.height, physical: Physical::default() };
        let laid = Mask::of(&file.regions, &canvas).map_err(|e| CubeError::image(path, e.to_string()))?;
        set(cube, mask::REGION, |x, y| laid.row(y as usize).get(x as usize).copied().unwrap_or(false));
    }
    if let Some(object) = object.filter(|_| request.object_only) {
        set(cube, mask::OUTSIDE, |x, y| object.radius(x, y) > OBJECT_REACH);
    }
    stars.retain(|star| {
        let reach = star.radius_arcsec / grid.side_arcsec;
        let on = |at: f64, n: usize| at > -reach && at < n as f64 + reach;
        on(star.x, grid.width) && on(star.y, grid.height)
    });
    Ok(stars)
}

fn set(cube: &mut Cube, bit: i32, holds: impl Fn(f64, f64) -> bool) {
    let width = cube.width;
    for (k, bits) in cube.mask.iter_mut().enumerate() {
        if holds((k % width) as f64, (k / width) as f64) {
            *bits |= bit;
        }
    }
}

/// Columns and rows of stars on a grid.
pub(super) fn places(bands: &[Band], grid: &Grid) -> Vec<(f64, f64)> {
    search(bands, grid, None).iter().map(|star| (star.x, star.y)).collect()
}

/// Compact sources that at least two sharp optical or near-infrared images show as stars, one of them a red one where there
/// are such; the object's own centre is none.
fn search(bands: &[Band], grid: &Grid, object: Option<&Object>) -> Vec<Star> {
    let sharp: Vec<&Band> = bands
        .iter()
        .filter(|b| OPTICAL.contains(&b.input.band.wavelength_um) && b.psf.fwhm() < SHARP_ARCSEC && b.sky.sigma > 0.0)
        .collect();
    let any_red = sharp.iter().any(|b| b.input.band.wavelength_um > RED);
    let layer = |band: &Band| bands.iter().position(|other| std::ptr::eq(other, band)).unwrap_or(0);
    // Column, row, number among the sharp ones, flux.
    let mut seen: Vec<(f64, f64, usize, f64)> = Vec::new();
    for (k, band) in sharp.iter().enumerate() {
        let mut above = band.loaded.flux.clone();
        band.sky.subtract(&mut above, band.loaded.width);
        let image = Image { values: &above, width: band.loaded.width, sigma: band.sky.sigma };
        let expected = band.psf.fwhm() / band.plane.side();
        let map = PixelMap::between(&band.loaded.wcs, &grid.wcs);
        for source in compact_sources(image, expected, SIGNIFICANT) {
            let narrow = (source.fwhm / expected - 1.0).abs() < 0.25 && source.ellipticity < 0.2;
            if let Some((x, y)) = map.apply_one(source.x, source.y).filter(|_| narrow) {
                seen.push((x, y, k, source.flux));
            }
        }
    }
    let near = 2.0 / grid.side_arcsec;
    let core = object.map(|o| (o.x, o.y, (0.1 * o.a).max(3.0 / grid.side_arcsec)));
    let mut stars: Vec<Star> = Vec::new();
    let mut taken = vec![false; seen.len()];
    for k in 0..seen.len() {
        if taken[k] {
            continue;
        }
        let (x, y, ..) = seen[k];
        let mut names: Vec<usize> = Vec::new();
        let mut flux = Vec::new();
        for j in k..seen.len() {
            if libm::hypot(seen[j].0 - x, seen[j].1 - y) < near {
                taken[j] = true;
                if !names.contains(&seen[j].2) {
                    names.push(seen[j].2);
                    flux.push((layer(sharp[seen[j].2]), seen[j].3));
                }
            }
        }
        let red = names.iter().any(|k| sharp[*k].input.band.wavelength_um > RED) || !any_red;
        let enough = names.len() >= 2.min(sharp.len());
        let centre = core.is_some_and(|(cx, cy, r)| libm::hypot(x - cx, y - cy) < r);
        if let Some(place) = grid.wcs.pix_to_sky(x, y).filter(|_| red && enough && !centre) {
            let bands = names.iter().map(|k| sharp[*k].input.band.name.clone()).collect();
            let (ra_deg, dec_deg) = (place.lon_deg, place.lat_deg);
            stars.push(Star { ra_deg, dec_deg, radius_arcsec: 0.0, bands, x, y, flux });
        }
    }
    stars
}

/// A star's light on the cube: in every band in which it was found a Gaussian of the common width, moved out by a quarter of a
/// width for wings.
struct Glow {
    x: f64,
    y: f64,
    side: f64,
    /// Layer, width in arcseconds, Jy in the pixel of the star.
    bands: Vec<(usize, f64, f64)>,
    /// Where the light sinks below the noise, arcseconds.
    reach: f64,
}

impl Glow {
    /// Share of a pixel's light that may be a star's.
    const SHARE: f64 = 0.1;
    /// Widths beyond which nothing is masked.
    const FARTHEST: f64 = 3.0;
    /// Part of a width by which wings reach farther than a Gaussian.
    const WINGS: f64 = 0.25;

    fn new(star: &Star, cube: &Cube, grid: &Grid) -> Glow {
        let at = |v: f64, n: usize| v.round().clamp(0.0, n as f64 - 1.0) as usize;
        let pixel = at(star.y, grid.height) * grid.width + at(star.x, grid.width);
        let mut glow = Glow { x: star.x, y: star.y, side: grid.side_arcsec, bands: Vec::new(), reach: 0.0 };
        for &(k, flux) in &star.flux {
            let Some(layer) = cube.layers.get(k).filter(|layer| layer.has(pixel)) else { continue };
            let Some(fwhm) = layer.psf_fwhm_arcsec else { continue };
            let dimming = libm::pow(10.0, 0.4 * layer.extinction_mag);
            let area = grid.side_arcsec * grid.side_arcsec;
            let peak = flux * dimming * area * 4.0 * std::f64::consts::LN_2 / (std::f64::consts::PI * fwhm * fwhm);
            let around = f64::from(layer.flux[pixel]) - peak;
            let contrast = peak / layer.noise_sigma(pixel).max(Glow::SHARE * around);
            if contrast > 1.0 {
                let reach = 0.5 * fwhm * libm::log2(contrast).sqrt() + Glow::WINGS * fwhm;
                glow.reach = glow.reach.max(reach.min(Glow::FARTHEST * fwhm));
                glow.bands.push((k, fwhm, peak));
            }
        }
        glow
    }

    /// How far the star is seen, arcseconds; 0 where it stands out nowhere.
    fn radius(&self) -> f64 {
        self.reach
    }

    /// Whether the star's light in a pixel is above the noise and above a tenth of the pixel's light, in any band: before a bright
    /// core, a star's wings do no harm.
    fn covers(&self, pixel: usize, cube: &Cube) -> bool {
        let (x, y) = ((pixel % cube.width) as f64, (pixel / cube.width) as f64);
        let distance = libm::hypot(x - self.x, y - self.y) * self.side;
        distance <= self.reach
            && self.bands.iter().any(|&(k, fwhm, peak)| {
                let layer = &cube.layers[k];
                let out = (distance / fwhm - Glow::WINGS).max(0.0);
                let light = peak * libm::exp2(-4.0 * out * out);
                layer.has(pixel) && light > layer.noise_sigma(pixel).max(Glow::SHARE * f64::from(layer.flux[pixel]))
            })
    }
}

/// Stars of a table: a first line that names columns, of which `ra` and `dec` are degrees and `radius` arcseconds.
fn catalogue(path: &Path, cube: &Cube, grid: &Grid) -> Result<Vec<Star>, CubeError> {
    let text = std::fs::read_to_string(path).map_err(|e| CubeError::image(path, format!("cannot be read: {e}")))?;
    let split = |line: &str| -> Vec<String> {
        let comma = line.contains(',');
        let cells = line.split(|c: char| if comma { c == ',' } else { c.is_whitespace() });
        cells.map(|c| c.trim().to_ascii_lowercase()).filter(|c| comma || !c.is_empty()).collect()
    };
    let mut lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    let names = lines.next().map(|(_, l)| split(l.trim_start_matches('#'))).unwrap_or_default();
    let column = |wanted: &[&str]| names.iter().position(|n| wanted.contains(&n.as_str()));
    let (Some(ra), Some(dec)) = (column(&["ra", "ra_deg", "raj2000"]), column(&["dec", "dec_deg", "dej2000"])) else {
        return Err(CubeError::image(path, "has no columns ra and dec in its first line; name them there"));
    };
    let reach = column(&["radius", "radius_arcsec"]);
    let usual = cube.psf_fwhm_arcsec.unwrap_or(3.0 * grid.side_arcsec);
    let mut stars = Vec::new();
    for (number, line) in lines.filter(|(_, l)| !l.starts_with('#')) {
        let cells = split(line);
        let value = |k: usize| cells.get(k).and_then(|c| c.parse::<f64>().ok()).filter(|v| v.is_finite());
        let (Some(ra_deg), Some(dec_deg)) = (value(ra), value(dec)) else {
            return Err(CubeError::image(path, format!("line {}: ra and dec have to be degrees", number + 1)));
        };
        let place = SkyCoord { lon_deg: ra_deg, lat_deg: dec_deg };
        let Some((x, y)) = grid.wcs.sky_to_pix(place) else { continue };
        let radius_arcsec = reach.and_then(value).filter(|r| *r > 0.0);
        let radius_arcsec = radius_arcsec.unwrap_or(usual);
        stars.push(Star { ra_deg, dec_deg, radius_arcsec, bands: Vec::new(), x, y, flux: Vec::new() });
    }
    Ok(stars)
}
