//! How much a spot of the output plane weighs: its own area, or the solid angle it covers on the sky.

use super::polygon::Polygon;
use super::raster::Moments;

/// Area density over the output grid.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Density {
    /// One for each output pixel.
    Flat,
    /// Solid angle in steradians of a gnomonic plane whose pixel grid is linear.
    Gnomonic(Gnomonic),
}

/// A gnomonic plane with a linear pixel grid: where it touches the unit sphere, and one pixel's steps in it.
///
/// The solid angle of a spot at (xi, eta) of the plane is (1 + xi² + eta²)^(-3/2) times its area; the Taylor series
/// about a pixel's centre is cut after `order`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gnomonic {
    /// Pixel (0-based x, y) that lies on the point of contact.
    pub(crate) centre: (f64, f64),
    /// d(xi, eta)/d(x, y) in radians a pixel: `[xi by x, xi by y, eta by x, eta by y]`.
    pub(crate) steps: [f64; 4],
    /// 1 or 2; [`Gnomonic::order_for`] tells which.
    pub(crate) order: usize,
}

impl Density {
    /// Moments that it needs.
    #[inline(always)]
    pub(crate) fn order(&self) -> usize {
        match self {
            Density::Flat => 0,
            Density::Gnomonic(g) => g.order,
        }
    }

    /// Area of a quadrilateral in the plane, positive where it runs from x to y.
    #[inline(always)]
    pub(crate) fn signed_area(&self, c: &[(f64, f64); 4]) -> f64 {
        0.5 * ((c[2].0 - c[0].0) * (c[3].1 - c[1].1) - (c[3].0 - c[1].0) * (c[2].1 - c[0].1))
    }

    /// Area, or solid angle, of a quadrilateral given by its corners in output pixels, in order.
    pub(crate) fn of_quad(&self, corners: &[(f64, f64); 4]) -> f64 {
        match self {
            Density::Flat => self.signed_area(corners).abs(),
            Density::Gnomonic(g) => Polygon::new(&corners.map(|(x, y)| g.plane(x, y))).solid_angle(),
        }
    }

    /// The density along the output row `y`.
    #[inline(always)]
    pub(crate) fn row(&self, y: f64) -> Row {
        match self {
            Density::Flat => Row { scale: 0.0, start: (0.0, 0.0), steps: [0.0; 4] },
            Density::Gnomonic(g) => {
                let s = &g.steps;
                let scale = (s[0] * s[3] - s[1] * s[2]).abs();
                Row { scale, start: g.plane(0.0, y), steps: g.steps }
            }
        }
    }
}

impl Gnomonic {
    /// Place of the pixel coordinates (x, y) in the plane, radians.
    #[inline(always)]
    pub(crate) fn plane(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let s = &self.steps;
        (s[0].mul_add(dx, s[1] * dy), s[2].mul_add(dx, s[3] * dy))
    }

    /// Solid angle of the pixel (x, y), as a polygon of great circles.
    #[cfg(test)]
    pub(crate) fn pixel(&self, x: f64, y: f64) -> f64 {
        let corner = |a: f64, b: f64| self.plane(x + a, y + b);
        Polygon::new(&[corner(-0.5, -0.5), corner(0.5, -0.5), corner(0.5, 0.5), corner(-0.5, 0.5)]).solid_angle()
    }

    /// Solid angles of the pixels of row `y` from column `x` on: the density integrated over the square to second
    /// moments, whose first term left out is of the fourth power of a pixel's size in radians.
    pub(crate) fn row_of_pixels(&self, y: f64, x: f64, out: &mut [f64]) {
        pixel_areas(&Density::Gnomonic(*self).row(y), x, out);
    }

    /// Moments needed for a relative error below 5e-10 of a pixel's solid angle; None if the pixels are too large.
    ///
    /// The first term left out is at most 0.4 h² after first moments and 0.1 h³ after second ones, h the pixel's
    /// size in radians.
    pub(crate) fn order_for(steps: &[f64; 4]) -> Option<usize> {
        let h = (steps[0].abs() + steps[1].abs()).max(steps[2].abs() + steps[3].abs());
        match h {
            h if h < 3.5e-5 => Some(1),
            h if h < 1.6e-3 => Some(2),
            _ => None,
        }
    }
}

/// The density along one output row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    scale: f64,
    start: (f64, f64),
    steps: [f64; 4],
}

impl Row {
    /// Taylor coefficients at the centre of the pixel in column `x`, to be multiplied with the moments; flat for
    /// order 0.
    #[inline(always)]
    pub(crate) fn at<const ORDER: usize>(&self, x: f64) -> Moments {
        if ORDER == 0 {
            return [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        }
        let s = &self.steps;
        let (xi, eta) = (s[0].mul_add(x, self.start.0), s[2].mul_add(x, self.start.1));
        let t = xi.mul_add(xi, eta.mul_add(eta, 1.0));
        let over = 1.0 / t;
        let w = self.scale * over * over * t.sqrt();
        // Half the gradient of t along x and y, in pixels.
        let (px, py) = (s[0].mul_add(xi, s[2] * eta), s[1].mul_add(xi, s[3] * eta));
        let slope = -3.0 * w * over;
        let mut c = [w, slope * px, slope * py, 0.0, 0.0, 0.0];
        if ORDER > 1 {
            let bend = -5.0 * slope * over;
            let second =
                |p: f64, q: f64, a: usize, b: usize| bend * p * q + slope * s[a].mul_add(s[b], s[a + 2] * s[b + 2]);
            c[3] = 0.5 * second(px, px, 0, 0);
            c[4] = second(px, py, 0, 1);
            c[5] = 0.5 * second(py, py, 1, 1);
        }
        c
    }
}

pogson_image::lanes! {
    fn pixel_areas(row: &Row, x: f64, out: &mut [f64]) {
        const TWELFTH: f64 = 1.0 / 12.0;
        for (k, area) in out.iter_mut().enumerate() {
            let c = row.at::<2>(x + k as f64);
            *area = (c[3] + c[5]).mul_add(TWELFTH, c[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_a_row_are_the_solid_angles_of_its_pixels() {
        for h in [1e-6, 3e-5, 1.5e-3] {
            let steps = [-h * 0.8, h * 0.6, h * 0.6, h * 0.8];
            let plane = Gnomonic { centre: (0.4 / h, -0.2 / h), steps, order: 1 };
            let mut row = [0.0; 50];
            plane.row_of_pixels(7.0, 3.0, &mut row);
            for (k, area) in row.iter().enumerate() {
                let off = area / plane.pixel(3.0 + k as f64, 7.0) - 1.0;
                // The polygon's corners hold 1e-16 of the distance from the centre.
                assert!(off.abs() < 2e-11 + 2e-16 / h, "pixel {k} of {h} rad: {off:e}");
            }
        }
    }
}
