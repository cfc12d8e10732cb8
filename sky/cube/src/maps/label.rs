//! What parameters are called in pictures and reports, and their colours.

use pogson_sed::parameter::Parameter;
use pogson_view::Colormap;

/// A label for axes and colour bars, plain ASCII, with the unit; of the logarithm where maps hold it.
pub fn label(parameter: Parameter) -> String {
    let name = long(parameter);
    let unit = match parameter.unit() {
        "" => String::new(),
        "solMass" => " [Msun]".into(),
        "solLum" => " [Lsun]".into(),
        "solMass yr-1" => " [Msun/yr]".into(),
        "yr-1" => " [1/yr]".into(),
        "Gyr-1" => " [1/Gyr]".into(),
        unit => format!(" [{unit}]"),
    };
    if parameter.is_logarithmic() { format!("log {name}{unit}") } else { format!("{name}{unit}") }
}

fn long(parameter: Parameter) -> &'static str {
    use Parameter::*;
    match parameter {
        FMuStars => "f_mu (stars)",
        FMuDust => "f_mu (dust)",
        Mu => "mu",
        TauV => "tau_V",
        SpecificSfr => "specific star formation rate",
        StellarMass => "stellar mass",
        DustLuminosity => "dust luminosity",
        ColdTemperature => "temperature of cold dust",
        WarmTemperature => "temperature of warm dust",
        XiCold => "xi_C (cold dust)",
        XiPah => "xi_PAH",
        XiMir => "xi_MIR (hot dust)",
        XiWarm => "xi_W (warm dust)",
        TauVIsm => "tau_V of the diffuse medium",
        DustMass => "dust mass",
        Sfr => "star formation rate",
        Age => "age",
        MassWeightedAge => "age, mass-weighted",
        LightWeightedAge => "age, r-band-weighted",
        Gamma => "gamma",
        Metallicity => "metallicity [Z/0.02]",
        LastBurst => "time since the last burst",
    }
}

/// A short name for the axes of corner plots.
pub fn short(parameter: Parameter) -> &'static str {
    use Parameter::*;
    match parameter {
        FMuStars => "f_mu",
        FMuDust => "f_mu (dust)",
        Mu => "mu",
        TauV => "tau_V",
        SpecificSfr => "log sSFR",
        StellarMass => "log M*",
        DustLuminosity => "log L_d",
        ColdTemperature => "T_C",
        WarmTemperature => "T_W",
        XiCold => "xi_C",
        XiPah => "xi_PAH",
        XiMir => "xi_MIR",
        XiWarm => "xi_W",
        TauVIsm => "tau_V ISM",
        DustMass => "log M_d",
        Sfr => "log SFR",
        Age => "log age",
        MassWeightedAge => "log age_M",
        LightWeightedAge => "log age_L",
        Gamma => "gamma",
        Metallicity => "Z",
        LastBurst => "log t_burst",
    }
}

/// A colour map of even steps for the eye: one for stars, one for star formation and histories, one for dust.
pub fn colours(parameter: Parameter) -> Colormap {
    use Parameter::*;
    match parameter {
        DustLuminosity | DustMass | ColdTemperature | WarmTemperature | XiCold | XiPah | XiMir | XiWarm | TauV
        | TauVIsm => Colormap::Inferno,
        Age | MassWeightedAge | LightWeightedAge | Gamma | Metallicity | LastBurst => Colormap::Magma,
        FMuStars | FMuDust | Mu | SpecificSfr | StellarMass | Sfr => Colormap::Viridis,
    }
}
