//! `pogson portal`: mosaics as a web service.

mod serve;

use crate::failure::Failure;
use crate::output::Output;

/// Serve mosaics: HiPS tiles and cut-outs over HTTP
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson portal serve mosaics --listen 127.0.0.1:8080
  curl -O http://127.0.0.1:8080/m17/Norder3/Allsky.png
  curl -o part.fits 'http://127.0.0.1:8080/m17/cutout?ra=275.2&dec=-16.17&size=0.1'")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done.
#[derive(clap::Subcommand, Debug)]
enum What {
    Serve(serve::Args),
}

/// Does it.
///
/// # Errors
/// Those of the command.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.what {
        What::Serve(args) => serve::run(args, out),
    }
}
