//! Polynomials of low total degree in two variables.

/// Highest degree in use.
pub const MAX_DEGREE: usize = 3;

/// Unit of length of the local coordinates, in output pixels; keeps powers near one.
pub const LENGTH_PX: f64 = 512.0;

/// Exponents `(p, q)` of the monomials up to a total degree: 1, x, y, x², xy, y², ...
pub fn monomials(degree: usize) -> Vec<(usize, usize)> {
    (0..=degree).flat_map(|total| (0..=total).map(move |q| (total - q, q))).collect()
}

/// A polynomial about a centre, in units of [`LENGTH_PX`].
#[derive(Debug, Clone, PartialEq)]
pub struct Polynomial {
    /// Centre in output pixels, 0-based.
    pub centre: (f64, f64),
    /// Total degree.
    pub degree: usize,
    /// One coefficient per monomial, in the image's unit.
    pub coefficients: Vec<f64>,
}

impl Polynomial {
    /// The polynomial that is zero everywhere.
    pub fn zero(centre: (f64, f64), degree: usize) -> Polynomial {
        Polynomial { centre, degree, coefficients: vec![0.0; monomials(degree).len()] }
    }

    /// Value at an output pixel.
    pub fn at(&self, x: f64, y: f64) -> f64 {
        let row = self.along_row(y);
        let t = (x - self.centre.0) / LENGTH_PX;
        row.iter().rev().fold(0.0, |sum, c| sum * t + c)
    }

    /// Coefficients in rising powers of `(x - centre.0) / LENGTH_PX` for a fixed `y`.
    pub fn along_row(&self, y: f64) -> [f64; MAX_DEGREE + 1] {
        let s = (y - self.centre.1) / LENGTH_PX;
        let mut row = [0.0; MAX_DEGREE + 1];
        let mut k = 0;
        for total in 0..=self.degree {
            let mut power = 1.0;
            for q in 0..=total {
                row[total - q] += self.coefficients[k] * power;
                power *= s;
                k += 1;
            }
        }
        row
    }

    /// The same polynomial about another centre.
    pub fn about(&self, centre: (f64, f64)) -> Polynomial {
        let shift = shift_matrix(self.degree, self.centre, centre);
        let n = self.coefficients.len();
        // Monomials about the old centre are `shift` times those about the new one.
        let coefficients = (0..n).map(|j| (0..n).map(|i| shift[i * n + j] * self.coefficients[i]).sum()).collect();
        Polynomial { centre, degree: self.degree, coefficients }
    }
}

/// Matrix `T` (row-major) with `phi_from = T phi_to`: monomials about `from` in terms of those about `to`.
pub fn shift_matrix(degree: usize, from: (f64, f64), to: (f64, f64)) -> Vec<f64> {
    let terms = monomials(degree);
    let n = terms.len();
    let dx = (to.0 - from.0) / LENGTH_PX;
    let dy = (to.1 - from.1) / LENGTH_PX;
    let mut matrix = vec![0.0; n * n];
    for (i, &(p, q)) in terms.iter().enumerate() {
        for (j, &(a, b)) in terms.iter().enumerate() {
            if a <= p && b <= q {
                matrix[i * n + j] = binomial(p, a) * power(dx, p - a) * binomial(q, b) * power(dy, q - b);
            }
        }
    }
    matrix
}

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64)
}

fn power(x: f64, n: usize) -> f64 {
    (0..n).fold(1.0, |product, _| product * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_the_centre_changes_no_value() {
        let poly = Polynomial {
            centre: (100.0, -40.0),
            degree: 3,
            coefficients: vec![1.0, 2.0, -3.0, 0.5, 0.25, -1.5, 0.1, -0.2, 0.3, 0.7],
        };
        let moved = poly.about((-700.0, 900.0));
        for (x, y) in [(0.0, 0.0), (512.0, 100.0), (-333.0, 1111.0)] {
            assert!((poly.at(x, y) - moved.at(x, y)).abs() < 1e-10);
        }
    }
}
