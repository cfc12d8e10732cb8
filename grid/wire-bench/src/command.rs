//! How the ends are begun.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// How to begin an end.
#[derive(Clone, Debug)]
pub struct Launch {
    /// A program that calls [`crate::end::run`].
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The library for the ends of rings.
    pub library: PathBuf,
    /// The daemon's socket.
    pub socket: PathBuf,
}

/// How an end sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// As it is.
    Nothing,
    /// With the library.
    Library,
    /// With the library, and its threads sleep at once when there is nothing.
    SleepingLibrary,
}

impl Launch {
    pub(crate) fn command(&self, loaded: Loaded) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env_remove("LD_PRELOAD").env_remove("POGSON_WIRE_SPIN_US");
        if loaded != Loaded::Nothing {
            command.env("LD_PRELOAD", &self.library).env("POGSON_WIRE_SOCKET", &self.socket);
        }
        if loaded == Loaded::SleepingLibrary {
            command.env("POGSON_WIRE_SPIN_US", "0");
        }
        command
    }
}
