//! The old fundamental catalogue's system: Newcomb's precession, a slow spin against FK5, elliptic aberration.

use super::precession::besselian_jd;
use super::rotation::Rotation;
use super::trig::{DEG, sincos_deg};

/// FK4 B1950.0 to FK5 J2000.0 for objects without proper motion in FK5, at epoch B1950.
/// Source: Murray 1989, A&A 218, 325, equation 28.
const TO_FK5: [[f64; 3]; 3] = [
    [0.999_925_679_495_687_7, -0.011_181_483_220_466_2, -0.004_859_003_815_359_2],
    [0.011_181_483_239_171_7, 0.999_937_484_893_313_5, -0.000_027_162_594_714_2],
    [0.004_859_003_772_314_3, -0.000_027_170_293_744_0, 0.999_988_194_602_374_2],
];

/// Its change per Julian century, for FK4 spins. Source: Murray 1989, equation 29.
const SPIN: [[f64; 3]; 3] = [
    [-0.002_645_526_2e-6, -1.153_991_868_9e-6, 2.111_134_619_0e-6],
    [1.154_062_816_1e-6, -0.012_904_299_7e-6, 0.023_602_147_8e-6],
    [-2.111_297_904_8e-6, -0.005_602_444_8e-6, 0.010_258_773_4e-6],
];

/// From FK4 B1950.0 without e-terms to FK5 J2000.0; `epoch`: Besselian year of observation.
pub(super) fn to_fk5(epoch: f64) -> Rotation {
    let julian_year = 2000.0 + (besselian_jd(epoch) - 2_451_545.0) / 365.25;
    let centuries = (julian_year - 1950.0) / 100.0;
    let mut m = TO_FK5;
    for (row, spin) in m.iter_mut().zip(&SPIN) {
        for (value, spin) in row.iter_mut().zip(spin) {
            *value += spin * centuries;
        }
    }
    Rotation(m)
}

/// Newcomb's precession between two Besselian epochs. Source: Explanatory Supplement 1992, table 3.211.1 ff.
pub(super) fn precession(from: f64, to: f64) -> Rotation {
    if from == to {
        return Rotation::IDENTITY;
    }
    if from > to {
        // The polynomials of the two directions differ by 0.02 mas a century; one way for both keeps round trips exact.
        return precession(to, from).transposed();
    }
    let t1 = (from - 1850.0) / 1000.0;
    let dt = (to - 1850.0) / 1000.0 - t1;
    let first = (0.060 * t1 + 139.720) * t1 + 23_035.545;
    let zeta = ((17.995 * dt + (30.240 - 0.27 * t1)) * dt + first) * dt / 3600.0;
    let z = ((18.325 * dt + (109.480 + 0.39 * t1)) * dt + first) * dt / 3600.0;
    let theta_first = (-0.37 * t1 - 85.29) * t1 + 20_051.12;
    let theta = ((-41.8 * dt + (-0.37 * t1 - 42.65)) * dt + theta_first) * dt / 3600.0;
    Rotation::axes_about_z(-zeta).then(&Rotation::axes_about_y(theta)).then(&Rotation::axes_about_z(-z))
}

/// From FK4 B1950.0 without e-terms to galactic axes: the definition of 1958 (Blaauw et al. 1960).
pub(super) fn to_galactic() -> Rotation {
    Rotation::axes_about_z(192.25)
        .then(&Rotation::axes_about_y(90.0 - 27.4))
        .then(&Rotation::axes_about_z(180.0 - 123.0))
}

/// The e-terms of aberration of an equinox (Besselian year), as a vector in radians.
/// Source: Explanatory Supplement 1992, section 3.531.
pub(super) fn e_terms(equinox: f64) -> [f64; 3] {
    let jd = besselian_jd(equinox);
    let t = (jd - besselian_jd(1950.0)) / 36_525.0;
    let eccentricity = (-0.000_000_126 * t - 0.000_041_93) * t + 0.016_730_11;
    let size = 0.005_693_2 * DEG * eccentricity;
    let perigee = (((0.012 * t + 1.65) * t + 6190.67) * t + 1_015_489.951) / 3600.0;
    let c = (jd - 2_451_545.0) / 36_525.0;
    let obliquity = (84_381.448 + c * (-46.8150 + c * (-0.000_59 + c * 0.001_813))) / 3600.0;
    let (sin_g, cos_g) = sincos_deg(perigee);
    let (sin_o, cos_o) = sincos_deg(obliquity);
    [size * sin_g, -size * cos_g * cos_o, -size * cos_g * sin_o]
}

/// Takes e-terms out of one unit vector.
pub(super) fn without_e(e: [f64; 3], v: [f64; 3]) -> [f64; 3] {
    let dot = e[0] * v[0] + e[1] * v[1] + e[2] * v[2];
    normalised([0, 1, 2].map(|i| v[i] - e[i] + dot * v[i]))
}

/// Puts e-terms into one unit vector: the inverse of [`without_e`], by fixed point (it converges by 3e-7 a step).
pub(super) fn with_e(e: [f64; 3], v: [f64; 3]) -> [f64; 3] {
    let mut out = v;
    for _ in 0..4 {
        let dot = e[0] * out[0] + e[1] * out[1] + e[2] * out[2];
        out = [0, 1, 2].map(|i| (v[i] + e[i]) / (1.0 + dot));
    }
    normalised(out)
}

/// The vector at unit length.
pub(super) fn normalised(v: [f64; 3]) -> [f64; 3] {
    let length = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
    v.map(|c| c / length)
}
