//! People of a BOINC project, in pieces of some hundred.

use serde::Serialize;
use serde_json::Value as Json;

use super::run::{AdminError, Place};
use crate::import::{self, FormerHost, FormerTeam, FormerUser};

fn json(made: impl Serialize) -> Result<Json, AdminError> {
    serde_json::to_value(made).map_err(|error| AdminError::Said(error.to_string()))
}

impl Place {
    pub(super) fn import_keys(&self, keys: Vec<(String, String)>) -> Result<Json, AdminError> {
        let present = keys.first().map(|(key, _)| key.clone());
        let made = self.act("import of code signing keys".to_owned(), move |desk| import::keys_taken(desk, &keys))?;
        if let Some(key) = present {
            self.project.keep_public_key(&key).map_err(|error| AdminError::Said(error.to_string()))?;
        }
        json(made)
    }

    pub(super) fn import_users(&self, source: String, users: Vec<FormerUser>) -> Result<Json, AdminError> {
        let secret = self.project.account_secret();
        let what = format!("import of {} users of {source}", users.len());
        json(self.act(what, move |desk| import::users(desk, &secret, &source, &users))?)
    }

    pub(super) fn import_teams(&self, source: String, teams: Vec<FormerTeam>) -> Result<Json, AdminError> {
        let what = format!("import of {} teams of {source}", teams.len());
        json(self.act(what, move |desk| import::teams(desk, &source, &teams))?)
    }

    pub(super) fn import_members(&self, pairs: Vec<(i64, i64)>) -> Result<Json, AdminError> {
        let what = format!("import of {} members of teams", pairs.len());
        json(self.act(what, move |desk| import::members(desk, &pairs))?)
    }

    pub(super) fn import_hosts(&self, source: String, hosts: Vec<FormerHost>) -> Result<Json, AdminError> {
        let what = format!("import of {} computers of {source}", hosts.len());
        json(self.act(what, move |desk| import::hosts(desk, &source, &hosts))?)
    }
}
