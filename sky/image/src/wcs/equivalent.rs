//! The distorted tangent plane that stands for any other coordinates over an image, as Montage's mTANHdr finds it.
//!
//! A TAN projection about the middle of the image, and SIP polynomials for what is left, fitted on Chebyshev nodes.

use super::{PixelMap, Projection, Wcs, WcsError};
use crate::fits::Header;
use std::f64::consts::PI;

/// Lowest and highest total degree of the polynomials.
pub const DEGREES: std::ops::RangeInclusive<usize> = 2..=7;

/// Points along each axis at which polynomials are fitted, and at which they are checked.
const NODES: usize = 24;
const CHECKS: usize = 61;

/// A header that says nearly the same as another.
#[derive(Debug, Clone)]
pub struct Equivalent {
    /// TAN-SIP coordinates and the image's size.
    pub header: Header,
    /// Total degree of the polynomials.
    pub degree: usize,
    /// Greatest distance of a place from where the image has it, in pixels.
    pub worst_px: f64,
    /// The same for the way back, from the sky to pixels, by the polynomials AP and BP alone.
    pub worst_back_px: f64,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EquivalentError {
    /// Part of the image has no place in a tangent plane.
    #[error("the image reaches {reach}; no tangent plane holds it")]
    TooWide {
        /// How far.
        reach: &'static str,
    },
    /// A degree out of range.
    #[error("polynomials of degree {degree} are not to be had; give 2 to 7")]
    Degree {
        /// As asked.
        degree: usize,
    },
    /// The coordinates could not be set up.
    #[error(transparent)]
    Wcs(#[from] WcsError),
}

/// Finds the equivalent over the whole image.
///
/// - `degree`: of the polynomials; without one the lowest that holds to `tolerance_px`, or else the best.
/// - `tolerance_px`: in pixels of the image.
///
/// # Errors
/// [`EquivalentError`].
pub fn tan_equivalent(wcs: &Wcs, degree: Option<usize>, tolerance_px: f64) -> Result<Equivalent, EquivalentError> {
    let degrees = match degree {
        Some(degree) if !DEGREES.contains(&degree) => return Err(EquivalentError::Degree { degree }),
        Some(degree) => degree..=degree,
        None => DEGREES,
    };
    let mut best: Option<Equivalent> = None;
    for degree in degrees {
        let found = fit(wcs, degree)?;
        if best.as_ref().is_none_or(|b| found.worst_px.max(found.worst_back_px) < b.worst_px.max(b.worst_back_px)) {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|b| b.worst_px.max(b.worst_back_px) <= tolerance_px) {
            break;
        }
    }
    best.ok_or(EquivalentError::TooWide { reach: "nowhere on the sky" })
}

/// Pixels in units of half the image from its middle, so that powers stay near one.
struct Frame {
    middle: (f64, f64),
    half: f64,
}

fn fit(wcs: &Wcs, degree: usize) -> Result<Equivalent, EquivalentError> {
    let (width, height) = wcs.naxis();
    let middle = (0.5 * (width as f64 - 1.0), 0.5 * (height as f64 - 1.0));
    let frame = Frame { middle, half: 0.5 * width.max(height) as f64 };
    let off_sky = EquivalentError::TooWide { reach: "beyond the sky's edge" };
    let place = wcs.pix_to_sky(middle.0, middle.1).ok_or(off_sky.clone())?;
    let side = wcs.pixel_side_deg().ok_or(off_sky)?;
    // First a plane with square pixels: pixels of the image against its own.
    let square = [[side, 0.0], [0.0, side]];
    let crval = (place.lon_deg, place.lat_deg);
    let plane = Wcs::new(wcs.frame().clone(), Projection::tan(), crval, middle, square, (width, height))?;
    let to_plane = PixelMap::between(wcs, &plane);
    let (x, y) = nodes(width, height);
    let (mut px, mut py) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    to_plane.apply(&x, &y, &mut px, &mut py);
    if px.iter().chain(&py).any(|v| !v.is_finite()) {
        return Err(EquivalentError::TooWide { reach: "a quarter of the sky from its middle" });
    }
    let scaled = |v: &[f64], at: f64| -> Vec<f64> { v.iter().map(|v| (v - at) / frame.half).collect() };
    let (u, v) = (scaled(&x, middle.0), scaled(&y, middle.1));
    let (p, q) = (scaled(&px, middle.0), scaled(&py, middle.1));
    // Without a constant: the middle is the tangent point.
    let terms: Vec<(usize, usize)> = (1..=degree).flat_map(|n| (0..=n).map(move |j| (n - j, j))).collect();
    let (cx, cy) = (least_squares(&terms, &u, &v, &p), least_squares(&terms, &u, &v, &q));
    let linear = [[cx[0], cx[1]], [cy[0], cy[1]]];
    let det = linear[0][0] * linear[1][1] - linear[0][1] * linear[1][0];
    let back = [[linear[1][1] / det, -linear[0][1] / det], [-linear[1][0] / det, linear[0][0] / det]];
    let cd = linear.map(|row| row.map(|c| c * side));
    let exact = Wcs::new(wcs.frame().clone(), Projection::tan(), crval, middle, cd, (width, height))?;
    let mut header = Header::new();
    header.set("NAXIS", 2, "");
    header.set("NAXIS1", width, "");
    header.set("NAXIS2", height, "");
    exact.write_to(&mut header);
    for key in ["CTYPE1", "CTYPE2"] {
        let name = header.str(key).unwrap_or_default().to_string();
        header.set(key, format!("{name}-SIP"), "tangent plane with polynomials");
    }
    // Higher terms in pixels, with the linear ones taken out.
    let unscale = |n: usize| libm::pow(frame.half, 1.0 - n as f64);
    header.set("A_ORDER", degree, "");
    header.set("B_ORDER", degree, "");
    for (k, (i, j)) in terms.iter().enumerate().skip(2) {
        let factor = unscale(i + j);
        for (row, letter) in [(0, 'A'), (1, 'B')] {
            let value = (back[row][0] * cx[k] + back[row][1] * cy[k]) * factor;
            header.set(&format!("{letter}_{i}_{j}"), value, "");
        }
    }
    // The way back: from the plane's pixels to those of the image.
    let turned =
        |row: usize| -> Vec<f64> { p.iter().zip(&q).map(|(p, q)| back[row][0] * p + back[row][1] * q).collect() };
    let (s, t) = (turned(0), turned(1));
    let less = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
    let (ap, bp) = (least_squares(&terms, &s, &t, &less(&u, &s)), least_squares(&terms, &s, &t, &less(&v, &t)));
    header.set("AP_ORDER", degree, "");
    header.set("BP_ORDER", degree, "");
    for (k, (i, j)) in terms.iter().enumerate() {
        let factor = unscale(i + j);
        header.set(&format!("AP_{i}_{j}"), ap[k] * factor, "");
        header.set(&format!("BP_{i}_{j}"), bp[k] * factor, "");
    }
    let worst_px = worst(wcs, &Wcs::from_header(&header)?, (width, height))?;
    let worst_back_px = worst_back(wcs, &exact, &frame, (&terms, &ap, &bp), (width, height));
    Ok(Equivalent { header, degree, worst_px, worst_back_px })
}

/// Chebyshev nodes over the whole of all pixels.
fn nodes(width: usize, height: usize) -> (Vec<f64>, Vec<f64>) {
    let at = |k: usize, n: usize| {
        let c = -libm::cos(PI * (k as f64 + 0.5) / NODES as f64);
        0.5 * (n as f64 - 1.0) + 0.5 * n as f64 * c
    };
    (0..NODES * NODES).map(|k| (at(k % NODES, width), at(k / NODES, height))).unzip()
}

/// An even grid that holds the outer edges of all pixels.
fn checks(width: usize, height: usize) -> (Vec<f64>, Vec<f64>) {
    let at = |k: usize, n: usize| k as f64 / (CHECKS - 1) as f64 * n as f64 - 0.5;
    (0..CHECKS * CHECKS).map(|k| (at(k % CHECKS, width), at(k / CHECKS, height))).unzip()
}

/// Greatest distance between a pixel's place in one and the other, in pixels of the second.
fn worst(wcs: &Wcs, other: &Wcs, (width, height): (usize, usize)) -> Result<f64, EquivalentError> {
    // The other's own pixels on the sky are the question: its inverse, worked out, must not hide what its polynomials do.
    let (x, y) = checks(width, height);
    let (mut u, mut v) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    PixelMap::between(other, wcs).apply(&x, &y, &mut u, &mut v);
    let far = x.iter().zip(&y).zip(u.iter().zip(&v)).map(|((x, y), (u, v))| libm::hypot(u - x, v - y));
    let worst = far.fold(0.0f64, |most, d| if d <= most { most } else { d });
    if worst.is_finite() { Ok(worst) } else { Err(EquivalentError::TooWide { reach: "beyond the sky's edge" }) }
}

/// Greatest error of the polynomials back.
fn worst_back(
    wcs: &Wcs,
    plane: &Wcs,
    frame: &Frame,
    (terms, ap, bp): (&[(usize, usize)], &[f64], &[f64]),
    (width, height): (usize, usize),
) -> f64 {
    let (x, y) = checks(width, height);
    let (mut u, mut v) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    PixelMap::between(wcs, plane).apply(&x, &y, &mut u, &mut v);
    let mut most = 0.0f64;
    for k in 0..x.len() {
        let (s, t) = ((u[k] - frame.middle.0) / frame.half, (v[k] - frame.middle.1) / frame.half);
        let sum =
            |c: &[f64]| terms.iter().zip(c).map(|((i, j), c)| c * s.powi(*i as i32) * t.powi(*j as i32)).sum::<f64>();
        let (back_x, back_y) = (u[k] + frame.half * sum(ap), v[k] + frame.half * sum(bp));
        most = most.max(libm::hypot(back_x - x[k], back_y - y[k]));
    }
    most
}

/// Coefficients of the monomials `u^i v^j` that fit `values` best, by Householder's QR.
fn least_squares(terms: &[(usize, usize)], u: &[f64], v: &[f64], values: &[f64]) -> Vec<f64> {
    let (rows, columns) = (values.len(), terms.len());
    let mut a: Vec<Vec<f64>> = terms
        .iter()
        .map(|(i, j)| u.iter().zip(v).map(|(u, v)| u.powi(*i as i32) * v.powi(*j as i32)).collect())
        .collect();
    let mut b = values.to_vec();
    for k in 0..columns {
        let norm = a[k][k..].iter().map(|x| x * x).sum::<f64>().sqrt();
        let alpha = if a[k][k] > 0.0 { -norm } else { norm };
        let mut h = a[k][k..].to_vec();
        h[0] -= alpha;
        let square = h.iter().map(|x| x * x).sum::<f64>();
        if square == 0.0 {
            continue;
        }
        let reflect = |column: &mut [f64]| {
            let factor = 2.0 * h.iter().zip(column.iter()).map(|(h, c)| h * c).sum::<f64>() / square;
            for (c, h) in column.iter_mut().zip(&h) {
                *c -= factor * h;
            }
        };
        for column in a.iter_mut().skip(k) {
            reflect(&mut column[k..rows]);
        }
        reflect(&mut b[k..rows]);
    }
    let mut out = vec![0.0; columns];
    for k in (0..columns).rev() {
        let rest: f64 = (k + 1..columns).map(|j| a[j][k] * out[j]).sum();
        out[k] = if a[k][k] == 0.0 { 0.0 } else { (b[k] - rest) / a[k][k] };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(code: &str, side: usize, scale: f64, more: &str) -> Wcs {
        let text = format!(
            "NAXIS = 2\nNAXIS1 = {side}\nNAXIS2 = {}\nCTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\n\
             CRPIX1 = {}\nCRPIX2 = 100.0\nCRVAL1 = 275.0\nCRVAL2 = -16.0\nCDELT1 = {}\nCDELT2 = {scale}\nCROTA2 = 20.0\n{more}",
            2 * side,
            0.5 * side as f64,
            -scale
        );
        Wcs::from_header(&Header::from_text(&text).unwrap()).unwrap()
    }

    #[test]
    fn other_projections_have_an_equivalent_to_a_thousandth_of_a_pixel_over_a_degree() {
        for code in ["SIN", "ARC", "ZEA", "STG", "CAR", "GLS"] {
            let wcs = image(code, 1000, 1.0 / 3600.0, "");
            let found = tan_equivalent(&wcs, None, 1e-3).unwrap();
            assert!(found.worst_px <= 1e-3 && found.worst_back_px <= 1e-3, "{code}: {found:?}");
            // The header says so by itself, at places that were not looked at before.
            let other = Wcs::from_header(&found.header).unwrap();
            for (x, y) in [(3.3, 1777.7), (998.0, 2.0), (512.3, 1024.9)] {
                let sky = wcs.pix_to_sky(x, y).unwrap();
                let (u, v) = other.sky_to_pix(sky).unwrap();
                assert!(libm::hypot(u - x, v - y) < 1.1e-3, "{code}: {u} {v}");
            }
        }
    }

    #[test]
    fn a_tangent_plane_is_its_own_equivalent() {
        let found = tan_equivalent(&image("TAN", 500, 1e-3, ""), Some(2), 1e-3).unwrap();
        assert!(found.worst_px < 1e-6, "{found:?}");
    }

    #[test]
    fn the_whole_sky_has_none() {
        let wide = image("AIT", 300, 0.6, "");
        assert!(tan_equivalent(&wide, None, 1.0).is_err());
        assert_eq!(
            tan_equivalent(&image("SIN", 10, 1e-3, ""), Some(9), 1.0).unwrap_err(),
            EquivalentError::Degree { degree: 9 }
        );
    }
}
