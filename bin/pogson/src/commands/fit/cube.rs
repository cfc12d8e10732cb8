//! The fit of a cube.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pogson_cube::Cube;
use pogson_cube::fitting::{
    CubeBins, CubeRun, Done, FittingError, arrange, fit_bins, fit_integrated, fit_pixels, fit_rings,
    name_of_library, parameters_of, ring_width, run_in_words, zero_sigma,
};
use pogson_cube::library_store::LibraryFile;
use pogson_cube::result::{Facts, ResultFile};
use pogson_cube::result::journal::Journal;
use pogson_sed::fit::Fitter;
use pogson_sed::library::Library;

use super::library::{WITHIN, paper_redshift};
use super::redshift_grid::{Ready, grid, words as in_words};
use super::report::{Clock, Summary, warn_of_skipped};
use super::super::cube::bin::apply;
use super::super::maps;
use super::{Args, Rings, choices};
use crate::failure::{Class, Failure};
use crate::output::Output;
use crate::progress::Unit;

/// How much time may pass until fits are brought to the disk.
pub(super) const SYNC: Duration = Duration::from_secs(10);

/// Fits a cube.
///
/// # Errors
/// See [`super::run`].
pub fn run(path: &Path, args: &Args, out: &Output) -> Result<(), Failure> {
    let clock = Clock::start();
    refuse_existing(&args.output, args.force)?;
    if let Some(folder) = &args.maps {
        maps::free(folder, args.force)?;
    }
    let (cube, redshift) = open(path, args)?;
    let usable = cube.usable();
    if usable.is_empty() {
        return Err(Failure::in_file(
            path,
            format!(
                "no pixel is usable: all are masked, or have data in fewer than {} bands; see --min-bands",
                cube.min_bands
            ),
        ));
    }
    let levels = Levels::of(&cube, &usable, args)?;
    let options = args.how.options(cube.min_bands, true);
    let floors = args.how.band_floors(&cube.bands())?;
    let range = args.how.range()?;
    let (ready, name, parameters) = match range {
        Some(redshifts) => {
            let (fitter, name, parameters) = grid(&args.models, redshifts, &cube.bands(), &options, out)?;
            (Ready::Grid(fitter), name, parameters)
        }
        None => {
            let (library, name) = models(&cube, redshift, args, out)?;
            out.go_on()?;
            let parameters = parameters_of(&library);
            (Ready::Known(Box::new(Fitter::new(&library, options.clone())?)), name, parameters)
        }
    };
    let how = ready.how();
    let mut words = run_in_words(&options, &cube.bands(), &floors, args.how.draws, levels.rings);
    if let Some(redshifts) = range {
        words.insert("redshifts".to_owned(), in_words(redshifts));
    }
    if let Some(choice) = &args.bin {
        let band = args.bin_band.as_deref().unwrap_or("the middle one");
        words.insert("bins".to_owned(), format!("{choice:?} in {band}"));
    }
    let galaxy = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut facts = Facts::of_cube(&cube, redshift, parameters, name.clone(), words);
    if facts.galaxy.is_empty() {
        facts.galaxy = galaxy;
    }
    let arithmetic = choices::word(&options);

    let beside = journal_of(&args.output);
    if args.how.restart {
        Journal::discard(&beside)?;
    }
    let (mut journal, held) = Journal::open(&beside, &facts, SYNC)?;
    let mut result = held.result;
    if !result.pixels.is_empty() {
        out.note(format!("{}: going on after {} fits", beside.display(), result.pixels.len()));
    }
    let progress = out.progress("fits", (levels.pixels.len() + levels.bins.len()) as u64, Unit::Fits);
    let (advance, stop) = (|count| progress.add(count), out.interrupt_flag());
    let run = CubeRun { how, redshift, band_floors: &floors, draws: args.how.draws, progress: &advance, stop: &stop };
    let done = levels.fit(&run, &cube, &mut journal, &mut result, out);
    drop(progress);
    let fits = |result: &ResultFile| result.pixels.len() + result.bins.as_ref().map_or(0, |bins| bins.records.len());
    let wanted = levels.pixels.len() + levels.bins.len();
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            // A run that kept nothing must not stand in the way of others.
            let kept = fits(&result);
            if kept == 0 && result.special.is_empty() && !matches!(error, FittingError::Interrupted) {
                journal.remove()?;
            }
            return Err(interrupted(error, &beside, kept, wanted));
        }
    };
    warn_of_skipped(&done, out);
    if fits(&result) == 0 {
        journal.remove()?;
        let fault = format!("none of {wanted} pixels could be fitted; the warnings say why");
        return Err(Failure::in_file(path, fault));
    }
    result.write(&args.output, args.force)?;
    journal.remove()?;
    let facts = (arithmetic, how.pairs(), name.as_str());
    let records = result.pixels.iter().chain(result.bins.iter().flat_map(|bins| &bins.records));
    let summary = Summary::new(records, &done, facts, &args.output, &clock);
    // The sum over a part is not that over all.
    let whole = args.how.pixels.is_none();
    if let Some(folder) = &args.maps {
        maps::of_result(&args.output, folder, args.force, out)?;
    }
    summary.of_cube(&result, whole).print(out)
}

/// The cube, with the bands that pixels need as asked for, and the object's redshift.
fn open(path: &Path, args: &Args) -> Result<(Cube, f64), Failure> {
    let mut cube = Cube::open(path)?;
    if let Some((pixel, band, sigma)) = zero_sigma(&cube) {
        let (x, y) = cube.column_row(pixel);
        let fault = format!(
            "the uncertainty of band {band} at pixel {} {} is {sigma}; give one above 0, or NaN where there are no data",
            x + 1,
            y + 1
        );
        return Err(Failure::in_file(path, fault));
    }
    if let Some(bands) = args.how.min_bands {
        cube.min_bands = bands as usize;
        cube.mark_few_bands();
    }
    if let Some(redshifts) = args.how.range()? {
        // Results are of one object: what is told of it, or the middle.
        let middle = redshifts.get(redshifts.len() / 2).copied().unwrap_or(0.0);
        let redshift = cube.redshift.unwrap_or(middle);
        return Ok((cube, redshift));
    }
    let redshift = match args.how.redshift {
        Some(choices::ObjectRedshift::Known(redshift)) => Some(redshift),
        _ => cube.redshift,
    };
    let redshift =
        redshift.ok_or_else(|| Failure::usage(format!("{}: has no redshift; give --redshift Z", path.display())))?;
    if !(-0.01..=20.0).contains(&redshift) {
        return Err(Failure::usage(format!("--redshift {redshift}: give one from 0 to 20")));
    }
    if !args.how.has_distance(redshift) {
        return Err(Failure::usage(format!("--redshift {redshift}: tells no distance; give --distance MPC too")));
    }
    Ok((cube, redshift))
}

/// The library for the cube's bands, and its name.
fn models(cube: &Cube, redshift: f64, args: &Args, out: &Output) -> Result<(Library, String), Failure> {
    let bands = cube.bands();
    if let Some(path) = &args.models.library {
        let file = LibraryFile::open(path)?;
        let library = file.nearest(redshift, WITHIN)?;
        let arranged = arrange(library, &bands).map_err(|fault| Failure::in_file(path, fault))?;
        return Ok((arranged, file.index().name()));
    }
    let redshift = if args.how.paper { paper_redshift(redshift)? } else { redshift.max(0.0) };
    let library = args.models.make(&bands, redshift, out)?;
    let name = name_of_library(&library, args.models.source(), args.models.seed)
        .map_err(|fault| Failure::failed(fault.to_string()))?;
    Ok((library, name))
}

/// What of a cube is fitted: pixels, bins, the sum of all.
struct Levels<'a> {
    pixels: &'a [usize],
    bins: Vec<usize>,
    /// The binned cube where it is not the cube itself, and its bins.
    binned: Option<(Option<Cube>, CubeBins)>,
    sum: bool,
    /// Width of rings, pixels, where they are fitted: with the sum.
    rings: Option<f64>,
}

impl<'a> Levels<'a> {
    /// By what the cube is and what is asked for. A binned cube's pixels are its bins.
    fn of(cube: &Cube, usable: &'a [usize], args: &Args) -> Result<Levels<'a>, Failure> {
        let side = cube.pixel_side_arcsec();
        let rings = match args.rings {
            Rings::None => None,
            Rings::Arcsec(width) => Some(width / side),
            Rings::Resolution => Some(ring_width(cube)),
        };
        if let Some(bins) = CubeBins::of(cube) {
            if args.bin.is_some() {
                return Err(Failure::usage("--bin: the cube is binned already; give it without --bin, or the cube before"));
            }
            let numbers = bins.numbers();
            let part = args.how.places(numbers.len(), "bins")?;
            let (bins_of_part, sum) = (numbers[part.clone()].to_vec(), part.start == 0);
            return Ok(Levels { pixels: &[], bins: bins_of_part, binned: Some((None, bins)), sum, rings });
        }
        let part = args.how.places(usable.len(), "usable pixels")?;
        let sum = part.start == 0;
        let mut levels = Levels { pixels: &usable[part.clone()], bins: Vec::new(), binned: None, sum, rings };
        if let Some(choice) = args.bin.filter(|_| levels.sum) {
            let mut binned = cube.clone();
            apply(&mut binned, choice, args.bin_band.as_deref())?;
            if let Some(bins) = CubeBins::of(&binned) {
                levels.bins = bins.numbers();
                levels.binned = Some((Some(binned), bins));
            }
        }
        Ok(levels)
    }

    fn fit(
        &self,
        run: &CubeRun<'_>,
        cube: &Cube,
        journal: &mut Journal,
        result: &mut ResultFile,
        out: &Output,
    ) -> Result<Done, FittingError> {
        let mut done = fit_pixels(run, cube, self.pixels, journal, result)?;
        if let Some((binned, bins)) = &self.binned {
            done.add(fit_bins(run, (binned.as_ref().unwrap_or(cube), bins), &self.bins, journal, result)?);
        }
        if let Some(width) = self.rings.filter(|_| self.sum) {
            let of_rings = fit_rings(run, cube, width, journal, result)?;
            for skipped in &of_rings.skipped {
                out.warn(format!("ring {} was not fitted: {}", skipped.place + 1, skipped.sentence));
            }
        }
        if self.sum
            && let Some(skipped) = fit_integrated(run, cube, journal, result)?
        {
            out.warn(format!("the summed light was not fitted: {}", skipped.sentence));
        }
        Ok(done)
    }
}

/// The journal beside an output.
fn journal_of(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".journal");
    output.with_file_name(name)
}

/// The failure of a run whose fits so far are kept.
pub(super) fn interrupted(error: FittingError, journal: &Path, done: usize, of: usize) -> Failure {
    match error {
        FittingError::Interrupted => Failure::new(
            Class::Interrupted,
            format!(
                "interrupted; {done} of {of} fits are kept in {}, and the same command goes on from there",
                journal.display()
            ),
        ),
        other => other.into(),
    }
}

/// Long work shall not end in a file that may not be replaced.
pub(super) fn refuse_existing(path: &Path, force: bool) -> Result<(), Failure> {
    if path.exists() && !force {
        return Err(Failure::failed(format!("{}: exists already; give --force to replace it", path.display())));
    }
    Ok(())
}
