//! Signatures: of programs, by which clients know that they are the project's, and of permissions to upload, which clients
//! hand back as they were.

mod certificate;
mod key;

pub use certificate::{Certificate, CertificateError, UploadSecret};
pub use key::{KeyError, PrivateKey, PublicKey, md5_hex};
