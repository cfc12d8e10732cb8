//! `fits.tbl`: what each overlap says, in Montage's columns and in the sums that the exact solution needs.
//!
//! Beside Montage's columns stand the sums over the pixels used: `degree` of the fit, `xref yref` the point that monomials
//! are about (pixels of the plus image, from 1), `m10` and the like for sums of `w x y^0`, `v01` for sums of `w d y`, with
//! `x`, `y` in units of 512 pixels, `dd` for the sum of `w d^2`, `covered` for all pixels that both cover and `sigma` for
//! the scatter. A table without them, as `mFitExec` writes it, will do: each plane then weighs as if its pixels filled the
//! box evenly, which is how `mBgModel` takes it.

use super::corrections::reference;
use super::grid::{Listed, read_table};
use crate::background::fit::{Moments, PairFit, solve_small};
use crate::background::polynomial::{LENGTH_PX, MAX_DEGREE, Polynomial, monomials};
use crate::error::MosaicError;
use crate::mapping::Window;
use pogson_image::table::{Column, ColumnType, FitEntry, IpacTable};
use std::path::Path;

/// The table of fits; pairs index the images.
pub fn table(images: &Listed, pairs: &[PairFit], degree: usize) -> IpacTable {
    let entries: Vec<FitEntry> = pairs.iter().map(|pair| entry(images, pair)).collect();
    let mut table = FitEntry::table(&entries);
    let mut add = |name: &str, kind: ColumnType, value: &dyn Fn(&PairFit) -> String| {
        let column = table.add_column(Column::new(name, kind));
        for (row, pair) in pairs.iter().enumerate() {
            table.set(row, column, Some(value(pair)));
        }
    };
    add("degree", ColumnType::Int, &|_| degree.to_string());
    add("xref", ColumnType::Double, &|p| exact(p.difference.centre.0 - images.windows[p.a].x as f64 + 1.0));
    add("yref", ColumnType::Double, &|p| exact(p.difference.centre.1 - images.windows[p.a].y as f64 + 1.0));
    for (p, q) in monomials(2 * degree) {
        add(&format!("m{p}{q}"), ColumnType::Double, &|pair| exact(pair.moments.m[p][q]));
    }
    for (p, q) in monomials(degree) {
        add(&format!("v{p}{q}"), ColumnType::Double, &|pair| exact(pair.moments.v[p][q]));
    }
    add("dd", ColumnType::Double, &|p| exact(p.moments.dd));
    add("covered", ColumnType::Int, &|p| p.covered.to_string());
    add("sigma", ColumnType::Double, &|p| exact(p.sigma));
    table
}

/// The shortest text that reads back as the same number.
fn exact(value: f64) -> String {
    format!("{value:e}")
}

/// Montage's columns for a pair.
fn entry(images: &Listed, pair: &PairFit) -> FitEntry {
    let window = &images.windows[pair.a];
    let origin = reference(images, pair.a);
    let m = &pair.moments;
    // A fit of higher degree has its best plane in the same sums.
    let plane = match pair.difference.degree {
        0 => vec![pair.difference.coefficients[0], 0.0, 0.0],
        1 => pair.difference.coefficients.clone(),
        _ => solve_small(m.normal(1), m.right(1)).unwrap_or_else(|| vec![pair.difference.coefficients[0], 0.0, 0.0]),
    };
    let plane = Polynomial { centre: pair.difference.centre, degree: 1, coefficients: plane };
    let shared = images.windows[pair.a].intersect(&images.windows[pair.b]).unwrap_or(*window);
    let range = |from: i64, size: usize, origin: f64| {
        let low = from as f64 - origin;
        [low.round() as i64, (low + size as f64 - 1.0).round() as i64]
    };
    let shape = if pair.difference.degree > 0 { Box::of(m) } else { Box::around(&shared, pair.difference.centre) };
    let centre = [
        shape.x * LENGTH_PX + pair.difference.centre.0 - origin.0,
        shape.y * LENGTH_PX + pair.difference.centre.1 - origin.1,
    ];
    let moved = plane.about(origin);
    let weight = m.weight().max(f64::MIN_POSITIVE);
    FitEntry {
        plus_id: images.entries[pair.a].cntr,
        minus_id: images.entries[pair.b].cntr,
        a: moved.coefficients[1] / LENGTH_PX,
        b: moved.coefficients[2] / LENGTH_PX,
        c: moved.coefficients[0],
        crpix: [origin.0 - shared.x as f64, origin.1 - shared.y as f64],
        x_range: range(shared.x, shared.width, origin.0),
        y_range: range(shared.y, shared.height, origin.1),
        center: centre,
        pixels: m.pixels() as u64,
        rms: (m.residual_square(&pair.difference.coefficients, pair.difference.degree) / weight).sqrt(),
        box_center: centre,
        box_size: [shape.width * LENGTH_PX, shape.height * LENGTH_PX],
        box_angle_deg: shape.angle_deg,
    }
}

/// The rectangle that, evenly filled, has the same centre and second moments; in units of [`LENGTH_PX`].
struct Box {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    angle_deg: f64,
}

impl Box {
    /// The whole window, where sums of the first and second order are not known.
    fn around(window: &Window, (x, y): (f64, f64)) -> Box {
        let middle =
            |from: i64, size: usize, centre: f64| (from as f64 + (size as f64 - 1.0) / 2.0 - centre) / LENGTH_PX;
        Box {
            x: middle(window.x, window.width, x),
            y: middle(window.y, window.height, y),
            width: window.width as f64 / LENGTH_PX,
            height: window.height as f64 / LENGTH_PX,
            angle_deg: 0.0,
        }
    }

    fn of(m: &Moments) -> Box {
        let n = m.weight().max(f64::MIN_POSITIVE);
        let (x, y) = (m.m[1][0] / n, m.m[0][1] / n);
        let (xx, xy, yy) = (m.m[2][0] / n - x * x, m.m[1][1] / n - x * y, m.m[0][2] / n - y * y);
        let angle = 0.5 * libm::atan2(2.0 * xy, xx - yy);
        let (middle, half) = (0.5 * (xx + yy), libm::hypot(0.5 * (xx - yy), xy));
        // An even strip of length L has the variance L^2 / 12.
        let side = |variance: f64| (12.0 * variance.max(0.0)).sqrt();
        Box { x, y, width: side(middle + half), height: side(middle - half), angle_deg: angle.to_degrees() }
    }
}

/// Fits of a table, and the degree that they hold sums for.
#[derive(Debug, Clone)]
pub struct Fits {
    /// The fits; pairs index the images.
    pub pairs: Vec<PairFit>,
    /// Highest degree of a solution that they allow.
    pub degree: usize,
    /// Whether Montage's columns alone were there.
    pub plain: bool,
}

/// Reads a table of fits, its own or Montage's. Rows of `mFitExec` that stand for a failed fit are passed over.
///
/// # Errors
/// [`MosaicError::Table`] for a table that cannot be read, or names images that are not listed.
pub fn read(path: &Path, images: &Listed) -> Result<Fits, MosaicError> {
    let problem = |reason: String| MosaicError::Table { path: path.to_path_buf(), reason };
    let table = read_table(path)?;
    let entries = FitEntry::read_all(&table).map_err(|e| problem(e.to_string()))?;
    let degree = match table.column("degree") {
        Some(column) if !table.is_empty() => {
            let degree = table.i64(0, column).map_err(|e| problem(e.to_string()))?.unwrap_or(1);
            usize::try_from(degree)
                .ok()
                .filter(|d| *d <= MAX_DEGREE)
                .ok_or_else(|| problem(format!("degree {degree} is not from 0 to {MAX_DEGREE}")))?
        }
        _ => 1,
    };
    let sums = Sums::find(&table, degree);
    let mut pairs = Vec::with_capacity(entries.len());
    for (row, entry) in entries.iter().enumerate() {
        let (a, b) = (images.index(entry.plus_id, path)?, images.index(entry.minus_id, path)?);
        if a == b {
            return Err(problem(format!("row {}: image {} is paired with itself", row + 1, entry.plus_id)));
        }
        match &sums {
            Some(sums) => pairs.push(sums.pair(&table, row, (a, b), images).map_err(|e| problem(e.to_string()))?),
            None if entry.pixels == 0 || entry.rms >= 1e99 => {}
            None => pairs.push(evenly_filled(entry, (a, b), images)),
        }
    }
    Ok(Fits { pairs, degree, plain: sums.is_none() })
}

/// Columns of the sums.
struct Sums {
    degree: usize,
    centre: [usize; 2],
    m: Vec<usize>,
    v: Vec<usize>,
    rest: [usize; 3],
}

impl Sums {
    /// The columns, if all are there.
    fn find(table: &IpacTable, degree: usize) -> Option<Sums> {
        let column = |name: &str| table.column(name);
        let all = |letter: char, degree: usize| {
            monomials(degree).iter().map(|(p, q)| column(&format!("{letter}{p}{q}"))).collect::<Option<Vec<_>>>()
        };
        Some(Sums {
            degree,
            centre: [column("xref")?, column("yref")?],
            m: all('m', 2 * degree)?,
            v: all('v', degree)?,
            rest: [column("dd")?, column("covered")?, column("sigma")?],
        })
    }

    fn pair(
        &self,
        table: &IpacTable,
        row: usize,
        (a, b): (usize, usize),
        images: &Listed,
    ) -> Result<PairFit, pogson_image::table::TableError> {
        let real = |column: usize| {
            table.f64(row, column)?.filter(|v| v.is_finite()).ok_or_else(|| table.bad_cell(row, column, "a number"))
        };
        let mut moments = Moments::default();
        for ((p, q), column) in monomials(2 * self.degree).into_iter().zip(&self.m) {
            moments.m[p][q] = real(*column)?;
        }
        for ((p, q), column) in monomials(self.degree).into_iter().zip(&self.v) {
            moments.v[p][q] = real(*column)?;
        }
        moments.dd = real(self.rest[0])?;
        moments.pixels = real(table.need("npixel")?)?;
        let window = &images.windows[a];
        let centre = (real(self.centre[0])? - 1.0 + window.x as f64, real(self.centre[1])? - 1.0 + window.y as f64);
        let covered = real(self.rest[1])?.max(0.0) as usize;
        Ok(finished((a, b), centre, self.degree, moments, covered, real(self.rest[2])?))
    }
}

/// A pair from its sums: the fit follows from them.
fn finished(
    (a, b): (usize, usize),
    centre: (f64, f64),
    degree: usize,
    moments: Moments,
    covered: usize,
    sigma: f64,
) -> PairFit {
    let mut difference = Polynomial::zero(centre, degree);
    match solve_small(moments.normal(degree), moments.right(degree)) {
        Some(coefficients) => difference.coefficients = coefficients,
        None if moments.weight() > 0.0 => difference.coefficients[0] = moments.right(0)[0] / moments.weight(),
        None => {}
    }
    PairFit { a, b, difference, moments, parts: Vec::new(), covered, sigma }
}

/// The sums of a plane over its box, as `mBgModel` takes them (Montage, BgModel: integrals over the rotated rectangle).
fn evenly_filled(entry: &FitEntry, (a, b): (usize, usize), images: &Listed) -> PairFit {
    let origin = reference(images, a);
    let centre = (origin.0 + entry.box_center[0], origin.1 + entry.box_center[1]);
    let [w, h] = entry.box_size.map(|side| side.abs().max(1.0) / LENGTH_PX);
    let (sin, cos) = libm::sincos(entry.box_angle_deg.to_radians());
    let area = w * h * LENGTH_PX * LENGTH_PX;
    let (uu, vv) = (w * w / 12.0, h * h / 12.0);
    let mut moments = Moments { pixels: entry.pixels as f64, ..Moments::default() };
    moments.m[0][0] = area;
    moments.m[2][0] = area * (uu * cos * cos + vv * sin * sin);
    moments.m[0][2] = area * (uu * sin * sin + vv * cos * cos);
    moments.m[1][1] = area * (uu - vv) * sin * cos;
    let (sx, sy) = (entry.a * LENGTH_PX, entry.b * LENGTH_PX);
    let level = entry.a * entry.box_center[0] + entry.b * entry.box_center[1] + entry.c;
    moments.v[0][0] = area * level;
    moments.v[1][0] = sx * moments.m[2][0] + sy * moments.m[1][1];
    moments.v[0][1] = sx * moments.m[1][1] + sy * moments.m[0][2];
    let slopes = sx * moments.v[1][0] + sy * moments.v[0][1];
    moments.dd = area * (level * level + entry.rms * entry.rms) + slopes;
    finished((a, b), centre, 1, moments, entry.pixels as usize, entry.rms)
}
