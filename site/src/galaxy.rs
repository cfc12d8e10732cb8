//! A galaxy as the server knows it.

use std::path::{Path, PathBuf};

use pogson_cube::Cube;
use pogson_cube::area::Rectangle;
use pogson_cube::fitting::{Elsewhere, run_in_words};
use pogson_cube::result::Facts as ResultFacts;
use pogson_sed::parameter::Parameter;
use pogson_sed::work::{Place, Work};
use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::error::SiteError;
use crate::facts::AreaFact;

/// Longest name.
const LONGEST: usize = 100;

/// A galaxy whose pixels are fitted by volunteers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Galaxy {
    /// Its name on the server.
    pub name: String,
    /// Which galaxy of the name it is, from 1.
    pub run: u32,
    /// What its result calls it.
    pub object: String,
    /// Its cube's name by content.
    pub cube: String,
    /// Columns and rows.
    pub size: (u32, u32),
    /// Pixels that are fitted, or bins of a cube that is binned.
    pub fits: u32,
    /// Areas.
    pub areas: u32,
    /// Bands that its pixels need, where that is not for the cube to say.
    pub min_bands: Option<usize>,
    /// How its pixels are fitted: a work's text without places.
    pub work: String,
    /// Name of the library that its result states.
    pub library: String,
    /// File of the library, as hosts know it.
    pub library_file: String,
    /// Names of the parameters that fits tell.
    pub parameters: Vec<String>,
    /// Width of its rings in pixels, exactly; none where they are not fitted.
    pub rings: Option<String>,
    /// Higher is handed out first.
    pub priority: i64,
    /// What its fits cost.
    pub cost: Cost,
}

/// Whether a name can be a galaxy's: it is part of file names and of units' names.
///
/// # Errors
/// [`SiteError::Refused`] that says what may stand in it.
pub(crate) fn check_name(name: &str) -> Result<(), SiteError> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"._-+".contains(&b);
    let sound = (1..=LONGEST).contains(&name.len())
        && name.bytes().all(letter)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..");
    // What tells a later galaxy of the same name from the first.
    let again = name.rsplit_once("_r").is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if sound && !again {
        return Ok(());
    }
    Err(SiteError::Refused(format!(
        "'{name}' cannot be a galaxy's name; take up to {LONGEST} letters, digits and . _ - +, beginning with a letter or digit and not \
         ending in _r and a number"
    )))
}

impl Galaxy {
    /// The name that its units, files and folder begin with.
    pub fn stem(&self) -> String {
        stem_of(&self.name, self.run)
    }

    /// Its folder.
    pub fn folder(&self, dir: &Path) -> PathBuf {
        folder_of(dir, &self.name, self.run)
    }

    /// Its cube's file.
    pub fn cube_file(&self, dir: &Path) -> PathBuf {
        self.folder(dir).join("cube.fits")
    }

    /// Its result's file, once it is put together.
    pub fn result_file(&self, dir: &Path) -> PathBuf {
        self.folder(dir).join(format!("{}.h5", self.name))
    }

    /// The work without places.
    ///
    /// # Errors
    /// [`SiteError::Broken`].
    pub fn template(&self) -> Result<Work, SiteError> {
        Work::parse(&self.work)
            .map_err(|e| SiteError::Broken(format!("the work of galaxy {} cannot be read: {e}", self.name)))
    }

    fn rings(&self) -> Option<f64> {
        self.rings.as_ref().and_then(|width| width.parse().ok())
    }
}

pub(crate) fn stem_of(name: &str, run: u32) -> String {
    if run == 1 { name.to_owned() } else { format!("{name}_r{run}") }
}

pub(crate) fn folder_of(dir: &Path, name: &str, run: u32) -> PathBuf {
    dir.join("galaxies").join(stem_of(name, run))
}

/// A galaxy with its cube at hand.
pub(crate) struct Opened {
    pub(crate) galaxy: Galaxy,
    pub(crate) template: Work,
    pub(crate) elsewhere: Elsewhere,
    /// Pixels that are fitted one by one, in order.
    pixels: Vec<usize>,
    /// Bins, rings and the sum of all.
    sums: Vec<Place>,
}

impl Opened {
    /// Reads a galaxy's cube.
    pub(crate) fn open(dir: &Path, galaxy: Galaxy) -> Result<Opened, SiteError> {
        let template = galaxy.template()?;
        let mut cube = Cube::open(&galaxy.cube_file(dir))?;
        prepare(&mut cube, galaxy.min_bands);
        let elsewhere = Elsewhere::new(cube, template.redshift, galaxy.rings());
        let (pixels, sums) = (elsewhere.pixels(), elsewhere.sums());
        Ok(Opened { galaxy, template, elsewhere, pixels, sums })
    }

    /// The places of an area.
    pub(crate) fn places_of(&self, area: &AreaFact) -> Vec<Place> {
        if let Some((from, to)) = area.sums {
            return self.sums.get(from as usize..to as usize).unwrap_or_default().to_vec();
        }
        let rectangle = Rectangle { first: area.first, last: area.last, pixels: area.places };
        let width = self.galaxy.size.0.max(1) as usize;
        // Pixels are in order of rows: only those of the area's need a look.
        let row = |pixel: &usize| (*pixel / width) as u32;
        let from = self.pixels.partition_point(|pixel| row(pixel) < area.first.1);
        let to = self.pixels.partition_point(|pixel| row(pixel) <= area.last.1);
        let own = self.pixels[from..to].iter().filter(|pixel| rectangle.holds((**pixel % width) as u32, row(pixel)));
        own.map(|&pixel| self.elsewhere.pixel(pixel)).collect()
    }

    /// The facts of its result.
    pub(crate) fn facts(&self) -> Result<ResultFacts, SiteError> {
        let template = &self.template;
        let known = |name: &String| Parameter::all().find(|parameter| parameter.name() == name);
        let parameters: Option<Vec<Parameter>> = self.galaxy.parameters.iter().map(known).collect();
        let broken = || SiteError::Broken(format!("galaxy {} has an unknown parameter", self.galaxy.name));
        let words = run_in_words(
            &template.options,
            &self.elsewhere.cube().bands(),
            &template.floors,
            template.draws,
            self.galaxy.rings(),
        );
        let library = self.galaxy.library.clone();
        let mut facts = ResultFacts::of_cube(
            self.elsewhere.cube(),
            template.redshift,
            parameters.ok_or_else(broken)?,
            library,
            words,
        );
        if facts.galaxy.is_empty() {
            facts.galaxy.clone_from(&self.galaxy.object);
        }
        Ok(facts)
    }
}

/// Marks pixels by the bands that they need, where that was asked for.
pub(crate) fn prepare(cube: &mut Cube, min_bands: Option<usize>) {
    if let Some(min_bands) = min_bands {
        cube.min_bands = min_bands;
        cube.mark_few_bands();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_or_be_another_units_are_refused() {
        for good in ["NGC5584", "2010H_host", "M-31.a+b", "a_run"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "a..b", "-a", ".a", "ngc_r2", "ü", "a\n", &"a".repeat(101)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
