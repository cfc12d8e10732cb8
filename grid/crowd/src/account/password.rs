//! Passwords: clients send MD5 of password and address; that is hashed once more, slowly.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use super::former;
use crate::sign::md5_hex;

/// Why no password was hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct PasswordError(String);

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for Cost {
    /// 12 MiB, three passes: of the equally strong choices that OWASP's Password Storage Cheat Sheet gives for Argon2id, one that lets
    /// a small server hash for many.
    fn default() -> Cost {
        Cost { memory: 12 * 1024, passes: 3 }
    }
}

impl Cost {
    /// Hashes what a client sent, with 16 random bytes as salt; the text tells cost and salt, so that costs can rise later.
    ///
    /// # Errors
    /// [`PasswordError`]: a cost that Argon2 does not have.
    pub fn hash(self, sent: &str, salt: &[u8; 16]) -> Result<String, PasswordError> {
        let params =
            Params::new(self.memory, self.passes, 1, None).map_err(|error| PasswordError(error.to_string()))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon
            .hash_password_customized(sent.as_bytes(), salt, None, None, argon.params().clone())
            .map_err(|error| PasswordError(error.to_string()))?;
        Ok(hash.to_string())
    }

    /// Whether what a client sent is the password whose hash is kept. Where none is kept a hash is worked out all the same, so that the
    /// time tells nothing of who has an account.
    pub fn verify(self, sent: &str, kept: Option<&str>) -> bool {
        if let Some(kept) = kept.filter(|kept| former::is_former(kept)) {
            return former::verify(sent, kept);
        }
        match kept.and_then(|kept| PasswordHash::new(kept).ok()) {
            Some(kept) => Argon2::default().verify_password(sent.as_bytes(), &kept).is_ok(),
            None => {
                let _ = self.hash(sent, &[0; 16]);
                false
            }
        }
    }
}

/// What clients send for a password: MD5 of password and address in lower case (`client/gui_rpc_server_ops.cpp`).
pub fn password_hash(password: &str, email: &str) -> String {
    md5_hex(format!("{password}{}", email.to_lowercase()).as_bytes())
}

/// Whether what came can be what clients send for a password.
pub fn is_password_hash(text: &str) -> bool {
    super::is_cpid(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory: 64, passes: 1 };

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let kept = CHEAP.hash("900150983cd24fb0d6963f7d28e17f72", &[5; 16]).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{kept}");
        assert!(CHEAP.verify("900150983cd24fb0d6963f7d28e17f72", Some(&kept)));
        assert!(!CHEAP.verify("900150983cd24fb0d6963f7d28e17f73", Some(&kept)));
        // A cost that rose since does not matter.
        assert!(Cost { memory: 128, passes: 2 }.verify("900150983cd24fb0d6963f7d28e17f72", Some(&kept)));
        assert_ne!(kept, CHEAP.hash("900150983cd24fb0d6963f7d28e17f72", &[6; 16]).unwrap());
    }

    #[test]
    fn nothing_is_the_password_of_an_account_without_one() {
        for kept in [None, Some(""), Some("900150983cd24fb0d6963f7d28e17f72"), Some("$argon2id$")] {
            assert!(!CHEAP.verify("", kept) && !CHEAP.verify("900150983cd24fb0d6963f7d28e17f72", kept));
        }
    }

    #[test]
    fn clients_hash_password_and_address() {
        // RFC 1321: MD5 of "abc".
        assert_eq!(password_hash("a", "BC"), "900150983cd24fb0d6963f7d28e17f72");
        assert!(is_password_hash("900150983cd24fb0d6963f7d28e17f72") && !is_password_hash("x"));
    }

    #[test]
    fn the_usual_cost_is_one_that_argon2_has() {
        assert!(Cost::default().hash("x", &[1; 16]).is_ok());
    }
}
