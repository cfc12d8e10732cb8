//! A part of a list on the command line: places from 0, and ranges.

use std::str::FromStr;

use crate::failure::Failure;

/// Places in a list, as `7`, `0..100` (the end is not in it) or several with commas between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only(Vec<(usize, usize)>);

impl FromStr for Only {
    type Err = String;

    fn from_str(text: &str) -> Result<Only, String> {
        let refuse =
            || format!("'{text}' is no part of a list; write 7, 0..100, or several with commas between, from 0");
        let part = |part: &str| match part.split_once("..") {
            Some((first, end)) => {
                let (first, end) = (first.trim().parse().ok()?, end.trim().parse().ok()?);
                (first < end).then_some((first, end))
            }
            None => part.trim().parse().ok().and_then(|n: usize| Some((n, n.checked_add(1)?))),
        };
        text.split(',').map(part).collect::<Option<Vec<_>>>().map(Only).ok_or_else(refuse)
    }
}

impl Only {
    /// The places in rising order, each once.
    ///
    /// - `count`: length of the list; `what`: what it lists, for the message.
    ///
    /// # Errors
    /// Places that the list does not have.
    pub fn places(&self, count: usize, what: &str) -> Result<Vec<usize>, Failure> {
        if let Some((first, end)) = self.0.iter().find(|(_, end)| *end > count) {
            return Err(Failure::usage(format!(
                "--only {first}..{end}: there are {count} {what}, so places run from 0 to {}",
                count.saturating_sub(1)
            )));
        }
        let mut places: Vec<usize> = self.0.iter().flat_map(|(first, end)| *first..*end).collect();
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }
}

/// The places asked for, or all.
///
/// # Errors
/// As [`Only::places`].
pub fn chosen(only: Option<&Only>, count: usize, what: &str) -> Result<Vec<usize>, Failure> {
    only.map_or_else(|| Ok((0..count).collect()), |only| only.places(count, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_half_open_ranges_are_merged_in_order() {
        let only: Only = "7, 2..4,3,0".parse().unwrap();
        assert_eq!(only.places(8, "tiles").unwrap(), [0, 2, 3, 7]);
        assert_eq!(chosen(None, 3, "tiles").unwrap(), [0, 1, 2]);
    }

    #[test]
    fn places_that_are_not_there_and_nonsense_are_refused() {
        assert!("5".parse::<Only>().unwrap().places(5, "tiles").is_err());
        for text in ["", "a", "3..3", "4..2", "-1", "1,,2", "18446744073709551615"] {
            assert!(text.parse::<Only>().is_err(), "{text}");
        }
    }
}
