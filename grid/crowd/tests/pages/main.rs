//! Pages as browsers see them: what is public, what is one's own, what other sites and strangers try.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../fresh/mod.rs"]
mod fresh;

mod bench;
mod operators;
mod own;
mod public;
