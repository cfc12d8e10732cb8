//! `pogson morphology`: the shape of an object in an image.

use std::path::{Path, PathBuf};

use pogson_cube::morphology::{Indices, flag, indices, segment};
use pogson_image::fits::{FitsFile, Rect};
use serde::Serialize;

use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::failure::Failure;
use crate::output::Output;

/// Measure the shape of an object: concentration, asymmetry, smoothness, Gini, M20
///
/// The image's sky has to be subtracted. Without --segments the object is what stands out of the sky by 1.5 sigma after
/// light smoothing, the brightest region of it. Lengths are in pixels, places are counted from 1 as in FITS.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson morphology galaxy.fits
  pogson morphology galaxy.fits --segments seg.fits --label 3 --mask stars.fits --json
  pogson morphology maps/m_star.fits --exponent")]
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
    warnings: Vec<&'static str>,
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
    let warnings: Vec<&str> = WARNINGS.iter().filter(|(bit, _)| found.flags & bit != 0).map(|(_, text)| *text).collect();
    let report = Report { file: args.input.display().to_string(), pixels, indices: found, warnings };
    if out.is_json() {
        return out.object(&report);
    }
    report.warnings.iter().for_each(|text| out.warn(text));
    for (name, value) in rows(&report.indices) {
        out.line(format!("{name:22} {value:.4}"))?;
    }
    Ok(())
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
