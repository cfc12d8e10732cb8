//! The roles of a project's applications, and what is done for those that bring none.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::project::Project;
use crate::role::command::{CommandAssimilator, CommandGenerator, CommandListener, CommandRefitter, CommandValidator};
use crate::role::{
    Assimilator, Fact, Facts, Finished, Generator, Keeper, Listener, Outputs, Refitter, RoleError, UnitFacts, Validator,
};
use crate::store::{Database, FactRow, Place, Row, StoreError, Value};

/// Roles by application.
#[derive(Default)]
pub struct Roles {
    /// Pages that the project brings.
    pub sections: Vec<Arc<dyn crate::pages::Section>>,
    /// Make work; each is asked in turn.
    pub generators: Vec<Box<dyn Generator>>,
    /// Compare outputs, by application.
    pub validators: HashMap<String, Arc<dyn Validator>>,
    /// Hear what running tasks say, by application.
    pub listeners: HashMap<String, Box<dyn Listener>>,
    /// Take what was agreed on, by application.
    pub assimilators: HashMap<String, Box<dyn Assimilator>>,
    /// Do some validated units again, by application.
    pub refitters: HashMap<String, Box<dyn Refitter>>,
    /// Do what is due now and then.
    pub keepers: Vec<Box<dyn Keeper>>,
}

impl Roles {
    /// Adds the programs that a project's `pogson.toml` names; they run in its folder.
    ///
    /// # Errors
    /// [`RoleError::Permanent`]: a program that cannot be one.
    pub fn add_programs(&mut self, project: &Project) -> Result<(), RoleError> {
        let scratch = project.dir.join("scratch");
        for (app, programs) in &project.config.roles {
            if let Some(program) = &programs.generator {
                self.generators.push(Box::new(CommandGenerator::new(program.clone(), &project.dir)?));
            }
            if let Some(program) = &programs.validator {
                let validator = CommandValidator::new(program.clone(), &project.dir, &scratch)?;
                self.validators.insert(app.clone(), Arc::new(validator));
            }
            if let Some(program) = &programs.listener {
                self.listeners.insert(app.clone(), Box::new(CommandListener::new(program.clone(), &project.dir)?));
            }
            if let Some(program) = &programs.assimilator {
                let assimilator = CommandAssimilator::new(program.clone(), &project.dir, &scratch)?;
                self.assimilators.insert(app.clone(), Box::new(assimilator));
            }
            if let Some(program) = &programs.refitter {
                let refitter = CommandRefitter::new(program.clone(), &project.dir, &scratch)?;
                self.refitters.insert(app.clone(), Box::new(refitter));
            }
        }
        Ok(())
    }
}

/// Outputs are the same where their bytes are.
#[derive(Debug, Clone, Copy, Default)]
pub struct SameBytes;

impl Validator for SameBytes {
    fn check(&self, _: &UnitFacts, _: &Outputs) -> Result<(), RoleError> {
        Ok(())
    }

    fn agree(&self, _: &UnitFacts, one: &Outputs, other: &Outputs) -> Result<bool, RoleError> {
        Ok(one == other)
    }
}

/// Stores outputs as files, `FOLDER/UNIT_0` and so on.
#[derive(Debug, Clone)]
pub struct KeepOutputs {
    /// The folder.
    pub folder: PathBuf,
}

impl Assimilator for KeepOutputs {
    fn assimilate(&mut self, _: &dyn Facts, finished: &Finished) -> Result<Vec<Fact>, RoleError> {
        let outputs = finished.outputs.iter().flatten().enumerate();
        for (place, bytes) in outputs {
            let name = format!("{}_{place}", finished.unit.name);
            let path = self.folder.join(crate::project::fan_out(&name)).join(&name);
            keep(&path, bytes).map_err(|error| RoleError::Transient(format!("{}: {error}", path.display())))?;
        }
        Ok(Vec::new())
    }
}

fn keep(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    crate::project::make_folder(folder)?;
    let part = path.with_extension("part");
    std::fs::write(&part, bytes)?;
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(&part, path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Facts as they are committed.
pub struct FactReader(Mutex<Box<dyn Database>>);

impl FactReader {
    /// By a connection of its own.
    pub fn new(database: Box<dyn Database>) -> FactReader {
        FactReader(Mutex::new(database))
    }

    fn rows(
        &self,
        read: impl FnOnce(&mut dyn Database) -> Result<Vec<Vec<Value>>, StoreError>,
    ) -> Result<Vec<FactRow>, RoleError> {
        let mut database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = read(database.as_mut()).and_then(|rows| rows.into_iter().map(FactRow::of).collect());
        rows.map_err(|error: StoreError| RoleError::Transient(error.to_string()))
    }
}

impl Facts for FactReader {
    fn get(&self, key: &str) -> Result<Option<String>, RoleError> {
        let keys = [Value::Text(key.to_owned())];
        let rows = self.rows(|database| database.find(FactRow::TABLE, Place::of("name"), &keys))?;
        Ok(rows.into_iter().next().map(|row| row.body))
    }

    fn beginning(&self, prefix: &str) -> Result<Vec<(String, String)>, RoleError> {
        // As bytes: up to the first text that does not begin so.
        let values = [Value::Text(prefix.to_owned()), Value::Text(format!("{prefix}\u{10FFFF}"))];
        let rows = self.rows(|database| database.scan(FactRow::TABLE, "name >= $1 and name < $2", &values))?;
        let mut found: Vec<(String, String)> =
            rows.into_iter().map(|row| (row.name, row.body)).filter(|(name, _)| name.starts_with(prefix)).collect();
        found.sort();
        Ok(found)
    }
}
