//! Places on the sky, in all ways that people write them.

use pogson_healpix::Patch;

/// A place, degrees: longitude from 0 to below 360, latitude within 90.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SkyPlace {
    pub(super) lon_deg: f64,
    pub(super) lat_deg: f64,
}

impl SkyPlace {
    fn new(lon_deg: f64, lat_deg: f64) -> Option<Self> {
        let is_place = lon_deg.is_finite() && lat_deg.abs() <= 90.0;
        is_place.then(|| Self { lon_deg: lon_deg.rem_euclid(360.0) % 360.0, lat_deg })
    }

    /// Of longitude and latitude: degrees; or hours, minutes and seconds against degrees, minutes and seconds.
    pub(super) fn of_two(lon: &str, lat: &str) -> Option<Self> {
        Self::new(angle(lon, true)?, angle(lat, false)?)
    }

    /// Of a text with both: two words or six.
    pub(super) fn of_one(text: &str) -> Option<Self> {
        let mut words = [""; 6];
        let mut count = 0;
        for word in words_of(text) {
            *words.get_mut(count)? = word;
            count += 1;
        }
        match count {
            2 => Self::of_two(words[0], words[1]),
            6 => Self::new(15.0 * sexagesimal(&words[..3])?, sexagesimal(&words[3..])?),
            _ => None,
        }
    }

    /// Of the values of `POS`, `CIRCLE` and `POLYGON` (DALI 1.1, section 3.3; SODA 1.0, section 3.3): the middle, and the sides of the
    /// rectangle around it in degrees, where there is one.
    ///
    /// - `name`: of the parameter; `POS` begins with the word that says what it is.
    pub(super) fn of_shape(name: &str, text: &str) -> Option<(Self, Option<(f64, f64)>)> {
        let text = text.trim();
        let (word, rest) = text.split_once([' ', ',', '\t']).unwrap_or((text, ""));
        let is_word = word.bytes().all(|byte| byte.is_ascii_alphabetic()) && !word.is_empty();
        let (shape, rest) = if is_word { (word, rest) } else { (name, text) };
        let is = |known: &str| shape.eq_ignore_ascii_case(known);
        if is("circle") {
            let (place, radius) = rest.trim().rsplit_once([' ', ',', '\t'])?;
            let radius = radius.parse::<f64>().ok().filter(|radius| *radius >= 0.0)?;
            Some((Self::of_one(place)?, Some((2.0 * radius, 2.0 * radius))))
        } else if is("range") {
            let mut numbers = words_of(rest).map(|word| word.parse::<f64>().ok());
            let mut next = || numbers.next().flatten();
            // Infinite bounds are as far as they go.
            let mut within = |least: f64, most: f64| next().map(|bound| bound.clamp(least, most));
            let lon = (within(0.0, 360.0)?, within(0.0, 360.0)?);
            let lat = (within(-90.0, 90.0)?, within(-90.0, 90.0)?);
            let middle = || Self::new((lon.0 + lon.1) / 2.0, (lat.0 + lat.1) / 2.0);
            Patch::of_range(lon, lat).map(Self::of_patch).or_else(|| Some((middle()?, None)))
        } else if is("polygon") {
            let corners = corners(words_of(rest))?;
            Patch::of_polygon(&corners).map(Self::of_patch).or_else(|| Some((middle(&corners)?, None)))
        } else {
            Some((Self::of_one(text)?, None))
        }
    }

    fn of_patch(patch: Patch) -> (Self, Option<(f64, f64)>) {
        let place = Self { lon_deg: patch.lon_deg, lat_deg: patch.lat_deg };
        (place, Some((patch.width_deg, patch.height_deg)))
    }
}

/// One side or two, degrees.
pub(super) fn sides(text: &str) -> Option<(f64, f64)> {
    let mut words = words_of(text).map(|word| word.parse().ok().filter(|side| *side > 0.0 && *side <= 360.0));
    match (words.next(), words.next(), words.next()) {
        (Some(side), None, None) => Some((side?, side?)),
        (Some(width), Some(height), None) => Some((width?, height?)),
        _ => None,
    }
}

/// Words between blanks and commas.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\t']).filter(|word| !word.is_empty())
}

/// Longitudes and latitudes.
fn corners<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Vec<(f64, f64)>> {
    let mut corners = Vec::new();
    while let Some(lon) = words.next() {
        let place = SkyPlace::of_two(lon, words.next()?)?;
        corners.push((place.lon_deg, place.lat_deg));
    }
    (corners.len() >= 3).then_some(corners)
}

/// Direction of the sum of the corners.
fn middle(corners: &[(f64, f64)]) -> Option<SkyPlace> {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for (lon, lat) in corners {
        let (sin_lon, cos_lon) = libm::sincos(lon.to_radians());
        let (sin_lat, cos_lat) = libm::sincos(lat.to_radians());
        (x, y, z) = (x + cos_lat * cos_lon, y + cos_lat * sin_lon, z + sin_lat);
    }
    SkyPlace::new(libm::atan2(y, x).to_degrees(), libm::atan2(z, libm::hypot(x, y)).to_degrees())
}

/// Degrees of a text.
///
/// - `hours`: whether a text of three parts is hours, unless it says degrees.
fn angle(text: &str, hours: bool) -> Option<f64> {
    let text = text.trim();
    if let Ok(degrees) = text.parse::<f64>() {
        return degrees.is_finite().then_some(degrees);
    }
    let text = text.strip_suffix("deg").unwrap_or(text);
    let in_hours = hours && !text.contains(['d', 'D']);
    let mut parts = [""; 3];
    let mut count = 0;
    let marks = [':', ' ', 'h', 'H', 'd', 'D', 'm', 'M', 's', 'S', '\'', '"'];
    for part in text.split(marks).filter(|part| !part.is_empty()) {
        *parts.get_mut(count)? = part;
        count += 1;
    }
    let degrees = sexagesimal(&parts[..count])?;
    Some(if in_hours { 15.0 * degrees } else { degrees })
}

/// Whole, sixtieths and their sixtieths; the sign before the first is that of all.
fn sexagesimal(parts: &[&str]) -> Option<f64> {
    let negative = parts.first()?.starts_with('-');
    let mut sum = 0.0;
    let mut unit = 1.0;
    for (at, part) in parts.iter().enumerate() {
        let digits = if at == 0 { part.trim_start_matches(['-', '+']) } else { part };
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value = digits.parse::<f64>().ok().filter(|value| is_number && (at == 0 || *value < 60.0))?;
        sum += value / unit;
        unit *= 60.0;
    }
    Some(if negative { -sum } else { sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M 17: 18h20m47s -16d10m18s, 275.195833 -16.171667 in degrees.
    #[test]
    fn all_spellings_of_a_place_are_it() {
        let wanted = SkyPlace::of_two("275.1958333333", "-16.1716666667").expect("a place");
        let near = |text: &str, found: Option<SkyPlace>| {
            let found = found.unwrap_or_else(|| panic!("{text} is a place"));
            assert!(
                (found.lon_deg - wanted.lon_deg).abs() < 1e-9 && (found.lat_deg - wanted.lat_deg).abs() < 1e-9,
                "{text}"
            );
        };
        for (lon, lat) in [
            ("18:20:47", "-16:10:18"),
            ("18h20m47s", "-16d10m18s"),
            ("18 20 47.0", "-16 10 18"),
            ("275d11m45s", "-16:10.3"),
            ("-84.8041666667", "-16.17166666670"),
        ] {
            near(lon, SkyPlace::of_two(lon, lat));
        }
        for text in [
            "275.1958333333 -16.1716666667",
            "275.1958333333,-16.1716666667",
            "18 20 47 -16 10 18",
            "18:20:47 -16:10:18",
        ] {
            near(text, SkyPlace::of_one(text));
            near(text, SkyPlace::of_shape("center", text).map(|found| found.0));
        }
        for text in ["CIRCLE 275.1958333333 -16.1716666667 0.1", "circle 18:20:47 -16:10:18 0.1"] {
            near(text, SkyPlace::of_shape("POS", text).map(|found| found.0));
        }
        near("CIRCLE=", SkyPlace::of_shape("CIRCLE", "275.1958333333 -16.1716666667 0.1").map(|found| found.0));
    }

    #[test]
    fn shapes_have_a_middle_and_sides() {
        for text in ["POLYGON 359 -1 1 -1 1 1 359 1", "RANGE 89 91 -1 1", "CIRCLE 90 0 1"] {
            let (place, size) = SkyPlace::of_shape("POS", text).expect("a place");
            let size = size.expect("sides");
            let lon = if place.lon_deg > 45.0 && place.lon_deg < 135.0 { place.lon_deg - 90.0 } else { place.lon_deg };
            assert!(lon.min(360.0 - lon).abs() < 1e-9 && place.lat_deg.abs() < 1e-9, "{text}: {place:?}");
            assert!((size.0 - 2.0).abs() < 1e-3 && (size.1 - 2.0).abs() < 1e-3, "{text}: {size:?}");
        }
        let (whole, size) = SkyPlace::of_shape("POS", "RANGE -Inf +Inf -Inf Inf").expect("a place");
        assert_eq!((whole.lon_deg, whole.lat_deg, size), (180.0, 0.0, None));
    }

    #[test]
    fn one_side_is_both() {
        assert_eq!((sides("0.2"), sides("0.2, 0.1")), (Some((0.2, 0.2)), Some((0.2, 0.1))));
        assert!(["", "0", "-1", "nan", "inf", "1 2 3", "a", "1 b"].iter().all(|text| sides(text).is_none()));
    }

    #[test]
    fn what_is_no_place_is_none() {
        for text in [
            "",
            "1",
            "1 2 3",
            "1 91",
            "nan 1",
            "inf 1",
            "CIRCLE 1 2",
            "POLYGON 1 2 3 4",
            "1:60:0 2",
            "a b",
            "1:2:3:4 5",
        ] {
            assert_eq!(SkyPlace::of_shape("POS", text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_place_or_none(name in "[a-zA-Z]{0,8}", text in ".{0,60}", numbers in "[-+0-9:. hdmse,]{0,40}") {
            for text in [text, numbers.clone(), format!("CIRCLE {numbers}"), format!("POLYGON {numbers}"), format!("RANGE {numbers}")] {
                let _ = sides(&text);
                if let Some((place, _)) = SkyPlace::of_shape(&name, &text) {
                    proptest::prop_assert!((0.0..360.0).contains(&place.lon_deg) && place.lat_deg.abs() <= 90.0);
                }
            }
        }
    }
}
