//! From pixels to an HCOMPRESS_1 stream.

use super::{CODEC, CODES, MAGIC, Quadrant, halvings, quadrants, transform};
use crate::fits::tiled::TiledError;
use crate::fits::tiled::bits::BitWriter;

/// Codes one tile of `width` by `height` pixels, byte for byte as CFITSIO does.
///
/// - `pixels`: row-major, `width * height` values.
/// - `scale`: 0 or 1 lossless; above, the coefficients are rounded to its multiples.
///
/// # Errors
/// [`TiledError::BadSetting`] when the tile is smaller than 4 pixels in a direction, wider or higher than 2^30, `pixels`
/// has another length, or `scale` is negative.
pub fn encode(pixels: &[i32], width: usize, height: usize, scale: i32) -> Result<Vec<u8>, TiledError> {
    let bad = |setting, value, allowed| Err(TiledError::BadSetting { codec: CODEC, setting, value, allowed });
    if width.min(height) < 4 || width.max(height) > 1 << 30 || width * height != pixels.len() {
        return bad("tile width or height", width.min(height) as i64, "4 to 2^30, and as many pixels as the tile has");
    }
    if scale < 0 {
        return bad("SCALE", i64::from(scale), "0 or more");
    }
    let mut a: Vec<i64> = pixels.iter().map(|&pixel| i64::from(pixel)).collect();
    transform::forward(&mut a, width, height);
    if scale > 1 {
        let (scale, half) = (i64::from(scale), (i64::from(scale) + 1) / 2 - 1);
        a.iter_mut().for_each(|v| *v = if *v > 0 { *v + half } else { *v - half } / scale);
    }
    let mut head = Vec::with_capacity(25);
    head.extend_from_slice(&MAGIC);
    for number in [height as i32, width as i32, scale] {
        head.extend_from_slice(&number.to_be_bytes());
    }
    head.extend_from_slice(&a[0].to_be_bytes());
    a[0] = 0;
    let mut signs = BitWriter::with_capacity(a.len() / 8);
    for value in a.iter_mut().filter(|value| **value != 0) {
        signs.put(u32::from(*value < 0), 1);
        *value = value.abs();
    }
    let mut planes = [0u32; 3];
    for quadrant in quadrants(width, height) {
        for row in 0..quadrant.rows {
            let line = &a[quadrant.start + row * width..][..quadrant.columns];
            let all = line.iter().fold(0, |all, value| all | value);
            planes[quadrant.class] = planes[quadrant.class].max(64 - all.leading_zeros());
        }
    }
    head.extend(planes.iter().map(|&count| count as u8));
    let mut bits = BitWriter::with_capacity(a.len());
    let mut tree = Tree::default();
    for quadrant in quadrants(width, height) {
        for plane in (0..planes[quadrant.class]).rev() {
            tree.write_plane(&mut bits, &a, width, &quadrant, plane);
        }
    }
    bits.put(0, 4);
    head.extend(bits.finish());
    head.extend(signs.finish());
    Ok(head)
}

/// Work space for the quadtree of one bit plane.
#[derive(Debug, Default)]
struct Tree {
    finest: Vec<u8>,
    now: Vec<u8>,
    next: Vec<u8>,
    patterns: Vec<u8>,
}

impl Tree {
    /// Writes one bit plane of a quadrant: as a quadtree, or cell by cell where the tree would be longer.
    fn write_plane(&mut self, bits: &mut BitWriter, a: &[i64], width: usize, quadrant: &Quadrant, plane: u32) {
        self.extract(a, width, quadrant, plane);
        if self.grow(quadrant) {
            bits.put(0xF, 4);
            if self.patterns.is_empty() {
                let (code, length) = CODES[0];
                bits.put(code, length);
            }
            for &pattern in self.patterns.iter().rev() {
                let (code, length) = CODES[usize::from(pattern)];
                bits.put(code, length);
            }
        } else {
            bits.put(0x0, 4);
            for &pattern in &self.finest {
                bits.put(u32::from(pattern), 4);
            }
        }
    }

    /// Gathers the bits of one plane, four neighbours to a pattern.
    fn extract(&mut self, a: &[i64], width: usize, quadrant: &Quadrant, plane: u32) {
        let columns = quadrant.columns.div_ceil(2);
        self.finest.clear();
        self.finest.resize(quadrant.rows.div_ceil(2) * columns, 0);
        for row in 0..quadrant.rows {
            let line = &a[quadrant.start + row * width..][..quadrant.columns];
            let cells = &mut self.finest[(row / 2) * columns..][..columns];
            let shift = 3 - 2 * (row & 1);
            for (pair, cell) in line.chunks(2).zip(cells) {
                *cell |= (((pair[0] >> plane) & 1) as u8) << shift;
                if let Some(second) = pair.get(1) {
                    *cell |= (((second >> plane) & 1) as u8) << (shift - 1);
                }
            }
        }
    }

    /// Lists the patterns of all levels, finest first. False when their codes fill half a byte per finest cell.
    fn grow(&mut self, quadrant: &Quadrant) -> bool {
        let most_bytes = self.finest.len().div_ceil(2) as u64;
        let mut length = 0u64;
        self.patterns.clear();
        self.now.clone_from(&self.finest);
        let (mut rows, mut columns) = (quadrant.rows.div_ceil(2), quadrant.columns.div_ceil(2));
        for level in 0..halvings(quadrant.rows.max(quadrant.columns)).max(1) {
            if level > 0 {
                reduce(&self.now, rows, columns, &mut self.next);
                std::mem::swap(&mut self.now, &mut self.next);
                (rows, columns) = (rows.div_ceil(2), columns.div_ceil(2));
            }
            for &pattern in self.now.iter().filter(|&&pattern| pattern != 0) {
                length += u64::from(CODES[usize::from(pattern)].1);
                if length / 8 >= most_bytes {
                    return false;
                }
                self.patterns.push(pattern);
            }
        }
        true
    }
}

/// Makes the next coarser level: each pattern says which of four cells below are not zero.
fn reduce(cells: &[u8], rows: usize, columns: usize, coarse: &mut Vec<u8>) {
    let coarse_columns = columns.div_ceil(2);
    coarse.clear();
    coarse.resize(rows.div_ceil(2) * coarse_columns, 0);
    for row in 0..rows {
        let line = &cells[row * columns..][..columns];
        let above = &mut coarse[(row / 2) * coarse_columns..][..coarse_columns];
        for (column, &cell) in line.iter().enumerate() {
            above[column / 2] |= u8::from(cell != 0) << (3 - 2 * (row & 1) - (column & 1));
        }
    }
}
