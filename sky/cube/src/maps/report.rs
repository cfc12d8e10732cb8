//! The report of a fit: one HTML file.

use pogson_sed::parameter::Parameter;
use pogson_sed::posterior::flag;
use pogson_view::png::PngError;
use pogson_view::report::{Card, Corner, Figure, ReportBuilder, Table};

use super::label::{label, short};
use super::picture::{MapPicture, map_picture};
use super::plane::Level;
use super::sed::{marginal_charts, sed_chart};
use super::totals::totals;
use crate::result::{Facts, PixelRecord, ResultFile, Special};

/// Parameters of corner plots, as many as are known.
const CORNER: [Parameter; 6] = [
    Parameter::StellarMass,
    Parameter::Sfr,
    Parameter::TauV,
    Parameter::DustLuminosity,
    Parameter::DustMass,
    Parameter::MassWeightedAge,
];

/// What a report shows.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    /// Pixels to show beside those that are chosen, 0-based.
    pub pixels: Vec<(u32, u32)>,
}

/// The pixels that a report shows, each once: those asked for, then the one of the greatest stellar mass, of the highest
/// star formation rate, of the middle mass, and the one that fits worst.
pub fn chosen_pixels<'a>(result: &'a ResultFile, asked: &[(u32, u32)]) -> Vec<(String, &'a PixelRecord)> {
    let mut chosen: Vec<(String, &PixelRecord)> = Vec::new();
    let mut choose = |why: &str, record: Option<&'a PixelRecord>| {
        if let Some(record) = record
            && !chosen.iter().any(|(_, c)| (c.x, c.y) == (record.x, record.y))
        {
            chosen.push((why.to_owned(), record));
        }
    };
    for (x, y) in asked {
        choose("asked for", result.pixels.iter().find(|r| (r.x, r.y) == (*x, *y)));
    }
    let by = |parameter: Parameter| {
        let k = result.parameter_index(parameter);
        let value = move |r: &PixelRecord| k.and_then(|k| r.fit.marginals.get(k)).map_or(f64::NAN, |m| m.median());
        let mut sorted: Vec<&PixelRecord> = result.pixels.iter().filter(|r| value(r).is_finite()).collect();
        sorted.sort_by(|a, b| value(a).total_cmp(&value(b)));
        sorted
    };
    let masses = by(Parameter::StellarMass);
    choose("greatest stellar mass", masses.last().copied());
    choose("highest star formation rate", by(Parameter::Sfr).last().copied());
    choose("median stellar mass", masses.get(masses.len() / 2).copied());
    let reduced = |r: &PixelRecord| r.fit.best.chi2 / f64::from(r.fit.bands_used.max(1));
    choose("worst fit", result.pixels.iter().max_by(|a, b| reduced(a).total_cmp(&reduced(b))));
    chosen
}

/// The report, ready for more sections (morphology, profiles) and to be written.
///
/// # Errors
/// [`PngError::Encode`] for a frame without pixels.
pub fn report(result: &ResultFile, options: &ReportOptions) -> Result<ReportBuilder, PngError> {
    let facts = &result.facts;
    let name = if facts.galaxy.is_empty() { "A galaxy" } else { &facts.galaxy };
    let subtitle =
        format!("{} pixels fitted in {} bands at redshift {}", result.pixels.len(), facts.bands.len(), facts.redshift);
    let mut page = ReportBuilder::new(&format!("What each pixel of {name} is made of"), &subtitle);
    page = page.cards(cards(result));
    for warning in warnings(result) {
        page = page.warning(&warning);
    }
    page = page.section("Totals");
    page = totals_table(page, result);
    for level in Level::of(result) {
        let heading = if level == Level::Bins { "Maps of bins" } else { "Maps" };
        page = page.section(heading).text(
            "Medians of the posteriors. Colours run from the 1st to the 99th percentile of the map, or over the middle pixel's interval of 68 % where the map differs by less; white lines are contours of the smoothed map at the values that the bar marks.",
        );
        let pictures: Vec<MapPicture> = (0..facts.parameters.len()).map(|k| map_picture(result, level, k)).collect();
        let texts: Vec<(String, String)> = pictures.iter().map(describe).collect();
        let figures: Vec<Figure<'_>> = pictures
            .iter()
            .zip(&texts)
            .map(|(p, (alt, caption))| Figure { picture: &p.picture, alt, caption })
            .collect();
        page = page.figures(&figures)?;
    }
    if let Some(whole) = result.special.get(&Special::Integrated).and_then(|r| r.first()) {
        page = page.section("The whole galaxy").text("The light of all usable pixels, added up and fitted at once.");
        page = one_fit(page, facts, "Summed light", whole);
    }
    if let Some(rings) = result.special.get(&Special::Radial).filter(|rings| !rings.is_empty()) {
        page = page
            .section("Rings")
            .text("The light of elliptical rings, each added up and fitted at once.")
            .table(ring_table(result, rings));
    }
    page = page.section("Chosen pixels");
    for (why, record) in chosen_pixels(result, &options.pixels) {
        let title = format!("Pixel {}, {} ({why})", record.x + 1, record.y + 1);
        page = one_fit(page, facts, &title, record);
    }
    Ok(page)
}

fn cards(result: &ResultFile) -> Vec<Card> {
    let facts = &result.facts;
    let mut cards = vec![
        Card::new("Pixels fitted", &result.pixels.len().to_string())
            .note(&format!("of {} x {}", facts.width, facts.height)),
        Card::new("Bands", &facts.bands.len().to_string())
            .note(&facts.bands.iter().map(|b| b.name.as_str()).collect::<Vec<_>>().join(", ")),
        Card::new("Redshift", &facts.redshift.to_string()),
        Card::new("Model library", facts.library.get(..12).unwrap_or(&facts.library)),
    ];
    if let Some(bins) = &result.bins {
        cards.push(Card::new("Bins fitted", &bins.records.len().to_string()));
    }
    cards
}

fn warnings(result: &ResultFile) -> Vec<String> {
    let n = result.pixels.len();
    let count = |bit: u32| result.pixels.iter().filter(|r| r.fit.flags & bit != 0).count();
    let paper = result.facts.options.get("convention").is_some_and(|word| word == "paper");
    let few = if paper {
        "rest on fewer than 100 models: their percentiles show the grid of models"
    } else {
        "rest on fewer than 100 models: their probabilities were refined between models, and are less exact"
    };
    let kinds = [
        (flag::FEW_MODELS, few),
        (flag::POOR_FIT, "are described by no model (the best chi2 is improbable)"),
        (flag::AT_EDGE, "have a percentile at the edge of a parameter's range"),
    ];
    let told = kinds.iter().map(|(bit, what)| (count(*bit), what)).filter(|(c, _)| *c > 0);
    told.map(|(c, what)| format!("{c} of {n} pixels {what}; quality.fits maps them.")).collect()
}

fn totals_table(mut page: ReportBuilder, result: &ResultFile) -> ReportBuilder {
    for level in Level::of(result) {
        let caption = if level == Level::Bins { "Sums over bins" } else { "Sums over pixels" };
        let columns = [
            "Quantity",
            "Sum of medians",
            "\u{b1} apart",
            "\u{b1} together",
            "Sum of means",
            "Sum of rings",
            "Summed light",
            "Over it (dex)",
        ];
        let mut table = Table::new(caption, &columns);
        for t in totals(result, level) {
            let unit = t.parameter.unit();
            let integrated =
                t.integrated.map_or("-".into(), |[low, mid, high]| format!("{mid:.2e} ({low:.2e} to {high:.2e})"));
            table.push([
                format!("{} ({unit})", short(t.parameter).trim_start_matches("log ")),
                format!("{:.2e}", t.medians),
                format!("{:.1e}", t.sigma_independent),
                format!("{:.1e}", t.sigma_together),
                format!("{:.2e}", t.means),
                t.rings.map_or("-".into(), |sum| format!("{sum:.2e}")),
                integrated,
                t.difference_dex().map_or("-".into(), |d| format!("{d:+.3}")),
            ]);
        }
        page = page.table(table);
    }
    page.text(
        "Sums of the pixels' medians, with their sigmas if pixels err apart and if they err together; beside them the sum of the pixels' means, of the medians of rings, and the fit of the summed light with its 16th and 84th percentiles. The last column compares the first with that fit.",
    )
}

/// What the fits of rings say.
fn ring_table(result: &ResultFile, rings: &[PixelRecord]) -> Table {
    const SHOWN: [Parameter; 5] = [
        Parameter::StellarMass,
        Parameter::Sfr,
        Parameter::TauV,
        Parameter::DustLuminosity,
        Parameter::MassWeightedAge,
    ];
    let shown: Vec<(Parameter, usize)> = SHOWN.iter().filter_map(|p| Some((*p, result.parameter_index(*p)?))).collect();
    let columns: Vec<&str> =
        ["Semi-major axis"].into_iter().chain(shown.iter().map(|(p, _)| short(*p))).chain(["chi2", "Bands"]).collect();
    let mut table = Table::new("Medians, with the 16th and 84th percentiles", &columns);
    for ring in rings {
        let name = ring.observation.name.trim_start_matches("ring_").replace("_arcsec", "\u{2033}").replace('_', " ");
        let value = |k: usize| {
            let Some(m) = ring.fit.marginals.get(k) else { return "-".to_owned() };
            let [_, low, middle, high, _] = m.percentiles;
            format!("{middle:.3} ({low:.3} to {high:.3})")
        };
        let fit = [format!("{:.1}", ring.fit.best.chi2), ring.fit.bands_used.to_string()];
        table.push(std::iter::once(name).chain(shown.iter().map(|(_, k)| value(*k))).chain(fit));
    }
    table
}

fn describe(map: &MapPicture) -> (String, String) {
    let (low, high) = map.limits;
    let name = label(map.parameter);
    (format!("Map of {name} from {low:.3} to {high:.3}"), name)
}

/// What is shown of one fit: fluxes, table, marginals, and draws where there are some.
fn one_fit(mut page: ReportBuilder, facts: &Facts, title: &str, record: &PixelRecord) -> ReportBuilder {
    let fit = &record.fit;
    let caption = format!(
        "Fluxes with one sigma and the best pair of models: stellar {}, dust {}, chi2 {:.2} in {} bands.",
        fit.best.stellar, fit.best.dust, fit.best.chi2, fit.bands_used
    );
    page = page.chart(sed_chart(title, facts, record), &caption);
    let mut table = Table::new(
        &format!("{title}: parameters"),
        &["Parameter", "2.5 %", "16 %", "Median", "84 %", "97.5 %", "Best"],
    );
    for (m, best) in fit.marginals.iter().zip(&fit.best.values) {
        let best = if m.parameter.is_logarithmic() { libm::log10(*best) } else { *best };
        let numbers = m.percentiles.iter().chain([&best]).map(|v| format!("{v:.3}"));
        table.push(std::iter::once(label(m.parameter)).chain(numbers));
    }
    page = page.folded_table(&format!("Parameters of {title}"), table);
    let charts = marginal_charts(record).into_iter().map(|chart| (chart, "")).collect();
    page = page.folded_charts(&format!("Marginal posteriors of {title}"), charts);
    match corner(title, facts, record) {
        Some(corner) => page.corner(
            &corner,
            "Draws from the posterior: tones hold 12, 39, 68 and 86 % of them; dashed lines mark the best pair.",
        ),
        None => page,
    }
}

fn corner(title: &str, facts: &Facts, record: &PixelRecord) -> Option<Corner> {
    let draws = record.draws.as_ref().filter(|d| !d.values.is_empty())?;
    let n = facts.parameters.len();
    let columns: Vec<usize> =
        CORNER.iter().filter_map(|p| facts.parameters.iter().position(|known| known == p)).collect();
    let names: Vec<&str> = columns.iter().map(|k| short(facts.parameters[*k])).collect();
    let rows: Vec<Vec<f64>> = draws.rows(n).map(|row| columns.iter().map(|k| f64::from(row[*k])).collect()).collect();
    let marks: Vec<f64> = columns
        .iter()
        .map(|k| {
            let best = record.fit.best.values.get(*k).copied().unwrap_or(f64::NAN);
            if facts.parameters[*k].is_logarithmic() { libm::log10(best) } else { best }
        })
        .collect();
    let plot = Corner::new(&format!("{title}: posterior"), &names);
    Some(plot.draws(rows.iter().map(Vec::as_slice)).marks(&marks))
}
