//! Stellar models: histories turned into fluxes, a chunk of models at a time.

use core::ops::Range;

use super::bands::Builder;
use super::kernel::{Mix, Sums, accumulate, total};
use crate::history::{AgeWeights, History};
use crate::library::{Histories, Stellar};
use crate::ssp::neighbours;

/// Models whose sums are kept while a stretch of wavelengths goes by.
const CHUNK: u32 = 128;

/// A star formation history's spectrum, per solar mass of living stars and remnants.
#[derive(Debug, Clone, PartialEq)]
pub struct StellarSpectrum {
    /// Wavelengths in the galaxy's frame, Angstrom.
    pub wavelength: Vec<f64>,
    /// Light before dust, Lsun/Hz per Msun.
    pub intrinsic: Vec<f64>,
    /// Light after dust.
    pub attenuated: Vec<f64>,
    /// Luminosity that birth clouds take, Lsun per Msun.
    pub clouds: f64,
    /// Luminosity that the diffuse medium takes, Lsun per Msun.
    pub diffuse: f64,
}

/// A history with its stars.
struct Draw {
    history: History,
    weights: AgeWeights,
    /// Two neighbouring metallicities of the table and the share of each.
    metals: [(usize, f64); 2],
    /// Living stars and remnants, Msun per Msun formed continuously.
    mass: f64,
}

impl Builder<'_> {
    /// Stellar models of a range of numbers, from 0; all values are rounded to f32, as files hold them.
    pub fn stellar(&self, numbers: Range<u32>) -> Stellar {
        let mut stellar = Stellar {
            flux: vec![Vec::new(); self.bands.len()],
            history: Some(Histories::default()),
            ..Stellar::default()
        };
        let mut begin = numbers.start;
        while begin < numbers.end {
            let end = begin.saturating_add(CHUNK).min(numbers.end);
            let draws: Vec<Draw> = (begin..end).map(|number| self.draw(number)).collect();
            let mixes: Vec<Mix> = draws.iter().map(|draw| self.mix(draw)).collect();
            let mut sums = vec![Sums::new(self.bands.len()); mixes.len()];
            for tile in &self.tiles {
                accumulate(tile, &mixes, &mut sums);
            }
            for ((number, draw), sums) in (begin..end).zip(&draws).zip(&sums) {
                self.record(number, draw, sums, &mut stellar);
            }
            begin = end;
        }
        stellar
    }

    /// Spectrum of a stellar model.
    ///
    /// - `number`: from 0.
    pub fn stellar_spectrum(&self, number: u32) -> StellarSpectrum {
        let draw = self.draw(number);
        let mix = self.mix(&draw);
        let count = self.ssp.wavelength.len();
        let light = |terms: &[(u32, f64)]| {
            let mut sum = vec![0.0; count];
            for &(place, mass) in terms {
                let at = place as usize * count;
                for (sum, &light) in sum.iter_mut().zip(&self.ssp.light[at..at + count]) {
                    *sum += mass / draw.mass * f64::from(light);
                }
            }
            sum
        };
        let (young, old) = (light(&mix.young), light(&mix.old));
        let mut spectrum = StellarSpectrum {
            wavelength: self.ssp.wavelength.clone(),
            intrinsic: young.iter().zip(&old).map(|(a, b)| a + b).collect(),
            attenuated: Vec::with_capacity(count),
            clouds: 0.0,
            diffuse: 0.0,
        };
        let frequency = crate::ssp::frequency_weights(&self.ssp.wavelength);
        for (k, &wavelength) in self.ssp.wavelength.iter().enumerate() {
            let left = young[k] * libm::exp(-mix.clouds * libm::pow(wavelength / 5500.0, -1.3));
            let out = (left + old[k]) * libm::exp(-mix.diffuse * libm::pow(wavelength / 5500.0, -0.7));
            spectrum.clouds += (young[k] - left) * frequency[k];
            spectrum.diffuse += (left + old[k] - out) * frequency[k];
            spectrum.attenuated.push(out);
        }
        spectrum
    }

    fn draw(&self, number: u32) -> Draw {
        let history = History::draw(self.seed, u64::from(number), self.oldest);
        let weights = self.ages.weights(&history);
        let metals = neighbours(&self.ssp.metallicity, history.metallicity * 0.02);
        let (young, old) = (&weights.young, &weights.old);
        let mut mass = 0.0;
        for (metal, share) in metals {
            for (age, (young, old)) in young.iter().zip(old).enumerate() {
                mass += share * (young + old) * f64::from(self.ssp.surviving(metal, age));
            }
        }
        Draw { history, weights, metals, mass }
    }

    fn mix(&self, draw: &Draw) -> Mix {
        let ages = self.ssp.age.len();
        let terms = |masses: &[f64]| -> Vec<(u32, f64)> {
            let metals = draw.metals.iter().filter(|(_, share)| *share > 0.0);
            let all = metals.flat_map(|&(metal, share)| {
                let places = masses.iter().enumerate().filter(|(_, mass)| **mass != 0.0);
                places.map(move |(age, mass)| ((metal * ages + age) as u32, share * mass))
            });
            all.collect()
        };
        let History { tau_v, mu, .. } = draw.history;
        Mix {
            young: terms(&draw.weights.young),
            old: terms(&draw.weights.old),
            clouds: (1.0 - mu) * tau_v,
            diffuse: mu * tau_v,
        }
    }

    fn record(&self, number: u32, draw: &Draw, sums: &Sums, stellar: &mut Stellar) {
        let round = |value: f64| f64::from(value as f32);
        let Draw { history, weights, mass, .. } = draw;
        let (clouds, diffuse) = (total(&sums.clouds), total(&sums.diffuse));
        stellar.index.push(number + 1);
        for (flux, lanes) in stellar.flux.iter_mut().zip(&sums.bands) {
            flux.push(round(total(lanes) / mass));
        }
        // Without any dust the share is that of the optical depth, its limit.
        let f_mu = if clouds + diffuse > 0.0 { diffuse / (clouds + diffuse) } else { history.mu };
        stellar.f_mu.push(round(f_mu));
        stellar.mu.push(round(history.mu));
        stellar.tau_v.push(round(history.tau_v));
        stellar.ssfr.push(round(weights.recent_rate / mass));
        stellar.dust_luminosity.push(round((clouds + diffuse) / mass));
        let Some(histories) = &mut stellar.history else { return };
        let (mut light, mut aged) = (0.0, 0.0);
        for (metal, share) in draw.metals {
            for age in 0..self.ssp.age.len() {
                let red = share * self.red[metal * self.ssp.age.len() + age];
                light += red * (weights.young[age] + weights.old[age]);
                aged += red * weights.aged[age];
            }
        }
        histories.age.push(round(history.age));
        histories.mass_weighted_age.push(round(weights.aged.iter().sum::<f64>() / weights.formed));
        histories.light_weighted_age.push(round(aged / light));
        histories.gamma.push(round(history.gamma));
        histories.metallicity.push(round(history.metallicity));
        histories.last_burst.push(round(history.since_last_burst()));
        histories.formed.push(round(weights.formed / mass));
    }
}
