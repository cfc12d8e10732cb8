//! DS9 regions over a picture.

use pogson_image::fits::Header;
use pogson_image::region::{Length, Region, Shape, System};
use pogson_image::sphere::{Frame, SkyCoord};

use super::curve::trace;
use super::label::{Ink, Labels};
use super::sheet::{Sheet, offset};
use crate::draw::{Layer, Point};
use crate::picture::{Picture, Rgb};

/// Colour of regions that name none, as in DS9.
const GREEN: Rgb = Rgb([0, 255, 0]);

/// Draws the outlines and labels of regions; returns how many are seen.
///
/// Excluded regions (with a `-`) are drawn thinner, with a stroke across their centre. `header` is that of the image:
/// its LTM and LTV say where physical coordinates lie.
pub fn draw_regions(picture: &mut Picture, sheet: &Sheet<'_>, header: &Header, regions: &[Region], ink: Ink) -> usize {
    let mut labels = Labels::new(Ink { colour: GREEN, ..ink }, sheet.size());
    let mut seen = 0;
    for region in regions {
        let colour = region.color.as_deref().and_then(Rgb::named).unwrap_or(GREEN);
        let drawing = Drawing { sheet, header, system: region.system };
        let runs = drawing.outline(&region.shape);
        let visible = runs.iter().flatten().any(|p| sheet.holds(*p, 0.0));
        let is_text = matches!(region.shape, Shape::Text { .. });
        if let Some(text) = &region.text {
            let top = runs.iter().flatten().min_by(|a, b| a.1.total_cmp(&b.1)).copied();
            let at = top.or_else(|| drawing.centre(&region.shape)).filter(|p| sheet.holds(*p, 0.0));
            if let Some(at) = at {
                let middle = crate::font::text_width(text, ink.text) / 2.0;
                let lift = if is_text { -ink.text / 2.0 } else { 0.6 * ink.text };
                labels.place(text, (at.0 - middle, at.1 - lift));
            }
        }
        if !visible {
            continue;
        }
        seen += 1;
        let line = if region.include { ink.line + 0.4 } else { ink.line * 0.8 };
        let mut layers = [Layer::over(picture), Layer::over(picture)];
        for (layer, thickness) in layers.iter_mut().zip([line + 2.2, line]) {
            for run in &runs {
                layer.polyline(run, false, thickness);
            }
            if let (false, Some(at)) = (region.include, drawing.centre(&region.shape)) {
                let reach = 0.5 * ink.text;
                layer.line((at.0 - reach, at.1 + reach), (at.0 + reach, at.1 - reach), thickness);
            }
        }
        layers[0].lay(picture, ink.rim, 0.4);
        layers[1].lay(picture, colour, 0.95);
    }
    labels.draw(picture);
    seen
}

/// How positions and lengths of one system come onto the picture.
struct Drawing<'a> {
    sheet: &'a Sheet<'a>,
    header: &'a Header,
    system: System,
}

impl Drawing<'_> {
    fn frame(&self) -> Option<Frame> {
        Some(match self.system {
            System::Image | System::Physical => return None,
            System::Fk4 => Frame::Fk4 { equinox: 1950.0, epoch: 1950.0 },
            System::Fk5 => Frame::Fk5 { equinox: 2000.0 },
            System::Icrs => Frame::Icrs,
            System::Galactic => Frame::Galactic,
            System::Ecliptic => Frame::Ecliptic { equinox: 2000.0 },
        })
    }

    /// Image pixels in a physical pixel along an axis (1 or 2), and the offset.
    fn physical(&self, axis: usize) -> (f64, f64) {
        let get = |key: String, default| self.header.f64(&key).unwrap_or(default);
        (get(format!("LTM{axis}_{axis}"), 1.0), get(format!("LTV{axis}"), 0.0))
    }

    fn point(&self, place: [f64; 2]) -> Option<Point> {
        match (self.frame(), self.system) {
            (Some(frame), _) => self.sheet.sky_to_point(&frame, SkyCoord { lon_deg: place[0], lat_deg: place[1] }),
            (None, System::Physical) => {
                let ((mx, vx), (my, vy)) = (self.physical(1), self.physical(2));
                Some(self.sheet.point(mx.mul_add(place[0], vx) - 1.0, my.mul_add(place[1], vy) - 1.0))
            }
            (None, _) => Some(self.sheet.point(place[0] - 1.0, place[1] - 1.0)),
        }
    }

    /// A length in the unit of this system's positions about a place: degrees on the sky, else pixels of the picture.
    fn length(&self, length: Length, at: [f64; 2]) -> Option<f64> {
        let per_degree = || self.sheet.points_per_degree(self.point(at)?);
        let points = match length {
            Length::Degrees(degrees) if self.system.is_sky() => return Some(degrees),
            Length::Degrees(degrees) => degrees * per_degree()?,
            Length::ImagePixels(pixels) => pixels / self.sheet.factor(),
            Length::PhysicalPixels(pixels) => pixels * self.physical(1).0 / self.sheet.factor(),
        };
        if self.system.is_sky() { Some(points / per_degree()?) } else { Some(points) }
    }

    /// The point `right` along and `up` across the x axis turned by `angle_deg`, from a place of this system.
    fn beside(&self, place: [f64; 2], (right, up): (f64, f64), angle_deg: f64) -> Option<Point> {
        let (s, c) = libm::sincos(angle_deg.to_radians());
        let (x, y) = (right * c - up * s, right * s + up * c);
        match self.frame() {
            Some(frame) => {
                let centre = SkyCoord { lon_deg: place[0], lat_deg: place[1] };
                // On the sky x runs to the west, so that the angle from north through east is that of (-x, y).
                let there = offset(centre, libm::hypot(x, y), libm::atan2(-x, y).to_degrees());
                self.sheet.sky_to_point(&frame, there)
            }
            None => self.point(place).map(|p| (p.0 + x, p.1 - y)),
        }
    }

    fn centre(&self, shape: &Shape) -> Option<Point> {
        match shape {
            Shape::Circle { center, .. }
            | Shape::Ellipse { center, .. }
            | Shape::Box { center, .. }
            | Shape::Annulus { center, .. }
            | Shape::Point { center }
            | Shape::Text { center } => self.point(*center),
            Shape::Polygon { vertices } => {
                let points: Option<Vec<Point>> = vertices.iter().map(|v| self.point(*v)).collect();
                let points = points.filter(|p| !p.is_empty())?;
                let n = points.len() as f64;
                Some(points.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0 / n, sum.1 + p.1 / n)))
            }
            Shape::Line { ends } => {
                let (a, b) = (self.point(ends[0])?, self.point(ends[1])?);
                Some((0.5 * (a.0 + b.0), 0.5 * (a.1 + b.1)))
            }
        }
    }

    fn outline(&self, shape: &Shape) -> Vec<Vec<Point>> {
        match shape {
            Shape::Circle { center, radius } => self.ellipse(*center, [*radius; 2], 0.0),
            Shape::Annulus { center, inner, outer } => {
                [self.ellipse(*center, [*inner; 2], 0.0), self.ellipse(*center, [*outer; 2], 0.0)].concat()
            }
            Shape::Ellipse { center, radii, hole, angle_deg } => {
                let inner = hole.map(|hole| self.ellipse(*center, hole, *angle_deg)).unwrap_or_default();
                [self.ellipse(*center, *radii, *angle_deg), inner].concat()
            }
            Shape::Box { center, size, hole, angle_deg } => {
                let inner = hole.map(|hole| self.rectangle(*center, hole, *angle_deg)).unwrap_or_default();
                [self.rectangle(*center, *size, *angle_deg), inner].concat()
            }
            Shape::Polygon { vertices } => self.joined(vertices, true),
            Shape::Line { ends } => self.joined(ends, false),
            Shape::Point { center } => {
                let reach = 6.0;
                self.point(*center).map_or_else(Vec::new, |(x, y)| {
                    vec![vec![(x - reach, y), (x + reach, y)], vec![(x, y - reach), (x, y + reach)]]
                })
            }
            Shape::Text { .. } => Vec::new(),
        }
    }

    fn ellipse(&self, center: [f64; 2], radii: [Length; 2], angle_deg: f64) -> Vec<Vec<Point>> {
        let (Some(a), Some(b)) = (self.length(radii[0], center), self.length(radii[1], center)) else {
            return Vec::new();
        };
        let curve = |t: f64| {
            let (s, c) = libm::sincos(t * std::f64::consts::TAU);
            self.beside(center, (a * c, b * s), angle_deg)
        };
        trace(&curve, 24, self.sheet.size())
    }

    fn rectangle(&self, center: [f64; 2], size: [Length; 2], angle_deg: f64) -> Vec<Vec<Point>> {
        let (Some(a), Some(b)) = (self.length(size[0], center), self.length(size[1], center)) else {
            return Vec::new();
        };
        let corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)];
        let curve = |t: f64| {
            let side = ((t * 4.0) as usize).min(3);
            let along = t * 4.0 - side as f64;
            let (from, to): (Point, Point) = (corners[side], corners[side + 1]);
            let mix = |p: f64, q: f64| (q - p).mul_add(along, p);
            self.beside(center, (a * mix(from.0, to.0), b * mix(from.1, to.1)), angle_deg)
        };
        trace(&curve, 16, self.sheet.size())
    }

    /// Straight lines of the picture between places, as DS9 draws them.
    fn joined(&self, places: &[[f64; 2]], closed: bool) -> Vec<Vec<Point>> {
        let mut run: Vec<Point> = places.iter().filter_map(|p| self.point(*p)).collect();
        if let (true, Some(first)) = (closed, run.first().copied()) {
            run.push(first);
        }
        vec![run]
    }
}
