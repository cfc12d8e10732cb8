//! Exact overlap of input and output pixels, on the sphere and in the plane.

mod accumulate;
mod density;
mod lattice;
#[cfg(test)]
mod oracle;
mod polygon;
mod raster;
mod sheet;
#[cfg(test)]
mod tests;

pub use accumulate::{Accumulator, Source, Window};
