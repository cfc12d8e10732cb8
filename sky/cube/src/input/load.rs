//! Pixels of an image in Jy, with their variances where they are given.

use std::path::{Path, PathBuf};

use pogson_image::fits::{FitsFile, Image, Rect};
use pogson_image::unit::{MagnitudeSystem, PhotometricScale, Quantity, Survey};
use pogson_image::wcs::Wcs;

use super::open::Input;
use super::spec::Uncertainty;
use crate::error::CubeError;

/// Part of an image, 0-based.
pub type Window = Rect;

/// Pixels of a window of an image.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// World coordinates of the window.
    pub wcs: Wcs,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Flux density in each pixel, Jy; NaN where there are no data.
    pub flux: Vec<f64>,
    /// Variance of each, Jy squared, where a map was given; NaN where `flux` is.
    pub variance: Option<Vec<f64>>,
    /// Jy of one electron or photon, where it is known: variance of light in a pixel over its flux.
    pub jy_per_electron: Option<f64>,
    /// What was found on the way, a sentence each.
    pub remarks: Vec<String>,
}

impl Input {
    /// Reads a window of the image.
    ///
    /// # Errors
    /// Unreadable files; maps of another size; uncertainties that are negative, or 0 where there are data; an image
    /// without a single pixel.
    pub fn load(&self, window: Window) -> Result<Loaded, CubeError> {
        let path = &self.spec.path;
        let file = FitsFile::open(path)?;
        let image = file.image(self.hdu)?;
        let mut raw = vec![0.0; window.area()];
        image.read_f64(0, window, &mut raw)?;
        let wcs = self.window_wcs(window);
        let mut remarks = Vec::new();
        let mut good: Vec<bool> = raw.iter().map(|v| v.is_finite()).collect();
        if let Some(mask) = &self.spec.mask {
            let values = self.companion(&file, mask, window)?;
            good.iter_mut().zip(&values).for_each(|(g, m)| *g &= *m == 0.0);
        }
        let factors = Factors::new(&self.scale, &wcs, window);
        let variance = match &self.spec.uncertainty {
            Some(map) => Some(self.variance(&file, map, window, &mut good, &mut remarks)?),
            None => None,
        };
        if !good.contains(&true) {
            let problem = match raw.iter().any(|v| v.is_finite()) {
                true => "all of its pixels are masked; correct the mask or the weights, or leave the band out",
                false => "all of its pixels in the field are NaN; leave the band out, or take another field",
            };
            return Err(CubeError::image(path, problem));
        }
        let mut flux = vec![f64::NAN; raw.len()];
        let mut jy_variance = variance.as_ref().map(|v| vec![f64::NAN; v.len()]);
        for k in (0..raw.len()).filter(|&k| good[k]) {
            let (value, slope) = factors.jy(k, raw[k]);
            flux[k] = value;
            if let (Some(out), Some(variance)) = (&mut jy_variance, &variance) {
                out[k] = variance[k] * slope * slope;
            }
        }
        let middle = factors.jy(raw.len() / 2, 0.0).1;
        let jy_per_electron = match variance {
            Some(_) => None,
            None => self.jy_per_electron(middle.abs()),
        };
        let (width, height) = (window.width, window.height);
        Ok(Loaded { wcs, width, height, flux, variance: jy_variance, jy_per_electron, remarks })
    }

    /// Coordinates of a window; windows of distorted images are whole.
    fn window_wcs(&self, window: Window) -> Wcs {
        let size = (window.width, window.height);
        let shifted = self.wcs.shifted(window.x as f64, window.y as f64, size);
        shifted.unwrap_or_else(|| self.wcs.with_naxis(size))
    }

    /// Whether part of the image can be taken alone.
    pub fn can_be_cut(&self) -> bool {
        !self.wcs.has_distortion()
    }

    /// A window of a map of the image's size, from a file of its own or an extension.
    fn companion(&self, own: &FitsFile, place: &Path, window: Window) -> Result<Vec<f64>, CubeError> {
        let other;
        let (file, hdu) = match inside(place) {
            Some(name) => match name.parse::<usize>() {
                Ok(hdu) => (own, hdu),
                Err(_) => (own, own.named(&name, None)?),
            },
            None => {
                other = FitsFile::open(place)?;
                let hdu = other.first_image()?.hdu();
                (&other, hdu)
            }
        };
        let image: Image<'_> = file.image(hdu)?;
        if (image.width(), image.height()) != (self.width, self.height) {
            let problem = format!(
                "is {} x {} pixels and its image {} {} x {}; they have to be equal",
                image.width(),
                image.height(),
                self.spec.path.display(),
                self.width,
                self.height
            );
            return Err(CubeError::image(place, problem));
        }
        let mut values = vec![0.0; window.area()];
        image.read_f64(0, window, &mut values)?;
        Ok(values)
    }

    /// Variances in the image's unit squared; pixels without one are no longer good.
    fn variance(
        &self,
        file: &FitsFile,
        map: &Uncertainty,
        window: Window,
        good: &mut [bool],
        remarks: &mut Vec<String>,
    ) -> Result<Vec<f64>, CubeError> {
        let mut values = self.companion(file, map.place(), window)?;
        let name: PathBuf = match inside(map.place()) {
            Some(_) => self.spec.path.clone(),
            None => map.place().to_owned(),
        };
        let (mut negative, mut zero, mut missing) = (0usize, 0usize, 0usize);
        let mut first = None;
        let weights = matches!(map, Uncertainty::Weight(_));
        for (k, value) in values.iter_mut().enumerate() {
            if !good[k] {
                continue;
            }
            if value.is_nan() || value.is_infinite() {
                missing += 1;
            } else if *value < 0.0 || (*value == 0.0 && !weights) {
                negative += usize::from(*value < 0.0);
                zero += usize::from(*value == 0.0);
                first.get_or_insert((window.x + k % window.width + 1, window.y + k / window.width + 1));
                continue;
            } else if *value > 0.0 {
                *value = match map {
                    Uncertainty::Sigma(_) => *value * *value,
                    Uncertainty::Variance(_) => *value,
                    Uncertainty::Weight(_) => 1.0 / *value,
                };
                continue;
            }
            good[k] = false;
        }
        if let Some((x, y)) = first {
            let problem = format!(
                "holds {negative} negative and {zero} zero uncertainties where the image has data, the first at pixel ({x}, {y}); correct them, or mark the pixels as NaN"
            );
            return Err(CubeError::image(name, problem));
        }
        if missing > 0 {
            remarks.push(format!("{missing} pixels of {} have no uncertainty and are left out", name.display()));
        }
        Ok(values)
    }

    /// Jy of one electron, by the user's gain or the survey's keywords.
    ///
    /// GALEX counts photons; its maps are counts over exposure times relative response, whose mean is in AVRRMED or RRMED
    /// per second of EXPTIME. SDSS: gains by camera column (SDSS data model, `frame` files).
    fn jy_per_electron(&self, jy_of_one: f64) -> Option<f64> {
        let above = |v: &f64| v.is_finite() && *v > 0.0;
        if let Some(gain) = self.spec.gain {
            return Some(jy_of_one / gain);
        }
        let number = |key: &str| self.header.f64(key).filter(above);
        match self.scale.survey {
            // Maps in counts per second alone; of others the exposure is unknown.
            Some(Survey::Galex) if self.scale.system == MagnitudeSystem::Ab => {
                Some(jy_of_one / number("RRMED").or_else(|| number("EXPTIME"))?)
            }
            Some(Survey::Sdss) => {
                let per_count = number("NMGY")?;
                let gain =
                    sdss_gain(self.known?.name, self.header.i64("CAMCOL")?, self.header.i64("RUN").unwrap_or(0))?;
                Some(jy_of_one * per_count / gain)
            }
            _ => None,
        }
    }
}

/// `[NAME]` means an extension of the image's own file.
fn inside(place: &Path) -> Option<String> {
    Some(place.to_str()?.strip_prefix('[')?.strip_suffix(']')?.to_owned())
}

/// Electrons per count of SDSS's camera.
fn sdss_gain(band: &str, column: i64, run: i64) -> Option<f64> {
    let column = usize::try_from(column - 1).ok().filter(|c| *c < 6)?;
    let gains = match band {
        "SDSS_u" => [1.62, if run > 1100 { 1.825 } else { 1.595 }, 1.59, 1.6, 1.47, 2.17],
        "SDSS_g" => [3.32, 3.855, 3.845, 3.995, 4.05, 4.035],
        "SDSS_r" => [4.71, 4.6, 4.72, 4.76, 4.725, 4.895],
        "SDSS_i" => [5.165, 6.565, 4.86, 4.885, 4.64, 4.76],
        "SDSS_z" => [4.745, 5.155, 4.885, 4.775, 3.48, 4.69],
        _ => return None,
    };
    Some(gains[column])
}

/// Jy of pixel values, pixel by pixel.
struct Factors<'a> {
    scale: &'a PhotometricScale,
    areas: Areas,
    width: usize,
}

/// Solid angles of pixels: where values are per pixel they do not matter.
enum Areas {
    Any,
    Rows(Vec<f64>),
    /// Samples every so many pixels, where a smooth map allows it.
    Grid {
        step: usize,
        columns: usize,
        values: Vec<f64>,
    },
}

impl Factors<'_> {
    fn new<'a>(scale: &'a PhotometricScale, wcs: &Wcs, window: Window) -> Factors<'a> {
        let (width, height) = (window.width, window.height);
        let areas = if scale.quantity == Quantity::PerPixel {
            Areas::Any
        } else if wcs.has_distortion() {
            let at = |k: usize| wcs.pixel_area_sr((k % width) as f64, (k / width) as f64).unwrap_or(f64::NAN);
            Areas::Rows((0..width * height).map(at).collect())
        } else {
            const STEP: usize = 64;
            let (columns, rows) = (width / STEP + 2, height / STEP + 2);
            let at = |k: usize| {
                wcs.pixel_area_sr((k % columns * STEP) as f64, (k / columns * STEP) as f64).unwrap_or(f64::NAN)
            };
            Areas::Grid { step: STEP, columns, values: (0..columns * rows).map(at).collect() }
        };
        Factors { scale, areas, width }
    }

    fn area(&self, k: usize) -> f64 {
        match &self.areas {
            Areas::Any => 1.0,
            Areas::Rows(areas) => areas[k],
            Areas::Grid { step, columns, values } => {
                let (x, y) = (k % self.width, k / self.width);
                let (i, j) = (x / step, y / step);
                let (a, b) = ((x % step) as f64 / *step as f64, (y % step) as f64 / *step as f64);
                let at = |i: usize, j: usize| values[j * columns + i];
                (1.0 - b) * ((1.0 - a) * at(i, j) + a * at(i + 1, j))
                    + b * ((1.0 - a) * at(i, j + 1) + a * at(i + 1, j + 1))
            }
        }
    }

    /// Jy in pixel `k` of this value, and its slope.
    fn jy(&self, k: usize, value: f64) -> (f64, f64) {
        let area = self.area(k);
        let jy = self.scale.jy_per_pixel(value, area);
        let slope = if self.scale.is_linear() {
            self.scale.jy_per_pixel(1.0, area)
        } else {
            let step = 1e-4;
            (self.scale.jy_per_pixel(value + step, area) - self.scale.jy_per_pixel(value - step, area)) / (2.0 * step)
        };
        (jy, slope)
    }
}
