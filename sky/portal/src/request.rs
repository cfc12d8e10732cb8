//! What an address asks for. Pure: no data set is looked at.

use std::borrow::Cow;

use pogson_healpix::{Cell, MAX_ORDER};
use pogson_image::sphere::Position;

use crate::query::{decode, pairs};

/// Form of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// FITS, 32-bit floats.
    Fits,
    /// PNG, grey with transparency.
    Png,
}

/// Form of a coverage map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MocForm {
    /// A FITS table of unique numbers.
    Fits,
    /// An object of orders and numbers.
    Json,
    /// `order/numbers` with ranges.
    Text,
}

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

/// What is wanted of a data set.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Its page.
    Page,
    /// Its properties, as HiPS has them.
    Properties,
    /// Where it has pixels.
    Moc(MocForm),
    /// A tile by its number.
    Tile(Cell, Format),
    /// All tiles of order 3 in one picture, small.
    Allsky(Format),
    /// A part around a position.
    Cutout(Cutout),
}

/// What an address asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request<'a> {
    /// The list of data sets.
    Home,
    /// The list of data sets as HiPS has it.
    HipsList,
    /// Whether the server is well.
    Health,
    /// What the server does.
    Status,
    /// Something of a data set.
    Of(Cow<'a, str>, What),
}

/// Why an address is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is nothing of that name.
    #[error("there is nothing at this address; the list of data sets is at /")]
    NoSuch,
    /// A parameter is wrong; a sentence says which and what would be right.
    #[error("{0}")]
    Bad(String),
}

impl<'a> Request<'a> {
    /// Reads an address.
    ///
    /// - `path`: from the first slash on, escapes included; `query`: what follows the question mark, or nothing.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn parse(path: &'a str, query: &str) -> Result<Request<'a>, RequestError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        match path {
            "" | "index.html" => return Ok(Request::Home),
            "hipslist" => return Ok(Request::HipsList),
            "health" => return Ok(Request::Health),
            "status" => return Ok(Request::Status),
            _ => {}
        }
        let (front, last) = path.rsplit_once('/').unwrap_or(("", path));
        let named = |what: What| match front.is_empty() {
            true => Err(RequestError::NoSuch),
            false => Ok(Request::Of(decode(front, false), what)),
        };
        match last {
            "" | "index.html" => named(What::Page),
            "properties" => named(What::Properties),
            "Moc.fits" => named(What::Moc(MocForm::Fits)),
            "Moc.json" => named(What::Moc(MocForm::Json)),
            "Moc.txt" => named(What::Moc(MocForm::Text)),
            "cutout" if !front.is_empty() => cutout(decode(front, false), query),
            _ => numbered(front, last),
        }
    }
}

/// `SET/Norder3/Allsky.png` and `SET/Norder9/Dir10000/Npix12345.fits`.
fn numbered<'a>(front: &'a str, last: &str) -> Result<Request<'a>, RequestError> {
    let (name, extension) = last.rsplit_once('.').ok_or(RequestError::NoSuch)?;
    let format = match extension {
        "fits" => Format::Fits,
        "png" => Format::Png,
        _ => return Err(RequestError::NoSuch),
    };
    let (before, folder) = front.rsplit_once('/').ok_or(RequestError::NoSuch)?;
    if name == "Allsky" {
        return match number(folder, "Norder") {
            Some(3) => Ok(Request::Of(decode(before, false), What::Allsky(format))),
            _ => Err(RequestError::NoSuch),
        };
    }
    let (set, order) = before.rsplit_once('/').ok_or(RequestError::NoSuch)?;
    let index = number(name, "Npix").ok_or(RequestError::NoSuch)?;
    let order = number(order, "Norder").filter(|order| *order <= u64::from(MAX_ORDER)).ok_or(RequestError::NoSuch)?;
    if number(folder, "Dir") != Some(index / 10_000 * 10_000) {
        return Err(RequestError::NoSuch);
    }
    let cell = Cell::new(order as u8, index).ok_or(RequestError::NoSuch)?;
    Ok(Request::Of(decode(set, false), What::Tile(cell, format)))
}

/// The number behind a word, in its one spelling: no sign, no leading zeros.
fn number(text: &str, word: &str) -> Option<u64> {
    let digits = text.strip_prefix(word)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// Pixels along a side of a cut-out at most.
pub const LONGEST_SIDE: usize = 4096;

/// Projections that a cut-out may have: those without parameters whose reference point is their middle.
const PROJECTIONS: [&[u8; 3]; 10] = [b"TAN", b"SIN", b"ARC", b"STG", b"ZEA", b"CAR", b"SFL", b"AIT", b"MOL", b"MER"];

fn bad<T>(sentence: String) -> Result<T, RequestError> {
    Err(RequestError::Bad(sentence))
}

fn cutout<'a>(set: Cow<'a, str>, query: &str) -> Result<Request<'a>, RequestError> {
    let (mut set, mut ra, mut dec, mut center, mut size) = (set, None, None, None, None);
    let (mut width, mut height, mut projection, mut format) = (None, None, *b"TAN", Format::Fits);
    for (name, value) in pairs(query) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("ra") {
            ra = Some(value.into_owned());
        } else if is("dec") {
            dec = Some(value.into_owned());
        } else if is("center") {
            center = Some(position(&value)?);
        } else if is("pos") || is("circle") {
            let circle = if is("pos") { shape(&value)? } else { value.trim() };
            let (place, radius) = circle_of(circle)?;
            center = Some(place);
            size = Some((2.0 * radius, 2.0 * radius));
        } else if is("size") || is("fov") {
            size = Some(sides(&value)?);
        } else if is("width") {
            width = Some(pixels("width", &value)?);
        } else if is("height") {
            height = Some(pixels("height", &value)?);
        } else if is("band") {
            set = Cow::Owned(format!("{set}/{value}"));
        } else if is("projection") {
            let upper = value.to_ascii_uppercase();
            match PROJECTIONS.iter().find(|known| upper.as_bytes() == known.as_slice()) {
                Some(known) => projection = **known,
                None => {
                    return bad(format!(
                        "projection '{value}': give one of TAN, SIN, ARC, STG, ZEA, CAR, SFL, AIT, MOL, MER"
                    ));
                }
            }
        } else if is("format") {
            format = match &*value {
                "fits" | "image/fits" | "application/fits" => Format::Fits,
                "png" | "image/png" => Format::Png,
                other => return bad(format!("format '{other}': give fits or png")),
            };
        } else if !is("v") {
            let known = "ra, dec, center, POS, CIRCLE, size, width, height, band, projection, format";
            return bad(format!("'{name}' is no parameter of a cut-out; there are {known}"));
        }
    }
    let center = match (center, ra, dec) {
        (Some(center), None, None) => center,
        (None, Some(ra), Some(dec)) => position(&format!("{} {}", ra.trim(), dec.trim()))?,
        (Some(_), ..) => return bad("the position is given twice; give ra and dec, or center, or POS".into()),
        _ => return bad("no position: give ra and dec, or center, or POS=CIRCLE ra dec radius".into()),
    };
    let Some(size_deg) = size else {
        return bad("no size: give size in degrees, or POS=CIRCLE ra dec radius".into());
    };
    Ok(Request::Of(set, What::Cutout(Cutout { center, size_deg, width, height, projection, format })))
}

/// A place to the tenth decimal of a degree: spellings that differ by rounding are one place, with one tag and the same bytes.
fn position(text: &str) -> Result<Position, RequestError> {
    let place: Position = text.parse().map_err(RequestError::Bad)?;
    let rounded = |deg: f64| (deg * 1e10).round() / 1e10;
    Ok(Position { lon_deg: rounded(place.lon_deg) % 360.0, lat_deg: rounded(place.lat_deg) })
}

/// What follows CIRCLE.
fn shape(value: &str) -> Result<&str, RequestError> {
    let value = value.trim();
    match value.get(..6) {
        Some(word) if word.eq_ignore_ascii_case("circle") => Ok(value[6..].trim()),
        _ => bad(format!("POS '{value}': only CIRCLE ra dec radius is served, in degrees")),
    }
}

fn circle_of(text: &str) -> Result<(Position, f64), RequestError> {
    let (place, radius) = text.rsplit_once([' ', ',', '\t']).unwrap_or((text, ""));
    match radius.trim().parse::<f64>() {
        Ok(radius) if radius > 0.0 && radius <= 90.0 => Ok((position(place)?, radius)),
        _ => bad(format!("circle '{text}': give ra, dec and a radius above 0 and up to 90 degrees")),
    }
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
        match Request::parse("/m17/K/cutout", query)? {
            Request::Of(_, What::Cutout(cutout)) => Ok(cutout),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_tile_has_one_address() {
        let found = Request::parse("/m17/K/Norder9/Dir1860000/Npix1863470.fits", "").expect("a tile");
        let cell = Cell::new(9, 1_863_470).expect("a cell");
        assert_eq!(found, Request::Of("m17/K".into(), What::Tile(cell, Format::Fits)));
        for wrong in [
            "/m17/Norder9/Dir0/Npix1863470.fits",
            "/m17/Norder9/Dir1860000/Npix01863470.fits",
            "/m17/Norder09/Dir1860000/Npix1863470.fits",
            "/m17/Norder9/Dir1860000/Npix+1863470.fits",
            "/m17/Norder9/Dir1860000/Npix1863470.jpg",
            "/m17/Norder3/Dir0/Npix768.png",
            "/m17/Norder30/Dir0/Npix1.png",
            "/m17/Norder4/Allsky.png",
            "/nothing",
        ] {
            assert_eq!(Request::parse(wrong, ""), Err(RequestError::NoSuch), "{wrong}");
        }
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
    }

    #[test]
    fn a_band_may_be_a_parameter() {
        let found = Request::parse("/m17/cutout", "band=K&ra=1&dec=2&size=1").expect("a cut-out");
        assert!(matches!(found, Request::Of(set, _) if set == "m17/K"));
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
            ("POS=POLYGON 1 2 3 4 5 6", "CIRCLE"),
            ("ra=1&dec=2&size=1&projection=XYZ", "projection 'XYZ'"),
        ] {
            let Err(RequestError::Bad(sentence)) = part(query) else { panic!("{query}") };
            assert!(sentence.contains(word), "{query}: {sentence}");
        }
    }

    proptest! {
        #[test]
        fn any_address_is_read_without_harm(path in "/?[a-zA-Z0-9/%.+]{0,60}", query in "[a-z0-9=&+%. :-]{0,60}") {
            let _ = Request::parse(&path, &query);
            let _ = Request::parse("/a/cutout", &query);
        }
    }
}
