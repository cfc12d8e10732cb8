//! `pogson cube`: images of many bands to one cube.

pub mod bin;
mod images;
mod page;
mod profile;
mod sum;

use std::path::PathBuf;

use pogson_cube::build::{Matching, Reddening, Request, build};
use pogson_cube::cube::{Brightness, Saving};
use pogson_cube::extinction::Law;
use pogson_cube::grid::GridChoice;
use pogson_cube::input::SkyModel;

use crate::arguments::position::Position;
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::Progress;

/// Bring images of many bands to one grid, one resolution and one unit
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
FILE in --band, --unit and the like is a file's path, its name with or without ending, or the band that it shows. Maps are FITS \
files of the image's size, or [NAME] for an extension of its own file. --bands reads the same from a table: [[image]] with \
file, hdu, band, wavelength, unit, zero_point, psf, sigma, variance, weight, mask, gain, floor, sky, extinction in TOML, or \
columns of these names in CSV.

Examples:
  pogson cube ic494/*.fits.gz -o ic494.fits --ebv 0.025 --report ic494.html
  pogson cube ngc5584/ -o ngc5584.fits --min-bands 4 --sky plane
  pogson cube u.fits r.fits w1.fits -o cube.fits --band u.fits=SDSS_u --psf r.fits=moffat:1.2,3.5 --psf 12 --min-bands 3
  pogson cube --bands bands.toml -o flux.fits --sigma-file sigma.fits --center \"121.6 1.03\" --size 0.05 --scale 3
  pogson cube r.fits j.fits w1.fits -o cube.fits --min-bands 3 --bin voronoi:20")]
pub struct Args {
    #[command(subcommand)]
    then: Option<Then>,
    /// Images of one band each, or folders of them
    #[arg(value_name = "BAND.fits")]
    images: Vec<PathBuf>,
    /// The cube
    #[arg(short, long, value_name = "CUBE.fits", required = true)]
    output: Option<PathBuf>,
    #[command(flatten)]
    what: images::ImageArgs,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    to: OutputArgs,
}

/// What is done with a cube that is made.
#[derive(clap::Subcommand, Debug)]
enum Then {
    Bin(bin::Args),
    Sum(sum::Args),
    Profile(profile::Args),
}

/// The grid, and what is done to the light.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Making")]
struct HowArgs {
    /// Centre, degrees or sexagesimal [default: the object that is found, or the middle of the common field]
    #[arg(long, value_name = "RA DEC", allow_hyphen_values = true)]
    center: Option<Position>,
    /// Side in degrees, or width and height: "0.1" or "0.2x0.1" [default: twice as far as the object reaches]
    #[arg(long, value_name = "DEG")]
    size: Option<String>,
    /// Pixel side in arcseconds [default: a third of the common FWHM]
    #[arg(long, value_name = "ARCSEC")]
    scale: Option<f64>,
    /// Galactic reddening E(B-V), magnitudes
    #[arg(long, value_name = "MAG", default_value_t = 0.0, allow_hyphen_values = true)]
    ebv: f64,
    /// A(V) / E(B-V)
    #[arg(long, value_name = "RATIO", default_value_t = 3.1)]
    rv: f64,
    /// Law of Galactic extinction
    #[arg(long, value_name = "LAW", value_enum, default_value_t = LawName::F99)]
    law: LawName,
    /// Take the extinction through the filters, for light of constant f_nu, rather than at their wavelengths
    #[arg(long)]
    through_filters: bool,
    /// Leave the calibration's uncertainty out of the uncertainties
    #[arg(long)]
    no_floors: bool,
    /// Do not look for stars to mask
    #[arg(long)]
    no_stars: bool,
    /// DS9 regions whose pixels are masked
    #[arg(long, value_name = "FILE.reg")]
    regions: Vec<PathBuf>,
    /// Table of stars to mask: columns ra, dec (degrees) and perhaps radius (arcseconds)
    #[arg(long, value_name = "STARS.csv")]
    catalogue: Vec<PathBuf>,
    /// Bands that a usable pixel needs
    #[arg(long, value_name = "N", default_value_t = 6)]
    min_bands: usize,
    /// Least significance of a usable pixel: the sum over bands of flux over uncertainty, over the root of their number; 0
    /// keeps pixels of sky too
    #[arg(long, value_name = "RATIO", default_value_t = 3.0)]
    min_snr: f64,
    /// Mask all outside the object too
    #[arg(long)]
    object_only: bool,
    /// Put pixels together in bins of this signal-to-noise ratio: voronoi:20 or hexagon:20
    #[arg(long, value_name = "HOW:RATIO")]
    bin: Option<bin::Choice>,
    /// Band whose ratio counts for --bin [default: the middle one of all]
    #[arg(long, value_name = "NAME", requires = "bin")]
    bin_band: Option<String>,
}

/// The files that are written.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Outputs")]
struct OutputArgs {
    /// A second file for the uncertainties [default: beside the fluxes]
    #[arg(long, value_name = "SIGMA.fits")]
    sigma_file: Option<PathBuf>,
    /// Unit of the layers
    #[arg(long, value_enum, default_value_t = UnitName::Pixel, value_name = "jy/pixel|jy/arcsec2")]
    bunit: UnitName,
    /// The object's name
    #[arg(long, default_value = "")]
    name: String,
    /// The object's redshift, kept for the fit
    #[arg(long, value_name = "Z")]
    redshift: Option<f64>,
    /// Page with pictures and figures of each band
    #[arg(long, value_name = "R.html")]
    report: Option<PathBuf>,
    /// Replace outputs that exist
    #[arg(long)]
    force: bool,
}

/// Names of [`Law`].
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum LawName {
    /// Cardelli, Clayton & Mathis 1989
    Ccm89,
    /// The same with O'Donnell's optical part of 1994
    Odonnell94,
    /// Fitzpatrick 1999
    F99,
}

/// Names of [`Brightness`].
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum UnitName {
    /// Jy in each pixel
    #[value(name = "jy/pixel")]
    Pixel,
    /// Jy per square arcsecond
    #[value(name = "jy/arcsec2")]
    Arcsec2,
}

/// Makes a cube.
///
/// # Errors
/// Images that cannot be used, requests that make no sense, outputs that cannot be written.
pub fn run(mut args: Args, out: &Output) -> Result<(), Failure> {
    match args.then.take() {
        Some(Then::Bin(args)) => return bin::run(args, out),
        Some(Then::Sum(args)) => return sum::run(args, out),
        Some(Then::Profile(args)) => return profile::run(args, out),
        None => {}
    }
    let output = args.output.clone().ok_or_else(|| Failure::usage("no output is given; name one by -o CUBE.fits"))?;
    let (specs, sky, matching) = args.what.specs(&args.images)?;
    let request = args.request(specs, sky, matching)?;
    refuse_existing(&args, &output)?;
    let watch = Progress::new(out);
    let (mut cube, mut report) = build(&request, &watch)?;
    let brightness = match args.to.bunit {
        UnitName::Pixel => Brightness::JyPerPixel,
        UnitName::Arcsec2 => Brightness::JyPerArcsec2,
    };
    let saving = Saving { brightness, sigma_file: args.to.sigma_file.as_deref(), overwrite: args.to.force };
    let binned = match &args.how.bin {
        Some(choice) => Some(bin::apply(&mut cube, *choice, args.how.bin_band.as_deref())?),
        None => None,
    };
    report.usable = cube.usable().len();
    if let Some(path) = &args.to.report {
        page::write(path, &output, &cube, &report)?;
    }
    cube.save(&output, &saving)?;
    if out.is_json() {
        return out.object(&serde_json::json!({ "output": output, "report": report, "bins": binned }));
    }
    out.line(format!(
        "{}: {} bands, {} x {} pixels of {}\", {} usable",
        output.display(),
        cube.layers.len(),
        cube.width,
        cube.height,
        report.pixel_arcsec,
        report.usable
    ))?;
    for band in &report.bands {
        out.line(format!(
            "  {:10} {:9.4} um  FWHM {:6.2}\" ({})  object {:.4e} Jy",
            band.band, band.wavelength_um, band.fwhm_arcsec, band.fwhm_source, band.object_jy
        ))?;
    }
    Ok(())
}

/// Long work shall not end in a file that may not be replaced.
fn refuse_existing(args: &Args, output: &PathBuf) -> Result<(), Failure> {
    let outputs = [Some(output), args.to.sigma_file.as_ref(), args.to.report.as_ref()];
    if let Some(path) = outputs.into_iter().flatten().find(|path| !args.to.force && path.exists()) {
        return Err(Failure::failed(format!("{}: exists already; give --force to replace it", path.display())));
    }
    if args.to.sigma_file.as_ref() == Some(output) {
        return Err(Failure::usage("--sigma-file is the same file as --output; name another"));
    }
    if let Some(sigma) = &args.to.sigma_file
        && sigma.parent().unwrap_or(sigma) != output.parent().unwrap_or(output)
    {
        return Err(Failure::usage("--sigma-file has to be in the folder of --output, where it will be looked for"));
    }
    Ok(())
}

impl Args {
    fn request(
        &self,
        images: Vec<pogson_cube::input::ImageSpec>,
        sky: SkyModel,
        matching: Matching,
    ) -> Result<Request, Failure> {
        let how = &self.how;
        let number = |part: &str| part.trim().parse::<f64>().ok().filter(|v| *v > 0.0 && *v <= 60.0);
        let size_deg = match how.size.as_deref() {
            None => None,
            Some(text) => {
                let sides = match text.split_once(['x', 'X']) {
                    Some((w, h)) => number(w).zip(number(h)),
                    None => number(text).map(|side| (side, side)),
                };
                Some(sides.ok_or_else(|| {
                    Failure::usage(format!("--size {text}: give degrees from 0 to 60, as \"0.1\" or \"0.2x0.1\""))
                })?)
            }
        };
        if let Some(scale) = how.scale.filter(|s| !(*s > 0.0 && s.is_finite())) {
            return Err(Failure::usage(format!("--scale {scale}: give arcseconds above 0")));
        }
        if let Some(z) = self.to.redshift.filter(|z| !(*z > -0.01 && *z < 20.0)) {
            return Err(Failure::usage(format!("--redshift {z}: give one from 0 to 20")));
        }
        let law = match how.law {
            LawName::Ccm89 => Law::Ccm89,
            LawName::Odonnell94 => Law::ODonnell94,
            LawName::F99 => Law::Fitzpatrick99,
        };
        Ok(Request {
            grid: GridChoice {
                center: how.center.map(|p| (p.lon_deg, p.lat_deg)),
                size_deg,
                scale_arcsec: how.scale,
            },
            matching,
            sky,
            reddening: Reddening { ebv: how.ebv, r_v: how.rv, law, through_filter: how.through_filters },
            floors: !how.no_floors,
            stars: !how.no_stars,
            regions: how.regions.clone(),
            catalogues: how.catalogue.clone(),
            min_bands: how.min_bands,
            object_only: how.object_only,
            min_snr: how.min_snr,
            name: self.to.name.clone(),
            redshift: self.to.redshift,
            ..Request::new(images)
        })
    }
}
