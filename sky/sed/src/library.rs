//! A model library at one redshift: stellar and dust models with their parameters and their light in each band.

/// Luminosity that the spectra's solar units mean, erg/s (PEGASE.2's tables).
pub const SOLAR_LUMINOSITY: f64 = 3.826e33;

/// A band of a library or of an observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// The filter's name, such as `SDSS_r`.
    pub name: String,
    /// Effective wavelength in the observer's frame, micrometres.
    pub wavelength_um: f64,
    /// Number of the filter in a MAGPHYS filter file; 0 where there is none.
    pub id: u32,
}

/// Which light a band holds at a redshift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// Below 2.5 um in the rest frame: stars alone.
    Stars,
    /// From 2.5 to 10 um: both.
    Both,
    /// Above: dust alone.
    Dust,
}

impl Band {
    /// Which light the band holds at `redshift`: stars below 10 um rest frame, dust above 2.5 um (MAGPHYS).
    pub fn light(&self, redshift: f64) -> Light {
        let rest = self.wavelength_um / (1.0 + redshift);
        match (rest < 10.0, rest > 2.5) {
            (true, true) => Light::Both,
            (true, false) => Light::Stars,
            (false, _) => Light::Dust,
        }
    }
}

/// Stellar and dust models at one redshift, in columns; `flux[band][model]` for each of [`Library::bands`].
///
/// Light is the observed `f_nu * 4 pi d_L^2` in Lsun/Hz, averaged over the band (AB): no `1 + z` is divided out. In
/// bands that hold none of a component's light ([`Light`]), that component's flux is 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Library {
    /// The redshift that bands were moved to.
    pub redshift: f64,
    /// Bands, in the order of the fluxes.
    pub bands: Vec<Band>,
    /// Stars behind dust.
    pub stellar: Stellar,
    /// Dust.
    pub dust: Dust,
}

/// Stellar models: each column has one entry for each model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stellar {
    /// The model's number in its library, from 1.
    pub index: Vec<u32>,
    /// Light per stellar mass, Lsun/Hz per Msun, by band.
    pub flux: Vec<Vec<f64>>,
    /// Share of the dust's luminosity from the diffuse medium.
    pub f_mu: Vec<f64>,
    /// Share of the optical depth from the diffuse medium.
    pub mu: Vec<f64>,
    /// V-band optical depth of young stars.
    pub tau_v: Vec<f64>,
    /// Star formation rate over 1e8 yr per stellar mass, yr^-1.
    pub ssfr: Vec<f64>,
    /// Luminosity absorbed by dust per stellar mass, Lsun/Msun.
    pub dust_luminosity: Vec<f64>,
    /// What is known of each history; libraries of MAGPHYS's text form may have none.
    pub history: Option<Histories>,
}

/// First-order star formation histories, one entry for each stellar model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histories {
    /// Time since the first star formed, yr.
    pub age: Vec<f64>,
    /// Mean age weighted by mass formed, yr.
    pub mass_weighted_age: Vec<f64>,
    /// Mean age weighted by emitted r-band light, yr.
    pub light_weighted_age: Vec<f64>,
    /// Inverse time-scale, Gyr^-1.
    pub gamma: Vec<f64>,
    /// Metallicity in solar units (0.02).
    pub metallicity: Vec<f64>,
    /// Time since the last burst ended, yr; the age where there was none, 1e5 to 1e6 where one goes on.
    pub last_burst: Vec<f64>,
    /// Mass formed per stellar mass (living stars and remnants).
    pub formed: Vec<f64>,
}

/// Dust models: each column has one entry for each model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dust {
    /// Light per luminosity of dust, Lsun/Hz per Lsun, by band.
    pub flux: Vec<Vec<f64>>,
    /// Share of the luminosity from the diffuse medium.
    pub f_mu: Vec<f64>,
    /// Share of cold dust in the diffuse medium's light.
    pub xi_cold: Vec<f64>,
    /// Temperature of warm dust in birth clouds, K.
    pub t_warm: Vec<f64>,
    /// Temperature of cold dust, K.
    pub t_cold: Vec<f64>,
    /// Share of PAH in the birth clouds' light.
    pub xi_pah: Vec<f64>,
    /// Share of the hot continuum in the birth clouds' light.
    pub xi_mir: Vec<f64>,
    /// Share of warm dust in the birth clouds' light.
    pub xi_warm: Vec<f64>,
    /// Dust mass per luminosity, Msun/Lsun.
    pub mass: Vec<f64>,
}

impl Stellar {
    /// Number of models.
    pub fn len(&self) -> usize {
        self.f_mu.len()
    }

    /// Adds the models of `other`, which has the same bands, after its own. Histories are kept if both have them.
    pub fn append(&mut self, mut other: Stellar) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.index.append(&mut other.index);
        for (flux, more) in self.flux.iter_mut().zip(&mut other.flux) {
            flux.append(more);
        }
        for (own, more) in [
            (&mut self.f_mu, &mut other.f_mu),
            (&mut self.mu, &mut other.mu),
            (&mut self.tau_v, &mut other.tau_v),
            (&mut self.ssfr, &mut other.ssfr),
            (&mut self.dust_luminosity, &mut other.dust_luminosity),
        ] {
            own.append(more);
        }
        self.history = match (self.history.take(), other.history) {
            (Some(mut history), Some(mut more)) => {
                for (own, more) in history.columns_mut().into_iter().zip(more.columns_mut()) {
                    own.append(more);
                }
                Some(history)
            }
            _ => None,
        };
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.f_mu.is_empty()
    }
}

impl Histories {
    /// All columns, in the order of the declaration.
    pub fn columns(&self) -> [&Vec<f64>; 7] {
        [
            &self.age,
            &self.mass_weighted_age,
            &self.light_weighted_age,
            &self.gamma,
            &self.metallicity,
            &self.last_burst,
            &self.formed,
        ]
    }

    /// All columns, in the order of the declaration.
    pub fn columns_mut(&mut self) -> [&mut Vec<f64>; 7] {
        [
            &mut self.age,
            &mut self.mass_weighted_age,
            &mut self.light_weighted_age,
            &mut self.gamma,
            &mut self.metallicity,
            &mut self.last_burst,
            &mut self.formed,
        ]
    }
}

impl Dust {
    /// Number of models.
    pub fn len(&self) -> usize {
        self.f_mu.len()
    }

    /// Adds the models of `other`, which has the same bands, after its own.
    pub fn append(&mut self, mut other: Dust) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for (flux, more) in self.flux.iter_mut().zip(&mut other.flux) {
            flux.append(more);
        }
        for (own, more) in self.columns_mut().into_iter().zip(other.columns_mut()) {
            own.append(more);
        }
    }

    /// Columns of parameters, in the order of the declaration.
    pub fn columns(&self) -> [&Vec<f64>; 8] {
        [&self.f_mu, &self.xi_cold, &self.t_warm, &self.t_cold, &self.xi_pah, &self.xi_mir, &self.xi_warm, &self.mass]
    }

    /// Columns of parameters, in the order of the declaration.
    pub fn columns_mut(&mut self) -> [&mut Vec<f64>; 8] {
        [
            &mut self.f_mu,
            &mut self.xi_cold,
            &mut self.t_warm,
            &mut self.t_cold,
            &mut self.xi_pah,
            &mut self.xi_mir,
            &mut self.xi_warm,
            &mut self.mass,
        ]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.f_mu.is_empty()
    }
}
