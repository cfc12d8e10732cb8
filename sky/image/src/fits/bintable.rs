//! Reading binary tables.

use std::path::Path;

use super::column::{Column, ElementType};
use super::decode::{Real, decode_i64};
use super::error::FitsError;
use super::file::{FitsFile, HduKind};
use super::header::Header;
use super::pixel::Bitpix;

/// A binary table of a [`FitsFile`]; rows and columns count from 0.
#[derive(Debug)]
pub struct BinTable<'a> {
    path: &'a Path,
    hdu: usize,
    header: &'a Header,
    columns: Vec<Column>,
    rows: usize,
    row_bytes: usize,
    main: &'a [u8],
    heap: &'a [u8],
}

impl FitsFile {
    /// The binary table of an HDU; that of a tile-compressed image too.
    ///
    /// # Errors
    /// [`FitsError::NoSuchHdu`]; [`FitsError::WrongKind`]; [`FitsError::TruncatedData`]; [`FitsError::Column`] for a
    /// column without a format that FITS defines, or columns that need more bytes than a row has.
    pub fn table(&self, index: usize) -> Result<BinTable<'_>, FitsError> {
        let hdu = self.hdu(index)?;
        let axes = match (hdu.kind(), hdu.axes()) {
            (HduKind::BinTable | HduKind::CompressedImage, [row_bytes, rows]) => (*row_bytes, *rows),
            _ => return Err(self.wrong_kind(index, "a binary table")),
        };
        let header = hdu.own_header();
        let data = self.data(index)?;
        let (row_bytes, rows) = match axes {
            (0, _) => (0, 0),
            (row_bytes, rows) => (row_bytes, rows.min(data.len() / row_bytes)),
        };
        let (main, after) = data.split_at(row_bytes * rows);
        let fields = header.require_i64("TFIELDS").map_err(|source| FitsError::header(self.path(), index, source))?;
        if !(0..=999).contains(&fields) {
            return Err(FitsError::bad_value(self.path(), index, "TFIELDS", fields, "from 0 to 999"));
        }
        let mut columns: Vec<Column> = Vec::new();
        let mut offset = 0;
        for number in 1..=fields as usize {
            let wrong = |problem: String| FitsError::Column {
                path: self.path().to_owned(),
                hdu: index,
                column: number.to_string(),
                problem,
            };
            let column = Column::read(header, number, offset).map_err(wrong)?;
            offset = offset
                .checked_add(column.width)
                .filter(|end| *end <= axes.0)
                .ok_or_else(|| wrong(format!("ends beyond the {} bytes of a row (NAXIS1)", axes.0)))?;
            columns.push(column);
        }
        let gap = match header.i64("THEAP") {
            Some(at) => usize::try_from(at).unwrap_or(usize::MAX).saturating_sub(main.len()),
            None => 0,
        };
        let heap = after.get(gap..).unwrap_or(&[]);
        Ok(BinTable { path: self.path(), hdu: index, header, columns, rows, row_bytes, main, heap })
    }
}

impl<'a> BinTable<'a> {
    /// The header of the HDU.
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// Number of rows; 0 if rows have no bytes.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of a row (NAXIS1).
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// All bytes behind the rows, where cells of variable length lie.
    pub fn heap(&self) -> &'a [u8] {
        self.heap
    }

    /// Index of the first column of that name, letter case aside.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name.trim()))
    }

    /// Index of a column that has to be there.
    ///
    /// # Errors
    /// [`FitsError::Column`], which lists the columns there are.
    pub fn require(&self, name: &str) -> Result<usize, FitsError> {
        self.column(name).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().take(30).map(|c| c.name.as_str()).collect();
            self.wrong(name, format!("is not in the table, which has {}", names.join(", ")))
        })
    }

    /// Number of elements in a cell: for columns of variable length, that of the row.
    ///
    /// # Errors
    /// [`FitsError::Column`] if there is no such row or column.
    pub fn count(&self, row: usize, column: usize) -> Result<usize, FitsError> {
        let info = self.info(column)?;
        match info.format.descriptor {
            Some(_) => Ok(self.descriptor(row, column)?.0),
            None => Ok(info.format.repeat),
        }
    }

    /// Number of elements and offset in the heap of a cell of variable length, as stored.
    ///
    /// # Errors
    /// [`FitsError::Column`] if the column is of fixed length, or a number is negative.
    pub fn descriptor(&self, row: usize, column: usize) -> Result<(usize, usize), FitsError> {
        let info = self.info(column)?;
        let bytes = self.fixed(row, column)?;
        let bad = || self.wrong_cell(row, column, "its descriptor has a negative number");
        let pair = match info.format.descriptor {
            None => return Err(self.wrong(&self.label(column), "is not of variable length".to_owned())),
            Some(_) if bytes.is_empty() => return Ok((0, 0)),
            Some(8) => {
                let words = bytes.as_chunks::<4>().0;
                words.iter().map(|w| i64::from(i32::from_be_bytes(*w))).collect::<Vec<_>>()
            }
            Some(_) => bytes.as_chunks::<8>().0.iter().map(|w| i64::from_be_bytes(*w)).collect(),
        };
        match pair[..] {
            // An offset means nothing where there are no elements.
            [0, _] => Ok((0, 0)),
            [count, at] => Ok((usize::try_from(count).map_err(|_| bad())?, usize::try_from(at).map_err(|_| bad())?)),
            _ => Err(bad()),
        }
    }

    /// The stored bytes of a cell's elements: from the row, or from the heap for columns of variable length.
    ///
    /// # Errors
    /// [`FitsError::Column`] if there is no such cell, or it lies outside the heap.
    pub fn raw(&self, row: usize, column: usize) -> Result<&'a [u8], FitsError> {
        let info = self.info(column)?;
        if info.format.descriptor.is_none() {
            return self.fixed(row, column);
        }
        let (count, at) = self.descriptor(row, column)?;
        let end = info.format.element.bytes(count).and_then(|size| size.checked_add(at));
        end.and_then(|end| self.heap.get(at..end)).ok_or_else(|| {
            let size = self.heap.len();
            self.wrong_cell(
                row,
                column,
                &format!("{count} elements at byte {at} do not lie in the heap of {size} bytes"),
            )
        })
    }

    /// The numbers of a cell, TSCAL and TZERO applied, TNULL as NaN.
    ///
    /// # Errors
    /// [`FitsError::Column`] if the cell is not of numbers, or cannot be read.
    pub fn f64s(&self, row: usize, column: usize) -> Result<Vec<f64>, FitsError> {
        let bitpix = self.number(column)?;
        let bytes = self.raw(row, column)?;
        let mut out = vec![0.0; bytes.len() / bitpix.bytes()];
        f64::decode(bitpix, &self.columns[column].scaling, bytes, &mut out);
        Ok(out)
    }

    /// The integers of a cell as stored, but for the offset of the unsigned convention.
    ///
    /// # Errors
    /// [`FitsError::Column`] if the cell is not of integers, cannot be read, or has an unsigned number from 2^63 up.
    pub fn i64s(&self, row: usize, column: usize) -> Result<Vec<i64>, FitsError> {
        let bitpix = self.number(column)?;
        if !bitpix.is_integer() {
            return Err(self.wrong(&self.label(column), "is of floats, not of integers".to_owned()));
        }
        let bytes = self.raw(row, column)?;
        let mut out = vec![0; bytes.len() / bitpix.bytes()];
        decode_i64(bitpix, &self.columns[column].scaling, bytes, &mut out)
            .map_err(|value| self.wrong_cell(row, column, &format!("{value} does not fit 64 signed bits")))?;
        Ok(out)
    }

    /// The text of a cell, up to the first NUL, trailing blanks cut off. Bytes that are not ASCII are read as Latin-1.
    ///
    /// # Errors
    /// [`FitsError::Column`] if the cell is not of text, or cannot be read.
    pub fn text(&self, row: usize, column: usize) -> Result<String, FitsError> {
        self.expect(column, ElementType::Text, "text")?;
        Ok(text_of(self.raw(row, column)?))
    }

    /// The texts of a cell that holds several of one width (`rAw`, or TDIM with the width first).
    ///
    /// # Errors
    /// As [`BinTable::text`].
    pub fn texts(&self, row: usize, column: usize) -> Result<Vec<String>, FitsError> {
        self.expect(column, ElementType::Text, "text")?;
        let info = &self.columns[column];
        let bytes = self.raw(row, column)?;
        let width = info.format.text_width.or(info.dims.first().copied()).filter(|w| *w > 0).unwrap_or(bytes.len());
        Ok(bytes.chunks(width.max(1)).map(text_of).collect())
    }

    /// The logical values of a cell; `None` where undefined.
    ///
    /// # Errors
    /// [`FitsError::Column`] if the cell is not logical, or cannot be read.
    pub fn logicals(&self, row: usize, column: usize) -> Result<Vec<Option<bool>>, FitsError> {
        self.expect(column, ElementType::Logical, "logical")?;
        let value = |b: &u8| match b {
            b'T' | b't' | b'1' => Some(true),
            b'F' | b'f' | b'0' => Some(false),
            _ => None,
        };
        Ok(self.raw(row, column)?.iter().map(value).collect())
    }

    /// The bits of a cell.
    ///
    /// # Errors
    /// [`FitsError::Column`] if the cell is not of bits, or cannot be read.
    pub fn bits(&self, row: usize, column: usize) -> Result<Vec<bool>, FitsError> {
        self.expect(column, ElementType::Bit, "bits")?;
        let count = self.count(row, column)?;
        let bytes = self.raw(row, column)?;
        Ok(bytes.iter().flat_map(|b| (0..8).map(move |i| b >> (7 - i) & 1 == 1)).take(count).collect())
    }

    /// The complex numbers of a cell as (real, imaginary), TSCAL and TZERO (of the real part) applied.
    ///
    /// # Errors
    /// [`FitsError::Column`] if the cell is not complex, or cannot be read.
    pub fn complexes(&self, row: usize, column: usize) -> Result<Vec<(f64, f64)>, FitsError> {
        let bitpix = match self.info(column)?.format.element {
            ElementType::Complex32 => Bitpix::F32,
            ElementType::Complex64 => Bitpix::F64,
            _ => return Err(self.wrong(&self.label(column), "is not complex".to_owned())),
        };
        let bytes = self.raw(row, column)?;
        let mut parts = vec![0.0; bytes.len() / bitpix.bytes()];
        f64::decode(bitpix, &super::pixel::Scaling::NONE, bytes, &mut parts);
        let scaling = self.columns[column].scaling;
        let apply = |p: &[f64; 2]| (p[0] * scaling.scale + scaling.zero, p[1] * scaling.scale);
        Ok(parts.as_chunks::<2>().0.iter().map(apply).collect())
    }

    /// All numbers of a column of fixed length, row after row, `repeat` to a row; scaled as by [`BinTable::f64s`].
    ///
    /// # Errors
    /// [`FitsError::Column`] if it is not of numbers, or of variable length.
    pub fn column_f64(&self, column: usize) -> Result<Vec<f64>, FitsError> {
        let bitpix = self.number(column)?;
        let info = &self.columns[column];
        if info.format.descriptor.is_some() {
            return Err(self.wrong(&self.label(column), "is of variable length".to_owned()));
        }
        let mut out = vec![0.0; self.rows * info.format.repeat];
        for (row, values) in out.chunks_exact_mut(info.format.repeat.max(1)).enumerate() {
            f64::decode(bitpix, &info.scaling, self.fixed(row, column)?, values);
        }
        Ok(out)
    }

    /// All texts of a column, one to a row.
    ///
    /// # Errors
    /// [`FitsError::Column`] if it is not of text.
    pub fn column_text(&self, column: usize) -> Result<Vec<String>, FitsError> {
        (0..self.rows).map(|row| self.text(row, column)).collect()
    }

    fn info(&self, column: usize) -> Result<&Column, FitsError> {
        self.columns.get(column).ok_or_else(|| {
            let count = self.columns.len();
            self.wrong(&format!("{}", column + 1), format!("is not there, the table has {count}"))
        })
    }

    /// The bytes of a cell in its row.
    fn fixed(&self, row: usize, column: usize) -> Result<&'a [u8], FitsError> {
        let info = self.info(column)?;
        if row >= self.rows {
            return Err(self.wrong_cell(row, column, &format!("the table has {} rows", self.rows)));
        }
        let start = row * self.row_bytes + info.offset;
        self.main.get(start..start + info.width).ok_or_else(|| self.wrong_cell(row, column, "lies outside the data"))
    }

    fn number(&self, column: usize) -> Result<Bitpix, FitsError> {
        match self.info(column)?.format.element {
            ElementType::Number(bitpix) => Ok(bitpix),
            other => Err(self.wrong(&self.label(column), format!("has type {}, not numbers", other.letter()))),
        }
    }

    fn expect(&self, column: usize, wanted: ElementType, word: &str) -> Result<(), FitsError> {
        match self.info(column)?.format.element {
            found if found == wanted => Ok(()),
            found => Err(self.wrong(&self.label(column), format!("has type {}, not {word}", found.letter()))),
        }
    }

    fn label(&self, column: usize) -> String {
        match self.columns.get(column) {
            Some(c) if !c.name.is_empty() => c.name.clone(),
            _ => (column + 1).to_string(),
        }
    }

    fn wrong_cell(&self, row: usize, column: usize, problem: &str) -> FitsError {
        self.wrong(&self.label(column), format!("row {}: {problem}", row.saturating_add(1)))
    }

    fn wrong(&self, column: &str, problem: String) -> FitsError {
        FitsError::Column { path: self.path.to_owned(), hdu: self.hdu, column: column.to_owned(), problem }
    }
}

fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let text: String = bytes[..end].iter().map(|b| char::from(*b)).collect();
    text.trim_end_matches(' ').to_owned()
}
