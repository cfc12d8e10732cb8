//! `pogson step overlaps`: which projected images overlap.

use std::path::PathBuf;

use pogson_mosaic::step::grid::Listed;
use pogson_mosaic::step::identity::Identity;
use pogson_mosaic::step::overlaps::{overlaps, table};

use super::ExistingArgs;
use crate::failure::Failure;
use crate::output::Output;

/// List the pairs of projected images that overlap
///
/// Looks at the table alone: images on one grid overlap when their rectangles do. The column `others` names further images on
/// the same pixels, whose NAME_area.fits the next step needs. (`pogson overlaps` finds pairs of images on different grids.)
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  pogson table projected -o images.tbl
  pogson step overlaps images.tbl -o diffs.tbl")]
pub struct Args {
    /// Table of the projected images, from `pogson table` or mImgtbl
    #[arg(value_name = "IMAGES.TBL")]
    images: PathBuf,
    /// Table to write
    #[arg(short, long, value_name = "DIFFS.TBL")]
    output: PathBuf,
    #[command(flatten)]
    existing: ExistingArgs,
}

/// Finds pairs and writes them.
///
/// # Errors
/// A table that cannot be read or lists images on different grids; an output that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let images = Listed::read(&args.images, None)?;
    let key = Identity::of_step("overlaps").file(&args.images)?.key();
    let pairs = overlaps(&images);
    let written = args.existing.write(table(&images, &pairs), &args.output, &key)?;
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output, "images": images.entries.len(), "overlaps": pairs.len(), "written": written,
        }));
    }
    let done = if written { "written" } else { "kept" };
    out.note(format!("{}: {} overlaps of {} images, {done}", args.output.display(), pairs.len(), images.entries.len()));
    Ok(())
}
