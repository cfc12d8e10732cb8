//! Code signatures, checked as clients check them (`lib/crypt.cpp`): RSA of at most 1024 bits over the 32 hexadecimal digits of an
//! MD5, padded as PKCS#1 v1.5 has it (type 1) but with no name of the hash.

use rsa::BigUint;

/// Bytes of modulus, exponent and signature in their text forms.
const FIELD: usize = 128;

/// Whether `signature` was made over the MD5 `md5` (hexadecimal) by the owner of `key`. Texts that are no keys or signatures are
/// answered with no.
pub fn is_signed(key: &str, md5: &str, signature: &str) -> bool {
    let Some((_, digits)) = key.trim_start().split_once('\n') else { return false };
    let (Some(key), Some(signature)) = (hex(digits, 2 * FIELD), hex(signature, FIELD)) else { return false };
    let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
    let (modulus, exponent) = (number(&key[..FIELD]), number(&key[FIELD..]));
    if modulus == BigUint::from(0_u8) {
        return false;
    }
    let opened = number(&signature).modpow(&exponent, &modulus).to_bytes_be();
    // The leading zero byte of the padding is no digit of the number.
    let filler = FIELD - 3 - md5.len().min(FIELD - 3);
    let padded: Vec<u8> =
        [1].into_iter().chain(std::iter::repeat_n(0xff, filler)).chain([0]).chain(md5.bytes()).collect();
    opened == padded
}

/// The bytes of a text of hexadecimal digits up to a full stop, white space left out; none unless there are `count`.
fn hex(text: &str, count: usize) -> Option<Vec<u8>> {
    let text = text.split('.').next().unwrap_or("");
    let digits: Option<Vec<u8>> =
        text.chars().filter(|c| !c.is_ascii_whitespace()).map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * count)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
