//! The output frame from a centre, a size and a scale, or from the inputs alone.

use pogson_image::sphere::Frame;
use pogson_image::wcs::{Parameters, Projection, Wcs};
use pogson_mosaic::place::Target;

use super::output_frame::FrameArgs;
use crate::failure::Failure;

/// The frame that the flags ask for.
///
/// # Errors
/// Flags that make no frame.
pub fn target(args: &FrameArgs, inputs: &[(&Wcs, (usize, usize))]) -> Result<Target, Failure> {
    let frame = Frame::Icrs;
    let code = args.projection.as_deref().unwrap_or("TAN");
    let projection = Projection::new(code, &Parameters::new(&[]))
        .ok_or_else(|| Failure::usage(format!("--projection {code}: no projection of that code")))?;
    let (Some(center), Some((width, height))) = (args.center, args.size_deg()?) else {
        return Err(Failure::usage("give --header, or --center and --size"));
    };
    let _ = inputs;
    let scale = args.scale.unwrap_or(1.0) / 3600.0;
    let (nx, ny) = ((width / scale).round() as usize, (height / scale).round() as usize);
    let wcs = Wcs::new(
        frame,
        projection,
        (center.lon_deg, center.lat_deg),
        ((nx as f64 - 1.0) / 2.0, (ny as f64 - 1.0) / 2.0),
        [[-scale, 0.0], [0.0, scale]],
        (nx, ny),
    )
    .map_err(|e| Failure::usage(e.to_string()))?;
    Ok(Target { wcs, width: nx, height: ny })
}
