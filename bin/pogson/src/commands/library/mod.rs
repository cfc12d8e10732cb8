//! `pogson library`: model libraries made, looked at, converted.

mod build;
mod export;
mod import;
mod info;
mod list_filters;
mod mock;
mod photometry;
mod spectra_args;
mod spectrum;

use crate::failure::Failure;
use crate::output::Output;

/// Make libraries of stellar and dust models for fits, look into them, convert MAGPHYS's
///
/// A library holds the light of star formation histories behind dust, and of that dust, in the bands of a fit, drawn from the
/// priors of da Cunha, Charlot & Elbaz (2008). Light that gas between galaxies takes is left alone, so that filters below
/// 1216 Angstrom in the galaxy's frame are good to a redshift of 0.2.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library list-filters
  pogson library build --filters SDSS_g,SDSS_r,SDSS_i,WISE_W1,WISE_W3,PACS_100 --redshift 0.01 -o galaxy.lib
  pogson library info galaxy.lib")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// What to do.
#[derive(clap::Subcommand, Debug)]
enum Action {
    Build(build::Args),
    Info(info::Args),
    ListFilters(list_filters::Args),
    Import(import::Args),
    Export(export::Args),
    Mock(mock::Args),
    Spectrum(spectrum::Args),
    Photometry(photometry::Args),
}

/// Does it.
///
/// # Errors
/// Those of the action; see its module.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.action {
        Action::Build(args) => build::run(args, out),
        Action::Info(args) => info::run(args, out),
        Action::ListFilters(args) => list_filters::run(args, out),
        Action::Import(args) => import::run(args, out),
        Action::Export(args) => export::run(args, out),
        Action::Mock(args) => mock::run(args, out),
        Action::Spectrum(args) => spectrum::run(args, out),
        Action::Photometry(args) => photometry::run(args, out),
    }
}
