//! Light above the local background: the sum over a square aperture less what the ring around it says of the background.
//!
//! Both windows are square and centred, so that any plane is removed exactly, and the measure is linear: what two tiles show
//! of one sky is in the ratio of their scales, whatever their backgrounds, and wherever neighbours stand in the ring.

/// Half sides of the windows, in output pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aperture {
    /// Half side of the aperture.
    pub inner: usize,
    /// Half side of what lies inside the ring.
    pub gap: usize,
    /// Half side of the ring.
    pub outer: usize,
}

impl Aperture {
    /// An aperture for stars of a few tile pixels.
    ///
    /// - `pixels`: output pixels in a side of a tile's pixel.
    pub fn of_scale(pixels: f64) -> Aperture {
        // Wide enough that a seeing that differs between tiles moves little light out of it.
        let factor = if pixels.is_finite() { (pixels.round() as usize).clamp(1, 8) } else { 1 };
        Aperture { inner: 4 * factor, gap: 5 * factor, outer: 8 * factor }
    }

    fn counts(&self) -> (f64, f64) {
        let square = |half: usize| ((2 * half + 1) * (2 * half + 1)) as f64;
        (square(self.inner), square(self.outer) - square(self.gap))
    }

    /// Factor from the variance of a pixel to that of the contrast, for noise that does not correlate.
    pub fn noise_factor(&self) -> f64 {
        let (inside, ring) = self.counts();
        inside + inside * inside / ring
    }
}

/// Two planes over one window; pixels that do not count in either hold 0.
pub struct Planes<'a> {
    /// Values of the first tile.
    pub a: &'a [f32],
    /// Values of the second tile.
    pub b: &'a [f32],
    /// Whether a pixel counts.
    pub good: &'a [bool],
    /// Columns.
    pub width: usize,
}

/// Contrasts of both planes; NaN where any pixel of the outer square does not count.
pub fn contrasts(planes: &Planes<'_>, aperture: &Aperture) -> (Vec<f64>, Vec<f64>) {
    let width = planes.width;
    let height = planes.good.len() / width.max(1);
    let n = planes.good.len();
    let (mut fa, mut fb) = (vec![f64::NAN; n], vec![f64::NAN; n]);
    let reach = aperture.outer;
    if width <= 2 * reach || height <= 2 * reach {
        return (fa, fb);
    }
    let sum_a = Integral::of(width, height, |k| f64::from(planes.a[k]));
    let sum_b = Integral::of(width, height, |k| f64::from(planes.b[k]));
    let bad = Integral::of(width, height, |k| if planes.good[k] { 0.0 } else { 1.0 });
    let (inside, ring) = aperture.counts();
    for y in reach..height - reach {
        for x in reach..width - reach {
            if bad.square(x, y, reach) > 0.5 {
                continue;
            }
            let contrast = |sum: &Integral| {
                let around = sum.square(x, y, reach) - sum.square(x, y, aperture.gap);
                sum.square(x, y, aperture.inner) - around * (inside / ring)
            };
            fa[y * width + x] = contrast(&sum_a);
            fb[y * width + x] = contrast(&sum_b);
        }
    }
    (fa, fb)
}

/// Sums over all pixels below and left of a corner.
struct Integral {
    sums: Vec<f64>,
    stride: usize,
}

impl Integral {
    fn of(width: usize, height: usize, value: impl Fn(usize) -> f64) -> Integral {
        let stride = width + 1;
        let mut sums = vec![0.0; stride * (height + 1)];
        for y in 0..height {
            let mut row = 0.0;
            for x in 0..width {
                row += value(y * width + x);
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
            }
        }
        Integral { sums, stride }
    }

    /// Sum over the square of a half side about a pixel, which must lie inside.
    fn square(&self, x: usize, y: usize, half: usize) -> f64 {
        let (low, high) = ((y - half) * self.stride, (y + half + 1) * self.stride);
        let (left, right) = (x - half, x + half + 1);
        self.sums[high + right] - self.sums[high + left] - self.sums[low + right] + self.sums[low + left]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_has_no_contrast_and_a_spot_its_whole_flux() {
        let (width, height) = (40, 30);
        let aperture = Aperture::of_scale(1.0);
        let plane = |k: usize| 3.0 + 0.25 * (k % width) as f32 - 0.5 * (k / width) as f32;
        let a: Vec<f32> = (0..width * height).map(plane).collect();
        let mut b = a.clone();
        b[15 * width + 20] += 64.0;
        let good = vec![true; a.len()];
        let (fa, fb) = contrasts(&Planes { a: &a, b: &b, good: &good, width }, &aperture);
        assert!(fa.iter().filter(|f| f.is_finite()).all(|f| f.abs() < 1e-8));
        assert!((fb[15 * width + 20] - 64.0).abs() < 1e-8);
        assert!((fb[13 * width + 24] - 64.0).abs() < 1e-8);
        assert_eq!(fa.iter().filter(|f| f.is_finite()).count(), (width - 16) * (height - 16));
    }

    #[test]
    fn noise_grows_by_the_number_of_pixels() {
        // 81 pixels, and the mean of 289 - 121 pixels taken 81 times.
        let factor = Aperture::of_scale(1.0).noise_factor();
        assert!((factor - (81.0 + 81.0 * 81.0 / 168.0)).abs() < 1e-12);
    }
}
