//! Keys of accounts, and the names that users have across projects.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::sign::md5_hex;

/// The project's secret for accounts.
#[derive(Clone)]
pub struct AccountSecret([u8; 32]);

impl AccountSecret {
    /// Of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> AccountSecret {
        AccountSecret(bytes)
    }

    /// The account key of a user: 32 hexadecimal digits. Another `epoch` makes another key, where the old one became known.
    pub fn authenticator(&self, user: i64, epoch: i64) -> String {
        self.token("authenticator", &format!("{user} {epoch}"))
    }

    /// The weak account key of a user, by which computers work for the account and nothing else: number and token.
    pub fn weak(&self, user: i64, epoch: i64) -> String {
        format!("{user}_{}", self.token("weak", &format!("{user} {epoch}")))
    }

    /// Whether a weak key's token is that.
    pub fn is_weak(&self, token: &str, user: i64, epoch: i64) -> bool {
        self.is_token(token, "weak", &format!("{user} {epoch}"))
    }

    /// A token of 32 hexadecimal digits that nobody can make without the secret, for a purpose and what it is bound to.
    pub fn token(&self, purpose: &str, bound_to: &str) -> String {
        // A secret shorter than a block is a block that ends in zeros (RFC 2104).
        let mut block = [0; 64];
        block[..self.0.len()].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        // The purpose's length first, so that it cannot pass into what is bound.
        mac.update(format!("{} {purpose} {bound_to}", purpose.len()).as_bytes());
        hex(&mac.finalize().into_bytes()[..16])
    }

    /// Whether a token is that; in constant time for tokens of its length.
    pub fn is_token(&self, token: &str, purpose: &str, bound_to: &str) -> bool {
        let own = self.token(purpose, bound_to);
        let differing = own.bytes().zip(token.bytes()).fold(0, |bits, (one, other)| bits | (one ^ other));
        own.len() == token.len() && differing == 0
    }
}

impl std::fmt::Debug for AccountSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountSecret")
    }
}

/// What the database keeps of an account key: its SHA-256, hexadecimal. Keys have 128 random bits, so that no salt is needed.
pub fn key_hash(authenticator: &str) -> String {
    hex(&Sha256::digest(authenticator.trim().as_bytes()))
}

/// A new name across projects: 32 hexadecimal digits that tell nothing of the user.
pub fn new_cpid(secret: &AccountSecret, user: i64) -> String {
    secret.token("cpid", &user.to_string())
}

/// Whether a text that a client sent can be a name across projects.
pub fn is_cpid(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The name across projects as others see it: MD5 of the inner one and the e-mail address (`sched/db_dump.cpp`, `write_user`).
pub fn external_cpid(cpid: &str, email: &str) -> String {
    md5_hex(format!("{cpid}{email}").as_bytes())
}

/// What clients tell one user's accounts by: MD5 of the e-mail address.
pub fn email_hash(email: &str) -> String {
    md5_hex(email.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_secret_user_and_epoch() {
        let secret = AccountSecret::new([1; 32]);
        let key = secret.authenticator(7, 0);
        assert!(is_cpid(&key));
        assert_eq!(key, AccountSecret::new([1; 32]).authenticator(7, 0));
        for other in
            [secret.authenticator(8, 0), secret.authenticator(7, 1), AccountSecret::new([2; 32]).authenticator(7, 0)]
        {
            assert_ne!(key, other);
        }
        // "1 23" and "12 3" are not the same.
        assert_ne!(secret.authenticator(1, 23), secret.authenticator(12, 3));
        assert_ne!(secret.token("a", "b c"), secret.token("a b", "c"));
    }

    #[test]
    fn the_database_keeps_sha_256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(key_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn tokens_are_known_again_and_others_are_not() {
        let secret = AccountSecret::new([1; 32]);
        let token = secret.token("mail", "7 a@b.c");
        assert!(secret.is_token(&token, "mail", "7 a@b.c"));
        for (token, purpose, bound) in [
            ("", "mail", "7 a@b.c"),
            (&token[..31], "mail", "7 a@b.c"),
            (&token, "mail", "7 a@b.d"),
            (&token, "x", "7 a@b.c"),
        ] {
            assert!(!secret.is_token(token, purpose, bound));
        }
    }

    #[test]
    fn names_across_projects_are_those_of_boinc() {
        // RFC 1321: MD5 of "abc".
        assert_eq!(external_cpid("a", "bc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(email_hash("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert!(is_cpid("900150983cd24fb0d6963f7d28e17f72"));
        for text in [
            "",
            "900150983cd24fb0d6963f7d28e17f7",
            "900150983cd24fb0d6963f7d28e17f7G",
            "<script>00983cd24fb0d6963f7d28e1",
        ] {
            assert!(!is_cpid(text));
        }
    }
}
