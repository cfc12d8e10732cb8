//! The header of the image that a table holds, and what of an image's header its table repeats.

use crate::fits::{Card, Header};

/// Keywords of a table's structure and of the tiling, which are none of the image's.
fn belongs_to_table(key: &str) -> bool {
    const ALONE: [&str; 31] = [
        "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "BLOCKED", "PCOUNT", "GCOUNT", "GROUPS", "TFIELDS", "THEAP",
        "CHECKSUM", "DATASUM", "END", "ZIMAGE", "ZCMPTYPE", "ZBITPIX", "ZNAXIS", "ZSIMPLE", "ZTENSION", "ZEXTEND",
        "ZBLOCKED", "ZPCOUNT", "ZGCOUNT", "ZHECKSUM", "ZDATASUM", "ZQUANTIZ", "ZDITHER0", "ZBLANK", "ZSCALE", "ZZERO",
    ];
    const NUMBERED: [&str; 15] = [
        "NAXIS", "TTYPE", "TFORM", "TUNIT", "TNULL", "TSCAL", "TZERO", "TDISP", "TDIM", "TBCOL", "ZNAXIS", "ZTILE",
        "ZNAME", "ZVAL", "ZFORM",
    ];
    if ALONE.contains(&key) || key == "ZMASKCMP" {
        return true;
    }
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.len() < key.len() && NUMBERED.contains(&stem)
}

/// The card `key` of `header` under another name.
fn renamed(header: &Header, from: &str, to: &str) -> Option<Card> {
    let card = header.card(from)?;
    Some(Card::new(to, card.value()?.clone(), card.comment()))
}

/// The header of the uncompressed image: structure from the Z keywords, then the table's cards that are the image's.
///
/// - `table`: header of the binary table; its Z keywords are valid.
/// - `blank_column`: whether undefined integers are marked by a column, tile by tile.
///
/// Source: FITS standard 4.0, section 10.1.
pub(super) fn of_image(table: &Header, blank_column: bool) -> Header {
    let mut header = Header::new();
    let primary = table.contains("ZSIMPLE");
    match renamed(table, "ZSIMPLE", "SIMPLE") {
        Some(card) => header.push(card),
        None => header.set("XTENSION", "IMAGE", "image extension"),
    }
    for (from, to) in [("ZBITPIX", "BITPIX"), ("ZNAXIS", "NAXIS")] {
        renamed(table, from, to).into_iter().for_each(|card| header.push(card));
    }
    let dimensions = table.i64("ZNAXIS").unwrap_or(0);
    for axis in 1..=dimensions {
        renamed(table, &format!("ZNAXIS{axis}"), &format!("NAXIS{axis}"))
            .into_iter()
            .for_each(|card| header.push(card));
    }
    if primary {
        renamed(table, "ZEXTEND", "EXTEND").into_iter().for_each(|card| header.push(card));
        renamed(table, "ZBLOCKED", "BLOCKED").into_iter().for_each(|card| header.push(card));
    } else {
        header.push(renamed(table, "ZPCOUNT", "PCOUNT").unwrap_or_else(|| Card::new("PCOUNT", 0, "no parameters")));
        header.push(renamed(table, "ZGCOUNT", "GCOUNT").unwrap_or_else(|| Card::new("GCOUNT", 1, "one group")));
    }
    for card in table.cards() {
        let default_name = card.key() == "EXTNAME" && table.str("EXTNAME") == Some("COMPRESSED_IMAGE");
        if !belongs_to_table(card.key()) && !default_name {
            header.push(card.clone());
        }
    }
    let bitpix = table.i64("ZBITPIX").unwrap_or(0);
    if bitpix > 0 && !header.contains("BLANK") {
        if let Some(card) = renamed(table, "ZBLANK", "BLANK") {
            header.push(card);
        } else if blank_column {
            let least = if bitpix == 8 { 0 } else { -1i64 << (bitpix - 1) };
            header.set("BLANK", least, "undefined pixels");
        }
    }
    for (from, to) in [("ZHECKSUM", "CHECKSUM"), ("ZDATASUM", "DATASUM")] {
        renamed(table, from, to).into_iter().for_each(|card| header.push(card));
    }
    header
}

/// The cards of an image's header that its table repeats: all but those of structure.
pub(super) fn of_table(image: &Header) -> impl Iterator<Item = &Card> {
    image.cards().filter(|card| !belongs_to_table(card.key()))
}
