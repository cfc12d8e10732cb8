//! Types of pixels in a file, and how stored numbers become physical values.

use super::header::Header;

/// The type of stored pixels (FITS Standard 4.0, table 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bitpix {
    /// 8: unsigned bytes.
    U8,
    /// 16: signed integers of 2 bytes.
    I16,
    /// 32: signed integers of 4 bytes.
    I32,
    /// 64: signed integers of 8 bytes.
    I64,
    /// -32: floats of 4 bytes.
    F32,
    /// -64: floats of 8 bytes.
    F64,
}

impl Bitpix {
    /// The type of a BITPIX value; `None` for a value that FITS does not define.
    pub fn from_code(code: i64) -> Option<Bitpix> {
        Some(match code {
            8 => Bitpix::U8,
            16 => Bitpix::I16,
            32 => Bitpix::I32,
            64 => Bitpix::I64,
            -32 => Bitpix::F32,
            -64 => Bitpix::F64,
            _ => return None,
        })
    }

    /// The value of BITPIX.
    pub fn code(self) -> i64 {
        match self {
            Bitpix::U8 => 8,
            Bitpix::I16 => 16,
            Bitpix::I32 => 32,
            Bitpix::I64 => 64,
            Bitpix::F32 => -32,
            Bitpix::F64 => -64,
        }
    }

    /// Bytes of a pixel.
    pub fn bytes(self) -> usize {
        self.code().unsigned_abs() as usize / 8
    }

    /// Whether pixels are integers.
    pub fn is_integer(self) -> bool {
        self.code() > 0
    }

    /// Least and greatest stored integer; `None` for floats.
    pub fn range(self) -> Option<(i64, i64)> {
        Some(match self {
            Bitpix::U8 => (0, 255),
            Bitpix::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            Bitpix::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Bitpix::I64 => (i64::MIN, i64::MAX),
            Bitpix::F32 | Bitpix::F64 => return None,
        })
    }

    /// BZERO that makes the other sign of integers out of this type: -128, 32768, 2^31, 2^63.
    pub fn unsigned_zero(self) -> Option<f64> {
        Some(match self {
            Bitpix::U8 => -128.0,
            Bitpix::I16 => 32768.0,
            Bitpix::I32 => 2_147_483_648.0,
            Bitpix::I64 => 9_223_372_036_854_775_808.0,
            Bitpix::F32 | Bitpix::F64 => return None,
        })
    }
}

/// physical value = `scale` * stored + `zero`, where stored is not `blank`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// BSCALE.
    pub scale: f64,
    /// BZERO.
    pub zero: f64,
    /// BLANK: the stored integer that means "no value". Never set for floats.
    pub blank: Option<i64>,
}

impl Scaling {
    /// Stored numbers are physical values.
    pub const NONE: Scaling = Scaling { scale: 1.0, zero: 0.0, blank: None };

    /// The scaling that a header states by BSCALE, BZERO and BLANK for pixels of a type.
    ///
    /// A BLANK that the type cannot hold marks nothing, and BLANK with floats has no meaning: both give no `blank`.
    pub fn of(header: &Header, bitpix: Bitpix) -> Scaling {
        let blank = match (header.i64("BLANK"), bitpix.range()) {
            (Some(blank), Some((low, high))) if (low..=high).contains(&blank) => Some(blank),
            _ => None,
        };
        Scaling { scale: header.f64("BSCALE").unwrap_or(1.0), zero: header.f64("BZERO").unwrap_or(0.0), blank }
    }

    /// Whether it leaves every number as it is.
    pub fn is_none(&self) -> bool {
        *self == Scaling::NONE
    }

    /// Whether it is the convention for integers of the other sign: unsigned of 2, 4, 8 bytes, signed bytes.
    pub fn is_unsigned(&self, bitpix: Bitpix) -> bool {
        self.scale == 1.0 && Some(self.zero) == bitpix.unsigned_zero()
    }
}
