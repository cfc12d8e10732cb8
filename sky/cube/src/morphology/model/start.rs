//! Where fits begin.

use super::Kind;
use super::component::{Component, Profile};
use super::parameters::{HALF, Plain};
use crate::morphology::aperture::Ellipse;
use crate::morphology::image::Field;

/// What an image says at first sight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Guess {
    /// The centroid of the brighter half.
    pub(super) centre: (f64, f64),
    /// Sum over all pixels.
    pub(super) total: f64,
    /// Scale length of a disc with the image's half-light radius, pixels.
    pub(super) scale: f64,
    /// Axis ratio and angle from second moments.
    pub(super) shape: (f64, f64),
}

/// First sight of an image. None without light.
pub(super) fn guess(field: &Field, weights: &[f64]) -> Option<Guess> {
    let used = |k: usize| weights[k] > 0.0;
    let total: f64 = (0..field.values.len()).filter(|k| used(*k)).map(|k| field.values[k]).sum();
    if total.is_nan() || total <= 0.0 {
        return None;
    }
    // The threshold above which half the light lies: the centre and shape of what is bright are sure.
    let bright = |share: f64| {
        let mut sorted: Vec<f64> = (0..field.values.len()).filter(|k| used(*k)).map(|k| field.values[k]).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let mut sum = 0.0;
        sorted.into_iter().find(|v| {
            sum += v;
            sum >= share * total
        })
    };
    let moments = |least: f64, about: Option<(f64, f64)>| {
        let (mut sum, mut x, mut y, mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (k, v) in field.values.iter().enumerate().filter(|(k, v)| used(*k) && **v >= least) {
            let (mut dx, mut dy) = ((k % field.width) as f64, (k / field.width) as f64);
            if let Some((cx, cy)) = about {
                (dx, dy) = (dx - cx, dy - cy);
            }
            sum += v;
            x += v * dx;
            y += v * dy;
            xx += v * dx * dx;
            xy += v * dx * dy;
            yy += v * dy * dy;
        }
        [x / sum, y / sum, xx / sum, xy / sum, yy / sum]
    };
    let [x, y, ..] = moments(bright(0.5)?, None);
    let centre = (x, y);
    let [_, _, xx, xy, yy] = moments(bright(0.9)?, Some(centre));
    let (mean, half) = (0.5 * (xx + yy), libm::hypot(0.5 * (xx - yy), xy));
    let q = ((mean - half).max(1e-6) / (mean + half)).sqrt().clamp(0.12, 0.95);
    let theta = 0.5 * libm::atan2(2.0 * xy, xx - yy);
    // The ellipse that holds half of the light.
    let shape = Ellipse { centre, a: 1.0, q, theta };
    let most = field.diagonal();
    let within = |a: f64| shape.with_a(a).sum(field, |k| field.values[k]).sum;
    let (mut low, mut high) = (0.5, most);
    for _ in 0..30 {
        let middle = 0.5 * (low + high);
        if within(middle) < 0.5 * total { low = middle } else { high = middle }
    }
    Some(Guess { centre, total, scale: low / HALF, shape: (q, theta) })
}

/// Starts for a kind of model; `simpler` is the solution of the model with one component less.
pub(super) fn starts(kind: Kind, first: &Guess, simpler: Option<&Plain>) -> Vec<Plain> {
    let (q, theta) = first.shape;
    let disc = |share: f64, scale: f64| Component {
        profile: Profile::Exponential { scale: first.scale * scale },
        total: first.total * share,
        q,
        theta,
    };
    let bulge = |share: f64, radius: f64, n: f64| Component {
        profile: Profile::Sersic { radius: first.scale * HALF * radius, n },
        total: first.total * share,
        q: 0.5 * (q + 1.0),
        theta,
    };
    let bar = |share: f64, length: f64, turn: f64| Component {
        profile: Profile::Ferrers { length: first.scale * length },
        total: first.total * share,
        q: 0.35,
        theta: theta + turn,
    };
    let plain = |disc, bulge, bar| Plain { centre: first.centre, disc, bulge, bar };
    match kind {
        Kind::Disc => vec![plain(Some(disc(1.0, 1.0)), None, None)],
        Kind::Bulge => [1.0, 3.0].map(|n| plain(None, Some(Component { q, ..bulge(1.0, 1.0, n) }), None)).to_vec(),
        Kind::BulgeDisc => [(0.2, 0.2, 1.5), (0.4, 0.3, 3.0), (0.1, 0.1, 1.0), (0.7, 0.6, 3.0)]
            .map(|(share, radius, n)| plain(Some(disc(1.0 - share, 1.2)), Some(bulge(share, radius, n)), None))
            .to_vec(),
        Kind::BulgeBarDisc => {
            let quarter = std::f64::consts::FRAC_PI_4;
            let mut all = Vec::new();
            for k in 0..4 {
                let turn = quarter * f64::from(k);
                for (share, length, inner) in [(0.2, 1.2, 0.1), (0.15, 2.2, 0.2)] {
                    let outer = match simpler.and_then(|s| s.disc) {
                        Some(known) if k % 2 == 0 => Component { total: known.total * (1.0 - share), ..known },
                        _ => disc(0.9 - share, 1.3),
                    };
                    all.push(plain(Some(outer), Some(bulge(0.1, inner, 1.5)), Some(bar(share, length, turn))));
                }
            }
            all
        }
    }
}
