//! Signatures: of programs, by which clients know that they are the project's, and of permissions to upload, which clients
//! hand back as they were.

mod certificate;
mod key;
mod rotation;

pub use certificate::{Certificate, CertificateError, UploadSecret};
pub use key::{KeyError, PrivateKey, PublicKey, md5_hex};
pub use rotation::{FileToSign, RotationAnswer, RotationError, RotationRequest, SignedFile, is_same_key, signed_text};
