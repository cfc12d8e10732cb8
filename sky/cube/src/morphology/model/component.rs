//! Profiles of bulge, bar and disc.

use std::f64::consts::PI;

/// One component, its light or mass added up over all radii to `total`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// Radial profile.
    pub profile: Profile,
    /// Sum over the whole plane, in units of the image.
    pub total: f64,
    /// Minor over major axis, above 0 to 1.
    pub q: f64,
    /// Angle of the major axis from +x towards +y, radians.
    pub theta: f64,
}

/// How brightness falls along the major axis. Lengths in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Profile {
    /// `exp(-b ((r / radius)^(1 / n) - 1))` with half the light within `radius` (Sersic 1963).
    Sersic {
        /// Half-light semi-major axis.
        radius: f64,
        /// Index.
        n: f64,
    },
    /// `(1 - (r / length)^2)^2.5` within `length` and nothing beyond: a Ferrers ellipsoid of index 2 seen from above
    /// (Laurikainen et al. 2005, MNRAS 362, 1319).
    Ferrers {
        /// Semi-major axis of the end.
        length: f64,
    },
    /// `exp(-r / scale)` (Freeman 1970).
    Exponential {
        /// Scale length.
        scale: f64,
    },
}

/// Exponent of the bar's profile.
const BAR: f64 = 2.5;

/// The number `b` of a Sersic profile, where half the light lies within the half-light radius: the root of
/// `P(2 n, b) = 1/2` (P the regularised incomplete gamma function), by Newton's method from the asymptotic series of Ciotti
/// & Bertin (1999, A&A 352, 447).
///
/// - `n`: above 0.2.
pub fn sersic_b(n: f64) -> f64 {
    let a = 2.0 * n;
    let mut b = (a - 1.0 / 3.0 + 4.0 / (405.0 * n) + 46.0 / (25_515.0 * n * n)).max(0.02);
    for _ in 0..4 {
        // x^a exp(-x) / gamma(a + 1), and P as the series of Abramowitz & Stegun 6.5.29.
        let lead = libm::exp(a * libm::log(b) - b - libm::lgamma(a + 1.0));
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..200 {
            term *= b / (a + f64::from(k));
            sum += term;
            if term < 1e-17 * sum {
                break;
            }
        }
        b = (b - (lead * sum - 0.5) / (lead * a / b)).max(0.5 * b);
    }
    b
}

impl Profile {
    /// Brightness at the centre of a component whose sum is 1 and whose axis ratio is `q`, or for Sersic profiles that at
    /// the half-light radius.
    fn amplitude(self, q: f64) -> f64 {
        1.0 / match self {
            Profile::Sersic { radius, n } => {
                let b = sersic_b(n);
                let ln = libm::lgamma(2.0 * n) + b - 2.0 * n * libm::log(b);
                2.0 * PI * n * radius * radius * q * libm::exp(ln)
            }
            Profile::Ferrers { length } => PI * length * length * q / (BAR + 1.0),
            Profile::Exponential { scale } => 2.0 * PI * scale * scale * q,
        }
    }

    /// The length that rules how fast it changes.
    fn size(self) -> f64 {
        match self {
            Profile::Sersic { radius, .. } => radius,
            Profile::Ferrers { length } => 0.3 * length,
            Profile::Exponential { scale } => scale,
        }
    }
}

/// The grid that components are drawn on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Where pixels are divided finely: about the centre. It stays where it is while the centre is fitted, so that
    /// brightness is smooth in the centre's place.
    pub anchor: (f64, f64),
}

impl Component {
    /// Adds the component, averaged over each pixel, about `centre` to `out`, row by row.
    pub fn draw(&self, centre: (f64, f64), grid: Grid, out: &mut [f64]) {
        let (s, c) = libm::sincos(self.theta);
        let amplitude = self.total * self.profile.amplitude(self.q);
        let profile = self.brightness(amplitude);
        let squared = |dx: f64, dy: f64| {
            let (u, v) = (c * dx + s * dy, (c * dy - s * dx) / self.q);
            u * u + v * v
        };
        let thin = self.profile.size() * self.q;
        let base = if thin < 3.0 { 3 } else { 1 + usize::from(thin < 10.0) };
        // Away from the centre only what is seen from its edge changes within a pixel.
        let (near, far) = (25.0f64.max(2.5 * self.profile.size()), if self.q < 0.35 { base } else { 1 });
        for y in 0..grid.height {
            let dy = y as f64 - centre.1;
            let ay = y as f64 - grid.anchor.1;
            for (x, pixel) in out[y * grid.width..(y + 1) * grid.width].iter_mut().enumerate() {
                let dx = x as f64 - centre.0;
                let distance = libm::hypot(x as f64 - grid.anchor.0, ay);
                let points = match distance {
                    d if d < 2.0 => 16,
                    d if d < 4.5 => 8,
                    d if d < 10.0 => 4,
                    d if d < near => base,
                    _ => far,
                };
                let (step, first) = (1.0 / points as f64, 0.5 / points as f64 - 0.5);
                let mut sum = 0.0;
                for j in 0..points {
                    let py = dy + first + step * j as f64;
                    for i in 0..points {
                        sum += profile(squared(dx + first + step * i as f64, py));
                    }
                }
                *pixel += sum * step * step;
            }
        }
    }

    /// Brightness as a function of the squared radius.
    fn brightness(&self, amplitude: f64) -> impl Fn(f64) -> f64 + use<> {
        // r^(1/n) is a power of the square with half the exponent.
        let (scale, power, b) = match self.profile {
            Profile::Sersic { radius, n } => (1.0 / (radius * radius), 0.5 / n, sersic_b(n)),
            Profile::Ferrers { length } => (1.0 / (length * length), 0.0, 0.0),
            Profile::Exponential { scale } => (1.0 / (scale * scale), 0.5, 0.0),
        };
        let profile = self.profile;
        move |r2: f64| {
            let t = r2 * scale;
            amplitude
                * match profile {
                    Profile::Sersic { .. } => libm::exp(-b * (libm::pow(t, power) - 1.0)),
                    Profile::Ferrers { .. } if t >= 1.0 => 0.0,
                    Profile::Ferrers { .. } => {
                        let u = 1.0 - t;
                        u * u * u.sqrt()
                    }
                    Profile::Exponential { .. } => libm::exp(-t.sqrt()),
                }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_light_of_a_sersic_profile_lies_within_its_radius() {
        // b of n = 1 and 4 to ten digits (Ciotti & Bertin 1999); n = 1/2 is a Gaussian.
        assert!((sersic_b(1.0) - 1.678_346_990).abs() < 1e-9);
        assert!((sersic_b(4.0) - 7.669_249_443).abs() < 1e-9);
        assert!((sersic_b(0.5) - libm::log(2.0)).abs() < 1e-12);
        // Others by scipy.special.gammaincinv(2 n, 0.5).
        assert!((sersic_b(0.3) - 0.315_702_017).abs() < 1e-8);
        assert!((sersic_b(8.0) - 15.667_929_544).abs() < 1e-8);
    }

    #[test]
    fn components_drawn_wide_enough_add_up_to_their_totals() {
        let grid = Grid { width: 241, height: 241, anchor: (120.0, 120.0) };
        for profile in [
            Profile::Sersic { radius: 6.0, n: 1.0 },
            Profile::Sersic { radius: 9.0, n: 0.5 },
            Profile::Sersic { radius: 4.0, n: 2.0 },
            Profile::Ferrers { length: 40.0 },
            Profile::Exponential { scale: 9.0 },
        ] {
            let mut out = vec![0.0; 241 * 241];
            Component { profile, total: 7.0, q: 0.7, theta: 0.4 }.draw((120.3, 119.8), grid, &mut out);
            let sum: f64 = out.iter().sum();
            assert!((sum / 7.0 - 1.0).abs() < 2e-3, "{profile:?} {sum}");
        }
    }
}
