//! The plain loop over all pairs, band by band in double precision: what the fast one is held against.

use crate::fit::models::Models;
use crate::fit::sweep::pair;
use crate::fit::weigh::Datum;

/// Sums over all compatible pairs, as priors weigh them, relative to the best.
#[derive(Debug, Clone, PartialEq)]
pub struct NaiveSums {
    /// The best pair's chi2; without priors the least.
    pub chi2: f64,
    /// Stellar and dust model of it, places in the library.
    pub best: (u32, u32),
    /// Sum of `exp(-(chi2 - least) / 2)`, with priors by their weight.
    pub total: f64,
    /// The same for each stellar model, by place in the library.
    pub stellar: Vec<f64>,
    /// The same for each dust model.
    pub dust: Vec<f64>,
    /// Fine bins of log10 of stellar mass, dust luminosity, star formation rate and dust mass.
    pub scaled: [Vec<f64>; 4],
}

/// Sums over all pairs of `models` by the plain loop; slow, for tests and measurements.
pub fn naive(models: &Models, data: &[Datum]) -> NaiveSums {
    use crate::parameter::Parameter;
    let (rows, columns) = (&models.rows, &models.columns);
    let (mut least, mut chi2) = (f64::INFINITY, f64::INFINITY);
    let mut best = (0, 0);
    let score = |row: usize, column: usize| {
        let (chi2, scale) = pair(models, data, row, column);
        let taken = 2.0 * std::f64::consts::LN_2 * models.penalty_of(row, column, scale);
        (chi2 + taken, chi2, scale)
    };
    let each = |row: usize| {
        let (low, high) = rows.window[row];
        (0..columns.model.len()).filter(move |&column| (low as i32..high as i32).contains(&columns.rank[column]))
    };
    for row in 0..rows.model.len() {
        for column in each(row) {
            let (score, value, _) = score(row, column);
            let place = (rows.model[row], columns.model[column]);
            if score < least || (score == least && place < best) {
                (least, chi2, best) = (score, value, place);
            }
        }
    }
    let axes = [Parameter::StellarMass, Parameter::DustLuminosity, Parameter::Sfr, Parameter::DustMass]
        .map(|parameter| &models.axes.of(parameter).fine);
    let mut sums = NaiveSums {
        chi2,
        best,
        total: 0.0,
        stellar: vec![0.0; rows.model.len()],
        dust: vec![0.0; columns.count],
        scaled: axes.map(|axis| vec![0.0; axis.len()]),
    };
    for row in 0..rows.model.len() {
        for column in each(row) {
            let (score, _, scale) = score(row, column);
            let p = libm::exp(-0.5 * (score - least));
            sums.total += p;
            sums.stellar[rows.model[row] as usize] += p;
            sums.dust[columns.model[column] as usize] += p;
            let log = libm::log10(scale);
            let luminosity = log + rows.log_luminosity[row];
            let logs = [log, luminosity, log + rows.log_ssfr[row], luminosity + columns.log_mass[column]];
            for ((bins, axis), log) in sums.scaled.iter_mut().zip(axes).zip(logs) {
                bins[axis.index(log)] += p;
            }
        }
    }
    sums
}
