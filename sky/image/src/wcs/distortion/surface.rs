//! Fitted surfaces as IRAF's gsurfit writes them: Chebyshev, Legendre or plain polynomials in two variables.
//!
//! Source: Davis 1994 and the NOAO documents on the TNX and ZPX conventions (FITS registry).

use super::polynomial::{LANES, Lane, Polynomial, Slopes};

/// The highest order, that is the number of terms along one axis, that is summed by powers without loss.
pub(super) const HIGHEST_ORDER: i64 = 16;

/// A surface over a rectangle; it goes on outside by the same formula.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Surface {
    /// In normalised variables.
    polynomial: Polynomial,
    /// `normalised = variable * scale + shift`, of each variable.
    scale: [f64; 2],
    shift: [f64; 2],
}

/// The basis of a surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    Chebyshev,
    Legendre,
    Powers,
}

/// Which products of terms a surface has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cross {
    None,
    Full,
    Half,
}

impl Surface {
    /// A surface from its numbers: basis (1 Chebyshev, 2 Legendre, 3 powers), number of terms in x and y, cross
    /// terms (0 none, 1 full, 2 half), x range, y range, coefficients with x running fastest.
    ///
    /// # Errors
    /// What is wrong, and the number or count found.
    pub(super) fn from_numbers(numbers: &[f64]) -> Result<Self, (&'static str, String)> {
        let &[basis, x_order, y_order, cross, x_min, x_max, y_min, y_max, ref coefficients @ ..] = numbers else {
            return Err(("a surface has at least eight numbers", numbers.len().to_string()));
        };
        let basis = match basis {
            1.0 => Basis::Chebyshev,
            2.0 => Basis::Legendre,
            3.0 => Basis::Powers,
            _ => return Err(("the surface's type has to be 1, 2 or 3", basis.to_string())),
        };
        let cross = match cross {
            0.0 => Cross::None,
            1.0 => Cross::Full,
            2.0 => Cross::Half,
            _ => return Err(("the cross terms have to be 0, 1 or 2", cross.to_string())),
        };
        let order = |v: f64| {
            if v.fract() == 0.0 && (1.0..=HIGHEST_ORDER as f64).contains(&v) {
                Ok(v as usize)
            } else {
                Err(("the order has to be 1 to 16", v.to_string()))
            }
        };
        let (nx, ny) = (order(x_order)?, order(y_order)?);
        let products = products(nx, ny, cross);
        if coefficients.len() < products.len() {
            return Err(("the surface has fewer coefficients than its orders ask for", coefficients.len().to_string()));
        }
        if let Some(bad) = numbers.iter().find(|c| !c.is_finite()) {
            return Err(("a number is not finite", bad.to_string()));
        }
        let (mut scale, mut shift) = ([1.0; 2], [0.0; 2]);
        if basis != Basis::Powers {
            for (axis, (low, high)) in [(x_min, x_max), (y_min, y_max)].into_iter().enumerate() {
                if low == high {
                    return Err(("the surface's range is empty", low.to_string()));
                }
                scale[axis] = 2.0 / (high - low);
                shift[axis] = -(high + low) / (high - low);
            }
        }
        let (x_basis, y_basis) = (basis.powers(nx), basis.powers(ny));
        let mut terms = Vec::new();
        for ((i, j), c) in products.into_iter().zip(coefficients) {
            for (p, a) in x_basis[i].iter().enumerate() {
                for (q, b) in y_basis[j].iter().enumerate() {
                    terms.push((p, q, c * a * b));
                }
            }
        }
        Ok(Self { polynomial: Polynomial::from_terms(terms), scale, shift })
    }

    /// The surface that is zero everywhere.
    pub(super) fn zero() -> Self {
        Self { polynomial: Polynomial::from_terms([]), scale: [1.0; 2], shift: [0.0; 2] }
    }

    /// True when no term is left.
    pub(super) fn is_zero(&self) -> bool {
        self.polynomial.is_zero()
    }

    /// The surface's height at each point.
    #[inline(always)]
    pub(super) fn value(&self, x: &Lane, y: &Lane) -> Lane {
        let (u, v) = self.normalised(x, y);
        self.polynomial.value(&u, &v)
    }

    /// Height and slopes.
    #[inline(always)]
    pub(super) fn slopes(&self, x: &Lane, y: &Lane) -> Slopes {
        let (u, v) = self.normalised(x, y);
        let mut slopes = self.polynomial.slopes(&u, &v);
        for i in 0..LANES {
            slopes.by_u[i] *= self.scale[0];
            slopes.by_v[i] *= self.scale[1];
        }
        slopes
    }

    #[inline(always)]
    fn normalised(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (mut u, mut v) = (*x, *y);
        for i in 0..LANES {
            u[i] = u[i].mul_add(self.scale[0], self.shift[0]);
            v[i] = v[i].mul_add(self.scale[1], self.shift[1]);
        }
        (u, v)
    }
}

/// The products `(i, j)` of basis functions that a surface has, in the order of its coefficients.
fn products(nx: usize, ny: usize, cross: Cross) -> Vec<(usize, usize)> {
    let mut products = Vec::new();
    for j in 0..ny {
        let len = match cross {
            Cross::Full => nx,
            Cross::None if j > 0 => 1,
            Cross::None => nx,
            // Total powers stay below the larger order.
            Cross::Half => nx.min(nx.max(ny) - j),
        };
        products.extend((0..len).map(|i| (i, j)));
    }
    products
}

impl Basis {
    /// The first `n` basis functions as coefficients of rising powers.
    fn powers(self, n: usize) -> Vec<Vec<f64>> {
        let mut functions: Vec<Vec<f64>> = vec![vec![1.0], vec![0.0, 1.0]];
        for k in 2..n {
            // f_k = a x f_(k-1) - b f_(k-2)
            let (a, b) = match self {
                Basis::Chebyshev => (2.0, 1.0),
                Basis::Legendre => ((2 * k - 1) as f64 / k as f64, (k - 1) as f64 / k as f64),
                Basis::Powers => (1.0, 0.0),
            };
            let mut next = vec![0.0; k + 1];
            for (p, c) in functions[k - 1].iter().enumerate() {
                next[p + 1] += a * c;
            }
            for (p, c) in functions[k - 2].iter().enumerate() {
                next[p] -= b * c;
            }
            functions.push(next);
        }
        functions.truncate(n);
        functions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The basis functions by their trigonometric or recurrent definitions, apart from the code above.
    fn basis(kind: f64, n: usize, t: f64) -> f64 {
        match kind as i64 {
            1 => libm::cos(n as f64 * libm::acos(t)),
            2 => {
                let (mut before, mut now) = (1.0, t);
                if n == 0 {
                    return 1.0;
                }
                for k in 1..n {
                    let k = k as f64;
                    (before, now) = (now, ((2.0 * k + 1.0) * t * now - k * before) / (k + 1.0));
                }
                now
            }
            _ => t.powi(n as i32),
        }
    }

    /// Terms as IRAF's gsurfit lays them out: row by row of y, shortened row by row for half cross terms.
    fn direct(n: &[f64], x: f64, y: f64) -> f64 {
        let (nx, ny, cross) = (n[1] as usize, n[2] as usize, n[3] as i64);
        let (mut u, mut v) = (x, y);
        if n[0] < 3.0 {
            u = (2.0 * x - (n[5] + n[4])) / (n[5] - n[4]);
            v = (2.0 * y - (n[7] + n[6])) / (n[7] - n[6]);
        }
        let (mut k, mut sum, mut len) = (8, 0.0, nx);
        for j in 0..ny {
            for i in 0..len {
                sum += n[k] * basis(n[0], i, u) * basis(n[0], j, v);
                k += 1;
            }
            match cross {
                0 => len = 1,
                2 if j + 1 + nx + 1 > nx.max(ny) + 1 => len -= 1,
                _ => {}
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn surfaces_equal_their_published_formulas(
            kind in 1..=3i32, nx in 1..7usize, ny in 1..7usize, cross in 0..=2i32,
            coefficients in prop::collection::vec(-1.0..1.0f64, 36),
            x in -0.3..0.4f64, y in -0.2..0.6f64,
        ) {
            let mut numbers = vec![kind as f64, nx as f64, ny as f64, cross as f64, -0.3, 0.4, -0.2, 0.6];
            numbers.extend(coefficients);
            let surface = Surface::from_numbers(&numbers).unwrap();
            let expected = direct(&numbers, x, y);
            let at = |x: f64, y: f64| surface.value(&[x; LANES], &[y; LANES])[0];
            prop_assert!((at(x, y) - expected).abs() < 1e-11, "{} for {}", at(x, y), expected);
            let slopes = surface.slopes(&[x; LANES], &[y; LANES]);
            let h = 1e-6;
            prop_assert!((slopes.by_u[0] - (at(x + h, y) - at(x - h, y)) / (2.0 * h)).abs() < 1e-4);
            prop_assert!((slopes.by_v[0] - (at(x, y + h) - at(x, y - h)) / (2.0 * h)).abs() < 1e-4);
        }
    }

    /// numpy 2: `chebval2d` and `legval2d` at the normalised point of (0.275, 0.141).
    #[test]
    fn surfaces_equal_numpys_series() {
        let numbers = |kind: f64| {
            let mut n = vec![kind, 3.0, 2.0, 1.0, -0.35, 0.45, -0.4, 0.5];
            n.extend([0.5, -0.25, 0.125, 1.0, 0.75, -1.5]);
            n
        };
        for (kind, expected) in [(1.0, CHEBYSHEV), (2.0, LEGENDRE)] {
            let surface = Surface::from_numbers(&numbers(kind)).unwrap();
            let got = surface.value(&[0.275; LANES], &[0.141; LANES])[0];
            assert!((got - expected).abs() < 1e-15, "{got} for {expected}");
        }
    }

    const CHEBYSHEV: f64 = 0.7123914930555555;
    const LEGENDRE: f64 = 0.6514377170138889;

    #[test]
    fn half_cross_terms_keep_the_total_power_below_the_larger_order() {
        assert_eq!(products(3, 2, Cross::Half), [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]);
        assert_eq!(products(2, 4, Cross::Half).len(), 2 + 2 + 2 + 1);
        assert_eq!(products(3, 2, Cross::None), [(0, 0), (1, 0), (2, 0), (0, 1)]);
        assert_eq!(products(2, 2, Cross::Full).len(), 4);
    }

    #[test]
    fn numbers_that_make_no_surface_are_refused() {
        for bad in [
            &[3.0, 2.0][..],
            &[4.0, 2.0, 2.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            &[3.0, 2.5, 2.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            &[3.0, 1e18, 2.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            &[3.0, 2.0, 2.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0],
            &[1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            &[1.0, 2.0, 2.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, f64::NAN, 1.0],
        ] {
            assert!(Surface::from_numbers(bad).is_err(), "{bad:?}");
        }
    }
}
