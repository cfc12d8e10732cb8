//! What of galaxies leaves a project: results, maps, and who fitted which area.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use pogson_crowd::role::Facts;
use pogson_cube::result::ResultFile;
use serde_json::json;

use crate::error::SiteError;
use crate::galaxies::Galaxies;
use crate::objects::write_whole;

/// What was written of a galaxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedGalaxy {
    /// Its name.
    pub name: String,
    /// Its result, where it has ended.
    pub hdf5: Option<PathBuf>,
    /// Pictures of its maps.
    pub maps: Vec<PathBuf>,
    /// Its areas, one on a line of JSON.
    pub areas: PathBuf,
}

impl Galaxies {
    /// Writes a galaxy's result (`NAME.h5`), maps (`NAME_MAP.png`) and areas (`NAME_areas.jsonl`) into a folder.
    ///
    /// - `named`: the users who may be named; all where there is none. Others' numbers and names are left out.
    ///
    /// # Errors
    /// As [`Galaxies::state`]; [`SiteError::Io`], [`SiteError::Result`].
    pub fn export(
        &self,
        facts: &dyn Facts,
        name: &str,
        folder: &Path,
        named: Option<&HashSet<i64>>,
    ) -> Result<ExportedGalaxy, SiteError> {
        let state = self.state(facts, name)?;
        let may = |user: i64| named.is_none_or(|named| named.contains(&user));
        fs::create_dir_all(folder).map_err(SiteError::io(folder, "make the folder"))?;
        let mut hdf5 = None;
        if let Some(result) = &state.hdf5 {
            let path = folder.join(format!("{name}.h5"));
            if named.is_none() {
                copy(result, &path)?;
            } else {
                let mut file = ResultFile::read(result)?;
                if let Some(crowd) = &mut file.crowd {
                    crowd.users.retain(|user, _| may(*user));
                    crowd.areas.iter_mut().for_each(|area| area.users.retain(|user| may(*user)));
                }
                file.write(&path, true)?;
            }
            hdf5 = Some(path);
        }
        let mut maps = Vec::new();
        for (parameter, picture) in &state.maps {
            let path = folder.join(format!("{name}_{}.png", parameter.name()));
            copy(picture, &path)?;
            maps.push(path);
        }
        let lines: String = self
            .areas(facts, name)?
            .into_iter()
            .map(|(number, area)| {
                let users: Vec<_> = area
                    .users
                    .iter()
                    .filter(|(user, _)| may(*user))
                    .map(|(user, called)| json!({ "id": user, "name": called }))
                    .collect();
                let line = json!({
                    "galaxy": name, "area": number, "first": area.first, "last": area.last, "fits": area.places,
                    "sums": area.sums, "state": area.state, "unit": area.unit, "object": area.object, "users": users,
                    "trouble": area.trouble,
                });
                format!("{line}\n")
            })
            .collect();
        let areas = folder.join(format!("{name}_areas.jsonl"));
        write_whole(&areas, lines.as_bytes())?;
        Ok(ExportedGalaxy { name: name.to_owned(), hdf5, maps, areas })
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), SiteError> {
    let bytes = fs::read(from).map_err(SiteError::io(from, "read the file"))?;
    write_whole(to, &bytes)
}
