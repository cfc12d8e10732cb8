//! The `pogson` command: parses, calls the libraries, reports.
//!
//! One file per command under `commands/`; data go to standard output, logs and progress to standard error; each failure is
//! one sentence with an exit code ([`failure`]).
#![allow(unreachable_pub, reason = "a program has no outside to reach from")]

mod arguments;
mod commands;
#[cfg(test)]
mod examples;
mod failure;
mod interrupt;
mod output;
mod progress;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::output::Output;

/// Fits take and give back megabytes for every pixel; the C library's allocator would return them to the system each time,
/// which costs as much as an optical fit.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns survey images of the sky into science-grade mosaics, and those of galaxies into maps of what each pixel is made of.
#[derive(Parser)]
#[command(name = "pogson", version, propagate_version = true, max_term_width = 120)]
#[command(
    after_help = "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 bad input data; 4 no room or memory; 5 interrupted, can be resumed."
)]
pub struct Cli {
    #[command(subcommand)]
    command: commands::Command,
    #[command(flatten)]
    global: output::GlobalArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = match Output::new(&cli.global) {
        Ok(output) => output,
        Err(failure) => return failure.report(false),
    };
    match cli.command.run(&output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(output.is_json()),
    }
}
