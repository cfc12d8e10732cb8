//! Where a command puts what it has to say: data on standard output, the rest on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::{Progress, Unit};

/// Flags that every command takes.
#[derive(clap::Args, Debug)]
pub struct GlobalArgs {
    /// Print the result as one JSON object on standard output
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// Print no notes and no progress; warnings and errors remain
    #[arg(long, short, global = true, help_heading = "Global options")]
    quiet: bool,
    /// Threads to work with [default: as many as the machine has]; results do not depend on it
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    threads: Option<usize>,
}

/// The two streams, the user's wishes about them, and the flag of an interruption.
pub struct Output {
    json: bool,
    quiet: bool,
    progress: bool,
    colour: bool,
    interrupt: Interrupt,
}

impl Output {
    /// Sets up streams, threads and signal watching as asked.
    ///
    /// # Errors
    /// `--threads 0`, or a system that refuses threads.
    pub fn new(args: &GlobalArgs) -> Result<Output, Failure> {
        if args.threads == Some(0) {
            return Err(Failure::usage("--threads 0: at least one thread is needed"));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.unwrap_or(0));
        pool.build_global().map_err(|e| Failure::failed(format!("the work threads did not start: {e}")))?;
        let interrupt = Interrupt::watch().map_err(|e| Failure::failed(format!("signals cannot be watched: {e}")))?;
        let terminal = io::stderr().is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Ok(Output {
            json: args.json,
            quiet: args.quiet,
            progress: terminal && !args.quiet,
            colour: terminal && !no_colour,
            interrupt,
        })
    }

    /// True when the result is wanted as one JSON object.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Writes one line of data to standard output.
    ///
    /// # Errors
    /// When nobody reads any more (which ends the program quietly), or the write fails.
    pub fn line(&self, text: impl Display) -> Result<(), Failure> {
        writeln!(io::stdout().lock(), "{text}").map_err(|e| Failure::io(Path::new("standard output"), &e))
    }

    /// Writes a value as one JSON object, its keys in the order of their declaration.
    ///
    /// Numbers that JSON lacks (NaN, infinities) become null.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn object(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| Failure::failed(format!("the result cannot be written as JSON: {e}")))?;
        self.line(text)
    }

    /// Says something on standard error, unless `--quiet`.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Warns on standard error; also under `--quiet`.
    pub fn warn(&self, text: impl Display) {
        let (on, off) = if self.colour { ("\x1b[33m", "\x1b[0m") } else { ("", "") };
        let _ = writeln!(io::stderr(), "{on}warning:{off} {text}");
    }

    /// A progress bar on standard error with rate and time left; silent when standard error is no terminal.
    ///
    /// - `what`: what is being done, in a word or two;
    /// - `total`: amount of work in `unit`.
    pub fn progress(&self, what: &str, total: u64, unit: Unit) -> Progress {
        Progress::new(what, total, unit, self.progress)
    }

    /// From now on the work ends by itself when it is interrupted, however long that takes; a second signal still ends the program at once.
    pub fn ends_by_itself(&self) {
        self.interrupt.wait_for_work();
    }

    /// The flag of an interruption, for libraries that look at it between blocks.
    pub fn interrupt_flag(&self) -> Arc<AtomicBool> {
        self.interrupt.flag()
    }

    /// Ends long work once the program was asked to stop; to be called between blocks.
    ///
    /// # Errors
    /// [`Failure::interrupted`] after SIGINT or SIGTERM.
    pub fn go_on(&self) -> Result<(), Failure> {
        if self.interrupt.is_set() { Err(Failure::interrupted()) } else { Ok(()) }
    }
}
