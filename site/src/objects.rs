//! The store of full results: immutable objects, named by their SHA-256.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use pogson_sed::library_file::hex;
use sha2::{Digest, Sha256};

use crate::error::SiteError;

/// Keeps bytes under their SHA-256.
pub trait ObjectStore: Send + Sync {
    /// Stores an object and gives its name; it is on the disk, or wherever it is kept, when this returns. What is there already
    /// stays.
    ///
    /// # Errors
    /// [`SiteError::Io`].
    fn put(&self, bytes: &[u8]) -> Result<String, SiteError>;

    /// An object; None where there is none of the name.
    ///
    /// # Errors
    /// [`SiteError::Io`]; [`SiteError::Broken`] for bytes that are not those that were stored.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, SiteError>;

    /// Removes an object, if it is there.
    ///
    /// # Errors
    /// [`SiteError::Io`].
    fn remove(&self, name: &str) -> Result<(), SiteError>;

    /// All names.
    ///
    /// # Errors
    /// [`SiteError::Io`].
    fn names(&self) -> Result<Vec<String>, SiteError>;
}

/// Objects as files of a folder, in 256 folders by the first byte of their names.
#[derive(Debug, Clone)]
pub struct FolderStore {
    folder: PathBuf,
}

impl FolderStore {
    /// - `folder`: made when it is needed.
    pub fn new(folder: &Path) -> FolderStore {
        FolderStore { folder: folder.to_owned() }
    }

    /// Where an object lies; None for what is no name.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let known = name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        known.then(|| self.folder.join(&name[..2]).join(name))
    }
}

impl ObjectStore for FolderStore {
    fn put(&self, bytes: &[u8]) -> Result<String, SiteError> {
        let name = hex(&Sha256::digest(bytes).into());
        let Some(path) = self.path(&name) else { return Err(SiteError::Broken(format!("{name} is no name"))) };
        if fs::metadata(&path).is_ok_and(|known| known.len() == bytes.len() as u64) {
            return Ok(name);
        }
        write_whole(&path, bytes)?;
        Ok(name)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, SiteError> {
        let Some(path) = self.path(name) else { return Ok(None) };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(SiteError::io(&path, "read the object"))?,
        };
        if hex(&Sha256::digest(&bytes).into()) != name {
            return Err(SiteError::Broken(format!(
                "{}: holds other bytes than were stored; restore it from a backup",
                path.display()
            )));
        }
        Ok(Some(bytes))
    }

    fn remove(&self, name: &str) -> Result<(), SiteError> {
        let Some(path) = self.path(name) else { return Ok(()) };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(SiteError::io(&path, "remove the object")(error)),
            _ => Ok(()),
        }
    }

    fn names(&self) -> Result<Vec<String>, SiteError> {
        let read = |folder: &Path| match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            read => read
                .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
                .map_err(SiteError::io(folder, "read the folder")),
        };
        let mut names = Vec::new();
        for folder in read(&self.folder)? {
            for name in read(&self.folder.join(folder))? {
                let name = name.to_string_lossy().into_owned();
                if self.path(&name).is_some() {
                    names.push(name);
                }
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Writes a file that has its name only when it is whole and on the disk; makes its folder.
///
/// # Errors
/// [`SiteError::Io`].
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), SiteError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.is_dir() {
        fs::create_dir_all(folder).map_err(SiteError::io(folder, "make the folder"))?;
        sync_folder(folder.parent().unwrap_or(Path::new(".")))?;
    }
    let mut part = path.file_name().unwrap_or_default().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(part);
    let write = || {
        let mut file = fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    if let Err(error) = write() {
        // What is left of it only takes room.
        let _ = fs::remove_file(&part);
        return Err(SiteError::io(path, "write the file")(error));
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), SiteError> {
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    fs::File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(SiteError::io(folder, "bring the folder to the disk"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn objects_are_named_by_what_they_hold_and_damage_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let store = FolderStore::new(&dir.path().join("objects"));
        assert_eq!(store.names().unwrap(), Vec::<String>::new());
        let name = store.put(b"abc").unwrap();
        // FIPS 180-2's example.
        assert_eq!(name, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(store.put(b"abc").unwrap(), name);
        assert_eq!(store.get(&name).unwrap().unwrap(), b"abc");
        assert_eq!(store.get(&"0".repeat(64)).unwrap(), None);
        assert_eq!(store.get("../../etc/passwd").unwrap(), None);
        assert_eq!(store.names().unwrap(), std::slice::from_ref(&name));
        fs::write(dir.path().join("objects/ba").join(&name), b"abd").unwrap();
        assert!(store.get(&name).unwrap_err().to_string().contains("other bytes"));
        store.remove(&name).unwrap();
        store.remove(&name).unwrap();
        assert_eq!(store.get(&name).unwrap(), None);
    }
}
