//! Charts as inline SVG: bars of a histogram, lines, points, marked levels.

use std::fmt::Write as _;

use super::escaped;
use super::style::chart_css;
use super::ticks::{decades, ticks};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 48.0;
/// Series after this one take the colours from the first on again.
const COLOURS: usize = 5;

#[derive(Debug, Clone)]
enum Series {
    Bars {
        first: f64,
        step: f64,
        heights: Vec<f64>,
    },
    Line(Vec<(f64, f64)>),
    Points(Vec<(f64, f64)>),
    /// x, y, and how far the bar goes down and up from it.
    Errors(Vec<(f64, f64, f64)>),
}

/// A chart of one or several series over common axes; undefined points are left out.
#[derive(Debug, Clone)]
pub struct Chart {
    title: String,
    x_label: String,
    y_label: String,
    series: Vec<(String, Series)>,
    levels: Vec<(f64, String)>,
    notes: Vec<(f64, f64, String)>,
    logarithmic: bool,
    logarithmic_x: bool,
}

impl Chart {
    /// An empty chart with the texts of its title and axes.
    pub fn new(title: &str, x_label: &str, y_label: &str) -> Chart {
        Chart {
            title: title.into(),
            x_label: x_label.into(),
            y_label: y_label.into(),
            series: Vec::new(),
            levels: Vec::new(),
            notes: Vec::new(),
            logarithmic: false,
            logarithmic_x: false,
        }
    }

    /// The y axis in powers of ten; values that are not positive are left out.
    pub fn logarithmic(mut self) -> Chart {
        self.logarithmic = true;
        self
    }

    /// The x axis in powers of ten; what is not positive is left out. Not for histograms.
    pub fn logarithmic_x(mut self) -> Chart {
        self.logarithmic_x = true;
        self
    }

    /// A histogram: bar `k` stands from `first + k step` to `first + (k + 1) step`.
    pub fn bars(self, name: &str, first: f64, step: f64, heights: &[f64]) -> Chart {
        let heights = heights.to_vec();
        self.with(name, Series::Bars { first, step, heights })
    }

    /// A line through points (x, y) in their order, interrupted at undefined ones.
    pub fn line(self, name: &str, points: &[(f64, f64)]) -> Chart {
        self.with(name, Series::Line(points.to_vec()))
    }

    /// Points (x, y), each a dot.
    pub fn scatter(self, name: &str, points: &[(f64, f64)]) -> Chart {
        self.with(name, Series::Points(points.to_vec()))
    }

    /// Points (x, y, e), each a dot with a bar from `y - e` to `y + e`; on a logarithmic axis a bar that goes below zero
    /// goes to the axis.
    pub fn errors(self, name: &str, points: &[(f64, f64, f64)]) -> Chart {
        self.with(name, Series::Errors(points.to_vec()))
    }

    /// A short text, upright beside the place (x, y).
    pub fn note(mut self, x: f64, y: f64, text: &str) -> Chart {
        self.notes.push((x, y, text.into()));
        self
    }

    /// A dashed horizontal line at `y` with a text.
    pub fn level(mut self, y: f64, text: &str) -> Chart {
        self.levels.push((y, text.into()));
        self
    }

    /// The chart as an SVG file of its own, with the colours of the reports.
    pub fn svg_file(&self) -> String {
        let style = format!("<style>{}</style>", chart_css());
        let sized = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" ");
        let svg = self.svg().replacen("<svg ", &sized, 1);
        let at = svg.find('>').map_or(0, |at| at + 1);
        format!("{}{style}{}\n", &svg[..at], &svg[at..])
    }

    fn with(mut self, name: &str, series: Series) -> Chart {
        self.series.push((name.into(), series));
        self
    }

    fn y_value(&self, y: f64) -> f64 {
        match (self.logarithmic, y > 0.0) {
            (false, _) => y,
            (true, true) => libm::log10(y),
            (true, false) => f64::NAN,
        }
    }

    fn x_value(&self, x: f64) -> f64 {
        match (self.logarithmic_x, x > 0.0) {
            (false, _) => x,
            (true, true) => libm::log10(x),
            (true, false) => f64::NAN,
        }
    }

    /// Smallest and greatest x and y of everything drawn.
    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let mut x = (f64::INFINITY, f64::NEG_INFINITY);
        let mut y = x;
        let widen = |range: &mut (f64, f64), v: f64| {
            if v.is_finite() {
                *range = (range.0.min(v), range.1.max(v));
            }
        };
        for (_, series) in &self.series {
            match series {
                Series::Bars { first, step, heights } => {
                    widen(&mut x, *first);
                    widen(&mut x, step.mul_add(heights.len() as f64, *first));
                    if !self.logarithmic {
                        widen(&mut y, 0.0);
                    }
                    heights.iter().for_each(|h| widen(&mut y, self.y_value(*h)));
                }
                Series::Line(points) | Series::Points(points) => {
                    for (px, py) in points {
                        widen(&mut x, self.x_value(*px));
                        widen(&mut y, self.y_value(*py));
                    }
                }
                Series::Errors(points) => {
                    for (px, py, e) in points {
                        widen(&mut x, self.x_value(*px));
                        [*py, py - e, py + e].into_iter().for_each(|v| widen(&mut y, self.y_value(v)));
                    }
                }
            }
        }
        self.levels.iter().for_each(|(level, _)| widen(&mut y, self.y_value(*level)));
        let (low, high) = padded(y, 0.06);
        // Nothing below zero: bars stand on the axis.
        let on_axis = y.0 == 0.0 && !self.logarithmic;
        let beside = if self.logarithmic_x { 0.04 } else { 0.0 };
        (padded(x, beside), (if on_axis { 0.0 } else { low }, high))
    }

    /// The chart as an SVG element that takes its colours from the page.
    pub fn svg(&self) -> String {
        let ((x0, x1), (y0, y1)) = self.ranges();
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let px = |x: f64| LEFT + (self.x_value(x) - x0) / (x1 - x0) * (right - LEFT);
        let py = |y: f64| bottom - (self.y_value(y) - y0) / (y1 - y0) * (bottom - TOP);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title><text class=\"t\" x=\"0\" y=\"14\">{0}</text>",
            escaped(&self.title)
        );
        self.legend(&mut svg);
        self.axes(&mut svg, (x0, x1), (y0, y1), &px);
        for (k, (_, series)) in self.series.iter().enumerate() {
            let colour = k % COLOURS;
            match series {
                Series::Bars { first, step, heights } => {
                    let base = if self.logarithmic || y0 > 0.0 { bottom } else { py(0.0) };
                    for (b, h) in heights.iter().enumerate() {
                        let top = py(*h);
                        if top.is_finite() && *h != 0.0 {
                            let left = px(step.mul_add(b as f64, *first));
                            let wide = px(step.mul_add((b + 1) as f64, *first)) - left;
                            let _ = write!(
                                svg,
                                "<rect class=\"b s{colour}\" x=\"{left:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\"/>",
                                top.min(base),
                                wide.abs(),
                                (base - top).abs()
                            );
                        }
                    }
                }
                Series::Line(points) => {
                    let mut path = String::new();
                    let mut pen = false;
                    for (x, y) in points {
                        let at = (px(*x), py(*y));
                        if at.0.is_finite() && at.1.is_finite() {
                            let _ = write!(path, "{}{:.2} {:.2}", if pen { 'L' } else { 'M' }, at.0, at.1);
                            pen = true;
                        } else {
                            pen = false;
                        }
                    }
                    let _ = write!(svg, "<path class=\"l s{colour}\" d=\"{path}\"/>");
                }
                Series::Errors(points) => {
                    for (x, y, e) in points {
                        let (at, above) = ((px(*x), py(*y)), py(y + e));
                        let below = py(y - e);
                        let below = if below.is_finite() { below } else { bottom };
                        if at.0.is_finite() && at.1.is_finite() {
                            let _ = write!(
                                svg,
                                "<path class=\"l s{colour}\" d=\"M{:.2} {above:.2}V{below:.2}\"/><circle class=\"p s{colour}\" cx=\"{:.2}\" cy=\"{:.2}\" r=\"3\"/>",
                                at.0, at.0, at.1
                            );
                        }
                    }
                }
                Series::Points(points) => {
                    for (x, y) in points {
                        let at = (px(*x), py(*y));
                        if at.0.is_finite() && at.1.is_finite() {
                            let _ = write!(
                                svg,
                                "<circle class=\"p s{colour}\" cx=\"{:.2}\" cy=\"{:.2}\" r=\"2.6\"/>",
                                at.0, at.1
                            );
                        }
                    }
                }
            }
        }
        for (x, y, text) in &self.notes {
            let at = (px(*x), py(*y));
            if at.0.is_finite() && at.1.is_finite() {
                let _ = write!(
                    svg,
                    "<text transform=\"translate({:.2} {:.2}) rotate(-90)\" text-anchor=\"{}\">{}</text>",
                    at.0 + 4.0,
                    if at.1 - TOP < 70.0 { at.1 + 9.0 } else { at.1 - 9.0 },
                    if at.1 - TOP < 70.0 { "end" } else { "start" },
                    escaped(text)
                );
            }
        }
        for (level, text) in &self.levels {
            let y = py(*level);
            if y.is_finite() {
                let _ = write!(
                    svg,
                    "<path class=\"m\" d=\"M{LEFT} {y:.2}H{right}\"/><text x=\"{:.2}\" y=\"{:.2}\" text-anchor=\"end\">{}</text>",
                    right - 4.0,
                    y - 5.0,
                    escaped(text)
                );
            }
        }
        svg.push_str("</svg>");
        svg
    }

    /// Names of the series under the title, where there is more than one.
    fn legend(&self, svg: &mut String) {
        if self.series.len() < 2 {
            return;
        }
        let mut x = LEFT;
        for (k, (name, _)) in self.series.iter().enumerate() {
            let _ = write!(
                svg,
                "<rect class=\"k s{}\" x=\"{x:.1}\" y=\"29\" width=\"10\" height=\"10\" rx=\"2\"/><text x=\"{:.1}\" y=\"38\">{}</text>",
                k % COLOURS,
                x + 15.0,
                escaped(name)
            );
            x += 34.0 + 6.6 * name.chars().count() as f64;
        }
    }

    fn axes(&self, svg: &mut String, x: (f64, f64), y: (f64, f64), px: &dyn Fn(f64) -> f64) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let y_ticks: Vec<(f64, String)> = if self.logarithmic && y.1 - y.0 < 1.7 {
            decades(y.0, y.1).into_iter().map(|(v, text)| (libm::log10(v), text)).collect()
        } else if self.logarithmic {
            let step = ((y.1 - y.0) / 6.0).ceil().max(1.0) as i64;
            (y.0.ceil() as i64..=y.1.floor() as i64)
                .filter(|k| k % step == 0)
                .map(|k| (k as f64, power_of_ten(k)))
                .collect()
        } else {
            ticks(y.0, y.1, 5)
        };
        for (value, text) in y_ticks {
            let at = bottom - (value - y.0) / (y.1 - y.0) * (bottom - TOP);
            let _ = write!(
                svg,
                "<path class=\"g\" d=\"M{LEFT} {at:.2}H{right}\"/><text x=\"{:.2}\" y=\"{:.2}\" text-anchor=\"end\">{text}</text>",
                LEFT - 8.0,
                at + 4.0
            );
        }
        let x_ticks = if self.logarithmic_x { decades(x.0, x.1) } else { ticks(x.0, x.1, 6) };
        for (value, text) in x_ticks {
            let at = px(value);
            let _ = write!(
                svg,
                "<path class=\"a\" d=\"M{at:.2} {bottom}v5\"/><text x=\"{at:.2}\" y=\"{:.2}\" text-anchor=\"middle\">{text}</text>",
                bottom + 19.0
            );
        }
        let (centre, middle) = ((LEFT + right) / 2.0, (TOP + bottom) / 2.0);
        let _ = write!(
            svg,
            "<path class=\"a\" d=\"M{LEFT} {bottom}H{right}\"/><text x=\"{centre:.2}\" y=\"{:.2}\" text-anchor=\"middle\">{}</text><text transform=\"translate(13 {middle:.2}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            escaped(&self.x_label),
            escaped(&self.y_label)
        );
    }
}

fn power_of_ten(k: i64) -> String {
    match k {
        0..=3 => format!("{}", libm::pow(10.0, k as f64)),
        -2..=-1 => format!("{:.*}", k.unsigned_abs() as usize, libm::pow(10.0, k as f64)),
        _ => format!("1e{k}").replace('-', "\u{2212}"),
    }
}

/// A range with a margin of `share` of its width on either side; never empty.
fn padded((low, high): (f64, f64), share: f64) -> (f64, f64) {
    if low > high {
        return (0.0, 1.0);
    }
    if low == high {
        let half = (low.abs() * 0.05).max(0.5);
        return (low - half, high + half);
    }
    let margin = (high - low) * share;
    (low - margin, high + margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_as_a_file_has_its_name_space_its_size_and_its_colours() {
        let file = Chart::new("t", "x", "y").line("l", &[(1.0, 2.0), (2.0, 3.0)]).svg_file();
        assert!(file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"560\" height=\"320\" viewBox"));
        assert!(file.ends_with("</svg>\n") && file.matches("<style>").count() == 1);
        assert!(["--c0:", "--sheet:", "svg .l{"].iter().all(|rule| file.contains(rule)));
    }

    #[test]
    fn a_bar_of_the_greatest_height_reaches_higher_than_the_others() {
        let svg = Chart::new("t", "x", "y").bars("b", 0.0, 1.0, &[1.0, 4.0, 2.0]).svg();
        let heights: Vec<f64> = svg
            .split("<rect class=\"b s0\"")
            .skip(1)
            .filter_map(|r| r.split("height=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(heights.len(), 3);
        assert!((heights[1] / heights[0] - 4.0).abs() < 0.01);
    }

    #[test]
    fn a_line_is_interrupted_where_it_is_undefined() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0), (3.0, 4.0)];
        let svg = Chart::new("t", "x", "y").line("l", &points).svg();
        let path = svg.split("class=\"l s0\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(path.matches('M').count(), 2);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn bars_of_uncertainty_reach_as_far_as_they_say_on_a_logarithmic_axis() {
        let points = [(1.0, 10.0, 9.0), (10.0, 100.0, 900.0), (100.0, 1000.0, 0.0)];
        let svg =
            Chart::new("t", "x", "y").logarithmic().logarithmic_x().errors("e", &points).note(1.0, 10.0, "r").svg();
        let bars: Vec<(f64, f64)> = svg
            .split("<path class=\"l s0\" d=\"M")
            .skip(1)
            .filter_map(|p| {
                let (_, ends) = p.split('"').next()?.split_once(' ')?;
                let (above, below) = ends.split_once('V')?;
                Some((above.parse().ok()?, below.parse().ok()?))
            })
            .collect();
        let centres: Vec<f64> = svg.split("cy=\"").skip(1).filter_map(|c| c.split('"').next()?.parse().ok()).collect();
        // log 19 - 1 up and 1 down; log 1000 - 2 = 1 up and down to the axis; none.
        let decade = (bars[0].1 - bars[0].0) / libm::log10(19.0);
        assert!(((centres[0] - bars[0].0) / decade - (libm::log10(19.0) - 1.0)).abs() < 0.01);
        assert!(((centres[1] - bars[1].0) / decade - 1.0).abs() < 0.01 && bars[1].1 == HEIGHT - BOTTOM);
        assert_eq!(bars[2].0, bars[2].1);
        assert!(svg.contains(">r</text>") && !svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn charts_without_data_or_with_undefined_data_are_still_valid() {
        for chart in [
            Chart::new("t", "x", "y"),
            Chart::new("t", "x", "y").line("l", &[]),
            Chart::new("t", "x", "y").scatter("l", &[(f64::NAN, f64::INFINITY)]),
            Chart::new("t", "x", "y").logarithmic().bars("b", 0.0, 1.0, &[0.0, 10.0, 1000.0]),
        ] {
            let svg = chart.svg();
            assert!(svg.ends_with("</svg>") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
