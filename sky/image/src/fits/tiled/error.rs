//! What can be wrong with a tile-compressed image.

use crate::fits::Rect;

/// Why a compressed tile could not be decoded or encoded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TiledError {
    /// The compressed bytes end before the tile is complete.
    #[error(
        "{codec} tile ends after {bytes} bytes with {done} of {wanted} pixels decoded; the file is cut short or damaged"
    )]
    Truncated {
        /// Name of the codec, as in ZCMPTYPE.
        codec: &'static str,
        /// Length of the compressed tile in bytes.
        bytes: usize,
        /// Pixels decoded so far.
        done: usize,
        /// Pixels that the tile has.
        wanted: usize,
    },
    /// The compressed bytes break the rules of the codec.
    #[error("{codec} tile is damaged: {what} is {found}")]
    Damaged {
        /// Name of the codec, as in ZCMPTYPE.
        codec: &'static str,
        /// Which part of the stream.
        what: &'static str,
        /// The value found there.
        found: i64,
    },
    /// The tile inflates to another size than its pixels need.
    #[error("{codec} tile holds {found} bytes where {wanted} pixels were expected")]
    WrongSize {
        /// Name of the codec, as in ZCMPTYPE.
        codec: &'static str,
        /// Bytes that the tile inflates to.
        found: usize,
        /// Pixels that the tile has.
        wanted: usize,
    },
    /// The codec cannot represent this pixel value.
    #[error("{codec} cannot hold the pixel value {value} ({range}); choose another codec")]
    Unrepresentable {
        /// Name of the codec, as in ZCMPTYPE.
        codec: &'static str,
        /// The offending value.
        value: i64,
        /// The values that the codec takes.
        range: &'static str,
    },
    /// A setting lies outside what the codec takes.
    #[error("{codec}: {setting} = {value} is not supported ({allowed})")]
    BadSetting {
        /// Name of the codec, as in ZCMPTYPE.
        codec: &'static str,
        /// Name of the setting.
        setting: &'static str,
        /// The value given.
        value: i64,
        /// The values that work.
        allowed: &'static str,
    },
    /// A keyword of the table is missing or has a value outside the standard.
    #[error("{keyword} = {found} in a tile-compressed image ({allowed})")]
    BadKeyword {
        /// Name of the keyword.
        keyword: String,
        /// Its value, or `missing`.
        found: String,
        /// The values that work.
        allowed: &'static str,
    },
    /// The image has more dimensions or pixels than memory can address, or its table too few rows.
    #[error("the table has {rows} rows, but an image of {axes:?} pixels in tiles of {tile:?} needs {wanted}")]
    RowCount {
        /// Rows in the table.
        rows: usize,
        /// Axis lengths, NAXIS1 first.
        axes: Vec<usize>,
        /// Tile lengths, first axis first.
        tile: Vec<usize>,
        /// Rows needed.
        wanted: usize,
    },
    /// One tile is damaged.
    #[error("tile {row} (from pixel {start:?}): {source}")]
    Tile {
        /// Row of the tile in the table, from 0.
        row: usize,
        /// Its first pixel along each axis, from 0.
        start: Vec<usize>,
        /// What is wrong with it.
        source: Box<TiledError>,
    },
    /// A rectangle lies outside the image.
    #[error("{rect} of plane {plane}, for {values} values, does not fit an image of {axes:?} pixels")]
    Outside {
        /// Plane asked for.
        plane: usize,
        /// Pixels asked for.
        rect: Rect,
        /// Axis lengths, NAXIS1 first.
        axes: Vec<usize>,
        /// Length of the output.
        values: usize,
    },
    /// A tile is larger than the memory.
    #[error("there is no memory for a tile of {bytes} bytes; free some, or cut the image into smaller tiles")]
    NoMemory {
        /// Bytes wanted.
        bytes: usize,
    },
    /// An unsigned number that a signed one cannot hold.
    #[error("the value {value} does not fit a signed integer of 64 bits")]
    Unfit {
        /// The value.
        value: u64,
    },
}
