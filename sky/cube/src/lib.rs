//! A galaxy in many bands: one grid, one resolution, one unit; its fits, maps and archive file.

pub mod area;
pub mod band;
pub mod binning;
pub mod build;
pub mod correlation;
pub mod cube;
pub mod error;
pub mod extinction;
pub mod fft;
pub mod fitting;
pub mod grid;
pub mod input;
pub mod integrate;
pub mod library;
pub mod library_store;
pub mod maps;
pub mod morphology;
pub mod object;
pub mod project;
pub mod psf;
pub mod result;
pub mod sky;
pub mod spectra;
pub mod ssp_fits;
pub mod stars;
pub mod text_file;

pub use cube::Cube;
pub use error::CubeError;
