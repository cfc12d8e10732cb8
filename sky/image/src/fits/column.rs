//! Columns of binary tables: what TFORMn, TTYPEn and their kin say (FITS Standard 4.0, section 7.3).

use super::header::Header;
use super::pixel::{Bitpix, Scaling};

/// The type of a column's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// `L`: T, F or undefined.
    Logical,
    /// `X`: bits, the first the highest of its byte.
    Bit,
    /// `A`: characters.
    Text,
    /// `B I J K E D`: numbers.
    Number(Bitpix),
    /// `C`: pairs of 4-byte floats.
    Complex32,
    /// `M`: pairs of 8-byte floats.
    Complex64,
}

impl ElementType {
    pub(crate) fn from_letter(letter: u8) -> Option<ElementType> {
        Some(match letter {
            b'L' => ElementType::Logical,
            b'X' => ElementType::Bit,
            b'A' => ElementType::Text,
            b'B' => ElementType::Number(Bitpix::U8),
            b'I' => ElementType::Number(Bitpix::I16),
            b'J' => ElementType::Number(Bitpix::I32),
            b'K' => ElementType::Number(Bitpix::I64),
            b'E' => ElementType::Number(Bitpix::F32),
            b'D' => ElementType::Number(Bitpix::F64),
            b'C' => ElementType::Complex32,
            b'M' => ElementType::Complex64,
            _ => return None,
        })
    }

    /// The letter of TFORM.
    pub fn letter(self) -> char {
        match self {
            ElementType::Logical => 'L',
            ElementType::Bit => 'X',
            ElementType::Text => 'A',
            ElementType::Number(Bitpix::U8) => 'B',
            ElementType::Number(Bitpix::I16) => 'I',
            ElementType::Number(Bitpix::I32) => 'J',
            ElementType::Number(Bitpix::I64) => 'K',
            ElementType::Number(Bitpix::F32) => 'E',
            ElementType::Number(Bitpix::F64) => 'D',
            ElementType::Complex32 => 'C',
            ElementType::Complex64 => 'M',
        }
    }

    /// Bytes that `count` elements take; `None` if that overflows.
    pub fn bytes(self, count: usize) -> Option<usize> {
        match self {
            ElementType::Bit => Some(count.div_ceil(8)),
            ElementType::Logical | ElementType::Text => Some(count),
            ElementType::Number(bitpix) => count.checked_mul(bitpix.bytes()),
            ElementType::Complex32 => count.checked_mul(8),
            ElementType::Complex64 => count.checked_mul(16),
        }
    }
}

/// What TFORM says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Elements in a cell; for columns of variable length, the descriptors in a cell (0 or 1).
    pub repeat: usize,
    /// Type of the elements.
    pub element: ElementType,
    /// Bytes of a descriptor, 8 (`P`) or 16 (`Q`), for columns of variable length.
    pub descriptor: Option<usize>,
    /// Characters of each text of a cell, from `rAw`.
    pub text_width: Option<usize>,
}

impl Format {
    /// Reads the value of a TFORM keyword: `rT`, `rPT(max)`, `rQT(max)`, `rAw`. `None` if it is none of these.
    pub fn parse(text: &str) -> Option<Format> {
        let text = text.trim().to_ascii_uppercase();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let repeat = if digits == 0 { 1 } else { text[..digits].parse().ok()? };
        let mut rest = text[digits..].bytes();
        let letter = rest.next()?;
        let descriptor = match letter {
            b'P' => Some(8),
            b'Q' => Some(16),
            _ => None,
        };
        let element = match descriptor {
            Some(_) if repeat > 1 => return None,
            Some(_) => ElementType::from_letter(rest.next()?)?,
            None => ElementType::from_letter(letter)?,
        };
        let width = text.get(digits + 1..).filter(|_| element == ElementType::Text && descriptor.is_none());
        let text_width = width.and_then(|w| w.trim().parse().ok()).filter(|w| *w > 0);
        Some(Format { repeat, element, descriptor, text_width })
    }

    /// Bytes of a cell in the row; `None` if that overflows.
    pub fn bytes(&self) -> Option<usize> {
        match self.descriptor {
            Some(size) => self.repeat.checked_mul(size),
            None => self.element.bytes(self.repeat),
        }
    }
}

/// A column of a binary table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// TTYPE; empty if not given.
    pub name: String,
    /// TFORM.
    pub format: Format,
    /// TUNIT; empty if not given.
    pub unit: String,
    /// TSCAL, TZERO and TNULL, for numbers.
    pub scaling: Scaling,
    /// TDIM, fastest axis first; empty if not given or not fitting the format.
    pub dims: Vec<usize>,
    /// Offset in the row, in bytes.
    pub offset: usize,
    /// Bytes in the row.
    pub width: usize,
}

impl Column {
    /// Reads column `number`, from 1, that begins at byte `offset` of the row. An error is what is wrong with it.
    pub(crate) fn read(header: &Header, number: usize, offset: usize) -> Result<Column, String> {
        let key = |name: &str| format!("{name}{number}");
        let text = |name: &str| header.str(&key(name)).unwrap_or("").trim().to_owned();
        let form = header.str(&key("TFORM")).ok_or_else(|| format!("TFORM{number} is missing"))?;
        let format = Format::parse(form).ok_or_else(|| format!("TFORM{number} = '{form}' is no format of FITS"))?;
        let width = format.bytes().ok_or_else(|| format!("TFORM{number} = '{form}' is too large"))?;
        let scaling = Scaling {
            scale: header.f64(&key("TSCAL")).unwrap_or(1.0),
            zero: header.f64(&key("TZERO")).unwrap_or(0.0),
            blank: match format.element {
                ElementType::Number(bitpix) if bitpix.is_integer() => header.i64(&key("TNULL")),
                _ => None,
            },
        };
        let dims = parse_dims(&text("TDIM")).unwrap_or_default();
        let product = dims.iter().try_fold(1usize, |p, n| p.checked_mul(*n));
        let fits = format.descriptor.is_some() || product.is_some_and(|p| p <= format.repeat);
        let dims = if fits { dims } else { Vec::new() };
        Ok(Column { name: text("TTYPE"), format, unit: text("TUNIT"), scaling, dims, offset, width })
    }
}

fn parse_dims(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    inner.split(',').map(|n| n.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_the_standard_are_read() {
        let format = |text| Format::parse(text).unwrap();
        assert_eq!(format("3E").bytes(), Some(12));
        assert_eq!(format("E").repeat, 1);
        assert_eq!(format("13X").bytes(), Some(2));
        assert_eq!(format("0D").bytes(), Some(0));
        assert_eq!(format("1PB(1800)").descriptor, Some(8));
        assert_eq!(format("QJ").bytes(), Some(16));
        assert_eq!(format("20A5").text_width, Some(5));
        assert_eq!(format("2M").bytes(), Some(32));
        for bad in ["", "3", "2PE", "Z", "P", "99999999999999999999E"] {
            assert_eq!(Format::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn dimensions_are_read_and_bad_ones_left_out() {
        assert_eq!(parse_dims("(4, 3,2)"), Some(vec![4, 3, 2]));
        assert_eq!(parse_dims("4,3"), None);
    }
}
