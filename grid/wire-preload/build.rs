//! How the library is linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|name| name == "gnu") {
        // Before glibc 2.34 dlsym was there; since then the file is empty, and linkers leave it out unless they are told.
        println!("cargo::rustc-cdylib-link-arg=-Wl,--push-state,--no-as-needed,-l:libdl.so.2,--pop-state");
    }
}
