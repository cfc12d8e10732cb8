//! MAGPHYS's result of one object (`N.fit`), as theSkyNet's version of it prints.

use std::fmt::Write;

use super::fortran::{engineering, fixed, scientific};
use crate::library::Band;
use crate::observation::{Measurement, Observation};
use crate::parameter::Parameter;
use crate::posterior::{Marginal, PixelFit};

/// How a parameter's lines are titled and printed.
struct Section {
    parameter: Parameter,
    title: &'static str,
    /// Whether histogram lines are in scientific notation.
    scientific_lines: bool,
    /// Whether percentiles are.
    scientific_percentiles: bool,
}

const fn section(parameter: Parameter, title: &'static str, lines: bool, percentiles: bool) -> Section {
    Section { parameter, title, scientific_lines: lines, scientific_percentiles: percentiles }
}

/// In the order of the file.
const SECTIONS: [Section; 16] = [
    section(Parameter::FMuStars, "f_mu (SFH) ...", false, false),
    section(Parameter::FMuDust, "f_mu (IR) ...", false, false),
    section(Parameter::Mu, "mu parameter ...", false, false),
    section(Parameter::TauV, "tau_V ...", false, false),
    section(Parameter::SpecificSfr, "sSFR_0.1Gyr ...", true, true),
    section(Parameter::StellarMass, "M(stars) ...", true, true),
    section(Parameter::DustLuminosity, "Ldust ...", true, true),
    section(Parameter::ColdTemperature, "T_C^ISM ...", false, false),
    section(Parameter::WarmTemperature, "T_W^BC ...", false, false),
    section(Parameter::XiCold, "xi_C^tot ...", false, false),
    section(Parameter::XiPah, "xi_PAH^tot ...", false, false),
    section(Parameter::XiMir, "xi_MIR^tot ...", false, false),
    section(Parameter::XiWarm, "xi_W^tot ...", false, false),
    section(Parameter::TauVIsm, "tau_V^ISM...", false, false),
    section(Parameter::DustMass, "M(dust)...", false, false),
    section(Parameter::Sfr, "SFR_0.1Gyr ...", true, false),
];

const COLUMNS: &str = "#.fmu(SFH)...fmu(IR)........mu......tauv........sSFR..........M*.......Ldust......T_W^BC.....T_C^ISM\
....xi_C^tot..xi_PAH^tot..xi_MIR^tot....xi_W^tot.....tvism.......Mdust.....SFR";

/// Lsun/Hz for each Jy, over `1 + z`, as MAGPHYS converts fluxes.
fn light_per_jy(redshift: f64) -> f64 {
    let distance = crate::fit::paper_distance_cm(redshift);
    f64::from(1e-23_f32) * f64::from(3.283_608_7e-33_f32) * (distance * distance)
}

/// The observed light and its error as MAGPHYS lists them; what was not measured stays -1 with an error of -0.05.
fn observed(measurement: &Measurement, unit: f64) -> (f64, f64) {
    let floor = f64::from(0.05_f32);
    match *measurement {
        Measurement::Flux { flux_jy, sigma_jy } if flux_jy > 0.0 => {
            let (light, sigma) = (flux_jy * unit, sigma_jy * unit);
            (light, sigma.max(floor * light))
        }
        Measurement::Flux { flux_jy, sigma_jy } => (flux_jy, sigma_jy.max(floor * flux_jy)),
        Measurement::UpperLimit { .. } | Measurement::Absent => (-1.0, -floor),
    }
}

/// A value that a fit has by parameter.
fn best(fit: &PixelFit, parameter: Parameter) -> f64 {
    let place = fit.marginals.iter().position(|marginal| marginal.parameter == parameter);
    place.and_then(|place| fit.best.values.get(place)).copied().unwrap_or(f64::NAN)
}

/// The text of one object's result.
///
/// - `bands`: of the observation, in its order;
/// - `fit`: made with [`Options::paper`](crate::fit::Options::paper).
pub fn fit_text(observation: &Observation, bands: &[Band], fit: &PixelFit) -> String {
    let mut text = String::new();
    let mut line = |content: String| {
        text.push_str(&content);
        text.push('\n');
    };
    let unit = light_per_jy(observation.redshift);
    let pairs: Vec<(f64, f64)> = observation.bands.iter().map(|band| observed(band, unit)).collect();
    let row =
        |values: &mut dyn Iterator<Item = f64>| -> String { values.map(|v| scientific(v, 12, 3, None)).collect() };
    // Fortran prints names as 12 characters each after a blank, and the line without blanks at its end.
    let names: String = bands.iter().map(|band| format!("{:<12.12}", band.name)).collect();
    let names = format!(" #   {}", names.trim_end());
    line(format!(" ####### {:<30.30}", observation.name));
    line("# OBSERVED FLUXES (and errors):".into());
    line(names.clone());
    line(row(&mut pairs.iter().map(|pair| pair.0)));
    line(row(&mut pairs.iter().map(|pair| pair.1)));
    line("#".into());
    line("# ... Results of fitting the fluxes to the model.....".into());
    line("#".into());
    line("# BEST FIT MODEL: (i_sfh, i_ir, chi2, redshift)".into());
    line(format!(
        "{:>10}{:>10}{}{}",
        fit.best.stellar,
        fit.best.dust,
        fixed(fit.best.chi2 / f64::from(fit.bands_used.max(1)), 10, 3),
        fixed(observation.redshift, 12, 6)
    ));
    line(COLUMNS.into());
    line(best_values(fit));
    line(names);
    line(row(&mut fit.best.model_jy.iter().map(|jy| jy * unit)));
    line("#".into());
    line("# MARGINAL PDF HISTOGRAMS FOR EACH PARAMETER......".into());
    for section in &SECTIONS {
        if let Some(marginal) = fit.marginals.iter().find(|marginal| marginal.parameter == section.parameter) {
            write_section(&mut line, section, marginal);
        }
    }
    line(" #...theSkyNet parameters of this model".into());
    line(format!(
        "{:>15}{:>15}{}{}{}",
        fit.best.stellar,
        fit.best.dust,
        engineering(fit.best.stellar_mass, 20, 6),
        engineering(best(fit, Parameter::FMuStars), 20, 4),
        engineering(observation.redshift, 10, 2)
    ));
    text
}

fn best_values(fit: &PixelFit) -> String {
    use Parameter::*;
    let fixed_of = |parameter, digits| fixed(best(fit, parameter), 10, digits);
    let exponential = |parameter| scientific(best(fit, parameter), 12, 3, None);
    let mut text = String::new();
    for parameter in [FMuStars, FMuDust, Mu, TauV] {
        text.push_str(&fixed_of(parameter, 3));
    }
    for parameter in [SpecificSfr, StellarMass, DustLuminosity] {
        text.push_str(&exponential(parameter));
    }
    for parameter in [WarmTemperature, ColdTemperature] {
        text.push_str(&fixed_of(parameter, 1));
    }
    for parameter in [XiCold, XiPah, XiMir, XiWarm, TauVIsm] {
        text.push_str(&fixed_of(parameter, 3));
    }
    for parameter in [DustMass, Sfr] {
        text.push_str(&exponential(parameter));
    }
    text
}

fn write_section(line: &mut impl FnMut(String), section: &Section, marginal: &Marginal) {
    line(format!("# ... {}", section.title));
    let centre = |bin: usize| marginal.first + marginal.step * bin as f64;
    for (bin, &p) in marginal.histogram.iter().enumerate() {
        let x = centre(bin);
        let x = if section.scientific_lines { scientific(x, 12, 3, Some(3)) } else { fixed(x, 10, 4) };
        line(format!("{x}{}", scientific(p, 12, 3, Some(3))));
    }
    line("#....percentiles of the PDF......".into());
    let mut percentiles = String::new();
    for &value in &marginal.percentiles {
        let value = if section.scientific_percentiles { scientific(value, 12, 3, Some(3)) } else { fixed(value, 8, 3) };
        let _ = write!(percentiles, "{value}");
    }
    line(percentiles);
    line("# theSkyNet2".into());
    let last = centre(marginal.histogram.len().saturating_sub(1));
    line([marginal.peak, marginal.first, last, marginal.step].map(|value| fixed(value, 10, 4)).concat());
}
