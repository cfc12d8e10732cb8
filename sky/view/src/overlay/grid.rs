//! Coordinate grids: meridians and parallels of any frame over a picture, with labels where they leave it.

use pogson_image::sphere::{Frame, SkyCoord};

use super::curve::trace;
use super::label::{Ink, Labels};
use super::sheet::Sheet;
use super::steps::{Style, step_deg, text};
use crate::draw::{Layer, Point};
use crate::font::text_width;
use crate::picture::Picture;

/// About so many lines cross the picture in either direction.
const LINES: usize = 6;

/// One line of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct GridLine {
    /// Its longitude or latitude in degrees.
    pub degrees: f64,
    /// Whether it is a meridian (of one longitude) rather than a parallel (of one latitude).
    pub is_meridian: bool,
    /// What its label says.
    pub label: String,
    /// Its visible parts as points on the picture.
    pub runs: Vec<Vec<Point>>,
}

/// The grid of a frame over a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Distance of meridians in degrees of longitude.
    pub longitude_step_deg: f64,
    /// Distance of parallels in degrees.
    pub latitude_step_deg: f64,
    /// The lines that are seen.
    pub lines: Vec<GridLine>,
}

/// The part of the sky on a sheet: longitudes from `lon.0` on over `lon.1` degrees, latitudes between both.
struct Extent {
    lon: (f64, f64),
    lat: (f64, f64),
}

impl Grid {
    /// The grid of `frame` on a sheet, with about six lines each way; without lines where the sheet shows no sky.
    pub fn new(sheet: &Sheet<'_>, frame: &Frame) -> Grid {
        let (lon_style, lat_style) = match frame {
            Frame::Icrs | Frame::Fk5 { .. } | Frame::Fk4 { .. } | Frame::Fk4NoE { .. } => (Style::Hours, Style::Arc),
            _ => (Style::Decimal, Style::SignedDecimal),
        };
        let Some(extent) = extent(sheet, frame) else {
            return Grid { longitude_step_deg: 0.0, latitude_step_deg: 0.0, lines: Vec::new() };
        };
        let whole_turn = extent.lon.1 >= 360.0;
        let lon_step = step_deg(lon_style, extent.lon.1, if whole_turn { 12 } else { LINES });
        let lat_step = step_deg(lat_style, extent.lat.1 - extent.lat.0, LINES);
        let mut lines = Vec::new();
        let margin = |span: f64| 0.1 * span;
        // Parallels reach from edge to edge, meridians nearly to the poles, where they would run into each other.
        let top = 90.0 - if whole_turn { lat_step.min(10.0) } else { 0.0 };
        let lat_range = (
            (extent.lat.0 - margin(extent.lat.1 - extent.lat.0)).max(-top),
            (extent.lat.1 + margin(extent.lat.1 - extent.lat.0)).min(top),
        );
        let lon_range = if whole_turn {
            (extent.lon.0, 360.0)
        } else {
            (extent.lon.0 - margin(extent.lon.1), (1.2 * extent.lon.1).min(360.0))
        };
        let first = (lon_range.0 / lon_step).ceil() as i64;
        let last = ((lon_range.0 + lon_range.1) / lon_step - if whole_turn { 1e-6 } else { 0.0 }).floor() as i64;
        for k in first..=last.min(first + 400) {
            let lon = k as f64 * lon_step;
            let curve = |t: f64| {
                let lat_deg = (lat_range.1 - lat_range.0).mul_add(t, lat_range.0);
                sheet.sky_to_point(frame, SkyCoord { lon_deg: lon, lat_deg })
            };
            lines.push(GridLine {
                degrees: lon,
                is_meridian: true,
                label: text(lon_style, lon, lon_step),
                runs: trace(&curve, 48, sheet.size()),
            });
        }
        let first = (lat_range.0 / lat_step).ceil() as i64;
        let last = (lat_range.1 / lat_step).floor() as i64;
        for k in first..=last.min(first + 400) {
            let lat = k as f64 * lat_step;
            if lat.abs() > 90.0 - 1e-9 {
                continue;
            }
            let curve = |t: f64| {
                let lon_deg = lon_range.1.mul_add(t, lon_range.0);
                sheet.sky_to_point(frame, SkyCoord { lon_deg, lat_deg: lat })
            };
            lines.push(GridLine {
                degrees: lat,
                is_meridian: false,
                label: text(lat_style, lat, lat_step),
                runs: trace(&curve, 64, sheet.size()),
            });
        }
        lines.retain(|line| !line.runs.is_empty());
        Grid { longitude_step_deg: lon_step, latitude_step_deg: lat_step, lines }
    }
}

/// The part of the sky that a lattice of points of the picture, borders included, spans in `frame`.
fn extent(sheet: &Sheet<'_>, frame: &Frame) -> Option<Extent> {
    const N: usize = 40;
    let (width, height) = sheet.size();
    let mut lons = Vec::new();
    let mut lat = (f64::INFINITY, f64::NEG_INFINITY);
    for k in 0..(N + 1) * (N + 1) {
        let point = ((k % (N + 1)) as f64 / N as f64 * width, (k / (N + 1)) as f64 / N as f64 * height);
        if let Some(place) = sheet.point_to_sky(frame, point) {
            lons.push(place.lon_deg - 360.0 * libm::floor(place.lon_deg / 360.0));
            lat = (lat.0.min(place.lat_deg), lat.1.max(place.lat_deg));
        }
    }
    lons.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*lons.first()?, *lons.last()?);
    let mut pole = false;
    for lat_deg in [-90.0, 90.0] {
        let seen = sheet.sky_to_point(frame, SkyCoord { lon_deg: 0.0, lat_deg }).is_some_and(|p| sheet.holds(p, 0.0));
        if seen {
            lat = (lat.0.min(lat_deg), lat.1.max(lat_deg));
            pole = true;
        }
    }
    // The sky not seen is the widest gap between longitudes.
    let mut gap = (first + 360.0 - last, first);
    for pair in lons.windows(2) {
        if pair[1] - pair[0] > gap.0 {
            gap = (pair[1] - pair[0], pair[1]);
        }
    }
    let whole = pole || gap.0 < 20.0 && 360.0 - gap.0 > 300.0;
    Some(Extent { lon: if whole { (0.0, 360.0) } else { (gap.1, (360.0 - gap.0).max(1e-9)) }, lat })
}

/// Draws the grid of `frame` over the picture, and its labels.
pub fn draw_grid(picture: &mut Picture, sheet: &Sheet<'_>, frame: &Frame, ink: Ink) {
    let grid = Grid::new(sheet, frame);
    let mut layer = Layer::over(picture);
    for run in grid.lines.iter().flat_map(|line| &line.runs) {
        layer.polyline(run, false, ink.line);
    }
    layer.lay(picture, ink.colour, 0.6);
    let mut labels = Labels::new(ink, sheet.size());
    place_labels(&grid, sheet.size(), ink, &mut labels);
    labels.draw(picture);
}

/// A side of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Bottom,
    Left,
    Top,
    Right,
}

const SIDES: [Side; 4] = [Side::Bottom, Side::Left, Side::Top, Side::Right];

fn place_labels(grid: &Grid, size: (f64, f64), ink: Ink, labels: &mut Labels) {
    let crossings: Vec<Vec<(Side, Point)>> =
        grid.lines.iter().map(|line| line.runs.iter().flat_map(|run| leaves(run, size)).collect()).collect();
    let count = |meridians: bool, side: Side| {
        let of_kind = grid.lines.iter().zip(&crossings).filter(|(line, _)| line.is_meridian == meridians);
        of_kind.filter(|(_, c)| c.iter().any(|(s, _)| *s == side)).count()
    };
    // Meridians are named at the bottom and parallels at the left unless the picture is turned.
    let upright = count(true, Side::Bottom) + count(false, Side::Left) + count(true, Side::Top);
    let turned = count(true, Side::Left) + count(false, Side::Bottom) + count(true, Side::Right);
    let order = |meridian: bool| {
        if meridian == (upright >= turned) {
            [Side::Bottom, Side::Top, Side::Right, Side::Left]
        } else {
            [Side::Left, Side::Right, Side::Top, Side::Bottom]
        }
    };
    for (line, crossings) in grid.lines.iter().zip(&crossings) {
        let mut done = false;
        for side in order(line.is_meridian) {
            let on_side = crossings.iter().filter(|(s, _)| *s == side);
            done = on_side.fold(done, |done, (_, at)| {
                done || labels.place(&line.label, beside_edge(side, *at, &line.label, ink, size))
            });
        }
        if !done && crossings.is_empty() {
            place_inside(line, ink, size, labels);
        }
    }
}

/// Where the baseline of a label begins that names a line leaving the picture at a point of a side.
fn beside_edge(side: Side, at: Point, label: &str, ink: Ink, size: (f64, f64)) -> Point {
    let (space, width) = (0.45 * ink.text, text_width(label, ink.text));
    match side {
        Side::Bottom => (at.0 + space, size.1 - 0.7 * ink.text),
        Side::Top => (at.0 + space, 1.7 * ink.text),
        Side::Left => (0.7 * ink.text, at.1 - space),
        Side::Right => (size.0 - 0.7 * ink.text - width, at.1 - space),
    }
}

/// Names a line that never leaves the picture, as on maps of the whole sky: a parallel at its left end, a meridian
/// halfway up.
fn place_inside(line: &GridLine, ink: Ink, size: (f64, f64), labels: &mut Labels) {
    let points = line.runs.iter().flatten().filter(|p| p.0.is_finite() && p.1.is_finite());
    let space = 0.45 * ink.text;
    if line.is_meridian {
        let middle = points.min_by(|a, b| (a.1 - size.1 / 2.0).abs().total_cmp(&(b.1 - size.1 / 2.0).abs()));
        if let Some(at) = middle {
            labels.place(&line.label, (at.0 + space, at.1 - space));
        }
    } else if let Some(at) = points.min_by(|a, b| a.0.total_cmp(&b.0)) {
        let width = text_width(&line.label, ink.text);
        let outside = (at.0 - width - 2.0 * space, at.1 + 0.5 * ink.text);
        if outside.0 < space || !labels.place(&line.label, outside) {
            labels.place(&line.label, (at.0 + 2.0 * space, at.1 - space));
        }
    }
}

/// Where a run of points leaves the picture.
fn leaves(run: &[Point], (width, height): (f64, f64)) -> Vec<(Side, Point)> {
    let mut found = Vec::new();
    for pair in run.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        for side in SIDES {
            let (from, to, level) = match side {
                Side::Bottom => (a.1, b.1, height),
                Side::Top => (a.1, b.1, 0.0),
                Side::Left => (a.0, b.0, 0.0),
                Side::Right => (a.0, b.0, width),
            };
            if (from <= level) != (to <= level) {
                let t = (level - from) / (to - from);
                let at = ((b.0 - a.0).mul_add(t, a.0), (b.1 - a.1).mul_add(t, a.1));
                let along = if matches!(side, Side::Bottom | Side::Top) { (at.0, width) } else { (at.1, height) };
                if (0.0..=along.1).contains(&along.0) {
                    found.push((side, at));
                }
            }
        }
    }
    found
}
