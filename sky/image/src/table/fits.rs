//! Montage's table of planes fitted to differences (`fits.tbl`), as `mFitExec` writes it.

use super::images::{need_f64, need_i64, number};
use super::{Column, ColumnType, IpacTable, TableError};

/// The plane fitted to the difference of two images, and where its pixels lie.
///
/// Coordinates are pixels counted from 0 less CRPIX of the difference image; the plane is `a`·x + `b`·y + `c` in them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FitEntry {
    /// `cntr` of the image from which the other was taken.
    pub plus_id: i64,
    /// `cntr` of the image that was taken.
    pub minus_id: i64,
    /// Slope along x, per pixel.
    pub a: f64,
    /// Slope along y, per pixel.
    pub b: f64,
    /// Value at the reference pixel.
    pub c: f64,
    /// Reference pixel of the difference image, 1-based.
    pub crpix: [f64; 2],
    /// Least and greatest x of the difference's pixels.
    pub x_range: [i64; 2],
    /// Least and greatest y of the difference's pixels.
    pub y_range: [i64; 2],
    /// Mean x and y of the pixels used.
    pub center: [f64; 2],
    /// Pixels used.
    pub pixels: u64,
    /// Scatter about the plane.
    pub rms: f64,
    /// Centre of the least rectangle around the pixels.
    pub box_center: [f64; 2],
    /// Sides of that rectangle.
    pub box_size: [f64; 2],
    /// Angle of its first side in degrees.
    pub box_angle_deg: f64,
}

const REALS: [&str; 14] = [
    "a",
    "b",
    "c",
    "crpix1",
    "crpix2",
    "xcenter",
    "ycenter",
    "rms",
    "boxx",
    "boxy",
    "boxwidth",
    "boxheight",
    "boxang",
    "npixel",
];

impl FitEntry {
    /// Reads each row. Needs each column that `mFitExec` writes but the `box` ones, which default to the ranges.
    ///
    /// # Errors
    /// [`TableError::MissingColumn`], [`TableError::BadCell`].
    pub fn read_all(table: &IpacTable) -> Result<Vec<FitEntry>, TableError> {
        let (plus, minus) = (table.need("plus")?, table.need("minus")?);
        let mut reals = [None; REALS.len()];
        for (slot, name) in reals.iter_mut().zip(REALS) {
            *slot = if name.starts_with("box") { table.column(name) } else { Some(table.need(name)?) };
        }
        let bounds = [table.need("xmin")?, table.need("xmax")?, table.need("ymin")?, table.need("ymax")?];
        (0..table.len())
            .map(|row| {
                let mut v = [None; REALS.len()];
                for (value, column) in v.iter_mut().zip(reals) {
                    *value = column.map(|c| need_f64(table, row, c)).transpose()?;
                }
                let mut b = [0; 4];
                for (bound, column) in b.iter_mut().zip(bounds) {
                    *bound = need_i64(table, row, column)?;
                }
                // Each column without "box" in its name was needed above, so its value is there.
                let real = |i: usize| v[i].unwrap_or(f64::NAN);
                let middle = |low: i64, high: i64| (low + high) as f64 / 2.0;
                let pixels = real(13);
                if !(0.0..9e15).contains(&pixels) {
                    return Err(table.bad_cell(row, table.need("npixel")?, "a number of pixels"));
                }
                Ok(FitEntry {
                    plus_id: need_i64(table, row, plus)?,
                    minus_id: need_i64(table, row, minus)?,
                    a: real(0),
                    b: real(1),
                    c: real(2),
                    crpix: [real(3), real(4)],
                    x_range: [b[0], b[1]],
                    y_range: [b[2], b[3]],
                    center: [real(5), real(6)],
                    pixels: pixels as u64,
                    rms: real(7),
                    box_center: [v[8].unwrap_or(middle(b[0], b[1])), v[9].unwrap_or(middle(b[2], b[3]))],
                    box_size: [v[10].unwrap_or((b[1] - b[0] + 1) as f64), v[11].unwrap_or((b[3] - b[2] + 1) as f64)],
                    box_angle_deg: v[12].unwrap_or(0.0),
                })
            })
            .collect()
    }

    /// A table that `mBgModel` reads.
    pub fn table(entries: &[FitEntry]) -> IpacTable {
        let int = |name: &str, width| Column::new(name, ColumnType::Int).at_least(width);
        let real = |name: &str, width| Column::new(name, ColumnType::Double).at_least(width);
        let mut columns = vec![int("plus", 9), int("minus", 9)];
        columns.extend(["a", "b", "c"].map(|n| real(n, 16)));
        columns.extend(["crpix1", "crpix2"].map(|n| real(n, 14)));
        columns.extend(["xmin", "xmax", "ymin", "ymax"].map(|n| int(n, 10)));
        columns.extend([real("xcenter", 13), real("ycenter", 13), int("npixel", 13), real("rms", 16)]);
        columns.extend(["boxx", "boxy", "boxwidth", "boxheight", "boxang"].map(|n| real(n, 16)));
        let mut table = IpacTable::new(columns);
        for e in entries {
            let mut cells = vec![e.plus_id.to_string(), e.minus_id.to_string()];
            cells.extend([e.a, e.b, e.c, e.crpix[0], e.crpix[1]].map(number));
            cells.extend([e.x_range, e.y_range].concat().iter().map(i64::to_string));
            cells.extend(e.center.map(number));
            cells.extend([e.pixels.to_string(), number(e.rms)]);
            let shape = [e.box_center, e.box_size].concat();
            cells.extend(shape.into_iter().chain([e.box_angle_deg]).map(number));
            table.push(cells.into_iter().map(Some));
        }
        table
    }
}
