//! The kernel that brings one point spread function to another.
//!
//! In Fourier space the kernel is the ratio of the two transforms. Where the source's transform is small it is held
//! back as Wiener's filter does, `T S* / (|S|^2 + e^2)`, so that noise of a sampled source is not blown up (as the
//! low-pass of Aniano et al. 2011, PASP 123, 1218, section 2), and nowhere does it exceed 1: a kernel never sharpens. A
//! target that cannot be reached without that is refused.
//!
//! Pixels are later shared out by area, which spreads each sample over its pixel; the kernel takes that into account, so
//! that what it leads to is the target alone.

use std::f64::consts::{LN_2, PI};

use super::Psf;
use crate::fft::{Complex2d, frequency};

/// Part of a sampled source's transform below which the ratio is held back.
const FLOOR_SAMPLED: f64 = 1e-3;
/// The same of a formula.
const FLOOR_FORMULA: f64 = 1e-6;
/// Light that the cut edge of a kernel may hold.
const CUT: f64 = 3e-5;
/// Largest part of the target's transform that may be missing.
const MOST_MISSING: f64 = 0.03;
/// Longest side of the square in which a kernel is made.
const LONGEST: usize = 4096;

/// Why there is no kernel.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KernelError {
    /// The target is sharper than the source at some scale.
    #[error(
        "its point spread function (FWHM {source_fwhm:.2}\") cannot be brought to one of {target_fwhm:.2}\" without sharpening it; choose a wider one, or leave the band out"
    )]
    Sharpening {
        /// Width of the source, arcseconds.
        source_fwhm: f64,
        /// Width of the target, arcseconds.
        target_fwhm: f64,
        /// Largest part of the target's transform that would be missing.
        missing: f64,
    },
    /// The target is too wide for the pixels.
    #[error(
        "the common point spread function is {pixels} of its pixels wide, more than {LONGEST}; choose a smaller FWHM, or bin the image first"
    )]
    TooWide {
        /// Side in pixels.
        pixels: usize,
    },
}

/// Offsets of an image's pixels on the common plane, arcseconds: `[[u of x, u of y], [v of x, v of y]]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane(pub [[f64; 2]; 2]);

impl Plane {
    /// Square pixels of this side, north up.
    pub fn square(side: f64) -> Plane {
        Plane([[-side, 0.0], [0.0, side]])
    }

    /// Side of a square pixel of the same area, arcseconds.
    pub fn side(&self) -> f64 {
        let m = &self.0;
        (m[0][0] * m[1][1] - m[0][1] * m[1][0]).abs().sqrt()
    }

    /// Frequencies per pixel to frequencies per arcsecond.
    fn to_plane(self, fx: f64, fy: f64) -> (f64, f64) {
        let m = &self.0;
        let determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
        ((m[1][1] * fx - m[1][0] * fy) / determinant, (-m[0][1] * fx + m[0][0] * fy) / determinant)
    }

    /// Frequencies per arcsecond to frequencies per pixel.
    fn of_plane(&self, gu: f64, gv: f64) -> (f64, f64) {
        let m = &self.0;
        (m[0][0] * gu + m[1][0] * gv, m[0][1] * gu + m[1][1] * gv)
    }

    fn finer(self, by: usize) -> Plane {
        Plane(self.0.map(|row| row.map(|v| v / by as f64)))
    }
}

/// What all bands are brought to.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The point spread function.
    pub psf: Psf,
    /// Pixels that it is spread over besides, where it is that of a band which stays as it is.
    pub pixel: Option<Plane>,
}

impl Target {
    /// Full width at half maximum, arcseconds; a pixel counts as the Gaussian of its variance.
    pub fn fwhm(&self) -> f64 {
        let pixel = self.pixel.map_or(0.0, |p| PIXEL_FWHM * p.side());
        libm::hypot(self.psf.fwhm(), pixel)
    }
}

/// Width of the Gaussian that has the variance of a pixel of side 1, `sqrt(8 ln 2 / 12)`.
pub const PIXEL_FWHM: f64 = 0.679_756_8;

/// A kernel on an image's pixels, or on pixels `finer` times finer.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    /// Pixels from the middle to the edge.
    pub reach: usize,
    /// Values, `2 reach + 1` on a side, of sum 1.
    pub values: Vec<f64>,
    /// Samples of the kernel to a pixel, along each axis.
    pub finer: usize,
}

impl Kernel {
    /// The kernel that changes nothing.
    pub fn identity() -> Kernel {
        Kernel { reach: 0, values: vec![1.0], finer: 1 }
    }

    /// Samples along a side.
    pub fn side(&self) -> usize {
        2 * self.reach + 1
    }

    /// Parts that a pixel is divided into along each axis, for a target of this width in arcseconds.
    pub fn parts(plane: Plane, fwhm: f64) -> usize {
        (6.0 * plane.side() / fwhm).ceil().clamp(1.0, 8.0) as usize
    }

    /// The same kernel on the image's own pixels: sums over its parts.
    pub fn on_whole_pixels(self) -> Kernel {
        if self.finer == 1 {
            return self;
        }
        let parts = self.finer as i64;
        let (r, side) = (self.reach as i64, self.side() as i64);
        let reach = (r + parts) / parts;
        let whole = 2 * reach + 1;
        let mut values = vec![0.0; (whole * whole) as usize];
        let place = |d: i64| (2 * d + parts).div_euclid(2 * parts) + reach;
        for (k, value) in self.values.iter().enumerate() {
            let (x, y) = (place(k as i64 % side - r), place(k as i64 / side - r));
            values[(y * whole + x) as usize] += value;
        }
        Kernel { reach: reach as usize, values, finer: 1 }
    }

    /// The kernel that brings `source` on pixels of `plane` to `target`.
    ///
    /// # Errors
    /// [`KernelError`].
    pub fn matching(source: &Psf, plane: Plane, target: &Target) -> Result<Kernel, KernelError> {
        // Pixels that are not small against the target are divided, lest their squares show.
        let finer = Kernel::parts(plane, target.fwhm());
        let pixel = plane.finer(finer);
        let extent = target.psf.extent().max(1.5 * source.fwhm()) + 8.0 * plane.side();
        let needed = (1.5 * extent / pixel.side()).ceil() as usize;
        let n = needed.next_power_of_two().max(32);
        if n > LONGEST {
            return Err(KernelError::TooWide { pixels: n });
        }
        let (from, to) = (transform(source, pixel, n), transform(&target.psf, pixel, n));
        let floor = if matches!(source, Psf::Image(_)) { FLOOR_SAMPLED } else { FLOOR_FORMULA };
        let same = *source == target.psf;
        let mut ratio = Complex2d::zeros(n, n);
        let mut missing: f64 = 0.0;
        for y in 0..n {
            for x in 0..n {
                let (fx, fy) = (frequency(x, n), frequency(y, n));
                let (gu, gv) = pixel.to_plane(fx, fy);
                let k = y * n + x;
                let own = target.pixel.map_or(1.0, |plane| {
                    let (px, py) = plane.of_plane(gu, gv);
                    sinc(px) * sinc(py)
                });
                // The target's pixel over the pixel by which light is shared out.
                let pixels = own / (sinc(fx) * sinc(fy));
                let (mut re, mut im) = match (source, &target.psf) {
                    _ if same => (pixels, 0.0),
                    (Psf::Gaussian { fwhm: a }, Psf::Gaussian { fwhm: b }) => {
                        let exponent = PI * PI * (a * a - b * b) * (gu * gu + gv * gv) / (4.0 * LN_2);
                        (pixels * libm::exp(exponent.min(0.0)), 0.0)
                    }
                    _ => {
                        let (sr, si, tr, ti) = (from.re[k], from.im[k], to.re[k], to.im[k]);
                        let power = sr * sr + si * si + floor * floor;
                        (pixels * (tr * sr + ti * si) / power, pixels * (ti * sr - tr * si) / power)
                    }
                };
                let size = libm::hypot(re, im);
                if size > 1.0 {
                    (re, im) = (re / size, im / size);
                }
                let spread = sinc(fx) * sinc(fy);
                let reached = libm::hypot(
                    own * to.re[k] - spread * (re * from.re[k] - im * from.im[k]),
                    own * to.im[k] - spread * (re * from.im[k] + im * from.re[k]),
                );
                missing = missing.max(reached);
                let pass = low_pass(fx * finer as f64, finer) * low_pass(fy * finer as f64, finer);
                (ratio.re[k], ratio.im[k]) = (re * pass, im * pass);
            }
        }
        if missing > MOST_MISSING {
            let (source_fwhm, target_fwhm) = (source.fwhm(), target.fwhm());
            return Err(KernelError::Sharpening { source_fwhm, target_fwhm, missing });
        }
        ratio.backward();
        Ok(cut(&ratio, finer))
    }
}

/// The transform of a point spread function sampled on pixels of `plane`, centred on sample (0, 0).
fn transform(psf: &Psf, plane: Plane, n: usize) -> Complex2d {
    let mut out = Complex2d::zeros(n, n);
    match psf {
        Psf::Image(image) => {
            let area = plane.side() * plane.side();
            for y in 0..n {
                for x in 0..n {
                    let (dx, dy) = (frequency(x, n) * n as f64, frequency(y, n) * n as f64);
                    let m = &plane.0;
                    let (u, v) = (m[0][0] * dx + m[0][1] * dy, m[1][0] * dx + m[1][1] * dy);
                    out.re[y * n + x] = image.value(u, v) * area;
                }
            }
            // Interpolation keeps the light to a part in a thousand; the kernel needs it exact.
            let total: f64 = out.re.iter().sum();
            if total > 0.0 {
                out.re.iter_mut().for_each(|v| *v /= total);
            }
            out.forward();
        }
        round => {
            let top = plane.to_plane(0.5, 0.5);
            let far = libm::hypot(top.0, top.1).max({
                let other = plane.to_plane(0.5, -0.5);
                libm::hypot(other.0, other.1)
            });
            let table = Table::new(round, far);
            for y in 0..n {
                for x in 0..n {
                    let (gu, gv) = plane.to_plane(frequency(x, n), frequency(y, n));
                    out.re[y * n + x] = table.at(libm::hypot(gu, gv));
                }
            }
        }
    }
    out
}

/// A round transform over frequency, linear between many samples.
struct Table {
    values: Vec<f64>,
    step: f64,
}

impl Table {
    const SAMPLES: usize = 8192;

    fn new(psf: &Psf, far: f64) -> Table {
        let step = far * 1.001 / Table::SAMPLES as f64;
        let values = (0..Table::SAMPLES + 2).map(|k| psf.transfer(step * k as f64).unwrap_or(0.0)).collect();
        Table { values, step }
    }

    fn at(&self, frequency: f64) -> f64 {
        let place = frequency / self.step;
        let k = (place as usize).min(Table::SAMPLES);
        let share = place - k as f64;
        self.values[k] * (1.0 - share) + self.values[k + 1] * share
    }
}

/// 1 within the frequencies of an image that is divided into finer pixels, 0 beyond, smooth between.
fn low_pass(frequency: f64, finer: usize) -> f64 {
    if finer == 1 {
        return 1.0;
    }
    match frequency.abs() {
        f if f <= 0.4 => 1.0,
        f if f >= 0.6 => 0.0,
        f => 0.5 + 0.5 * libm::cos(PI * (f - 0.4) / 0.2),
    }
}

fn sinc(x: f64) -> f64 {
    let a = PI * x;
    if a.abs() < 1e-6 { 1.0 } else { libm::sin(a) / a }
}

/// The middle of a kernel that stands about sample (0, 0), without the edge that holds nothing.
fn cut(ratio: &Complex2d, finer: usize) -> Kernel {
    let n = ratio.width;
    let half = n / 2 - 1;
    // Light in each square ring.
    let mut rings = vec![0.0; half + 1];
    let at = |dx: i64, dy: i64| ratio.re[dy.rem_euclid(n as i64) as usize * n + dx.rem_euclid(n as i64) as usize];
    for dy in -(half as i64)..=half as i64 {
        for dx in -(half as i64)..=half as i64 {
            rings[dx.abs().max(dy.abs()) as usize] += at(dx, dy).abs();
        }
    }
    let total: f64 = rings.iter().sum();
    let mut left = 0.0;
    let mut reach = half;
    while reach > 0 && left + rings[reach] < CUT * total {
        left += rings[reach];
        reach -= 1;
    }
    let r = reach as i64;
    let mut values: Vec<f64> =
        (-r..=r).flat_map(|dy| (-r..=r).map(move |dx| (dx, dy))).map(|(x, y)| at(x, y)).collect();
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= sum);
    Kernel { reach, values, finer }
}
