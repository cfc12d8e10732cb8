//! A unit's work done at home: to look into units that are in doubt, and to test hosts that are trusted.

use std::path::Path;

use pogson_crowd::role::{Facts, Outputs, UnitFacts};
use pogson_cube::library_store::LibraryFile;
use pogson_sed::work::{Answer, Answered, Bench, Place, Work};

use crate::error::SiteError;
use crate::facts::{AreaFact, Opaque, area_key, galaxy, read};
use crate::galaxy::Opened;
use crate::libraries;

/// The outputs that a sound host gives for a unit.
///
/// # Errors
/// A galaxy that was deleted, or whose areas are forgotten; files that cannot be read.
pub(crate) fn refit(dir: &Path, facts: &dyn Facts, unit: &UnitFacts) -> Result<Outputs, SiteError> {
    let opaque = Opaque::parse(&unit.opaque)?;
    let galaxy = galaxy(facts, &opaque.galaxy)?;
    let gone = || SiteError::Refused(format!("unit {}: its galaxy or its areas are gone", unit.name));
    if galaxy.run != opaque.run {
        return Err(gone());
    }
    let opened = Opened::open(dir, galaxy)?;
    let mut places: Vec<Place> = Vec::new();
    for number in &opaque.areas {
        let area: AreaFact = read(facts, &area_key(&opened.galaxy.name, *number))?.ok_or_else(gone)?;
        places.extend(opened.places_of(&area));
    }
    let work = Work { unit: unit.name.clone(), places, ..opened.template.clone() };
    let file = LibraryFile::open(&libraries::folder(dir).join(&opened.galaxy.library_file))?;
    let library = file.nearest(work.redshift, libraries::WITHIN)?;
    let bench = Bench::new(&work, &library, &file.index().name())?;
    let fitted = work.places.iter().map(|place| Ok(Answered::new(place, bench.fit(place)?)));
    let places = fitted.collect::<Result<Vec<Answered>, SiteError>>()?;
    Ok(vec![Answer { work: work.hash(), places }.text().into_bytes()])
}
