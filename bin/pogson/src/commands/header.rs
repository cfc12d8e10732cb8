//! `pogson header`: the header template of a mosaic that holds a set of images.

use std::path::PathBuf;

use pogson_image::fits::{FitsFile, Header};
use pogson_image::frame::{Options, Scale, Turn, around_images};
use pogson_image::template;
use pogson_image::wcs::equivalent::{EquivalentError, tan_equivalent};
use pogson_image::wcs::{Parameters, Projection, Wcs};
use serde::Serialize;

use crate::arguments::angle::Angle;
use crate::arguments::frame::FrameName;
use crate::failure::Failure;
use crate::output::Output;

/// Find the frame of a mosaic that holds images, and write it as a Montage header template
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson header raw/ -o region.hdr
  pogson header raw/*.fits -o region.hdr --frame galactic --scale 2s
  pogson header raw/ -o region.hdr --turn smallest --margin 10
  pogson header tile.fits -o alt.hdr --distorted-tan")]
pub struct Args {
    /// FITS images, or folders of them
    #[arg(required = true, value_name = "TILE|DIR")]
    inputs: Vec<PathBuf>,
    /// Template to write
    #[arg(long, short)]
    output: PathBuf,
    /// Celestial frame [default: the first image's]
    #[arg(long)]
    frame: Option<FrameName>,
    /// Projection by its code [default: TAN, or AIT for wide areas]
    #[arg(long, value_name = "CODE")]
    projection: Option<String>,
    /// Pixel size: degrees, or with m or s minutes or seconds of arc [default: the finest of the images]
    #[arg(long, value_name = "ANGLE")]
    scale: Option<Angle>,
    /// north, smallest (least area), or degrees from north to the y axis through east
    #[arg(long, default_value = "north", allow_hyphen_values = true)]
    turn: String,
    /// The input's own grid as a tangent plane with SIP polynomials (what Montage's mTANHdr makes), for programs that know no
    /// other projection; its greatest error is stated. One image or template
    #[arg(long, conflicts_with_all = ["frame", "projection", "scale", "turn", "margin"])]
    distorted_tan: bool,
    /// --distorted-tan: degree of the polynomials, 2 to 7 [default: the lowest within the tolerance]
    #[arg(long, value_name = "N", requires = "distorted_tan")]
    degree: Option<usize>,
    /// --distorted-tan: error to stay within, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 0.01, requires = "distorted_tan")]
    tolerance: f64,
    /// Pixels added at each side
    #[arg(long, value_name = "N", default_value_t = 0)]
    margin: usize,
    /// Replace the output if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Report {
    output: String,
    images: usize,
    naxis1: usize,
    naxis2: usize,
    header: String,
}

/// Writes the tangent plane that stands for an image's own coordinates.
fn distorted_tan(args: &Args, out: &Output) -> Result<(), Failure> {
    let [input] = args.inputs.as_slice() else {
        return Err(Failure::usage("--distorted-tan takes one image or template"));
    };
    let wcs = if input.extension().is_some_and(|e| e.eq_ignore_ascii_case("hdr")) {
        Wcs::from_header(&template::read(input)?).map_err(|error| Failure::in_file(input, error))?
    } else {
        let file = FitsFile::open(input)?;
        let hdu = file.first_image()?.hdu();
        Wcs::from_hdu(&file, hdu).map_err(|error| Failure::in_file(input, error))?
    };
    let found = tan_equivalent(&wcs, args.degree, args.tolerance).map_err(|error| match error {
        EquivalentError::Degree { .. } => Failure::usage(format!("--degree: {error}")),
        _ => Failure::in_file(input, error),
    })?;
    let worst = found.worst_px.max(found.worst_back_px);
    let mut header = found.header.clone();
    header.push_comment(&format!("Stands for {} coordinates to {worst:.2e} pixels.", wcs.projection().code()));
    template::write(&args.output, &header, args.force)?;
    if worst > args.tolerance {
        out.warn(format!(
            "{}: the best polynomials, of degree {}, are off by up to {worst:.2e} pixels; the tolerance is {}",
            input.display(),
            found.degree,
            args.tolerance
        ));
    }
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output, "degree": found.degree, "worst_px": found.worst_px, "worst_back_px": found.worst_back_px,
            "header": template::to_text(&header),
        }));
    }
    out.note(format!("{}: degree {}, off by {worst:.2e} pixels at most", args.output.display(), found.degree));
    Ok(())
}

/// Finds the frame and writes it.
///
/// # Errors
/// When no image has coordinates, the options make no sense, or the template cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    if args.distorted_tan {
        return distorted_tan(&args, out);
    }
    let turn = match args.turn.as_str() {
        "north" => Turn::NorthUp,
        "smallest" => Turn::Smallest,
        degrees => Turn::Degrees(
            degrees
                .parse()
                .map_err(|_| Failure::usage(format!("--turn {degrees}: say north, smallest, or degrees")))?,
        ),
    };
    let projection = match &args.projection {
        Some(code) => {
            let known = Projection::new(&code.to_uppercase(), &Parameters::default());
            Some(known.ok_or_else(|| {
                Failure::usage(format!("--projection {code}: no projection by this code that needs no parameters"))
            })?)
        }
        None => None,
    };
    let options = Options {
        frame: args.frame.map(|name| name.0),
        projection,
        scale: args.scale.map_or(Scale::Finest, |scale| Scale::Degrees(scale.deg)),
        turn,
        margin: args.margin,
    };
    let (entries, _) = super::table::scan(&super::table::list(&args.inputs, true, false)?, out)?;
    let mut images = Vec::with_capacity(entries.len());
    for entry in &entries {
        let file = FitsFile::open(entry.fname.as_ref())?;
        let wcs = Wcs::from_hdu(&file, entry.hdu);
        images.push(wcs.map_err(|error| Failure::in_file(entry.fname.as_ref(), error))?);
    }
    let frame = around_images(&images, &options).map_err(|error| Failure::bad_input(error.to_string()))?;
    let (width, height) = frame.naxis();
    let mut header = Header::new();
    header.set("SIMPLE", true, "");
    header.set("BITPIX", -32, "");
    header.set("NAXIS", 2, "");
    header.set("NAXIS1", width, "");
    header.set("NAXIS2", height, "");
    frame.write_to(&mut header);
    template::write(&args.output, &header, args.force)?;
    if out.is_json() {
        let (output, header) = (args.output.display().to_string(), template::to_text(&header));
        return out.object(&Report { output, images: images.len(), naxis1: width, naxis2: height, header });
    }
    out.note(format!("{}: {width} x {height} pixels around {} images", args.output.display(), images.len()));
    Ok(())
}
