//! A rectangle of pixels as CFITSIO and IRAF write it.

use std::str::FromStr;

use pogson_image::fits::Rect;

/// A section of an image, 1-based and inclusive: `101:200,1:50`; `*` is a whole axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    x: Option<(i64, i64)>,
    y: Option<(i64, i64)>,
}

impl FromStr for Section {
    type Err = String;

    fn from_str(text: &str) -> Result<Section, String> {
        let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
        let refuse = || format!("'{text}' is no section; write X1:X2,Y1:Y2 as in 101:200,1:50 (1-based, inclusive)");
        let (x, y) = inner.split_once(',').ok_or_else(refuse)?;
        Ok(Section { x: range(x).ok_or_else(refuse)?, y: range(y).ok_or_else(refuse)? })
    }
}

/// `A:B`, or `*` for all; `None` for anything else.
fn range(text: &str) -> Option<Option<(i64, i64)>> {
    if text.trim() == "*" {
        return Some(None);
    }
    let (first, last) = text.split_once(':')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some(Some((first, last)))
}

impl Section {
    /// The part of the section that lies in an image of `width` × `height`, 0-based; `None` when none does.
    pub fn within(&self, width: usize, height: usize) -> Option<Rect> {
        let (x, columns) = clip(self.x, width)?;
        let (y, rows) = clip(self.y, height)?;
        Some(Rect { x, y, width: columns, height: rows })
    }

    /// The section of a half-open range of 0-based pixels on each axis, which may reach beyond the image.
    pub fn of_ranges(x: (i64, i64), y: (i64, i64)) -> Section {
        let one_based = |(from, to): (i64, i64)| Some((from.saturating_add(1), to));
        Section { x: one_based(x), y: one_based(y) }
    }

    /// True when nothing of it lies outside an image of `width` × `height`.
    pub fn fits_in(&self, width: usize, height: usize) -> bool {
        let inside = |range: Option<(i64, i64)>, size: usize| {
            range.is_none_or(|(first, last)| first >= 1 && last <= i64::try_from(size).unwrap_or(i64::MAX))
        };
        inside(self.x, width) && inside(self.y, height)
    }
}

fn clip(range: Option<(i64, i64)>, size: usize) -> Option<(usize, usize)> {
    let size = i64::try_from(size).ok()?;
    let (first, last) = range.unwrap_or((1, size));
    let (first, last) = (first.max(1), last.min(size));
    let length = usize::try_from(last - first + 1).ok().filter(|n| *n > 0)?;
    Some((usize::try_from(first - 1).ok()?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_counts_from_one_and_includes_its_end() {
        let section: Section = "[101:200,1:50]".parse().unwrap();
        assert_eq!(section.within(512, 1024), Some(Rect { x: 100, y: 0, width: 100, height: 50 }));
        assert_eq!("*,3:3".parse::<Section>().unwrap().within(7, 9), Some(Rect { x: 0, y: 2, width: 7, height: 1 }));
    }

    #[test]
    fn what_lies_outside_is_clipped() {
        let section: Section = "-5:3,8:20".parse().unwrap();
        assert_eq!(section.within(10, 10), Some(Rect { x: 0, y: 7, width: 3, height: 3 }));
        assert!(!section.fits_in(10, 10));
        assert_eq!("11:12,1:2".parse::<Section>().unwrap().within(10, 10), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "1:2", "2:1,1:1", "a:b,1:2", "1:2,3"] {
            assert!(text.parse::<Section>().is_err(), "{text}");
        }
    }
}
