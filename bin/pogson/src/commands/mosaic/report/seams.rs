//! How well tiles agree where they overlap: charts and the table of overlaps.

use pogson_mosaic::report::{Overlap, Report};
use pogson_view::report::{Chart, ReportBuilder, Table};

use super::digits::{short, signed};
use super::{Page, folded};

/// Width of the bars of steps in units of their error.
const BAR: f64 = 0.5;
/// Errors beyond which steps are counted in the last bar.
const WIDEST: f64 = 6.0;

/// The section of seams; empty where nothing was compared.
pub fn section(builder: ReportBuilder, page: &Page<'_>) -> ReportBuilder {
    let report = page.report;
    if !page.matched() {
        return builder;
    }
    let builder = builder.section("Seams");
    if report.overlaps.is_empty() {
        return builder.text("No two tiles overlap, so their backgrounds could not be compared.");
    }
    let builder = builder.text(
        "A step is the mean difference of two tiles over the pixels that both cover, outliers left out. After matching it should be zero within its error, which comes from the scatter between parts along the overlap.",
    );
    let beyond = report.overlaps.iter().filter(|o| in_errors(o).is_some_and(|z| z.abs() > 3.0)).count();
    let caption = format!(
        "{beyond} of {} overlaps lie more than three errors from zero; steps beyond {WIDEST:.0} errors are counted in the outermost bars.",
        report.overlaps.len()
    );
    with_table(
        builder.charts(vec![
            (sizes(page), "Size of the steps, from the largest before matching to the smallest."),
            (errors(report), &caption),
        ]),
        page,
    )
}

/// Steps of all overlaps in the order of what they were before.
fn sizes(page: &Page<'_>) -> Chart {
    let mut overlaps: Vec<&Overlap> = page.report.overlaps.iter().collect();
    overlaps.sort_by(|a, b| b.step_before.abs().total_cmp(&a.step_before.abs()));
    let points = |of: &dyn Fn(&Overlap) -> f64| -> Vec<(f64, f64)> {
        overlaps.iter().enumerate().map(|(k, o)| (k as f64 + 1.0, of(o))).collect()
    };
    Chart::new("Steps at seams", "overlap", &page.labelled("size of the step"))
        .logarithmic()
        .scatter("before matching", &points(&|o| o.step_before.abs()))
        .scatter("after matching", &points(&|o| o.step_after.abs()))
        .line("error", &points(&|o| o.step_error))
}

/// Histogram of the remaining steps in units of their errors.
fn errors(report: &Report) -> Chart {
    let bars = (2.0 * WIDEST / BAR) as usize;
    let mut heights = vec![0.0; bars];
    for z in report.overlaps.iter().filter_map(in_errors) {
        let bar = ((z + WIDEST) / BAR).floor().clamp(0.0, bars as f64 - 1.0);
        heights[bar as usize] += 1.0;
    }
    Chart::new("Steps after matching", "step over its error", "overlaps").bars("overlaps", -WIDEST, BAR, &heights)
}

fn in_errors(overlap: &Overlap) -> Option<f64> {
    let z = overlap.step_after / overlap.step_error;
    z.is_finite().then_some(z)
}

fn with_table(builder: ReportBuilder, page: &Page<'_>) -> ReportBuilder {
    let before = page.labelled("Step before");
    let columns = ["Tiles", "Pixels", "Clipped", &before, "After", "Error", "RMS before", "RMS after"];
    let mut table = Table::new("Differences of overlapping tiles", &columns);
    let mut overlaps: Vec<&Overlap> = page.report.overlaps.iter().collect();
    overlaps.sort_by_key(|o| (o.a, o.b));
    for o in &overlaps {
        table.push([
            format!("{} \u{2013} {}", o.a + 1, o.b + 1),
            o.pixels.to_string(),
            o.clipped.to_string(),
            signed(&short(o.step_before)),
            signed(&short(o.step_after)),
            short(o.step_error),
            short(o.rms_before),
            short(o.rms_after),
        ]);
    }
    folded(builder, table, overlaps.len(), "overlaps")
}
