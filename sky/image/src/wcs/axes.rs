//! Which axes of a header are celestial, and what its keywords say about them.

use super::error::WcsError;
use crate::fits::{Header, Value};
use std::fmt::Write as _;

/// Keywords of one of the descriptions of a header (primary or A to Z).
pub(super) struct Keywords<'a> {
    header: &'a Header,
    alt: String,
}

impl<'a> Keywords<'a> {
    pub(super) fn new(header: &'a Header, alt: Option<char>) -> Keywords<'a> {
        let alt = alt.filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase().to_string());
        Keywords { header, alt: alt.unwrap_or_default() }
    }

    /// Whether it is the primary description.
    pub(super) fn is_primary(&self) -> bool {
        self.alt.is_empty()
    }

    /// The name with the description's letter.
    pub(super) fn name(&self, stem: &str) -> String {
        format!("{stem}{}", self.alt)
    }

    /// A number; also one wrongly written as text, and `J2000` or `B1950`.
    pub(super) fn number(&self, stem: &str) -> Option<f64> {
        let name = self.name(stem);
        self.header.f64(&name).or_else(|| {
            let text = self.header.str(&name)?.trim();
            text.trim_start_matches(['J', 'B', 'j', 'b']).trim().parse().ok()
        })
    }

    pub(super) fn text(&self, stem: &str) -> Option<String> {
        Some(self.header.str(&self.name(stem))?.trim().to_ascii_uppercase()).filter(|t| !t.is_empty())
    }

    /// A keyword that alternates lack.
    pub(super) fn plain(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// PVi_m of a 1-based axis.
    pub(super) fn parameters(&self, axis: usize) -> Vec<(usize, f64)> {
        let prefix = format!("PV{axis}_");
        let mut found: Vec<(usize, f64)> = self
            .header
            .cards()
            .filter_map(|card| {
                let rest = card.key().strip_prefix(&prefix)?;
                let digits = rest.strip_suffix(self.alt.as_str())?;
                let m: usize = digits.parse().ok().filter(|m| *m < 100)?;
                Some((m, card.value()?.as_f64()?))
            })
            .collect();
        found.dedup_by_key(|(m, _)| *m);
        found
    }
}

/// One axis as CTYPE names it.
#[derive(Debug, Clone, PartialEq)]
struct Named {
    axis: usize,
    keyword: String,
    ctype: String,
    /// What longitude and latitude of one system share: `RA`, `GLON` as `G`, `xyLN` as `xy`.
    system: String,
    is_longitude: bool,
    code: String,
}

/// The celestial pair.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CelestialAxes {
    /// 1-based axis of longitude.
    pub(super) lon: usize,
    /// 1-based axis of latitude.
    pub(super) lat: usize,
    /// Shared letters of the system, as in [`system_of`].
    pub(super) system: String,
    /// Projection code as in CTYPE.
    pub(super) code: String,
    /// Number of axes.
    pub(super) count: usize,
}

/// The system that the first letters of CTYPE belong to, and whether they mean a longitude.
pub(super) fn system_of(name: &str) -> Option<(String, bool)> {
    match name {
        "RA" => return Some(("RA".into(), true)),
        "DEC" => return Some(("RA".into(), false)),
        _ => {}
    }
    let (front, back) = (name.get(..name.len().checked_sub(2)?)?, name.get(name.len() - 2..)?);
    match (front.len(), front.get(1..), back) {
        (2, Some("L"), "ON") => Some((front[..1].into(), true)),
        (2, Some("L"), "AT") => Some((front[..1].into(), false)),
        (2, _, "LN") => Some((front.into(), true)),
        (2, _, "LT") => Some((front.into(), false)),
        _ => None,
    }
}

/// CTYPE's first four letters of both axes of a system.
pub(super) fn names_of(system: &str) -> (String, String) {
    match system.len() {
        1 => (format!("{system}LON"), format!("{system}LAT")),
        _ if system == "RA" => ("RA--".into(), "DEC-".into()),
        _ => (format!("{system}LN"), format!("{system}LT")),
    }
}

impl CelestialAxes {
    /// Finds the celestial pair.
    ///
    /// # Errors
    /// [`WcsError::Missing`], [`WcsError::Unpaired`], [`WcsError::UnknownProjection`] (a celestial name without code).
    pub(super) fn find(keywords: &Keywords<'_>) -> Result<CelestialAxes, WcsError> {
        let size = |stem: &str| keywords.plain(stem).and_then(Value::as_i64).unwrap_or(0);
        let declared = keywords.number("WCSAXES").unwrap_or(0.0) as i64;
        let named_axes = (1..=9).rev().find(|i| keywords.text(&format!("CTYPE{i}")).is_some());
        let count = declared.max(size("NAXIS")).max(named_axes.unwrap_or(2)).clamp(2, 99) as usize;
        let named: Vec<Named> = (1..=count).filter_map(|axis| named(keywords, axis)).collect();
        let Some(lon) = named.iter().find(|n| n.is_longitude).or(named.first()) else {
            let found = keywords.text("CTYPE1").map_or("absent".into(), |t| format!("'{t}'"));
            return Err(WcsError::Missing { found });
        };
        if lon.code.is_empty() {
            return Err(WcsError::UnknownProjection { keyword: lon.keyword.clone(), found: lon.ctype.clone() });
        }
        let partner =
            named.iter().find(|n| !n.is_longitude && lon.is_longitude && n.system == lon.system && n.code == lon.code);
        let Some(lat) = partner else {
            return Err(WcsError::Unpaired { keyword: lon.keyword.clone(), found: lon.ctype.clone() });
        };
        Ok(CelestialAxes { lon: lon.axis, lat: lat.axis, system: lon.system.clone(), code: lon.code.clone(), count })
    }

    /// The two pixel axes, 1-based, the lower first.
    pub(super) fn pixel_axes(&self) -> [usize; 2] {
        [self.lon.min(self.lat), self.lon.max(self.lat)]
    }
}

fn named(keywords: &Keywords<'_>, axis: usize) -> Option<Named> {
    let keyword = keywords.name(&format!("CTYPE{axis}"));
    let ctype = keywords.text(&format!("CTYPE{axis}"))?;
    let name = ctype.get(..4).unwrap_or(&ctype).trim_end_matches('-');
    let (system, is_longitude) = system_of(name)?;
    let code = ctype.get(5..8).unwrap_or("").trim().to_string();
    Some(Named { axis, keyword, ctype, system, is_longitude, code })
}

/// The linear part: degrees per pixel, rows longitude and latitude, columns the two pixel axes.
pub(super) struct Linear {
    /// The matrix.
    pub(super) cd: [[f64; 2]; 2],
    /// CRPIX - 1 of the two pixel axes.
    pub(super) crpix: [f64; 2],
    /// CRVAL in degrees, longitude first.
    pub(super) crval: (f64, f64),
    /// What was tolerated.
    pub(super) warnings: Vec<String>,
}

impl Linear {
    /// Reads CRPIX, CRVAL, and CD, or PC and CDELT, or CDELT and CROTA (AIPS), or PC001001 (old drafts).
    ///
    /// # Errors
    /// [`WcsError::Singular`], [`WcsError::OutOfRange`].
    pub(super) fn read(keywords: &Keywords<'_>, axes: &CelestialAxes) -> Result<Linear, WcsError> {
        let mut warnings = Vec::new();
        let world = [axes.lon, axes.lat];
        let pixel = axes.pixel_axes();
        let units = world.map(|axis| unit_in_degrees(keywords, axis, &mut warnings));
        let number = |stem: String, default: f64| keywords.number(&stem).unwrap_or(default);
        let mut cd = matrix(keywords, world, pixel);
        for (row, unit) in cd.iter_mut().zip(units) {
            for value in row.iter_mut() {
                *value *= unit;
            }
        }
        if !regular(&cd) {
            return Err(WcsError::Singular { matrix: cd });
        }
        for other in (1..=axes.count).filter(|axis| !world.contains(axis)) {
            let crossing =
                world.iter().any(|i| ["CD", "PC"].iter().any(|m| number(format!("{m}{i}_{other}"), 0.0) != 0.0));
            if crossing {
                let mut text = String::new();
                let _ = write!(text, "axis {other} also moves the celestial position; left out");
                warnings.push(text);
            }
        }
        let crpix = pixel.map(|axis| number(format!("CRPIX{axis}"), 0.0) - 1.0);
        let value = |k: usize| number(format!("CRVAL{}", world[k]), 0.0) * units[k];
        let crval = (value(0), value(1));
        let latitude = keywords.name(&format!("CRVAL{}", axes.lat));
        if !crval.1.is_finite() || crval.1.abs() > 90.0 + 1e-9 {
            let wanted = "a latitude within 90 degrees";
            return Err(WcsError::OutOfRange { keyword: latitude, value: crval.1, wanted });
        }
        let finite = [crpix[0], crpix[1], crval.0].iter().all(|v| v.is_finite());
        if !finite {
            let keyword = keywords.name("CRPIX or CRVAL");
            return Err(WcsError::OutOfRange { keyword, value: f64::NAN, wanted: "a finite number" });
        }
        Ok(Linear { cd, crpix, crval: (crval.0, crval.1.clamp(-90.0, 90.0)), warnings })
    }
}

/// Whether a matrix has an inverse worth the name.
pub(super) fn regular(m: &[[f64; 2]; 2]) -> bool {
    let determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    let size = m.iter().flatten().fold(0.0_f64, |s, v| s.max(v.abs()));
    determinant.is_finite() && determinant.abs() > 1e-14 * size * size && size > 0.0
}

fn matrix(keywords: &Keywords<'_>, world: [usize; 2], pixel: [usize; 2]) -> [[f64; 2]; 2] {
    let entry = |stem: &str, i: usize, j: usize| {
        let modern = keywords.number(&format!("{stem}{i}_{j}"));
        let old = || keywords.number(&format!("{stem}{i:03}{j:03}")).filter(|_| keywords.is_primary());
        modern.or_else(old)
    };
    let all = |stem: &str| {
        let found = world.map(|i| pixel.map(|j| entry(stem, i, j)));
        found.iter().flatten().any(Option::is_some).then_some(found)
    };
    if let Some(cd) = all("CD") {
        return cd.map(|row| row.map(|v| v.unwrap_or(0.0)));
    }
    let scale = world.map(|i| keywords.number(&format!("CDELT{i}")).filter(|v| *v != 0.0).unwrap_or(1.0));
    let same = |i: usize, j: usize| f64::from(u8::from(i == j));
    let pc = all("PC");
    let rotation = keywords.number(&format!("CROTA{}", world[1])).unwrap_or(0.0);
    if pc.is_none() && rotation != 0.0 {
        // The angle belongs to the latitude axis; see C&G 2002, section 6.1.
        let (s, c) = crate::sphere::trig::sincos_deg(rotation);
        return [0, 1].map(|row: usize| {
            pixel.map(|j| match (row, j == world[0]) {
                (0, true) => scale[0] * c,
                (0, false) => -scale[1] * s,
                (_, true) => scale[0] * s,
                (_, false) => scale[1] * c,
            })
        });
    }
    [0, 1].map(|row: usize| {
        [0, 1].map(|column: usize| {
            let plain = same(world[row], pixel[column]);
            let value = pc.and_then(|pc| pc[row][column]).unwrap_or(plain);
            scale[row] * value
        })
    })
}

/// Degrees in the unit of a celestial axis.
fn unit_in_degrees(keywords: &Keywords<'_>, axis: usize, warnings: &mut Vec<String>) -> f64 {
    let Some(unit) = keywords.text(&format!("CUNIT{axis}")) else {
        return 1.0;
    };
    match unit.trim_end_matches('S') {
        "DEG" | "DEGREE" => 1.0,
        "ARCMIN" => 1.0 / 60.0,
        "ARCSEC" => 1.0 / 3600.0,
        "MA" | "MILLIARCSEC" => 1.0 / 3_600_000.0,
        "RAD" | "RADIAN" => crate::sphere::trig::RAD,
        "HOUR" | "H" => 15.0,
        _ => {
            let name = keywords.name(&format!("CUNIT{axis}"));
            warnings.push(format!("{name} = '{unit}' is no unit of angle; taken as degrees"));
            1.0
        }
    }
}
