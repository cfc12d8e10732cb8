//! Fits of a cube's pixels, in order, each kept in the journal as soon as those before it are.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use pogson_sed::fit::{Effort, FitError, Fitter};
use pogson_sed::observation::{Measurement, Observation};
use pogson_sed::posterior::PixelFit;

use super::ordered::in_order;
use super::skipped::Skipped;
use super::sums::summed;
use super::{Done, FittingError};
use crate::cube::Cube;
use crate::result::journal::{Entry, Journal};
use crate::result::{PixelRecord, ResultFile, Special};

/// What is fitted with what.
#[derive(Clone, Copy)]
pub struct CubeRun<'a> {
    /// The cube.
    pub cube: &'a Cube,
    /// A library made ready, arranged for the cube's bands.
    pub fitter: &'a Fitter,
    /// Redshift of the object.
    pub redshift: f64,
    /// For each band, the least standard deviation as a share of the flux; empty for none.
    pub band_floors: &'a [f64],
}

/// The outcome of one place.
type Outcome = Result<(Observation, PixelFit, Effort), FitError>;

impl CubeRun<'_> {
    /// Fits what was measured; results keep it as it was before floors.
    fn fit(&self, measured: Observation) -> Outcome {
        let mut floored = measured.clone();
        for (band, floor) in floored.bands.iter_mut().zip(self.band_floors) {
            if let Measurement::Flux { flux_jy, sigma_jy } = band {
                *sigma_jy = sigma_jy.max(floor * *flux_jy);
            }
        }
        let (fit, effort) = self.fitter.fit_with_effort(&floored)?;
        Ok((measured, fit, effort))
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

/// Fits pixels with rayon's threads and adds them to `result`; those that it holds already are left alone. The outcome does
/// not depend on the number of threads.
///
/// - `pixels`: places in the cube;
/// - `progress`: is told of each pixel that is done;
/// - `stop`: ends the work after the pixels that are begun.
///
/// # Errors
/// A fault that all pixels share, a journal that cannot be written, [`FittingError::Interrupted`]; the journal then holds what
/// was done.
pub fn fit_pixels(
    run: &CubeRun<'_>,
    pixels: &[usize],
    journal: &mut Journal,
    result: &mut ResultFile,
    progress: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Done, FittingError> {
    let held: BTreeSet<(u32, u32)> = result.pixels.iter().map(|record| (record.x, record.y)).collect();
    let place = |pixel: usize| {
        let (x, y) = run.cube.column_row(pixel);
        (x as u32, y as u32)
    };
    let left: Vec<usize> = pixels.iter().copied().filter(|&pixel| !held.contains(&place(pixel))).collect();
    let mut done = Done { kept: pixels.len() - left.len(), ..Done::default() };
    progress(done.kept as u64);
    let work = |k: usize| run.fit(run.cube.observation(left[k], run.redshift));
    let mut take = |k: usize, outcome: Outcome| -> Result<(), FittingError> {
        progress(1);
        match outcome {
            Ok((observation, fit, effort)) => {
                let (x, y) = place(left[k]);
                let record = PixelRecord { x, y, observation, fit, draws: None };
                journal.append(Entry::Pixel, &record)?;
                result.push(record);
                done.fitted += 1;
                done.effort.worked += effort.worked;
                done.effort.tested += effort.tested;
            }
            Err(fault) => done.skipped.push(Skipped::new(left[k], fault)?),
        }
        Ok(())
    };
    let whole = in_order(left.len(), &work, &mut take, stop)?;
    journal.sync()?;
    if whole { Ok(done) } else { Err(FittingError::Interrupted) }
}

/// Fits the summed light of pixels and adds it to `result`, unless it is there already. None if it was fitted, or the fault.
///
/// # Errors
/// A fault that all pixels share, a journal that cannot be written.
pub fn fit_integrated(
    run: &CubeRun<'_>,
    pixels: &[usize],
    journal: &mut Journal,
    result: &mut ResultFile,
) -> Result<Option<Skipped>, FittingError> {
    if result.special.contains_key(&Special::Integrated) {
        return Ok(None);
    }
    match run.fit(summed(run.cube, pixels, "all usable pixels", run.redshift)) {
        Ok((observation, fit, _)) => {
            let record = PixelRecord { x: 0, y: 0, observation, fit, draws: None };
            journal.append(Entry::Special(Special::Integrated), &record)?;
            result.push_special(Special::Integrated, record);
            journal.sync()?;
            Ok(None)
        }
        Err(fault) => Ok(Some(Skipped::new(0, fault)?)),
    }
}
