//! A pool's trace: all that its dispatcher is told, by which it can be asked again what it would decide.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use pogson_dispatch::dispatcher::Setup;
use pogson_dispatch::trace;

use super::Desk;

/// Files of one name that are tried.
const FILES: u32 = 10_000;

pub(super) type Recorder = trace::Recorder<BufWriter<File>>;

/// Begins a trace at `path`, or, where that is there already, at the next of `path.2`, `path.3`, ...: a trace is of one dispatcher.
///
/// # Errors
/// Why no file can be written.
pub(super) fn begin(path: &Path, setup: &Setup) -> io::Result<Recorder> {
    for number in 1..=FILES {
        let name = if number == 1 { path.to_path_buf() } else { PathBuf::from(format!("{}.{number}", path.display())) };
        match File::create_new(name) {
            Ok(file) => return Recorder::new(BufWriter::new(file), setup),
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
            Err(why) => return Err(why),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

impl Desk {
    /// Writes what was recorded until now.
    ///
    /// # Errors
    /// Why it cannot be written, once; then nothing more is.
    pub(crate) fn write_trace(&self) -> io::Result<()> {
        self.recorder.as_ref().map_or(Ok(()), Recorder::flush)
    }
}
