//! `pogson cube profile`: brightness by distance from the centre.

use std::fmt::Write as _;
use std::path::PathBuf;

use pogson_cube::Cube;
use pogson_cube::object::Object;
use pogson_image::sphere::{Frame, SkyCoord};

use crate::arguments::position::Position;
use crate::failure::Failure;
use crate::output::Output;

/// Mean brightness of each band in elliptical rings, and the flux within them
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Columns of the table: inner and outer semi-major axis (arcseconds), usable pixels; then for each band the mean brightness \
(Jy/arcsec2), its uncertainty without the calibration's, the flux of all usable pixels within the outer ellipse (Jy) and its \
uncertainty. The correlation of the noise is counted.

Examples:
  pogson cube profile ic494.fits -o profile.csv
  pogson cube profile ic494.fits -o profile.csv --center \"121.60 1.034\" --axis-ratio 0.55 --angle 50 --step 6")]
pub struct Args {
    /// A cube
    #[arg(value_name = "CUBE.fits")]
    cube: PathBuf,
    /// Table of commas
    #[arg(short, long, value_name = "P.csv")]
    output: PathBuf,
    /// Centre, degrees or sexagesimal [default: that of the light]
    #[arg(long, value_name = "RA DEC", allow_hyphen_values = true)]
    center: Option<Position>,
    /// Minor over major axis [default: that of the object that is found, or 1]
    #[arg(long, value_name = "RATIO")]
    axis_ratio: Option<f64>,
    /// Major axis from north through east, degrees
    #[arg(long, value_name = "DEG", allow_hyphen_values = true)]
    angle: Option<f64>,
    /// Width of a ring, arcseconds [default: half of the resolution]
    #[arg(long, value_name = "ARCSEC")]
    step: Option<f64>,
    /// Replace an output that exists
    #[arg(long)]
    force: bool,
}

/// Measures profiles.
///
/// # Errors
/// A file that is no cube or has no usable pixel, values that make no sense, an output that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let cube = Cube::open(&args.cube)?;
    if cube.usable().is_empty() {
        return Err(Failure::bad_input(format!("{}: has no usable pixel", args.cube.display())));
    }
    let side = cube.pixel_side_arcsec();
    let step = args.step.unwrap_or_else(|| 0.5 * cube.psf_fwhm_arcsec.unwrap_or(4.0 * side));
    if !(step > 0.0 && step.is_finite()) {
        return Err(Failure::usage(format!("--step {step}: give arcseconds above 0")));
    }
    let ellipse = ellipse(&cube, &args)?;
    let rings = cube.rings(&ellipse, step / side);
    let mut text = String::from("inner_arcsec,outer_arcsec,pixels");
    for layer in &cube.layers {
        let name = &layer.band.name;
        let _ = write!(text, ",{name},{name}_sigma,{name}_within,{name}_within_sigma");
    }
    text.push('\n');
    let area = cube.pixel_area_arcsec2;
    for ring in &rings {
        let _ = write!(text, "{:.4},{:.4},{}", ring.inner_px * side, ring.outer_px * side, ring.pixels);
        for (sum, within) in ring.sums.iter().zip(&ring.enclosed) {
            let over = area * sum.pixels as f64;
            let sigma = libm::hypot(sum.noise_jy, sum.sky_jy);
            let _ = write!(
                text,
                ",{:.6e},{:.3e},{:.6e},{:.3e}",
                sum.flux_jy / over,
                sigma / over,
                within.flux_jy,
                within.sigma_jy
            );
        }
        text.push('\n');
    }
    let output = pogson_image::fits::output::Output::create(&args.output, args.force)?;
    {
        use std::io::Write;
        let mut file = output.file();
        file.write_all(text.as_bytes()).map_err(|e| Failure::io(&args.output, &e))?;
    }
    output.finish()?;
    let place = cube.wcs.pix_to_sky(ellipse.x, ellipse.y);
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output, "rings": rings.len(), "step_arcsec": step,
            "center_deg": place.map(|p| [p.lon_deg, p.lat_deg]), "axis_ratio": ellipse.b / ellipse.a,
            "angle_deg": (ellipse.angle_deg - 90.0).rem_euclid(180.0),
        }));
    }
    out.line(format!("{}: {} rings of {step:.2}\"", args.output.display(), rings.len()))
}

/// The ellipse that is asked for, else the one that the light has.
fn ellipse(cube: &Cube, args: &Args) -> Result<Object, Failure> {
    let mut out = cube.ellipse();
    if let Some(position) = args.center {
        let place = SkyCoord { lon_deg: position.lon_deg, lat_deg: position.lat_deg };
        let place = Frame::Icrs.convert_one(cube.wcs.frame(), place);
        (out.x, out.y) =
            cube.wcs.sky_to_pix(place).ok_or_else(|| Failure::usage("--center lies on the other side of the sky"))?;
    }
    if let Some(ratio) = args.axis_ratio {
        if !(ratio > 0.01 && ratio <= 1.0) {
            return Err(Failure::usage(format!("--axis-ratio {ratio}: give minor over major, 0.01 to 1")));
        }
        out.b = ratio * out.a;
    }
    if let Some(angle) = args.angle {
        // Cubes are north up, east to the left: the columns' axis points west.
        out.angle_deg = angle + 90.0;
    }
    Ok(out)
}
