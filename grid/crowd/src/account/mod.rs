//! Accounts: the keys that clients hold, passwords, names, and how often somebody may try.
//!
//! An account's key is made of the project's secret, so that it can be told again to its owner and need not be kept: the database has
//! its SHA-256 alone, by which requests find their user.

mod former;
mod key;
mod limit;
mod name;
mod password;

pub use former::{former_password, is_former};
pub use key::{AccountSecret, email_hash, external_cpid, is_cpid, key_hash, new_cpid};
pub use limit::{Limiter, Rate};
pub use name::{clean_text, email, is_country, team_name, url, user_name};
pub use password::{Cost, PasswordError, is_password_hash, password_hash};

/// Random bytes of the system's, for secrets.
///
/// # Errors
/// The system's, where it has none.
pub fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    use std::io::Read;
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
