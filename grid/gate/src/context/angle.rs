//! Places on the sky, in all ways that people write them.

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

    /// Of the values of `POS`, `CIRCLE` and `POLYGON` (DALI 1.1, section 3.3; SODA 1.0, section 3.3): the middle.
    ///
    /// - `name`: of the parameter; `POS` begins with the word that says what it is.
    pub(super) fn of_shape(name: &str, text: &str) -> Option<Self> {
        let text = text.trim();
        let (word, rest) = text.split_once([' ', ',', '\t']).unwrap_or((text, ""));
        let is_word = word.bytes().all(|byte| byte.is_ascii_alphabetic()) && !word.is_empty();
        let (shape, rest) = if is_word { (word, rest) } else { (name, text) };
        let is = |known: &str| shape.eq_ignore_ascii_case(known);
        if is("circle") {
            let (place, radius) = rest.trim().rsplit_once([' ', ',', '\t'])?;
            radius.parse::<f64>().ok().filter(|radius| *radius >= 0.0)?;
            Self::of_one(place)
        } else if is("range") {
            let mut numbers = words_of(rest).map(|word| word.parse::<f64>().ok());
            let mut next = || numbers.next().flatten();
            let (lon1, lon2, lat1, lat2) = (next()?, next()?, next()?, next()?);
            // Infinite bounds are as far as they go.
            let lon = (lon1.clamp(0.0, 360.0) + lon2.clamp(0.0, 360.0)) / 2.0;
            Self::new(lon, (lat1.clamp(-90.0, 90.0) + lat2.clamp(-90.0, 90.0)) / 2.0)
        } else if is("polygon") {
            middle(words_of(rest))
        } else {
            Self::of_one(text)
        }
    }
}

/// Words between blanks and commas.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\t']).filter(|word| !word.is_empty())
}

/// Direction of the sum of the corners.
fn middle<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<SkyPlace> {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    let mut corners = 0;
    while let Some(lon) = words.next() {
        let place = SkyPlace::of_two(lon, words.next()?)?;
        let (sin_lon, cos_lon) = libm::sincos(place.lon_deg.to_radians());
        let (sin_lat, cos_lat) = libm::sincos(place.lat_deg.to_radians());
        (x, y, z) = (x + cos_lat * cos_lon, y + cos_lat * sin_lon, z + sin_lat);
        corners += 1;
    }
    let lat = libm::atan2(z, libm::hypot(x, y)).to_degrees();
    if corners < 3 { None } else { SkyPlace::new(libm::atan2(y, x).to_degrees(), lat) }
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
            near(text, SkyPlace::of_shape("center", text));
        }
        for text in [
            "CIRCLE 275.1958333333 -16.1716666667 0.1",
            "circle 18:20:47 -16:10:18 0.1",
            "Range 275 275.3916666666 -17 -15.3433333334",
        ] {
            near(text, SkyPlace::of_shape("POS", text));
        }
        near("CIRCLE=", SkyPlace::of_shape("CIRCLE", "275.1958333333 -16.1716666667 0.1"));
    }

    #[test]
    fn a_polygon_has_its_middle() {
        let found = SkyPlace::of_shape("POLYGON", "359 -1 1 -1 1 1 359 1").expect("a place");
        assert!(found.lon_deg.min(360.0 - found.lon_deg) < 1e-9 && found.lat_deg.abs() < 1e-9, "{found:?}");
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
                if let Some(place) = SkyPlace::of_shape(&name, &text) {
                    proptest::prop_assert!((0.0..360.0).contains(&place.lon_deg) && place.lat_deg.abs() <= 90.0);
                }
            }
        }
    }
}
