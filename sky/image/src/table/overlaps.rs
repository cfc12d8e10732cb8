//! Montage's table of overlapping pairs (`diffs.tbl`), as `mOverlaps` writes it.

use super::images::need_i64;
use super::{Column, ColumnType, IpacTable, TableError};

/// Two images that share sky.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OverlapEntry {
    /// `cntr` of the first image.
    pub plus_id: i64,
    /// `cntr` of the second image.
    pub minus_id: i64,
    /// File name of the first image.
    pub plus: String,
    /// File name of the second image.
    pub minus: String,
    /// File name of the difference, plus less minus.
    pub diff: String,
}

impl OverlapEntry {
    /// The pair with the name that Montage gives its difference: `diff.PPPPPP.MMMMMM.fits`.
    pub fn new(plus_id: i64, minus_id: i64, plus: &str, minus: &str) -> OverlapEntry {
        OverlapEntry {
            plus_id,
            minus_id,
            plus: plus.to_owned(),
            minus: minus.to_owned(),
            diff: format!("diff.{plus_id:06}.{minus_id:06}.fits"),
        }
    }

    /// Reads each row of an overlap table; needs `cntr1 cntr2 plus minus`, and takes `diff` when it is there.
    ///
    /// # Errors
    /// [`TableError::MissingColumn`], [`TableError::BadCell`].
    pub fn read_all(table: &IpacTable) -> Result<Vec<OverlapEntry>, TableError> {
        let (plus_id, minus_id) = (table.need("cntr1")?, table.need("cntr2")?);
        let (plus, minus) = (table.need("plus")?, table.need("minus")?);
        let diff = table.column("diff");
        (0..table.len())
            .map(|row| {
                let name = |column| match table.text(row, column) {
                    Some(name) => Ok(name.to_owned()),
                    None => Err(table.bad_cell(row, column, "a file name")),
                };
                let mut entry = OverlapEntry::new(
                    need_i64(table, row, plus_id)?,
                    need_i64(table, row, minus_id)?,
                    &name(plus)?,
                    &name(minus)?,
                );
                if let Some(diff) = diff.and_then(|column| table.text(row, column)) {
                    entry.diff = diff.to_owned();
                }
                Ok(entry)
            })
            .collect()
    }

    /// A table that Montage's programs read.
    pub fn table(entries: &[OverlapEntry]) -> IpacTable {
        let mut table = IpacTable::new(vec![
            Column::new("cntr1", ColumnType::Int).at_least(7),
            Column::new("cntr2", ColumnType::Int).at_least(7),
            Column::new("plus", ColumnType::Char),
            Column::new("minus", ColumnType::Char),
            Column::new("diff", ColumnType::Char),
        ]);
        for entry in entries {
            let ids = [entry.plus_id.to_string(), entry.minus_id.to_string()];
            let names = [&entry.plus, &entry.minus, &entry.diff].map(Clone::clone);
            table.push(ids.into_iter().chain(names).map(Some));
        }
        table
    }
}
