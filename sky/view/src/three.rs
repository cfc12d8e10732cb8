//! Three images on one grid as one colour picture, after Lupton et al. 2004.

use crate::picture::Rgb;

/// The stretch of Lupton et al. 2004: the mean of three bands runs through asinh, the ratios of the bands stay, so
/// that a star's colour does not depend on its brightness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lupton {
    /// Black level of each of red, green, blue, in the images' units.
    pub minimum: [f64; 3],
    /// Range over which the stretch is nearly linear, in the images' units; greater than 0. Astropy's default is 5.
    pub stretch: f64,
    /// How strongly bright sources are softened, the paper's Q; greater than 0. Astropy's default is 8.
    pub softening: f64,
}

impl Lupton {
    /// The stretch for bands that were scaled to `[0, 1]`: a pixel of 1 in all three is just white.
    ///
    /// `softening` is the paper's Q, greater than 0; 8 is customary.
    pub fn of_unit_range(softening: f64) -> Lupton {
        let stretch = softening / libm::sinh(10.0 * libm::asinh(0.1 * softening));
        Lupton { minimum: [0.0; 3], stretch, softening }
    }

    /// Colour of one pixel from its three values in the images' units.
    ///
    /// A pixel that is NaN in any band, or not above black in all together, is black. Where one colour passes the
    /// top all three are divided by it, so that the hue stays.
    ///
    /// Source: Lupton et al. 2004, PASP 116, 133, sections 2 and 3, with the normalisation of astropy's
    /// `make_lupton_rgb`: F(I) = 0.1 asinh(Q I / s) / asinh(0.1 Q).
    pub fn colour(&self, values: [f32; 3]) -> Rgb {
        let above: [f64; 3] = std::array::from_fn(|k| f64::from(values[k]) - self.minimum[k]);
        let mean = (above[0] + above[1] + above[2]) / 3.0;
        if mean.is_nan() || mean <= 0.0 {
            return Rgb::BLACK;
        }
        let factor = if mean.is_finite() {
            let scaled = 0.1 * libm::asinh(self.softening * mean / self.stretch) / libm::asinh(0.1 * self.softening);
            scaled / mean
        } else {
            0.0
        };
        let scaled = above.map(|v| if v > 0.0 && factor > 0.0 { 255.0 * v * factor } else { 0.0 });
        let top = scaled.iter().fold(0.0, |a: f64, b| a.max(*b));
        let down = if top > 255.0 { 255.0 / top } else { 1.0 };
        Rgb(scaled.map(|v| (v * down) as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [f32; 12] = [0.0, 1.0, 2.0, 5.0, 10.0, 50.0, -1.0, 3.0, 100.0, 0.5, 0.0, 7.0];
    const GREEN: [f32; 12] = [0.0, 2.0, 1.0, 5.0, 20.0, 10.0, 4.0, -2.0, 100.0, 0.25, 0.0, 8.0];
    const BLUE: [f32; 12] = [0.0, 0.5, 3.0, 5.0, 5.0, 90.0, 1.0, 1.0, 100.0, 1.0, 0.0, 9.0];

    fn check(lupton: &Lupton, expected: [[u8; 3]; 12]) {
        for (i, expected) in expected.iter().enumerate() {
            let Rgb(found) = lupton.colour([RED[i], GREEN[i], BLUE[i]]);
            // Astropy rounds in other places; one level in 255 is as close as the last bit allows.
            assert!(
                found.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 1),
                "pixel {i}: {found:?} instead of {expected:?}"
            );
        }
    }

    #[test]
    fn colours_equal_astropys_make_lupton_rgb() {
        check(
            &Lupton { minimum: [0.0; 3], stretch: 5.0, softening: 8.0 },
            [
                [0, 0, 0],
                [41, 82, 20],
                [65, 32, 98],
                [96, 96, 96],
                [108, 216, 54],
                [141, 28, 255],
                [0, 156, 39],
                [145, 0, 48],
                [200, 200, 200],
                [24, 12, 49],
                [0, 0, 0],
                [98, 112, 127],
            ],
        );
        check(
            &Lupton { minimum: [0.5; 3], stretch: 3.0, softening: 4.0 },
            [
                [0, 0, 0],
                [39, 117, 0],
                [94, 31, 157],
                [162, 162, 162],
                [124, 255, 58],
                [141, 27, 255],
                [0, 255, 36],
                [216, 0, 43],
                [255, 255, 255],
                [0, 0, 43],
                [0, 0, 0],
                [169, 196, 222],
            ],
        );
    }

    #[test]
    fn bands_of_unit_range_run_from_black_to_white() {
        let lupton = Lupton::of_unit_range(8.0);
        assert_eq!(lupton.colour([0.0; 3]), Rgb::BLACK);
        let Rgb(top) = lupton.colour([1.0; 3]);
        assert!(top.iter().all(|v| *v >= 254), "{top:?}");
    }

    #[test]
    fn a_pixel_without_a_band_is_black() {
        let lupton = Lupton { minimum: [0.0; 3], stretch: 5.0, softening: 8.0 };
        assert_eq!(lupton.colour([1.0, f32::NAN, 1.0]), Rgb::BLACK);
        assert_eq!(lupton.colour([f32::INFINITY, 1.0, 1.0]), Rgb::BLACK);
    }
}
