//! Bulge, bar and disc fitted to an image or a map of stellar mass.

mod component;
mod least_squares;
mod parameters;
mod psf;
mod start;

pub use component::{Component, Grid, Profile, sersic_b};
pub use psf::Psf;

use serde::Serialize;

use self::least_squares::{Model, Problem, Solution};
use self::parameters::{Frame, Plain};
use self::psf::Blur;
use super::MorphologyError;
use super::image::Field;

/// What a model is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An exponential disc.
    Disc,
    /// One Sersic profile.
    #[serde(rename = "sersic")]
    Bulge,
    /// A Sersic bulge and a disc.
    BulgeDisc,
    /// A Sersic bulge, a Ferrers bar and a disc.
    BulgeBarDisc,
}

impl Kind {
    /// All, from the simplest.
    pub const ALL: [Kind; 4] = [Kind::Disc, Kind::Bulge, Kind::BulgeDisc, Kind::BulgeBarDisc];

    /// A name for users.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Disc => "disc",
            Kind::Bulge => "sersic",
            Kind::BulgeDisc => "bulge-disc",
            Kind::BulgeBarDisc => "bulge-bar-disc",
        }
    }
}

/// What is fitted and how.
#[derive(Debug, Clone)]
pub struct ModelOptions {
    /// Models to try.
    pub kinds: Vec<Kind>,
    /// Point spread function of the image.
    pub psf: Psf,
    /// Pixels over which noise is one and the same, at least 1: with noise that is correlated, as in maps after PSF
    /// matching, chi2 counts so many times less.
    pub pixels_per_beam: f64,
}

/// A number with its uncertainty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// What it is: `bulge_radius`, ...
    pub name: &'static str,
    /// Its value. Lengths in pixels, angles in degrees from +x towards +y in -90 to 90, totals in units of the image.
    pub value: f64,
    /// One standard deviation; None where the data do not bear on it.
    pub sigma: Option<f64>,
}

/// One model fitted.
#[derive(Debug, Clone, Serialize)]
pub struct ModelFit {
    /// What it is made of.
    pub kind: Kind,
    /// Parameters and what follows from them (shares of the total).
    pub parameters: Vec<Estimate>,
    /// Weighted sum of squared residuals, over `pixels_per_beam`. Without variances those of the residuals themselves
    /// are used, so that this is the number of pixels.
    pub chi2: f64,
    /// Degrees of freedom.
    pub dof: f64,
    /// Bayesian information criterion: the least is best (Schwarz 1978).
    pub bic: f64,
    /// Whether the last steps changed nothing.
    pub converged: bool,
    /// The model, row by row.
    #[serde(skip)]
    pub image: Vec<f64>,
}

impl ModelFit {
    /// The value and sigma of a parameter.
    pub fn get(&self, name: &str) -> Option<&Estimate> {
        self.parameters.iter().find(|e| e.name == name)
    }
}

/// Fits models to an image; the best by the information criterion comes first.
///
/// - `values`: sky-subtracted, row by row; undefined pixels are left out, as are those of `masked` (may be empty);
/// - `variance`: of each pixel; empty where unknown: residuals then say it.
///
/// Sigmas are those of the curvature at the minimum; where chi2 exceeds the degrees of freedom, they are widened by the
/// root of their ratio.
///
/// # Errors
/// [`MorphologyError::NoObject`] with fewer than 30 pixels or without light.
pub fn fit_models(
    values: &[f64],
    width: usize,
    masked: &[bool],
    variance: &[f64],
    options: &ModelOptions,
) -> Result<Vec<ModelFit>, MorphologyError> {
    let whole = Field::new(values, width, masked);
    let weights: Vec<f64> = (0..whole.values.len())
        .map(|k| match variance.get(k) {
            _ if whole.masked[k] => 0.0,
            None => 1.0,
            Some(v) if *v > 0.0 && v.is_finite() => 1.0 / v,
            Some(_) => 0.0,
        })
        .collect();
    if weights.iter().filter(|w| **w > 0.0).count() < 30 {
        return Err(MorphologyError::NoObject { problem: "fewer than 30 pixels can be used for a model" });
    }
    // Only the rectangle of pixels that count is drawn while models are fitted.
    let (corner, size) = bounds(&weights, width);
    let field = whole.cut(corner, size);
    let weights: Vec<f64> =
        (0..size.0 * size.1).map(|k| weights[(corner.1 + k / size.0) * width + corner.0 + k % size.0]).collect();
    let first = start::guess(&field, &weights)
        .ok_or(MorphologyError::NoObject { problem: "the light of the pixels adds up to nothing" })?;
    let canvas = Canvas::new(&field, &options.psf, first.centre);
    let mut fits: Vec<ModelFit> = Vec::new();
    let mut plains = Vec::new();
    let mut simpler: Option<Plain> = None;
    for kind in Kind::ALL.into_iter().filter(|k| options.kinds.contains(k)) {
        let (plain, fit) =
            one(kind, &first, simpler.as_ref(), &field, (&weights, !variance.is_empty()), &canvas, options);
        if kind != Kind::Bulge {
            simpler = Some(plain);
        }
        fits.push(fit);
        plains.push(plain);
    }
    let middle = (first.centre.0 + corner.0 as f64, first.centre.1 + corner.1 as f64);
    let canvas = Canvas::new(&whole, &options.psf, middle);
    for (fit, plain) in fits.iter_mut().zip(&mut plains) {
        plain.centre = (plain.centre.0 + corner.0 as f64, plain.centre.1 + corner.1 as f64);
        fit.image = canvas.draw(plain.centre, plain.components());
        for p in &mut fit.parameters {
            match p.name {
                "x" => p.value += corner.0 as f64,
                "y" => p.value += corner.1 as f64,
                _ => {}
            }
        }
    }
    fits.sort_by(|a, b| a.bic.total_cmp(&b.bic).then(a.kind.cmp(&b.kind)));
    Ok(fits)
}

/// Corner and size of the rectangle of weights above 0.
fn bounds(weights: &[f64], width: usize) -> ((usize, usize), (usize, usize)) {
    let (mut low, mut high) = ((usize::MAX, usize::MAX), (0, 0));
    for (k, _) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        let (x, y) = (k % width, k / width);
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x + 1), high.1.max(y + 1));
    }
    (low, (high.0 - low.0, high.1 - low.1))
}

/// The best of several starts for one kind.
fn one(
    kind: Kind,
    first: &start::Guess,
    simpler: Option<&Plain>,
    field: &Field,
    (weights, known): (&[f64], bool),
    canvas: &Canvas,
    options: &ModelOptions,
) -> (Plain, ModelFit) {
    let frame = Frame { kind, centre: first.centre, total: first.total, scale: first.scale };
    let problem = Problem { data: &field.values, weights, model: Drawn { frame, canvas } };
    let starts: Vec<Vec<f64>> = start::starts(kind, first, simpler).iter().map(|s| frame.fitted(s)).collect();
    let several = starts.len() > 1;
    let mut ends: Vec<Solution> = starts.into_iter().map(|s| problem.solve(s, if several { 6 } else { 80 })).collect();
    ends.sort_by(|a, b| a.chi2.total_cmp(&b.chi2));
    ends.truncate(2);
    if several {
        ends = ends.into_iter().map(|s| problem.solve(s.parameters, 80)).collect();
        ends.sort_by(|a, b| a.chi2.total_cmp(&b.chi2));
    }
    let best = ends.swap_remove(0);
    let used = weights.iter().filter(|w| **w > 0.0).count() as f64;
    let beam = options.pixels_per_beam.max(1.0);
    let samples = used / beam;
    let count = frame.count() as f64;
    // Without variances, that of the residuals is the most likely one.
    let residual = best.chi2 / used;
    let (chi2, misfit) = if known {
        (best.chi2 / beam, best.chi2 / beam)
    } else {
        (samples, samples * libm::log(residual.max(f64::MIN_POSITIVE)))
    };
    let dof = (samples - count).max(1.0);
    let widen = beam * if known { (chi2 / dof).max(1.0) } else { residual * samples / dof };
    let covariance = problem.covariance(&best.parameters);
    let parameters = estimates(&frame, &best.parameters, covariance.as_deref(), widen);
    let plain = frame.plain(&best.parameters);
    let fit = ModelFit {
        kind,
        parameters,
        chi2,
        dof,
        bic: misfit + count * libm::log(samples.max(1.0)),
        converged: best.converged,
        image: Vec::new(),
    };
    (plain, fit)
}

/// A number that follows from the components.
type Named = (&'static str, fn(&Plain) -> f64);

fn named(kind: Kind) -> Vec<Named> {
    fn size(c: &Option<Component>) -> f64 {
        c.map_or(f64::NAN, |c| match c.profile {
            Profile::Sersic { radius, .. } => radius,
            Profile::Ferrers { length } => length,
            Profile::Exponential { scale } => scale,
        })
    }
    fn index(c: &Option<Component>) -> f64 {
        c.map_or(f64::NAN, |c| if let Profile::Sersic { n, .. } = c.profile { n } else { f64::NAN })
    }
    fn total(c: &Option<Component>) -> f64 {
        c.map_or(0.0, |c| c.total)
    }
    fn ratio(c: &Option<Component>) -> f64 {
        c.map_or(f64::NAN, |c| c.q)
    }
    fn angle(c: &Option<Component>) -> f64 {
        c.map_or(f64::NAN, |c| c.theta.to_degrees())
    }
    fn sum(p: &Plain) -> f64 {
        p.components().map(|c| c.total).sum()
    }
    let mut all: Vec<Named> = vec![("x", |p| p.centre.0), ("y", |p| p.centre.1), ("total", sum)];
    if kind != Kind::Disc {
        all.extend::<[Named; 5]>([
            ("bulge_total", |p| total(&p.bulge)),
            ("bulge_radius", |p| size(&p.bulge)),
            ("bulge_index", |p| index(&p.bulge)),
            ("bulge_axis_ratio", |p| ratio(&p.bulge)),
            ("bulge_angle", |p| angle(&p.bulge)),
        ]);
    }
    if kind == Kind::BulgeBarDisc {
        all.extend::<[Named; 4]>([
            ("bar_total", |p| total(&p.bar)),
            ("bar_length", |p| size(&p.bar)),
            ("bar_axis_ratio", |p| ratio(&p.bar)),
            ("bar_angle", |p| angle(&p.bar)),
        ]);
    }
    if kind != Kind::Bulge {
        all.extend::<[Named; 4]>([
            ("disc_total", |p| total(&p.disc)),
            ("disc_scale", |p| size(&p.disc)),
            ("disc_axis_ratio", |p| ratio(&p.disc)),
            ("disc_angle", |p| angle(&p.disc)),
        ]);
    }
    if matches!(kind, Kind::BulgeDisc | Kind::BulgeBarDisc) {
        all.push(("bulge_share", |p| total(&p.bulge) / sum(p)));
    }
    if kind == Kind::BulgeBarDisc {
        all.push(("bar_share", |p| total(&p.bar) / sum(p)));
    }
    all
}

/// Values with sigmas by the derivatives of each with respect to the fitted numbers.
fn estimates(frame: &Frame, p: &[f64], covariance: Option<&[Vec<f64>]>, widen: f64) -> Vec<Estimate> {
    const STEP: f64 = 1e-5;
    let shifted = |k: usize, by: f64| {
        let mut p = p.to_vec();
        p[k] += by;
        frame.plain(&p)
    };
    let sides: Vec<(Plain, Plain)> = (0..p.len()).map(|k| (shifted(k, STEP), shifted(k, -STEP))).collect();
    let plain = frame.plain(p);
    let estimate = |(name, of): Named| {
        let slope: Vec<f64> = sides.iter().map(|(up, down)| (of(up) - of(down)) / (2.0 * STEP)).collect();
        let variance = covariance.map(|c| {
            let rows = c.iter().zip(&slope);
            rows.map(|(row, s)| s * row.iter().zip(&slope).map(|(c, t)| c * t).sum::<f64>()).sum::<f64>()
        });
        let value = if name.ends_with("angle") { folded(of(&plain)) } else { of(&plain) };
        let sigma = variance.map(|v| (v * widen).sqrt()).filter(|s| s.is_finite());
        Estimate { name, value, sigma }
    };
    named(frame.kind).into_iter().map(estimate).collect()
}

/// An axis' angle in -90 to 90 degrees.
fn folded(degrees: f64) -> f64 {
    let turned = (degrees + 90.0).rem_euclid(180.0) - 90.0;
    if turned.is_finite() { turned } else { 0.0 }
}

/// Where models are drawn: wider than the image by the reach of the point spread function.
struct Canvas {
    grid: Grid,
    margin: usize,
    width: usize,
    height: usize,
    blur: Blur,
}

impl Canvas {
    fn new(field: &Field, psf: &Psf, anchor: (f64, f64)) -> Canvas {
        let margin = psf.reach();
        let (width, height) = (field.width + 2 * margin, field.height + 2 * margin);
        let anchor = (anchor.0 + margin as f64, anchor.1 + margin as f64);
        let grid = Grid { width, height, anchor };
        Canvas { grid, margin, width: field.width, height: field.height, blur: psf.blur(width, height) }
    }

    /// Components as the image would show them.
    fn draw<'a>(&self, centre: (f64, f64), components: impl Iterator<Item = &'a Component>) -> Vec<f64> {
        let mut out = vec![0.0; self.grid.width * self.grid.height];
        let centre = (centre.0 + self.margin as f64, centre.1 + self.margin as f64);
        components.for_each(|c| c.draw(centre, self.grid, &mut out));
        let blurred = self.blur.apply(out);
        if self.margin == 0 {
            return blurred;
        }
        let rows = blurred.chunks_exact(self.grid.width).skip(self.margin).take(self.height);
        rows.flat_map(|row| &row[self.margin..self.margin + self.width]).copied().collect()
    }
}

/// The components of a frame on a canvas.
struct Drawn<'a> {
    frame: Frame,
    canvas: &'a Canvas,
}

impl Model for Drawn<'_> {
    fn parts(&self) -> usize {
        self.frame.components()
    }

    fn part(&self, part: usize, parameters: &[f64]) -> Vec<f64> {
        let plain = self.frame.plain(parameters);
        self.canvas.draw(plain.centre, plain.components().skip(part).take(1))
    }

    fn bears(&self, parameter: usize, part: usize) -> bool {
        self.frame.bears(parameter, part)
    }
}

#[cfg(test)]
mod tests;
