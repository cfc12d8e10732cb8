//! `pogson compare`: two images on one grid, and an image beside the truth.

use std::path::{Path, PathBuf};

use pogson_image::fits::{Bitpix, FitsFile, Image, ImageWriter, Options};
use pogson_image::wcs::Wcs;
use pogson_mosaic::compare::aperture::Aperture;
use pogson_mosaic::compare::residual::Residuals;
use pogson_mosaic::compare::score::{GroupScore, Score, StarResult};
use pogson_mosaic::compare::stars::{ListedStar, Quantity, Seams, measure_stars, parse_stars};
use pogson_mosaic::compare::{grid, images};
use rayon::prelude::*;
use serde::Serialize;

use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Compare two images on one grid: residuals, difference image, photometry of a star list
///
/// The difference is A - B, over the pixels where both have values. With --stars, each listed star is measured in both
/// images (or in A alone) by aperture photometry over a local background plane: fluxes are sums of pixel values times
/// pixel area in square seconds of arc, as for surface brightness; --flux takes plain sums.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson compare mosaic.fits reference.fits
  pogson compare mosaic.fits reference.fits -o difference.fits --json
  pogson compare mosaic.fits --stars survey/truth_stars.txt --tiles survey/raw")]
pub struct Args {
    /// First image
    a: PathBuf,
    /// Second image, on the same grid; may be left out with --stars
    #[arg(required_unless_present = "stars")]
    b: Option<PathBuf>,
    /// Difference image A - B to write
    #[arg(long, short, requires = "b")]
    output: Option<PathBuf>,
    /// Star list: right ascension, declination (FK5 J2000, degrees) and flux in each line
    #[arg(long, value_name = "LIST")]
    stars: Option<PathBuf>,
    /// Folder of the tiles that A was made of, so that stars near their edges are counted apart
    #[arg(long, value_name = "DIR", requires = "stars")]
    tiles: Option<PathBuf>,
    /// Pixel values are fluxes, not surface brightness
    #[arg(long, requires = "stars")]
    flux: bool,
    /// Radius of the aperture, in seconds of arc
    #[arg(long, default_value_t = 12.0, value_name = "ARCSEC")]
    aperture: f64,
    /// Inner and outer radius of the background ring, in seconds of arc
    #[arg(long, num_args = 2, value_names = ["INNER", "OUTER"], default_values_t = [14.0, 18.0])]
    ring: Vec<f64>,
    /// Radius within which the centre of light is taken, in seconds of arc
    #[arg(long, default_value_t = 6.0, value_name = "ARCSEC")]
    centroid: f64,
    /// Flux above which a star counts as bright
    #[arg(long, default_value_t = 1e4, value_name = "FLUX")]
    bright: f64,
    /// List each star in the JSON result
    #[arg(long, requires = "stars")]
    each: bool,
    /// HDU of both files: a number from 0, a name, or NAME,VERSION [default: the first image of each]
    #[arg(long)]
    hdu: Option<HduChoice>,
    /// Plane of both images, from 1
    #[arg(long, default_value_t = 1, value_name = "N")]
    plane: usize,
    /// Fail when the median absolute difference is larger
    #[arg(long, value_name = "VALUE", requires = "b")]
    tolerance: Option<f64>,
    /// Replace the difference image if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Report {
    a: String,
    b: Option<String>,
    /// Largest distance between both grids, in pixels; null when one has no coordinates.
    grid_offset_px: Option<f64>,
    residuals: Option<Residuals>,
    output: Option<String>,
    photometry: Option<Photometry>,
}

#[derive(Serialize)]
struct Photometry {
    a: Score,
    b: Option<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stars_a: Option<Vec<StarResult>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stars_b: Option<Vec<StarResult>>,
}

/// Compares.
///
/// # Errors
/// Images of different sizes, a list that is none, pixels that cannot be read; a difference above `--tolerance`.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file_a = FitsFile::open(&args.a)?;
    let image_a = file_a.image(find_hdu(&file_a, args.hdu.as_ref())?)?;
    let file_b = args.b.as_deref().map(FitsFile::open).transpose()?;
    let image_b = match &file_b {
        Some(file) => Some(file.image(find_hdu(file, args.hdu.as_ref())?)?),
        None => None,
    };
    check_planes(&args, &image_a)?;
    let mut report = Report {
        a: args.a.display().to_string(),
        b: args.b.as_ref().map(|path| path.display().to_string()),
        grid_offset_px: None,
        residuals: None,
        output: args.output.as_ref().map(|path| path.display().to_string()),
        photometry: None,
    };
    if let (Some(file_b), Some(image_b)) = (&file_b, &image_b) {
        check_planes(&args, image_b)?;
        check_sizes(&image_a, image_b)?;
        report.grid_offset_px = grid_offset(&file_a, &image_a, file_b, image_b, out);
        report.residuals = Some(residuals(&args, &image_a, image_b, out)?);
        if let Some(path) = &args.output {
            write_difference(&args, path, &image_a, image_b, out)?;
        }
    }
    if let Some(list) = &args.stars {
        report.photometry = Some(photometry(&args, list, (&file_a, &image_a), file_b.as_ref().zip(image_b.as_ref()))?);
    }
    if out.is_json() {
        out.object(&report)?;
    } else {
        show(&report, out)?;
    }
    match (args.tolerance, &report.residuals) {
        (Some(limit), Some(found)) if found.median_abs.is_nan() || found.median_abs > limit => {
            let median = found.median_abs;
            Err(Failure::failed(format!("the median absolute difference is {median}, above the {limit} of --tolerance")))
        }
        _ => Ok(()),
    }
}

fn check_planes(args: &Args, image: &Image<'_>) -> Result<(), Failure> {
    if (1..=image.planes()).contains(&args.plane) {
        return Ok(());
    }
    let fault = format!("--plane {}: the image has planes 1 to {}", args.plane, image.planes());
    Err(Failure::in_file(image.path(), fault))
}

fn check_sizes(a: &Image<'_>, b: &Image<'_>) -> Result<(), Failure> {
    if (a.width(), a.height()) == (b.width(), b.height()) {
        return Ok(());
    }
    let fault = format!(
        "{} x {} pixels, but {} has {} x {}; bring one to the other's grid with pogson reproject",
        a.width(),
        a.height(),
        b.path().display(),
        b.width(),
        b.height()
    );
    Err(Failure::in_file(a.path(), fault))
}

/// How far the grids lie apart; a warning when that is more than a hundredth of a pixel.
fn grid_offset(file_a: &FitsFile, a: &Image<'_>, file_b: &FitsFile, b: &Image<'_>, out: &Output) -> Option<f64> {
    let (wcs_a, wcs_b) = (Wcs::from_hdu(file_a, a.hdu()).ok()?, Wcs::from_hdu(file_b, b.hdu()).ok()?);
    let offset = grid::largest_offset_px(&wcs_a, &wcs_b, a.width(), a.height());
    if offset > 0.01 || offset.is_nan() {
        out.warn(format!("the grids of the two images lie up to {offset:.3} px apart; pixels are compared by their place in the files"));
    }
    Some(offset)
}

fn residuals(args: &Args, a: &Image<'_>, b: &Image<'_>, out: &Output) -> Result<Residuals, Failure> {
    let progress = out.progress("comparing", 2 * a.rect().area() as u64, Unit::Pixels);
    images::residuals(a, b, args.plane - 1, |done| {
        progress.add(done as u64);
        out.go_on()
    })
}

fn write_difference(args: &Args, path: &Path, a: &Image<'_>, b: &Image<'_>, out: &Output) -> Result<(), Failure> {
    let mut header = a.header().clone();
    header.push_history(&format!("pogson {} compare: difference of two images", env!("CARGO_PKG_VERSION")));
    let options = Options { overwrite: args.force, checksum: true };
    let writer = ImageWriter::create(path, &header, &[a.width(), a.height()], Bitpix::F32, options)?;
    images::blocks(a.width(), a.height()).par_iter().try_for_each(|rect| {
        out.go_on()?;
        let (mut left, right) = images::pair(a, b, args.plane - 1, *rect)?;
        left.iter_mut().zip(&right).for_each(|(a, b)| *a -= b);
        Ok::<(), Failure>(writer.write_rect_f32(0, *rect, &left)?)
    })?;
    Ok(writer.finish()?)
}

fn photometry(
    args: &Args,
    list: &Path,
    a: (&FitsFile, &Image<'_>),
    b: Option<(&FitsFile, &Image<'_>)>,
) -> Result<Photometry, Failure> {
    let text = std::fs::read_to_string(list).map_err(|e| Failure::io(list, &e))?;
    let stars = parse_stars(&text).map_err(|e| Failure::in_file(list, e))?;
    let seams = args.tiles.as_deref().map(read_seams).transpose()?.unwrap_or_default();
    let stars_a = measure(args, a, &stars, &seams)?;
    let stars_b = b.map(|b| measure(args, b, &stars, &seams)).transpose()?;
    Ok(Photometry {
        a: Score::of(&stars_a, args.bright),
        b: stars_b.as_deref().map(|stars| Score::of(stars, args.bright)),
        stars_a: args.each.then_some(stars_a),
        stars_b: stars_b.filter(|_| args.each),
    })
}

fn measure(
    args: &Args,
    (file, image): (&FitsFile, &Image<'_>),
    stars: &[ListedStar],
    seams: &Seams,
) -> Result<Vec<StarResult>, Failure> {
    let wcs = Wcs::from_hdu(file, image.hdu()).map_err(|e| Failure::in_file(file.path(), e))?;
    let [inner, outer] = args.ring[..] else { return Err(Failure::usage("--ring needs two radii")) };
    let aperture =
        Aperture { radius_arcsec: args.aperture, ring_arcsec: (inner, outer), centroid_arcsec: args.centroid };
    if !(args.aperture > 0.0 && args.centroid > 0.0 && inner >= 0.0 && outer > inner) {
        return Err(Failure::usage("--aperture and --centroid have to be above 0, and --ring two growing radii"));
    }
    let quantity = if args.flux { Quantity::Flux } else { Quantity::SurfaceBrightness };
    Ok(measure_stars(image, &wcs, stars, &aperture, quantity, seams)?)
}

/// Borders of all FITS images in a folder.
fn read_seams(dir: &Path) -> Result<Seams, Failure> {
    let entries = std::fs::read_dir(dir).map_err(|e| Failure::io(dir, &e))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Failure::io(dir, &e))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if [".fits", ".fit", ".fits.gz", ".fits.fz"].iter().any(|end| name.ends_with(end)) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut seams = Seams::default();
    for path in &paths {
        let file = FitsFile::open(path)?;
        let image = file.first_image()?;
        let wcs = Wcs::from_hdu(&file, image.hdu()).map_err(|e| Failure::in_file(path, e))?;
        seams.add(wcs, image.width(), image.height());
    }
    Ok(seams)
}

fn show(report: &Report, out: &Output) -> Result<(), Failure> {
    if let Some(found) = &report.residuals {
        out.line(format!(
            "pixels {} in both, {} only in A, {} only in B, {} equal",
            found.pixels, found.only_a, found.only_b, found.equal
        ))?;
        out.line(format!(
            "A - B   median {:.6}  mean {:.6}  rms {:.6}  max {:.6}",
            found.median, found.mean, found.rms, found.max_abs
        ))?;
        out.line(format!(
            "|A - B| median {:.6}  95 % {:.6}  99 % {:.6}",
            found.median_abs, found.p95_abs, found.p99_abs
        ))?;
    }
    if let Some(photometry) = &report.photometry {
        show_score(&report.a, &photometry.a, out)?;
        if let (Some(name), Some(score)) = (&report.b, &photometry.b) {
            show_score(name, score, out)?;
        }
    }
    Ok(())
}

fn show_score(name: &str, score: &Score, out: &Output) -> Result<(), Failure> {
    let (stars, rms, with_plane) = (score.stars, score.background_rms, score.background_rms_with_plane);
    out.line(format!("{name}: {stars} stars, background rms {rms:.4} after a plane ({with_plane:.4} before)"))?;
    let groups = [
        ("all", &score.all),
        ("bright", &score.bright),
        ("bright, at seams", &score.bright_seam),
        ("bright, elsewhere", &score.bright_other),
    ];
    for (name, group) in groups {
        if let Some(group) = group {
            out.line(group_line(name, group))?;
        }
    }
    Ok(())
}

fn group_line(name: &str, group: &GroupScore) -> String {
    format!(
        "  {name:18} {:6}  flux median {:+.4} % rms {:.4} % max {:.4} %   centre rms {:.5} px max {:.5} px",
        group.n, group.flux_median, group.flux_rms, group.flux_max, group.centroid_rms, group.centroid_max
    )
}
