//! `pogson step add`: images on one grid to the mosaic.

use std::path::PathBuf;
use std::time::Instant;

use pogson_image::fits::Options;
use pogson_image::template;
use pogson_image::wcs::Wcs;
use pogson_mosaic::background::Background;
use pogson_mosaic::cut::Cut;
use pogson_mosaic::method::Method;
use pogson_mosaic::output::{Files, Form, Paths};
use pogson_mosaic::pipeline::Settings;
use pogson_mosaic::place::Target;
use pogson_mosaic::source::{Loading, OnBad};
use pogson_mosaic::step::add::{Added, add};
use pogson_mosaic::step::corrections;
use pogson_mosaic::step::grid::Listed;
use pogson_mosaic::step::identity::{Identity, image_stands};
use pogson_mosaic::step::image::{OnGrid, area_path, variance_path};
use pogson_mosaic::work::{Watch, sweep};

use super::ExistingArgs;
use crate::arguments::bytes::Bytes;
use crate::arguments::cut::{CutArgs, Grid};
use crate::commands::mosaic::choices::CombineArgs;
use crate::commands::mosaic::{bitpix, default_memory};
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::Progress;

/// Add images on one grid up to the mosaic
///
/// Takes projected images and subtracts their corrections on the way, or corrected ones as they are. Images that Montage
/// projected or corrected will do. The mosaic has the size of the template; without one, that of all images together.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson step add images.tbl --corrections corrections.tbl --header region.hdr -o mosaic.fits
  pogson step add corrected.tbl --header region.hdr -o mosaic.fits --combine median --footprint cover.fits")]
pub struct Args {
    /// Table of the images
    #[arg(value_name = "IMAGES.TBL")]
    images: PathBuf,
    /// Corrections to subtract from the images, from `step model` or mBgModel
    #[arg(long, value_name = "CORRECTIONS.TBL")]
    corrections: Option<PathBuf>,
    /// Header template (.hdr) or FITS file with the grid of the mosaic [default: all images together]
    #[arg(long, value_name = "T.hdr")]
    header: Option<PathBuf>,
    /// Folder of the images [default: as the table names them]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The mosaic
    #[arg(short, long, value_name = "OUT.fits")]
    output: PathBuf,
    #[command(flatten)]
    how: CombineArgs,
    /// Fail on an image that cannot be read, rather than leave it out and say so
    #[arg(long, help_heading = "Science")]
    strict: bool,
    /// Image of the tiles' cover: 1 where one tile covers a pixel fully
    #[arg(long, value_name = "F.fits", help_heading = "Outputs")]
    footprint: Option<PathBuf>,
    /// Image of the variance; the images need NAME_variance.fits beside them
    #[arg(long, value_name = "V.fits", help_heading = "Outputs")]
    variance: Option<PathBuf>,
    /// Image of the number of tiles
    #[arg(long, value_name = "N.fits", help_heading = "Outputs")]
    count: Option<PathBuf>,
    /// Type of the pixels: -32 or -64
    #[arg(long, value_name = "N", default_value = "-32", allow_hyphen_values = true, help_heading = "Outputs")]
    bitpix: i32,
    #[command(flatten)]
    cut: CutArgs,
    /// Memory for images and buffers [default: a quarter of the machine's]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
    #[command(flatten)]
    existing: ExistingArgs,
}

/// Adds.
///
/// # Errors
/// Tables or images that cannot be read, images on different grids, outputs that cannot be written, an interruption.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let start = Instant::now();
    let watch = Progress::new(out);
    let frame = args.header.as_ref().map(|path| frame(path)).transpose()?;
    let listed = Listed::read(&args.images, frame.as_ref().map(|target| &target.wcs))?;
    let target = match frame {
        Some(target) => target,
        None => around(&listed)?,
    };
    // The template's grid may start elsewhere than the first image's.
    let listed = Listed::read(&args.images, Some(&target.wcs))?;
    let corrections = match &args.corrections {
        Some(path) => corrections::read(path, &listed)?,
        None => Vec::new(),
    };
    let threads = rayon::current_num_threads();
    let on_bad = if args.strict { OnBad::Fail } else { OnBad::LeaveOut };
    let memory = args.memory.as_ref().map_or_else(default_memory, |bytes| bytes.0);
    let settings = Settings {
        // The images are on the grid: nothing is resampled or matched any more.
        method: Method::Aligned,
        background: Background::None,
        combine: args.how.combine()?,
        threads,
        memory,
        tolerance_px: 0.0,
        flux: false,
        threshold: args.how.threshold,
        variance: args.variance.is_some(),
        loading: Loading::default(),
        on_bad,
    };
    let files: Vec<PathBuf> = (0..listed.entries.len()).map(|k| listed.file(k, args.dir.as_deref())).collect();
    let key = key(&args, &target, &files)?;
    let planes = Paths {
        mosaic: args.output.clone(),
        footprint: args.footprint.clone(),
        variance: args.variance.clone(),
        count: args.count.clone(),
    };
    let cut = match args.cut.grid {
        Some(Grid(columns, rows)) => Cut::Grid(columns, rows),
        None if args.cut.trim => Cut::Part(listed.enclosing()),
        None => Cut::Whole,
    };
    let companions = [&planes.footprint, &planes.variance, &planes.count];
    if args.existing.resume
        && cut.cells((target.width, target.height)).iter().all(|cell| {
            let mut all = companions.into_iter().flatten().chain([&planes.mosaic]);
            all.all(|path| image_stands(&cell.path(path), &key))
        })
    {
        if out.is_json() {
            return out.object(&serde_json::json!({ "output": args.output, "written": false }));
        }
        out.note(format!("{}: kept", args.output.display()));
        return Ok(());
    }
    watch.stage("opening images", files.len());
    let images = sweep(threads, files.len(), &watch, |k| OnGrid::open(&files[k], &target.wcs))?;
    let about = Added { target: &target, settings: &settings, corrected: args.corrections.is_some(), key: &key };
    let header = about.header(&images);
    let options = Options { overwrite: args.existing.wish().replace(), checksum: true };
    let room = about.room(images.len());
    let size = (target.width, target.height);
    let bitpix = bitpix(args.bitpix)?;
    let form = Form { axes: &[size.0, size.1], bitpix, cut: &cut, tight: args.cut.trim, options };
    let mut output = Files::create(&planes, &header, room, &form)?;
    let (used, left_out) = add(images, &corrections, &target, &settings, &output, &watch)?;
    let part = output.trim()?;
    output.amend(|header| about.record(header, &used));
    let written = output.mosaics();
    output.finish()?;
    let size = part.filter(|_| args.cut.trim).map_or(size, |part| (part.width, part.height));
    for file in &left_out {
        out.warn(format!("left out: {}", file.reason));
    }
    let seconds = start.elapsed().as_secs_f64();
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output, "files": written, "width": size.0, "height": size.1, "images": used.len(), "left_out": left_out,
            "written": true, "seconds": seconds,
        }));
    }
    out.note(format!("{}: {} x {} pixels of {} images; {seconds:.1} s", args.output.display(), size.0, size.1, used.len()));
    Ok(())
}

/// The grid of a template.
fn frame(path: &std::path::Path) -> Result<Target, Failure> {
    let header = template::read(path)?;
    let (width, height) = template::size(&header)?;
    let wcs = Wcs::from_header(&header).map_err(|e| Failure::in_file(path, e))?;
    Ok(Target { wcs, width, height })
}

/// The least part of the grid that holds all images.
fn around(listed: &Listed) -> Result<Target, Failure> {
    let all = listed.enclosing();
    let wcs = listed.frame.shifted(all.x as f64, all.y as f64, (all.width, all.height));
    let wcs = wcs.ok_or_else(|| Failure::in_file(&listed.path, "the images' grid is distorted; give --header"))?;
    Ok(Target { wcs, width: all.width, height: all.height })
}

/// What the mosaic is made of.
fn key(args: &Args, target: &Target, files: &[PathBuf]) -> Result<String, Failure> {
    let mut id = Identity::of_step("add");
    id.grid(target).text(&format!(
        "{:?} {} {} {} {:?}",
        args.how.combine, args.how.clip, args.how.threshold, args.bitpix, args.cut
    ));
    if let Some(path) = &args.corrections {
        id.file(path)?;
    }
    for path in files {
        id.file(path)?;
        for beside in [area_path(path), variance_path(path)] {
            if beside.exists() {
                id.file(&beside)?;
            }
        }
    }
    Ok(id.key())
}
