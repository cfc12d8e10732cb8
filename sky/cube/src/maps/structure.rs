//! The galaxy's shape in its maps: indices and models of the stellar mass, profiles of what was fitted.

use std::fmt::Write as _;

use pogson_image::wcs::Wcs;
use pogson_sed::cosmology::luminosity_distance_mpc;
use pogson_sed::parameter::Parameter;
use serde_json::{Value, json};

use super::plane::{Level, frame_of, parameter_plane};
use super::totals::ADDITIVE;
use crate::morphology::aperture::Ellipse;
use crate::morphology::image::Field;
use crate::morphology::model::{Kind, ModelFit, ModelOptions, Psf, fit_models};
use crate::morphology::profile::{Ring, profile};
use crate::morphology::{Indices, MorphologyError, indices};
use crate::result::ResultFile;

/// What is measured of the shape.
#[derive(Debug, Clone)]
pub struct StructureOptions {
    /// Models of the stellar mass to try; none leaves them out.
    pub kinds: Vec<Kind>,
    /// Full width at half maximum of the maps' point spread function, arcseconds; by default the cube's PSFFWHM.
    pub fwhm_arcsec: Option<f64>,
    /// Distance, Mpc; by default that of the redshift.
    pub distance_mpc: Option<f64>,
}

/// The shape of a galaxy.
#[derive(Debug, Clone)]
pub struct Structure {
    /// Of the map of stellar mass; the error where it has none.
    pub indices: Result<Indices, MorphologyError>,
    /// Models of the map of stellar mass, the best first.
    pub models: Result<Vec<ModelFit>, MorphologyError>,
    /// Full width at half maximum that models were blurred by, pixels.
    pub fwhm_pixels: Option<f64>,
    /// Side of a pixel, arcseconds.
    pub pixel_arcsec: Option<f64>,
    /// Kiloparsecs in an arcsecond.
    pub kpc_per_arcsec: Option<f64>,
    /// Ellipse of the profiles: that of the best model's disc, or of the second moments.
    pub shape: Option<Ellipse>,
    /// Rings, for each parameter: means of linear values per pixel for what adds up, of the map's values for others.
    pub profiles: Vec<(Parameter, Vec<Ring>)>,
}

/// Measures the shape in the maps of pixels.
pub fn structure(result: &ResultFile, options: &StructureOptions) -> Structure {
    let (width, height) = frame_of(result);
    let wcs = Wcs::from_header(&result.facts.header).ok();
    let pixel_arcsec = wcs.and_then(|w| w.pixel_side_deg()).map(|side| side * 3600.0);
    let z = result.facts.redshift;
    let angular = options
        .distance_mpc
        .or_else(|| (z > 0.0).then(|| luminosity_distance_mpc(z)))
        .map(|luminosity| luminosity / ((1.0 + z) * (1.0 + z)));
    let kpc_per_arcsec = angular.map(|d| d * 1000.0 * (1.0f64 / 3600.0).to_radians());
    let fwhm = options.fwhm_arcsec.or_else(|| result.facts.header.f64("PSFFWHM"));
    let fwhm_pixels = fwhm.zip(pixel_arcsec).map(|(f, p)| f / p).filter(|f| *f > 0.0);
    // Noise that was smoothed by a Gaussian is one over 4 pi sigma^2 pixels.
    let beam =
        fwhm_pixels.map_or(1.0, |f| (4.0 * std::f64::consts::PI * (f / 2.354_820_045) * (f / 2.354_820_045)).max(1.0));
    let (mass, sigma) = mass_map(result);
    let inside: Vec<bool> = mass.iter().map(|v| v.is_finite()).collect();
    let indices = indices(&mass, width, &inside, &[]);
    let psf = fwhm_pixels.map_or(Psf::None, |fwhm| Psf::Gaussian { fwhm });
    let variance: Vec<f64> = sigma.iter().map(|s| s * s).collect();
    let how = ModelOptions { kinds: options.kinds.clone(), psf, pixels_per_beam: beam };
    let models = if options.kinds.is_empty() { Ok(Vec::new()) } else { fit_models(&mass, width, &[], &variance, &how) };
    let shape = shape(&indices, &models);
    let ring = fwhm_pixels.unwrap_or(0.0).max(width.max(height) as f64 / 60.0).max(1.0);
    let mut profiles = Vec::new();
    if let Some(shape) = shape {
        for (k, parameter) in result.facts.parameters.iter().enumerate() {
            let (values, sigmas) =
                if ADDITIVE.contains(parameter) { linear(result, *parameter) } else { as_mapped(result, k) };
            let field = Field::new(&values, width, &[]);
            profiles.push((*parameter, profile(&field, shape, ring, &sigmas, beam)));
        }
    }
    Structure { indices, models, fwhm_pixels, pixel_arcsec, kpc_per_arcsec, shape, profiles }
}

fn shape(
    indices: &Result<Indices, MorphologyError>,
    models: &Result<Vec<ModelFit>, MorphologyError>,
) -> Option<Ellipse> {
    let model = models.as_ref().ok().and_then(|m| m.first());
    let of = |name: &str| model.and_then(|m| m.get(name)).map(|e| e.value).filter(|v| v.is_finite());
    let of_model = || {
        let q = of("disc_axis_ratio").or(of("bulge_axis_ratio"))?;
        let theta = of("disc_angle").or(of("bulge_angle"))?.to_radians();
        Some(Ellipse { centre: (of("x")?, of("y")?), a: 1.0, q, theta })
    };
    let of_moments = || {
        let i = indices.as_ref().ok()?;
        let q = (1.0 - i.ellipticity).clamp(0.05, 1.0);
        Some(Ellipse { centre: (i.x_asymmetry, i.y_asymmetry), a: 1.0, q, theta: i.orientation })
    };
    of_model().or_else(of_moments)
}

/// The map of stellar mass and its sigmas, solar masses a pixel.
pub(super) fn mass_map(result: &ResultFile) -> (Vec<f64>, Vec<f64>) {
    linear(result, Parameter::StellarMass)
}

/// Medians of a logarithmic parameter as linear values and half their 16 to 84 percentile range; NaN where unknown.
fn linear(result: &ResultFile, parameter: Parameter) -> (Vec<f64>, Vec<f64>) {
    let Some(k) = result.parameter_index(parameter) else { return (Vec::new(), Vec::new()) };
    let plane = |image| parameter_plane(result, Level::Pixels, k, image).into_iter().map(f64::from);
    let power = |v: f64| libm::pow(10.0, v);
    let values = plane(2).map(power).collect();
    let sigmas = plane(1).zip(plane(3)).map(|(low, high)| (power(high) - power(low)) / 2.0).collect();
    (values, sigmas)
}

fn as_mapped(result: &ResultFile, k: usize) -> (Vec<f64>, Vec<f64>) {
    let plane = |image| parameter_plane(result, Level::Pixels, k, image).into_iter().map(f64::from);
    (plane(2).collect(), plane(1).zip(plane(3)).map(|(low, high)| (high - low) / 2.0).collect())
}

impl Structure {
    /// Square kiloparsecs in a pixel.
    pub fn pixel_kpc2(&self) -> Option<f64> {
        self.pixel_arcsec.zip(self.kpc_per_arcsec).map(|(p, k)| p * p * k * k)
    }

    /// The figures for programs. Places are counted from 1 as in FITS.
    pub fn json(&self) -> Value {
        let mut indices = self.indices.as_ref().map(|i| json!(i)).unwrap_or_else(|e| json!({ "error": e.to_string() }));
        let mut models = self.models.as_ref().map(|m| json!(m)).unwrap_or_else(|e| json!({ "error": e.to_string() }));
        for name in ["x_centroid", "y_centroid", "x_asymmetry", "y_asymmetry"] {
            if let Some(v) = indices.get_mut(name) {
                *v = json!(v.as_f64().map(|v| v + 1.0));
            }
        }
        for model in models.as_array_mut().into_iter().flatten() {
            for p in model["parameters"].as_array_mut().into_iter().flatten() {
                if p["name"] == "x" || p["name"] == "y" {
                    p["value"] = json!(p["value"].as_f64().map(|v| v + 1.0));
                }
            }
        }
        json!({
            "of": "stellar mass",
            "indices": indices,
            "models": models,
            "psf_fwhm_pixels": self.fwhm_pixels,
            "pixel_arcsec": self.pixel_arcsec,
            "kpc_per_arcsec": self.kpc_per_arcsec,
        })
    }

    /// The profiles as a table of astropy's ECSV form.
    pub fn ecsv(&self) -> String {
        let mut columns: Vec<(String, String, Vec<f64>)> = Vec::new();
        let Some((_, rings)) = self.profiles.first() else { return ecsv(&[]) };
        columns.push(("inner".into(), "pix".into(), rings.iter().map(|r| r.inner).collect()));
        columns.push(("outer".into(), "pix".into(), rings.iter().map(|r| r.outer).collect()));
        if let Some(side) = self.pixel_arcsec {
            let middle = rings.iter().map(|r| side * (r.inner + r.outer) / 2.0).collect();
            columns.push(("radius".into(), "arcsec".into(), middle));
        }
        columns.push(("area".into(), "pix2".into(), rings.iter().map(|r| r.area).collect()));
        for (parameter, rings) in &self.profiles {
            let additive = ADDITIVE.contains(parameter);
            let area = self.pixel_kpc2().filter(|_| additive);
            let unit = match (additive, area, parameter.unit()) {
                (true, Some(_), unit) => format!("{unit} kpc-2"),
                (true, None, unit) => format!("{unit} pix-2"),
                // Logarithms have none.
                (false, _, unit) => {
                    if parameter.is_logarithmic() {
                        String::new()
                    } else {
                        unit.to_owned()
                    }
                }
            };
            let name = if additive {
                parameter.name().to_owned()
            } else if parameter.is_logarithmic() {
                format!("log_{}", parameter.name())
            } else {
                parameter.name().to_owned()
            };
            let scale = 1.0 / area.unwrap_or(1.0);
            let of = |value: fn(&Ring) -> f64| rings.iter().map(|r| value(r) * scale).collect::<Vec<f64>>();
            columns.push((name.clone(), unit.clone(), of(|r| r.mean)));
            columns.push((format!("{name}_sigma"), unit.clone(), of(|r| r.sigma)));
            columns.push((format!("{name}_scatter"), unit.clone(), of(|r| r.scatter)));
            columns.push((format!("{name}_median"), unit, of(|r| r.median)));
        }
        ecsv(&columns)
    }
}

/// A table of real numbers: name, unit and values of each column.
fn ecsv(columns: &[(String, String, Vec<f64>)]) -> String {
    let mut out = String::from("# %ECSV 1.0\n# ---\n# datatype:\n");
    for (name, unit, _) in columns {
        let unit = if unit.is_empty() { String::new() } else { format!("unit: {unit}, ") };
        let _ = writeln!(out, "# - {{name: {name}, {unit}datatype: float64}}");
    }
    out.push_str("# schema: astropy-2.0\n");
    let names: Vec<&str> = columns.iter().map(|(name, ..)| name.as_str()).collect();
    let _ = writeln!(out, "{}", names.join(" "));
    let rows = columns.iter().map(|(.., values)| values.len()).max().unwrap_or(0);
    for k in 0..rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|(.., values)| match values.get(k) {
                Some(v) if v.is_finite() => format!("{v:e}"),
                _ => "nan".into(),
            })
            .collect();
        let _ = writeln!(out, "{}", cells.join(" "));
    }
    out
}
