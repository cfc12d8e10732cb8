//! Hexagons of one size, the smallest at which half of them reach a signal-to-noise ratio.

use super::{Bins, NO_BIN, Signal};

/// Step between sizes that are tried.
const STEP: f64 = 1.1;
/// Share of the target below which a hexagon is left out.
const ENOUGH: f64 = 0.5;

/// Hexagons (flat sides up and down) about the pixel with the best ratio; those that reach less than half of the target are
/// left without a bin. None if no size up to the whole image brings half of them to it.
pub fn hexagons(signal: &Signal<'_>, target: f64) -> Option<Bins> {
    let pixels = signal.pixels();
    let ratio = |k: usize| signal.signal[k] / signal.sigma[k];
    let centre = pixels.iter().copied().max_by(|a, b| ratio(*a).total_cmp(&ratio(*b)).then(b.cmp(a)))?;
    let origin = signal.place(centre);
    let longest = (signal.width.max(signal.sigma.len() / signal.width)) as f64;
    // A hexagon of this radius has the area of a pixel.
    let mut radius = 0.62;
    while radius < longest {
        let bins = lay(signal, &pixels, origin, radius);
        let reached = bins.bins.iter().filter(|b| b.ratio >= target).count();
        if 2 * reached >= bins.bins.len() {
            return Some(without_poor(bins, signal, target));
        }
        radius *= STEP;
    }
    None
}

fn lay(signal: &Signal<'_>, pixels: &[usize], origin: (f64, f64), radius: f64) -> Bins {
    let mut numbers = std::collections::BTreeMap::new();
    let mut of_pixel = vec![NO_BIN; signal.sigma.len()];
    for k in pixels {
        let (x, y) = signal.place(*k);
        let next = numbers.len() as i32;
        of_pixel[*k] = *numbers.entry(cell(x - origin.0, y - origin.1, radius)).or_insert(next);
    }
    Bins::of_numbers(of_pixel, signal)
}

/// Axial coordinates of the hexagon that holds a place, its corners at `radius` from its centre: cube coordinates rounded so
/// that their sum stays 0.
fn cell(x: f64, y: f64, radius: f64) -> (i64, i64) {
    let q = 2.0 / 3.0 * x / radius;
    let r = (-x / 3.0 + y / 3.0f64.sqrt()) / radius;
    let s = -q - r;
    let (mut a, mut b, c) = (q.round(), r.round(), s.round());
    let (da, db, dc) = ((a - q).abs(), (b - r).abs(), (c - s).abs());
    if da > db && da > dc {
        a = -b - c;
    } else if db > dc {
        b = -a - c;
    }
    (a as i64, b as i64)
}

fn without_poor(bins: Bins, signal: &Signal<'_>, target: f64) -> Bins {
    let mut of_pixel = bins.of_pixel;
    for bin in of_pixel.iter_mut().filter(|bin| **bin >= 0) {
        if bins.bins[*bin as usize].ratio < ENOUGH * target {
            *bin = NO_BIN;
        }
    }
    Bins::of_numbers(of_pixel, signal)
}
