//! Point spread functions, and what brings one to the form of another.

pub mod convolve;
mod image;
pub mod kernel;
pub mod noise;
#[cfg(test)]
mod tests;

pub use convolve::Convolver;
pub use image::PsfImage;
pub use kernel::{Kernel, KernelError, Plane, Target};

use std::f64::consts::{LN_2, PI};

/// The response of a band's image to a point of light, of total 1, over offsets in arcseconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Psf {
    /// A Gaussian.
    Gaussian {
        /// Full width at half maximum, arcseconds, above 0.
        fwhm: f64,
    },
    /// Moffat's profile, `(1 + r^2 / alpha^2)^-beta` (Moffat 1969, A&A 3, 455).
    Moffat {
        /// Full width at half maximum, arcseconds, above 0.
        fwhm: f64,
        /// Exponent, above 1.
        beta: f64,
    },
    /// Sampled.
    Image(PsfImage),
}

impl Psf {
    /// Full width at half maximum, arcseconds.
    pub fn fwhm(&self) -> f64 {
        match self {
            Psf::Gaussian { fwhm } | Psf::Moffat { fwhm, .. } => *fwhm,
            Psf::Image(image) => image.fwhm(),
        }
    }

    /// Fourier transform of a round profile at a frequency in cycles per arcsecond; None for images.
    ///
    /// Moffat's is `2 (x/2)^n K_n(x) / Gamma(n)` with `n = beta - 1`, `x = 2 pi alpha g`.
    pub fn transfer(&self, frequency: f64) -> Option<f64> {
        match self {
            Psf::Gaussian { fwhm } => {
                Some(libm::exp(-(PI * fwhm * frequency) * (PI * fwhm * frequency) / (4.0 * LN_2)))
            }
            Psf::Moffat { fwhm, beta } => {
                let x = 2.0 * PI * moffat_alpha(*fwhm, *beta) * frequency.abs();
                let order = beta - 1.0;
                Some(if x < 1e-8 {
                    1.0
                } else {
                    2.0 * libm::pow(0.5 * x, order) * bessel_k(order, x) / libm::tgamma(order)
                })
            }
            Psf::Image(_) => None,
        }
    }

    /// Side of the square that holds all but some 1e-4 of the light, arcseconds.
    pub fn extent(&self) -> f64 {
        match self {
            Psf::Gaussian { fwhm } => 5.0 * fwhm,
            // Light outside r falls as r^(2 - 2 beta); very slow wings are cut at thirty widths.
            Psf::Moffat { fwhm, beta } => {
                let alpha = moffat_alpha(*fwhm, *beta);
                (2.0 * alpha * libm::pow(1e4, 0.5 / (beta - 1.0))).clamp(5.0 * fwhm, 30.0 * fwhm)
            }
            Psf::Image(image) => image.extent(),
        }
    }
}

/// Moffat's length scale from the width.
fn moffat_alpha(fwhm: f64, beta: f64) -> f64 {
    0.5 * fwhm / (libm::pow(2.0, 1.0 / beta) - 1.0).sqrt()
}

/// Modified Bessel function of the second kind, `integral of exp(-x cosh t) cosh(n t) dt` from 0; the trapezium rule
/// converges faster than any power of its step, for the integrand is even and falls doubly exponentially.
fn bessel_k(order: f64, x: f64) -> f64 {
    const STEP: f64 = 0.05;
    let mut total = 0.5 * libm::exp(-x);
    for k in 1..2000 {
        let t = STEP * f64::from(k);
        let exponent = -x * libm::cosh(t);
        let term = 0.5 * (libm::exp(exponent + order * t) + libm::exp(exponent - order * t));
        total += term;
        if term < 1e-17 * total {
            break;
        }
    }
    STEP * total
}
