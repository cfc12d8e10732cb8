//! The difference of two tiles over their overlap, fitted by a polynomial with outliers left out.

use super::difference::Difference;
use super::polynomial::{LENGTH_PX, MAX_DEGREE, Polynomial, monomials};
use pogson_image::lanes;

/// Residuals beyond this many standard deviations are left out.
const CLIP_SIGMA: f64 = 3.0;
/// Fits after which the set of pixels is taken as settled.
const MAX_ROUNDS: usize = 20;
/// Residuals that the scatter is estimated from.
const SAMPLE: usize = 4096;

/// Sums over pixels: `m[p][q]` of `w x^p y^q`, `v[p][q]` of `w d x^p y^q`, in local coordinates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moments {
    pub(crate) m: [[f64; 2 * MAX_DEGREE + 1]; 2 * MAX_DEGREE + 1],
    pub(crate) v: [[f64; MAX_DEGREE + 1]; MAX_DEGREE + 1],
    pub(crate) dd: f64,
    pub(crate) pixels: f64,
}

impl Moments {
    fn add(&mut self, other: &Moments) {
        for p in 0..self.m.len() {
            for q in 0..self.m.len() {
                self.m[p][q] += other.m[p][q];
            }
        }
        for p in 0..self.v.len() {
            for q in 0..self.v.len() {
                self.v[p][q] += other.v[p][q];
            }
        }
        self.dd += other.dd;
        self.pixels += other.pixels;
    }

    /// Sum of weights.
    pub fn weight(&self) -> f64 {
        self.m[0][0]
    }

    /// Number of pixels.
    pub fn pixels(&self) -> f64 {
        self.pixels
    }

    /// Normal matrix of the monomials up to a degree, row-major.
    pub fn normal(&self, degree: usize) -> Vec<f64> {
        let terms = monomials(degree);
        terms.iter().flat_map(|&(p, q)| terms.iter().map(move |&(a, b)| self.m[p + a][q + b])).collect()
    }

    /// Sums of the monomials times the difference.
    pub fn right(&self, degree: usize) -> Vec<f64> {
        monomials(degree).iter().map(|&(p, q)| self.v[p][q]).collect()
    }

    /// Sum of weighted squared residuals after subtracting `poly`, given about the same centre.
    pub fn residual_square(&self, poly: &[f64], degree: usize) -> f64 {
        let n = poly.len();
        let normal = self.normal(degree);
        let cross: f64 = self.right(degree).iter().zip(poly).map(|(v, c)| v * c).sum();
        let square: f64 = (0..n * n).map(|k| normal[k] * poly[k / n] * poly[k % n]).sum();
        (self.dd - 2.0 * cross + square).max(0.0)
    }

    /// Weighted mean residual after subtracting `poly`, given about the same centre; `None` without pixels.
    pub fn residual_mean(&self, poly: &[f64], degree: usize) -> Option<f64> {
        let sum: f64 = monomials(degree).iter().zip(poly).map(|(&(p, q), c)| self.m[p][q] * c).sum();
        (self.weight() > 0.0).then(|| (self.v[0][0] - sum) / self.weight())
    }
}

/// What the overlap of two tiles says.
#[derive(Debug, Clone)]
pub struct PairFit {
    /// Index of the first tile.
    pub a: usize,
    /// Index of the second tile.
    pub b: usize,
    /// Fitted difference `a - b`, about the overlap's centre.
    pub difference: Polynomial,
    /// Sums over the pixels that were kept.
    pub moments: Moments,
    /// The same by parts along the overlap's longer side.
    pub parts: Vec<Moments>,
    /// Pixels that both tiles cover.
    pub covered: usize,
    /// Scatter of the residuals about the fit (1.4826 times their median absolute deviation).
    pub sigma: f64,
}

/// Fits a polynomial of the given degree; `None` when fewer pixels than coefficients remain.
pub fn fit(difference: &Difference, degree: usize) -> Option<PairFit> {
    let covered = difference.covered();
    if covered == 0 {
        return None;
    }
    let centre = difference.centre();
    let mut poly = Polynomial::zero(centre, degree);
    let (level, mut sigma) = scatter(difference, &poly);
    poly.coefficients[0] = level;
    let mut kept = (Moments::default(), Vec::new());
    let mut previous = -1.0;
    for round in 0..MAX_ROUNDS {
        // Rounding of f32 differences is no outlier.
        let limit = (CLIP_SIGMA * sigma).max(difference.rounding());
        kept = sums(difference, &poly, limit);
        if kept.0.pixels < (2 * poly.coefficients.len()) as f64 {
            return None;
        }
        // An overlap too thin to fix a slope still has a level.
        poly.coefficients = solve_small(kept.0.normal(degree), kept.0.right(degree)).unwrap_or_else(|| {
            let mut level = vec![0.0; poly.coefficients.len()];
            level[0] = kept.0.right(0)[0] / kept.0.weight();
            level
        });
        sigma = scatter(difference, &poly).1;
        if round > 2 && (kept.0.pixels - previous).abs() <= 1e-5 * kept.0.pixels {
            break;
        }
        previous = kept.0.pixels;
    }
    let (a, b) = difference.pair;
    Some(PairFit { a, b, difference: poly, moments: kept.0, parts: kept.1, covered, sigma })
}

/// Median residual and 1.4826 times the median absolute deviation, from an even sample.
fn scatter(difference: &Difference, poly: &Polynomial) -> (f64, f64) {
    let step = (difference.values.len() / SAMPLE).max(1);
    let mut residuals = Vec::with_capacity(SAMPLE + 1);
    // Counting runs on through the rows, so that the sample is even over the overlap.
    let mut skip = 0usize;
    for run in &difference.runs {
        let row = poly.along_row(run.y as f64);
        let mut k = skip;
        while k < run.length {
            let at = run.start + k;
            if difference.weights[at] > 0.0 {
                let t = ((run.x + k as i64) as f64 - poly.centre.0) / LENGTH_PX;
                let model = ((row[3] * t + row[2]) * t + row[1]) * t + row[0];
                residuals.push(f64::from(difference.values[at]) - model);
            }
            k += step;
        }
        skip = k - run.length;
    }
    if residuals.is_empty() {
        return (0.0, 0.0);
    }
    let middle = residuals.len() / 2;
    let median = *residuals.select_nth_unstable_by(middle, f64::total_cmp).1;
    for r in &mut residuals {
        *r = (*r - median).abs();
    }
    let mad = *residuals.select_nth_unstable_by(middle, f64::total_cmp).1;
    (median, 1.4826 * mad)
}

/// Sums over the pixels within `limit` of the polynomial, in all and by parts.
fn sums(difference: &Difference, poly: &Polynomial, limit: f64) -> (Moments, Vec<Moments>) {
    let mut parts = vec![Moments::default(); difference.parts()];
    for run in &difference.runs {
        let row = poly.along_row(run.y as f64);
        let s = (run.y as f64 - poly.centre.1) / LENGTH_PX;
        let mut k = 0;
        while k < run.length {
            let (part, end) = difference.part(run, k);
            let at = run.start + k..run.start + end;
            let t0 = ((run.x + k as i64) as f64 - poly.centre.0) / LENGTH_PX;
            let mut out = RowSums::default();
            row_sums(
                &difference.values[at.clone()],
                &difference.weights[at],
                t0,
                &row,
                2 * poly.degree,
                limit,
                &mut out,
            );
            out.add_to(&mut parts[part], s, poly.degree);
            k = end;
        }
    }
    let mut total = Moments::default();
    for part in &parts {
        total.add(part);
    }
    (total, parts)
}

/// Sums along a row: powers of x up to 6 with the weights, up to 3 with weight times difference.
#[derive(Default)]
struct RowSums {
    s: [f64; 2 * MAX_DEGREE + 1],
    d: [f64; MAX_DEGREE + 1],
    dd: f64,
    n: f64,
}

impl RowSums {
    fn add_to(&self, moments: &mut Moments, s: f64, degree: usize) {
        let mut power = 1.0;
        for q in 0..=2 * degree {
            for p in 0..=2 * degree - q {
                moments.m[p][q] += self.s[p] * power;
            }
            if q <= degree {
                for p in 0..=degree - q {
                    moments.v[p][q] += self.d[p] * power;
                }
            }
            power *= s;
        }
        moments.dd += self.dd;
        moments.pixels += self.n;
    }
}

lanes! {
    /// Sums over one run of pixels, powers of x up to `top`; eight lanes in a fixed tree.
    fn row_sums(values: &[f32], weights: &[f32], t0: f64, row: &[f64; 4], top: usize, limit: f64, out: &mut RowSums) {
        const STEP: f64 = 1.0 / LENGTH_PX;
        let mut s = [[0.0f64; 8]; 7];
        let mut d = [[0.0f64; 8]; 4];
        let (mut dd, mut n) = ([0.0f64; 8], [0.0f64; 8]);
        let groups = values.len().div_ceil(8);
        for g in 0..groups {
            let (mut value, mut weight) = ([0.0f32; 8], [0.0f32; 8]);
            let m = 8.min(values.len() - 8 * g);
            value[..m].copy_from_slice(&values[8 * g..8 * g + m]);
            weight[..m].copy_from_slice(&weights[8 * g..8 * g + m]);
            let (mut t, mut w, mut wd) = ([0.0f64; 8], [0.0f64; 8], [0.0f64; 8]);
            for l in 0..8 {
                t[l] = ((8 * g + l) as f64).mul_add(STEP, t0);
                let model = row[3].mul_add(t[l], row[2]).mul_add(t[l], row[1]).mul_add(t[l], row[0]);
                let value = f64::from(value[l]);
                let keep = (value - model).abs() <= limit;
                w[l] = if keep { f64::from(weight[l]) } else { 0.0 };
                wd[l] = w[l] * value;
                n[l] += if w[l] > 0.0 { 1.0 } else { 0.0 };
                dd[l] = wd[l].mul_add(value, dd[l]);
            }
            let mut wt = w;
            for power in s.iter_mut().take(top + 1) {
                for l in 0..8 {
                    power[l] += wt[l];
                    wt[l] *= t[l];
                }
            }
            let mut wdt = wd;
            for power in d.iter_mut().take(top / 2 + 1) {
                for l in 0..8 {
                    power[l] += wdt[l];
                    wdt[l] *= t[l];
                }
            }
        }
        let tree = |a: &[f64; 8]| ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
        for (out, lanes) in out.s.iter_mut().zip(&s) {
            *out = tree(lanes);
        }
        for (out, lanes) in out.d.iter_mut().zip(&d) {
            *out = tree(lanes);
        }
        out.dd = tree(&dd);
        out.n = tree(&n);
    }
}

/// Solves a small symmetric positive definite system by Cholesky; `None` when it is singular.
pub fn solve_small(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    let scale: Vec<f64> = (0..n).map(|i| a[i * n + i].max(0.0).sqrt()).collect();
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let value = a[i * n + j] - sum;
            if i == j {
                if value.is_nan() || value <= 1e-12 * scale[i] * scale[i] {
                    return None;
                }
                a[i * n + i] = value.sqrt();
            } else {
                a[i * n + j] = value / a[j * n + j];
            }
        }
    }
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i * n + i];
    }
    Some(b)
}
