//! Where pixels come from: storage blocks of data sets, kept in memory or read.

use std::time::{Duration, Instant};

use pogson_image::fits::Rect;

use crate::cache::{BlockCache, BlockKey, Found};
use crate::error::PortalError;
use crate::level::Level;
use crate::set::DataSet;

/// What answering took from the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Blocks that were at hand.
    pub hits: u32,
    /// Blocks that were read.
    pub misses: u32,
    /// Time that reading took, waits for other requests' reads included.
    pub store: Duration,
}

/// The blocks of all data sets.
pub(crate) struct Shelf {
    pub(crate) cache: BlockCache,
    /// Added to each read: what a distant store would take.
    pub(crate) delay: Duration,
}

impl Shelf {
    /// The pixels of a rectangle within a level of a data set, row-major.
    pub(crate) fn window(
        &self,
        set: &DataSet,
        level: usize,
        rect: Rect,
        tally: &mut Tally,
    ) -> Result<Vec<f32>, PortalError> {
        let image = &set.levels[level];
        let order = set.block_order.saturating_sub(level as u8);
        let mut out = vec![f32::NAN; rect.area()];
        let mut open = vec![rect];
        while let Some(part) = open.pop() {
            let (x, y) = (part.x + part.width / 2, part.y + part.height / 2);
            let Some(cell) = image.cell_at(order, x, y) else {
                // Off the sky: nothing to read in the middle, perhaps around it.
                open.extend(around(part, Rect { x, y, width: 1, height: 1 }));
                continue;
            };
            let key = BlockKey { data_set: set.number, level: level as u8, cell: cell.index() };
            let begun = Instant::now();
            let (block, found) = self.cache.get(key, || self.read(image, image.rect_of(cell).unwrap_or(part)))?;
            match found {
                Found::Hit => tally.hits += 1,
                Found::Miss => {
                    tally.misses += 1;
                    tally.store += begun.elapsed();
                }
            }
            match shared(part, block.rect) {
                Some(both) => {
                    copy(&block.pixels, block.rect, both, &mut out, rect);
                    open.extend(around(part, both));
                }
                // A cell torn by the edge of the projection: its rectangle missed the pixel.
                None => {
                    tally.misses += 1;
                    copy(&self.read(image, part)?.pixels, part, part, &mut out, rect);
                }
            }
        }
        Ok(out)
    }

    fn read(&self, image: &Level, rect: Rect) -> Result<crate::cache::Block, PortalError> {
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        image.read(rect)
    }
}

/// What two rectangles share.
fn shared(a: Rect, b: Rect) -> Option<Rect> {
    let (x, y) = (a.x.max(b.x), a.y.max(b.y));
    let (right, top) = ((a.x + a.width).min(b.x + b.width), (a.y + a.height).min(b.y + b.height));
    (right > x && top > y).then(|| Rect { x, y, width: right - x, height: top - y })
}

/// What is left of a rectangle without a part of it: below, above, left and right of the part.
fn around(whole: Rect, part: Rect) -> impl Iterator<Item = Rect> {
    let (right, top) = (part.x + part.width, part.y + part.height);
    let pieces = [
        Rect { height: part.y - whole.y, ..whole },
        Rect { y: top, height: whole.y + whole.height - top, ..whole },
        Rect { y: part.y, height: part.height, width: part.x - whole.x, ..whole },
        Rect { x: right, y: part.y, width: whole.x + whole.width - right, height: part.height },
    ];
    pieces.into_iter().filter(|piece| piece.area() > 0)
}

/// Copies `part` from an image that lies at `from_rect` to one that lies at `to_rect`.
fn copy(from: &[f32], from_rect: Rect, part: Rect, to: &mut [f32], to_rect: Rect) {
    for y in part.y..part.y + part.height {
        let source = (y - from_rect.y) * from_rect.width + part.x - from_rect.x;
        let target = (y - to_rect.y) * to_rect.width + part.x - to_rect.x;
        to[target..target + part.width].copy_from_slice(&from[source..source + part.width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_rectangle_is_its_part_and_what_lies_around_it(x in 0usize..9, y in 0usize..9, w in 1usize..9, h in 1usize..9) {
            let whole = Rect { x: 2, y: 1, width: 11, height: 13 };
            prop_assume!(x >= 2 && y >= 1 && x + w <= 13 && y + h <= 14);
            let part = Rect { x, y, width: w, height: h };
            let mut seen = vec![0; whole.area()];
            for piece in around(whole, part).chain([part]) {
                for j in piece.y..piece.y + piece.height {
                    for i in piece.x..piece.x + piece.width {
                        seen[(j - 1) * 11 + i - 2] += 1;
                    }
                }
            }
            prop_assert!(seen.iter().all(|n| *n == 1));
        }
    }
}
