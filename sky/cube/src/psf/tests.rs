//! Transforms against closed forms, kernels against what they are for.

use super::kernel::PIXEL_FWHM;
use super::noise::propagate;
use super::*;
use crate::correlation::NoiseCorrelation;

const FOUR_LN_2: f64 = 4.0 * LN_2;

fn gaussian(fwhm: f64) -> Psf {
    Psf::Gaussian { fwhm }
}

#[test]
fn moffat_of_exponent_three_halves_has_an_exponential_transform() {
    let psf = Psf::Moffat { fwhm: 2.0, beta: 1.5 };
    let alpha = moffat_alpha(2.0, 1.5);
    for g in [0.0, 1e-3, 0.1, 0.5, 2.0] {
        let closed = libm::exp(-2.0 * PI * alpha * g);
        assert!((psf.transfer(g).unwrap() - closed).abs() < 1e-12, "{g}");
    }
    // K_2(1) of Abramowitz & Stegun, table 9.8: 1.62483889.
    assert!((bessel_k(2.0, 1.0) - 1.624_838_89).abs() < 1e-8);
}

#[test]
fn kernels_between_gaussians_are_gaussians_of_the_difference() {
    let plane = Plane::square(0.4);
    let kernel = Kernel::matching(&gaussian(1.5), plane, &Target { psf: gaussian(6.0), pixel: None }).unwrap();
    assert_eq!(kernel.finer, 1);
    // A pixel's spread counts as a variance.
    let width: f64 = 36.0 - 2.25 - (PIXEL_FWHM * 0.4).powi(2);
    let r = kernel.reach as i64;
    let peak = kernel.values[kernel.values.len() / 2];
    for (dx, dy) in [(0, 0), (3, 0), (5, 5), (0, -8), (12, 3)] {
        let value = kernel.values[((dy + r) * (2 * r + 1) + dx + r) as usize];
        let offset = 0.16 * (dx * dx + dy * dy) as f64;
        let expected = libm::exp(-FOUR_LN_2 * offset / width) * 0.16 * FOUR_LN_2 / (PI * width);
        assert!((value - expected).abs() < 2e-4 * peak, "{dx} {dy}: {value} {expected}");
    }
}

/// Light of a round star within a radius, by the kernel: image of the star, convolved, its pixels counted finely.
fn encircled(source: &Psf, kernel: &Kernel, side: f64, star: impl Fn(f64, f64) -> f64, radii: &[f64]) -> Vec<f64> {
    let n = 161usize;
    let centre = 80.3;
    let image: Vec<f64> = (0..n * n)
        .map(|k| star(((k % n) as f64 - centre) * side, ((k / n) as f64 - centre) * side) * side * side)
        .collect();
    let _ = source;
    let convolver = Convolver::new(kernel.clone(), (n, n));
    let out = convolver.apply(&image);
    let finer = convolver.finer();
    let width = n * finer;
    let share = 1.0 / (finer * finer) as f64;
    let mut sums = vec![0.0; radii.len()];
    const SUB: usize = 8;
    for (k, value) in out.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        for s in 0..SUB * SUB {
            let sub = |i: usize| (i as f64 + 0.5) / SUB as f64 - 0.5;
            let place = |i: usize, s: usize| ((i as f64 + sub(s) + 0.5) / finer as f64 - 0.5 - centre) * side;
            let r = libm::hypot(place(k % width, s % SUB), place(k / width, s / SUB));
            for (sum, radius) in sums.iter_mut().zip(radii) {
                if r < *radius {
                    *sum += value * share / (SUB * SUB) as f64;
                }
            }
        }
    }
    sums
}

#[test]
fn encircled_energy_of_matched_stars_is_the_targets_within_a_hundredth_at_all_radii() {
    let radii: Vec<f64> = (1..=30).map(|k| 0.5 * f64::from(k)).collect();
    let target = Target { psf: gaussian(6.0), pixel: None };
    let wanted: Vec<f64> = radii.iter().map(|r| 1.0 - libm::exp(-FOUR_LN_2 * r * r / 36.0)).collect();
    let round = |fwhm: f64| {
        move |x: f64, y: f64| FOUR_LN_2 / (PI * fwhm * fwhm) * libm::exp(-FOUR_LN_2 * (x * x + y * y) / (fwhm * fwhm))
    };
    // Fine pixels, coarse ones, and ones so coarse that they are divided.
    for (fwhm, side) in [(1.3, 0.4), (4.5, 1.0), (5.0, 1.9)] {
        let source = gaussian(fwhm);
        let kernel = Kernel::matching(&source, Plane::square(side), &target).unwrap();
        let found = encircled(&source, &kernel, side, round(fwhm), &radii);
        for ((r, a), b) in radii.iter().zip(&found).zip(&wanted) {
            assert!((a - b).abs() < 0.01, "fwhm {fwhm} side {side} r {r}: {a} {b}");
        }
    }
    // Moffat wings reach far: a wide frame and wide radii.
    let (fwhm, beta) = (2.0, 3.5);
    let alpha = moffat_alpha(fwhm, beta);
    let moffat = move |x: f64, y: f64| {
        (beta - 1.0) / (PI * alpha * alpha) * libm::pow(1.0 + (x * x + y * y) / (alpha * alpha), -beta)
    };
    let source = Psf::Moffat { fwhm, beta };
    let kernel = Kernel::matching(&source, Plane::square(0.5), &target).unwrap();
    let found = encircled(&source, &kernel, 0.5, moffat, &radii);
    for ((r, a), b) in radii.iter().zip(&found).zip(&wanted) {
        assert!((a - b).abs() < 0.01, "moffat r {r}: {a} {b}");
    }
}

#[test]
fn a_sampled_source_leads_to_the_same_star_as_its_formula() {
    let n = 41;
    let side = 0.5;
    let star = |x: f64, y: f64| libm::exp(-FOUR_LN_2 * (x * x + y * y) / 4.0);
    let samples: Vec<f64> =
        (0..n * n).map(|k| star((k % n) as f64 * side - 10.0, (k / n) as f64 * side - 10.0)).collect();
    let sampled = PsfImage::new(n, n, samples, [[-side, 0.0], [0.0, side]]).unwrap();
    assert!((sampled.fwhm() - 2.0).abs() < 0.02, "{}", sampled.fwhm());
    let target = Target { psf: gaussian(6.0), pixel: None };
    let by_image = Kernel::matching(&Psf::Image(sampled), Plane::square(side), &target).unwrap();
    let by_formula = Kernel::matching(&gaussian(2.0), Plane::square(side), &target).unwrap();
    let peak = by_formula.values[by_formula.values.len() / 2];
    let r = by_image.reach.min(by_formula.reach) as i64;
    let at = |k: &Kernel, x: i64, y: i64| {
        let c = k.reach as i64;
        k.values[((y + c) * (2 * c + 1) + x + c) as usize]
    };
    for y in -r..=r {
        for x in -r..=r {
            assert!((at(&by_image, x, y) - at(&by_formula, x, y)).abs() < 5e-3 * peak, "{x} {y}");
        }
    }
}

#[test]
fn a_target_that_is_sharper_is_refused() {
    let refused = Kernel::matching(&gaussian(6.0), Plane::square(1.0), &Target { psf: gaussian(4.0), pixel: None });
    assert!(matches!(refused, Err(KernelError::Sharpening { missing, .. }) if missing > 0.05));
    let plane = Plane::square(1.375);
    let own = Target { psf: gaussian(12.0), pixel: Some(plane) };
    let kernel = Kernel::matching(&gaussian(12.0), plane, &own).unwrap();
    let middle = kernel.values[kernel.values.len() / 2];
    assert!(kernel.finer == 1 && (middle - 1.0).abs() < 1e-9, "the band itself stays as it is");
    let chosen = Kernel::matching(&gaussian(12.0), plane, &Target { psf: gaussian(12.0), pixel: None }).unwrap();
    assert!(chosen.values.iter().filter(|v| **v < 0.0).sum::<f64>() > -0.05);
}

#[test]
fn gaps_are_bridged_and_a_flat_image_stays_flat() {
    let kernel =
        Kernel::matching(&gaussian(2.0), Plane::square(1.0), &Target { psf: gaussian(6.0), pixel: None }).unwrap();
    let mut image = vec![3.0; 50 * 40];
    image[20 * 50 + 25] = f64::NAN;
    image[..50].fill(f64::NAN);
    let out = Convolver::new(kernel, (50, 40)).apply(&image);
    for value in out.iter().filter(|v| v.is_finite()) {
        assert!((value - 3.0).abs() < 1e-9);
    }
    assert!(out[20 * 50 + 25].is_finite() && out[0].is_nan());
}

#[test]
fn noise_without_a_kernel_is_averaged_by_overlaps_alone() {
    for scale in [1.0, 2.5, 6.0] {
        let out = propagate(&Kernel::identity(), &NoiseCorrelation::none(), scale);
        // Integral of the squared trapezium along each axis: scale - 1/3.
        assert!((out.variance / (scale - 1.0 / 3.0f64).powi(2) - 1.0).abs() < 1e-9, "{scale}: {}", out.variance);
        // All of the noise goes somewhere: variance times area is the number of input pixels in an output pixel.
        assert!((out.variance * out.correlation.area() / (scale * scale) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn noise_through_a_gaussian_has_the_closed_forms_variance_and_area() {
    // White noise through a Gaussian of width s has variance 1 / (4 pi s^2) and a Gaussian correlation of width s sqrt 2.
    let kernel =
        Kernel::matching(&gaussian(1.0), Plane::square(0.5), &Target { psf: gaussian(8.0), pixel: None }).unwrap();
    let out = propagate(&kernel, &NoiseCorrelation::none(), 1.0);
    let sigma = (64.0 - 1.0f64).sqrt() / FOUR_LN_2.sqrt() / std::f64::consts::SQRT_2 / 0.5;
    let variance = 1.0 / (4.0 * PI * sigma * sigma);
    assert!((out.variance / variance - 1.0).abs() < 0.01, "{} {variance}", out.variance);
    assert!((out.correlation.at(6, 0) - libm::exp(-36.0 / (4.0 * sigma * sigma))).abs() < 0.005);
    assert!((out.variance * out.correlation.area() - 1.0).abs() < 0.03, "{}", out.correlation.area());
}
