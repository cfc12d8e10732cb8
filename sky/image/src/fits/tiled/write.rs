//! Writing tile-compressed images.

use super::codec::Codec;
use super::encode_tile::{BLOCK, EncodedTile, check, encode_tile, rice_bytes};
use super::grid::{TileBox, TileGrid};
use super::image::name;
use super::image_header::of_table;
use super::options::TiledOptions;
use super::pixels::Pixels;
use super::quantize::NULL;
use crate::fits::{Bitpix, FitsError, FitsWriter, Header, Image, Options, Rect, Scaling};
use rayon::prelude::*;
use std::path::Path;

/// Bytes of pixels that are compressed at once.
const BATCH: usize = 16 << 20;

/// Writes a file of one tile-compressed image, which astropy, funpack and [`FitsFile`](crate::fits::FitsFile) read.
///
/// - `header`: the image's keywords; those of structure come from `axes` and `pixels`. BSCALE, BZERO and BLANK of
///   integers are kept: `pixels` are the stored numbers.
/// - `axes`: lengths, NAXIS1 first.
/// - `pixels`: all pixels, first axis fastest.
///
/// # Errors
/// [`FitsError::WrongLength`] where `pixels` do not fit `axes`; [`FitsError::BadValue`] for settings that do not fit the
/// image; [`FitsError::Unfit`] for a pixel that the codec cannot hold; those of [`FitsWriter`].
pub fn write_tiled(
    path: &Path,
    header: &Header,
    axes: &[usize],
    pixels: &Pixels,
    tiled: &TiledOptions,
    options: Options,
) -> Result<(), FitsError> {
    let wanted = axes.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).unwrap_or(usize::MAX);
    if pixels.len() != wanted {
        return Err(FitsError::WrongLength { path: path.to_owned(), found: pixels.len(), wanted });
    }
    let mut writer = FitsWriter::create(path, options)?;
    add(&mut writer, header, axes, pixels.bitpix(), tiled, |at| Ok(pixels.cut(axes, at)))?;
    writer.finish()
}

/// Compresses an image into a new HDU of a file that is being written; memory holds a few tiles at a time.
///
/// Returns the index of the HDU. NaN and BLANK are kept; BLANK is not under lossy HCOMPRESS_1 (`hcompress_scale` above
/// 1) of integers.
///
/// # Errors
/// As [`write_tiled`]; those of reading the image.
pub fn add_tiled(writer: &mut FitsWriter, image: &Image<'_>, tiled: &TiledOptions) -> Result<usize, FitsError> {
    add(writer, image.header(), image.axes(), image.bitpix(), tiled, |at| fetch(image, at))
}

/// Stored pixels of one tile of an image.
fn fetch(image: &Image<'_>, at: &TileBox) -> Result<Pixels, FitsError> {
    fn planes<T: Clone + Default>(
        image: &Image<'_>,
        at: &TileBox,
        read: impl Fn(usize, Rect, &mut [T]) -> Result<(), FitsError>,
    ) -> Result<Vec<T>, FitsError> {
        let along = |list: &[usize], axis: usize, usual| list.get(axis).copied().unwrap_or(usual);
        let (width, height) = (at.size[0], along(&at.size, 1, 1));
        let rect = Rect { x: at.start[0], y: along(&at.start, 1, 0), width, height };
        let mut out = vec![T::default(); at.pixels()];
        for (index, part) in out.chunks_exact_mut(rect.area()).enumerate() {
            let (mut left, mut plane, mut stride) = (index, 0, 1);
            for axis in 2..at.size.len() {
                plane += (at.start[axis] + left % at.size[axis]) * stride;
                left /= at.size[axis];
                stride *= image.axes()[axis];
            }
            read(plane, rect, part)?;
        }
        Ok(out)
    }
    Ok(match image.bitpix() {
        Bitpix::F32 => Pixels::F32(planes(image, at, |plane, rect, out| image.read_f32(plane, rect, out))?),
        Bitpix::F64 => Pixels::F64(planes(image, at, |plane, rect, out| image.read_f64(plane, rect, out))?),
        bitpix => {
            let offset = if image.scaling().is_unsigned(bitpix) { image.scaling().zero } else { 0.0 };
            let mut values = planes(image, at, |plane, rect, out| image.read_i64(plane, rect, out))?;
            if bitpix == Bitpix::I64 && offset != 0.0 {
                values.iter_mut().for_each(|value| *value ^= i64::MIN);
            } else {
                values.iter_mut().for_each(|value| *value -= offset as i64);
            }
            Pixels::I64(values).in_type(bitpix)
        }
    })
}

fn add(
    writer: &mut FitsWriter,
    header: &Header,
    axes: &[usize],
    bitpix: Bitpix,
    tiled: &TiledOptions,
    fetch: impl Fn(&TileBox) -> Result<Pixels, FitsError> + Sync,
) -> Result<usize, FitsError> {
    let path = writer.path().to_owned();
    let named = |error| name(&path, 1, error);
    let unsigned = Scaling::of(header, bitpix).is_unsigned(bitpix);
    check(tiled, bitpix, unsigned).map_err(named)?;
    let grid = TileGrid::new(axes, &tiled.tile_of(axes)).map_err(named)?;
    let image_bytes = axes.iter().fold(bitpix.bytes(), |product, &n| product.saturating_mul(n));
    // Pointers of 32 bits reach 2 GiB; a codec may make the image somewhat longer.
    let form = Form::of(tiled, bitpix, image_bytes > 1 << 30);
    let table = table_header(header, &grid, bitpix, tiled, form);
    let hdu = writer.add_table(&table, form.row_bytes(), grid.tiles())?;
    let tile_bytes = grid.tile().iter().product::<usize>() * bitpix.bytes();
    let batch = (BATCH / tile_bytes.max(1)).clamp(rayon::current_num_threads(), 4096);
    let mut longest = [0usize; 2];
    let mut heap_end = 0u64;
    for first in (0..grid.tiles()).step_by(batch) {
        let rows = first..(first + batch).min(grid.tiles());
        let tiles: Vec<EncodedTile> = rows
            .into_par_iter()
            .map(|row| {
                let at = grid.tile_box(row);
                encode_tile(tiled, fetch(&at)?, &at, row).map_err(named)
            })
            .collect::<Result<_, FitsError>>()?;
        let mut cells = Vec::with_capacity(tiles.len() * form.row_bytes());
        let mut heap = Vec::new();
        for tile in &tiles {
            longest = [longest[0].max(tile.compressed.len()), longest[1].max(tile.lossless.len())];
            form.push_cells(&mut cells, tile, heap_end + heap.len() as u64);
            heap.extend_from_slice(&tile.compressed);
            heap.extend_from_slice(&tile.lossless);
        }
        heap_end += heap.len() as u64;
        writer.append_heap(&heap)?;
        writer.write_table_rows(hdu, first, &cells)?;
    }
    if let Some(header) = writer.header_mut(hdu) {
        form.set_formats(header, longest);
    }
    Ok(hdu)
}

/// The columns of the table.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Whether pointers into the heap have 64 bits.
    wide: bool,
    /// Letter and bytes of the elements of COMPRESSED_DATA.
    compressed: (char, usize),
    second: Second,
}

/// The columns after COMPRESSED_DATA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    Absent,
    /// GZIP_COMPRESSED_DATA, ZSCALE and ZZERO: quantised floats.
    Quantized,
    /// UNCOMPRESSED_DATA of elements of this letter and size: where CFITSIO looks under NOCOMPRESS.
    Raw(char, usize),
}

impl Form {
    fn of(tiled: &TiledOptions, bitpix: Bitpix, wide: bool) -> Form {
        let compressed = if tiled.codec == Codec::Plio { ('I', 2) } else { ('B', 1) };
        let raw = match bitpix {
            Bitpix::U8 => Second::Raw('B', 1),
            Bitpix::I16 => Second::Raw('I', 2),
            Bitpix::I32 => Second::Raw('J', 4),
            Bitpix::F32 => Second::Raw('E', 4),
            Bitpix::F64 => Second::Raw('D', 8),
            Bitpix::I64 => Second::Absent,
        };
        let second = match tiled.codec {
            Codec::None => raw,
            _ if !bitpix.is_integer() && tiled.level.is_some() => Second::Quantized,
            _ => Second::Absent,
        };
        Form { wide, compressed, second }
    }

    fn names(self) -> &'static [&'static str] {
        match self.second {
            Second::Absent => &["COMPRESSED_DATA"],
            Second::Quantized => &["COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "ZSCALE", "ZZERO"],
            Second::Raw(..) => &["COMPRESSED_DATA", "UNCOMPRESSED_DATA"],
        }
    }

    fn row_bytes(self) -> usize {
        let pointer = if self.wide { 16 } else { 8 };
        match self.second {
            Second::Absent => pointer,
            Second::Quantized => 2 * pointer + 16,
            Second::Raw(..) => 2 * pointer,
        }
    }

    fn push_cells(self, cells: &mut Vec<u8>, tile: &EncodedTile, heap_at: u64) {
        let mut pointer = |count: usize, at: u64| {
            if self.wide {
                cells.extend((count as u64).to_be_bytes());
                cells.extend(at.to_be_bytes());
            } else {
                cells.extend((count as u32).to_be_bytes());
                cells.extend((at as u32).to_be_bytes());
            }
        };
        pointer(tile.compressed.len() / self.compressed.1, heap_at);
        let lossless_at = heap_at + tile.compressed.len() as u64;
        match self.second {
            Second::Absent => {}
            Second::Quantized => {
                pointer(tile.lossless.len(), lossless_at);
                cells.extend(tile.scale.to_be_bytes());
                cells.extend(tile.zero.to_be_bytes());
            }
            Second::Raw(_, size) => pointer(tile.lossless.len() / size, lossless_at),
        }
    }

    /// Sets the formats of the arrays, which name the longest one (given in bytes).
    fn set_formats(self, header: &mut Header, [compressed, lossless]: [usize; 2]) {
        let pointer = if self.wide { 'Q' } else { 'P' };
        let format = |(element, size): (char, usize), bytes: usize| format!("1{pointer}{element}({})", bytes / size);
        header.set("TFORM1", format(self.compressed, compressed), "");
        match self.second {
            Second::Absent => {}
            Second::Quantized => header.set("TFORM2", format(('B', 1), lossless), ""),
            Second::Raw(element, size) => header.set("TFORM2", format((element, size), lossless), ""),
        }
    }
}

/// The header of the table: columns, how the image is compressed, its structure, and its own cards.
fn table_header(image: &Header, grid: &TileGrid, bitpix: Bitpix, tiled: &TiledOptions, form: Form) -> Header {
    let mut header = Header::new();
    header.set("TFIELDS", form.names().len(), "columns");
    for (n, name) in form.names().iter().enumerate() {
        header.set(&format!("TTYPE{}", n + 1), *name, "");
        header.set(&format!("TFORM{}", n + 1), "1D", "");
    }
    form.set_formats(&mut header, [0, 0]);
    header.set("ZIMAGE", true, "this table holds an image");
    if image.contains("XTENSION") {
        header.set("ZTENSION", "IMAGE", "image extension");
    } else {
        header.set("ZSIMPLE", true, "conforms to FITS");
    }
    header.set("ZBITPIX", bitpix.code(), "type of pixels");
    header.set("ZNAXIS", grid.axes().len(), "number of axes");
    for (axis, length) in grid.axes().iter().enumerate() {
        header.set(&format!("ZNAXIS{}", axis + 1), *length, "");
    }
    if image.contains("XTENSION") {
        header.set("ZPCOUNT", 0, "");
        header.set("ZGCOUNT", 1, "");
    } else {
        header.set("ZEXTEND", true, "extensions may follow");
    }
    for (axis, length) in grid.tile().iter().enumerate() {
        header.set(&format!("ZTILE{}", axis + 1), *length, "size of a tile");
    }
    header.set("ZCMPTYPE", tiled.codec.name(), "codec");
    let settings = match tiled.codec {
        Codec::Rice => [("BLOCKSIZE", BLOCK as i64), ("BYTEPIX", rice_bytes(bitpix) as i64)],
        _ => [("SCALE", i64::from(tiled.hcompress_scale)), ("SMOOTH", i64::from(tiled.smooth))],
    };
    if matches!(tiled.codec, Codec::Rice | Codec::Hcompress) {
        for (n, (name, value)) in settings.into_iter().enumerate() {
            header.set(&format!("ZNAME{}", n + 1), name, "");
            header.set(&format!("ZVAL{}", n + 1), value, "");
        }
    }
    if form.second == Second::Quantized {
        header.set("ZQUANTIZ", tiled.dither.name(), "how floats became integers");
        header.set("ZDITHER0", tiled.seed, "start of the dithering");
        header.set("ZBLANK", NULL, "integer that stands for NaN");
    } else if !bitpix.is_integer() {
        header.set("ZQUANTIZ", "NONE", "floats are stored without loss");
    }
    if !image.contains("EXTNAME") {
        header.set("EXTNAME", "COMPRESSED_IMAGE", "");
    }
    let scaled = |key: &str| matches!(key, "BSCALE" | "BZERO" | "BLANK");
    header.extend(of_table(image).filter(|card| bitpix.is_integer() || !scaled(card.key())).cloned());
    header
}
