//! Filters: how a band weighs the light of a spectrum.
//!
//! A band's flux is the mean of f_nu weighted by the filter's response: `int f_nu T dlambda/lambda / int T dlambda/lambda`
//! where T counts photons, `int f_nu T dlambda/lambda^2 / int T dlambda/lambda^2` where T counts energy. Then an AB
//! magnitude is `-2.5 log10(f_nu / 3631 Jy)` for either (Oke & Gunn 1983; Bessell & Murphy 2012, PASP 124, 140).

mod import;
mod names;
mod table;
mod weights;

pub(crate) use weights::GAUSS;
pub use weights::ab_magnitude;

pub use table::{embedded, find, select};

/// What a response multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Photons: signal per photon.
    Photon,
    /// Energy: signal per unit of energy.
    Energy,
}

/// A filter with its curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Name, such as `SDSS_r`.
    pub name: String,
    /// Wavelengths, Angstrom, increasing; in the observer's frame.
    wavelength: Vec<f64>,
    /// Response at the wavelengths, in any unit, 0 or more; linear between them, 0 outside.
    response: Vec<f64>,
    /// What the response multiplies.
    counting: Counting,
    /// AB magnitude less Vega magnitude, where it is known.
    pub ab_minus_vega: Option<f64>,
    /// What published fluxes of the instrument are to be multiplied by before they are compared with the mean f_nu, because
    /// its catalogues quote f_nu at a nominal wavelength for a reference spectrum of their own; 1 where they do not.
    pub reference: f64,
    /// Where the curve comes from.
    pub source: String,
}

/// What is wrong with a filter, or with a list of them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// A name that no embedded filter has.
    #[error("there is no filter {name}; did you mean {near}? (all: pogson library list-filters)")]
    Unknown {
        /// The name.
        name: String,
        /// The names that resemble it most.
        near: String,
    },
    /// A filter named twice.
    #[error("filter {name} is named twice{also}; leave one of the two out")]
    Twice {
        /// The filter.
        name: String,
        /// How else it was named.
        also: String,
    },
    /// No filter at all.
    #[error("no filters are named; give some, such as SDSS_g,SDSS_r,WISE_W1")]
    None,
    /// A curve that is none.
    #[error("filter {name}: {what}; give wavelengths that increase and responses of 0 or more")]
    Curve {
        /// The filter.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A line of text that is not part of a curve.
    #[error("filter {name}, line {line}: '{text}' is not a wavelength and a response")]
    Line {
        /// The filter.
        name: String,
        /// Line, from 1.
        line: usize,
        /// What stands there, at most 40 characters.
        text: String,
    },
    /// Wavelengths that cannot be meant in Angstrom.
    #[error("filter {name}: its wavelengths end at {last}; if they are in micrometres, say so in a line '# unit um'")]
    Unit {
        /// The filter.
        name: String,
        /// The greatest wavelength.
        last: f64,
    },
}

impl Filter {
    /// A filter from its curve: wavelengths in Angstrom and responses in any unit.
    ///
    /// # Errors
    /// Fewer than two points, wavelengths that do not increase, responses that are negative or all 0.
    pub fn new(
        name: &str,
        wavelength: Vec<f64>,
        response: Vec<f64>,
        counting: Counting,
        source: &str,
    ) -> Result<Filter, FilterError> {
        let wrong = |what: String| Err(FilterError::Curve { name: name.to_owned(), what });
        if wavelength.len() != response.len() || wavelength.len() < 2 {
            return wrong(format!("it has {} wavelengths and {} responses", wavelength.len(), response.len()));
        }
        if !(wavelength[0] > 0.0 && wavelength.iter().all(|w| w.is_finite())) {
            return wrong(format!("a wavelength of {} is none", wavelength[0]));
        }
        if let Some(pair) = wavelength.windows(2).find(|pair| pair[0] >= pair[1]) {
            return wrong(format!("wavelength {} follows {}", pair[1], pair[0]));
        }
        // Measured curves scatter below 0 where there is no response; that is no light taken away.
        let greatest = response.iter().copied().fold(0.0, f64::max);
        if let Some(bad) = response.iter().find(|r| !(r.is_finite() && **r >= -0.01 * greatest)) {
            return wrong(format!("a response of {bad} is none"));
        }
        if greatest <= 0.0 {
            return wrong("all of its responses are 0".to_owned());
        }
        let response = response.into_iter().map(|r| r.max(0.0)).collect();
        let (name, source) = (name.to_owned(), source.to_owned());
        Ok(Filter { name, wavelength, response, counting, ab_minus_vega: None, reference: 1.0, source })
    }

    /// Wavelengths of the curve, Angstrom.
    pub fn wavelength(&self) -> &[f64] {
        &self.wavelength
    }

    /// Responses at [`Filter::wavelength`].
    pub fn response(&self) -> &[f64] {
        &self.response
    }

    /// What the response multiplies.
    pub fn counting(&self) -> Counting {
        self.counting
    }

    /// Pivot wavelength, Angstrom: the one at which f_lambda and f_nu of any light in the band convert into each other. It is
    /// what Pogson calls a band's effective wavelength, for it does not depend on a source.
    pub fn pivot(&self) -> f64 {
        libm::sqrt(self.moment(self.power() + 2) / self.moment(self.power()))
    }

    /// Power of the wavelength in the weight of f_nu.
    fn power(&self) -> i32 {
        match self.counting {
            Counting::Photon => -1,
            Counting::Energy => -2,
        }
    }
}
