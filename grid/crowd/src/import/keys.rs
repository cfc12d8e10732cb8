//! Code signing keys of a BOINC project's `keys` folder: `code_sign_public`, and, where it was changed, `old_key_N` with `signature_N`,
//! the signature of the present key by that one. Upload keys are not needed: upload certificates here are of another kind.

use std::fs;
use std::path::Path;

use super::ImportError;
use crate::engine::{Desk, DeskError};
use crate::project::ProjectError;
use crate::sign::{PublicKey, is_same_key, signed_text};
use crate::store::{Counter, KeyRow};

fn failed(path: &Path, cause: impl ToString) -> ImportError {
    ProjectError::Key { path: path.to_owned(), cause: cause.to_string() }.into()
}

/// The present key, and those before with their signatures of it.
///
/// # Errors
/// [`ImportError`]: a file that is missing or no key, a signature that is none.
pub(super) fn read(folder: &Path) -> Result<Vec<(String, String)>, ImportError> {
    let text = |path: &Path| fs::read_to_string(path).map_err(|error| failed(path, error));
    let path = folder.join("code_sign_public");
    let present = text(&path)?;
    PublicKey::parse(&present).map_err(|error| failed(&path, error))?;
    let mut keys = vec![(present.clone(), String::new())];
    for number in 0.. {
        let path = folder.join(format!("old_key_{number}"));
        if !path.exists() {
            break;
        }
        let (old, signature) = (text(&path)?, text(&folder.join(format!("signature_{number}")))?);
        let key = PublicKey::parse(&old).map_err(|error| failed(&path, error))?;
        if !key.verifies(signed_text(&present).as_bytes(), &signature) {
            return Err(failed(&path, format!("signature_{number} is not this key's signature of code_sign_public")));
        }
        keys.push((old, signature));
    }
    Ok(keys)
}

/// Makes keys the project's: the first is the present one, the others signed it.
///
/// # Errors
/// [`DeskError`]: a project that has signed programs, or changed its key, already.
pub fn take(desk: &mut Desk<'_>, keys: &[(String, String)]) -> Result<usize, DeskError> {
    let refused = |text: &str| Err(DeskError::Refused(text.to_owned()));
    let Some((present, _)) = keys.first() else { return Ok(0) };
    let same = is_same_key(desk.present_key(), present);
    if !same && (desk.catalogue.keys.present().is_some() || !desk.rotation_request().files.is_empty()) {
        return refused(
            "the project has signed programs with a key of its own; give a new project the former one's keys",
        );
    }
    desk.book.keys.scan(desk.database, "id > 0", &[])?;
    if same && desk.book.keys.all().next().is_some() {
        return Ok(0);
    }
    let id = desk.book.next(Counter::Key);
    let created = desk.now;
    desk.book.keys.insert(KeyRow { id, body: present.clone(), created, ..KeyRow::default() });
    for (body, signature) in &keys[1..] {
        let old = desk.book.next(Counter::Key);
        let row = KeyRow { id: old, body: body.clone(), next: Some(id), signature: signature.clone(), created };
        desk.book.keys.insert(row);
    }
    desk.book.count(Counter::Catalogue, 1);
    Ok(keys.len())
}
