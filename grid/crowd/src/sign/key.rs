//! Code signing keys and signatures in BOINC's own form (`lib/crypt.cpp`): RSA of 1024 bits, the most that clients take, with
//! PKCS #1 v1.5 padding of type 1 about the 32 hexadecimal characters of an MD5, without the hash's name.
//!
//! Such keys are weak by today's measure, so they serve for code alone, and away from the server.

use md5::{Digest, Md5};
use rsa::rand_core::OsRng;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};

/// Bits of a key.
const BITS: usize = 1024;
/// Bytes of a modulus or exponent in a key's text, and of a prime.
const WIDE: usize = 128;
const NARROW: usize = 64;
/// Hexadecimal characters of a line.
const LINE: usize = 64;

/// Why a key or signature is none.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not the text of a key.
    #[error("this is no BOINC key: {what}")]
    Text {
        /// What is wrong.
        what: &'static str,
    },
    /// Numbers that are no key.
    #[error("the numbers of this key do not make an RSA key: {0}")]
    Numbers(#[from] rsa::Error),
}

/// A key that signs.
#[derive(Debug, Clone)]
pub struct PrivateKey(RsaPrivateKey);

/// A key that clients hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(RsaPublicKey);

/// The MD5 of bytes, hexadecimal.
pub fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

impl PrivateKey {
    /// A new key, of the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::Numbers`] where the system has none.
    pub fn generate() -> Result<PrivateKey, KeyError> {
        Ok(PrivateKey(RsaPrivateKey::new(&mut OsRng, BITS)?))
    }

    /// Reads a key's text: bits, modulus, public and private exponent, primes, their exponents, coefficient.
    ///
    /// # Errors
    /// [`KeyError`]: another text, or numbers that do not fit together.
    pub fn parse(text: &str) -> Result<PrivateKey, KeyError> {
        let bytes = key_bytes(text, 3 * WIDE + 5 * NARROW)?;
        let wide = |at: usize| BigUint::from_bytes_be(&bytes[at * WIDE..(at + 1) * WIDE]);
        let prime = |at: usize| BigUint::from_bytes_be(&bytes[3 * WIDE + at * NARROW..3 * WIDE + (at + 1) * NARROW]);
        let key = RsaPrivateKey::from_components(wide(0), wide(1), wide(2), vec![prime(0), prime(1)])?;
        key.validate()?;
        Ok(PrivateKey(key))
    }

    /// The key's text, as BOINC's tools write it.
    pub fn text(&self) -> String {
        let key = &self.0;
        let mut bytes = Vec::with_capacity(3 * WIDE + 5 * NARROW);
        for number in [key.n(), key.e(), key.d()] {
            bytes.extend(padded(number, WIDE));
        }
        let one = BigUint::from(1u32);
        let primes = key.primes();
        for prime in primes {
            bytes.extend(padded(prime, NARROW));
        }
        for prime in primes {
            bytes.extend(padded(&(key.d() % (prime - &one)), NARROW));
        }
        // The second prime's inverse modulo the first, by Fermat.
        if let [p, q] = primes {
            bytes.extend(padded(&q.modpow(&(p - BigUint::from(2u32)), p), NARROW));
        }
        format!("{BITS}\n{}", block(&bytes))
    }

    /// The key that clients get.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.to_public_key())
    }

    /// Signs a file by its contents: what an application's files carry.
    ///
    /// # Errors
    /// [`KeyError::Numbers`]: a key that does not sign.
    pub fn sign(&self, contents: &[u8]) -> Result<String, KeyError> {
        self.sign_md5(&md5_hex(contents))
    }

    /// Signs the hexadecimal MD5 of contents.
    ///
    /// # Errors
    /// As [`PrivateKey::sign`].
    pub fn sign_md5(&self, md5: &str) -> Result<String, KeyError> {
        Ok(block(&self.0.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new_unprefixed(), md5.as_bytes())?))
    }
}

impl PublicKey {
    /// Reads a key's text: bits, modulus, exponent.
    ///
    /// # Errors
    /// As [`PrivateKey::parse`].
    pub fn parse(text: &str) -> Result<PublicKey, KeyError> {
        let bytes = key_bytes(text, 2 * WIDE)?;
        let number = |at: usize| BigUint::from_bytes_be(&bytes[at * WIDE..(at + 1) * WIDE]);
        Ok(PublicKey(RsaPublicKey::new(number(0), number(1))?))
    }

    /// The key's text.
    pub fn text(&self) -> String {
        let mut bytes = padded(self.0.n(), WIDE);
        bytes.extend(padded(self.0.e(), WIDE));
        format!("{BITS}\n{}", block(&bytes))
    }

    /// Whether a signature is of these contents by this key.
    pub fn verifies(&self, contents: &[u8], signature: &str) -> bool {
        self.verifies_md5(&md5_hex(contents), signature)
    }

    /// Whether a signature is of contents with this hexadecimal MD5 by this key.
    pub fn verifies_md5(&self, md5: &str, signature: &str) -> bool {
        let signature = bytes_of(signature).unwrap_or_default();
        self.0.verify(Pkcs1v15Sign::new_unprefixed(), md5.as_bytes(), &signature).is_ok()
    }
}

/// The bytes of a key's text behind its number of bits.
fn key_bytes(text: &str, wanted: usize) -> Result<Vec<u8>, KeyError> {
    let text = text.trim_start();
    let (bits, rest) = text.split_once('\n').ok_or(KeyError::Text { what: "it has no lines" })?;
    if bits.trim() != BITS.to_string() {
        return Err(KeyError::Text { what: "it does not begin with 1024, the only length that clients take" });
    }
    let bytes = bytes_of(rest).ok_or(KeyError::Text { what: "a character is not hexadecimal" })?;
    if bytes.len() == wanted { Ok(bytes) } else { Err(KeyError::Text { what: "it has another length" }) }
}

/// Hexadecimal bytes up to a point; white space is passed over.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .chars()
        .take_while(|c| *c != '.')
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

fn padded(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let mut out = vec![0; length.saturating_sub(bytes.len())];
    out.extend(bytes);
    out
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lines of hexadecimal characters and a point.
fn block(bytes: &[u8]) -> String {
    let mut out = String::new();
    for line in hex(bytes).as_bytes().chunks(LINE) {
        out.extend(line.iter().map(|&byte| char::from(byte)));
        out.push('\n');
    }
    out + ".\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = PrivateKey::generate().unwrap();
        let text = key.text();
        // Bits, 704 bytes in lines of 32, a point.
        assert_eq!(text.lines().count(), 1 + 22 + 1);
        assert_eq!(PrivateKey::parse(&text).unwrap().text(), text);
        let public = key.public();
        assert_eq!(PublicKey::parse(&public.text()).unwrap(), public);
        assert_eq!(public.text().lines().count(), 1 + 8 + 1);
    }

    #[test]
    fn a_signature_holds_for_its_contents_and_its_key_alone() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let signature = key.sign(b"program").unwrap();
        assert!(key.public().verifies(b"program", &signature));
        assert!(!key.public().verifies(b"another", &signature));
        assert!(!other.public().verifies(b"program", &signature));
        assert!(!key.public().verifies(b"program", "zz"));
        assert!(!key.public().verifies(b"program", ""));
    }

    #[test]
    fn the_padding_is_what_clients_undo() {
        // 00 01 FF .. FF 00, then the characters of the MD5.
        let key = PrivateKey::generate().unwrap();
        let signature = bytes_of(&key.sign(b"x").unwrap()).unwrap();
        let public = key.public().0;
        let plain = BigUint::from_bytes_be(&signature).modpow(public.e(), public.n());
        let mut wanted = vec![1];
        wanted.extend([0xff; 93]);
        wanted.push(0);
        wanted.extend(b"9dd4e461268c8034f5c8564e155c67a6");
        assert_eq!(plain.to_bytes_be(), wanted);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let text = PrivateKey::generate().unwrap().text();
        for broken in ["", "1024", "1024\nab\n.\n", &text.replacen("1024", "2048", 1), &text.replace('.', "g")] {
            assert!(PrivateKey::parse(broken).is_err());
        }
        let swapped: String = text.lines().rev().collect::<Vec<_>>().join("\n");
        assert!(PrivateKey::parse(&swapped).is_err());
    }
}
