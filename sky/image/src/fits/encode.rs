//! Native numbers to the big-endian ones of a file, the inverse of `decode`.

use super::pixel::{Bitpix, Scaling};
use crate::lanes;

lanes! {
    fn f32_to_f32(src: &[f32], out: &mut [u8]) {
        for (v, b) in src.iter().zip(out.as_chunks_mut::<4>().0) {
            *b = v.to_be_bytes();
        }
    }
}
lanes! {
    fn f32_to_f64(src: &[f32], out: &mut [u8]) {
        for (v, b) in src.iter().zip(out.as_chunks_mut::<8>().0) {
            *b = f64::from(*v).to_be_bytes();
        }
    }
}
lanes! {
    fn f64_to_f32(src: &[f64], out: &mut [u8]) {
        for (v, b) in src.iter().zip(out.as_chunks_mut::<4>().0) {
            *b = (*v as f32).to_be_bytes();
        }
    }
}
lanes! {
    fn f64_to_f64(src: &[f64], out: &mut [u8]) {
        for (v, b) in src.iter().zip(out.as_chunks_mut::<8>().0) {
            *b = v.to_be_bytes();
        }
    }
}

/// A type that pixels are written from.
pub(crate) trait Stored: Copy {
    /// Fills `out` with `src` as pixels of the type; gives the first value that does not fit as an error.
    fn encode(bitpix: Bitpix, scaling: &Scaling, src: &[Self], out: &mut [u8]) -> Result<(), f64>;
}

impl Stored for f32 {
    fn encode(bitpix: Bitpix, scaling: &Scaling, src: &[f32], out: &mut [u8]) -> Result<(), f64> {
        match bitpix {
            Bitpix::F32 => f32_to_f32(src, out),
            Bitpix::F64 => f32_to_f64(src, out),
            _ => return integers(bitpix, src, out, |v| physical(bitpix, scaling, f64::from(v)).ok_or(f64::from(v))),
        }
        Ok(())
    }
}

impl Stored for f64 {
    fn encode(bitpix: Bitpix, scaling: &Scaling, src: &[f64], out: &mut [u8]) -> Result<(), f64> {
        match bitpix {
            Bitpix::F32 => f64_to_f32(src, out),
            Bitpix::F64 => f64_to_f64(src, out),
            _ => return integers(bitpix, src, out, |v| physical(bitpix, scaling, v).ok_or(v)),
        }
        Ok(())
    }
}

impl Stored for i64 {
    /// Integers are stored as they are, but for the offset of the unsigned convention.
    fn encode(bitpix: Bitpix, scaling: &Scaling, src: &[i64], out: &mut [u8]) -> Result<(), f64> {
        let unsigned = scaling.is_unsigned(bitpix);
        let stored = |v: i64| match (unsigned, bitpix) {
            (true, Bitpix::I64) if v < 0 => None,
            (true, Bitpix::I64) => Some(v ^ i64::MIN),
            (true, _) => within(bitpix, v.checked_sub(scaling.zero as i64)?),
            (false, _) => within(bitpix, v),
        };
        match bitpix {
            Bitpix::F32 | Bitpix::F64 => {
                let real: Vec<f64> = src.iter().map(|v| *v as f64).collect();
                f64::encode(bitpix, scaling, &real, out)
            }
            _ => integers(bitpix, src, out, |v| stored(v).ok_or(v as f64)),
        }
    }
}

fn within(bitpix: Bitpix, stored: i64) -> Option<i64> {
    bitpix.range().filter(|(low, high)| (low..=high).contains(&&stored)).map(|_| stored)
}

/// The stored integer nearest to a physical value (halves away from zero); BLANK for NaN.
fn physical(bitpix: Bitpix, scaling: &Scaling, value: f64) -> Option<i64> {
    if value.is_nan() {
        return scaling.blank;
    }
    if bitpix == Bitpix::I64 && scaling.is_unsigned(bitpix) {
        let whole = value.round();
        return (0.0..18_446_744_073_709_551_616.0).contains(&whole).then(|| (whole as u64).cast_signed() ^ i64::MIN);
    }
    let stored = ((value - scaling.zero) / scaling.scale).round();
    let (low, high) = bitpix.range()?;
    // i64::MAX has no exact double: the next above it is the first that does not fit.
    let fits = stored >= low as f64 && (stored <= high as f64) && stored < 9_223_372_036_854_775_808.0;
    fits.then_some(stored as i64).filter(|s| Some(*s) != scaling.blank)
}

/// Writes integers that `stored` has checked to be within the type.
fn integers<T: Copy>(
    bitpix: Bitpix,
    src: &[T],
    out: &mut [u8],
    stored: impl Fn(T) -> Result<i64, f64>,
) -> Result<(), f64> {
    for (v, b) in src.iter().zip(out.chunks_exact_mut(bitpix.bytes())) {
        let bytes = stored(*v)?.to_be_bytes();
        b.copy_from_slice(&bytes[8 - b.len()..]);
    }
    Ok(())
}
