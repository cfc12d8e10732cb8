//! `pogson overlaps`: which images share sky.

use std::path::{Path, PathBuf};

use pogson_image::footprint::{Footprint, overlapping_pairs};
use pogson_image::table::{ImageEntry, IpacTable, OverlapEntry};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Find the pairs of images that share sky, as a table that Montage's programs read
///
/// Footprints are compared as polygons on the sphere; images that touch along an edge alone do not count.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson overlaps images.tbl -o diffs.tbl
  pogson overlaps projected/ -o diffs.tbl --json")]
pub struct Args {
    /// Image metadata table, or a folder of FITS files
    #[arg(value_name = "IMAGES.TBL|DIR")]
    input: PathBuf,
    /// Table to write
    #[arg(long, short)]
    output: PathBuf,
    /// Replace the output if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Report {
    output: String,
    images: usize,
    overlaps: usize,
    /// Images that share sky with no other, by their number in the table.
    alone: Vec<i64>,
}

/// Finds pairs and writes them.
///
/// # Errors
/// When the table or an image's coordinates cannot be read, or the output not be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let images = if args.input.is_dir() {
        super::table::scan(&super::table::list(std::slice::from_ref(&args.input), true, false)?, out)?.0
    } else {
        let table = IpacTable::read(&args.input)?;
        ImageEntry::read_all(&table).map_err(|error| Failure::in_file(&args.input, error))?
    };
    let mut footprints = Vec::with_capacity(images.len());
    for image in &images {
        let fault = |what: String| Failure::in_file(&args.input, format!("image {} ({}): {what}", image.cntr, image.fname));
        let wcs = image.wcs().map_err(|error| fault(error.to_string()))?;
        let footprint = Footprint::of(&wcs);
        footprints.push(footprint.ok_or_else(|| fault("its frame has no way to the ICRS".to_owned()))?);
    }
    out.go_on()?;
    let pairs = overlapping_pairs(&footprints);
    // Montage looks for the files in the folder that its programs are given, so the last part of the name is enough.
    let name = |image: &ImageEntry| {
        Path::new(&image.fname).file_name().map_or_else(|| image.fname.clone(), |n| n.to_string_lossy().into_owned())
    };
    let entries: Vec<OverlapEntry> = pairs
        .iter()
        .filter_map(|(i, j)| Some((images.get(*i)?, images.get(*j)?)))
        .map(|(a, b)| OverlapEntry::new(a.cntr, b.cntr, &name(a), &name(b)))
        .collect();
    OverlapEntry::table(&entries).write(&args.output, args.force)?;
    let paired = |index: usize| pairs.iter().any(|(i, j)| *i == index || *j == index);
    let alone: Vec<i64> =
        images.iter().enumerate().filter(|(index, _)| !paired(*index)).map(|(_, image)| image.cntr).collect();
    if out.is_json() {
        let output = args.output.display().to_string();
        return out.object(&Report { output, images: images.len(), overlaps: entries.len(), alone });
    }
    out.note(format!("{}: {} overlaps of {} images", args.output.display(), entries.len(), images.len()));
    if !alone.is_empty() && images.len() > 1 {
        out.warn(format!("{} images share sky with no other; numbers {alone:?}", alone.len()));
    }
    Ok(())
}
