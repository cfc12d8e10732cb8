//! The grids of tiles and cut-outs.

use pogson_healpix::Cell;
use pogson_image::sphere::Frame;
use pogson_image::wcs::{Parameters, Projection, Wcs, WcsError};
use pogson_mosaic::place::Target;

use crate::cutout::{Cutout, LONGEST_SIDE};

/// Degrees in the plane of HPX along half the diagonal of a base face.
const HALF_FACE_DEG: f64 = 45.0;

/// The pixels of a tile: those of the HEALPix grid `log2(side)` orders deeper, columns to the north-west, rows to the south-west, as
/// HiPS has them (Fernique et al. 2017, HiPS 1.0, section 4.1).
///
/// The coordinates are HPX about longitude 0, or about 180 degrees for tiles beyond 90 degrees from 0, so that none is cut by the
/// edge of the map.
///
/// - `side`: pixels along the side of the tile.
///
/// # Errors
/// None for cells that exist.
pub(crate) fn tile(cell: Cell, side: usize) -> Result<Target, WcsError> {
    let (face, column, row) = cell.face_place();
    let cells = (1u64 << cell.order()) as f64;
    let n = side as f64;
    // Middle of the base face in the plane.
    let quarter = 90.0 * f64::from(face % 4);
    let (face_x, face_y) = match face / 4 {
        0 => (45.0 + quarter, 45.0),
        1 => (quarter, 0.0),
        _ => (45.0 + quarter, -45.0),
    };
    let step = HALF_FACE_DEG / (cells * n);
    // HEALPix counts columns to the north-east and rows to the north-west, both from the south.
    let place =
        |along: f64, across: f64| (face_x + step * (along - across), face_y - HALF_FACE_DEG + step * (along + across));
    let (first_along, first_across) = (f64::from(column) * n + n - 0.5, f64::from(row) * n + 0.5);
    let (first_x, first_y) = place(first_along, first_across);
    let (middle_x, _) = place((f64::from(column) + 0.5) * n, (f64::from(row) + 0.5) * n);
    let turned = (middle_x + 90.0).rem_euclid(360.0) - 90.0;
    let about = if turned > 90.0 { 180.0 } else { 0.0 };
    let x = first_x + (turned - middle_x) - about;
    // The reference pixel is where x - step (i + j) = 0 and y + step (i - j) = 0.
    let (sum, difference) = (x / step, -first_y / step);
    let crpix = (0.5 * (sum + difference), 0.5 * (sum - difference));
    let cd = [[-step, -step], [step, -step]];
    let wcs = Wcs::new(Frame::Icrs, hpx(), (about, 0.0), crpix, cd, (side, side))?;
    Ok(Target { wcs, width: side, height: side })
}

fn hpx() -> Projection {
    let parameters = Parameters::new(&[(1, 4.0), (2, 3.0)]);
    // HPX with its usual parameters is known; TAN stands for what cannot happen.
    Projection::new("HPX", &parameters).unwrap_or_else(Projection::tan)
}

/// Why a cut-out has no grid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GridError {
    #[error(
        "the cut-out would have {width} x {height} pixels, and {LONGEST_SIDE} along a side are the most; give a smaller size, or width"
    )]
    TooLarge { width: f64, height: f64 },
    #[error("the projection and the position do not go together: {0}")]
    Wcs(#[from] WcsError),
}

/// The pixels of a cut-out, north up, east to the left.
///
/// - `scale_deg`: side of a pixel where the request does not say how many there are; the size is rounded up to whole pixels then.
///
/// Returns the grid and the side of its pixels in degrees.
pub(crate) fn cutout(wanted: &Cutout, scale_deg: f64) -> Result<(Target, f64), GridError> {
    let (wide, high) = wanted.size_deg;
    let scale = match (wanted.width, wanted.height) {
        (Some(width), _) => wide / width as f64,
        (None, Some(height)) => high / height as f64,
        (None, None) => scale_deg,
    };
    // What sticks out by less than a thousandth of a pixel is rounding.
    let count = |size: f64| (size / scale - 1e-3).ceil().max(1.0);
    let width = wanted.width.map_or_else(|| count(wide), |width| width as f64);
    let height = wanted.height.map_or_else(|| count(high), |height| height as f64);
    if width > LONGEST_SIDE as f64 || height > LONGEST_SIDE as f64 {
        return Err(GridError::TooLarge { width, height });
    }
    let code = std::str::from_utf8(&wanted.projection).unwrap_or("TAN");
    let projection = Projection::new(code, &Parameters::default()).unwrap_or_else(Projection::tan);
    let size = (width as usize, height as usize);
    let crval = (wanted.center.lon_deg, wanted.center.lat_deg);
    let crpix = (0.5 * (width - 1.0), 0.5 * (height - 1.0));
    let wcs = Wcs::new(Frame::Icrs, projection, crval, crpix, [[-scale, 0.0], [0.0, scale]], size)?;
    Ok((Target { wcs, width: size.0, height: size.1 }, scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pogson_healpix::cell_count;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_pixel_of_a_tile_is_the_cell_that_the_standard_names(
            order in 0u8..12, share in 0.0f64..1.0, i in 0usize..64, j in 0usize..64,
        ) {
            let count = cell_count(order);
            let cell = Cell::new(order, ((count as f64 * share) as u64).min(count - 1)).expect("a cell");
            let target = tile(cell, 64).expect("a grid");
            let place = target.wcs.pix_to_sky(i as f64, j as f64).expect("on the sky");
            let found = Cell::containing(order + 6, place.lon_deg, place.lat_deg);
            prop_assert!(cell.contains(found));
            // Along FITS columns HEALPix's rows grow, along FITS rows its columns fall.
            let (_, column, row) = found.face_place();
            prop_assert_eq!((column % 64, row % 64), (63 - j as u32, i as u32));
            let (lon, lat) = found.center();
            let middle = pogson_image::sphere::SkyCoord { lon_deg: lon, lat_deg: lat };
            prop_assert!(middle.separation_deg(place) < 1e-9);
        }
    }

    #[test]
    fn a_cutout_is_about_its_middle() {
        let center = "274.7 -13.8".parse().expect("a position");
        let wanted = Cutout {
            center,
            size_deg: (0.2, 0.1),
            width: Some(400),
            height: None,
            projection: *b"TAN",
            format: crate::request::Format::Fits,
        };
        let (target, scale) = cutout(&wanted, 1.0).expect("a grid");
        assert_eq!((target.width, target.height), (400, 200));
        assert!((scale - 0.0005).abs() < 1e-15);
        let middle = target.wcs.pix_to_sky(199.5, 99.5).expect("on the sky");
        assert!((middle.lon_deg - 274.7).abs() < 1e-12 && (middle.lat_deg + 13.8).abs() < 1e-12);
        let left = target.wcs.pix_to_sky(0.0, 99.5).expect("on the sky");
        assert!(left.lon_deg > 274.7, "east is to the left");
    }

    #[test]
    fn too_many_pixels_are_refused() {
        let wanted = Cutout {
            center: "1 2".parse().expect("a position"),
            size_deg: (10.0, 10.0),
            width: None,
            height: None,
            projection: *b"TAN",
            format: crate::request::Format::Fits,
        };
        assert!(cutout(&wanted, 0.0002).is_err_and(|e| e.to_string().contains("50000 x 50000")));
    }
}
