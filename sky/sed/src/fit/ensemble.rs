//! Draws of pairs from a posterior with errors so much larger that enough models count.

use crate::fit::draws::relative_scale;
use crate::fit::few::{Few, effective};
use crate::fit::likelihood::Likelihood;
use crate::fit::models::Models;
use crate::fit::partners::Partners;
use crate::fit::sweep::{Outcome, pair, sweep};
use crate::fit::weigh::{Datum, Weighed};
use crate::random::{Purpose, Stream};

/// Members that are drawn.
const COUNT: usize = 1000;
/// Seed of the draws: the same for every pixel, so that equal pixels have equal fits.
const SEED: u64 = 1;
/// Powers below this need a sweep of their own: pairs that count with them were left out as improbable.
const NEAR: f64 = 0.2;
/// The least power by which one sweep is followed by another.
const STEP: f64 = 0.1;
/// What sweeps beside the fit's own may leave out, as a share of all probability: they say where to draw, no more.
const NEGLECT: f64 = 1e-3;
/// Sweeps at most.
const SWEEPS: usize = 4;

/// A pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Member {
    pub row: usize,
    pub column: usize,
    /// Solar masses.
    pub scale: f64,
    /// Weight; all sum to 1.
    pub weight: f64,
}

/// Pairs drawn by their likelihood raised to a power.
pub(crate) struct Ensemble {
    /// The power, below 1: errors are larger by the root of one over it.
    pub power: f64,
    pub members: Vec<Member>,
    /// How many stellar models share the weight, `1 / sum w^2`.
    pub effective_rows: f64,
    /// How many dust models.
    pub effective_columns: f64,
    /// Pairs that sweeps worked out and tested beside those of the fit.
    pub worked: u64,
    pub tested: u64,
}

impl Ensemble {
    /// The ensemble of a pixel, where fewer than `enough` stellar or dust models count; none where enough do.
    ///
    /// - `outcome`: of the sweep with `data`.
    pub(crate) fn new(models: &Models, data: &[Datum], outcome: &Outcome, enough: f64) -> Option<Ensemble> {
        let tally = &outcome.tally;
        if effective(&tally.rows).min(effective(&tally.columns)) >= enough {
            return None;
        }
        let near = |outcome: &Outcome| {
            let stars = Few::new(&outcome.tally.rows, &models.rows.prior);
            let dust = Few::new(&outcome.tally.columns, &models.columns.prior);
            stars.power(enough).min(dust.power(enough))
        };
        let with = |power: f64| -> Vec<Datum> {
            data.iter().map(|datum| Datum { weight: datum.weight * power, ..*datum }).collect()
        };
        let (mut power, mut swept, mut again, mut worked, mut tested) = (near(outcome), 1.0, None, 0, 0);
        for _ in 1..SWEEPS {
            if power >= NEAR {
                break;
            }
            swept *= power.max(STEP);
            let wider = sweep(models, &with(swept), NEGLECT);
            power = near(&wider);
            worked += wider.worked;
            tested += wider.tested;
            again = Some(wider);
        }
        let mut members = draw(models, &with(swept * power), again.as_ref().unwrap_or(outcome), power);
        let sum: f64 = members.iter().map(|member| member.weight).sum();
        members.iter_mut().for_each(|member| member.weight /= sum);
        let effective_rows = shared(members.iter().map(|member| (member.row, member.weight)).collect());
        let effective_columns = shared(members.iter().map(|member| (member.column, member.weight)).collect());
        let power = swept * power;
        (sum > 0.0).then_some(Ensemble { power, members, effective_rows, effective_columns, worked, tested })
    }
}

/// Draws pairs by their likelihood under `data`: stellar models evenly spread over the sums of `outcome` raised to `power`,
/// weighed by what their own sum under `data` has over that; then a dust model each by its likelihood, and the scale by its
/// width.
///
/// - `data`: with the larger errors;
/// - `outcome`: of errors that are smaller by the root of `power`.
fn draw(models: &Models, data: &[Datum], outcome: &Outcome, power: f64) -> Vec<Member> {
    let mut stream = Stream::new(SEED, Purpose::Ensemble, 0);
    let weighed = Weighed::new(models, data);
    let reference = pair(models, data, outcome.best.row, outcome.best.column).0;
    let likelihood = Likelihood::new(models.convention, weighed.total, reference);
    let proposal = Few::new(&outcome.tally.rows, &models.rows.prior).raised(power);
    let step = proposal.iter().map(|entry| entry.1).sum::<f64>() / COUNT as f64;
    let (mut wanted, mut before) = (step * stream.uniform(), 0.0);
    let mut partners = Partners::default();
    let mut members = Vec::with_capacity(COUNT);
    for (row, proposed) in proposal {
        before += proposed;
        if wanted >= before {
            continue;
        }
        partners.gather(models, &weighed, likelihood, (reference, outcome.penalty), row);
        while wanted < before && members.len() < COUNT {
            wanted += step;
            let Some(column) = partners.choose(stream.uniform()) else { continue };
            let (chi2, scale) = pair(models, data, row, column);
            let scale = scale * relative_scale((weighed.total - chi2).max(1.0).sqrt(), &mut stream);
            members.push(Member { row, column, scale, weight: partners.total() / proposed });
        }
    }
    members
}

/// `1 / sum w^2` over models, whose weights sum to 1.
fn shared(mut weights: Vec<(usize, f64)>) -> f64 {
    weights.sort_by_key(|entry| entry.0);
    let squares: f64 = weights
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| {
            let weight: f64 = same.iter().map(|entry| entry.1).sum();
            weight * weight
        })
        .sum();
    1.0 / squares
}
