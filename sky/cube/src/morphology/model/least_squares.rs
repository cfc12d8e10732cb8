//! Levenberg-Marquardt (Levenberg 1944, Marquardt 1963) with a Jacobian by differences.

use rayon::prelude::*;

/// Weighted data with a model of them.
pub(super) struct Problem<'a, M: Fn(&[f64]) -> Vec<f64> + Sync> {
    /// What was measured.
    pub(super) data: &'a [f64],
    /// One over the variance; 0 leaves a value out.
    pub(super) weights: &'a [f64],
    /// The model of the data for given parameters, all of order 1.
    pub(super) model: M,
}

/// Where a fit ended.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    pub(super) parameters: Vec<f64>,
    pub(super) chi2: f64,
    pub(super) converged: bool,
}

/// A step for differences: parameters are of order 1.
const STEP: f64 = 1e-5;

impl<M: Fn(&[f64]) -> Vec<f64> + Sync> Problem<'_, M> {
    fn chi2(&self, model: &[f64]) -> f64 {
        let terms = self.data.iter().zip(model).zip(self.weights);
        terms.map(|((d, m), w)| if *w > 0.0 { (d - m) * (d - m) * w } else { 0.0 }).sum()
    }

    /// Derivatives of the model, one row a parameter; central where `exact`.
    fn jacobian(&self, parameters: &[f64], model: &[f64], exact: bool) -> Vec<Vec<f64>> {
        let at = |k: usize, step: f64| {
            let mut p = parameters.to_vec();
            p[k] += step;
            (self.model)(&p)
        };
        (0..parameters.len())
            .into_par_iter()
            .map(|k| {
                let step = if exact { 10.0 * STEP } else { STEP };
                let up = at(k, step);
                if exact {
                    let down = at(k, -step);
                    return up.iter().zip(&down).map(|(u, d)| (u - d) / (2.0 * step)).collect();
                }
                up.iter().zip(model).map(|(u, m)| (u - m) / step).collect()
            })
            .collect()
    }

    /// `J W J'` and `J W (d - m)`.
    fn normal(&self, jacobian: &[Vec<f64>], model: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
        let n = jacobian.len();
        let residual: Vec<f64> = (self.data.iter().zip(model).zip(self.weights))
            .map(|((d, m), w)| if *w > 0.0 { (d - m) * w } else { 0.0 })
            .collect();
        let weighted: Vec<Vec<f64>> = jacobian
            .par_iter()
            .map(|row| row.iter().zip(self.weights).map(|(j, w)| if *w > 0.0 { j * w } else { 0.0 }).collect())
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let matrix =
            (0..n).into_par_iter().map(|i| (0..n).map(|j| dot(&weighted[i], &jacobian[j])).collect()).collect();
        (matrix, jacobian.iter().map(|row| dot(row, &residual)).collect())
    }

    /// Goes downhill from a start for at most `most` steps.
    pub(super) fn solve(&self, start: Vec<f64>, most: usize) -> Solution {
        let mut parameters = start;
        let mut model = (self.model)(&parameters);
        let mut chi2 = self.chi2(&model);
        let (mut damping, mut calm) = (1e-2, 0);
        for _ in 0..most {
            let jacobian = self.jacobian(&parameters, &model, false);
            let (matrix, gradient) = self.normal(&jacobian, &model);
            let mut moved = false;
            for _ in 0..8 {
                let mut damped = matrix.clone();
                for (k, row) in damped.iter_mut().enumerate() {
                    row[k] += damping * row[k].max(1e-12);
                }
                let step = cholesky(&damped).map(|l| solve(&l, &gradient));
                let Some(step) = step.filter(|s| s.iter().all(|v| v.is_finite())) else {
                    damping *= 10.0;
                    continue;
                };
                // No parameter goes further than one unit at once.
                let longest = step.iter().fold(1.0f64, |m, v| m.max(v.abs()));
                let tried: Vec<f64> = parameters.iter().zip(&step).map(|(p, s)| p + s / longest).collect();
                let new = (self.model)(&tried);
                let less = self.chi2(&new);
                if less < chi2 {
                    calm = if chi2 - less <= 1e-7 * chi2.max(1e-300) { calm + 1 } else { 0 };
                    (parameters, model, chi2) = (tried, new, less);
                    damping = (damping * 0.2).max(1e-9);
                    moved = true;
                    break;
                }
                damping *= 6.0;
            }
            if !moved || calm >= 2 {
                return Solution { parameters, chi2, converged: true };
            }
        }
        Solution { parameters, chi2, converged: false }
    }

    /// Covariance of the parameters at a solution; None where some parameter has no bearing on the model.
    pub(super) fn covariance(&self, parameters: &[f64]) -> Option<Vec<Vec<f64>>> {
        let model = (self.model)(parameters);
        let (matrix, _) = self.normal(&self.jacobian(parameters, &model, true), &model);
        let factor = cholesky(&matrix)?;
        let n = matrix.len();
        let unit = |k: usize| (0..n).map(|i| f64::from(u8::from(i == k))).collect::<Vec<f64>>();
        Some((0..n).map(|k| solve(&factor, &unit(k))).collect())
    }
}

/// The lower factor of a symmetric matrix. None unless it is positive definite.
fn cholesky(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = matrix.len();
    let mut l = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            let rest = matrix[i][j] - sum;
            if i == j {
                if rest.is_nan() || rest <= 1e-14 * matrix[i][i] {
                    return None;
                }
                l[i][i] = rest.sqrt();
            } else {
                l[i][j] = rest / l[j][j];
            }
        }
    }
    Some(l)
}

/// Solves `L L' x = b`.
fn solve(l: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut x = b.to_vec();
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| l[i][k] * x[k]).sum();
        x[i] = (x[i] - sum) / l[i][i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| l[k][i] * x[k]).sum();
        x[i] = (x[i] - sum) / l[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decay_is_found_with_the_covariance_of_linear_theory() {
        let time: Vec<f64> = (0..50).map(|k| f64::from(k) * 0.1).collect();
        let model = |p: &[f64]| time.iter().map(|t| p[0] * libm::exp(-p[1] * t)).collect::<Vec<f64>>();
        let data = model(&[2.0, 0.7]);
        let problem = Problem { data: &data, weights: &[100.0; 50], model };
        let found = problem.solve(vec![1.0, 0.1], 50);
        assert!((found.parameters[0] - 2.0).abs() < 1e-5 && (found.parameters[1] - 0.7).abs() < 1e-5, "{found:?}");
        // The same by sums over the two derivatives.
        let d = |t: f64| [libm::exp(-0.7 * t), -2.0 * t * libm::exp(-0.7 * t)];
        let sum = |i: usize, j: usize| time.iter().map(|t| 100.0 * d(*t)[i] * d(*t)[j]).sum::<f64>();
        let determinant = sum(0, 0) * sum(1, 1) - sum(0, 1) * sum(0, 1);
        let covariance = problem.covariance(&found.parameters).unwrap();
        assert!((covariance[0][0] / (sum(1, 1) / determinant) - 1.0).abs() < 1e-4);
        assert!((covariance[0][1] / (-sum(0, 1) / determinant) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_parameter_without_bearing_has_no_covariance() {
        let model = |p: &[f64]| vec![p[0]; 4];
        let problem = Problem { data: &[1.0; 4], weights: &[1.0; 4], model };
        assert!(problem.covariance(&[1.0, 5.0]).is_none());
    }
}
