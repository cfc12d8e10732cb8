//! The figures of a report as JSON.

use pogson_sed::posterior::flag;
use serde_json::{Map, Value, json};

use super::plane::Level;
use super::totals::totals;
use crate::result::ResultFile;

/// Totals, counts and medians over the map, for programs.
pub fn summary(result: &ResultFile) -> Value {
    let facts = &result.facts;
    let mut levels = Map::new();
    for level in Level::of(result) {
        let records = level.records(result);
        let sums: Map<String, Value> = totals(result, level)
            .iter()
            .map(|t| {
                let value = json!({
                    "sum_of_medians": t.medians,
                    "sum_of_means": t.means,
                    "sum_of_best": t.best,
                    "sigma_independent": t.sigma_independent,
                    "sigma_together": t.sigma_together,
                    "unit": t.parameter.unit(),
                    "integrated": t.integrated.map(|[p16, p50, p84]| json!({ "p16": p16, "p50": p50, "p84": p84 })),
                    "difference_dex": t.difference_dex(),
                });
                (t.parameter.name().to_owned(), value)
            })
            .collect();
        let flagged = |bit: u32| records.iter().filter(|r| r.fit.flags & bit != 0).count();
        let medians: Map<String, Value> = facts
            .parameters
            .iter()
            .enumerate()
            .map(|(k, p)| {
                let values = records.iter().filter_map(|r| Some(r.fit.marginals.get(k)?.median())).collect();
                (p.name().to_owned(), json!(middle(values)))
            })
            .collect();
        let name = if level == Level::Bins { "bins" } else { "pixels" };
        levels.insert(
            name.to_owned(),
            json!({
                "fitted": records.len(),
                "few_models": flagged(flag::FEW_MODELS),
                "poor_fit": flagged(flag::POOR_FIT),
                "at_edge": flagged(flag::AT_EDGE),
                "median_chi2": middle(records.iter().map(|r| r.fit.best.chi2).collect()),
                "totals": sums,
                "median_of_medians": medians,
            }),
        );
    }
    json!({
        "galaxy": facts.galaxy,
        "redshift": facts.redshift,
        "width": facts.width,
        "height": facts.height,
        "bands": facts.bands.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(),
        "library": facts.library,
        "cube": facts.cube,
        "levels": levels,
    })
}

/// The median of the finite values; None where there are none.
pub(super) fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n % 2 {
        _ if n == 0 => None,
        1 => Some(values[n / 2]),
        _ => Some((values[n / 2 - 1] + values[n / 2]) / 2.0),
    }
}
