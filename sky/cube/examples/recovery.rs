//! How often truth lies within the intervals of a fit: `recovery FILTERS SNR COUNT [--paper] [--models N] [--json]`.
//!
//! Mocks are pairs of a library of another seed, scaled, with Gaussian noise; FILTERS are names with commas between.
#![allow(clippy::unwrap_used, reason = "a measurement")]

use std::sync::atomic::AtomicBool;

use pogson_cube::library::{Size, bands_of, build};
use pogson_sed::build::Builder;
use pogson_sed::cosmology::luminosity_distance_mpc;
use pogson_sed::filter::Filter;
use pogson_sed::fit::{Fitter, Options};
use pogson_sed::library::{Band, Library};
use pogson_sed::mock::{MockRecipe, draw};
use pogson_sed::posterior::{PixelFit, flag};
use rayon::prelude::*;

const REDSHIFT: f64 = 0.02;

fn library(names: &[String], seed: u64, models: u32) -> Library {
    let (bands, filters): (Vec<Band>, Vec<Filter>) = bands_of(names).unwrap().into_iter().unzip();
    let filters: Vec<&Filter> = filters.iter().collect();
    let builder = Builder::new(pogson_sed::ssp::embedded(), &bands, &filters, REDSHIFT, seed).unwrap();
    let size = Size { stellar: models, dust: models };
    build(&builder, size, &|_| (), &AtomicBool::new(false)).unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let names: Vec<String> = args[1].split(',').map(str::to_owned).collect();
    let (snr, count): (f64, u32) = (args[2].parse().unwrap(), args[3].parse().unwrap());
    let models = args.iter().position(|arg| arg == "--models").map_or(50_000, |at| args[at + 1].parse().unwrap());
    let options = if args.iter().any(|arg| arg == "--paper") { Options::paper() } else { Options::default() };
    let fitter = Fitter::new(&library(&names, 1, models), options).unwrap();
    let distance_mpc = luminosity_distance_mpc(REDSHIFT);
    let recipe = MockRecipe { count, snr, seed: 77, mass: (1e4, 1e9), distance_mpc };
    let mocks = draw(&library(&names, 2, 50_000), &recipe).unwrap();
    let fits: Vec<(PixelFit, &[f64])> = mocks
        .par_iter()
        .filter_map(|mock| Some((fitter.fit(&mock.observation).ok()?, mock.truth.as_slice())))
        .collect();
    let few = fits.iter().filter(|(fit, _)| fit.flags & flag::FEW_MODELS != 0).count();
    println!("{} fits, {few} rest on fewer than 100 models", fits.len());
    for which in ["all", "enough models"] {
        let chosen: Vec<&(PixelFit, &[f64])> =
            fits.iter().filter(|(fit, _)| which == "all" || fit.flags & flag::FEW_MODELS == 0).collect();
        if chosen.is_empty() {
            continue;
        }
        println!("{which}: {}\n{:<12} {:>6} {:>6} {:>6} {:>7}", chosen.len(), "", "68 %", "95 %", "50 %", "bias/s");
        for k in 0..chosen[0].0.marginals.len() {
            let (mut in68, mut in95, mut below, mut bias) = (0, 0, 0, 0.0);
            for (fit, truth) in &chosen {
                let marginal = &fit.marginals[k];
                let parameter = marginal.parameter;
                let truth = if parameter.is_logarithmic() { libm::log10(truth[k]) } else { truth[k] };
                let [p2, p16, p50, p84, p97] = marginal.percentiles;
                in68 += usize::from(p16 <= truth && truth <= p84);
                in95 += usize::from(p2 <= truth && truth <= p97);
                below += usize::from(truth < p50);
                bias += (p50 - truth) / ((p84 - p16) / 2.0).max(1e-9);
            }
            let share = |count: usize| 100.0 * count as f64 / chosen.len() as f64;
            println!(
                "{:<12} {:>6.1} {:>6.1} {:>6.1} {:>7.3}",
                chosen[0].0.marginals[k].parameter.name(),
                share(in68),
                share(in95),
                share(below),
                bias / chosen.len() as f64
            );
        }
    }
}
