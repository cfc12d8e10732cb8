//! What is done so far, in a file that is whole or absent.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pogson_sed::library_file::hex;
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::slot::{part_of, write};

const WORD: &str = "pogson checkpoint 1";

/// Places that are done, as the answer's text has them.
pub(crate) struct Checkpoint {
    path: PathBuf,
    every: Duration,
    written: Instant,
    /// Hash of the work.
    work: String,
    /// Number of places.
    pub(crate) done: usize,
    /// Their text.
    pub(crate) text: String,
}

impl Checkpoint {
    /// Reads what an earlier run of the same work has done; nothing where there is none, or a damaged one. Also gives the CPU
    /// seconds that it took.
    ///
    /// # Errors
    /// [`Fault::Io`] for a file that is there and cannot be read.
    pub(crate) fn open(path: &Path, work: &str, every: Duration) -> Result<(Checkpoint, f64), Fault> {
        let (path, written) = (path.to_owned(), Instant::now());
        let held = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read.map_err(Fault::io(&path, "read the checkpoint"))?),
        };
        let known = held.as_deref().and_then(|bytes| parse(bytes, work));
        if held.is_some() && known.is_none() {
            eprintln!("pogson-worker: {}: is of other work, or damaged; begins anew", path.display());
        }
        let (done, cpu, text) = known.unwrap_or_default();
        Ok((Checkpoint { path, every, written, work: work.to_owned(), done, text }, cpu))
    }

    /// Adds a place, and tells whether it is time to write.
    pub(crate) fn add(&mut self, text: &str) -> bool {
        self.text.push_str(text);
        self.done += 1;
        self.written.elapsed() >= self.every
    }

    /// Writes what is done.
    ///
    /// # Errors
    /// [`Fault::Io`]; what was written before is still there.
    pub(crate) fn write(&mut self, cpu_seconds: f64) -> Result<(), Fault> {
        let sum = hex(&Sha256::digest(&self.text).into());
        let head = format!("{WORD} {} {} {cpu_seconds:?} {sum}\n", self.work, self.done);
        write(&self.path, &part_of(&self.path), &[head.as_bytes(), self.text.as_bytes()])?;
        self.written = Instant::now();
        Ok(())
    }
}

/// Removes a checkpoint, once the answer is there.
pub(crate) fn remove(path: &Path) {
    // A file that stays is not taken for other work's.
    let _ = fs::remove_file(path);
}

/// Number of places, CPU seconds and text; none where the sum does not fit or the work is another.
fn parse(bytes: &[u8], work: &str) -> Option<(usize, f64, String)> {
    let (head, text) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
    let mut words = head.strip_prefix(WORD)?.split_ascii_whitespace();
    let same = words.next()? == work;
    let (done, cpu) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (same && words.next()? == hex(&Sha256::digest(text).into())).then(|| (done, cpu, text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_checkpoint_of_the_same_work_is_gone_on_from_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c");
        let (mut first, cpu) = Checkpoint::open(&path, "aa", Duration::ZERO).unwrap();
        assert_eq!((first.done, cpu), (0, 0.0));
        assert!(first.add("one\n"));
        first.add("two\n");
        first.write(1.5).unwrap();
        let (again, cpu) = Checkpoint::open(&path, "aa", Duration::from_secs(1)).unwrap();
        assert_eq!((again.done, again.text.as_str(), cpu), (2, "one\ntwo\n", 1.5));
        assert_eq!(Checkpoint::open(&path, "bb", Duration::ZERO).unwrap().0.done, 0);
        for damage in [0, 60, 160] {
            let mut bytes = fs::read(&path).unwrap();
            let at = damage.min(bytes.len() - 1);
            bytes[at] ^= 1;
            fs::write(dir.path().join("d"), bytes).unwrap();
            assert_eq!(Checkpoint::open(&dir.path().join("d"), "aa", Duration::ZERO).unwrap().0.done, 0, "{damage}");
        }
    }
}
