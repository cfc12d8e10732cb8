//! A pixel's weights laid on the models: the sums over bands that the chi2 of every pair is made of.
//!
//! With `w = 1 / sigma^2`, a pair's model `m = s + L d` per unit of stellar mass and the best scale `a`,
//!
//! `chi2 = S - num^2 / den`, `num = A + L B`, `den = C + L (X + L E)`, `a = num / den`,
//!
//! where `S = sum w o^2`; `A = sum w o s`, `C = sum w s^2` over bands with starlight; `B = sum w o d`, `E = sum w d^2`
//! over bands with dust's light; and `X = 2 sum w s d` over those with both: only `X` belongs to the pair.
//!
//! Everything is held in units that make `S` 1 and `C`, `E` about 1, so that single precision has range to spare.

use crate::fit::models::Models;
use crate::library::Light;

/// A band of a pixel that counts, in the library's units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datum {
    /// Which band of the library.
    pub band: usize,
    /// The observed `f_nu * 4 pi d_L^2`, Lsun/Hz.
    pub light: f64,
    /// Inverse variance, (Lsun/Hz)^-2.
    pub weight: f64,
}

/// The sums of one pixel.
pub(crate) struct Weighed {
    /// `sum w o^2`.
    pub total: f64,
    /// `A`, `C` for all bands with starlight, by row.
    pub a: Vec<f64>,
    pub c: Vec<f64>,
    /// The least that bands of starlight alone leave, in units of `total`, and the scale that does: by row.
    pub left_by_stars: Vec<f32>,
    pub scale_by_stars: Vec<f32>,
    /// `C` over bands of starlight alone.
    pub c_pure: Vec<f32>,
    /// `B`, `E` for all bands with dust's light, by column.
    pub b: Vec<f64>,
    pub e: Vec<f64>,
    pub b_single: Vec<f32>,
    pub e_single: Vec<f32>,
    /// The least that bands of dust alone leave, the luminosity that does, and `E` over these bands: by column.
    pub left_by_dust: Vec<f32>,
    pub luminosity_by_dust: Vec<f32>,
    pub e_pure: Vec<f32>,
    /// The bands with both.
    pub mixed: Vec<Mixed>,
    /// Dust luminosity per stellar mass in the units of these sums, by row.
    pub luminosity: Vec<f64>,
    /// `a` in solar masses for each unit here.
    pub mass_unit: f64,
    /// Whether there are bands of starlight alone.
    pub star_bands: bool,
    /// Whether dust models differ in light or weight; where not, sums over them and bounds are empty.
    pub paired: bool,
}

/// A band that holds light of both components.
pub(crate) struct Mixed {
    pub band: usize,
    /// Factor of the row's flux: `2 w` in these units.
    pub factor: f64,
    /// The columns' flux in units that make it about 1.
    pub columns: Vec<f32>,
    pub columns_double: Vec<f64>,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// `1 / sqrt(mean)`, or 1 where there is nothing to scale by.
fn unit_of(values: &[f64]) -> f64 {
    let mean = mean(values);
    if mean > 0.0 && mean.is_finite() { 1.0 / mean.sqrt() } else { 1.0 }
}

/// Adds `w o f` and `w f^2` to the sums of each model.
fn add(sum: &mut [f64], square: &mut [f64], flux: &[f64], datum: &Datum) {
    let weighted = datum.light * datum.weight;
    accumulate(sum, square, flux, weighted, datum.weight);
}

pogson_lanes::lanes! {
    fn accumulate(sum: &mut [f64], square: &mut [f64], flux: &[f64], weighted: f64, weight: f64) {
        for ((sum, square), &flux) in sum.iter_mut().zip(square.iter_mut()).zip(flux) {
            *sum = weighted.mul_add(flux, *sum);
            *square = (weight * flux).mul_add(flux, *square);
        }
    }
}

impl Weighed {
    /// What a row leaves by itself at its best scale, in units of the total, and that scale in solar masses.
    pub(crate) fn alone(&self, row: usize) -> (f64, f64) {
        let (a, c) = (self.a[row], self.c[row]);
        if a > 0.0 && c > 0.0 { ((1.0 - a * a / c).max(0.0), a / c * self.mass_unit) } else { (1.0, f64::MIN_POSITIVE) }
    }

    pub(crate) fn new(models: &Models, data: &[Datum]) -> Weighed {
        let (rows, columns) = (&models.rows, &models.columns);
        let total: f64 = data.iter().map(|datum| datum.light * datum.light * datum.weight).sum();
        let light = |datum: &Datum| models.light[datum.band];
        let has = |wanted: Light| data.iter().any(|datum| light(datum) == wanted);
        let any_dust = has(Light::Dust) || has(Light::Both);
        let zeros = |count: usize| vec![0.0; count];
        let paired = any_dust || models.tells_dust_apart();
        // Where dust models are alike, sums over them are nothing, and stay empty.
        let (n_rows, n_columns) = (rows.model.len(), if paired { columns.model.len() } else { 0 });

        let (mut a, mut c) = (zeros(n_rows), zeros(n_rows));
        for datum in data.iter().filter(|datum| light(datum) == Light::Stars) {
            add(&mut a, &mut c, &rows.flux[datum.band], datum);
        }
        // What is left by starlight alone bounds pairs.
        let (mut a_pure, mut c_pure) = if paired { (a.clone(), c.clone()) } else { (Vec::new(), Vec::new()) };
        for datum in data.iter().filter(|datum| light(datum) == Light::Both) {
            add(&mut a, &mut c, &rows.flux[datum.band], datum);
        }
        let (mut b, mut e) = (zeros(n_columns), zeros(n_columns));
        for datum in data.iter().filter(|datum| light(datum) == Light::Dust) {
            add(&mut b, &mut e, &columns.flux[datum.band], datum);
        }
        let (mut b_pure, mut e_pure) = (b.clone(), e.clone());
        for datum in data.iter().filter(|datum| light(datum) == Light::Both) {
            add(&mut b, &mut e, &columns.flux[datum.band], datum);
        }

        let root = total.sqrt();
        let (star_unit, dust_unit) = (unit_of(&c), unit_of(&e[..columns.count.min(n_columns)]));
        let (star_sum, dust_sum) = (star_unit / root, dust_unit / root);
        let (star_square, dust_square) = (star_unit * star_unit, dust_unit * dust_unit);
        scale(&mut a, star_sum);
        scale(&mut c, star_square);
        scale(&mut a_pure, star_sum);
        scale(&mut c_pure, star_square);
        scale(&mut b, dust_sum);
        scale(&mut e, dust_square);
        scale(&mut b_pure, dust_sum);
        scale(&mut e_pure, dust_square);

        let share = |wanted: Light| -> f64 {
            let part: f64 = data.iter().filter(|d| light(d) == wanted).map(|d| d.light * d.light * d.weight).sum();
            part / total
        };
        let (left_by_stars, scale_by_stars) = least(&a_pure, &c_pure, share(Light::Stars));
        let (left_by_dust, luminosity_by_dust) = least(&b_pure, &e_pure, share(Light::Dust));
        let mixed = data
            .iter()
            .filter(|datum| light(datum) == Light::Both)
            .map(|datum| {
                let flux = &columns.flux[datum.band];
                let unit = mean(&flux[..columns.count]).max(f64::MIN_POSITIVE);
                let columns_double: Vec<f64> = flux.iter().map(|f| f / unit).collect();
                Mixed {
                    band: datum.band,
                    factor: 2.0 * datum.weight * star_unit * dust_unit * unit,
                    columns: columns_double.iter().map(|&f| f as f32).collect(),
                    columns_double,
                }
            })
            .collect();
        let per_unit = star_unit / dust_unit;
        Weighed {
            total,
            left_by_stars,
            scale_by_stars,
            c_pure: singles(&c_pure),
            b_single: singles(&b),
            e_single: singles(&e),
            left_by_dust,
            luminosity_by_dust,
            e_pure: singles(&e_pure),
            mixed,
            luminosity: if paired { rows.luminosity.iter().map(|l| l * per_unit).collect() } else { Vec::new() },
            mass_unit: star_unit * root,
            star_bands: has(Light::Stars),
            paired,
            a,
            c,
            b,
            e,
        }
    }
}

fn scale(values: &mut [f64], factor: f64) {
    for value in values {
        *value *= factor;
    }
}

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// For each model the least that its bands leave with a free scale of 0 or more, given `share` of the total, and that scale.
fn least(sum: &[f64], square: &[f64], share: f64) -> (Vec<f32>, Vec<f32>) {
    sum.iter()
        .zip(square)
        .map(|(&sum, &square)| {
            if square > 0.0 && sum > 0.0 {
                ((share - sum * sum / square) as f32, (sum / square) as f32)
            } else {
                (share as f32, 0.0)
            }
        })
        .unzip()
}
