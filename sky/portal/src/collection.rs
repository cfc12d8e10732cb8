//! A folder of mosaics as data sets with names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pogson_image::fits::FitsFile;
use pogson_image::wcs::Wcs;

use crate::context::BlockOrders;
use crate::error::PortalError;
use crate::set::DataSet;

/// The data sets of a portal.
pub struct Collection {
    sets: Vec<DataSet>,
    /// Numbers of the data sets by name.
    names: BTreeMap<String, usize>,
    orders: BlockOrders,
    left_out: Vec<String>,
}

/// A mosaic in a file, before it is opened.
struct Found {
    path: PathBuf,
    hdu: usize,
    band: Option<String>,
}

impl Collection {
    /// Opens all mosaics in a folder and in the folders below it.
    ///
    /// A file `m17.fits` is the data set `m17`. Of a folder `m17` with one mosaic, that is the data set `m17`; with several, each is
    /// `m17/BAND` by its FILTER keyword, or by the file's name where the keyword is missing or not its own.
    ///
    /// - `scratch`: a folder for smaller copies while they are made; they take a third of the mosaics' size on its disk.
    /// - `block_order`: order of the storage blocks of all data sets; of each one's finest tiles where it is not given.
    ///
    /// # Errors
    /// [`PortalError::Empty`], [`PortalError::Io`]. Files that cannot be served are left out; see [`Collection::left_out`].
    pub fn open(dir: &Path, scratch: &Path, block_order: Option<u8>) -> Result<Collection, PortalError> {
        let mut left_out = Vec::new();
        let mut named: Vec<(String, Found)> = Vec::new();
        let (files, folders) = list(dir)?;
        for path in files {
            if let Some(found) = look(path, &mut left_out) {
                named.push((stem(&found.path), found));
            }
        }
        for folder in folders {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let (files, _) = list(&folder)?;
            let found: Vec<Found> = files.into_iter().filter_map(|path| look(path, &mut left_out)).collect();
            named.extend(in_folder(&name, found));
        }
        let mut sets = Vec::new();
        let mut names = BTreeMap::new();
        let mut orders = BlockOrders::default();
        for (name, found) in named {
            if names.contains_key(&name) {
                left_out.push(format!("{}: there is another data set '{name}'; rename one", found.path.display()));
                continue;
            }
            match DataSet::open((&found.path, found.hdu), (name.clone(), sets.len() as u32), scratch, block_order) {
                Ok(set) => {
                    orders = orders.with(&name, set.block_order);
                    names.insert(name, sets.len());
                    sets.push(set);
                }
                Err(error @ (PortalError::Io { .. } | PortalError::Shrink(_))) => return Err(error),
                Err(error) => left_out.push(error.to_string()),
            }
        }
        if sets.is_empty() {
            return Err(PortalError::Empty { dir: dir.into() });
        }
        Ok(Collection { sets, names, orders, left_out })
    }

    /// The data set of a name.
    pub fn get(&self, name: &str) -> Option<&DataSet> {
        self.names.get(name).map(|number| &self.sets[*number])
    }

    /// All data sets, by name.
    pub fn sets(&self) -> impl Iterator<Item = &DataSet> {
        self.names.values().map(|number| &self.sets[*number])
    }

    /// Orders of the data sets' storage blocks: the contexts of requests follow from them.
    pub fn orders(&self) -> &BlockOrders {
        &self.orders
    }

    /// Files that are not served, a sentence each.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }
}

/// Files that may be FITS, and folders, by name; hidden ones aside.
fn list(dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), PortalError> {
    let io = |source| PortalError::Io { path: dir.into(), source };
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let lower = name.to_lowercase();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            folders.push(path);
        } else if [".fits", ".fit", ".fts", ".fits.fz", ".fits.gz"].iter().any(|end| lower.ends_with(end)) {
            files.push(path);
        }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

/// The file's name without its extensions, with letters that need no escape in an address.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_lowercase();
    let end = [".fits.fz", ".fits.gz", ".fits", ".fit", ".fts"].iter().find(|end| lower.ends_with(**end));
    plain(&name[..name.len() - end.map_or(0, |end| end.len())])
}

fn plain(name: &str) -> String {
    name.trim().chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

/// The first image with celestial coordinates.
fn look(path: PathBuf, left_out: &mut Vec<String>) -> Option<Found> {
    let file = match FitsFile::open(&path) {
        Ok(file) => file,
        Err(error) => {
            left_out.push(error.to_string());
            return None;
        }
    };
    let images = (0..file.hdus().len()).filter(|k| file.hdus()[*k].image_dimensions() >= 2);
    match images.into_iter().find(|hdu| Wcs::from_hdu(&file, *hdu).is_ok()) {
        Some(hdu) => {
            let header = file.hdus()[hdu].header();
            let band = header.str("FILTER").or_else(|| header.str("BAND")).map(plain).filter(|band| !band.is_empty());
            Some(Found { path, hdu, band })
        }
        None => {
            left_out.push(format!(
                "{}: no image with celestial coordinates; take it out, or make a mosaic of it",
                path.display()
            ));
            None
        }
    }
}

fn in_folder(folder: &str, found: Vec<Found>) -> Vec<(String, Found)> {
    let folder = plain(folder);
    let bands: Vec<Option<String>> = found.iter().map(|f| f.band.clone()).collect();
    let alone = found.len() == 1;
    let name = |k: usize, file: &Found| match &bands[k] {
        _ if alone => folder.clone(),
        Some(band) if bands.iter().filter(|b| b.as_ref() == Some(band)).count() == 1 => format!("{folder}/{band}"),
        _ => format!("{folder}/{}", stem(&file.path)),
    };
    found.into_iter().enumerate().map(|(k, file)| (name(k, &file), file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_of_a_folder_are_named_by_filter_and_else_by_file() {
        let found = |name: &str, band: Option<&str>| Found { path: name.into(), hdu: 0, band: band.map(str::to_owned) };
        let names = |list: Vec<Found>| in_folder("m 17", list).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(vec![found("a.fits", Some("K"))]), ["m_17"]);
        let several = vec![
            found("a.fits", Some("K")),
            found("b.fits.fz", Some("J")),
            found("c.fits", None),
            found("d.fits", Some("J")),
        ];
        assert_eq!(names(several), ["m_17/K", "m_17/b", "m_17/c", "m_17/d"]);
    }

    #[test]
    fn a_folder_without_mosaics_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("note.fits"), "no FITS").expect("a file");
        let error = Collection::open(folder.path(), folder.path(), None).err().expect("an error");
        assert!(error.to_string().contains("pogson mosaic"), "{error}");
    }
}
