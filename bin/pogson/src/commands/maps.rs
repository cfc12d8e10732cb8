//! `pogson maps`: what a fit found, as images, pictures and a report.

use std::path::{Path, PathBuf};

use pogson_cube::maps::{
    Level, MapsError, ReportOptions, StructureOptions, report, structure, structure_section, summary, write_maps,
};
use pogson_cube::morphology::model::Kind;
use pogson_cube::result::ResultFile;

use crate::arguments::models::{Models, kinds, models, positive};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Turn the result of a fit into maps, pictures and a report
///
/// Writes into a folder: a FITS file for each parameter (the median, and in extensions the percentiles, the peak and the
/// best fit, with the cube's coordinates), a picture of each median with colour bar and contours, quality.fits,
/// profiles.ecsv (means over elliptical rings), summary.json (totals, indices and models of the stellar mass) and
/// report.html. Results with bins have maps of both, those of bins named bin_... .
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson maps ngc5584.h5 -o maps
  pogson maps ngc5584.h5 -o maps --pixel '45 52' --pixel '60 31' --force
  pogson maps ngc5584.h5 -o maps --bins ngc5584_voronoi.h5 --json")]
pub struct Args {
    /// Result of pogson fit
    input: PathBuf,
    /// Folder to write to; made if it is not there
    #[arg(long, short)]
    output: PathBuf,
    /// Result of the fit of the same galaxy in bins, to map beside that of pixels
    #[arg(long, value_name = "FILE")]
    bins: Option<PathBuf>,
    /// A pixel to show in the report, counted from 1 as in FITS; may be given several times
    #[arg(long, value_name = "X Y", value_parser = pixel)]
    pixel: Vec<(u32, u32)>,
    /// Models of the stellar mass to try: auto, none, or some of disc, sersic, bulge-disc, bulge-bar-disc
    #[arg(long, value_name = "KINDS", default_value = "auto", value_delimiter = ',', value_parser = models)]
    models: Vec<Models>,
    /// Full width at half maximum of the maps' point spread function in arcseconds [default: the cube's]
    #[arg(long, value_name = "ARCSEC", value_parser = positive)]
    psf: Option<f64>,
    /// Distance in Mpc, for profiles per square kiloparsec [default: by the redshift]
    #[arg(long, value_name = "MPC", value_parser = positive)]
    distance: Option<f64>,
    /// Replace files of an earlier run
    #[arg(long)]
    force: bool,
}

fn pixel(text: &str) -> Result<(u32, u32), String> {
    let numbers: Option<Vec<u32>> = text
        .split([' ', ','])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<u32>().ok().filter(|n| *n > 0).map(|n| n - 1))
        .collect();
    match numbers.as_deref() {
        Some([x, y]) => Ok((*x, *y)),
        _ => Err("two whole numbers from 1 are wanted, such as '45 52'".into()),
    }
}

/// Makes the maps.
///
/// # Errors
/// A file that is no result, a pixel outside it, a folder that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let said = make(args, out)?;
    if out.is_json() { out.object(&said) } else { Ok(()) }
}

/// Makes the maps of a result that was just written, with all choices left to us; says so in a note.
///
/// # Errors
/// As [`run`].
pub fn of_result(input: &Path, output: &Path, force: bool, out: &Output) -> Result<(), Failure> {
    let (input, output) = (input.to_owned(), output.to_owned());
    let models = vec![Models::Auto];
    make(Args { input, output, bins: None, pixel: Vec::new(), models, psf: None, distance: None, force }, out).map(drop)
}

/// That a folder has no maps yet, or may lose them.
///
/// # Errors
/// [`MapsError::Exists`] with the file.
pub fn free(output: &Path, force: bool) -> Result<(), Failure> {
    let files = ["report.html", "summary.json", "profiles.ecsv"].map(|name| output.join(name));
    match files.into_iter().find(|path| !force && path.exists()) {
        Some(path) => Err(MapsError::Exists { path }.into()),
        None => Ok(()),
    }
}

fn make(args: Args, out: &Output) -> Result<serde_json::Value, Failure> {
    let mut result = ResultFile::read(&args.input)?;
    if let Some(path) = &args.bins {
        let other = ResultFile::read(path)?;
        if (other.facts.width, other.facts.height) != (result.facts.width, result.facts.height)
            || other.facts.parameters != result.facts.parameters
        {
            return Err(Failure::in_file(path, "is of another frame or other parameters; give the fit of the same cube in bins"));
        }
        result.bins = Some(other.bins.ok_or_else(|| Failure::in_file(path, "holds no bins; fit a cube of pogson cube bin"))?);
    }
    let levels = Level::of(&result);
    if levels.is_empty() {
        return Err(MapsError::Empty { path: args.input }.into());
    }
    for (x, y) in &args.pixel {
        if !result.pixels.iter().any(|r| (r.x, r.y) == (*x, *y)) {
            let (width, height) = (result.facts.width, result.facts.height);
            return Err(Failure::usage(format!(
                "--pixel '{} {}': was not fitted; choose one of the {} fitted pixels of {width} x {height}",
                x + 1,
                y + 1,
                result.pixels.len()
            )));
        }
    }
    let page = args.output.join("report.html");
    let figures = args.output.join("summary.json");
    let profiles = args.output.join("profiles.ecsv");
    let kinds: Vec<Kind> = kinds(&args.models)?;
    free(&args.output, args.force)?;
    std::fs::create_dir_all(&args.output).map_err(|e| Failure::io(&args.output, &e))?;
    let files = levels.len() * (result.facts.parameters.len() + 1);
    let progress = out.progress("maps", files as u64, Unit::Tiles);
    let written = write_maps::<Failure>(&result, &args.output, args.force, || {
        progress.add(1);
        out.go_on()
    })?;
    drop(progress);
    let options = StructureOptions { kinds, fwhm_arcsec: args.psf, distance_mpc: args.distance };
    let shape = structure(&result, &options);
    out.go_on()?;
    let html = report(&result, &ReportOptions { pixels: args.pixel })?;
    structure_section(html, &result, &shape)?.write(&page)?;
    std::fs::write(&profiles, shape.ecsv()).map_err(|e| Failure::io(&profiles, &e))?;
    let mut said = summary(&result);
    if let Some(object) = said.as_object_mut() {
        object.insert("structure".into(), shape.json());
    }
    let text = serde_json::to_string_pretty(&said).map_err(|e| Failure::failed(e.to_string()))?;
    std::fs::write(&figures, text + "\n").map_err(|e| Failure::io(&figures, &e))?;
    if let Some(object) = said.as_object_mut() {
        object.insert("folder".into(), args.output.display().to_string().into());
        object.insert("fits".into(), written.fits.clone().into());
        object.insert("pictures".into(), written.pictures.clone().into());
        object.insert("report".into(), page.display().to_string().into());
    }
    out.note(format!(
        "{}: {} images, {} pictures, summary.json, profiles.ecsv, report.html of {} pixels",
        args.output.display(),
        written.fits.len(),
        written.pictures.len(),
        result.pixels.len()
    ));
    Ok(said)
}
