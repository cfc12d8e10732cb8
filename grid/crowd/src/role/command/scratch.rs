//! Outputs as files for a program to read, for as long as a question takes.

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::Post;
use crate::role::{Outputs, RoleError};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A folder of outputs; it goes with this.
pub(super) struct Scratch {
    folder: PathBuf,
}

/// Why outputs are not laid out.
pub(super) enum Unreadable {
    /// They themselves are bad.
    Outputs(String),
    /// The disk is.
    Disk(RoleError),
}

impl Scratch {
    pub(super) fn new(post: &Post) -> Result<Scratch, RoleError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = post.scratch.join(format!("{}-{}-{number}", post.role, std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| post.trouble(format!("{}: {error}", folder.display())))?;
        Ok(Scratch { folder })
    }

    /// Where `count` outputs may be written.
    pub(super) fn places(&self, count: usize) -> Vec<PathBuf> {
        (0..count).map(|at| self.folder.join(format!("output-{at}"))).collect()
    }

    /// Lays outputs out as `WORD-0`, `WORD-1`, unpacked where clients packed them.
    pub(super) fn lay(&self, post: &Post, word: &str, outputs: &Outputs) -> Result<Vec<PathBuf>, Unreadable> {
        let mut left = post.program.most_unpacked;
        let mut paths = Vec::with_capacity(outputs.len());
        for (at, bytes) in outputs.iter().enumerate() {
            let path = self.folder.join(format!("{word}-{at}"));
            let unpacked = if bytes.starts_with(&[0x1f, 0x8b]) { Some(unpacked(bytes, left, at)?) } else { None };
            let bytes = unpacked.as_deref().unwrap_or(bytes);
            left = left.saturating_sub(bytes.len() as u64);
            std::fs::write(&path, bytes)
                .map_err(|error| Unreadable::Disk(post.trouble(format!("{}: {error}", path.display()))))?;
            paths.push(path);
        }
        Ok(paths)
    }
}

fn unpacked(bytes: &[u8], most: u64, at: usize) -> Result<Vec<u8>, Unreadable> {
    let mut out = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut out);
    match read {
        Err(_) => Err(Unreadable::Outputs(format!("output {at} is no whole gzip file"))),
        Ok(_) if out.len() as u64 > most => {
            Err(Unreadable::Outputs(format!("the outputs unpack to more than they may have, in output {at}")))
        }
        Ok(_) => Ok(out),
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed with the scratch folder when the server starts.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
