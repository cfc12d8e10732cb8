//! Code signing keys.

use serde_json::{Value as Json, json};

use super::run::{AdminError, Place};
use crate::sign::{RotationAnswer, RotationRequest};

impl Place {
    pub(super) fn keys(&self) -> Result<Json, AdminError> {
        let request: RotationRequest = self.engine.act(|desk| Ok(desk.rotation_request()))?;
        serde_json::to_value(request).map_err(|error| AdminError::Said(error.to_string()))
    }

    pub(super) fn keys_install(&self, answer: RotationAnswer) -> Result<Json, AdminError> {
        let (files, key) = (answer.files.len(), answer.key.clone());
        self.act("a new code signing key".to_owned(), move |desk| desk.rotate(&answer))?;
        // The file is for people, and for the next project of the same keys; the database has the key that counts.
        let kept = self.project.keep_public_key(&key).map_err(|error| AdminError::Said(error.to_string()))?;
        Ok(json!({ "files": files, "public": kept }))
    }
}
