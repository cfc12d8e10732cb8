//! Pixels together in bins of a wanted signal-to-noise ratio, with noise that is correlated between pixels.

mod apply;
mod hexagon;
#[cfg(test)]
mod tests;
mod voronoi;

pub use hexagon::hexagons;
pub use voronoi::voronoi;

use crate::correlation::NoiseCorrelation;
use crate::cube::Cube;

/// Number of pixels that belong to no bin.
pub const NO_BIN: i32 = -1;

/// Which pixel belongs to which bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// For each pixel of the grid the number of its bin, from 0; [`NO_BIN`] for pixels without.
    pub of_pixel: Vec<i32>,
    /// The bins.
    pub bins: Vec<Bin>,
}

/// One bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Column of its centre, 0-based.
    pub x: f64,
    /// Row.
    pub y: f64,
    /// Number of pixels.
    pub pixels: usize,
    /// Signal over noise in the band that it was made for.
    pub ratio: f64,
}

/// Signal and noise of an image that is binned.
#[derive(Debug, Clone)]
pub struct Signal<'a> {
    /// Signal of each pixel, row by row.
    pub signal: Vec<f64>,
    /// Standard deviation of its noise; 0 for pixels that are not to be binned.
    pub sigma: Vec<f64>,
    /// Columns.
    pub width: usize,
    /// Correlation of the noise.
    pub correlation: &'a NoiseCorrelation,
}

impl<'a> Signal<'a> {
    /// That of a layer of a cube over its usable pixels.
    pub fn of(cube: &'a Cube, layer: usize) -> Option<Signal<'a>> {
        let band = cube.layers.get(layer)?;
        let use_it = |k: usize| cube.mask.get(k) == Some(&0) && band.has(k);
        let sigma: Vec<f64> = (0..cube.pixels()).map(|k| if use_it(k) { band.noise_sigma(k) } else { 0.0 }).collect();
        let signal = sigma.iter().zip(&band.flux).map(|(s, f)| if *s > 0.0 { f64::from(*f) } else { 0.0 }).collect();
        Some(Signal { signal, sigma, width: cube.width, correlation: &band.noise })
    }

    /// Pixels that are to be binned.
    pub fn pixels(&self) -> Vec<usize> {
        (0..self.sigma.len()).filter(|&k| self.sigma[k] > 0.0).collect()
    }

    /// Column and row.
    pub(crate) fn place(&self, pixel: usize) -> (f64, f64) {
        ((pixel % self.width) as f64, (pixel / self.width) as f64)
    }

    /// Signal over noise of pixels together, at least 0.
    pub fn ratio(&self, pixels: &[usize]) -> f64 {
        let signal: f64 = pixels.iter().map(|k| self.signal[*k]).sum();
        let places: Vec<(i64, i64, f64)> =
            pixels.iter().map(|k| ((k % self.width) as i64, (k / self.width) as i64, self.sigma[*k])).collect();
        // Many pixels: the sum by distances is faster than that by pairs.
        let reach = self.correlation.reach();
        let variance = if pixels.len() > 4 * (2 * reach + 1) * (2 * reach + 1) {
            self.variance_by_distance(pixels)
        } else {
            self.correlation.variance_of(&places)
        };
        if variance > 0.0 { (signal / variance.sqrt()).max(0.0) } else { 0.0 }
    }

    fn variance_by_distance(&self, pixels: &[usize]) -> f64 {
        let (mut x0, mut x1, mut y0, mut y1) = (usize::MAX, 0, usize::MAX, 0);
        for k in pixels {
            let (x, y) = (k % self.width, k / self.width);
            (x0, x1, y0, y1) = (x0.min(x), x1.max(x), y0.min(y), y1.max(y));
        }
        let width = x1 - x0 + 1;
        let mut sigma = vec![0.0; width * (y1 - y0 + 1)];
        for k in pixels {
            sigma[(k / self.width - y0) * width + k % self.width - x0] = self.sigma[*k];
        }
        self.correlation.variance_of_sum(&sigma, width)
    }

    /// What a pixel adds to the variance of a bin beside what is in it.
    pub(crate) fn added_variance(&self, pixel: usize, bin: i32, of_pixel: &[i32]) -> f64 {
        let reach = self.correlation.reach() as i64;
        let (x, y) = ((pixel % self.width) as i64, (pixel / self.width) as i64);
        let height = (self.sigma.len() / self.width) as i64;
        let mut covariance = 0.0;
        for v in (y - reach).max(0)..=(y + reach).min(height - 1) {
            for u in (x - reach).max(0)..=(x + reach).min(self.width as i64 - 1) {
                let other = v as usize * self.width + u as usize;
                if of_pixel[other] == bin && other != pixel {
                    covariance += self.correlation.at(u - x, v - y) * self.sigma[other];
                }
            }
        }
        self.sigma[pixel] * (self.sigma[pixel] + 2.0 * covariance)
    }
}

impl Bins {
    /// From the number of each pixel's bin; numbers may have gaps, which are closed.
    pub(crate) fn of_numbers(mut of_pixel: Vec<i32>, signal: &Signal<'_>) -> Bins {
        let most = of_pixel.iter().copied().max().unwrap_or(NO_BIN);
        let mut members = vec![Vec::new(); (most + 1).max(0) as usize];
        for (pixel, bin) in of_pixel.iter().enumerate().filter(|(_, bin)| **bin >= 0) {
            members[*bin as usize].push(pixel);
        }
        members.retain(|m| !m.is_empty());
        let mut bins = Vec::with_capacity(members.len());
        for (number, pixels) in members.iter().enumerate() {
            let n = pixels.len() as f64;
            let (x, y) = pixels.iter().map(|k| signal.place(*k)).fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
            bins.push(Bin { x: x / n, y: y / n, pixels: pixels.len(), ratio: signal.ratio(pixels) });
            for k in pixels {
                of_pixel[*k] = number as i32;
            }
        }
        Bins { of_pixel, bins }
    }

    /// Pixels of each bin.
    pub fn members(&self) -> Vec<Vec<usize>> {
        let mut out = vec![Vec::new(); self.bins.len()];
        for (pixel, bin) in self.of_pixel.iter().enumerate().filter(|(_, bin)| **bin >= 0) {
            if let Some(list) = out.get_mut(*bin as usize) {
                list.push(pixel);
            }
        }
        out
    }
}

/// The band whose ratio of summed signal to summed noise is the middle one of all: what a cube is binned for by default.
pub fn middle_band(cube: &Cube) -> Option<usize> {
    let mut ranked: Vec<(f64, usize)> = (0..cube.layers.len())
        .filter_map(|k| {
            let signal = Signal::of(cube, k)?;
            let pixels = signal.pixels();
            let total: f64 = pixels.iter().map(|p| signal.signal[*p] / signal.sigma[*p]).sum();
            (!pixels.is_empty()).then_some((total / pixels.len() as f64, k))
        })
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    ranked.get(ranked.len() / 2).map(|r| r.1)
}
