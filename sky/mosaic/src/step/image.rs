//! Projected images in files: read back as tiles that need no more than copying.

use super::cover::Runs;
use super::grid;
use crate::error::MosaicError;
use crate::mapping::Window;
use crate::patch::{Patch, Projector};
use crate::source::{Source, describe};
use crate::tile::{Pixels, Tile, Variance, typical};
use pogson_image::fits::{Bitpix, FitsFile, Header};
use pogson_image::wcs::Wcs;
use std::path::{Path, PathBuf};

/// Keyword of the area image that says what it holds.
pub const AREA_KIND: &str = "AREAKIND";

/// Value of [`AREA_KIND`]: the fraction of the pixel that the tile covers.
pub const SHARE: &str = "share";

/// Extension of the area image with statistical weights, where they are not the areas.
pub const WEIGHT: &str = "WEIGHT";

/// What weights an image has.
#[derive(Debug, Clone, Copy, PartialEq)]
enum AreaKind {
    /// Statistical weights; the tile covers the pixel wherever it is positive.
    Weight,
    /// The fraction of the pixel that the tile covers.
    Share,
    /// Areas in the unit of another program, of which this is that of a full pixel.
    Foreign(f32),
}

impl AreaKind {
    /// Weight and cover that an area value stands for.
    fn weight_and_cover(self, area: f32) -> (f32, f32) {
        match self {
            AreaKind::Weight => (area, if area > 0.0 { 1.0 } else { 0.0 }),
            AreaKind::Share => (area, area),
            AreaKind::Foreign(full) => {
                let share = area / full;
                // Areas on the sky vary over an image; nearly all of a pixel is a full one.
                (share, if share > NEARLY_FULL { 1.0 } else { share })
            }
        }
    }
}

/// Share of a typical area from which another program's pixel counts as covered fully.
const NEARLY_FULL: f32 = 0.95;

/// The file beside an image that holds what it covers, `NAME_area.fits` as Montage has it.
pub fn area_path(image: &Path) -> PathBuf {
    beside(image, "_area")
}

/// The file beside an image that holds its variances, `NAME_variance.fits`.
pub fn variance_path(image: &Path) -> PathBuf {
    beside(image, "_variance")
}

fn beside(image: &Path, mark: &str) -> PathBuf {
    let name = image.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    match name.rsplit_once('.') {
        Some((stem, ending)) => image.with_file_name(format!("{stem}{mark}.{ending}")),
        None => image.with_file_name(format!("{name}{mark}")),
    }
}

/// An image on the output grid: what its header says.
pub struct OnGrid {
    /// File, size, coordinates, header.
    pub source: Source,
    /// Where it lies on the frame, before anything is cut off.
    pub window: Window,
}

impl OnGrid {
    /// Opens an image that lies on the grid of `frame`.
    ///
    /// # Errors
    /// No FITS file, no image with coordinates in its first HDU, another grid.
    pub fn open(path: &Path, frame: &Wcs) -> Result<OnGrid, MosaicError> {
        let file = FitsFile::open(path)?;
        let image = file.image(0)?;
        let wcs = Wcs::from_hdu(&file, 0).map_err(|source| MosaicError::Wcs { path: path.to_path_buf(), source })?;
        let (x, y) =
            grid::offset(frame, &wcs).map_err(|reason| MosaicError::Geometry { path: path.to_path_buf(), reason })?;
        let (width, height) = (image.width(), image.height());
        let source = describe(path, 0, &image, wcs);
        Ok(OnGrid { source, window: Window { x, y, width, height } })
    }

    /// What to bring the image's pixels onto the output with; `None` if it has none there.
    ///
    /// - `within`: the output's window.
    ///
    /// # Errors
    /// Those of reading the area image.
    pub fn stored(&self, within: Window) -> Result<Option<Stored>, MosaicError> {
        let Some(window) = self.window.intersect(&within) else { return Ok(None) };
        let area = area_path(&self.source.path);
        let (kind, runs) = match area.exists().then(|| FitsFile::open(&area)).transpose()? {
            Some(file) => (kind(&file, None)?, Runs::read(&file, self.source.width)?),
            None => (AreaKind::Share, None),
        };
        let (kind, runs) = match runs {
            Some(runs) => (kind, runs),
            None => {
                let (value, _) = values(&self.source)?;
                let (weight, kind) = areas(&self.source, &value)?;
                (kind, Runs::of_weights(&weight, self.source.width))
            }
        };
        // Weights of other programs are brought to shares when they are loaded.
        Ok(Some(Stored { image: self.window, window, kind, runs }))
    }

    /// The image's header.
    pub fn header(&self) -> &Header {
        &self.source.header
    }
}

/// Reads pixels, weights and perhaps variances.
///
/// - `variance`: whether variances are needed.
///
/// # Errors
/// Those of reading; an area or variance image of another size, or a variance image that is not there.
pub fn load(source: &Source, variance: bool) -> Result<Tile, MosaicError> {
    let path = &source.path;
    let (mut value, pedestal) = values(source)?;
    let (weight, _) = areas(source, &value)?;
    for (value, weight) in value.iter_mut().zip(&weight) {
        if *weight <= 0.0 {
            *value = f32::NAN;
        }
    }
    let variance = if variance {
        let path = variance_path(path);
        if !path.exists() {
            return Err(problem(
                source,
                format!("{} is not there; project with --variance to have it", path.display()),
            ));
        }
        let mut noise = plane(source, &FitsFile::open(&path)?, 0)?;
        for (noise, weight) in noise.iter_mut().zip(&weight) {
            if *weight <= 0.0 {
                *noise = 0.0;
            }
        }
        noise
    } else {
        Vec::new()
    };
    let patch = Patch { value, weight, cover: Vec::new(), variance, width: source.width, ..Patch::default() };
    Ok(Tile { pixels: Pixels::Projected(patch), pedestal, bad: None, variance: Variance::Uniform(0.0) })
}

/// Values less the pedestal, and the pedestal.
pub(super) fn values(source: &Source) -> Result<(Vec<f32>, f64), MosaicError> {
    let file = FitsFile::open(&source.path)?;
    let image = file.image(0)?;
    let header = image.header();
    let n = source.width * source.height;
    if header.contains(super::identity::KEY) && image.bitpix() == Bitpix::F32 && image.scaling().scale == 1.0 {
        // As it was stored: adding the pedestal and taking it off again would round.
        return Ok((stored_f32(file.data(0)?, n), image.scaling().zero));
    }
    let mut wide = vec![0.0f64; n];
    image.read_f64(0, image.rect(), &mut wide)?;
    let narrow: Vec<f32> = wide.iter().map(|v| *v as f32).collect();
    let pedestal = f64::from(typical(&narrow) as f32);
    Ok((wide.iter().map(|v| (v - pedestal) as f32).collect(), pedestal))
}

/// Weights (shares of a full pixel where another program wrote them), and what they are.
fn areas(source: &Source, value: &[f32]) -> Result<(Vec<f32>, AreaKind), MosaicError> {
    let path = area_path(&source.path);
    if !path.exists() {
        let known = value.iter().map(|v| if v.is_finite() { 1.0 } else { 0.0 }).collect();
        return Ok((known, AreaKind::Share));
    }
    let file = FitsFile::open(&path)?;
    let mut area = plane(source, &file, file.named(WEIGHT, None).unwrap_or(0))?;
    let kind = kind(&file, Some(&area))?;
    for (area, value) in area.iter_mut().zip(value) {
        let good = *area > 0.0 && value.is_finite();
        *area = if good { kind.weight_and_cover(*area).0 } else { 0.0 };
    }
    Ok((area, kind))
}

/// What an area image holds; without its values a foreign one counts as shares.
fn kind(file: &FitsFile, values: Option<&[f32]>) -> Result<AreaKind, MosaicError> {
    if file.named(WEIGHT, None).is_ok() {
        return Ok(AreaKind::Weight);
    }
    match (file.hdu(0)?.header().str(AREA_KIND), values) {
        (Some(SHARE), _) => Ok(AreaKind::Share),
        (_, None) => Ok(AreaKind::Foreign(1.0)),
        (_, Some(values)) => {
            let some: Vec<f32> = values.iter().copied().filter(|a| *a > 0.0).collect();
            let full = typical(&some) as f32;
            Ok(AreaKind::Foreign(if full > 0.0 { full } else { 1.0 }))
        }
    }
}

/// An image of the same size as the source's.
fn plane(source: &Source, file: &FitsFile, hdu: usize) -> Result<Vec<f32>, MosaicError> {
    let path = file.path();
    let image = file.image(hdu)?;
    if (image.width(), image.height()) != (source.width, source.height) {
        return Err(problem(
            source,
            format!(
                "{} is {} x {} and the image {} x {}; they must be equal",
                path.display(),
                image.width(),
                image.height(),
                source.width,
                source.height
            ),
        ));
    }
    let mut out = vec![0.0; source.width * source.height];
    image.read_f32(0, image.rect(), &mut out)?;
    Ok(out)
}

fn problem(source: &Source, reason: String) -> MosaicError {
    MosaicError::Geometry { path: source.path.clone(), reason }
}

/// Big-endian floats as they are stored.
fn stored_f32(bytes: &[u8], n: usize) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().take(n).map(|b| f32::from_be_bytes(*b)).collect()
}

/// Brings an image that lies on the output grid onto the output, by copying.
pub struct Stored {
    image: Window,
    window: Window,
    kind: AreaKind,
    runs: Runs,
}

impl Projector for Stored {
    fn window(&self) -> Window {
        self.window
    }

    fn project(
        &self,
        tile: &Tile,
        window: Window,
        pedestal: f64,
        variance: bool,
        patch: &mut Patch,
    ) -> Result<(), MosaicError> {
        patch.reset(window.width, window.height, variance);
        // Only images that lie on the grid are loaded for this.
        let Pixels::Projected(image) = &tile.pixels else { return Ok(()) };
        let offset = (tile.pedestal - pedestal) as f32;
        let x = (window.x - self.image.x) as usize;
        for j in 0..window.height {
            let from = (window.y - self.image.y) as usize * image.width + j * image.width + x;
            let from = from..from + window.width;
            let to = j * window.width..(j + 1) * window.width;
            for (out, value) in patch.value[to.clone()].iter_mut().zip(&image.value[from.clone()]) {
                *out = value + offset;
            }
            patch.weight[to.clone()].copy_from_slice(&image.weight[from.clone()]);
            // Weights of other programs are shares by now.
            let kind = if matches!(self.kind, AreaKind::Foreign(_)) { AreaKind::Foreign(1.0) } else { self.kind };
            for (cover, weight) in patch.cover[to.clone()].iter_mut().zip(&image.weight[from.clone()]) {
                *cover = kind.weight_and_cover(*weight).1;
            }
            if variance && !image.variance.is_empty() {
                patch.variance[to].copy_from_slice(&image.variance[from]);
            }
        }
        Ok(())
    }

    fn count_row(&self, y: i64, x: i64, count: &mut [u8]) {
        self.runs.count((y - self.image.y) as u32, (x - self.image.x) as u32, count);
    }
}
