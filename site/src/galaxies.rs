//! All galaxies of a project's folder: what commands and pages ask for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pogson_crowd::life::Limits;
use pogson_crowd::role::{Fact, Facts, Outputs, UnitFacts};
use pogson_cube::area::{LEAST, ROWS, Rectangle};
use pogson_cube::result::ResultFile;
use pogson_sed::library_file::hex;
use sha2::{Digest, Sha256};

use crate::add::{Added, NewGalaxy, add};
use crate::assimilator::GalaxyAssimilator;
use crate::collate::{answer_of_object, crowd};
use crate::error::SiteError;
use crate::facts::{
    AreaFact, AreaState, EndFact, area_key, areas, end_key, galaxy, galaxy_key, parse, read, run_key, supply_key,
};
use crate::galaxy::{Galaxy, Opened};
use crate::generator::{CREDIT, GalaxyGenerator};
use crate::keeper::{GalaxyKeeper, GalaxyRefitter};
use crate::libraries;
use crate::maps::Maps;
use crate::mask::Mask;
use crate::objects::{FolderStore, ObjectStore, write_whole};
use crate::state::{GalaxyState, GivenUp, Problem};
use crate::validator::{Comparison, GalaxyValidator};

/// How galaxies are cut and their units made.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Name of the application.
    pub app: String,
    /// Rows of an area.
    pub row_height: u32,
    /// Fewest pixels of an area.
    pub min_pixels: u32,
    /// CPU seconds up to which a unit packs areas; one area at least.
    pub target_seconds: f64,
    /// How many results a unit may have.
    pub limits: Limits,
    /// Credit of a fit, millionths of a cobblestone.
    pub credit_per_fit: i64,
    /// Seconds that a host has.
    pub delay: i64,
}

impl Default for Settings {
    /// theSkyNet POGS's.
    fn default() -> Self {
        Settings {
            app: "pogson_fit".to_owned(),
            row_height: ROWS,
            min_pixels: LEAST,
            target_seconds: 0.0,
            limits: Limits::default(),
            credit_per_fit: CREDIT,
            delay: 7 * 86_400,
        }
    }
}

/// The galaxies in a project's folder: `galaxies/`, `libraries/` and `objects/` in it.
#[derive(Clone)]
pub struct Galaxies {
    dir: PathBuf,
    settings: Settings,
    store: Arc<dyn ObjectStore>,
}

impl Galaxies {
    /// - `dir`: the project's folder.
    pub fn new(dir: &Path, settings: Settings) -> Galaxies {
        Galaxies { dir: dir.to_owned(), settings, store: Arc::new(FolderStore::new(&dir.join("objects"))) }
    }

    /// With another place for full results than the folder `objects`.
    pub fn with_store(self, store: Arc<dyn ObjectStore>) -> Galaxies {
        Galaxies { store, ..self }
    }

    /// Who makes units.
    pub fn generator(&self) -> GalaxyGenerator {
        GalaxyGenerator::new(&self.dir, self.settings.clone())
    }

    /// Who compares results.
    pub fn validator(&self, comparison: Comparison) -> GalaxyValidator {
        GalaxyValidator::new(comparison)
    }

    /// Who stores them.
    pub fn assimilator(&self) -> GalaxyAssimilator {
        GalaxyAssimilator::new(&self.dir, self.store.clone())
    }

    /// Who does some validated units again.
    pub fn refitter(&self) -> GalaxyRefitter {
        GalaxyRefitter(self.clone())
    }

    /// Who forgets areas `keep` seconds after their galaxy ended.
    pub fn keeper(&self, keep: i64) -> GalaxyKeeper {
        GalaxyKeeper::new(self.clone(), keep)
    }

    /// A unit's outputs as a sound host gives them: its fits are made here, by one thread. For units that are in doubt, and to
    /// test hosts that are trusted; [`GalaxyValidator`] compares.
    ///
    /// # Errors
    /// [`SiteError::Refused`] for a unit whose galaxy or areas are gone; files that cannot be read.
    pub fn refit(&self, facts: &dyn Facts, unit: &UnitFacts) -> Result<Outputs, SiteError> {
        crate::refit::refit(&self.dir, facts, unit)
    }

    /// Adds a galaxy: checks its cube, picks or makes its library, copies the cube, cuts its areas, times some fits. The facts are to
    /// be stored in one transaction; until they are, nothing has happened, and the same call may be made again.
    ///
    /// - `progress` is told of models as they are made, where a library has to be;
    /// - `stop` ends that.
    ///
    /// # Errors
    /// [`SiteError::Refused`] with what to mend: a name that is taken, a cube that cannot be fitted, no redshift. What reading and
    /// writing files can yield.
    pub fn add(
        &self,
        facts: &dyn Facts,
        new: &NewGalaxy,
        progress: &(dyn Fn(u64) + Sync),
        stop: &AtomicBool,
    ) -> Result<Added, SiteError> {
        add(&self.dir, &self.settings, facts, new, progress, stop)
    }

    /// All galaxies, by name.
    ///
    /// # Errors
    /// [`SiteError::Role`] and [`SiteError::Broken`]: facts that cannot be read.
    pub fn list(&self, facts: &dyn Facts) -> Result<Vec<GalaxyState>, SiteError> {
        self.all(facts)?.into_iter().map(|galaxy| self.state_of(facts, galaxy)).collect()
    }

    /// How many galaxies there are.
    ///
    /// # Errors
    /// [`SiteError::Role`].
    pub fn count(&self, facts: &dyn Facts) -> Result<usize, SiteError> {
        Ok(facts.beginning(&galaxy_key(""))?.len())
    }

    /// Names of all galaxies.
    ///
    /// # Errors
    /// [`SiteError::Role`].
    pub fn names(&self, facts: &dyn Facts) -> Result<Vec<String>, SiteError> {
        let known = facts.beginning(&galaxy_key(""))?;
        Ok(known.into_iter().filter_map(|(key, _)| key.strip_prefix(&galaxy_key("")).map(str::to_owned)).collect())
    }

    fn all(&self, facts: &dyn Facts) -> Result<Vec<Galaxy>, SiteError> {
        facts.beginning(&galaxy_key(""))?.iter().map(|(key, text)| parse(key, text)).collect()
    }

    /// How far a galaxy is.
    ///
    /// # Errors
    /// [`SiteError::Refused`] where there is none; as [`Galaxies::list`].
    pub fn state(&self, facts: &dyn Facts, name: &str) -> Result<GalaxyState, SiteError> {
        self.state_of(facts, galaxy(facts, name)?)
    }

    fn state_of(&self, facts: &dyn Facts, galaxy: Galaxy) -> Result<GalaxyState, SiteError> {
        let areas = areas(facts, &galaxy.name)?;
        let end: Option<EndFact> = read(facts, &end_key(&galaxy.name))?;
        let count = |state: AreaState| areas.iter().filter(|(_, area)| area.state == state).count() as u32;
        let done = |area: &&AreaFact| area.state == AreaState::Done && area.sums.is_none();
        let given_up = areas.iter().filter(|(_, area)| area.state == AreaState::GivenUp).map(|(number, area)| {
            GivenUp { area: *number, unit: area.unit.clone(), places: area.places, trouble: area.trouble.clone() }
        });
        let users: BTreeSet<i64> = areas.iter().flat_map(|(_, area)| &area.users).map(|(id, _)| *id).collect();
        let maps = Maps::of(&self.dir, &galaxy);
        // Areas are forgotten some time after the end.
        let forgotten = areas.is_empty() && end.is_some();
        let mean = galaxy.cost.at.iter().map(|(_, seconds)| seconds).sum::<f64>() / galaxy.cost.at.len().max(1) as f64;
        Ok(GalaxyState {
            redshift: galaxy.template()?.redshift,
            size: galaxy.size,
            fits: galaxy.fits,
            areas: galaxy.areas,
            waiting: count(AreaState::Waiting),
            out: count(AreaState::Out),
            done: if forgotten { galaxy.areas } else { count(AreaState::Done) },
            fits_done: match &end {
                Some(end) => end.fitted,
                None => areas.iter().map(|(_, area)| area).filter(done).map(|area| area.places).sum(),
            },
            given_up: given_up.collect(),
            users: users.len() as u32,
            cpu_seconds: f64::from(galaxy.fits) * mean + f64::from(galaxy.areas) * galaxy.cost.start,
            maps: maps.pictures().into_iter().filter(|(_, path)| path.exists()).collect(),
            hdf5: end.as_ref().map(|_| galaxy.result_file(&self.dir)),
            sha256: end.map(|end| end.sha256),
            name: galaxy.name,
            object: galaxy.object,
            library: galaxy.library,
            library_file: galaxy.library_file,
        })
    }

    /// Brings the pictures of a galaxy's maps up to date; for pages, and when nothing has come in for a while.
    ///
    /// # Errors
    /// As [`Galaxies::state`]; [`SiteError::Io`], [`SiteError::Png`].
    pub fn refresh_maps(&self, facts: &dyn Facts, name: &str) -> Result<(), SiteError> {
        Maps::of(&self.dir, &galaxy(facts, name)?).refresh()
    }

    /// A galaxy's areas by number, with their users.
    ///
    /// # Errors
    /// As [`Galaxies::list`].
    pub fn areas(&self, facts: &dyn Facts, name: &str) -> Result<Vec<(u32, AreaFact)>, SiteError> {
        let known = areas(facts, name)?;
        if !known.is_empty() {
            return Ok(known);
        }
        let path = self.areas_file(&galaxy(facts, name)?);
        match fs::read_to_string(&path) {
            Ok(text) => parse(&path.display().to_string(), &text),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Which pixels of a galaxy a user fitted.
    ///
    /// # Errors
    /// As [`Galaxies::state`]; [`SiteError::Cube`].
    pub fn mask(&self, facts: &dyn Facts, name: &str, user: i64) -> Result<Mask, SiteError> {
        let galaxy = galaxy(facts, name)?;
        let own = self.areas(facts, name)?;
        let own = own.iter().filter(|(_, area)| area.users.iter().any(|(id, _)| *id == user));
        let (sums, own): (Vec<_>, Vec<_>) = own.partition(|(_, area)| area.sums.is_some());
        let rectangle = |area: &AreaFact| Rectangle { first: area.first, last: area.last, pixels: area.places };
        let rectangles: Vec<(u32, Rectangle)> = own.iter().map(|(number, area)| (*number, rectangle(area))).collect();
        let (width, height) = galaxy.size;
        let usable = Opened::open(&self.dir, galaxy)?.elsewhere.pixels();
        let mut mask = Mask::of(width, height, &rectangles, &usable);
        mask.areas.extend(sums.iter().map(|(number, _)| *number));
        Ok(mask)
    }

    /// Names of the galaxies that a user has fitted some of, and areas in each.
    ///
    /// # Errors
    /// As [`Galaxies::list`].
    pub fn of_user(&self, facts: &dyn Facts, user: i64) -> Result<Vec<(String, u32)>, SiteError> {
        let mut found = Vec::new();
        for galaxy in self.all(facts)? {
            let areas = self.areas(facts, &galaxy.name)?;
            let own = areas.iter().filter(|(_, area)| area.users.iter().any(|(id, _)| *id == user)).count();
            if own > 0 {
                found.push((galaxy.name, own as u32));
            }
        }
        Ok(found)
    }

    /// What removes a galaxy from the server: facts to be stored, and then [`Galaxies::remove_files`]. Its units are the server's to
    /// cancel: their batch is [`Galaxy::stem`].
    ///
    /// # Errors
    /// As [`Galaxies::state`].
    pub fn delete(&self, facts: &dyn Facts, name: &str) -> Result<(Galaxy, Vec<Fact>), SiteError> {
        let galaxy = galaxy(facts, name)?;
        let mut told = vec![
            Fact::forget(galaxy_key(name)),
            Fact::forget(supply_key(name)),
            Fact::forget(end_key(name)),
            crate::facts::fact(run_key(name), &galaxy.run),
        ];
        told.extend(areas(facts, name)?.iter().map(|(number, _)| Fact::forget(area_key(name, *number))));
        Ok((galaxy, told))
    }

    /// Removes the files of a galaxy that was deleted: its folder, and objects that no galaxy knows.
    ///
    /// # Errors
    /// [`SiteError::Io`]; as [`Galaxies::list`].
    pub fn remove_files(&self, facts: &dyn Facts, galaxy: &Galaxy) -> Result<(), SiteError> {
        let folder = galaxy.folder(&self.dir);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(SiteError::io(&folder, "remove the folder"))?;
        }
        let known = self.known_objects(facts)?;
        self.store.names()?.iter().filter(|name| !known.contains(*name)).try_for_each(|name| self.store.remove(name))
    }

    fn known_objects(&self, facts: &dyn Facts) -> Result<BTreeSet<String>, SiteError> {
        let mut known = BTreeSet::new();
        for galaxy in self.all(facts)? {
            known.extend(self.areas(facts, &galaxy.name)?.into_iter().map(|(_, area)| area.object));
        }
        Ok(known)
    }

    /// What forgets the areas of a galaxy that has ended, some days later: they are kept in a file of its folder, its units' inputs
    /// are removed. Nothing where it has not ended.
    ///
    /// # Errors
    /// As [`Galaxies::state`]; [`SiteError::Io`].
    pub fn forget_areas(&self, facts: &dyn Facts, name: &str) -> Result<Vec<Fact>, SiteError> {
        let galaxy = galaxy(facts, name)?;
        let areas = areas(facts, name)?;
        if read::<EndFact>(facts, &end_key(name))?.is_none() || areas.is_empty() {
            return Ok(Vec::new());
        }
        write_whole(&self.areas_file(&galaxy), serde_json::json!(areas).to_string().as_bytes())?;
        let work = galaxy.folder(&self.dir).join("work");
        if work.exists() {
            fs::remove_dir_all(&work).map_err(SiteError::io(&work, "remove the folder"))?;
        }
        Ok(areas.iter().map(|(number, _)| Fact::forget(area_key(name, *number))).collect())
    }

    /// Copies a galaxy's files to another project's folder: its own, its library, its objects. For a copy of the project, whose database
    /// has the same facts; [`Galaxies::delete`] takes those of the others away there.
    ///
    /// # Errors
    /// As [`Galaxies::state`]; [`SiteError::Io`].
    pub fn copy_files(&self, facts: &dyn Facts, name: &str, to: &Galaxies) -> Result<(), SiteError> {
        let galaxy = galaxy(facts, name)?;
        let library = libraries::folder(&self.dir).join(&galaxy.library_file);
        let read = |path: &Path| fs::read(path).map_err(SiteError::io(path, "read the file"));
        write_whole(&libraries::folder(&to.dir).join(&galaxy.library_file), &read(&library)?)?;
        let (from, into) = (galaxy.folder(&self.dir), galaxy.folder(&to.dir));
        let mut folders = vec![from.clone()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).map_err(SiteError::io(&folder, "read the folder"))?;
            for entry in entries {
                let path = entry.map_err(SiteError::io(&folder, "read the folder"))?.path();
                match path.strip_prefix(&from) {
                    _ if path.is_dir() => folders.push(path),
                    Ok(place) => write_whole(&into.join(place), &read(&path)?)?,
                    Err(_) => {}
                }
            }
        }
        for (_, area) in self.areas(facts, name)? {
            if let Some(bytes) = self.store.get(&area.object)? {
                to.store.put(&bytes)?;
            }
        }
        Ok(())
    }

    fn areas_file(&self, galaxy: &Galaxy) -> PathBuf {
        galaxy.folder(&self.dir).join("areas.json")
    }

    /// What does not go together: files that facts name and are not there or damaged, objects that nothing names, galaxies that
    /// should have ended. Objects are read only where `deep`.
    ///
    /// # Errors
    /// As [`Galaxies::list`].
    pub fn check(&self, facts: &dyn Facts, deep: bool) -> Result<Vec<Problem>, SiteError> {
        let mut problems = Vec::new();
        let stored: BTreeSet<String> = self.store.names()?.into_iter().collect();
        let mut known = BTreeSet::new();
        for galaxy in self.all(facts)? {
            let name = galaxy.name.clone();
            let mut say = |sentence: String| problems.push(Problem { galaxy: name.clone(), sentence });
            let areas = self.areas(facts, &name)?;
            let end: Option<EndFact> = read(facts, &end_key(&name))?;
            if areas.len() != galaxy.areas as usize {
                say(format!("has {} areas in place of {}", areas.len(), galaxy.areas));
            }
            for file in [galaxy.cube_file(&self.dir), libraries::folder(&self.dir).join(&galaxy.library_file)] {
                if !file.is_file() {
                    say(format!("{} is missing", file.display()));
                }
            }
            for (number, area) in &areas {
                if area.state != AreaState::Done {
                    continue;
                }
                known.insert(area.object.clone());
                if !stored.contains(&area.object) {
                    say(format!("the object {} of area {number} is missing", area.object));
                } else if deep && let Err(error) = answer_of_object(self.store.as_ref(), &area.object) {
                    say(error.to_string());
                }
            }
            let over = areas.iter().all(|(_, area)| area.state.is_over());
            match &end {
                None if over => say("all areas are in, and it is not put together".to_owned()),
                Some(_) if !over => say("is put together, and areas are not in".to_owned()),
                None => {}
                Some(end) => {
                    let path = galaxy.result_file(&self.dir);
                    let same = fs::read(&path).map(|bytes| hex(&Sha256::digest(&bytes).into()) == end.sha256);
                    match same {
                        Ok(true) if deep && ResultFile::read(&path)?.crowd != Some(crowd(&areas)) => {
                            say(format!("{} names other users than its areas do", path.display()));
                        }
                        Ok(true) => {}
                        Ok(false) => say(format!("{} is not the file that was written", path.display())),
                        Err(error) => say(format!("{}: {error}", path.display())),
                    }
                }
            }
        }
        for object in stored.difference(&known) {
            let sentence = format!("the object {object} belongs to no area");
            problems.push(Problem { galaxy: String::new(), sentence });
        }
        Ok(problems)
    }
}
