//! What a request for a part of the sky asks for: parameters as SODA 1.0 has them, and shorter ones.

use std::borrow::Cow;

use pogson_healpix::Patch;
use pogson_image::sphere::Position;

use crate::query::pairs;
use crate::request::{Format, RequestError};

/// A part of the sky around a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Cutout {
    /// Its middle, ICRS.
    pub center: Position,
    /// Width and height on the sky, degrees.
    pub size_deg: (f64, f64),
    /// Width in pixels; the data set's own scale where it is not given.
    pub width: Option<usize>,
    /// Height in pixels; from the width and the size where it is not given.
    pub height: Option<usize>,
    /// Three letters of the projection.
    pub projection: [u8; 3],
    /// Form of the answer.
    pub format: Format,
}

/// Pixels along a side of a cut-out at most.
pub const LONGEST_SIDE: usize = 4096;

/// Projections that a cut-out may have: those without parameters whose reference point is their middle.
const PROJECTIONS: [&[u8; 3]; 10] = [b"TAN", b"SIN", b"ARC", b"STG", b"ZEA", b"CAR", b"SFL", b"AIT", b"MOL", b"MER"];

/// Corners of a polygon at most.
const MOST_CORNERS: usize = 1000;

impl Cutout {
    /// Where it lies.
    pub fn patch(&self) -> Patch {
        Patch::new(self.center.lon_deg, self.center.lat_deg, self.size_deg)
    }
}

fn bad<T>(sentence: String) -> Result<T, RequestError> {
    Err(RequestError::Bad(sentence))
}

/// A parameter that may stand once.
struct Once<T>(Option<T>);

impl<T> Once<T> {
    fn none() -> Self {
        Once(None)
    }

    /// - `name`: as the request has it. SODA 1.0, section 5.3, gives the first word of the error.
    fn set(&mut self, name: &str, value: T) -> Result<(), RequestError> {
        match self.0.replace(value) {
            None => Ok(()),
            Some(_) => bad(format!(
                "MultiValuedParamNotSupported: '{name}' says a second time what was said before; ask for one part in each request"
            )),
        }
    }
}

/// Reads the parameters.
///
/// - `set`: name of the data set by the path. Returned is that of the band where the query names one.
///
/// # Errors
/// [`RequestError::Bad`].
pub(crate) fn parse<'a>(set: Cow<'a, str>, query: &str) -> Result<(Cow<'a, str>, Cutout), RequestError> {
    let (mut ra, mut dec, mut center, mut size) = (Once::none(), Once::none(), Once::none(), Once::none());
    let (mut width, mut height) = (Once::none(), Once::none());
    let (mut band, mut projection, mut format) = (Once::none(), Once::none(), Once::none());
    for (name, value) in pairs(query) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("ra") {
            ra.set(&name, value.into_owned())?;
        } else if is("dec") {
            dec.set(&name, value.into_owned())?;
        } else if is("center") {
            center.set(&name, position(&value)?)?;
        } else if is("pos") || is("circle") || is("polygon") {
            let (place, sides) = shape(&name, &value)?;
            center.set(&name, place)?;
            size.set(&name, sides)?;
        } else if is("size") || is("fov") {
            size.set(&name, sides(&value)?)?;
        } else if is("width") {
            width.set(&name, pixels("width", &value)?)?;
        } else if is("height") {
            height.set(&name, pixels("height", &value)?)?;
        } else if is("band") {
            band.set(&name, named_band(&value)?)?;
        } else if is("projection") {
            projection.set(&name, known_projection(&value)?)?;
        } else if is("format") || is("responseformat") {
            format.set(&name, known_format(&value)?)?;
        } else if !is("v") {
            return bad(unknown(&name));
        }
    }
    let center = match (center.0, ra.0, dec.0) {
        (Some(center), None, None) => center,
        (None, Some(ra), Some(dec)) => position(&format!("{} {}", ra.trim(), dec.trim()))?,
        (Some(_), ..) => return bad("the position is given twice; give ra and dec, or center, or POS".into()),
        _ => return bad("no position: give ra and dec, or center, or POS=CIRCLE ra dec radius".into()),
    };
    let Some(size_deg) = size.0 else {
        return bad("no size: give size in degrees, or POS=CIRCLE ra dec radius".into());
    };
    let set = band.0.map_or_else(|| set.clone(), |band| Cow::Owned(format!("{set}/{band}")));
    let projection = projection.0.unwrap_or(*b"TAN");
    let format = format.0.unwrap_or(Format::Fits);
    Ok((set, Cutout { center, size_deg, width: width.0, height: height.0, projection, format }))
}

/// Why a parameter is not taken.
fn unknown(name: &str) -> String {
    let known = "ra, dec, center, POS, CIRCLE, POLYGON, size, width, height, band, projection, format";
    if name.eq_ignore_ascii_case("id") {
        return "'ID' is not read: the address names the data set, as /SET/cutout, and one request is about one".into();
    }
    if ["time", "pol"].iter().any(|axis| name.eq_ignore_ascii_case(axis)) {
        return format!("'{name}' is no parameter here: the images have no such axis; there are {known}");
    }
    format!("'{name}' is no parameter of a cut-out; there are {known}")
}

/// The name of a band; SODA's intervals of wavelengths are none.
fn named_band(value: &str) -> Result<String, RequestError> {
    let mut words = value.split([' ', ',']).filter(|word| !word.is_empty());
    let number = |word: &str| word.parse::<f64>().is_ok();
    if words.by_ref().next().is_some_and(number) && words.next().is_some_and(number) {
        return bad(format!(
            "band '{value}': wavelengths are not looked up; give the band's name, as the list at / has it"
        ));
    }
    Ok(value.to_owned())
}

fn known_projection(value: &str) -> Result<[u8; 3], RequestError> {
    let upper = value.to_ascii_uppercase();
    match PROJECTIONS.iter().find(|known| upper.as_bytes() == known.as_slice()) {
        Some(known) => Ok(**known),
        None => bad(format!("projection '{value}': give one of TAN, SIN, ARC, STG, ZEA, CAR, SFL, AIT, MOL, MER")),
    }
}

fn known_format(value: &str) -> Result<Format, RequestError> {
    match value {
        "fits" | "image/fits" | "application/fits" => Ok(Format::Fits),
        "png" | "image/png" => Ok(Format::Png),
        "jpg" | "jpeg" | "image/jpeg" => Ok(Format::Jpg),
        other => bad(format!("format '{other}': give fits, png or jpg")),
    }
}

/// A place to the tenth decimal of a degree: spellings that differ by rounding are one place, with one tag and the same bytes.
fn position(text: &str) -> Result<Position, RequestError> {
    let place: Position = text.parse().map_err(RequestError::Bad)?;
    let rounded = |deg: f64| (deg * 1e10).round() / 1e10;
    Ok(Position { lon_deg: rounded(place.lon_deg) % 360.0, lat_deg: rounded(place.lat_deg) })
}

/// The middle and the sides of what `POS`, `CIRCLE` and `POLYGON` say (SODA 1.0, section 3.3).
fn shape(name: &str, value: &str) -> Result<(Position, (f64, f64)), RequestError> {
    let value = value.trim();
    let end = value.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(value.len());
    let (word, rest) = value.split_at(end);
    let (shape, rest) = if name.eq_ignore_ascii_case("pos") { (word, rest.trim()) } else { (name, value) };
    let is = |known: &str| shape.eq_ignore_ascii_case(known);
    if is("circle") {
        circle(rest)
    } else if is("range") {
        range(rest)
    } else if is("polygon") {
        polygon(rest)
    } else {
        bad(format!(
            "POS '{value}': give CIRCLE ra dec radius, RANGE ra1 ra2 dec1 dec2 or POLYGON ra dec ra dec ra dec ..., in degrees"
        ))
    }
}

fn circle(text: &str) -> Result<(Position, (f64, f64)), RequestError> {
    let (place, radius) = text.rsplit_once([' ', ',', '\t']).unwrap_or((text, ""));
    match radius.trim().parse::<f64>() {
        Ok(radius) if radius > 0.0 && radius <= 90.0 => Ok((position(place)?, (2.0 * radius, 2.0 * radius))),
        _ => bad(format!("circle '{text}': give ra, dec and a radius above 0 and up to 90 degrees")),
    }
}

/// Infinite bounds are as far as they go.
fn range(text: &str) -> Result<(Position, (f64, f64)), RequestError> {
    let bounds: Option<Vec<f64>> =
        words(text).map(|word| word.parse().ok().filter(|bound: &f64| !bound.is_nan())).collect();
    let Some([lon1, lon2, lat1, lat2]) = bounds.as_deref().and_then(|bounds| <[f64; 4]>::try_from(bounds).ok()) else {
        return bad(format!(
            "range '{text}': give two longitudes and two latitudes, as RANGE 10 10.2 -1 -0.9, in degrees"
        ));
    };
    let lon = (lon1.clamp(0.0, 360.0), lon2.clamp(0.0, 360.0));
    let lat = (lat1.clamp(-90.0, 90.0), lat2.clamp(-90.0, 90.0));
    match Patch::of_range(lon, lat) {
        Some(patch) => Ok(around(patch)),
        None => bad(format!(
            "range '{text}': give the lesser longitude and the lesser latitude first, and a part that one image can show; past 0 hours a \
             POLYGON goes on"
        )),
    }
}

fn polygon(text: &str) -> Result<(Position, (f64, f64)), RequestError> {
    let all: Vec<&str> = words(text).take(2 * MOST_CORNERS + 1).collect();
    let pairs = all.chunks(2).map(|pair| position(&pair.join(" ")));
    let Ok(corners) =
        pairs.map(|place| place.map(|place| (place.lon_deg, place.lat_deg))).collect::<Result<Vec<_>, _>>()
    else {
        return bad(format!("polygon '{text}': give a longitude and a latitude for each corner, in degrees"));
    };
    match Patch::of_polygon(&corners) {
        Some(patch) if corners.len() <= MOST_CORNERS => Ok(around(patch)),
        _ => bad(format!("polygon '{text}': give 3 to {MOST_CORNERS} corners about a part that one image can show")),
    }
}

fn around(patch: Patch) -> (Position, (f64, f64)) {
    (Position { lon_deg: patch.lon_deg, lat_deg: patch.lat_deg }, (patch.width_deg, patch.height_deg))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\t']).filter(|word| !word.is_empty())
}

/// One side or two, degrees.
fn sides(text: &str) -> Result<(f64, f64), RequestError> {
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty()).map(|word| word.parse::<f64>());
    let sides = match (words.next(), words.next(), words.next()) {
        (Some(Ok(side)), None, None) => Some((side, side)),
        (Some(Ok(width)), Some(Ok(height)), None) => Some((width, height)),
        _ => None,
    };
    let sound = |side: f64| side > 0.0 && side <= 360.0;
    match sides {
        Some((width, height)) if sound(width) && sound(height) => Ok((width, height)),
        _ => {
            bad(format!("size '{text}': give one or two numbers of degrees, above 0 and up to 360, as 0.1 or 0.2,0.1"))
        }
    }
}

fn pixels(name: &str, text: &str) -> Result<usize, RequestError> {
    match text.parse::<usize>() {
        Ok(count) if (1..=LONGEST_SIDE).contains(&count) => Ok(count),
        _ => bad(format!("{name} '{text}': give a whole number from 1 to {LONGEST_SIDE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(query: &str) -> Result<Cutout, RequestError> {
        parse("m17/K".into(), query).map(|(_, cutout)| cutout)
    }

    #[test]
    fn spellings_of_one_cutout_read_the_same() {
        let wanted = part("ra=274.7&dec=-13.8&size=0.2").expect("a cut-out");
        for same in [
            "POS=CIRCLE 274.7 -13.8 0.1",
            "pos=circle+274.7+-13.8+0.1",
            "CIRCLE=274.7%20-13.8%200.1",
            "ra=18:18:48&dec=-13:48:00&size=0.2",
            "center=18h18m48s+-13d48m00s&size=0.2,0.2",
            "ra=18+18+48&dec=-13+48+00&size=0.2&v=7",
        ] {
            let found = part(same).expect(same);
            assert_eq!(found, wanted, "{same}");
        }
        let ring = "274.5 -14 275 -14 275 -13.5 274.5 -13.5";
        let wanted = part(&format!("POLYGON={ring}")).expect("a cut-out");
        assert_eq!(part(&format!("pos=Polygon {ring}")), Ok(wanted.clone()));
        let range = part("POS=RANGE 274.5 275 -14 -13.5").expect("a cut-out");
        let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
        assert!(near(range.center.lon_deg, wanted.center.lon_deg) && near(range.center.lat_deg, wanted.center.lat_deg));
        assert!(near(range.size_deg.0, wanted.size_deg.0) && near(range.size_deg.1, wanted.size_deg.1));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, word) in [
            ("ra=1&dec=2", "size"),
            ("ra=1&size=1", "position"),
            ("ra=1&dec=2&center=1 2&size=1", "twice"),
            ("ra=1&dec=95&size=1", "latitude"),
            ("ra=1&dec=2&size=-1", "size '-1'"),
            ("ra=1&dec=2&size=1&width=9999", "width '9999'"),
            ("ra=1&dec=2&size=1&format=gif", "format 'gif'"),
            ("ra=1&dec=2&sise=1", "'sise'"),
            ("POS=POLYGON 1 2 3 4 5", "polygon '1 2 3 4 5'"),
            ("POS=POLYGON 1 2 3 4", "3 to 1000 corners"),
            ("POS=RANGE 359 1 -1 1", "POLYGON goes on"),
            ("POS=RANGE 1 2 3", "two longitudes"),
            ("POS=RANGE -Inf Inf -Inf Inf", "one image"),
            ("POS=SQUARE 1 2 3", "CIRCLE"),
            ("POS=CIRCLE 1 2 3&POS=CIRCLE 4 5 6", "MultiValuedParamNotSupported"),
            ("POS=CIRCLE 1 2 3&size=1", "MultiValuedParamNotSupported"),
            ("ID=ivo://x&POS=CIRCLE 1 2 3", "/SET/cutout"),
            ("TIME=1 2&POS=CIRCLE 1 2 3", "axis"),
            ("BAND=2e-6 2.4e-6&POS=CIRCLE 1 2 3", "wavelengths"),
            ("ra=1&dec=2&size=1&projection=XYZ", "projection 'XYZ'"),
        ] {
            let Err(RequestError::Bad(sentence)) = part(query) else { panic!("{query}") };
            assert!(sentence.contains(word), "{query}: {sentence}");
        }
    }

    proptest! {
        #[test]
        fn any_shape_is_read_without_harm(word in "(POS=)?(CIRCLE|RANGE|POLYGON|[a-zé]{0,4})[ =]?", numbers in "[-+0-9.eInf ,]{0,60}") {
            let _ = part(&format!("{word}{numbers}"));
        }
    }
}
