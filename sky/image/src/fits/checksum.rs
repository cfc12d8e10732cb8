//! Check sums of HDUs: CHECKSUM and DATASUM (FITS Standard 4.0, section 4.4.2.7 and appendix J).
//!
//! The sum is the ones'-complement sum of all 32-bit big-endian words: a sum modulo 2^32 - 1, so that its terms, even
//! single bytes with the weight of their place, may be added in any order.

use super::bytes::Pages;
use super::error::FitsError;
use super::file::FitsFile;
use crate::lanes;

lanes! {
    /// Plain sum of whole words; `bytes` is a multiple of 4, at most 16 GiB.
    fn sum_words(bytes: &[u8]) -> u64 {
        let mut sum = 0u64;
        for word in bytes.as_chunks::<4>().0 {
            sum += u64::from(u32::from_be_bytes(*word));
        }
        sum
    }
}

/// Ones'-complement sum of bytes that stand at an offset from the start of the data.
pub(crate) fn sum_at(offset: u64, bytes: &[u8]) -> u32 {
    let lead = ((4 - offset % 4) % 4).min(bytes.len() as u64) as usize;
    let (head, rest) = bytes.split_at(lead);
    let (words, tail) = rest.split_at(rest.len() / 4 * 4);
    let weighted = |start: u64, bytes: &[u8]| -> u64 {
        bytes.iter().zip(start..).map(|(b, at)| u64::from(*b) << (8 * (3 - at % 4))).sum()
    };
    let mut sum = u64::from(fold(weighted(offset, head))) + u64::from(fold(weighted(0, tail)));
    for block in words.chunks(1 << 30) {
        sum += u64::from(fold(sum_words(block)));
    }
    fold(sum)
}

/// Ones'-complement sum of bytes, missing bytes of the last word counted as 0.
pub fn sum(bytes: &[u8]) -> u32 {
    sum_at(0, bytes)
}

/// Brings a plain sum down to 32 bits by carrying round.
pub(crate) fn fold(mut sum: u64) -> u32 {
    while sum > u64::from(u32::MAX) {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
    }
    sum as u32
}

/// The 16 characters that, as the value of CHECKSUM, make the sum of an HDU all ones.
///
/// - `sum`: of the HDU while CHECKSUM is `'0000000000000000'`.
pub fn encode(sum: u32) -> String {
    let mut ascii = [0u8; 16];
    for (i, byte) in (!sum).to_be_bytes().into_iter().enumerate() {
        let quarter = byte / 4 + b'0';
        let mut four = [quarter + byte % 4, quarter, quarter, quarter];
        // Only digits and letters are allowed; the pairs' sums stay as they are.
        let barred = |c: u8| matches!(c, 0x3a..=0x40 | 0x5b..=0x60);
        while four.iter().any(|c| barred(*c)) {
            for pair in [0, 2] {
                if barred(four[pair]) || barred(four[pair + 1]) {
                    four[pair] += 1;
                    four[pair + 1] -= 1;
                }
            }
        }
        for (j, c) in four.into_iter().enumerate() {
            ascii[(4 * j + i + 1) % 16] = c;
        }
    }
    ascii.iter().map(|c| char::from(*c)).collect()
}

/// What an HDU's check sums say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The keyword is not there.
    Absent,
    /// It agrees with the bytes.
    Right,
    /// It does not, or is no sum.
    Wrong,
}

impl FitsFile {
    /// Compares DATASUM and CHECKSUM of an HDU with its bytes; returns the verdict on each, in that order.
    ///
    /// # Errors
    /// [`FitsError::NoSuchHdu`], [`FitsError::TruncatedData`].
    pub fn verify(&self, index: usize) -> Result<(Verdict, Verdict), FitsError> {
        let header = self.hdu(index)?.own_header();
        let data = self.data(index)?;
        let whole = self.hdu_bytes(index)?;
        let verdict = |right| if right { Verdict::Right } else { Verdict::Wrong };
        let datasum = match header.get("DATASUM") {
            None => Verdict::Absent,
            Some(value) => {
                let stated = value.as_str().and_then(|t| t.trim().parse::<u32>().ok());
                let stated = stated.or_else(|| value.as_i64().and_then(|v| u32::try_from(v).ok()));
                // Padding counts; tables of text pad with blanks.
                let padded = whole.get(whole.len() - data.len().next_multiple_of(2880).min(whole.len())..);
                verdict(stated.is_some_and(|s| same(s, sum_of_file(padded.unwrap_or(data), self.pages()))))
            }
        };
        let checksum = match header.contains("CHECKSUM") {
            true => verdict(same(sum_of_file(whole, self.pages()), u32::MAX)),
            false => Verdict::Absent,
        };
        Ok((datasum, checksum))
    }
}

/// [`sum`] of a part of a file, of which what was read is let go.
fn sum_of_file(bytes: &[u8], pages: Pages<'_>) -> u32 {
    // Whole words, so that parts keep the places of their bytes.
    const PART: usize = 32 << 20;
    let mut total = 0u64;
    for part in bytes.chunks(PART) {
        total += u64::from(sum(part));
        pages.release(part);
    }
    fold(total)
}

/// In ones'-complement, 0 and all ones are one number.
fn same(a: u32, b: u32) -> bool {
    a == b || (a == 0 || a == u32::MAX) && (b == 0 || b == u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_standards_example_is_encoded_as_there() {
        // FITS Standard 4.0, appendix J: the sum 868229149, whose complement is 3426738146.
        assert_eq!(encode(868_229_149), "hcHjjc9ghcEghc9g");
        assert_eq!(encode(u32::MAX), "0000000000000000");
    }

    #[test]
    fn carries_go_round() {
        assert_eq!(sum(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2]), 2);
        assert_eq!(sum(&[1]), 0x0100_0000);
    }

    proptest! {
        #[test]
        fn parts_add_to_the_whole_in_any_order(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let cut = cut.min(bytes.len());
            let (a, b) = bytes.split_at(cut);
            let parts = u64::from(sum_at(cut as u64, b)) + u64::from(sum_at(0, a));
            prop_assert!(same(fold(parts), sum(&bytes)));
        }

        #[test]
        fn the_encoded_sum_makes_all_ones(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            // An HDU with the characters in columns 12 to 27 of its card, one byte off a word as in a header.
            let mut hdu = vec![0u8; 11];
            hdu.extend([b'0'; 16]);
            hdu.extend(&bytes);
            let text = encode(sum(&hdu));
            hdu[11..27].copy_from_slice(text.as_bytes());
            prop_assert_eq!(sum(&hdu), u32::MAX);
            prop_assert!(text.bytes().all(|c| c.is_ascii_alphanumeric()));
        }
    }
}
