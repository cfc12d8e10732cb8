//! What becomes of the results that were agreed on.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pogson_crowd::life::Trouble;
use pogson_crowd::role::{Assimilator, Fact, Facts, Finished, Outputs, RoleError};
use pogson_cube::result::ResultFile;
use pogson_sed::work::{Place, Work};

use crate::collate::{collate, with};
use crate::error::SiteError;
use crate::facts::{AreaFact, AreaState, Opaque, area_key, fact, galaxy_key, read};
use crate::galaxy::{Galaxy, Opened};
use crate::gzip::packed;
use crate::maps::Maps;
use crate::objects::ObjectStore;
use crate::validator::{answer_in, text_of};

/// Galaxies that are kept open.
const OPEN: usize = 8;
/// How long pictures may be older than their medians while more come in.
const STALE: Duration = Duration::from_secs(2);

/// Stores results, draws maps, and puts galaxies together.
pub struct GalaxyAssimilator {
    dir: PathBuf,
    store: Arc<dyn ObjectStore>,
    open: HashMap<(String, u32), Ready>,
}

/// A galaxy with what its answers are held against.
struct Ready {
    opened: Opened,
    drawn: Option<Instant>,
    used: Instant,
}

impl GalaxyAssimilator {
    pub(crate) fn new(dir: &Path, store: Arc<dyn ObjectStore>) -> GalaxyAssimilator {
        GalaxyAssimilator { dir: dir.to_owned(), store, open: HashMap::new() }
    }

    fn take(&mut self, facts: &dyn Facts, finished: &Finished) -> Result<Vec<Fact>, SiteError> {
        let opaque = Opaque::parse(&finished.unit.opaque)?;
        let galaxy: Option<Galaxy> = read(facts, &galaxy_key(&opaque.galaxy))?;
        // What comes of a galaxy that was deleted is of no use.
        let Some(galaxy) = galaxy.filter(|galaxy| galaxy.run == opaque.run) else { return Ok(Vec::new()) };
        let mut areas = BTreeMap::new();
        for number in &opaque.areas {
            // Areas of a galaxy that ended long ago may be forgotten.
            let Some(area) = read::<AreaFact>(facts, &area_key(&galaxy.name, *number))? else { return Ok(Vec::new()) };
            areas.insert(*number, area);
        }
        let dir = self.dir.clone();
        let store = self.store.clone();
        let ready = self.ready(galaxy)?;
        match &finished.outputs {
            Some(outputs) => {
                let object = ready.keep(&dir, &opaque, outputs, &finished.unit.name, &areas, store.as_ref())?;
                for area in areas.values_mut() {
                    area.state = AreaState::Done;
                    area.object.clone_from(&object);
                    area.users.clone_from(&finished.users);
                    area.trouble.clear();
                }
            }
            None => {
                for area in areas.values_mut() {
                    area.state = AreaState::GivenUp;
                    area.trouble = finished.trouble.map_or("no result", in_words).to_owned();
                }
            }
        }
        let galaxy = &ready.opened.galaxy;
        let mut told: Vec<Fact> =
            areas.iter().map(|(number, area)| fact(area_key(&galaxy.name, *number), area)).collect();
        let all = with(facts, &galaxy.name, &areas)?;
        if all.iter().all(|(_, area)| area.state.is_over()) {
            told.push(collate(&dir, &ready.opened, &all, store.as_ref())?);
            Maps::of(&dir, galaxy).draw()?;
        } else if ready.drawn.is_none_or(|drawn| drawn.elapsed() >= STALE) {
            Maps::of(&dir, galaxy).refresh()?;
            ready.drawn = Some(Instant::now());
        }
        Ok(told)
    }

    /// A galaxy, opened if it is not.
    fn ready(&mut self, galaxy: Galaxy) -> Result<&mut Ready, SiteError> {
        let key = (galaxy.name.clone(), galaxy.run);
        if !self.open.contains_key(&key) {
            while self.open.len() >= OPEN {
                let oldest = self.open.iter().min_by_key(|(_, ready)| ready.used).map(|(key, _)| key.clone());
                oldest.map(|key| self.open.remove(&key));
            }
            let opened = Opened::open(&self.dir, galaxy)?;
            let ready = Ready { opened, drawn: None, used: Instant::now() };
            self.open.insert(key.clone(), ready);
        }
        let lost = || SiteError::Broken(format!("galaxy {} cannot be opened", key.0));
        let ready = self.open.get_mut(&key).ok_or_else(lost)?;
        ready.used = Instant::now();
        Ok(ready)
    }
}

impl Assimilator for GalaxyAssimilator {
    fn assimilate(&mut self, facts: &dyn Facts, finished: &Finished) -> Result<Vec<Fact>, RoleError> {
        Ok(self.take(facts, finished)?)
    }
}

impl Ready {
    /// Stores a unit's answer and its medians; gives the object's name.
    fn keep(
        &self,
        dir: &Path,
        opaque: &Opaque,
        outputs: &Outputs,
        unit: &str,
        areas: &BTreeMap<u32, AreaFact>,
        store: &dyn ObjectStore,
    ) -> Result<String, SiteError> {
        let Opened { galaxy, template, elsewhere, .. } = &self.opened;
        let broken = |fault: String| SiteError::Broken(format!("unit {unit}: {fault}"));
        let text = text_of(opaque, outputs).map_err(broken)?;
        let answer = answer_in(&text).map_err(broken)?;
        let places: Vec<Place> = areas.values().flat_map(|area| self.opened.places_of(area)).collect();
        if !answer.is_of(&Work { unit: unit.to_owned(), places, ..template.clone() }) {
            return Err(broken("its result is of other places than the unit's".to_owned()));
        }
        // Packed by us, so that an object's bytes do not hang on how and when a host packed them.
        let bytes = packed(&text).map_err(|error| broken(error.to_string()))?;
        let object = store.put(&bytes)?;
        let mut part = ResultFile::new(self.opened.facts()?);
        elsewhere.prepare(&mut part);
        answer.places.into_iter().for_each(|answered| elsewhere.take(answered, &mut part));
        Maps::of(dir, galaxy).put(&part)?;
        Ok(object)
    }
}

fn in_words(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::CouldntSend => "no host could take it",
        Trouble::TooManyErrors => "too many results failed",
        Trouble::TooManySuccesses => "too many results, and no two agreed",
        Trouble::TooManyTotal => "too many results",
        Trouble::Cancelled => "cancelled",
    }
}
