//! `pogson step model`: the corrections of all images.

use std::path::{Path, PathBuf};

use pogson_mosaic::step::corrections::table;
use pogson_mosaic::step::fits::{self, Fits};
use pogson_mosaic::step::grid::Listed;
use pogson_mosaic::step::identity::{Identity, table_stands};
use pogson_mosaic::step::model::{gather, model};

use super::ExistingArgs;
use super::diff_fit::Degree;
use crate::failure::Failure;
use crate::output::Output;

/// Solve for the background corrections of all images at once
///
/// Least squares over all overlaps, solved exactly. Takes the tables of `step diff-fit`, several if the work was split, or one
/// that mFitExec wrote; then each plane weighs by its box, as in mBgModel. mBgExec and mBackground read the result.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson step model images.tbl fits.tbl -o corrections.tbl
  pogson step model images.tbl fits_*.tbl -o corrections.tbl --background level")]
pub struct Args {
    /// Table of the projected images
    #[arg(value_name = "IMAGES.TBL")]
    images: PathBuf,
    /// Fits of the overlaps
    #[arg(required = true, value_name = "FITS.TBL")]
    fits: Vec<PathBuf>,
    /// Table to write
    #[arg(short, long, value_name = "CORRECTIONS.TBL")]
    output: PathBuf,
    /// What is matched [default: what the differences were fitted by]
    #[arg(long, value_enum)]
    background: Option<Degree>,
    #[command(flatten)]
    existing: ExistingArgs,
}

/// Solves and writes.
///
/// # Errors
/// Tables that cannot be read or contradict each other; an output that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let images = Listed::read(&args.images, None)?;
    let mut id = Identity::of_step("model");
    id.file(&args.images)?.text(&format!("{:?}", args.background));
    let mut tables: Vec<(&Path, Fits)> = Vec::new();
    for path in &args.fits {
        id.file(path)?;
        tables.push((path, fits::read(path, &images)?));
    }
    let key = id.key();
    let plain = tables.iter().any(|(_, fits)| fits.plain && !fits.pairs.is_empty());
    let (pairs, degree) = gather(tables, &images, args.background.map(Degree::number))?;
    let (solution, residual) = model(&images, &pairs, degree);
    let kept = args.existing.resume && table_stands(&args.output, &key);
    if !kept {
        args.existing.write(table(&images, &solution.corrections), &args.output, &key)?;
    }
    if solution.island_count > 1 {
        out.warn(format!(
            "the images form {} islands that share no overlap; backgrounds are matched within each",
            solution.island_count
        ));
    }
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output, "images": images.entries.len(), "overlaps": pairs.len(), "degree": degree,
            "islands": solution.island_count, "exact_sums": !plain,
            "residual_before": residual.before, "residual_after": residual.after, "written": !kept,
        }));
    }
    out.note(format!(
        "{}: {} images, {} overlaps; steps {:.4} before, {:.4} after matching",
        args.output.display(),
        images.entries.len(),
        pairs.len(),
        residual.before,
        residual.after
    ));
    Ok(())
}
