//! Ranges that stellar models have to lie in: others take no part in a fit.

use crate::fit::models::{Models, ModelsError};
use crate::parameter::Parameter;

/// A range of a parameter that the stellar model decides; both ends count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Which; not one that hangs on the scale or on the dust.
    pub parameter: Parameter,
    /// Least value; of the value itself, not its logarithm.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
}

impl Models {
    /// Leaves out the stellar models outside any of `ranges`; the evidence is then the mean over the pairs that remain.
    ///
    /// # Errors
    /// A parameter that the library's stellar models do not tell, ranges without models.
    pub(crate) fn restrict(&mut self, ranges: &[Range]) -> Result<(), ModelsError> {
        for range in ranges {
            let alone = self.rows.alone.iter().find(|alone| alone.parameter == range.parameter);
            let alone = alone.ok_or(ModelsError::RangeOf { parameter: range.parameter.name() })?;
            let log = |value: f64| if range.parameter.is_logarithmic() { libm::log10(value) } else { value };
            let (low, high) = (log(range.low), log(range.high));
            let outside = alone.value.iter().map(|value| !(low..=high).contains(value));
            for ((window, prior), _) in
                self.rows.window.iter_mut().zip(&mut self.rows.prior).zip(outside).filter(|(_, outside)| *outside)
            {
                *window = (0, 0);
                *prior = 0.0;
            }
        }
        self.pairs = self.rows.window.iter().map(|&(low, high)| u64::from(high - low)).sum();
        if self.pairs == 0 {
            return Err(ModelsError::EmptyRange);
        }
        self.columns.count_rows(&self.rows.window);
        Ok(())
    }
}
