//! `pogson library info`: what a library holds.

use std::path::PathBuf;

use pogson_cube::library_store::LibraryFile;
use pogson_sed::library::Band;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Show what a library holds, and check it
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library info galaxy.lib
  pogson library info galaxy.lib --check --json")]
pub struct Args {
    /// Library of pogson library build
    library: PathBuf,
    /// Read all models and check their hashes
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct Report {
    file: String,
    name: String,
    spectra: String,
    seed: u64,
    bands: Vec<BandReport>,
    redshifts: Vec<Block>,
    bytes: u64,
    /// True once all hashes were checked.
    checked: bool,
}

/// A band, for reports.
#[derive(Serialize)]
pub struct BandReport {
    name: String,
    wavelength_um: f64,
    id: u32,
}

#[derive(Serialize)]
struct Block {
    redshift: f64,
    stellar: u32,
    dust: u32,
}

/// Bands as reports show them.
pub fn bands(bands: &[Band]) -> Vec<BandReport> {
    let report = |band: &Band| BandReport { name: band.name.clone(), wavelength_um: band.wavelength_um, id: band.id };
    bands.iter().map(report).collect()
}

/// Shows it.
///
/// # Errors
/// A file that is no library, is cut off or damaged.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file = LibraryFile::open(&args.library)?;
    let index = file.index();
    if args.check {
        for block in 0..index.blocks.len() {
            file.block(block)?;
            out.go_on()?;
        }
    }
    let block = |block: &pogson_sed::library_file::BlockEntry| Block {
        redshift: block.redshift,
        stellar: block.stellar,
        dust: block.dust,
    };
    let report = Report {
        file: args.library.display().to_string(),
        name: index.name(),
        spectra: index.source.clone(),
        seed: index.seed,
        bands: bands(&index.bands),
        redshifts: index.blocks.iter().map(block).collect(),
        bytes: file.bytes(),
        checked: args.check,
    };
    if out.is_json() {
        return out.object(&report);
    }
    out.line(format!("{} ({:.1} MB)", report.file, report.bytes as f64 / 1e6))?;
    out.line(format!("name     {}", report.name))?;
    out.line(format!("spectra  {}", report.spectra))?;
    out.line(format!("seed     {}", report.seed))?;
    for band in &report.bands {
        out.line(format!("band     {:<16} {:.4} um", band.name, band.wavelength_um))?;
    }
    for block in &report.redshifts {
        out.line(format!("z={:<6} {} stellar and {} dust models", block.redshift, block.stellar, block.dust))?;
    }
    if args.check { out.line("all models are as they were written") } else { Ok(()) }
}
