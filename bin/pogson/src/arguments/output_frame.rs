//! The frame of an output image on the command line.

use std::path::PathBuf;

use pogson_image::fits::Header;
use pogson_image::template;
use pogson_image::wcs::{Wcs, strip};
use pogson_mosaic::place::Target;

use super::frame::FrameName;
use super::position::Position;
use crate::failure::Failure;

/// Distance of pixels that are taken for the same.
const SAME_PX: f64 = 1e-4;

/// The output's place, size and scale.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Output frame")]
pub struct FrameArgs {
    /// Header template (.hdr) or FITS file whose grid the output takes
    #[arg(long, value_name = "T.hdr", conflicts_with_all = ["center", "size", "scale"])]
    pub header: Option<PathBuf>,
    /// Centre, degrees or sexagesimal: "274.7 -13.8" or "18:18:48 -13:48:00"
    #[arg(long, value_name = "RA DEC", allow_hyphen_values = true)]
    pub center: Option<Position>,
    /// Side in degrees, or width and height: "1.5" or "2x1"
    #[arg(long, value_name = "DEG")]
    pub size: Option<String>,
    /// Pixel side in arcseconds [default: the finest of the inputs]
    #[arg(long, value_name = "ARCSEC")]
    pub scale: Option<f64>,
    /// Projection: any code of FITS, as TAN, SIN, AIT, HPX [default: TAN]
    #[arg(long, value_name = "CODE")]
    pub projection: Option<String>,
    /// Coordinates: icrs, fk5, fk4, galactic, ecliptic [default: that of the inputs]
    #[arg(long, value_name = "NAME")]
    pub frame: Option<FrameName>,
    /// Turn the frame for the smallest area rather than north up
    #[arg(long)]
    pub rotate: bool,
}

impl FrameArgs {
    /// The output frame for these inputs.
    ///
    /// - `inputs`: world coordinates and size (columns, rows) of each.
    ///
    /// # Errors
    /// Flags that contradict each other, a bad template, inputs that no frame can hold.
    pub fn target(&self, inputs: &[(&Wcs, (usize, usize))]) -> Result<Target, Failure> {
        if let Some(path) = &self.header {
            let header = template::read(path)?;
            let (width, height) = template::size(&header)?;
            let wcs = Wcs::from_header(&header).map_err(|e| Failure::in_file(path, e))?;
            return Ok(Target { wcs, width, height });
        }
        // Images of one grid need no other, unless one is asked for.
        if self.takes_any()
            && let Some(target) = pogson_mosaic::aligned::common_grid(inputs, SAME_PX)
        {
            return Ok(target);
        }
        super::optimal::target(self, inputs)
    }

    /// Writes the template's own coordinates into the output's header where they are distorted: what the output's pixels
    /// were computed for.
    ///
    /// # Errors
    /// A template that cannot be read.
    pub fn keep_distortion(&self, target: &Target, header: &mut Header) -> Result<(), Failure> {
        let Some(path) = self.header.as_ref().filter(|_| target.wcs.has_distortion()) else { return Ok(()) };
        let template = template::read(path)?;
        let mut rest = template.clone();
        strip(&mut rest);
        strip(header);
        header.extend(template.cards().filter(|card| !card.key().is_empty() && !rest.contains(card.key())).cloned());
        Ok(())
    }

    /// Whether no flag says where the output lies.
    fn takes_any(&self) -> bool {
        let place = self.center.is_none() && self.size.is_none() && self.scale.is_none();
        place && self.projection.is_none() && self.frame.is_none() && !self.rotate
    }

    /// Width and height in degrees.
    ///
    /// # Errors
    /// Sizes that are no positive numbers.
    pub fn size_deg(&self) -> Result<Option<(f64, f64)>, Failure> {
        let Some(text) = &self.size else { return Ok(None) };
        let number = |part: &str| {
            part.trim().parse::<f64>().ok().filter(|v| *v > 0.0 && *v <= 360.0).ok_or_else(|| {
                Failure::usage(format!("--size {text}: give degrees from 0 to 360, as \"1.5\" or \"2x1\""))
            })
        };
        match text.split_once(['x', 'X']) {
            Some((width, height)) => Ok(Some((number(width)?, number(height)?))),
            None => {
                let side = number(text)?;
                Ok(Some((side, side)))
            }
        }
    }
}
