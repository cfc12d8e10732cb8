//! A new code signing key: clients that hold the old one take it on the old one's signature.
//!
//! Three steps, so that the private key may live on another machine: the project says what is to be signed, the old key's owner signs
//! that by a new key and the new key by the old one, and the project takes the answer. Only the second step needs private keys.

use serde::{Deserialize, Serialize};

use super::key::{KeyError, PrivateKey, PublicKey};

/// A program's file that clients check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileToSign {
    /// Name.
    pub name: String,
    /// MD5, hexadecimal.
    pub md5: String,
}

/// What a project wants to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationRequest {
    /// The project's present public key.
    pub key: String,
    /// All files of its applications' versions.
    pub files: Vec<FileToSign>,
}

/// A file with the new key's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedFile {
    /// Name.
    pub name: String,
    /// MD5, hexadecimal.
    pub md5: String,
    /// Signature by the new key.
    pub signature: String,
}

/// What the old key's owner answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationAnswer {
    /// The public key that signed the new one.
    pub old_key: String,
    /// The new public key.
    pub key: String,
    /// Signature of the new key by the old one.
    pub signature: String,
    /// All files.
    pub files: Vec<SignedFile>,
}

/// Why an answer is not taken.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RotationError {
    /// It was made for another key.
    #[error("the answer was made for another key than the project's present one; make the request again")]
    OtherKey,
    /// A key that is none.
    #[error("the answer's key cannot be used: {0}")]
    Key(String),
    /// The key is the present one.
    #[error("the answer's new key is the present one")]
    SameKey,
    /// The old key did not sign the new one.
    #[error("the new key's signature is not the old key's; clients would refuse it")]
    Signature,
    /// A file that the answer does not have.
    #[error("file {0} is not in the answer, or not as the project has it now; make the request again")]
    Missing(String),
    /// A file's signature is not the new key's.
    #[error("the signature of file {0} is not the new key's; clients would refuse it")]
    File(String),
}

/// What clients check a key's signature against: its text without the line ends about it.
pub fn signed_text(key: &str) -> &str {
    key.trim()
}

/// Whether two texts are the same key, however their lines end.
pub fn is_same_key(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

impl RotationRequest {
    /// Signs all files by a new key, and that by the old one.
    ///
    /// # Errors
    /// [`KeyError`]: a key that does not sign.
    pub fn answer(&self, old: &PrivateKey, new: &PrivateKey) -> Result<RotationAnswer, KeyError> {
        let key = new.public().text();
        let sign = |file: &FileToSign| {
            let signature = new.sign_md5(&file.md5)?;
            Ok(SignedFile { name: file.name.clone(), md5: file.md5.clone(), signature })
        };
        Ok(RotationAnswer {
            old_key: old.public().text(),
            signature: old.sign(signed_text(&key).as_bytes())?,
            files: self.files.iter().map(sign).collect::<Result<_, KeyError>>()?,
            key,
        })
    }
}

impl RotationAnswer {
    /// Whether a project whose present key and files are those may take the answer.
    ///
    /// # Errors
    /// [`RotationError`].
    pub fn check(&self, present: &RotationRequest) -> Result<(), RotationError> {
        let read = |text: &str| PublicKey::parse(text).map_err(|error| RotationError::Key(error.to_string()));
        if !is_same_key(&self.old_key, &present.key) {
            return Err(RotationError::OtherKey);
        }
        if is_same_key(&self.key, &present.key) {
            return Err(RotationError::SameKey);
        }
        let (old, new) = (read(&present.key)?, read(&self.key)?);
        if !old.verifies(signed_text(&self.key).as_bytes(), &self.signature) {
            return Err(RotationError::Signature);
        }
        for file in &present.files {
            let signed = self.files.iter().find(|one| one.name == file.name && one.md5 == file.md5);
            let signed = signed.ok_or_else(|| RotationError::Missing(file.name.clone()))?;
            if !new.verifies_md5(&file.md5, &signed.signature) {
                return Err(RotationError::File(file.name.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::md5_hex;

    fn made() -> (RotationRequest, RotationAnswer) {
        let (old, new) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let files = vec![FileToSign { name: "app".to_owned(), md5: md5_hex(b"program") }];
        let request = RotationRequest { key: old.public().text(), files };
        let answer = request.answer(&old, &new).unwrap();
        (request, answer)
    }

    #[test]
    fn an_answer_is_checked_by_public_keys_alone() {
        let (request, answer) = made();
        assert_eq!(answer.check(&request), Ok(()));
        let new = PublicKey::parse(&answer.key).unwrap();
        assert!(new.verifies(b"program", &answer.files[0].signature));
        // As one that comes with other line ends.
        let key = request.key.replace('\n', "\r\n");
        assert_eq!(answer.check(&RotationRequest { key, ..request }), Ok(()));
    }

    #[test]
    fn what_clients_would_refuse_is_refused() {
        let (request, answer) = made();
        let (other, stranger) = made();
        assert_eq!(answer.check(&other), Err(RotationError::OtherKey));
        let forged = RotationAnswer { key: stranger.key.clone(), ..answer.clone() };
        assert_eq!(forged.check(&request), Err(RotationError::Signature));
        let same = RotationAnswer { key: request.key.clone(), ..answer.clone() };
        assert_eq!(same.check(&request), Err(RotationError::SameKey));
        let less = RotationAnswer { files: Vec::new(), ..answer.clone() };
        assert_eq!(less.check(&request), Err(RotationError::Missing("app".to_owned())));
        let files = vec![SignedFile { signature: stranger.files[0].signature.clone(), ..answer.files[0].clone() }];
        let wrong = RotationAnswer { files, ..answer.clone() };
        assert_eq!(wrong.check(&request), Err(RotationError::File("app".to_owned())));
        let broken = RotationAnswer { key: "1024\nab\n.\n".to_owned(), ..answer };
        assert!(matches!(broken.check(&request), Err(RotationError::Key(_))));
    }
}
