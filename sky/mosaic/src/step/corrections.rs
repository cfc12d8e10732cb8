//! `corrections.tbl`: what to subtract from each image, in Montage's columns and exactly.
//!
//! Montage's `a`, `b`, `c` give a plane in pixels from 0 less CRPIX. Beside them stand `xref yref`, a point in pixels of the image
//! (from 1), and `c00 c10 c01 ...`, the coefficients of the polynomial about it, `cpq` in units per pixel^(p+q). A table
//! without these is taken by its planes.

use super::grid::{Listed, read_table};
use crate::background::polynomial::{LENGTH_PX, MAX_DEGREE, Polynomial, monomials};
use crate::error::MosaicError;
use pogson_image::table::{Column, ColumnType, CorrectionEntry, IpacTable};
use std::path::Path;

/// The table; one polynomial for each image, in pixels of the grid.
///
/// Montage's columns hold the polynomial's level and slopes at the middle of the image; of a polynomial of higher degree
/// they are a part.
pub fn table(images: &Listed, corrections: &[Polynomial]) -> IpacTable {
    let entries: Vec<CorrectionEntry> =
        images.entries.iter().enumerate().map(|(k, e)| entry(images, k, e.cntr, &corrections[k])).collect();
    let mut table = CorrectionEntry::table(&entries);
    let mut add = |name: String, value: &dyn Fn(usize, &Polynomial) -> f64| {
        let column = table.add_column(Column::new(&name, ColumnType::Double));
        for (row, poly) in corrections.iter().enumerate().take(entries.len()) {
            table.set(row, column, Some(format!("{:e}", value(row, poly))));
        }
    };
    let degree = corrections.iter().map(|p| p.degree).max().unwrap_or(0);
    add("xref".into(), &|k, p| p.centre.0 - images.windows[k].x as f64 + 1.0);
    add("yref".into(), &|k, p| p.centre.1 - images.windows[k].y as f64 + 1.0);
    for (k, (p, q)) in monomials(degree).into_iter().enumerate() {
        // A power of two: no digit is lost.
        let unit = unit(p + q);
        add(format!("c{p}{q}"), &|_, poly| poly.coefficients.get(k).copied().unwrap_or(0.0) / unit);
    }
    table
}

fn unit(power: usize) -> f64 {
    (0..power).fold(1.0, |product, _| product * LENGTH_PX)
}

fn entry(images: &Listed, k: usize, id: i64, poly: &Polynomial) -> CorrectionEntry {
    let part = |n: usize| poly.coefficients.get(n).copied().unwrap_or(0.0);
    let plane = Polynomial { centre: poly.centre, degree: 1, coefficients: vec![part(0), part(1), part(2)] };
    let plane = plane.about(reference(images, k));
    CorrectionEntry {
        id,
        a: plane.coefficients[1] / LENGTH_PX,
        b: plane.coefficients[2] / LENGTH_PX,
        c: plane.coefficients[0],
    }
}

/// Where Montage's coordinates start, in the grid's pixels from 0: `mBackground` counts pixels from 0 and takes CRPIX, which
/// counts from 1, off as it stands.
pub(super) fn reference(images: &Listed, k: usize) -> (f64, f64) {
    let (window, crpix) = (&images.windows[k], images.entries[k].crpix);
    (window.x as f64 + crpix[0], window.y as f64 + crpix[1])
}

/// Largest difference between a table's plane and its polynomial, over the size of either.
const AGREE: f64 = 1e-6;

/// Reads a table of corrections; `None` for images that it does not name.
///
/// # Errors
/// [`MosaicError::Table`] for a table that cannot be read, names an image that is not listed or one twice, or says one
/// thing in Montage's columns and another in the exact ones.
pub fn read(path: &Path, images: &Listed) -> Result<Vec<Option<Polynomial>>, MosaicError> {
    let problem = |reason: String| MosaicError::Table { path: path.to_path_buf(), reason };
    let table = read_table(path)?;
    let entries = CorrectionEntry::read_all(&table).map_err(|e| problem(e.to_string()))?;
    let exact = Exact::find(&table);
    let mut out: Vec<Option<Polynomial>> = vec![None; images.entries.len()];
    for (row, entry) in entries.iter().enumerate() {
        let k = images.index(entry.id, path)?;
        if out[k].is_some() {
            return Err(problem(format!("image {} stands in it twice", entry.id)));
        }
        let origin = reference(images, k);
        let plane = Polynomial {
            centre: origin,
            degree: 1,
            coefficients: vec![entry.c, entry.a * LENGTH_PX, entry.b * LENGTH_PX],
        };
        out[k] = Some(match &exact {
            None => plane,
            Some(exact) => {
                let poly = exact.polynomial(&table, row, images, k).map_err(|e| problem(e.to_string()))?;
                let (x, y) = poly.centre;
                let (one, other) = (plane.at(x, y), poly.at(x, y));
                if (one - other).abs() > AGREE * (1.0 + one.abs().max(entry.c.abs())) {
                    return Err(problem(format!(
                        "row {}: a, b and c give {one} in the middle of image {}, the columns from xref on {other}; \
                         correct one, or take the columns from xref on away",
                        row + 1,
                        entry.id
                    )));
                }
                poly
            }
        });
    }
    Ok(out)
}

/// Columns of the exact polynomial.
struct Exact {
    degree: usize,
    centre: [usize; 2],
    coefficients: Vec<usize>,
}

impl Exact {
    fn find(table: &IpacTable) -> Option<Exact> {
        let all = |degree: usize| {
            monomials(degree).iter().map(|(p, q)| table.column(&format!("c{p}{q}"))).collect::<Option<Vec<_>>>()
        };
        let degree = (0..=MAX_DEGREE).rev().find(|d| all(*d).is_some())?;
        Some(Exact { degree, centre: [table.column("xref")?, table.column("yref")?], coefficients: all(degree)? })
    }

    fn polynomial(
        &self,
        table: &IpacTable,
        row: usize,
        images: &Listed,
        k: usize,
    ) -> Result<Polynomial, pogson_image::table::TableError> {
        let real = |column: usize| {
            table.f64(row, column)?.filter(|v| v.is_finite()).ok_or_else(|| table.bad_cell(row, column, "a number"))
        };
        let window = &images.windows[k];
        let centre = (real(self.centre[0])? - 1.0 + window.x as f64, real(self.centre[1])? - 1.0 + window.y as f64);
        let mut poly = Polynomial::zero(centre, self.degree);
        for (n, (p, q)) in monomials(self.degree).into_iter().enumerate() {
            poly.coefficients[n] = real(self.coefficients[n])? * unit(p + q);
        }
        Ok(poly)
    }
}
