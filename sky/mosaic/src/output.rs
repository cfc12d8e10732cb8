//! The mosaic's files: values, footprint, variance and count, written by block as they are finished.

use crate::coadd::block::Finished;
use crate::error::MosaicError;
use crate::mapping::Window;
use crate::pipeline::Sink;
use pogson_image::fits::{Bitpix, Header, ImageWriter, Options, Rect};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Open files of one mosaic.
pub struct Files {
    mosaic: ImageWriter,
    footprint: Option<ImageWriter>,
    variance: Option<ImageWriter>,
    count: Option<ImageWriter>,
    plane: AtomicUsize,
}

impl Files {
    /// Creates the files under temporary names.
    ///
    /// - `header`: of the mosaic; companions get it with another BUNIT.
    /// - `axes`: columns, rows, and the further axes of a cube.
    /// - `room`: cards that [`Files::amend`] may add to the mosaic's header.
    /// - `bitpix`: of the mosaic; companions are f32, counts 16-bit integers.
    ///
    /// # Errors
    /// Those of writing; none of the files exists then.
    pub fn create(
        paths: &Paths,
        header: &Header,
        room: usize,
        axes: &[usize],
        bitpix: Bitpix,
        options: Options,
    ) -> Result<Files, MosaicError> {
        let companion = |path: &Option<PathBuf>, unit: Option<&str>, bitpix: Bitpix| {
            let Some(path) = path else { return Ok(None) };
            let mut header = header.clone();
            match unit {
                Some(unit) => header.set("BUNIT", unit, "unit of the pixel values"),
                None => {
                    header.remove("BUNIT");
                }
            }
            ImageWriter::create(path, &header, axes, bitpix, options).map(Some)
        };
        let squared = header.str("BUNIT").map(|unit| format!("({unit})2"));
        let mut roomy = header.clone();
        for _ in 0..room {
            roomy.push_comment(ROOM);
        }
        Ok(Files {
            mosaic: ImageWriter::create(&paths.mosaic, &roomy, axes, bitpix, options)?,
            footprint: companion(&paths.footprint, None, Bitpix::F32)?,
            variance: companion(&paths.variance, squared.as_deref(), Bitpix::F32)?,
            count: companion(&paths.count, None, Bitpix::I16)?,
            plane: AtomicUsize::new(0),
        })
    }

    /// Replaces the room that was kept in the mosaic's header by what was learned since.
    pub fn amend(&mut self, record: impl FnOnce(&mut Header)) {
        if let Some(header) = self.mosaic.header_mut() {
            header.retain(|card| !(card.key() == "COMMENT" && card.comment() == ROOM));
            record(header);
        }
    }

    /// Completes all files and gives them their names.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(self) -> Result<(), MosaicError> {
        for companion in [self.footprint, self.variance, self.count].into_iter().flatten() {
            companion.finish()?;
        }
        Ok(self.mosaic.finish()?)
    }
}

impl Sink for Files {
    fn begin_plane(&self, plane: usize) {
        self.plane.store(plane, Ordering::SeqCst);
    }

    fn take(&self, window: Window, planes: &Finished) -> Result<(), MosaicError> {
        let rect = Rect { x: window.x as usize, y: window.y as usize, width: window.width, height: window.height };
        let at = self.plane.load(Ordering::SeqCst);
        self.mosaic.write_rect_f32(at, rect, &planes.value)?;
        let companions =
            [(&self.footprint, &planes.footprint), (&self.variance, &planes.variance), (&self.count, &planes.count)];
        for (writer, plane) in companions {
            if let Some(writer) = writer {
                writer.write_rect_f32(at, rect, plane)?;
            }
        }
        Ok(())
    }
}
