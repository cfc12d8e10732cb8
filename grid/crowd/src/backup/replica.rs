//! An exact copy of a project for tests: with an address, a secret and keys of its own, so that neither clients nor account keys of the
//! one are the other's.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::{BackupError, backup, copy, file_error, part_of, restore};
use crate::account::key_hash;
use crate::metrics::Tally;
use crate::project::{NewKeys, Project};
use crate::sign::PrivateKey;
use crate::store::{Book, StoreError, Value};

/// How a replica differs.
#[derive(Clone, Copy)]
pub struct Replica<'a> {
    /// Its address.
    pub url: &'a str,
    /// Folder for its code signing keys.
    pub keys: &'a Path,
    /// Its database; none for SQLite.
    pub database: Option<&'a str>,
    /// Whether units of a batch are kept; those of no batch are.
    pub keep: &'a dyn Fn(&str) -> bool,
}

/// Makes a replica of a project in a folder that is not there yet.
///
/// # Errors
/// [`BackupError`].
pub fn replica(project: &Project, to: &Path, how: Replica<'_>) -> Result<Project, BackupError> {
    let taken = part_of(&to.with_extension("backup"));
    backup(project, &taken)?;
    let made = copy_of(&taken, to, how);
    let removed = fs::remove_dir_all(&taken).map_err(|error| file_error(&taken, &error));
    made.and_then(|project| removed.map(|()| project))
}

fn copy_of(taken: &Path, to: &Path, how: Replica<'_>) -> Result<Project, BackupError> {
    let keys = NewKeys::of(how.keys);
    let keys = if keys.private.exists() { keys } else { NewKeys::make(how.keys)? };
    let secret: [u8; 32] = crate::account::random().map_err(|error| file_error(taken, &error))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = taken.join(name);
        fs::write(&path, bytes).map_err(|error| file_error(&path, &error))
    };
    write("secret", &secret)?;
    let public = fs::read(&keys.public).map_err(|error| file_error(&keys.public, &error))?;
    write("code_sign_public", &public)?;
    copy::change(taken, |config| {
        how.url.clone_into(&mut config.project.url);
        config.server.listen.clear();
        config.database.url = how.database.unwrap_or_default().to_owned();
    })?;
    let project = restore(taken, to, how.database)?;
    let text = fs::read_to_string(&keys.private).map_err(|error| file_error(&keys.private, &error))?;
    let key = PrivateKey::parse(&text)
        .map_err(|error| BackupError::Damaged { path: keys.private.clone(), cause: error.to_string() })?;
    renew(&project, &key, how.keep)?;
    Ok(project)
}

/// New account keys, new signatures, and only the units that are kept.
fn renew(project: &Project, key: &PrivateKey, keep: &dyn Fn(&str) -> bool) -> Result<(), BackupError> {
    let mut database = project.database()?;
    let database = database.as_mut();
    database.begin()?;
    let mut book = Book::default();
    let secret = project.account_secret();
    for id in book.users.scan(database, "id > 0", &[])? {
        if let Some(user) = book.users.edit(id) {
            user.key_hash = key_hash(&secret.authenticator(user.id, user.key_epoch));
        }
    }
    for id in book.files.scan(database, "signature <> ''", &[])? {
        if let Some(file) = book.files.edit(id) {
            file.signature = key.sign_md5(&file.md5).map_err(|error| BackupError::Damaged {
                path: project.download_path(&file.name),
                cause: error.to_string(),
            })?;
        }
    }
    for id in book.old_keys.scan(database, "id > 0", &[])? {
        book.old_keys.remove(id);
    }
    // Nobody holds an earlier key of a project that is new.
    for id in book.keys.scan(database, "id > 0", &[])? {
        book.keys.remove(id);
    }
    let mut gone = Vec::new();
    for id in book.batches.scan(database, "id > 0", &[])? {
        if book.batches.get(id).is_some_and(|batch| !keep(&batch.name)) {
            gone.push(id);
            book.batches.remove(id);
        }
    }
    for batch in gone {
        remove_units(&mut book, database, batch)?;
    }
    book.load_counters(database)?;
    Tally::of(&book).keep(&mut book);
    book.save(database)?;
    Ok(database.commit()?)
}

/// Removes the units of a batch, with their results and outputs; what hosts earned by them stays theirs.
fn remove_units(book: &mut Book, database: &mut dyn crate::store::Database, batch: i64) -> Result<(), StoreError> {
    let units = book.units.scan(database, "batch_id = $1", &[Value::Int(batch)])?;
    book.load_units(database, units.iter().copied())?;
    let of: HashSet<i64> = units.iter().copied().collect();
    let results: Vec<(i64, i64, i64)> = book
        .results
        .all()
        .filter(|row| of.contains(&row.unit()))
        .map(|row| (row.id, row.host_id, row.granted))
        .collect();
    book.load_outputs(database, results.iter().map(|(id, ..)| *id))?;
    book.hosts.load(database, results.iter().map(|(_, host, _)| *host))?;
    let mut names = Vec::new();
    for unit in &units {
        if let Some(unit) = book.units.get(*unit).filter(|unit| unit.deletion == 0) {
            names.extend(crate::engine::input_names(unit));
        }
    }
    let keys: Vec<Value> = names.iter().cloned().map(Value::Text).collect();
    book.files.load_by(database, crate::store::Place::of("name"), &keys)?;
    for name in names {
        let id = book.files.all().find(|file| file.name == name).map(|file| file.id);
        if let Some(file) = id.and_then(|id| book.files.edit(id)) {
            file.uses -= 1;
        }
    }
    for (id, host, granted) in results {
        let outputs: Vec<i64> = book.outputs_of(id).map(|row| row.id).collect();
        outputs.into_iter().for_each(|output| book.outputs.remove(output));
        if let Some(host) = book.hosts.edit(host).filter(|_| granted != 0) {
            host.purged_credit += granted;
        }
        book.results.remove(id);
    }
    units.into_iter().for_each(|unit| book.units.remove(unit));
    Ok(())
}
