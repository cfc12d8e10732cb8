//! `pogson crowd work`: this program as a client's task.

use crate::failure::Failure;
use crate::output::Output;

/// Fit a piece of work as a BOINC client's task: pogson-worker's words
#[derive(clap::Args, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true, after_help = "Examples:\n  pogson crowd work --work area17.work --library ngc.lib --output area17.fits.txt")]
pub struct Args {
    /// See pogson crowd work --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Fits.
///
/// # Errors
/// None: the task has exit codes of its own, with which the program ends.
pub fn run(args: Args, _: &Output) -> Result<(), Failure> {
    let code = pogson_worker::run(args.words.into_iter());
    // Clients read the task's own code.
    if code == 0 { Ok(()) } else { std::process::exit(i32::from(code)) }
}
