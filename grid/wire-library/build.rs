//! Builds the library that other programs load, by a cargo of its own, and hands its bytes and their hash to the crate.
//!
//! Cargo cannot yet make one crate's shared library a part of another ("artifact dependencies"). The inner cargo has a target
//! folder of its own, for the outer one holds the lock of its.

#![allow(clippy::unwrap_used, reason = "a build that cannot go on ends")]

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// What this cargo and its wrappers (clippy, coverage) tell their compilers, which the inner build must not hear.
const OWN: [&str; 7] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTFLAGS",
];

fn main() {
    let variable = |name: &str| env::var(name).unwrap();
    let out = PathBuf::from(variable("OUT_DIR"));
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../..");
    for part in ["grid/ring/src", "grid/ring/Cargo.toml", "grid/wire-preload", "Cargo.lock", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(part).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let target = variable("TARGET");
    let folder = out.join("target");
    let mut cargo = Command::new(variable("CARGO"));
    cargo.current_dir(&root).args(["build", "--quiet", "--locked", "--profile", "preload"]);
    cargo.args(["--package", "pogson-wire-preload", "--target", &target, "--target-dir"]).arg(&folder);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if OWN.contains(&&*text) || text.starts_with("CARGO_PROFILE_") || text.starts_with("CARGO_FEATURE_") {
            cargo.env_remove(name);
        }
    }
    if variable("CARGO_CFG_TARGET_ENV") == "musl" {
        // Else there would be no shared library at all.
        cargo.env("RUSTFLAGS", "-C target-feature=-crt-static");
    }
    let status = cargo.status().unwrap_or_else(|error| panic!("{cargo:?} does not start: {error}"));
    assert!(status.success(), "the library that other programs load was not built ({status}): {cargo:?}");
    let library = folder.join(&target).join("preload/libpogson_wire_preload.so");
    let bytes = fs::read(&library).unwrap_or_else(|error| panic!("{}: {error}", library.display()));
    let mut hash = String::new();
    for byte in &Sha256::digest(&bytes)[..8] {
        write!(hash, "{byte:02x}").unwrap();
    }
    fs::write(out.join("library.so"), bytes).unwrap();
    println!("cargo::rustc-env=POGSON_WIRE_LIBRARY_HASH={hash}");
}
