//! Where images lie on the grid that they share.

use crate::error::MosaicError;
use crate::mapping::Window;
use pogson_image::table::{ImageEntry, IpacTable};
use pogson_image::wcs::Wcs;
use std::path::{Path, PathBuf};

/// Difference of two grids, in pixels over an image, up to which they are taken as one: tables of other programs round.
const SAME_GRID_PX: f64 = 0.05;

/// Offset of an image's first pixel from the frame's, in pixels, when both are on one grid.
///
/// # Errors
/// In words, what differs.
pub fn offset(frame: &Wcs, image: &Wcs) -> Result<(i64, i64), String> {
    if frame.projection().code() != image.projection().code() {
        return Err(format!(
            "its projection is {}, the frame's {}",
            image.projection().code(),
            frame.projection().code()
        ));
    }
    let (cd, other) = (frame.cd(), image.cd());
    let side = (cd[0][0] * cd[1][1] - cd[0][1] * cd[1][0]).abs().sqrt();
    let (width, height) = image.naxis();
    let extent = width.max(height) as f64;
    for (row, theirs) in cd.iter().zip(other) {
        for (a, b) in row.iter().zip(theirs) {
            if (a - b).abs() / side * extent > SAME_GRID_PX {
                return Err("its pixels differ from the frame's in size or direction".into());
            }
        }
    }
    let (p, q) = (frame.crval(), image.crval());
    let turn = (p.0 - q.0 + 180.0).rem_euclid(360.0) - 180.0;
    if turn.abs().max((p.1 - q.1).abs()) / side > SAME_GRID_PX {
        return Err(format!("its CRVAL is ({}, {}), the frame's ({}, {})", q.0, q.1, p.0, p.1));
    }
    let whole = |a: f64, b: f64| {
        let shift = a - b;
        let near = shift.round();
        if (shift - near).abs() > SAME_GRID_PX || near.abs() > 1e9 {
            return Err(format!("its CRPIX differs from the frame's by {shift} pixels, which is no whole number"));
        }
        Ok(near as i64)
    };
    let (a, b) = (frame.crpix(), image.crpix());
    Ok((whole(a.0, b.0)?, whole(a.1, b.1)?))
}

/// Images that a table lists, all on one grid.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Rows of the table.
    pub entries: Vec<ImageEntry>,
    /// Where each image lies, relative to the frame given or else to the first image.
    pub windows: Vec<Window>,
    /// Coordinates of the first image as the table says, or the frame's.
    pub frame: Wcs,
    /// The table.
    pub path: PathBuf,
}

impl Listed {
    /// Reads an image table.
    ///
    /// - `frame`: the grid's frame; without one the first image stands for it.
    ///
    /// # Errors
    /// [`MosaicError::Table`] for a table that cannot be read, holds two images of one number, or images that are not on
    /// the grid.
    pub fn read(path: &Path, frame: Option<&Wcs>) -> Result<Listed, MosaicError> {
        let problem = |reason: String| MosaicError::Table { path: path.to_path_buf(), reason };
        let table = read_table(path)?;
        let entries = ImageEntry::read_all(&table).map_err(|e| problem(e.to_string()))?;
        let mut numbers: Vec<i64> = entries.iter().map(|e| e.cntr).collect();
        numbers.sort_unstable();
        if let Some(twice) = numbers.windows(2).find(|w| w[0] == w[1]) {
            return Err(problem(format!("two images have the number (cntr) {}", twice[0])));
        }
        let about = |e: &ImageEntry, what: String| problem(format!("image {} ({}): {what}", e.cntr, e.fname));
        let places = entries
            .iter()
            .map(|e| e.wcs().map_err(|error| about(e, error.to_string())))
            .collect::<Result<Vec<Wcs>, _>>()?;
        let Some(frame) = frame.or_else(|| places.first()).cloned() else {
            return Err(problem("it lists no image".into()));
        };
        let mut windows = Vec::with_capacity(entries.len());
        for (entry, wcs) in entries.iter().zip(&places) {
            let (x, y) = offset(&frame, wcs)
                .map_err(|what| about(entry, format!("{what}; the steps after `project` need images on one grid")))?;
            windows.push(Window { x, y, width: entry.naxis1, height: entry.naxis2 });
        }
        Ok(Listed { entries, windows, frame, path: path.to_path_buf() })
    }

    /// Place in the table of the image of a number.
    ///
    /// # Errors
    /// [`MosaicError::Table`], when there is none; `asking` is the table that names it.
    pub fn index(&self, number: i64, asking: &Path) -> Result<usize, MosaicError> {
        self.entries.iter().position(|e| e.cntr == number).ok_or_else(|| MosaicError::Table {
            path: asking.to_path_buf(),
            reason: format!("it names image {number}, which {} does not list", self.path.display()),
        })
    }

    /// The least window that holds all images.
    pub fn enclosing(&self) -> Window {
        let all = self.windows.iter().copied().reduce(|a, b| a.join(&b));
        all.unwrap_or(Window { x: 0, y: 0, width: 1, height: 1 })
    }

    /// The file of an image: in `folder` when one is given, else as the table names it, from here or from the table's
    /// own folder.
    pub fn file(&self, index: usize, folder: Option<&Path>) -> PathBuf {
        let name = Path::new(&self.entries[index].fname);
        match (folder, name.file_name()) {
            (Some(folder), Some(last)) => folder.join(last),
            _ if name.exists() => name.to_path_buf(),
            _ => self.path.parent().map_or_else(|| name.to_path_buf(), |parent| parent.join(name)),
        }
    }
}

/// Reads a Montage table.
///
/// # Errors
/// [`MosaicError::Table`].
pub fn read_table(path: &Path) -> Result<IpacTable, MosaicError> {
    use pogson_image::table::TableError;
    IpacTable::read(path).map_err(|error| {
        let reason = match &error {
            TableError::Io { source, .. } => source.to_string(),
            TableError::InFile { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        MosaicError::Table { path: path.to_path_buf(), reason }
    })
}
