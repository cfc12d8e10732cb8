//! `pogson simulate`: survey tiles with known truth.

use std::path::{Path, PathBuf};

use pogson_image::fits::{Bitpix, FitsError, Header, ImageWriter, Options};
use pogson_image::sphere::SkyCoord;
use pogson_image::template;
use pogson_mosaic::simulate::star::Profile;
use pogson_mosaic::simulate::{Background, Field, Recipe};
use rayon::prelude::*;
use serde::Serialize;

use crate::arguments::angle::Angle;
use crate::arguments::frame::FrameName;
use crate::arguments::position::Position;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Make survey tiles with stars of known flux, a background of its own in each tile, and noise
///
/// Writes DIR/raw/*.fits, DIR/region.hdr (the field's own grid), DIR/truth_stars.txt (right ascension, declination FK5
/// J2000, flux) and DIR/truth_planes.txt. A flux is the sum of a star's pixel values times the pixel area in square
/// seconds of arc. The same seed gives the same bytes on every machine.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson simulate -o survey --size 0.3 --seed 1
  pogson simulate -o survey --size 1 --noise 4 --rotation-scatter 1 --frame galactic
  pogson simulate -o survey --size 0.5 --projection ZEA --tile 1024x1024 --scale 0.4 --fwhm 1.5 --moffat 3.5")]
pub struct Args {
    /// Folder to write into; made when missing
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Side of the field: degrees, or with m or s minutes or seconds of arc
    #[arg(long, default_value = "0.2")]
    size: Angle,
    /// Middle of the field, FK5 J2000: degrees or sexagesimal
    #[arg(long, value_name = "RA DEC", default_value = "274.7 -13.8", allow_hyphen_values = true)]
    center: Position,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Frame of the tiles: icrs, fk5, fk4, galactic, ecliptic, supergalactic
    #[arg(long, default_value = "fk5")]
    frame: FrameName,
    /// Projection of the tiles, by its three letters
    #[arg(long, default_value = "SIN", value_name = "CODE")]
    projection: String,
    /// Width and height of a tile, in pixels
    #[arg(long, default_value = "512x1024", value_name = "WxH", value_parser = parse_tile)]
    tile: (usize, usize),
    /// Side of a pixel, in seconds of arc
    #[arg(long, default_value_t = 1.0, value_name = "ARCSEC")]
    scale: f64,
    /// Rotation of the survey, in degrees
    #[arg(long, default_value_t = 0.0, value_name = "DEG", allow_hyphen_values = true)]
    rotation: f64,
    /// Standard deviation of the scans' rotations about it, in degrees
    #[arg(long, default_value_t = 0.004, value_name = "DEG")]
    rotation_scatter: f64,
    /// Stars in a square degree
    #[arg(long, default_value_t = 3000.0, value_name = "N")]
    stars: f64,
    /// Least and greatest flux of a star; log-uniform between
    #[arg(long, num_args = 2, value_names = ["LEAST", "GREATEST"], default_values_t = [1e3, 1e5])]
    flux: Vec<f64>,
    /// Full width at half maximum of a star, in pixels
    #[arg(long, default_value_t = 2.8, value_name = "PX")]
    fwhm: f64,
    /// Moffat profile with this exponent, rather than a Gaussian
    #[arg(long, value_name = "BETA")]
    moffat: Option<f64>,
    /// Mean background
    #[arg(long, default_value_t = 640.0, value_name = "DN", allow_hyphen_values = true)]
    level: f64,
    /// How the background differs between tiles
    #[arg(long, value_enum, default_value_t = BackgroundKind::Plane)]
    background: BackgroundKind,
    /// Standard deviation of the scans' levels
    #[arg(long, default_value_t = 3.0, value_name = "DN")]
    offset: f64,
    /// Standard deviation of the background's slopes, per pixel
    #[arg(long, default_value_t = 3e-3, value_name = "DN")]
    slope: f64,
    /// Standard deviation of the noise of a pixel
    #[arg(long, default_value_t = 0.0, value_name = "DN")]
    noise: f64,
    /// Standard deviation of the tiles' zero points (MAGZP)
    #[arg(long, default_value_t = 0.0, value_name = "MAG")]
    zero_point_scatter: f64,
    /// Fraction of hot pixels
    #[arg(long, default_value_t = 0.0, value_name = "FRACTION")]
    hot: f64,
    /// Fraction of pixels without a value
    #[arg(long, default_value_t = 0.0, value_name = "FRACTION")]
    nan: f64,
    /// Also write DIR/truth.fits: the field on its own grid, without noise, over the mean background
    #[arg(long)]
    truth_image: bool,
    /// Write into a folder that has tiles already; those of the same names are replaced
    #[arg(long)]
    force: bool,
}

#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum BackgroundKind {
    /// The same in all tiles
    Flat,
    /// A level of its own in each
    Level,
    /// A level and a slope of its own in each
    Plane,
}

fn parse_tile(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once(['x', 'X', ',']).map(|(w, h)| (w.trim().parse(), h.trim().parse()));
    match sides {
        Some((Ok(width), Ok(height))) => Ok((width, height)),
        _ => Err(format!("'{text}' is no size; write width and height in pixels, 512x1024")),
    }
}

#[derive(Serialize)]
struct Report {
    output: String,
    tiles: usize,
    stars: usize,
    /// Pixels of all tiles.
    pixels: usize,
    region: String,
    truth_stars: String,
    truth_planes: String,
    truth_image: Option<String>,
}

/// Draws and writes the survey.
///
/// # Errors
/// Numbers out of range (exit 2), a folder that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let field = Field::new(&recipe(&args)).map_err(|e| Failure::usage(e.to_string()))?;
    let dir = &args.output;
    let raw = dir.join("raw");
    if raw.exists() && !args.force {
        let fault = "holds tiles already; name another folder, or --force to replace tiles of the same names";
        return Err(Failure::failed(format!("{}: {fault}", dir.display())));
    }
    std::fs::create_dir_all(&raw).map_err(|e| Failure::io(&raw, &e))?;
    let region = dir.join("region.hdr");
    template::write(&region, &field.region, args.force)?;
    let (stars, planes) = (dir.join("truth_stars.txt"), dir.join("truth_planes.txt"));
    write_text(&stars, &field.stars_text())?;
    write_text(&planes, &field.planes_text())?;
    let (width, height) = field.recipe.tile;
    let pixels = field.tiles.len() * width * height;
    let progress = out.progress("drawing tiles", field.tiles.len() as u64, Unit::Tiles);
    field.tiles.par_iter().try_for_each(|tile| {
        out.go_on()?;
        let values = field.draw_tile(tile);
        let path = raw.join(&tile.name);
        write_image(&path, &tile.header, (width, height), &values, args.force)?;
        progress.add(1);
        Ok::<(), Failure>(())
    })?;
    drop(progress);
    let truth = args.truth_image.then(|| dir.join("truth.fits"));
    if let Some(path) = &truth {
        out.go_on()?;
        let side = field.side;
        write_image(path, &field.region, (side, side), &field.draw_truth(), args.force)?;
    }
    let text = |path: &Path| path.display().to_string();
    let report = Report {
        output: text(dir),
        tiles: field.tiles.len(),
        stars: field.stars.len(),
        pixels,
        region: text(&region),
        truth_stars: text(&stars),
        truth_planes: text(&planes),
        truth_image: truth.as_deref().map(text),
    };
    if out.is_json() {
        return out.object(&report);
    }
    let (tiles, stars, mpix) = (report.tiles, report.stars, pixels as f64 / 1e6);
    out.line(format!("{tiles} tiles, {mpix:.1} Mpix, {stars} stars in {}", raw.display()))
}

fn recipe(args: &Args) -> Recipe {
    let profile = match args.moffat {
        Some(beta) => Profile::Moffat { fwhm_px: args.fwhm, beta },
        None => Profile::Gaussian { fwhm_px: args.fwhm },
    };
    let background = match args.background {
        BackgroundKind::Flat => Background::Flat,
        BackgroundKind::Level => Background::Level { offset: args.offset },
        BackgroundKind::Plane => Background::Plane { offset: args.offset, slope: args.slope },
    };
    let [least, greatest] = args.flux[..] else { return Recipe::default() };
    Recipe {
        size_deg: args.size.deg,
        center: SkyCoord { lon_deg: args.center.lon_deg, lat_deg: args.center.lat_deg },
        frame: args.frame.0.clone(),
        projection: args.projection.to_ascii_uppercase(),
        tile: args.tile,
        scale_arcsec: args.scale,
        rotation_deg: args.rotation,
        rotation_scatter_deg: args.rotation_scatter,
        stars_per_deg2: args.stars,
        flux: (least, greatest),
        profile,
        level: args.level,
        background,
        noise: args.noise,
        zero_point_scatter_mag: args.zero_point_scatter,
        hot_fraction: args.hot,
        nan_fraction: args.nan,
        seed: args.seed,
    }
}

fn write_text(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|e| Failure::io(path, &e))
}

fn write_image(
    path: &Path,
    header: &Header,
    (width, height): (usize, usize),
    values: &[f32],
    overwrite: bool,
) -> Result<(), FitsError> {
    let mut header = header.clone();
    header.push_history(&format!("pogson {} simulate", env!("CARGO_PKG_VERSION")));
    let writer = ImageWriter::create(path, &header, &[width, height], Bitpix::F32, Options { overwrite, checksum: true })?;
    writer.write_rows_f32(0, 0, values)?;
    writer.finish()
}
