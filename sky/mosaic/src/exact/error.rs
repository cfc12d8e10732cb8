//! What keeps two images from being laid on each other.

use pogson_image::wcs::Wcs;

/// Why overlaps cannot be worked out.
#[derive(Debug, thiserror::Error)]
pub enum OverlapError {
    /// One image has no pixels.
    #[error("the {which} image has {width} x {height} pixels; both sides must be at least 1")]
    NoPixels {
        /// `input` or `output`.
        which: &'static str,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// No way is known between the celestial frames.
    #[error("no way is known from {from} to {to}; give the output the frame of its inputs")]
    Unreachable {
        /// The input's frame.
        from: String,
        /// The output's frame.
        to: String,
    },
    /// A parameter is out of its range.
    #[error("{name} = {value} is out of range: {wanted}")]
    Parameter {
        /// The option's name.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        wanted: &'static str,
    },
}

impl OverlapError {
    /// Looks for what is wrong with a pair of images.
    pub(crate) fn check(
        input: &Wcs,
        in_size: (usize, usize),
        output: &Wcs,
        out_size: (usize, usize),
    ) -> Result<(), OverlapError> {
        for (which, (width, height)) in [("input", in_size), ("output", out_size)] {
            if width == 0 || height == 0 {
                return Err(OverlapError::NoPixels { which, width, height });
            }
        }
        if !input.frame().reaches(output.frame()) {
            return Err(OverlapError::Unreachable { from: input.frame().name(), to: output.frame().name() });
        }
        Ok(())
    }
}
