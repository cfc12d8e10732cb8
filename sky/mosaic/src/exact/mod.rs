//! Exact overlap of input and output pixels, on the sphere and in the plane.
//!
//! [`ExactMap`] shares out solid angles between pixels whose corners are joined by great circles. Both are asked for
//! by tile and by block of the output, from any number of threads.

mod accumulate;
mod density;
mod error;
mod index;
mod lattice;
#[cfg(test)]
mod oracle;
mod outline;
mod pair;
mod pairs;
mod polygon;
mod raster;
mod sheet;
mod sphere;
#[cfg(test)]
mod tests;

pub use accumulate::{Accumulator, Source, Window};
pub use error::OverlapError;
pub use sphere::ExactMap;
