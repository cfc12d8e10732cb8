//! The shape of an object in an image or a map: indices, profiles, models.

pub mod aperture;
pub mod image;
mod indices;
pub mod model;
pub mod profile;
mod search;
pub mod segment;
mod smooth;

pub use indices::{Indices, indices};

/// Bits of [`Indices::flags`].
pub mod flag {
    /// No empty sky next to the object: asymmetry and smoothness hold the noise's share.
    pub const NO_SKY: u32 = 1;
    /// The sky's mean is larger than its scatter.
    pub const SKY_NOT_SUBTRACTED: u32 = 2;
    /// The centre of least asymmetry is far from the centroid; the brightest pixel was tried, then the centroid taken.
    pub const CENTRE_DRIFTED: u32 = 4;
    /// A Petrosian radius is smaller than a pixel or larger than the image.
    pub const PETROSIAN: u32 = 8;
    /// The region above the brightness at the Petrosian radius has several parts; the brightest was taken.
    pub const SEVERAL_REGIONS: u32 = 16;
}

/// Why a shape cannot be measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MorphologyError {
    /// There is no object.
    #[error("{problem}; give --segments, or an image whose sky is subtracted")]
    NoObject {
        /// What is missing.
        problem: &'static str,
    },
}

#[cfg(test)]
mod tests;
