//! A galaxy comes to the server: its cube is checked and copied, a library is found or made, its areas are cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pogson_crowd::role::{Fact, Facts};
use pogson_cube::Cube;
use pogson_cube::area::{Rectangle, cut, runs};
use pogson_cube::fitting::{Elsewhere, MODEL_FLOOR, SEED, parameters_of, ring_width, zero_sigma};
use pogson_cube::library::Size;
use pogson_cube::result::Facts as ResultFacts;
use pogson_sed::fit::{Options, Prior};
use pogson_sed::work::{Bench, Place, Work};

use crate::cost::{Cost, thread_seconds};
use crate::error::SiteError;
use crate::facts::{AreaFact, SupplyFact, area_key, end_key, fact, galaxy_key, read, run_key, supply_key};
use crate::galaxies::Settings;
use crate::galaxy::{Galaxy, Opened, check_name, folder_of, prepare, stem_of};
use crate::libraries::{Chosen, Recipe, given, picked};

/// The fewest fluxes that MAGPHYS fits.
const PAPER_BANDS: usize = 4;

/// Width of rings that are fitted beside pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Rings {
    /// None.
    None,
    /// As wide as the cube's resolution.
    #[default]
    Resolution,
    /// This wide, arcseconds.
    Arcsec(f64),
}

/// How to fit: the choices of `pogson fit`, with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct How {
    /// MAGPHYS's arithmetic to the letter.
    pub paper: bool,
    /// Least uncertainty as a share of the flux; none for the default.
    pub floor: Option<f64>,
    /// Least uncertainty in single bands.
    pub band_floors: Vec<(String, f64)>,
    /// Bands that a fit needs; none for the cube's.
    pub min_bands: Option<usize>,
    /// Luminosity distance in Mpc; none for that of the redshift.
    pub distance_mpc: Option<f64>,
    /// What is known of parameters.
    pub priors: Vec<Prior>,
    /// Draws from each posterior to keep.
    pub draws: u32,
    /// Rings.
    pub rings: Rings,
}

impl Default for How {
    fn default() -> Self {
        How {
            paper: false,
            floor: None,
            band_floors: Vec::new(),
            min_bands: None,
            distance_mpc: None,
            priors: Vec::new(),
            draws: 100,
            rings: Rings::Resolution,
        }
    }
}

/// A galaxy to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewGalaxy {
    /// Its cube, as `pogson cube` made it.
    pub cube: PathBuf,
    /// Its name on the server.
    pub name: String,
    /// Its redshift; none for the cube's.
    pub redshift: Option<f64>,
    /// A library; none to pick one that is there, or to make one.
    pub library: Option<PathBuf>,
    /// How many models to make.
    pub models: Size,
    /// Seed of their random numbers.
    pub seed: u64,
    /// How to fit.
    pub how: How,
    /// Higher is handed out first.
    pub priority: i64,
}

impl NewGalaxy {
    /// With all choices left to us.
    pub fn new(cube: &Path, name: &str, redshift: Option<f64>) -> NewGalaxy {
        NewGalaxy {
            cube: cube.to_owned(),
            name: name.to_owned(),
            redshift,
            library: None,
            models: Size::default(),
            seed: 1,
            how: How::default(),
            priority: 0,
        }
    }
}

/// What adding a galaxy gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// The galaxy.
    pub galaxy: Galaxy,
    /// What the server has to store, in one transaction.
    pub facts: Vec<Fact>,
}

/// See [`Galaxies::add`](crate::Galaxies::add).
pub(crate) fn add(
    dir: &Path,
    settings: &Settings,
    facts: &dyn Facts,
    new: &NewGalaxy,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Added, SiteError> {
    check_name(&new.name)?;
    if facts.get(&galaxy_key(&new.name))?.is_some() {
        return Err(SiteError::Refused(format!(
            "there is a galaxy '{}' already; take another name, or delete it first",
            new.name
        )));
    }
    let run = read::<u32>(facts, &run_key(&new.name))?.unwrap_or(0) + 1;
    let (cube, redshift) = open(new)?;
    let object = match cube.name.as_str() {
        "" => new.cube.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        name => name.to_owned(),
    };
    let rings = match new.how.rings {
        Rings::None => None,
        Rings::Resolution => Some(ring_width(&cube)),
        Rings::Arcsec(width) => Some(width / cube.pixel_side_arcsec()),
    };
    let elsewhere = Elsewhere::new(cube, redshift, rings);
    let cube = elsewhere.cube();
    let (pixels, sums) = (elsewhere.pixels(), elsewhere.sums());
    let places: Vec<Place> = pixels.iter().map(|&pixel| elsewhere.pixel(pixel)).chain(sums.iter().cloned()).collect();
    let areas = areas_of(cube, &pixels, sums.len(), settings);
    let chosen = library(dir, new, cube, redshift, progress, stop)?;
    let template = template(new, cube, redshift, &chosen)?;
    let cost = {
        let before = thread_seconds();
        let bench = Bench::new(&template, &chosen.library, &chosen.file_name)?;
        // To read and check the file takes about as long again.
        Cost::measure(&bench, &places, 2.0 * (thread_seconds() - before))?
    };
    if cost.at.is_empty() {
        return Err(SiteError::Refused(format!(
            "{}: none of some pixels could be fitted; try pogson fit, which says why",
            new.cube.display()
        )));
    }
    let parameters = parameters_of(&chosen.library);
    let content = ResultFacts::of_cube(cube, redshift, parameters.clone(), String::new(), Default::default()).cube;
    let bins = sums.iter().filter(|place| place.kind == pogson_sed::work::Kind::Bin).count();
    let galaxy = Galaxy {
        name: new.name.clone(),
        run,
        object,
        cube: content,
        size: (cube.width as u32, cube.height as u32),
        fits: (pixels.len() + bins) as u32,
        areas: areas.len() as u32,
        min_bands: new.how.min_bands,
        work: template.text(),
        library: chosen.name,
        library_file: chosen.file,
        parameters: parameters.iter().map(|parameter| parameter.name().to_owned()).collect(),
        rings: rings.map(|width| format!("{width:?}")),
        priority: new.priority,
        cost,
    };
    keep_cube(dir, &galaxy, &new.cube)?;
    let kept = Opened::open(dir, galaxy.clone())?.facts()?;
    if kept.cube != galaxy.cube {
        return Err(SiteError::Refused(format!(
            "{}: a copy of it holds other numbers; give a plain FITS file that holds fluxes and uncertainties",
            new.cube.display()
        )));
    }
    let mut told = vec![
        fact(galaxy_key(&galaxy.name), &galaxy),
        fact(run_key(&galaxy.name), &run),
        fact(supply_key(&galaxy.name), &SupplyFact { next: 1, priority: new.priority }),
        Fact::forget(end_key(&galaxy.name)),
    ];
    told.extend((1u32..).zip(&areas).map(|(number, area)| fact(area_key(&galaxy.name, number), area)));
    Ok(Added { galaxy, facts: told })
}

/// The cube, with the bands that pixels need as asked for, and its redshift.
fn open(new: &NewGalaxy) -> Result<(Cube, f64), SiteError> {
    let refused = |fault: String| Err(SiteError::Refused(format!("{}: {fault}", new.cube.display())));
    let mut cube = Cube::open(&new.cube)?;
    if let Some((pixel, band, sigma)) = zero_sigma(&cube) {
        let (x, y) = cube.column_row(pixel);
        return refused(format!(
            "the uncertainty of band {band} at pixel {} {} is {sigma}; give one above 0, or NaN where there are no data",
            x + 1,
            y + 1
        ));
    }
    if let Some(band) = cube.layers.iter().map(|layer| &layer.band.name).find(|name| name.contains(char::is_whitespace))
    {
        return refused(format!("the name of band '{band}' holds blanks; give it one without"));
    }
    prepare(&mut cube, new.how.min_bands);
    let Some(redshift) = new.redshift.or(cube.redshift) else {
        return refused("has no redshift; give --redshift Z".to_owned());
    };
    if !(-0.01..=20.0).contains(&redshift) {
        return refused(format!("the redshift {redshift} cannot be; give one from 0 to 20"));
    }
    if redshift <= 0.0 && new.how.distance_mpc.is_none() && !new.how.paper {
        return refused(format!("the redshift {redshift} tells no distance; give --distance MPC too"));
    }
    if cube.usable().is_empty() && cube.bins.is_none() {
        return refused(format!(
            "no pixel is usable: all are masked, or have data in fewer than {} bands",
            cube.min_bands
        ));
    }
    Ok((cube, redshift))
}

/// Areas of pixels, then parts of the sums.
fn areas_of(cube: &Cube, pixels: &[usize], sums: usize, settings: &Settings) -> Vec<AreaFact> {
    let cut = cut(pixels, cube.width, settings.row_height, settings.min_pixels);
    let mut areas: Vec<AreaFact> = cut.iter().map(|area| AreaFact::waiting(area, None)).collect();
    let last = (cube.width.saturating_sub(1) as u32, cube.height.saturating_sub(1) as u32);
    for (from, to) in runs(sums as u32, settings.min_pixels) {
        let frame = Rectangle { first: (0, 0), last, pixels: to - from };
        areas.push(AreaFact::waiting(&frame, Some((from, to))));
    }
    areas
}

fn library(
    dir: &Path,
    new: &NewGalaxy,
    cube: &Cube,
    redshift: f64,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Chosen, SiteError> {
    let bands = cube.bands();
    if let Some(path) = &new.library {
        return given(dir, path, &bands, redshift);
    }
    let at = if new.how.paper { paper_redshift(redshift)? } else { redshift.max(0.0) };
    let recipe = Recipe { size: new.models, seed: new.seed };
    picked(dir, &bands, at, recipe, progress, stop)
}

/// The redshift of MAGPHYS's library for an object: 0.00 to 0.10 by 0.01.
fn paper_redshift(redshift: f64) -> Result<f64, SiteError> {
    let nearest = (redshift * 100.0).round() / 100.0;
    if (0.0..=0.1).contains(&nearest) {
        return Ok(nearest.abs());
    }
    Err(SiteError::Refused(format!(
        "redshift {redshift} lies outside MAGPHYS's libraries, 0.00 to 0.10 by 0.01; leave --paper out, or give --library"
    )))
}

/// The work of all its units, but for places.
fn template(new: &NewGalaxy, cube: &Cube, redshift: f64, chosen: &Chosen) -> Result<Work, SiteError> {
    let how = &new.how;
    let base = if how.paper { Options::paper() } else { Options::default() };
    let options = Options {
        floor: how.floor.unwrap_or(MODEL_FLOOR),
        // Bands without a flux above 0 do not count for MAGPHYS.
        min_bands: if how.paper { cube.min_bands.min(PAPER_BANDS) } else { cube.min_bands },
        distance_mpc: how.distance_mpc,
        priors: how.priors.clone(),
        ..base
    };
    Ok(Work {
        unit: stem_of(&new.name, 1),
        redshift,
        library: chosen.file_name.clone(),
        bands: chosen.library.bands.clone(),
        options,
        floors: floors(how, cube)?,
        draws: how.draws,
        seed: SEED,
        places: Vec::new(),
    })
}

/// Floors by band; empty if there are none.
fn floors(how: &How, cube: &Cube) -> Result<Vec<f64>, SiteError> {
    let bands = cube.bands();
    if how.band_floors.is_empty() {
        return Ok(Vec::new());
    }
    let mut floors = vec![0.0; bands.len()];
    for (name, share) in &how.band_floors {
        let place = bands.iter().position(|band| band.name.eq_ignore_ascii_case(name));
        let place = place.ok_or_else(|| SiteError::Refused(format!("the cube has no band '{name}'")))?;
        floors[place] = *share;
    }
    Ok(floors)
}

/// Copies the cube into the galaxy's folder.
fn keep_cube(dir: &Path, galaxy: &Galaxy, cube: &Path) -> Result<(), SiteError> {
    let folder = folder_of(dir, &galaxy.name, galaxy.run);
    // What an addition that was cut short left behind.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(SiteError::io(&folder, "clear the folder"))?;
    }
    let bytes = fs::read(cube).map_err(SiteError::io(cube, "read the cube"))?;
    crate::objects::write_whole(&galaxy.cube_file(dir), &bytes)
}
