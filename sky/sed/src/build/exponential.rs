//! The exponential of negative numbers in plain arithmetic, so that it is compiled for every vector width.

/// 1.5 * 2^52: a number plus this has its nearest whole number in its last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts (fdlibm): the high one has trailing zeros, so that products with whole numbers are exact.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// `exp(x)` for `x` of 0 or less, within 2e-15 relative; 0 below -700.
#[inline(always)]
pub(super) fn exp_negative(x: f64) -> f64 {
    let x = if x > -700.0 { x } else { -700.0 };
    let whole = x.mul_add(core::f64::consts::LOG2_E, ROUND);
    let n = whole - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    // Taylor's series to r^13; |r| is at most ln(2)/2.
    let mut sum = 1.0 / 6_227_020_800.0;
    sum = r.mul_add(sum, 1.0 / 479_001_600.0);
    sum = r.mul_add(sum, 1.0 / 39_916_800.0);
    sum = r.mul_add(sum, 1.0 / 3_628_800.0);
    sum = r.mul_add(sum, 1.0 / 362_880.0);
    sum = r.mul_add(sum, 1.0 / 40_320.0);
    sum = r.mul_add(sum, 1.0 / 5040.0);
    sum = r.mul_add(sum, 1.0 / 720.0);
    sum = r.mul_add(sum, 1.0 / 120.0);
    sum = r.mul_add(sum, 1.0 / 24.0);
    sum = r.mul_add(sum, 1.0 / 6.0);
    sum = r.mul_add(sum, 0.5);
    sum = r.mul_add(sum, 1.0);
    sum = r.mul_add(sum, 1.0);
    // The whole number stands in the last bits of `whole`; shifted, they are the exponent's.
    let scale = f64::from_bits((whole.to_bits() << 52).wrapping_add(1023 << 52));
    if x > -700.0 { sum * scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential() {
        for k in 0..70_000 {
            let x = -0.01 * f64::from(k);
            let (ours, truth) = (exp_negative(x), libm::exp(x));
            assert!((ours - truth).abs() <= 2e-15 * truth || x <= -700.0, "{x} {ours} {truth}");
        }
        assert_eq!((exp_negative(0.0), exp_negative(-1e9), exp_negative(f64::NEG_INFINITY)), (1.0, 0.0, 0.0));
    }
}
