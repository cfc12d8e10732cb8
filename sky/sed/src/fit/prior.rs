//! What is known of a pixel's parameters before its light is looked at: ranges and Gaussians that weigh the pairs.
//!
//! Weights are held as penalties, `-log2` of the weight over the greatest: 0 where a prior takes nothing, and what no pair
//! can fall below, so that bounds on chi2 stay bounds. A parameter that one component decides gives a penalty of the model;
//! one that hangs on the scale is weighed at the best scale of each pair.

use crate::fit::models::{Alone, Models, ModelsError};
use crate::parameter::Parameter;

/// What is known of one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Of which.
    pub parameter: Parameter,
    /// What.
    pub form: Form,
}

/// The form of a prior, on top of the library's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Nothing outside `low..=high`, values and not logarithms.
    Range {
        /// Least value.
        low: f64,
        /// Greatest value.
        high: f64,
    },
    /// A Gaussian about a value.
    Gaussian {
        /// The value, not its logarithm.
        mean: f64,
        /// Standard deviation: in dex where [`Parameter::is_logarithmic`], else in the parameter's unit.
        sigma: f64,
    },
}

/// The penalty of what cannot be.
pub(crate) const NEVER: f32 = 1e9;

impl Prior {
    /// The prior on the parameter as it is binned: value, or log10.
    fn binned(&self) -> Form {
        let log = |value: f64| if self.parameter.is_logarithmic() { libm::log10(value) } else { value };
        match self.form {
            Form::Range { low, high } => Form::Range { low: log(low), high: log(high) },
            Form::Gaussian { mean, sigma } => Form::Gaussian { mean: log(mean), sigma },
        }
    }

    /// The least and greatest of a range, as the parameter is binned; none of other forms.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        match self.binned() {
            Form::Range { low, high } => Some((low, high)),
            Form::Gaussian { .. } => None,
        }
    }

    fn check(&self) -> Result<(), ModelsError> {
        let good = match self.binned() {
            Form::Range { low, high } => low <= high,
            Form::Gaussian { mean, sigma } => mean.is_finite() && sigma.is_finite() && sigma > 0.0,
        };
        if good { Ok(()) } else { Err(ModelsError::Prior { parameter: self.parameter.name() }) }
    }
}

/// `-log2` of a prior's weight at `value`.
fn penalty(form: Form, value: f64) -> f64 {
    match form {
        Form::Range { low, high } if (low..=high).contains(&value) => 0.0,
        Form::Range { .. } => f64::from(NEVER),
        Form::Gaussian { mean, sigma } => {
            let off = (value - mean) / sigma;
            (0.5 * std::f64::consts::LOG2_E * off * off).min(f64::from(NEVER))
        }
    }
}

/// Priors on what hangs on the scale: parameter and what is known of its log10.
pub(crate) type Scaled = Vec<(Parameter, Form)>;

/// Priors on the scale of one row's pairs, as functions of `x`, log10 of the scale over the row's reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OfScale {
    /// Penalty `q[0] + q[1] x + q[2] x^2`.
    pub quadratic: [f32; 3],
    /// Least and greatest `x`.
    pub range: (f32, f32),
    /// Penalty `f (x + o + m)^2` of the dust's mass, `m` log10 of mass per luminosity: `f`, `o`.
    pub dust: (f32, f32),
    /// Least and greatest `x + m`.
    pub dust_range: (f32, f32),
}

impl OfScale {
    /// - `log`: log10 of the reference scale in solar masses;
    /// - `luminosity`, `ssfr`: log10 of the row's dust luminosity and star formation rate per solar mass.
    pub(crate) fn new(scaled: &Scaled, log: f64, luminosity: f64, ssfr: f64) -> OfScale {
        let mut sum = [0.0f64; 3];
        let mut range = (f64::NEG_INFINITY, f64::INFINITY);
        let (mut dust, mut dust_range) = (Vec::new(), (f64::NEG_INFINITY, f64::INFINITY));
        for &(parameter, form) in scaled {
            let at = log
                + match parameter {
                    Parameter::DustLuminosity | Parameter::DustMass => luminosity,
                    Parameter::Sfr => ssfr,
                    _ => 0.0,
                };
            match form {
                Form::Range { low, high } => {
                    let range = if parameter == Parameter::DustMass { &mut dust_range } else { &mut range };
                    *range = (range.0.max(low - at), range.1.min(high - at));
                }
                Form::Gaussian { mean, sigma } => {
                    let (factor, off) = (0.5 * std::f64::consts::LOG2_E / (sigma * sigma), at - mean);
                    if parameter == Parameter::DustMass {
                        dust.push((factor, off));
                    } else {
                        sum[0] += factor * off * off;
                        sum[1] += 2.0 * factor * off;
                        sum[2] += factor;
                    }
                }
            }
        }
        // Several Gaussians of the dust's mass are one about their mean, and a constant.
        let factor: f64 = dust.iter().map(|one| one.0).sum();
        let off = if factor > 0.0 { dust.iter().map(|one| one.0 * one.1).sum::<f64>() / factor } else { 0.0 };
        sum[0] += dust.iter().map(|one| one.0 * one.1 * one.1).sum::<f64>() - factor * off * off;
        let narrow = |range: (f64, f64)| (range.0 as f32, range.1 as f32);
        OfScale {
            quadratic: sum.map(|x| x as f32),
            range: narrow(range),
            dust: (factor as f32, off as f32),
            dust_range: narrow(dust_range),
        }
    }

    /// The penalty of one pair.
    #[inline(always)]
    pub(crate) fn penalty(&self, x: f32, mass: f32) -> f32 {
        let [q0, q1, q2] = self.quadratic;
        let (factor, off) = self.dust;
        let (place, dust) = (x + mass, x + off + mass);
        let sum = (factor * dust).mul_add(dust, q2.mul_add(x, q1).mul_add(x, q0));
        let inside =
            (x >= self.range.0) & (x <= self.range.1) & (place >= self.dust_range.0) & (place <= self.dust_range.1);
        let sum = if sum < NEVER { sum } else { NEVER };
        if inside { sum } else { NEVER }
    }
}

impl Models {
    /// Lays `priors` on the models; the evidence is then the mean over the pairs as they are weighed.
    ///
    /// # Errors
    /// A parameter that the library does not tell, ranges without models.
    pub(crate) fn weigh(&mut self, priors: &[Prior]) -> Result<(), ModelsError> {
        let (mut rows, mut columns) = (vec![0.0f64; self.rows.model.len()], Vec::new());
        let add = |penalties: &mut [f64], alone: &Alone, form: Form| {
            for (sum, &value) in penalties.iter_mut().zip(&alone.value) {
                *sum += penalty(form, value);
            }
        };
        let find = |all: &[Alone], parameter| all.iter().position(|alone| alone.parameter == parameter);
        for prior in priors {
            prior.check()?;
            let form = prior.binned();
            if let Some(at) = find(&self.rows.alone, prior.parameter) {
                add(&mut rows, &self.rows.alone[at], form);
            } else if let Some(at) = find(&self.columns.alone, prior.parameter) {
                columns.resize(self.columns.model.len(), 0.0);
                add(&mut columns, &self.columns.alone[at], form);
            } else if prior.parameter.hangs_on_scale() {
                self.scaled.push((prior.parameter, form));
            } else {
                return Err(ModelsError::PriorOf { parameter: prior.parameter.name() });
            }
        }
        let single = |penalties: &[f64]| -> Vec<f32> { penalties.iter().map(|&p| (p as f32).min(NEVER)).collect() };
        if rows.iter().any(|&p| p > 0.0) {
            self.rows.penalty = single(&rows);
        }
        self.columns.penalty = single(&columns);
        for (window, penalty) in self.rows.window.iter_mut().zip(&self.rows.penalty) {
            if *penalty >= NEVER {
                *window = (0, 0);
            }
        }
        self.count();
        if self.weight > 0.0 { Ok(()) } else { Err(ModelsError::EmptyPrior) }
    }

    /// Whether priors weigh dust models, or pairs by the mass of their dust.
    pub(crate) fn tells_dust_apart(&self) -> bool {
        !self.columns.penalty.is_empty() || self.scaled.iter().any(|(parameter, _)| *parameter == Parameter::DustMass)
    }

    /// What priors take from a pair, as `-log2` of its weight.
    ///
    /// - `scale`: in solar masses.
    pub(crate) fn penalty_of(&self, row: usize, column: usize, scale: f64) -> f64 {
        let alone = |penalties: &[f32], at: usize| penalties.get(at).map_or(0.0, |&p| f64::from(p));
        let log = libm::log10(scale.max(1e-300));
        let luminosity = log + self.rows.log_luminosity[row];
        let by_scale = self.scaled.iter().map(|&(parameter, form)| {
            let value = match parameter {
                Parameter::DustLuminosity => luminosity,
                Parameter::DustMass => luminosity + self.columns.log_mass[column],
                Parameter::Sfr => log + self.rows.log_ssfr[row],
                _ => log,
            };
            penalty(form, value)
        });
        alone(&self.rows.penalty, row) + alone(&self.columns.penalty, column) + by_scale.sum::<f64>()
    }

    /// Whether any prior weighs.
    pub(crate) fn has_priors(&self) -> bool {
        !(self.rows.penalty.is_empty() && self.columns.penalty.is_empty() && self.scaled.is_empty())
    }

    /// Counts compatible pairs, and sums the weights of each model's partners.
    pub(crate) fn count(&mut self) {
        let (rows, columns) = (&mut self.rows, &mut self.columns);
        let weight = |penalties: &[f32], at: usize| penalties.get(at).map_or(1.0, |&p| libm::exp2(-f64::from(p)));
        let by_rank = {
            let mut by_rank = vec![0.0f64; columns.count + 1];
            for (at, &rank) in columns.rank.iter().enumerate() {
                if let Some(slot) = by_rank.get_mut(rank as usize) {
                    *slot = weight(&columns.penalty, at);
                }
            }
            let mut sum = 0.0;
            by_rank.iter_mut().for_each(|slot| sum += std::mem::replace(slot, sum));
            by_rank
        };
        let mut steps = vec![0.0f64; columns.count + 1];
        for (row, &(low, high)) in rows.window.iter().enumerate() {
            let own = weight(&rows.penalty, row);
            let partners = if low < high { by_rank[high as usize] - by_rank[low as usize] } else { 0.0 };
            rows.prior[row] = own * partners;
            steps[low as usize] += own;
            steps[high as usize] -= own;
        }
        let mut sum = 0.0;
        steps.iter_mut().for_each(|step| {
            sum += *step;
            *step = sum;
        });
        for (at, (prior, &rank)) in columns.prior.iter_mut().zip(&columns.rank).enumerate() {
            let partners = steps.get(rank as usize).copied().unwrap_or(0.0);
            *prior = (partners * weight(&columns.penalty, at)).max(0.0);
        }
        self.pairs = rows.window.iter().map(|&(low, high)| u64::from(high - low)).sum();
        self.weight = rows.prior.iter().sum();
    }
}
