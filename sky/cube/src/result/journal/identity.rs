//! The header of a journal: the facts of the run, as JSON with a check sum.

use std::collections::BTreeMap;
use std::path::Path;

use pogson_image::fits::Header;
use pogson_sed::library::Band;
use pogson_sed::parameter::Parameter;
use serde::{Deserialize, Serialize};

use super::super::Facts;
use super::super::error::ResultError;
use super::{MAGIC, crc32};

/// The facts as they are written. Real numbers are text, which reads back exactly.
#[derive(Serialize, Deserialize)]
struct Written {
    galaxy: String,
    redshift: String,
    width: u32,
    height: u32,
    header: Vec<String>,
    bands: Vec<(String, String, u32)>,
    parameters: Vec<String>,
    library: String,
    cube: String,
    options: BTreeMap<String, String>,
}

/// The first bytes of a journal of a run.
pub(super) fn header(facts: &Facts) -> Vec<u8> {
    let cards = facts.header.to_bytes();
    let cards = cards.chunks_exact(80).map(|c| String::from_utf8_lossy(c).trim_end().to_owned());
    let written = Written {
        galaxy: facts.galaxy.clone(),
        redshift: format!("{:?}", facts.redshift),
        width: facts.width,
        height: facts.height,
        header: cards.filter(|c| !c.is_empty()).collect(),
        bands: facts.bands.iter().map(|b| (b.name.clone(), format!("{:?}", b.wavelength_um), b.id)).collect(),
        parameters: facts.parameters.iter().map(|p| p.name().to_owned()).collect(),
        library: facts.library.clone(),
        cube: facts.cube.clone(),
        options: facts.options.clone(),
    };
    let json = serde_json::json!(written).to_string().into_bytes();
    let mut bytes = MAGIC.to_vec();
    bytes.extend((json.len() as u32).to_le_bytes());
    bytes.extend(crc32(&json).to_le_bytes());
    bytes.extend(json);
    bytes
}

/// The facts of a journal and where its records begin.
///
/// # Errors
/// [`ResultError::NotJournal`].
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<(Facts, usize), ResultError> {
    let not = || ResultError::NotJournal { path: path.to_owned() };
    let (json, begin) = split(bytes).ok_or_else(not)?;
    let written: Written = serde_json::from_slice(json).map_err(|_| not())?;
    Ok((facts(written).ok_or_else(not)?, begin))
}

fn split(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let json = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (crc32(json) == u32::from_le_bytes(*sum)).then_some((json, MAGIC.len() + 8 + json.len()))
}

fn facts(written: Written) -> Option<Facts> {
    let parameter = |name: &String| Parameter::all().find(|p| p.name() == name);
    let band = |(name, wavelength, id): (String, String, u32)| {
        Some(Band { name, wavelength_um: wavelength.parse().ok()?, id })
    };
    Some(Facts {
        redshift: written.redshift.parse().ok()?,
        header: Header::from_text(&written.header.join("\n")).ok()?,
        bands: written.bands.into_iter().map(band).collect::<Option<_>>()?,
        parameters: written.parameters.iter().map(parameter).collect::<Option<_>>()?,
        galaxy: written.galaxy,
        width: written.width,
        height: written.height,
        library: written.library,
        cube: written.cube,
        options: written.options,
    })
}

/// A fact in words.
type Said<'a> = &'a dyn Fn(&Facts) -> String;

/// Whether two runs are the same but for headers.
///
/// # Errors
/// [`ResultError::OtherRun`] with the first fact that differs.
pub(super) fn compare(path: &Path, found: &Facts, wanted: &Facts) -> Result<(), ResultError> {
    let bands = |f: &Facts| {
        let all: Vec<String> = f.bands.iter().map(|b| format!("{} at {:?} um", b.name, b.wavelength_um)).collect();
        all.join(", ")
    };
    let parameters = |f: &Facts| f.parameters.iter().map(|p| p.name()).collect::<Vec<_>>().join(", ");
    let facts: [(&str, Said<'_>); 7] = [
        ("cube", &|f| f.cube.clone()),
        ("library", &|f| f.library.clone()),
        ("galaxy", &|f| f.galaxy.clone()),
        ("redshift", &|f| format!("{:?}", f.redshift)),
        ("size", &|f| format!("{} x {}", f.width, f.height)),
        ("list of bands", &bands),
        ("list of parameters", &parameters),
    ];
    let other = |what: String, found: String, wanted: String| {
        Err(ResultError::OtherRun { path: path.to_owned(), what, found, wanted })
    };
    for (what, of) in facts {
        if of(found) != of(wanted) {
            return other(what.to_owned(), of(found), of(wanted));
        }
    }
    let names = found.options.keys().chain(wanted.options.keys());
    for name in names {
        let of = |f: &Facts| f.options.get(name).map_or("not given".to_owned(), Clone::clone);
        if of(found) != of(wanted) {
            return other(format!("option {name}"), of(found), of(wanted));
        }
    }
    Ok(())
}
