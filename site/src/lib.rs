//! Where sky and grid meet: galaxies on a volunteer server.
//!
//! A galaxy is added with its cube and a model library ([`Galaxies::add`]), cut into [areas](pogson_cube::area), and handed out by the
//! [`GalaxyGenerator`]; the [`GalaxyValidator`] compares what comes back, the [`GalaxyAssimilator`] keeps it, and puts it together
//! to the file that `pogson fit` would have written.

mod add;
pub mod assimilator;
mod collate;
mod cost;
mod error;
mod export;
mod facts;
mod galaxies;
mod galaxy;
mod generator;
mod gzip;
mod keeper;
mod libraries;
mod maps;
mod mask;
pub mod objects;
mod pages;
mod refit;
mod state;
mod tolerant;
mod validator;

pub use add::{Added, How, NewGalaxy, Rings};
pub use assimilator::GalaxyAssimilator;
pub use cost::FLOPS;
pub use error::SiteError;
pub use export::ExportedGalaxy;
pub use facts::{AreaFact, AreaState, Opaque};
pub use galaxies::{Galaxies, Settings};
pub use galaxy::Galaxy;
pub use generator::GalaxyGenerator;
pub use keeper::{GalaxyKeeper, GalaxyRefitter};
pub use maps::MAPS;
pub use mask::Mask;
pub use pages::GalaxyPages;
pub use state::{GalaxyState, GivenUp, Problem};
pub use validator::{Comparison, GalaxyValidator};
