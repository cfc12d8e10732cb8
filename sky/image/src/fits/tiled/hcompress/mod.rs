//! HCOMPRESS_1: the H-transform of White, Postman & Lattanzi, its bit planes coded as quadtrees.
//!
//! A stream holds two magic bytes, height, width and scale (4 bytes each, big-endian), the transform's first value
//! (8 bytes), the number of bit planes in three classes of quadrants (1 byte each), the coded planes, and the signs.
//! Source: FITS standard 4.0, section 10.4.4; White, Postman & Lattanzi 1992, in Digitised Optical Sky Surveys, p. 167.

mod decode;
mod encode;
mod smooth;
mod transform;

pub use decode::decode;
pub use encode::encode;

const CODEC: &str = "HCOMPRESS_1";
const MAGIC: [u8; 2] = [0xDD, 0x99];

/// Huffman code and its length for each pattern of four cells.
const CODES: [(u32, u32); 16] = [
    (0x3E, 6),
    (0x00, 3),
    (0x01, 3),
    (0x08, 4),
    (0x02, 3),
    (0x09, 4),
    (0x1A, 5),
    (0x1B, 5),
    (0x03, 3),
    (0x1C, 5),
    (0x0A, 4),
    (0x1D, 5),
    (0x0B, 4),
    (0x1E, 5),
    (0x3F, 6),
    (0x0C, 4),
];

/// One of the four parts of the transform: where it starts, its size, and its class of bit planes.
#[derive(Debug, Clone, Copy)]
struct Quadrant {
    start: usize,
    rows: usize,
    columns: usize,
    class: usize,
}

/// The quadrants of a transform of `width` by `height`, in the order of the stream; empty ones are left out.
fn quadrants(width: usize, height: usize) -> impl Iterator<Item = Quadrant> {
    let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
    [
        Quadrant { start: 0, rows, columns, class: 0 },
        Quadrant { start: columns, rows, columns: width / 2, class: 1 },
        Quadrant { start: width * rows, rows: height / 2, columns, class: 1 },
        Quadrant { start: width * rows + columns, rows: height / 2, columns: width / 2, class: 2 },
    ]
    .into_iter()
    .filter(|q| q.rows > 0 && q.columns > 0)
}

/// How often a length must be halved (rounding up) to become 1.
fn halvings(length: usize) -> u32 {
    usize::BITS - length.saturating_sub(1).leading_zeros()
}
