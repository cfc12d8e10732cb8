//! Overlaps on the sky between images of many projections.

use super::sphere::{Engine, ExactMap};
use super::*;
use pogson_image::fits::Header;
use pogson_image::wcs::Wcs;
use proptest::prelude::*;

/// Coordinates from a few figures: a projection's code, its reference point, degrees per pixel, rotation.
fn wcs(code: &str, size: (usize, usize), at: (f64, f64), scale: f64, rotation: f64) -> Wcs {
    wcs_in("RA---", "DEC--", code, size, at, scale, rotation)
}

fn wcs_in(lon: &str, lat: &str, code: &str, size: (usize, usize), at: (f64, f64), scale: f64, rotation: f64) -> Wcs {
    let (s, c) = libm::sincos(rotation.to_radians());
    let text = format!(
        "NAXIS = 2\nNAXIS1 = {}\nNAXIS2 = {}\nCTYPE1 = '{lon}{code}'\nCTYPE2 = '{lat}{code}'\nCRPIX1 = {}\nCRPIX2 = {}\n\
         CRVAL1 = {}\nCRVAL2 = {}\nCD1_1 = {}\nCD1_2 = {}\nCD2_1 = {}\nCD2_2 = {}",
        size.0,
        size.1,
        0.5 * (size.0 as f64 + 1.0),
        0.5 * (size.1 as f64 + 1.0),
        at.0,
        at.1,
        -scale * c,
        scale * s,
        scale * s,
        scale * c,
    );
    Wcs::from_header(&Header::from_text(&text).unwrap()).unwrap()
}

struct Summed {
    sum: Vec<f64>,
    area: Vec<f64>,
}

fn project(map: &ExactMap, data: &[f32], in_size: (usize, usize), out_size: (usize, usize)) -> Summed {
    let n = out_size.0 * out_size.1;
    let mut out = Summed { sum: vec![0.0; n], area: vec![0.0; n] };
    let source = Source { data, width: in_size.0, height: in_size.1, weight: None, variance: None };
    map.accumulate(&source, &mut Accumulator::new((0, 0), out_size.0, out_size.1, &mut out.sum, &mut out.area));
    out
}

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|k| (k * 7919 % 1000) as f32 * 0.01 + 1.0).collect()
}

/// Sum of value x solid angle over an image.
fn flux(wcs: &Wcs, size: (usize, usize), data: &[f32]) -> f64 {
    let own = ExactMap::new(wcs, size, wcs, size).unwrap().own_areas(Window::whole(size));
    own.iter().zip(data).map(|(a, f)| a * f64::from(*f)).sum()
}

const SMALL: (usize, usize) = (40, 36);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn flux_is_conserved_to_1e_9_between_random_images(
        from in prop::sample::select(vec!["SIN", "TAN", "ZEA", "CAR", "STG", "ARC"]),
        to in prop::sample::select(vec!["TAN", "SIN", "CAR", "AIT", "ZEA"]),
        ra in prop::sample::select(vec![0.0, 83.0, 359.9999]),
        dec in prop::sample::select(vec![-89.99, -30.0, 0.0, 67.0, 89.999]),
        scale_log in -5.5..-1.0f64, ratio in 0.4..2.5f64, rotation in 0.0..360.0f64,
    ) {
        let scale = libm::exp10(scale_log);
        // CAR and AIT have their reference point on the equator.
        let equatorial = matches!(from, "CAR") || matches!(to, "CAR" | "AIT");
        let at: (f64, f64) = (ra, if equatorial { f64::clamp(dec, -0.5, 0.5) } else { dec });
        let out_size = ((80.0 / ratio) as usize, (80.0 / ratio) as usize);
        let input = wcs(from, SMALL, at, scale, 0.0);
        let output = wcs(to, out_size, at, scale * ratio, rotation);
        let data = values(SMALL.0 * SMALL.1);
        let map = ExactMap::new(&input, SMALL, &output, out_size).unwrap();
        let out = project(&map, &data, SMALL, out_size);
        let (there, here) = (out.sum.iter().sum::<f64>(), flux(&input, SMALL, &data));
        prop_assert!((there / here - 1.0).abs() < 1e-9, "{from} to {to}: {:e}", there / here - 1.0);
        let fluxes = ExactMap::new(&input, SMALL, &output, out_size).unwrap().conserving_flux();
        let total: f64 = project(&fluxes, &data, SMALL, out_size).sum.iter().sum();
        let wanted: f64 = data.iter().map(|f| f64::from(*f)).sum();
        prop_assert!((total / wanted - 1.0).abs() < 1e-9, "{from} to {to}: {:e}", total / wanted - 1.0);
    }

    #[test]
    fn the_three_ways_to_an_overlap_agree(
        from in prop::sample::select(vec!["SIN", "TAN", "ZEA"]), rotation in 0.0..360.0f64, far in 0.0..3.0f64,
        scale_log in -5.0..-1.2f64,
    ) {
        let scale = libm::exp10(scale_log);
        let input = wcs(from, SMALL, (83.0 + far, 20.0), scale, 0.0);
        let output = wcs("TAN", SMALL, (83.0, 20.0 - far), scale * 0.9, rotation);
        // Cut out of the large plane what the tile covers.
        let (x, y) = output.sky_to_pix(input.pix_to_sky(20.0, 18.0).unwrap()).unwrap();
        let output = output.shifted((x - 30.0).floor(), (y - 30.0).floor(), (60, 60)).unwrap();
        let data = values(SMALL.0 * SMALL.1);
        let map = ExactMap::new(&input, SMALL, &output, (60, 60)).unwrap();
        let own = map.own_areas(Window::whole((60, 60)));
        let fast = project(&map, &data, SMALL, (60, 60));
        // The slow ways start from unit vectors, whose last digit is 1e-16 rad.
        let rounding = 1e-15 / scale.to_radians();
        for engine in [Engine::Clip, Engine::Index] {
            let map = ExactMap::new(&input, SMALL, &output, (60, 60)).unwrap().forced(engine);
            let slow = project(&map, &data, SMALL, (60, 60));
            for (k, own) in own.iter().enumerate() {
                let off = (fast.area[k] - slow.area[k]) / own;
                prop_assert!(off.abs() < 1e-9 + rounding, "{engine:?} {k}: {off:e}");
                let off = (fast.sum[k] - slow.sum[k]) / own;
                prop_assert!(off.abs() < 1e-8 + 10.0 * rounding, "{engine:?} {k}: {off:e}");
            }
        }
    }
}

#[test]
fn brightness_is_kept_and_bad_pixels_are_left_out() {
    let (input, output) = (wcs("SIN", SMALL, (10.0, 5.0), 0.001, 0.0), wcs("TAN", SMALL, (10.0, 5.0), 0.0012, 20.0));
    let mut data = vec![4.5; SMALL.0 * SMALL.1];
    data[700] = f32::NAN;
    data[701] = f32::INFINITY;
    let map = ExactMap::new(&input, SMALL, &output, SMALL).unwrap();
    let out = project(&map, &data, SMALL, SMALL);
    let mut covered = 0;
    for (s, a) in out.sum.iter().zip(&out.area) {
        assert!(*a == 0.0 || (s / a - 4.5).abs() < 1e-6);
        covered += usize::from(*a > 0.0);
    }
    assert!(covered > 900);
}
