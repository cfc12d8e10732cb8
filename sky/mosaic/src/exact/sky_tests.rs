//! Whole skies: nothing is lost at cuts, poles, corners and rims of the projections that show all of the sky.

use super::sphere::ExactMap;
use super::*;
use pogson_image::fits::Header;
use pogson_image::wcs::Wcs;

/// Degrees per pixel.
const STEP: f64 = 5.0;

/// Part of the flux that an output may gain or lose.
const GOAL: f64 = 1e-6;

/// An image of the whole sky in a projection, turned by an angle in degrees.
fn sky(code: &str, turn: f64) -> (Wcs, (usize, usize)) {
    // Columns and rows that hold the sky at two degrees a pixel, the reference pixel, and further cards.
    let (size, at, more) = match code {
        "ZEA" => ((123, 121), (61.3, 60.8), "CRVAL2 = 70.0"),
        "ARC" => ((185, 187), (93.1, 93.6), "CRVAL2 = -35.0"),
        "HPX" => ((190, 190), (95.2, 95.4), ""),
        "XPH" => ((140, 140), (70.2, 70.4), "CRVAL2 = 90.0"),
        // From the first face's left side, 45 degrees from the reference point, leftwards to the fourth's right side.
        "TSC" | "CSC" | "QSC" => ((180, 140), (157.5 + 0.25 * STEP, 70.3), ""),
        "PCO" => ((186, 190), (93.3, 95.2), ""),
        "BON" => ((190, 190), (95.3, 70.0), "PV2_1 = 45.0"),
        "COE" | "COD" => ((250, 250), (125.3, 125.0), "PV2_1 = 45.0\nPV2_2 = 25.0\nCRVAL2 = 45.0"),
        "CYP" => ((190, 120), (95.3, 60.2), "PV2_1 = 1.0\nPV2_2 = 0.7071067811865476"),
        _ => ((190, 96), (95.3, 48.7), ""),
    };
    let fewer = |n: usize| (n as f64 * 2.0 / STEP).ceil() as usize;
    let (size, at) = ((fewer(size.0), fewer(size.1)), (at.0 * 2.0 / STEP, at.1 * 2.0 / STEP));
    let (s, c) = libm::sincos(turn.to_radians());
    // Turned, the sky needs room all round.
    let side = if turn == 0.0 { 0 } else { size.0.max(size.1) };
    let grown = (size.0 + side, size.1 + side);
    let at = (at.0 + 0.5 * side as f64, at.1 + 0.5 * side as f64);
    let value = if more.contains("CRVAL2") { "" } else { "CRVAL2 = 0.0" };
    let text = format!(
        "NAXIS = 2\nNAXIS1 = {}\nNAXIS2 = {}\nCTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\nCRPIX1 = {}\nCRPIX2 = {}\n\
         CRVAL1 = 12.0\nCD1_1 = {}\nCD1_2 = {}\nCD2_1 = {}\nCD2_2 = {}\n{value}\n{more}",
        grown.0,
        grown.1,
        at.0,
        at.1,
        -STEP * c,
        STEP * s,
        STEP * s,
        STEP * c,
    );
    (Wcs::from_header(&Header::from_text(&text).unwrap()).unwrap(), grown)
}

const CODES: [&str; 18] = [
    "AIT", "MOL", "SFL", "PAR", "ZEA", "ARC", "HPX", "XPH", "TSC", "CSC", "QSC", "PCO", "BON", "COE", "COD", "CAR",
    "CEA", "CYP",
];

/// Angles to try. A turned frame of a cube would hold some faces twice.
fn turns(code: &str) -> Vec<f64> {
    if code.ends_with("SC") { vec![0.0] } else { vec![0.0, 33.0] }
}

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|k| (k * 7919 % 1000) as f32 * 0.01 + 1.0).collect()
}

#[test]
fn the_pixels_of_a_whole_sky_add_up_to_four_pi() {
    let mut failed = Vec::new();
    for code in CODES {
        for turn in turns(code) {
            let (wcs, size) = sky(code, turn);
            let own = ExactMap::new(&wcs, size, &wcs, size).unwrap().own_areas(Window::whole(size));
            let off = own.iter().sum::<f64>() / (4.0 * std::f64::consts::PI) - 1.0;
            if off.abs() > 1e-6 {
                failed.push((code, turn, off));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

/// Flux lost or gained by the way of the whole sky from one projection to another: of surface brightness, and of pixels
/// that hold flux.
fn lost(from: (&str, f64), to: (&str, f64)) -> [f64; 2] {
    let ((input, a), (output, b)) = (sky(from.0, from.1), sky(to.0, to.1));
    let data = values(a.0 * a.1);
    let own = ExactMap::new(&input, a, &input, a).unwrap().own_areas(Window::whole(a));
    let here: f64 = own.iter().zip(&data).map(|(a, f)| a * f64::from(*f)).sum();
    let whole: f64 = own.iter().zip(&data).filter(|(a, _)| **a > 0.0).map(|(_, f)| f64::from(*f)).sum();
    let source = Source { data: &data, width: a.0, height: a.1, weight: None, variance: None };
    let sum = |map: ExactMap| {
        let (mut sum, mut area) = (vec![0.0; b.0 * b.1], vec![0.0; b.0 * b.1]);
        map.accumulate(&source, &mut Accumulator::new((0, 0), b.0, b.1, &mut sum, &mut area));
        sum.iter().sum::<f64>()
    };
    let map = || ExactMap::new(&input, a, &output, b).unwrap();
    [sum(map()) / here - 1.0, sum(map().conserving_flux()) / whole - 1.0]
}

#[test]
fn whole_skies_keep_their_flux_to_1e_6_from_and_to_each_projection() {
    let mut failed = Vec::new();
    for (k, code) in CODES.iter().enumerate() {
        let next = CODES[(k + 5) % CODES.len()];
        // Turned, as inputs, by turns.
        let turn = turns(code)[k % turns(code).len()];
        let [brightness, flux] = lost((code, turn), (next, 0.0));
        // Each pixel's flux counts alike here, also that of pixels with a ten thousandth of the others' sky at a pole; the tip
        // of an output that lies within one side of a pixel may be missed.
        if brightness.abs() > GOAL || flux.abs() > 2e-4 {
            failed.push((code, next, brightness, flux));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
