//! TPV: polynomials with odd powers of the radius in the projection plane, as SCAMP writes them.
//!
//! Source: the FITS registry's TPV convention; Calabretta et al. 2004, draft paper IV.

use super::axes::Description;
use super::error::{DistortionError, DistortionWarning};
use super::polynomial::{LANES, Lane, Polynomial, Slopes};
use super::warp::{Domain, Image, Warp, warp_rows};
use crate::fits::header::Header;

/// The highest total power of the convention.
const DEGREE: usize = 7;
/// The highest index of the convention.
const LAST: usize = 39;

/// The corrections of both axes in the projection plane, in degrees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tpv {
    xi: Component,
    eta: Component,
    domain: Domain,
}

/// One axis: a polynomial in `(xi, eta)` and coefficients of `r`, `r^3`, `r^5`, `r^7`.
#[derive(Debug, Clone, PartialEq)]
struct Component {
    polynomial: Polynomial,
    radial: [f64; 4],
}

warp_rows!(tpv_forward, tpv_inverse, Tpv);

impl Tpv {
    /// Reads `PVi_m` of the celestial axes.
    pub(super) fn from_header(
        header: &Header,
        description: &Description,
        warnings: &mut Vec<DistortionWarning>,
    ) -> Result<Self, DistortionError> {
        let mut read = |axis: usize, swapped: bool| -> Result<Component, DistortionError> {
            let pv = description.pv(header, axis);
            if !pv.is_empty() && !pv.iter().any(|(m, _)| *m == 1) {
                warnings.push(DistortionWarning::TpvWithoutScale { axis });
            }
            for (index, value) in &pv {
                if *index > LAST {
                    warnings.push(DistortionWarning::TpvIndex { axis, index: *index });
                }
                if !value.is_finite() {
                    let keyword = format!("PV{axis}_{index}{}", description.alt);
                    return Err(DistortionError::NotFinite { keyword, value: *value });
                }
            }
            Ok(Component::new(&pv, swapped))
        };
        let xi = read(description.lng, false)?;
        let eta = read(description.lat, true)?;
        let (centre, half_diagonal) = description.plane_disc(header);
        Ok(Self::new(xi, eta, centre, half_diagonal))
    }

    fn new(xi: Component, eta: Component, centre: (f64, f64), half_diagonal: f64) -> Self {
        let mut tpv = Self { xi, eta, domain: Domain::unbounded(centre, half_diagonal, 1e-13) };
        tpv.domain = tpv.domain.clone().measured(&tpv);
        tpv
    }
}

impl Component {
    /// Sorts `(m, PVi_m)` into terms; `swapped` where the axis' own coordinate is `eta`.
    fn new(pv: &[(usize, f64)], swapped: bool) -> Self {
        let value = |m: usize| {
            let default = if m == 1 { 1.0 } else { 0.0 };
            pv.iter().find(|(index, _)| *index == m).map_or(default, |(_, v)| *v)
        };
        let mut terms = vec![(0, 0, value(0))];
        let mut radial = [0.0; 4];
        let mut m = 1;
        for degree in 1..=DEGREE {
            for other in 0..=degree {
                let own = degree - other;
                let (p, q) = if swapped { (other, own) } else { (own, other) };
                terms.push((p, q, value(m)));
                m += 1;
            }
            if degree % 2 == 1 {
                radial[degree / 2] = value(m);
                m += 1;
            }
        }
        Self { polynomial: Polynomial::from_terms(terms), radial }
    }

    #[inline(always)]
    fn value(&self, xi: &Lane, eta: &Lane) -> Lane {
        let mut value = self.polynomial.value(xi, eta);
        if self.radial != [0.0; 4] {
            for i in 0..LANES {
                let (r, factor, _) = self.radial(xi[i], eta[i]);
                value[i] = factor.mul_add(r, value[i]);
            }
        }
        value
    }

    #[inline(always)]
    fn slopes(&self, xi: &Lane, eta: &Lane) -> Slopes {
        let mut s = self.polynomial.slopes(xi, eta);
        if self.radial != [0.0; 4] {
            for i in 0..LANES {
                let (r, factor, slope) = self.radial(xi[i], eta[i]);
                s.value[i] = factor.mul_add(r, s.value[i]);
                // The cone's tip has no slope; it is a single point.
                let inverse = if r > 0.0 { slope / r } else { 0.0 };
                s.by_u[i] = inverse.mul_add(xi[i], s.by_u[i]);
                s.by_v[i] = inverse.mul_add(eta[i], s.by_v[i]);
            }
        }
        s
    }

    /// The radius, what to multiply it by, and the derivative of their product by the radius.
    #[inline(always)]
    fn radial(&self, xi: f64, eta: f64) -> (f64, f64, f64) {
        let [c1, c3, c5, c7] = self.radial;
        let r2 = xi.mul_add(xi, eta * eta);
        let factor = r2.mul_add(r2.mul_add(r2.mul_add(c7, c5), c3), c1);
        let slope = r2.mul_add(r2.mul_add(r2.mul_add(7.0 * c7, 5.0 * c5), 3.0 * c3), c1);
        (r2.sqrt(), factor, slope)
    }
}

impl Warp for Tpv {
    #[inline(always)]
    fn map(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        (self.xi.value(x, y), self.eta.value(x, y))
    }

    #[inline(always)]
    fn map_with_slopes(&self, x: &Lane, y: &Lane) -> Image {
        let (xi, eta) = (self.xi.slopes(x, y), self.eta.slopes(x, y));
        Image { x: xi.value, y: eta.value, x_by: [xi.by_u, xi.by_v], y_by: [eta.by_u, eta.by_v] }
    }

    #[inline(always)]
    fn guess(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        (*x, *y)
    }

    #[inline(always)]
    fn domain(&self) -> &Domain {
        &self.domain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(pv: &[(usize, f64)], swapped: bool, xi: f64, eta: f64) -> f64 {
        Component::new(pv, swapped).value(&[xi; LANES], &[eta; LANES])[0]
    }

    #[test]
    fn each_index_is_the_term_of_the_registry() {
        let (x, y) = (0.7, -0.4);
        let r = libm::hypot(x, y);
        let expected = [
            (0, 1.0),
            (2, y),
            (3, r),
            (5, x * y),
            (7, x * x * x),
            (10, y * y * y),
            (11, r * r * r),
            (13, x * x * x * y),
            (16, y.powi(4)),
            (17, x.powi(5)),
            (23, r.powi(5)),
            (24, x.powi(6)),
            (30, y.powi(6)),
            (31, x.powi(7)),
            (35, x.powi(3) * y.powi(4)),
            (38, y.powi(7)),
            (39, r.powi(7)),
        ];
        for (m, term) in expected {
            let got = one(&[(1, 0.0), (m, 1.0)], false, x, y);
            assert!((got - term).abs() < 1e-15, "PV1_{m}: {got} for {term}");
            let got = one(&[(1, 0.0), (m, 1.0)], true, y, x);
            assert!((got - term).abs() < 1e-15, "PV2_{m}: {got} for {term}");
        }
    }

    #[test]
    fn a_missing_scale_is_one() {
        assert_eq!(one(&[], false, 0.25, 0.5), 0.25);
        assert_eq!(one(&[], true, 0.25, 0.5), 0.5);
    }

    proptest! {
        #[test]
        fn the_inverse_finds_the_point_of_origin(
            c in prop::collection::vec(-0.02..0.02f64, 80),
            points in prop::collection::vec((-0.5..0.5f64, -0.5..0.5f64), 1..20),
        ) {
            let pv = |k: usize| (0..40).map(|m| (m, c[40 * k + m] + if m == 1 { 1.0 } else { 0.0 })).collect::<Vec<_>>();
            let tpv = Tpv::new(Component::new(&pv(0), false), Component::new(&pv(1), true), (0.0, 0.0), 0.71);
            let (x0, y0): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let (mut x, mut y) = (x0.clone(), y0.clone());
            tpv_forward(&tpv, &mut x, &mut y);
            tpv_inverse(&tpv, &mut x, &mut y);
            for i in 0..x.len() {
                prop_assert!((x[i] - x0[i]).abs() < 1e-14 && (y[i] - y0[i]).abs() < 1e-14, "{} {}", x[i] - x0[i], y[i] - y0[i]);
            }
        }
    }
}
