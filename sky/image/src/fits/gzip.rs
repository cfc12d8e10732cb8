//! Inflating whole files, as `.fits.gz` are kept.

use std::io::Read;
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::error::FitsError;

/// Bytes that are inflated before it is looked whether they are FITS at all.
const OPENING: u64 = 2880;

/// Whether the bytes start like gzip.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Inflates all members of a gzip file, one after another. What follows the last member and is no gzip is left out,
/// as gzip itself does, with a line in `warnings`.
///
/// # Errors
/// [`FitsError::Gzip`] if a member is corrupt or cut short; [`FitsError::Inflated`] beyond the limit; [`FitsError::NotFits`] if what comes out does not start with
/// SIMPLE.
pub(crate) fn inflate(path: &Path, bytes: &[u8], warnings: &mut Vec<String>) -> Result<Vec<u8>, FitsError> {
    inflate_within(path, bytes, limit(), warnings)
}

/// Half of the machine's memory, at least 1 GiB, or what POGSON_INFLATE_LIMIT says.
fn limit() -> u64 {
    let stated = std::env::var("POGSON_INFLATE_LIMIT").ok().and_then(|text| text.trim().parse::<u64>().ok());
    stated.unwrap_or_else(|| {
        let info = rustix::system::sysinfo();
        ((info.totalram as u64).saturating_mul(u64::from(info.mem_unit)) / 2).max(1 << 30)
    })
}

fn inflate_within(path: &Path, bytes: &[u8], limit: u64, warnings: &mut Vec<String>) -> Result<Vec<u8>, FitsError> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while is_gzip(rest) {
        let mut decoder = GzDecoder::new(rest);
        let mut read = decoder.by_ref().take(OPENING).read_to_end(&mut out);
        if read.is_ok() && !b"SIMPLE".starts_with(&out[..out.len().min(6)]) {
            // Other data may inflate to any size, and are of no use.
            return Err(FitsError::NotFits { path: path.to_owned(), found: "gzip data that hold no FITS".to_owned() });
        }
        if read.is_ok() {
            // One byte more tells a file of the limit's size from a larger one.
            let left = limit.saturating_sub(out.len() as u64).saturating_add(1);
            read = decoder.by_ref().take(left).read_to_end(&mut out);
        }
        if let Err(source) = read {
            return Err(FitsError::Gzip { path: path.to_owned(), inflated: out.len(), source });
        }
        if out.len() as u64 > limit {
            return Err(FitsError::Inflated { path: path.to_owned(), limit });
        }
        rest = decoder.into_inner();
    }
    if !rest.is_empty() {
        warnings.push(format!("{} bytes after the gzip data are left out", rest.len()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn members_follow_each_other_and_padding_is_left_out() {
        let mut packed = pack(b"SIMPLE one ");
        packed.extend(pack(b"two"));
        packed.extend([0; 512]);
        let mut warnings = Vec::new();
        assert_eq!(inflate("x".as_ref(), &packed, &mut warnings).unwrap(), b"SIMPLE one two");
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn other_data_are_not_inflated_to_the_end() {
        let err = inflate("x.gz".as_ref(), &pack(&[0; 1_000_000]), &mut Vec::new()).unwrap_err();
        assert!(matches!(err, FitsError::NotFits { .. }), "{err}");
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit_and_a_file_of_its_size_is_not() {
        let packed = pack(&b"SIMPLE".repeat(20_000));
        let err = inflate_within("x.gz".as_ref(), &packed, 119_999, &mut Vec::new()).unwrap_err();
        assert!(err.to_string().contains("119999") && err.to_string().contains("POGSON_INFLATE_LIMIT"), "{err}");
        assert_eq!(inflate_within("x.gz".as_ref(), &packed, 120_000, &mut Vec::new()).unwrap().len(), 120_000);
        // Many small members are counted together.
        let many = pack(&b"SIMPLE".repeat(100)).repeat(20);
        assert!(inflate_within("x.gz".as_ref(), &many, 10_000, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_cut_member_is_an_error_that_says_how_far_it_went() {
        let packed = pack(&b"SIMPLE".repeat(20_000));
        let err = inflate("x.gz".as_ref(), &packed[..packed.len() - 9], &mut Vec::new()).unwrap_err();
        assert!(matches!(err, FitsError::Gzip { inflated, .. } if inflated > 0), "{err}");
    }
}
