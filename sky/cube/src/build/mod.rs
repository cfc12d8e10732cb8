//! From images to a cube: sky, point spread functions, grid, extinction, uncertainties, masks.

mod band;
mod confusion;
mod masks;
mod report;
mod width;

#[cfg(test)]
mod tests;

pub use masks::Star;
pub use report::{BandReport, BuildReport};

use std::path::PathBuf;

use pogson_mosaic::work::Watch;

use crate::cube::Cube;
use crate::error::CubeError;
use crate::extinction::Law;
use crate::grid::{Grid, GridChoice};
use crate::input::{ImageSpec, SkyModel, open};
use crate::object::Object;
use crate::psf::{Psf, Target};
use crate::sky::{Field, Sky};

/// What all point spread functions are brought to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Matching {
    /// That of the band with the widest.
    #[default]
    Coarsest,
    /// A Gaussian of this full width at half maximum, arcseconds.
    Gaussian(f64),
    /// Nothing: they stay as they are.
    Off,
}

/// Galactic extinction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reddening {
    /// E(B-V), magnitudes.
    pub ebv: f64,
    /// A(V) / E(B-V).
    pub r_v: f64,
    /// The law.
    pub law: Law,
    /// Whether it is taken through the filter, for light of constant f_nu, rather than at its wavelength.
    pub through_filter: bool,
}

impl Default for Reddening {
    /// None, and what the Milky Way has on average.
    fn default() -> Self {
        Reddening { ebv: 0.0, r_v: 3.1, law: Law::default(), through_filter: false }
    }
}

/// What is wanted of a cube.
#[derive(Debug, Clone)]
pub struct Request {
    /// The images, in any order.
    pub images: Vec<ImageSpec>,
    /// The grid.
    pub grid: GridChoice,
    /// Point spread functions.
    pub matching: Matching,
    /// How the sky is subtracted where nothing is said of an image.
    pub sky: SkyModel,
    /// Galactic extinction.
    pub reddening: Reddening,
    /// Whether uncertainties hold the calibration floors of the surveys.
    pub floors: bool,
    /// Least signal-to-noise ratio of a usable pixel, see [`Cube::mark_faint`]; 0 for any.
    pub min_snr: f64,
    /// Whether stars are looked for and masked.
    pub stars: bool,
    /// DS9 region files whose pixels are masked.
    pub regions: Vec<PathBuf>,
    /// Tables of stars to mask: columns ra, dec (degrees), and perhaps radius (arcseconds).
    pub catalogues: Vec<PathBuf>,
    /// Bands that a usable pixel needs.
    pub min_bands: usize,
    /// Whether pixels outside the object are masked too.
    pub object_only: bool,
    /// The object's name.
    pub name: String,
    /// Its redshift, where known.
    pub redshift: Option<f64>,
}

impl Request {
    /// All by default, for these images.
    pub fn new(images: Vec<ImageSpec>) -> Request {
        Request {
            images,
            grid: GridChoice::default(),
            matching: Matching::default(),
            sky: SkyModel::default(),
            reddening: Reddening::default(),
            floors: true,
            stars: true,
            regions: Vec::new(),
            catalogues: Vec::new(),
            min_bands: 6,
            object_only: false,
            min_snr: 0.0,
            name: String::new(),
            redshift: None,
        }
    }
}

/// Makes a cube.
///
/// # Errors
/// [`CubeError`]: whatever is wrong with an image or with the request; [`CubeError::Interrupted`].
pub fn build(request: &Request, watch: &dyn Watch) -> Result<(Cube, BuildReport), CubeError> {
    check(request)?;
    let inputs = open(&request.images)?;
    if inputs.len() < request.min_bands {
        return Err(CubeError::Request(format!(
            "a usable pixel needs {} bands, and {} given; give --min-bands {} or less",
            request.min_bands,
            if inputs.len() == 1 { "one image is".to_owned() } else { format!("{} images are", inputs.len()) },
            inputs.len()
        )));
    }
    for remark in inputs.iter().flat_map(|i| &i.remarks) {
        watch.warn(remark);
    }
    watch.stage("sky", inputs.len());
    // A first grid, for where images lie and what of them is read; its scale does not matter yet.
    let widest = inputs.iter().map(width::expected).fold(0.0, f64::max);
    let field = Grid::choose(&inputs, &wider(&request.grid), widest)?;
    let mut bands = Vec::new();
    for input in inputs {
        stop(watch)?;
        bands.push(band::Band::begin(input, &field, request, widest)?);
        watch.step();
    }
    let found = object(&bands, &field, request.stars)?;
    // Away from the object the sky is measured again.
    for band in &mut bands {
        band.sky_away_from(found.as_ref(), &field, request)?;
    }
    let target = common_target(&bands, request)?;
    let fwhm = target.as_ref().map_or(widest, Target::fwhm);
    let grid = match found.as_ref().filter(|_| request.grid.size_deg.is_none()) {
        Some(object) => around_object(object, &field, &bands, request, fwhm)?,
        None => {
            let inputs: Vec<_> = bands.iter().map(|b| b.input.clone()).collect();
            Grid::choose(&inputs, &request.grid, fwhm)?
        }
    };
    watch.stage("bands", bands.len());
    let beyond = confusion::Beyond::new(&bands, &field, found.as_ref(), request.stars);
    let mut layers = Vec::new();
    let mut reports = Vec::new();
    for band in &bands {
        stop(watch)?;
        let (layer, report) = band.layer(&grid, target.as_ref(), request, &beyond)?;
        for remark in &report.remarks {
            watch.warn(&format!("{}: {remark}", band.input.band.name));
        }
        layers.push(layer);
        reports.push(report);
        watch.step();
    }
    let mut cube = Cube {
        name: request.name.clone(),
        wcs: grid.wcs.clone(),
        width: grid.width,
        height: grid.height,
        pixel_area_arcsec2: grid.pixel_area_arcsec2(),
        psf_fwhm_arcsec: target.as_ref().map(Target::fwhm),
        min_bands: request.min_bands,
        ebv: request.reddening.ebv,
        redshift: request.redshift,
        layers,
        mask: vec![0; grid.pixels()],
        bins: None,
        history: report::history(request, &reports, target.as_ref()),
    };
    let object = found.map(|object| moved(&object, &field, &grid));
    let stars = masks::apply(&mut cube, &bands, &grid, object.as_ref(), request)?;
    cube.mark_few_bands();
    if cube.mask.iter().all(|m| m & crate::cube::mask::FEW_BANDS != 0) {
        return Err(CubeError::Request(format!(
            "no pixel has data in {} bands; give fewer by --min-bands, or another field",
            request.min_bands
        )));
    }
    cube.mark_faint(request.min_snr);
    if cube.usable().is_empty() {
        let faint = cube.mask.contains(&crate::cube::mask::FAINT);
        if faint {
            return Err(CubeError::Request(format!(
                "no pixel that is not masked has light of {} standard deviations; give less by --min-snr, or 0 for any",
                request.min_snr
            )));
        }
        return Err(CubeError::Request("every pixel is masked; check the regions and the catalogue".into()));
    }
    let report = report::finish(reports, &cube, &grid, object, stars);
    Ok((cube, report))
}

fn check(request: &Request) -> Result<(), CubeError> {
    let bad = |text: String| Err(CubeError::Request(text));
    let red = &request.reddening;
    if !red.ebv.is_finite() || !(-0.1..=10.0).contains(&red.ebv) {
        return bad(format!("E(B-V) = {} is no reddening; give --ebv in magnitudes, as 0.03", red.ebv));
    }
    if !(1.0..=10.0).contains(&red.r_v) {
        return bad(format!("R_V = {} is beyond all dust; give 2 to 6", red.r_v));
    }
    if let Matching::Gaussian(fwhm) = request.matching
        && !(fwhm > 0.0 && fwhm.is_finite())
    {
        return bad(format!("a point spread function of {fwhm}\" is none; give --fwhm above 0"));
    }
    if !(request.min_snr >= 0.0 && request.min_snr.is_finite()) {
        return bad(format!("a least signal-to-noise ratio of {} is none; give --min-snr 0 or more", request.min_snr));
    }
    if request.min_bands == 0 {
        return bad("a usable pixel needs at least one band; give --min-bands 1 or more".into());
    }
    Ok(())
}

/// The grid on which the object is looked for: where a size is asked for, twice as wide and four arcminutes, for the sky begins
/// where the object ends, not where the cube does.
fn wider(choice: &GridChoice) -> GridChoice {
    let more = |side: f64| 2.0 * side + 4.0 / 60.0;
    GridChoice { size_deg: choice.size_deg.map(|(w, h)| (more(w), more(h))), scale_arcsec: None, ..choice.clone() }
}

fn stop(watch: &dyn Watch) -> Result<(), CubeError> {
    if watch.stopped() { Err(CubeError::Interrupted) } else { Ok(()) }
}

/// The object, by the significance of all bands together, where stars do not count; if that leaves next to nothing, they do.
fn object(bands: &[band::Band], field: &Grid, stars: bool) -> Result<Option<Object>, CubeError> {
    /// Significance beyond which one band says no more: a bright star is no object.
    const MOST: f64 = 15.0;
    /// Share of the pixels that the object has with its stars which it has to keep without.
    const LEAST: f64 = 0.2;
    let mut sum = vec![0.0; field.pixels()];
    let mut number = vec![0u32; field.pixels()];
    let mut widest: f64 = 0.0;
    for band in bands {
        let flux = band.on(field)?;
        let sky = Sky::measure(Field { values: &flux, width: field.width, object: &[] }, SkyModel::Constant);
        let Some(sky) = sky else { continue };
        widest = widest.max(band.psf.fwhm());
        for (k, value) in flux.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            sum[k] += ((value - sky.level) / sky.sigma).clamp(-MOST, MOST);
            number[k] += 1;
        }
    }
    let mut significance: Vec<f64> =
        sum.iter().zip(&number).map(|(s, n)| if *n > 0 { s / f64::from(*n).sqrt() } else { f64::NAN }).collect();
    let with = Object::find(&significance, field.width);
    if !stars {
        return Ok(with);
    }
    let reach = 0.6 * widest / field.side_arcsec;
    for (x, y) in masks::places(bands, field) {
        let clip = |v: f64, n: usize| v.round().clamp(0.0, n as f64) as usize;
        for v in clip(y - reach, field.height)..clip(y + reach + 1.0, field.height) {
            for u in clip(x - reach, field.width)..clip(x + reach + 1.0, field.width) {
                if libm::hypot(u as f64 - x, v as f64 - y) <= reach {
                    significance[v * field.width + u] = f64::NAN;
                }
            }
        }
    }
    let without = Object::find(&significance, field.width);
    let enough = |o: &Object| with.as_ref().is_none_or(|w| o.pixels as f64 > LEAST * w.pixels as f64);
    Ok(without.filter(enough).or(with))
}

/// The point spread function that all bands are brought to.
fn common_target(bands: &[band::Band], request: &Request) -> Result<Option<Target>, CubeError> {
    Ok(match request.matching {
        Matching::Off => None,
        Matching::Gaussian(fwhm) => Some(Target { psf: Psf::Gaussian { fwhm }, pixel: None }),
        Matching::Coarsest => {
            let targets = bands.iter().map(band::Band::as_target);
            targets.max_by(|a, b| a.fwhm().total_cmp(&b.fwhm()))
        }
    })
}

/// The grid about the object: twice as far as it reaches, within the field.
fn around_object(
    object: &Object,
    field: &Grid,
    bands: &[band::Band],
    request: &Request,
    fwhm: f64,
) -> Result<Grid, CubeError> {
    const REACH: f64 = 2.0;
    let at = request
        .grid
        .center
        .map_or_else(|| field.wcs.pix_to_sky(object.x, object.y).map(|p| (p.lon_deg, p.lat_deg)), Some);
    let inputs: Vec<_> = bands.iter().map(|b| b.input.clone()).collect();
    let scale = Grid::choose(&inputs, &request.grid, fwhm)?.side_arcsec;
    let Some((lon_deg, lat_deg)) = at else { return Grid::choose(&inputs, &request.grid, fwhm) };
    // What of the field lies about the centre on all sides.
    let place = pogson_image::sphere::SkyCoord { lon_deg, lat_deg };
    let (x, y) = field.wcs.sky_to_pix(place).unwrap_or((object.x, object.y));
    let room = |at: f64, n: usize| (at + 0.5).min(n as f64 - 0.5 - at).max(1.0) * field.side_arcsec;
    let reach = (REACH * object.a * field.side_arcsec).max(3.0 * fwhm);
    let half = (reach.min(room(x, field.width)), reach.min(room(y, field.height)));
    let size = |half: f64| 2.0 * (half / scale).floor().max(1.0) * scale / 3600.0;
    let choice = GridChoice {
        center: Some((lon_deg, lat_deg)),
        size_deg: Some((size(half.0), size(half.1))),
        scale_arcsec: Some(scale),
    };
    Grid::choose(&inputs, &choice, fwhm)
}

/// The object on another grid, north up as the first.
fn moved(object: &Object, from: &Grid, to: &Grid) -> Object {
    let map = pogson_image::wcs::PixelMap::between(&from.wcs, &to.wcs);
    let (x, y) = map.apply_one(object.x, object.y).unwrap_or((object.x, object.y));
    let ratio = from.side_arcsec / to.side_arcsec;
    let pixels = (object.pixels as f64 * ratio * ratio).round() as usize;
    Object { x, y, a: object.a * ratio, b: object.b * ratio, pixels, ..object.clone() }
}
