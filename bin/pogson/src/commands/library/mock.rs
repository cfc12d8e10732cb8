//! `pogson library mock`: observations with known truth.

use std::io::Write;
use std::path::PathBuf;

use pogson_cube::library_store::LibraryFile;
use pogson_sed::cosmology::luminosity_distance_mpc;
use pogson_sed::mock::{Mock, MockRecipe, draw};
use pogson_sed::observation::Measurement;
use pogson_sed::parameter::Parameter;

use super::export::write;
use crate::failure::Failure;
use crate::output::Output;

/// Draw mock observations from a library, with a table of the truth
///
/// Pairs of a stellar and a dust model are drawn uniformly from all whose f_mu differ by 0.15 or less, stellar masses
/// log-uniformly; each flux gets Gaussian noise. Observations are in MAGPHYS's text form, in Jy. To test a fit, draw from a
/// library of another seed than the one that is fitted with.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library build --filters filters.dat --redshift 0.01 --seed 2 -o other.lib
  pogson library mock other.lib -n 1000 --snr 12.5 -o observations.dat --truth truth.txt")]
pub struct Args {
    /// Library of pogson library build
    library: PathBuf,
    /// Number of observations
    #[arg(short, value_name = "N", default_value_t = 1000)]
    n: u32,
    /// Flux over its standard deviation, in every band
    #[arg(long, value_name = "RATIO", default_value_t = 12.5)]
    snr: f64,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Redshift, one of the library's [default: its only one]
    #[arg(long, value_name = "Z")]
    redshift: Option<f64>,
    /// Luminosity distance, in Mpc [default: by redshift; H0 70, Omega_m 0.3]
    #[arg(long, value_name = "MPC")]
    distance: Option<f64>,
    /// Least and greatest stellar mass, in solar masses
    #[arg(long, num_args = 2, value_names = ["LEAST", "GREATEST"], default_values_t = [1e4, 1e9])]
    mass: Vec<f64>,
    /// Observations to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Table of the truth to write [default: the observations' name with .truth.txt]
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// Draws and writes them.
///
/// # Errors
/// A library that cannot be read or has no compatible pairs, numbers out of range, files that are there already.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file = LibraryFile::open(&args.library)?;
    let library = match (args.redshift, file.index().blocks.len()) {
        (Some(redshift), _) => file.nearest(redshift, 1e-6)?,
        (None, 1) => file.block(0)?,
        (None, count) => return Err(Failure::usage(format!("the library has {count} redshifts; say which: --redshift Z"))),
    };
    let distance_mpc = args.distance.unwrap_or_else(|| luminosity_distance_mpc(library.redshift));
    if distance_mpc <= 0.0 {
        return Err(Failure::usage("a redshift of 0 has no distance; give it: --distance MPC"));
    }
    let [least, greatest] = args.mass[..] else { return Err(Failure::usage("--mass takes two numbers")) };
    let recipe = MockRecipe { count: args.n, snr: args.snr, seed: args.seed, mass: (least, greatest), distance_mpc };
    let mocks = draw(&library, &recipe)?;
    let truth = args.truth.clone().unwrap_or_else(|| args.output.with_extension("truth.txt"));
    write(&args.output, args.force, |text| observations(text, &library.bands, &mocks))?;
    write(&truth, args.force, |text| truths(text, &library, &mocks))?;
    let (output, truth) = (args.output.display().to_string(), truth.display().to_string());
    if out.is_json() {
        let bands: Vec<&str> = library.bands.iter().map(|band| band.name.as_str()).collect();
        let json = serde_json::json!({ "output": output, "truth": truth, "count": mocks.len(), "bands": bands,
            "redshift": library.redshift, "distance_mpc": distance_mpc, "library": file.index().name() });
        return out.object(&json);
    }
    out.line(format!("{output}: {} observations in {} bands; {truth}", mocks.len(), library.bands.len()))
}

fn observations(text: &mut impl Write, bands: &[pogson_sed::library::Band], mocks: &[Mock]) -> std::io::Result<()> {
    write!(text, "#name z")?;
    for band in bands {
        write!(text, " {0} {0}_err", band.name)?;
    }
    writeln!(text)?;
    for mock in mocks {
        let one = &mock.observation;
        write!(text, "{} {:.6}", one.name, one.redshift)?;
        for band in &one.bands {
            match band {
                Measurement::Flux { flux_jy, sigma_jy } => write!(text, " {flux_jy:.6e} {sigma_jy:.6e}")?,
                Measurement::UpperLimit { sigma_jy } => write!(text, " < {sigma_jy:.6e}")?,
                Measurement::Absent => write!(text, " -1 -1")?,
            }
        }
        writeln!(text)?;
    }
    Ok(())
}

fn truths(text: &mut impl Write, library: &pogson_sed::library::Library, mocks: &[Mock]) -> std::io::Result<()> {
    write!(text, "#name i_sfh i_ir")?;
    let count = mocks.first().map_or(0, |mock| mock.truth.len());
    for parameter in Parameter::all().take(count) {
        write!(text, " {}", parameter.name())?;
    }
    for band in &library.bands {
        write!(text, " {}", band.name)?;
    }
    writeln!(text)?;
    for mock in mocks {
        write!(text, "{} {} {}", mock.observation.name, library.stellar.index[mock.stellar], mock.dust + 1)?;
        for value in mock.truth.iter().chain(&mock.flux_jy) {
            write!(text, " {value:.7e}")?;
        }
        writeln!(text)?;
    }
    Ok(())
}
