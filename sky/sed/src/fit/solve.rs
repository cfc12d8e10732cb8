//! Linear equations with a symmetric, positive definite matrix.

/// The lower triangle `L` of `L L^T`, row by row.
pub(crate) struct Cholesky {
    lower: Vec<f64>,
    size: usize,
}

impl Cholesky {
    /// Of a matrix of `size` rows, each after the other; its diagonal is taken as at least a rounding of itself.
    pub(crate) fn new(mut matrix: Vec<f64>, size: usize) -> Cholesky {
        for row in 0..size {
            for column in 0..=row {
                let dot: f64 = (0..column).map(|k| matrix[row * size + k] * matrix[column * size + k]).sum();
                let own = matrix[row * size + column];
                matrix[row * size + column] = if row == column {
                    (own - dot).max(f64::EPSILON * own).max(f64::MIN_POSITIVE).sqrt()
                } else {
                    (own - dot) / matrix[column * size + column]
                };
            }
        }
        Cholesky { lower: matrix, size }
    }

    /// `x` of `matrix x = right`.
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (size, at) = (self.size, |row: usize, column: usize| self.lower[row * self.size + column]);
        let mut x = right.to_vec();
        for row in 0..size {
            let dot: f64 = (0..row).map(|k| at(row, k) * x[k]).sum();
            x[row] = (x[row] - dot) / at(row, row);
        }
        for row in (0..size).rev() {
            let dot: f64 = (row + 1..size).map(|k| at(k, row) * x[k]).sum();
            x[row] = (x[row] - dot) / at(row, row);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_solves() {
        let matrix = vec![4.0, 2.0, 0.5, 2.0, 5.0, -1.0, 0.5, -1.0, 3.0];
        let x = Cholesky::new(matrix.clone(), 3).solve(&[1.0, -2.0, 0.25]);
        for (row, wanted) in matrix.chunks(3).zip([1.0, -2.0, 0.25]) {
            let product: f64 = row.iter().zip(&x).map(|(a, b)| a * b).sum();
            assert!((product - wanted).abs() < 1e-13);
        }
    }
}
