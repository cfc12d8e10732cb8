//! Properties that every projection has.

use super::*;
use crate::sphere::trig::DEG;
use proptest::prelude::*;

/// One or more settings of each projection.
fn settings() -> Vec<(&'static str, Vec<(usize, f64)>)> {
    vec![
        ("AZP", vec![(1, 2.0), (2, 30.0)]),
        ("AZP", vec![(1, 0.5), (2, 20.0)]),
        ("AZP", vec![(1, -3.0), (2, -10.0)]),
        ("SZP", vec![(1, 2.0), (2, 180.0), (3, 60.0)]),
        ("SZP", vec![(1, -4.0), (2, 30.0), (3, 75.0)]),
        ("TAN", vec![]),
        ("STG", vec![]),
        ("SIN", vec![]),
        ("SIN", vec![(1, 0.3), (2, -0.2)]),
        ("ARC", vec![]),
        ("ZPN", vec![(0, 0.05), (1, 0.975), (2, -0.807), (3, 0.337), (4, -0.065), (5, 0.01), (6, 0.003)]),
        ("ZPN", vec![(1, 1.0), (3, 42.0)]),
        ("ZEA", vec![]),
        ("AIR", vec![]),
        ("AIR", vec![(1, 45.0)]),
        ("CYP", vec![(1, 1.0), (2, 0.7)]),
        ("CEA", vec![(1, 0.8)]),
        ("CAR", vec![]),
        ("MER", vec![]),
        ("SFL", vec![]),
        ("PAR", vec![]),
        ("MOL", vec![]),
        ("AIT", vec![]),
        ("COP", vec![(1, 45.0), (2, 25.0)]),
        ("COE", vec![(1, -45.0), (2, 25.0)]),
        ("COD", vec![(1, 45.0), (2, 25.0)]),
        ("COD", vec![(1, 30.0)]),
        ("COO", vec![(1, 45.0), (2, 25.0)]),
        ("COO", vec![(1, -60.0)]),
        ("BON", vec![(1, 45.0)]),
        ("BON", vec![(1, -30.0)]),
        ("PCO", vec![]),
        ("TSC", vec![]),
        ("CSC", vec![]),
        ("QSC", vec![]),
        ("HPX", vec![]),
        ("HPX", vec![(1, 6.0), (2, 4.0)]),
        ("XPH", vec![]),
    ]
}

fn projection(code: &str, pv: &[(usize, f64)]) -> Projection {
    Projection::new(code, &Parameters::new(pv)).unwrap_or_else(|| panic!("{code} {pv:?}"))
}

fn to_plane(p: &Projection, phi: f64, theta: f64) -> (f64, f64) {
    let (mut x, mut y, mut z) = ([phi], [theta], [0.0]);
    vectors_in_place(&mut x, &mut y, &mut z);
    p.project(&mut x, &mut y, &mut z);
    (x[0], y[0])
}

fn to_vector(p: &Projection, x: f64, y: f64) -> [f64; 3] {
    let (mut x, mut y, mut z) = ([x], [y], [0.0]);
    p.deproject(&mut x, &mut y, &mut z);
    [x[0], y[0], z[0]]
}

proptest! {
    #[test]
    fn the_sphere_survives_the_plane(phi in -179.9..179.9_f64, theta in -89.9..89.9_f64) {
        let v = crate::sphere::SkyCoord { lon_deg: phi, lat_deg: theta }.to_vector();
        for (code, pv) in settings() {
            let p = projection(code, &pv);
            let (x, y) = to_plane(&p, phi, theta);
            if x.is_nan() {
                continue;
            }
            let back = to_vector(&p, x, y);
            let d = (0..3).map(|i| (back[i] - v[i]).abs()).fold(0.0, f64::max);
            // Where the map shrinks, as at the limb of an oblique perspective, a rounding in the plane is that much more on
            // the sphere.
            let near = to_vector(&p, x + 1e-6, y + 1e-6);
            let gain = (0..3).map(|i| (near[i] - back[i]).abs()).fold(0.0, f64::max) / 1e-6;
            let limit = 3e-13 + 16.0 * f64::EPSILON * (x.abs() + y.abs()) * if gain.is_nan() { 1.0 } else { gain };
            prop_assert!(d < limit, "{code} {pv:?} ({phi}, {theta}) -> ({x}, {y}) off by {d:e}: {back:?} {v:?}");
        }
    }

    #[test]
    fn the_plane_survives_the_sphere(x in -170.0..170.0_f64, y in -85.0..85.0_f64, shrink in 0.0..1.0_f64) {
        for (code, pv) in settings() {
            let p = projection(code, &pv);
            for (x, y) in [(x, y), (x * shrink, y * shrink), (x * 0.01, y * 0.01)] {
                let v = to_vector(&p, x, y);
                if v[0].is_nan() {
                    continue;
                }
                let norm = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
                prop_assert!((norm - 1.0).abs() < 1e-13, "{code} {pv:?} ({x}, {y}): length {norm}");
                let (mut a, mut b, mut c) = ([v[0]], [v[1]], [v[2]]);
                p.project(&mut a, &mut b, &mut c);
                // Cube faces left of the first are the same as those far right.
                let wrapped = matches!(code, "TSC" | "CSC" | "QSC") && x < -45.0;
                let dx = if wrapped { (a[0] - x) - 360.0 } else { a[0] - x };
                let d = libm::hypot(dx, b[0] - y);
                let rim = rim_factor(code, &p, &v);
                prop_assert!(d < 1e-12 * rim, "{code} {pv:?} ({x}, {y}) -> {v:?} -> ({}, {})", a[0], b[0]);
            }
        }
    }
}

/// How much more the plane moves than the sphere at a point, by trial.
fn rim_factor(_code: &str, p: &Projection, v: &[f64; 3]) -> f64 {
    const STEP: f64 = 1e-7;
    let mut worst = 1.0_f64;
    for axis in 0..3 {
        let mut w = *v;
        w[axis] += STEP;
        let n = (w[0] * w[0] + w[1] * w[1] + w[2] * w[2]).sqrt();
        let (mut x, mut y, mut z) = ([v[0], w[0] / n], [v[1], w[1] / n], [v[2], w[2] / n]);
        p.project(&mut x, &mut y, &mut z);
        let moved = libm::hypot(x[1] - x[0], y[1] - y[0]) / STEP * DEG;
        worst = if moved.is_nan() { f64::INFINITY } else { worst.max(moved) };
    }
    worst
}

#[test]
fn each_code_has_a_projection_and_a_fiducial_point_at_the_origin() {
    for (code, pv) in settings() {
        let p = projection(code, &pv);
        let (x, y) = to_plane(&p, 0.0, p.theta0());
        let hole = p.parameters().get(0).unwrap_or(0.0) / DEG;
        assert!(libm::hypot(x, y) <= hole + 1e-12, "{code}: {x} {y}");
    }
}

#[test]
fn equal_area_projections_keep_areas() {
    let area_of = ["ZEA", "CEA", "SFL", "MOL", "AIT", "COE", "BON", "PAR", "QSC", "HPX", "XPH"];
    for (code, pv) in settings().into_iter().filter(|(code, _)| area_of.contains(code)) {
        let p = projection(code, &pv);
        // A full sky of 4π steradians has 41253 square degrees; scale factors of some are conventional.
        let local = |phi: f64, theta: f64| {
            const H: f64 = 1e-3;
            let (c, _) = (libm::cos(theta * DEG), 0);
            let (e, w) = (to_plane(&p, phi + H, theta), to_plane(&p, phi - H, theta));
            let (n, s) = (to_plane(&p, phi, theta + H), to_plane(&p, phi, theta - H));
            ((e.0 - w.0) * (n.1 - s.1) - (e.1 - w.1) * (n.0 - s.0)).abs() / (4.0 * H * H * c)
        };
        let reference = local(13.0, 21.0);
        for (phi, theta) in [(31.0, 5.0), (-70.0, 40.0), (100.0, -33.0), (-21.0, 71.0)] {
            let here = local(phi, theta);
            assert!((here / reference - 1.0).abs() < 1e-5, "{code} {pv:?} ({phi}, {theta}): {here} {reference}");
        }
    }
}

#[test]
fn points_outside_the_map_are_undefined() {
    for (code, x, y) in [
        ("SIN", 60.0, 0.0),
        ("ZEA", 115.0, 0.0),
        ("ARC", 180.1, 0.0),
        ("AIT", 163.0, 10.0),
        ("MOL", 0.0, 81.1),
        ("CEA", 0.0, 57.4),
        ("CAR", 181.0, 0.0),
        ("SFL", 100.0, 80.0),
        ("PAR", 0.0, 90.1),
        ("TSC", 50.0, 50.0),
        ("HPX", 10.0, 85.0),
    ] {
        let p = projection(code, &[]);
        assert!(to_vector(&p, x, y)[0].is_nan(), "{code} ({x}, {y})");
    }
    assert!(to_plane(&projection("TAN", &[]), 0.0, -1.0).0.is_nan());
    assert!(to_plane(&projection("SIN", &[]), 0.0, -1.0).0.is_nan());
}
