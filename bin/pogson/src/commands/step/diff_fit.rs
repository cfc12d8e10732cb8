//! `pogson step diff-fit`: the differences over overlaps, fitted.

use std::path::PathBuf;

use pogson_mosaic::background::fit::PairFit;
use pogson_mosaic::step::diff_fit::{Work, diff_fit, needed, read_pairs};
use pogson_mosaic::step::fits::table;
use pogson_mosaic::step::grid::Listed;
use pogson_mosaic::step::identity::{Identity, table_stands};
use pogson_mosaic::step::image::area_path;

use super::ExistingArgs;
use crate::arguments::bytes::Bytes;
use crate::arguments::only::{Only, chosen};
use crate::commands::mosaic::default_memory;
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::Progress;

/// What the differences are fitted by.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degree {
    Level,
    Plane,
    Quadratic,
    Cubic,
}

impl Degree {
    /// The degree as a number.
    pub fn number(self) -> usize {
        self as usize
    }
}

/// Fit the difference of each pair of overlapping images
///
/// Writes Montage's columns, which mBgModel reads, and beside them the sums over pixels that `pogson step model` needs for the
/// exact solution. Reads the images of the pairs, and NAME_area.fits of those that lie on the same pixels (column `others`).
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson step diff-fit images.tbl diffs.tbl -o fits.tbl
  pogson step diff-fit images.tbl diffs.tbl -o fits_7.tbl --only 700..800 --dir projected --resume")]
pub struct Args {
    /// Table of the projected images
    #[arg(value_name = "IMAGES.TBL")]
    images: PathBuf,
    /// Table of their overlaps, from `step overlaps` or mOverlaps
    #[arg(value_name = "DIFFS.TBL")]
    pairs: PathBuf,
    /// Table to write
    #[arg(short, long, value_name = "FITS.TBL")]
    output: PathBuf,
    /// Folder of the images [default: as the table names them]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Overlaps to fit, by their row from 0: 7, 0..100, 3,5,9 [default: all]
    #[arg(long, value_name = "LIST")]
    only: Option<Only>,
    /// What the differences are fitted by
    #[arg(long, value_enum, default_value = "plane")]
    background: Degree,
    /// Memory for images [default: a quarter of the machine's]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
    #[command(flatten)]
    existing: ExistingArgs,
}

/// Fits and writes.
///
/// # Errors
/// Tables or images that cannot be read, an output that cannot be written, an interruption.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let watch = Progress::new(out);
    let images = Listed::read(&args.images, None)?;
    let all = read_pairs(&args.pairs, &images)?;
    let places = chosen(args.only.as_ref(), all.len(), "overlaps")?;
    let pairs: Vec<(usize, usize)> = places.iter().map(|k| all[*k]).collect();
    let degree = args.background.number();
    let key = key(&args, &images, &pairs, degree)?;
    if args.existing.resume && table_stands(&args.output, &key) {
        return finish(&args, out, pairs.len(), None);
    }
    let memory = args.memory.as_ref().map_or_else(default_memory, |bytes| bytes.0);
    let folder = args.dir.as_deref();
    let work =
        Work { images: &images, folder, degree, threads: rayon::current_num_threads(), memory, watch: &watch };
    let fits: Vec<PairFit> = diff_fit(&work, &pairs)?.into_iter().flatten().collect();
    args.existing.write(table(&images, &fits, degree), &args.output, &key)?;
    finish(&args, out, pairs.len(), Some(fits.len()))
}

/// What the table is made of: the pairs, the places and the contents of the images.
fn key(args: &Args, images: &Listed, pairs: &[(usize, usize)], degree: usize) -> Result<String, Failure> {
    let mut id = Identity::of_step("diff-fit");
    id.text(&format!("{degree} {pairs:?}"));
    for k in needed(images, pairs) {
        let path = images.file(k, args.dir.as_deref());
        id.text(&format!("{k} {:?} {}", images.windows[k], images.entries[k].cntr));
        if pairs.iter().any(|(a, b)| *a == k || *b == k) {
            id.file(&path)?;
        }
        let area = area_path(&path);
        if area.exists() {
            id.file(&area)?;
        }
    }
    Ok(id.key())
}

fn finish(args: &Args, out: &Output, pairs: usize, fits: Option<usize>) -> Result<(), Failure> {
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output, "overlaps": pairs, "fits": fits, "written": fits.is_some(),
        }));
    }
    match fits {
        Some(fits) => out.note(format!("{}: {fits} fits of {pairs} overlaps", args.output.display())),
        None => out.note(format!("{}: kept", args.output.display())),
    }
    Ok(())
}
