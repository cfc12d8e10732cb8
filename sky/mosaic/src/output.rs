//! The mosaic's files: values, footprint, variance and count, written by block as they are finished; as one image or as a
//! grid of them.

use crate::coadd::block::Finished;
use crate::cut::{Cell, Cut};
use crate::error::MosaicError;
use crate::mapping::Window;
use crate::pipeline::Sink;
use pogson_image::fits::{Bitpix, Header, ImageWriter, Options, Rect};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where the planes of a mosaic go.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The mosaic.
    pub mosaic: PathBuf,
    /// Sum of the tiles' cover.
    pub footprint: Option<PathBuf>,
    /// Variance of the mosaic.
    pub variance: Option<PathBuf>,
    /// Number of tiles at each pixel.
    pub count: Option<PathBuf>,
}

/// Marks cards that hold a place in the header until all is known.
const ROOM: &str = "reserved";

/// How the files are written.
#[derive(Debug, Clone)]
pub struct Form<'a> {
    /// Columns, rows, and the further axes of a cube.
    pub axes: &'a [usize],
    /// Type of the mosaic's pixels; companions are f32, counts 16-bit integers.
    pub bitpix: Bitpix,
    /// Which part of the frame goes into which file.
    pub cut: &'a Cut,
    /// Whether rows and columns without any value are left away at the end; for a single file.
    pub tight: bool,
    /// Whether files may be replaced, and have check sums.
    pub options: Options,
}

/// Open files of one mosaic.
pub struct Files {
    parts: Vec<Part>,
    plane: AtomicUsize,
    tight: bool,
    options: Options,
    /// First and past-the-last column and row that hold a value.
    bounds: Mutex<Option<Window>>,
}

/// One file of the mosaic, with its companions.
struct Part {
    cell: Cell,
    writers: Vec<Plane>,
}

/// One image while it is written.
struct Plane {
    what: What,
    path: PathBuf,
    header: Header,
    axes: Vec<usize>,
    bitpix: Bitpix,
    writer: ImageWriter,
}

/// What an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Mosaic,
    Footprint,
    Variance,
    Count,
}

impl What {
    fn of(self, planes: &Finished) -> &[f32] {
        match self {
            What::Mosaic => &planes.value,
            What::Footprint => &planes.footprint,
            What::Variance => &planes.variance,
            What::Count => &planes.count,
        }
    }
}

impl Files {
    /// Creates the files under temporary names.
    ///
    /// - `header`: of the whole frame; companions get it with another BUNIT, parts with their own CRPIX.
    /// - `room`: cards that [`Files::amend`] may add to the mosaic's header.
    ///
    /// # Errors
    /// Those of writing; none of the files exists then.
    pub fn create(paths: &Paths, header: &Header, room: usize, form: &Form<'_>) -> Result<Files, MosaicError> {
        let squared = header.str("BUNIT").map(|unit| format!("({unit})2"));
        let planes = [
            (What::Mosaic, Some(&paths.mosaic), header.str("BUNIT"), form.bitpix),
            (What::Footprint, paths.footprint.as_ref(), None, Bitpix::F32),
            (What::Variance, paths.variance.as_ref(), squared.as_deref(), Bitpix::F32),
            (What::Count, paths.count.as_ref(), None, Bitpix::I16),
        ];
        let size = (form.axes.first().copied().unwrap_or(0), form.axes.get(1).copied().unwrap_or(0));
        let cells = form.cut.cells(size);
        let wanted = planes.iter().filter(|(_, path, ..)| path.is_some()).count();
        crate::cut::allow_files(cells.len() * wanted);
        let mut parts = Vec::with_capacity(cells.len());
        for cell in cells {
            let mut writers = Vec::with_capacity(wanted);
            for (what, path, unit, bitpix) in &planes {
                let Some(path) = path else { continue };
                let path = cell.path(path);
                let mut header = header.clone();
                match unit {
                    Some(unit) => header.set("BUNIT", *unit, "unit of the pixel values"),
                    None => {
                        header.remove("BUNIT");
                    }
                }
                shift(&mut header, cell.window.x, cell.window.y);
                if *what == What::Mosaic {
                    for _ in 0..room {
                        header.push_comment(ROOM);
                    }
                }
                let axes = resized(form.axes, &cell.window);
                let writer = ImageWriter::create(&path, &header, &axes, *bitpix, form.options)?;
                writers.push(Plane { what: *what, path, header, axes, bitpix: *bitpix, writer });
            }
            parts.push(Part { cell, writers });
        }
        let (plane, bounds) = (AtomicUsize::new(0), Mutex::new(None));
        Ok(Files { parts, plane, tight: form.tight, options: form.options, bounds })
    }

    /// Leaves rows and columns without any value away, if that was asked for; returns the part of the frame that the first
    /// file now holds.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn trim(&mut self) -> Result<Option<Window>, MosaicError> {
        let bounds = *self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        let options = self.options;
        let Some(part) = self.parts.first_mut() else { return Ok(None) };
        let Some(tight) = bounds.filter(|b| self.tight && *b != part.cell.window) else {
            return Ok(Some(part.cell.window));
        };
        let (dx, dy) = (tight.x - part.cell.window.x, tight.y - part.cell.window.y);
        for plane in &mut part.writers {
            shift(&mut plane.header, dx, dy);
            plane.axes = resized(&plane.axes, &tight);
            let less = ImageWriter::create(&plane.path, &plane.header, &plane.axes, plane.bitpix, options)?;
            let rect = Rect { x: dx as usize, y: dy as usize, width: tight.width, height: tight.height };
            for number in 0..plane.axes.iter().skip(2).product() {
                plane.writer.copy_rect(number, rect, &less)?;
            }
            plane.writer = less;
        }
        part.cell.window = tight;
        Ok(Some(tight))
    }

    /// Replaces the room that was kept in the mosaic's header by what was learned since.
    pub fn amend(&mut self, record: impl Fn(&mut Header)) {
        let mosaics = self.parts.iter_mut().flat_map(|p| &mut p.writers).filter(|plane| plane.what == What::Mosaic);
        for plane in mosaics {
            if let Some(header) = plane.writer.header_mut() {
                header.retain(|card| !(card.key() == "COMMENT" && card.comment() == ROOM));
                record(header);
            }
        }
    }

    /// Paths of the mosaic's files, in the order of rows.
    pub fn mosaics(&self) -> Vec<PathBuf> {
        let all = self.parts.iter().flat_map(|p| &p.writers);
        all.filter(|plane| plane.what == What::Mosaic).map(|plane| plane.path.clone()).collect()
    }

    /// Completes all files and gives them their names.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(self) -> Result<(), MosaicError> {
        let (mosaics, companions): (Vec<Plane>, Vec<Plane>) =
            self.parts.into_iter().flat_map(|p| p.writers).partition(|plane| plane.what == What::Mosaic);
        // The mosaic comes last, so that it is there only with its companions.
        for plane in companions.into_iter().chain(mosaics) {
            plane.writer.finish()?;
        }
        Ok(())
    }

    /// Widens the bounds by a block's values.
    fn bound(&self, window: Window, values: &[f32]) {
        let mut found: Option<Window> = None;
        for (y, row) in (window.y..).zip(values.chunks_exact(window.width.max(1))) {
            let known = |v: &f32| v.is_finite();
            if let (Some(first), Some(last)) = (row.iter().position(known), row.iter().rposition(known)) {
                let here = Window { x: window.x + first as i64, y, width: last - first + 1, height: 1 };
                found = Some(found.map_or(here, |so_far| so_far.join(&here)));
            }
        }
        if let Some(found) = found {
            let mut bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
            *bounds = Some(bounds.map_or(found, |so_far| so_far.join(&found)));
        }
    }
}

/// Moves a header's reference pixel to that of a cut-out from column `x` and row `y` on.
fn shift(header: &mut Header, x: i64, y: i64) {
    for (key, by) in [("CRPIX1", x), ("CRPIX2", y)] {
        if let Some(pixel) = header.f64(key).filter(|_| by != 0) {
            header.set(key, pixel - by as f64, "");
        }
    }
}

fn resized(axes: &[usize], window: &Window) -> Vec<usize> {
    [&[window.width, window.height], axes.get(2..).unwrap_or(&[])].concat()
}

impl Sink for Files {
    fn begin_plane(&self, plane: usize) {
        self.plane.store(plane, Ordering::SeqCst);
    }

    fn take(&self, window: Window, planes: &Finished) -> Result<(), MosaicError> {
        let at = self.plane.load(Ordering::SeqCst);
        if self.tight {
            self.bound(window, &planes.value);
        }
        for part in &self.parts {
            let Some(shared) = part.cell.window.intersect(&window) else { continue };
            let rect = Rect {
                x: (shared.x - part.cell.window.x) as usize,
                y: (shared.y - part.cell.window.y) as usize,
                width: shared.width,
                height: shared.height,
            };
            for plane in &part.writers {
                let values = plane.what.of(planes);
                if shared == window {
                    plane.writer.write_rect_f32(at, rect, values)?;
                } else {
                    plane.writer.write_rect_f32(at, rect, &piece(values, &window, &shared))?;
                }
            }
        }
        Ok(())
    }
}

/// The part of a block that falls into a smaller window.
fn piece(values: &[f32], block: &Window, part: &Window) -> Vec<f32> {
    let x = (part.x - block.x) as usize;
    let y = (part.y - block.y) as usize;
    let rows = values.chunks_exact(block.width.max(1)).skip(y).take(part.height);
    rows.flat_map(|row| &row[x..x + part.width]).copied().collect()
}
