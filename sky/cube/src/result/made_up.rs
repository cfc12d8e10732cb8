//! Made-up fits for tests: a galaxy whose mass falls from its centre, drawn from a stream of numbers with a seed.
#![allow(missing_docs, reason = "for tests alone")]

use std::collections::BTreeMap;

use pogson_image::fits::Header;
use pogson_sed::library::Band;
use pogson_sed::observation::{Measurement, Observation};
use pogson_sed::parameter::Parameter;
use pogson_sed::posterior::{BestFit, Marginal, PixelFit};

use super::{Draws, Facts, PixelRecord, ResultFile};

/// Numbers in 0 to 1 (splitmix64).
pub(crate) struct Stream(pub(crate) u64);

impl Stream {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A normal deviate.
    pub(crate) fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.next(), self.next());
        (-2.0 * libm::log(u)).sqrt() * libm::cos(std::f64::consts::TAU * v)
    }
}

pub(crate) fn facts(width: u32, height: u32, history: bool) -> Facts {
    let header = Header::from_text(
        "CTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRVAL1  = 150.0\nCRVAL2  = 2.5\nCRPIX1  = 10.0\nCRPIX2  = 9.0\n\
         CDELT1  = -0.0003\nCDELT2  = 0.0003\n",
    );
    let band = |(k, name): (usize, &str)| Band {
        name: name.into(),
        wavelength_um: 0.15 * libm::pow(1.6, k as f64),
        id: 100 + k as u32,
    };
    let parameters = if history { Parameter::all().collect() } else { Parameter::PAPER.to_vec() };
    Facts {
        galaxy: "NGC 0000".into(),
        redshift: 0.01,
        width,
        height,
        header: header.unwrap(),
        bands: ["FUV", "g", "r", "J", "W1"].into_iter().enumerate().map(band).collect(),
        parameters,
        library: "library-1".into(),
        cube: "cube-1".into(),
        options: BTreeMap::from([("seed".to_owned(), "7".to_owned())]),
    }
}

pub(crate) fn record(facts: &Facts, x: u32, y: u32, seed: u64, draws: usize) -> PixelRecord {
    let mut stream = Stream(seed ^ (u64::from(y) << 32 | u64::from(x)));
    let n = facts.parameters.len();
    let (dx, dy) = (f64::from(x) - f64::from(facts.width) / 2.0, f64::from(y) - f64::from(facts.height) / 2.0);
    let level = (8.0 - 0.1 * (dx * dx + 4.0 * dy * dy).sqrt()).max(2.0);
    let marginals: Vec<Marginal> = facts
        .parameters
        .iter()
        .map(|p| {
            let middle = if p.is_logarithmic() { level } else { 0.2 + 0.6 * stream.next() };
            let step = if p.is_logarithmic() { 0.1 } else { 0.05 };
            let first = middle - 10.0 * step;
            let mut histogram: Vec<f64> =
                (0..21).map(|k| libm::exp(-0.5 * (f64::from(k) - 10.0) * (f64::from(k) - 10.0) / 9.0)).collect();
            let sum: f64 = histogram.iter().sum();
            histogram.iter_mut().for_each(|h| *h /= sum);
            let at = |s: f64| middle + s * 3.0 * step;
            let percentiles = [at(-2.0), at(-1.0), middle, at(1.0), at(2.0)];
            Marginal { parameter: *p, percentiles, peak: middle, first, step, histogram }
        })
        .collect();
    let values = marginals.iter().map(|m| if m.parameter.is_logarithmic() { libm::pow(10.0, m.peak) } else { m.peak });
    let values: Vec<f64> = values.collect();
    let bands: Vec<Measurement> = facts
        .bands
        .iter()
        .enumerate()
        .map(|(k, _)| match k {
            1 if x.is_multiple_of(3) => Measurement::Absent,
            0 if x.is_multiple_of(5) => Measurement::UpperLimit { sigma_jy: 1e-6 },
            _ => Measurement::Flux {
                flux_jy: 1e-5 * libm::pow(10.0, level - 7.0),
                sigma_jy: 1e-6 * (1.0 + stream.next()),
            },
        })
        .collect();
    let best = BestFit {
        stellar: 1 + (stream.next() * 50_000.0) as u32,
        dust: 1 + (stream.next() * 50_000.0) as u32,
        chi2: 10.0 * stream.next(),
        stellar_mass: libm::pow(10.0, level),
        values,
        model_jy: (0..facts.bands.len()).map(|_| 1e-5 * libm::pow(10.0, level - 7.0)).collect(),
    };
    let fit = PixelFit {
        best,
        marginals,
        ln_evidence: -8.0 * stream.next(),
        effective_stellar: 1000.0 * stream.next(),
        effective_dust: 500.0 * stream.next(),
        bands_used: 5,
        redshift: facts.redshift,
        flags: x % 3,
    };
    let draws = (draws > 0).then(|| {
        let values = (0..draws * n).map(|k| (fit.marginals[k % n].percentiles[2] + 0.1 * stream.normal()) as f32);
        let mut covariance = vec![0.0; n * n];
        (0..n).for_each(|k| covariance[k * n + k] = 0.01);
        Draws { values: values.collect(), covariance }
    });
    let observation = Observation { name: format!("{}_{}", x + 1, y + 1), redshift: facts.redshift, bands };
    PixelRecord { x, y, observation, fit, draws, redshift: None }
}

/// An ellipse of pixels, every fourth with draws where `draws` is not 0.
pub(crate) fn galaxy(width: u32, height: u32, seed: u64, draws: usize) -> ResultFile {
    let mut file = ResultFile::new(facts(width, height, true));
    for y in 0..height {
        for x in 0..width {
            let (dx, dy) = (f64::from(x) - f64::from(width) / 2.0, f64::from(y) - f64::from(height) / 2.0);
            let (a, b) = (f64::from(width) * 0.45, f64::from(height) * 0.4);
            if (dx / a) * (dx / a) + (dy / b) * (dy / b) < 1.0 {
                let record = record(&file.facts, x, y, seed, if x % 4 == 0 { draws } else { 0 });
                file.push(record);
            }
        }
    }
    file
}
