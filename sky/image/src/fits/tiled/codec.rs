//! The codecs by name.

/// A codec of tiles (ZCMPTYPE).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RICE_1: fast and small for noisy integers.
    Rice,
    /// GZIP_1: any pixels, without loss.
    Gzip1,
    /// GZIP_2: GZIP_1 with the bytes of pixels sorted by significance; smaller for floating point.
    Gzip2,
    /// HCOMPRESS_1: flat tiles of integers, with or without loss.
    Hcompress,
    /// PLIO_1: masks of few non-negative values below 2^24.
    Plio,
    /// NOCOMPRESS: pixels as they are.
    None,
}

impl Codec {
    /// The value of ZCMPTYPE.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Rice => "RICE_1",
            Codec::Gzip1 => "GZIP_1",
            Codec::Gzip2 => "GZIP_2",
            Codec::Hcompress => "HCOMPRESS_1",
            Codec::Plio => "PLIO_1",
            Codec::None => "NOCOMPRESS",
        }
    }

    /// The codec that ZCMPTYPE names; RICE_ONE is another name of RICE_1.
    pub fn of_name(name: &str) -> Option<Codec> {
        Some(match name.trim() {
            "RICE_1" | "RICE_ONE" => Codec::Rice,
            "GZIP_1" => Codec::Gzip1,
            "GZIP_2" => Codec::Gzip2,
            "HCOMPRESS_1" => Codec::Hcompress,
            "PLIO_1" => Codec::Plio,
            "NOCOMPRESS" => Codec::None,
            _ => return None,
        })
    }
}
