//! Permissions to upload a file: a client gets one with each task and sends it back with the output.
//!
//! BOINC signs name and size by a second RSA key. Clients only hand the text back, so that a keyed hash does: it binds host and
//! expiry too, and cannot be forged by a thousand-bit factoring.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::key::hex;

/// What begins a certificate.
const FORM: &str = "1";

/// The server's secret.
#[derive(Clone)]
pub struct UploadSecret([u8; 32]);

/// What a certificate permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The file's name.
    pub name: String,
    /// Bytes at most.
    pub most: u64,
    /// The host that got the task.
    pub host: i64,
    /// When it ends, seconds of Unix time.
    pub expires: i64,
}

/// Why a certificate permits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// None, or one that this project did not give for this file and size.
    #[error("the certificate is not this project's for this file")]
    Forged,
    /// Its time is over.
    #[error("the certificate has expired")]
    Expired,
}

impl UploadSecret {
    /// Of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> UploadSecret {
        UploadSecret(bytes)
    }

    /// The certificate's text.
    pub fn sign(&self, certificate: &Certificate) -> String {
        let Certificate { host, expires, .. } = certificate;
        format!("{FORM} {host} {expires}\n{}\n.\n", hex(&self.mac(certificate).finalize().into_bytes()))
    }

    /// What a certificate's text permits for a file, at a time; in constant time.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn check(&self, name: &str, most: u64, text: &str, now: i64) -> Result<Certificate, CertificateError> {
        let mut words = text.split_whitespace();
        let form = words.next();
        let number =
            |word: Option<&str>| word.and_then(|word| word.parse::<i64>().ok()).ok_or(CertificateError::Forged);
        let (host, expires) = (number(words.next())?, number(words.next())?);
        let digits = words.next().unwrap_or("");
        let ended = words.next() == Some(".") && words.next().is_none();
        if form != Some(FORM) || !ended || !digits.is_ascii() || digits.len() != 64 {
            return Err(CertificateError::Forged);
        }
        let bytes: Option<Vec<u8>> =
            (0..32).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect();
        let certificate = Certificate { name: name.to_owned(), most, host, expires };
        self.mac(&certificate)
            .verify_slice(&bytes.ok_or(CertificateError::Forged)?)
            .map_err(|_| CertificateError::Forged)?;
        if now > expires { Err(CertificateError::Expired) } else { Ok(certificate) }
    }

    fn mac(&self, certificate: &Certificate) -> Hmac<Sha256> {
        let Certificate { name, most, host, expires } = certificate;
        // A secret shorter than a block is a block that ends in zeros (RFC 2104).
        let mut block = [0; 64];
        block[..self.0.len()].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        // Numbers first, so that no name can stand for them.
        mac.update(format!("upload {FORM} {most} {host} {expires} {name}").as_bytes());
        mac
    }
}

impl std::fmt::Debug for UploadSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UploadSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn given() -> (UploadSecret, String) {
        let secret = UploadSecret::new([7; 32]);
        let certificate = Certificate { name: "w_0_0".to_owned(), most: 100, host: 3, expires: NOW + 10 };
        let text = secret.sign(&certificate);
        (secret, text)
    }

    #[test]
    fn what_was_signed_is_permitted_also_as_clients_trim_it() {
        let (secret, text) = given();
        for text in [text.as_str(), text.trim()] {
            let certificate = secret.check("w_0_0", 100, text, NOW).unwrap();
            assert_eq!((certificate.host, certificate.expires), (3, NOW + 10));
        }
    }

    #[test]
    fn another_name_size_host_expiry_or_secret_is_not() {
        let (secret, text) = given();
        let forged = Err(CertificateError::Forged);
        assert_eq!(secret.check("w_0_1", 100, &text, NOW), forged);
        assert_eq!(secret.check("w_0_0", 101, &text, NOW), forged);
        assert_eq!(secret.check("w_0_0", 100, &text.replace("1 3 ", "1 4 "), NOW), forged);
        assert_eq!(secret.check("w_0_0", 100, &text.replace("1800000010", "1900000010"), NOW), forged);
        assert_eq!(UploadSecret::new([8; 32]).check("w_0_0", 100, &text, NOW), forged);
        assert_eq!(secret.check("w_0_0", 100, &text, NOW + 11), Err(CertificateError::Expired));
        for text in ["", "1", "1 3 4", "1 3 4 zz .", "1 3 1800000010 ää .", "2 3 4\nab\n."] {
            assert_eq!(secret.check("w_0_0", 100, text, NOW), forged, "{text}");
        }
    }
}
