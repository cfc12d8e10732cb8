//! Rows of BINARY and BINARY2 streams.

use super::{Field, Value, VotableError};

/// Reads all rows of a stream.
///
/// - `flags`: true for BINARY2, whose rows begin with a bit a field that says null.
///
/// # Errors
/// [`VotableError::Binary`], [`VotableError::Unsupported`].
pub(super) fn rows(bytes: &[u8], fields: &[Field], flags: bool) -> Result<Vec<Vec<Value>>, VotableError> {
    let mut stream = Stream { bytes, row: 0 };
    let mut rows = Vec::new();
    // Fields of no bytes would make endless rows.
    while !stream.bytes.is_empty() && !fields.is_empty() {
        stream.row += 1;
        let before = stream.bytes.len();
        let mask = if flags { stream.take(fields.len().div_ceil(8))? } else { &[] };
        let mut row = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            let value = stream.value(field)?;
            let null = mask.get(index / 8).is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0);
            row.push(if null { Value::Null } else { value });
        }
        if stream.bytes.len() == before {
            return Err(VotableError::Binary { row: stream.row, what: "have rows of no bytes" });
        }
        rows.push(row);
    }
    Ok(rows)
}

struct Stream<'a> {
    bytes: &'a [u8],
    row: usize,
}

impl<'a> Stream<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], VotableError> {
        let cut = VotableError::Binary { row: self.row, what: "end within a row" };
        let (head, rest) = self.bytes.split_at_checked(count).ok_or(cut)?;
        self.bytes = rest;
        Ok(head)
    }

    fn value(&mut self, field: &Field) -> Result<Value, VotableError> {
        let width = match field.datatype.as_str() {
            "boolean" | "unsignedByte" | "char" => 1,
            "short" | "unicodeChar" => 2,
            "int" | "float" => 4,
            "long" | "double" | "floatComplex" => 8,
            "doubleComplex" => 16,
            other => return Err(VotableError::Unsupported { what: format!("binary columns of type '{other}'") }),
        };
        let count = match array_count(&field.arraysize) {
            Some(fixed) => fixed,
            None => {
                let length = self.take(4)?;
                let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
                usize::try_from(length)
                    .map_err(|_| VotableError::Binary { row: self.row, what: "give an array a negative length" })?
            }
        };
        let size = count
            .checked_mul(width)
            .ok_or(VotableError::Binary { row: self.row, what: "give an array a length beyond all bounds" })?;
        let cell = self.take(size)?;
        Ok(decode(cell, field, width))
    }
}

/// Elements of a fixed array, 1 for a scalar, None for a variable one.
fn array_count(arraysize: &str) -> Option<usize> {
    let arraysize = arraysize.trim();
    if arraysize.is_empty() {
        return Some(1);
    }
    arraysize.split('x').try_fold(1_usize, |product, n| product.checked_mul(n.trim().parse().ok()?))
}

fn decode(cell: &[u8], field: &Field, width: usize) -> Value {
    match field.datatype.as_str() {
        "char" => text(String::from_utf8_lossy(cell).into_owned()),
        "unicodeChar" => {
            let units: Vec<u16> = cell.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
            text(String::from_utf16_lossy(&units))
        }
        "boolean" => match cell.first() {
            Some(b'T' | b't' | b'1') => Value::Logical(true),
            Some(b'F' | b'f' | b'0') => Value::Logical(false),
            _ => Value::Null,
        },
        "float" | "double" | "floatComplex" | "doubleComplex" => {
            let single = field.datatype.starts_with("float");
            let numbers: Vec<f64> = cell.chunks_exact(if single { 4 } else { 8 }).map(real).collect();
            match numbers.as_slice() {
                [one] if field.arraysize.is_empty() => {
                    if one.is_nan() {
                        Value::Null
                    } else {
                        Value::Real(*one)
                    }
                }
                _ => Value::Numbers(numbers),
            }
        }
        _ => {
            let integers: Vec<i64> = cell.chunks_exact(width).map(|c| integer(c, width)).collect();
            match integers.as_slice() {
                [one] if field.arraysize.is_empty() => {
                    if Some(*one) == field.null {
                        Value::Null
                    } else {
                        Value::Integer(*one)
                    }
                }
                _ => Value::Numbers(integers.iter().map(|i| *i as f64).collect()),
            }
        }
    }
}

fn text(text: String) -> Value {
    let text = text.trim_end_matches(['\0', ' ']);
    let text = text.split('\0').next().unwrap_or("");
    if text.is_empty() { Value::Null } else { Value::Text(text.to_owned()) }
}

fn real(bytes: &[u8]) -> f64 {
    match bytes {
        [a, b, c, d] => f64::from(f32::from_be_bytes([*a, *b, *c, *d])),
        _ => f64::from_bits(bytes.iter().fold(0, |bits, b| bits << 8 | u64::from(*b))),
    }
}

/// A big-endian integer; bytes are unsigned, the others signed.
fn integer(bytes: &[u8], width: usize) -> i64 {
    let bits = bytes.iter().fold(0_u64, |bits, b| bits << 8 | u64::from(*b));
    match width {
        1 => bits as i64,
        2 => i64::from(bits as u16 as i16),
        4 => i64::from(bits as u32 as i32),
        _ => bits as i64,
    }
}
