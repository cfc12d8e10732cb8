//! The output frame from a centre, a size and a scale, or from the inputs alone.

use pogson_image::frame::{self, FrameError, Options, Scale, Turn};
use pogson_image::sphere::{Frame, SkyCoord};
use pogson_image::wcs::{Parameters, Projection, Wcs};
use pogson_mosaic::place::Target;

use super::output_frame::FrameArgs;
use crate::failure::Failure;

/// The frame that the flags ask for: about a place when `--center` is given, else around all inputs.
///
/// # Errors
/// Flags that make no frame, inputs that no frame can hold.
pub fn target(args: &FrameArgs, inputs: &[(&Wcs, (usize, usize))]) -> Result<Target, Failure> {
    let projection = args.projection.as_deref().map(projection).transpose()?;
    if args.scale.is_some_and(|s| !(s > 0.0 && s.is_finite())) {
        return Err(Failure::usage("--scale: give arcseconds above 0"));
    }
    let frame = args.frame.as_ref().map(|name| name.0.clone());
    let wcs = match (args.center, args.size_deg()?) {
        (Some(place), Some(size)) => {
            let frame = frame.unwrap_or(Frame::Icrs);
            let place = SkyCoord { lon_deg: place.lon_deg, lat_deg: place.lat_deg };
            let projection = projection.unwrap_or_else(Projection::tan);
            frame::around_place(place, size, scale_deg(args, inputs), frame, projection, 0.0)
        }
        (None, None) => {
            let images: Vec<Wcs> = inputs.iter().map(|(wcs, size)| wcs.with_naxis(*size)).collect();
            let options = Options {
                frame,
                projection,
                scale: args.scale.map_or(Scale::Finest, |arcsec| Scale::Degrees(arcsec / 3600.0)),
                turn: if args.rotate { Turn::Smallest } else { Turn::NorthUp },
                margin: 0,
            };
            frame::around_images(&images, &options)
        }
        (Some(_), None) => return Err(Failure::usage("--center needs --size: the side of the output in degrees")),
        (None, Some(_)) => return Err(Failure::usage("--size needs --center: \"RA DEC\" of the output's middle")),
    };
    let wcs = wcs.map_err(|error| match error {
        FrameError::Size { .. } => Failure::usage(error.to_string()),
        _ => Failure::bad_input(error.to_string()),
    })?;
    let (width, height) = wcs.naxis();
    Ok(Target { wcs, width, height })
}

fn projection(code: &str) -> Result<Projection, Failure> {
    Projection::new(&code.to_uppercase(), &Parameters::default()).ok_or_else(|| {
        Failure::usage(format!(
            "--projection {code}: no projection by this code that needs no parameters; use --header"
        ))
    })
}

/// Degrees per output pixel: as asked, else the finest of the inputs.
fn scale_deg(args: &FrameArgs, inputs: &[(&Wcs, (usize, usize))]) -> f64 {
    let finest = || inputs.iter().filter_map(|(wcs, _)| wcs.pixel_side_deg()).fold(f64::INFINITY, f64::min);
    args.scale.map_or_else(finest, |arcsec| arcsec / 3600.0)
}
