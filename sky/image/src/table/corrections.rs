//! Montage's table of background corrections (`corrections.tbl`), as `mBgModel` writes it.

use super::images::{need_f64, need_i64, number};
use super::{Column, ColumnType, IpacTable, TableError};

/// The plane to subtract from one image.
///
/// Montage's convention: value = `a`·x + `b`·y + `c`, where x and y are pixels counted from 0 less the image's CRPIX as it stands, so
/// that images cut from one projection share the coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CorrectionEntry {
    /// `cntr` of the image.
    pub id: i64,
    /// Slope along x, per pixel.
    pub a: f64,
    /// Slope along y, per pixel.
    pub b: f64,
    /// Value at the reference pixel.
    pub c: f64,
}

impl CorrectionEntry {
    /// Reads each row; needs `id a b c`, and takes `cntr` for `id`.
    ///
    /// # Errors
    /// [`TableError::MissingColumn`], [`TableError::BadCell`].
    pub fn read_all(table: &IpacTable) -> Result<Vec<CorrectionEntry>, TableError> {
        let id = table.column("cntr").map_or_else(|| table.need("id"), Ok)?;
        let [a, b, c] = [table.need("a")?, table.need("b")?, table.need("c")?];
        (0..table.len())
            .map(|row| {
                Ok(CorrectionEntry {
                    id: need_i64(table, row, id)?,
                    a: need_f64(table, row, a)?,
                    b: need_f64(table, row, b)?,
                    c: need_f64(table, row, c)?,
                })
            })
            .collect()
    }

    /// A table that `mBgExec` reads; numbers with as many digits as they need to be read back exactly.
    pub fn table(entries: &[CorrectionEntry]) -> IpacTable {
        let mut columns = vec![Column::new("id", ColumnType::Int).at_least(8)];
        columns.extend(["a", "b", "c"].map(|name| Column::new(name, ColumnType::Double).at_least(14)));
        let mut table = IpacTable::new(columns);
        for entry in entries {
            let plane = [entry.a, entry.b, entry.c].map(number);
            table.push(std::iter::once(entry.id.to_string()).chain(plane).map(Some));
        }
        table
    }
}
