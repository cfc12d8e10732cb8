//! How an image is cut into tiles.

use super::TiledError;

/// The most pixels that one tile may have.
const MOST_PIXELS: usize = 1 << 30;

/// An image cut into equal boxes; those at the far ends of the axes are cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileGrid {
    axes: Vec<usize>,
    tile: Vec<usize>,
    counts: Vec<usize>,
}

/// One tile of a grid: its first pixel and its size along each axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileBox {
    /// First pixel along each axis, from 0.
    pub start: Vec<usize>,
    /// Pixels along each axis, cut off at the end of the image.
    pub size: Vec<usize>,
}

impl TileBox {
    /// Number of pixels.
    pub fn pixels(&self) -> usize {
        self.size.iter().product()
    }

    /// Width and height of the tile where it is flat: its first two axes longer than 1, in their order.
    pub fn flat(&self) -> Option<(usize, usize)> {
        let long: Vec<usize> = self.size.iter().copied().filter(|&n| n > 1).collect();
        match long[..] {
            [] => Some((1, 1)),
            [width] if self.size[0] == width => Some((width, 1)),
            [height] => Some((1, height)),
            [width, height] => Some((width, height)),
            _ => None,
        }
    }
}

impl TileGrid {
    /// - `axes`: axis lengths of the image, NAXIS1 first; at least one.
    /// - `tile`: tile lengths; axes that are missing get 1, lengths beyond the image are cut.
    ///
    /// # Errors
    /// [`TiledError::BadKeyword`] for a length of 0, an image that memory cannot address, or a tile above 2^30 pixels.
    pub fn new(axes: &[usize], tile: &[usize]) -> Result<TileGrid, TiledError> {
        let bad = |keyword: String, found: usize, allowed| {
            Err(TiledError::BadKeyword { keyword, found: found.to_string(), allowed })
        };
        if axes.is_empty() {
            return bad("ZNAXIS".to_owned(), 0, "1 or more");
        }
        let mut grid = TileGrid { axes: axes.to_vec(), tile: Vec::new(), counts: Vec::new() };
        let mut tile_pixels = 1usize;
        let mut pixels = 1usize;
        for (i, &length) in axes.iter().enumerate() {
            let tile = tile.get(i).copied().unwrap_or(1).min(length);
            if length == 0 || tile == 0 {
                let name = if length == 0 { "ZNAXIS" } else { "ZTILE" };
                return bad(format!("{name}{}", i + 1), 0, "1 or more");
            }
            grid.tile.push(tile);
            grid.counts.push(length.div_ceil(tile));
            tile_pixels = tile_pixels.saturating_mul(tile);
            pixels = pixels.saturating_mul(length);
        }
        if tile_pixels > MOST_PIXELS {
            return bad("ZTILE1".to_owned(), tile_pixels, "at most 1073741824 pixels in a tile");
        }
        if pixels > isize::MAX as usize / 8 {
            return bad("ZNAXIS1".to_owned(), pixels, "as many pixels as memory can address");
        }
        Ok(grid)
    }

    /// Axis lengths of the image, NAXIS1 first.
    pub fn axes(&self) -> &[usize] {
        &self.axes
    }

    /// Tile lengths along the axes.
    pub fn tile(&self) -> &[usize] {
        &self.tile
    }

    /// Number of tiles, and so of rows of the table.
    pub fn tiles(&self) -> usize {
        self.counts.iter().product()
    }

    /// The tile in row `index` of the table, `index < self.tiles()`; the first axis runs fastest.
    pub fn tile_box(&self, index: usize) -> TileBox {
        let mut left = index;
        let mut at = TileBox { start: Vec::new(), size: Vec::new() };
        for ((&length, &tile), &count) in self.axes.iter().zip(&self.tile).zip(&self.counts) {
            let start = left % count * tile;
            left /= count;
            at.start.push(start);
            at.size.push(tile.min(length - start));
        }
        at
    }

    /// The tiles that touch a rectangle of one plane, row by row of tiles.
    ///
    /// - `plane`: index over the axes after the second, NAXIS3 fastest; inside the image.
    /// - `x`, `y`: ranges of 0-based pixels along the first two axes, not empty, inside the image.
    pub fn touching(
        &self,
        plane: usize,
        x: std::ops::Range<usize>,
        y: std::ops::Range<usize>,
    ) -> impl Iterator<Item = usize> + use<> {
        let counts = |axis: usize| self.counts.get(axis).copied().unwrap_or(1);
        let tile = |axis: usize| self.tile.get(axis).copied().unwrap_or(1);
        let (columns, rows) = (counts(0), counts(1));
        let mut stride = columns * rows;
        let mut first = 0;
        let mut left = plane;
        for axis in 2..self.axes.len() {
            first += left % self.axes[axis] / self.tile[axis] * stride;
            left /= self.axes[axis];
            stride *= self.counts[axis];
        }
        let across = x.start / tile(0)..(x.end - 1) / tile(0) + 1;
        let up = y.start / tile(1)..(y.end - 1) / tile(1) + 1;
        up.flat_map(move |row| across.clone().map(move |column| first + row * columns + column))
    }

    /// Where plane `plane` begins within a tile that it crosses, in pixels of the tile.
    pub fn plane_offset(&self, at: &TileBox, plane: usize) -> usize {
        let mut left = plane;
        let mut stride = at.size.iter().take(2).product::<usize>();
        let mut offset = 0;
        for axis in 2..self.axes.len() {
            offset += (left % self.axes[axis] - at.start[axis]) * stride;
            left /= self.axes[axis];
            stride *= at.size[axis];
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_each_pixel_once() {
        let grid = TileGrid::new(&[7, 5, 3], &[3, 2, 2]).unwrap();
        assert_eq!(grid.tiles(), 3 * 3 * 2);
        let mut seen = vec![0; 7 * 5 * 3];
        for index in 0..grid.tiles() {
            let at = grid.tile_box(index);
            for z in 0..at.size[2] {
                for y in 0..at.size[1] {
                    for x in 0..at.size[0] {
                        seen[((at.start[2] + z) * 5 + at.start[1] + y) * 7 + at.start[0] + x] += 1;
                    }
                }
            }
        }
        assert!(seen.iter().all(|&n| n == 1));
    }

    #[test]
    fn only_tiles_that_touch_the_rectangle_are_named() {
        let grid = TileGrid::new(&[7, 5, 3], &[3, 2, 2]).unwrap();
        assert_eq!(grid.touching(2, 2..4, 1..2).collect::<Vec<_>>(), [9, 10]);
        assert_eq!(grid.touching(0, 6..7, 4..5).collect::<Vec<_>>(), [8]);
        let at = grid.tile_box(9);
        assert_eq!((at.start.clone(), at.size.clone()), (vec![0, 0, 2], vec![3, 2, 1]));
        assert_eq!(grid.plane_offset(&grid.tile_box(0), 1), 6);
        assert_eq!(grid.plane_offset(&at, 2), 0);
    }

    #[test]
    fn an_axis_of_length_0_is_refused() {
        assert!(TileGrid::new(&[7, 0], &[7]).is_err());
        assert!(TileGrid::new(&[], &[]).is_err());
        assert!(TileGrid::new(&[1 << 40, 1 << 40], &[1]).is_err());
    }
}
