//! What a FITS file holds, in words and as JSON.

use pogson_image::fits::{Bitpix, FitsFile, Hdu, HduKind, Header, Value};
use serde::Serialize;

/// One HDU.
#[derive(Debug, Serialize)]
pub struct HduDescription {
    /// Place in the file, from 0.
    pub index: usize,
    /// `image`, `compressed image`, `binary table` ...
    pub kind: String,
    /// EXTNAME.
    pub name: Option<String>,
    /// BITPIX of the pixels; of the uncompressed ones for a compressed image.
    pub bitpix: i64,
    /// Lengths of the axes, NAXIS1 first; those of the uncompressed image.
    pub axes: Vec<usize>,
    /// BUNIT.
    pub unit: Option<String>,
}

/// Describes each HDU.
pub fn describe(file: &FitsFile) -> Vec<HduDescription> {
    file.hdus().iter().enumerate().map(|(index, hdu)| describe_hdu(index, hdu)).collect()
}

fn describe_hdu(index: usize, hdu: &Hdu) -> HduDescription {
    let header = hdu.own_header();
    let compressed = *hdu.kind() == HduKind::CompressedImage;
    let (bitpix, axes) = if compressed {
        (header.i64("ZBITPIX").unwrap_or(0), compressed_axes(header))
    } else {
        (hdu.bitpix().code(), hdu.axes().to_vec())
    };
    let kind = match hdu.kind() {
        HduKind::Image if axes.is_empty() => "no data",
        HduKind::Image => "image",
        HduKind::CompressedImage => "compressed image",
        HduKind::BinTable => "binary table",
        HduKind::AsciiTable => "text table",
        HduKind::Other(name) => name,
    };
    HduDescription {
        index,
        kind: kind.to_owned(),
        name: hdu.name().map(str::to_owned),
        bitpix,
        axes,
        unit: header.str("BUNIT").map(str::to_owned),
    }
}

fn compressed_axes(header: &Header) -> Vec<usize> {
    let count = header.i64("ZNAXIS").unwrap_or(0).clamp(0, 999);
    (1..=count).filter_map(|n| header.i64(&format!("ZNAXIS{n}")).and_then(|n| usize::try_from(n).ok())).collect()
}

impl HduDescription {
    /// One line: `HDU 0  image 512 x 1024, float32, MJy/sr, named SCI`.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if !self.axes.is_empty() {
            let axes: Vec<String> = self.axes.iter().map(usize::to_string).collect();
            parts.push(axes.join(" x "));
            if self.kind.contains("image") {
                parts.push(type_name(self.bitpix).to_owned());
            }
        }
        parts.extend(self.unit.clone());
        parts.extend(self.name.as_ref().map(|name| format!("named {name}")));
        format!("HDU {}  {}  {}", self.index, self.kind, parts.join(", ")).trim_end().to_owned()
    }
}

fn type_name(bitpix: i64) -> &'static str {
    match Bitpix::from_code(bitpix) {
        Some(Bitpix::U8) => "8-bit integers",
        Some(Bitpix::I16) => "16-bit integers",
        Some(Bitpix::I32) => "32-bit integers",
        Some(Bitpix::I64) => "64-bit integers",
        Some(Bitpix::F32) => "float32",
        Some(Bitpix::F64) => "float64",
        None => "unknown type",
    }
}

/// A header as JSON: keywords with their values in order; commentary as lists of lines.
pub fn header_json(header: &Header) -> serde_json::Map<String, serde_json::Value> {
    let mut object = serde_json::Map::new();
    for card in header.cards() {
        match card.value() {
            Some(value) => {
                object.insert(card.key().to_owned(), value_json(value));
            }
            None if card.comment().is_empty() => {}
            None => {
                let key = if card.key().is_empty() { "COMMENT" } else { card.key() };
                let lines = object.entry(key).or_insert_with(|| serde_json::Value::Array(Vec::new()));
                if let serde_json::Value::Array(lines) = lines {
                    lines.push(card.comment().into());
                }
            }
        }
    }
    object
}

fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Logical(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Real(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
        Value::Complex(real, imaginary) => serde_json::json!([real, imaginary]),
        Value::Undefined => serde_json::Value::Null,
    }
}

/// A header as text, a card a line.
pub fn header_text(header: &Header) -> String {
    let bytes = header.to_bytes();
    let cards = bytes.chunks(80).map(|card| String::from_utf8_lossy(card).trim_end().to_owned());
    let mut lines: Vec<String> = cards.collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n")
}
