//! New work.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::desk::{Desk, DeskError};
use crate::role::{InputFile, NewUnit, OutputFile, Supply};
use crate::store::{BatchRow, Counter, FileRow, MOST_OUTPUTS, MOST_RESULTS, Place, Row, UnitRow, Value};

/// An input in a unit's row; size and sum are with it, so that sending needs no other row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    #[serde(rename = "f")]
    pub(super) file: String,
    #[serde(rename = "o", default, skip_serializing_if = "String::is_empty")]
    pub(super) open_name: String,
    #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) copy: bool,
    #[serde(rename = "n")]
    pub(super) bytes: i64,
    #[serde(rename = "m")]
    pub(super) md5: String,
    #[serde(rename = "s", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) sticky: bool,
}

/// An output in a unit's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Output {
    #[serde(rename = "o")]
    pub(super) open_name: String,
    #[serde(rename = "n")]
    pub(super) most: u64,
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) gzip: bool,
}

/// A unit's inputs.
pub(super) fn inputs(unit: &UnitRow) -> Vec<Input> {
    serde_json::from_str(&unit.inputs).unwrap_or_default()
}

/// A unit's outputs.
pub(super) fn outputs(unit: &UnitRow) -> Vec<Output> {
    serde_json::from_str(&unit.outputs).unwrap_or_default()
}

/// Names of a unit's inputs.
pub(crate) fn input_names(unit: &UnitRow) -> Vec<String> {
    inputs(unit).into_iter().map(|input| input.file).collect()
}

/// How many outputs a unit's results have.
pub(crate) fn outputs_asked(unit: &UnitRow) -> usize {
    outputs(unit).len()
}

/// A file of a supply, which lies in the project now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedFile {
    /// Name.
    pub name: String,
    /// Bytes.
    pub bytes: i64,
    /// MD5, hexadecimal.
    pub md5: String,
    /// Whether clients keep it.
    pub sticky: bool,
    /// Whether it is a program's, with its signature.
    pub signature: Option<String>,
}

fn refused(text: String) -> DeskError {
    DeskError::Refused(text)
}

/// Whether a name can be a file's or a unit's: clients make paths of it.
pub(super) fn is_name(name: &str, most: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    !name.is_empty()
        && name.len() <= most
        && name.bytes().all(allowed)
        && !name.starts_with('.')
        && !name.contains("..")
}

impl Desk<'_> {
    /// Adds files that lie in the project; those that it has by the same name have to be the same.
    ///
    /// # Errors
    /// [`DeskError`]: a name that cannot be, or that stands for other bytes.
    pub fn add_files(&mut self, files: &[PlacedFile]) -> Result<(), DeskError> {
        let names: Vec<Value> = files.iter().map(|file| Value::Text(file.name.clone())).collect();
        if names.is_empty() {
            return Ok(());
        }
        self.book.files.load_by(self.database, Place::of("name"), &names)?;
        let mut known: HashMap<String, FileRow> =
            self.book.files.all().map(|row| (row.name.clone(), row.clone())).collect();
        for file in files {
            if !is_name(&file.name, 200) {
                return Err(refused(format!("{:?} cannot be a file's name: use letters, digits and ._-+", file.name)));
            }
            match known.get(&file.name) {
                Some(row) if row.md5 == file.md5 && row.bytes == file.bytes => {}
                Some(_) => {
                    return Err(refused(format!(
                        "the project has another file {}; a name stands for the same bytes for ever",
                        file.name
                    )));
                }
                None => {
                    let row = FileRow {
                        id: self.book.next(Counter::File),
                        name: file.name.clone(),
                        bytes: file.bytes,
                        md5: file.md5.clone(),
                        executable: file.signature.is_some(),
                        signature: file.signature.clone().unwrap_or_default(),
                        sticky: file.sticky,
                        uses: 0,
                        created: self.now,
                    };
                    if row.sticky || row.executable {
                        self.catalogue.files.insert(row.name.clone(), row.clone());
                        self.book.count(Counter::Catalogue, 1);
                    }
                    known.insert(row.name.clone(), row.clone());
                    self.book.files.insert(row);
                }
            }
        }
        Ok(())
    }

    /// Makes units, whose files are at hand or in the project.
    ///
    /// # Errors
    /// [`DeskError`]: a unit that cannot be, or whose name is taken.
    pub fn supply(&mut self, supply: &Supply, placed: &[PlacedFile]) -> Result<Vec<i64>, DeskError> {
        self.add_files(placed)?;
        let wanted: HashSet<&str> =
            supply.units.iter().flat_map(|unit| &unit.inputs).map(|input| input.file.as_str()).collect();
        let at_hand: HashSet<String> = self.book.files.all().map(|row| row.name.clone()).collect();
        let missing: Vec<Value> = wanted
            .iter()
            .filter(|name| !at_hand.contains(**name))
            .map(|name| Value::Text((*name).to_owned()))
            .collect();
        self.book.files.load_by(self.database, Place::of("name"), &missing)?;
        let files: HashMap<String, i64> = self.book.files.all().map(|row| (row.name.clone(), row.id)).collect();
        let names: Vec<Value> = supply.units.iter().map(|unit| Value::Text(unit.name.clone())).collect();
        let mut taken: HashSet<String> = HashSet::new();
        for row in self.database.find(UnitRow::TABLE, Place::of("name"), &names)? {
            taken.insert(UnitRow::of(row)?.name);
        }
        taken.extend(self.book.units.all().map(|unit| unit.name.clone()));
        let mut made = Vec::with_capacity(supply.units.len());
        for unit in &supply.units {
            if !taken.insert(unit.name.clone()) {
                return Err(refused(format!("the project has a unit {} already", unit.name)));
            }
            made.push(self.unit(unit, &files)?);
        }
        self.remember(&supply.facts)?;
        Ok(made)
    }

    fn unit(&mut self, new: &NewUnit, files: &HashMap<String, i64>) -> Result<i64, DeskError> {
        let no = |text: &str| refused(format!("unit {}: {text}", new.name));
        let app = self.catalogue.app(&new.app).cloned();
        let app =
            app.ok_or_else(|| no(&format!("there is no application {:?}; pogson crowd app add makes one", new.app)))?;
        if !is_name(&new.name, 180) {
            return Err(no("the name has other characters than letters, digits and ._-+, or more than 180"));
        }
        let numbers = [new.flops, new.flops_bound, new.memory, new.disk];
        if numbers.iter().any(|number| !number.is_finite() || *number < 0.0) || new.flops <= 0.0 || new.delay <= 0 {
            return Err(no("operations and delay must be above 0, bounds, memory and disk no less than 0"));
        }
        if new.outputs.is_empty() || new.outputs.len() as i64 > MOST_OUTPUTS {
            return Err(no(&format!("it needs 1 to {MOST_OUTPUTS} outputs")));
        }
        let limits = new.limits;
        if limits.quorum == 0 || limits.target < limits.quorum || limits.total < limits.target {
            return Err(no("limits must be 1 <= quorum <= target <= total"));
        }
        let mut inputs = Vec::with_capacity(new.inputs.len());
        for input in &new.inputs {
            let id = files.get(&input.file);
            let file = id.and_then(|id| self.book.files.edit(*id));
            let file = file.ok_or_else(|| no(&format!("its input {} is not in the project", input.file)))?;
            file.uses += 1;
            inputs.push(input_of(input, file));
        }
        let batch_id = if new.batch.is_empty() { None } else { Some(self.batch(&new.batch)?) };
        // Where hosts can earn trust, a unit begins with one result, and gets more when a host takes it that is not trusted.
        let alone = app.trust_after > 0 && limits.quorum > 1;
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX).min(MOST_RESULTS);
        let id = self.book.next(Counter::Unit);
        let row = UnitRow {
            id,
            name: new.name.clone(),
            app_id: app.id,
            batch_id,
            priority: new.priority.clamp(-1_000_000, 1_000_000),
            created: self.now,
            flops: new.flops,
            flops_bound: new.flops_bound.max(new.flops),
            memory: new.memory,
            disk: new.disk,
            delay: new.delay,
            command_line: new.command_line.clone(),
            inputs: serde_json::to_string(&inputs).map_err(|error| no(&error.to_string()))?,
            outputs: serde_json::to_string(&new.outputs.iter().map(output_of).collect::<Vec<_>>())
                .map_err(|error| no(&error.to_string()))?,
            quorum: if alone { 1 } else { number(limits.quorum) },
            target: if alone { 1 } else { number(limits.target) },
            most_errors: number(limits.errors),
            replicate: if alone { number(limits.quorum) } else { 0 },
            most_total: number(limits.total),
            most_successes: number(limits.successes),
            credit: if new.credit > 0 { new.credit } else { super::cobblestones(new.flops) },
            opaque: new.opaque.clone(),
            target_host: new.host,
            target_user: new.user,
            ..UnitRow::default()
        };
        self.book.units.insert(row);
        self.touched.insert(id);
        Ok(id)
    }

    fn batch(&mut self, name: &str) -> Result<i64, DeskError> {
        let find = |desk: &Desk<'_>| desk.book.batches.all().find(|batch| batch.name == name).map(|batch| batch.id);
        let mut found = find(self);
        if found.is_none() {
            self.book.batches.load_by(self.database, Place::of("name"), &[Value::Text(name.to_owned())])?;
            found = find(self);
        }
        let id = found.unwrap_or_else(|| {
            let id = self.book.next(Counter::Batch);
            self.book.batches.insert(BatchRow { id, name: name.to_owned(), created: self.now, ..BatchRow::default() });
            id
        });
        if let Some(batch) = self.book.batches.edit(id) {
            batch.units += 1;
        }
        Ok(id)
    }
}

fn input_of(input: &InputFile, file: &FileRow) -> Input {
    Input {
        file: input.file.clone(),
        open_name: input.open_name.clone(),
        copy: input.copy,
        bytes: file.bytes,
        md5: file.md5.clone(),
        sticky: file.sticky,
    }
}

fn output_of(output: &OutputFile) -> Output {
    Output { open_name: output.open_name.clone(), most: output.most, gzip: output.gzip }
}
