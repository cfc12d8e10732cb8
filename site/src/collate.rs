//! A galaxy whose areas are all in, put together to its file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pogson_crowd::role::{Fact, Facts};
use pogson_cube::result::{Area, Crowd, ResultFile};
use pogson_sed::library_file::hex;
use pogson_sed::work::Answer;
use sha2::{Digest, Sha256};

use crate::error::SiteError;
use crate::facts::{AreaFact, AreaState, EndFact, end_key, fact};
use crate::galaxy::Opened;
use crate::gzip::{normalised, plain};
use crate::objects::ObjectStore;

/// The answer of an object.
pub(crate) fn answer_of_object(store: &dyn ObjectStore, name: &str) -> Result<Answer, SiteError> {
    let broken = |fault: String| SiteError::Broken(format!("object {name}: {fault}"));
    let bytes = store.get(name)?.ok_or_else(|| broken("is not there; restore it from a backup".to_owned()))?;
    // It was checked when it came.
    let text = plain(&bytes, u64::MAX - 1).map_err(broken)?;
    let text = String::from_utf8(normalised(&text).into_owned()).map_err(|_| broken("is no text".to_owned()))?;
    Answer::parse(&text).map_err(|error| broken(error.to_string()))
}

/// Puts a galaxy together, writes its file, reads it again, and gives the fact that says so. Pixels of areas that were given up
/// stay undefined.
///
/// # Errors
/// Objects that are missing or damaged, a full disk.
pub(crate) fn collate(
    dir: &Path,
    opened: &Opened,
    areas: &[(u32, AreaFact)],
    store: &dyn ObjectStore,
) -> Result<Fact, SiteError> {
    let galaxy = &opened.galaxy;
    let elsewhere = &opened.elsewhere;
    let mut result = ResultFile::new(opened.facts()?);
    elsewhere.prepare(&mut result);
    let objects: BTreeSet<&String> =
        areas.iter().filter(|(_, area)| area.state == AreaState::Done).map(|(_, area)| &area.object).collect();
    for object in objects {
        for answered in answer_of_object(store, object)?.places {
            elsewhere.take(answered, &mut result);
        }
    }
    result.crowd = Some(crowd(areas));
    let path = galaxy.result_file(dir);
    result.write(&path, true)?;
    let fitted = fits_of(&result);
    check(&path, &result)?;
    let bytes = std::fs::read(&path).map_err(SiteError::io(&path, "read the result"))?;
    let given_up = areas.iter().filter(|(_, area)| area.state == AreaState::GivenUp).map(|(number, _)| *number);
    let end = EndFact {
        file: format!("{}.h5", galaxy.name),
        sha256: hex(&Sha256::digest(&bytes).into()),
        fitted: fitted as u32,
        given_up: given_up.collect(),
        ended: 0,
    };
    Ok(fact(end_key(&galaxy.name), &end))
}

/// Areas and their users, as the file has them.
pub(crate) fn crowd(areas: &[(u32, AreaFact)]) -> Crowd {
    let mut users = BTreeMap::new();
    let rows = areas.iter().map(|(number, area)| {
        area.users.iter().for_each(|(id, name)| {
            users.insert(*id, name.clone());
        });
        let own: BTreeSet<i64> = area.users.iter().map(|(id, _)| *id).collect();
        Area { number: *number, first: area.first, last: area.last, users: own.into_iter().collect() }
    });
    let areas = rows.collect();
    Crowd { areas, users }
}

fn fits_of(result: &ResultFile) -> usize {
    result.pixels.len() + result.bins.as_ref().map_or(0, |bins| bins.records.len())
}

/// Reads a file again and holds it against what was to be written.
fn check(path: &Path, result: &ResultFile) -> Result<(), SiteError> {
    let back = ResultFile::read(path)?;
    let sums = |result: &ResultFile| result.special.values().map(Vec::len).collect::<Vec<_>>();
    let areas = |result: &ResultFile| result.crowd.as_ref().map_or(0, |crowd| crowd.users.len());
    let same = fits_of(&back) == fits_of(result)
        && sums(&back) == sums(result)
        && areas(&back) == areas(result)
        && back.facts.cube == result.facts.cube;
    let broken = || SiteError::Broken(format!("{}: reads back other than it was written", path.display()));
    if same { Ok(()) } else { Err(broken()) }
}

/// The areas of a galaxy as they are with some of them changed.
///
/// # Errors
/// As [`crate::facts::areas`].
pub(crate) fn with(
    facts: &dyn Facts,
    name: &str,
    changed: &BTreeMap<u32, AreaFact>,
) -> Result<Vec<(u32, AreaFact)>, SiteError> {
    let mut areas = crate::facts::areas(facts, name)?;
    for (number, area) in &mut areas {
        if let Some(new) = changed.get(number) {
            area.clone_from(new);
        }
    }
    Ok(areas)
}
