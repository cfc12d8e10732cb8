//! Writing files: images by blocks from several threads, several HDUs, check sums.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::behind::Behind;
use super::checksum::{encode, fold, sum, sum_at};
use super::coverage::Coverage;
use super::encode::Stored;
use super::error::{FitsError, axes_text};
use super::file::is_structural;
use super::header::{BLOCK, Card, Header, Value};
use super::image::Rect;
use super::output::Output;
use super::pixel::{Bitpix, Scaling};

/// Bytes that are converted and written at once.
const CHUNK: usize = 1 << 20;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether a file of that name may be replaced.
    pub overwrite: bool,
    /// Whether CHECKSUM and DATASUM are written.
    pub checksum: bool,
}

impl Default for Options {
    /// Nothing is replaced; check sums are written.
    fn default() -> Self {
        Options { overwrite: false, checksum: true }
    }
}

/// What the data of an HDU are.
#[derive(Debug)]
enum Layout {
    Image {
        axes: Vec<usize>,
        bitpix: Bitpix,
        scaling: Scaling,
    },
    /// Rows of bytes, and a heap behind them that grows until the next HDU is begun.
    Table {
        row_bytes: usize,
        rows: usize,
    },
}

#[derive(Debug)]
struct Part {
    header: Header,
    header_at: u64,
    header_bytes: usize,
    data_at: u64,
    data_bytes: u64,
    layout: Layout,
    /// Sum of the bytes written so far, each folded to 32 bits: 2^32 writes have room.
    sum: AtomicU64,
    coverage: Mutex<Coverage>,
}

/// Writes a file of several HDUs.
///
/// The file has a temporary name beside its target until [`FitsWriter::finish`]; dropped before, it is removed. Pixels
/// may be written in any order, from several threads; pixels that are never written hold 0.
///
/// DATASUM is added up while pixels are written. If some pixel was written twice, that sum is void and `finish` reads
/// the data once more; which bytes were written is kept as intervals per row.
#[derive(Debug)]
pub struct FitsWriter {
    output: Output,
    behind: Behind,
    options: Options,
    date: String,
    parts: Vec<Part>,
    end: u64,
}

impl FitsWriter {
    /// Begins a file without HDUs.
    ///
    /// # Errors
    /// [`FitsError::Exists`], [`FitsError::NotReplaceable`], [`FitsError::Io`].
    pub fn create(path: &Path, options: Options) -> Result<FitsWriter, FitsError> {
        let output = Output::create(path, options.overwrite)?;
        let (behind, date) = (Behind::default(), super::date::now());
        Ok(FitsWriter { output, behind, options, date, parts: Vec::new(), end: 0 })
    }

    /// Path that the file will have.
    pub fn path(&self) -> &Path {
        self.output.path()
    }

    /// Number of HDUs so far.
    pub fn hdus(&self) -> usize {
        self.parts.len()
    }

    /// Adds an image HDU, the primary if it is the first, and returns its index.
    ///
    /// - `header`: its keywords are written but for those that describe the HDU itself (SIMPLE, BITPIX, NAXISn, ...),
    ///   which come from `axes` and `bitpix`. For integers, BSCALE, BZERO and BLANK say how values are stored.
    /// - `axes`: NAXIS1 first; none for a header without data.
    ///
    /// # Errors
    /// [`FitsError::TooLarge`], [`FitsError::NoRoom`], [`FitsError::BadValue`] for BSCALE = 0.
    pub fn add_image(&mut self, header: &Header, axes: &[usize], bitpix: Bitpix) -> Result<usize, FitsError> {
        let path = self.output.path();
        let hdu = self.parts.len();
        let scaling = if bitpix.is_integer() { Scaling::of(header, bitpix) } else { Scaling::NONE };
        if scaling.scale == 0.0 {
            return Err(FitsError::bad_value(path, hdu, "BSCALE", 0, "other than 0"));
        }
        let pixels = if axes.is_empty() { Some(0) } else { axes.iter().try_fold(1usize, |p, n| p.checked_mul(*n)) };
        let too_large = || FitsError::TooLarge { path: path.to_owned(), hdu, axes: axes_text(axes) };
        let bytes =
            pixels.and_then(|p| p.checked_mul(bitpix.bytes())).filter(|b| *b < (1 << 60)).ok_or_else(too_large)?;
        let mut full = Header::new();
        if hdu == 0 {
            full.set("SIMPLE", true, "conforms to FITS");
        } else {
            full.set("XTENSION", "IMAGE", "image extension");
        }
        full.set("BITPIX", bitpix.code(), "type of pixels");
        full.set("NAXIS", axes.len(), "number of axes");
        for (n, length) in axes.iter().enumerate() {
            full.set(&format!("NAXIS{}", n + 1), *length, "");
        }
        if hdu == 0 {
            full.set("EXTEND", true, "extensions may follow");
        } else {
            full.set("PCOUNT", 0, "");
            full.set("GCOUNT", 1, "");
        }
        let scaled = |key: &str| bitpix.is_integer() && matches!(key, "BSCALE" | "BZERO" | "BLANK");
        full.extend(header.cards().filter(|c| !is_structural(c.key()) || scaled(c.key())).cloned());
        if scaling.is_unsigned(bitpix) {
            full.set("BZERO", Value::whole_or_real(scaling.zero), "");
        }
        let rows = if bytes == 0 { 0 } else { axes.iter().skip(1).product() };
        let layout = Layout::Image { axes: axes.to_vec(), bitpix, scaling };
        self.add(full, bytes as u64, rows, layout)
    }

    /// Adds a binary table HDU of `rows` rows and returns its index; an empty primary is put before it if it would be
    /// the first.
    ///
    /// - `header`: TFIELDS, TFORMn, TTYPEn and the rest that describes the columns, and any other keywords; XTENSION,
    ///   NAXISn, PCOUNT, GCOUNT are set here.
    ///
    /// # Errors
    /// [`FitsError::TooLarge`], [`FitsError::NoRoom`].
    pub fn add_table(&mut self, header: &Header, row_bytes: usize, rows: usize) -> Result<usize, FitsError> {
        if self.parts.is_empty() {
            self.add_image(&Header::new(), &[], Bitpix::U8)?;
        }
        let path = self.output.path();
        let too_large = || FitsError::TooLarge {
            path: path.to_owned(),
            hdu: self.parts.len(),
            axes: axes_text(&[row_bytes, rows]),
        };
        let bytes = row_bytes.checked_mul(rows).filter(|b| *b < (1 << 60)).ok_or_else(too_large)?;
        let mut full = Header::new();
        full.set("XTENSION", "BINTABLE", "binary table");
        full.set("BITPIX", 8, "");
        full.set("NAXIS", 2, "");
        full.set("NAXIS1", row_bytes, "bytes of a row");
        full.set("NAXIS2", rows, "rows");
        full.set("PCOUNT", 0, "bytes of the heap");
        full.set("GCOUNT", 1, "");
        full.set("TFIELDS", header.i64("TFIELDS").unwrap_or(0), "columns");
        // A tile-compressed image says the scaling of its pixels in the table's header.
        let scaled = |key: &str| matches!(key, "BSCALE" | "BZERO" | "BLANK");
        full.extend(header.cards().filter(|c| !is_structural(c.key()) || scaled(c.key())).cloned());
        self.add(full, bytes as u64, rows, Layout::Table { row_bytes, rows })
    }

    fn add(&mut self, mut header: Header, data_bytes: u64, rows: usize, layout: Layout) -> Result<usize, FitsError> {
        header.retain(|c| c.key() != "DATE");
        header.push(Card::new("DATE", self.date.as_str(), "when this file was written (UTC)"));
        if self.options.checksum {
            header.push(Card::new("CHECKSUM", "0".repeat(16), "sum of the HDU"));
            header.push(Card::new("DATASUM", "0".repeat(10), "sum of the data"));
        }
        let header_at = self.end;
        let header_bytes = header.to_bytes().len();
        let data_at = header_at + header_bytes as u64;
        let end = (data_at + data_bytes).next_multiple_of(BLOCK as u64);
        self.output.reserve(end)?;
        self.end = end;
        let coverage = Mutex::new(Coverage::of_rows(if self.options.checksum { rows } else { 0 }));
        let sum = AtomicU64::new(0);
        self.parts.push(Part { header, header_at, header_bytes, data_at, data_bytes, layout, sum, coverage });
        Ok(self.parts.len() - 1)
    }

    /// The header that HDU `hdu` will have, for last changes. It is written by `finish`, and has to fit the blocks of
    /// 2880 bytes that it took when the HDU was added.
    pub fn header_mut(&mut self, hdu: usize) -> Option<&mut Header> {
        self.parts.get_mut(hdu).map(|part| &mut part.header)
    }

    /// Writes whole rows of a plane of an image, from row `first_row` on. May be called from several threads.
    ///
    /// # Errors
    /// As [`FitsWriter::write_rect_f32`].
    pub fn write_rows_f32(&self, hdu: usize, plane: usize, first_row: usize, values: &[f32]) -> Result<(), FitsError> {
        let width = self.image(hdu)?.width;
        let height = values.len().checked_div(width).unwrap_or(0);
        self.write_rect(hdu, plane, Rect { x: 0, y: first_row, width, height }, values)
    }

    /// Writes a rectangle of a plane of an image from physical values, row by row. May be called from several threads.
    ///
    /// # Errors
    /// [`FitsError::OutOfBounds`], [`FitsError::WrongLength`]; [`FitsError::Unfit`] for a value that integers cannot
    /// hold, NaN without BLANK included; [`FitsError::NoRoom`], [`FitsError::Io`].
    pub fn write_rect_f32(&self, hdu: usize, plane: usize, rect: Rect, values: &[f32]) -> Result<(), FitsError> {
        self.write_rect(hdu, plane, rect, values)
    }

    /// As [`FitsWriter::write_rect_f32`], from double precision.
    ///
    /// # Errors
    /// As there.
    pub fn write_rect_f64(&self, hdu: usize, plane: usize, rect: Rect, values: &[f64]) -> Result<(), FitsError> {
        self.write_rect(hdu, plane, rect, values)
    }

    /// Writes integers as they are stored, but for the offset of the unsigned convention.
    ///
    /// # Errors
    /// As [`FitsWriter::write_rect_f32`].
    pub fn write_rect_i64(&self, hdu: usize, plane: usize, rect: Rect, values: &[i64]) -> Result<(), FitsError> {
        self.write_rect(hdu, plane, rect, values)
    }

    fn image(&self, hdu: usize) -> Result<ImageLayout<'_>, FitsError> {
        let part = self.part(hdu)?;
        match &part.layout {
            Layout::Image { axes, bitpix, scaling } if !axes.is_empty() => {
                let width = axes[0];
                let height = axes.get(1).copied().unwrap_or(1);
                Ok(ImageLayout { part, axes, width, height, bitpix: *bitpix, scaling })
            }
            _ => {
                let found = "no image".to_owned();
                Err(FitsError::WrongKind { path: self.output.path().into(), hdu, found, wanted: "an image" })
            }
        }
    }

    fn part(&self, hdu: usize) -> Result<&Part, FitsError> {
        self.parts.get(hdu).ok_or_else(|| FitsError::NoSuchHdu {
            path: self.output.path().into(),
            wanted: format!("HDU {hdu}"),
            found: format!("{} HDU", self.parts.len()),
        })
    }

    fn write_rect<T: Stored>(&self, hdu: usize, plane: usize, rect: Rect, values: &[T]) -> Result<(), FitsError> {
        let image = self.image(hdu)?;
        let path = self.output.path();
        let planes: usize = image.axes.iter().skip(2).product();
        if plane >= planes || !rect.is_within(image.width, image.height) {
            return Err(FitsError::OutOfBounds { path: path.into(), rect, plane, axes: axes_text(image.axes) });
        }
        if values.len() != rect.area() {
            return Err(FitsError::WrongLength { path: path.into(), found: values.len(), wanted: rect.area() });
        }
        if values.is_empty() {
            return Ok(());
        }
        let size = image.bitpix.bytes();
        let first = plane * image.height + rect.y;
        // Whole rows lie together in the file and go out in large pieces; others row by row.
        let whole = rect.width == image.width;
        let step = if whole { (CHUNK / (rect.width * size)).max(1) } else { 1 };
        let mut buffer = vec![0u8; step.min(rect.height) * rect.width * size];
        for (index, piece) in values.chunks(step * rect.width).enumerate() {
            let bytes = &mut buffer[..piece.len() * size];
            T::encode(image.bitpix, image.scaling, piece, bytes).map_err(|value| FitsError::Unfit {
                path: path.into(),
                value,
                wanted: format!("BITPIX {} with BSCALE {}", image.bitpix.code(), image.scaling.scale)
                    + &format!(" and BZERO {}", image.scaling.zero),
            })?;
            let row = first + index * step;
            self.put(image.part, ((row * image.width + rect.x) * size) as u64, bytes)?;
        }
        if self.options.checksum {
            let mut coverage = image.part.coverage.lock().unwrap_or_else(PoisonError::into_inner);
            for row in first..first + rect.height {
                coverage.add(row, rect.x, rect.x + rect.width);
            }
        }
        Ok(())
    }

    /// Copies what was written to a rectangle of a plane of the first image to the same plane of another file's first image,
    /// which has `rect`'s size and the same type of pixels.
    ///
    /// # Errors
    /// [`FitsError::OutOfBounds`], [`FitsError::WrongLength`] for another size or type; [`FitsError::NoRoom`],
    /// [`FitsError::Io`].
    pub fn copy_rect(&self, plane: usize, rect: Rect, to: &FitsWriter) -> Result<(), FitsError> {
        let (from, into) = (self.image(0)?, to.image(0)?);
        let path = self.output.path();
        if !rect.is_within(from.width, from.height) || plane >= from.axes.iter().skip(2).product() {
            return Err(FitsError::OutOfBounds { path: path.into(), rect, plane, axes: axes_text(from.axes) });
        }
        if (rect.width, rect.height) != (into.width, into.height) || from.bitpix != into.bitpix {
            let (found, wanted) = (into.width * into.height, rect.area());
            return Err(FitsError::WrongLength { path: to.output.path().into(), found, wanted });
        }
        let size = from.bitpix.bytes();
        let mut row = vec![0u8; rect.width * size];
        for j in 0..rect.height {
            let at = ((plane * from.height + rect.y + j) * from.width + rect.x) * size;
            let read = self.output.file().read_exact_at(&mut row, from.part.data_at + at as u64);
            read.map_err(|e| FitsError::io(path, "read the file again", e))?;
            let line = plane * into.height + j;
            to.put(into.part, (line * row.len()) as u64, &row)?;
            if to.options.checksum {
                into.part.coverage.lock().unwrap_or_else(PoisonError::into_inner).add(line, 0, rect.width);
            }
        }
        Ok(())
    }

    /// Writes bytes of a table's rows, from a byte of row `row` on; they may reach over several rows.
    ///
    /// # Errors
    /// [`FitsError::WrongLength`] if they reach beyond the last row; [`FitsError::NoRoom`], [`FitsError::Io`].
    pub fn write_table_rows(&self, hdu: usize, row: usize, bytes: &[u8]) -> Result<(), FitsError> {
        let part = self.part(hdu)?;
        let Layout::Table { row_bytes, rows } = part.layout else {
            let found = "no table".to_owned();
            return Err(FitsError::WrongKind { path: self.output.path().into(), hdu, found, wanted: "a table" });
        };
        let room = rows.saturating_sub(row) * row_bytes;
        if bytes.len() > room {
            return Err(FitsError::WrongLength { path: self.output.path().into(), found: bytes.len(), wanted: room });
        }
        self.put(part, (row * row_bytes) as u64, bytes)?;
        if self.options.checksum && row_bytes > 0 {
            let mut coverage = part.coverage.lock().unwrap_or_else(PoisonError::into_inner);
            for (index, piece) in bytes.chunks(row_bytes).enumerate() {
                coverage.add(row + index, 0, piece.len());
            }
        }
        Ok(())
    }

    /// Appends bytes to the heap of the table that was added last, and returns their offset in the heap. The order of
    /// calls is the order in the file.
    ///
    /// # Errors
    /// [`FitsError::WrongKind`] if the last HDU is no table; [`FitsError::NoRoom`], [`FitsError::Io`].
    pub fn append_heap(&mut self, bytes: &[u8]) -> Result<u64, FitsError> {
        let path = self.output.path().to_owned();
        let hdu = self.parts.len().saturating_sub(1);
        let Some(part) = self.parts.last_mut().filter(|p| matches!(p.layout, Layout::Table { .. })) else {
            let found = "no table".to_owned();
            return Err(FitsError::WrongKind { path, hdu, found, wanted: "a table" });
        };
        let Layout::Table { row_bytes, rows } = part.layout else { return Ok(0) };
        let at = part.data_bytes;
        part.data_bytes += bytes.len() as u64;
        part.header.set("PCOUNT", part.data_bytes as i64 - (row_bytes * rows) as i64, "");
        self.end = (part.data_at + part.data_bytes).next_multiple_of(BLOCK as u64);
        self.put(&self.parts[hdu], at, bytes)?;
        Ok(at - (row_bytes * rows) as u64)
    }

    fn put(&self, part: &Part, offset: u64, bytes: &[u8]) -> Result<(), FitsError> {
        let written = self.output.file().write_all_at(bytes, part.data_at + offset);
        written.map_err(|e| FitsError::io(self.output.path(), "write the file", e))?;
        self.behind.wrote(self.output.file(), bytes.len() as u64);
        if self.options.checksum {
            part.sum.fetch_add(u64::from(sum_at(offset, bytes)), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes headers and sums, brings the file to the disk and gives it its name.
    ///
    /// # Errors
    /// [`FitsError::NoRoom`], [`FitsError::Io`], [`FitsError::Exists`]; the target is then as it was.
    pub fn finish(mut self) -> Result<(), FitsError> {
        if self.parts.is_empty() {
            self.add_image(&Header::new(), &[], Bitpix::U8)?;
        }
        let io = |action, e| FitsError::io(self.output.path(), action, e);
        self.output.file().set_len(self.end).map_err(|e| io("set the size of the file", e))?;
        let mut headers = Vec::new();
        for (hdu, part) in self.parts.iter().enumerate() {
            let mut header = part.header.clone();
            if self.options.checksum {
                let twice = part.coverage.lock().unwrap_or_else(PoisonError::into_inner).twice();
                let data = if twice { self.sum_again(part)? } else { fold(part.sum.load(Ordering::Relaxed)) };
                header.set("DATASUM", data.to_string(), "");
                header.set("CHECKSUM", "0".repeat(16), "");
                let bytes = fitted(&header, part.header_bytes);
                header.set("CHECKSUM", encode(fold(u64::from(sum(&bytes)) + u64::from(data))), "");
            }
            let bytes = fitted(&header, part.header_bytes);
            if bytes.len() != part.header_bytes {
                let found = format!("{} cards", header.len());
                let wanted = "no more than fitted the header when the HDU was added";
                return Err(FitsError::bad_value(self.output.path(), hdu, "the header", found, wanted));
            }
            headers.push((part.header_at, bytes));
        }
        for (at, bytes) in headers {
            self.output.file().write_all_at(&bytes, at).map_err(|e| io("write the file", e))?;
        }
        self.behind.finish().map_err(|e| io("write the file to the disk", e))?;
        self.output.finish()
    }

    /// Sum of data that were written more than once.
    fn sum_again(&self, part: &Part) -> Result<u32, FitsError> {
        let mut buffer = vec![0u8; CHUNK];
        let mut total = 0;
        let mut at = 0;
        while at < part.data_bytes {
            let piece = &mut buffer[..CHUNK.min((part.data_bytes - at) as usize)];
            let read = self.output.file().read_exact_at(piece, part.data_at + at);
            read.map_err(|e| FitsError::io(self.output.path(), "read the file again", e))?;
            total = fold(u64::from(total) + u64::from(sum_at(at, piece)));
            at += piece.len() as u64;
        }
        Ok(total)
    }
}

struct ImageLayout<'a> {
    part: &'a Part,
    axes: &'a [usize],
    width: usize,
    height: usize,
    bitpix: Bitpix,
    scaling: &'a Scaling,
}

/// The header's bytes, with blank cards before END if it has become shorter than the room it has.
fn fitted(header: &Header, room: usize) -> Vec<u8> {
    let mut bytes = header.to_bytes();
    if bytes.len() < room {
        let end = bytes.len() - bytes.iter().rev().take_while(|b| **b == b' ').count();
        bytes[end - 3..end].fill(b' ');
        bytes.resize(room, b' ');
        bytes[room - 80..room - 77].copy_from_slice(b"END");
    }
    bytes
}
