//! A data set: one mosaic of one band, and what follows from it.

use std::path::Path;
use std::time::SystemTime;

use pogson_healpix::MAX_ORDER;
use pogson_image::fits::{Header, Rect};
use pogson_image::sphere::Frame;
use sha2::{Digest, Sha256};

use crate::coverage::Coverage;
use crate::error::PortalError;
use crate::level::Level;
use crate::picture::Greys;

/// Pixels along the side of a tile.
pub const TILE_SIDE: usize = 512;
/// The least order that is promised: Allsky is made of its tiles.
pub const ALLSKY_ORDER: u8 = 3;
/// The deepest order of tiles, so that pixels have numbers too.
const DEEPEST_TILE: u8 = MAX_ORDER - 9;
/// Cells of the coverage map at most.
const MOST_CELLS: f64 = 4e6;
/// Pixels that the limits of pictures are found from, at most.
const SHOWN: usize = 1 << 20;

/// One mosaic, ready to be served.
pub struct DataSet {
    /// Its name in addresses.
    pub name: String,
    /// Its number among the data sets of the portal.
    pub number: u32,
    /// The mosaic's header.
    pub header: Header,
    /// Order of the finest tiles.
    pub order: u8,
    /// Order of storage blocks.
    pub block_order: u8,
    /// Sixteen letters that change with the content.
    pub version: String,
    /// When the file was changed last.
    pub modified: SystemTime,
    /// Where it has pixels.
    pub coverage: Coverage,
    /// Side of a pixel of the mosaic, degrees.
    pub scale_deg: f64,
    /// Least and greatest value, as the overview has them.
    pub range: (f64, f64),
    /// How values become greys.
    pub(crate) greys: Greys,
    /// The mosaic, and copies of it halved again and again.
    pub(crate) levels: Vec<Level>,
}

/// Side of a HiPS pixel of an order, degrees.
pub fn hips_pixel_deg(order: u8) -> f64 {
    let side = (4.0 * std::f64::consts::PI / 12.0).sqrt().to_degrees();
    side / (1u64 << order) as f64 / TILE_SIDE as f64
}

impl DataSet {
    /// Reads a mosaic's header, makes its smaller copies and finds its coverage.
    ///
    /// - `hdu`: where in the file the mosaic is; `scratch`: a folder for the copies, which may vanish after the call.
    /// - `block_order`: of storage blocks; that of the finest tiles where it is not given.
    ///
    /// # Errors
    /// [`PortalError`], among them [`PortalError::Unfit`] for cubes and images without a scale.
    pub(crate) fn open(
        (path, hdu): (&Path, usize),
        (name, number): (String, u32),
        scratch: &Path,
        block_order: Option<u8>,
    ) -> Result<DataSet, PortalError> {
        let unfit = |reason: &str| PortalError::Unfit { path: path.into(), reason: reason.into() };
        let first = Level::open(path, hdu)?;
        let header = first.file().hdu(hdu)?.header().clone();
        if first.file().image(hdu)?.planes() != 1 {
            return Err(unfit("this is a cube; the portal serves images of two axes, so make one of each plane"));
        }
        if !first.wcs.frame().reaches(&Frame::Icrs) {
            return Err(unfit("its coordinates are not on the sky that the portal serves; reproject it to icrs"));
        }
        let scale_deg = first.wcs.pixel_side_deg().filter(|side| *side > 0.0);
        let scale_deg =
            scale_deg.ok_or_else(|| unfit("its coordinates are not defined in its middle; reproject it"))?;
        let version = version(&first, hdu)?;
        let io = |source| PortalError::Io { path: path.into(), source };
        let modified = std::fs::metadata(path).and_then(|m| m.modified()).map_err(io)?;
        let order =
            (ALLSKY_ORDER..DEEPEST_TILE).find(|order| hips_pixel_deg(*order) <= scale_deg).unwrap_or(DEEPEST_TILE);
        let mut levels = vec![first];
        while let Some(last) =
            levels.last().filter(|last| last.width.max(last.height) > 1 && levels.len() <= usize::from(order))
        {
            let path = scratch.join(format!("{number}-{}.fits", levels.len()));
            let next = last.halved(&path)?;
            // What is mapped stays; only the name goes.
            std::fs::remove_file(&path).map_err(|source| PortalError::Io { path, source })?;
            levels.push(next);
        }
        let shown =
            levels.iter().find(|level| level.width * level.height <= SHOWN).unwrap_or(&levels[levels.len() - 1]);
        let pixels = shown.read(shown.rect())?.pixels;
        let range =
            pixels.iter().filter(|p| p.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| {
                (low.min(f64::from(*p)), high.max(f64::from(*p)))
            });
        if range.0 > range.1 {
            return Err(unfit("no pixel has a value; there is nothing to serve"));
        }
        let coverage = coverage(&levels, order, scale_deg)?;
        let block_order = block_order.unwrap_or(order).min(MAX_ORDER);
        let greys = Greys::of(&pixels);
        Ok(DataSet {
            name,
            number,
            header,
            order,
            block_order,
            version,
            modified,
            coverage,
            scale_deg,
            range,
            greys,
            levels,
        })
    }

    /// The unit of its pixels, if the header says.
    pub fn unit(&self) -> Option<&str> {
        self.header.str("BUNIT").map(str::trim).filter(|unit| !unit.is_empty())
    }
}

/// A short hash of what the mosaic is. Where the file holds check sums of its data these stand for the data.
fn version(level: &Level, hdu: usize) -> Result<String, PortalError> {
    let file = level.file();
    let bytes = file.hdu_bytes(hdu)?;
    let part = file.hdu(hdu)?;
    let summed = part.own_header().contains("DATASUM") && part.own_header().contains("CHECKSUM");
    let head = part.data_range().start - part.header_at();
    let said = if summed { &bytes[..head.min(bytes.len())] } else { bytes };
    let hash = Sha256::new().chain_update(env!("CARGO_PKG_VERSION")).chain_update(said).finalize();
    Ok(hex(&hash[..8]))
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The cells that hold pixels with values.
///
/// Pixels of a copy are followed to the sky by their middles, and where a neighbour has no value by their sides and corners, too;
/// a pixel is at most a quarter of a cell wide.
fn coverage(levels: &[Level], order: u8, scale_deg: f64) -> Result<Coverage, PortalError> {
    let area = |order: u8| (hips_pixel_deg(order) * TILE_SIDE as f64).powi(2);
    let whole = scale_deg * scale_deg * (levels[0].width as f64) * (levels[0].height as f64);
    let moc_order = (order..=order + 3).rev().find(|o| whole / area(*o) <= MOST_CELLS).unwrap_or(order);
    let level = &levels[usize::from(order + 6 - moc_order).min(levels.len() - 1)];
    let (width, height) = (level.width, level.height);
    let mut cells = Vec::new();
    const STRIPE: usize = 256;
    for y0 in (0..height).step_by(STRIPE) {
        // A row more below and above, to know the neighbours.
        let (from, to) = (y0.saturating_sub(1), (y0 + STRIPE + 1).min(height));
        let pixels = level.read(Rect { x: 0, y: from, width, height: to - from })?.pixels;
        let known = |x: i64, y: i64| {
            let inside = x >= 0 && x < width as i64 && y >= from as i64 && y < to as i64;
            inside && pixels[(y as usize - from) * width + x as usize].is_finite()
        };
        let mut found: Vec<u64> = Vec::new();
        for y in y0 as i64..(y0 + STRIPE).min(height) as i64 {
            for x in (0..width as i64).filter(|x| known(*x, y)) {
                let inner = (-1..=1).all(|dy| (-1..=1).all(|dx| known(x + dx, y + dy)));
                let steps: &[f64] = if inner { &[0.0] } else { &[-0.5, 0.0, 0.5] };
                for (dx, dy) in steps.iter().flat_map(|dx| steps.iter().map(move |dy| (dx, dy))) {
                    let Some(place) = level.wcs.pix_to_sky(x as f64 + dx, y as f64 + dy) else { continue };
                    let place = level.wcs.frame().convert_one(&Frame::Icrs, place);
                    let cell = pogson_healpix::Cell::containing(moc_order, place.lon_deg, place.lat_deg).index();
                    if found.last() != Some(&cell) {
                        found.push(cell);
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        cells.extend(found);
    }
    Ok(Coverage::of_cells(moc_order, cells))
}
