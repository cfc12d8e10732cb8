//! Two images beside each other, and images beside the truth: residuals, and photometry of known stars.

pub mod aperture;
pub mod grid;
pub mod images;
pub mod order;
pub mod residual;
pub mod score;
pub mod stars;
