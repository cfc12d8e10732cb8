//! SIP: polynomials in pixels, relative to the reference pixel (Shupe et al. 2005, ASP Conf. 347, 491).

use super::axes::Description;
use super::error::{DistortionError, DistortionWarning};
use super::polynomial::{LANES, Lane, Polynomial, Slopes};
use crate::fits::header::Header;

/// The highest order of the convention.
const HIGHEST_ORDER: i64 = 9;

/// A pair of SIP polynomials, with the approximate inverse pair where the header has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sip {
    /// The reference pixel, 0-based.
    origin: (f64, f64),
    a: Polynomial,
    b: Polynomial,
    inverse: Option<(Polynomial, Polynomial)>,
}

impl Sip {
    /// Reads `A_p_q`, `B_p_q` and, as a first guess at the inverse, `AP_p_q`, `BP_p_q`.
    ///
    /// Orders below 2 switch a pair off, as in astropy.
    pub(super) fn from_header(
        header: &Header,
        description: &Description,
        warnings: &mut Vec<DistortionWarning>,
    ) -> Result<Option<Self>, DistortionError> {
        let forward = pair(header, ["A_ORDER", "B_ORDER"], ["A", "B"])?;
        let inverse = pair(header, ["AP_ORDER", "BP_ORDER"], ["AP", "BP"])?;
        let Some((a, b)) = forward else {
            if inverse.is_some() {
                warnings.push(DistortionWarning::InverseSipAlone);
            }
            return Ok(None);
        };
        let crpix = |axis: usize| {
            let keyword = format!("CRPIX{axis}{}", description.alt);
            header.f64(&keyword).ok_or(DistortionError::Missing { keyword, distortion: "SIP" })
        };
        Ok(Some(Self { origin: (crpix(1)? - 1.0, crpix(2)? - 1.0), a, b, inverse }))
    }

    /// The corrections in pixels at 0-based pixel coordinates.
    #[inline(always)]
    pub(super) fn offsets(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (u, v) = self.relative(x, y);
        (self.a.value(&u, &v), self.b.value(&u, &v))
    }

    /// The corrections and their slopes.
    #[inline(always)]
    pub(super) fn slopes(&self, x: &Lane, y: &Lane) -> (Slopes, Slopes) {
        let (u, v) = self.relative(x, y);
        (self.a.slopes(&u, &v), self.b.slopes(&u, &v))
    }

    /// What to add to corrected coordinates to come near the detector's; zero without AP and BP.
    #[inline(always)]
    pub(super) fn inverse_offsets(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (u, v) = self.relative(x, y);
        match &self.inverse {
            Some((ap, bp)) => (ap.value(&u, &v), bp.value(&u, &v)),
            None => ([0.0; LANES], [0.0; LANES]),
        }
    }

    #[inline(always)]
    fn relative(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (mut u, mut v) = (*x, *y);
        for i in 0..LANES {
            u[i] -= self.origin.0;
            v[i] -= self.origin.1;
        }
        (u, v)
    }
}

/// Two polynomials, or none when the first order is absent or below 2.
fn pair(
    header: &Header,
    orders: [&'static str; 2],
    names: [&str; 2],
) -> Result<Option<(Polynomial, Polynomial)>, DistortionError> {
    let order = |keyword: &'static str| header.f64(keyword).map(|v| v as i64);
    let found = [order(orders[0]), order(orders[1])];
    for (k, other) in [(0, 1), (1, 0)] {
        if found[k].is_some_and(|n| n > 1) && found[other].is_none() {
            return Err(DistortionError::HalfSip { present: orders[k], missing: orders[other] });
        }
    }
    let (Some(first), Some(second)) = (found[0], found[1]) else {
        return Ok(None);
    };
    if first.min(second) < 2 {
        return Ok(None);
    }
    Ok(Some((polynomial(header, orders[0], first, names[0])?, polynomial(header, orders[1], second, names[1])?)))
}

fn polynomial(header: &Header, keyword: &str, order: i64, name: &str) -> Result<Polynomial, DistortionError> {
    if order > HIGHEST_ORDER {
        return Err(DistortionError::Order { keyword: keyword.to_owned(), found: order, limit: HIGHEST_ORDER });
    }
    let mut terms = Vec::new();
    for p in 0..=order as usize {
        for q in 0..=order as usize - p {
            let keyword = format!("{name}_{p}_{q}");
            if let Some(value) = header.f64(&keyword) {
                if !value.is_finite() {
                    return Err(DistortionError::NotFinite { keyword, value });
                }
                terms.push((p, q, value));
            }
        }
    }
    Ok(Polynomial::from_terms(terms))
}
