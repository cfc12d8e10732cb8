//! What the default policy does beside the published ones: each ratio, and whether it is as it should be.
//!
//! `cargo run --release -p pogson-dispatch --example ratios [SEEDS]`, five if it is not said.

#[path = "../tests/claims/mod.rs"]
mod claims;

use claims::{Figure, Key, Runs};
use std::process::ExitCode;

fn main() -> ExitCode {
    let seeds = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(5);
    let mut runs = Runs::new(seeds);
    let mut missed = 0;
    println!("{:30}{:>10}   {:34}{:>10}{:>8}{:>9}", "world, figure", "pogson", "best peer", "", "ratio", "wanted");
    for claim in claims::all() {
        let found = runs.check(&claim);
        let (figure, sign) = match claim.figure {
            Figure::Throughput => ("answers/s", ">="),
            Figure::P99 => ("p99 ms", "<="),
        };
        let own = if claim.learns { ", learned" } else { "" };
        let key = if claim.key == Key::Address { " by address" } else { "" };
        let (name, peer) = (format!("{}, {figure}{own}", claim.world), format!("{}{key}", found.name));
        let met = if found.met { "met" } else { "not met" };
        println!(
            "{name:30}{:10.1}   {peer:34}{:10.1}{:8.3}  {sign} {:.2}  {met}",
            found.own, found.peer, found.ratio, claim.ratio
        );
        missed += usize::from(!found.met);
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
