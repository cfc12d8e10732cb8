//! The columns of the binary table that holds the tiles.

use super::TiledError;
use crate::fits::Header;

/// How the cells of a column are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Pointers (32 bits, or 64 where `wide`) to arrays in the heap; `element`: bytes per element.
    Array { wide: bool, element: usize },
    /// One number of this TFORM letter.
    Number(u8),
}

/// One column: where its cells lie in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    offset: usize,
    format: Format,
}

/// The data of the table, and the columns that tiles use.
#[derive(Debug, Clone)]
pub(super) struct Columns<'a> {
    cells: &'a [u8],
    heap: &'a [u8],
    row_bytes: usize,
    pub(super) rows: usize,
    pub(super) compressed: Option<Column>,
    pub(super) gzip: Option<Column>,
    pub(super) raw: Option<Column>,
    pub(super) scale: Option<Column>,
    pub(super) zero: Option<Column>,
    pub(super) blank: Option<Column>,
}

fn bad(keyword: String, found: impl ToString, allowed: &'static str) -> TiledError {
    TiledError::BadKeyword { keyword, found: found.to_string(), allowed }
}

/// Repeat count, letter, and what follows of a TFORM.
fn split_form(form: &str) -> Option<(usize, u8, &[u8])> {
    let form = form.trim();
    let digits = form.bytes().take_while(u8::is_ascii_digit).count();
    let repeat = if digits == 0 { 1 } else { form[..digits].parse().ok()? };
    let (&letter, rest) = form.as_bytes()[digits..].split_first()?;
    Some((repeat, letter.to_ascii_uppercase(), rest))
}

fn element_bytes(letter: u8) -> Option<usize> {
    match letter.to_ascii_uppercase() {
        b'L' | b'B' | b'A' => Some(1),
        b'I' => Some(2),
        b'J' | b'E' => Some(4),
        b'K' | b'D' | b'C' | b'P' => Some(8),
        b'M' | b'Q' => Some(16),
        _ => None,
    }
}

impl<'a> Columns<'a> {
    /// - `header`: of the binary table.
    /// - `data`: its data unit, cells and heap.
    ///
    /// # Errors
    /// [`TiledError::BadKeyword`] for sizes or formats that do not fit; the data may be shorter than the header says,
    /// which is found when a tile is read.
    pub(super) fn new(header: &Header, data: &'a [u8]) -> Result<Columns<'a>, TiledError> {
        let size = |key: &str| {
            let found = header.i64(key);
            found
                .and_then(|n| usize::try_from(n).ok())
                .ok_or_else(|| bad(key.to_owned(), found.map_or("missing".to_owned(), |n| n.to_string()), "0 or more"))
        };
        let (row_bytes, rows, fields) = (size("NAXIS1")?, size("NAXIS2")?, size("TFIELDS")?.min(999));
        let table_bytes =
            row_bytes.checked_mul(rows).ok_or_else(|| bad("NAXIS2".to_owned(), rows, "what fits into the file"))?;
        let heap_start = header.i64("THEAP").and_then(|n| usize::try_from(n).ok()).unwrap_or(table_bytes);
        let mut columns = Columns {
            cells: &data[..table_bytes.min(data.len())],
            heap: data.get(heap_start..).unwrap_or(&[]),
            row_bytes,
            rows,
            compressed: None,
            gzip: None,
            raw: None,
            scale: None,
            zero: None,
            blank: None,
        };
        let mut offset = 0usize;
        for field in 1..=fields {
            let key = format!("TFORM{field}");
            let form = header.str(&key).unwrap_or("missing");
            let refuse = || bad(key.clone(), form, "a column format of a binary table inside NAXIS1");
            let (repeat, letter, rest) = split_form(form).ok_or_else(refuse)?;
            let bytes = if letter == b'X' {
                repeat.div_ceil(8)
            } else {
                element_bytes(letter).ok_or_else(refuse)?.saturating_mul(repeat)
            };
            let format = match (letter, rest.first()) {
                (b'P' | b'Q', Some(&of)) => {
                    Format::Array { wide: letter == b'Q', element: element_bytes(of).ok_or_else(refuse)? }
                }
                _ => Format::Number(letter),
            };
            let column = (repeat > 0).then_some(Column { offset, format });
            offset = offset.saturating_add(bytes);
            if offset > row_bytes {
                return Err(refuse());
            }
            let name = header.str(&format!("TTYPE{field}")).unwrap_or("").trim().to_ascii_uppercase();
            let is_array = matches!(format, Format::Array { .. });
            match name.as_str() {
                "COMPRESSED_DATA" if is_array => columns.compressed = column,
                "GZIP_COMPRESSED_DATA" if is_array => columns.gzip = column,
                "UNCOMPRESSED_DATA" if is_array => columns.raw = column,
                "ZSCALE" => columns.scale = column,
                "ZZERO" => columns.zero = column,
                "ZBLANK" => columns.blank = column,
                _ => {}
            }
        }
        Ok(columns)
    }

    fn cell<const N: usize>(&self, column: Column, row: usize) -> Option<[u8; N]> {
        let start = row.checked_mul(self.row_bytes)?.checked_add(column.offset)?;
        self.cells.get(start..start.checked_add(N)?)?.first_chunk::<N>().copied()
    }

    /// The bytes of an array cell; empty where the array is.
    ///
    /// # Errors
    /// [`TiledError::Damaged`] when the pointer leads outside the heap.
    pub(super) fn array(&self, column: Column, row: usize) -> Result<&'a [u8], TiledError> {
        let Format::Array { wide, element } = column.format else { return Ok(&[]) };
        let outside = |found: i64| TiledError::Damaged {
            codec: "table",
            what: "the pointer into the heap (file cut short?)",
            found,
        };
        let (count, start) = if wide {
            let cell = self.cell::<16>(column, row).ok_or_else(|| outside(row as i64))?;
            let (count, start) = cell.split_at(8);
            (big(count), big(start))
        } else {
            let cell = self.cell::<8>(column, row).ok_or_else(|| outside(row as i64))?;
            let (count, start) = cell.split_at(4);
            (big(count), big(start))
        };
        if count == 0 {
            return Ok(&[]);
        }
        let start = usize::try_from(start).map_err(|_| outside(start as i64))?;
        let bytes =
            usize::try_from(count).ok().and_then(|n| n.checked_mul(element)).ok_or_else(|| outside(count as i64))?;
        let end = start.checked_add(bytes).ok_or_else(|| outside(start as i64))?;
        self.heap.get(start..end).ok_or_else(|| outside(start as i64))
    }

    /// The number in a cell; `None` where the column is no number or the row is missing.
    pub(super) fn number(&self, column: Column, row: usize) -> Option<f64> {
        match column.format {
            Format::Number(b'D') => self.cell::<8>(column, row).map(f64::from_be_bytes),
            Format::Number(b'E') => self.cell::<4>(column, row).map(|b| f64::from(f32::from_be_bytes(b))),
            _ => self.integer(column, row).map(|n| n as f64),
        }
    }

    /// The integer in a cell; `None` where the column is no integer or the row is missing.
    pub(super) fn integer(&self, column: Column, row: usize) -> Option<i64> {
        match column.format {
            Format::Number(b'B') => self.cell::<1>(column, row).map(|b| i64::from(b[0])),
            Format::Number(b'I') => self.cell::<2>(column, row).map(|b| i64::from(i16::from_be_bytes(b))),
            Format::Number(b'J') => self.cell::<4>(column, row).map(|b| i64::from(i32::from_be_bytes(b))),
            Format::Number(b'K') => self.cell::<8>(column, row).map(i64::from_be_bytes),
            _ => None,
        }
    }
}

fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| (number << 8) | u64::from(byte))
}
