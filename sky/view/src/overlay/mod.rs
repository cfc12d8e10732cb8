//! What is drawn over a picture by its place on the sky: grids, catalogues, regions, footprints, compass, scale bar.

mod catalogue;
mod compass;
mod curve;
mod footprint;
mod grid;
mod label;
mod regions;
mod sheet;
mod steps;

pub use catalogue::{Catalogue, CatalogueError, Marker, draw_catalogue};
pub use compass::{draw_compass, draw_scale_bar};
pub use footprint::draw_footprint;
pub use grid::{Grid, GridLine, draw_grid};
pub use label::Ink;
pub use regions::draw_regions;
pub use sheet::Sheet;
