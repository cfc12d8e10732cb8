//! Tiles as files: what their headers say, and how their pixels are loaded.

use crate::error::MosaicError;
use crate::kernel::Kernel;
use crate::region_mask::RegionMask;
use crate::tile::{Tile, Variance};
use crate::work::{Watch, sweep};
use pogson_image::fits::{FitsFile, Header, Image};
use pogson_image::wcs::Wcs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One tile: an image in a file, with its place on the sky.
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Number of the HDU, from 0.
    pub hdu: usize,
    /// Plane of a cube, from 0.
    pub plane: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Lengths of the axes past the second.
    pub further_axes: Vec<usize>,
    /// World coordinates.
    pub wcs: Wcs,
    /// The image's header.
    pub header: Header,
    /// Factor that brings pixel values to the common flux scale.
    pub scale: f64,
}

/// A file that was not used, and why.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LeftOut {
    /// The file.
    pub path: PathBuf,
    /// One sentence.
    pub reason: String,
}

/// Which images of a file are tiles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pick {
    /// The first image with a celestial WCS.
    #[default]
    First,
    /// Every image with a celestial WCS.
    All,
    /// The HDU of this number, from 0.
    Number(usize),
    /// The HDU of this EXTNAME.
    Name(String),
}

/// What to do with a file that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBad {
    /// Go on without it and report it.
    #[default]
    LeaveOut,
    /// Fail.
    Fail,
}

/// Opens files and reads their headers, in the order given.
///
/// # Errors
/// [`MosaicError::NoTiles`] if none is usable; with [`OnBad::Fail`] the first file's error.
pub fn open(
    paths: &[PathBuf],
    pick: &Pick,
    on_bad: OnBad,
    threads: usize,
    watch: &dyn Watch,
) -> Result<(Vec<Source>, Vec<LeftOut>), MosaicError> {
    let opened = sweep(threads, paths.len(), watch, |k| match open_file(&paths[k], pick) {
        Err(error) if on_bad == OnBad::LeaveOut => Ok(Err(error)),
        other => other.map(Ok),
    })?;
    let mut sources = Vec::new();
    let mut left_out = Vec::new();
    for (path, result) in paths.iter().zip(opened) {
        match result {
            Ok(found) => sources.extend(found),
            Err(error) => left_out.push(LeftOut { path: path.clone(), reason: error.to_string() }),
        }
    }
    if sources.is_empty() {
        let mut reasons: Vec<&str> = left_out.iter().map(|l| l.reason.as_str()).take(3).collect();
        if left_out.len() > 3 {
            reasons.push("...");
        }
        return Err(MosaicError::NoTiles { given: paths.len(), reasons: reasons.join("; ") });
    }
    Ok((sources, left_out))
}

fn open_file(path: &Path, pick: &Pick) -> Result<Vec<Source>, MosaicError> {
    let file = FitsFile::open(path)?;
    let wanted: Vec<usize> = match pick {
        Pick::Number(hdu) => vec![*hdu],
        Pick::Name(name) => vec![file.named(name, None)?],
        Pick::First | Pick::All => (0..file.hdus().len()).filter(|&k| file.hdus()[k].image_dimensions() >= 2).collect(),
    };
    let mut found = Vec::new();
    let mut problem = None;
    for hdu in wanted {
        let image = file.image(hdu)?;
        match Wcs::from_hdu(&file, hdu) {
            Ok(wcs) => found.push(describe(path, hdu, &image, wcs)),
            Err(source) => {
                problem.get_or_insert(MosaicError::Wcs { path: path.to_path_buf(), source });
            }
        }
        if *pick == Pick::First && !found.is_empty() {
            break;
        }
    }
    match (found.is_empty(), problem) {
        (true, Some(problem)) => Err(problem),
        (true, None) => Err(MosaicError::NoImage { path: path.to_path_buf() }),
        _ => Ok(found),
    }
}

pub(crate) fn describe(path: &Path, hdu: usize, image: &Image<'_>, wcs: Wcs) -> Source {
    Source {
        path: path.to_path_buf(),
        hdu,
        plane: 0,
        width: image.width(),
        height: image.height(),
        further_axes: image.axes().iter().skip(2).copied().collect(),
        wcs,
        header: image.header().clone(),
        scale: 1.0,
    }
}

/// Maps that go with tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightKind {
    /// None: noise is estimated from the tile where it is needed.
    #[default]
    Background,
    /// Standard deviation of each pixel.
    Rms,
    /// Variance of each pixel.
    Variance,
    /// Inverse variance, up to a factor common to all tiles.
    Weight,
}

/// Where a companion image of a tile is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Companion {
    /// In a file of the tile's name with this in place of its extension (`.weight.fits` as SWarp has it).
    Suffix(String),
    /// In the tile's own file, in the HDU of this EXTNAME.
    Extension(String),
}

/// How tiles are loaded.
#[derive(Debug, Clone, Default)]
pub struct Loading {
    /// Kind of the weight maps.
    pub weight: WeightKind,
    /// Where the weight maps are, if any.
    pub weight_map: Option<Companion>,
    /// Where masks are, if any; a pixel with any bit of `mask_bits` set is bad.
    pub mask: Option<Companion>,
    /// Bits of the mask that matter.
    pub mask_bits: i64,
    /// Regions that do not count, in any number of files.
    pub regions: Vec<Arc<RegionMask>>,
    /// Whether variances are needed.
    pub variance: bool,
}

impl Loading {
    /// The further files that go with the tile of this path.
    pub fn companions(&self, tile: &Path) -> Vec<PathBuf> {
        let files = [&self.weight_map, &self.mask].into_iter().flatten();
        files
            .filter_map(|place| match place {
                Companion::Suffix(suffix) => Some(with_suffix(tile, suffix)),
                Companion::Extension(_) => None,
            })
            .collect()
    }
}

thread_local! {
    /// Raw pixels of the tile that a thread is loading: kept, for fresh memory costs more than the reading.
    static PIXELS: std::cell::RefCell<Vec<f32>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl Source {
    /// Number of planes.
    pub fn planes(&self) -> usize {
        self.further_axes.iter().fold(1, |product, n| product.saturating_mul(*n))
    }

    /// Reads the tile's pixels and prepares them for a kernel, or leaves them as they are for `None`.
    ///
    /// # Errors
    /// Those of reading; [`MosaicError::Geometry`] when a map's size differs from the tile's.
    pub fn load(&self, kernel: Option<Kernel>, how: &Loading) -> Result<Tile, MosaicError> {
        self.load_plane(0, kernel, how)
    }

    /// The same for a plane of a cube, counted from [`Source::plane`].
    ///
    /// # Errors
    /// Those of [`Source::load`].
    pub fn load_plane(&self, plane: usize, kernel: Option<Kernel>, how: &Loading) -> Result<Tile, MosaicError> {
        let file = FitsFile::open(&self.path)?;
        let image = file.image(self.hdu)?;
        if image.width() != self.width || image.height() != self.height {
            return Err(self.problem(format!(
                "the image is {} x {} now and was {} x {} before; it changed while in use",
                image.width(),
                image.height(),
                self.width,
                self.height
            )));
        }
        PIXELS.with_borrow_mut(|pixels| {
            pixels.resize(self.width * self.height, 0.0);
            image.read_f32(self.plane + plane, image.rect(), pixels)?;
            self.prepare(kernel, how, &file, pixels)
        })
    }

    fn prepare(
        &self,
        kernel: Option<Kernel>,
        how: &Loading,
        file: &FitsFile,
        pixels: &mut [f32],
    ) -> Result<Tile, MosaicError> {
        for regions in &how.regions {
            regions.lay(self, pixels)?;
        }
        if let Some(mask) = &how.mask {
            let bits = self.companion(mask, file, |image, out: &mut [i64]| image.read_i64(0, image.rect(), out))?;
            for (pixel, bits) in pixels.iter_mut().zip(bits) {
                if bits & how.mask_bits != 0 {
                    *pixel = f32::NAN;
                }
            }
        }
        let variance = match &how.weight_map {
            Some(map) => self.variance_map(map, how.weight, file, pixels)?,
            None if how.variance => {
                Variance::Uniform(noise(pixels, self.width).powi(2) * (self.scale * self.scale) as f32)
            }
            None => Variance::Uniform(0.0),
        };
        let mut tile = Tile::new(kernel, pixels, self.width, self.height, self.scale);
        tile.variance = variance;
        Ok(tile)
    }

    fn variance_map(
        &self,
        map: &Companion,
        kind: WeightKind,
        file: &FitsFile,
        pixels: &mut [f32],
    ) -> Result<Variance, MosaicError> {
        let mut values = self.companion(map, file, |image, out: &mut [f32]| image.read_f32(0, image.rect(), out))?;
        let scale = (self.scale * self.scale) as f32;
        for (value, pixel) in values.iter_mut().zip(pixels) {
            let variance = match kind {
                WeightKind::Rms => *value * *value,
                WeightKind::Weight => 1.0 / *value,
                WeightKind::Variance | WeightKind::Background => *value,
            };
            // No weight, or none that makes sense: the pixel is bad.
            if variance > 0.0 && variance.is_finite() {
                *value = variance * scale;
            } else {
                *value = 0.0;
                *pixel = f32::NAN;
            }
        }
        Ok(Variance::Map(values))
    }

    fn companion<T: Copy + Default>(
        &self,
        place: &Companion,
        own: &FitsFile,
        read: impl Fn(&Image<'_>, &mut [T]) -> Result<(), pogson_image::fits::FitsError>,
    ) -> Result<Vec<T>, MosaicError> {
        let other;
        let (file, hdu) = match place {
            Companion::Extension(name) => (own, own.named(name, None)?),
            Companion::Suffix(suffix) => {
                other = FitsFile::open(&with_suffix(&self.path, suffix))?;
                let hdu = other.first_image()?.hdu();
                (&other, hdu)
            }
        };
        let image = file.image(hdu)?;
        if image.width() != self.width || image.height() != self.height {
            return Err(self.problem(format!(
                "its map {} is {} x {} and the image {} x {}; they must be equal",
                file.path().display(),
                image.width(),
                image.height(),
                self.width,
                self.height
            )));
        }
        let mut out = vec![T::default(); self.width * self.height];
        read(&image, &mut out)?;
        Ok(out)
    }

    fn problem(&self, reason: String) -> MosaicError {
        MosaicError::Geometry { path: self.path.clone(), reason }
    }
}

/// The tile's name with `suffix` in place of its extension.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.trim_end_matches(".gz").trim_end_matches(".fz");
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    path.with_file_name(format!("{stem}{suffix}"))
}

/// Standard deviation of the noise from second differences along rows, which structure on larger scales and
/// stars hardly touch.
pub fn noise(pixels: &[f32], width: usize) -> f32 {
    let rows = pixels.len() / width.max(1);
    let step = (rows / 128).max(1);
    let mut differences = Vec::new();
    for row in pixels.chunks_exact(width.max(1)).step_by(step) {
        differences.extend(row.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs()).filter(|d| d.is_finite()));
    }
    if differences.is_empty() {
        return 0.0;
    }
    let middle = differences.len() / 2;
    // A second difference of white noise has six times its variance.
    1.4826 * *differences.select_nth_unstable_by(middle, f32::total_cmp).1 / 6.0f32.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_companion_takes_the_place_of_the_extension() {
        for name in ["a.b.fits", "a.b.fits.gz", "a.b.fits.fz"] {
            assert_eq!(
                with_suffix(Path::new("d").join(name).as_path(), ".weight.fits"),
                Path::new("d/a.b.weight.fits")
            );
        }
    }

    #[test]
    fn noise_of_a_known_spread_is_found_on_a_slope() {
        // Twelve uniform numbers sum to nearly normal noise of unit variance.
        let mut state = 1u64;
        let mut uniform = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let pixels: Vec<f32> = (0..300 * 300)
            .map(|k| (k % 300) as f32 * 0.5 + 4.0 * ((0..12).map(|_| uniform()).sum::<f32>() - 6.0))
            .collect();
        assert!((noise(&pixels, 300) - 4.0).abs() < 0.1);
    }
}
