//! Curves on the sky as lines on the picture: finer where they bend, cut where the projection is.

use crate::draw::Point;

/// How far a line may pass beside the curve, in pixels of the picture.
const TOLERANCE: f64 = 0.2;
/// How often a piece is halved at most.
const DEPTH: u32 = 11;
/// Pieces still longer than this after all halving are leaps across a cut, and left out.
const LEAP: f64 = 8.0;

/// The runs of points that follow `curve` for t from 0 to 1.
///
/// - `pieces`: first division, at least as fine as the curve's own features.
/// - `size`: width and height of the picture; pieces wholly beyond one of its sides are left out.
pub(crate) fn trace(curve: &dyn Fn(f64) -> Option<Point>, pieces: usize, size: (f64, f64)) -> Vec<Vec<Point>> {
    let mut tracer = Tracer { curve, size, runs: Vec::new(), broken: true };
    let mut before = (0.0, curve(0.0));
    for k in 1..=pieces {
        let t = k as f64 / pieces as f64;
        let next = (t, curve(t));
        tracer.piece(before, next, DEPTH);
        before = next;
    }
    tracer.runs
}

struct Tracer<'c> {
    curve: &'c dyn Fn(f64) -> Option<Point>,
    size: (f64, f64),
    runs: Vec<Vec<Point>>,
    broken: bool,
}

impl Tracer<'_> {
    fn piece(&mut self, from: (f64, Option<Point>), to: (f64, Option<Point>), depth: u32) {
        let (Some(a), Some(b)) = (from.1, to.1) else {
            if depth == 0 || (from.1.is_none() && to.1.is_none()) {
                self.broken = true;
                return;
            }
            return self.halves(from, to, depth);
        };
        let length = libm::hypot(b.0 - a.0, b.1 - a.1);
        if self.beyond(a, b) && length < 0.5 * self.size.0.max(self.size.1) {
            self.broken = true;
            return;
        }
        if depth == 0 {
            if length < LEAP {
                self.emit(a, b);
            } else {
                self.broken = true;
            }
            return;
        }
        let middle_t = 0.5 * (from.0 + to.0);
        let bend = (self.curve)(middle_t).map(|m| libm::hypot(m.0 - 0.5 * (a.0 + b.0), m.1 - 0.5 * (a.1 + b.1)));
        match bend {
            Some(bend) if bend < TOLERANCE && length < 200.0 => self.emit(a, b),
            _ => self.halves(from, to, depth),
        }
    }

    fn halves(&mut self, from: (f64, Option<Point>), to: (f64, Option<Point>), depth: u32) {
        let t = 0.5 * (from.0 + to.0);
        let middle = (t, (self.curve)(t));
        self.piece(from, middle, depth - 1);
        self.piece(middle, to, depth - 1);
    }

    /// Whether both points lie beyond one and the same side.
    fn beyond(&self, a: Point, b: Point) -> bool {
        let (width, height) = self.size;
        (a.0 < 0.0 && b.0 < 0.0)
            || (a.1 < 0.0 && b.1 < 0.0)
            || (a.0 > width && b.0 > width)
            || (a.1 > height && b.1 > height)
    }

    fn emit(&mut self, a: Point, b: Point) {
        match self.runs.last_mut() {
            Some(run) if !self.broken => run.push(b),
            _ => self.runs.push(vec![a, b]),
        }
        self.broken = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_followed_to_a_fifth_of_a_pixel() {
        let circle = |t: f64| {
            let (s, c) = libm::sincos(t * std::f64::consts::TAU);
            Some((100.0 + 80.0 * c, 100.0 + 80.0 * s))
        };
        let runs = trace(&circle, 12, (200.0, 200.0));
        assert_eq!(runs.len(), 1);
        for pair in runs[0].windows(2) {
            let middle = (0.5 * (pair[0].0 + pair[1].0), 0.5 * (pair[0].1 + pair[1].1));
            let radius = libm::hypot(middle.0 - 100.0, middle.1 - 100.0);
            assert!((radius - 80.0).abs() < 0.25);
        }
    }

    #[test]
    fn a_leap_across_the_picture_cuts_the_curve_in_two() {
        let leap = |t: f64| Some((if t < 0.41 { 400.0 * t } else { 400.0 * t - 100.0 }, 50.0));
        let runs = trace(&leap, 10, (400.0, 100.0));
        assert_eq!(runs.len(), 2);
        assert!((runs[0].last().unwrap().0 - 164.0).abs() < 0.5);
    }

    #[test]
    fn a_curve_ends_where_it_becomes_undefined() {
        let half = |t: f64| (t < 0.573).then_some((t * 1000.0, 10.0));
        let runs = trace(&half, 8, (1000.0, 20.0));
        assert_eq!(runs.len(), 1);
        assert!((runs[0].last().unwrap().0 - 573.0).abs() < 0.5);
    }
}
