//! Which part of a FITS file is meant.

use std::str::FromStr;

use pogson_image::fits::{FitsError, FitsFile};

/// An HDU on the command line: its number (`0` is the primary), its name (`SCI`), or name and version (`SCI,2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HduChoice {
    /// Place in the file, from 0.
    Number(usize),
    /// EXTNAME and EXTVER.
    Name(String, Option<i64>),
}

impl FromStr for HduChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<HduChoice, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("an HDU is a number from 0, a name, or NAME,VERSION".to_owned());
        }
        if let Ok(number) = text.parse() {
            return Ok(HduChoice::Number(number));
        }
        match text.split_once(',') {
            None => Ok(HduChoice::Name(text.to_owned(), None)),
            Some((name, version)) => match version.trim().parse() {
                Ok(version) => Ok(HduChoice::Name(name.trim().to_owned(), Some(version))),
                Err(_) => Err(format!("'{version}' is no version; write NAME,2")),
            },
        }
    }
}

/// Index of the chosen HDU; without a choice, of the first one that holds an image of two or more axes.
///
/// # Errors
/// When the file has no such HDU.
pub fn find_hdu(file: &FitsFile, choice: Option<&HduChoice>) -> Result<usize, FitsError> {
    match choice {
        Some(HduChoice::Number(number)) => file.hdu(*number).map(|_| *number),
        Some(HduChoice::Name(name, version)) => file.named(name, *version),
        None => match file.hdus().iter().position(|hdu| hdu.image_dimensions() >= 2) {
            Some(index) => Ok(index),
            None => file.first_image().map(|image| image.hdu()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hdu_is_a_number_a_name_or_a_name_with_a_version() {
        assert_eq!("2".parse(), Ok(HduChoice::Number(2)));
        assert_eq!("SCI".parse(), Ok(HduChoice::Name("SCI".into(), None)));
        assert_eq!("SCI,2".parse(), Ok(HduChoice::Name("SCI".into(), Some(2))));
        assert!("SCI,two".parse::<HduChoice>().is_err());
        assert!(" ".parse::<HduChoice>().is_err());
    }
}
