//! `pogson crowd trickle`.

use std::path::PathBuf;

use pogson_crowd::admin::Command;

use super::way::{ask, show};
use crate::failure::Failure;
use crate::output::Output;

/// Messages of running tasks, and to them
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd trickle send pogs primes_3000_1 '<stop/>'
  pogson crowd trickle list pogs --last 20 --json")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Send a message to a task; its client takes it with the next request
    #[command(after_help = "Examples:\n  pogson crowd trickle send pogs primes_3000_1 '<stop/>'")]
    Send {
        /// The project's folder
        dir: PathBuf,
        /// The task's name
        result: String,
        /// The message, lines of less than 250 bytes
        text: String,
    },
    /// Show the last messages
    #[command(after_help = "Examples:\n  pogson crowd trickle list pogs --last 20 --json")]
    List {
        /// The project's folder
        dir: PathBuf,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        last: i64,
    },
}

/// Sends or shows.
///
/// # Errors
/// What the server says.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let said = match args.what {
        What::Send { dir, result, text } => ask(&dir, Command::Trickle { result, text })?,
        What::List { dir, last } => ask(&dir, Command::Trickles { count: last.clamp(1, 10_000) })?,
    };
    show(&said, out)
}
