//! Overlaps of whole sheets of pixels against clipping in extended precision.

use super::accumulate::{Accumulator, Source, Window};
use super::density::{Density, Gnomonic};
use super::lattice::{Corners, Kind, Lattice, Layout};
use super::oracle;
use super::sheet::{Quantity, Sheet};
use proptest::prelude::*;

/// An affine sheet with a little curvature: input pixels to output pixels.
fn bent(x: f64, y: f64, m: &[f64; 6], bend: f64) -> (f64, f64) {
    let u = m[0] + m[1] * x + m[2] * y + bend * x * y;
    (u, m[3] + m[4] * x + m[5] * y - bend * x * x + 0.3 * bend * y * y)
}

struct Laid {
    sum: Vec<f64>,
    area: Vec<f64>,
    variance: Vec<f64>,
}

fn lay(
    m: &[f64; 6],
    bend: f64,
    size: usize,
    out: usize,
    data: &[f32],
    density: &Density,
    one: bool,
) -> (Laid, Lattice) {
    let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| {
        for k in 0..x.len() {
            (u[k], v[k]) = bent(x[k], y[k], m, bend);
        }
    };
    let lattice = Lattice::new(&map, Window::whole((size, size)), (out, out), 1e-9);
    let mut laid = Laid { sum: vec![0.0; out * out], area: vec![0.0; out * out], variance: vec![0.0; out * out] };
    let variance = vec![1.0; data.len()];
    let source = Source { data, width: size, height: size, weight: None, variance: one.then_some(&variance) };
    let (mut corners, mut sheet) = (Corners::new(Layout::Corners), Sheet::default());
    for patch in &lattice.patches {
        assert_ne!(patch.kind, Kind::Broken);
        corners.of(patch, &map);
        let mut into = Accumulator {
            origin: (0, 0),
            width: out,
            height: out,
            sum: &mut laid.sum,
            area: &mut laid.area,
            variance: one.then_some(&mut laid.variance),
        };
        sheet.add(patch, &corners, &source, Quantity::Brightness, density, &mut into);
    }
    (laid, lattice)
}

/// Values of a sheet by clipping each pair in double-double.
fn by_clipping(m: &[f64; 6], bend: f64, size: usize, out: usize, data: &[f32], density: &Density) -> Laid {
    let mut laid = Laid { sum: vec![0.0; out * out], area: vec![0.0; out * out], variance: vec![0.0; out * out] };
    for j in 0..size {
        for i in 0..size {
            let quad = [(0, 0), (1, 0), (1, 1), (0, 1)]
                .map(|(a, b)| bent((i + a) as f64 - 0.5, (j + b) as f64 - 0.5, m, bend));
            let low = |f: fn(&(f64, f64)) -> f64| quad.iter().map(f).fold(f64::INFINITY, f64::min);
            let high = |f: fn(&(f64, f64)) -> f64| quad.iter().map(f).fold(f64::NEG_INFINITY, f64::max);
            let (u0, u1) = ((low(|p| p.0) - 1.0).max(0.0) as usize, (high(|p| p.0) + 1.0).max(0.0) as usize);
            let (v0, v1) = ((low(|p| p.1) - 1.0).max(0.0) as usize, (high(|p| p.1) + 1.0).max(0.0) as usize);
            for row in v0..=v1.min(out - 1) {
                for column in u0..=u1.min(out - 1) {
                    let (x, y) = (column as f64, row as f64);
                    let cell = [(x - 0.5, y - 0.5), (x + 0.5, y - 0.5), (x + 0.5, y + 0.5), (x - 0.5, y + 0.5)];
                    let shared = oracle::clip(&oracle::wide(&quad), &oracle::wide(&cell));
                    let area = match density {
                        Density::Flat => 0.5 * oracle::doubled_area(&shared).round(),
                        Density::Gnomonic(g) => {
                            let s = g.steps.map(oracle::Wide::from);
                            let plane: Vec<oracle::Point> = shared
                                .iter()
                                .map(|p| {
                                    let (dx, dy) = (p.0 - g.centre.0.into(), p.1 - g.centre.1.into());
                                    (s[0] * dx + s[1] * dy, s[2] * dx + s[3] * dy)
                                })
                                .collect();
                            oracle::solid_angle(&plane).round().abs()
                        }
                    };
                    let at = row * out + column;
                    laid.sum[at] += f64::from(data[j * size + i]) * area;
                    laid.area[at] += area;
                    laid.variance[at] += area * area;
                }
            }
        }
    }
    laid
}

fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed | 1;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 1000) as f32 * 0.01
        })
        .collect()
}

fn agree(a: &[f64], b: &[f64], unit: f64, tolerance: f64) {
    for (k, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * unit, "number {k}: {a:e} against {b:e}, unit {unit:e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn plane_overlaps_equal_clipping_in_extended_precision(
        angle in 0.0..6.3f64, scale in 0.3..2.5f64, stretch in 0.7..1.4f64, flip in any::<bool>(),
        shift in 15.0..25.0f64, bend in -2e-3..2e-3f64, seed in any::<u64>(),
    ) {
        let (s, c) = libm::sincos(angle);
        let sign = if flip { -1.0 } else { 1.0 };
        let m = [shift, scale * c, -scale * s * stretch * sign, shift, scale * s, scale * c * stretch * sign];
        let data = values(400, seed);
        let truth = by_clipping(&m, bend, 20, 40, &data, &Density::Flat);
        for one in [false, true] {
            let (laid, _) = lay(&m, bend, 20, 40, &data, &Density::Flat, one);
            agree(&laid.area, &truth.area, 1.0, 1e-11);
            agree(&laid.sum, &truth.sum, 10.0, 1e-11);
            if one {
                agree(&laid.variance, &truth.variance, 1.0, 1e-11);
            }
        }
    }

    #[test]
    fn solid_angles_equal_clipping_in_extended_precision(
        angle in 0.0..6.3f64, size_log in -8.0..-2.95f64, far in -0.9..0.9f64, far_y in -0.5..0.5f64,
        seed in any::<u64>(),
    ) {
        let h = libm::exp10(size_log);
        let (s, c) = libm::sincos(angle);
        let steps = [-h * c, h * s, h * s, h * c];
        let order = Gnomonic::order_for(&steps).unwrap();
        let density = Density::Gnomonic(Gnomonic { centre: (far / h, far_y / h), steps, order });
        let m = [3.0, 0.8, 0.3, 2.0, -0.25, 0.9];
        let data = values(64, seed);
        let truth = by_clipping(&m, 1e-4, 8, 14, &data, &density);
        let (laid, _) = lay(&m, 1e-4, 8, 14, &data, &density, false);
        let unit = h * h * libm::pow(1.0 + far * far + far_y * far_y, -1.5);
        agree(&laid.area, &truth.area, unit, 1e-9);
        agree(&laid.sum, &truth.sum, unit * 10.0, 1e-9);
    }
}

#[test]
fn aligned_grids_pass_values_through() {
    let data = values(40 * 40, 7);
    let (laid, _) = lay(&[2.0, 1.0, 0.0, 3.0, 0.0, 1.0], 0.0, 40, 50, &data, &Density::Flat, false);
    for j in 0..40 {
        for i in 0..40 {
            let at = (j + 3) * 50 + i + 2;
            assert!((laid.area[at] - 1.0).abs() < 1e-13);
            assert!((laid.sum[at] - f64::from(data[j * 40 + i])).abs() < 1e-12);
        }
    }
    assert_eq!(laid.area.iter().filter(|a| **a != 0.0).count(), 1600);
}

#[test]
fn a_block_of_the_output_gets_the_same_numbers_as_the_whole() {
    let m = [5.0, 37.3, 11.0, 80.0, -9.0, 41.0];
    let data = values(25, 3);
    let (whole, _) = lay(&m, 0.0, 5, 320, &data, &Density::Flat, false);
    let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| {
        for k in 0..x.len() {
            (u[k], v[k]) = bent(x[k], y[k], &m, 0.0);
        }
    };
    let lattice = Lattice::new(&map, Window::whole((5, 5)), (320, 320), 1e-9);
    let source = Source { data: &data, width: 5, height: 5, weight: None, variance: None };
    for (x, y) in [(0, 0), (100, 60), (150, 200), (290, 290), (60, 90)] {
        let (mut sum, mut area) = (vec![0.0; 300], vec![0.0; 300]);
        let mut into =
            Accumulator { origin: (x, y), width: 20, height: 15, sum: &mut sum, area: &mut area, variance: None };
        let (mut corners, mut sheet) = (Corners::new(Layout::Corners), Sheet::default());
        for patch in &lattice.patches {
            corners.of(patch, &map);
            sheet.add(patch, &corners, &source, Quantity::Brightness, &Density::Flat, &mut into);
        }
        for j in 0..15 {
            for i in 0..20 {
                let at = (y + j) * 320 + x + i;
                assert!((area[j * 20 + i] - whole.area[at]).abs() < 1e-12, "{x} {y} {i} {j}");
                let off = sum[j * 20 + i] - whole.sum[at];
                assert!(off.abs() < 1e-10, "{off:e} at {x} {y} {i} {j}");
            }
        }
    }
}

#[test]
#[ignore = "a measurement, not a proof"]
fn rate_of_the_sheet() {
    let (s, c) = libm::sincos(0.005);
    for m in [[20.0, c, -s, 20.0, s, c], [400.0, 0.8, -0.6, 20.0, 0.6, 0.8]] {
        for density in [
            Density::Flat,
            Density::Gnomonic(Gnomonic { centre: (300.0, 200.0), steps: [-5e-6, 0.0, 0.0, 5e-6], order: 1 }),
            Density::Gnomonic(Gnomonic { centre: (300.0, 200.0), steps: [-5e-6, 0.0, 0.0, 5e-6], order: 2 }),
        ] {
            let data = values(512 * 512, 9);
            let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| {
                for k in 0..x.len() {
                    (u[k], v[k]) = bent(x[k], y[k], &m, 1e-7);
                }
            };
            let lattice = Lattice::new(&map, Window::whole((512, 512)), (900, 900), 1e-9);
            let source = Source { data: &data, width: 512, height: 512, weight: None, variance: None };
            let (mut sum, mut area) = (vec![1.0; 900 * 900], vec![1.0; 900 * 900]);
            let (mut corners, mut sheet) = (Corners::new(Layout::Corners), Sheet::default());
            let mut best = f64::INFINITY;
            for _ in 0..8 {
                let start = cpu_seconds();
                for patch in &lattice.patches {
                    corners.of(patch, &map);
                    let (sum, area) = (&mut sum[..], &mut area[..]);
                    let mut into = Accumulator { origin: (0, 0), width: 900, height: 900, sum, area, variance: None };
                    sheet.add(patch, &corners, &source, Quantity::Brightness, &density, &mut into);
                }
                best = best.min(cpu_seconds() - start);
            }
            println!("{:.2} Mpix/s", 0.262144 / best);
        }
    }
}

/// CPU time of this thread.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}
