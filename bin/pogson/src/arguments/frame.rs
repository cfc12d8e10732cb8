//! Celestial frames on the command line.

use std::str::FromStr;

use pogson_image::sphere::Frame;

/// A frame by name: `icrs`, `fk5`, `fk4`, `galactic`, `ecliptic`, `supergalactic`; an equinox may follow the name,
/// `fk5,1975`.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameName(pub Frame);

impl FromStr for FrameName {
    type Err = String;

    fn from_str(text: &str) -> Result<FrameName, String> {
        let (name, equinox) = match text.split_once(',') {
            None => (text.trim(), None),
            Some((name, year)) => {
                let year = year.trim().trim_start_matches(['J', 'B', 'j', 'b']).parse::<f64>();
                match year {
                    Ok(year) if (1500.0..=2500.0).contains(&year) => (name.trim(), Some(year)),
                    _ => return Err(format!("'{text}': the equinox has to be a year from 1500 to 2500")),
                }
            }
        };
        let besselian = equinox.unwrap_or(1950.0);
        Ok(FrameName(match name.to_ascii_lowercase().as_str() {
            "icrs" => Frame::Icrs,
            "fk5" | "j2000" => Frame::Fk5 { equinox: equinox.unwrap_or(2000.0) },
            "fk4" | "b1950" => Frame::Fk4 { equinox: besselian, epoch: besselian },
            "galactic" | "gal" => Frame::Galactic,
            "ecliptic" | "ecl" => Frame::Ecliptic { equinox: equinox.unwrap_or(2000.0) },
            "supergalactic" | "sgal" => Frame::Supergalactic,
            _ => {
                return Err(format!(
                    "'{text}' is no frame; choose icrs, fk5, fk4, galactic, ecliptic or supergalactic"
                ));
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_go_by_their_names() {
        assert_eq!("FK5".parse::<FrameName>().unwrap().0, Frame::Fk5 { equinox: 2000.0 });
        assert_eq!("fk5,J1975".parse::<FrameName>().unwrap().0, Frame::Fk5 { equinox: 1975.0 });
        assert_eq!("b1950".parse::<FrameName>().unwrap().0, Frame::B1950);
        assert!("lunar".parse::<FrameName>().is_err() && "fk5,now".parse::<FrameName>().is_err());
    }
}
