//! Co-addition: one value from what several tiles say of a pixel.

pub mod block;
pub mod stack;

use std::fmt;

/// How values are combined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Combine {
    /// Mean, weighted by cover and by the taper towards tile edges; weight maps do not count, but where they are 0.
    Mean,
    /// The same, weighted by inverse variance too.
    Weighted,
    /// Median of the values with cover.
    Median,
    /// Mean without values further than so many standard deviations from the median.
    Clipped(f32),
    /// Sum, each value times its cover.
    Sum,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Value of the first tile with cover, in the order given.
    First,
    /// Value of the last tile with cover.
    Last,
    /// Number of tiles with cover.
    Count,
    /// Root mean square of values in units of their standard deviations, for detection over bands
    /// (Szalay, Connolly & Szokoly 1999).
    Chi,
}

impl Combine {
    /// Whether all values of a pixel are needed at once.
    pub fn needs_stack(self) -> bool {
        matches!(self, Combine::Median | Combine::Clipped(_))
    }

    /// Whether variances of the values are needed.
    pub fn needs_variance(self) -> bool {
        matches!(self, Combine::Weighted | Combine::Chi)
    }
}

impl fmt::Display for Combine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Combine::Mean => "mean",
            Combine::Weighted => "weighted",
            Combine::Median => "median",
            Combine::Clipped(_) => "clipped",
            Combine::Sum => "sum",
            Combine::Min => "min",
            Combine::Max => "max",
            Combine::First => "first",
            Combine::Last => "last",
            Combine::Count => "count",
            Combine::Chi => "chi",
        })
    }
}
