#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

/// A Sersic profile with half-light radius `re` pixels, averaged over 5 x 5 points a pixel (more near the centre).
fn sersic(n: f64, re: f64, q: f64, theta: f64, side: usize, centre: (f64, f64)) -> Vec<f64> {
    let b = 2.0 * n - 1.0 / 3.0 + 4.0 / (405.0 * n) + 46.0 / (25_515.0 * n * n);
    let (s, c) = libm::sincos(theta);
    let at = |x: f64, y: f64| {
        let (dx, dy) = (x - centre.0, y - centre.1);
        let r = libm::hypot(c * dx + s * dy, (c * dy - s * dx) / q);
        libm::exp(-b * (libm::pow(r / re, 1.0 / n) - 1.0))
    };
    (0..side * side)
        .map(|k| {
            let (x, y) = ((k % side) as f64, (k / side) as f64);
            let points = if libm::hypot(x - centre.0, y - centre.1) < 4.0 { 25 } else { 5 };
            let offset = |i: usize| (i as f64 + 0.5) / points as f64 - 0.5;
            let grid = (0..points * points).map(|p| at(x + offset(p % points), y + offset(p / points)));
            grid.sum::<f64>() / (points * points) as f64
        })
        .collect()
}

fn within(values: &[f64], least: f64) -> Vec<bool> {
    values.iter().map(|v| *v > least).collect()
}

#[test]
fn an_exponential_disc_has_the_concentration_and_petrosian_radius_of_its_closed_form() {
    // For n = 1: flux(r) = 1 - (1 + x) exp(-x), x = 1.678347 r / re. The Petrosian radius is where the surface
    // brightness is a fifth of the mean within: x^2 exp(-x) / (2 (1 - (1 + x) exp(-x))) = 0.2, x = 3.6456.
    let petro = search::root(1.0, 10.0, |x| x * x * libm::exp(-x) / (2.0 * (1.0 - (1.0 + x) * libm::exp(-x))) - 0.2);
    let image = sersic(1.0, 20.0, 1.0, 0.0, 301, (150.2, 149.7));
    let found = indices(&image, 301, &within(&image, 0.05), &[]).unwrap();
    let scale = 20.0 / 1.678_346_990;
    assert!((found.petrosian_circle / (petro * scale) - 1.0).abs() < 2e-3, "{}", found.petrosian_circle);
    let grown = |x: f64| 1.0 - (1.0 + x) * libm::exp(-x);
    let radius = |f: f64| search::root(1e-3, 10.0, |x| f * grown(1.5 * petro) - grown(x));
    let concentration = 5.0 * libm::log10(radius(0.8) / radius(0.2));
    assert!((found.concentration - concentration).abs() < 5e-3, "{} {concentration}", found.concentration);
    assert!(libm::hypot(found.x_asymmetry - 150.2, found.y_asymmetry - 149.7) < 0.05);
    assert!(found.asymmetry.abs() < 0.02 && found.ellipticity < 0.01, "{found:?}");
}

#[test]
fn a_steeper_profile_is_more_concentrated_and_an_inclined_one_keeps_its_axes() {
    let flat = sersic(1.0, 15.0, 0.5, 0.6, 241, (120.0, 120.0));
    let steep = sersic(4.0, 15.0, 0.5, 0.6, 241, (120.0, 120.0));
    let (flat, steep) = (
        indices(&flat, 241, &within(&flat, 0.05), &[]).unwrap(),
        indices(&steep, 241, &within(&steep, 0.05), &[]).unwrap(),
    );
    assert!(steep.concentration > flat.concentration + 0.7);
    assert!(steep.gini > flat.gini && steep.m20 < flat.m20);
    for found in [flat, steep] {
        assert!((found.ellipticity - 0.5).abs() < 0.02 && (found.orientation - 0.6).abs() < 0.01, "{found:?}");
    }
}

#[test]
fn clumps_make_an_image_less_smooth_and_one_sided_ones_less_symmetric() {
    let smooth = sersic(1.0, 18.0, 0.8, 0.0, 241, (120.0, 120.0));
    let blob = |x0: f64, y0: f64| {
        move |k: usize| {
            let (dx, dy) = ((k % 241) as f64 - x0, (k / 241) as f64 - y0);
            2.0 * libm::exp(-(dx * dx + dy * dy) / 8.0)
        }
    };
    let (right, left) = (blob(138.0, 120.0), blob(102.0, 120.0));
    let one: Vec<f64> = smooth.iter().enumerate().map(|(k, v)| v + right(k)).collect();
    let two: Vec<f64> = smooth.iter().enumerate().map(|(k, v)| v + right(k) + left(k)).collect();
    let measure = |image: &[f64]| indices(image, 241, &within(image, 0.05), &[]).unwrap();
    let (smooth, one, two) = (measure(&smooth), measure(&one), measure(&two));
    assert!(one.asymmetry > smooth.asymmetry + 0.02 && two.asymmetry < 0.02, "{one:?} {two:?}");
    assert!(two.smoothness > one.smoothness && one.smoothness > smooth.smoothness + 0.005);
}

#[test]
fn pixels_all_alike_have_no_gini_and_one_bright_pixel_has_all() {
    let values = [1.0; 9];
    let field = image::Field::new(&values, 3, &[]);
    assert!(indices::gini(&field, &[true; 9]).abs() < 1e-15);
    let mut one = [0.0; 9];
    one[4] = 2.0;
    assert!((indices::gini(&image::Field::new(&one, 3, &[]), &[true; 9]) - 1.0).abs() < 1e-15);
}

#[test]
fn no_object_is_told() {
    assert!(indices(&[1.0; 100], 10, &[false; 100], &[]).is_err());
    assert!(indices(&[0.0; 100], 10, &[true; 100], &[]).is_err());
    assert!(indices(&[f64::NAN; 100], 10, &[true; 100], &[]).is_err());
    assert!(indices(&[], 0, &[], &[]).is_err());
    // A whole image without sky is measured all the same.
    let image = sersic(1.0, 5.0, 1.0, 0.0, 31, (15.0, 15.0));
    let found = indices(&image, 31, &[true; 961], &[]).unwrap();
    assert!(found.flags & flag::NO_SKY != 0 && found.gini > 0.3);
}
