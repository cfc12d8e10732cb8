//! Code signing keys: what clients are told of them, and how the project takes a new one.

use super::desk::{Desk, DeskError};
use super::rpc::{low, notice};
use crate::schedule::{Catalogue, Step};
use crate::sign::{FileToSign, RotationAnswer, RotationRequest};
use crate::store::{Counter, KeyRow, Place, Value};
use crate::wire::{Reply, Request};

impl Desk<'_> {
    /// The present code signing key.
    pub fn present_key(&self) -> &str {
        self.catalogue.keys.present().map_or(self.settings.code_sign_key.as_str(), |row| row.body.as_str())
    }

    /// What has to be signed for a new key.
    pub fn rotation_request(&self) -> RotationRequest {
        let signed = self.catalogue.files.values().filter(|file| !file.signature.is_empty());
        let mut files: Vec<FileToSign> =
            signed.map(|file| FileToSign { name: file.name.clone(), md5: file.md5.clone() }).collect();
        files.sort_by(|one, other| one.name.cmp(&other.name));
        RotationRequest { key: self.present_key().to_owned(), files }
    }

    /// Takes a new key, with all files signed by it.
    ///
    /// # Errors
    /// [`DeskError`]: an answer that clients would refuse.
    pub fn rotate(&mut self, answer: &RotationAnswer) -> Result<(), DeskError> {
        let request = self.rotation_request();
        answer.check(&request).map_err(|error| DeskError::Refused(error.to_string()))?;
        self.book.keys.scan(self.database, "id > 0", &[])?;
        if self.book.keys.all().any(|row| crate::sign::is_same_key(&row.body, &answer.key)) {
            return Err(DeskError::Refused("the answer's key was the project's before; make a new one".to_owned()));
        }
        let created = self.now;
        let present = match self.catalogue.keys.present() {
            Some(row) => row.id,
            None => {
                let id = self.book.next(Counter::Key);
                self.book.keys.insert(KeyRow { id, body: request.key.clone(), created, ..KeyRow::default() });
                id
            }
        };
        let id = self.book.next(Counter::Key);
        self.book.keys.insert(KeyRow { id, body: answer.key.clone(), created, ..KeyRow::default() });
        if let Some(row) = self.book.keys.edit(present) {
            (row.next, row.signature) = (Some(id), answer.signature.clone());
        }
        let names: Vec<Value> = request.files.iter().map(|file| Value::Text(file.name.clone())).collect();
        self.book.files.load_by(self.database, Place::of("name"), &names)?;
        for file in &answer.files {
            let known = self.book.files.all().find(|row| row.name == file.name && !row.signature.is_empty());
            if let Some(row) = known.map(|row| row.id).and_then(|id| self.book.files.edit(id)) {
                row.signature.clone_from(&file.signature);
            }
        }
        self.book.count(Counter::Catalogue, 1);
        Ok(())
    }

    /// Tells a client the key that it needs; whether it can check programs of this reply.
    ///
    /// A client takes a new key if the one that it holds signed it, one step in each reply. Programs that it has are checked again when
    /// they start, so that with the last step it gets their new signatures.
    pub(super) fn tell_key(&self, request: &Request, host: i64, reply: &mut Reply) -> bool {
        match self.catalogue.keys.step(&self.settings.code_sign_key, &request.code_sign_key) {
            Step::None => true,
            Step::First(key) => {
                reply.code_sign_key = Some(key.to_owned());
                true
            }
            Step::Next { key, signature, last } => {
                reply.code_sign_key = Some(key.to_owned());
                reply.code_sign_key_signature = Some(signature.to_owned());
                if last {
                    self.tell_signatures(host, reply);
                } else {
                    reply.next_rpc_delay = Some(self.settings.request_delay + 10.0);
                    reply
                        .messages
                        .push(low("The project's code signing key changed; tasks come with the next request"));
                }
                last
            }
            Step::Unknown => {
                reply.messages.push(notice(
                    "This computer holds a code signing key that was never this project's. Remove the project and add it again.",
                ));
                // Who brings the programs needs none of ours.
                request.platforms.first().is_some_and(|platform| platform == "anonymous")
            }
        }
    }

    /// Signatures of the programs that a host's tasks run.
    fn tell_signatures(&self, host: i64, reply: &mut Reply) {
        let mine = self.book.results.all().filter(|row| row.host_id == host && row.is_in_progress());
        let mut versions: Vec<i64> = mine.map(|row| row.version_id).collect();
        versions.sort_unstable();
        versions.dedup();
        for version in versions.iter().filter_map(|id| self.catalogue.versions.get(id)) {
            self.describe_files(&Catalogue::files_of(version), reply);
        }
    }
}
