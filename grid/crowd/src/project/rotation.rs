//! Folders of code signing keys, and what becomes of them when a new key is made.
//!
//! ```text
//! KEYS/code_sign_private, code_sign_public   the pair in use
//! KEYS/next/...                              the pair that a project was given, or is about to be
//! KEYS/earlier_N/...                         pairs of before
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{Project, ProjectError, file_error};
use super::init::NewKeys;
use crate::sign::{PrivateKey, RotationAnswer, RotationRequest, is_same_key};

/// Reads a private key.
///
/// # Errors
/// [`ProjectError`]: no file, or no key in it.
fn read(keys: &NewKeys) -> Result<PrivateKey, ProjectError> {
    let text = fs::read_to_string(&keys.private).map_err(|error| file_error(&keys.private, &error))?;
    PrivateKey::parse(&text).map_err(|error| ProjectError::Key { path: keys.private.clone(), cause: error.to_string() })
}

/// The pair that is made ready.
fn next(folder: &Path) -> NewKeys {
    NewKeys::of(&folder.join("next"))
}

/// The private part of a public key, of a folder of keys.
///
/// # Errors
/// [`ProjectError`]: no keys, or those of another project.
pub fn private_key(folder: &Path, public: &str) -> Result<PrivateKey, ProjectError> {
    let (now, next) = (NewKeys::of(folder), next(folder));
    let key = read(&now)?;
    if is_same_key(&key.public().text(), public) {
        return Ok(key);
    }
    if next.private.exists() {
        let key = read(&next)?;
        if is_same_key(&key.public().text(), public) {
            return Ok(key);
        }
    }
    let cause = "it is not the private part of the project's code signing key; name its folder by --keys".to_owned();
    Err(ProjectError::Key { path: now.private, cause })
}

/// Answers a request for a new key with keys of a folder: a new pair is made in `next/`, or the one that an earlier answer to the
/// same request had is taken again.
///
/// # Errors
/// [`ProjectError`]: keys that are missing or of another project, a folder that cannot be written.
pub fn answer(folder: &Path, request: &RotationRequest) -> Result<RotationAnswer, ProjectError> {
    let old = private_key(folder, &request.key)?;
    let ready = next(folder);
    if ready.private.exists() && is_same_key(&read(&ready)?.public().text(), &request.key) {
        take_over(folder)?;
    }
    let new = if ready.private.exists() { read(&ready)? } else { read(&NewKeys::make(&folder.join("next"))?)? };
    let failed =
        |error: crate::sign::KeyError| ProjectError::Key { path: ready.private.clone(), cause: error.to_string() };
    request.answer(&old, &new).map_err(failed)
}

/// The pair that was made ready is in use: it takes its place, and the one before goes aside. What a crash leaves half done is done
/// again the next time.
fn take_over(folder: &Path) -> Result<(), ProjectError> {
    let free = (1..).map(|number| folder.join(format!("earlier_{number}"))).find(|aside| !aside.exists());
    let aside = free.unwrap_or_else(|| folder.join("earlier"));
    let (old, new, kept) = (NewKeys::of(folder), next(folder), NewKeys::of(&aside));
    let public = read(&new)?.public().text();
    fs::create_dir_all(&aside).map_err(|error| file_error(&aside, &error))?;
    for (from, to) in [(&old.private, &kept.private), (&old.public, &kept.public)] {
        fs::copy(from, to).map_err(|error| file_error(to, &error))?;
        fs::File::open(to).and_then(|file| file.sync_all()).map_err(|error| file_error(to, &error))?;
    }
    fs::write(&old.public, public).map_err(|error| file_error(&old.public, &error))?;
    fs::rename(&new.private, &old.private).map_err(|error| file_error(&old.private, &error))?;
    fs::remove_dir_all(folder.join("next")).map_err(|error| file_error(folder, &error))
}

impl Project {
    /// Writes the public key that people read in the folder.
    ///
    /// # Errors
    /// [`ProjectError::File`].
    pub fn keep_public_key(&self, key: &str) -> Result<PathBuf, ProjectError> {
        let path = self.dir.join("code_sign_public");
        let part = self.dir.join(format!(".code_sign_public.{}.part", std::process::id()));
        let written = fs::write(&part, key)
            .and_then(|()| fs::File::open(&part)?.sync_all())
            .and_then(|()| fs::rename(&part, &path))
            .and_then(|()| fs::File::open(&self.dir)?.sync_all());
        written.map_err(|error| file_error(&path, &error))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(keys: &NewKeys) -> RotationRequest {
        RotationRequest { key: fs::read_to_string(&keys.public).unwrap(), files: Vec::new() }
    }

    #[test]
    fn the_same_request_is_answered_by_the_same_key_and_the_next_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let keys = NewKeys::make(folder.path()).unwrap();
        let first = request(&keys);
        let one = answer(folder.path(), &first).unwrap();
        assert_eq!(one.check(&first), Ok(()));
        // The answer was lost on its way.
        assert_eq!(answer(folder.path(), &first).unwrap().key, one.key);
        assert!(private_key(folder.path(), &first.key).is_ok() && private_key(folder.path(), &one.key).is_ok());
        let second = RotationRequest { key: one.key.clone(), files: Vec::new() };
        let two = answer(folder.path(), &second).unwrap();
        assert_eq!(two.check(&second), Ok(()));
        assert!(two.key != one.key && folder.path().join("earlier_1/code_sign_private").exists());
        assert_eq!(fs::read_to_string(&keys.public).unwrap(), one.key);
        assert!(private_key(folder.path(), &two.key).is_ok() && private_key(folder.path(), &first.key).is_err());
    }

    #[test]
    fn keys_of_another_project_sign_nothing() {
        let (mine, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        NewKeys::make(mine.path()).unwrap();
        let theirs = request(&NewKeys::make(other.path()).unwrap());
        assert!(matches!(answer(mine.path(), &theirs), Err(ProjectError::Key { .. })));
        assert!(!mine.path().join("next").exists());
    }
}
