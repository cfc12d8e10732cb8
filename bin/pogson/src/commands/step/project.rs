//! `pogson step project`: tiles onto the output grid.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pogson_image::fits::FitsError;
use pogson_image::template;
use pogson_image::wcs::Wcs;

use pogson_mosaic::error::MosaicError;
use pogson_mosaic::flux_scale::{self, FluxScale};
use pogson_mosaic::pipeline::method_for;
use pogson_mosaic::place::Target;
use pogson_mosaic::source::{self, OnBad, Source};
use pogson_mosaic::step::project::{Done, Project, project};
use pogson_mosaic::work::{Watch, sweep};

use super::{ExistingArgs, folder, output_name};
use crate::arguments::only::{Only, chosen};
use crate::arguments::tiles;
use crate::commands::mosaic::choices::ReprojectArgs;
use crate::commands::mosaic::{common_scale, default_memory};
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::Progress;

/// Bring tiles onto the output grid, each as an image of its own
///
/// Each image is the part of the output grid that its tile can touch, its CRPIX shifted by whole pixels. Values are f32 less
/// a pedestal that BZERO gives back; NAME_area.fits beside it holds the weights, as Montage has it.
///
/// All tiles that make the mosaic are to be given, also when --only asks for some of them: `--flux-scale keyword` brings
/// tiles to the median zero point of those given (`fit` looks at the stars of all), and `--method auto` at their pixel sizes.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson step project tiles/ --header region.hdr -o projected
  pogson step project tiles/ --header region.hdr -o projected --only 0..100 --resume
  pogson step project tile.fits --header region.hdr -o part.fits --method montage-exact")]
pub struct Args {
    /// FITS files, or folders of them
    #[arg(required = true, value_name = "TILE|DIR")]
    tiles: Vec<PathBuf>,
    /// Header template (.hdr) or FITS file whose grid the output takes
    #[arg(long, value_name = "T.hdr")]
    header: PathBuf,
    /// Folder for the images; a name that ends in .fits for one tile
    #[arg(short, long, value_name = "DIR|OUT.fits")]
    output: PathBuf,
    /// Tiles to project, by their place in the list from 0: 7, 0..100, 3,5,9 [default: all]
    #[arg(long, value_name = "LIST")]
    only: Option<Only>,
    #[command(flatten)]
    how: ReprojectArgs,
    /// Write NAME_variance.fits too, from weight maps or from the tiles' noise
    #[arg(long)]
    variance: bool,
    #[command(flatten)]
    existing: ExistingArgs,
}

/// Projects.
///
/// # Errors
/// No usable tile, two tiles of one name, outputs that cannot be written, an interruption.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let watch = Progress::new(out);
    let template = template::read(&args.header)?;
    let (width, height) = template::size(&template)?;
    let wcs = Wcs::from_header(&template).map_err(|e| Failure::in_file(&args.header, e))?;
    let target = Target { wcs, width, height };
    let paths = tiles::expand(&args.tiles)?;
    let threads = rayon::current_num_threads();
    let on_bad = if args.how.strict { OnBad::Fail } else { OnBad::LeaveOut };
    let (mut sources, mut left_out) = source::open(&paths, &args.how.pick(), on_bad, threads, &watch)?;
    if let Some(cube) = sources.iter().find(|s| s.planes() > 1) {
        let fault = format!("it has {} planes; steps take images (cutout --plane), `pogson mosaic` takes cubes", cube.planes());
        return Err(Failure::in_file(&cube.path, fault));
    }
    let settings = args.how.settings(threads, on_bad, default_memory())?;
    let scale = match args.how.flux_scale()? {
        FluxScale::Fit(tile) => {
            flux_scale::by_fit(&mut sources, &target, &settings, tile.as_deref(), &watch)?
        }
        other => common_scale(&other, &mut sources)?,
    };
    if let Some(remark) = scale.remark.as_ref().filter(|_| args.how.flux_scale.is_none()) {
        out.note(format!("no common flux scale: {remark}"));
    }
    let mut loading = args.how.loading()?;
    loading.variance = args.variance;
    let how = Project {
        method: method_for(&sources, &target, &settings),
        tolerance_px: args.how.tolerance,
        flux: args.how.flux,
        loading,
        zero_point: scale.zero_point,
    };
    let places = chosen(args.only.as_ref(), sources.len(), "tiles")?;
    let outputs = outputs(&args, &sources, &places)?;
    watch.stage("projecting", places.len());
    let existing = args.existing.wish();
    let done = sweep(threads, places.len(), &watch, |k| {
        let source = &sources[places[k]];
        match project(source, &target, &how, &outputs[k], existing) {
            // Faults of the tile leave it out; those of the output end the work.
            Err(error) if on_bad == OnBad::LeaveOut && is_of_input(&source.path, &error) => Ok(Err(error)),
            other => other.map(Ok),
        }
    })?;
    let count = |what: Done| done.iter().filter(|d| matches!(d, Ok(found) if *found == what)).count();
    for (k, result) in done.iter().enumerate() {
        if let Err(error) = result {
            let path = sources[places[k]].path.clone();
            left_out.push(source::LeftOut { path, reason: error.to_string() });
        }
    }
    for file in &left_out {
        out.warn(format!("left out: {}", file.reason));
    }
    let (written, kept, outside) = (count(Done::Written), count(Done::Kept), count(Done::Outside));
    if written + kept == 0 {
        return Err(Failure::bad_input(format!(
            "none of the {} tiles could be projected: {outside} do not touch the frame of {}",
            places.len(),
            args.header.display()
        )));
    }
    if out.is_json() {
        let images: Vec<_> = (0..places.len())
            .filter_map(|k| {
                let done = done[k].as_ref().ok()?;
                Some(serde_json::json!({ "tile": sources[places[k]].path, "index": places[k], "output": outputs[k], "done": done }))
            })
            .collect();
        return out.object(&serde_json::json!({
            "written": written, "kept": kept, "outside": outside, "left_out": left_out,
            "method": how.method.name(), "flux_scale": scale, "images": images,
        }));
    }
    out.note(format!("{}: {written} images written, {kept} kept, {outside} off the frame", args.output.display()));
    Ok(())
}

/// Where each chosen tile goes; folders are made.
fn outputs(args: &Args, sources: &[Source], places: &[usize]) -> Result<Vec<PathBuf>, Failure> {
    let single = args.output.extension().is_some_and(|e| e == "fits" || e == "fit") && !args.output.is_dir();
    if single {
        if places.len() != 1 {
            return Err(Failure::usage(format!(
                "-o {}: {} tiles are to be projected; name a folder, or one tile by --only",
                args.output.display(),
                places.len()
            )));
        }
        return Ok(vec![args.output.clone()]);
    }
    folder(&args.output)?;
    let name = |source: &Source| output_name(&args.output, &source.path, source.hdu);
    let mut seen: HashMap<PathBuf, &Source> = HashMap::new();
    for source in sources {
        if let Some(other) = seen.insert(name(source), source) {
            return Err(Failure::usage(format!(
                "{} and {} would both be written as {}; project them into two folders",
                other.path.display(),
                source.path.display(),
                name(source).display()
            )));
        }
    }
    Ok(places.iter().map(|k| name(&sources[*k])).collect())
}

/// Whether the tile is to blame rather than the place of the output.
fn is_of_input(tile: &Path, error: &MosaicError) -> bool {
    match error {
        MosaicError::Fits(FitsError::Io { path, .. } | FitsError::NoRoom { path, .. }) => path == tile,
        MosaicError::Fits(FitsError::Exists { .. } | FitsError::NotReplaceable { .. }) => false,
        other => !matches!(other, MosaicError::Interrupted),
    }
}
