//! What came of it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::plan::{Cell, Kind};

/// The whole.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Nanoseconds of a cache line to the other processor and back, the median among the turns of latencies on two processors; none
    /// without these.
    pub cache_line_ns: Option<f64>,
    /// Bytes a second by two copies with buffers that no cache holds.
    pub two_copies_bytes_s: f64,
    /// Turns.
    pub rounds: u32,
    /// Rows.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    #[serde(flatten)]
    pub cell: Cell,
    /// By means.
    pub by: BTreeMap<Kind, Figures>,
    /// Of each turn the ring's figure by another's, then the median over turns.
    pub ratios: Vec<Ratio>,
    /// Share of the ring's bytes that did go by it, the least of all turns.
    pub joined: f64,
}

/// Figures of one means.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Microseconds of a message and its answer or of a connection; or bytes a second.
    pub value: Quartiles,
    /// Bytes a second of processor time of the busier end; of latencies and connections, nanoseconds of both ends' processor time
    /// for each.
    pub cpu: Quartiles,
}

/// Median and quartiles over the turns.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quartiles {
    /// Median.
    pub median: f64,
    /// First quartile.
    pub low: f64,
    /// Third quartile.
    pub high: f64,
}

/// One means against another.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    /// Of this means
    pub of: Kind,
    /// to this.
    pub to: Kind,
    /// Of the values.
    pub value: Quartiles,
    /// Of the processor times.
    pub cpu: Quartiles,
}

impl Quartiles {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |part| percentile(&values, part);
        Self { median: at(0.5), low: at(0.25), high: at(0.75) }
    }
}

/// The value below which `part` of the sorted values lie, by linear interpolation; 0 without any.
pub(crate) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = part * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    (sorted[above] - sorted[below]).mul_add(place - below as f64, sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hyndman and Fan, The American Statistician 50 (1996), definition 7.
    #[test]
    fn quartiles_are_those_of_definition_seven() {
        let quartiles = Quartiles::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((quartiles.low, quartiles.median, quartiles.high), (1.75, 2.5, 3.25));
        assert_eq!(percentile(&[5.0], 0.99), 5.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
