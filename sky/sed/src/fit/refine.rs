//! A pixel's posterior where few models count: draws under larger errors, brought together by what the errors have in excess.
//!
//! With errors larger by `1 / sqrt(power)` enough pairs count. What is left of the likelihood, to the power `1 - power`, is
//! brought in by an ensemble Kalman update (Evensen 2003, Ocean Dynamics 53, 343, section 4; stages of a likelihood by powers:
//! Emerick & Reynolds 2013, Computers & Geosciences 55, 3): each member's parameters are moved along their regression on its
//! light by how far that is from the observed light with noise. Parameters are taken as normal scores, light as an asinh, so
//! that both are close to normal and to each other's line.

use crate::fit::draws::{PosteriorDraws, parameters, value};
use crate::fit::ensemble::{Ensemble, Member};
use crate::fit::grid::{Axes, Bins};
use crate::fit::models::Models;
use crate::fit::prior::Prior;
use crate::fit::scale_width::gaussian;
use crate::fit::scores::Scores;
use crate::fit::solve::Cholesky;
use crate::fit::weigh::Datum;
use crate::parameter::Parameter;
use crate::random::Stream;

/// Light in units of its error beyond which the asinh is a logarithm.
const SOFTENING: f64 = 3.0;
/// Steps of a score's histogram, and the greatest score.
const STEP: f64 = 0.02;
const GREATEST: f64 = 10.0;
/// Times that a member's noise is drawn, where ranges refuse it, before the member is put on their edge.
const TRIALS: usize = 30;

/// The posterior of a pixel.
pub(crate) struct Refined {
    weights: Vec<f64>,
    curves: Vec<Curve>,
    /// Pairs that further sweeps worked out and tested.
    pub worked: u64,
    pub tested: u64,
}

/// One parameter.
struct Curve {
    parameter: Parameter,
    scores: Scores,
    /// The members' new scores, without noise.
    moved: Vec<f64>,
    /// What each band's noise of deviation 1 adds to the score.
    noise: Vec<f64>,
    within: Option<Within>,
}

/// A range of a parameter.
struct Within {
    low: f64,
    high: f64,
    /// How much of each member, spread by its noise, lies in it.
    shares: Vec<f64>,
}

impl Refined {
    /// Updates an ensemble by what its power lacks to 1.
    ///
    /// - `data`: the pixel's own;
    /// - `priors`: whose ranges hold the moved members too.
    pub(crate) fn new(models: &Models, data: &[Datum], ensemble: &Ensemble, priors: &[Prior]) -> Refined {
        let (members, rows, columns) = (&ensemble.members, &models.rows, &models.columns);
        let weights: Vec<f64> = members.iter().map(|member| member.weight).collect();
        let centred = |values: Vec<f64>| -> Vec<f64> {
            let mean: f64 = weights.iter().zip(&values).map(|(w, v)| w * v).sum();
            values.into_iter().map(|value| value - mean).collect()
        };
        let covariance =
            |a: &[f64], b: &[f64]| -> f64 { weights.iter().zip(a).zip(b).map(|((w, a), b)| w * a * b).sum() };
        let sights: Vec<Sight> = data.iter().map(Sight::new).collect();
        let seen: Vec<Vec<f64>> = data
            .iter()
            .zip(&sights)
            .map(|(datum, sight)| {
                let (stars, dust) = (&rows.flux[datum.band], &columns.flux[datum.band]);
                let light = |row: usize, column: usize| stars[row] + rows.luminosity[row] * dust[column];
                members.iter().map(|member| sight.of(member.scale * light(member.row, member.column))).collect()
            })
            .collect();
        let off: Vec<Vec<f64>> = seen.iter().map(|seen| centred(seen.clone())).collect();
        let bands = data.len();
        let noise = 1.0 / (1.0 - ensemble.power);
        let spread: Vec<f64> = (0..bands * bands).map(|at| covariance(&off[at / bands], &off[at % bands])).collect();
        let mut all = spread.clone();
        (0..bands).for_each(|band| all[band * bands + band] += noise);
        let factors = Cholesky::new(all, bands);
        // Of each band: how much of its variance the update takes away, and what mean its likelihood has.
        let shares: Vec<Vec<f64>> = spread.chunks(bands).map(|row| factors.solve(row)).collect();
        let freedom: f64 = (0..bands).map(|band| shares[band][band]).sum();
        let wanted: Vec<f64> = (0..bands)
            .map(|band| {
                let row = &spread[band * bands..(band + 1) * bands];
                let taken: f64 = row.iter().zip(&shares[band]).map(|(a, b)| a * b).sum();
                sights[band].observed + sights[band].skew(row[band] - taken)
            })
            .collect();
        let parameters = parameters(models);
        let curves = parameters.into_iter().map(|parameter| {
            let of = |member: &Member| value(models, parameter, member.row, member.column, member.scale);
            let least = models.axes.of(parameter).fine.min();
            // Values far below the bins, of galaxies that form nothing, would make a score's line steep.
            let values: Vec<f64> = members.iter().map(|member| of(member).max(least)).collect();
            let scores = Scores::new(&values, &weights);
            let own: Vec<f64> = values.iter().map(|&value| scores.of(value)).collect();
            let off_own = centred(own.clone());
            let along: Vec<f64> = off.iter().map(|off| covariance(&off_own, off)).collect();
            let gain = factors.solve(&along);
            let moved: Vec<f64> = own
                .iter()
                .enumerate()
                .map(|(k, own)| {
                    let steps = gain.iter().zip(&wanted).zip(&seen);
                    own + steps.map(|((gain, wanted), seen)| gain * (wanted - seen[k])).sum::<f64>()
                })
                .collect();
            // Regression on few members takes the part of their scatter that its freedom fits by chance.
            let dust_alone = columns.alone.iter().any(|alone| alone.parameter == parameter);
            let dust = ensemble.effective_columns;
            let effective = if dust_alone { dust } else { dust.min(ensemble.effective_rows) };
            let wider = 1.0 / (1.0 - (freedom / effective).min(0.5)).sqrt();
            let mean: f64 = weights.iter().zip(&moved).map(|(w, v)| w * v).sum();
            Curve {
                parameter,
                scores,
                moved: moved.into_iter().map(|score| mean + wider * (score - mean)).collect(),
                noise: gain.into_iter().map(|gain| gain * wider * noise.sqrt()).collect(),
                within: None,
            }
        });
        let mut curves: Vec<Curve> = curves.collect();
        for prior in priors {
            if let Some(curve) = curves.iter_mut().find(|curve| curve.parameter == prior.parameter) {
                curve.hold(prior.range());
            }
        }
        Refined { curves, weights, worked: ensemble.worked, tested: ensemble.tested }
    }

    /// The sums over fine bins of every parameter, which add up to `total`. A member counts with the share of it that other
    /// parameters' ranges leave.
    pub(crate) fn sums(&self, axes: &Axes, total: f64) -> Vec<(Parameter, Vec<f64>)> {
        let bins = |curve: &Curve| {
            let weights = self.possible(Some(curve.parameter));
            (curve.parameter, curve.bins(&axes.of(curve.parameter).fine, &weights, total))
        };
        self.curves.iter().map(bins).collect()
    }

    /// The members' weights by how much of them ranges leave: of all parameters, or of all others than one.
    fn possible(&self, apart: Option<Parameter>) -> Vec<f64> {
        let mut weights = self.weights.clone();
        for curve in self.curves.iter().filter(|curve| Some(curve.parameter) != apart) {
            if let Some(within) = &curve.within {
                weights.iter_mut().zip(&within.shares).for_each(|(weight, share)| *weight *= share);
            }
        }
        if weights.iter().sum::<f64>() > 0.0 { weights } else { self.weights.clone() }
    }

    /// A member with noise, within all ranges. Each parameter has an update of its own: what these miss of `sfr = ssfr mass`
    /// is shared out between the three.
    fn one(&self, member: usize, stream: &mut Stream) -> Vec<f64> {
        let bands = self.curves.first().map_or(0, |curve| curve.noise.len());
        let place = |wanted: Parameter| self.curves.iter().position(|curve| curve.parameter == wanted);
        let rates = [Parameter::Sfr, Parameter::SpecificSfr, Parameter::StellarMass].map(place);
        let mut draw = Vec::new();
        for _ in 0..TRIALS {
            let noise: Vec<f64> = (0..bands).map(|_| stream.normal()).collect();
            draw = self.curves.iter().map(|curve| curve.value(member, &noise)).collect();
            if let [Some(sfr), Some(ssfr), Some(mass)] = rates {
                let missing = (draw[sfr] - draw[ssfr] - draw[mass]) / 3.0;
                draw[sfr] -= missing;
                draw[ssfr] += missing;
                draw[mass] += missing;
            }
            let inside = |(value, curve): (&f64, &Curve)| {
                curve.within.as_ref().is_none_or(|within| (within.low..=within.high).contains(value))
            };
            if draw.iter().zip(&self.curves).all(inside) {
                return draw;
            }
        }
        for (value, curve) in draw.iter_mut().zip(&self.curves) {
            if let Some(within) = &curve.within {
                *value = value.clamp(within.low, within.high);
            }
        }
        draw
    }

    /// Draws of all parameters, evenly spread over the members.
    pub(crate) fn draw(&self, count: u32, stream: &mut Stream) -> PosteriorDraws {
        let weights = self.possible(None);
        let step = weights.iter().sum::<f64>() / f64::from(count.max(1));
        let (mut wanted, mut before) = (step * stream.uniform(), 0.0);
        let mut values = Vec::with_capacity(count as usize);
        for (member, weight) in weights.iter().enumerate() {
            before += weight;
            while wanted < before && values.len() < count as usize {
                wanted += step;
                values.push(self.one(member, stream));
            }
        }
        PosteriorDraws { parameters: self.curves.iter().map(|curve| curve.parameter).collect(), values }
    }
}

impl Curve {
    /// Keeps to a range of values.
    fn hold(&mut self, range: Option<(f64, f64)>) {
        let Some((low, high)) = range else { return };
        let sigma = self.deviation().max(1e-9);
        let (from, to) = (self.scores.of(low), self.scores.of(high));
        // The share of a normal variable below x is erfc(-x / sqrt 2) / 2.
        let below = |x: f64| 0.5 * libm::erfc(-x / sigma * std::f64::consts::FRAC_1_SQRT_2);
        let shares = self.moved.iter().map(|moved| below(to - moved) - below(from - moved)).collect();
        self.within = Some(Within { low, high, shares });
    }

    /// Standard deviation of the noise in the score.
    fn deviation(&self) -> f64 {
        self.noise.iter().map(|noise| noise * noise).sum::<f64>().sqrt()
    }

    /// The value of a member with noise.
    fn value(&self, member: usize, noise: &[f64]) -> f64 {
        let off: f64 = self.noise.iter().zip(noise).map(|(own, noise)| own * noise).sum();
        self.scores.value(self.moved[member] + off)
    }

    /// Shares of fine bins.
    fn bins(&self, fine: &Bins, weights: &[f64], total: f64) -> Vec<f64> {
        let count = (2.0 * GREATEST / STEP) as usize;
        let mut histogram = vec![0.0; count];
        for (score, weight) in self.moved.iter().zip(weights) {
            // Shared between the two nearest, so that means are kept.
            let place = ((score + GREATEST) / STEP - 0.5).clamp(0.0, count as f64 - 1.001);
            let part = place - place.floor();
            histogram[place as usize] += weight * (1.0 - part);
            histogram[place as usize + 1] += weight * part;
        }
        let histogram = gaussian(self.deviation(), STEP).spread(&histogram);
        let running: Vec<f64> = std::iter::once(0.0)
            .chain(histogram.iter().scan(0.0, |sum, p| {
                *sum += p;
                Some(*sum)
            }))
            .collect();
        let below = |value: f64| {
            let place = ((self.scores.of(value) + GREATEST) / STEP).clamp(0.0, count as f64);
            let bin = (place as usize).min(count - 1);
            running[bin] + (running[bin + 1] - running[bin]) * (place - bin as f64)
        };
        let (last, step) = (fine.len() - 1, 1.0 / fine.scale());
        let mut before = 0.0;
        (0..=last)
            .map(|bin| {
                let upto = if bin == last { running[count] } else { below(fine.min() + (bin + 1) as f64 * step) };
                let p = (upto - before) / running[count];
                before = upto;
                p.max(0.0) * total
            })
            .collect()
    }
}

/// Light as the update sees it, where noise has a deviation of about 1.
struct Sight {
    /// One over the error.
    unit: f64,
    /// Light over its error.
    signal: f64,
    /// What a unit of the asinh is in units of the error.
    stretch: f64,
    observed: f64,
}

impl Sight {
    fn new(datum: &Datum) -> Sight {
        let unit = datum.weight.sqrt();
        let signal = datum.light * unit;
        let stretch = (signal * signal + SOFTENING * SOFTENING).sqrt();
        Sight { unit, signal, stretch, observed: stretch * libm::asinh(signal / SOFTENING) }
    }

    fn of(&self, light: f64) -> f64 {
        self.stretch * libm::asinh(light * self.unit / SOFTENING)
    }

    /// How far the curve of the asinh moves the mean of a likelihood from its peak: to first order, `-3 b v / 2` for the
    /// likelihood `exp(-(u + b u^2 / 2)^2 / 2)` and a posterior of variance `v`.
    fn skew(&self, variance: f64) -> f64 {
        -1.5 * self.signal / (self.stretch * self.stretch) * variance
    }
}
