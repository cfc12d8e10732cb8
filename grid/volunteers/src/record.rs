//! A record of what the server acknowledged, so that after a crash nothing of it may be missing.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// Lines of words: `upload NAME BYTES MD5` after an upload's status 0, `report NAME STATE EXIT HOST` after a report's acknowledgement.
#[derive(Debug, Default)]
pub struct Record {
    file: Option<BufWriter<File>>,
    fault: Option<io::Error>,
}

impl Record {
    /// - `path`: where; none keeps no record.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn new(path: Option<&Path>) -> io::Result<Record> {
        let file = path.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Record { file, fault: None })
    }

    /// An upload was taken.
    pub fn upload(&mut self, name: &str, bytes: u64, md5: &str) {
        self.line(format_args!("upload {name} {bytes} {md5}"));
    }

    /// A report was acknowledged.
    pub fn report(&mut self, name: &str, state: i64, exit: i64, host: i64) {
        self.line(format_args!("report {name} {state} {exit} {host}"));
    }

    fn line(&mut self, line: impl Display) {
        if let Some(file) = &mut self.file
            && let Err(error) = writeln!(file, "{line}")
        {
            self.fault.get_or_insert(error);
        }
    }

    /// Hands all lines to the system.
    ///
    /// # Errors
    /// The first that befell any line.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(error) = self.fault.take() {
            return Err(error);
        }
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}
