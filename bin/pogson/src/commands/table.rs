//! `pogson table`: the image metadata table of folders of FITS files.

use std::path::PathBuf;

use pogson_image::catalogue::{LeftOut, fits_files, images_of, without_companions};
use pogson_image::table::ImageEntry;
use rayon::prelude::*;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// List the images of folders as a table that Montage's programs read
///
/// Each HDU with two or more axes and celestial coordinates becomes a row, in the order of the paths. Files that cannot be
/// used are left out and named; with --strict they fail the command. Weights and variances that stand beside an image
/// (NAME_area.fits, NAME_variance.fits) are no images of their own, unless --all says so.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson table raw -o images.tbl
  pogson table night1 night2 extra.fits -o images.tbl --flat
  pogson table raw -o images.tbl --json")]
pub struct Args {
    /// Folders, or FITS files
    #[arg(required = true, value_name = "DIR")]
    inputs: Vec<PathBuf>,
    /// Table to write
    #[arg(long, short)]
    output: PathBuf,
    /// Do not go into subfolders
    #[arg(long)]
    flat: bool,
    /// List NAME_area.fits and NAME_variance.fits beside NAME.fits too
    #[arg(long)]
    all: bool,
    /// Fail when a file cannot be used
    #[arg(long)]
    strict: bool,
    /// Replace the output if it exists
    #[arg(long)]
    force: bool,
}

/// What is not in the table, and why.
#[derive(Serialize)]
pub struct Missing {
    file: String,
    hdu: Option<usize>,
    reason: String,
}

#[derive(Serialize)]
struct Report {
    output: String,
    files: usize,
    images: usize,
    left_out: Vec<Missing>,
}

/// Reads headers and writes the table.
///
/// # Errors
/// When there is no usable image, a folder cannot be listed, or the table cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let files = list(&args.inputs, !args.flat, args.all)?;
    let (entries, left_out) = scan(&files, out)?;
    if args.strict && !left_out.is_empty() {
        return Err(Failure::bad_input(format!("{} of {} files cannot be used (see above)", left_out.len(), files.len())));
    }
    if entries.is_empty() {
        return Err(Failure::bad_input(format!("none of {} files holds an image with a WCS", files.len())));
    }
    ImageEntry::table(&entries).write(&args.output, args.force)?;
    if out.is_json() {
        let output = args.output.display().to_string();
        return out.object(&Report { output, files: files.len(), images: entries.len(), left_out });
    }
    out.note(format!("{}: {} images of {} files", args.output.display(), entries.len(), files.len()));
    Ok(())
}

/// The FITS files that folders hold, and files as they are named.
///
/// - `recursive`: whether to go into subfolders; `all`: whether to list companions of images too.
///
/// # Errors
/// When a folder cannot be listed, or there is no file at all.
pub fn list(inputs: &[PathBuf], recursive: bool, all: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let found = fits_files(input, recursive).map_err(|error| Failure::io(input, &error))?;
            files.extend(if all { found } else { without_companions(found) });
        } else {
            files.push(input.clone());
        }
    }
    if files.is_empty() {
        return Err(Failure::bad_input("no FITS files there (.fits, .fit, .fts, .fz, also with .gz)"));
    }
    Ok(files)
}

/// Rows for the images of files, numbered from 0, and what was left out (which is warned of).
///
/// # Errors
/// When interrupted.
pub fn scan(files: &[PathBuf], out: &Output) -> Result<(Vec<ImageEntry>, Vec<Missing>), Failure> {
    let progress = out.progress("headers", files.len() as u64, Unit::Tiles);
    let found: Result<Vec<_>, Failure> = files
        .par_iter()
        .map(|file| {
            out.go_on()?;
            let found = images_of(file, &file.to_string_lossy());
            progress.add(1);
            Ok(found)
        })
        .collect();
    drop(progress);
    let (mut entries, mut missing) = (Vec::new(), Vec::new());
    for (images, left_out) in found? {
        entries.extend(images);
        for LeftOut { path, hdu, reason } in left_out {
            let file = path.display().to_string();
            let place = hdu.map_or(String::new(), |hdu| format!(", HDU {hdu}"));
            let named = if reason.starts_with(&file) { reason.clone() } else { format!("{file}{place}: {reason}") };
            out.warn(format!("left out: {named}"));
            missing.push(Missing { file, hdu, reason });
        }
    }
    for (number, entry) in entries.iter_mut().enumerate() {
        entry.cntr = number as i64;
    }
    Ok((entries, missing))
}
