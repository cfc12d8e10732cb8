//! Polynomials in two variables, and odd powers of their radius, over lanes of points.

/// Points that one step of a kernel handles together.
pub(super) const LANES: usize = 8;

/// One coordinate of [`LANES`] points.
pub(super) type Lane = [f64; LANES];

/// A polynomial `sum c[p][q] u^p v^q` of any shape, kept ready for Horner's scheme.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Polynomial {
    /// Coefficients, the row of `v^0` first; in a row the coefficient of `u^0` first.
    coefficients: Vec<f64>,
    /// Length of each row; row `q` belongs to `v^q`.
    rows: Vec<usize>,
}

/// A polynomial's value and its two slopes at a lane of points.
pub(super) struct Slopes {
    /// The value.
    pub(super) value: Lane,
    /// The derivative by the first variable.
    pub(super) by_u: Lane,
    /// The derivative by the second variable.
    pub(super) by_v: Lane,
}

impl Polynomial {
    /// Collects terms `(p, q, c)` of `c u^p v^q`; those of equal powers add up, zeros vanish.
    pub(super) fn from_terms(terms: impl IntoIterator<Item = (usize, usize, f64)>) -> Self {
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for (p, q, c) in terms {
            if c == 0.0 {
                continue;
            }
            if rows.len() <= q {
                rows.resize(q + 1, Vec::new());
            }
            if rows[q].len() <= p {
                rows[q].resize(p + 1, 0.0);
            }
            rows[q][p] += c;
        }
        Self { rows: rows.iter().map(Vec::len).collect(), coefficients: rows.concat() }
    }

    /// True when no term is left.
    pub(super) fn is_zero(&self) -> bool {
        self.coefficients.iter().all(|c| *c == 0.0)
    }

    /// The polynomial's value at each point.
    #[inline(always)]
    pub(super) fn value(&self, u: &Lane, v: &Lane) -> Lane {
        let mut sum: Lane = [0.0; LANES];
        let mut end = self.coefficients.len();
        for len in self.rows.iter().rev() {
            let start = end - len;
            let mut row: Lane = [0.0; LANES];
            for c in self.coefficients[start..end].iter().rev() {
                for i in 0..LANES {
                    row[i] = row[i].mul_add(u[i], *c);
                }
            }
            for i in 0..LANES {
                sum[i] = sum[i].mul_add(v[i], row[i]);
            }
            end = start;
        }
        sum
    }

    /// The polynomial's value and slopes at each point.
    #[inline(always)]
    pub(super) fn slopes(&self, u: &Lane, v: &Lane) -> Slopes {
        let mut value: Lane = [0.0; LANES];
        let mut by_u: Lane = [0.0; LANES];
        let mut by_v: Lane = [0.0; LANES];
        let mut end = self.coefficients.len();
        for len in self.rows.iter().rev() {
            let start = end - len;
            let mut row: Lane = [0.0; LANES];
            let mut row_by_u: Lane = [0.0; LANES];
            for c in self.coefficients[start..end].iter().rev() {
                for i in 0..LANES {
                    row_by_u[i] = row_by_u[i].mul_add(u[i], row[i]);
                    row[i] = row[i].mul_add(u[i], *c);
                }
            }
            for i in 0..LANES {
                by_v[i] = by_v[i].mul_add(v[i], value[i]);
                value[i] = value[i].mul_add(v[i], row[i]);
                by_u[i] = by_u[i].mul_add(v[i], row_by_u[i]);
            }
            end = start;
        }
        Slopes { value, by_u, by_v }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn horner_agrees_with_the_sum_of_powers(
            terms in prop::collection::vec((0usize..6, 0usize..6, -2.0..2.0f64), 0..20),
            u in -1.5..1.5f64, v in -1.5..1.5f64,
        ) {
            let poly = Polynomial::from_terms(terms.clone());
            let power = |b: f64, n: usize| b.powi(n as i32);
            let slope = |b: f64, n: usize| if n == 0 { 0.0 } else { n as f64 * b.powi(n as i32 - 1) };
            let sum: f64 = terms.iter().map(|(p, q, c)| c * power(u, *p) * power(v, *q)).sum();
            let by_u: f64 = terms.iter().map(|(p, q, c)| c * slope(u, *p) * power(v, *q)).sum();
            let by_v: f64 = terms.iter().map(|(p, q, c)| c * power(u, *p) * slope(v, *q)).sum();
            let s = poly.slopes(&[u; LANES], &[v; LANES]);
            prop_assert_eq!(poly.value(&[u; LANES], &[v; LANES])[3], s.value[3]);
            prop_assert!((s.value[0] - sum).abs() < 1e-10);
            prop_assert!((s.by_u[7] - by_u).abs() < 1e-9);
            prop_assert!((s.by_v[1] - by_v).abs() < 1e-9);
        }
    }

    #[test]
    fn an_empty_polynomial_is_zero() {
        let poly = Polynomial::from_terms([(3, 4, 0.0)]);
        assert!(poly.is_zero());
        assert_eq!(poly.value(&[2.0; LANES], &[3.0; LANES]), [0.0; LANES]);
    }
}
