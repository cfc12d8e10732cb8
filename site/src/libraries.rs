//! Model libraries in the project's folder: each serves all galaxies with its bands near its redshift.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pogson_cube::fitting::{arrange, filters_of};
use pogson_cube::library::{Size, build};
use pogson_cube::library_store::LibraryFile;
use pogson_sed::build::Builder;
use pogson_sed::library::{Band, Library};
use pogson_sed::library_file::Packer;
use pogson_sed::ssp::embedded;

use crate::error::SiteError;
use crate::objects::write_whole;

/// How far a library's redshift may be from a galaxy's.
pub(crate) const WITHIN: f64 = 0.005;

/// A library for a galaxy.
pub(crate) struct Chosen {
    /// Its models, in the galaxy's bands.
    pub(crate) library: Library,
    /// The name that the galaxy's result states.
    pub(crate) name: String,
    /// Name of the file that hosts get, by its content.
    pub(crate) file: String,
    /// The same as 64 digits, which work states.
    pub(crate) file_name: String,
}

/// Models to be made where no library is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe {
    pub(crate) size: Size,
    pub(crate) seed: u64,
}

/// The folder of libraries.
pub(crate) fn folder(dir: &Path) -> PathBuf {
    dir.join("libraries")
}

/// The file of a library, as hosts know it.
fn file_of(name: &str) -> String {
    format!("pogson_{}.lib", &name[..16.min(name.len())])
}

/// The library from a file, cut to one redshift and a galaxy's bands.
pub(crate) fn given(dir: &Path, path: &Path, bands: &[Band], redshift: f64) -> Result<Chosen, SiteError> {
    let file = LibraryFile::open(path)?;
    let library = arrange(file.nearest(redshift, WITHIN)?, bands)?;
    let (bytes, own) = packed(&library, &file.index().source, file.index().seed)?;
    store(dir, &own, &bytes)?;
    Ok(Chosen { library, name: file.index().name(), file: file_of(&own), file_name: own })
}

/// The library that is there for some bands and nearest to a redshift, or a new one at that redshift.
pub(crate) fn picked(
    dir: &Path,
    bands: &[Band],
    redshift: f64,
    recipe: Recipe,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Chosen, SiteError> {
    let filters = filters_of(bands)?;
    if let Some((library, name)) = nearest(dir, bands, redshift, recipe)? {
        return Ok(Chosen { library, file: file_of(&name), file_name: name.clone(), name });
    }
    let builder = Builder::new(embedded(), bands, &filters, redshift, recipe.seed)?;
    let library = build(&builder, recipe.size, progress, stop)?;
    let (bytes, name) = packed(&library, &embedded().name, recipe.seed)?;
    store(dir, &name, &bytes)?;
    Ok(Chosen { library, file: file_of(&name), file_name: name.clone(), name })
}

/// The nearest of the libraries that are there with just these bands and models.
fn nearest(dir: &Path, bands: &[Band], redshift: f64, recipe: Recipe) -> Result<Option<(Library, String)>, SiteError> {
    let folder = folder(dir);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(None) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "lib"));
    // In one order, whatever that of the folder is.
    paths.sort();
    let mut best: Option<(f64, PathBuf)> = None;
    for path in paths {
        // A damaged library serves nobody; hosts would say so.
        let Ok(file) = LibraryFile::open(&path) else { continue };
        let index = file.index();
        let [block] = index.blocks.as_slice() else { continue };
        let off = (block.redshift - redshift).abs();
        let same = index.bands == bands
            && (index.source.as_str(), index.seed) == (embedded().name.as_str(), recipe.seed)
            && (block.stellar, block.dust) == (recipe.size.stellar, recipe.size.dust)
            && off <= WITHIN + 1e-12;
        if same && best.as_ref().is_none_or(|(least, _)| off < *least) {
            best = Some((off, path));
        }
    }
    let Some((_, path)) = best else { return Ok(None) };
    let file = LibraryFile::open(&path)?;
    Ok(Some((file.nearest(redshift, WITHIN)?, file.index().name())))
}

/// A library's file and its name.
fn packed(library: &Library, source: &str, seed: u64) -> Result<(Vec<u8>, String), SiteError> {
    let mut packer = Packer::new(source, seed, &library.bands);
    let mut bytes = packer.begin();
    bytes.extend(packer.block(library)?);
    let (end, index) = packer.finish();
    bytes.extend(end);
    Ok((bytes, index.name()))
}

fn store(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), SiteError> {
    let path = folder(dir).join(file_of(name));
    // Its name stands for its bytes.
    if fs::metadata(&path).is_ok_and(|known| known.len() == bytes.len() as u64) {
        Ok(())
    } else {
        write_whole(&path, bytes)
    }
}
