//! `pogson crowd`: a project that volunteers compute for.

mod emulate;

use crate::failure::Failure;
use crate::output::Output;

/// A project that volunteers' BOINC clients compute for
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done with the project.
#[derive(clap::Subcommand, Debug)]
enum What {
    Emulate(emulate::Args),
}

/// Does it.
///
/// # Errors
/// Those of the command; see its module.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.what {
        What::Emulate(args) => emulate::run(args, out),
    }
}
