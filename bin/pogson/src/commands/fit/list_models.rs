//! Which models the objects of a list are fitted with.

use std::path::Path;

use pogson_cube::fitting::{arrange, name_of_library};
use pogson_cube::library_store::LibraryFile;
use pogson_cube::text_file;
use pogson_sed::library::{Band, Library};
use pogson_sed::magphys::{read_ir, read_sfh, read_zlibs};
use pogson_sed::observation::Observation;

use super::Args;
use super::library::{ModelArgs, WITHIN, nearest, paper_grid};
use crate::failure::Failure;
use crate::output::Output;

/// Most libraries that are made for the objects' own redshifts.
const MOST_LIBRARIES: usize = 8;

/// Where the models come from.
enum Source<'a> {
    /// MAGPHYS's text, read.
    Text(Box<Library>),
    /// A library's file.
    File(&'a Path, LibraryFile),
    /// Made for it.
    Made(&'a ModelArgs),
}

/// Models for all objects.
pub struct ListModels<'a> {
    source: Source<'a>,
    /// What names them.
    pub name: String,
    /// Redshifts of libraries, and places of the objects that are fitted with each.
    groups: Vec<(f64, Vec<usize>)>,
}

impl<'a> ListModels<'a> {
    /// Finds a library for each object.
    ///
    /// - `places`: of the objects to fit.
    ///
    /// # Errors
    /// Files that cannot be read, an object whose redshift is that of no library.
    pub fn new(
        args: &'a Args,
        bands: &[Band],
        observations: &[Observation],
        places: &[usize],
    ) -> Result<ListModels<'a>, Failure> {
        let zlibs = args.list.zlibs.as_deref().map(redshifts).transpose()?;
        let of = |place: &usize| observations[*place].redshift;
        if let (Some(sfh), Some(ir)) = (&args.list.sfh, &args.list.ir) {
            let first = places.first().map_or(0.0, of);
            let grid = zlibs.unwrap_or_else(|| vec![hundredth(first)]);
            let redshift = nearest(first, &grid).unwrap_or(grid[0]);
            let library = texts(sfh, ir, bands, redshift)?;
            let name = name_of_library(&library, "text", 0).map_err(|fault| Failure::bad_input(fault.to_string()))?;
            let groups = grouped(observations, places, |z| nearest(z, &[redshift]), "the library")?;
            return Ok(ListModels { source: Source::Text(Box::new(library)), name, groups });
        }
        if let Some(path) = &args.models.library {
            let file = LibraryFile::open(path)?;
            let all: Vec<f64> = file.index().blocks.iter().map(|block| block.redshift).collect();
            let groups = grouped(observations, places, |z| nearest(z, &all), &path.display().to_string())?;
            return Ok(ListModels { name: file.index().name(), source: Source::File(path, file), groups });
        }
        let mut own: Vec<f64> = places.iter().map(of).collect();
        own.sort_by(f64::total_cmp);
        own.dedup();
        let groups = match zlibs.or_else(|| args.how.paper.then(paper_grid)) {
            Some(all) => grouped(observations, places, |z| nearest(z, &all), "the libraries")?,
            None if own.len() <= MOST_LIBRARIES => grouped(observations, places, |z| Some(z.max(0.0)), "")?,
            None => grouped(observations, places, |z| Some(hundredth(z)), "")?,
        };
        let models = &args.models;
        let all: Vec<String> = groups.iter().map(|(redshift, _)| redshift.to_string()).collect();
        let name = format!(
            "{} + {} models of {}, seed {}, at redshift {}",
            models.stellar,
            models.dust,
            models.source(),
            models.seed,
            all.join(", ")
        );
        Ok(ListModels { source: Source::Made(models), name, groups })
    }

    /// Redshifts of libraries, and places of the objects that are fitted with each.
    pub fn groups(&self) -> &[(f64, Vec<usize>)] {
        &self.groups
    }

    /// The models at one of the redshifts, for bands.
    ///
    /// # Errors
    /// A damaged library, one of other bands, an interruption.
    pub fn at(&self, redshift: f64, bands: &[Band], out: &Output) -> Result<Library, Failure> {
        match &self.source {
            Source::Text(library) => Ok(library.as_ref().clone()),
            Source::File(path, file) => {
                arrange(file.nearest(redshift, 0.0)?, bands).map_err(|fault| Failure::in_file(path, fault))
            }
            Source::Made(models) => models.make(bands, redshift, out),
        }
    }
}

/// The multiple of 0.01 that is nearest, from 0.
fn hundredth(redshift: f64) -> f64 {
    (redshift * 100.0).round().max(0.0) / 100.0
}

fn redshifts(path: &Path) -> Result<Vec<f64>, Failure> {
    let input = text_file::open(path).map_err(|e| Failure::io(path, &e))?;
    Ok(read_zlibs(input, &path.display().to_string())?)
}

fn texts(sfh: &Path, ir: &Path, bands: &[Band], redshift: f64) -> Result<Library, Failure> {
    let open = |path: &Path| text_file::open(path).map_err(|e| Failure::io(path, &e));
    let stellar = read_sfh(open(sfh)?, &sfh.display().to_string(), bands, redshift)?;
    let dust = read_ir(open(ir)?, &ir.display().to_string(), bands, redshift)?;
    Ok(Library { redshift, bands: bands.to_vec(), stellar, dust })
}

/// Objects by the redshift of their library, in order of the list.
fn grouped(
    observations: &[Observation],
    places: &[usize],
    library: impl Fn(f64) -> Option<f64>,
    of: &str,
) -> Result<Vec<(f64, Vec<usize>)>, Failure> {
    let mut groups: Vec<(f64, Vec<usize>)> = Vec::new();
    for &place in places {
        let Observation { name, redshift, .. } = &observations[place];
        let at = library(*redshift).ok_or_else(|| {
            Failure::bad_input(format!(
                "{name}: redshift {redshift} lies more than {WITHIN} from those of {of}; make one for it, or leave it out"
            ))
        })?;
        match groups.iter_mut().find(|(z, _)| *z == at) {
            Some((_, places)) => places.push(place),
            None => groups.push((at, vec![place])),
        }
    }
    Ok(groups)
}
