//! From an HCOMPRESS_1 stream to pixels.

use super::{CODEC, CODES, MAGIC, Quadrant, halvings, quadrants, transform};
use crate::fits::tiled::TiledError;
use crate::fits::tiled::bits::BitReader;

/// The longest Huffman code.
const LONGEST: u32 = 6;

/// Pattern and code length for each value of the next six bits.
const PATTERNS: [(u8, u8); 1 << LONGEST] = {
    let mut table = [(0u8, 0u8); 1 << LONGEST];
    let mut pattern = 0;
    while pattern < CODES.len() {
        let (code, length) = CODES[pattern];
        let first = (code << (LONGEST - length)) as usize;
        let mut next = first;
        while next < first + (1 << (LONGEST - length)) {
            table[next] = (pattern as u8, length as u8);
            next += 1;
        }
        pattern += 1;
    }
    table
};

/// Decodes one tile of `width` by `height` pixels into `out` (row-major, `width * height` values).
///
/// - `smooth`: whether to smooth the coefficients of a lossy tile (the SMOOTH setting of the header).
///
/// # Errors
/// [`TiledError::Truncated`], [`TiledError::Damaged`]; [`TiledError::BadSetting`] when `out` has another length or the
/// tile is wider or higher than 2^30.
pub fn decode(bytes: &[u8], width: usize, height: usize, smooth: bool, out: &mut [i32]) -> Result<(), TiledError> {
    let wanted = out.len();
    if width.checked_mul(height) != Some(wanted) || width.max(height) > 1 << 30 {
        return Err(TiledError::BadSetting {
            codec: CODEC,
            setting: "tile width",
            value: width as i64,
            allowed: "the size of the output",
        });
    }
    if wanted == 0 {
        return Ok(());
    }
    let short = TiledError::Truncated { codec: CODEC, bytes: bytes.len(), done: 0, wanted };
    let (head, coded) = bytes.split_first_chunk::<25>().ok_or_else(|| short.clone())?;
    let scale = check_head(head, width, height)?;
    let mut bits = BitReader::new(coded);
    let mut a = vec![0i64; wanted];
    let mut codes = Codes::default();
    for quadrant in quadrants(width, height) {
        for plane in (0..head[22 + quadrant.class]).rev() {
            let format = bits.take(4).ok_or_else(|| short.clone())?;
            match format {
                0x0 => codes.read_direct(&mut bits, &quadrant),
                0xF => codes.read_tree(&mut bits, &quadrant),
                other => {
                    return Err(TiledError::Damaged {
                        codec: CODEC,
                        what: "the format of a bit plane",
                        found: i64::from(other),
                    });
                }
            }
            .ok_or_else(|| short.clone())?;
            codes.insert(&mut a, width, &quadrant, plane);
        }
    }
    if let Some(end) = Some(bits.take(4).ok_or_else(|| short.clone())?).filter(|&end| end != 0) {
        return Err(TiledError::Damaged { codec: CODEC, what: "the mark after the bit planes", found: i64::from(end) });
    }
    bits.align();
    for value in a.iter_mut().filter(|value| **value != 0) {
        if bits.take(1).ok_or_else(|| short.clone())? == 1 {
            *value = -*value;
        }
    }
    a[0] = i64::from_be_bytes([head[14], head[15], head[16], head[17], head[18], head[19], head[20], head[21]]);
    if scale > 1 {
        a.iter_mut().for_each(|value| *value = value.wrapping_mul(scale));
    }
    transform::inverse(&mut a, width, height, if smooth { scale } else { 0 });
    for (pixel, &value) in out.iter_mut().zip(&a) {
        *pixel = value as i32;
    }
    Ok(())
}

/// Checks the 25 bytes before the bit planes; returns the scale.
fn check_head(head: &[u8; 25], width: usize, height: usize) -> Result<i64, TiledError> {
    let damaged = |what, found| Err(TiledError::Damaged { codec: CODEC, what, found });
    let number = |at: usize| i64::from(i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    if head[..2] != MAGIC {
        return damaged("the magic number", i64::from(u16::from_be_bytes([head[0], head[1]])));
    }
    if number(2) != height as i64 {
        return damaged("the height", number(2));
    }
    if number(6) != width as i64 {
        return damaged("the width", number(6));
    }
    if let Some(&planes) = head[22..].iter().find(|&&planes| planes > 62) {
        return damaged("the number of bit planes", i64::from(planes));
    }
    Ok(number(10))
}

/// The four-cell patterns of one level of a quadtree, row by row.
#[derive(Debug, Default)]
struct Codes {
    now: Vec<u8>,
    next: Vec<u8>,
}

impl Codes {
    fn read_direct(&mut self, bits: &mut BitReader<'_>, quadrant: &Quadrant) -> Option<()> {
        let count = quadrant.rows.div_ceil(2) * quadrant.columns.div_ceil(2);
        self.now.clear();
        for _ in 0..count {
            self.now.push(bits.take(4)? as u8);
        }
        Some(())
    }

    /// Reads a quadtree from its root down; at each level the cells come in reverse order.
    fn read_tree(&mut self, bits: &mut BitReader<'_>, quadrant: &Quadrant) -> Option<()> {
        let depth = halvings(quadrant.rows.max(quadrant.columns));
        self.now.clear();
        self.now.push(read_pattern(bits)?);
        let mut parent_columns = 1;
        for left in (1..depth).rev() {
            let rows = quadrant.rows.div_ceil(1 << left);
            let columns = quadrant.columns.div_ceil(1 << left);
            self.next.clear();
            self.next.resize(rows * columns, 0);
            for row in (0..rows).rev() {
                let parents = &self.now[(row / 2) * parent_columns..][..parent_columns];
                let cells = &mut self.next[row * columns..][..columns];
                for (column, cell) in cells.iter_mut().enumerate().rev() {
                    if (parents[column / 2] >> (3 - 2 * (row & 1) - (column & 1))) & 1 == 1 {
                        *cell = read_pattern(bits)?;
                    }
                }
            }
            std::mem::swap(&mut self.now, &mut self.next);
            parent_columns = columns;
        }
        Some(())
    }

    /// Puts the cells of the finest level into one bit plane of the coefficients.
    fn insert(&self, a: &mut [i64], width: usize, quadrant: &Quadrant, plane: u8) {
        let columns = quadrant.columns.div_ceil(2);
        for row in 0..quadrant.rows {
            let codes = &self.now[(row / 2) * columns..][..columns];
            let line = &mut a[quadrant.start + row * width..][..quadrant.columns];
            let shift = 3 - 2 * (row & 1);
            for (pair, &code) in line.chunks_mut(2).zip(codes) {
                pair[0] |= i64::from((code >> shift) & 1) << plane;
                if let Some(second) = pair.get_mut(1) {
                    *second |= i64::from((code >> (shift - 1)) & 1) << plane;
                }
            }
        }
    }
}

#[inline(always)]
fn read_pattern(bits: &mut BitReader<'_>) -> Option<u8> {
    if bits.held < LONGEST {
        bits.refill();
    }
    let (pattern, length) = PATTERNS[(bits.window >> (64 - LONGEST)) as usize];
    if u32::from(length) > bits.held {
        return None;
    }
    bits.skip(u32::from(length));
    Some(pattern)
}
