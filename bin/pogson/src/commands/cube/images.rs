//! What is said of each image on the command line, as FILE=VALUE.

use std::path::{Path, PathBuf};

use pogson_cube::band::{named, recognise};
use pogson_cube::build::Matching;
use pogson_cube::input::{ImageSpec, PsfChoice, SkyModel, Uncertainty, read_table};
use pogson_image::fits::FitsFile;

use crate::failure::Failure;

/// Endings of images in folders.
const ENDINGS: [&str; 6] = [".fits", ".fit", ".fts", ".fits.gz", ".fits.fz", ".fit.gz"];

/// What is said of images.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Images")]
pub struct ImageArgs {
    /// Table of images and what is to be known of them (TOML or CSV)
    #[arg(long, value_name = "TABLE")]
    bands: Option<PathBuf>,
    /// Band of a file, as SDSS_r [default: from its header or name]
    #[arg(long, value_name = "FILE=NAME")]
    band: Vec<String>,
    /// Unit of a file's pixels, as Jy/pixel, MJy/sr, nanomaggy [default: from its header]
    #[arg(long, value_name = "FILE=UNIT")]
    unit: Vec<String>,
    /// AB magnitude of a pixel value of 1
    #[arg(long, value_name = "FILE=MAG")]
    zero_point: Vec<String>,
    /// Point spread function of a file or band: FWHM in arcseconds, moffat:FWHM,BETA, or a FITS image; without FILE= what all
    /// are brought to: an FWHM, coarsest, or none [default: each as its stars or survey have it, all to the coarsest]
    #[arg(long, value_name = "[FILE=]PSF")]
    psf: Vec<String>,
    /// FWHM that all bands are brought to, arcseconds; the same as --psf ARCSEC
    #[arg(long, value_name = "ARCSEC")]
    fwhm: Option<f64>,
    /// Map of standard deviations in a file's own unit
    #[arg(long, value_name = "FILE=MAP")]
    sigma: Vec<String>,
    /// Map of variances
    #[arg(long, value_name = "FILE=MAP")]
    variance: Vec<String>,
    /// Map of inverse variances; 0 marks bad pixels
    #[arg(long, value_name = "FILE=MAP")]
    weight: Vec<String>,
    /// Mask: pixels other than 0 are bad
    #[arg(long, value_name = "FILE=MAP")]
    mask: Vec<String>,
    /// Electrons or photons of a pixel value of 1
    #[arg(long, value_name = "FILE=GAIN")]
    gain: Vec<String>,
    /// How the sky is subtracted, of one file or all: constant, plane, none [default: constant]
    #[arg(long, value_name = "[FILE=]HOW")]
    sky: Vec<String>,
}

impl ImageArgs {
    /// The images with all that is said of them, the sky of the rest, and what point spread functions are brought to.
    ///
    /// # Errors
    /// No images, tables that cannot be read, words that mean no image or make no sense.
    pub fn specs(&self, images: &[PathBuf]) -> Result<(Vec<ImageSpec>, SkyModel, Matching), Failure> {
        let mut specs = match &self.bands {
            Some(path) => read_table(path).map_err(|e| Failure::bad_input(e.to_string()))?,
            None => Vec::new(),
        };
        for path in expanded(images)? {
            if !specs.iter().any(|spec| spec.path == path) {
                specs.push(ImageSpec::new(path));
            }
        }
        if specs.is_empty() {
            return Err(Failure::usage("no images are given; name FITS files, a folder, or a table by --bands"));
        }
        let mut matching = self.fwhm.map_or(Matching::Coarsest, Matching::Gaussian);
        let mut sky = SkyModel::Constant;
        let each = [
            (&self.band, "--band"),
            (&self.unit, "--unit"),
            (&self.zero_point, "--zero-point"),
            (&self.psf, "--psf"),
            (&self.sigma, "--sigma"),
            (&self.variance, "--variance"),
            (&self.weight, "--weight"),
            (&self.mask, "--mask"),
            (&self.gain, "--gain"),
            (&self.sky, "--sky"),
        ];
        for (texts, flag) in each {
            for text in texts {
                let usage = |problem: String| Failure::usage(format!("{flag} {text}: {problem}"));
                // The last '=' divides, for names may hold one.
                let Some((word, value)) = text.rsplit_once('=') else {
                    match flag {
                        "--psf" => matching = target(text).map_err(usage)?,
                        "--sky" => sky = text.parse().map_err(usage)?,
                        _ => return Err(usage("write FILE=VALUE".into())),
                    }
                    continue;
                };
                let at = which(&specs, word).map_err(usage)?;
                say(&mut specs[at], flag, value).map_err(usage)?;
            }
        }
        Ok((specs, sky, matching))
    }
}

fn target(text: &str) -> Result<Matching, String> {
    match text {
        "coarsest" => Ok(Matching::Coarsest),
        "none" => Ok(Matching::Off),
        _ => match text.trim_end_matches('"').parse::<f64>() {
            Ok(fwhm) if fwhm > 0.0 && fwhm.is_finite() => Ok(Matching::Gaussian(fwhm)),
            _ => Err("write an FWHM in arcseconds, coarsest or none for all, or FILE=PSF for one".into()),
        },
    }
}

/// The image that a word means.
fn which(specs: &[ImageSpec], word: &str) -> Result<usize, String> {
    let by_name: Vec<usize> = (0..specs.len()).filter(|&k| specs[k].is_called(word)).collect();
    match by_name.as_slice() {
        [one] => return Ok(*one),
        [] => {}
        many => return Err(format!("'{word}' is the name of {} images; give the path", many.len())),
    }
    if let Some(band) = named(word) {
        let shows = |spec: &ImageSpec| match &spec.band {
            Some(name) => named(name).is_some_and(|b| b.name == band.name),
            None => first_header(&spec.path)
                .and_then(|header| recognise(&header, &spec.file_name()))
                .is_some_and(|(b, _)| b.name == band.name),
        };
        let by_band: Vec<usize> = (0..specs.len()).filter(|&k| shows(&specs[k])).collect();
        if let [one] = by_band.as_slice() {
            return Ok(*one);
        }
    }
    let names: Vec<String> = specs.iter().map(ImageSpec::file_name).collect();
    Err(format!("'{word}' is none of the images ({})", names.join(", ")))
}

fn first_header(path: &Path) -> Option<pogson_image::fits::Header> {
    let file = FitsFile::open(path).ok()?;
    let hdu = file.hdus().iter().find(|hdu| hdu.image_dimensions() >= 2)?;
    Some(hdu.header().clone())
}

fn say(spec: &mut ImageSpec, flag: &str, value: &str) -> Result<(), String> {
    let number = || value.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| format!("'{value}' is no number"));
    match flag {
        "--band" => spec.band = Some(value.to_owned()),
        "--unit" => spec.unit = Some(value.to_owned()),
        "--zero-point" => spec.zero_point = Some(number()?),
        "--psf" => spec.psf = Some(value.parse::<PsfChoice>()?),
        "--sigma" => spec.uncertainty = Some(Uncertainty::Sigma(value.into())),
        "--variance" => spec.uncertainty = Some(Uncertainty::Variance(value.into())),
        "--weight" => spec.uncertainty = Some(Uncertainty::Weight(value.into())),
        "--mask" => spec.mask = Some(value.into()),
        "--gain" => {
            let gain = number()?;
            if gain <= 0.0 {
                return Err("a gain is above 0".into());
            }
            spec.gain = Some(gain);
        }
        _ => spec.sky = Some(value.parse::<SkyModel>()?),
    }
    Ok(())
}

/// Files, and the FITS files of folders in the order of their names.
fn expanded(images: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut out = Vec::new();
    for path in images {
        if !path.is_dir() {
            out.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|e| Failure::io(path, &e))? {
            let file = entry.map_err(|e| Failure::io(path, &e))?.path();
            let name = file.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
            if !name.starts_with('.') && ENDINGS.iter().any(|e| name.ends_with(e)) && file.is_file() {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(Failure::bad_input(format!("{}: holds no FITS file", path.display())));
        }
        found.sort();
        out.extend(found);
    }
    Ok(out)
}
