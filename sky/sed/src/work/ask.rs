//! Work as text.
//!
//! ```text
//! pogson work 1
//! unit NGC5584_area17
//! library 64 hexadecimal digits
//! redshift 0.00546
//! band SDSS_u 0.3557 0               name, wavelength in um, MAGPHYS's number; a line for each
//! convention mended                  or paper
//! limits 0.15 0.05 4 1e-9            tolerance, floor, fewest bands, neglect
//! distance 22.5                      Mpc; where it does not follow from the redshift
//! prior tau_v gaussian 0.5 0.2       or range LOW HIGH; a line for each
//! floors 0.0 0.1                     of each band; where there are some
//! draws 100 1                        number, seed
//! places 15
//! pixel 33 7 1.2e-5 3e-7 - <2e-6     flux and standard deviation in Jy; - for nothing; < and a limit
//! end
//! ```

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::lines::{Lines, Words, put};
use super::{Kind, Place, Work, WorkError};
use crate::fit::{Convention, Form, Options, Prior};
use crate::library::Band;
use crate::library_file::hex;
use crate::observation::Measurement;
use crate::parameter::Parameter;

const FIRST: &str = "pogson work 1";
/// The most draws that may be asked for.
const MOST_DRAWS: u32 = 100_000;

impl Work {
    /// The text.
    pub fn text(&self) -> String {
        let mut text = format!("{FIRST}\nunit {}\nlibrary {}\nredshift {:?}\n", self.unit, self.library, self.redshift);
        for Band { name, wavelength_um, id } in &self.bands {
            let _ = writeln!(text, "band {name} {wavelength_um:?} {id}");
        }
        let Options { convention, tolerance, floor, min_bands, neglect, distance_mpc, priors } = &self.options;
        let convention = match convention {
            Convention::Paper => "paper",
            Convention::Mended => "mended",
        };
        let _ = writeln!(text, "convention {convention}");
        let _ = writeln!(text, "limits {tolerance:?} {floor:?} {min_bands} {neglect:?}");
        if let Some(mpc) = distance_mpc {
            let _ = writeln!(text, "distance {mpc:?}");
        }
        for Prior { parameter, form } in priors {
            let (word, a, b) = match form {
                Form::Range { low, high } => ("range", low, high),
                Form::Gaussian { mean, sigma } => ("gaussian", mean, sigma),
            };
            let _ = writeln!(text, "prior {} {word} {a:?} {b:?}", parameter.name());
        }
        if !self.floors.is_empty() {
            text.push_str("floors");
            put(&mut text, &self.floors);
            text.push('\n');
        }
        let _ = writeln!(text, "draws {} {}\nplaces {}", self.draws, self.seed, self.places.len());
        for Place { kind, x, y, bands } in &self.places {
            let _ = write!(text, "{} {x} {y}", kind.word());
            for band in bands {
                let _ = match band {
                    Measurement::Absent => write!(text, " -"),
                    Measurement::Flux { flux_jy, sigma_jy } => write!(text, " {flux_jy:?} {sigma_jy:?}"),
                    Measurement::UpperLimit { sigma_jy } => write!(text, " <{sigma_jy:?}"),
                };
            }
            text.push('\n');
        }
        text.push_str("end\n");
        text
    }

    /// The work that a text asks for.
    ///
    /// # Errors
    /// [`WorkError`]: another kind of text, one that is cut off, the line that cannot be read.
    pub fn parse(text: &str) -> Result<Work, WorkError> {
        let mut lines = Lines::of(text, FIRST)?;
        let mut one = |key| -> Result<&str, WorkError> {
            let mut line = lines.of_key(key)?;
            let word = line.word()?;
            line.end().map(|()| word)
        };
        let (unit, library) = (one("unit")?.to_owned(), one("library")?.to_owned());
        let mut line = lines.of_key("redshift")?;
        let redshift: f64 = line.number()?;
        line.end()?;
        let mut work = Work {
            unit,
            redshift,
            library,
            bands: Vec::new(),
            options: Options::default(),
            floors: Vec::new(),
            draws: 0,
            seed: 0,
            places: Vec::new(),
        };
        let places = loop {
            let mut line = lines.next()?;
            match line.word()? {
                "places" => {
                    let places: usize = line.number()?;
                    line.end()?;
                    break places;
                }
                key => work.line(key, line)?,
            }
        };
        if work.bands.is_empty() || !(work.floors.is_empty() || work.floors.len() == work.bands.len()) {
            return Err(WorkError::Line { line: 0, problem: "bands and floors do not go together".to_owned() });
        }
        for _ in 0..places {
            let line = lines.next()?;
            work.places.push(place(line, work.bands.len())?);
        }
        lines.of_key("end")?.end()?;
        lines.end()?;
        Ok(work)
    }

    /// Takes one of the lines whose number is not fixed.
    fn line(&mut self, key: &str, mut line: Words<'_>) -> Result<(), WorkError> {
        match key {
            "band" => {
                let name = line.word()?.to_owned();
                let (wavelength_um, id) = (line.number()?, line.number()?);
                self.bands.push(Band { name, wavelength_um, id });
            }
            "convention" => {
                self.options.convention = match line.word()? {
                    "paper" => Convention::Paper,
                    "mended" => Convention::Mended,
                    _ => return Err(line.wrong("names no convention")),
                };
            }
            "limits" => {
                let options = &mut self.options;
                (options.tolerance, options.floor) = (line.number()?, line.number()?);
                (options.min_bands, options.neglect) = (line.number()?, line.number()?);
            }
            "distance" => self.options.distance_mpc = Some(line.number()?),
            "prior" => {
                let name = line.word()?;
                let parameter = Parameter::all().find(|parameter| parameter.name() == name);
                let parameter = parameter.ok_or_else(|| line.wrong("names no parameter"))?;
                let word = line.word()?;
                let (a, b) = (line.number()?, line.number()?);
                let form = match word {
                    "range" => Form::Range { low: a, high: b },
                    "gaussian" => Form::Gaussian { mean: a, sigma: b },
                    _ => return Err(line.wrong("names no form of a prior")),
                };
                self.options.priors.push(Prior { parameter, form });
            }
            "floors" => self.floors = line.numbers()?,
            "draws" => {
                (self.draws, self.seed) = (line.number()?, line.number()?);
                if self.draws > MOST_DRAWS {
                    return Err(line.wrong(format!("asks for more than {MOST_DRAWS} draws")));
                }
            }
            _ => return Err(line.wrong("begins with no known word")),
        }
        line.end()
    }

    /// SHA-256 of the text, in hexadecimal digits: answers name it.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.text()).into())
    }
}

fn place(mut line: Words<'_>, bands: usize) -> Result<Place, WorkError> {
    let kind = line.word()?;
    let kind = Kind::of(kind).ok_or_else(|| line.wrong("names no kind of place"))?;
    let (x, y) = (line.number()?, line.number()?);
    let mut measured = Vec::with_capacity(bands.min(1024));
    while let Some(word) = line.more() {
        let value = |word: &str, line: &Words<'_>| {
            word.parse::<f64>().map_err(|_| line.wrong("holds a measurement that is no number"))
        };
        measured.push(match word.strip_prefix('<') {
            _ if word == "-" => Measurement::Absent,
            Some(limit) => Measurement::UpperLimit { sigma_jy: value(limit, &line)? },
            None => Measurement::Flux { flux_jy: value(word, &line)?, sigma_jy: line.number()? },
        });
    }
    if measured.len() != bands {
        return Err(line.wrong(format!("holds {} measurements for {bands} bands", measured.len())));
    }
    Ok(Place { kind, x, y, bands: measured })
}
