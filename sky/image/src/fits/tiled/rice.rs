//! RICE_1: differences between neighbours, split into a unary and a binary part.
//!
//! Source: FITS standard 4.0, section 10.4.1; Rice, Yeh & Miller 1993, AIAA-93-4541.

use super::TiledError;
use super::bits::{BitReader, BitWriter};

const CODEC: &str = "RICE_1";

/// An integer type that RICE_1 codes (BYTEPIX 1, 2 or 4).
pub trait RicePixel: Copy + sealed::Sealed {
    /// BYTEPIX: bytes per pixel.
    const BYTES: usize;
    /// Bits that hold the split of a block.
    const SPLIT_BITS: u32;
    /// The largest split; blocks marked by it hold differences in full.
    const SPLIT_MAX: u32;
    /// The pixel's bits, zero-extended.
    fn to_bits(self) -> u32;
    /// A pixel of the lowest bits.
    fn from_bits(bits: u32) -> Self;
    /// The signed difference of two pixels, wrapped to the pixel's width.
    fn difference(self, before: Self) -> i32;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for i16 {}
    impl Sealed for i32 {}
}

macro_rules! rice_pixel {
    ($pixel:ty, $unsigned:ty, $signed:ty, $bytes:literal, $bits:literal, $max:literal) => {
        impl RicePixel for $pixel {
            const BYTES: usize = $bytes;
            const SPLIT_BITS: u32 = $bits;
            const SPLIT_MAX: u32 = $max;
            #[inline(always)]
            fn to_bits(self) -> u32 {
                u32::from(self as $unsigned)
            }
            #[inline(always)]
            fn from_bits(bits: u32) -> Self {
                bits as $pixel
            }
            #[inline(always)]
            fn difference(self, before: Self) -> i32 {
                i32::from(self.wrapping_sub(before) as $signed)
            }
        }
    };
}
rice_pixel!(u8, u8, i8, 1, 3, 6);
rice_pixel!(i16, u16, i16, 2, 4, 14);
rice_pixel!(i32, u32, i32, 4, 5, 25);

#[inline(always)]
fn unfold(code: u32) -> u32 {
    (code >> 1) ^ (code & 1).wrapping_neg()
}

fn check_block(block: usize) -> Result<(), TiledError> {
    if (1..=1 << 16).contains(&block) {
        return Ok(());
    }
    Err(TiledError::BadSetting {
        codec: CODEC,
        setting: "BLOCKSIZE",
        value: block as i64,
        allowed: "1 to 65536, usually 32",
    })
}

/// Decodes one RICE_1 tile into `out`, whose length is the number of pixels in the tile.
///
/// - `block`: BLOCKSIZE, pixels that share one split (16 or 32 in practice).
///
/// # Errors
/// [`TiledError::Truncated`] and [`TiledError::Damaged`]; `out` is then half filled.
pub fn decode<P: RicePixel>(bytes: &[u8], block: usize, out: &mut [P]) -> Result<(), TiledError> {
    check_block(block)?;
    let wanted = out.len();
    let short = |done: usize| TiledError::Truncated { codec: CODEC, bytes: bytes.len(), done, wanted };
    let mut bits = BitReader::new(bytes);
    if wanted == 0 {
        return Ok(());
    }
    let mut last = bits.take(8 * P::BYTES as u32).ok_or_else(|| short(0))?;
    for (index, pixels) in out.chunks_mut(block).enumerate() {
        let mark = bits.take(P::SPLIT_BITS).ok_or_else(|| short(index * block))?;
        let complete = match mark {
            0 => {
                pixels.fill(P::from_bits(last));
                Some(())
            }
            mark if mark <= P::SPLIT_MAX => split_block(&mut bits, mark - 1, &mut last, pixels),
            mark if mark == P::SPLIT_MAX + 1 => full_block(&mut bits, &mut last, pixels),
            mark => {
                return Err(TiledError::Damaged { codec: CODEC, what: "the split of a block", found: i64::from(mark) });
            }
        };
        complete.ok_or_else(|| short(index * block))?;
    }
    Ok(())
}

#[inline(always)]
fn split_block<P: RicePixel>(bits: &mut BitReader<'_>, split: u32, last: &mut u32, pixels: &mut [P]) -> Option<()> {
    let low_mask = (1u32 << split) - 1;
    for pixel in pixels {
        bits.refill();
        let zeros = bits.window.leading_zeros();
        let code = if zeros + 1 + split <= bits.held {
            // Shifts of at most 56 + 1 and of split: the window never empties in one shift of 64.
            let window = bits.window << zeros << 1;
            let low = ((window >> 32) >> (32 - split)) as u32 & low_mask;
            bits.window = window << split;
            bits.held -= zeros + 1 + split;
            (zeros << split) | low
        } else {
            let zeros = bits.unary()?;
            let low = if split == 0 { 0 } else { bits.take(split)? };
            zeros.wrapping_shl(split) | low
        };
        *last = last.wrapping_add(unfold(code));
        *pixel = P::from_bits(*last);
    }
    Some(())
}

fn full_block<P: RicePixel>(bits: &mut BitReader<'_>, last: &mut u32, pixels: &mut [P]) -> Option<()> {
    for pixel in pixels {
        let code = bits.take(8 * P::BYTES as u32)?;
        *last = last.wrapping_add(unfold(code));
        *pixel = P::from_bits(*last);
    }
    Some(())
}

/// Codes one tile by RICE_1, byte for byte as CFITSIO does.
///
/// - `pixels`: the tile, first axis fastest.
/// - `block`: BLOCKSIZE, pixels that share one split (16 or 32).
///
/// # Errors
/// [`TiledError::BadSetting`] when `block` is 0 or above 65536.
pub fn encode<P: RicePixel>(pixels: &[P], block: usize) -> Result<Vec<u8>, TiledError> {
    check_block(block)?;
    let mut bits = BitWriter::with_capacity(pixels.len() * P::BYTES / 2 + 16);
    let Some(&first) = pixels.first() else { return Ok(Vec::new()) };
    bits.put(first.to_bits(), 8 * P::BYTES as u32);
    let mut last = first;
    let mut codes = vec![0u32; block.min(pixels.len())];
    for chunk in pixels.chunks(block) {
        let mut sum = 0u64;
        for (code, &pixel) in codes.iter_mut().zip(chunk) {
            let step = pixel.difference(last);
            *code = ((step << 1) ^ (step >> 31)) as u32;
            sum += u64::from(*code);
            last = pixel;
        }
        encode_block::<P>(&mut bits, &codes[..chunk.len()], sum);
    }
    Ok(bits.finish())
}

fn encode_block<P: RicePixel>(bits: &mut BitWriter, codes: &[u32], sum: u64) {
    // The split is the number of bits in half the mean code, rounded as CFITSIO rounds it.
    let count = codes.len() as u64;
    let half_mean = ((sum.saturating_sub(count / 2 + 1)) / count) >> 1;
    let split = 64 - half_mean.leading_zeros();
    if split >= P::SPLIT_MAX {
        bits.put(P::SPLIT_MAX + 1, P::SPLIT_BITS);
        for &code in codes {
            bits.put(code, 8 * P::BYTES as u32);
        }
    } else if sum == 0 {
        bits.put(0, P::SPLIT_BITS);
    } else {
        bits.put(split + 1, P::SPLIT_BITS);
        let low_mask = (1u32 << split) - 1;
        for &code in codes {
            let zeros = code >> split;
            if zeros + 1 + split <= 32 {
                bits.put((1 << split) | (code & low_mask), zeros + 1 + split);
            } else {
                bits.zeros(zeros);
                bits.put((1 << split) | (code & low_mask), split + 1);
            }
        }
    }
}
