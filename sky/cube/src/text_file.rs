//! Text files, plain or gzipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// Bytes that a gzipped text may have when it is inflated.
const LIMIT: u64 = 8 << 30;

/// Opens a text file for reading line by line; a gzipped one is inflated on the way, up to 8 GiB.
///
/// # Errors
/// The system's.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut input = BufReader::with_capacity(1 << 16, File::open(path)?);
    let gzipped = input.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    if !gzipped {
        return Ok(Box::new(input));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(input).take(LIMIT))))
}

/// Reads a whole text file; bytes that are no text become replacement characters.
///
/// # Errors
/// The system's.
pub fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::Write;

    use super::*;

    #[test]
    fn gzipped_and_plain_texts_read_alike() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, gzipped) = (dir.path().join("a.txt"), dir.path().join("a.lbr"));
        std::fs::write(&plain, "one\ntwo\n").unwrap();
        let mut encoder = flate2::write::GzEncoder::new(File::create(&gzipped).unwrap(), flate2::Compression::fast());
        encoder.write_all(b"one\ntwo\n").unwrap();
        encoder.finish().unwrap();
        assert_eq!(read(&plain).unwrap(), "one\ntwo\n");
        assert_eq!(read(&gzipped).unwrap(), "one\ntwo\n");
        assert!(read(&dir.path().join("none")).is_err());
    }
}
