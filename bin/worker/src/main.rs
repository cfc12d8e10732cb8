//! `pogson-worker`: fits the places of a piece of work, as a BOINC client's task or alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(pogson_worker::run(std::env::args().skip(1)))
}
