//! Floating-point pixels as scaled integers, and back.
//!
//! Source: FITS standard 4.0, section 10.2; Pence, Seaman & White 2009, PASP 121, 414; Pence, White & Seaman 2010,
//! PASP 122, 1065.

use super::dither::{Dither, Offsets};
use super::noise::{FloatPixel, estimate};

/// The integer that stands for NaN in tiles that [`quantize`] makes.
pub const NULL: i32 = -2_147_483_647;
/// The integer that stands for 0.0 under [`Dither::Subtractive2`].
pub const EXACT_ZERO: i32 = -2_147_483_646;
/// Integers from [`NULL`] up that no pixel takes.
const RESERVED: f64 = 10.0;

/// A tile of floating-point pixels as integers: pixel = integer * scale + zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantized {
    /// One integer per pixel.
    pub values: Vec<i32>,
    /// ZSCALE: the step between integers, in the unit of the pixels.
    pub scale: f64,
    /// ZZERO: what integer 0 stands for.
    pub zero: f64,
}

/// Quantises one tile as CFITSIO does.
///
/// - `tile`: first axis fastest, `width` long; NaN becomes [`NULL`].
/// - `level`: steps per standard deviation of the tile's noise; negative, its amount is the step itself.
/// - `row`, `seed`: row of the tile in the table from 0, and ZDITHER0, which choose the offsets of the dithering.
///
/// `None` where quantising makes no sense: fewer than two pixels, no noise, or a range of more than 2^32 steps. Such
/// tiles are stored without loss.
pub fn quantize<T: FloatPixel>(
    tile: &[T],
    width: usize,
    level: f32,
    dither: Dither,
    row: usize,
    seed: i64,
) -> Option<Quantized> {
    if tile.len() < 2 {
        return None;
    }
    let noise = estimate(tile, width);
    let Some((least, most)) = noise.range else {
        return Some(Quantized { values: vec![NULL; tile.len()], scale: 1.0, zero: 0.0 });
    };
    let step =
        if level < 0.0 { f64::from(-level) } else { noise.sigma / f64::from(if level == 0.0 { 4.0 } else { level }) };
    let steps = most.minus(least) / step;
    // False for NaN and infinity too.
    let representable = steps <= 2.0 * 2_147_483_647.0 - RESERVED;
    if step == 0.0 || !representable {
        return None;
    }
    let near_null = least.into() - step * (f64::from(NULL) + RESERVED);
    let zero = if noise.good < tile.len() || dither == Dither::Subtractive2 {
        near_null
    } else if steps < 2_147_483_647.0 - RESERVED {
        // A whole number of steps, so that a second pass rounds alike.
        (least.into() / step + 0.5).trunc() * step
    } else {
        (least.into() + most.into()) / 2.0
    };
    let mut offsets = (dither != Dither::None).then(|| Offsets::of_tile(row, seed));
    let values = tile.iter().map(|&pixel| {
        let offset = offsets.as_mut().and_then(Iterator::next);
        let value: f64 = pixel.into();
        let scaled = (value - zero) / step;
        if pixel.is_undefined() {
            NULL
        } else if dither == Dither::Subtractive2 && value == 0.0 {
            EXACT_ZERO
        } else {
            nearest(offset.map_or(scaled, |number| scaled + f64::from(number) - 0.5))
        }
    });
    Some(Quantized { values: values.collect(), scale: step, zero })
}

/// The nearest integer, halves away from zero.
fn nearest(x: f64) -> i32 {
    if x >= 0.0 { (x + 0.5) as i32 } else { (x - 0.5) as i32 }
}

/// How to turn the integers of one tile back into pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileScaling {
    /// ZSCALE.
    pub scale: f64,
    /// ZZERO.
    pub zero: f64,
    /// ZBLANK: the integer that stands for NaN.
    pub blank: Option<i64>,
    /// ZQUANTIZ.
    pub dither: Dither,
    /// ZDITHER0.
    pub seed: i64,
}

/// Turns the integers of one tile back into pixels, rounded to the precision of `T` (exactly CFITSIO's values).
///
/// - `values`: the integers, in the order of the tile.
/// - `row`: row of the tile in the table, from 0.
/// - `out`: as many pixels.
pub fn restore<T: FloatPixel>(values: &[i32], scaling: &TileScaling, row: usize, out: &mut [T]) {
    let TileScaling { scale, zero, blank, dither, seed } = *scaling;
    let blank = blank.and_then(|b| i32::try_from(b).ok());
    let nan = T::of(f64::NAN);
    if dither == Dither::None {
        for (pixel, &value) in out.iter_mut().zip(values) {
            *pixel = if Some(value) == blank { nan } else { T::of(f64::from(value) * scale + zero) };
        }
        return;
    }
    let keeps_zero = dither == Dither::Subtractive2;
    for ((pixel, &value), offset) in out.iter_mut().zip(values).zip(Offsets::of_tile(row, seed)) {
        *pixel = if Some(value) == blank {
            nan
        } else if keeps_zero && value == EXACT_ZERO {
            T::of(0.0)
        } else {
            T::of((f64::from(value) - f64::from(offset) + 0.5) * scale + zero)
        };
    }
}
