//! Fits of a list of objects, each into a file of MAGPHYS's form.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pogson_image::fits::FitsError;
use pogson_image::fits::output::Output;
use pogson_sed::fit::FitError;
use pogson_sed::magphys::fit_text;
use pogson_sed::observation::Observation;

use super::how::{Fitted, How};
use super::ordered::in_order;
use super::redshift_text::redshift_text;
use super::skipped::Skipped;
use super::{Done, FittingError};
use crate::result::PixelRecord;
use crate::result::journal::{Entry, Journal};

/// What is fitted with what, and where to.
#[derive(Clone, Copy)]
pub struct ListRun<'a> {
    /// All objects of the list.
    pub observations: &'a [Observation],
    /// Libraries made ready for their bands.
    pub how: How<'a>,
    /// Folder of the results.
    pub folder: &'a Path,
    /// Whether files that are there may be replaced.
    pub overwrite: bool,
}

impl ListRun<'_> {
    /// The file of the object at a place from 0: its number, from 1, and `.fit`.
    pub fn file(folder: &Path, place: usize) -> PathBuf {
        folder.join(format!("{}.fit", place + 1))
    }

    /// The file of the posterior of its redshift, where that is found: its number and `.redshift.csv`.
    pub fn redshift_file(folder: &Path, place: usize) -> PathBuf {
        folder.join(format!("{}.redshift.csv", place + 1))
    }
}

/// Fits objects with rayon's threads, writes `N.fit` for each (N from 1; where redshifts are found, `N.redshift.csv` too), and adds it to the journal and to `records`. Those
/// that `records` holds already and whose files are there are left alone.
///
/// - `places`: of the objects, from 0;
/// - `records`: by place; of their histograms the bins that journals keep;
/// - `progress`, `stop`: as for [`super::fit_pixels`].
///
/// # Errors
/// A fault that all objects share, files that cannot be written, [`FittingError::Interrupted`].
pub fn fit_list(
    run: &ListRun<'_>,
    places: &[usize],
    journal: &mut Journal,
    records: &mut BTreeMap<usize, PixelRecord>,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Done, FittingError> {
    let redshift = |place: usize| match run.how {
        How::Known(_) => None,
        How::Grid(_) => Some(ListRun::redshift_file(run.folder, place)),
    };
    let there = |place: usize| {
        records.contains_key(&place)
            && ListRun::file(run.folder, place).exists()
            && redshift(place).is_none_or(|path| path.exists())
    };
    let left: Vec<usize> = places.iter().copied().filter(|&place| !there(place)).collect();
    let mut done = Done { kept: places.len() - left.len(), ..Done::default() };
    progress(done.kept as u64);
    let bands = run.how.bands();
    let work = |k: usize| -> Result<Result<Fitted, FitError>, FitsError> {
        let observation = &run.observations[left[k]];
        let outcome = run.how.fit(observation, None);
        if let Ok(Fitted { fit, redshift: posterior, .. }) = &outcome {
            let found = posterior.as_ref().map(|_| Observation { redshift: fit.redshift, ..observation.clone() });
            let text = fit_text(found.as_ref().unwrap_or(observation), bands, fit);
            write_text(&ListRun::file(run.folder, left[k]), &text, run.overwrite)?;
            if let (Some(posterior), Some(path)) = (posterior, redshift(left[k])) {
                write_text(&path, &redshift_text(posterior), run.overwrite)?;
            }
        }
        Ok(outcome)
    };
    let mut take = |k: usize, outcome: Result<Result<Fitted, FitError>, FitsError>| {
        progress(1);
        let place = left[k];
        match outcome? {
            Ok(Fitted { fit, effort, redshift, .. }) => {
                let observation = run.observations[place].clone();
                let record = PixelRecord { x: place as u32, y: 0, observation, fit, draws: None, redshift };
                if !records.contains_key(&place) {
                    journal.append(Entry::Pixel, &record)?;
                }
                records.insert(place, record);
                done.fitted += 1;
                done.effort.worked += effort.worked;
                done.effort.tested += effort.tested;
            }
            Err(fault) => done.skipped.push(Skipped::new(place, fault)?),
        }
        Ok::<(), FittingError>(())
    };
    let whole = in_order(left.len(), &work, &mut take, stop)?;
    journal.sync()?;
    if whole { Ok(done) } else { Err(FittingError::Interrupted) }
}

fn write_text(path: &Path, text: &str, overwrite: bool) -> Result<(), FitsError> {
    let output = Output::create(path, overwrite)?;
    output.file().write_all(text.as_bytes()).map_err(|e| FitsError::io(path, "write", e))?;
    output.finish()
}
