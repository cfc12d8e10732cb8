//! `pogson step`: each step of a mosaic alone, over files.

mod add;
mod correct;
mod diff_fit;
mod model;
mod overlaps;
mod project;

use std::path::{Path, PathBuf};

use pogson_image::table::IpacTable;
use pogson_mosaic::step::identity::{KEY, table_stands};
use pogson_mosaic::step::project::Existing;

use crate::failure::Failure;
use crate::output::Output;

/// Make a mosaic step by step, over files, so that an engine can spread the work and a run can resume
///
/// The files between the steps have Montage's forms: images on one grid, each with NAME_area.fits beside it, and the tables
/// images.tbl, diffs.tbl, fits.tbl and corrections.tbl. The steps together give the same pixels as `pogson mosaic` with the
/// same options.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example, the whole chain:
  pogson header tiles/ -o region.hdr
  pogson step project tiles/ --header region.hdr -o projected
  pogson table projected -o images.tbl
  pogson step overlaps images.tbl -o diffs.tbl
  pogson step diff-fit images.tbl diffs.tbl -o fits.tbl
  pogson step model images.tbl fits.tbl -o corrections.tbl
  pogson step add images.tbl --corrections corrections.tbl --header region.hdr -o mosaic.fits")]
pub struct Args {
    #[command(subcommand)]
    step: Step,
}

/// The steps in their order.
#[derive(clap::Subcommand, Debug)]
enum Step {
    Project(project::Args),
    Overlaps(overlaps::Args),
    DiffFit(diff_fit::Args),
    Model(model::Args),
    Correct(correct::Args),
    Add(add::Args),
}

/// Does one step.
///
/// # Errors
/// Those of the step; see its module.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.step {
        Step::Project(args) => project::run(args, out),
        Step::Overlaps(args) => overlaps::run(args, out),
        Step::DiffFit(args) => diff_fit::run(args, out),
        Step::Model(args) => model::run(args, out),
        Step::Correct(args) => correct::run(args, out),
        Step::Add(args) => add::run(args, out),
    }
}

/// What to do with outputs that are there.
#[derive(clap::Args, Debug, Clone, Copy)]
pub struct ExistingArgs {
    /// Replace outputs that exist
    #[arg(long)]
    force: bool,
    /// Leave an output that is whole and was made of the same inputs and options; replace any other
    #[arg(long, conflicts_with = "force")]
    resume: bool,
}

impl ExistingArgs {
    fn wish(self) -> Existing {
        Existing { force: self.force, resume: self.resume }
    }

    /// Writes a table that carries what it was made of; false if one that is there may stay.
    ///
    /// # Errors
    /// Those of writing, or a table that is there and may not be replaced.
    fn write(self, mut table: IpacTable, path: &Path, key: &str) -> Result<bool, Failure> {
        if self.resume && table_stands(path, key) {
            return Ok(false);
        }
        table.keywords.push((KEY.to_lowercase(), key.to_owned()));
        table.write(path, self.wish().replace())?;
        Ok(true)
    }
}

/// The folder that outputs go into, made if it is not there.
///
/// # Errors
/// A folder that cannot be made.
fn folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|e| Failure::io(path, &e))
}

/// Output of each input in a folder: its name, ending `.fits`.
fn output_name(folder: &Path, input: &Path, hdu: usize) -> PathBuf {
    let name = input.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = stem.strip_suffix(".fz").unwrap_or(stem);
    let stem = [".fits", ".fit", ".fts"].iter().find_map(|ending| stem.strip_suffix(ending)).unwrap_or(stem);
    let mark = if hdu > 0 { format!("_hdu{hdu}") } else { String::new() };
    folder.join(format!("{stem}{mark}.fits"))
}
