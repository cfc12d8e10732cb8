//! Bins laid on a cube: each of its pixels gets the mean of its bin.

use super::Bins;
use crate::cube::{Cube, mask};

impl Cube {
    /// The cube in bins: each pixel of a bin holds the bin's mean flux per pixel and its uncertainty, with the noise's
    /// correlation and the calibration floor in it. Bands without data in part of a bin are absent in all of it. Of each bin one
    /// pixel stays usable, that nearest to its centre; the others are marked [`mask::MEMBER`], those without a bin
    /// [`mask::OUTSIDE`]. The correlation stays that between pixels; [`Cube::sums`] makes that between bins of it.
    pub fn binned(&self, bins: &Bins) -> Cube {
        let mut out = self.clone();
        let members = bins.members();
        for layer in &mut out.layers {
            let before = layer.clone();
            for pixels in &members {
                let whole = pixels.iter().all(|k| before.has(*k));
                let n = pixels.len() as f64;
                let mean = pixels.iter().map(|k| f64::from(before.flux[*k])).sum::<f64>() / n;
                let places: Vec<(i64, i64, f64)> = pixels
                    .iter()
                    .map(|k| ((k % self.width) as i64, (k / self.width) as i64, before.noise_sigma(*k)))
                    .collect();
                let variance = before.noise.variance_of(&places) / (n * n);
                let sigma = (variance + (before.floor * mean) * (before.floor * mean)).sqrt();
                for k in pixels {
                    layer.flux[*k] = if whole { mean as f32 } else { f32::NAN };
                    layer.sigma[*k] = if whole { sigma as f32 } else { f32::NAN };
                }
            }
        }
        for (bits, bin) in out.mask.iter_mut().zip(&bins.of_pixel) {
            if *bin < 0 && *bits == 0 {
                *bits |= mask::OUTSIDE;
            }
        }
        for (pixels, bin) in members.iter().zip(&bins.bins) {
            let far = |k: usize| {
                let (x, y) = self.column_row(k);
                libm::hypot(x as f64 - bin.x, y as f64 - bin.y)
            };
            let first = pixels.iter().copied().min_by(|a, b| far(*a).total_cmp(&far(*b)).then(a.cmp(b)));
            for k in pixels {
                if Some(*k) != first {
                    out.mask[*k] |= mask::MEMBER;
                }
            }
        }
        out.bins = Some(bins.of_pixel.clone());
        out.mark_few_bands();
        out
    }
}
