//! Voronoi bins: bins grow pixel by pixel, then their cells are made round and even.
//!
//! Cappellari & Copin 2003, MNRAS 342, 345: accretion (section 5.1) and, for the cells, the weighted tessellation of
//! Diehl & Statler 2006, MNRAS 368, 497. Noise may be correlated; the ratio of a bin is always that of its sum.

use rayon::prelude::*;

use super::{Bins, NO_BIN, Signal};

/// Largest departure of a growing bin from a disc.
const ROUNDNESS: f64 = 0.3;
/// Share of the target below which a grown bin is given up to its neighbours.
const ENOUGH: f64 = 0.8;
/// Most rounds of moving cells.
const ROUNDS: usize = 40;

/// Bins of about this signal-to-noise ratio; pixels that reach it alone stay alone. None if all pixels together do not
/// reach it.
pub fn voronoi(signal: &Signal<'_>, target: f64) -> Option<Bins> {
    let pixels = signal.pixels();
    if pixels.is_empty() || signal.ratio(&pixels) < target {
        return None;
    }
    let mut of_pixel = vec![NO_BIN; signal.sigma.len()];
    let kept = accrete(signal, &pixels, target, &mut of_pixel);
    let mut nodes = centres(signal, &of_pixel, kept.len());
    // Bins that were given up go to the nearest that were not.
    nodes.retain(|node| node.number > 0.0);
    if nodes.is_empty() {
        of_pixel.iter_mut().for_each(|bin| *bin = NO_BIN);
        pixels.iter().for_each(|k| of_pixel[*k] = 0);
        return Some(Bins::of_numbers(of_pixel, signal));
    }
    nodes.iter_mut().for_each(|node| node.scale = 1.0);
    assign(signal, &pixels, &nodes, &mut of_pixel);
    for _ in 0..ROUNDS {
        let mut moved = centres(signal, &of_pixel, nodes.len());
        let members = members(&pixels, &of_pixel, nodes.len());
        for (node, pixels) in moved.iter_mut().zip(&members) {
            // A cell's scale is such that the same light per area would give the same ratio.
            let ratio = signal.ratio(pixels).max(1e-3 * target);
            node.scale = (node.number / ratio).sqrt();
        }
        moved.retain(|node| node.number > 0.0);
        let before = of_pixel.clone();
        assign(signal, &pixels, &moved, &mut of_pixel);
        let change: usize = before.iter().zip(&of_pixel).filter(|(a, b)| a != b).count();
        let settled = change == 0 && moved.len() == nodes.len();
        nodes = moved;
        if settled {
            break;
        }
    }
    Some(Bins::of_numbers(of_pixel, signal))
}

/// Lets bins grow; gives the numbers of those that reached enough. Pixels of others are left without a bin.
fn accrete(signal: &Signal<'_>, pixels: &[usize], target: f64, of_pixel: &mut [i32]) -> Vec<usize> {
    let width = signal.width;
    let height = of_pixel.len() / width;
    let mut kept = Vec::new();
    // Pixels that were in a bin which did not reach enough are not looked at again.
    let mut done = vec![false; of_pixel.len()];
    let ratio = |k: usize| signal.signal[k] / signal.sigma[k];
    let Some(mut start) = pixels.iter().copied().max_by(|a, b| ratio(*a).total_cmp(&ratio(*b)).then(b.cmp(a))) else {
        return kept;
    };
    let (mut all_x, mut all_y, mut all) = (0.0, 0.0, 0.0);
    loop {
        let bin = kept.len() as i32;
        let mut members = vec![start];
        of_pixel[start] = bin;
        let (mut light, mut variance) = (signal.signal[start], signal.sigma[start] * signal.sigma[start]);
        let (mut x, mut y) = signal.place(start);
        let mut border: Vec<usize> = Vec::new();
        let mut newest = start;
        while light / variance.sqrt() < target {
            for k in around(newest, width, height) {
                if signal.sigma[k] > 0.0 && of_pixel[k] == NO_BIN && !done[k] && !border.contains(&k) {
                    border.push(k);
                }
            }
            let distance = |k: usize| {
                let (u, v) = signal.place(k);
                (u - x) * (u - x) + (v - y) * (v - y)
            };
            let nearest = (0..border.len())
                .min_by(|a, b| distance(border[*a]).total_cmp(&distance(border[*b])).then(border[*a].cmp(&border[*b])));
            let Some(at) = nearest else { break };
            let pixel = border.swap_remove(at);
            let n = members.len() as f64 + 1.0;
            let (u, v) = signal.place(pixel);
            let centre = (x + (u - x) / n, y + (v - y) / n);
            let far = members
                .iter()
                .chain([&pixel])
                .map(|k| {
                    let (u, v) = signal.place(*k);
                    libm::hypot(u - centre.0, v - centre.1)
                })
                .fold(0.0, f64::max);
            let old = light / variance.sqrt();
            let next_variance = variance + signal.added_variance(pixel, bin, of_pixel);
            let new = (light + signal.signal[pixel]) / next_variance.max(f64::MIN_POSITIVE).sqrt();
            let out_of_round = far / (n / std::f64::consts::PI).sqrt() - 1.0 > ROUNDNESS;
            if out_of_round || (new - target).abs() > (old - target).abs() || new < old {
                break;
            }
            members.push(pixel);
            of_pixel[pixel] = bin;
            (light, variance) = (light + signal.signal[pixel], next_variance);
            (x, y) = centre;
            newest = pixel;
        }
        let good = light / variance.sqrt() >= ENOUGH * target;
        for k in &members {
            done[*k] = true;
            let (u, v) = signal.place(*k);
            (all_x, all_y, all) = (all_x + u, all_y + v, all + 1.0);
            if !good {
                of_pixel[*k] = NO_BIN;
            }
        }
        if good {
            kept.push(bin as usize);
        }
        // The next bin starts beside what is done, nearest to its middle.
        let middle = (all_x / all, all_y / all);
        let next = pixels.par_iter().copied().filter(|k| !done[*k]).map(|k| {
            let (u, v) = signal.place(k);
            ((u - middle.0) * (u - middle.0) + (v - middle.1) * (v - middle.1), k)
        });
        match next.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))) {
            Some((_, k)) => start = k,
            None => return kept,
        }
    }
}

/// Neighbours along sides.
fn around(pixel: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (pixel % width, pixel / width);
    let left = (x > 0).then(|| pixel - 1);
    let right = (x + 1 < width).then_some(pixel + 1);
    let below = (y > 0).then(|| pixel - width);
    let above = (y + 1 < height).then_some(pixel + width);
    [left, right, below, above].into_iter().flatten()
}

/// The centre of a cell.
#[derive(Debug, Clone, Copy)]
struct Node {
    x: f64,
    y: f64,
    number: f64,
    scale: f64,
}

fn centres(signal: &Signal<'_>, of_pixel: &[i32], bins: usize) -> Vec<Node> {
    let mut nodes = vec![Node { x: 0.0, y: 0.0, number: 0.0, scale: 1.0 }; bins];
    for (pixel, bin) in of_pixel.iter().enumerate().filter(|(_, bin)| **bin >= 0) {
        let (x, y) = signal.place(pixel);
        let node = &mut nodes[*bin as usize];
        (node.x, node.y, node.number) = (node.x + x, node.y + y, node.number + 1.0);
    }
    for node in nodes.iter_mut().filter(|node| node.number > 0.0) {
        (node.x, node.y) = (node.x / node.number, node.y / node.number);
    }
    nodes
}

fn members(pixels: &[usize], of_pixel: &[i32], bins: usize) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); bins];
    for k in pixels {
        out[of_pixel[*k] as usize].push(*k);
    }
    out
}

/// Each pixel to the node that is nearest in units of its scale.
fn assign(signal: &Signal<'_>, pixels: &[usize], nodes: &[Node], of_pixel: &mut [i32]) {
    let nearest = |k: &usize| {
        let (x, y) = signal.place(*k);
        let mut best = (f64::INFINITY, 0);
        for (number, node) in nodes.iter().enumerate() {
            let (dx, dy) = (x - node.x, y - node.y);
            let distance = (dx * dx + dy * dy) / (node.scale * node.scale);
            if distance < best.0 {
                best = (distance, number);
            }
        }
        best.1 as i32
    };
    let found: Vec<i32> = pixels.par_iter().map(nearest).collect();
    for (k, bin) in pixels.iter().zip(found) {
        of_pixel[*k] = bin;
    }
}
