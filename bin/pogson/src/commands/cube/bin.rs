//! `pogson cube bin`: pixels of a cube together in bins.

use std::path::PathBuf;
use std::str::FromStr;

use pogson_cube::Cube;
use pogson_cube::binning::{Bins, Signal, hexagons, middle_band, voronoi};
use pogson_cube::cube::Saving;

use crate::failure::Failure;
use crate::output::Output;

/// Put the usable pixels of a cube together in bins of a wanted signal-to-noise ratio
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The output is a cube of the same grid: each pixel holds its bin's mean, and one pixel of each bin is usable, so that a fit takes \
each bin once; extension BINS has the numbers. Noise that neighbours share is counted.

Examples:
  pogson cube bin ic494.fits -o binned.fits --voronoi 20 --band SDSS_r
  pogson cube bin ic494.fits -o binned.fits --hexagon 10")]
pub struct Args {
    /// A cube
    #[arg(value_name = "CUBE.fits")]
    cube: PathBuf,
    /// The binned cube
    #[arg(short, long, value_name = "BINNED.fits")]
    output: PathBuf,
    /// Voronoi bins of this ratio (Cappellari & Copin 2003)
    #[arg(long, value_name = "RATIO", required_unless_present = "hexagon", conflicts_with = "hexagon")]
    voronoi: Option<f64>,
    /// Hexagons of one size, the smallest at which half of them reach this ratio
    #[arg(long, value_name = "RATIO")]
    hexagon: Option<f64>,
    /// Band whose ratio counts [default: the middle one of all]
    #[arg(long, value_name = "NAME")]
    band: Option<String>,
    /// Replace an output that exists
    #[arg(long)]
    force: bool,
}

/// Kind of bins and their ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Choice {
    Voronoi(f64),
    Hexagon(f64),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Choice, String> {
        let bad = || format!("'{text}' names no bins; write voronoi:20 or hexagon:20");
        let (kind, ratio) = text.split_once(':').ok_or_else(bad)?;
        let ratio = ratio.parse::<f64>().ok().filter(|r| *r > 0.0 && r.is_finite()).ok_or_else(bad)?;
        match kind {
            "voronoi" => Ok(Choice::Voronoi(ratio)),
            "hexagon" => Ok(Choice::Hexagon(ratio)),
            _ => Err(bad()),
        }
    }
}

/// What was made.
#[derive(Debug, serde::Serialize)]
pub struct Summary {
    /// Band that it was made for.
    pub band: String,
    /// Number of bins.
    pub bins: usize,
    /// Pixels of the largest.
    pub largest: usize,
    /// Middle ratio.
    pub median_ratio: f64,
}

/// Bins a cube.
///
/// # Errors
/// A file that is no cube, an unknown band, a ratio that is not reached, an output that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let mut cube = Cube::open(&args.cube)?;
    let choice = match (args.voronoi, args.hexagon) {
        (Some(ratio), _) => Choice::Voronoi(ratio),
        (None, Some(ratio)) => Choice::Hexagon(ratio),
        (None, None) => return Err(Failure::usage("give --voronoi or --hexagon with a ratio")),
    };
    let (Choice::Voronoi(ratio) | Choice::Hexagon(ratio)) = choice;
    if !(ratio > 0.0 && ratio.is_finite()) {
        return Err(Failure::usage(format!("a signal-to-noise ratio of {ratio} cannot be reached; give one above 0")));
    }
    let summary = apply(&mut cube, choice, args.band.as_deref())?;
    cube.save(&args.output, &Saving { overwrite: args.force, ..Saving::default() })?;
    if out.is_json() {
        return out.object(&serde_json::json!({ "output": args.output, "bins": summary }));
    }
    out.line(format!(
        "{}: {} bins by {}, the largest of {} pixels, middle ratio {:.1}",
        args.output.display(),
        summary.bins,
        summary.band,
        summary.largest,
        summary.median_ratio
    ))
}

/// Puts a cube in bins.
///
/// # Errors
/// An unknown band, a ratio that is not reached.
pub fn apply(cube: &mut Cube, choice: Choice, band: Option<&str>) -> Result<Summary, Failure> {
    let layer = match band {
        Some(name) => cube.layer(name).ok_or_else(|| {
            let names: Vec<&str> = cube.layers.iter().map(|l| l.band.name.as_str()).collect();
            Failure::usage(format!("the cube has no band {name}; it has {}", names.join(", ")))
        })?,
        None => middle_band(cube).ok_or_else(|| Failure::bad_input("the cube has no usable pixel"))?,
    };
    let bins: Option<Bins> = {
        let signal = Signal::of(cube, layer).ok_or_else(|| Failure::bad_input("the cube has no usable pixel"))?;
        match choice {
            Choice::Voronoi(ratio) => voronoi(&signal, ratio),
            Choice::Hexagon(ratio) => hexagons(&signal, ratio),
        }
    };
    let (Choice::Voronoi(ratio) | Choice::Hexagon(ratio)) = choice;
    let name = cube.layers[layer].band.name.clone();
    let bins = bins.ok_or_else(|| {
        Failure::bad_input(format!("{name} does not reach a ratio of {ratio} in any bin; ask for less, or name another band"))
    })?;
    let binned = cube.binned(&bins);
    *cube = binned;
    let kind = if matches!(choice, Choice::Voronoi(_)) { "Voronoi bins" } else { "hexagons" };
    cube.history.push(format!("{} {kind} of ratio {ratio} in {name}", bins.bins.len()));
    let mut ratios: Vec<f64> = bins.bins.iter().map(|b| b.ratio).collect();
    ratios.sort_by(f64::total_cmp);
    Ok(Summary {
        band: name,
        bins: bins.bins.len(),
        largest: bins.bins.iter().map(|b| b.pixels).max().unwrap_or(0),
        median_ratio: ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN),
    })
}
