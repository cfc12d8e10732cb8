//! `pogson cutout`: a part of an image as an image of its own.

use std::path::PathBuf;

use pogson_image::cutout::Cutout;
use pogson_image::fits::{FitsFile, FitsWriter, Image, Options};
use pogson_image::sphere::{Frame, SkyCoord};
use pogson_image::wcs::Wcs;
use serde::Serialize;

use crate::arguments::angle::Angle;
use crate::arguments::frame::FrameName;
use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::arguments::position::Position;
use crate::arguments::section::Section;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Cut a part out of an image, by sky position and size or by pixels
///
/// Pixels keep their stored values and type, every plane of a cube its place; the coordinates move along, distortion
/// included. Read and written by blocks, so the image may be larger than memory.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson cutout mosaic.fits -o m17.fits --center \"18:20:47 -16:10:18\" --size 10m
  pogson cutout mosaic.fits -o m17.fits --center \"15.05 -0.69\" --frame galactic --size \"0.2 0.1\"
  pogson cutout cube.fits -o part.fits --pixels 101:200,51:150 --plane 3")]
pub struct Args {
    /// FITS image
    input: PathBuf,
    /// Cutout to write
    #[arg(long, short)]
    output: PathBuf,
    /// Middle of the cutout: degrees or sexagesimal
    #[arg(long, value_name = "RA DEC", requires = "size", conflicts_with = "pixels", allow_hyphen_values = true)]
    center: Option<Position>,
    /// Side of the cutout, or width and height: degrees, or with m or s minutes or seconds of arc
    #[arg(long, value_name = "ANGLE", requires = "center")]
    size: Option<String>,
    /// Frame of the position
    #[arg(long, default_value = "icrs")]
    frame: FrameName,
    /// Pixels, 1-based and inclusive: X1:X2,Y1:Y2; * is a whole axis
    #[arg(long, value_name = "SECTION", required_unless_present = "center", allow_hyphen_values = true)]
    pixels: Option<Section>,
    /// Only this plane of a cube, from 1
    #[arg(long, value_name = "N")]
    plane: Option<usize>,
    /// HDU to cut from: a number from 0, a name, or NAME,VERSION [default: the first image]
    #[arg(long)]
    hdu: Option<HduChoice>,
    /// Replace the output if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Report {
    output: String,
    /// First and last column, first and last row, 1-based.
    pixels: [usize; 4],
    axes: Vec<usize>,
    clipped: bool,
}

/// Cuts.
///
/// # Errors
/// No image, no coordinates, nothing of the cutout within the image, an output that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file = FitsFile::open(&args.input)?;
    let index = find_hdu(&file, args.hdu.as_ref())?;
    let image = file.image(index)?;
    let section = match (args.pixels, args.center) {
        (Some(section), _) => section,
        (None, Some(center)) => sky_section(&args, &file, &image, center)?,
        (None, None) => return Err(Failure::usage("say which part is wanted: --center and --size, or --pixels")),
    };
    let (width, height) = (image.width(), image.height());
    let Some(rect) = section.within(width, height) else {
        let fault = format!("no pixel of the cutout lies within the image of {width} x {height}; choose another place");
        return Err(Failure::in_file(&args.input, fault));
    };
    let clipped = !section.fits_in(width, height);
    if clipped {
        out.warn(format!("{}: the cutout reaches beyond the image and is cut there", args.input.display()));
    }
    let cutout = Cutout { rect, planes: planes(&args, &image)? };
    let pixels = [rect.x + 1, rect.x + rect.width, rect.y + 1, rect.y + rect.height];
    let mut header = cutout.header(&image);
    let [x1, x2, y1, y2] = pixels;
    header.push_history(&format!("pogson {} cutout: pixels {x1}:{x2},{y1}:{y2}", env!("CARGO_PKG_VERSION")));
    let mut writer = FitsWriter::create(&args.output, Options { overwrite: args.force, checksum: true })?;
    let progress = out.progress("cutting", (rect.area() * cutout.planes.len()) as u64, Unit::Pixels);
    cutout.copy::<Failure>(&file, &image, &header, &mut writer, |done| {
        progress.add(done as u64);
        out.go_on()
    })?;
    writer.finish()?;
    drop(progress);
    let axes = cutout.axes(&image);
    if out.is_json() {
        return out.object(&Report { output: args.output.display().to_string(), pixels, axes, clipped });
    }
    out.note(format!("{}: {} x {} pixels", args.output.display(), rect.width, rect.height));
    Ok(())
}

fn planes(args: &Args, image: &Image<'_>) -> Result<std::ops::Range<usize>, Failure> {
    match args.plane {
        None => Ok(0..image.planes()),
        Some(plane) if (1..=image.planes()).contains(&plane) => Ok(plane - 1..plane),
        Some(plane) => {
            Err(Failure::in_file(&args.input, format!("--plane {plane}: the image has planes 1 to {}", image.planes())))
        }
    }
}

/// The pixels around a position.
fn sky_section(args: &Args, file: &FitsFile, image: &Image<'_>, center: Position) -> Result<Section, Failure> {
    let wcs = Wcs::from_hdu(file, image.hdu()).map_err(|e| Failure::in_file(&args.input, e))?;
    let (size_x, size_y) = sides(args.size.as_deref().unwrap_or_default())?;
    let frame: &Frame = &args.frame.0;
    let place = SkyCoord { lon_deg: center.lon_deg, lat_deg: center.lat_deg };
    let found = wcs.sky_to_pix(frame.convert_one(wcs.frame(), place));
    let scaled = found.and_then(|(x, y)| Some(((x, y), wcs.pixel_scales_deg(x, y)?)));
    let Some(((x, y), (scale_x, scale_y))) = scaled else {
        let (lon, lat) = (center.lon_deg, center.lat_deg);
        let fault = format!("its coordinates do not reach {lon} {lat}; choose another position");
        return Err(Failure::in_file(&args.input, fault));
    };
    let range = |middle: f64, size: f64| {
        // As many whole pixels as the size asks for, placed as near to the middle as they can be.
        let count = size.round().max(1.0);
        let first = (middle - 0.5 * (count - 1.0)).round();
        (first as i64, (first + count) as i64)
    };
    Ok(Section::of_ranges(range(x, size_x / scale_x), range(y, size_y / scale_y)))
}

/// One side, or width and height, in degrees.
fn sides(text: &str) -> Result<(f64, f64), Failure> {
    let angles: Result<Vec<Angle>, String> =
        text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::parse).collect();
    match angles.map_err(Failure::usage)?.as_slice() {
        [side] if side.deg > 0.0 => Ok((side.deg, side.deg)),
        [width, height] if width.deg > 0.0 && height.deg > 0.0 => Ok((width.deg, height.deg)),
        _ => Err(Failure::usage(format!("--size '{text}': one or two angles above 0 are needed, as 0.2 or \"12m 6m\""))),
    }
}
