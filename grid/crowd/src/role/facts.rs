//! What a project wants to remember beside the server's own tables, in the same database and the same transactions: texts by key.

use serde::{Deserialize, Serialize};

use super::RoleError;

/// A text under a key, or, without one, the key's removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The key: words between slashes, as `galaxy/NGC5584/area/17`.
    pub key: String,
    /// The text; none removes the key.
    pub text: Option<String>,
}

impl Fact {
    /// A fact to be stored.
    pub fn new(key: impl Into<String>, text: impl Into<String>) -> Fact {
        Fact { key: key.into(), text: Some(text.into()) }
    }

    /// A fact to be forgotten.
    pub fn forget(key: impl Into<String>) -> Fact {
        Fact { key: key.into(), text: None }
    }
}

/// Facts that are stored.
pub trait Facts {
    /// The text under a key.
    ///
    /// # Errors
    /// [`RoleError::Transient`]: the database cannot be read now.
    fn get(&self, key: &str) -> Result<Option<String>, RoleError>;

    /// All keys that begin with `prefix`, in order, with their texts.
    ///
    /// # Errors
    /// As [`Facts::get`].
    fn beginning(&self, prefix: &str) -> Result<Vec<(String, String)>, RoleError>;
}
