//! `pogson library list-filters`: the filters that are built in.

use pogson_sed::filter::{Counting, Filter, embedded};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// List the built-in filters
///
/// Names are taken in other spellings, too: sdss.r, SLOAN/SDSS.r, W1, 2MASS_K, PACS100. Wavelengths are pivot wavelengths, which
/// Pogson uses as bands' effective ones.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library list-filters
  pogson library list-filters --json")]
pub struct Args {}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    pivot_um: f64,
    first_um: f64,
    last_um: f64,
    counting: &'static str,
    ab_minus_vega: Option<f64>,
    reference_factor: f64,
    source: &'static str,
}

fn describe(filter: &'static Filter) -> Line {
    let ends = (filter.wavelength().first(), filter.wavelength().last());
    Line {
        name: &filter.name,
        pivot_um: filter.pivot() / 1e4,
        first_um: ends.0.copied().unwrap_or(f64::NAN) / 1e4,
        last_um: ends.1.copied().unwrap_or(f64::NAN) / 1e4,
        counting: if filter.counting() == Counting::Photon { "photon" } else { "energy" },
        ab_minus_vega: filter.ab_minus_vega,
        reference_factor: filter.reference,
        source: &filter.source,
    }
}

/// Lists them.
///
/// # Errors
/// When nobody reads.
pub fn run(_args: Args, out: &Output) -> Result<(), Failure> {
    let lines: Vec<Line> = embedded().iter().map(describe).collect();
    if out.is_json() {
        return out.object(&lines);
    }
    out.line("name        pivot um   from      to   AB-Vega  source")?;
    for line in lines {
        let vega = line.ab_minus_vega.map_or_else(|| "      -".to_owned(), |mag| format!("{mag:7.3}"));
        let Line { name, pivot_um, first_um, last_um, source, .. } = line;
        out.line(format!("{name:<10} {pivot_um:9.4} {first_um:8.3} {last_um:8.3} {vega}  {source}"))?;
    }
    Ok(())
}
