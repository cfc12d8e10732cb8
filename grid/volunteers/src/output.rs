//! What volunteers pretend to have computed: a function of the work unit's name alone, so that honest hosts agree.

use std::fmt::Write as _;

use md5::{Digest, Md5};

use crate::draw::{Draw, mixed};

/// Digits of a line of [`Form::Digits`].
const LINE: usize = 63;

/// What outputs look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Lines of decimal digits.
    #[default]
    Digits,
    /// Bytes that nothing compresses.
    Noise,
}

/// Who wrote an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// A host that computes what it should.
    Honest,
    /// One of those who agreed on another answer.
    Colluding,
    /// A host that alters one digit or byte; the number picks which.
    Wrong(u64),
}

/// The bytes of a work unit's output.
///
/// - `unit`: name of the work unit; `which`: number of the output, from 0;
/// - `bytes`: how many.
pub fn output(unit: &str, which: usize, bytes: usize, form: Form, author: Author) -> Vec<u8> {
    // One seed for all runs: the answer must not depend on who emulates.
    let seed = Draw::new(0x5eed).of(unit).at(which as u64).at(u64::from(author == Author::Colluding)).bits();
    let mut text = Vec::with_capacity(bytes + 8);
    let mut state = seed;
    while text.len() < bytes {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        text.extend_from_slice(&mixed(state).to_le_bytes());
    }
    text.truncate(bytes);
    if form == Form::Digits {
        for (at, byte) in text.iter_mut().enumerate() {
            *byte = if at % (LINE + 1) == LINE { b'\n' } else { b'0' + ((u16::from(*byte) * 10) >> 8) as u8 };
        }
    }
    if let Author::Wrong(draw) = author {
        alter(&mut text, form, Draw::new(draw));
    }
    text
}

/// Alters one digit, or one bit of noise.
fn alter(text: &mut [u8], form: Form, draw: Draw) {
    let at = draw.below(text.len() as u64) as usize;
    // Ends of lines stay: the digit before one is altered instead.
    let at = if form == Form::Digits && at % (LINE + 1) == LINE { at - 1 } else { at };
    if let Some(byte) = text.get_mut(at) {
        *byte = match form {
            Form::Digits => b'0' + (*byte - b'0' + 1 + draw.at(1).below(9) as u8) % 10,
            Form::Noise => *byte ^ (1 << draw.at(1).below(8)),
        };
    }
}

/// MD5 as clients write it: 32 lower-case hexadecimal digits.
pub fn md5_text(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing(one: &[u8], other: &[u8]) -> usize {
        one.iter().zip(other).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn honest_hosts_agree_and_units_differ() {
        let of = |unit: &str| output(unit, 0, 4000, Form::Digits, Author::Honest);
        assert_eq!(of("a"), of("a"));
        assert!(differing(&of("a"), &of("b")) > 3000);
        assert!(of("a").iter().all(|byte| byte.is_ascii_digit() || *byte == b'\n'));
        assert_eq!(of("a").len(), 4000);
    }

    #[test]
    fn a_cheat_alters_one_digit_and_no_line_end() {
        let right = output("u", 0, 128, Form::Digits, Author::Honest);
        for cheat in 0..500 {
            let wrong = output("u", 0, 128, Form::Digits, Author::Wrong(cheat));
            assert_eq!(differing(&right, &wrong), 1, "{cheat}");
            assert!(wrong.iter().all(|byte| byte.is_ascii_digit() || *byte == b'\n'));
        }
        let noise = output("u", 0, 128, Form::Noise, Author::Honest);
        assert_eq!(differing(&noise, &output("u", 0, 128, Form::Noise, Author::Wrong(1))), 1);
    }

    #[test]
    fn those_who_collude_agree_with_each_other_alone() {
        let of = |author| output("u", 0, 1000, Form::Digits, author);
        assert_eq!(of(Author::Colluding), of(Author::Colluding));
        assert!(differing(&of(Author::Colluding), &of(Author::Honest)) > 800);
    }

    #[test]
    fn noise_does_not_compress() {
        use std::io::Write as _;
        let noise = output("u", 0, 100_000, Form::Noise, Author::Honest);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&noise).unwrap();
        assert!(gzip.finish().unwrap().len() > 99_000);
    }

    #[test]
    fn md5_is_that_of_rfc_1321() {
        assert_eq!(md5_text(b"message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    }
}
