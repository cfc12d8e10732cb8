//! Fits of a cube's pixels and bins, in order, each kept in the journal as soon as those before it are.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use pogson_sed::fit::{Effort, FitError, RedshiftPosterior};
use pogson_sed::observation::Observation;
use pogson_sed::posterior::PixelFit;
use pogson_sed::work::Kind;

use super::how::{Fitted, How};
use super::ordered::in_order;
use super::skipped::Skipped;
use super::sums::CubeBins;
use super::{Done, FittingError};
use crate::cube::Cube;
use crate::result::journal::{Entry, Journal};
use crate::result::{Bins, Draws, PixelRecord, ResultFile, Special};

/// Seed of the draws.
pub const SEED: u64 = 1;

/// What is fitted with what.
#[derive(Clone, Copy)]
pub struct CubeRun<'a> {
    /// Libraries made ready, arranged for the cube's bands.
    pub how: How<'a>,
    /// Redshift of the object, where it is known; what stands for it where it is to be found.
    pub redshift: f64,
    /// For each band, the least standard deviation as a share of the flux; empty for none.
    pub band_floors: &'a [f64],
    /// Draws from each posterior to keep; 0 for none.
    pub draws: u32,
    /// Is told of fits as they are done.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Ends the work after the fits that are begun.
    pub stop: &'a AtomicBool,
}

/// The outcome of one place.
type Outcome = Result<(Found, Effort), FitError>;

/// What was measured and what was found.
struct Found {
    observation: Observation,
    fit: PixelFit,
    draws: Option<Draws>,
    redshift: Option<RedshiftPosterior>,
}

impl Found {
    /// As the record of a place.
    fn at(self, (x, y): (u32, u32)) -> PixelRecord {
        let Found { observation, fit, draws, redshift } = self;
        PixelRecord { x, y, observation, fit, draws, redshift }
    }
}

impl CubeRun<'_> {
    /// Fits what was measured; results keep it as it was before floors.
    ///
    /// - `number`: of the place, which decides its random numbers.
    fn fit(&self, measured: Observation, number: u64) -> Outcome {
        let floored = measured.floored(self.band_floors);
        let draws = (self.draws > 0).then_some((self.draws, (SEED, number)));
        let Fitted { fit, effort, draws, redshift } = self.how.fit(&floored, draws)?;
        let draws = draws.as_ref().map(Draws::of);
        Ok((Found { observation: measured, fit, draws, redshift }, effort))
    }

    /// Fits places with rayon's threads, and hands the records to `keep` in order. The outcome does not depend on the number of
    /// threads.
    ///
    /// - `places`: what [`Skipped`] calls them, and their column and row in the result;
    /// - `observe`: what was measured at a place.
    fn fit_all(
        &self,
        places: &[(usize, (u32, u32))],
        observe: &(dyn Fn(usize) -> Observation + Sync),
        keep: &mut (dyn FnMut(PixelRecord) -> Result<(), FittingError> + Send),
    ) -> Result<Done, FittingError> {
        let mut done = Done::default();
        let work = |k: usize| {
            let (place, (x, y)) = places[k];
            self.fit(observe(place), Kind::Pixel.stream(x, y))
        };
        let mut take = |k: usize, outcome: Outcome| -> Result<(), FittingError> {
            (self.progress)(1);
            let (place, (x, y)) = places[k];
            match outcome {
                Ok((found, effort)) => {
                    keep(found.at((x, y)))?;
                    done.fitted += 1;
                    done.effort.worked += effort.worked;
                    done.effort.tested += effort.tested;
                }
                Err(fault) => done.skipped.push(Skipped::new(place, fault)?),
            }
            Ok(())
        };
        let whole = in_order(places.len(), &work, &mut take, self.stop)?;
        if whole { Ok(done) } else { Err(FittingError::Interrupted) }
    }
}

/// The first pixel and band with a flux whose standard deviation is 0 or below, which no cube has that was made as it should.
pub fn zero_sigma(cube: &Cube) -> Option<(usize, &str, f32)> {
    cube.layers.iter().find_map(|layer| {
        let wrong = |(flux, sigma): (&f32, &f32)| flux.is_finite() && *sigma <= 0.0;
        let pixel = layer.flux.iter().zip(&layer.sigma).position(wrong)?;
        Some((pixel, layer.band.name.as_str(), layer.sigma[pixel]))
    })
}

/// Fits pixels and adds them to `result`; those that it holds already are left alone.
///
/// - `pixels`: places in the cube.
///
/// # Errors
/// A fault that all pixels share, a journal that cannot be written, [`FittingError::Interrupted`]; the journal then holds what
/// was done.
pub fn fit_pixels(
    run: &CubeRun<'_>,
    cube: &Cube,
    pixels: &[usize],
    journal: &mut Journal,
    result: &mut ResultFile,
) -> Result<Done, FittingError> {
    let held: BTreeSet<(u32, u32)> = result.pixels.iter().map(|record| (record.x, record.y)).collect();
    let place = |pixel: usize| {
        let (x, y) = cube.column_row(pixel);
        (x as u32, y as u32)
    };
    let left = pixels.iter().map(|&pixel| (pixel, place(pixel))).filter(|(_, place)| !held.contains(place));
    let left: Vec<(usize, (u32, u32))> = left.collect();
    let kept = pixels.len() - left.len();
    (run.progress)(kept as u64);
    let mut keep = |record: PixelRecord| {
        journal.append(Entry::Pixel, &record)?;
        result.push(record);
        Ok(())
    };
    let done = run.fit_all(&left, &|pixel| cube.observation(pixel, run.redshift), &mut keep);
    journal.sync()?;
    done.map(|done| Done { kept, ..done })
}

/// Fits bins of a cube and adds them to `result`; those that it holds already are left alone.
///
/// - `cube`: binned, and `bins` its bins;
/// - `numbers`: of the bins.
///
/// # Errors
/// As [`fit_pixels`].
pub fn fit_bins(
    run: &CubeRun<'_>,
    (cube, bins): (&Cube, &CubeBins),
    numbers: &[usize],
    journal: &mut Journal,
    result: &mut ResultFile,
) -> Result<Done, FittingError> {
    let held = result.bins.get_or_insert(Bins { map: Vec::new(), records: Vec::new() });
    // Journals keep no map.
    held.map.clone_from(&bins.map);
    let there: BTreeSet<u32> = held.records.iter().map(|record| record.x).collect();
    let left = numbers.iter().map(|&number| (number, (number as u32, 0)));
    let left: Vec<(usize, (u32, u32))> = left.filter(|(_, (x, _))| !there.contains(x)).collect();
    let kept = numbers.len() - left.len();
    (run.progress)(kept as u64);
    let mut keep = |mut record: PixelRecord| {
        journal.append(Entry::Bin, &record)?;
        record.fit.marginals.iter_mut().for_each(|marginal| *marginal = marginal.trimmed());
        held.records.push(record);
        Ok(())
    };
    let done = run.fit_all(&left, &|number| bins.observation(cube, number, run.redshift), &mut keep);
    journal.sync()?;
    done.map(|done| Done { kept, ..done })
}

/// Fits the summed light of a cube and adds it to `result`, unless it is there already. None if it was fitted, or the fault.
///
/// # Errors
/// A fault that all pixels share, a journal that cannot be written.
pub fn fit_integrated(
    run: &CubeRun<'_>,
    cube: &Cube,
    journal: &mut Journal,
    result: &mut ResultFile,
) -> Result<Option<Skipped>, FittingError> {
    if result.special.contains_key(&Special::Integrated) {
        return Ok(None);
    }
    match run.fit(cube.integrated(run.redshift), Kind::Sum.stream(0, 0)) {
        Ok((found, _)) => {
            let record = found.at((0, 0));
            journal.append(Entry::Special(Special::Integrated), &record)?;
            result.push_special(Special::Integrated, record);
            journal.sync()?;
            Ok(None)
        }
        Err(fault) => Ok(Some(Skipped::new(0, fault)?)),
    }
}

/// Fits the light of elliptical rings of a cube ([`Cube::rings`]) and adds it to `result`; those that it holds already are left
/// alone.
///
/// - `width_px`: of a ring along the major axis, pixels.
///
/// # Errors
/// As [`fit_pixels`].
pub fn fit_rings(
    run: &CubeRun<'_>,
    cube: &Cube,
    width_px: f64,
    journal: &mut Journal,
    result: &mut ResultFile,
) -> Result<Done, FittingError> {
    let rings = cube.rings(&cube.ellipse(), width_px);
    let held: BTreeSet<u32> = result.special.get(&Special::Radial).into_iter().flatten().map(|r| r.x).collect();
    let left = (0..rings.len()).filter(|&ring| rings[ring].pixels > 0 && !held.contains(&(ring as u32)));
    // Their random numbers are not those of any pixel: no cube has that many rows.
    let left: Vec<(usize, (u32, u32))> = left.map(|ring| (ring, (ring as u32, u32::MAX))).collect();
    let mut keep = |mut record: PixelRecord| {
        record.y = 0;
        journal.append(Entry::Special(Special::Radial), &record)?;
        result.push_special(Special::Radial, record);
        Ok(())
    };
    let side = cube.pixel_side_arcsec();
    let done = run.fit_all(&left, &|ring| rings[ring].observation(side, run.redshift), &mut keep);
    journal.sync()?;
    done
}
