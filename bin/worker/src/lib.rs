//! Fits the places of a piece of work, as a BOINC client's task or alone: what `pogson-worker` does, and `pogson crowd work`.
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

use arguments::{Arguments, Wanted};
use fault::Fault;

/// Does what the words after the program's name ask for; its exit code.
pub fn run(words: impl Iterator<Item = String>) -> u8 {
    let wanted = match Arguments::parse(words) {
        Ok(wanted) => wanted,
        Err(sentence) => return said(&Fault::Usage(sentence)),
    };
    let arguments = match wanted {
        Wanted::Text(text) => {
            // A closed pipe is no failure.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return 0;
        }
        Wanted::Work(arguments) => arguments,
    };
    match run::run(&arguments) {
        Ok(code) => code,
        Err(fault) => said(&fault),
    }
}

/// Says a fault and gives its exit code.
fn said(fault: &Fault) -> u8 {
    let _ = writeln!(std::io::stderr(), "pogson-worker: {fault}");
    fault.code()
}
