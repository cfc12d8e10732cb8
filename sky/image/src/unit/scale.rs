//! How pixel values relate to flux density.

use super::{Dimension, Survey, Unit, UnitError};

/// Flux density of AB magnitude 0 in Jy. Source: Fukugita et al. 1996, AJ 111, 1748 (Oke & Gunn's -48.60 gives
/// 3630.78, 0.006 % less).
pub const AB_ZERO_JY: f64 = 3631.0;

/// Square arcseconds in steradians.
pub const ARCSEC2_SR: f64 = {
    let arcsec = std::f64::consts::PI / 648_000.0;
    arcsec * arcsec
};

/// Pogson's ratio per magnitude turned round: α = 2.5 log10(e), the scale of asinh magnitudes.
const ALPHA: f64 = 2.5 * std::f64::consts::LOG10_E;

/// What a pixel value counts, once it is in janskys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// Flux density in the pixel.
    PerPixel,
    /// Flux density per steradian.
    PerSteradian,
    /// Flux density per beam.
    PerBeam {
        /// Solid angle of the beam in steradians.
        beam_sr: f64,
    },
}

/// How a pixel value becomes janskys (per pixel, steradian or beam).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Calibration {
    /// Jy = `jy` · value.
    Linear {
        /// Janskys of one.
        jy: f64,
    },
    /// Jy = `jy` · (`offset` + 2 `softening` sinh(value / α)), α = 2.5 log10 e.
    Asinh {
        /// BOFFSET.
        offset: f64,
        /// BSOFTEN.
        softening: f64,
        /// Janskys of one count.
        jy: f64,
    },
    /// Jy = `zero_jy` · 10^(-0.4 value).
    Magnitude {
        /// Janskys of magnitude 0.
        zero_jy: f64,
    },
}

/// The system in which a survey's zero point is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MagnitudeSystem {
    /// AB magnitudes.
    Ab,
    /// Magnitudes relative to Vega.
    Vega,
    /// None: the unit is physical.
    Physical,
}

/// The photometric scale of an image, where it comes from, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotometricScale {
    /// Pixel value to janskys.
    pub calibration: Calibration,
    /// What the janskys count.
    pub quantity: Quantity,
    /// System of the zero point.
    pub system: MagnitudeSystem,
    /// The survey that the header shows, if any.
    pub survey: Option<Survey>,
    /// The band that the header shows, empty if none.
    pub band: String,
    /// One sentence: what was found, and from which keywords.
    pub why: String,
}

impl PhotometricScale {
    /// Flux density in the pixel, in Jy.
    ///
    /// - `value`: pixel value, BSCALE and BZERO applied; NaN stays NaN.
    /// - `pixel_area_sr`: solid angle of the pixel in steradians; counts only where the values are no flux per pixel.
    pub fn jy_per_pixel(&self, value: f64, pixel_area_sr: f64) -> f64 {
        let jy = self.calibrated(value);
        match self.quantity {
            Quantity::PerPixel => jy,
            Quantity::PerSteradian => jy * pixel_area_sr,
            Quantity::PerBeam { beam_sr } => jy * (pixel_area_sr / beam_sr),
        }
    }

    /// Surface brightness in Jy per square arcsecond; arguments as in [`PhotometricScale::jy_per_pixel`].
    pub fn jy_per_arcsec2(&self, value: f64, pixel_area_sr: f64) -> f64 {
        let jy = self.calibrated(value);
        match self.quantity {
            Quantity::PerPixel => jy * (ARCSEC2_SR / pixel_area_sr),
            Quantity::PerSteradian => jy * ARCSEC2_SR,
            Quantity::PerBeam { beam_sr } => jy * (ARCSEC2_SR / beam_sr),
        }
    }

    /// True when flux is proportional to the pixel value, so that pixels may be added and averaged as they are.
    pub fn is_linear(&self) -> bool {
        matches!(self.calibration, Calibration::Linear { .. })
    }

    /// Turns pixel values into values proportional to flux, in place: asinh pixels into counts, magnitudes into
    /// janskys, others unchanged. Afterwards the scale is what [`PhotometricScale::linearised`] says.
    pub fn linearise(&self, values: &mut [f32]) {
        match self.calibration {
            Calibration::Linear { .. } => {}
            Calibration::Asinh { offset, softening, .. } => {
                for value in values {
                    *value = asinh_to_counts(f64::from(*value), offset, softening) as f32;
                }
            }
            Calibration::Magnitude { .. } => {
                for value in values {
                    *value = self.calibrated(f64::from(*value)) as f32;
                }
            }
        }
    }

    /// The scale of the values that [`PhotometricScale::linearise`] gives.
    pub fn linearised(&self) -> PhotometricScale {
        let jy = match self.calibration {
            Calibration::Linear { jy } | Calibration::Asinh { jy, .. } => jy,
            Calibration::Magnitude { .. } => 1.0,
        };
        PhotometricScale { calibration: Calibration::Linear { jy }, ..self.clone() }
    }

    /// AB magnitude of a pixel value of 1, if values are linear fluxes per pixel.
    pub fn ab_zero_point(&self) -> Option<f64> {
        match (self.calibration, self.quantity) {
            (Calibration::Linear { jy } | Calibration::Asinh { jy, .. }, Quantity::PerPixel) => {
                Some(-2.5 * libm::log10(jy / AB_ZERO_JY))
            }
            _ => None,
        }
    }

    /// The scale that a unit alone gives.
    ///
    /// - `beam_sr`: solid angle of the beam in steradians, for units per beam.
    /// - `wavelength_m`: for flux per wavelength.
    ///
    /// # Errors
    /// [`UnitError::NotBrightness`], [`UnitError::NoBeam`], [`UnitError::NoWavelength`], and what
    /// [`Unit::parse`] says.
    pub fn from_unit(
        text: &str,
        beam_sr: Option<f64>,
        wavelength_m: Option<f64>,
    ) -> Result<PhotometricScale, UnitError> {
        let unit = Unit::parse(text)?;
        let owned = || text.to_owned();
        let not_brightness = || UnitError::NotBrightness { text: owned() };
        let [pixel, beam, angle] = [Dimension::Pixel, Dimension::Beam, Dimension::Angle].map(|d| unit.exponent(d));
        let quantity = match (pixel, beam, angle) {
            (0.0 | -1.0, 0.0, 0.0) => Quantity::PerPixel,
            (0.0, 0.0, -2.0) => Quantity::PerSteradian,
            (0.0, -1.0, 0.0) => {
                let beam_sr = beam_sr.filter(|b| b.is_finite() && *b > 0.0);
                Quantity::PerBeam { beam_sr: beam_sr.ok_or_else(|| UnitError::NoBeam { text: owned() })? }
            }
            _ => return Err(not_brightness()),
        };
        let flux = [Dimension::Pixel, Dimension::Beam, Dimension::Angle].iter().fold(unit, |u, d| u.without(*d));
        let (calibration, system) = if flux.same_dimensions(&Unit::parse("Jy")?) {
            (Calibration::Linear { jy: flux.scale / 1e-26 }, MagnitudeSystem::Physical)
        } else if flux.same_dimensions(&Unit::parse("W m-3")?) {
            let wavelength = wavelength_m.ok_or_else(|| UnitError::NoWavelength { text: owned() })?;
            // F_ν = F_λ λ² / c.
            let jy = flux.scale * wavelength * wavelength / LIGHT_M_S / 1e-26;
            (Calibration::Linear { jy }, MagnitudeSystem::Physical)
        } else if flux.same_dimensions(&Unit::parse("mag")?) && !matches!(quantity, Quantity::PerBeam { .. }) {
            // Magnitudes per square arcsecond: the solid angle's own factor is in the unit's.
            let zero_jy = AB_ZERO_JY * if quantity == Quantity::PerSteradian { flux.scale } else { 1.0 };
            (Calibration::Magnitude { zero_jy }, MagnitudeSystem::Ab)
        } else {
            return Err(not_brightness());
        };
        let mut why = format!("the unit is '{text}'");
        if system == MagnitudeSystem::Ab {
            why.push_str(", taken as AB magnitudes");
        }
        Ok(PhotometricScale { calibration, quantity, system, survey: None, band: String::new(), why })
    }

    fn calibrated(&self, value: f64) -> f64 {
        match self.calibration {
            Calibration::Linear { jy } => jy * value,
            Calibration::Asinh { offset, softening, jy } => jy * asinh_to_counts(value, offset, softening),
            Calibration::Magnitude { zero_jy } => zero_jy * libm::pow(10.0, -0.4 * value),
        }
    }
}

/// Speed of light in metres per second.
pub(super) const LIGHT_M_S: f64 = 299_792_458.0;

/// Solid angle in steradians of a Gaussian beam with these full widths at half maximum, π/(4 ln 2) · a · b.
pub fn gaussian_beam_sr(major_deg: f64, minor_deg: f64) -> f64 {
    std::f64::consts::PI / (4.0 * std::f64::consts::LN_2) * major_deg.to_radians() * minor_deg.to_radians()
}

/// Counts of a Pan-STARRS1 stack pixel: BOFFSET + BSOFTEN (exp(v/α) - exp(-v/α)), α = 2.5 log10 e.
///
/// Source: Waters et al. 2020, ApJS 251, 4, on the compression of the stacks.
fn asinh_to_counts(value: f64, offset: f64, softening: f64) -> f64 {
    offset + 2.0 * softening * libm::sinh(value / ALPHA)
}
