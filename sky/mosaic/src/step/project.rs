//! Step 1: tiles onto the output grid, each as an image of its own.

use super::cover::Runs;
use super::identity::{Identity, KEY, image_stands};
use super::image::{AREA_KIND, SHARE, WEIGHT, area_path, variance_path};
use crate::error::MosaicError;
use crate::mapping::Window;
use crate::method::Method;
use crate::patch::Patch;
use crate::place::{Placing, Target, place};
use crate::provenance::KEPT;
use crate::source::{Loading, Source};
use pogson_image::fits::{Bitpix, FitsWriter, Header, Options};
use std::path::Path;

/// How tiles are projected.
#[derive(Debug, Clone)]
pub struct Project {
    /// Way of reprojection, resolved.
    pub method: Method,
    /// Largest error of approximated maps, in tile pixels.
    pub tolerance_px: f64,
    /// Whether pixels hold the sum of flux rather than surface brightness.
    pub flux: bool,
    /// Weight maps and masks; variances are written when they are asked for here.
    pub loading: Loading,
    /// Zero point that the tiles are brought to, where known.
    pub zero_point: Option<f64>,
}

/// What became of one tile or image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// The output was written.
    Written,
    /// The output was there already, made of the same.
    Kept,
    /// The tile does not touch the frame; nothing was written.
    Outside,
}

/// What to do with outputs that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Existing {
    /// Replace them.
    pub force: bool,
    /// Leave those that were made of the same inputs and options, replace others.
    pub resume: bool,
}

impl Existing {
    /// Whether a file may be replaced.
    pub fn replace(self) -> bool {
        self.force || self.resume
    }
}

/// Rows that are projected at a time.
const ROWS: usize = 64;

/// Projects a tile and writes it as `out`, with `out`'s area image and perhaps variance image beside it.
///
/// # Errors
/// Those of reading, of geometry and of writing. `out` appears last, so that it is there only with its companions.
pub fn project(
    source: &Source,
    target: &Target,
    how: &Project,
    out: &Path,
    existing: Existing,
) -> Result<Done, MosaicError> {
    let key = key(source, target, how)?;
    if existing.resume && stands(out, &key, how.loading.variance) {
        return Ok(Done::Kept);
    }
    let placing = Placing { method: how.method, tolerance_px: how.tolerance_px, flux: how.flux };
    let Some(projector) = place(source, target, &placing)? else { return Ok(Done::Outside) };
    let options = Options { overwrite: existing.replace(), checksum: true };
    let window = projector.window();
    let header = header(source, target, window, how, &key)?;
    let mut files = Files::create(out, &header, window, how, options)?;
    let tile = source.load(how.method.kernel(), &how.loading)?;
    let pedestal = if how.flux { 0.0 } else { tile.pedestal };
    let mut patch = Patch::default();
    for first in (0..window.height).step_by(ROWS) {
        let band = Window { y: window.y + first as i64, height: ROWS.min(window.height - first), ..window };
        projector.project(&tile, band, pedestal, how.loading.variance, &mut patch)?;
        files.write(first, &mut patch)?;
    }
    files.finish(pedestal, &Runs::of_projector(projector.as_ref()))?;
    Ok(Done::Written)
}

fn stands(out: &Path, key: &str, variance: bool) -> bool {
    image_stands(out, key)
        && image_stands(&area_path(out), key)
        && (!variance || image_stands(&variance_path(out), key))
}

/// What the outputs of a tile are made of.
fn key(source: &Source, target: &Target, how: &Project) -> Result<String, MosaicError> {
    let mut id = Identity::of_step("project");
    id.file(&source.path)?;
    for companion in how.loading.companions(&source.path) {
        id.file(&companion)?;
    }
    id.grid(target).text(&format!(
        "{} {} {} {:?} {:?} {} {:?} {:?}",
        source.hdu, source.plane, source.scale, how.method, how.tolerance_px, how.flux, how.loading, how.zero_point,
    ));
    Ok(id.key())
}

fn header(source: &Source, target: &Target, window: Window, how: &Project, key: &str) -> Result<Header, MosaicError> {
    let mut header = Header::new();
    let size = (window.width, window.height);
    let wcs = target.wcs.shifted(window.x as f64, window.y as f64, size).ok_or_else(|| MosaicError::Geometry {
        path: source.path.clone(),
        reason: "the output frame has distortion terms; give a template without them".into(),
    })?;
    wcs.write_to(&mut header);
    for key in KEPT {
        if let Some(card) = source.header.card(key) {
            header.push(card.clone());
        }
    }
    if let Some(zero_point) = how.zero_point {
        header.set("MAGZP", zero_point, "zero point that the tile was brought to [mag]");
    }
    let name = source.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if source.hdu > 0 { format!("{name}[{}]", source.hdu) } else { name };
    header.set("PROV0001", name.as_str(), "tile that this image shows");
    header.set("FLUXSCAL", source.scale, "factor that the tile was multiplied by");
    header.set(KEY, key, "made of: see docs, step");
    header.push_history(&format!("pogson {} step project", env!("CARGO_PKG_VERSION")));
    header.push_history(&format!("reprojection {}", how.method.name()));
    Ok(header)
}

/// The files of one projected tile while they are written.
struct Files {
    image: FitsWriter,
    /// Cover first; where weights are something else, they follow.
    area: FitsWriter,
    weights: bool,
    variance: Option<FitsWriter>,
}

impl Files {
    fn create(
        out: &Path,
        header: &Header,
        window: Window,
        how: &Project,
        options: Options,
    ) -> Result<Files, MosaicError> {
        let axes = [window.width, window.height];
        let start = |path: &Path, header: &Header| {
            let mut writer = FitsWriter::create(path, options)?;
            writer.add_image(header, &axes, Bitpix::F32)?;
            Ok::<_, MosaicError>(writer)
        };
        let mut shares = header.clone();
        shares.remove("BUNIT");
        shares.set(AREA_KIND, SHARE, "share of the pixel that the tile covers");
        let mut area = start(&area_path(out), &shares)?;
        // Interpolation trusts a tile less towards its edges; an area is the same all over.
        let weights = how.method.kernel().is_some();
        if weights {
            let mut header = Header::new();
            header.set("EXTNAME", WEIGHT, "statistical weight, below 1 towards the tile's edges");
            area.add_image(&header, &axes, Bitpix::F32)?;
        }
        let mut noise = header.clone();
        if let Some(unit) = header.str("BUNIT") {
            noise.set("BUNIT", format!("({unit})2"), "");
        }
        let mut roomy = header.clone();
        reserve_pedestal(&mut roomy);
        Ok(Files {
            image: start(out, &roomy)?,
            area,
            weights,
            variance: how.loading.variance.then(|| start(&variance_path(out), &noise)).transpose()?,
        })
    }

    /// Writes a band of rows; values without weight become NaN.
    fn write(&mut self, first: usize, patch: &mut Patch) -> Result<(), MosaicError> {
        for (k, weight) in patch.weight.iter().enumerate() {
            if *weight <= 0.0 {
                patch.value[k] = f32::NAN;
                if let Some(variance) = patch.variance.get_mut(k) {
                    *variance = f32::NAN;
                }
            }
        }
        self.image.write_rows_f32(0, 0, first, &patch.value)?;
        self.area.write_rows_f32(0, 0, first, &patch.cover)?;
        if self.weights {
            self.area.write_rows_f32(1, 0, first, &patch.weight)?;
        }
        if let Some(variance) = &self.variance {
            variance.write_rows_f32(0, 0, first, &patch.variance)?;
        }
        Ok(())
    }

    fn finish(mut self, pedestal: f64, runs: &Runs) -> Result<(), MosaicError> {
        if let Some(header) = self.image.header_mut(0) {
            set_pedestal(header, pedestal);
        }
        runs.write(&mut self.area)?;
        self.area.finish()?;
        if let Some(variance) = self.variance {
            variance.finish()?;
        }
        Ok(self.image.finish()?)
    }
}

/// Keywords that hold the place of BSCALE and BZERO.
const PLACES: [&str; 2] = ["BSCALE_", "BZERO_"];

/// Keeps room in a header for the pedestal. The writer takes BZERO of floats away, for it does no scaling; the values
/// that it gets here are less the pedestal already.
pub(super) fn reserve_pedestal(header: &mut Header) {
    for key in PLACES {
        header.set(key, 0.0, "");
    }
}

/// Says in a header that has room for it that stored values are less a pedestal.
pub(super) fn set_pedestal(header: &mut Header, pedestal: f64) {
    header.retain(|card| !PLACES.contains(&card.key()));
    if pedestal != 0.0 {
        header.set("BSCALE", 1.0, "");
        header.set("BZERO", pedestal, "pixel value = stored + BZERO");
    }
}
