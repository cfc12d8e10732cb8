//! Exact overlap of input and output pixels, on the sphere and in the plane.
//!
//! [`ExactMap`] shares out solid angles between pixels whose corners are joined by great circles, [`PlaneMap`] areas of
//! the output's pixel plane, faster and for corners known to a stated fraction of a pixel. Both are asked for
//! by tile and by block of the output, from any number of threads.

mod accumulate;
mod density;
mod divide;
mod error;
mod index;
pub(crate) mod lattice;
#[cfg(test)]
mod oracle;
mod outline;
mod own;
pub(crate) mod pair;
pub(crate) mod pairs;
mod plane;
mod polygon;
mod raster;
pub(crate) mod sheet;
mod sides;
#[cfg(test)]
mod sky_tests;
mod sphere;
#[cfg(test)]
mod sphere_tests;
#[cfg(test)]
mod tests;

pub use accumulate::{Accumulator, Source, Window};
pub use error::OverlapError;
pub use plane::PlaneMap;
pub use sphere::ExactMap;
