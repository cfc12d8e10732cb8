//! How to fit, as it stands on the command line.

use std::str::FromStr;

use pogson_cube::fitting::MODEL_FLOOR;
use pogson_sed::fit::{Convention, Form, Options, Prior};
use pogson_sed::library::Band;
use pogson_sed::parameter::Parameter;

use crate::arguments::models::positive;
use crate::arguments::places::Places;
use crate::arguments::redshifts::Redshifts;
use crate::failure::Failure;

/// The fewest fluxes that MAGPHYS fits.
const PAPER_BANDS: usize = 4;

/// How to fit, and which part.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Fitting")]
pub struct HowArgs {
    /// Redshift of the cube's object, or a range A..B:STEP over which each pixel's is found [default: the cube's]
    #[arg(long, value_name = "Z|A..B:STEP", allow_hyphen_values = true, conflicts_with = "observations")]
    pub redshift: Option<ObjectRedshift>,
    /// Find the redshifts of a list's objects over a range; those in the list do not count
    #[arg(long, value_name = "A..B:STEP", requires = "observations", conflicts_with_all = ["sfh", "ir", "zlibs"])]
    pub photo_z: Option<Redshifts>,
    /// Luminosity distance in Mpc [default: by the redshift, H0 70, Omega_m 0.3]
    #[arg(long, value_name = "MPC", value_parser = positive)]
    pub distance: Option<f64>,
    /// MAGPHYS's arithmetic to the letter: its bins, floors and limits
    #[arg(long)]
    pub paper: bool,
    /// Least uncertainty, as a share of the flux [default: 0.05 for cubes and with --paper, else 0]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub floor: Option<f64>,
    /// Least uncertainty in one band, as a share of the flux; may be given several times
    #[arg(long, value_name = "BAND=SHARE")]
    pub band_floor: Vec<BandFloor>,
    /// Bands that a fit needs [default: the cube's, or 4 for a list]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub min_bands: Option<u32>,
    /// What is known of a parameter: a range, or a value and its sigma (in dex for what is held as a logarithm, such as masses,
    /// rates and ages); may be given several times: metallicity=0.3..1.2, tau_v=0.5~0.2, m_star=1e8~0.3
    #[arg(long, value_name = "NAME=A..B|MEAN~SIGMA")]
    pub prior: Vec<KnownBefore>,
    /// A part alone: A..B, from A and before B. Counts the usable pixels of the cube row by row, or the objects of the list,
    /// from 0. Sums over all pixels belong to the part that begins at 0
    #[arg(long, value_name = "A..B")]
    pub pixels: Option<Places>,
    /// Draws from each pixel's posterior to keep, with their covariance: for corner plots; 0 for none
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub draws: u32,
    /// Begin anew, where an interrupted run would go on
    #[arg(long)]
    pub restart: bool,
}

/// The most redshifts over which one is found: a library each is held.
const MOST_REDSHIFTS: usize = 200;

/// A redshift that is known, or those over which it is found.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectRedshift {
    /// Known.
    Known(f64),
    /// To be found.
    Range(Redshifts),
}

impl FromStr for ObjectRedshift {
    type Err = String;

    fn from_str(text: &str) -> Result<ObjectRedshift, String> {
        match text.contains("..") || text.contains(',') {
            true => text.parse().map(ObjectRedshift::Range),
            false => text.trim().parse().map(ObjectRedshift::Known).map_err(|_| {
                format!("'{text}' is no redshift; write a number, or a range such as 0.01..0.1:0.005")
            }),
        }
    }
}

/// A band and its least uncertainty.
#[derive(Debug, Clone)]
pub struct BandFloor {
    band: String,
    share: f64,
}

impl FromStr for BandFloor {
    type Err = String;

    fn from_str(text: &str) -> Result<BandFloor, String> {
        let (band, number) = text.split_once('=').ok_or("write the band, =, and a share: WISE_W3=0.1")?;
        Ok(BandFloor { band: band.trim().to_owned(), share: share(number)? })
    }
}

/// A prior of a parameter.
#[derive(Debug, Clone, Copy)]
pub struct KnownBefore(Prior);

impl FromStr for KnownBefore {
    type Err = String;

    fn from_str(text: &str) -> Result<KnownBefore, String> {
        let form = || "write the parameter, =, and a range or a value with its sigma: metallicity=0.3..1.2, tau_v=0.5~0.2".to_owned();
        let (name, rest) = text.split_once('=').ok_or_else(form)?;
        let name = name.trim();
        let parameter = Parameter::all().find(|parameter| parameter.name() == name);
        let parameter = parameter.ok_or_else(|| {
            let names: Vec<&str> = Parameter::all().map(Parameter::name).collect();
            format!("'{name}' is none of {}", names.join(", "))
        })?;
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
        let form = if let Some((low, high)) = rest.split_once("..") {
            let (low, high) = number(low).zip(number(high)).ok_or_else(form)?;
            if low > high {
                return Err(format!("the range '{rest}' runs backwards"));
            }
            Form::Range { low, high }
        } else {
            let (mean, sigma) = rest.split_once('~').ok_or_else(form)?;
            let (mean, sigma) = number(mean).zip(number(sigma)).ok_or_else(form)?;
            if sigma == 0.0 {
                return Err(format!("the sigma of '{rest}' has to be above 0"));
            }
            if mean == 0.0 && parameter.is_logarithmic() {
                return Err(format!("{name} is held as a logarithm, and its value has to be above 0"));
            }
            Form::Gaussian { mean, sigma }
        };
        Ok(KnownBefore(Prior { parameter, form }))
    }
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>().ok().filter(|v| (0.0..=10.0).contains(v));
    value.ok_or_else(|| "a share of 0 to 10 is wanted, such as 0.05".to_owned())
}

impl HowArgs {
    /// Options of the fit.
    ///
    /// - `min_bands`: bands that a pixel needs;
    /// - `real`: whether fluxes are of images of the sky, which no model describes to better than [`MODEL_FLOOR`].
    pub fn options(&self, min_bands: usize, real: bool) -> Options {
        let base = if self.paper { Options::paper() } else { Options::default() };
        Options {
            floor: self.floor.unwrap_or(if real { MODEL_FLOOR } else { base.floor }),
            // Bands without a flux above 0 do not count for MAGPHYS.
            min_bands: if self.paper { min_bands.min(PAPER_BANDS) } else { min_bands },
            distance_mpc: self.distance,
            priors: self.prior.iter().map(|prior| prior.0).collect(),
            ..base
        }
    }

    /// Whether a redshift tells a distance, where none is given.
    pub fn has_distance(&self, redshift: f64) -> bool {
        self.distance.is_some() || redshift > 0.0 || self.paper
    }

    /// The redshifts over which one is to be found, if it is.
    ///
    /// # Errors
    /// Too many, or one that tells no distance.
    pub fn range(&self) -> Result<Option<&[f64]>, Failure> {
        let (option, redshifts) = match (&self.redshift, &self.photo_z) {
            (Some(ObjectRedshift::Range(Redshifts(all))), _) => ("--redshift", all),
            (_, Some(Redshifts(all))) => ("--photo-z", all),
            _ => return Ok(None),
        };
        if redshifts.len() > MOST_REDSHIFTS {
            let count = redshifts.len();
            return Err(Failure::usage(format!(
                "{option}: {count} redshifts are more than the {MOST_REDSHIFTS} that a fit holds; take wider steps"
            )));
        }
        match redshifts.iter().find(|z| !self.has_distance(**z)) {
            Some(z) => Err(Failure::usage(format!(
                "{option}: redshift {z} tells no distance; begin above 0, or give --distance MPC"
            ))),
            None => Ok(Some(redshifts)),
        }
    }

    /// Floors by band; empty if there are none.
    ///
    /// # Errors
    /// A band that is not among them, or named twice.
    pub fn band_floors(&self, bands: &[Band]) -> Result<Vec<f64>, Failure> {
        if self.band_floor.is_empty() {
            return Ok(Vec::new());
        }
        let mut floors: Vec<Option<f64>> = vec![None; bands.len()];
        for BandFloor { band, share } in &self.band_floor {
            let place = bands.iter().position(|other| other.name.eq_ignore_ascii_case(band)).ok_or_else(|| {
                let names: Vec<&str> = bands.iter().map(|band| band.name.as_str()).collect();
                Failure::usage(format!("--band-floor {band}: there is no such band among {}", names.join(", ")))
            })?;
            if floors[place].replace(*share).is_some() {
                return Err(Failure::usage(format!("--band-floor {band}: is given twice; leave one out")));
            }
        }
        Ok(floors.into_iter().map(|floor| floor.unwrap_or(0.0)).collect())
    }

    /// The places of a part among `count`.
    ///
    /// # Errors
    /// A part that begins beyond the last.
    pub fn places(&self, count: usize, of: &str) -> Result<std::ops::Range<usize>, Failure> {
        let Some(part) = self.pixels else { return Ok(0..count) };
        part.within(count)
            .ok_or_else(|| Failure::usage(format!("--pixels {part}: there are {count} {of}, counted from 0; begin before")))
    }
}

/// Whose arithmetic, in a word.
pub fn word(options: &Options) -> &'static str {
    match options.convention {
        Convention::Paper => "paper",
        Convention::Mended => "default",
    }
}
