//! What operators do, while the project is served or not: commands as JSON, through the socket of the process that serves, or on the
//! database itself.

mod command;
mod import;
mod keys;
mod people;
mod run;
mod socket;
mod status;
mod work;

pub use command::{Command, NewApp, NewVersion, WhoseWork};
pub use run::{AdminError, Place, run};
pub use socket::{Way, listen};
