//! The noise of a tile, from differences of pixels two apart.

/// A floating-point pixel, f32 or f64; differences are taken in its own precision.
pub trait FloatPixel: Copy + PartialOrd + Into<f64> + sealed::Sealed {
    /// Whether the pixel has no value.
    fn is_undefined(self) -> bool;
    /// `self - other` in the pixel's precision.
    fn minus(self, other: Self) -> f64;
    /// |a - b|, |2b - a - c| and |6c - 4b - 4d + a + e| of pixels two apart.
    fn differences(pixels: [Self; 5]) -> [f64; 3];
    /// A pixel of this value, rounded to the pixel's precision.
    fn of(value: f64) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

macro_rules! float_pixel {
    ($float:ty) => {
        impl FloatPixel for $float {
            fn is_undefined(self) -> bool {
                self.is_nan()
            }
            fn minus(self, other: Self) -> f64 {
                f64::from(self - other)
            }
            fn differences([a, b, c, d, e]: [Self; 5]) -> [f64; 3] {
                let second = (c - d).abs();
                let third = (2.0 * c - b - d).abs();
                let fifth = (6.0 * c - 4.0 * b - 4.0 * d + a + e).abs();
                [f64::from(second), f64::from(third), f64::from(fifth)]
            }
            fn of(value: f64) -> Self {
                value as $float
            }
        }
    };
}
float_pixel!(f32);
float_pixel!(f64);

/// What [`estimate`] finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise<T> {
    /// Pixels that are not NaN.
    pub good: usize,
    /// Least pixel; `None` where all are NaN.
    pub range: Option<(T, T)>,
    /// Standard deviation of the noise, in the unit of the pixels; 0 where there is none to be found.
    pub sigma: f64,
}

/// Estimates the noise of a tile: the smallest of three figures, from second, third and fifth differences of pixels two
/// apart along the rows (median of the absolute differences of a row, then median over rows). Stretches of equal
/// pixels are left out.
///
/// - `tile`: first axis fastest; NaN pixels are passed over.
/// - `width`: length of the first axis; below 5 the tile is taken as one row.
///
/// Source: Stoehr et al. 2008, ASP Conf. 394, 505 (third order); the same figures as CFITSIO's quantisation.
pub fn estimate<T: FloatPixel>(tile: &[T], width: usize) -> Noise<T> {
    let width = if width < 5 { tile.len() } else { width };
    let mut good = 0;
    let mut range: Option<(T, T)> = None;
    let mut medians: [Vec<f64>; 3] = Default::default();
    let mut differences: [Vec<f64>; 3] = Default::default();
    let mut row_pixels = Vec::with_capacity(width);
    for row in tile.chunks(width.max(1)) {
        row_pixels.clear();
        row_pixels.extend(row.iter().copied().filter(|pixel| !pixel.is_undefined()));
        good += row_pixels.len();
        for &pixel in &row_pixels {
            let (least, most) = range.unwrap_or((pixel, pixel));
            range = Some((if pixel < least { pixel } else { least }, if pixel > most { pixel } else { most }));
        }
        differences.iter_mut().for_each(Vec::clear);
        for run in row_pixels.windows(9) {
            let [second, third, fifth] = T::differences([run[0], run[2], run[4], run[6], run[8]]);
            if !(run[4] == run[5] && run[5] == run[6]) {
                differences[0].push(second);
            }
            if run[2..7].iter().any(|pixel| *pixel != run[4]) {
                differences[1].push(third);
                differences[2].push(fifth);
            }
        }
        let alone = differences[1].len() == 1;
        for (list, medians) in differences.iter_mut().zip(&mut medians) {
            if list.len() > 1 || (alone && list.len() == 1) {
                medians.push(lower_median(list));
            }
        }
    }
    let [second, third, fifth] = medians.map(|mut list| middle(&mut list));
    let mut sigma = 0.605_269_7 * third;
    for other in [1.048_357_9 * second, 0.177_204_8 * fifth] {
        if other != 0.0 && other < sigma {
            sigma = other;
        }
    }
    Noise { good, range, sigma }
}

/// The middle value, the lower one of two; the list must not be empty.
fn lower_median(list: &mut [f64]) -> f64 {
    let at = (list.len() - 1) / 2;
    *list.select_nth_unstable_by(at, f64::total_cmp).1
}

/// The middle value, the mean of two; 0 of an empty list.
fn middle(list: &mut [f64]) -> f64 {
    list.sort_unstable_by(f64::total_cmp);
    match list.len() {
        0 => 0.0,
        n => (list[(n - 1) / 2] + list[n / 2]) / 2.0,
    }
}
