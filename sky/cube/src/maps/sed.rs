//! Charts of what was measured of a pixel and what its best model says.

use pogson_sed::observation::Measurement;
use pogson_view::report::Chart;

use super::label::{label, short};
use crate::result::{Facts, PixelRecord};

/// Fluxes against wavelength: measurements with their errors and filters, limits, and the best model's fluxes.
pub(super) fn sed_chart(title: &str, facts: &Facts, record: &PixelRecord) -> Chart {
    let mut measured = Vec::new();
    let mut limits = Vec::new();
    let mut model = Vec::new();
    let mut notes = Vec::new();
    for (k, band) in facts.bands.iter().enumerate() {
        let x = band.wavelength_um;
        let predicted = record.fit.best.model_jy.get(k).copied().unwrap_or(f64::NAN);
        if predicted > 0.0 {
            model.push((x, predicted));
        }
        let mut top = predicted;
        match record.observation.bands.get(k) {
            Some(Measurement::Flux { flux_jy, sigma_jy }) => {
                measured.push((x, *flux_jy, *sigma_jy));
                top = top.max(flux_jy + sigma_jy);
            }
            Some(Measurement::UpperLimit { sigma_jy }) => {
                limits.push((x, *sigma_jy));
                top = top.max(*sigma_jy);
            }
            Some(Measurement::Absent) | None => {}
        }
        notes.push((x, top, band.name.as_str()));
    }
    model.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut chart = Chart::new(title, "observed wavelength (um)", "flux density (Jy)")
        .logarithmic()
        .logarithmic_x()
        .errors("measured", &measured)
        .line("best model", &model)
        .scatter("best model in the bands", &model);
    if !limits.is_empty() {
        chart = chart.scatter("limit (1 sigma)", &limits);
    }
    for (x, y, name) in notes {
        chart = chart.note(x, y, name);
    }
    chart
}

/// The histograms of the marginals of a record.
pub(super) fn marginal_charts(record: &PixelRecord) -> Vec<Chart> {
    let drawn = record.fit.marginals.iter().filter(|m| !m.histogram.is_empty());
    drawn
        .map(|m| {
            let unit = label(m.parameter);
            let first = m.first - m.step / 2.0;
            Chart::new(short(m.parameter), &unit, "probability").bars("posterior", first, m.step, &m.histogram)
        })
        .collect()
}
