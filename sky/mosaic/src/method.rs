//! Ways of reprojection by name.

use crate::{adaptive, drizzle, kernel::Kernel};

/// How tiles are brought onto the output grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Pixels as they are where all tiles lie on the output's grid; else interpolation by B-splines, or overlap areas in the plane where output pixels are much larger than the tiles'.
    Auto,
    /// Pixels as they are: tiles lie on the output's grid but for a shift by whole pixels.
    Aligned,
    /// Exact overlap areas on the sphere.
    MontageExact,
    /// Exact overlap areas in the output's pixel plane.
    Plane,
    /// Interpolation at the centres of output pixels.
    Interpolate(Kernel),
    /// Anti-aliased filters that follow the map (DeForest 2004).
    Adaptive(adaptive::Filter),
    /// Drops onto the output (Fruchter & Hook 2002).
    Drizzle {
        /// Shape of the drops.
        kernel: drizzle::Kernel,
        /// Side of a drop over the side of its pixel.
        pixfrac: f64,
    },
}

/// The kernel that measures best: see docs/accuracy.md.
pub const BEST_KERNEL: Kernel = Kernel::BSpline5;

/// Output pixels this many times larger than a tile's are averages over areas, not points.
const AREA_SCALE: f64 = 1.5;

impl Method {
    /// What [`Method::Auto`] stands for.
    ///
    /// - `scale`: side of an output pixel over side of a tile's pixel.
    pub fn resolve(self, scale: f64) -> Method {
        match self {
            Method::Auto if scale > AREA_SCALE => Method::Plane,
            Method::Auto => Method::Interpolate(BEST_KERNEL),
            other => other,
        }
    }

    /// The kernel that tiles are prepared for, if the method interpolates.
    pub fn kernel(self) -> Option<Kernel> {
        match self {
            Method::Interpolate(kernel) => Some(kernel),
            _ => None,
        }
    }

    /// The method's name on the command line.
    pub fn name(self) -> String {
        match self {
            Method::Auto => "auto".into(),
            Method::Aligned => "aligned".into(),
            Method::MontageExact => "montage-exact".into(),
            Method::Plane => "plane".into(),
            Method::Interpolate(kernel) => kernel.to_string(),
            Method::Adaptive(_) => "adaptive".into(),
            Method::Drizzle { pixfrac, .. } => format!("drizzle, pixfrac {pixfrac}"),
        }
    }
}
