//! CPU time of fits: `fit_rate FILTERS OBSERVATIONS SFH IR paper|default|naive FIRST COUNT [DIR]` with MAGPHYS's text forms.
//!
//! `naive` is the plain loop over all pairs in double precision, band by band.
#![allow(clippy::unwrap_used, reason = "a measurement")]

use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use pogson_sed::fit::{Effort, Fitter, Options, naive};
use pogson_sed::library::{Library, Light};
use pogson_sed::magphys::{ZeroSigma, fit_text, read_filters, read_ir, read_observations, read_sfh};

/// As the command has it: what a pixel gave back the next one takes, and not from the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// CPU seconds of this thread.
fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let open = |path: &str| BufReader::new(File::open(path).unwrap());
    let filters = read_filters(open(&args[1]), &args[1]).unwrap();
    let observations = read_observations(open(&args[2]), &args[2], &filters, ZeroSigma::Floor).unwrap();
    let bands: Vec<_> = filters.iter().map(|filter| filter.band.clone()).collect();
    let redshift = observations[0].redshift;
    let stellar = read_sfh(open(&args[3]), &args[3], &bands, redshift).unwrap();
    let dust = read_ir(open(&args[4]), &args[4], &bands, redshift).unwrap();
    let library = Library { redshift, bands, stellar, dust };
    let options = if args[5] == "paper" { Options::paper() } else { Options::default() };
    let begun = Instant::now();
    let fitter = Fitter::new(&library, options).unwrap();
    println!("made ready in {:.3} s, {} pairs", begun.elapsed().as_secs_f64(), fitter.models().pairs);
    let (first, count): (usize, usize) = (args[6].parse().unwrap(), args[7].parse().unwrap());
    let output = args.get(8);
    let mut times = Vec::new();
    let mut sum = Effort::default();
    for observation in observations.iter().skip(first).take(count) {
        let begun = cpu_seconds();
        if args[5] == "naive" {
            let sums = naive(fitter.models(), &fitter.data(observation).unwrap());
            times.push(cpu_seconds() - begun);
            println!("{} {:.4} s chi2 {:.4} best {:?}", observation.name, times[times.len() - 1], sums.chi2, sums.best);
            continue;
        }
        let (fit, effort) = fitter.fit_with_effort(observation).unwrap();
        times.push(cpu_seconds() - begun);
        sum.worked += effort.worked;
        sum.tested += effort.tested;
        if let Some(output) = output {
            let place = observations.iter().position(|other| std::ptr::eq(other, observation)).unwrap() + 1;
            std::fs::write(format!("{output}/{place}.fit"), fit_text(observation, &library.bands, &fit)).unwrap();
        }
        if count <= 10 {
            println!(
                "{} {:.4} s chi2 {:.4} best {} {} worked {:.3} % tested {:.3} % mass {:?} dust {:?}",
                observation.name,
                times[times.len() - 1],
                fit.best.chi2,
                fit.best.stellar,
                fit.best.dust,
                100.0 * effort.worked as f64 / fitter.models().pairs as f64,
                100.0 * effort.tested as f64 / fitter.models().pairs as f64,
                fit.marginals[5].percentiles,
                fit.marginals[14].percentiles,
            );
        }
    }
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    println!("median {:.5} s, worst {:.5} s, mean {mean:.5} s", times[times.len() / 2], times[times.len() - 1]);
    let mixed = fitter.models().light.iter().filter(|light| **light == Light::Both).count();
    println!("tested {} and worked {} pairs, {mixed} mixed bands", sum.tested, sum.worked);
}
