//! `pogson morphology`: the shape of an object in an image.

use std::path::{Path, PathBuf};

use pogson_cube::morphology::aperture::Ellipse;
use pogson_cube::morphology::image::Field;
use pogson_cube::morphology::model::{Estimate, ModelFit, ModelOptions, Psf, fit_models};
use pogson_cube::morphology::profile::{Ring, profile};
use pogson_cube::morphology::{Indices, flag, indices, segment};
use pogson_image::fits::{Bitpix, FitsFile, FitsWriter, Header, Options, Rect};
use serde::Serialize;

use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::arguments::models::{Models, kinds, models, positive};
use crate::failure::Failure;
use crate::output::Output;

/// Measure the shape of an object: concentration, asymmetry, smoothness, Gini, M20; bulge, bar and disc; profile
///
/// The image's sky has to be subtracted. Without --segments the object is what stands out of the sky by 1.5 sigma after
/// light smoothing, the brightest region of it. Indices follow Lotz et al. (2004) and Rodriguez-Gomez et al. (2019).
/// Models are an exponential disc, a Sersic profile, a Sersic bulge with a disc, and both with a Ferrers bar, blurred by
/// the point spread function; the one with the least Bayesian information criterion comes first. Lengths are in pixels
/// along the major axis, angles in degrees from +x towards +y (orientation in radians), places are counted from 1 as in
/// FITS.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson morphology galaxy.fits
  pogson morphology galaxy.fits --segments seg.fits --label 3 --mask stars.fits --json
  pogson morphology galaxy.fits --psf 2.8 --variance var.fits --model-image model.fits
  pogson morphology galaxy.fits --models none --json
  pogson morphology maps/m_star.fits --exponent --beam 12")]
pub struct Args {
    /// FITS image
    input: PathBuf,
    /// Image of whole numbers that tells objects apart; 0 is sky
    #[arg(long, value_name = "FILE")]
    segments: Option<PathBuf>,
    /// Number of the object in --segments; others are masked [default: the one with most pixels]
    #[arg(long, value_name = "N", requires = "segments")]
    label: Option<i64>,
    /// Image whose pixels other than 0 are left out
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// Full width at half maximum of the point spread function, pixels
    #[arg(long, value_name = "FWHM", value_parser = positive)]
    psf: Option<f64>,
    /// Image of the point spread function instead, on pixels of the same size, its peak in the middle
    #[arg(long, value_name = "FILE", conflicts_with = "psf")]
    psf_image: Option<PathBuf>,
    /// Image of the pixels' variances [default: the scatter of residuals]
    #[arg(long, value_name = "FILE")]
    variance: Option<PathBuf>,
    /// Pixels whose noise is one and the same, where it is correlated
    #[arg(long, value_name = "PIXELS", default_value_t = 1.0, value_parser = positive)]
    beam: f64,
    /// Models to try: auto, none, or some of disc, sersic, bulge-disc, bulge-bar-disc
    #[arg(long, value_name = "KINDS", default_value = "auto", value_delimiter = ',', value_parser = models)]
    models: Vec<Models>,
    /// File for the best model: planes of the image, the model, and the difference
    #[arg(long, value_name = "FILE")]
    model_image: Option<PathBuf>,
    /// Width of the profile's rings along the major axis, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 2.0, value_parser = positive)]
    ring: f64,
    /// Replace --model-image if it exists
    #[arg(long)]
    force: bool,
    /// Pixels hold log10 of what is measured, as maps of masses do
    #[arg(long)]
    exponent: bool,
    /// HDU to take: a number from 0, a name, or NAME,VERSION [default: the first image]
    #[arg(long)]
    hdu: Option<HduChoice>,
}

#[derive(Serialize)]
struct Report {
    file: String,
    pixels: usize,
    #[serde(flatten)]
    indices: Indices,
    models: Vec<ModelFit>,
    profile: Vec<Ring>,
    warnings: Vec<String>,
}

/// Measures.
///
/// # Errors
/// No image, images of different sizes, no object.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let (mut values, size) = read(&args.input, args.hdu.as_ref())?;
    if args.exponent {
        values.iter_mut().for_each(|v| *v = libm::pow(10.0, *v));
    }
    let of_size = |path: &Path| -> Result<Vec<f64>, Failure> {
        let (values, found) = read(path, None)?;
        if found == size {
            return Ok(values);
        }
        let (wanted, found) = (format!("{} x {}", size.0, size.1), format!("{} x {}", found.0, found.1));
        Err(Failure::in_file(path, format!("has {found} pixels and the image {wanted}; give one of the same size")))
    };
    let mut masked: Vec<bool> = match &args.mask {
        Some(path) => of_size(path)?.iter().map(|v| *v != 0.0).collect(),
        None => vec![false; values.len()],
    };
    masked.iter_mut().zip(&values).for_each(|(m, v)| *m |= !v.is_finite());
    let inside = match &args.segments {
        Some(path) => {
            let segments: Vec<i64> = of_size(path)?.iter().map(|v| v.round() as i64).collect();
            let label = args.label.or_else(|| largest(&segments));
            let label = label.ok_or_else(|| Failure::in_file(path, "holds no object: all pixels are 0"))?;
            masked.iter_mut().zip(&segments).for_each(|(m, s)| *m |= *s != 0 && *s != label);
            segments.iter().map(|s| *s == label).collect()
        }
        None => {
            let known: Vec<f64> = values.iter().map(|v| if v.is_finite() { *v } else { 0.0 }).collect();
            segment::object(&known, size.0, &masked)
        }
    };
    let mut found = indices(&values, size.0, &inside, &masked).map_err(|e| Failure::in_file(&args.input, e))?;
    for place in [&mut found.x_centroid, &mut found.y_centroid, &mut found.x_asymmetry, &mut found.y_asymmetry] {
        *place += 1.0;
    }
    let pixels = inside.iter().filter(|i| **i).count();
    let told = WARNINGS.iter().filter(|(bit, _)| found.flags & bit != 0);
    let mut warnings: Vec<String> = told.map(|(_, text)| (*text).to_owned()).collect();
    let variance = args.variance.as_deref().map(of_size).transpose()?.unwrap_or_default();
    let chosen = kinds(&args.models)?;
    out.go_on()?;
    let mut fits = Vec::new();
    if !chosen.is_empty() {
        let options = ModelOptions { kinds: chosen, psf: psf(&args)?, pixels_per_beam: args.beam };
        // Sky far from the object says nothing of it.
        let near = segment::around(&inside, size.0, 2.0);
        let hidden: Vec<bool> = masked.iter().zip(&near).map(|(masked, near)| *masked || !near).collect();
        match fit_models(&values, size.0, &hidden, &variance, &options) {
            Ok(models) => fits = models,
            Err(error) => warnings.push(format!("no model: {error}")),
        }
    }
    out.go_on()?;
    if let (Some(path), Some(best)) = (&args.model_image, fits.first()) {
        write_model(path, &values, &best.image, size, args.force)?;
    }
    let shape = Ellipse {
        centre: (found.x_asymmetry - 1.0, found.y_asymmetry - 1.0),
        a: 1.0,
        q: (1.0 - found.ellipticity).clamp(0.05, 1.0),
        theta: found.orientation,
    };
    let sigmas: Vec<f64> = variance.iter().map(|v| v.sqrt()).collect();
    let rings = profile(&Field::new(&values, size.0, &masked), shape, args.ring, &sigmas, args.beam);
    for place in fits.iter_mut().flat_map(|m| &mut m.parameters).filter(|p| matches!(p.name, "x" | "y")) {
        place.value += 1.0;
    }
    let file = args.input.display().to_string();
    let report = Report { file, pixels, indices: found, models: fits, profile: rings, warnings };
    if out.is_json() {
        return out.object(&report);
    }
    report.warnings.iter().for_each(|text| out.warn(text));
    for (name, value) in rows(&report.indices) {
        out.line(format!("{name:22} {value:.4}"))?;
    }
    if let Some(best) = report.models.first() {
        out.line(format!("\nmodel                  {}", best.kind.name()))?;
        for p in &best.parameters {
            out.line(said(p))?;
        }
        for other in &report.models[1..] {
            out.line(format!("{:22} BIC higher by {:.1}", other.kind.name(), other.bic - best.bic))?;
        }
    }
    Ok(())
}

/// A parameter with its sigma as a line of text.
fn said(p: &Estimate) -> String {
    let name = p.name.replace('_', " ");
    let number = |v: f64| if v.abs() >= 1e5 { format!("{v:.4e}") } else { format!("{v:.4}") };
    match p.sigma {
        Some(sigma) => format!("{name:22} {} +- {}", number(p.value), number(sigma)),
        None => format!("{name:22} {}", number(p.value)),
    }
}

fn psf(args: &Args) -> Result<Psf, Failure> {
    if let Some(path) = &args.psf_image {
        let (values, (width, height)) = read(path, None)?;
        let sum: f64 = values.iter().sum();
        if width % 2 == 0 || height % 2 == 0 || sum.is_nan() || sum <= 0.0 {
            let fault = format!("has {width} x {height} pixels with the sum {sum}; odd sides and a sum above 0 are wanted");
            return Err(Failure::in_file(path, fault));
        }
        return Ok(Psf::Image { width, values });
    }
    Ok(args.psf.map_or(Psf::None, |fwhm| Psf::Gaussian { fwhm }))
}

fn write_model(
    path: &Path,
    values: &[f64],
    model: &[f64],
    (width, height): (usize, usize),
    overwrite: bool,
) -> Result<(), Failure> {
    let mut writer = FitsWriter::create(path, Options { overwrite, checksum: true })?;
    let rest: Vec<f64> = values.iter().zip(model).map(|(v, m)| v - m).collect();
    for (name, plane) in [("IMAGE", values), ("MODEL", model), ("RESIDUAL", &rest)] {
        let mut header = Header::new();
        header.set("EXTNAME", name, "");
        let hdu = writer.add_image(&header, &[width, height], Bitpix::F64)?;
        writer.write_rect_f64(hdu, 0, Rect { x: 0, y: 0, width, height }, plane)?;
    }
    Ok(writer.finish()?)
}

/// What the flags mean.
const WARNINGS: [(u32, &str); 5] = [
    (flag::NO_SKY, "no empty sky next to the object; asymmetry and smoothness hold the noise's share"),
    (flag::SKY_NOT_SUBTRACTED, "the sky's mean is larger than its scatter; subtract it first"),
    (flag::CENTRE_DRIFTED, "the centre of least asymmetry is far from the centroid"),
    (flag::PETROSIAN, "a Petrosian radius is smaller than a pixel or larger than the image"),
    (flag::SEVERAL_REGIONS, "the Petrosian region has several parts; the brightest was taken for Gini and M20"),
];

fn rows(found: &Indices) -> [(&'static str, f64); 13] {
    [
        ("concentration", found.concentration),
        ("asymmetry", found.asymmetry),
        ("smoothness", found.smoothness),
        ("Gini", found.gini),
        ("M20", found.m20),
        ("centre x", found.x_asymmetry),
        ("centre y", found.y_asymmetry),
        ("ellipticity", found.ellipticity),
        ("orientation (deg)", found.orientation.to_degrees()),
        ("Petrosian radius", found.petrosian_circle),
        ("r20", found.r20),
        ("r50", found.r50),
        ("r80", found.r80),
    ]
}

fn read(path: &Path, hdu: Option<&HduChoice>) -> Result<(Vec<f64>, (usize, usize)), Failure> {
    let file = FitsFile::open(path)?;
    let image = file.image(find_hdu(&file, hdu)?)?;
    let (width, height) = (image.width(), image.height());
    let mut values = vec![0.0; width * height];
    image.read_f64(0, Rect { x: 0, y: 0, width, height }, &mut values)?;
    Ok((values, (width, height)))
}

/// The number, other than 0, of most pixels; the smallest of several.
fn largest(segments: &[i64]) -> Option<i64> {
    let mut counts = std::collections::BTreeMap::new();
    segments.iter().filter(|s| **s != 0).for_each(|s| *counts.entry(*s).or_insert(0usize) += 1);
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|(_, n)| *n == most).map(|(s, _)| s)
}
