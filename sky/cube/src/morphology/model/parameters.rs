//! A model's parameters as numbers without bounds, and back.

use super::Kind;
use super::component::{Component, Profile};

/// Range of Sersic indices.
const INDEX: (f64, f64) = (0.3, 8.0);
/// Range of axis ratios.
const RATIO: (f64, f64) = (0.05, 1.0);
/// Range of the bulge's half-light radius in units of the disc's.
const BULGE: (f64, f64) = (0.01, 1.0);
/// Range of the bar's end in units of the disc's scale length.
const BAR: (f64, f64) = (0.2, 5.0);
/// Half-light radius of an exponential disc over its scale length.
pub(super) const HALF: f64 = 1.678_346_990_016_66;

/// What the fitted numbers mean: centre, then disc, bulge and bar as far as the model has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Where the fit begins, and the unit of the centre's shift is a pixel.
    pub(super) centre: (f64, f64),
    /// Unit of the totals.
    pub(super) total: f64,
    /// Unit of the disc's scale length, pixels.
    pub(super) scale: f64,
}

/// What a model is made of, in plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plain {
    pub(super) centre: (f64, f64),
    pub(super) disc: Option<Component>,
    pub(super) bulge: Option<Component>,
    pub(super) bar: Option<Component>,
}

impl Plain {
    /// The components that are there.
    pub(super) fn components(&self) -> impl Iterator<Item = &Component> {
        [&self.disc, &self.bulge, &self.bar].into_iter().flatten()
    }
}

impl Frame {
    /// Number of parameters.
    pub(super) fn count(&self) -> usize {
        match self.kind {
            Kind::Disc => 6,
            Kind::Bulge => 7,
            Kind::BulgeDisc => 11,
            Kind::BulgeBarDisc => 15,
        }
    }

    /// Number of components, in the order disc, bulge, bar of those that are there.
    pub(super) fn components(&self) -> usize {
        match self.kind {
            Kind::Disc | Kind::Bulge => 1,
            Kind::BulgeDisc => 2,
            Kind::BulgeBarDisc => 3,
        }
    }

    /// Whether a parameter bears on a component: the centre and the disc's scale length on all.
    pub(super) fn bears(&self, parameter: usize, component: usize) -> bool {
        match (parameter, self.kind) {
            (0 | 1, _) | (_, Kind::Disc | Kind::Bulge) | (3, _) => true,
            (2..6, _) => component == 0,
            (6..11, _) => component == 1,
            _ => component == 2,
        }
    }

    /// The plain numbers.
    pub(super) fn plain(&self, p: &[f64]) -> Plain {
        let mut rest = p.iter().copied();
        let mut next = || rest.next().unwrap_or(0.0);
        let centre = (self.centre.0 + next(), self.centre.1 + next());
        let mut plain = Plain { centre, disc: None, bulge: None, bar: None };
        let total = |v: f64| self.total * libm::exp(v);
        let mut half = self.scale * HALF;
        if self.kind != Kind::Bulge {
            let (sum, scale) = (total(next()), self.scale * libm::exp(next()));
            half = scale * HALF;
            let (q, theta) = (inside(next(), RATIO), next());
            plain.disc = Some(Component { profile: Profile::Exponential { scale }, total: sum, q, theta });
        }
        if self.kind != Kind::Disc {
            let sum = total(next());
            let radius = match self.kind {
                Kind::Bulge => half * libm::exp(next()),
                _ => half * inside_log(next(), BULGE),
            };
            let n = inside_log(next(), INDEX);
            let (q, theta) = (inside(next(), RATIO), next());
            plain.bulge = Some(Component { profile: Profile::Sersic { radius, n }, total: sum, q, theta });
        }
        if self.kind == Kind::BulgeBarDisc {
            let (sum, length) = (total(next()), half / HALF * inside_log(next(), BAR));
            let (q, theta) = (inside(next(), RATIO), next());
            plain.bar = Some(Component { profile: Profile::Ferrers { length }, total: sum, q, theta });
        }
        plain
    }

    /// The fitted numbers of plain ones.
    pub(super) fn fitted(&self, plain: &Plain) -> Vec<f64> {
        let mut out = vec![plain.centre.0 - self.centre.0, plain.centre.1 - self.centre.1];
        let mut half = self.scale * HALF;
        let total = |c: &Component| libm::log(c.total / self.total);
        if let Some(disc) = &plain.disc
            && let Profile::Exponential { scale } = disc.profile
        {
            half = scale * HALF;
            out.extend([total(disc), libm::log(scale / self.scale), outside(disc.q, RATIO), disc.theta]);
        }
        if let Some(bulge) = &plain.bulge
            && let Profile::Sersic { radius, n } = bulge.profile
        {
            let size = match self.kind {
                Kind::Bulge => libm::log(radius / half),
                _ => outside_log(radius / half, BULGE),
            };
            out.extend([total(bulge), size, outside_log(n, INDEX), outside(bulge.q, RATIO), bulge.theta]);
        }
        if let Some(bar) = &plain.bar
            && let Profile::Ferrers { length } = bar.profile
        {
            let size = outside_log(length / (half / HALF), BAR);
            out.extend([total(bar), size, outside(bar.q, RATIO), bar.theta]);
        }
        out
    }
}

/// A number between bounds from any number.
fn inside(v: f64, (low, high): (f64, f64)) -> f64 {
    low + (high - low) / (1.0 + libm::exp(-v))
}

fn outside(v: f64, (low, high): (f64, f64)) -> f64 {
    let share = ((v - low) / (high - low)).clamp(1e-4, 1.0 - 1e-4);
    libm::log(share / (1.0 - share))
}

fn inside_log(v: f64, (low, high): (f64, f64)) -> f64 {
    libm::exp(inside(v, (libm::log(low), libm::log(high))))
}

fn outside_log(v: f64, (low, high): (f64, f64)) -> f64 {
    outside(libm::log(v), (libm::log(low), libm::log(high)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_bear_on_the_components_that_change_with_them() {
        for kind in Kind::ALL {
            let frame = Frame { kind, centre: (50.0, 40.0), total: 1e10, scale: 8.0 };
            let p: Vec<f64> = (0..frame.count()).map(|k| 0.3 * libm::sin(k as f64)).collect();
            let components = |p: &[f64]| {
                let plain = frame.plain(p);
                plain.components().map(|c| (*c, plain.centre)).collect::<Vec<_>>()
            };
            let base = components(&p);
            assert_eq!(base.len(), frame.components());
            for k in 0..p.len() {
                let mut moved = p.clone();
                moved[k] += 0.1;
                for (c, (a, b)) in base.iter().zip(components(&moved)).enumerate() {
                    assert!(*a == b || frame.bears(k, c), "{kind:?} {k} {c}");
                }
            }
        }
    }

    #[test]
    fn plain_numbers_come_back_from_fitted_ones() {
        for kind in [Kind::Disc, Kind::Bulge, Kind::BulgeDisc, Kind::BulgeBarDisc] {
            let frame = Frame { kind, centre: (50.0, 40.0), total: 1e10, scale: 8.0 };
            let p: Vec<f64> = (0..frame.count()).map(|k| 0.3 * libm::sin(k as f64)).collect();
            let back = frame.fitted(&frame.plain(&p));
            assert_eq!(back.len(), p.len());
            for (a, b) in p.iter().zip(&back) {
                assert!((a - b).abs() < 1e-9, "{kind:?} {a} {b}");
            }
        }
    }
}
