//! Passwords that accounts brought along from a BOINC project, until their owners log in: then they are hashed as all others.
//!
//! BOINC kept what clients send (MD5 of password and address) as it is, and later hashed it by PHP's `password_hash`. The former would
//! let whoever reads it log in, so that it is hashed with a salt at once; the latter is kept.

use sha2::{Digest, Sha256};

use super::password::is_password_hash;

/// What begins a stored MD5 that was hashed with a salt.
const SALTED: &str = "$former$";

/// What is stored of a BOINC project's `passwd_hash`; none where nothing can be made of it.
pub fn former_password(passwd_hash: &str) -> Option<String> {
    let kept = passwd_hash.trim();
    if is_password_hash(kept) {
        let salt: [u8; 16] = super::random().ok()?;
        let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        return Some(format!("{SALTED}{salt}${}", salted(&salt, kept)));
    }
    // A cost that would keep a processor busy for longer than a second is none that PHP chose.
    let costs = |kept: &str| kept.split('$').nth(2).and_then(|cost| cost.parse::<u32>().ok());
    if kept.starts_with("$2") && costs(kept).is_none_or(|cost| cost > 14) {
        return None;
    }
    let by_php = ["$2a$", "$2b$", "$2x$", "$2y$", "$argon2"].iter().any(|form| kept.starts_with(form));
    (by_php && kept.len() <= 254).then(|| kept.to_owned())
}

fn salted(salt: &str, sent: &str) -> String {
    Sha256::digest(format!("{salt} {sent}").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a stored password is one of those, which are hashed anew at the first chance.
pub fn is_former(kept: &str) -> bool {
    kept.starts_with(SALTED) || kept.starts_with("$2")
}

/// Whether what a client sent is such a password.
pub(super) fn verify(sent: &str, kept: &str) -> bool {
    match kept.strip_prefix(SALTED).and_then(|rest| rest.split_once('$')) {
        Some((salt, hash)) => {
            let own = salted(salt, sent);
            own.len() == hash.len() && own.bytes().zip(hash.bytes()).fold(0, |bits, (a, b)| bits | (a ^ b)) == 0
        }
        // PHP's mark for the corrected algorithm is its own; others write `2b`.
        None => bcrypt::verify(sent, &kept.replacen("$2y$", "$2b$", 1)).unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Cost, password_hash};

    #[test]
    fn passwords_of_both_ages_are_known_again() {
        let sent = password_hash("secret", "ann@example.org");
        let kept = former_password(&sent).unwrap();
        assert!(is_former(&kept) && !kept.contains(&sent));
        let by_php = bcrypt::hash_with_salt(&sent, 4, [7; 16]).unwrap().format_for_version(bcrypt::Version::TwoY);
        for kept in [kept, former_password(&by_php).unwrap()] {
            assert!(is_former(&kept));
            assert!(Cost::default().verify(&sent, Some(&kept)), "{kept}");
            assert!(!Cost::default().verify(&password_hash("Secret", "ann@example.org"), Some(&kept)));
            assert!(!Cost::default().verify("", Some(&kept)));
        }
        for none in ["", "x", "$1$abc", "$2", "$2y$31$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTTOq"] {
            assert_eq!(former_password(none), None);
        }
    }

    #[test]
    fn a_hash_of_the_c_library_is_known() {
        // libxcrypt 4.4, in the form that PHP's password_hash() writes.
        let kept = "$2y$06$abcdefghijklmnopqrstuu2cWZ3evg9SCkuaENb4maXfjYJc9cCB2";
        assert!(verify("abc", kept) && !verify("abd", kept));
    }
}
