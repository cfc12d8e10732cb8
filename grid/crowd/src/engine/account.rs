//! Account keys: one's own, those that came from another project, and weak ones, by which computers work for an account and do nothing
//! else with it.

use std::collections::HashSet;

use super::desk::Desk;
use crate::account::key_hash;
use crate::store::{Place, StoreError, Value};

/// What an account key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// The account.
    All,
    /// Work for the account.
    Work,
}

/// Number and token of a weak key: `17_0123...`.
fn weak_parts(key: &str) -> Option<(i64, &str)> {
    let (id, token) = key.trim().split_once('_')?;
    Some((id.parse().ok()?, token))
}

impl Desk<'_> {
    /// Loads the users of keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_keys(&mut self, keys: &[&str]) -> Result<(), StoreError> {
        let hashes: Vec<String> = keys.iter().map(|key| key_hash(key)).collect();
        let values: Vec<Value> = hashes.iter().cloned().map(Value::Text).collect();
        self.book.users.load_by(self.database, Place::of("key_hash"), &values)?;
        let known: HashSet<&str> = self.book.users.all().map(|user| user.key_hash.as_str()).collect();
        // Few keys are not their users' present ones.
        let (mut rest, mut users) = (Vec::new(), Vec::new());
        for (key, hash) in keys.iter().zip(&hashes).filter(|(_, hash)| !known.contains(hash.as_str())) {
            rest.push(Value::Text(hash.clone()));
            users.extend(weak_parts(key).map(|(id, _)| id));
        }
        drop(known);
        if !rest.is_empty() {
            self.book.old_keys.load_by(self.database, Place::of("hash"), &rest)?;
            users.extend(self.book.old_keys.all().map(|row| row.user_id));
            self.book.users.load(self.database, users)?;
        }
        Ok(())
    }

    /// The user of a key, which was loaded, and what it opens.
    pub fn user_of_key(&self, key: &str) -> Option<(i64, Opens)> {
        let hash = key_hash(key);
        if let Some(user) = self.book.users.all().find(|user| user.key_hash == hash) {
            return Some((user.id, Opens::All));
        }
        if let Some(row) = self.book.old_keys.all().find(|row| row.hash == hash) {
            let opens = if row.weak { Opens::Work } else { Opens::All };
            return self.book.users.get(row.user_id).map(|user| (user.id, opens));
        }
        let (id, token) = weak_parts(key)?;
        let user = self.book.users.get(id)?;
        self.settings.accounts.is_weak(token, id, user.key_epoch).then_some((id, Opens::Work))
    }

    /// Forgets the keys that a user brought along.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_old_keys(&mut self, user: i64) -> Result<(), StoreError> {
        self.book.old_keys.load_by(self.database, Place::of("user_id"), &[Value::Int(user)])?;
        let rows: Vec<i64> = self.book.old_keys.all().filter(|row| row.user_id == user).map(|row| row.id).collect();
        rows.into_iter().for_each(|row| self.book.old_keys.remove(row));
        Ok(())
    }
}
