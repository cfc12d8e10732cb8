//! Extinction by dust of the Milky Way.

use pogson_sed::filter::Filter;

/// A law of extinction by wavelength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Law {
    /// Cardelli, Clayton & Mathis 1989, ApJ 345, 245.
    Ccm89,
    /// The same with the optical part of O'Donnell 1994, ApJ 422, 158.
    ODonnell94,
    /// Fitzpatrick 1999, PASP 111, 63.
    #[default]
    Fitzpatrick99,
}

impl Law {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Law::Ccm89 => "ccm89",
            Law::ODonnell94 => "odonnell94",
            Law::Fitzpatrick99 => "f99",
        }
    }

    /// Extinction over that in V, `A(wavelength) / A(V)`.
    ///
    /// - `wavelength_um`: micrometres, 0.1 up. Beyond 3.3 the infrared power law of CCM89 goes on; Fitzpatrick's spline goes to 0
    ///   at infinite wavelength. Below 0.1 the value at 0.1.
    /// - `r_v`: A(V) / E(B-V), 2 to 6
    pub fn relative(self, wavelength_um: f64, r_v: f64) -> f64 {
        let x = 1.0 / wavelength_um.max(0.1);
        match self {
            Law::Fitzpatrick99 => fitzpatrick(x, r_v) / r_v,
            Law::Ccm89 | Law::ODonnell94 => {
                let (a, b) = cardelli(x, self == Law::ODonnell94);
                a + b / r_v
            }
        }
    }

    /// Extinction, magnitudes, for a reddening E(B-V) in magnitudes.
    pub fn magnitudes(self, wavelength_um: f64, ebv: f64, r_v: f64) -> f64 {
        self.relative(wavelength_um, r_v) * r_v * ebv
    }

    /// Extinction of light of constant f_nu through a filter, magnitudes: that of its mean, which grows less than in
    /// proportion to the reddening.
    pub fn through(self, filter: &Filter, ebv: f64, r_v: f64) -> f64 {
        const POINTS: usize = 400;
        let wavelengths = filter.wavelength();
        let (Some(first), Some(last)) = (wavelengths.first(), wavelengths.last()) else { return 0.0 };
        let grid: Vec<f64> = (0..=POINTS).map(|k| first + (last - first) * k as f64 / POINTS as f64).collect();
        let dimmed: Vec<f64> =
            grid.iter().map(|w| libm::pow(10.0, -0.4 * self.magnitudes(w * 1e-4, ebv, r_v))).collect();
        let ratio = filter.flux(&grid, &dimmed) / filter.flux(&grid, &vec![1.0; grid.len()]);
        -2.5 * libm::log10(ratio)
    }
}

/// Coefficients a(x) and b(x) of CCM89, equations 2 to 5; x in inverse micrometres.
fn cardelli(x: f64, o_donnell: bool) -> (f64, f64) {
    let series = |c: &[f64], y: f64| c.iter().rev().fold(0.0, |sum, c| sum * y + c);
    if x < 1.1 {
        let power = libm::pow(x, 1.61);
        return (0.574 * power, -0.527 * power);
    }
    if x < 3.3 {
        let y = x - 1.82;
        return match o_donnell {
            false => (
                series(&[1.0, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999], y),
                series(&[0.0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002], y),
            ),
            true => (
                series(&[1.0, 0.104, -0.609, 0.701, 1.137, -1.718, -0.827, 1.647, -0.505], y),
                series(&[0.0, 1.952, 2.908, -3.989, -7.985, 11.102, 5.491, -10.805, 3.347], y),
            ),
        };
    }
    if x < 8.0 {
        let far = (x - 5.9).max(0.0);
        let (fa, fb) = (series(&[0.0, 0.0, -0.04473, -0.009779], far), series(&[0.0, 0.0, 0.2130, 0.1207], far));
        let bump = |centre: f64, width: f64| 1.0 / ((x - centre) * (x - centre) + width);
        return (
            1.752 - 0.316 * x - 0.104 * bump(4.67, 0.341) + fa,
            -3.090 + 1.825 * x + 1.206 * bump(4.62, 0.263) + fb,
        );
    }
    let y = x - 8.0;
    (series(&[-1.073, -0.628, 0.137, -0.070], y), series(&[13.670, 4.257, -0.420, 0.374], y))
}

/// A(x) / E(B-V) of Fitzpatrick 1999: the ultraviolet form of Fitzpatrick & Massa 1990 beyond 2700 angstrom, a natural cubic
/// spline through table 3's and 4's anchors at longer wavelengths.
fn fitzpatrick(x: f64, r_v: f64) -> f64 {
    if x >= 1.0 / 0.27 {
        return ultraviolet(x, r_v);
    }
    let anchors = [
        (0.0, 0.0),
        (1.0 / 2.65, 0.26469 * r_v / 3.1),
        (1.0 / 1.22, 0.82925 * r_v / 3.1),
        (1.0 / 0.60, -0.422809 + r_v * (1.00270 + r_v * 2.13572e-4)),
        (1.0 / 0.547, -5.13540e-2 + r_v * (1.00216 - r_v * 7.35778e-5)),
        (1.0 / 0.467, 0.700127 + r_v * (1.00184 - r_v * 3.32598e-5)),
        (1.0 / 0.411, 1.19456 + r_v * (1.01707 + r_v * (-5.46959e-3 + r_v * (7.97809e-4 - r_v * 4.45636e-5)))),
        (1.0 / 0.27, ultraviolet(1.0 / 0.27, r_v)),
        (1.0 / 0.26, ultraviolet(1.0 / 0.26, r_v)),
    ];
    natural_spline(&anchors, x)
}

fn ultraviolet(x: f64, r_v: f64) -> f64 {
    const CENTRE: f64 = 4.596;
    const WIDTH: f64 = 0.99;
    let c2 = -0.824 + 4.717 / r_v;
    let c1 = 2.030 - 3.007 * c2;
    let square = x * x;
    let off = square - CENTRE * CENTRE;
    let drude = square / (off * off + square * WIDTH * WIDTH);
    let far = (x - 5.9).max(0.0);
    c1 + c2 * x + 3.23 * drude + 0.41 * far * far * (0.5392 + 0.05644 * far) + r_v
}

/// The cubic spline through points, with no curvature at its ends.
fn natural_spline<const N: usize>(points: &[(f64, f64); N], x: f64) -> f64 {
    // Thomas's algorithm for the second derivatives.
    let (mut upper, mut second) = ([0.0; N], [0.0; N]);
    for k in 1..N - 1 {
        let (before, after) = (points[k].0 - points[k - 1].0, points[k + 1].0 - points[k].0);
        let bend = 6.0 * ((points[k + 1].1 - points[k].1) / after - (points[k].1 - points[k - 1].1) / before);
        let pivot = 2.0 * (before + after) - before * upper[k - 1];
        upper[k] = after / pivot;
        second[k] = (bend - before * second[k - 1]) / pivot;
    }
    for k in (1..N - 1).rev() {
        second[k] -= upper[k] * second[k + 1];
    }
    let k = (1..N - 1).find(|&k| x < points[k].0).unwrap_or(N - 1) - 1;
    let step = points[k + 1].0 - points[k].0;
    let (a, b) = ((points[k + 1].0 - x) / step, (x - points[k].0) / step);
    let curve = ((a * a * a - a) * second[k] + (b * b * b - b) * second[k + 1]) * step * step / 6.0;
    a * points[k].1 + b * points[k + 1].1 + curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardellis_law_gives_the_papers_table_of_bands() {
        // CCM89, table 3, A(lambda)/A(V) for R_V = 3.1: U B V R I J H K (inverse micrometres of column 2).
        for (x, wanted) in [
            (2.78, 1.569),
            (2.27, 1.337),
            (1.82, 1.000),
            (1.43, 0.751),
            (1.11, 0.479),
            (0.80, 0.282),
            (0.63, 0.190),
            (0.46, 0.114),
        ] {
            let found = Law::Ccm89.relative(1.0 / x, 3.1);
            // The paper says of its own fit that it is within 0.02 of the table.
            assert!((found - wanted).abs() < 0.02, "{x}: {found} {wanted}");
        }
    }

    #[test]
    fn fitzpatricks_spline_goes_through_its_anchors() {
        for (angstrom, wanted) in
            [(26500.0, 0.265), (12200.0, 0.829), (6000.0, 2.688), (5470.0, 3.055), (4670.0, 3.806), (4110.0, 4.315)]
        {
            // Fitzpatrick 1999, table 3, A/E(B-V) for R = 3.1.
            let found = Law::Fitzpatrick99.magnitudes(angstrom * 1e-4, 1.0, 3.1);
            assert!((found - wanted).abs() < 0.002, "{angstrom}: {found} {wanted}");
        }
        // And in the bump: 6.265 at 2700, 6.591 at 2600.
        assert!((Law::Fitzpatrick99.magnitudes(0.27, 1.0, 3.1) - 6.265).abs() < 0.002);
        assert!((Law::Fitzpatrick99.magnitudes(0.26, 1.0, 3.1) - 6.591).abs() < 0.002);
    }

    #[test]
    fn through_a_filter_extinction_is_near_that_at_its_pivot_and_less_where_light_is_dim() {
        let filter = pogson_sed::filter::find("SDSS_g").unwrap();
        let law = Law::Fitzpatrick99;
        let at = law.magnitudes(filter.pivot() * 1e-4, 0.1, 3.1);
        let through = law.through(filter, 0.1, 3.1);
        assert!((through / at - 1.0).abs() < 0.02, "{through} {at}");
        assert!(law.through(filter, 3.0, 3.1) < 30.0 * through);
        // Schlafly & Finkbeiner 2011, table 6, R_V = 3.1: A_r / A_i of SDSS is 2.285 / 1.698.
        let ratio = law.through(pogson_sed::filter::find("SDSS_r").unwrap(), 0.1, 3.1)
            / law.through(pogson_sed::filter::find("SDSS_i").unwrap(), 0.1, 3.1);
        assert!((ratio / (2.285 / 1.698) - 1.0).abs() < 0.02, "{ratio}");
    }

    #[test]
    fn laws_have_no_steps_between_their_parts() {
        for (law, tolerance) in [(Law::Ccm89, 0.02), (Law::ODonnell94, 0.02), (Law::Fitzpatrick99, 1e-3)] {
            for x in [1.1, 3.3, 5.9, 8.0, 1.0 / 0.27] {
                let (a, b) = (law.relative(1.0 / (x - 1e-7), 3.1), law.relative(1.0 / (x + 1e-7), 3.1));
                assert!((a / b - 1.0).abs() < tolerance, "{law:?} {x}: {a} {b}");
            }
        }
        assert!(Law::Fitzpatrick99.relative(250.0, 3.1) < 1e-3 && Law::Ccm89.relative(250.0, 3.1) < 1e-3);
    }
}
