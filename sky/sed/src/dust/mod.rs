//! Light and mass of dust (da Cunha, Charlot & Elbaz 2008, section 2.2): hydrocarbons, hot grains, and warm and cold grains in
//! thermal equilibrium, each with a spectrum of unit luminosity.

mod greybody;
mod model;
mod prior;
mod templates;

pub use greybody::light_per_mass;
pub use model::{Component, Mixture};
pub use prior::DustDraw;
pub use templates::{DustGrid, grid};
