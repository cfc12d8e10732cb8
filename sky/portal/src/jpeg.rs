//! Grey pictures as baseline JPEG (ITU-T T.81): one component, the example tables of its annex K.

/// Steps of the coefficients at quality 50, by rows (annex K.1).
const STEPS: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];
/// Share of those that is taken, percent: that of quality 92.
const FINENESS: u16 = 16;

/// Places by rows of the coefficients in the order in which they are written (figure 5).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Numbers of codes by length from 1 on, and what they stand for (annex K.3): of differences between blocks.
const DC: ([u8; 16], &[u8]) =
    ([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
/// The same of coefficients within blocks: zeros before it in the high half, bits in the low one.
const AC: ([u8; 16], &[u8]) = (
    [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
    &[
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
        0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
        0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
        0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
        0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
        0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
        0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
        0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
        0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ],
);
/// All the coefficients that are left are 0; sixteen are, and more follow.
const END_OF_BLOCK: u8 = 0x00;
const SIXTEEN_ZEROS: u8 = 0xf0;

/// A picture of greys, given by rows from the top.
///
/// - `width`, `height`: 1 to 65535, with `width * height` greys.
pub(crate) fn grey(greys: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    segment(&mut out, 0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    let steps = STEPS.map(|step| ((step * FINENESS + 50) / 100).max(1));
    let mut table = vec![0];
    table.extend(ZIGZAG.iter().map(|at| steps[*at] as u8));
    segment(&mut out, 0xdb, &table);
    let (w, h) = (width.to_be_bytes(), height.to_be_bytes());
    segment(&mut out, 0xc0, &[8, h[0], h[1], w[0], w[1], 1, 1, 0x11, 0]);
    for (class, (lengths, values)) in [(0x00, DC), (0x10, AC)] {
        let mut table = vec![class];
        table.extend(lengths);
        table.extend(values);
        segment(&mut out, 0xc4, &table);
    }
    segment(&mut out, 0xda, &[1, 1, 0, 0, 63, 0]);
    let mut bits = Bits { out, held: 0, count: 0 };
    let (dc, ac, waves) = (codes(DC), codes(AC), waves());
    let (columns, rows) = (usize::from(width), usize::from(height));
    let mut before = 0;
    for y in (0..rows).step_by(8) {
        for x in (0..columns).step_by(8) {
            // Blocks that stick out go on with the last row and column.
            let at = |i: usize, j: usize| greys[(y + j).min(rows - 1) * columns + (x + i).min(columns - 1)];
            let block = transformed(at, &waves, &steps);
            write_block(&mut bits, &block, before, (&dc, &ac));
            before = block[0];
        }
    }
    bits.fill();
    bits.out.extend([0xff, 0xd9]);
    bits.out
}

fn segment(out: &mut Vec<u8>, marker: u8, content: &[u8]) {
    out.extend([0xff, marker]);
    out.extend((content.len() as u16 + 2).to_be_bytes());
    out.extend(content);
}

/// Code and length by value.
type Codes = [(u16, u8); 256];

/// The codes of a table (annex C).
fn codes((lengths, values): ([u8; 16], &[u8])) -> Codes {
    let mut out = [(0, 0); 256];
    let (mut code, mut next) = (0_u16, values.iter());
    for (length, count) in (1..).zip(lengths) {
        for value in next.by_ref().take(usize::from(count)) {
            out[usize::from(*value)] = (code, length);
            code = code.wrapping_add(1);
        }
        code <<= 1;
    }
    out
}

/// The cosines of the transform, by wave and place, their factors included (annex A.3.3).
fn waves() -> [[f32; 8]; 8] {
    let of = |wave: usize, place: usize| {
        let factor = if wave == 0 { 0.125_f64.sqrt() } else { 0.5 };
        (factor * libm::cos((2 * place + 1) as f64 * wave as f64 * std::f64::consts::PI / 16.0)) as f32
    };
    std::array::from_fn(|wave| std::array::from_fn(|place| of(wave, place)))
}

/// The coefficients of a block in steps, in the order in which they are written.
fn transformed(at: impl Fn(usize, usize) -> u8, waves: &[[f32; 8]; 8], steps: &[u16; 64]) -> [i32; 64] {
    let mut rows = [[0.0_f32; 8]; 8];
    for (j, row) in rows.iter_mut().enumerate() {
        let line: [f32; 8] = std::array::from_fn(|i| f32::from(at(i, j)) - 128.0);
        for (out, wave) in row.iter_mut().zip(waves) {
            *out = wave.iter().zip(line).map(|(w, v)| w * v).sum();
        }
    }
    ZIGZAG.map(|at| {
        let (across, along) = (at / 8, at % 8);
        let sum: f32 = (0..8).map(|j| waves[across][j] * rows[j][along]).sum();
        (sum / f32::from(steps[at])).round() as i32
    })
}

fn write_block(bits: &mut Bits, block: &[i32; 64], before: i32, (dc, ac): (&Codes, &Codes)) {
    let difference = block[0] - before;
    let size = length(difference);
    bits.put(dc[usize::from(size)]);
    bits.put((tail(difference, size), size));
    let mut zeros = 0;
    for value in &block[1..] {
        if *value == 0 {
            zeros += 1;
            continue;
        }
        while zeros > 15 {
            bits.put(ac[usize::from(SIXTEEN_ZEROS)]);
            zeros -= 16;
        }
        let size = length(*value);
        bits.put(ac[usize::from(zeros << 4 | size)]);
        bits.put((tail(*value, size), size));
        zeros = 0;
    }
    if zeros > 0 {
        bits.put(ac[usize::from(END_OF_BLOCK)]);
    }
}

/// Bits that the size of a number takes.
fn length(value: i32) -> u8 {
    (32 - value.unsigned_abs().leading_zeros()) as u8
}

/// The bits that tell a number from others of its length; of negative ones those of the number below.
fn tail(value: i32, size: u8) -> u16 {
    let value = if value < 0 { value - 1 } else { value };
    value as u16 & ((1_u32 << size) - 1) as u16
}

/// Bits on their way into bytes, the first one highest.
struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u8,
}

impl Bits {
    /// - `length`: at most 16.
    fn put(&mut self, (code, length): (u16, u8)) {
        self.held = self.held << length | u32::from(code);
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.out.push(byte);
            // A byte of ones would be read as a marker.
            if byte == 0xff {
                self.out.push(0);
            }
        }
        self.held &= (1 << self.count) - 1;
    }

    /// Fills the last byte with ones.
    fn fill(&mut self) {
        let rest = (8 - self.count) % 8;
        self.put(((1 << rest) - 1, rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_the_standard_prints() {
        // Annex K, tables K.3 and K.5.
        let (dc, ac) = (codes(DC), codes(AC));
        assert_eq!((dc[0], dc[5], dc[11]), ((0b00, 2), (0b110, 3), (0b1_1111_1110, 9)));
        assert_eq!(
            (ac[0x00], ac[0x01], ac[0xf0], ac[0x11]),
            ((0b1010, 4), (0b00, 2), (0b111_1111_1001, 11), (0b1100, 4))
        );
        assert_eq!(ac[0xfa], (0xfffe, 16));
    }

    #[test]
    fn one_grey_is_two_codes_for_each_block() {
        let bytes = grey(&[128; 256], 16, 16);
        // Four blocks, each a difference of 0 and the end of the block: 001010 four times, no bit to fill.
        assert_eq!(bytes[bytes.len() - 5..], [0b0010_1000, 0b1010_0010, 0b1000_1010, 0xff, 0xd9]);
    }

    #[test]
    fn numbers_are_told_by_their_length_and_bits() {
        // Annex F, table F.1.
        for (value, size, bits) in
            [(0, 0, 0), (1, 1, 1), (-1, 1, 0), (3, 2, 3), (-3, 2, 0), (-2, 2, 1), (-255, 8, 0), (1024, 11, 1024)]
        {
            assert_eq!((length(value), tail(value, size)), (size, bits), "{value}");
        }
    }
}
