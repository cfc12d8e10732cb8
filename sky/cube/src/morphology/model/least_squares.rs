//! Levenberg-Marquardt (Levenberg 1944, Marquardt 1963) with a Jacobian by differences.

use rayon::prelude::*;

/// A model that is a sum of parts; its parameters are of order 1.
pub(super) trait Model: Sync {
    /// Number of parts.
    fn parts(&self) -> usize;
    /// One part for given parameters.
    fn part(&self, part: usize, parameters: &[f64]) -> Vec<f64>;
    /// Whether a parameter bears on a part.
    fn bears(&self, parameter: usize, part: usize) -> bool;
}

/// Weighted data with a model of them.
pub(super) struct Problem<'a, M: Model> {
    /// What was measured.
    pub(super) data: &'a [f64],
    /// One over the variance; 0 leaves a value out.
    pub(super) weights: &'a [f64],
    /// What is to describe them.
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

impl<M: Model> Problem<'_, M> {
    fn parts(&self, parameters: &[f64]) -> Vec<Vec<f64>> {
        (0..self.model.parts()).into_par_iter().map(|k| self.model.part(k, parameters)).collect()
    }

    fn chi2(&self, model: &[f64]) -> f64 {
        let terms = self.data.iter().zip(model).zip(self.weights);
        terms.map(|((d, m), w)| if *w > 0.0 { (d - m) * (d - m) * w } else { 0.0 }).sum()
    }

    /// Derivatives of the model, one row a parameter; central where `exact`. Only parts that a parameter bears on are
    /// drawn again.
    fn jacobian(&self, parameters: &[f64], parts: &[Vec<f64>], exact: bool) -> Vec<Vec<f64>> {
        let (step, span) = if exact { (10.0 * STEP, 20.0 * STEP) } else { (STEP, STEP) };
        let shifted = |k: usize, by: f64| {
            let mut p = parameters.to_vec();
            p[k] += by;
            p
        };
        (0..parameters.len())
            .into_par_iter()
            .map(|k| {
                let mut row = vec![0.0; self.data.len()];
                for (part, base) in parts.iter().enumerate().filter(|(part, _)| self.model.bears(k, *part)) {
                    let up = self.model.part(part, &shifted(k, step));
                    let down = exact.then(|| self.model.part(part, &shifted(k, -step)));
                    let down = down.as_ref().unwrap_or(base);
                    row.iter_mut().zip(&up).zip(down).for_each(|((r, u), d)| *r += (u - d) / span);
                }
                row
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
        let mut parts = self.parts(&parameters);
        let mut model = sum(&parts);
        let mut chi2 = self.chi2(&model);
        let (mut damping, mut calm) = (1e-2, 0);
        for _ in 0..most {
            let jacobian = self.jacobian(&parameters, &parts, false);
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
                let new_parts = self.parts(&tried);
                let new = sum(&new_parts);
                let less = self.chi2(&new);
                if less < chi2 {
                    calm = if chi2 - less <= 1e-7 * chi2.max(1e-300) { calm + 1 } else { 0 };
                    (parameters, parts, model, chi2) = (tried, new_parts, new, less);
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
        let parts = self.parts(parameters);
        let (matrix, _) = self.normal(&self.jacobian(parameters, &parts, true), &sum(&parts));
        let factor = cholesky(&matrix)?;
        let n = matrix.len();
        let unit = |k: usize| (0..n).map(|i| f64::from(u8::from(i == k))).collect::<Vec<f64>>();
        Some((0..n).map(|k| solve(&factor, &unit(k))).collect())
    }
}

fn sum(parts: &[Vec<f64>]) -> Vec<f64> {
    let Some((first, others)) = parts.split_first() else { return Vec::new() };
    let mut total = first.clone();
    others.iter().for_each(|part| total.iter_mut().zip(part).for_each(|(t, v)| *t += v));
    total
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

    /// A model of one part.
    struct One<F: Fn(&[f64]) -> Vec<f64> + Sync>(F);

    impl<F: Fn(&[f64]) -> Vec<f64> + Sync> Model for One<F> {
        fn parts(&self) -> usize {
            1
        }

        fn part(&self, _: usize, parameters: &[f64]) -> Vec<f64> {
            (self.0)(parameters)
        }

        fn bears(&self, _: usize, _: usize) -> bool {
            true
        }
    }

    #[test]
    fn a_decay_is_found_with_the_covariance_of_linear_theory() {
        let time: Vec<f64> = (0..50).map(|k| f64::from(k) * 0.1).collect();
        let model = |p: &[f64]| time.iter().map(|t| p[0] * libm::exp(-p[1] * t)).collect::<Vec<f64>>();
        let data = model(&[2.0, 0.7]);
        let problem = Problem { data: &data, weights: &[100.0; 50], model: One(model) };
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
        let problem = Problem { data: &[1.0; 4], weights: &[1.0; 4], model: One(model) };
        assert!(problem.covariance(&[1.0, 5.0]).is_none());
    }
}
