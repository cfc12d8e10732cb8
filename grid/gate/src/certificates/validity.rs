//! From when until when a certificate counts (RFC 5280, section 4.1.2.5).

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::calendar::Moment;

/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// What is wrong with the time of the certificates in a file, as a sentence; `None` if they count at `now_s` (seconds since 1970), or cannot
/// be read, which others say.
pub(crate) fn doubt(path: &Path, now_s: i64) -> Option<String> {
    let all = CertificateDer::pem_file_iter(path).ok()?;
    all.flatten().find_map(|one| {
        let (from_s, until_s) = validity(&one)?;
        let at = |time_s| Moment::of(time_s);
        if until_s < now_s {
            Some(format!("{}: the certificate ended on {}; put a new one there", path.display(), at(until_s)))
        } else if from_s > now_s {
            Some(format!(
                "{}: the certificate begins on {} only; look at this machine's clock, or put another one there",
                path.display(),
                at(from_s)
            ))
        } else {
            None
        }
    })
}

/// The first and the last second in which a certificate counts, since 1970; `None` if it is no certificate.
fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (whole, _) = value(certificate, SEQUENCE)?;
    let (mut rest, _) = value(whole, SEQUENCE)?;
    if let Some((_, after)) = value(rest, VERSION) {
        rest = after;
    }
    // Its number, by what it is signed, and who signed it.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = value(rest, tag)?.1;
    }
    let (both, _) = value(rest, SEQUENCE)?;
    let (from_s, rest) = time(both)?;
    Some((from_s, time(rest)?.0))
}

/// The value at the beginning of `bytes`, if it has this tag, and what follows.
fn value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = bytes else { return None };
    if *found != tag {
        return None;
    }
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long - 0x80))?;
            (digits.iter().fold(0, |sum, &digit| sum << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A moment, seconds since 1970, and what follows.
fn time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (digits, rest, has_century) = match value(bytes, UTC_TIME) {
        Some((digits, rest)) => (digits, rest, false),
        None => value(bytes, GENERALIZED_TIME).map(|(digits, rest)| (digits, rest, true))?,
    };
    let digits = digits.strip_suffix(b"Z")?;
    let pairs = digits.chunks(2).map(|pair| {
        let is_pair = pair.len() == 2 && pair.iter().all(u8::is_ascii_digit);
        is_pair.then(|| i64::from(pair[0] - b'0') * 10 + i64::from(pair[1] - b'0'))
    });
    let pairs: Vec<i64> = pairs.collect::<Option<_>>()?;
    let (year, rest_of) = match (&pairs[..], has_century) {
        ([century, year, rest_of @ ..], true) => (century * 100 + year, rest_of),
        // Two digits are of the years from 1950 to 2049.
        ([year, rest_of @ ..], false) => (if *year < 50 { 2000 + year } else { 1900 + year }, rest_of),
        _ => return None,
    };
    let &[month, day, hour, minute, second] = rest_of else { return None };
    Some((Moment { year, month, day, hour, minute, second }.seconds()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
        let length = value.len();
        let mut out = vec![tag];
        match length {
            0..=0x7f => out.push(length as u8),
            _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        out.extend_from_slice(value);
        out
    }

    /// A certificate as far as its times.
    fn certificate(times: &[Vec<u8>], has_version: bool) -> Vec<u8> {
        let version = if has_version { tagged(VERSION, &[2, 1, 2]) } else { Vec::new() };
        let before = [tagged(INTEGER, &[7]), tagged(SEQUENCE, &[6, 1, 0]), tagged(SEQUENCE, &[0; 200])].concat();
        let inner = [version, before, tagged(SEQUENCE, &times.concat()), vec![0; 9]].concat();
        tagged(SEQUENCE, &[tagged(SEQUENCE, &inner), vec![1, 2, 3]].concat())
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let times = [tagged(UTC_TIME, b"491231235959Z"), tagged(GENERALIZED_TIME, b"20500101000000Z")];
        for has_version in [true, false] {
            let (from_s, until_s) = validity(&certificate(&times, has_version)).expect("times");
            assert_eq!(Moment::of(from_s).to_string(), "2049-12-31 23:59:59 UTC");
            assert_eq!(until_s, from_s + 1);
        }
        let times = [tagged(UTC_TIME, b"500101000000Z"), tagged(UTC_TIME, b"700101000000Z")];
        assert_eq!(validity(&certificate(&times, true)).map(|(_, until_s)| until_s), Some(0));
        for wrong in [&b"700101000000"[..], b"7001010000Z", b"701301000000Z", b"70010100000xZ"] {
            assert_eq!(validity(&certificate(&[tagged(UTC_TIME, wrong), times[1].clone()], true)), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(at in 0usize..300, change: u8, cut in 0usize..300, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let times = [tagged(UTC_TIME, b"491231235959Z"), tagged(GENERALIZED_TIME, b"20500101000000Z")];
            let mut one = certificate(&times, true);
            let length = one.len();
            one[at % length] ^= change;
            let _ = validity(&one[..cut.min(length)]);
            let _ = (validity(&one), validity(&bytes));
        }
    }
}
