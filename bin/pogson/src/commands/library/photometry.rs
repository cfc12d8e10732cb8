//! `pogson library photometry`: a spectrum through filters.

use std::path::PathBuf;

use pogson_cube::text_file;
use pogson_sed::filter::Filter;
use pogson_sed::library::Band;
use serde::Serialize;

use crate::arguments::filters::FilterArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Pass a spectrum through filters: mean f_nu and AB magnitudes
///
/// The spectrum is text of two columns, wavelength (Angstrom, increasing) and f_nu in Jy; lines that begin with # are
/// comments. Where it ends within a filter it falls on as lambda^-2.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library photometry star.txt --filters SDSS_g,SDSS_r,2MASS_J
  pogson library photometry star.txt --filters mine --curve mine=curve.xml --json")]
pub struct Args {
    /// Spectrum
    spectrum: PathBuf,
    #[command(flatten)]
    filters: FilterArgs,
    /// Redshift by which the spectrum is moved; its f_nu rises by 1 + z
    #[arg(long, value_name = "Z", default_value_t = 0.0)]
    redshift: f64,
}

#[derive(Serialize)]
struct Line {
    name: String,
    wavelength_um: f64,
    flux_jy: f64,
    ab_magnitude: Option<f64>,
    vega_magnitude: Option<f64>,
}

/// Computes and prints them.
///
/// # Errors
/// A spectrum that cannot be read, unknown filters.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    if !(0.0..=20.0).contains(&args.redshift) {
        return Err(Failure::usage(format!("--redshift {}: give one of 0 to 20", args.redshift)));
    }
    let chosen = args.filters.read()?;
    let path = &args.spectrum;
    let text = text_file::read(path).map_err(|e| Failure::io(path, &e))?;
    let (mut wavelength, mut flux) = (Vec::new(), Vec::new());
    for (k, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fields = line.split([' ', '\t', ',']).filter(|field| !field.is_empty());
        let mut number = || fields.next().and_then(|field| field.parse::<f64>().ok()).filter(|x| x.is_finite());
        let (Some(w), Some(f)) = (number(), number()) else {
            return Err(Failure::in_file(path, format!("line {} is not a wavelength and a flux", k + 1)));
        };
        if w <= 0.0 || wavelength.last().is_some_and(|&last| last >= w) {
            return Err(Failure::in_file(path, format!("line {}: wavelengths must be above 0 and increase", k + 1)));
        }
        wavelength.push(w);
        flux.push(f);
    }
    if wavelength.len() < 2 {
        return Err(Failure::in_file(path, "a spectrum needs at least two wavelengths"));
    }
    let lines: Vec<Line> = chosen.iter().map(|pair| measure(pair, &wavelength, &flux, args.redshift)).collect();
    if out.is_json() {
        return out.object(&lines);
    }
    out.line("band        wavelength um      flux Jy       AB      Vega")?;
    for line in &lines {
        let mag = |value: Option<f64>| value.map_or_else(|| "       -".to_owned(), |mag| format!("{mag:8.4}"));
        let (ab, vega) = (mag(line.ab_magnitude), mag(line.vega_magnitude));
        out.line(format!("{:<12} {:12.4} {:12.5e} {ab}  {vega}", line.name, line.wavelength_um, line.flux_jy))?;
    }
    Ok(())
}

fn measure((band, filter): &(Band, Filter), wavelength: &[f64], flux: &[f64], redshift: f64) -> Line {
    let weights = filter.weights(wavelength, redshift);
    let flux_jy = (1.0 + redshift) * weights.iter().map(|&(k, weight)| weight * flux[k]).sum::<f64>();
    let ab = (flux_jy > 0.0).then(|| pogson_sed::filter::ab_magnitude(flux_jy));
    let vega = ab.zip(filter.ab_minus_vega).map(|(ab, offset)| ab - offset);
    let (name, wavelength_um) = (band.name.clone(), band.wavelength_um);
    Line { name, wavelength_um, flux_jy, ab_magnitude: ab, vega_magnitude: vega }
}
