//! Which part of the output frame goes into which file.

use crate::mapping::Window;
use crate::place::{Target, window_of};
use crate::source::Source;
use pogson_image::wcs::PixelMap;
use std::path::{Path, PathBuf};

/// How the frame is cut into files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cut {
    /// One file of the whole frame.
    #[default]
    Whole,
    /// One file of a part.
    Part(Window),
    /// So many columns and rows of files, of nearly equal size.
    Grid(usize, usize),
}

/// A part of the frame that is a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The part.
    pub window: Window,
    /// Column and row in the grid of files, from 0; `None` for a single file.
    pub place: Option<(usize, usize)>,
}

impl Cut {
    /// The parts, row after row; a grid finer than the frame has as many parts as the frame has pixels.
    ///
    /// - `size`: columns and rows of the frame.
    pub fn cells(&self, size: (usize, usize)) -> Vec<Cell> {
        let whole = Window { x: 0, y: 0, width: size.0, height: size.1 };
        match *self {
            Cut::Whole => vec![Cell { window: whole, place: None }],
            Cut::Part(window) => vec![Cell { window: window.intersect(&whole).unwrap_or(whole), place: None }],
            Cut::Grid(columns, rows) => {
                let (columns, rows) = (columns.clamp(1, size.0.max(1)), rows.clamp(1, size.1.max(1)));
                let edge = |k: usize, n: usize, length: usize| length * k / n;
                let mut cells = Vec::with_capacity(columns * rows);
                for row in 0..rows {
                    for column in 0..columns {
                        let (x, y) = (edge(column, columns, size.0), edge(row, rows, size.1));
                        let width = edge(column + 1, columns, size.0) - x;
                        let height = edge(row + 1, rows, size.1) - y;
                        let window = Window { x: x as i64, y: y as i64, width, height };
                        cells.push(Cell { window, place: Some((column, row)) });
                    }
                }
                cells
            }
        }
    }

    /// The least part of the frame that holds all that tiles can touch: cut so, no file is larger than it must be.
    pub fn around(sources: &[Source], target: &Target) -> Cut {
        let windows = sources
            .iter()
            .filter_map(|s| window_of(&PixelMap::between(&s.wcs, &target.wcs), s.width, s.height, target));
        windows.reduce(|a, b| a.join(&b)).map_or(Cut::Whole, Cut::Part)
    }
}

impl Cell {
    /// The part's file: `NAME_x_y.fits` for `NAME.fits`, x and y from 0.
    pub fn path(&self, whole: &Path) -> PathBuf {
        let Some((x, y)) = self.place else { return whole.to_path_buf() };
        let name = whole.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        match name.rsplit_once('.') {
            Some((stem, ending)) => whole.with_file_name(format!("{stem}_{x}_{y}.{ending}")),
            None => whole.with_file_name(format!("{name}_{x}_{y}")),
        }
    }
}

/// Files that a process may have open beside the outputs: tiles, tables, what the system opened.
const OTHERS: u64 = 64;

/// Asks the system for as many open files as the outputs need; where it refuses, opening them says so.
pub(crate) fn allow_files(outputs: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = outputs as u64 + OTHERS;
    if limit.current.is_some_and(|now| now < wanted) {
        let current = limit.maximum.map_or(wanted, |most| most.min(wanted));
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_of_a_grid_tile_the_frame(width in 1usize..500, height in 1usize..500, nx in 1usize..40, ny in 1usize..40) {
            let cells = Cut::Grid(nx, ny).cells((width, height));
            prop_assert_eq!(cells.iter().map(|c| c.window.area()).sum::<usize>(), width * height);
            prop_assert!(cells.iter().all(|c| c.window.area() > 0));
            for (k, a) in cells.iter().enumerate() {
                prop_assert!(cells[k + 1..].iter().all(|b| a.window.intersect(&b.window).is_none()));
            }
        }
    }

    #[test]
    fn parts_are_named_by_column_and_row() {
        let cell = Cell { window: Window { x: 0, y: 0, width: 1, height: 1 }, place: Some((3, 0)) };
        assert_eq!(cell.path(Path::new("d/m.a.fits")), Path::new("d/m.a_3_0.fits"));
    }
}
