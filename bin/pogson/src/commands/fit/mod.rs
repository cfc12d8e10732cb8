//! `pogson fit`: what each pixel, or each object of a list, is made of.

mod choices;
mod cube;
mod join;
mod library;
mod list;
mod list_models;
mod redshift_grid;
mod report;

use std::path::PathBuf;

use super::cube::bin::Choice;
use crate::failure::Failure;
use crate::output::Output;

/// Fit each pixel of a cube, or each object of a list, against all pairs of a model library
///
/// 22 parameters with their probabilities (stellar mass, star formation rate, dust, ages, metallicity and more), by all compatible
/// pairs of 50,000 stellar and 50,000 dust models (da Cunha, Charlot & Elbaz 2008). --paper follows the arithmetic of MAGPHYS to the
/// letter; the default mends it (docs/fitting.md says what). Without --library or --sfh and --ir the models are made for the
/// bands and the redshift.
///
/// A cube gives an HDF5 file; a list gives a folder with N.fit in MAGPHYS's form for its Nth object, and fits.csv. A run that
/// was interrupted goes on by the same command: what is done lies in OUT.h5.journal or DIR/fits.journal meanwhile.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson fit ngc5584.fits --redshift 0.0055 -o ngc5584.h5 --maps maps
  pogson fit ngc5584.fits --redshift 0.0055 --distance 22.5 --library mine.lib -o ngc5584.h5 --json
  pogson fit ngc5584.fits --pixels 0..5000 -o part1.h5        one part, on one machine
  pogson fit ngc5584.fits --pixels 5000.. -o part2.h5         the other, on another
  pogson fit --join part1.h5 part2.h5 -o ngc5584.h5
  pogson fit ngc5584.fits --redshift 0.002..0.02:0.002 -o ngc5584.h5      the redshift is to be found
  pogson fit --observations observations.dat --filters filters.dat -o fits
  pogson fit --observations observations.dat --filters filters.dat --photo-z 0.01..0.3:0.01 -o fits
  pogson fit --observations observations.dat --filters filters.dat --sfh starformhist_cb07_z0.0100.lbr \\
      --ir infrared_dce08_z0.0100.lbr --paper -o fits")]
pub struct Args {
    /// Cube that pogson cube made
    #[arg(value_name = "CUBE.fits", required_unless_present_any = ["observations", "join"], conflicts_with_all = ["observations", "join"])]
    cube: Option<PathBuf>,
    /// HDF5 file to write; for a list the folder, made if it is not there
    #[arg(long, short, value_name = "OUT.h5|DIR")]
    output: PathBuf,
    /// Parts of one cube's fit, made with --pixels, to put together
    #[arg(long, value_name = "PART", num_args = 1.., conflicts_with_all = ["observations", "redshift", "library", "paper", "pixels"])]
    join: Vec<PathBuf>,
    #[command(flatten)]
    list: list::ListArgs,
    #[command(flatten)]
    models: library::ModelArgs,
    #[command(flatten)]
    how: choices::HowArgs,
    /// Fit bins of a wanted signal-to-noise ratio beside the pixels: voronoi:20 or hexagon:20
    #[arg(long, value_name = "KIND:RATIO", conflicts_with_all = ["observations", "join"])]
    bin: Option<Choice>,
    /// Band whose ratio counts for --bin [default: the middle one of all]
    #[arg(long, value_name = "NAME", requires = "bin")]
    bin_band: Option<String>,
    /// Width in arcseconds of elliptical rings that are fitted beside the pixels, or none [default: the cube's resolution]
    #[arg(long, value_name = "ARCSEC|none", default_value = "resolution", hide_default_value = true, conflicts_with_all = ["observations", "join"])]
    rings: Rings,
    /// Folder for maps, pictures and a report of what was found, as pogson maps makes them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["observations", "join", "pixels"])]
    maps: Option<PathBuf>,
    /// Replace outputs that exist
    #[arg(long)]
    force: bool,
}

/// Width of the rings that are fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rings {
    /// No rings.
    None,
    /// As wide as the cube's resolution.
    Resolution,
    /// This wide.
    Arcsec(f64),
}

impl std::str::FromStr for Rings {
    type Err = String;

    fn from_str(text: &str) -> Result<Rings, String> {
        match text {
            "none" => Ok(Rings::None),
            "resolution" => Ok(Rings::Resolution),
            _ => match text.trim().parse::<f64>() {
                Ok(width) if width > 0.0 && width.is_finite() => Ok(Rings::Arcsec(width)),
                _ => Err(format!("'{text}' is no width of rings; write arcseconds above 0, resolution or none")),
            },
        }
    }
}

/// Fits.
///
/// # Errors
/// Inputs that cannot be used or do not go together, nothing that can be fitted, an interruption.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    if !args.join.is_empty() {
        return join::run(&args.join, &args.output, args.force, out);
    }
    match &args.cube {
        Some(cube) => cube::run(cube, &args, out),
        None => list::run(&args, out),
    }
}
