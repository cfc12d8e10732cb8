//! Montage header templates (`.hdr`): the grid of an output image as lines of header text.
//!
//! A template names size, projection and place of an image: `NAXIS1 NAXIS2 CTYPEn CRVALn CRPIXn CDELTn CROTA2` or
//! any other WCS keywords. END and NAXIS may be absent.
//!
//! ```
//! let grid = "NAXIS1 = 100\nNAXIS2 = 50\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 10.0\nCRVAL2 = 20.0\n";
//! let header = pogson_image::template::parse(grid)?;
//! assert_eq!(pogson_image::template::size(&header)?, (100, 50));
//! # Ok::<(), pogson_image::template::TemplateError>(())
//! ```

use crate::fits::header::{Header, HeaderError};
use crate::table::{TableError, save_text};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What can be wrong with a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The template.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error(transparent)]
    Save(#[from] TableError),
    /// The text is no header.
    #[error("not a header template: {0}")]
    Header(#[from] HeaderError),
    /// A keyword that each template needs is absent.
    #[error("the template lacks {key}; a template needs NAXIS1, NAXIS2, CTYPE1, CTYPE2, CRVAL1 and CRVAL2")]
    Missing {
        /// The keyword.
        key: &'static str,
    },
    /// A size that is no number of pixels.
    #[error("{key} is {found}, which is no number of pixels; give a whole number from 1 to {MAX_SIDE}")]
    BadSize {
        /// The keyword.
        key: &'static str,
        /// Its value as text.
        found: String,
    },
    /// An error of the template in a file.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The template.
        path: PathBuf,
        /// What is wrong.
        source: Box<TemplateError>,
    },
}

/// Longest side of an output image in pixels.
const MAX_SIDE: i64 = 1 << 31;

/// Reads a template file. A FITS file will do as well: the header of its primary HDU is taken.
///
/// # Errors
/// [`TemplateError::Io`], or [`TemplateError::InFile`] around what [`parse`] says.
pub fn read(path: &Path) -> Result<Header, TemplateError> {
    let io = |source| TemplateError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // No header is longer; a FITS file given as template may be.
    std::fs::File::open(path).and_then(|file| file.take(1 << 22).read_to_end(&mut bytes)).map_err(io)?;
    let is_fits = bytes.len() >= 2880 && bytes.starts_with(b"SIMPLE  =") && !bytes[..2880].contains(&b'\n');
    let header = if is_fits {
        Header::parse(&bytes).map_err(TemplateError::from).and_then(|(header, _)| check(header))
    } else {
        parse(&String::from_utf8_lossy(&bytes))
    };
    header.map_err(|source| TemplateError::InFile { path: path.to_owned(), source: Box::new(source) })
}

/// Parses the text of a template. The result has NAXIS (2 when it was absent) and the size as integers.
///
/// # Errors
/// [`TemplateError::Header`], [`TemplateError::Missing`], [`TemplateError::BadSize`].
pub fn parse(text: &str) -> Result<Header, TemplateError> {
    check(Header::from_text(text)?)
}

/// Width and height in pixels that a template's NAXIS1 and NAXIS2 give.
///
/// # Errors
/// [`TemplateError::Missing`], [`TemplateError::BadSize`].
pub fn size(header: &Header) -> Result<(usize, usize), TemplateError> {
    let side = |key: &'static str| {
        if !header.contains(key) {
            return Err(TemplateError::Missing { key });
        }
        // Some templates write 1801.0.
        let pixels = header.f64(key).filter(|v| v.trunc() == *v && (1.0..=MAX_SIDE as f64).contains(v));
        pixels.map(|v| v as usize).ok_or_else(|| TemplateError::BadSize {
            key,
            found: header.get(key).map_or_else(String::new, |value| format!("{value:?}")),
        })
    };
    Ok((side("NAXIS1")?, side("NAXIS2")?))
}

/// The same grid cut or enlarged to another size, its centre kept: CRPIX moves by half the difference.
///
/// # Errors
/// What [`size`] says of `header`.
pub fn resized(header: &Header, width: usize, height: usize) -> Result<Header, TemplateError> {
    let (old_width, old_height) = size(header)?;
    let mut out = header.clone();
    for (axis, old, new) in [("1", old_width, width), ("2", old_height, height)] {
        let (size_key, pixel_key) = (format!("NAXIS{axis}"), format!("CRPIX{axis}"));
        let pixel = header.f64(&pixel_key).unwrap_or(0.0);
        out.set(&size_key, new, "");
        out.set(&pixel_key, pixel + (new as f64 - old as f64) / 2.0, "");
    }
    Ok(out)
}

/// The text of a template: one line a card, then END. SIMPLE, BITPIX and NAXIS, which Montage asks for, are put in front
/// where they are absent.
pub fn to_text(header: &Header) -> String {
    let bytes = header.to_bytes();
    let mut text = String::new();
    for (key, line) in [("SIMPLE", "SIMPLE  = T"), ("BITPIX", "BITPIX  = -32"), ("NAXIS", "NAXIS   = 2")] {
        if !header.contains(key) {
            text.push_str(line);
            text.push('\n');
        }
    }
    for card in bytes.chunks(80) {
        let line = String::from_utf8_lossy(card);
        text.push_str(line.trim_end());
        text.push('\n');
        if line.trim_end() == "END" {
            break;
        }
    }
    text
}

/// Writes a template under a temporary name and renames it to `path`.
///
/// # Errors
/// [`TemplateError::Save`], also when `path` is there and `overwrite` is false.
pub fn write(path: &Path, header: &Header, overwrite: bool) -> Result<(), TemplateError> {
    Ok(save_text(path, &to_text(header), overwrite)?)
}

fn check(mut header: Header) -> Result<Header, TemplateError> {
    let (width, height) = size(&header)?;
    for key in ["CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2"] {
        if !header.contains(key) {
            return Err(TemplateError::Missing { key });
        }
    }
    header.set("NAXIS1", width, "");
    header.set("NAXIS2", height, "");
    if header.i64("NAXIS").is_none() {
        header.set("NAXIS", 2, "");
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: &str = "NAXIS1  = 1801\nNAXIS2  = 2201\nCTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\n\
        CRVAL1  =  275.184913048\nCRVAL2  =  -16.140990703\nCRPIX1  =       901.0000\nCRPIX2  =      1101.0000\n\
        CDELT1  =   -0.000277778\nCDELT2  =    0.000277778\nCROTA2  =    0.058233511\n";

    #[test]
    fn montages_m17_template_is_read_as_it_stands() {
        let root = std::env::var_os("POGSON_SHARED")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
        let path = root.join("data/tiles_m17_2mass_k/montage_reference/region.hdr");
        if !path.exists() {
            eprintln!("skipped: {} is absent (set POGSON_SHARED)", path.display());
            return;
        }
        let header = read(&path).unwrap();
        assert_eq!(size(&header).unwrap(), (1801, 2201));
        assert_eq!(header.str("CTYPE1"), Some("RA---TAN"));
        assert_eq!(header.f64("CROTA2"), Some(0.058233511));
        assert_eq!(header.i64("EQUINOX"), Some(2000));
    }

    #[test]
    fn a_template_without_naxis_and_end_is_complete() {
        let header = parse(GRID).unwrap();
        assert_eq!((header.i64("NAXIS"), header.i64("NAXIS1")), (Some(2), Some(1801)));
    }

    #[test]
    fn writing_and_reading_keeps_each_card() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.hdr");
        let header = parse(GRID).unwrap();
        write(&path, &header, false).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("\nEND\n") && text.lines().all(|line| line.len() <= 80));
        let back = read(&path).unwrap();
        assert!(header.cards().all(|card| back.get(card.key()) == card.value()));
        assert_eq!((back.bool("SIMPLE"), back.i64("NAXIS")), (Some(true), Some(2)));
        assert!(write(&path, &header, false).is_err());
    }

    #[test]
    fn a_resized_grid_keeps_its_centre() {
        let header = resized(&parse(GRID).unwrap(), 1001, 3001).unwrap();
        assert_eq!((header.f64("CRPIX1"), header.f64("CRPIX2")), (Some(501.0), Some(1501.0)));
        assert_eq!(size(&header).unwrap(), (1001, 3001));
    }

    #[test]
    fn what_is_missing_or_no_size_is_named() {
        let message = |text: &str| parse(text).unwrap_err().to_string();
        assert!(message("NAXIS1 = 5\n").contains("lacks NAXIS2"));
        assert!(message(&GRID.replace("1801", "-4")).contains("NAXIS1 is"));
        assert!(message(&GRID.replace("1801", "10.5")).contains("no number of pixels"));
        assert!(message(&GRID.replace("CTYPE2", "XTYPE2")).contains("lacks CTYPE2"));
    }

    #[test]
    fn a_fits_header_serves_as_template() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.fits");
        let header = Header::from_text(&format!("SIMPLE  = T\nBITPIX  = 8\nNAXIS   = 2\n{GRID}")).unwrap();
        std::fs::write(&path, header.to_bytes()).unwrap();
        assert_eq!(size(&read(&path).unwrap()).unwrap(), (1801, 2201));
    }
}
