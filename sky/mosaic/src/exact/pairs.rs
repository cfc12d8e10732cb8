//! Overlaps on the sphere for outputs that are no linear gnomonic grid: each input pixel is clipped by each output
//! pixel that it may touch, in a gnomonic plane near both.

use super::accumulate::{Accumulator, Source};
use super::divide;
use super::index::{SkyIndex, cap};
use super::lattice::{Corners, Patch};
use super::outline::{self, Direction, Outline, Tangent, is_defined};
use super::polygon::Polygon;
use super::sheet::Quantity;
use super::sides::all_straight;
use pogson_image::sphere::Vectors;

/// Where the pixels of two images lie: on each other and on the sky. 0-based pixel coordinates; NaN = undefined.
pub(crate) trait Geometry: Sync {
    /// Input pixels to output pixels.
    fn across(&self, x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]);
    /// Input pixels to unit vectors in the output's frame.
    fn input_sky(&self, x: &[f64], y: &[f64], out: &mut Vectors);
    /// Output pixels to unit vectors.
    fn output_sky(&self, x: &[f64], y: &[f64], out: &mut Vectors);
}

/// Buffers that a thread reuses from patch to patch.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    vectors: Option<Vectors>,
    input: Vec<(f64, f64)>,
    output: Vec<(f64, f64)>,
    cells: Vec<Polygon>,
}

/// What to add, and where.
pub(crate) struct Task<'a, 'b> {
    pub(crate) source: &'a Source<'a>,
    pub(crate) quantity: Quantity,
    pub(crate) into: &'a mut Accumulator<'b>,
}

impl Task<'_, '_> {
    /// Value and weight of the pixel at (column, row), and the factor that turns its value into the quantity.
    fn pixel(&self, column: usize, row: usize, own_area: impl Fn() -> f64) -> Option<[f64; 4]> {
        let at = row * self.source.width + column;
        let (value, weight) = self.source.weighted(at);
        let scale = match self.quantity {
            Quantity::Brightness => 1.0,
            Quantity::Flux => 1.0 / own_area(),
            Quantity::Area => 0.0,
        };
        (weight > 0.0).then(|| [scale * value, weight, scale * weight, self.source.variance(at)])
    }

    /// Adds the area shared by an input pixel and the output pixel at `at` of the block.
    fn add(&mut self, at: usize, area: f64, pixel: &[f64; 4]) {
        self.into.add(at, pixel[0] * area, pixel[1] * area);
        let spread = pixel[2] * area;
        self.into.add_variance(at, spread * spread * pixel[3]);
    }
}

impl Pairs {
    /// Adds a smooth patch, whose corners on the output grid are given. False if the output pixels there are not
    /// all regular; nothing is added then.
    pub(crate) fn add(
        &mut self,
        patch: &Patch,
        corners: &Corners,
        geometry: &dyn Geometry,
        task: &mut Task<'_, '_>,
    ) -> bool {
        let block = &*task.into;
        let Some(window) = Window::around(corners, block) else { return true };
        let Some(plane) = self.input_plane(patch, geometry) else { return false };
        if !self.output_cells(&window, &plane, geometry) {
            return false;
        }
        for j in 0..patch.size.1 {
            for i in 0..patch.size.0 {
                let k = j * corners.stride + i;
                let quad = [k, k + 1, k + corners.stride + 1, k + corners.stride].map(|k| self.input[k]);
                let own = Polygon::new(&quad);
                let Some(pixel) = task.pixel(patch.first.0 + i, patch.first.1 + j, || own.solid_angle()) else {
                    continue;
                };
                let [x0, y0, x1, y1] = window.near(&corners.quad(i, j));
                for row in y0..y1 {
                    for column in x0..x1 {
                        let cell = &self.cells[window.cell(column, row)];
                        let shared = own.clipped(cell);
                        if shared.count > 2
                            && let Some(at) = task.into.at(column, row)
                        {
                            task.add(at, shared.solid_angle(), &pixel);
                        }
                    }
                }
            }
        }
        true
    }

    /// Projects the patch's corners onto the plane at their middle; None if one is undefined or far, or a side is to be
    /// divided.
    pub(crate) fn input_plane(&mut self, patch: &Patch, geometry: &dyn Geometry) -> Option<Tangent> {
        let corner = |first: usize, k: usize| (first + k) as f64 - 0.5;
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for j in 0..=patch.size.1 {
            for i in 0..=patch.size.0 {
                x.push(corner(patch.first.0, i));
                y.push(corner(patch.first.1, j));
            }
        }
        let vectors = sized(&mut self.vectors, x.len());
        geometry.input_sky(&x, &y, vectors);
        let place = |x: &[f64], y: &[f64], v: &mut Vectors| geometry.input_sky(x, y, v);
        if !all_straight(&place, (corner(patch.first.0, 0), corner(patch.first.1, 0)), patch.size, vectors) {
            return None;
        }
        let sum = [&vectors.x, &vectors.y, &vectors.z].map(|c| c.iter().sum::<f64>());
        let plane = Tangent::at(&outline::unit(&sum));
        if !is_defined(&sum) {
            return None;
        }
        project(vectors, &plane, &mut self.input).then_some(plane)
    }

    /// The output pixels of the window as polygons of the plane; false if one is irregular.
    fn output_cells(&mut self, window: &Window, plane: &Tangent, geometry: &dyn Geometry) -> bool {
        let (width, height) = ((window.x1 - window.x0) as usize, (window.y1 - window.y0) as usize);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for j in 0..=height {
            for i in 0..=width {
                x.push((window.x0 + i as i64) as f64 - 0.5);
                y.push((window.y0 + j as i64) as f64 - 0.5);
            }
        }
        let vectors = sized(&mut self.vectors, x.len());
        geometry.output_sky(&x, &y, vectors);
        if !project(vectors, plane, &mut self.output) {
            return false;
        }
        let place = |x: &[f64], y: &[f64], v: &mut Vectors| geometry.output_sky(x, y, v);
        let first = (window.x0 as f64 - 0.5, window.y0 as f64 - 0.5);
        if !all_straight(&place, first, (width, height), vectors) {
            return false;
        }
        self.cells.clear();
        let (mut left, mut right) = (false, false);
        for j in 0..height {
            for i in 0..width {
                let k = j * (width + 1) + i;
                let quad = [k, k + 1, k + width + 2, k + width + 1].map(|k| self.output[k]);
                for c in 0..4 {
                    let turn = super::polygon::turn(quad[c], quad[(c + 1) % 4], quad[(c + 2) % 4]);
                    left |= turn > 0.0;
                    right |= turn < 0.0;
                }
                // One that is drawn out may reach past its place on the grid.
                let side = |c: usize| libm::hypot(quad[c].0 - quad[(c + 1) % 4].0, quad[c].1 - quad[(c + 1) % 4].1);
                let (short, long) = (1..4).fold((side(0), side(0)), |s, c| (s.0.min(side(c)), s.1.max(side(c))));
                if long > 0.2 || long > 4.0 * short {
                    return false;
                }
                self.cells.push(Polygon::new(&quad));
            }
        }
        left != right
    }
}

/// Whether every vector lies within 60 degrees or so of the plane's centre; `out` then holds their places.
fn project(v: &Vectors, plane: &Tangent, out: &mut Vec<(f64, f64)>) -> bool {
    const FAR: f64 = 1.7;
    out.clear();
    for k in 0..v.x.len() {
        match plane.project(&[v.x[k], v.y[k], v.z[k]]) {
            Some(p) if p.0.abs() < FAR && p.1.abs() < FAR => out.push(p),
            _ => return false,
        }
    }
    true
}

fn sized(vectors: &mut Option<Vectors>, n: usize) -> &mut Vectors {
    let v = vectors.get_or_insert_with(|| Vectors { x: Vec::new(), y: Vec::new(), z: Vec::new() });
    for c in [&mut v.x, &mut v.y, &mut v.z] {
        c.clear();
        c.resize(n, f64::NAN);
    }
    v
}

/// The output pixels of the block that a patch may touch: columns x0..x1, rows y0..y1.
struct Window {
    x0: i64,
    y0: i64,
    x1: i64,
    y1: i64,
}

impl Window {
    fn around(corners: &Corners, block: &Accumulator<'_>) -> Option<Window> {
        let (x, y) = (block.origin.0 as i64, block.origin.1 as i64);
        let all = Window { x0: x, y0: y, x1: x + block.width as i64, y1: y + block.height as i64 };
        let [x0, y0, x1, y1] = all.bounded(corners.u.iter().copied().zip(corners.v.iter().copied()));
        (x0 < x1 && y0 < y1).then_some(Window { x0, y0, x1, y1 })
    }

    /// The part that a pixel with these corners may touch: great circles bulge from the straight sides.
    fn near(&self, quad: &[(f64, f64); 4]) -> [i64; 4] {
        self.bounded(quad.iter().copied())
    }

    fn bounded(&self, points: impl Iterator<Item = (f64, f64)>) -> [i64; 4] {
        let mut b = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for (u, v) in points {
            b = [b[0].min(u), b[1].min(v), b[2].max(u), b[3].max(v)];
        }
        let margin = 0.05 + 0.1 * (b[2] - b[0]).max(b[3] - b[1]);
        [
            ((b[0] - margin).round() as i64).max(self.x0),
            ((b[1] - margin).round() as i64).max(self.y0),
            ((b[2] + margin).round() as i64 + 1).min(self.x1),
            ((b[3] + margin).round() as i64 + 1).min(self.y1),
        ]
    }

    fn cell(&self, column: i64, row: i64) -> usize {
        ((row - self.y0) * (self.x1 - self.x0) + column - self.x0) as usize
    }
}

/// Adds a patch pixel by pixel through an index of the block's output pixels on the sky.
///
/// `parity`: the sense of the input's pixel grid on the sky.
pub(crate) fn add_by_index(
    patch: &Patch,
    geometry: &dyn Geometry,
    parity: f64,
    index: &SkyIndex,
    task: &mut Task<'_, '_>,
) {
    if index.is_empty() {
        return;
    }
    let place = |x: &[f64], y: &[f64], v: &mut Vectors| geometry.input_sky(x, y, v);
    let mut parts = Vec::new();
    for j in 0..patch.size.1 {
        for i in 0..patch.size.0 {
            let (column, row) = (patch.first.0 + i, patch.first.1 + j);
            if task.pixel(column, row, || 1.0).is_none() {
                continue;
            }
            parts.clear();
            divide::outlines(&place, (column as f64, row as f64), parity, &mut parts);
            let own = || parts.iter().map(Outline::solid_angle).sum();
            let Some(pixel) = task.pixel(column, row, own) else { continue };
            for part in &parts {
                let plane = Tangent::at(&part.centre);
                let Some(flat) = part.on(&plane) else { continue };
                index.near(part, |(column, row), other| {
                    if let (Some(cell), Some(at)) = (other.on(&plane), task.into.at(column, row)) {
                        let shared = flat.clipped(&cell);
                        if shared.count > 2 {
                            task.add(at, part.sign * other.sign * shared.solid_angle(), &pixel);
                        }
                    }
                });
            }
        }
    }
}

/// The index of the block's output pixels that lie near any of the patches. `parity`: the sense of the output's pixel
/// grid on the sky.
pub(crate) fn index_of_block(
    patches: &[&Patch],
    geometry: &dyn Geometry,
    parity: f64,
    block: &Accumulator<'_>,
    out_size: (usize, usize),
) -> SkyIndex {
    let Some((centre, radius)) = patches_cap(patches, geometry) else { return SkyIndex::default() };
    let place = |x: &[f64], y: &[f64], v: &mut Vectors| geometry.output_sky(x, y, v);
    let last = (block.origin.0 + block.width).min(out_size.0);
    let x: Vec<f64> = (block.origin.0..last).map(|c| c as f64).collect();
    let rows = block.origin.1..(block.origin.1 + block.height).min(out_size.1);
    let mut scratch = None;
    let mut centres: Vec<Vec<Direction>> = Vec::new();
    for row in rows.clone() {
        let vectors = sized(&mut scratch, x.len());
        geometry.output_sky(&x, &vec![row as f64; x.len()], vectors);
        centres.push((0..x.len()).map(|k| [vectors.x[k], vectors.y[k], vectors.z[k]]).collect());
    }
    let reach = radius + (4.0 * largest_step(&centres)).max(0.01);
    let mut items = Vec::new();
    let mut parts = Vec::new();
    for (row, centres) in rows.zip(&centres) {
        for (k, c) in centres.iter().enumerate() {
            // A pixel with an undefined centre may still reach the sky at a corner.
            if is_defined(c) && outline::chord(c, &centre) > reach {
                continue;
            }
            parts.clear();
            divide::outlines(&place, (x[k], row as f64), parity, &mut parts);
            let pixel = ((block.origin.0 + k) as i64, row as i64);
            items.extend(parts.iter().map(|p| (pixel, *p)));
        }
    }
    SkyIndex::new(items)
}

/// Largest distance between neighbours across and down; cuts make it large, which costs time but no pixel.
fn largest_step(rows: &[Vec<Direction>]) -> f64 {
    let across = rows.iter().flat_map(|r| r.windows(2)).map(|w| outline::chord(&w[0], &w[1]));
    let down = rows.windows(2).flat_map(|w| w[0].iter().zip(&w[1])).map(|(a, b)| outline::chord(a, b));
    across.chain(down).fold(0.0, f64::max)
}

/// A cap that holds what is defined of the patches.
fn patches_cap(patches: &[&Patch], geometry: &dyn Geometry) -> Option<(Direction, f64)> {
    let mut scratch = None;
    let mut seen = Vec::new();
    for patch in patches {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for j in 0..=2 * patch.size.1 {
            for i in 0..=2 * patch.size.0 {
                x.push(0.5f64.mul_add(i as f64, patch.first.0 as f64 - 0.5));
                y.push(0.5f64.mul_add(j as f64, patch.first.1 as f64 - 0.5));
            }
        }
        let vectors = sized(&mut scratch, x.len());
        geometry.input_sky(&x, &y, vectors);
        seen.extend((0..x.len()).map(|k| [vectors.x[k], vectors.y[k], vectors.z[k]]).filter(is_defined));
    }
    let (centre, radius) = cap(seen.iter().copied())?;
    let step = seen.windows(2).map(|w| outline::chord(&w[0], &w[1])).fold(0.0, f64::max);
    Some((centre, radius + 2.0 * step))
}
