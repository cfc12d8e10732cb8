//! Background matching: differences over overlaps, one global least-squares solution, corrections.
//!
//! Each tile gets a polynomial in output pixel coordinates (a level, a plane, or of higher degree) that is
//! subtracted from it. The solution minimises the sum over all overlap pixels of the squared difference that
//! remains between tiles; a pixel that `n` tiles share counts `2/n` for each of its pairs, which makes the sum equal
//! to the scatter about the pixel's mean, the maximum-likelihood solution for equal white noise.
//!
//! Overlaps say nothing of a polynomial common to all tiles. It is chosen such that the corrections, taken over the
//! area of the tiles, contain none: the mosaic keeps the mean level and the mean gradient of its tiles. Tiles that do not
//! hang together form islands, each with its own common term.

pub mod difference;
pub mod fit;
pub mod polynomial;
pub mod skyline;
pub mod solve;

/// What is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Nothing.
    None,
    /// Polynomials of this degree in each direction together: 0 level, 1 plane, 2 quadratic, 3 cubic.
    Degree(u8),
}
