//! A new project.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::address::Address;
use super::config::{Config, DatabaseConfig, ProjectConfig};
use super::folder::{Project, ProjectError, file_error};
use crate::sign::PrivateKey;

/// A pair of code signing keys, outside of the project's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKeys {
    /// The private key; readable by its owner alone.
    pub private: PathBuf,
    /// The public key.
    pub public: PathBuf,
}

impl NewKeys {
    /// The pair's files in a folder.
    pub fn of(folder: &Path) -> NewKeys {
        NewKeys { private: folder.join("code_sign_private"), public: folder.join("code_sign_public") }
    }

    /// Makes a pair in a folder; one that is there stays.
    ///
    /// # Errors
    /// [`ProjectError`]: among others, where there is one already.
    pub fn make(folder: &Path) -> Result<NewKeys, ProjectError> {
        let keys = NewKeys::of(folder);
        fs::create_dir_all(folder).map_err(|error| file_error(folder, &error))?;
        let key = PrivateKey::generate()
            .map_err(|error| ProjectError::Key { path: keys.private.clone(), cause: error.to_string() })?;
        write_new(&keys.private, key.text().as_bytes(), 0o600)?;
        write_new(&keys.public, key.public().text().as_bytes(), 0o644)?;
        Ok(keys)
    }
}

/// Makes a project's folder, to be served at an address, with the public key of a code signing pair.
///
/// # Errors
/// [`ProjectError`]: among others, where the folder is a project's.
pub fn init(
    dir: &Path,
    url: &str,
    name: Option<&str>,
    public_key: &Path,
    database: Option<&str>,
) -> Result<Project, ProjectError> {
    let address = Address::parse(url)?;
    let config_path = dir.join("pogson.toml");
    if config_path.exists() {
        return Err(ProjectError::Exists(dir.to_owned()));
    }
    let key = fs::read(public_key).map_err(|error| file_error(public_key, &error))?;
    for folder in ["download", "upload", "outputs"] {
        let folder = dir.join(folder);
        super::make_folder(&folder).map_err(|error| file_error(&folder, &error))?;
    }
    let secret = dir.join("secret");
    let random: [u8; 32] = crate::account::random().map_err(|error| file_error(&secret, &error))?;
    write_new(&secret, &random, 0o600)?;
    write_new(&dir.join("code_sign_public"), &key, 0o644)?;
    let last = address.path.trim_matches('/').rsplit('/').next().filter(|last| !last.is_empty());
    let config = Config {
        project: ProjectConfig {
            name: name.or(last).unwrap_or(&address.host).to_owned(),
            url: address.to_string(),
            ..ProjectConfig::default()
        },
        database: DatabaseConfig { url: database.unwrap_or_default().to_owned() },
        ..Config::default()
    };
    let text = toml::to_string(&config)
        .map_err(|error| ProjectError::Config { path: config_path.clone(), cause: error.to_string() })?;
    write_new(&config_path, text.as_bytes(), 0o600)?;
    let project = Project::open(dir)?;
    project.database()?;
    // The entries of the files above.
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| file_error(dir, &error))?;
    Ok(project)
}

/// Writes a file that is not there yet, synced.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ProjectError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = made.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| file_error(path, &error))
}
