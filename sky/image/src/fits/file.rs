//! A FITS file as a row of HDUs.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::bytes::{Bytes, Pages};
use super::error::{FitsError, axes_text};
use super::gzip::{inflate, is_gzip};
use super::header::{BLOCK, Header};
use super::image::Image;
use super::pixel::Bitpix;
use super::tiled::image_of_table;

/// What an HDU holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HduKind {
    /// A plain image, or a header without data (NAXIS = 0).
    Image,
    /// An image compressed by tiles into a binary table (ZIMAGE = T).
    CompressedImage,
    /// A binary table.
    BinTable,
    /// A table of text (XTENSION = 'TABLE').
    AsciiTable,
    /// Random groups, or an extension that FITS does not define.
    Other(String),
}

/// One header and data unit.
#[derive(Debug)]
pub struct Hdu {
    header: Header,
    /// The header without what INHERIT brought, if that is another.
    own: Option<Header>,
    kind: HduKind,
    axes: Vec<usize>,
    bitpix: Bitpix,
    header_at: usize,
    data: Range<usize>,
}

impl Hdu {
    /// The header. Where INHERIT = T, the primary's keywords that this header lacks follow its own.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header as it stands in the file.
    pub fn own_header(&self) -> &Header {
        self.own.as_ref().unwrap_or(&self.header)
    }

    /// What the HDU holds.
    pub fn kind(&self) -> &HduKind {
        &self.kind
    }

    /// NAXIS1, NAXIS2, ... of the stored data; empty if NAXIS = 0.
    pub fn axes(&self) -> &[usize] {
        &self.axes
    }

    /// Type of the stored data.
    pub fn bitpix(&self) -> Bitpix {
        self.bitpix
    }

    /// Offset of the header in the file (inflated, if it was gzip), in bytes.
    pub fn header_at(&self) -> usize {
        self.header_at
    }

    /// Where the data lie in the file, without padding; may reach beyond its end if it is cut short.
    pub fn data_range(&self) -> Range<usize> {
        self.data.clone()
    }

    /// EXTNAME, if it is given.
    pub fn name(&self) -> Option<&str> {
        self.own_header().str("EXTNAME")
    }

    /// EXTVER, 1 if it is not given.
    pub fn version(&self) -> i64 {
        self.own_header().i64("EXTVER").unwrap_or(1)
    }

    /// Number of axes of the image, uncompressed; 0 for tables.
    pub fn image_dimensions(&self) -> usize {
        match self.kind {
            HduKind::Image => self.axes.len(),
            HduKind::CompressedImage => {
                self.own_header().i64("ZNAXIS").and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn describe(&self) -> String {
        match &self.kind {
            HduKind::Image if self.axes.is_empty() => "a header without data".to_owned(),
            HduKind::Image => format!("an image of {} pixels", axes_text(&self.axes)),
            HduKind::CompressedImage => "a compressed image".to_owned(),
            HduKind::BinTable => "a binary table".to_owned(),
            HduKind::AsciiTable => "a table of text".to_owned(),
            HduKind::Other(name) => name.clone(),
        }
    }
}

/// A FITS file that is open for reading.
///
/// Plain files are mapped, so that only the pixels asked for are read, and of large files what was read is let go of again;
/// gzip files are inflated to memory as a whole, up to half of the machine's memory or POGSON_INFLATE_LIMIT bytes.
/// The file must not be shortened by others while it is open (the system then ends the process).
pub struct FitsFile {
    path: PathBuf,
    bytes: Bytes,
    hdus: Vec<Hdu>,
    warnings: Vec<String>,
}

impl FitsFile {
    /// Opens a file and reads all its headers. Gzip is told by content, not by name.
    ///
    /// Data that are cut short are no error here but where they are asked for, so that headers can still be shown.
    ///
    /// # Errors
    /// [`FitsError::Io`], [`FitsError::NotFits`], [`FitsError::Gzip`], [`FitsError::Header`], [`FitsError::BadValue`],
    /// [`FitsError::TooLarge`].
    pub fn open(path: &Path) -> Result<FitsFile, FitsError> {
        let file = File::open(path).map_err(|e| FitsError::io(path, "open the file", e))?;
        let meta = file.metadata().map_err(|e| FitsError::io(path, "read the file", e))?;
        if meta.is_dir() {
            return Err(FitsError::NotFits { path: path.to_owned(), found: "nothing, it is a directory".into() });
        }
        if meta.len() == 0 || !meta.is_file() {
            // Pipes cannot be mapped, nor can empty files.
            let bytes = std::fs::read(path).map_err(|e| FitsError::io(path, "read the file", e))?;
            return FitsFile::from_bytes(path, bytes);
        }
        let map = Bytes::map(&file).map_err(|e| FitsError::io(path, "map the file", e))?;
        FitsFile::walk(path.to_owned(), map)
    }

    /// Reads a file that is in memory; `name` is what messages call it. Gzip is inflated.
    ///
    /// # Errors
    /// As [`FitsFile::open`].
    pub fn from_bytes(name: impl AsRef<Path>, bytes: Vec<u8>) -> Result<FitsFile, FitsError> {
        FitsFile::walk(name.as_ref().to_owned(), Bytes::Owned(bytes))
    }

    fn walk(path: PathBuf, bytes: Bytes) -> Result<FitsFile, FitsError> {
        let mut warnings = Vec::new();
        let bytes = if is_gzip(&bytes) { Bytes::Owned(inflate(&path, &bytes, &mut warnings)?) } else { bytes };
        if !bytes.starts_with(b"SIMPLE") {
            return Err(FitsError::NotFits { path, found: opening(&bytes) });
        }
        let mut file = FitsFile { path, bytes, hdus: Vec::new(), warnings };
        let mut at = 0;
        while at < file.bytes.len() {
            let rest = &file.bytes[at..];
            if at > 0 && !rest.starts_with(b"XTENSION") {
                if rest.iter().any(|b| !matches!(b, 0 | b' ')) {
                    let name = format!("{} bytes after the last HDU are no extension and left out", rest.len());
                    file.warnings.push(name);
                }
                break;
            }
            let hdu = file.read_hdu(at)?;
            at = hdu.data.end.saturating_add(BLOCK - 1) / BLOCK * BLOCK;
            if at > file.bytes.len() {
                let missing = hdu.data.end.saturating_sub(file.bytes.len());
                file.warnings.push(match missing {
                    0 => format!("HDU {} lacks its last padding", file.hdus.len()),
                    n => format!("HDU {} lacks {n} bytes of data", file.hdus.len()),
                });
            }
            file.hdus.push(hdu);
        }
        Ok(file)
    }

    fn read_hdu(&self, at: usize) -> Result<Hdu, FitsError> {
        let (path, index) = (&self.path, self.hdus.len());
        let (mut header, used) =
            Header::parse(&self.bytes[at..]).map_err(|source| FitsError::header(path, index, source))?;
        let bad = |key: &str, found: i64, wanted: &str| FitsError::bad_value(path, index, key, found, wanted);
        let need = |key: &str| header.require_i64(key).map_err(|source| FitsError::header(path, index, source));
        let code = need("BITPIX")?;
        let bitpix = Bitpix::from_code(code).ok_or_else(|| bad("BITPIX", code, "one of 8, 16, 32, 64, -32, -64"))?;
        let naxis = need("NAXIS")?;
        if !(0..=999).contains(&naxis) {
            return Err(bad("NAXIS", naxis, "from 0 to 999"));
        }
        let mut axes = Vec::new();
        for n in 1..=naxis {
            let key = format!("NAXIS{n}");
            let length = need(&key)?;
            axes.push(usize::try_from(length).map_err(|_| bad(&key, length, "0 or more"))?);
        }
        let kind = kind_of(&header, index);
        let groups = kind == HduKind::Other("random groups".into());
        let too_large = || FitsError::TooLarge { path: path.clone(), hdu: index, axes: axes_text(&axes) };
        let extra = |key: &str, default: i64| {
            let value = header.i64(key).unwrap_or(default);
            usize::try_from(value).map_err(|_| bad(key, value, "0 or more"))
        };
        let (pcount, gcount) = if index > 0 || groups { (extra("PCOUNT", 0)?, extra("GCOUNT", 1)?) } else { (0, 1) };
        let counted = if groups { axes.get(1..).unwrap_or(&[]) } else { &axes[..] };
        let size = data_bytes(counted, bitpix, pcount, gcount).ok_or_else(too_large)?;
        let start = at + used;
        let end = start.checked_add(size).filter(|e| *e < usize::MAX - BLOCK).ok_or_else(too_large)?;
        let mut own = None;
        if index > 0 && header.bool("INHERIT") == Some(true) && self.hdus[0].axes.is_empty() {
            own = Some(header.clone());
            inherit(&mut header, &self.hdus[0].header);
        }
        Ok(Hdu { header, own, kind, axes, bitpix, header_at: at, data: start..end })
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All HDUs in order; the primary is the first. Never empty.
    pub fn hdus(&self) -> &[Hdu] {
        &self.hdus
    }

    /// What was mended or left out while reading, a sentence each, headers' faults included.
    pub fn warnings(&self) -> Vec<String> {
        let mut all = self.warnings.clone();
        for (index, hdu) in self.hdus.iter().enumerate() {
            all.extend(hdu.own_header().warnings().iter().map(|w| format!("HDU {index}: {w}")));
        }
        all
    }

    /// The HDU of an index.
    ///
    /// # Errors
    /// [`FitsError::NoSuchHdu`].
    pub fn hdu(&self, index: usize) -> Result<&Hdu, FitsError> {
        self.hdus.get(index).ok_or_else(|| self.no_such(format!("HDU {index}")))
    }

    /// Index of the first extension of that EXTNAME (letter case aside) and, if given, EXTVER.
    ///
    /// # Errors
    /// [`FitsError::NoSuchHdu`].
    pub fn named(&self, name: &str, version: Option<i64>) -> Result<usize, FitsError> {
        let matches = |hdu: &Hdu| {
            hdu.name().is_some_and(|n| n.trim().eq_ignore_ascii_case(name.trim()))
                && version.is_none_or(|v| v == hdu.version())
        };
        self.hdus.iter().position(matches).ok_or_else(|| {
            let version = version.map(|v| format!(" of version {v}")).unwrap_or_default();
            self.no_such(format!("extension '{name}'{version}"))
        })
    }

    /// The image of an HDU, plain or tile-compressed.
    ///
    /// # Errors
    /// [`FitsError::NoSuchHdu`]; [`FitsError::WrongKind`] if it holds no pixels; [`FitsError::TruncatedData`].
    pub fn image(&self, index: usize) -> Result<Image<'_>, FitsError> {
        let hdu = self.hdu(index)?;
        match hdu.kind {
            HduKind::Image if !hdu.axes.is_empty() => {
                let bytes = self.data(index)?;
                // GCOUNT = 0 takes all data away; what is not the pixels alone is left out.
                let pixels = data_bytes(&hdu.axes, hdu.bitpix, 0, 1).and_then(|size| bytes.get(..size));
                let Some(bytes) = pixels else {
                    let found = hdu.own_header().i64("GCOUNT").unwrap_or(1);
                    return Err(FitsError::bad_value(&self.path, index, "GCOUNT", found, "1 for an image"));
                };
                let image = Image::plain(&self.path, index, &hdu.header, hdu.axes.clone(), hdu.bitpix, bytes);
                Ok(image.with_pages(self.pages()))
            }
            HduKind::CompressedImage => {
                let data = self.data(index)?;
                Ok(image_of_table(&self.path, index, &hdu.header, data)?.with_pages(self.pages()).over(data))
            }
            _ => Err(self.wrong_kind(index, "an image")),
        }
    }

    /// The image of the first HDU that has one of two or more axes.
    ///
    /// # Errors
    /// [`FitsError::NoSuchHdu`] if there is none; else as [`FitsFile::image`].
    pub fn first_image(&self) -> Result<Image<'_>, FitsError> {
        let index = self.hdus.iter().position(|h| h.image_dimensions() >= 2);
        self.image(index.ok_or_else(|| self.no_such("image of two axes".to_owned()))?)
    }

    /// The stored data of an HDU, without padding.
    ///
    /// # Errors
    /// [`FitsError::NoSuchHdu`], [`FitsError::TruncatedData`].
    pub fn data(&self, index: usize) -> Result<&[u8], FitsError> {
        let hdu = self.hdu(index)?;
        if hdu.data.is_empty() {
            return Ok(&[]);
        }
        self.bytes.get(hdu.data.clone()).ok_or_else(|| FitsError::TruncatedData {
            path: self.path.clone(),
            hdu: index,
            missing: (hdu.data.end - self.bytes.len().min(hdu.data.end)).min(hdu.data.len()) as u64,
            expected: hdu.data.len() as u64,
        })
    }

    /// Header and data of an HDU with all padding, as far as the file goes.
    ///
    /// # Errors
    /// [`FitsError::NoSuchHdu`].
    pub fn hdu_bytes(&self, index: usize) -> Result<&[u8], FitsError> {
        let hdu = self.hdu(index)?;
        let end = hdu.data.end.next_multiple_of(BLOCK).min(self.bytes.len());
        Ok(self.bytes.get(hdu.header_at..end).unwrap_or(&[]))
    }

    /// What lets go of pages that have been read.
    pub(crate) fn pages(&self) -> Pages<'_> {
        self.bytes.pages()
    }

    pub(crate) fn wrong_kind(&self, index: usize, wanted: &'static str) -> FitsError {
        let found = self.hdus.get(index).map_or_else(String::new, Hdu::describe);
        FitsError::WrongKind { path: self.path.clone(), hdu: index, found, wanted }
    }

    fn no_such(&self, wanted: String) -> FitsError {
        let show = |hdu: &Hdu| match hdu.name() {
            Some(name) => format!("{} ('{name}')", hdu.describe()),
            None => hdu.describe(),
        };
        let list: Vec<String> = self.hdus.iter().take(20).map(show).collect();
        let found = format!("{} HDU: {}", self.hdus.len(), list.join(", "));
        FitsError::NoSuchHdu { path: self.path.clone(), wanted, found }
    }
}

impl std::fmt::Debug for FitsFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FitsFile({}, {} HDU)", self.path.display(), self.hdus.len())
    }
}

fn kind_of(header: &Header, index: usize) -> HduKind {
    if index == 0 {
        let groups = header.bool("GROUPS") == Some(true) && header.i64("NAXIS1") == Some(0);
        return if groups { HduKind::Other("random groups".into()) } else { HduKind::Image };
    }
    match header.str("XTENSION").map(str::trim).unwrap_or("") {
        "IMAGE" | "IUEIMAGE" => HduKind::Image,
        "BINTABLE" | "A3DTABLE" if header.bool("ZIMAGE") == Some(true) => HduKind::CompressedImage,
        "BINTABLE" | "A3DTABLE" => HduKind::BinTable,
        "TABLE" => HduKind::AsciiTable,
        other => HduKind::Other(format!("an extension of type '{other}'")),
    }
}

/// Bytes of data: |BITPIX| / 8 * GCOUNT * (PCOUNT + product of the axes). `None` if that overflows.
fn data_bytes(axes: &[usize], bitpix: Bitpix, pcount: usize, gcount: usize) -> Option<usize> {
    let pixels = match axes {
        [] => 0,
        _ if axes.contains(&0) => 0,
        _ => axes.iter().try_fold(1usize, |product, n| product.checked_mul(*n))?,
    };
    pixels.checked_add(pcount)?.checked_mul(gcount)?.checked_mul(bitpix.bytes())
}

/// Keywords that describe the HDU itself, which nobody inherits and writers set.
pub(crate) fn is_structural(key: &str) -> bool {
    const KEYS: [&str; 16] = [
        "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS", "TFIELDS", "THEAP",
        "CHECKSUM", "DATASUM", "INHERIT", "BSCALE", "BZERO", "BLANK",
    ];
    let axis = key.strip_prefix("NAXIS").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    axis || KEYS.contains(&key)
}

fn inherit(header: &mut Header, primary: &Header) {
    const OWN: [&str; 8] = ["", "COMMENT", "HISTORY", "EXTNAME", "EXTVER", "EXTLEVEL", "DATE", "END"];
    let missing: Vec<_> = primary
        .cards()
        .filter(|c| !is_structural(c.key()) && !OWN.contains(&c.key()) && !header.contains(c.key()))
        .cloned()
        .collect();
    header.extend(missing);
}

/// What the first bytes of a file that is no FITS are, for the message.
fn opening(bytes: &[u8]) -> String {
    const KNOWN: [(&[u8], &str); 8] = [
        (b"BZh", "bzip2 data (unpack it first)"),
        (b"\x1f\x9d", "compress data (unpack it first)"),
        (b"PK\x03\x04", "a ZIP archive (unpack it first)"),
        (b"\xfd7zXZ", "xz data (unpack it first)"),
        (b"\x28\xb5\x2f\xfd", "zstd data (unpack it first)"),
        (b"\x89HDF", "HDF5 data"),
        (b"\x89PNG", "a PNG picture"),
        (b"<", "a web page or XML"),
    ];
    if bytes.is_empty() {
        return "nothing: it is empty".to_owned();
    }
    let known = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic));
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(16)]).escape_debug().to_string();
    match known {
        Some((_, name)) => format!("'{shown}', {name}"),
        None => format!("'{shown}', not with SIMPLE"),
    }
}
