//! Where the mean equator and ecliptic of a date lie.

use super::rotation::Rotation;

const ARCSEC: f64 = 1.0 / 3600.0;

/// Julian date of a Besselian epoch. Source: Lieske 1979, A&A 73, 282.
pub(super) fn besselian_jd(epoch: f64) -> f64 {
    2_415_020.313_52 + (epoch - 1900.0) * 365.242_198_781
}

fn polynomial(coefficients: &[f64], t: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * t + c)
}

/// The four Fukushima-Williams angles γ̄, φ̄, ψ̄, ε of the IAU 2006 precession, degrees, bias included.
///
/// `t`: Julian centuries from J2000.0. Source: Hilton et al. 2006, Celest. Mech. 94, 351, table 1.
fn fukushima_williams(t: f64) -> [f64; 4] {
    [
        polynomial(&[-0.052928, 10.556378, 0.4932044, -0.00031238, -0.000002788, 0.0000000260], t) * ARCSEC,
        polynomial(&[84381.412819, -46.811016, 0.0511268, 0.00053289, -0.000000440, -0.0000000176], t) * ARCSEC,
        polynomial(&[-0.041775, 5038.481484, 1.5584175, -0.00018522, -0.000026452, -0.0000000148], t) * ARCSEC,
        polynomial(&[84381.406, -46.836769, -0.0001831, 0.00200340, -0.000000576, -0.0000000434], t) * ARCSEC,
    ]
}

/// From ICRS axes to those of the mean equator and equinox of a date (bias and precession, IAU 2006).
fn bias_precession(t: f64) -> Rotation {
    let [gamma, phi, psi, epsilon] = fukushima_williams(t);
    Rotation::axes_about_z(gamma)
        .then(&Rotation::axes_about_x(phi))
        .then(&Rotation::axes_about_z(-psi))
        .then(&Rotation::axes_about_x(-epsilon))
}

/// From the mean equator of J2000.0 to that of a Julian epoch, without bias.
pub(super) fn precession(equinox: f64) -> Rotation {
    if equinox == 2000.0 {
        return Rotation::IDENTITY;
    }
    bias_precession(0.0).transposed().then(&bias_precession((equinox - 2000.0) / 100.0))
}

/// From ICRS axes to the mean ecliptic and equinox of a Julian epoch.
pub(super) fn mean_ecliptic(equinox: f64) -> Rotation {
    let t = (equinox - 2000.0) / 100.0;
    bias_precession(t).then(&Rotation::axes_about_x(fukushima_williams(t)[3]))
}

/// From ICRS axes to FK5's at J2000.0. Source: USNO Circular 179, section 3.5.
pub(super) fn icrs_to_fk5() -> Rotation {
    let mas = ARCSEC / 1000.0;
    Rotation::axes_about_z(-22.9 * mas)
        .then(&Rotation::axes_about_y(9.1 * mas))
        .then(&Rotation::axes_about_x(19.9 * mas))
}

/// From FK5 J2000.0 axes to galactic ones (the pole of 1958 carried to J2000.0).
pub(super) fn fk5_to_galactic() -> Rotation {
    Rotation::axes_about_z(192.859_481_206_534_8)
        .then(&Rotation::axes_about_y(90.0 - 27.128_251_180_856_22))
        .then(&Rotation::axes_about_z(180.0 - 122.931_918_568_002_6))
}

/// From galactic axes to supergalactic ones. Source: de Vaucouleurs et al. 1976 (RC2).
pub(super) fn galactic_to_supergalactic() -> Rotation {
    Rotation::axes_about_z(47.37).then(&Rotation::axes_about_y(90.0 - 6.32)).then(&Rotation::axes_about_z(90.0))
}
