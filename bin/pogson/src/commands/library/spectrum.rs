//! `pogson library spectrum`: the spectrum behind a model, or of a simple stellar population.

use std::io::Write;
use std::path::PathBuf;

use pogson_cube::library_store::LibraryFile;
use pogson_sed::build::{Builder, StellarSpectrum};
use pogson_sed::filter::find;
use pogson_sed::library::Band;
use pogson_sed::ssp::Ssp;

use super::export::write;
use super::spectra_args::SpectraArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Write the spectrum of a library's model, or of stars of one age
///
/// Of a stellar model: wavelength (Angstrom, in the galaxy's frame), light before and after dust (Lsun/Hz per solar mass of
/// stars) and, with --dust, that of its dust. Of stars of one age: light per solar mass formed.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library spectrum --library galaxy.lib --stellar 17 --dust 4 -o sed.txt
  pogson library spectrum --age 1e9 --metallicity 0.02 -o young.txt")]
pub struct Args {
    /// Library of pogson library build
    #[arg(long, value_name = "LIB", requires = "stellar")]
    library: Option<PathBuf>,
    /// Number of a stellar model, from 1
    #[arg(long, value_name = "N", requires = "library")]
    stellar: Option<u32>,
    /// Number of a dust model, from 1
    #[arg(long, value_name = "N", requires = "library")]
    dust: Option<u32>,
    /// Redshift of the library [default: its only one]
    #[arg(long, value_name = "Z", requires = "library")]
    redshift: Option<f64>,
    /// Age of the stars, in years
    #[arg(long, value_name = "YR", conflicts_with = "library", requires = "metallicity")]
    age: Option<f64>,
    /// Mass fraction of metals in the stars
    #[arg(long, value_name = "Z", conflicts_with = "library", requires = "age")]
    metallicity: Option<f64>,
    #[command(flatten)]
    spectra: SpectraArgs,
    /// Text file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// Writes it.
///
/// # Errors
/// A library made from other spectra, numbers beyond it, an output that is there already.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let ssp = args.spectra.read()?;
    let output = args.output.display().to_string();
    match (&args.library, args.stellar, args.age, args.metallicity) {
        (Some(library), Some(stellar), ..) => {
            let (spectrum, dust) = model(&args, library, stellar, &ssp)?;
            write(&args.output, args.force, |text| table(text, &spectrum, &dust))?;
            let luminosity = spectrum.clouds + spectrum.diffuse;
            let f_mu = if luminosity > 0.0 { spectrum.diffuse / luminosity } else { f64::NAN };
            if out.is_json() {
                let json = serde_json::json!({ "output": output, "dust_luminosity": luminosity, "f_mu": f_mu });
                return out.object(&json);
            }
            out.line(format!("{output}: dust takes {luminosity:.5e} Lsun per Msun of stars, f_mu {f_mu:.5}"))
        }
        (None, None, Some(age), Some(metallicity)) => {
            let (light, mass) = ssp.at(metallicity, age);
            write(&args.output, args.force, |text| {
                writeln!(text, "# {}: Z={metallicity}, {age:e} yr; Angstrom, Lsun/Hz per Msun formed", ssp.name)?;
                ssp.wavelength.iter().zip(&light).try_for_each(|(w, l)| writeln!(text, "{w} {l:.8e}"))
            })?;
            if out.is_json() {
                return out.object(&serde_json::json!({ "output": output, "surviving_mass": mass }));
            }
            out.line(format!("{output}: {mass:.4} Msun of stars and remnants per Msun formed"))
        }
        _ => Err(Failure::usage("give --library and --stellar, or --age and --metallicity")),
    }
}

/// The spectra of a model; the dust's is empty where none is asked for.
fn model(
    args: &Args,
    library: &std::path::Path,
    stellar: u32,
    ssp: &Ssp,
) -> Result<(StellarSpectrum, Vec<(f64, f64)>), Failure> {
    let file = LibraryFile::open(library)?;
    let index = file.index();
    if index.source != ssp.name {
        let sentence = format!("the library is made from {}; give these with --ssp and --nebular", index.source);
        return Err(Failure::in_file(library, sentence));
    }
    let block = match (args.redshift, index.blocks.len()) {
        (Some(redshift), _) => index.nearest(redshift, 1e-6, &library.display().to_string()).map_err(|e| {
            Failure::usage(e.to_string())
        })?,
        (None, 1) => 0,
        (None, count) => return Err(Failure::usage(format!("the library has {count} redshifts; give one: --redshift Z"))),
    };
    let block = &index.blocks[block];
    for (what, number, count) in [("stellar", stellar, block.stellar), ("dust", args.dust.unwrap_or(1), block.dust)] {
        if !(1..=count).contains(&number) {
            return Err(Failure::usage(format!("--{what} {number}: the library has {what} models 1 to {count}")));
        }
    }
    // Spectra do not depend on bands; any one will do.
    let filter = find("SDSS_r")?;
    let band = Band { name: filter.name.clone(), wavelength_um: filter.pivot() / 1e4, id: 0 };
    let builder = Builder::new(ssp, &[band], &[filter], block.redshift, index.seed)?;
    let dust = args.dust.map(|number| {
        let (wavelength, light) = builder.dust_spectrum(number - 1);
        wavelength.into_iter().zip(light).collect()
    });
    Ok((builder.stellar_spectrum(stellar - 1), dust.unwrap_or_default()))
}

fn table(text: &mut impl Write, stars: &StellarSpectrum, dust: &[(f64, f64)]) -> std::io::Result<()> {
    writeln!(text, "# stars: Angstrom, Lsun/Hz per Msun before dust, after dust")?;
    for ((wavelength, before), after) in stars.wavelength.iter().zip(&stars.intrinsic).zip(&stars.attenuated) {
        writeln!(text, "stars {wavelength} {before:.9e} {after:.9e}")?;
    }
    if !dust.is_empty() {
        writeln!(text, "# dust: Angstrom, Lsun/Hz per Msun of stars")?;
    }
    let luminosity = stars.clouds + stars.diffuse;
    dust.iter().try_for_each(|(wavelength, light)| writeln!(text, "dust {wavelength} {:.9e}", light * luminosity))
}
