//! What an address asks for. Pure: no data set is looked at.

use std::borrow::Cow;

use pogson_healpix::{Cell, MAX_ORDER};

use crate::cutout::{self, Cutout};
use crate::query::decode;

/// Form of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// FITS, 32-bit floats.
    Fits,
    /// PNG, grey with transparency.
    Png,
    /// JPEG, grey; black where there is no value.
    Jpg,
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
            "cutout" if !front.is_empty() => {
                let (set, cutout) = cutout::parse(decode(front, false), query)?;
                Ok(Request::Of(set, What::Cutout(cutout)))
            }
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
        "jpg" => Format::Jpg,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            "/m17/Norder9/Dir1860000/Npix1863470.gif",
            "/m17/Norder3/Dir0/Npix768.png",
            "/m17/Norder30/Dir0/Npix1.png",
            "/m17/Norder4/Allsky.png",
            "/nothing",
        ] {
            assert_eq!(Request::parse(wrong, ""), Err(RequestError::NoSuch), "{wrong}");
        }
    }

    #[test]
    fn a_band_may_be_a_parameter() {
        let found = Request::parse("/m17/cutout", "band=K&ra=1&dec=2&size=1").expect("a cut-out");
        assert!(matches!(found, Request::Of(set, _) if set == "m17/K"));
    }

    proptest! {
        #[test]
        fn any_address_is_read_without_harm(path in "/?[a-zA-Z0-9/%.+]{0,60}", query in "[a-z0-9=&+%. :-]{0,60}") {
            let _ = Request::parse(&path, &query);
            let _ = Request::parse("/a/cutout", &query);
        }
    }
}
