//! Work units of galaxies.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pogson_crowd::role::{Fact, Facts, Generator, InputFile, MICRO, NewFile, NewUnit, OutputFile, RoleError, Supply};
use pogson_sed::work::{Place, Work};

use crate::cost::FLOPS;
use crate::error::SiteError;
use crate::facts::{AreaFact, AreaState, Opaque, SupplyFact, area_key, digest, fact, galaxy, parse, read, supply_key};
use crate::galaxies::Settings;
use crate::galaxy::Opened;
use crate::libraries;
use crate::objects::write_whole;

/// Bytes of memory that a fit takes beside its library.
const MEMORY: f64 = 96e6;
/// Bytes of memory for each byte of a library's file: numbers of four bytes become such of eight, and are sorted.
const MEMORY_OF_LIBRARY: f64 = 6.0;
/// Operations after which a client ends a task, for each that is expected (POGS).
const BOUND: f64 = 50.0;

/// Makes units of the galaxies that have areas left, those of higher priority first.
pub struct GalaxyGenerator {
    dir: PathBuf,
    settings: Settings,
    /// Galaxies that are being cut into units, by name and run.
    open: HashMap<(String, u32), Opened>,
}

impl GalaxyGenerator {
    pub(crate) fn new(dir: &Path, settings: Settings) -> GalaxyGenerator {
        GalaxyGenerator { dir: dir.to_owned(), settings, open: HashMap::new() }
    }

    fn supply(&mut self, facts: &dyn Facts, wanted: usize) -> Result<Supply, SiteError> {
        let mut queue = Vec::new();
        let prefix = supply_key("");
        for (key, text) in facts.beginning(&prefix)? {
            queue.push((key[prefix.len()..].to_owned(), parse::<SupplyFact>(&key, &text)?));
        }
        queue.sort_by(|(a, one), (b, other)| other.priority.cmp(&one.priority).then_with(|| a.cmp(b)));
        self.open.retain(|(name, _), _| queue.iter().any(|(other, _)| other == name));
        let mut supply = Supply::default();
        let mut fault = None;
        for (name, left) in queue {
            if supply.units.len() >= wanted {
                break;
            }
            // A galaxy whose files are damaged does not keep the others from their hosts.
            if let Err(error) = self.add_units(facts, &name, left, wanted, &mut supply) {
                fault.get_or_insert(error);
            }
        }
        match fault {
            Some(error) if supply.units.is_empty() => Err(error),
            _ => Ok(supply),
        }
    }

    /// Adds units of a galaxy until there are as many as wanted.
    fn add_units(
        &mut self,
        facts: &dyn Facts,
        name: &str,
        SupplyFact { mut next, priority }: SupplyFact,
        wanted: usize,
        supply: &mut Supply,
    ) -> Result<(), SiteError> {
        let galaxy = galaxy(facts, name)?;
        let key = (galaxy.name.clone(), galaxy.run);
        if !self.open.contains_key(&key) {
            self.open.insert(key.clone(), Opened::open(&self.dir, galaxy.clone())?);
        }
        let Some(opened) = self.open.get(&key) else { return Ok(()) };
        let mut done = Ok(());
        while supply.units.len() < wanted && next <= galaxy.areas {
            match self.unit(opened, facts, next, supply) {
                Ok(after) => next = after,
                Err(error) => {
                    done = Err(error);
                    break;
                }
            }
        }
        // Also of those before a fault.
        let key = supply_key(&galaxy.name);
        let left = next <= galaxy.areas;
        supply.facts.push(if left { fact(key, &SupplyFact { next, priority }) } else { Fact::forget(key) });
        done
    }
}

impl Generator for GalaxyGenerator {
    fn generate(&mut self, facts: &dyn Facts, wanted: usize) -> Result<Supply, RoleError> {
        Ok(self.supply(facts, wanted)?)
    }
}

impl GalaxyGenerator {
    /// Adds the unit that begins with an area; gives the next area.
    fn unit(&self, opened: &Opened, facts: &dyn Facts, first: u32, supply: &mut Supply) -> Result<u32, SiteError> {
        let Opened { galaxy, template, .. } = opened;
        let (dir, settings) = (&self.dir, &self.settings);
        let mut areas: Vec<(u32, AreaFact)> = Vec::new();
        let mut places: Vec<Place> = Vec::new();
        for number in first..=galaxy.areas {
            let key = area_key(&galaxy.name, number);
            let lost = || SiteError::Broken(format!("area {number} of galaxy {} is not known", galaxy.name));
            let area: AreaFact = read(facts, &key)?.ok_or_else(lost)?;
            let more = opened.places_of(&area);
            let full = galaxy.cost.of(&places) + galaxy.cost.of(&more) - galaxy.cost.start > settings.target_seconds;
            if !areas.is_empty() && full {
                break;
            }
            places.extend(more);
            areas.push((number, area));
        }
        let last = areas.last().map_or(first, |(number, _)| *number);
        let numbers = if last == first { first.to_string() } else { format!("{first}-{last}") };
        let name = format!("{}_area{numbers}", galaxy.stem());
        let work = Work { unit: name.clone(), places, ..template.clone() };
        let hash = work.hash();
        let input = format!("{name}_{}.work", &hash[..8]);
        let path = galaxy.folder(dir).join("work").join(&input);
        write_whole(&path, work.text().as_bytes())?;
        let library = libraries::folder(dir).join(&galaxy.library_file);
        let library_bytes =
            std::fs::metadata(&library).map_err(SiteError::io(&library, "look at the library"))?.len() as f64;
        let most = most_bytes(&work, galaxy.parameters.len());
        let flops = galaxy.cost.of(&work.places) * FLOPS;
        let file = |name: &str, path: PathBuf, sticky: bool| NewFile { name: name.to_owned(), path, sticky };
        supply.files.push(file(&galaxy.library_file, library, true));
        supply.files.push(file(&input, path, false));
        let opaque = Opaque {
            galaxy: galaxy.name.clone(),
            run: galaxy.run,
            areas: areas.iter().map(|(number, _)| *number).collect(),
            work: hash,
            places: work.places.len() as u32,
            at: digest(work.places.iter().map(|place| (place.kind, place.x, place.y))),
            parameters: galaxy.parameters.len() as u32,
            bands: work.bands.len() as u32,
            draws: work.draws,
            most,
        };
        let linked =
            |name: &str, open: &str| InputFile { file: name.to_owned(), open_name: open.to_owned(), copy: false };
        supply.units.push(NewUnit {
            app: settings.app.clone(),
            name: name.clone(),
            batch: galaxy.stem(),
            priority: galaxy.priority,
            flops,
            flops_bound: flops * BOUND,
            memory: MEMORY + MEMORY_OF_LIBRARY * library_bytes,
            // The answer, its checkpoint, and each while it is written.
            disk: library_bytes + 4.0 * most as f64 + 10e6,
            delay: settings.delay,
            command_line: String::new(),
            inputs: vec![linked(&input, "work.txt"), linked(&galaxy.library_file, "library.lib")],
            outputs: vec![OutputFile { open_name: "fits.txt".to_owned(), most, gzip: true }],
            limits: settings.limits,
            credit: settings.credit_per_fit * work.places.len() as i64,
            opaque: serde_json::json!(opaque).to_string(),
            host: None,
            user: None,
        });
        for (number, mut area) in areas {
            (area.state, area.unit) = (AreaState::Out, name.clone());
            supply.facts.push(fact(area_key(&galaxy.name, number), &area));
        }
        Ok(last + 1)
    }
}

/// More bytes than an answer can have.
fn most_bytes(work: &Work, parameters: usize) -> u64 {
    // A number with its blank, in single and in double precision; bins of a histogram.
    const SINGLE: u64 = 16;
    const DOUBLE: u64 = 26;
    const BINS: u64 = 500;
    let (n, bands, draws) = (parameters as u64, work.bands.len() as u64, u64::from(work.draws));
    let place = 1000 + DOUBLE * (2 * n + bands) + n * (200 + BINS * DOUBLE) + n * draws * SINGLE + n * n * DOUBLE;
    1000 + place * work.places.len() as u64
}

/// POGS's credit for a pixel, in millionths.
pub(crate) const CREDIT: i64 = 885 * MICRO / 100;
