//! A point spread function that is sampled.

use std::path::Path;

use pogson_image::fits::FitsFile;
use pogson_image::wcs::Wcs;

use crate::error::CubeError;

/// Samples of a point spread function over offsets in arcseconds, centred on its light.
#[derive(Debug, Clone, PartialEq)]
pub struct PsfImage {
    width: usize,
    height: usize,
    values: Vec<f64>,
    /// Sample that lies at offset 0.
    centre: (f64, f64),
    /// Samples per arcsecond: from offsets (u, v) to columns and rows.
    to_samples: [[f64; 2]; 2],
    fwhm: f64,
}

impl PsfImage {
    /// From samples; light below 0 counts as it is, the centre is the centroid of what is above a hundredth of the peak.
    ///
    /// - `values`: `width * height`, row by row
    /// - `step`: offset of one column and one row, arcseconds: `[[u of x, u of y], [v of x, v of y]]`
    ///
    /// None if a value is not finite, their sum is not above 0, the step is singular, or the light lies at the border.
    pub fn new(width: usize, height: usize, values: Vec<f64>, step: [[f64; 2]; 2]) -> Option<PsfImage> {
        let determinant = step[0][0] * step[1][1] - step[0][1] * step[1][0];
        let total: f64 = values.iter().sum();
        let sound = values.len() == width * height && values.iter().all(|v| v.is_finite());
        if !sound || width < 3 || height < 3 || total <= 0.0 || !determinant.is_finite() || determinant == 0.0 {
            return None;
        }
        let peak = values.iter().copied().fold(0.0, f64::max);
        let (mut sum, mut x, mut y, mut half) = (0.0, 0.0, 0.0, 0.0);
        for (k, value) in values.iter().enumerate().filter(|(_, v)| **v > 0.01 * peak) {
            sum += value;
            x += value * (k % width) as f64;
            y += value * (k / width) as f64;
            if *value >= 0.5 * peak {
                half += 1.0;
            }
        }
        let centre = (x / sum, y / sum);
        if centre.0 < 1.0 || centre.1 < 1.0 || centre.0 > width as f64 - 2.0 || centre.1 > height as f64 - 2.0 {
            return None;
        }
        let area = determinant.abs();
        let to_samples = [
            [step[1][1] / determinant, -step[0][1] / determinant],
            [-step[1][0] / determinant, step[0][0] / determinant],
        ];
        // Per square arcsecond.
        let values = values.iter().map(|v| v / (total * area)).collect();
        let mut out = PsfImage { width, height, values, centre, to_samples, fwhm: 0.0 };
        out.fwhm = out.width_at_half(area.sqrt(), 2.0 * (half * area / std::f64::consts::PI).sqrt());
        Some(out)
    }

    /// Reads the first image of a FITS file. The sampling comes from its WCS, else from PIXSCALE, PIXELSCL or CDELT1 (degrees)
    /// with north up as far as `orientation` says, else it is the band's own.
    ///
    /// - `own`: offset of a pixel of the band's image, as `step` in [`PsfImage::new`]
    ///
    /// # Errors
    /// [`CubeError::Fits`], [`CubeError::Image`] for an image that is no point spread function.
    pub fn read(path: &Path, own: [[f64; 2]; 2]) -> Result<PsfImage, CubeError> {
        let file = FitsFile::open(path)?;
        let image = file.first_image()?;
        let (width, height) = (image.width(), image.height());
        let mut values = vec![0.0; width * height];
        image.read_f64(0, image.rect(), &mut values)?;
        let header = image.header();
        let scale = ["PIXSCALE", "PIXELSCL", "PSCALE"].iter().find_map(|key| header.f64(key));
        let scale = scale.or_else(|| Wcs::from_header(header).ok()?.pixel_side_deg().map(|d| d * 3600.0));
        let scale = scale.or_else(|| Some(header.f64("CDELT1")?.abs() * 3600.0)).filter(|s| s.is_finite() && *s > 0.0);
        let step = match scale {
            // The band's orientation at the image's own scale.
            Some(scale) => {
                let side = (own[0][0] * own[1][1] - own[0][1] * own[1][0]).abs().sqrt();
                own.map(|row| row.map(|v| v * scale / side))
            }
            None => own,
        };
        PsfImage::new(width, height, values, step).ok_or_else(|| {
            let problem = "is no point spread function: it has to be finite, of positive sum, with its light inside";
            CubeError::image(path, problem)
        })
    }

    /// Light per square arcsecond at an offset, by cubic convolution (Keys 1981); 0 outside.
    pub fn value(&self, u: f64, v: f64) -> f64 {
        let x = self.to_samples[0][0] * u + self.to_samples[0][1] * v + self.centre.0;
        let y = self.to_samples[1][0] * u + self.to_samples[1][1] * v + self.centre.1;
        if x < -1.0 || y < -1.0 || x > self.width as f64 || y > self.height as f64 {
            return 0.0;
        }
        let (x0, y0) = (x.floor(), y.floor());
        let (wx, wy) = (keys(x - x0), keys(y - y0));
        let mut total = 0.0;
        for (j, wy) in wy.iter().enumerate() {
            let row = y0 as i64 + j as i64 - 1;
            if row < 0 || row >= self.height as i64 {
                continue;
            }
            for (i, wx) in wx.iter().enumerate() {
                let column = x0 as i64 + i as i64 - 1;
                if column >= 0 && column < self.width as i64 {
                    total += wx * wy * self.values[row as usize * self.width + column as usize];
                }
            }
        }
        total
    }

    /// Full width at half maximum, arcseconds.
    pub fn fwhm(&self) -> f64 {
        self.fwhm
    }

    /// Longest side, arcseconds.
    pub fn extent(&self) -> f64 {
        let m = &self.to_samples;
        let per_arcsec = (m[0][0] * m[1][1] - m[0][1] * m[1][0]).abs().sqrt();
        self.width.max(self.height) as f64 / per_arcsec
    }

    /// Twice the radius where the mean profile falls to half of the central value.
    fn width_at_half(&self, step: f64, fallback: f64) -> f64 {
        let around = |r: f64| {
            let sum: f64 = (0..16)
                .map(|k| {
                    let (s, c) = libm::sincos(std::f64::consts::PI * f64::from(k) / 8.0);
                    self.value(r * c, r * s)
                })
                .sum();
            sum / 16.0
        };
        let half = 0.5 * around(0.0);
        let mut before = 0.0;
        for k in 1..2000 {
            let r = 0.1 * step * f64::from(k);
            if around(r) <= half {
                let (mut low, mut high) = (before, r);
                for _ in 0..40 {
                    let middle = 0.5 * (low + high);
                    if around(middle) > half { low = middle } else { high = middle }
                }
                return low + high;
            }
            before = r;
        }
        fallback
    }
}

/// Weights of the four samples about a place `t` past the second of them.
fn keys(t: f64) -> [f64; 4] {
    let near = |d: f64| (1.5 * d - 2.5) * d * d + 1.0;
    let far = |d: f64| ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0;
    [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)]
}
