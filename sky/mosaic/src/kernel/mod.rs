//! Interpolation kernels: the value of an image between its pixels.
//!
//! All are separable. B-splines need coefficients instead of pixel values ([`prefilter`]); with those they
//! interpolate, that is pass through the pixel values.

pub mod cardinal;
pub mod interpolate;
pub mod prefilter;
pub mod weights;

use std::fmt;

/// An interpolation kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// The nearest pixel.
    Nearest,
    /// Linear in each direction.
    Bilinear,
    /// Cubic convolution with a = -1/2 (Keys 1981).
    Bicubic,
    /// Sinc windowed by its own central lobe, 2, 3 or 4 lobes a side (Duchon 1979), weights scaled to sum to one.
    Lanczos(u8),
    /// Cubic B-spline (Unser, Aldroubi & Eden 1993).
    BSpline3,
    /// Quintic B-spline.
    BSpline5,
}

impl Kernel {
    /// Taps in each direction.
    pub fn taps(self) -> usize {
        match self {
            Kernel::Nearest => 1,
            Kernel::Bilinear => 2,
            Kernel::Bicubic | Kernel::BSpline3 => 4,
            Kernel::BSpline5 => 6,
            Kernel::Lanczos(lobes) => 2 * usize::from(lobes),
        }
    }

    /// Poles of the filter that turns pixel values into coefficients; empty where pixel values serve as they are.
    ///
    /// Source: Unser 1999, "Splines: a perfect fit for signal and image processing", table 1.
    pub fn poles(self) -> &'static [f64] {
        match self {
            Kernel::BSpline3 => &[-0.267_949_192_431_122_7],
            Kernel::BSpline5 => &[-0.430_575_347_099_973_8, -0.043_096_288_203_264_65],
            _ => &[],
        }
    }

    /// Pixels from a tile's edge within which values lean on the extension past the edge; co-addition gives them a
    /// small weight where another tile has better ones.
    pub fn edge_px(self) -> f32 {
        match self {
            Kernel::Nearest | Kernel::Bilinear => 0.5,
            // What is extrapolated reaches inwards by the filter's poles: 0.27^6 and 0.43^9 are below 1e-3.
            Kernel::BSpline3 => 6.0,
            Kernel::BSpline5 => 9.0,
            _ => self.taps() as f32 * 0.5,
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kernel::Nearest => f.write_str("nearest"),
            Kernel::Bilinear => f.write_str("bilinear"),
            Kernel::Bicubic => f.write_str("bicubic"),
            Kernel::Lanczos(lobes) => write!(f, "lanczos{lobes}"),
            Kernel::BSpline3 => f.write_str("bspline3"),
            Kernel::BSpline5 => f.write_str("bspline5"),
        }
    }
}
