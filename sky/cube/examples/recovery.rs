//! How often truth lies within the intervals of a fit: `recovery FILTERS SNR COUNT [--paper] [--models N]`.
//!
//! Mocks are pairs of a library of another seed, scaled, with Gaussian noise; FILTERS are names with commas between; SNR is
//! one number, several with commas between that bands take in turn, or LOW..HIGH, of which each mock has its own, even in the
//! logarithm. Columns: percent of truths within the 68, 95 and 50 %
//! intervals, percent below the median, mean of (median - truth) over half the 68 % interval, and the greatest distance of
//! the distribution of P(theta < truth) from an even one, in percent (1.36 / sqrt(COUNT) is exceeded by chance 5 times in 100).
#![allow(clippy::unwrap_used, reason = "a measurement")]

use std::sync::atomic::AtomicBool;

use pogson_cube::library::{Size, bands_of, build};
use pogson_sed::build::Builder;
use pogson_sed::cosmology::luminosity_distance_mpc;
use pogson_sed::filter::Filter;
use pogson_sed::fit::{Fitter, Options};
use pogson_sed::library::{Band, Library};
use pogson_sed::mock::{Mock, MockRecipe, draw};
use pogson_sed::observation::Measurement;
use pogson_sed::posterior::{Marginal, PERCENTILES, PixelFit, flag};

const REDSHIFT: f64 = 0.02;

fn library(names: &[String], seed: u64, models: u32) -> Library {
    let (bands, filters): (Vec<Band>, Vec<Filter>) = bands_of(names).unwrap().into_iter().unzip();
    let filters: Vec<&Filter> = filters.iter().collect();
    let builder = Builder::new(pogson_sed::ssp::embedded(), &bands, &filters, REDSHIFT, seed).unwrap();
    let size = Size { stellar: models, dust: models };
    build(&builder, size, &|_| (), &AtomicBool::new(false)).unwrap()
}

/// P(theta < truth), read between the edges of the histogram's bins and the percentiles as that of a normal distribution.
fn below(marginal: &Marginal, truth: f64) -> f64 {
    let mut points: Vec<(f64, f64)> = marginal.percentiles.into_iter().zip(PERCENTILES).collect();
    let (mut edge, mut sum) = (marginal.first - 0.5 * marginal.step, 0.0);
    points.push((edge, 0.0));
    for p in &marginal.histogram {
        edge += marginal.step;
        sum += p;
        points.push((edge, sum.min(1.0)));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let place = points.partition_point(|point| point.0 < truth);
    if place == 0 || place == points.len() {
        return if place == 0 { 0.0 } else { 1.0 };
    }
    let ((x0, y0), (x1, y1)) = (points[place - 1], points[place]);
    let (z0, z1) = (score(y0), score(y1));
    normal(z0 + (truth - x0) / (x1 - x0).max(1e-300) * (z1 - z0))
}

/// The normal distribution's share below `z`.
fn normal(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The `z` of a share, within 6.
fn score(share: f64) -> f64 {
    let (mut low, mut high) = (-6.0, 6.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if normal(middle) < share { low = middle } else { high = middle }
    }
    low
}

/// Signal over noise.
enum Snr {
    /// Of each band in turn.
    Bands(Vec<f64>),
    /// Of each mock its own.
    Mixed(f64, f64),
}

impl Snr {
    fn read(text: &str) -> Snr {
        let number = |text: &str| text.parse().unwrap();
        match text.split_once("..") {
            Some((low, high)) => Snr::Mixed(number(low), number(high)),
            None => Snr::Bands(text.split(',').map(number).collect()),
        }
    }

    /// Of a mock's band. Multiples of the golden ratio, less their whole part, are even in 0 to 1.
    fn of(&self, mock: usize, band: usize) -> f64 {
        match self {
            Snr::Bands(snr) => snr[band % snr.len()],
            Snr::Mixed(low, high) => low * libm::pow(high / low, (mock as f64 * 0.618_033_988_749_895).fract()),
        }
    }
}

/// Mocks with a signal-to-noise ratio for each band.
fn mocks(library: &Library, snr: &Snr, count: u32) -> Vec<Mock> {
    let distance_mpc = luminosity_distance_mpc(REDSHIFT);
    let recipe = MockRecipe { count, snr: 10.0, seed: 77, mass: (1e4, 1e9), distance_mpc };
    let mut mocks = draw(library, &recipe).unwrap();
    for (number, mock) in mocks.iter_mut().enumerate() {
        for (k, (band, truth)) in mock.observation.bands.iter_mut().zip(&mock.flux_jy).enumerate() {
            if let Measurement::Flux { flux_jy, sigma_jy } = band {
                let wider = recipe.snr / snr.of(number, k);
                *flux_jy = truth + (*flux_jy - truth) * wider;
                *sigma_jy *= wider;
            }
        }
    }
    mocks
}

/// CPU seconds of this process.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse::<f64>().ok())
        .map_or(f64::NAN, |nanoseconds| nanoseconds * 1e-9)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let names: Vec<String> = args[1].split(',').map(str::to_owned).collect();
    let snr = Snr::read(&args[2]);
    let count: u32 = args[3].parse().unwrap();
    let models = args.iter().position(|arg| arg == "--models").map_or(50_000, |at| args[at + 1].parse().unwrap());
    let options = if args.iter().any(|arg| arg == "--paper") { Options::paper() } else { Options::default() };
    let fitter = Fitter::new(&library(&names, 1, models), options).unwrap();
    let mocks = mocks(&library(&names, 2, 50_000), &snr, count);
    let begun = cpu_seconds();
    // One after the other, so that this thread's time is theirs.
    let fits: Vec<(PixelFit, &[f64])> =
        mocks.iter().filter_map(|mock| Some((fitter.fit(&mock.observation).ok()?, mock.truth.as_slice()))).collect();
    println!("{:.4} CPU s a fit", (cpu_seconds() - begun) / mocks.len() as f64);
    let few = fits.iter().filter(|(fit, _)| fit.flags & flag::FEW_MODELS != 0).count();
    println!("{} fits, {few} rest on fewer than 100 models", fits.len());
    for which in ["all", "enough models"] {
        let chosen: Vec<&(PixelFit, &[f64])> =
            fits.iter().filter(|(fit, _)| which == "all" || fit.flags & flag::FEW_MODELS == 0).collect();
        if chosen.is_empty() {
            continue;
        }
        println!("{which}: {}", chosen.len());
        println!("{:<12} {:>6} {:>6} {:>6} {:>6} {:>7} {:>6}", "", "68 %", "95 %", "50 %", "below", "bias/s", "even");
        for k in 0..chosen[0].0.marginals.len() {
            let mut shares = Vec::new();
            let mut bias = 0.0;
            for (fit, truth) in &chosen {
                let marginal = &fit.marginals[k];
                let truth = if marginal.parameter.is_logarithmic() { libm::log10(truth[k]) } else { truth[k] };
                let [_, p16, p50, p84, _] = marginal.percentiles;
                shares.push(below(marginal, truth));
                bias += (p50 - truth) / ((p84 - p16) / 2.0).max(1e-9);
            }
            shares.sort_by(f64::total_cmp);
            let count = shares.len() as f64;
            let within =
                |half: f64| 100.0 * shares.iter().filter(|share| (*share - 0.5).abs() <= half).count() as f64 / count;
            let uneven = shares.iter().enumerate().map(|(rank, share)| ((rank as f64 + 0.5) / count - share).abs());
            println!(
                "{:<12} {:>6.1} {:>6.1} {:>6.1} {:>6.1} {:>7.3} {:>6.1}",
                chosen[0].0.marginals[k].parameter.name(),
                within(0.34),
                within(0.475),
                within(0.25),
                100.0 * shares.iter().filter(|share| **share < 0.5).count() as f64 / count,
                bias / count,
                100.0 * uneven.fold(0.0, f64::max),
            );
        }
    }
}
