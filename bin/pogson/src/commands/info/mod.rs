//! `pogson info`: what a FITS file holds, and where its pixels lie.

mod describe;

use std::path::PathBuf;

use pogson_image::fits::FitsFile;
use serde::Serialize;

use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::failure::Failure;
use crate::output::Output;

/// Show what a FITS file holds, its header, and where its pixels lie on the sky
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson info tile.fits
  pogson info tile.fits.gz --header
  pogson info mosaic.fits --hdu SCI,2 --json")]
pub struct Args {
    /// FITS file, plain, gzipped or tile-compressed
    file: PathBuf,
    /// HDU to look at: a number from 0, a name, or NAME,VERSION [default: the first image]
    #[arg(long)]
    hdu: Option<HduChoice>,
    /// Print the header
    #[arg(long)]
    header: bool,
}

#[derive(Serialize)]
struct Report {
    file: String,
    hdus: Vec<describe::HduDescription>,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Reads the file and shows what was asked for.
///
/// # Errors
/// When the file is no FITS, has no such HDU or no coordinates that were asked for.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file = FitsFile::open(&args.file)?;
    let warnings = file.warnings();
    for warning in &warnings {
        out.warn(format!("{}: {warning}", args.file.display()));
    }
    let header = if args.header || args.hdu.is_some() {
        let index = if args.hdu.is_none() && file.hdus().len() == 1 { 0 } else { find_hdu(&file, args.hdu.as_ref())? };
        Some(file.hdu(index)?.own_header())
    } else {
        None
    };
    if out.is_json() {
        return out.object(&Report {
            file: args.file.display().to_string(),
            hdus: describe::describe(&file),
            warnings,
            header: header.filter(|_| args.header).map(describe::header_json),
        });
    }
    match header {
        Some(header) if args.header => out.line(describe::header_text(header)),
        _ => {
            for hdu in describe::describe(&file) {
                out.line(hdu.line())?;
            }
            Ok(())
        }
    }
}
