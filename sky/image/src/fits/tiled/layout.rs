//! The keywords that say how a table holds an image.

use super::TiledError;
use super::codec::Codec;
use super::columns::Columns;
use super::dither::Dither;
use super::grid::TileGrid;
use crate::fits::{Bitpix, Header};

/// How one table holds an image: codec, tiles, and the rules of quantised pixels.
#[derive(Debug, Clone)]
pub(super) struct Layout<'a> {
    pub(super) codec: Codec,
    pub(super) grid: TileGrid,
    /// ZBITPIX.
    pub(super) bitpix: Bitpix,
    /// BLOCKSIZE of RICE_1.
    pub(super) block: usize,
    /// BYTEPIX of RICE_1.
    pub(super) byte_pixels: i64,
    /// SMOOTH of HCOMPRESS_1.
    pub(super) smooth: bool,
    pub(super) dither: Dither,
    /// ZDITHER0.
    pub(super) seed: i64,
    /// ZSCALE, ZZERO and ZBLANK as keywords.
    pub(super) scale: Option<f64>,
    pub(super) zero: Option<f64>,
    pub(super) blank: Option<i64>,
    pub(super) columns: Columns<'a>,
}

impl<'a> Layout<'a> {
    /// - `header`, `data`: of the binary table, whose ZIMAGE is T.
    ///
    /// # Errors
    /// [`TiledError::BadKeyword`] and [`TiledError::RowCount`].
    pub(super) fn read(header: &Header, data: &'a [u8]) -> Result<Layout<'a>, TiledError> {
        let bad = |keyword: &str, allowed| {
            let found = header.get(keyword).map_or("missing".to_owned(), |value| format!("{value:?}"));
            TiledError::BadKeyword { keyword: keyword.to_owned(), found, allowed }
        };
        let name = header.str("ZCMPTYPE").ok_or_else(|| bad("ZCMPTYPE", "the name of a codec"))?;
        let codec = Codec::of_name(name)
            .ok_or_else(|| bad("ZCMPTYPE", "RICE_1, GZIP_1, GZIP_2, HCOMPRESS_1, PLIO_1 or NOCOMPRESS"))?;
        let bitpix = header.i64("ZBITPIX").and_then(Bitpix::from_code);
        let bitpix = bitpix.ok_or_else(|| bad("ZBITPIX", "8, 16, 32, 64, -32 or -64"))?;
        let dimensions =
            header.i64("ZNAXIS").filter(|n| (1..=999).contains(n)).ok_or_else(|| bad("ZNAXIS", "1 to 999"))?;
        let mut axes = Vec::new();
        let mut tile = Vec::new();
        for axis in 1..=dimensions {
            let key = format!("ZNAXIS{axis}");
            let length =
                header.i64(&key).and_then(|n| usize::try_from(n).ok()).ok_or_else(|| bad(&key, "1 or more"))?;
            axes.push(length);
            let key = format!("ZTILE{axis}");
            let usual = if axis == 1 { length } else { 1 };
            tile.push(match header.i64(&key) {
                Some(n) => usize::try_from(n).map_err(|_| bad(&key, "1 or more"))?,
                None => usual,
            });
        }
        let grid = TileGrid::new(&axes, &tile)?;
        let columns = Columns::new(header, data)?;
        if columns.rows < grid.tiles() {
            return Err(TiledError::RowCount { rows: columns.rows, axes, tile, wanted: grid.tiles() });
        }
        if columns.compressed.is_none() && columns.gzip.is_none() && columns.raw.is_none() {
            return Err(bad("TTYPE1", "COMPRESSED_DATA, a column of arrays"));
        }
        let setting = |name: &str| setting(header, name);
        let dither = match header.str("ZQUANTIZ").map(str::trim) {
            None | Some("NO_DITHER" | "NONE" | "") => Dither::None,
            Some("SUBTRACTIVE_DITHER_1") => Dither::Subtractive1,
            Some("SUBTRACTIVE_DITHER_2") => Dither::Subtractive2,
            Some(_) => return Err(bad("ZQUANTIZ", "NONE, NO_DITHER, SUBTRACTIVE_DITHER_1 or SUBTRACTIVE_DITHER_2")),
        };
        Ok(Layout {
            codec,
            grid,
            bitpix,
            block: setting("BLOCKSIZE").map_or(32, |n| usize::try_from(n).unwrap_or(0)),
            byte_pixels: setting("BYTEPIX").unwrap_or(4),
            smooth: setting("SMOOTH").is_some_and(|n| n != 0),
            dither,
            seed: header.i64("ZDITHER0").unwrap_or(1),
            scale: header.f64("ZSCALE"),
            zero: header.f64("ZZERO"),
            blank: header.i64("ZBLANK").or_else(|| header.i64("BLANK")),
            columns,
        })
    }
}

/// The value of the codec's setting `name`: the ZVALn beside the ZNAMEn that names it.
fn setting(header: &Header, name: &str) -> Option<i64> {
    (1..=999)
        .map_while(|n| header.str(&format!("ZNAME{n}")).map(|found| (n, found)))
        .find(|(_, found)| found.trim().eq_ignore_ascii_case(name))
        .and_then(|(n, _)| header.f64(&format!("ZVAL{n}")))
        .map(|value| value as i64)
}
