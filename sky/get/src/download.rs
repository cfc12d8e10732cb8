//! Many images, several at once.

use crate::client::Client;
use crate::error::GetError;
use crate::name::file_names;
use crate::sia::ImageRecord;
use crate::transfer::{follow_link, prove, transfer};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where and how to put images.
#[derive(Debug, Clone, PartialEq)]
pub struct Download {
    /// Folder, made when it is not there.
    pub directory: PathBuf,
    /// Transfers at once, at least 1.
    pub at_once: usize,
    /// Fetch again what is there already.
    pub overwrite: bool,
}

/// What became of one image.
#[derive(Debug)]
pub enum Outcome {
    /// It has arrived.
    Fetched {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
        /// Bytes that an earlier run had brought.
        resumed_at: u64,
    },
    /// It was there, and is FITS.
    Kept {
        /// The file.
        path: PathBuf,
    },
    /// It could not be had.
    Failed {
        /// The file that it would have been.
        path: PathBuf,
        /// Why.
        error: GetError,
    },
}

impl Download {
    /// Into this folder, four at once, keeping what is there.
    pub fn new(directory: &Path) -> Download {
        Download { directory: directory.to_owned(), at_once: 4, overwrite: false }
    }

    /// Fetches images; outcomes are in the order of `images`.
    pub fn run(&self, client: &Client, images: &[ImageRecord]) -> Vec<Outcome> {
        self.run_watched(client, images, &|_| {}, &|| {})
    }

    /// As [`Download::run`], telling of each block of bytes that arrives, and of each image that is done with.
    pub fn run_watched(
        &self,
        client: &Client,
        images: &[ImageRecord],
        arrived: &(dyn Fn(u64) + Sync),
        done: &(dyn Fn() + Sync),
    ) -> Vec<Outcome> {
        let paths: Vec<PathBuf> = file_names(images).iter().map(|name| self.directory.join(name)).collect();
        if let Err(error) = std::fs::create_dir_all(&self.directory) {
            let failed = |path: PathBuf| {
                let source = std::io::Error::new(error.kind(), error.to_string());
                Outcome::Failed { path, error: GetError::Io { path: self.directory.clone(), source } }
            };
            return paths.into_iter().map(failed).collect();
        }
        let next = AtomicUsize::new(0);
        let outcomes: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::with_capacity(images.len()));
        std::thread::scope(|scope| {
            for _ in 0..self.at_once.clamp(1, images.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let (Some(image), Some(path)) = (images.get(index), paths.get(index)) else { break };
                        let outcome = self.one(client, image, path, arrived);
                        if let Ok(mut outcomes) = outcomes.lock() {
                            outcomes.push((index, outcome));
                        }
                        done();
                    }
                });
            }
        });
        let mut outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn one(&self, client: &Client, image: &ImageRecord, path: &Path, arrived: &(dyn Fn(u64) + Sync)) -> Outcome {
        let path = path.to_owned();
        if !self.overwrite && path.exists() && prove(&path).is_ok() {
            return Outcome::Kept { path };
        }
        let is_link = image.format.to_ascii_lowercase().contains("datalink");
        let address = if is_link { follow_link(client, &image.url) } else { Ok(image.url.clone()) };
        match address.and_then(|url| transfer(client, &url, &path, arrived)) {
            Ok(done) => Outcome::Fetched { path, bytes: done.bytes, resumed_at: done.resumed_at },
            Err(error) => Outcome::Failed { path, error },
        }
    }
}
