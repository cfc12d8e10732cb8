//! A half-open range of places in a list: `A..B`, `A..`, `..B`.

use std::ops::Range;
use std::str::FromStr;

/// Places from 0; the end does not belong to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    begin: usize,
    end: Option<usize>,
}

impl FromStr for Places {
    type Err = String;

    fn from_str(text: &str) -> Result<Places, String> {
        let wrong = || format!("'{text}' is no range; write A..B with whole numbers from 0, B left out");
        let (begin, end) = text.split_once("..").ok_or_else(wrong)?;
        let number = |part: &str| part.trim().parse::<usize>().map_err(|_| wrong());
        let begin = if begin.trim().is_empty() { 0 } else { number(begin)? };
        let end = if end.trim().is_empty() { None } else { Some(number(end)?) };
        if end.is_some_and(|end| end <= begin) {
            return Err(format!("the range '{text}' is empty: its end does not belong to it"));
        }
        Ok(Places { begin, end })
    }
}

impl Places {
    /// The range within `count` places; a range that goes on beyond the last ends there. None if it begins beyond it.
    pub fn within(self, count: usize) -> Option<Range<usize>> {
        (self.begin < count).then(|| self.begin..self.end.unwrap_or(count).min(count))
    }
}

impl std::fmt::Display for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = self.end.map(|end| end.to_string()).unwrap_or_default();
        write!(f, "{}..{end}", self.begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_half_open_and_end_with_the_list() {
        let of = |text: &str| text.parse::<Places>().unwrap();
        assert_eq!(of("3..7").within(100), Some(3..7));
        assert_eq!(of("3..7").within(5), Some(3..5));
        assert_eq!(of("3..").within(5), Some(3..5));
        assert_eq!(of("..2").within(5), Some(0..2));
        assert_eq!(of("5..9").within(5), None);
        for bad in ["", "3", "3..3", "5..2", "a..b", "-1..2", "1...2"] {
            assert!(bad.parse::<Places>().is_err(), "{bad}");
        }
    }
}
