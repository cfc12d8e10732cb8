//! Sine, cosine and arc tangent in degrees, for many points at once.
//!
//! The kernels are straight-line arithmetic, so that a loop over them becomes vector code inside
//! [`lanes!`](crate::lanes!), and fused multiply-adds make each result the same at every vector width. Degrees
//! are reduced to an octant exactly, so that multiples of 90 give exact zeros and ones. Errors stay below
//! 1.5 units in the last place. The polynomials are Chebyshev fits made for these intervals.

/// Radians in a degree.
pub const DEG: f64 = 0.017_453_292_519_943_295;
/// What [`DEG`] leaves out of π/180.
const DEG_LOW: f64 = 2.948_652_270_870_168_7e-19;
/// Degrees in a radian.
pub const RAD: f64 = 57.295_779_513_082_32;
/// What [`RAD`] leaves out of 180/π.
const RAD_LOW: f64 = -1.987_849_567_057_628_3e-15;

/// Adding this rounds a double below 2^51 to an integer, which the low bits then hold.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

const SIN: [f64; 6] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_330_948,
    -0.000_198_412_698_367_567_74,
    2.755_731_610_161_787_4e-6,
    -2.505_113_165_023_518e-8,
    1.591_811_526_326_597_4e-10,
];
const COS: [f64; 6] = [
    0.041_666_666_666_666_664,
    -0.001_388_888_888_888_739_8,
    2.480_158_729_876_456e-5,
    -2.755_731_727_114_514_4e-7,
    2.087_614_614_655_861e-9,
    -1.138_262_364_747_460_4e-11,
];
const ATAN: [f64; 11] = [
    -0.333_333_333_333_333_3,
    0.199_999_999_999_955_16,
    -0.142_857_142_846_656_82,
    0.111_111_110_151_870_18,
    -0.090_909_045_753_064_9,
    0.076_921_831_253_768_92,
    -0.066_645_105_255_089_36,
    0.058_581_409_048_663_28,
    -0.050_854_078_345_894_844,
    0.039_230_447_784_793_09,
    -0.019_175_404_711_104_935,
];
/// tan(22.5°), where the arc tangent's argument is reduced.
const TAN_EIGHTH: f64 = 0.414_213_562_373_095_03;

#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], u: f64) -> f64 {
    let mut sum = coefficients[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        sum = sum.mul_add(u, coefficients[i]);
    }
    sum
}

/// Sine and cosine of an angle in degrees, below 1e9 in size; exact at multiples of 90. NaN for NaN and infinities.
#[inline(always)]
pub fn sincos_deg(degrees: f64) -> (f64, f64) {
    let shifted = degrees.mul_add(1.0 / 90.0, ROUNDER);
    let quadrant = shifted.to_bits();
    let rest = (shifted - ROUNDER).mul_add(-90.0, degrees);
    let r = rest * DEG;
    let low = rest.mul_add(DEG, -r) + rest * DEG_LOW;
    let u = r * r;
    let s = r + (r * u).mul_add(polynomial(&SIN, u), low * u.mul_add(-0.5, 1.0));
    let c = u.mul_add(-0.5, 1.0) + (u * u).mul_add(polynomial(&COS, u), -r * low);
    let odd = quadrant & 1 != 0;
    let (sine, cosine) = if odd { (c, s) } else { (s, c) };
    let sign_sine = (quadrant & 2) << 62;
    let sign_cosine = (quadrant.wrapping_add(1) & 2) << 62;
    (f64::from_bits(sine.to_bits() ^ sign_sine), f64::from_bits(cosine.to_bits() ^ sign_cosine))
}

/// The angle of the vector (x, y) in degrees, in [-180, 180]; 0 for the null vector.
#[inline(always)]
pub fn atan2_deg(y: f64, x: f64) -> f64 {
    let (ax, ay) = (x.abs(), y.abs());
    let steep = ay > ax;
    let (large, small) = if steep { (ay, ax) } else { (ax, ay) };
    let fold = small > TAN_EIGHTH * large;
    let numerator = if fold { small - large } else { small };
    let denominator = if fold { small + large } else { large };
    let denominator = if denominator == 0.0 { 1.0 } else { denominator };
    let t = numerator / denominator;
    let u = t * t;
    let a = (t * u).mul_add(polynomial(&ATAN, u), t);
    let degrees = a.mul_add(RAD, a * RAD_LOW);
    let degrees = if fold { 45.0 + degrees } else { degrees };
    let degrees = if steep { 90.0 - degrees } else { degrees };
    let degrees = if x < 0.0 { 180.0 - degrees } else { degrees };
    degrees.copysign(y)
}

/// Longitude in [0, 360) of the vector (x, y), in degrees.
#[inline(always)]
pub fn longitude_deg(y: f64, x: f64) -> f64 {
    let angle = atan2_deg(y, x);
    let turned = if angle < 0.0 { angle + 360.0 } else { angle };
    if turned >= 360.0 { 0.0 } else { turned.abs() }
}

crate::lanes! {
    /// Unit vectors of native or celestial longitudes and latitudes, all slices of one length; degrees in.
    pub fn vectors_of_lonlat(lon: &[f64], lat: &[f64], x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        let points = lon.iter().zip(lat).zip(x.iter_mut()).zip(y.iter_mut()).zip(z.iter_mut());
        for ((((lon, lat), x), y), z) in points {
            let (sin_lon, cos_lon) = sincos_deg(*lon);
            let (sin_lat, cos_lat) = sincos_deg(*lat);
            *x = cos_lat * cos_lon;
            *y = cos_lat * sin_lon;
            *z = sin_lat;
        }
    }
}

crate::lanes! {
    /// As [`vectors_of_lonlat`] in place: `x` holds longitudes and `y` latitudes on entry.
    pub fn vectors_in_place(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
            let (sin_lon, cos_lon) = sincos_deg(*x);
            let (sin_lat, cos_lat) = sincos_deg(*y);
            *x = cos_lat * cos_lon;
            *y = cos_lat * sin_lon;
            *z = sin_lat;
        }
    }
}

crate::lanes! {
    /// Longitudes in [0, 360) and latitudes of vectors of any length but zero, degrees.
    pub fn lonlat_of_vectors(x: &[f64], y: &[f64], z: &[f64], lon: &mut [f64], lat: &mut [f64]) {
        let points = x.iter().zip(y).zip(z).zip(lon.iter_mut()).zip(lat.iter_mut());
        for ((((x, y), z), lon), lat) in points {
            *lon = longitude_deg(*y, *x);
            *lat = atan2_deg(*z, y.mul_add(*y, x * x).sqrt());
        }
    }
}

crate::lanes! {
    /// Longitudes in [-180, 180] into `x` and latitudes into `y`, of the vectors (x, y, z); degrees.
    pub fn native_in_place(x: &mut [f64], y: &mut [f64], z: &[f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z) {
            let lon = atan2_deg(*y, *x);
            let lat = atan2_deg(*z, y.mul_add(*y, *x * *x).sqrt());
            *x = lon;
            *y = lat;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarter_turns_are_exact() {
        for (degrees, expected) in [
            (0.0, (0.0, 1.0)),
            (90.0, (1.0, 0.0)),
            (180.0, (0.0, -1.0)),
            (-90.0, (-1.0, 0.0)),
            (270.0, (-1.0, 0.0)),
            (360.0, (0.0, 1.0)),
            (-720.0, (0.0, 1.0)),
        ] {
            let (s, c) = sincos_deg(degrees);
            assert_eq!((s, c), expected, "{degrees}");
        }
        assert_eq!(atan2_deg(0.0, -1.0), 180.0);
        assert_eq!(atan2_deg(1.0, 0.0), 90.0);
        assert_eq!(atan2_deg(0.0, 0.0), 0.0);
        assert_eq!(atan2_deg(-1.0, -1.0), -135.0);
    }

    #[test]
    fn kernels_agree_with_libm_to_the_last_places() {
        for i in -40_000..40_000_i32 {
            let degrees = f64::from(i) * 0.017_3;
            let (s, c) = sincos_deg(degrees);
            let (ls, lc) = libm::sincos(degrees * DEG);
            // libm's argument carries the rounding of degrees to radians.
            let slack = 2.3e-16 + degrees.abs() * DEG * 1.2e-16;
            assert!((s - ls).abs() < slack && (c - lc).abs() < slack, "{degrees}");
            let back = longitude_deg(s, c);
            let turn = (back - degrees).rem_euclid(360.0);
            assert!(turn.min(360.0 - turn) < 1.2e-13, "{degrees} {back}");
        }
        for i in -3000..3000_i32 {
            let t = f64::from(i) * 0.001;
            assert!((atan2_deg(t, 1.0) - libm::atan(t) * RAD).abs() < 2.2e-14, "{t}");
        }
    }

    #[test]
    fn what_is_undefined_stays_undefined() {
        assert!(sincos_deg(f64::NAN).0.is_nan());
        assert!(sincos_deg(f64::INFINITY).1.is_nan());
        assert!(atan2_deg(f64::NAN, 1.0).is_nan());
        assert!(atan2_deg(1.0, f64::NAN).is_nan());
        assert!(longitude_deg(f64::NAN, 0.0).is_nan());
    }

    #[test]
    fn longitudes_stay_below_a_full_turn() {
        assert_eq!(longitude_deg(-1e-300, 1.0), 0.0);
        assert_eq!(longitude_deg(-0.0, 1.0).to_bits(), 0);
    }
}
