//! Whether two images lie on one grid.

use pogson_image::wcs::{PixelMap, Wcs};

/// Largest distance between the places that two grids give the same pixel, in pixels of the second; NaN where one of them
/// has no place there.
///
/// Looked up at 9 × 9 points over `width` × `height` pixels; points that neither grid reaches are left out.
pub fn largest_offset_px(a: &Wcs, b: &Wcs, width: usize, height: usize) -> f64 {
    const POINTS: usize = 9;
    let at = |index: usize, size: usize| index as f64 / (POINTS - 1) as f64 * (size as f64 - 1.0);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in 0..POINTS {
        for column in 0..POINTS {
            x.push(at(column, width));
            y.push(at(row, height));
        }
    }
    let (mut to_x, mut to_y) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    PixelMap::between(a, b).apply(&x, &y, &mut to_x, &mut to_y);
    let mut largest = f64::NAN;
    for index in 0..x.len() {
        if to_x[index].is_nan() && b.pix_to_sky(x[index], y[index]).is_none() {
            continue;
        }
        let distance = libm::hypot(to_x[index] - x[index], to_y[index] - y[index]);
        if distance.is_nan() {
            return f64::NAN;
        }
        largest = distance.max(largest);
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use pogson_image::fits::Header;

    fn wcs(crpix1: f64) -> Wcs {
        let text = format!(
            "CTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRPIX1  = {crpix1}\nCRPIX2  = 50.0\nCRVAL1  = 10.0\nCRVAL2  = 20.0\n\
             CDELT1  = -0.01\nCDELT2  = 0.01"
        );
        Wcs::from_header(&Header::from_text(&text).unwrap()).unwrap()
    }

    #[test]
    fn a_grid_put_off_by_half_a_pixel_is_half_a_pixel_away() {
        assert!(largest_offset_px(&wcs(50.0), &wcs(50.0), 100, 100) < 1e-9);
        assert!((largest_offset_px(&wcs(50.0), &wcs(50.5), 100, 100) - 0.5).abs() < 1e-9);
    }
}
