//! The celestial frame that a header names, and how to name one.

use super::axes::Keywords;
use crate::fits::{Header, Value};
use crate::sphere::Frame;

/// The frame of the axes `system` (see `axes::system_of`), from RADESYS, EQUINOX and their elders.
///
/// Defaults after C&G 2002, section 3.1: EQUINOX before 1984 means FK4, later FK5; without it ICRS. FK4 places are
/// taken as observed at their equinox, as astropy does.
pub(super) fn read(keywords: &Keywords<'_>, system: &str, warnings: &mut Vec<String>) -> Frame {
    let old = |name: &str| keywords.plain(name).filter(|_| keywords.is_primary());
    let equinox = keywords
        .number("EQUINOX")
        .or_else(|| old("EPOCH").and_then(Value::as_f64))
        .filter(|v| (1000.0..4000.0).contains(v));
    let named = keywords
        .text("RADESYS")
        .or_else(|| Some(old("RADECSYS")?.as_str()?.trim().to_ascii_uppercase()).filter(|t| !t.is_empty()));
    match system {
        "RA" => equatorial(named.as_deref(), equinox, warnings),
        "G" => Frame::Galactic,
        "E" => Frame::Ecliptic { equinox: equinox.unwrap_or(2000.0) },
        "S" => Frame::Supergalactic,
        other => Frame::Other(super::axes::names_of(other).0),
    }
}

fn equatorial(named: Option<&str>, equinox: Option<f64>, warnings: &mut Vec<String>) -> Frame {
    let by_equinox = match equinox {
        None => Frame::Icrs,
        Some(year) if year < 1984.0 => Frame::Fk4 { equinox: year, epoch: year },
        Some(year) => Frame::Fk5 { equinox: year },
    };
    let besselian = equinox.unwrap_or(1950.0);
    match named {
        None => by_equinox,
        Some("ICRS" | "ICRF") => Frame::Icrs,
        Some("FK5") => Frame::Fk5 { equinox: equinox.unwrap_or(2000.0) },
        Some("FK4") => Frame::Fk4 { equinox: besselian, epoch: besselian },
        Some("FK4-NO-E") => Frame::Fk4NoE { equinox: besselian, epoch: besselian },
        Some(other) => {
            warnings.push(format!("RADESYS = '{other}' is taken as {}", by_equinox.name()));
            by_equinox
        }
    }
}

/// Letters shared by the CTYPE of a frame's two axes.
pub(super) fn letters(frame: &Frame) -> String {
    match frame {
        Frame::Icrs | Frame::Fk5 { .. } | Frame::Fk4 { .. } | Frame::Fk4NoE { .. } => "RA".into(),
        Frame::Galactic => "G".into(),
        Frame::Ecliptic { .. } => "E".into(),
        Frame::Supergalactic => "S".into(),
        Frame::Other(name) => super::axes::system_of(name).map_or_else(|| "X".into(), |(system, _)| system),
    }
}

/// Writes RADESYS and EQUINOX.
pub(super) fn write(frame: &Frame, header: &mut Header) {
    let (name, equinox) = match frame {
        Frame::Icrs => (Some("ICRS"), None),
        Frame::Fk5 { equinox } => (Some("FK5"), Some(*equinox)),
        Frame::Fk4 { equinox, .. } => (Some("FK4"), Some(*equinox)),
        Frame::Fk4NoE { equinox, .. } => (Some("FK4-NO-E"), Some(*equinox)),
        Frame::Ecliptic { equinox } => (None, Some(*equinox)),
        _ => (None, None),
    };
    for (key, keep) in [("RADESYS", name.is_some()), ("EQUINOX", equinox.is_some())] {
        if !keep {
            header.remove(key);
        }
    }
    if let Some(name) = name {
        header.set("RADESYS", name, "celestial reference frame");
    }
    if let Some(equinox) = equinox {
        header.set("EQUINOX", equinox, "[yr] equinox of the coordinates");
    }
}
