//! What a run of fits says at its end.

use std::collections::BTreeMap;
use std::time::Instant;

use pogson_cube::fitting::{Done, TableRow, by_reason};
use pogson_cube::result::{PixelRecord, ResultFile};
use pogson_cube::maps::{Level, totals};
use pogson_sed::posterior::flag;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Sentences about single pixels that are printed; the rest is counted.
const MOST_NAMED: usize = 20;

/// When the work began.
pub struct Clock {
    begun: Instant,
}

impl Clock {
    /// Now.
    pub fn start() -> Clock {
        Clock { begun: Instant::now() }
    }
}

/// CPU seconds of this process so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// What to beware of, by number of fits.
#[derive(Debug, Default, Serialize)]
struct Flags {
    few_models: usize,
    poor_fit: usize,
    at_edge: usize,
}

/// A quantity's sum over pixels beside the fit of their summed light.
#[derive(Debug, Serialize)]
struct Sum {
    sum_of_pixels: f64,
    of_summed_light: [f64; 3],
    difference_dex: f64,
}

/// An object's redshift that was found.
#[derive(Debug, Serialize)]
struct Redshift {
    number: usize,
    name: String,
    z_best: f64,
    z_mean: f64,
    z_sigma: f64,
}

/// The summary, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Summary {
    output: String,
    arithmetic: &'static str,
    library: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    redshift: Option<f64>,
    /// Fits in the output.
    fits: usize,
    /// Those of them that an interrupted run had made.
    kept: usize,
    /// Number of pixels or objects that could not be fitted, by reason.
    skipped: BTreeMap<&'static str, usize>,
    median_chi2: f64,
    flags: Flags,
    /// Compatible pairs of the library.
    pairs: u64,
    /// Pairs that were worked out in full, in all fits of this run.
    pairs_worked: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sums: BTreeMap<&'static str, Sum>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    redshifts: Vec<Redshift>,
    seconds: f64,
    cpu_seconds: f64,
}

impl Summary {
    /// Of some fits.
    pub fn new<'a>(
        records: impl Iterator<Item = &'a PixelRecord>,
        done: &Done,
        (arithmetic, pairs, library): (&'static str, u64, &str),
        output: &std::path::Path,
        clock: &Clock,
    ) -> Summary {
        let (mut chi2, mut flags) = (Vec::new(), Flags::default());
        for record in records {
            chi2.push(record.fit.best.chi2);
            let set = |bit: u32| usize::from(record.fit.flags & bit != 0);
            flags.few_models += set(flag::FEW_MODELS);
            flags.poor_fit += set(flag::POOR_FIT);
            flags.at_edge += set(flag::AT_EDGE);
        }
        chi2.sort_by(f64::total_cmp);
        Summary {
            output: output.display().to_string(),
            arithmetic,
            library: library.to_owned(),
            redshift: None,
            fits: chi2.len(),
            kept: done.kept,
            skipped: by_reason(&done.skipped),
            median_chi2: chi2.get(chi2.len() / 2).copied().unwrap_or(f64::NAN),
            flags,
            pairs,
            pairs_worked: done.effort.worked,
            sums: BTreeMap::new(),
            redshifts: Vec::new(),
            seconds: clock.begun.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds(),
        }
    }

    /// With the object's redshift, and for a whole cube sums over pixels (bins where it has no pixels) beside the fit of the
    /// summed light.
    pub fn of_cube(mut self, result: &ResultFile, whole: bool) -> Summary {
        self.redshift = Some(result.facts.redshift);
        let level = if result.pixels.is_empty() { Level::Bins } else { Level::Pixels };
        for total in totals(result, level).into_iter().filter(|_| whole) {
            if let Some((of_summed_light, difference_dex)) = total.integrated.zip(total.difference_dex()) {
                let sum = Sum { sum_of_pixels: total.medians, of_summed_light, difference_dex };
                self.sums.insert(total.parameter.name(), sum);
            }
        }
        self
    }

    /// With the redshifts that were found.
    pub fn of_redshifts(mut self, rows: &[TableRow<'_>]) -> Summary {
        let found = |row: &TableRow<'_>| {
            let z = row.redshift?;
            let name = row.record.observation.name.clone();
            Some(Redshift { number: row.number, name, z_best: z.best(), z_mean: z.mean(), z_sigma: z.sigma() })
        };
        self.redshifts = rows.iter().filter_map(found).collect();
        self
    }

    /// Says it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn print(&self, out: &Output) -> Result<(), Failure> {
        if out.is_json() {
            return out.object(self);
        }
        let kept = if self.kept > 0 { format!(", {} of them from an earlier run", self.kept) } else { String::new() };
        let each = self.cpu_seconds / (self.fits.saturating_sub(self.kept)).max(1) as f64;
        out.line(format!(
            "{}: {} fits{kept}, {:.1} s, {each:.4} CPU s each with all that goes before",
            self.output, self.fits, self.seconds
        ))?;
        for (reason, count) in &self.skipped {
            out.line(format!("  not fitted: {count} ({reason})"))?;
        }
        let flags = &self.flags;
        out.line(format!(
            "  median chi2 {:.3}; few models {}, poor fit {}, at an edge {}",
            self.median_chi2, flags.few_models, flags.poor_fit, flags.at_edge
        ))?;
        for (name, sum) in &self.sums {
            let [low, median, high] = sum.of_summed_light;
            out.line(format!(
                "  {name}: {:.4e} in pixels, {median:.4e} ({low:.4e} to {high:.4e}) from the summed light",
                sum.sum_of_pixels
            ))?;
        }
        Ok(())
    }
}

/// Names on standard error what was not fitted.
pub fn warn_of_skipped(done: &Done, out: &Output) {
    for skipped in done.skipped.iter().take(MOST_NAMED) {
        out.warn(format!("not fitted: {}", skipped.sentence));
    }
    if done.skipped.len() > MOST_NAMED {
        let words: Vec<String> =
            by_reason(&done.skipped).into_iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        out.warn(format!("not fitted: {} in all ({})", done.skipped.len(), words.join(", ")));
    }
}
