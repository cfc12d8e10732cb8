//! The report's section on shape.

use pogson_view::Colormap;
use pogson_view::png::PngError;
use pogson_view::report::{Chart, Figure, ReportBuilder, Table};

use super::label::{label, short};
use super::picture::draw;
use super::plane::frame_of;
use super::structure::Structure;
use super::totals::ADDITIVE;
use crate::morphology::model::{Estimate, ModelFit};
use crate::result::ResultFile;

/// Adds what was measured of the shape.
///
/// # Errors
/// [`PngError::Encode`] for a frame without pixels.
pub fn structure_section(
    mut page: ReportBuilder,
    result: &ResultFile,
    found: &Structure,
) -> Result<ReportBuilder, PngError> {
    page = page.section("Shape").text(
        "Measured on the map of stellar mass. Lengths are in pixels along the major axis, angles in degrees from +x towards +y.",
    );
    match &found.indices {
        Ok(i) => {
            let rows = [
                ("Concentration", i.concentration),
                ("Asymmetry", i.asymmetry),
                ("Smoothness", i.smoothness),
                ("Gini", i.gini),
                ("M20", i.m20),
                ("Petrosian radius", i.petrosian_circle),
                ("Half-mass radius", i.r50),
                ("Ellipticity", i.ellipticity),
                ("Angle", i.orientation.to_degrees()),
            ];
            let mut table = Table::new("Indices", &["Index", "Value"]);
            rows.iter().for_each(|(name, v)| table.push([(*name).to_owned(), format!("{v:.3}")]));
            page = page.table(table);
        }
        Err(error) => page = page.warning(&format!("No indices: {error}.")),
    }
    match &found.models {
        Ok(models) if models.is_empty() => {}
        Ok(models) => page = models_part(page, result, found, models)?,
        Err(error) => page = page.warning(&format!("No models: {error}.")),
    }
    Ok(profiles_part(page, found))
}

fn models_part(
    mut page: ReportBuilder,
    result: &ResultFile,
    found: &Structure,
    models: &[ModelFit],
) -> Result<ReportBuilder, PngError> {
    let best = &models[0];
    let mut table = Table::new(
        "Models of the stellar mass, the best first",
        &["Model", "chi2", "Degrees of freedom", "BIC above the best"],
    );
    for m in models {
        table.push([
            m.kind.name().to_owned(),
            format!("{:.1}", m.chi2),
            format!("{:.1}", m.dof),
            format!("{:.1}", m.bic - best.bic),
        ]);
    }
    page = page.table(table);
    let mut table = Table::new(&format!("The {} model", best.kind.name()), &["Parameter", "Value", "Sigma"]);
    for p in &best.parameters {
        table.push([p.name.replace('_', " "), number(p.name, p.value, true), sigma(p)]);
    }
    page = page.table(table);
    if let Some(fwhm) = found.fwhm_pixels {
        page = page.text(&format!("Models are blurred by a Gaussian of {fwhm:.2} pixels full width."));
    }
    let (mass, sigmas) = super::structure::mass_map(result);
    let residual: Vec<f32> =
        mass.iter().zip(&best.image).zip(&sigmas).map(|((v, m), s)| ((v - m) / s) as f32).collect();
    let model: Vec<f32> = mass
        .iter()
        .zip(&best.image)
        .map(|(v, m)| if v.is_finite() { libm::log10(*m) as f32 } else { f32::NAN })
        .collect();
    let size = frame_of(result);
    let (model, ..) = draw(&model, size, None, (Colormap::Viridis, "log stellar mass of the model [Msun]"), 0.0);
    let clipped: Vec<f32> = residual.iter().map(|v| v.clamp(-5.0, 5.0)).collect();
    let (rest, ..) = draw(&clipped, size, None, (Colormap::Diverging, "(map - model) / sigma"), 0.0);
    page.figures(&[
        Figure { picture: &model, alt: "Map of the model's stellar mass", caption: "The best model, blurred." },
        Figure { picture: &rest, alt: "Map of residuals over sigma", caption: "What the model leaves." },
    ])
}

fn sigma(p: &Estimate) -> String {
    p.sigma.map_or("-".into(), |s| number(p.name, s, false))
}

/// A value as it may stand in a table; places from 1.
fn number(name: &str, v: f64, place: bool) -> String {
    match name {
        "x" | "y" if place => format!("{:.3}", v + 1.0),
        _ if v.abs() >= 1e5 => format!("{v:.3e}"),
        _ => format!("{v:.3}"),
    }
}

fn profiles_part(mut page: ReportBuilder, found: &Structure) -> ReportBuilder {
    if found.profiles.iter().all(|(_, rings)| rings.is_empty()) {
        return page;
    }
    page = page.text(
        "Profiles are means over elliptical rings with one sigma of the mean; profiles.ecsv has them as a table.",
    );
    let arcsec = found.pixel_arcsec;
    let mut charts = Vec::new();
    for (parameter, rings) in &found.profiles {
        let additive = ADDITIVE.contains(parameter);
        let area = if additive { found.pixel_kpc2() } else { None };
        let scale = area.map_or(1.0, |a| 1.0 / a);
        let points: Vec<(f64, f64, f64)> = rings
            .iter()
            .map(|r| (arcsec.unwrap_or(1.0) * (r.inner + r.outer) / 2.0, r.mean * scale, r.sigma * scale))
            .collect();
        let x = if arcsec.is_some() { "semi-major axis (arcsec)" } else { "semi-major axis (pixels)" };
        let y = match (additive, area.is_some()) {
            (true, true) => label(*parameter).trim_start_matches("log ").replace(']', " / kpc2]"),
            (true, false) => label(*parameter).trim_start_matches("log ").replace(']', " / pixel]"),
            (false, _) => label(*parameter),
        };
        let chart = Chart::new(short(*parameter), x, &y).errors("mean of the ring", &points);
        charts.push((if additive { chart.logarithmic() } else { chart }, ""));
    }
    page.folded_charts("Radial profiles", charts)
}
