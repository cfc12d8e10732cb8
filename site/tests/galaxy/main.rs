//! A galaxy from its cube to its file, through the roles that a server calls, held against the fit at one place.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pages;
mod project;
mod real;
mod roles;
