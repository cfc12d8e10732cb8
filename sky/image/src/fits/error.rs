//! What can go wrong with a FITS file.

use std::io;
use std::path::{Path, PathBuf};

use super::header::HeaderError;
use super::image::Rect;

/// Why a FITS file cannot be read or written. Each message names the file, the value and what mends it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitsError {
    /// The operating system refused.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: `open`, `write`, ...
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The disk, a quota or a file size limit is full.
    #[error("{path}: no room to {action} ({source}); free space or write elsewhere")]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// What was tried, with its size.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// The output is there already.
    #[error("{path}: exists already; give --force to replace it")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The output is a directory or a device.
    #[error("{path}: is {found}, and only a plain file can be replaced; name another output")]
    NotReplaceable {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The file does not start like FITS.
    #[error("{path}: is no FITS file: it starts with {found}")]
    NotFits {
        /// The file.
        path: PathBuf,
        /// Its first bytes, or what they betray.
        found: String,
    },
    /// Gzip data that cannot be inflated.
    #[error("{path}: gzip data is corrupt after {inflated} inflated bytes ({source}); fetch the file again")]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Bytes that came out before the fault.
        inflated: usize,
        /// What the decoder said.
        source: io::Error,
    },
    /// Gzip data that would inflate beyond a limit.
    #[error(
        "{path}: the gzip data inflate to more than {limit} bytes, which is the limit; unpack the file, or set \
         POGSON_INFLATE_LIMIT to more bytes"
    )]
    Inflated {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A header that cannot be read, or lacks what it must have.
    #[error("{path}: HDU {hdu}: {source}")]
    Header {
        /// The file.
        path: PathBuf,
        /// HDU, 0 for the primary.
        hdu: usize,
        /// The fault.
        source: HeaderError,
    },
    /// A keyword that has a value which FITS does not allow.
    #[error("{path}: HDU {hdu}: {key} = {found}, but it has to be {wanted}")]
    BadValue {
        /// The file.
        path: PathBuf,
        /// HDU, 0 for the primary.
        hdu: usize,
        /// The keyword.
        key: String,
        /// Its value.
        found: String,
        /// What is allowed.
        wanted: String,
    },
    /// The file ends before the data that the header promises.
    #[error("{path}: HDU {hdu}: data are cut short: {missing} of {expected} bytes are missing; fetch the file again")]
    TruncatedData {
        /// The file.
        path: PathBuf,
        /// HDU, 0 for the primary.
        hdu: usize,
        /// Bytes that are not there.
        missing: u64,
        /// Bytes that the header promises.
        expected: u64,
    },
    /// Sizes that no file can have.
    #[error("{path}: HDU {hdu}: the axes {axes} make more bytes than can be counted; correct the NAXISn keywords")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// HDU, 0 for the primary.
        hdu: usize,
        /// The axes, `1000 x 1000`.
        axes: String,
    },
    /// The HDU asked for is not there.
    #[error("{path}: has no {wanted}; it has {found}")]
    NoSuchHdu {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// The HDU is not of the kind asked for.
    #[error("{path}: HDU {hdu} is {found}, not {wanted}")]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// HDU, 0 for the primary.
        hdu: usize,
        /// What it is.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A rectangle that is not within the image.
    #[error("{path}: {rect} of plane {plane} is not within the image of {axes} pixels")]
    OutOfBounds {
        /// The file.
        path: PathBuf,
        /// The rectangle.
        rect: Rect,
        /// The plane, from 0.
        plane: usize,
        /// The axes.
        axes: String,
    },
    /// A buffer that does not fit the pixels.
    #[error("{path}: {found} values were given for {wanted} pixels")]
    WrongLength {
        /// The file.
        path: PathBuf,
        /// Values in the buffer.
        found: usize,
        /// Pixels.
        wanted: usize,
    },
    /// A value that the pixel type cannot hold.
    #[error("{path}: the value {value} does not fit {wanted}; choose another BITPIX, BSCALE or BZERO, or set BLANK")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The value.
        value: f64,
        /// The type.
        wanted: String,
    },
    /// A table column that is not there, or not of the type asked for, or a cell that lies outside the data.
    #[error("{path}: HDU {hdu}: column {column}: {problem}")]
    Column {
        /// The file.
        path: PathBuf,
        /// HDU, 0 for the primary.
        hdu: usize,
        /// Name or number of the column.
        column: String,
        /// What is wrong.
        problem: String,
    },
    /// A tile of a compressed image that cannot be decoded.
    #[error("{path}: HDU {hdu}: compressed tile {tile}: {problem}")]
    Tile {
        /// The file.
        path: PathBuf,
        /// HDU, 0 for the primary.
        hdu: usize,
        /// Row of the table, from 1.
        tile: usize,
        /// What is wrong.
        problem: String,
    },
}

impl FitsError {
    /// An error of the system, sorted into lack of room and the rest.
    ///
    /// - `action`: what was tried, such as `open` or `write`.
    pub fn io(path: &Path, action: &'static str, source: io::Error) -> FitsError {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let path = path.to_owned();
        match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => FitsError::NoRoom { path, action: action.to_owned(), source },
            _ => FitsError::Io { path, action, source },
        }
    }

    pub(crate) fn header(path: &Path, hdu: usize, source: HeaderError) -> FitsError {
        FitsError::Header { path: path.to_owned(), hdu, source }
    }

    pub(crate) fn bad_value(path: &Path, hdu: usize, key: &str, found: impl ToString, wanted: &str) -> FitsError {
        FitsError::BadValue {
            path: path.to_owned(),
            hdu,
            key: key.to_owned(),
            found: found.to_string(),
            wanted: wanted.to_owned(),
        }
    }

    /// Whether the fault is lack of room on the disk.
    pub fn is_no_room(&self) -> bool {
        matches!(self, FitsError::NoRoom { .. })
    }
}

/// Axes as text: `512 x 1024`.
pub(crate) fn axes_text(axes: &[usize]) -> String {
    axes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}
