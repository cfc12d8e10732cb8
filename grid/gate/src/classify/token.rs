//! Words that say how important their bearer is, signed so that nobody can make one.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Level;

/// Begins each, with the version of its form.
const FORM: &str = "p1";
/// Fewest bytes of a key.
pub const KEY_BYTES: usize = 16;

/// The key that tokens are signed with.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// How important its bearer's requests are.
    pub level: Level,
    /// Who that is.
    pub member: &'a str,
    /// When it ends, seconds of Unix time.
    pub ends_s: u64,
}

/// Why a token counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// It is not of the form of a token.
    #[error("it is not of the form of a token")]
    Malformed,
    /// It was not signed with this key, or was changed.
    #[error("it was not signed with this key")]
    Forged,
    /// Its time is over.
    #[error("its time is over")]
    Expired,
    /// It was signed with a former key, whose time of grace is over.
    #[error("the key that it was signed with counts no more")]
    Retired,
}

/// Why no token can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The key is too short.
    #[error(
        "the key has {0} bytes; make one of {KEY_BYTES} or more, such as by head -c 32 /dev/urandom > priority.key"
    )]
    Key(usize),
    /// The name is none.
    #[error("\"{0}\" is not the name of a member; write 1 to 64 letters, digits, and any of - _ @ +")]
    Member(String),
}

impl TokenKey {
    /// A key of these bytes; white space at its ends does not count.
    ///
    /// # Errors
    /// [`TokenError::Key`].
    pub fn new(bytes: &[u8]) -> Result<Self, TokenError> {
        let bytes = bytes.trim_ascii();
        match Hmac::new_from_slice(bytes) {
            Ok(mac) if bytes.len() >= KEY_BYTES => Ok(Self(mac)),
            _ => Err(TokenError::Key(bytes.len())),
        }
    }

    /// A token for `member` from `now_s`, seconds of Unix time, for that long.
    ///
    /// # Errors
    /// [`TokenError::Member`].
    pub fn sign(&self, level: Level, member: &str, now_s: u64, lasts: Duration) -> Result<String, TokenError> {
        if !is_member(member) {
            return Err(TokenError::Member(member.to_string()));
        }
        let said = format!("{FORM}.{}.{}.{member}", level.name(), now_s.saturating_add(lasts.as_secs()));
        let sum = self.0.clone().chain_update(said.as_bytes()).finalize().into_bytes();
        let digits: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{said}.{digits}"))
    }

    /// What a token says, if it was signed with this key and its time is not over at `now_s`.
    ///
    /// # Errors
    /// [`TokenRefused`].
    pub fn read<'a>(&self, token: &'a str, now_s: u64) -> Result<Token<'a>, TokenRefused> {
        let (said, digits) = token.rsplit_once('.').ok_or(TokenRefused::Malformed)?;
        let mut parts = said.splitn(4, '.');
        let (form, level, ends_s, member) = (parts.next(), parts.next(), parts.next(), parts.next());
        let level = level.and_then(|level| level.parse().ok());
        let ends_s = ends_s.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|t| t.parse().ok());
        let (Some(FORM), Some(level), Some(ends_s), Some(member)) = (form, level, ends_s, member) else {
            return Err(TokenRefused::Malformed);
        };
        let sum = digits_of(digits).ok_or(TokenRefused::Malformed)?;
        if !is_member(member) {
            return Err(TokenRefused::Malformed);
        }
        let mac = self.0.clone().chain_update(said.as_bytes());
        // Compares in constant time.
        mac.verify_slice(&sum).map_err(|_| TokenRefused::Forged)?;
        if now_s >= ends_s { Err(TokenRefused::Expired) } else { Ok(Token { level, member, ends_s }) }
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("TokenKey")
    }
}

/// Whether a word may be a token: others are left to classes and back ends.
pub(super) fn may_be(word: &str) -> bool {
    word.strip_prefix(FORM).is_some_and(|rest| rest.starts_with('.'))
}

fn is_member(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_@+".contains(&byte))
}

/// The bytes of 64 hexadecimal digits in small letters.
fn digits_of(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    let mut out = [0; 32];
    // A number may have a sign, which these are not.
    if text.len() != 64 || !text.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    fn key() -> TokenKey {
        TokenKey::new(b"0123456789abcdef0123456789abcdef\n").expect("a key")
    }

    fn token() -> String {
        key().sign(Level::High, "ada@example", NOW_S, Duration::from_secs(60)).expect("a token")
    }

    /// The sum is what `printf %s p1.high.1700000060.ada@example | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef` says.
    #[test]
    fn a_token_is_a_text_with_its_hmac() {
        let token = token();
        let (said, sum) = token.rsplit_once('.').expect("a sum");
        assert_eq!(said, "p1.high.1700000060.ada@example");
        assert_eq!(sum, "642b263fcaf4afe6817f6ae1cb9d29c9831846dbcf690195ce459dd6ab49ab2a");
    }

    #[test]
    fn digits_have_no_signs() {
        let changed = token().replace("690195", "69+195");
        assert_ne!(changed, token());
        assert_eq!(key().read(&changed, NOW_S), Err(TokenRefused::Malformed));
    }

    #[test]
    fn a_token_is_believed_until_its_time_is_over() {
        let token = token();
        let wanted = Token { level: Level::High, member: "ada@example", ends_s: NOW_S + 60 };
        assert_eq!(key().read(&token, NOW_S + 59), Ok(wanted));
        assert_eq!(key().read(&token, NOW_S + 60), Err(TokenRefused::Expired));
        let other = TokenKey::new(b"fedcba9876543210").expect("a key");
        assert_eq!(other.read(&token, NOW_S), Err(TokenRefused::Forged));
    }

    #[test]
    fn keys_and_names_are_checked() {
        assert_eq!(TokenKey::new(b"short").expect_err("too short"), TokenError::Key(5));
        for name in ["", "a b", "a.b", "a;b", &"x".repeat(65)] {
            assert!(key().sign(Level::Low, name, 0, Duration::ZERO).is_err(), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_token_with_a_letter_changed_counts_for_nothing(at in 0_usize..90, letter in "[ -~]") {
            let token = token();
            let at = at % token.len();
            let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
            proptest::prop_assume!(changed != token);
            proptest::prop_assert!(key().read(&changed, NOW_S).is_err(), "{changed}");
        }

        #[test]
        fn any_text_is_read_without_harm(text in ".{0,100}") {
            proptest::prop_assert!(key().read(&text, NOW_S).is_err());
            let token = format!("p1.high.1.{text}");
            proptest::prop_assert!(key().read(&token, NOW_S).is_err());
        }
    }
}
