//! Tests against files that are not part of the sources; each skips with a reason where they are missing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod dust_draws;
mod golden;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

/// A file of the shared data, or none (with a printed reason).
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("POGSON_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is missing; set POGSON_SHARED", path.display());
    None
}

/// A shared file's text, decompressed where its name ends in `gz`.
fn open(name: &str) -> Option<impl BufRead> {
    let path = shared(name)?;
    let file = std::fs::File::open(&path).unwrap();
    let input: Box<dyn Read> = if path.extension().is_some_and(|e| e == "gz") {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    Some(BufReader::new(input))
}
