//! `pogson view`: a picture of an image.

mod colour;
mod overlays;

use std::path::{Path, PathBuf};

use pogson_image::fits::{FitsFile, Image};
use pogson_image::wcs::Wcs;
use pogson_view::{Colormap, Limits, Rgb, Scaled, Stretch, png};
use serde::Serialize;

use crate::arguments::frame::FrameName;
use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::failure::Failure;
use crate::output::Output;

/// Make a PNG picture of an image, or of three as red, green and blue
///
/// The first row of the image lies at the bottom. Images larger than --size are averaged down, streamed by rows; limits
/// are those of the picture's pixels.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson view mosaic.fits -o mosaic.png
  pogson view mosaic.fits -o map.png --grid icrs --compass --scale-bar --size 1600
  pogson view mosaic.fits -o heat.png --stretch gaussian-log --limits=-1s,max --colormap heat
  pogson view --red K.fits --green H.fits --blue J.fits -o colour.png
  pogson view mosaic.fits -o stars.png --catalog stars.tbl --regions fields.reg --footprints raw/*.fits")]
pub struct Args {
    /// FITS image
    #[arg(required_unless_present = "red", conflicts_with = "red")]
    image: Option<PathBuf>,
    /// PNG to write
    #[arg(long, short)]
    output: PathBuf,
    /// Image shown in red, on one grid with the other two
    #[arg(long, value_name = "FITS", requires = "green", requires = "blue", help_heading = "Three colours")]
    red: Option<PathBuf>,
    /// Image shown in green
    #[arg(long, value_name = "FITS", requires = "red", help_heading = "Three colours")]
    green: Option<PathBuf>,
    /// Image shown in blue
    #[arg(long, value_name = "FITS", requires = "red", help_heading = "Three colours")]
    blue: Option<PathBuf>,
    /// How strongly bright sources are softened (Q of Lupton et al. 2004); without --stretch
    #[arg(long, value_name = "Q", default_value_t = 8.0, requires = "red", help_heading = "Three colours")]
    softening: f64,
    /// Do not scale bands to their limits; the stretch is linear over this range, in the images' units
    #[arg(long, value_name = "VALUE", requires = "red", conflicts_with = "stretch", help_heading = "Three colours")]
    linear_range: Option<f64>,
    /// Curve between the limits: linear, log, sqrt, power, asinh, sinh (each but linear and sqrt with a number, as
    /// asinh:0.05), equalise, gaussian, gaussian-log [default: asinh; of three colours Lupton's]
    #[arg(long)]
    stretch: Option<Stretch>,
    /// What is black and what white: zscale, minmax, a percentage kept such as 99.5%, or two of: a value, a percentile
    /// such as 1%, sigmas from the median such as 5s, min, max; a first word like -2s is joined on, --limits=-2s,max
    /// [default: -1.5s,99.7%]
    #[arg(long, num_args = 1..=2, value_names = ["LOW", "HIGH"], allow_negative_numbers = true)]
    limits: Option<Vec<String>>,
    /// Colours: grey, viridis, magma, inferno, heat, cool, rainbow, diverging
    #[arg(long, default_value = "grey", conflicts_with = "red")]
    colormap: Colormap,
    /// Turn the colours about
    #[arg(long, conflicts_with = "red")]
    invert: bool,
    /// Colour of undefined pixels, by name or #rrggbb
    #[arg(long, value_name = "COLOUR", value_parser = colour_of, default_value = "#1c2530")]
    nan: Rgb,
    /// Longest side of the picture in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1024)]
    size: usize,
    /// HDU to show: a number from 0, a name, or NAME,VERSION [default: the first image]
    #[arg(long)]
    hdu: Option<HduChoice>,
    /// Plane of a cube, from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    plane: usize,
    #[command(flatten)]
    overlays: overlays::OverlayArgs,
    /// Replace the output if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Report {
    output: String,
    width: usize,
    height: usize,
    /// Side of a picture's pixel in pixels of the image.
    factor: f64,
    stretch: String,
    /// Black and white of each band, in the image's units.
    limits: Vec<[f64; 2]>,
    #[serde(flatten)]
    overlays: overlays::Seen,
}

/// Makes the picture.
///
/// # Errors
/// No image, images of different sizes, overlays without coordinates, an output that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    if args.output.exists() && !args.force {
        let output = args.output.display();
        return Err(Failure::failed(format!("{output}: exists already; name another output, or --force to replace it")));
    }
    if args.size == 0 || args.size > 32_768 {
        return Err(Failure::usage(format!("--size {}: a picture has 1 to 32768 pixels a side", args.size)));
    }
    let limits = match &args.limits {
        None => Limits::SKY,
        Some(words) => words.join(" ").parse().map_err(|e: pogson_view::LimitsError| Failure::usage(e.to_string()))?,
    };
    let paths: Vec<&Path> = match &args.image {
        Some(path) => vec![path],
        None => [&args.red, &args.green, &args.blue].into_iter().flatten().map(PathBuf::as_path).collect(),
    };
    let files = paths.iter().map(|path| FitsFile::open(path)).collect::<Result<Vec<_>, _>>()?;
    let mut bands = Vec::new();
    for file in &files {
        out.go_on()?;
        let image = image_of(file, &args)?;
        bands.push((Scaled::from_image(&image, args.plane - 1, args.size)?, (image.width(), image.height())));
    }
    colour::same_grid(&files, &bands, &args, out)?;
    let made = colour::picture(&bands, limits, &args)?;
    let mut picture = made.picture;
    let overlays = if args.overlays.any() {
        let image = image_of(&files[0], &args)?;
        let wcs = Wcs::from_hdu(&files[0], image.hdu()).map_err(|e| Failure::in_file(paths[0], e))?;
        overlays::draw(&mut picture, &wcs, image.header(), bands[0].0.factor, &args.overlays, out)?
    } else {
        overlays::Seen::default()
    };
    png::write(&picture, &args.output)?;
    let report = Report {
        output: args.output.display().to_string(),
        width: picture.width(),
        height: picture.height(),
        factor: bands[0].0.factor,
        stretch: made.stretch,
        limits: made.limits,
        overlays,
    };
    if out.is_json() {
        return out.object(&report);
    }
    let ranges: Vec<String> = report.limits.iter().map(|[low, high]| format!("{low:.6} to {high:.6}")).collect();
    let (stretch, ranges) = (&report.stretch, ranges.join("; "));
    out.note(format!("{}: {} x {} pixels, {stretch}, {ranges}", report.output, report.width, report.height));
    Ok(())
}

fn image_of<'f>(file: &'f FitsFile, args: &Args) -> Result<Image<'f>, Failure> {
    let image = file.image(find_hdu(file, args.hdu.as_ref())?)?;
    if args.plane == 0 || args.plane > image.planes() {
        let fault = format!("--plane {}: the image has planes 1 to {}", args.plane, image.planes());
        return Err(Failure::in_file(file.path(), fault));
    }
    Ok(image)
}

/// A colour on the command line.
fn colour_of(text: &str) -> Result<Rgb, String> {
    Rgb::named(text).ok_or_else(|| format!("'{text}' is no colour; write a name such as cyan, or #rrggbb"))
}
