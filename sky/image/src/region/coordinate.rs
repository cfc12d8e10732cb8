//! Numbers of region files: degrees, sexagesimal, and their unit letters.

use super::{Length, System};

/// A position's coordinate. `is_longitude` of an equatorial system makes `a:b:c` hours.
///
/// Pixels in image and physical systems, degrees in those of the sky; None when the text is no coordinate of the
/// system.
pub(super) fn coordinate(text: &str, system: System, is_longitude: bool) -> Option<f64> {
    let text = text.trim();
    let hours = is_longitude && matches!(system, System::Fk4 | System::Fk5 | System::Icrs);
    let value = if !system.is_sky() {
        plain(text.strip_suffix(['p', 'i']).unwrap_or(text))?
    } else if text.contains(':') {
        sexagesimal(&text.split(':').collect::<Vec<_>>())? * if hours { 15.0 } else { 1.0 }
    } else if let Some(radians) = text.strip_suffix('r') {
        plain(radians)?.to_degrees()
    } else if let Some(degrees) = text.strip_suffix('d') {
        plain(degrees)?
    } else if text.ends_with('s') && (text.contains('h') || text.contains('d')) {
        let parts: Vec<&str> = text[..text.len() - 1].split(['h', 'd', 'm']).collect();
        sexagesimal(&parts)? * if text.contains('h') { 15.0 } else { 1.0 }
    } else {
        plain(text)?
    };
    let in_range = !system.is_sky() || is_longitude || value.abs() <= 90.0;
    in_range.then_some(value)
}

/// A length: `"` `'` `d` `r` on the sky, `p` physical, `i` image pixels; bare numbers are of the system.
pub(super) fn length(text: &str, system: System) -> Option<Length> {
    let text = text.trim();
    let (number, unit) = match text.chars().next_back() {
        Some(c @ ('"' | '\'' | 'd' | 'r' | 'p' | 'i')) => (&text[..text.len() - 1], Some(c)),
        _ => (text, None),
    };
    let value = plain(number)?;
    if value < 0.0 {
        return None;
    }
    Some(match (unit, system) {
        (Some('"'), _) => Length::Degrees(value / 3600.0),
        (Some('\''), _) => Length::Degrees(value / 60.0),
        (Some('d'), _) => Length::Degrees(value),
        (Some('r'), _) => Length::Degrees(value.to_degrees()),
        (Some('p'), _) | (None, System::Physical) => Length::PhysicalPixels(value),
        (Some(_), _) | (None, System::Image) => Length::ImagePixels(value),
        (None, _) => Length::Degrees(value),
    })
}

/// An angle in degrees, with `d` or `r` or bare.
pub(super) fn angle(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.strip_suffix('r') {
        Some(radians) => plain(radians).map(f64::to_degrees),
        None => plain(text.strip_suffix('d').unwrap_or(text)),
    }
}

fn plain(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

fn sexagesimal(parts: &[&str]) -> Option<f64> {
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let negative = parts.first()?.trim().starts_with('-');
    let mut value = 0.0;
    for (index, (part, weight)) in parts.iter().zip([1.0, 60.0, 3600.0]).enumerate() {
        let part = plain(part)?;
        if index > 0 && !(0.0..60.0).contains(&part) {
            return None;
        }
        value += part.abs() / weight;
    }
    Some(if negative { -value } else { value })
}
