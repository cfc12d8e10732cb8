//! `pogson-worker`: fits the places of a piece of work, as a BOINC client's task or alone.
//!
//! It reads the work and a model library, fits place by place as `pogson fit` does, and writes one answer. What is done is kept in
//! a checkpoint, from which it goes on.

mod arguments;
mod channel;
mod checkpoint;
mod client;
mod fault;
mod run;
mod slot;

use std::io::Write;
use std::process::ExitCode;

use arguments::{Arguments, Wanted};
use fault::Fault;

fn main() -> ExitCode {
    let wanted = match Arguments::parse(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(sentence) => return said(&Fault::Usage(sentence)),
    };
    let arguments = match wanted {
        Wanted::Text(text) => {
            // A closed pipe is no failure.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Wanted::Work(arguments) => arguments,
    };
    match run::run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(fault) => said(&fault),
    }
}

/// Says a fault and gives its exit code.
fn said(fault: &Fault) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "pogson-worker: {fault}");
    ExitCode::from(fault.code())
}
