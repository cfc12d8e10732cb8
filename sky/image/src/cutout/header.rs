//! Keywords that count pixels from the corner of the image.

use crate::fits::{FitsError, FitsFile, FitsWriter, HduKind, Header, Image, Rect};

/// Makes a header fit the image that begins at column `x`, row `y` (0-based) of the one that it was made for.
///
/// CRPIX of all coordinate descriptions is moved, and with it what is told relative to CRPIX (SIP, TNX, ZPX); so are the
/// plate origin of DSS images (CNPIX) and IRAF's physical coordinates (LTV).
pub fn move_origin(header: &mut Header, x: usize, y: usize) {
    for (axis, by) in [(1, x), (2, y)] {
        move_axis(header, axis, by);
    }
}

/// Moves the origin of one axis (from 1) by a number of pixels.
pub(super) fn move_axis(header: &mut Header, axis: usize, by: usize) {
    if by == 0 {
        return;
    }
    let by = by as f64;
    let alternates = std::iter::once(String::new()).chain(('A'..='Z').map(String::from));
    for alternate in alternates {
        let key = format!("CRPIX{axis}{alternate}");
        match header.f64(&key) {
            Some(value) => header.set(&key, value - by, ""),
            // A description without CRPIX has it at 0.
            None if header.contains(&format!("CTYPE{axis}{alternate}")) => header.set(&key, -by, "reference pixel"),
            None => {}
        }
    }
    let (plate, physical) = (format!("CNPIX{axis}"), format!("LTV{axis}"));
    if let Some(value) = header.f64(&plate) {
        header.set(&plate, value + by, "");
    }
    if let Some(value) = header.f64(&physical) {
        header.set(&physical, value - by, "");
    }
}

/// True for the names of extensions that hold look-up tables of distortion (the convention of the HST and of the FITS
/// distortion paper's drafts).
fn is_lookup(name: Option<&str>) -> bool {
    matches!(name, Some("WCSDVARR" | "D2IMARR"))
}

/// Copies the look-up tables behind an image, moved as the image is.
pub(super) fn copy_lookup_tables(
    file: &FitsFile,
    image: &Image<'_>,
    rect: Rect,
    writer: &mut FitsWriter,
) -> Result<(), FitsError> {
    let header = image.header();
    let named = |key: &str| header.contains(&format!("{key}1")) || header.contains(&format!("{key}2"));
    if !(named("CPDIS") || named("D2IMDIS")) {
        return Ok(());
    }
    for (index, hdu) in file.hdus().iter().enumerate() {
        if *hdu.kind() != HduKind::Image || !is_lookup(hdu.name()) || hdu.axes().is_empty() {
            continue;
        }
        let table = file.image(index)?;
        let mut header = table.header().clone();
        // A table's CRVAL is a pixel of the image that it corrects.
        for (axis, by) in [(1, rect.x), (2, rect.y)] {
            let key = format!("CRVAL{axis}");
            let value = header.f64(&key).unwrap_or(0.0);
            header.set(&key, value - by as f64, "");
        }
        let out = writer.add_image(&header, table.axes(), table.bitpix())?;
        for plane in 0..table.planes() {
            let mut values = vec![0.0; table.rect().area()];
            table.read_f64(plane, table.rect(), &mut values)?;
            writer.write_rect_f64(out, plane, table.rect(), &values)?;
        }
    }
    Ok(())
}
