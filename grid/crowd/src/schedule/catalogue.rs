//! Applications, versions and lasting files: what changes only by an operator's hand, and is kept in memory.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::keys::Keys;
use crate::store::{AppRow, Database, FileRow, KeyRow, PlatformRow, Row, StoreError, VersionRow};

/// A file of a version, as its row's JSON has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionFile {
    /// The file's name.
    pub file: String,
    /// Name under which the application opens it; empty for its own.
    #[serde(default)]
    pub open_name: String,
    /// Whether it is copied into the task's folder.
    #[serde(default)]
    pub copy: bool,
    /// Whether it is what the client runs.
    #[serde(default)]
    pub main_program: bool,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Applications by number.
    pub apps: HashMap<i64, AppRow>,
    /// Versions by number.
    pub versions: HashMap<i64, VersionRow>,
    /// Files of versions, and sticky files, by name.
    pub files: HashMap<String, FileRow>,
    /// Platforms that get no work.
    pub paused: HashSet<String>,
    /// Code signing keys.
    pub keys: Keys,
}

impl Catalogue {
    /// Reads it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(database: &mut dyn Database) -> Result<Catalogue, StoreError> {
        fn all<R: Row>(database: &mut dyn Database, condition: &'static str) -> Result<Vec<R>, StoreError> {
            database.scan(R::TABLE, condition, &[])?.into_iter().map(R::of).collect()
        }
        let (apps, versions) = (all::<AppRow>(database, "id > 0")?, all::<VersionRow>(database, "id > 0")?);
        let files = all::<FileRow>(database, "sticky = 1 or signature <> ''")?;
        let platforms = all::<PlatformRow>(database, "paused = 1")?;
        Ok(Catalogue {
            apps: apps.into_iter().map(|row| (row.id, row)).collect(),
            versions: versions.into_iter().map(|row| (row.id, row)).collect(),
            files: files.into_iter().map(|row| (row.name.clone(), row)).collect(),
            paused: platforms.into_iter().map(|row| row.name).collect(),
            keys: Keys::of(all::<KeyRow>(database, "id > 0")?),
        })
    }

    /// An application by its short name.
    pub fn app(&self, name: &str) -> Option<&AppRow> {
        self.apps.values().find(|app| app.name == name)
    }

    /// Platforms and plan classes that have a version, in order, each once.
    pub fn platforms(&self) -> Vec<(String, String)> {
        let active = self.versions.values().filter(|version| !version.deprecated);
        let mut names: Vec<_> = active.map(|version| (version.platform.clone(), version.plan_class.clone())).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Files of a version.
    pub fn files_of(version: &VersionRow) -> Vec<VersionFile> {
        serde_json::from_str(&version.files).unwrap_or_default()
    }
}
