//! What goes into a reprojection and what comes out, for every method that lays input pixels on an output grid.

/// One plane of an input image.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Pixel values, row by row, `width * height` of them. A value that is not finite marks a bad pixel.
    pub data: &'a [f32],
    /// Pixels in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// Weight of each pixel (any unit, at least 0; 0 or not finite: bad), laid out as `data`; all 1 if absent.
    pub weight: Option<&'a [f32]>,
    /// Variance of each pixel (unit of `data` squared), laid out as `data`; a single number counts for all.
    pub variance: Option<&'a [f32]>,
}

impl Source<'_> {
    /// Value times weight, and weight, of the pixel at `at`; both 0 where the pixel is bad or absent.
    #[inline(always)]
    pub(crate) fn weighted(&self, at: usize) -> (f64, f64) {
        let value = self.data.get(at).copied().unwrap_or(f32::NAN);
        let weight = match self.weight {
            Some(weights) => weights.get(at).copied().unwrap_or(0.0),
            None => 1.0,
        };
        if value.is_finite() && weight.is_finite() && weight > 0.0 {
            (f64::from(value) * f64::from(weight), f64::from(weight))
        } else {
            (0.0, 0.0)
        }
    }

    /// Variance of the pixel at `at`; 0 where none is given.
    #[inline(always)]
    pub(crate) fn variance(&self, at: usize) -> f64 {
        let variance = match self.variance {
            Some([all]) => *all,
            Some(map) => map.get(at).copied().unwrap_or(0.0),
            None => 0.0,
        };
        if variance.is_finite() { f64::from(variance) } else { 0.0 }
    }
}

/// A block of the output grid that tiles are added into, row by row, `width * height` numbers each.
#[derive(Debug)]
pub struct Accumulator<'a> {
    /// Output pixel (0-based column, row) of the block's first number.
    pub origin: (usize, usize),
    /// Output pixels in a row of the block.
    pub width: usize,
    /// Rows of the block.
    pub height: usize,
    /// Sum of value x weight x shared area.
    pub sum: &'a mut [f64],
    /// Sum of weight x shared area. Areas are steradians for [`super::ExactMap`] and output pixels for the others.
    pub area: &'a mut [f64],
    /// Sum of (weight x shared area)² x variance; divided by `area`², it is the variance of `sum / area`.
    pub variance: Option<&'a mut [f64]>,
}

impl<'a> Accumulator<'a> {
    /// A block without variance. `sum` and `area` hold `width * height` numbers; they are added to.
    pub fn new(
        origin: (usize, usize),
        width: usize,
        height: usize,
        sum: &'a mut [f64],
        area: &'a mut [f64],
    ) -> Accumulator<'a> {
        Accumulator { origin, width, height, sum, area, variance: None }
    }
    /// Position in the block of the output pixel (column, row), if it lies there.
    #[inline(always)]
    pub(crate) fn at(&self, column: i64, row: i64) -> Option<usize> {
        let x = column - self.origin.0 as i64;
        let y = row - self.origin.1 as i64;
        let inside = x >= 0 && y >= 0 && x < self.width as i64 && y < self.height as i64;
        inside.then(|| y as usize * self.width + x as usize)
    }

    /// Adds one shared area: `sum` of value x weight x area, `area` of weight x area, `variance` of the square.
    #[inline(always)]
    pub(crate) fn add(&mut self, at: usize, sum: f64, area: f64) {
        if let (Some(s), Some(a)) = (self.sum.get_mut(at), self.area.get_mut(at)) {
            *s += sum;
            *a += area;
        }
    }

    /// Adds to the variance, if one is kept.
    #[inline(always)]
    pub(crate) fn add_variance(&mut self, at: usize, variance: f64) {
        if let Some(v) = self.variance.as_deref_mut().and_then(|v| v.get_mut(at)) {
            *v += variance;
        }
    }
}

/// A rectangle of output pixels, 0-based: columns `x0..x1`, rows `y0..y1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub x0: usize,
    /// First row.
    pub y0: usize,
    /// Column after the last.
    pub x1: usize,
    /// Row after the last.
    pub y1: usize,
}

impl Window {
    /// All pixels of an image of `size` (width, height).
    pub fn whole(size: (usize, usize)) -> Window {
        Window { x0: 0, y0: 0, x1: size.0, y1: size.1 }
    }

    /// Whether it holds no pixel.
    pub fn is_empty(&self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }
}
