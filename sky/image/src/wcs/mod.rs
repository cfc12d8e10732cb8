//! World coordinates: pixels to the sky and back.
//!
//! A [`Wcs`] is read from a FITS header and turns rows of pixels into unit vectors in the header's own frame, or into
//! longitudes and latitudes, and back. Pixels are 0-based: the centre of the first is (0, 0). Points outside the map
//! are NaN. [`PixelMap`] goes from the pixels of one image to those of another.
//!
//! ```
//! use pogson_image::{fits::Header, wcs::Wcs};
//! let header = Header::from_text(
//!     "NAXIS1 = 100\nNAXIS2 = 100\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 50.5\nCRPIX2 = 50.5\n\
//!      CRVAL1 = 275.0\nCRVAL2 = -16.0\nCDELT1 = -0.001\nCDELT2 = 0.001",
//! )?;
//! let wcs = Wcs::from_header(&header)?;
//! let middle = wcs.pix_to_sky(49.5, 49.5).ok_or("outside")?;
//! assert!((middle.lon_deg - 275.0).abs() < 1e-12 && (middle.lat_deg + 16.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sources: Greisen & Calabretta 2002, A&A 395, 1061 (paper I); Calabretta & Greisen 2002, A&A 395, 1077 (paper II).

mod axes;
mod celestial;
pub mod distortion;
pub mod equivalent;
mod error;
mod jacobian;
mod lookup;
mod pixel_map;
mod projection;
mod read;
mod rows;
mod system;
#[cfg(test)]
mod tests;
pub mod validity;
mod write;

pub use error::WcsError;
pub use pixel_map::{Homography, PixelMap};
pub use projection::{CODES, Parameters, Projection};
pub use write::strip;

use crate::sphere::{Frame, Rotation};
use axes::regular;
use celestial::Fiducial;
use distortion::{Distortion, DssPlate};
use std::sync::Arc;

/// Celestial world coordinates of an image.
#[derive(Debug, Clone)]
pub struct Wcs {
    frame: Frame,
    projection: Projection,
    /// Native coordinates of the point at CRVAL, where PVi_1 and PVi_2 move it.
    native: Option<(f64, f64)>,
    /// Plane coordinates of that point, degrees; zero but with PVi_0.
    offset: (f64, f64),
    crval: (f64, f64),
    /// 0-based.
    crpix: [f64; 2],
    /// Degrees per pixel: rows longitude and latitude, columns x and y.
    cd: [[f64; 2]; 2],
    inverse: [[f64; 2]; 2],
    lonpole: f64,
    latpole: f64,
    /// From native to celestial axes.
    rotation: Rotation,
    naxis: (usize, usize),
    latitude_first: bool,
    distortion: Option<Arc<Distortion>>,
    plate: Option<Arc<DssPlate>>,
    others: Vec<LinearAxis>,
    warnings: Vec<String>,
}

/// An axis beside the celestial ones, taken as linear.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearAxis {
    /// 1-based number of the axis.
    pub axis: usize,
    /// CTYPE, empty if absent.
    pub ctype: String,
    /// CUNIT, empty if absent.
    pub unit: String,
    /// 1-based reference pixel.
    pub crpix: f64,
    /// World coordinate there, in `unit`.
    pub crval: f64,
    /// Increment per pixel, in `unit`.
    pub cdelt: f64,
}

impl Wcs {
    /// World coordinates from their parts, without distortion.
    ///
    /// - `crval`: longitude and latitude of the reference point, degrees
    /// - `crpix`: its pixel, 0-based
    /// - `cd`: degrees per pixel, rows longitude and latitude, columns x and y
    /// - `naxis`: width and height of the image in pixels
    ///
    /// # Errors
    /// [`WcsError::Singular`], [`WcsError::OutOfRange`], [`WcsError::NoPole`].
    pub fn new(
        frame: Frame,
        projection: Projection,
        crval: (f64, f64),
        crpix: (f64, f64),
        cd: [[f64; 2]; 2],
        naxis: (usize, usize),
    ) -> Result<Wcs, WcsError> {
        let mut wcs = Wcs {
            frame,
            projection,
            native: None,
            offset: (0.0, 0.0),
            crval,
            crpix: [crpix.0, crpix.1],
            cd,
            inverse: cd,
            lonpole: 180.0,
            latpole: 90.0,
            rotation: Rotation::IDENTITY,
            naxis,
            latitude_first: false,
            distortion: None,
            plate: None,
            others: Vec::new(),
            warnings: Vec::new(),
        };
        wcs.settle(None, None)?;
        Ok(wcs)
    }

    /// Works out all that follows from the parts.
    fn settle(&mut self, lonpole: Option<f64>, latpole: Option<f64>) -> Result<(), WcsError> {
        let m = &self.cd;
        if !regular(m) {
            return Err(WcsError::Singular { matrix: *m });
        }
        if self.crval.1.is_nan() || self.crval.1.abs() > 90.0 {
            let wanted = "a latitude within 90 degrees";
            return Err(WcsError::OutOfRange { keyword: "CRVAL".into(), value: self.crval.1, wanted });
        }
        let determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
        self.inverse =
            [[m[1][1] / determinant, -m[0][1] / determinant], [-m[1][0] / determinant, m[0][0] / determinant]];
        let native = self.native.unwrap_or((0.0, self.projection.theta0()));
        let fiducial = Fiducial { native, celestial: self.crval, lonpole, latpole };
        let orientation = fiducial.orient()?;
        self.rotation = orientation.rotation;
        self.lonpole = orientation.lonpole;
        self.latpole = orientation.latpole;
        self.widen();
        Ok(())
    }

    /// Lets a cylinder that the image lies across be cut on the far side of the image.
    fn widen(&mut self) {
        if !self.projection.is_cylindrical() || self.naxis.0 == 0 || self.naxis.1 == 0 {
            return;
        }
        let stretch = match self.projection.code() {
            "CYP" => self.projection.parameters().get(2).unwrap_or(1.0),
            _ => 1.0,
        };
        let (right, top) = (self.naxis.0 as f64 - 0.5, self.naxis.1 as f64 - 0.5);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (x, y) in [(-0.5, -0.5), (right, -0.5), (-0.5, top), (right, top)] {
            let (dx, dy) = (x - self.crpix[0], y - self.crpix[1]);
            let phi = (self.cd[0][0] * dx + self.cd[0][1] * dy + self.offset.0) / stretch;
            (low, high) = (low.min(phi), high.max(phi));
        }
        let beyond = low < -180.0 - 1e-9 || high > 180.0 + 1e-9;
        if beyond && high - low <= 360.0 + 1e-9 {
            self.projection = self.projection.cut_about(0.5 * (low + high));
        }
    }

    /// The header's frame.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The projection.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Longitude and latitude of the reference point, degrees.
    pub fn crval(&self) -> (f64, f64) {
        self.crval
    }

    /// The reference pixel, 0-based.
    pub fn crpix(&self) -> (f64, f64) {
        (self.crpix[0], self.crpix[1])
    }

    /// Degrees per pixel at the reference point: rows longitude and latitude, columns x and y.
    pub fn cd(&self) -> [[f64; 2]; 2] {
        self.cd
    }

    /// Width and height of the image in pixels; 0 where the header does not say.
    pub fn naxis(&self) -> (usize, usize) {
        self.naxis
    }

    /// The same coordinates for an image of another size.
    pub fn with_naxis(&self, naxis: (usize, usize)) -> Wcs {
        let mut out = self.clone();
        out.naxis = naxis;
        out.widen();
        out
    }

    /// The same coordinates for a cut-out whose first pixel is (`x`, `y`) of this image (0-based, may be negative or
    /// fractional).
    pub fn shifted(&self, x: f64, y: f64, naxis: (usize, usize)) -> Option<Wcs> {
        if self.has_distortion() {
            return None;
        }
        let mut out = self.clone();
        out.crpix = [self.crpix[0] - x, self.crpix[1] - y];
        out.naxis = naxis;
        out.widen();
        Some(out)
    }

    /// Axes beside the celestial ones.
    pub fn other_axes(&self) -> &[LinearAxis] {
        &self.others
    }

    /// The same coordinates beside other further axes.
    pub fn with_other_axes(&self, others: &[LinearAxis]) -> Wcs {
        Wcs { others: others.to_vec(), ..self.clone() }
    }

    /// What the header said oddly and how it was taken, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether anything but a projection lies between pixels and sky.
    pub fn has_distortion(&self) -> bool {
        self.distortion.is_some() || self.plate.is_some()
    }

    /// The core coordinates alone. A DSS plate's are those of the header's own CTYPE, if it has one.
    pub fn without_distortion(&self) -> Wcs {
        Wcs { distortion: None, plate: None, ..self.clone() }
    }
}
