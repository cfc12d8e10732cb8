//! MAGPHYS's own constants: its distance and its units.

/// Luminosity distance in cm over `sqrt(1 + z)`, as MAGPHYS has it: `c` is 3e5 km/s, a megaparsec 3.086e24 cm, and the
/// integral a midpoint rule that is refined until it changes by less than 1e-4.
///
/// Source: `dl`, `funl`, `midpnt` of `fit_sed_skynet.f`; constants are REAL*4.
pub fn paper_distance_cm(redshift: f64) -> f64 {
    let cm = f64::from(3.086e24_f32);
    let mpc = if redshift <= 0.0 { f64::from(1e-5_f32) } else { distance_mpc(redshift) };
    mpc * cm / (1.0 + redshift).sqrt()
}

fn distance_mpc(z: f64) -> f64 {
    let omega = f64::from(0.3_f32);
    let q = 3.0 * omega / 2.0 - 1.0;
    let omega0 = 2.0 * (q + 1.0) / 3.0;
    let inverse = 1.0 / omega0;
    let integrand = |x: f64| 1.0 / ((x * x * x + inverse) - 1.0).sqrt();
    let (low, high) = (1.0, 1.0 + z);
    let mut sum = (high - low) * integrand(0.5 * (low + high));
    let mut before = f64::from(1e-10_f32);
    let mut points = 1;
    while ((sum - before) / before).abs() >= f64::from(1e-4_f32) && points < 1 << 20 {
        before = sum;
        let step = (high - low) / (3.0 * f64::from(points));
        let mut x = low + 0.5 * step;
        let mut inner = 0.0;
        for _ in 0..points {
            inner += integrand(x);
            x += step + step;
            inner += integrand(x);
            x += step;
        }
        sum = (sum + (high - low) * inner / f64::from(points)) / 3.0;
        points *= 3;
    }
    sum * (3.0e5 * (1.0 + z)) / (70.0 * omega0.sqrt())
}

/// Lsun/Hz of [`Library`](crate::library::Library) for each Jy, with MAGPHYS's constants.
///
/// MAGPHYS divides both sides by `1 + z`, the observed one within the distance; a library here holds light without.
pub(crate) fn light_per_jy(redshift: f64) -> f64 {
    let distance = paper_distance_cm(redshift);
    f64::from(1e-23_f32) * f64::from(3.283_608_7e-33_f32) * (distance * distance) * (1.0 + redshift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_near_the_exact_one() {
        for z in [0.001, 0.01, 0.05, 0.1] {
            let exact = crate::cosmology::luminosity_distance_mpc(z) * 3.086e24 / (1.0f64 + z).sqrt();
            assert!((paper_distance_cm(z) / exact - 1.0).abs() < 2e-3, "z = {z}");
        }
    }
}
