//! The key that a server and the gate share.

use std::fmt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Bytes of a key at least.
const SHORTEST: usize = 16;
/// Bytes of a key's file at most.
const LONGEST: u64 = 4096;
/// Block of SHA-256, bytes.
const BLOCK: usize = 64;

/// Why a key is not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It can be guessed.
    #[error("a key of {bytes} bytes is too short: at least 16 are needed (head -c 32 /dev/urandom | base64 makes one)")]
    TooShort {
        /// Its length.
        bytes: usize,
    },
    /// The same of a file.
    #[error("{path}: the key has {bytes} bytes, 16 to 4096 are needed (head -c 32 /dev/urandom | base64 makes one)")]
    Length {
        /// Which file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// A key for signatures.
#[derive(Clone)]
pub struct Key([u8; BLOCK]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// A key of these bytes.
    ///
    /// # Errors
    /// [`KeyError::TooShort`] below 16 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() < SHORTEST {
            return Err(KeyError::TooShort { bytes: bytes.len() });
        }
        // As HMAC has it: keys longer than a block are hashed, shorter ones are filled up with zeros.
        let mut block = [0; BLOCK];
        if bytes.len() > BLOCK {
            block[..32].copy_from_slice(&Sha256::digest(bytes));
        } else {
            block[..bytes.len()].copy_from_slice(bytes);
        }
        Ok(Self(block))
    }

    /// The key that a file holds: all its bytes but the white space at its end.
    ///
    /// # Errors
    /// [`KeyError::File`] where it cannot be read, [`KeyError::Length`] where it is too short or too long.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let wrong = |error| KeyError::File { path: path.into(), error };
        let length = std::fs::metadata(path).map_err(wrong)?.len();
        if length > LONGEST {
            return Err(KeyError::Length { path: path.into(), bytes: length });
        }
        let bytes = std::fs::read(path).map_err(wrong)?;
        let key = bytes.trim_ascii_end();
        Self::new(key).map_err(|_| KeyError::Length { path: path.into(), bytes: key.len() as u64 })
    }

    fn mac(&self, mark: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        mac.update(mark.as_bytes());
        // A mark has no line end, so where it ends and the payload begins is signed, too.
        mac.update(b"\n");
        mac.update(payload);
        mac
    }

    /// HMAC-SHA-256 of the mark, a line end and the payload, as 64 hexadecimal digits.
    #[must_use]
    pub fn sign(&self, mark: &str, payload: &[u8]) -> String {
        use std::fmt::Write as _;
        let bytes = self.mac(mark, payload).finalize().into_bytes();
        bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Whether the signature is that of the mark and the payload; takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn verifies(&self, mark: &str, payload: &[u8], signature: &[u8; 32]) -> bool {
        self.mac(mark, payload).verify_slice(signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By Python: `hmac.new(b"0123456789abcdef", b"v=1; name=a\n{}", "sha256").hexdigest()`, and with a key of 100 times `k`.
    #[test]
    fn signatures_are_those_of_another_program() {
        let sign = |key: &[u8]| Key::new(key).unwrap().sign("v=1; name=a", b"{}");
        assert_eq!(sign(b"0123456789abcdef"), "c1cd3549c296cc5cfac654a80f45b5235149c84cb3984e7d0afba61f4db3b298");
        assert_eq!(sign(&[b'k'; 100]), "2484bae9cdcbeec7d4858d68460122e6a48082aa04d50c9277ed8d7094f64841");
    }

    #[test]
    fn a_key_file_may_end_with_a_line_end_and_may_not_be_short_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let key = Key::read(&path).unwrap();
        assert_eq!(key.sign("a", b"b"), Key::new(b"0123456789abcdef").unwrap().sign("a", b"b"));
        std::fs::write(&path, "short\n").unwrap();
        assert!(matches!(Key::read(&path), Err(KeyError::Length { bytes: 5, .. })));
        std::fs::write(&path, [b'k'; 5000]).unwrap();
        assert!(matches!(Key::read(&path), Err(KeyError::Length { bytes: 5000, .. })));
        assert!(matches!(Key::read(&folder.path().join("none")), Err(KeyError::File { .. })));
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", Key::new(&[b'k'; 16]).unwrap()), "Key(..)");
    }
}
