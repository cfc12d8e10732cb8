//! Rates of the coordinate transformations on one core, in millions of points a second.
//!
//! `cargo run --release -p pogson-image --example wcs_rate`; `POGSON_SIMD=off|avx2` for narrower vectors.

use pogson_image::fits::Header;
use pogson_image::sphere::Vectors;
use pogson_image::wcs::{PixelMap, Wcs};
use std::time::Instant;

const POINTS: usize = 1 << 20;

fn wcs(code: &str, more: &str) -> Wcs {
    let text = format!(
        "NAXIS1  = 1024\nNAXIS2  = 1024\nCTYPE1  = 'RA---{code}'\nCTYPE2  = 'DEC--{code}'\nCRPIX1  = 512.5\n\
         CRPIX2  = 512.5\nCRVAL1  = 275.196\nCRVAL2  = -16.172\nCDELT1  = -0.000277\nCDELT2  = 0.000277\n\
         CROTA2  = 12.5\n{more}"
    );
    let header = Header::from_text(&text).unwrap_or_default();
    Wcs::from_header(&header).unwrap_or_else(|error| panic!("{code}: {error}"))
}

/// Best of a few runs, millions of points a second.
fn rate(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    POINTS as f64 / best / 1e6
}

fn main() {
    let x: Vec<f64> = (0..POINTS).map(|i| (i % 1024) as f64).collect();
    let y: Vec<f64> = (0..POINTS).map(|i| (i / 1024) as f64).collect();
    let (mut a, mut b) = (vec![0.0; POINTS], vec![0.0; POINTS]);
    let (mut c, mut d) = (vec![0.0; POINTS], vec![0.0; POINTS]);
    let mut vectors = Vectors::new();
    println!("level {:?}", pogson_image::lanes::level());
    println!("{:<6}{:>12}{:>12}{:>12}{:>12}", "Mpts/s", "pix->lonlat", "lonlat->pix", "pix->vec", "vec->pix");
    for (code, more) in [
        ("TAN", ""),
        ("SIN", ""),
        ("STG", ""),
        ("ZEA", ""),
        ("ARC", ""),
        ("ZPN", "PV2_1 = 1.0\nPV2_3 = 42.0"),
        ("CAR", ""),
        ("CEA", ""),
        ("AIT", ""),
        ("SFL", ""),
        ("MOL", ""),
        ("COE", "PV2_1 = -20.0"),
        ("HPX", ""),
        ("QSC", ""),
        ("CSC", ""),
    ] {
        let wcs = wcs(code, more);
        let there = rate(|| wcs.pix_to_lonlat(&x, &y, &mut a, &mut b));
        let back = rate(|| wcs.lonlat_to_pix(&a, &b, &mut c, &mut d));
        let out = rate(|| wcs.pix_to_vectors(&x, &y, &mut vectors));
        let home = rate(|| wcs.vectors_to_pix(&vectors, &mut c, &mut d));
        println!("{code:<6}{there:>12.1}{back:>12.1}{out:>12.1}{home:>12.1}");
    }
    for (from, to) in [("TAN", "TAN"), ("TAN", "SIN"), ("TAN", "CAR")] {
        let map = PixelMap::between(&wcs(from, ""), &wcs(to, "CRVAL2 = -16.4"));
        println!("{from} -> {to} pixel map {:.1}", rate(|| map.apply(&x, &y, &mut a, &mut b)));
    }
}
