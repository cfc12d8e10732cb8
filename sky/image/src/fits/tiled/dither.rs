//! The random numbers that subtractive dithering adds before rounding and takes away afterwards.
//!
//! Source: FITS standard 4.0, section 10.2 and appendix I; Park & Miller 1988, Comm. ACM 31, 1192.

use std::sync::OnceLock;

/// How the rounding of quantised floating-point pixels is dithered (ZQUANTIZ).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dither {
    /// NO_DITHER: pixels are rounded as they are.
    None,
    /// SUBTRACTIVE_DITHER_1: each pixel has its own random offset.
    Subtractive1,
    /// SUBTRACTIVE_DITHER_2: the same, but pixels that are exactly 0.0 stay so.
    Subtractive2,
}

impl Dither {
    /// The value of ZQUANTIZ that names this method.
    pub fn name(self) -> &'static str {
        match self {
            Dither::None => "NO_DITHER",
            Dither::Subtractive1 => "SUBTRACTIVE_DITHER_1",
            Dither::Subtractive2 => "SUBTRACTIVE_DITHER_2",
        }
    }
}

/// Numbers in the sequence.
pub const LENGTH: usize = 10_000;

/// The sequence of the standard: 10,000 numbers in (0, 1) of the minimal standard generator started from 1.
pub fn sequence() -> &'static [f32; LENGTH] {
    static SEQUENCE: OnceLock<Box<[f32; LENGTH]>> = OnceLock::new();
    SEQUENCE.get_or_init(|| {
        let mut state = 1u64;
        let mut numbers = Box::new([0f32; LENGTH]);
        for number in numbers.iter_mut() {
            state = state * 16807 % 2_147_483_647;
            *number = (state as f64 / 2_147_483_647.0) as f32;
        }
        numbers
    })
}

/// The numbers for the pixels of one tile, in their order, without end.
#[derive(Debug, Clone)]
pub struct Offsets {
    numbers: &'static [f32; LENGTH],
    start: usize,
    next: usize,
}

impl Offsets {
    /// - `row`: row of the tile in the table, from 0.
    /// - `seed`: ZDITHER0, 1 to 10000 (others are taken modulo 10000).
    pub fn of_tile(row: usize, seed: i64) -> Offsets {
        let numbers = sequence();
        let start = (row as i64 % LENGTH as i64 + (seed - 1).rem_euclid(LENGTH as i64)) as usize % LENGTH;
        Offsets { numbers, start, next: first_of(numbers[start]) }
    }
}

fn first_of(number: f32) -> usize {
    (f64::from(number) * 500.0) as usize
}

impl Iterator for Offsets {
    type Item = f32;

    #[inline]
    fn next(&mut self) -> Option<f32> {
        let number = self.numbers[self.next];
        self.next += 1;
        if self.next == LENGTH {
            self.start = (self.start + 1) % LENGTH;
            self.next = first_of(self.numbers[self.start]);
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_ends_at_the_seed_that_the_standard_gives() {
        // Appendix I: after 10,000 steps the seed is 1043618065.
        let last = sequence()[LENGTH - 1];
        assert_eq!(last, (1_043_618_065.0f64 / 2_147_483_647.0) as f32);
    }

    #[test]
    fn single_and_double_precision_give_the_same_starts() {
        // Writers differ in the precision of this product.
        assert!(sequence().iter().all(|&n| (n * 500.0) as usize == first_of(n)));
    }

    #[test]
    fn tiles_10000_rows_apart_share_their_offsets() {
        let of = |row, seed| Offsets::of_tile(row, seed).take(30_000).collect::<Vec<_>>();
        assert_eq!(of(3, 9_999), of(10_003, 9_999));
        assert_eq!(of(3, 9_999), of(1, 1));
        assert_ne!(of(3, 9_999), of(4, 9_999));
    }
}
