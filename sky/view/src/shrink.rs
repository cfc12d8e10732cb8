//! A smaller copy of an image: pixels averaged or summed in blocks, the world coordinates adjusted.

use std::path::Path;

use pogson_image::fits::{Bitpix, FitsError, Header, Image, Rect};
use pogson_image::fits::{ImageWriter, Options};

use crate::reduce::{CellValue, Cells, reduce};

/// Why an image cannot be shrunk.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// Reading or writing failed.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// The factor makes no sense.
    #[error("factor {factor}: an image is shrunk by a finite number of at least 1")]
    Factor {
        /// The factor as given.
        factor: f64,
    },
    /// The header has a distortion that is a table of pixels.
    #[error(
        "{keyword}: this image's distortion is a look-up table over pixels, which shrinking would not fit; reproject the image instead"
    )]
    LookupTable {
        /// The keyword that says so.
        keyword: String,
    },
}

/// Writes a copy of `image` whose pixels are blocks of `factor` by `factor` old ones, NaN ones left out.
///
/// - `factor`: at least 1, not necessarily whole; what is left over makes a last column and row.
/// - `value`: [`CellValue::Mean`] keeps surface brightness, [`CellValue::Sum`] the sum over the image.
/// - `history`: lines for HISTORY.
///
/// - `progress`: called from several threads with the number of old pixels done since its last call; its error ends
///   the work, and no output is left.
///
/// Every plane is shrunk; the pixels written are 32-bit floats. The image is streamed by rows. Returns the new
/// (width, height).
///
/// # Errors
/// [`ShrinkError`] or that of `progress`; an output that exists is replaced only where `options` say so.
pub fn shrink<E: From<ShrinkError> + Send>(
    image: &Image<'_>,
    out: &Path,
    (factor, value): (f64, CellValue),
    history: &[String],
    options: Options,
    progress: impl Fn(u64) -> Result<(), E> + Sync,
) -> Result<(usize, usize), E> {
    let fits = |error: FitsError| E::from(ShrinkError::Fits(error));
    if !(factor.is_finite() && factor >= 1.0) {
        return Err(ShrinkError::Factor { factor }.into());
    }
    let mut header = shrunk_header(image.header(), factor)?;
    for line in history {
        header.push_history(line);
    }
    let (width, height) = (image.width(), image.height());
    let size = (Cells::new(width, factor).count(), Cells::new(height, factor).count());
    let mut axes = image.axes().to_vec();
    for (axis, length) in axes.iter_mut().zip([size.0, size.1]) {
        *axis = length;
    }
    let writer = ImageWriter::create(out, &header, &axes, Bitpix::F32, options).map_err(fits)?;
    for plane in 0..image.planes() {
        reduce(
            (width, height),
            factor,
            value,
            |first, rows, pixels: &mut [f32]| {
                image.read_f32(plane, Rect { x: 0, y: first, width, height: rows }, pixels).map_err(fits)?;
                progress(pixels.len() as u64)
            },
            |first, rows| writer.write_rows_f32(plane, first, rows).map_err(fits),
        )?;
    }
    writer.finish().map_err(fits)?;
    Ok(size)
}

/// The header of an image whose pixels are blocks of `factor` by `factor` pixels of the one that `header` describes.
///
/// Adjusts the linear part of every alternative description, SIP polynomials, DSS plate offsets and the physical
/// coordinates (LTM, LTV); drops what described the stored numbers (BSCALE, BLANK, DATAMIN ...).
///
/// A place p (1-based) of the old image is (p - 1/2) / factor + 1/2 in the new one.
///
/// # Errors
/// [`ShrinkError::LookupTable`].
pub fn shrunk_header(header: &Header, factor: f64) -> Result<Header, ShrinkError> {
    const TABLES: [&str; 6] = ["CPDIS1", "CPDIS2", "D2IMDIS1", "D2IMDIS2", "CQDIS1", "CQDIS2"];
    const STORED: [&str; 7] = ["BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX", "CHECKSUM", "DATASUM"];
    if let Some(keyword) = TABLES.iter().find(|key| header.contains(key)) {
        return Err(ShrinkError::LookupTable { keyword: (*keyword).into() });
    }
    let mut out = header.clone();
    for key in STORED {
        out.remove(key);
    }
    for alternative in std::iter::once(String::new()).chain(('A'..='Z').map(String::from)) {
        linear_part(&mut out, header, &alternative, factor);
    }
    let keys: Vec<String> = header.cards().map(|card| card.key().to_owned()).collect();
    for key in keys {
        if let Some(value) = header.f64(&key) {
            if let Some(power) = sip_power(&key) {
                scale(&mut out, header, &key, value * libm::pow(factor, power));
            } else if matches!(key.as_str(), "CNPIX1" | "CNPIX2") && header.contains("PPO3") {
                scale(&mut out, header, &key, value / factor);
            } else if matches!(key.as_str(), "XPIXELSZ" | "YPIXELSZ") && header.contains("PPO3") {
                scale(&mut out, header, &key, value * factor);
            } else if key.starts_with("LTM") {
                scale(&mut out, header, &key, value / factor);
            } else if matches!(key.as_str(), "LTV1" | "LTV2") {
                scale(&mut out, header, &key, (value - 0.5) / factor + 0.5);
            }
        }
    }
    Ok(out)
}

fn linear_part(out: &mut Header, header: &Header, alternative: &str, factor: f64) {
    let key = |name: &str| format!("{name}{alternative}");
    let described = ["CTYPE1", "CRPIX1", "CRVAL1", "CD1_1", "CDELT1"].iter().any(|name| header.contains(&key(name)));
    if !described {
        return;
    }
    for axis in 1..=2 {
        let crpix = key(&format!("CRPIX{axis}"));
        // FITS's default of a missing CRPIX is 0.
        let old = header.f64(&crpix).unwrap_or(0.0);
        scale(out, header, &crpix, (old - 0.5) / factor + 0.5);
    }
    let columns: Vec<String> = (1..=9).flat_map(|i| [1, 2].map(|j| key(&format!("CD{i}_{j}")))).collect();
    if columns.iter().any(|name| header.contains(name)) {
        for name in columns {
            if let Some(value) = header.f64(&name) {
                scale(out, header, &name, value * factor);
            }
        }
    } else {
        for axis in 1..=2 {
            let name = key(&format!("CDELT{axis}"));
            scale(out, header, &name, header.f64(&name).unwrap_or(1.0) * factor);
        }
    }
}

fn scale(out: &mut Header, header: &Header, key: &str, value: f64) {
    let comment = header.card(key).map_or("", |card| card.comment());
    out.set(key, value, comment);
}

/// The power of the factor that a SIP coefficient takes: u' = u / f makes A'_pq = A_pq f^(p + q - 1).
fn sip_power(key: &str) -> Option<f64> {
    let rest = ["AP_", "BP_", "A_", "B_"].iter().find_map(|prefix| key.strip_prefix(prefix))?;
    let (p, q) = rest.split_once('_')?;
    let (p, q): (u8, u8) = (p.parse().ok()?, q.parse().ok()?);
    Some(f64::from(p) + f64::from(q) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pogson_image::fits::FitsFile;
    use pogson_image::fits::write_image_f32;

    fn sip_header() -> Header {
        Header::from_text(
            "CTYPE1  = 'RA---TAN-SIP'\nCTYPE2  = 'DEC--TAN-SIP'\nCRPIX1  = 20.5\nCRPIX2  = 10.25\nCRVAL1  = 274.7\n\
             CRVAL2  = -16.2\nCD1_1   = -2.8E-4\nCD1_2   = 1.0E-6\nCD2_1   = 1.0E-6\nCD2_2   = 2.8E-4\nA_ORDER = 2\n\
             A_2_0   = 1.0E-5\nB_ORDER = 2\nB_1_1   = -2.0E-5\nLTV1    = -100.0\nLTM1_1  = 1.0\nBUNIT   = 'DN'",
        )
        .unwrap()
    }

    #[test]
    fn block_averages_keep_the_sum_and_every_pixel_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a.fits"), folder.path().join("b.fits"));
        let values: Vec<f32> = (0..31 * 23).map(|i| ((i * 7919) % 101) as f32).collect();
        write_image_f32(&from, &sip_header(), &[31, 23], &values, false).unwrap();
        let file = FitsFile::open(&from).unwrap();
        let image = file.first_image().unwrap();
        for factor in [1.0, 2.0, 3.7] {
            let options = Options { overwrite: true, checksum: true };
            let (width, height) =
                shrink(&image, &to, (factor, CellValue::Sum), &[], options, |_| Ok::<(), ShrinkError>(())).unwrap();
            let small = FitsFile::open(&to).unwrap();
            let small = small.first_image().unwrap();
            assert_eq!((small.width(), small.height()), (width, height));
            let mut out = vec![0.0; width * height];
            small.read_f32(0, small.rect(), &mut out).unwrap();
            let sum = |v: &[f32]| v.iter().map(|v| f64::from(*v)).sum::<f64>();
            assert!((sum(&out) / sum(&values) - 1.0).abs() < 1e-6, "factor {factor}");
            assert_eq!(small.header().str("BUNIT"), Some("DN"));
        }
    }

    #[test]
    fn physical_coordinates_and_sip_terms_follow_the_blocks() {
        let out = shrunk_header(&sip_header(), 4.0).unwrap();
        assert_eq!(out.f64("CRPIX1"), Some(5.5));
        assert_eq!(out.f64("A_2_0"), Some(4.0e-5));
        assert_eq!(out.f64("CD2_2"), Some(4.0 * 2.8e-4));
        // Old image pixel 1 is physical 101: the first new pixel's left edge is physical 100.5 in both.
        let physical = |image: f64, h: &Header| (image - h.f64("LTV1").unwrap()) / h.f64("LTM1_1").unwrap();
        assert!((physical(0.5, &out) - physical(0.5, &sip_header())).abs() < 1e-12);
    }

    #[test]
    fn factors_below_one_and_look_up_tables_are_refused() {
        let mut header = sip_header();
        header.set("CPDIS1", "LOOKUP", "");
        let error = shrunk_header(&header, 2.0).unwrap_err().to_string();
        assert!(error.contains("CPDIS1") && error.contains("reproject"));
        assert!(ShrinkError::Factor { factor: 0.5 }.to_string().contains("0.5"));
    }
}
