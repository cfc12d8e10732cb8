//! `pogson shrink`: a smaller copy of an image.

use std::path::PathBuf;

use pogson_image::fits::{FitsFile, Image, Options};
use pogson_image::wcs::Wcs;
use pogson_view::CellValue;
use pogson_view::shrink::shrink;
use serde::Serialize;

use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Make a smaller copy of an image, its coordinates adjusted
///
/// Blocks of pixels are averaged, which keeps surface brightness; --flux adds them up instead, which keeps the sum over
/// the image. Undefined pixels do not count. The image is streamed and may be larger than memory.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson shrink mosaic.fits -o small.fits --factor 8
  pogson shrink mosaic.fits -o small.fits --size 1000
  pogson shrink counts.fits -o coarse.fits --scale 4 --flux")]
pub struct Args {
    /// FITS image
    input: PathBuf,
    /// Image to write, of 32-bit floats
    #[arg(long, short)]
    output: PathBuf,
    /// Side of a block in pixels, at least 1, not necessarily whole
    #[arg(long, value_name = "N", required_unless_present_any = ["size", "scale"])]
    factor: Option<f64>,
    /// Longer side of the output in pixels
    #[arg(long, value_name = "PIXELS", conflicts_with_all = ["factor", "scale"])]
    size: Option<usize>,
    /// Side of the output's pixels in seconds of arc
    #[arg(long, value_name = "ARCSEC", conflicts_with = "factor")]
    scale: Option<f64>,
    /// Add pixels up instead of averaging them
    #[arg(long)]
    flux: bool,
    /// HDU to take: a number from 0, a name, or NAME,VERSION [default: the first image]
    #[arg(long)]
    hdu: Option<HduChoice>,
    /// Replace the output if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Report {
    output: String,
    factor: f64,
    width: usize,
    height: usize,
    conserves: &'static str,
}

/// Shrinks.
///
/// # Errors
/// No image, a factor below 1, a distortion by look-up table, an output that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file = FitsFile::open(&args.input)?;
    let image = file.image(find_hdu(&file, args.hdu.as_ref())?)?;
    let factor = factor(&args, &file, &image)?;
    let (value, conserves) = if args.flux {
        (CellValue::Sum, "sum over the image")
    } else {
        (CellValue::Mean, "surface brightness")
    };
    let history = [format!("pogson {} shrink: factor {factor}, conserves the {conserves}", env!("CARGO_PKG_VERSION"))];
    let total = (image.width() * image.height() * image.planes()) as u64;
    let progress = out.progress("shrinking", total, Unit::Pixels);
    let options = Options { overwrite: args.force, checksum: true };
    let (width, height) = shrink::<Failure>(&image, &args.output, (factor, value), &history, options, |done| {
        progress.add(done);
        out.go_on()
    })?;
    drop(progress);
    if out.is_json() {
        return out.object(&Report { output: args.output.display().to_string(), factor, width, height, conserves });
    }
    out.note(format!("{}: {width} x {height} pixels, {conserves} kept", args.output.display()));
    Ok(())
}

fn factor(args: &Args, file: &FitsFile, image: &Image<'_>) -> Result<f64, Failure> {
    if let Some(factor) = args.factor {
        return Ok(factor);
    }
    let longest = image.width().max(image.height());
    if let Some(size) = args.size {
        if size == 0 || size > longest {
            return Err(Failure::usage(format!("--size {size}: the image is {longest} pixels long; choose 1 to {longest}")));
        }
        return Ok(longest as f64 / size as f64);
    }
    let wcs = Wcs::from_hdu(file, image.hdu()).map_err(|e| Failure::in_file(&args.input, e))?;
    let side = wcs.pixel_side_deg().map(|side| side * 3600.0);
    match (args.scale, side) {
        (Some(scale), Some(side)) if scale >= side * (1.0 - 1e-9) => Ok((scale / side).max(1.0)),
        (Some(scale), Some(side)) => {
            Err(Failure::usage(format!("--scale {scale}: the image's own pixels have {side:.4}\"; choose at least that")))
        }
        _ => Err(Failure::in_file(&args.input, "its pixels have no defined size on the sky; use --factor")),
    }
}
