//! Surveys recognised by their keywords, and their zero points.

use super::scale::{AB_ZERO_JY, ARCSEC2_SR, LIGHT_M_S};
use super::{Calibration, Dimension, MagnitudeSystem, PhotometricScale, Quantity, Unit, UnitError, gaussian_beam_sr};
use crate::fits::header::Header;

/// A survey or instrument whose images carry a calibration of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survey {
    /// Two Micron All Sky Survey: MAGZP, Vega.
    TwoMass,
    /// Wide-field Infrared Survey Explorer: MAGZP, Vega.
    Wise,
    /// Sloan Digital Sky Survey: nanomaggies.
    Sdss,
    /// Pan-STARRS1: zero point 25, per second; stacks in asinh scale.
    PanStarrs1,
    /// GALEX intensity maps: counts per second.
    Galex,
    /// Spitzer's IRAC: MJy/sr.
    Irac,
    /// Herschel's PACS: Jy/pixel.
    Pacs,
    /// Herschel's SPIRE: Jy/beam or MJy/sr.
    Spire,
    /// DESI Legacy surveys (DECam, 90prime, Mosaic-3): nanomaggies.
    Legacy,
}

impl Survey {
    /// The survey's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Survey::TwoMass => "2MASS",
            Survey::Wise => "WISE",
            Survey::Sdss => "SDSS",
            Survey::PanStarrs1 => "Pan-STARRS1",
            Survey::Galex => "GALEX",
            Survey::Irac => "Spitzer IRAC",
            Survey::Pacs => "Herschel PACS",
            Survey::Spire => "Herschel SPIRE",
            Survey::Legacy => "Legacy Survey",
        }
    }

    /// The survey and the band that a header's keywords show.
    pub fn identify(header: &Header) -> Option<(Survey, String)> {
        let origin = text(header, "ORIGIN").to_ascii_uppercase();
        let telescope = text(header, "TELESCOP").to_ascii_uppercase();
        let mut instrument = text(header, "INSTRUME");
        if instrument.is_empty() {
            instrument = text(header, "INSTRMNT");
        }
        let instrument = instrument.to_ascii_uppercase();
        let survey_key = text(header, "SURVEY").to_ascii_uppercase();
        let filter = text(header, "FILTER");
        let number = real(header, "BAND");
        let says = |word: &str| origin.contains(word) || telescope.contains(word) || survey_key.contains(word);
        let pan_starrs = header.contains("BSOFTEN") && header.contains("BOFFSET") || header.contains("FPA.ZP");
        let found = if pan_starrs || telescope == "PS1" {
            let id = text(header, "FPA.FILTERID");
            let filter = if id.is_empty() { filter } else { id };
            (Survey::PanStarrs1, filter.split('.').next().unwrap_or("").to_owned())
        } else if says("2MASS") {
            (Survey::TwoMass, filter.to_uppercase().trim_end_matches('S').to_owned())
        } else if says("WISE") {
            (Survey::Wise, number.map_or(filter, |n| format!("W{n}")))
        } else if telescope.contains("GALEX") || header.contains("MPSTYPE") && header.contains("PHTFIRST") {
            let band = match number {
                Some(1.0) => "NUV".to_owned(),
                Some(2.0) => "FUV".to_owned(),
                _ => filter.to_uppercase(),
            };
            (Survey::Galex, band)
        } else if instrument.starts_with("IRAC") {
            (Survey::Irac, real(header, "CHNLNUM").map_or(filter, |n| format!("I{n}")))
        } else if telescope.contains("HERSCHEL") && instrument.contains("PACS") {
            (Survey::Pacs, wavelength_word(header))
        } else if telescope.contains("HERSCHEL") && instrument.contains("SPIRE") {
            let detector = text(header, "DETECTOR").to_uppercase();
            let band = match detector.as_str() {
                "PSW" => "250".to_owned(),
                "PMW" => "350".to_owned(),
                "PLW" => "500".to_owned(),
                _ => wavelength_word(header),
            };
            (Survey::Spire, band)
        } else if header.contains("LEGPIPEV") || survey_key.contains("LEGACY") || survey_key.contains("DECALS") {
            (Survey::Legacy, filter)
        } else if says("SDSS") || telescope == "2.5M" {
            (Survey::Sdss, filter)
        } else {
            return None;
        };
        Some(found)
    }
}

/// The survey's zero point: janskys of one, system, the reason.
type Zero = (f64, MagnitudeSystem, String);

impl PhotometricScale {
    /// Finds the photometric scale of an image from its header.
    ///
    /// A physical unit in BUNIT (or SIGUNIT, ZUNITS) is believed; counts and images without a unit are
    /// calibrated as their survey prescribes, or by HST's PHOTFLAM and PHOTPLAM, FLUXMAG0, or a zero point in
    /// MAGZERO, PHOTZP and the like (taken as AB). What was found is in [`PhotometricScale::why`].
    ///
    /// - SDSS nanomaggies are 3.631 µJy; the survey's u and z are off the AB system by u_AB = u - 0.04 and
    ///   z_AB = z + 0.02, which is applied, but not to images in janskys.
    /// - Zero-magnitude fluxes: 2MASS J H Ks 1594, 1024, 666.7 Jy (Cohen, Wheaton & Megeath 2003, AJ 126, 1090);
    ///   WISE 309.540, 171.787, 31.674, 8.363 Jy for a spectrum F_ν ∝ ν⁻² (Jarrett et al. 2011, ApJ 735, 112).
    /// - GALEX: AB 18.82 (FUV) and 20.08 (NUV) for 1 count/s (Morrissey et al. 2007, ApJS 173, 682).
    /// - Pan-STARRS1: AB 25 + 2.5 log10 EXPTIME for 1 count; full stacks are asinh-scaled.
    ///
    /// # Errors
    /// [`UnitError`]: an unknown unit, one that is no brightness, a beam or wavelength or zero point that is not
    /// there.
    pub fn from_header(header: &Header) -> Result<PhotometricScale, UnitError> {
        let identified = Survey::identify(header);
        let unit_text = unit_text(header);
        let mut scale = match &identified {
            Some((Survey::PanStarrs1, _)) => pan_starrs(header)?,
            Some((survey, band)) => match physical(header, &unit_text, Some((*survey, band)))? {
                Some(scale) => scale,
                None => {
                    let (jy, system, why) = match survey_zero(header, *survey, band)? {
                        Some(zero) => zero,
                        None => keyword_zero(header, &unit_text)?,
                    };
                    per_pixel(jy, system, why)
                }
            },
            None => match physical(header, &unit_text, None)? {
                Some(scale) => scale,
                None => {
                    let (jy, system, why) = keyword_zero(header, &unit_text)?;
                    per_pixel(jy, system, why)
                }
            },
        };
        if let Some((survey, band)) = identified {
            // Images that somebody brought to janskys are on the AB system already.
            if survey == Survey::Sdss && !unit_text.contains("Jy") {
                sdss_to_ab(&mut scale, &band);
            }
            let image = if band.is_empty() { String::new() } else { format!(" {band}") };
            scale.why = format!("{}{image} image: {}", survey.name(), scale.why);
            scale.survey = Some(survey);
            scale.band = band;
        }
        Ok(scale)
    }
}

fn per_pixel(jy: f64, system: MagnitudeSystem, why: String) -> PhotometricScale {
    let calibration = Calibration::Linear { jy };
    PhotometricScale { calibration, quantity: Quantity::PerPixel, system, survey: None, band: String::new(), why }
}

/// The scale of a physical unit; None for counts and for no unit.
fn physical(
    header: &Header,
    unit_text: &str,
    survey: Option<(Survey, &String)>,
) -> Result<Option<PhotometricScale>, UnitError> {
    if unit_text.is_empty() {
        return Ok(None);
    }
    let unit = Unit::parse(unit_text)?;
    let counts = [Dimension::Count, Dimension::Electron, Dimension::Photon];
    if counts.iter().any(|d| unit.exponent(*d) != 0.0) || unit.same_dimensions(&Unit::ONE) {
        return Ok(None);
    }
    let from_keywords = real(header, "BMAJ").zip(real(header, "BMIN")).map(|(a, b)| gaussian_beam_sr(a, b));
    let beam = from_keywords.or(match survey {
        // Solid angles of the SPIRE Handbook, section 5.2, for a spectrum F_ν ∝ ν⁻¹.
        Some((Survey::Spire, band)) => match band.as_str() {
            "250" => Some(469.35 * ARCSEC2_SR),
            "350" => Some(831.27 * ARCSEC2_SR),
            "500" => Some(1804.31 * ARCSEC2_SR),
            _ => None,
        },
        _ => None,
    });
    let wavelength = real(header, "PHOTPLAM").map(|angstrom| angstrom * 1e-10);
    PhotometricScale::from_unit(unit_text, beam, wavelength).map(Some)
}

/// The zero point that a survey gives to its count images; None when it has no rule for them.
fn survey_zero(header: &Header, survey: Survey, band: &str) -> Result<Option<Zero>, UnitError> {
    let bad = |key: &'static str, need: &'static str| UnitError::BadKeyword {
        survey: survey.name(),
        key,
        found: header.get(key).map_or_else(|| "absent".to_owned(), |v| format!("{v:?}")),
        need,
    };
    Ok(Some(match survey {
        Survey::TwoMass => {
            let zero_flux = match band {
                "J" => 1594.0,
                "H" => 1024.0,
                "K" => 666.7,
                _ => return Err(bad("FILTER", "one of j, h, k is needed")),
            };
            vega(header, zero_flux).ok_or_else(|| bad("MAGZP", "the zero point in magnitudes is needed"))?
        }
        Survey::Wise => {
            let zero_flux = match band {
                "W1" => 309.540,
                "W2" => 171.787,
                "W3" => 31.674,
                "W4" => 8.363,
                _ => return Err(bad("BAND", "1, 2, 3 or 4 is needed")),
            };
            vega(header, zero_flux).ok_or_else(|| bad("MAGZP", "the zero point in magnitudes is needed"))?
        }
        Survey::Galex => {
            let zero_point = match band {
                "FUV" => 18.82,
                "NUV" => 20.08,
                _ => return Err(bad("BAND", "1 (NUV) or 2 (FUV) is needed")),
            };
            let why = format!("values are counts per second, and 1 of them is AB magnitude {zero_point}");
            (from_magnitude(AB_ZERO_JY, zero_point), MagnitudeSystem::Ab, why)
        }
        _ => return Ok(None),
    }))
}

fn vega(header: &Header, zero_flux: f64) -> Option<Zero> {
    let zero_point = real(header, "MAGZP")?;
    let why = format!("MAGZP = {zero_point} is the Vega magnitude of 1 DN, and magnitude 0 is {zero_flux} Jy");
    Some((from_magnitude(zero_flux, zero_point), MagnitudeSystem::Vega, why))
}

fn pan_starrs(header: &Header) -> Result<PhotometricScale, UnitError> {
    let survey = Survey::PanStarrs1.name();
    let exposure = real(header, "EXPTIME").filter(|t| *t > 0.0).ok_or_else(|| UnitError::BadKeyword {
        survey,
        key: "EXPTIME",
        found: header.get("EXPTIME").map_or_else(|| "absent".to_owned(), |v| format!("{v:?}")),
        need: "the exposure in seconds is needed for the zero point",
    })?;
    let zero_point = real(header, "FPA.ZP").unwrap_or(25.0);
    let jy = from_magnitude(AB_ZERO_JY, zero_point) / exposure;
    let mut scale = per_pixel(
        jy,
        MagnitudeSystem::Ab,
        format!("the zero point is AB {zero_point} + 2.5 log10(EXPTIME = {exposure} s)"),
    );
    if let Some((offset, softening)) = real(header, "BOFFSET").zip(real(header, "BSOFTEN")) {
        scale.calibration = Calibration::Asinh { offset, softening, jy };
        scale.why.push_str(&format!("; BOFFSET = {offset} and BSOFTEN = {softening} show asinh-scaled pixels"));
    }
    Ok(scale)
}

/// u_AB = u - 0.04, z_AB = z + 0.02.
fn sdss_to_ab(scale: &mut PhotometricScale, band: &str) {
    let offset = match band {
        "u" => -0.04,
        "z" => 0.02,
        _ => return,
    };
    if let Calibration::Linear { jy } = &mut scale.calibration {
        *jy *= libm::pow(10.0, -0.4 * offset);
        scale.system = MagnitudeSystem::Ab;
        scale.why.push_str(&format!(", brought to AB by {offset:+} mag"));
    }
}

/// Zero points that any telescope may give.
fn keyword_zero(header: &Header, unit_text: &str) -> Result<Zero, UnitError> {
    if let Some((flam, pivot)) = real(header, "PHOTFLAM").zip(real(header, "PHOTPLAM")).filter(|(f, _)| *f > 0.0) {
        // erg/s/cm²/Å to Jy at the pivot wavelength: F_λ λ²/c, c in Å/s, 1 Jy = 1e-23 erg/s/cm²/Hz.
        let mut jy = flam * pivot * pivot / (LIGHT_M_S * 1e10) * 1e23;
        let mut why = format!("PHOTFLAM = {flam:e} at PHOTPLAM = {pivot} angstrom");
        let unit = Unit::parse(unit_text)?;
        if unit.exponent(Dimension::Second) == 0.0 {
            let exposure = real(header, "EXPTIME").filter(|t| *t > 0.0);
            let exposure = exposure.ok_or_else(|| UnitError::NoZeroPoint { text: unit_text.to_owned() })?;
            jy /= exposure;
            why.push_str(&format!(", for counts of EXPTIME = {exposure} s"));
        }
        return Ok((jy, MagnitudeSystem::Physical, why));
    }
    if let Some(flux) = real(header, "FLUXMAG0").filter(|f| *f > 0.0) {
        let why = format!("FLUXMAG0 = {flux} is the value of AB magnitude 0");
        return Ok((AB_ZERO_JY / flux, MagnitudeSystem::Ab, why));
    }
    for key in ["MAGZERO", "MAGZP", "MAGZPT", "PHOTZP", "ZPAB", "MAG_ZP", "ZEROPT", "ZEROPNT", "MAGZ", "ZP"] {
        if let Some(zero_point) = real(header, key) {
            let why = format!("{key} = {zero_point} is taken as the AB magnitude of 1");
            return Ok((from_magnitude(AB_ZERO_JY, zero_point), MagnitudeSystem::Ab, why));
        }
    }
    Err(UnitError::NoZeroPoint { text: unit_text.to_owned() })
}

fn from_magnitude(zero_jy: f64, magnitude: f64) -> f64 {
    zero_jy * libm::pow(10.0, -0.4 * magnitude)
}

/// The unit of the pixels, without a comment that slipped into the value.
fn unit_text(header: &Header) -> String {
    let found = ["BUNIT", "SIGUNIT", "ZUNITS"].iter().map(|key| text(header, key)).find(|t| !t.is_empty());
    found.unwrap_or_default()
}

/// A text value; what follows three blanks is a comment that a writer put inside the quotes.
fn text(header: &Header, key: &str) -> String {
    let value = header.str(key).unwrap_or("").trim();
    value.split("   ").next().unwrap_or("").trim().to_owned()
}

/// A finite number, also from a text value (SDSS writes EXPTIME in quotes).
fn real(header: &Header, key: &str) -> Option<f64> {
    let number = header.f64(key).or_else(|| header.str(key)?.trim().parse().ok());
    number.filter(|v: &f64| v.is_finite())
}

/// The wavelength in micrometres as text, from WAVELNTH, WVLNGTH or WAVELEN.
fn wavelength_word(header: &Header) -> String {
    for key in ["WAVELNTH", "WVLNGTH", "WAVELEN"] {
        if let Some(number) = real(header, key) {
            return number.to_string();
        }
        let word = text(header, key);
        if !word.is_empty() {
            return word.trim_end_matches("um").trim().to_owned();
        }
    }
    String::new()
}
