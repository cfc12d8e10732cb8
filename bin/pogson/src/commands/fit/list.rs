//! The fit of a list of objects in MAGPHYS's text form.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use pogson_cube::fitting::{
    Done, How, ListRun, RedshiftTextError, Skipped, TableRow, facts_of_list, fit_list, name_of_bytes, options_in_words, read_redshift, table,
};
use pogson_cube::result::PixelRecord;
use pogson_cube::result::journal::Journal;
use pogson_cube::text_file;
use pogson_image::fits::FitsError;
use pogson_image::fits::output::Output as File;
use pogson_sed::fit::{Fitter, Options, RedshiftFitter, RedshiftPosterior};
use pogson_sed::library::Band;
use pogson_sed::magphys::{Filter, ZeroSigma, read_filters, read_observations};
use pogson_sed::observation::{Measurement, Observation};

use super::cube::{SYNC, interrupted, refuse_existing};
use super::list_models::ListModels;
use super::redshift_grid::{grid, words as in_words};
use super::report::{Clock, Summary, warn_of_skipped};
use super::{Args, choices};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// The fewest bands that make a fit, unless more or fewer are asked for.
const MIN_BANDS: usize = 4;

/// A list and its models, in MAGPHYS's forms. All may be gzipped.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Lists")]
pub struct ListArgs {
    /// Objects to fit: name, redshift, flux and error in Jy in each band; -1 -1 for none, '< error' for an upper limit
    #[arg(long, value_name = "observations.dat", requires = "filters")]
    pub observations: Option<PathBuf>,
    /// Their bands: name, wavelength in micrometres, number, and 1 for bands to fit or 0
    #[arg(long, value_name = "filters.dat", requires = "observations")]
    pub filters: Option<PathBuf>,
    /// Stellar models
    #[arg(long, value_name = "SFH.lbr", requires = "ir", requires = "observations")]
    pub sfh: Option<PathBuf>,
    /// Dust models
    #[arg(long, value_name = "IR.lbr", requires = "sfh")]
    pub ir: Option<PathBuf>,
    /// Redshifts of libraries: number and redshift [default: 0.00 to 0.10 by 0.01 with --paper or --sfh; the objects' own, or
    /// every 0.01 if they have more than 8]
    #[arg(long, value_name = "zlibs.dat", requires = "observations", conflicts_with = "library")]
    pub zlibs: Option<PathBuf>,
}

/// A list that was read.
struct List {
    observations: Vec<Observation>,
    bands: Vec<Band>,
    /// Of its contents.
    name: String,
}

/// Fits a list.
///
/// # Errors
/// See [`super::run`].
pub fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    let clock = Clock::start();
    let (Some(observations), Some(filters)) = (&args.list.observations, &args.list.filters) else {
        return Err(Failure::usage("give a cube, or --observations and --filters"));
    };
    let list = read(observations, filters, args)?;
    let part = args.how.places(list.observations.len(), "objects")?;
    let options = args.how.options(args.how.min_bands.map_or(MIN_BANDS, |bands| bands as usize), false);
    let (places, far) = with_distance(&list, part.clone(), args);
    let models = Libraries::new(args, &list, &places, &options, out)?;

    let stem = if args.how.pixels.is_some() { format!("fits_{}-{}", part.start, part.end) } else { "fits".to_owned() };
    let (beside, csv) = (args.output.join(format!("{stem}.journal")), args.output.join(format!("{stem}.csv")));
    if args.how.restart {
        Journal::discard(&beside)?;
    }
    let begun = beside.exists();
    // What stands there is this run's own where its journal does.
    let redshift_file = |place: usize| models.grid().then(|| ListRun::redshift_file(&args.output, place));
    let mut outputs = places.iter().filter_map(|&place| redshift_file(place)).chain(places.iter().map(|&place| ListRun::file(&args.output, place))).chain([csv.clone()]);
    outputs.try_for_each(|path| refuse_existing(&path, args.force || begun || args.how.restart))?;
    std::fs::create_dir_all(&args.output).map_err(|e| Failure::io(&args.output, &e))?;
    let mut words = options_in_words(&options);
    if let Some(redshifts) = args.how.range()? {
        words.insert("redshifts".to_owned(), in_words(redshifts));
    }
    let facts = facts_of_list(list.observations.len(), &list.bands, (models.name(), &list.name), words);
    let (mut journal, held) = Journal::open(&beside, &facts, SYNC)?;
    let mut records: BTreeMap<usize, PixelRecord> =
        held.result.pixels.into_iter().map(|record| (record.x as usize, record)).collect();

    let progress = out.progress("fits", places.len() as u64, Unit::Fits);
    let mut done = Done { skipped: far, ..Done::default() };
    let mut pairs = 0;
    let overwrite = args.force || begun || args.how.restart;
    let advance = |count| progress.add(count);
    let mut fit = |how: How<'_>, places: &[usize]| -> Result<(), Failure> {
        pairs = pairs.max(how.pairs());
        let run = ListRun { observations: &list.observations, how, folder: &args.output, overwrite };
        let fitted = fit_list(&run, places, &mut journal, &mut records, &advance, &out.interrupt_flag());
        done.add(fitted.map_err(|error| interrupted(error, &beside, records.len(), part.len()))?);
        Ok(())
    };
    let fitted = match &models {
        Libraries::Grid(fitter, _) => fit(How::Grid(fitter), &places),
        Libraries::Known(models) => models.groups().iter().try_for_each(|(redshift, places)| {
            fit(How::Known(&fitter(models, *redshift, &list, &options, out)?), places)
        }),
    };
    drop(progress);
    if let Err(fault) = fitted {
        // A run that kept nothing must not stand in the way of others.
        if records.is_empty() && !fault.is_interruption() {
            journal.remove()?;
        }
        return Err(fault);
    }
    done.skipped.sort_by_key(|skipped| skipped.place);
    warn_of_skipped(&done, out);
    let redshifts = records.keys().filter_map(|&place| Some((place, read_redshift(&redshift_file(place)?))));
    let redshifts = redshifts
        .map(|(place, read)| Ok((place, read?)))
        .collect::<Result<BTreeMap<usize, RedshiftPosterior>, RedshiftTextError>>()?;
    let row = |(place, record): (&usize, _)| TableRow { number: place + 1, record, redshift: redshifts.get(place) };
    let rows: Vec<TableRow<'_>> = records.iter().map(row).collect();
    if rows.is_empty() {
        journal.remove()?;
        return Err(Failure::in_file(
            observations,
            format!("none of {} objects could be fitted; the warnings say why", part.len()),
        ));
    }
    write(&csv, &table(&rows), overwrite)?;
    journal.remove()?;
    let facts = (choices::word(&options), pairs, models.name());
    let summary = Summary::new(records.values(), &done, facts, &args.output, &clock);
    summary.of_redshifts(&rows).print(out)
}

/// Models for all objects.
enum Libraries<'a> {
    /// Of objects whose redshifts are known.
    Known(ListModels<'a>),
    /// At all redshifts of a range, and what names them.
    Grid(RedshiftFitter, String),
}

impl<'a> Libraries<'a> {
    fn new(
        args: &'a Args,
        list: &List,
        places: &[usize],
        options: &Options,
        out: &Output,
    ) -> Result<Libraries<'a>, Failure> {
        let Some(redshifts) = args.how.range()? else {
            return Ok(Libraries::Known(ListModels::new(args, &list.bands, &list.observations, places)?));
        };
        let (fitter, name, _) = grid(&args.models, redshifts, &list.bands, options, out)?;
        Ok(Libraries::Grid(fitter, name))
    }

    fn grid(&self) -> bool {
        matches!(self, Libraries::Grid(..))
    }

    fn name(&self) -> &str {
        match self {
            Libraries::Known(models) => &models.name,
            Libraries::Grid(_, name) => name,
        }
    }
}

fn fitter(
    models: &ListModels<'_>,
    redshift: f64,
    list: &List,
    options: &Options,
    out: &Output,
) -> Result<Fitter, Failure> {
    let library = models.at(redshift, &list.bands, out)?;
    out.go_on()?;
    Ok(Fitter::new(&library, options.clone())?)
}

/// Reads a list and its bands, and raises errors to the floors by band.
fn read(observations: &Path, filters: &Path, args: &Args) -> Result<List, Failure> {
    let open = |path: &Path| text_file::open(path).map_err(|e| Failure::io(path, &e));
    let table = read_filters(open(filters)?, &filters.display().to_string())?;
    if args.how.paper {
        in_order(filters, &table)?;
    }
    let zero = if args.how.paper { ZeroSigma::Floor } else { ZeroSigma::Refuse };
    let mut list = read_observations(open(observations)?, &observations.display().to_string(), &table, zero)?;
    let bands: Vec<Band> = table.into_iter().map(|line| line.band).collect();
    let floors = args.how.band_floors(&bands)?;
    for observation in &mut list {
        for (band, floor) in observation.bands.iter_mut().zip(&floors) {
            if let Measurement::Flux { flux_jy, sigma_jy } = band {
                *sigma_jy = sigma_jy.max(floor * *flux_jy);
            }
        }
    }
    // Numbers print as they are, so the text of what was read stands for it.
    let text = format!("{list:?} {bands:?}");
    Ok(List { observations: list, bands, name: name_of_bytes([text.as_bytes()]) })
}

/// MAGPHYS takes filters to be in order of wavelength.
fn in_order(path: &Path, table: &[Filter]) -> Result<(), Failure> {
    let backwards = table.windows(2).find(|pair| pair[0].band.wavelength_um > pair[1].band.wavelength_um);
    match backwards {
        Some([first, second]) => Err(Failure::in_file(
            path,
            format!(
                "{} at {} um stands after {} at {} um; --paper needs filters by wavelength, as MAGPHYS does: sort them, with \
                 the columns of the observations",
                second.band.name, second.band.wavelength_um, first.band.name, first.band.wavelength_um
            ),
        )),
        _ => Ok(()),
    }
}

/// Places whose objects have a distance, and those that have none.
fn with_distance(list: &List, part: std::ops::Range<usize>, args: &Args) -> (Vec<usize>, Vec<Skipped>) {
    let (places, far): (Vec<usize>, Vec<usize>) =
        part.partition(|&place| args.how.photo_z.is_some() || args.how.has_distance(list.observations[place].redshift));
    let skipped = far.into_iter().map(|place| {
        let Observation { name, redshift, .. } = &list.observations[place];
        let sentence = format!("{name}: redshift {redshift} tells no distance; give --distance");
        Skipped { place, reason: "no distance", sentence }
    });
    (places, skipped.collect())
}

fn write(path: &Path, text: &str, overwrite: bool) -> Result<(), Failure> {
    let file = File::create(path, overwrite)?;
    file.file().write_all(text.as_bytes()).map_err(|e| FitsError::io(path, "write", e))?;
    Ok(file.finish()?)
}
