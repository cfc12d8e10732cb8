//! How the mosaic is cut into files.

use std::str::FromStr;

use pogson_mosaic::cut::Cut;
use pogson_mosaic::place::Target;
use pogson_mosaic::source::Source;

/// One file or many, all of the frame or what is covered.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Outputs")]
pub struct CutArgs {
    /// Write each output as a grid of files, NAME_x_y.fits with x and y from 0: N for N x N, or NXxNY
    #[arg(long = "tiles", id = "file_grid", value_name = "N|NXxNY")]
    pub grid: Option<Grid>,
    /// Leave away what lies outside the rectangle that holds values; CRPIX moves with it [default: the whole frame]
    #[arg(long, conflicts_with = "file_grid")]
    pub trim: bool,
}

/// Columns and rows of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid(pub usize, pub usize);

/// Most files along a side.
const MOST: usize = 1000;

impl FromStr for Grid {
    type Err = String;

    fn from_str(text: &str) -> Result<Grid, String> {
        let side = |part: &str| part.trim().parse().ok().filter(|n| (1..=MOST).contains(n));
        let grid = match text.split_once(['x', 'X']) {
            Some((columns, rows)) => side(columns).zip(side(rows)),
            None => side(text).map(|n| (n, n)),
        };
        grid.map(|(columns, rows)| Grid(columns, rows))
            .ok_or_else(|| format!("'{text}' is no grid of files; write 4 or 4x3, each from 1 to {MOST}"))
    }
}

impl CutArgs {
    /// Which part of the frame goes into which file; a trimmed mosaic starts from what tiles can touch.
    pub fn cut(&self, sources: &[Source], target: &Target) -> Cut {
        match self.grid {
            Some(Grid(columns, rows)) => Cut::Grid(columns, rows),
            None if self.trim => Cut::around(sources, target),
            None => Cut::Whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_one_number_or_two() {
        assert_eq!("3".parse(), Ok(Grid(3, 3)));
        assert_eq!("4x2".parse(), Ok(Grid(4, 2)));
        for text in ["", "0", "2x0", "-1", "1x2x3", "1001", "a"] {
            assert!(text.parse::<Grid>().is_err(), "{text}");
        }
    }
}
