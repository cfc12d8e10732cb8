//! The pixels of one tile, in the type that BITPIX names.

use super::TiledError;
use super::grid::TileBox;
use super::noise::FloatPixel;
use super::quantize::{TileScaling, restore};
use crate::fits::{Bitpix, Scaling};

/// Decoded pixels, first axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub enum Pixels {
    /// BITPIX 8.
    U8(Vec<u8>),
    /// BITPIX 16.
    I16(Vec<i16>),
    /// BITPIX 32.
    I32(Vec<i32>),
    /// BITPIX 64.
    I64(Vec<i64>),
    /// BITPIX -32.
    F32(Vec<f32>),
    /// BITPIX -64.
    F64(Vec<f64>),
}

/// Runs one expression for whichever vector there is.
macro_rules! each {
    ($pixels:expr, $vector:ident => $body:expr) => {
        match $pixels {
            Pixels::U8($vector) => $body,
            Pixels::I16($vector) => $body,
            Pixels::I32($vector) => $body,
            Pixels::I64($vector) => $body,
            Pixels::F32($vector) => $body,
            Pixels::F64($vector) => $body,
        }
    };
}

impl Pixels {
    /// Big-endian bytes as pixels; the size of one follows from their number.
    ///
    /// - `float`: whether pixels of 4 and 8 bytes are floating-point ones.
    ///
    /// # Errors
    /// [`TiledError::WrongSize`] when the bytes are no whole number of 1, 2, 4 or 8 per pixel.
    pub(super) fn from_big_endian(
        codec: &'static str,
        bytes: &[u8],
        count: usize,
        float: bool,
    ) -> Result<Pixels, TiledError> {
        fn all<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
            bytes.chunks_exact(N).filter_map(|b| b.first_chunk::<N>().copied().map(read)).collect()
        }
        let wrong = TiledError::WrongSize { codec, found: bytes.len(), wanted: count };
        if count == 0 || !bytes.len().is_multiple_of(count) {
            return Err(wrong);
        }
        Ok(match (bytes.len() / count, float) {
            (1, _) => Pixels::U8(bytes.to_vec()),
            (2, _) => Pixels::I16(all(bytes, i16::from_be_bytes)),
            (4, false) => Pixels::I32(all(bytes, i32::from_be_bytes)),
            (8, false) => Pixels::I64(all(bytes, i64::from_be_bytes)),
            (4, true) => Pixels::F32(all(bytes, f32::from_be_bytes)),
            (8, true) => Pixels::F64(all(bytes, f64::from_be_bytes)),
            _ => return Err(wrong),
        })
    }

    /// The pixels as big-endian bytes.
    pub(super) fn to_big_endian(&self) -> Vec<u8> {
        each!(self, v => v.iter().flat_map(|p| p.to_be_bytes()).collect())
    }

    /// The type of the pixels.
    pub fn bitpix(&self) -> Bitpix {
        match self {
            Pixels::U8(_) => Bitpix::U8,
            Pixels::I16(_) => Bitpix::I16,
            Pixels::I32(_) => Bitpix::I32,
            Pixels::I64(_) => Bitpix::I64,
            Pixels::F32(_) => Bitpix::F32,
            Pixels::F64(_) => Bitpix::F64,
        }
    }

    /// Number of pixels.
    pub fn len(&self) -> usize {
        each!(self, v => v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pixels of one tile, these being an image of `axes`.
    pub(super) fn cut(&self, axes: &[usize], at: &TileBox) -> Pixels {
        fn copy<T: Copy>(all: &[T], axes: &[usize], at: &TileBox) -> Vec<T> {
            let width = at.size[0];
            let mut out = Vec::with_capacity(at.pixels());
            for line in 0..at.pixels() / width {
                let (mut left, mut first, mut stride) = (line, at.start[0], axes[0]);
                for ((&start, &size), &length) in at.start.iter().zip(&at.size).zip(axes).skip(1) {
                    first += (start + left % size) * stride;
                    left /= size;
                    stride *= length;
                }
                out.extend_from_slice(&all[first..first + width]);
            }
            out
        }
        match self {
            Pixels::U8(v) => Pixels::U8(copy(v, axes, at)),
            Pixels::I16(v) => Pixels::I16(copy(v, axes, at)),
            Pixels::I32(v) => Pixels::I32(copy(v, axes, at)),
            Pixels::I64(v) => Pixels::I64(copy(v, axes, at)),
            Pixels::F32(v) => Pixels::F32(copy(v, axes, at)),
            Pixels::F64(v) => Pixels::F64(copy(v, axes, at)),
        }
    }

    /// The pixels as 32-bit integers; those beyond their range take its ends.
    pub(super) fn into_i32(self) -> Vec<i32> {
        match self.in_type(Bitpix::I32) {
            Pixels::I32(v) => v,
            _ => Vec::new(),
        }
    }

    /// The integers that stand for quantised floating-point pixels, as those pixels.
    pub(super) fn restored(self, bitpix: Bitpix, scaling: &TileScaling, row: usize) -> Pixels {
        fn floats<T: FloatPixel>(values: &[i32], scaling: &TileScaling, row: usize) -> Vec<T> {
            let mut out = vec![T::of(0.0); values.len()];
            restore(values, scaling, row, &mut out);
            out
        }
        let values = self.into_i32();
        if bitpix == Bitpix::F64 {
            Pixels::F64(floats(&values, scaling, row))
        } else {
            Pixels::F32(floats(&values, scaling, row))
        }
    }

    /// The same pixels in the type that BITPIX names.
    #[expect(clippy::unnecessary_cast, reason = "one expression serves all types")]
    pub(super) fn in_type(self, bitpix: Bitpix) -> Pixels {
        match (bitpix, self) {
            (Bitpix::U8, p @ Pixels::U8(_)) | (Bitpix::I16, p @ Pixels::I16(_)) | (Bitpix::I32, p @ Pixels::I32(_)) => {
                p
            }
            (Bitpix::I64, p @ Pixels::I64(_))
            | (Bitpix::F32, p @ Pixels::F32(_))
            | (Bitpix::F64, p @ Pixels::F64(_)) => p,
            // A lossy tile may pass the range of its type; such pixels take the end of the range.
            (Bitpix::U8, p) => {
                Pixels::U8(each!(p, v => v.into_iter().map(|x| (x as i64).clamp(0, 255) as u8).collect()))
            }
            (Bitpix::I16, p) => {
                Pixels::I16(each!(p, v => v.into_iter().map(|x| (x as i64).clamp(-32768, 32767) as i16).collect()))
            }
            (Bitpix::I32, p) => Pixels::I32(
                each!(p, v => v.into_iter().map(|x| (x as i64).clamp(-(1 << 31), (1 << 31) - 1) as i32).collect()),
            ),
            (Bitpix::I64, p) => Pixels::I64(each!(p, v => v.into_iter().map(|x| x as i64).collect())),
            (Bitpix::F32, p) => Pixels::F32(each!(p, v => v.into_iter().map(|x| x as f32).collect())),
            (Bitpix::F64, p) => Pixels::F64(each!(p, v => v.into_iter().map(|x| x as f64).collect())),
        }
    }

    /// Replaces one integer by another; floating-point pixels stay.
    pub(super) fn replace(&mut self, from: i64, to: i64) {
        fn swap<T: Copy + PartialEq + TryFrom<i64>>(pixels: &mut [T], from: i64, to: i64) {
            if let (Ok(from), Ok(to)) = (T::try_from(from), T::try_from(to)) {
                pixels.iter_mut().filter(|p| **p == from).for_each(|p| *p = to);
            }
        }
        match self {
            Pixels::U8(v) => swap(v, from, to),
            Pixels::I16(v) => swap(v, from, to),
            Pixels::I32(v) => swap(v, from, to),
            Pixels::I64(v) => swap(v, from, to),
            Pixels::F32(_) | Pixels::F64(_) => {}
        }
    }

    /// Adds an amount to integers of 16 and 32 bits, wrapping.
    pub(super) fn shift(&mut self, amount: i32) {
        match self {
            Pixels::I16(v) => v.iter_mut().for_each(|p| *p = p.wrapping_add(amount as i16)),
            Pixels::I32(v) => v.iter_mut().for_each(|p| *p = p.wrapping_add(amount)),
            _ => {}
        }
    }

    /// Bytes of memory that the pixels take.
    pub(super) fn bytes(&self) -> usize {
        each!(self, v => size_of_val(&v[..]))
    }

    /// Physical values of `out.len()` pixels from `first` on; undefined ones become NaN.
    pub(super) fn physical_f32(&self, first: usize, scaling: &Scaling, out: &mut [f32]) {
        match self {
            Pixels::F32(v) if scaling.is_none() => out.copy_from_slice(&v[first..][..out.len()]),
            _ => self.each_physical(first, out.len(), scaling, |i, value| out[i] = value as f32),
        }
    }

    /// The same in double precision.
    pub(super) fn physical_f64(&self, first: usize, scaling: &Scaling, out: &mut [f64]) {
        self.each_physical(first, out.len(), scaling, |i, value| out[i] = value);
    }

    #[inline(always)]
    fn each_physical(&self, first: usize, count: usize, scaling: &Scaling, mut put: impl FnMut(usize, f64)) {
        let Scaling { scale, zero, blank } = *scaling;
        let plain = scale == 1.0 && zero == 0.0;
        macro_rules! integers {
            ($v:expr) => {
                for (i, &p) in $v[first..][..count].iter().enumerate() {
                    let value = if plain { p as f64 } else { p as f64 * scale + zero };
                    put(i, if blank == Some(i64::from(p)) { f64::NAN } else { value });
                }
            };
        }
        macro_rules! floats {
            ($v:expr) => {
                for (i, &p) in $v[first..][..count].iter().enumerate() {
                    put(i, if plain { f64::from(p) } else { f64::from(p) * scale + zero });
                }
            };
        }
        match self {
            Pixels::U8(v) => integers!(v),
            Pixels::I16(v) => integers!(v),
            Pixels::I32(v) => integers!(v),
            Pixels::I64(v) if scaling.is_unsigned(Bitpix::I64) => {
                // 2^63 is added as an integer, for a double would lose the low bits.
                for (i, &p) in v[first..][..count].iter().enumerate() {
                    put(i, if blank == Some(p) { f64::NAN } else { (p ^ i64::MIN).cast_unsigned() as f64 });
                }
            }
            Pixels::I64(v) => integers!(v),
            Pixels::F32(v) => floats!(v),
            Pixels::F64(v) => floats!(v),
        }
    }

    /// Stored integers from `first` on, the offset of the unsigned convention applied; floating-point pixels give 0.
    ///
    /// # Errors
    /// The first unsigned number from 2^63 up.
    pub(super) fn integers(&self, first: usize, scaling: &Scaling, out: &mut [i64]) -> Result<(), u64> {
        let offset = |bitpix| if scaling.is_unsigned(bitpix) { scaling.zero as i64 } else { 0 };
        macro_rules! shifted {
            ($v:expr, $bitpix:expr) => {
                out.iter_mut().zip(&$v[first..]).for_each(|(o, &p)| *o = i64::from(p) + offset($bitpix))
            };
        }
        match self {
            Pixels::U8(v) => shifted!(v, Bitpix::U8),
            Pixels::I16(v) => shifted!(v, Bitpix::I16),
            Pixels::I32(v) => shifted!(v, Bitpix::I32),
            Pixels::I64(v) if scaling.is_unsigned(Bitpix::I64) => {
                for (o, &p) in out.iter_mut().zip(&v[first..]) {
                    *o = p ^ i64::MIN;
                    if *o < 0 {
                        return Err(o.cast_unsigned());
                    }
                }
            }
            Pixels::I64(v) => out.copy_from_slice(&v[first..][..out.len()]),
            Pixels::F32(_) | Pixels::F64(_) => out.fill(0),
        }
        Ok(())
    }
}
