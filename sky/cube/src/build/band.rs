//! One band on its way from image to layer.

use super::confusion::{Beyond, Excess, together};
use super::report::BandReport;
use super::{Request, width};
use crate::correlation::NoiseCorrelation;
use crate::cube::Layer;
use crate::error::CubeError;
use crate::grid::Grid;
use crate::input::{Input, Loaded, SkyModel};
use crate::object::Object;
use crate::project::{Kind, finer, project};
use crate::psf::noise::propagate;
use crate::psf::{Convolver, Kernel, Plane, Psf, Target};
use crate::sky::{Field, Sky};
use crate::stars::Image;

/// Arcseconds about the field in which the sky may be measured.
const SKY_MARGIN_ARCSEC: f64 = 120.0;
/// Reach of the object in units of its ellipse, within which no sky is measured.
const OBJECT_REACH: f64 = 1.6;
/// Smallest share of pixels beyond the object that the sky may rest on.
const LEAST_SKY: f64 = 0.05;

/// An image in memory, its sky and its point spread function.
pub(super) struct Band {
    pub(super) input: Input,
    /// Flux in each pixel, Jy, the sky still in it.
    pub(super) loaded: Loaded,
    pub(super) sky: Sky,
    /// How pixels lie on the field.
    pub(super) plane: Plane,
    pub(super) psf: Psf,
    pub(super) psf_source: String,
    remarks: Vec<String>,
}

impl Band {
    /// Reads the image about the field and measures its sky and its point spread function.
    pub(super) fn begin(input: Input, field: &Grid, request: &Request, widest: f64) -> Result<Band, CubeError> {
        let side = input.wcs.pixel_side_deg().map_or(1.0, |d| d * 3600.0);
        let margin = ((3.0 * widest + SKY_MARGIN_ARCSEC) / side).ceil() as usize;
        let window = field.window_in(&input, margin).ok_or_else(|| {
            CubeError::image(&input.spec.path, "does not reach the field; leave it out, or correct its WCS")
        })?;
        let loaded = input.load(window)?;
        let plane = field.plane_of(&loaded.wcs);
        let sky = measure(&loaded, &input, &[], model(&input, request))?;
        let mut above = loaded.flux.clone();
        sky.subtract(&mut above, loaded.width);
        let image = Image { values: &above, width: loaded.width, sigma: sky.sigma };
        let (psf, psf_source) = width::of_image(&input, plane, (sky.sigma > 0.0).then_some(image))?;
        let mut remarks = loaded.remarks.clone();
        if sky.pixels == 0 && loaded.variance.is_none() {
            remarks.push("its sky does not scatter; its uncertainties hold rounding and calibration alone".into());
        }
        Ok(Band { input, loaded, sky, plane, psf, psf_source, remarks })
    }

    /// The image on a grid as it is, without its sky.
    pub(super) fn on(&self, grid: &Grid) -> Result<Vec<f64>, CubeError> {
        let mut flux = self.loaded.flux.clone();
        self.sky.subtract(&mut flux, self.loaded.width);
        project(&flux, &self.loaded.wcs, grid, Kind::Flux)
    }

    /// Measures the sky once more, beyond the object.
    pub(super) fn sky_away_from(
        &mut self,
        object: Option<&Object>,
        field: &Grid,
        request: &Request,
    ) -> Result<(), CubeError> {
        let Some(object) = object else { return Ok(()) };
        let (width, height) = (self.loaded.width, self.loaded.height);
        let map = pogson_image::wcs::PixelMap::between(&self.loaded.wcs, &field.wcs);
        let xs: Vec<f64> = (0..width).map(|x| x as f64).collect();
        let (mut u, mut v) = (vec![0.0; width], vec![0.0; width]);
        let mut covered = Vec::with_capacity(width * height);
        for y in 0..height {
            map.apply(&xs, &vec![y as f64; width], &mut u, &mut v);
            covered.extend(u.iter().zip(&v).map(|(u, v)| object.radius(*u, *v) < OBJECT_REACH));
        }
        let data = self.loaded.flux.iter().filter(|f| f.is_finite()).count();
        let free = self.loaded.flux.iter().zip(&covered).filter(|(f, c)| f.is_finite() && !**c).count();
        if (free as f64) < LEAST_SKY * data as f64 || free < 200 {
            self.remarks
                .push("the object fills the image; the sky is measured at its edges and may hold light of it".into());
            return Ok(());
        }
        self.sky = measure(&self.loaded, &self.input, &covered, model(&self.input, request))?;
        Ok(())
    }

    /// What all bands would be brought to if this one stayed as it is.
    pub(super) fn as_target(&self) -> Target {
        Target { psf: self.psf.clone(), pixel: Some(self.plane_of_parts()) }
    }

    /// How the pixels lie that are laid on the grid: wide ones are divided.
    fn plane_of_parts(&self) -> Plane {
        let parts = Kernel::parts(self.plane, self.psf.fwhm());
        Plane(self.plane.0.map(|row| row.map(|v| v / parts as f64)))
    }

    /// The band on the grid.
    pub(super) fn layer(
        &self,
        grid: &Grid,
        target: Option<&Target>,
        request: &Request,
        beyond: &Beyond<'_>,
    ) -> Result<(Layer, BandReport), CubeError> {
        let name = &self.input.band.name;
        let (width, height) = (self.loaded.width, self.loaded.height);
        let mut remarks = self.remarks.clone();
        let mut flux = self.loaded.flux.clone();
        self.sky.subtract(&mut flux, width);
        let kernel = match target {
            Some(target) => {
                Kernel::matching(&self.psf, self.plane, target).map_err(|e| CubeError::band(name, format!("{e}")))?
            }
            None => Kernel::identity(),
        };
        let scale = grid.side_arcsec / self.plane.side();
        let noise = propagate(&kernel, &self.sky.correlation, scale);
        let fine = finer(&self.loaded.wcs, kernel.finer);
        let (kernel, wcs) = match fine {
            Some(wcs) => (kernel, wcs),
            None => {
                remarks.push("its wide pixels are not divided, for its coordinates are distorted".into());
                (kernel.on_whole_pixels(), self.loaded.wcs.clone())
            }
        };
        let variance = self.variance(&flux, width, height, target.map_or(self.psf.fwhm(), Target::fwhm));
        let convolver = Convolver::new(kernel, (width, height));
        let parts = convolver.finer();
        let share = 1.0 / (parts * parts) as f64;
        let mut smooth = convolver.apply(&flux);
        smooth.iter_mut().for_each(|v| *v *= share);
        let on_grid = project(&smooth, &wcs, grid, Kind::Flux)?;
        let variance_on_grid = project(&variance, &self.loaded.wcs, grid, Kind::Mean)?;
        let fwhm = target.map_or(self.psf.fwhm(), Target::fwhm);
        let excess = match beyond.wider(grid, 2.0 * fwhm + SKY_MARGIN_ARCSEC) {
            Some(wide) => {
                let sky = project(&smooth, &wcs, &wide, Kind::Flux)?;
                // Of a pixel without light: a map that was given knows it best.
                let mut own: Vec<f64> = variance.iter().copied().filter(|v| v.is_finite()).collect();
                own.sort_unstable_by(f64::total_cmp);
                let quiet = own.get(own.len() / 4).copied().unwrap_or(0.0);
                beyond.excess(&sky, &wide, ((noise.variance * quiet).sqrt(), &noise.correlation), fwhm)
            }
            None => Excess { variance: 0.0, scatter: f64::NAN },
        };
        let shares = (
            noise.variance
                * crate::sky::median(
                    &mut variance_on_grid.iter().copied().filter(|v| v.is_finite()).collect::<Vec<f64>>(),
                ),
            excess.variance,
        );
        let extinction_mag = self.input.spec.extinction_mag.unwrap_or_else(|| {
            let red = &request.reddening;
            let filter = pogson_sed::filter::find(name).ok().filter(|_| red.through_filter);
            match filter {
                Some(filter) => red.law.through(filter, red.ebv, red.r_v),
                None => red.law.magnitudes(self.input.band.wavelength_um, red.ebv, red.r_v),
            }
        });
        let dimming = libm::pow(10.0, 0.4 * extinction_mag);
        let floor = match (self.input.spec.floor, request.floors) {
            (Some(floor), _) => floor,
            (None, true) => self.input.known.map_or(DEFAULT_FLOOR, |known| known.floor),
            (None, false) => 0.0,
        };
        let mut layer = Layer {
            band: self.input.band.clone(),
            flux: Vec::with_capacity(on_grid.len()),
            sigma: Vec::with_capacity(on_grid.len()),
            floor,
            sky_sigma: self.sky.level_sigma * scale * scale * dimming,
            noise: together(noise.correlation, shares, fwhm / grid.side_arcsec),
            psf_fwhm_arcsec: Some(target.map_or(self.psf.fwhm(), Target::fwhm)),
            extinction_mag,
            source: self.input.spec.file_name(),
        };
        for (value, variance) in on_grid.iter().zip(&variance_on_grid) {
            let value = value * dimming;
            let noise = (noise.variance * variance + excess.variance) * dimming * dimming;
            let sigma = (noise + floor * floor * value * value).sqrt();
            let sound = value.is_finite() && sigma.is_finite() && sigma > 0.0;
            layer.flux.push(if sound { value as f32 } else { f32::NAN });
            layer.sigma.push(if sound { sigma as f32 } else { f32::NAN });
        }
        if !layer.flux.iter().any(|v| v.is_finite()) {
            let problem = match on_grid.iter().any(|v| v.is_finite()) {
                true => "has no uncertainty above 0 anywhere: its sky does not scatter; give --sigma FILE=MAP",
                false => "has no data in the field of the cube; leave it out, or take another field",
            };
            return Err(CubeError::image(&self.input.spec.path, problem));
        }
        let report = BandReport::of(
            self,
            &layer,
            (excess.variance.sqrt() * dimming, excess.scatter / shares.0.sqrt()),
            &remarks,
        );
        Ok((layer, report))
    }

    /// Variance in each pixel, smoothed over the target's width as its sum over the target's light is: the map that was
    /// given, or the sky's scatter and the light's own.
    fn variance(&self, above: &[f64], width: usize, height: usize, fwhm: f64) -> Vec<f64> {
        let sky = self.sky.sigma * self.sky.sigma;
        // The square of a Gaussian is a Gaussian, narrower by the root of 2.
        let smooth = |values: &[f64]| -> Vec<f64> {
            let target = Target { psf: Psf::Gaussian { fwhm: fwhm / std::f64::consts::SQRT_2 }, pixel: None };
            let point = Psf::Gaussian { fwhm: 1e-3 * fwhm };
            // Pixels are not divided here: a variance is smooth.
            match Kernel::matching(&point, self.plane, &target) {
                Ok(kernel) => Convolver::new(kernel.on_whole_pixels(), (width, height)).apply(values),
                Err(_) => values.to_vec(),
            }
        };
        match (&self.loaded.variance, self.loaded.jy_per_electron) {
            (Some(map), _) => smooth(map),
            (None, Some(unit)) => smooth(above).iter().map(|light| sky + unit * light.max(0.0)).collect(),
            (None, None) => above.iter().map(|v| if v.is_finite() { sky } else { f64::NAN }).collect(),
        }
    }
}

/// Calibration floor of bands that are in no table.
const DEFAULT_FLOOR: f64 = 0.05;

fn model(input: &Input, request: &Request) -> SkyModel {
    input.spec.sky.unwrap_or(request.sky)
}

/// The sky, or with a map of uncertainties and no measurable sky a level alone.
fn measure(loaded: &Loaded, input: &Input, object: &[bool], model: SkyModel) -> Result<Sky, CubeError> {
    let field = Field { values: &loaded.flux, width: loaded.width, object };
    let fit = if model == SkyModel::None { SkyModel::Constant } else { model };
    match Sky::measure(field, fit).map(|sky| trusted(sky, loaded)) {
        Some(sky) if model == SkyModel::None => Ok(sky.noise_alone()),
        Some(sky) => Ok(sky),
        None if model == SkyModel::None && loaded.variance.is_some() => Ok(without_noise(0.0)),
        None => {
            let level = commonest(&loaded.flux, object);
            match (loaded.variance.is_some(), level) {
                (true, Some(level)) => Ok(without_noise(level)),
                (false, Some(level)) if differs(&loaded.flux, level) => {
                    let level = if model == SkyModel::None { 0.0 } else { level };
                    Ok(of_rounding(&loaded.flux, level))
                }
                _ => {
                    let problem = "has no sky whose scatter could be measured, all of its values are alike; give its uncertainties (--sigma FILE=MAP), and --sky none if it has no sky";
                    Err(CubeError::image(&input.spec.path, problem))
                }
            }
        }
    }
}

/// A sky whose scatter is far from what a map of uncertainties says is not noise, and tells nothing of its correlation.
fn trusted(sky: Sky, loaded: &Loaded) -> Sky {
    let Some(map) = &loaded.variance else { return sky };
    let mut known: Vec<f64> = map.iter().copied().filter(|v| v.is_finite()).collect();
    let ratio = sky.sigma * sky.sigma / crate::sky::median(&mut known);
    match (0.1..10.0).contains(&ratio) {
        true => sky,
        false => Sky { correlation: NoiseCorrelation::none(), ..sky },
    }
}

fn without_noise(level: f64) -> Sky {
    let correlation = NoiseCorrelation::none();
    Sky { level, slope: (0.0, 0.0), sigma: 0.0, level_sigma: 0.0, correlation, pixels: 0 }
}

fn differs(values: &[f64], level: f64) -> bool {
    values.iter().any(|v| v.is_finite() && *v != level)
}

/// The sky of an image without noise, such as a model's: its values are known as well as single precision holds them.
fn of_rounding(values: &[f64], level: f64) -> Sky {
    let most = values.iter().filter(|v| v.is_finite()).fold(0.0f64, |m, v| m.max((v - level).abs()));
    Sky { sigma: most * f64::from(f32::EPSILON), ..without_noise(level) }
}

/// The middle of the values beyond the object.
fn commonest(values: &[f64], object: &[bool]) -> Option<f64> {
    let free = |k: usize| !object.get(k).copied().unwrap_or(false);
    let mut sky: Vec<f64> =
        (0..values.len()).filter(|&k| free(k)).map(|k| values[k]).filter(|v| v.is_finite()).collect();
    (!sky.is_empty()).then(|| crate::sky::median(&mut sky))
}
