//! `pogson library build`: a library drawn from the priors.

use std::path::PathBuf;

use pogson_cube::library::{Size, build};
use pogson_cube::library_store::LibraryWriter;
use pogson_sed::build::Builder;
use pogson_sed::filter::Filter;
use pogson_sed::library::Band;
use serde::Serialize;

use super::export::{prepare, warn_of_order, write_texts};
use super::spectra_args::SpectraArgs;
use crate::arguments::filters::FilterArgs;
use crate::arguments::redshifts::Redshifts;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Make a library of models for a set of filters
///
/// Star formation histories and dust are drawn from the priors of da Cunha, Charlot & Elbaz (2008): exponentially declining
/// star formation with random bursts, dust in birth clouds and in the diffuse medium that gives back all the light it takes.
/// The same seed gives the same bytes on every machine, and model 17 is the same in libraries of every size. Light that gas
/// between galaxies takes is ignored, which is right below a redshift of 0.2.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library build --filters SDSS_g,SDSS_r,SDSS_i,WISE_W1,WISE_W3,PACS_100 --redshift 0.01 -o galaxy.lib
  pogson library build --filters filters.dat --redshift 0..0.1:0.01 -o pogs.lib --lbr lbr/
  pogson library build --filters FUV,NUV,mine --curve mine=curve.txt --redshift 0.02 --seed 7 --nebular -o n.lib
  pogson library build --filters SDSS_g,SDSS_r --ssp bc2003_lr_m52_chab_ssp.ised_ASCII --ssp bc2003_lr_m62_chab_ssp.ised_ASCII -o bc.lib")]
pub struct Args {
    #[command(flatten)]
    filters: FilterArgs,
    /// Redshifts: one, several with commas, or FIRST..LAST:STEP (steps of 0.01 where none is given)
    #[arg(long, value_name = "Z", default_value = "0..0.1:0.01")]
    redshift: Redshifts,
    /// Library to write
    #[arg(long, short, value_name = "LIB")]
    output: PathBuf,
    /// Number of stellar models
    #[arg(long, value_name = "N", default_value_t = Size::default().stellar)]
    stellar: u32,
    /// Number of dust models
    #[arg(long, value_name = "N", default_value_t = Size::default().dust)]
    dust: u32,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    spectra: SpectraArgs,
    /// Also write MAGPHYS's text files into this folder: starformhist_cb07_z*.lbr, infrared_dce08_z*.lbr, filters.dat, zlibs.dat
    #[arg(long, value_name = "DIR")]
    lbr: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Report {
    output: String,
    /// SHA-256 that names the library.
    name: String,
    spectra: String,
    seed: u64,
    stellar: u32,
    dust: u32,
    redshifts: Vec<f64>,
    bands: Vec<super::info::BandReport>,
    bytes: u64,
    lbr: Option<String>,
}

/// Makes the library.
///
/// # Errors
/// Unknown filters, spectra that cannot be read, an output that is there already, an interruption.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let chosen = args.filters.read()?;
    let (bands, filters): (Vec<Band>, Vec<Filter>) = chosen.into_iter().unzip();
    let filters: Vec<&Filter> = filters.iter().collect();
    let redshifts = &args.redshift.0;
    let ssp = args.spectra.read()?;
    if let Some(greatest) = redshifts.last().filter(|&&z| z > 0.2) {
        out.warn(format!("light that gas between galaxies takes is ignored, which shows at redshift {greatest} in the blue"));
    }
    if let Some(dir) = &args.lbr {
        prepare(dir, redshifts, args.force)?;
        warn_of_order(&bands, out);
    }
    // Faults of bands or sizes are told before anything is written.
    let size = Size { stellar: args.stellar, dust: args.dust };
    let mut writer = LibraryWriter::create(&args.output, &ssp.name, args.seed, &bands, args.force)?;
    let models = (u64::from(size.stellar) + u64::from(size.dust)) * redshifts.len() as u64;
    let progress = out.progress("models", models, Unit::Models);
    let stop = out.interrupt_flag();
    for &redshift in redshifts {
        let builder = Builder::new(&ssp, &bands, &filters, redshift, args.seed)?;
        let library = build(&builder, size, &|count| progress.add(count), &stop)?;
        writer.add(&library)?;
        if let Some(dir) = &args.lbr {
            write_texts(dir, &library, args.force)?;
        }
        out.go_on()?;
    }
    drop(progress);
    if let Some(dir) = &args.lbr {
        super::export::write_tables(dir, &bands, redshifts, args.force)?;
    }
    let (index, bytes) = writer.finish()?;
    let report = Report {
        output: args.output.display().to_string(),
        name: index.name(),
        spectra: index.source.clone(),
        seed: args.seed,
        stellar: args.stellar,
        dust: args.dust,
        redshifts: redshifts.clone(),
        bands: super::info::bands(&bands),
        bytes,
        lbr: args.lbr.as_ref().map(|dir| dir.display().to_string()),
    };
    if out.is_json() {
        return out.object(&report);
    }
    let (stellar, dust, count) = (args.stellar, args.dust, redshifts.len());
    let redshifts = if count == 1 { format!("redshift {}", redshifts[0]) } else { format!("{count} redshifts") };
    out.line(format!("{}: {stellar} stellar and {dust} dust models at {redshifts}", report.output))?;
    out.line(format!("{} bands, {:.1} MB, {}", bands.len(), bytes as f64 / 1e6, report.name))
}
