//! What was measured of a pixel.

/// A pixel's (or a galaxy's) light in the bands of a library.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What to call it in results.
    pub name: String,
    /// Redshift.
    pub redshift: f64,
    /// One entry for each band, in the library's order.
    pub bands: Vec<Measurement>,
}

impl Observation {
    /// The observation with standard deviations of at least a share of the flux.
    ///
    /// - `shares`: of each band; bands beyond the last are left as they are.
    pub fn floored(&self, shares: &[f64]) -> Observation {
        let mut floored = self.clone();
        for (band, share) in floored.bands.iter_mut().zip(shares) {
            if let Measurement::Flux { flux_jy, sigma_jy } = band {
                *sigma_jy = sigma_jy.max(share * *flux_jy);
            }
        }
        floored
    }
}

/// One band of an observation, in Jy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measurement {
    /// Nothing was measured, or it is masked.
    Absent,
    /// A flux, which may be negative, and its standard deviation.
    Flux {
        /// Flux density, Jy.
        flux_jy: f64,
        /// Standard deviation, Jy, above 0.
        sigma_jy: f64,
    },
    /// The flux is below a limit: a flux of 0 would lie within `sigma_jy`, and nothing speaks against less.
    UpperLimit {
        /// The limit as one standard deviation, Jy, above 0.
        sigma_jy: f64,
    },
}
