//! `pogson man`: manual pages.

use std::path::PathBuf;

use clap::CommandFactory;

use crate::Cli;
use crate::failure::Failure;
use crate::output::Output;

/// Write a manual page for each command
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson man ~/.local/share/man/man1 && man pogson-mosaic")]
pub struct Args {
    /// Folder to write pogson.1, pogson-mosaic.1 ... into; made when missing
    dir: PathBuf,
}

/// Writes the pages.
///
/// # Errors
/// When the folder or a page cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.dir).map_err(|e| Failure::io(&args.dir, &e))?;
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(|e| Failure::io(&args.dir, &e))?;
    out.line(args.dir.display())
}
