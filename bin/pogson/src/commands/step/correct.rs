//! `pogson step correct`: projected images less their corrections.

use std::path::PathBuf;

use pogson_mosaic::step::correct::correct;
use pogson_mosaic::step::corrections;
use pogson_mosaic::step::grid::Listed;
use pogson_mosaic::step::image::OnGrid;
use pogson_mosaic::step::project::Done;
use pogson_mosaic::work::{Watch, sweep};

use super::{ExistingArgs, folder};
use crate::arguments::only::{Only, chosen};
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::Progress;

/// Subtract the corrections from projected images, each into an image of its own
///
/// `step add --corrections` does this while it adds; as files they serve for looking at, and for Montage's programs.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson step correct images.tbl corrections.tbl -o corrected
  pogson step correct images.tbl corrections.tbl -o corrected --only 12 --resume")]
pub struct Args {
    /// Table of the projected images
    #[arg(value_name = "IMAGES.TBL")]
    images: PathBuf,
    /// Corrections, from `step model` or mBgModel
    #[arg(value_name = "CORRECTIONS.TBL")]
    corrections: PathBuf,
    /// Folder for the corrected images
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Folder of the images [default: as the table names them]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Images to correct, by their row in the table from 0: 7, 0..100, 3,5,9 [default: all]
    #[arg(long, value_name = "LIST")]
    only: Option<Only>,
    #[command(flatten)]
    existing: ExistingArgs,
}

/// Corrects.
///
/// # Errors
/// Tables or images that cannot be read, outputs that cannot be written, an interruption.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let watch = Progress::new(out);
    let images = Listed::read(&args.images, None)?;
    let corrections = corrections::read(&args.corrections, &images)?;
    let places = chosen(args.only.as_ref(), images.entries.len(), "images")?;
    folder(&args.output)?;
    let existing = args.existing.wish();
    watch.stage("correcting", places.len());
    let done = sweep(rayon::current_num_threads(), places.len(), &watch, |k| {
        let place = places[k];
        let from = images.file(place, args.dir.as_deref());
        let image = OnGrid::open(&from, &images.frame)?;
        let to = args.output.join(from.file_name().unwrap_or_default());
        correct(&image, corrections[place].as_ref(), &to, existing)
    })?;
    let missing: Vec<i64> =
        places.iter().filter(|k| corrections[**k].is_none()).map(|k| images.entries[*k].cntr).collect();
    if !missing.is_empty() {
        out.warn(format!("{} images have no correction and stay as they are; numbers {missing:?}", missing.len()));
    }
    let kept = done.iter().filter(|d| **d == Done::Kept).count();
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output, "written": done.len() - kept, "kept": kept, "uncorrected": missing,
        }));
    }
    out.note(format!("{}: {} images written, {kept} kept", args.output.display(), done.len() - kept));
    Ok(())
}
