//! Star formation histories: their priors, and the ages of the stars that they leave.

mod cosmic;
mod prior;
mod weights;

pub use cosmic::age_of_universe;
pub use prior::{Burst, History};
pub(crate) use weights::{AgeGrid, AgeWeights};
