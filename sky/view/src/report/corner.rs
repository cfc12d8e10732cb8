//! Corner plots as inline SVG: how parameters of a posterior hang together, pair by pair.

use std::fmt::Write as _;

use super::escaped;
use super::ticks::{nice_step, number};

const WIDTH: f64 = 900.0;
const MARGIN: f64 = 62.0;
const GAP: f64 = 8.0;
/// Cells of a panel along each side.
const CELLS: usize = 20;
/// Shares of the draws that the four tones hold, from the darkest: one to four halves of a sigma in two dimensions.
const TONES: [(f64, f64); 4] = [(0.118, 0.95), (0.393, 0.7), (0.675, 0.45), (0.864, 0.22)];

/// Draws of several quantities, each against each, with the distribution of each on the diagonal.
#[derive(Debug, Clone)]
pub struct Corner {
    title: String,
    names: Vec<String>,
    draws: Vec<Vec<f64>>,
    marks: Vec<f64>,
}

impl Corner {
    /// Without draws yet.
    ///
    /// - `names`: what the axes say, one for each quantity.
    pub fn new(title: &str, names: &[&str]) -> Corner {
        Corner {
            title: title.into(),
            names: names.iter().map(|n| (*n).into()).collect(),
            draws: Vec::new(),
            marks: vec![f64::NAN; names.len()],
        }
    }

    /// Adds draws, each with a value for each quantity; draws of another length or with undefined values are left out.
    pub fn draws<'a>(mut self, draws: impl IntoIterator<Item = &'a [f64]>) -> Corner {
        let good = |d: &&[f64]| d.len() == self.names.len() && d.iter().all(|v| v.is_finite());
        let new: Vec<Vec<f64>> = draws.into_iter().filter(good).map(<[f64]>::to_vec).collect();
        self.draws.extend(new);
        self
    }

    /// Values to be marked, such as the best fit; undefined ones are not.
    pub fn marks(mut self, marks: &[f64]) -> Corner {
        self.marks.iter_mut().zip(marks).for_each(|(mark, value)| *mark = *value);
        self
    }

    /// Range of a quantity that holds its draws and its mark.
    fn range(&self, k: usize) -> (f64, f64) {
        let mark = self.marks.get(k).copied().filter(|m| m.is_finite());
        let values = self.draws.iter().map(|d| d[k]).chain(mark);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        match (low < high, low.is_finite()) {
            (true, _) => (low - 0.02 * (high - low), high + 0.02 * (high - low)),
            (false, true) => (low - 0.5, low + 0.5),
            (false, false) => (0.0, 1.0),
        }
    }

    /// The plot as an SVG element that takes its colours from the page.
    pub fn svg(&self) -> String {
        let n = self.names.len().max(1);
        let side = (WIDTH - MARGIN - GAP) / n as f64 - GAP;
        let height = 24.0 + n as f64 * (side + GAP) + MARGIN;
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height:.1}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title><text class=\"t\" x=\"0\" y=\"14\">{0}</text>",
            escaped(&self.title)
        );
        let ranges: Vec<(f64, f64)> = (0..self.names.len()).map(|k| self.range(k)).collect();
        let left = |column: usize| MARGIN + column as f64 * (side + GAP);
        let top = |row: usize| 24.0 + row as f64 * (side + GAP);
        for row in 0..self.names.len() {
            for column in 0..=row {
                let corner = (left(column), top(row));
                if column == row {
                    self.bars(&mut svg, row, ranges[row], corner, side);
                } else {
                    self.pair(&mut svg, (column, row), (ranges[column], ranges[row]), corner, side);
                }
                let _ = write!(
                    svg,
                    "<path class=\"a\" d=\"M{:.1} {:.1}h{side:.1}v{side:.1}h-{side:.1}z\"/>",
                    corner.0, corner.1
                );
            }
            let (x, y) = (left(row), top(row));
            let (bottom, low) = (top(n - 1) + side, ranges[row]);
            for value in three(low) {
                let share = (value.0 - low.0) / (low.1 - low.0);
                let at = x + share * side;
                let _ = write!(
                    svg,
                    "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    bottom + 16.0,
                    value.1
                );
                if row > 0 {
                    let at = y + side - share * side;
                    let _ = write!(
                        svg,
                        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                        MARGIN - 5.0,
                        at + 4.0,
                        value.1
                    );
                }
            }
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x + side / 2.0,
                bottom + 36.0,
                escaped(&self.names[row])
            );
            if row > 0 {
                let _ = write!(
                    svg,
                    "<text transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                    y + side / 2.0,
                    escaped(&self.names[row])
                );
            }
        }
        svg.push_str("</svg>");
        svg
    }

    fn bars(&self, svg: &mut String, k: usize, range: (f64, f64), (x, y): (f64, f64), side: f64) {
        let mut counts = [0usize; CELLS];
        self.draws.iter().for_each(|d| counts[cell(d[k], range)] += 1);
        let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let wide = side / CELLS as f64;
        for (c, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let tall = *count as f64 / most * side * 0.92;
            let _ = write!(
                svg,
                "<rect class=\"b s0\" x=\"{:.2}\" y=\"{:.2}\" width=\"{wide:.2}\" height=\"{tall:.2}\"/>",
                x + c as f64 * wide,
                y + side - tall
            );
        }
        let mark = (self.marks[k] - range.0) / (range.1 - range.0);
        if mark.is_finite() {
            let _ = write!(svg, "<path class=\"m\" d=\"M{:.2} {y:.2}v{side:.2}\"/>", x + mark * side);
        }
    }

    fn pair(
        &self,
        svg: &mut String,
        (i, j): (usize, usize),
        (ri, rj): ((f64, f64), (f64, f64)),
        (x, y): (f64, f64),
        side: f64,
    ) {
        let mut counts = vec![0usize; CELLS * CELLS];
        self.draws.iter().for_each(|d| counts[cell(d[j], rj) * CELLS + cell(d[i], ri)] += 1);
        let wide = side / CELLS as f64;
        for (k, tone) in tones(&counts).into_iter().enumerate().filter(|(_, tone)| *tone > 0.0) {
            let _ = write!(
                svg,
                "<rect class=\"d\" fill-opacity=\"{tone}\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\"/>",
                x + (k % CELLS) as f64 * wide,
                y + side - ((k / CELLS) + 1) as f64 * wide,
                wide + 0.15,
                wide + 0.15
            );
        }
        let mark = ((self.marks[i] - ri.0) / (ri.1 - ri.0), (self.marks[j] - rj.0) / (rj.1 - rj.0));
        if mark.0.is_finite() && mark.1.is_finite() {
            let (mx, my) = (x + mark.0 * side, y + side - mark.1 * side);
            let _ = write!(svg, "<path class=\"m\" d=\"M{mx:.2} {y:.2}v{side:.2}M{x:.2} {my:.2}h{side:.2}\"/>");
        }
    }
}

fn cell(value: f64, (low, high): (f64, f64)) -> usize {
    (((value - low) / (high - low) * CELLS as f64) as usize).min(CELLS - 1)
}

/// The tone of each cell: dark in the smallest region that holds a given share of the draws, lighter in larger ones.
fn tones(counts: &[usize]) -> Vec<f64> {
    let total: usize = counts.iter().sum();
    let mut order: Vec<usize> = (0..counts.len()).filter(|k| counts[*k] > 0).collect();
    order.sort_by_key(|k| (std::cmp::Reverse(counts[*k]), *k));
    let mut tones = vec![0.0; counts.len()];
    let mut held = 0usize;
    // Cells of equal count have one tone.
    for equal in order.chunk_by(|a, b| counts[*a] == counts[*b]) {
        let share = held as f64 / total.max(1) as f64;
        let tone = TONES.iter().find(|(most, _)| share < *most).map_or(0.08, |(_, tone)| *tone);
        for k in equal {
            tones[*k] = tone;
            held += counts[*k];
        }
    }
    tones
}

/// Up to three round values of a range with their texts.
fn three((low, high): (f64, f64)) -> Vec<(f64, String)> {
    let step = nice_step(high - low, 3);
    let first = (low / step).ceil() as i64;
    let values = (first..first + 4).map(|k| k as f64 * step).filter(|v| *v <= high);
    let text = |v: f64| if v.abs() < step * 1e-6 { "0".to_owned() } else { number(v, step) };
    values.take(3).map(|v| (v, text(v))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_darkest_tone_holds_what_it_says() {
        let mut counts = vec![0; 25];
        (counts[12], counts[11], counts[0]) = (80, 15, 5);
        let tones = tones(&counts);
        assert_eq!((tones[12], tones[11], tones[0]), (0.95, 0.22, 0.08));
        assert!(tones.iter().filter(|t| **t > 0.0).count() == 3);
    }

    #[test]
    fn every_pair_has_a_panel_and_undefined_draws_count_nothing() {
        let draws: Vec<[f64; 3]> =
            (0..100).map(|k| [f64::from(k), f64::from(k % 10), if k == 3 { f64::NAN } else { 1.0 }]).collect();
        let svg = Corner::new("c", &["a", "b<", "c"]).draws(draws.iter().map(|d| &d[..])).marks(&[5.0]).svg();
        assert_eq!(svg.matches("class=\"a\"").count(), 6);
        assert!(svg.contains("b&lt;") && !svg.contains("NaN") && !svg.contains("inf"));
        let empty = Corner::new("c", &["a", "b"]).svg();
        assert!(empty.ends_with("</svg>") && !empty.contains("NaN") && !empty.contains("inf"));
    }
}
