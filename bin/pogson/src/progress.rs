//! Progress bars with rate and time left.

use std::fmt::Write;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// What a progress bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Pixels; the rate is shown in Mpix/s.
    Pixels,
    /// Tiles or files.
    Tiles,
    /// Models of a library.
    Models,
    /// Fits of pixels or objects.
    Fits,
    /// Measurements.
    Measurements,
    /// Runs of a simulation.
    Runs,
}

/// A progress bar, perhaps an invisible one; may be advanced from several threads.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar of `total` steps named `what`; invisible unless `visible`.
    pub fn new(what: &str, total: u64, unit: Unit, visible: bool) -> Progress {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let rate = move |state: &ProgressState, line: &mut dyn Write| {
            let text = match unit {
                Unit::Pixels => format!("{:.1} Mpix/s", state.per_sec() / 1e6),
                Unit::Fits => format!("{:.1} fits/s", state.per_sec()),
                Unit::Models => format!("{:.0} models/s", state.per_sec()),
                Unit::Measurements => format!("{:.1} measurements/s", state.per_sec()),
                Unit::Runs => format!("{:.1} runs/s", state.per_sec()),
                Unit::Tiles => format!("{:.1} tiles/s", state.per_sec()),
            };
            // The bar's own buffer; there is nobody to tell if it refuses.
            let _ = line.write_str(&text);
        };
        if let Ok(style) = ProgressStyle::with_template("{msg:14} {bar:40} {percent:>3} %  {rate}  {eta} left") {
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_message(what.to_owned());
        Progress(bar)
    }

    /// Counts `steps` more as done.
    pub fn add(&self, steps: u64) {
        self.0.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
