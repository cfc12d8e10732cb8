//! Distortion: what lies between a detector's pixels and an undistorted projection.
//!
//! Two stages, as in FITS. The pixel stage (detector corrections, SIP, look-up tables) works on pixels before CRPIX
//! and CD; the plane stage (TPV, TNX, ZPX) on intermediate world coordinates before deprojection. [`DssPlate`] stands
//! for both at once. All functions take rows of points and work in place; NaN stays NaN, and inverses are exact: they
//! solve the forward formula by Newton's method, whatever inverse polynomials a header carries.

mod axes;
mod dss;
mod error;
mod lookup;
mod pixel;
mod polynomial;
mod sip;
mod surface;
#[cfg(test)]
mod tests;
mod tpv;
mod warp;
mod wat;

pub use dss::DssPlate;
pub use error::{DistortionError, DistortionWarning};
pub use lookup::{LookupSource, LookupTable};

use crate::fits::header::Header;
use axes::Description;
use pixel::PixelStage;
use tpv::Tpv;
use wat::Wat;

/// The distortion that a header describes, one or both stages of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Distortion {
    pixel: Option<PixelStage>,
    plane: Option<PlaneStage>,
    zpn: Option<Vec<(usize, f64)>>,
    warnings: Vec<DistortionWarning>,
}

/// What the projection plane goes through.
#[derive(Debug, Clone, PartialEq)]
enum PlaneStage {
    Tpv(Tpv),
    Wat(Wat),
}

impl Distortion {
    /// The distortion of the primary description, `None` when it has none.
    ///
    /// - `lookup`: where look-up tables are read from; without it CPDIS is an error, and detector corrections (D2IM)
    ///   are left out with a warning, as astropy does.
    ///
    /// # Errors
    /// See [`DistortionError`]: half a SIP pair, orders out of range, WAT text that is no surface, tables that are
    /// missing.
    pub fn from_header(header: &Header, lookup: Option<&dyn LookupSource>) -> Result<Option<Self>, DistortionError> {
        Self::read(header, None, lookup).map(|(distortion, _)| distortion)
    }

    /// As [`Distortion::from_header`], of the description `alt` (`'A'` to `'Z'`, `None` the primary), with all warnings,
    /// those of a header that turns out to have no distortion included.
    ///
    /// SIP belongs to the primary description, and to others whose CTYPE says `-SIP`.
    ///
    /// # Errors
    /// As [`Distortion::from_header`].
    pub fn read(
        header: &Header,
        alt: Option<char>,
        lookup: Option<&dyn LookupSource>,
    ) -> Result<(Option<Self>, Vec<DistortionWarning>), DistortionError> {
        let description = Description::of(header, alt);
        let mut warnings = Vec::new();
        let plane_kind = PlaneKind::of(header, &description);
        let with_sip = sip_counts(header, &description, &plane_kind, &mut warnings);
        let pixel = PixelStage::from_header(header, &description, with_sip, lookup, &mut warnings)?;
        let mut zpn = None;
        let plane = match plane_kind {
            PlaneKind::None => None,
            PlaneKind::Tpv => Some(PlaneStage::Tpv(Tpv::from_header(header, &description, &mut warnings)?)),
            PlaneKind::Wat => {
                let wat = Wat::from_header(header, &description, &mut warnings)?;
                if description.projection() == "ZPX" {
                    zpn = Some(wat.projp.clone());
                }
                (!wat.is_identity()).then_some(PlaneStage::Wat(wat))
            }
        };
        if pixel.is_none() && plane.is_none() && zpn.is_none() {
            return Ok((None, warnings));
        }
        let distortion = Self { pixel, plane, zpn, warnings: warnings.clone() };
        Ok((Some(distortion), warnings))
    }

    /// True when pixels are corrected before CRPIX and CD.
    pub fn has_pixel_stage(&self) -> bool {
        self.pixel.is_some()
    }

    /// True when intermediate world coordinates are corrected before deprojection.
    pub fn has_plane_stage(&self) -> bool {
        self.plane.is_some()
    }

    /// The ZPN coefficients `(m, value)` of a ZPX description, in place of `PV2_m`; `None` for all others.
    pub fn zpn_coefficients(&self) -> Option<&[(usize, f64)]> {
        self.zpn.as_deref()
    }

    /// What was odd about the header, and how it was read.
    pub fn warnings(&self) -> &[DistortionWarning] {
        &self.warnings
    }

    /// Detector pixels to corrected pixels, 0-based, in place.
    pub fn pixel_forward(&self, x: &mut [f64], y: &mut [f64]) {
        if let Some(stage) = &self.pixel {
            pixel::pixel_forward(stage, x, y);
        }
    }

    /// Corrected pixels to detector pixels, 0-based, in place, to 1e-11 pixels; NaN where the correction folds over
    /// and there is no answer in or near the image.
    pub fn pixel_inverse(&self, x: &mut [f64], y: &mut [f64]) {
        if let Some(stage) = &self.pixel {
            pixel::pixel_inverse(stage, x, y);
        }
    }

    /// Intermediate world coordinates, longitude's axis first, in degrees, to those of the undistorted projection.
    pub fn plane_forward(&self, xi: &mut [f64], eta: &mut [f64]) {
        match &self.plane {
            Some(PlaneStage::Tpv(tpv)) => tpv::tpv_forward(tpv, xi, eta),
            Some(PlaneStage::Wat(wat)) => wat::wat_forward(wat, xi, eta),
            None => {}
        }
    }

    /// The undistorted projection's plane coordinates to intermediate world coordinates, in degrees, in place; NaN
    /// where the correction folds over and there is no answer in or near the image.
    pub fn plane_inverse(&self, xi: &mut [f64], eta: &mut [f64]) {
        match &self.plane {
            Some(PlaneStage::Tpv(tpv)) => tpv::tpv_inverse(tpv, xi, eta),
            Some(PlaneStage::Wat(wat)) => wat::wat_inverse(wat, xi, eta),
            None => {}
        }
    }
}

/// Which plane stage CTYPE and PV call for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaneKind {
    None,
    Tpv,
    Wat,
}

/// PV indices from here on make a TAN of older SCAMP files a TPV; up to 4 they are the standard's.
const FIRST_SCAMP_INDEX: usize = 5;

impl PlaneKind {
    fn of(header: &Header, description: &Description) -> Self {
        match description.projection() {
            "TPV" => Self::Tpv,
            "TNX" | "ZPX" => Self::Wat,
            "TAN" if !description.says_sip() && scamp_terms(header, description).is_some() => Self::Tpv,
            _ => Self::None,
        }
    }
}

/// The axis and index of the highest PV term that only SCAMP writes for TAN.
fn scamp_terms(header: &Header, description: &Description) -> Option<(usize, usize)> {
    [description.lng, description.lat].into_iter().find_map(|axis| {
        let (highest, _) = *description.pv(header, axis).last()?;
        (highest >= FIRST_SCAMP_INDEX).then_some((axis, highest))
    })
}

/// Whether SIP coefficients count beside the plane stage, with warnings on what is odd.
fn sip_counts(
    header: &Header,
    description: &Description,
    plane: &PlaneKind,
    warnings: &mut Vec<DistortionWarning>,
) -> bool {
    let ctype = |k: usize| description.ctype[k].clone();
    let has_sip = ["A_ORDER", "B_ORDER"].iter().any(|key| header.f64(key).is_some_and(|n| n > 1.0));
    let scamp = scamp_terms(header, description);
    if let (Some((axis, highest)), "TAN") = (scamp, description.projection()) {
        if *plane == PlaneKind::Tpv {
            warnings.push(DistortionWarning::TanWithPv { ctype: ctype(0), axis, highest });
        } else if has_sip {
            warnings.push(DistortionWarning::PvBesideSip { axis, highest });
        }
    }
    if *plane != PlaneKind::Wat {
        for axis in [description.lng, description.lat] {
            if let Some(wtype) = wat::wtype(header, axis).filter(|w| w == "tnx" || w == "zpx") {
                warnings.push(DistortionWarning::WatLeftOut { axis, wtype, ctype: ctype(0) });
                break;
            }
        }
    }
    if !has_sip {
        if description.ctype.iter().any(|c| c.ends_with("-SIP")) {
            warnings.push(DistortionWarning::SuffixWithoutSip { ctype: ctype(0) });
        }
        return true;
    }
    if *plane == PlaneKind::Tpv {
        warnings.push(DistortionWarning::SipBesidePv { ctype: ctype(0) });
        return false;
    }
    if let Some(k) = (0..2).find(|k| !description.ctype[*k].ends_with("-SIP")) {
        if !description.alt.is_empty() {
            return false;
        }
        warnings.push(DistortionWarning::SipWithoutSuffix { ctype: ctype(k) });
    }
    true
}
