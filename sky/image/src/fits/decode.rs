//! Big-endian numbers to native ones, in loops that the compiler turns into vectors.
//!
//! Scaled values are computed in double precision as `stored * scale + zero`, each step rounded, as CFITSIO does.

use super::pixel::{Bitpix, Scaling};
use crate::lanes;

/// A type that pixels are read as.
pub(crate) trait Real: Copy {
    /// Fills `out` from as many stored numbers in `src`, which has to be long enough.
    fn decode(bitpix: Bitpix, scaling: &Scaling, src: &[u8], out: &mut [Self]);
}

macro_rules! integer_loops {
    ($stored:ty, $bytes:literal, $out:ty, $plain:ident, $scaled:ident) => {
        lanes! {
            fn $plain(src: &[u8], out: &mut [$out]) {
                for (o, b) in out.iter_mut().zip(src.as_chunks::<$bytes>().0) {
                    *o = <$stored>::from_be_bytes(*b) as $out;
                }
            }
        }
        lanes! {
            fn $scaled(src: &[u8], out: &mut [$out], scale: f64, zero: f64, blank: Option<$stored>) {
                for (o, b) in out.iter_mut().zip(src.as_chunks::<$bytes>().0) {
                    let stored = <$stored>::from_be_bytes(*b);
                    let value = (stored as f64 * scale + zero) as $out;
                    *o = if blank == Some(stored) { <$out>::NAN } else { value };
                }
            }
        }
    };
}

macro_rules! float_loops {
    ($stored:ty, $bytes:literal, $out:ty, $plain:ident, $scaled:ident) => {
        lanes! {
            fn $plain(src: &[u8], out: &mut [$out]) {
                for (o, b) in out.iter_mut().zip(src.as_chunks::<$bytes>().0) {
                    *o = <$stored>::from_be_bytes(*b) as $out;
                }
            }
        }
        lanes! {
            fn $scaled(src: &[u8], out: &mut [$out], scale: f64, zero: f64) {
                for (o, b) in out.iter_mut().zip(src.as_chunks::<$bytes>().0) {
                    *o = (<$stored>::from_be_bytes(*b) as f64 * scale + zero) as $out;
                }
            }
        }
    };
}

macro_rules! unsigned_64 {
    ($out:ty, $name:ident) => {
        lanes! {
            /// 2^63 is added as an integer, for a double would lose the low bits of the stored number.
            fn $name(src: &[u8], out: &mut [$out], blank: Option<i64>) {
                for (o, b) in out.iter_mut().zip(src.as_chunks::<8>().0) {
                    let stored = i64::from_be_bytes(*b);
                    let value = (stored ^ i64::MIN).cast_unsigned() as $out;
                    *o = if blank == Some(stored) { <$out>::NAN } else { value };
                }
            }
        }
    };
}

integer_loops!(u8, 1, f32, u8_f32, u8_scaled_f32);
integer_loops!(i16, 2, f32, i16_f32, i16_scaled_f32);
integer_loops!(i32, 4, f32, i32_f32, i32_scaled_f32);
integer_loops!(i64, 8, f32, i64_f32, i64_scaled_f32);
integer_loops!(u8, 1, f64, u8_f64, u8_scaled_f64);
integer_loops!(i16, 2, f64, i16_f64, i16_scaled_f64);
integer_loops!(i32, 4, f64, i32_f64, i32_scaled_f64);
integer_loops!(i64, 8, f64, i64_f64, i64_scaled_f64);
float_loops!(f32, 4, f32, f32_f32, f32_scaled_f32);
float_loops!(f64, 8, f32, f64_f32, f64_scaled_f32);
float_loops!(f32, 4, f64, f32_f64, f32_scaled_f64);
float_loops!(f64, 8, f64, f64_f64, f64_scaled_f64);
unsigned_64!(f32, u64_f32);
unsigned_64!(f64, u64_f64);

macro_rules! real {
    ($t:ty, $u8p:ident $u8s:ident $i16p:ident $i16s:ident $i32p:ident $i32s:ident $i64p:ident $i64s:ident $u64:ident
     $f32p:ident $f32s:ident $f64p:ident $f64s:ident) => {
        impl Real for $t {
            fn decode(bitpix: Bitpix, scaling: &Scaling, src: &[u8], out: &mut [$t]) {
                let Scaling { scale, zero, blank } = *scaling;
                match (bitpix, scaling.is_none()) {
                    (Bitpix::U8, true) => $u8p(src, out),
                    (Bitpix::I16, true) => $i16p(src, out),
                    (Bitpix::I32, true) => $i32p(src, out),
                    (Bitpix::I64, true) => $i64p(src, out),
                    (Bitpix::F32, true) => $f32p(src, out),
                    (Bitpix::F64, true) => $f64p(src, out),
                    (Bitpix::U8, false) => $u8s(src, out, scale, zero, blank.and_then(|b| u8::try_from(b).ok())),
                    (Bitpix::I16, false) => $i16s(src, out, scale, zero, blank.and_then(|b| i16::try_from(b).ok())),
                    (Bitpix::I32, false) => $i32s(src, out, scale, zero, blank.and_then(|b| i32::try_from(b).ok())),
                    (Bitpix::I64, false) if scaling.is_unsigned(bitpix) => $u64(src, out, blank),
                    (Bitpix::I64, false) => $i64s(src, out, scale, zero, blank),
                    (Bitpix::F32, false) => $f32s(src, out, scale, zero),
                    (Bitpix::F64, false) => $f64s(src, out, scale, zero),
                }
            }
        }
    };
}

real!(f32, u8_f32 u8_scaled_f32 i16_f32 i16_scaled_f32 i32_f32 i32_scaled_f32 i64_f32 i64_scaled_f32 u64_f32
      f32_f32 f32_scaled_f32 f64_f32 f64_scaled_f32);
real!(f64, u8_f64 u8_scaled_f64 i16_f64 i16_scaled_f64 i32_f64 i32_scaled_f64 i64_f64 i64_scaled_f64 u64_f64
      f32_f64 f32_scaled_f64 f64_f64 f64_scaled_f64);

/// Stored integers as they are, the offset of the unsigned convention applied. Gives the first value that 64 signed
/// bits cannot hold (only unsigned 64-bit integers have such) as an error.
pub(crate) fn decode_i64(bitpix: Bitpix, scaling: &Scaling, src: &[u8], out: &mut [i64]) -> Result<(), u64> {
    let offset = if scaling.is_unsigned(bitpix) { scaling.zero } else { 0.0 };
    let small = if bitpix == Bitpix::I64 { 0 } else { offset as i64 };
    match bitpix {
        Bitpix::U8 => out.iter_mut().zip(src).for_each(|(o, b)| *o = i64::from(*b) + small),
        Bitpix::I16 => {
            let (words, _) = src.as_chunks::<2>();
            out.iter_mut().zip(words).for_each(|(o, b)| *o = i64::from(i16::from_be_bytes(*b)) + small);
        }
        Bitpix::I32 => {
            let (words, _) = src.as_chunks::<4>();
            out.iter_mut().zip(words).for_each(|(o, b)| *o = i64::from(i32::from_be_bytes(*b)) + small);
        }
        Bitpix::I64 => {
            for (o, b) in out.iter_mut().zip(src.as_chunks::<8>().0) {
                let stored = i64::from_be_bytes(*b);
                *o = if offset == 0.0 { stored } else { stored ^ i64::MIN };
                if offset != 0.0 && *o < 0 {
                    return Err(o.cast_unsigned());
                }
            }
        }
        Bitpix::F32 | Bitpix::F64 => {}
    }
    Ok(())
}
