//! `2^x` and `log10 x` in single precision for lanes: plain arithmetic, the same bytes at every vector width.

/// `2^x` for `x` in -126..=127, relative error below 2e-7; 0 below -125.
///
/// The Taylor series of `2^f` about 0 for `f` within half of it; its eighth term is below 6e-9.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    let x = if x > 127.0 { 127.0 } else { x };
    let dead = x < -125.0;
    let x = if dead { 0.0 } else { x };
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let rounded = x + ROUND;
    let f = x - (rounded - ROUND);
    let mut sum = 1.525_273_4e-5_f32;
    for term in [1.540_353e-4, 1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2, 1.0] {
        sum = sum.mul_add(f, term);
    }
    // The whole number stands in the low bits.
    let power = f32::from_bits((rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23);
    if dead { 0.0 } else { sum * power }
}

/// `log10 x` for normal positive `x`, absolute error below 1e-7 for `x` within a factor of 2 of 1 and 3e-7 beyond.
///
/// The polynomial is that of Cephes' `logf` (Moshier 1989) on `sqrt(1/2)..sqrt(2)`.
#[inline(always)]
pub(crate) fn log10(x: f32) -> f32 {
    let bits = x.to_bits() as i32;
    let exponent = (bits - 0x3f35_04f3) >> 23;
    let z = f32::from_bits((bits - (exponent << 23)) as u32) - 1.0;
    let mut sum = 7.037_683_6e-2_f32;
    for term in [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        0.333_333_3,
    ] {
        sum = sum.mul_add(z, term);
    }
    let square = z * z;
    let natural = (sum * square).mul_add(z, (-0.5f32).mul_add(square, z));
    (exponent as f32).mul_add(std::f32::consts::LOG10_2, natural * std::f32::consts::LOG10_E)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_and_logarithms_agree_with_double_precision() {
        for step in -25_000..25_000 {
            let x = step as f32 * 0.005;
            let truth = libm::exp2(f64::from(x));
            assert!((f64::from(exp2(x)) / truth - 1.0).abs() < 2e-7, "2^{x}");
        }
        assert_eq!(exp2(-126.0), 0.0);
        for step in 1..40_000 {
            let x = step as f32 * 0.001;
            let error = (f64::from(log10(x)) - libm::log10(f64::from(x))).abs();
            let near = (0.5..2.0).contains(&x);
            assert!(error < if near { 6e-8 } else { 3e-7 }, "log10 {x}: {error:e}");
        }
    }
}
