//! What is inferred of a pixel.

/// The parameters of a fit: the 16 of Table A.5 of the POGS paper in MAGPHYS's order of output, then those of the star
/// formation history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// Share of the dust's light that the diffuse medium emits, from the stars' side.
    FMuStars,
    /// The same, from the dust's side.
    FMuDust,
    /// Share of the optical depth that is due to the diffuse medium.
    Mu,
    /// V-band optical depth of young stars.
    TauV,
    /// Star formation rate over the last 1e8 yr per stellar mass, yr^-1 (log10 in histograms).
    SpecificSfr,
    /// Stellar mass (living stars and remnants), solar masses (log10).
    StellarMass,
    /// Luminosity of dust, solar luminosities (log10).
    DustLuminosity,
    /// Temperature of cold dust in the diffuse medium, K.
    ColdTemperature,
    /// Temperature of warm dust in birth clouds, K.
    WarmTemperature,
    /// Share of cold dust in the dust's light.
    XiCold,
    /// Share of polycyclic aromatic hydrocarbons in the dust's light.
    XiPah,
    /// Share of the hot mid-infrared continuum in the dust's light.
    XiMir,
    /// Share of warm dust in the dust's light.
    XiWarm,
    /// V-band optical depth of the diffuse medium.
    TauVIsm,
    /// Mass of dust, solar masses (log10).
    DustMass,
    /// Star formation rate over the last 1e8 yr, solar masses per year (log10).
    Sfr,
    /// Time since the first star formed, yr (log10).
    Age,
    /// Mean age of the stars formed, weighted by mass, yr (log10).
    MassWeightedAge,
    /// Mean age of the stars, weighted by light in the r band, yr (log10).
    LightWeightedAge,
    /// Inverse time-scale of the continuous star formation, Gyr^-1.
    Gamma,
    /// Metallicity in units of the solar one (0.02).
    Metallicity,
    /// Time since the last burst ended, yr (log10); models without one count at the age, those in which one goes on at 1e5 to
    /// 1e6 by the share of it that is past.
    LastBurst,
}

impl Parameter {
    /// The 16 of MAGPHYS.
    pub const PAPER: [Parameter; 16] = {
        use Parameter::*;
        [
            FMuStars,
            FMuDust,
            Mu,
            TauV,
            SpecificSfr,
            StellarMass,
            DustLuminosity,
            ColdTemperature,
            WarmTemperature,
            XiCold,
            XiPah,
            XiMir,
            XiWarm,
            TauVIsm,
            DustMass,
            Sfr,
        ]
    };

    /// Those of the star formation history.
    pub const HISTORY: [Parameter; 6] = {
        use Parameter::*;
        [Age, MassWeightedAge, LightWeightedAge, Gamma, Metallicity, LastBurst]
    };

    /// All, in order.
    pub fn all() -> impl Iterator<Item = Parameter> {
        Self::PAPER.into_iter().chain(Self::HISTORY)
    }

    /// A name for files and columns: lower case, no blanks.
    pub fn name(self) -> &'static str {
        match self {
            Parameter::FMuStars => "f_mu_sfh",
            Parameter::FMuDust => "f_mu_ir",
            Parameter::Mu => "mu",
            Parameter::TauV => "tau_v",
            Parameter::SpecificSfr => "ssfr",
            Parameter::StellarMass => "m_star",
            Parameter::DustLuminosity => "l_dust",
            Parameter::ColdTemperature => "t_c_ism",
            Parameter::WarmTemperature => "t_w_bc",
            Parameter::XiCold => "xi_c_tot",
            Parameter::XiPah => "xi_pah_tot",
            Parameter::XiMir => "xi_mir_tot",
            Parameter::XiWarm => "xi_w_tot",
            Parameter::TauVIsm => "tau_v_ism",
            Parameter::DustMass => "m_dust",
            Parameter::Sfr => "sfr",
            Parameter::Age => "age",
            Parameter::MassWeightedAge => "age_mass",
            Parameter::LightWeightedAge => "age_light",
            Parameter::Gamma => "gamma",
            Parameter::Metallicity => "metallicity",
            Parameter::LastBurst => "last_burst",
        }
    }

    /// Whether it is proportional to a pixel's scale.
    pub fn hangs_on_scale(self) -> bool {
        use Parameter::{DustLuminosity, DustMass, Sfr, StellarMass};
        matches!(self, StellarMass | DustLuminosity | Sfr | DustMass)
    }

    /// Whether histograms and percentiles are of the value's log10.
    pub fn is_logarithmic(self) -> bool {
        use Parameter::*;
        matches!(
            self,
            SpecificSfr
                | StellarMass
                | DustLuminosity
                | DustMass
                | Sfr
                | Age
                | MassWeightedAge
                | LightWeightedAge
                | LastBurst
        )
    }

    /// Unit of the value (of the number whose log10 is taken, where it is), as FITS writes it; empty for pure numbers.
    pub fn unit(self) -> &'static str {
        use Parameter::*;
        match self {
            SpecificSfr => "yr-1",
            StellarMass | DustMass => "solMass",
            DustLuminosity => "solLum",
            ColdTemperature | WarmTemperature => "K",
            Sfr => "solMass yr-1",
            Age | MassWeightedAge | LightWeightedAge | LastBurst => "yr",
            Gamma => "Gyr-1",
            _ => "",
        }
    }
}
