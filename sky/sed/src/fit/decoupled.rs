//! Pixels without any band that holds dust's light: chi2 hangs on the stellar model alone.
//!
//! Each stellar model then has one scale and one probability, which all dust models in its window share: sums over columns
//! are differences of running sums over f_mu, and the dust's mass is a histogram that is moved, exactly ([`Masses`]) or for all
//! stellar models together ([`Windows`]).
//!
//! [`Masses`]: crate::fit::masses::Masses
//! [`Windows`]: crate::fit::windows::Windows

use std::ops::Range;

use crate::fit::kernel::TWO_LN_2;
use crate::fit::likelihood::Likelihood;
use crate::fit::models::{Convention, Models};
use crate::fit::prior::NEVER;
use crate::fit::sweep::{Best, Outcome, pair};
use crate::fit::tally::{Offset, Offsets, Tally};
use crate::fit::weigh::{Datum, Weighed};
use crate::fit::windows::Share;
use crate::parameter::Parameter;

/// Stellar models that share a group of dust models.
const GROUP: usize = 64;

/// A row that counts.
struct Member {
    row: usize,
    p: f64,
    offsets: Offsets,
}

pub(crate) fn sweep(models: &Models, data: &[Datum], weighed: &Weighed, neglect: f64) -> Outcome {
    let rows = &models.rows;
    let fine = |parameter| &models.axes.of(parameter).fine;
    let mut tally = Tally::new(
        fine(Parameter::StellarMass),
        fine(Parameter::DustLuminosity),
        fine(Parameter::Sfr),
        fine(Parameter::DustMass),
        rows.model.len(),
        models.columns.model.len(),
    );
    let mut left = vec![0.0; rows.model.len()];
    leave(&mut left, &weighed.a, &weighed.c);
    let best = best(models, data, weighed, &left);
    let (reference, penalty) =
        if best.penalty < 0.5 * f64::from(NEVER) { (best.chi2, best.penalty) } else { (best.chi2, 0.0) };
    let likelihood = Likelihood::new(models.convention, weighed.total, reference);
    let above = |row: usize| weighed.total * left[row] - reference;
    let count = |row: usize| f64::from(rows.window[row].1 - rows.window[row].0);
    // The best alone gives the sum at least its own pairs: what is so far above it that all such pairs stay below
    // `neglect` of these needs no power of two.
    let rest = models.pairs.max(1) as f64 / (neglect * count(best.row).max(1.0));
    let far = 2.0 * libm::log(Likelihood::EXCESS * rest.max(1.0));
    let of = |row: usize| {
        let (above, taken) = (above(row), penalty_of(models, weighed, row) - penalty);
        if above + f64::from(TWO_LN_2) * taken > far { 0.0 } else { likelihood.of(above) * libm::exp2(-taken) }
    };
    let all: Vec<f64> = (0..rows.model.len()).map(of).collect();
    let total: f64 = all.iter().enumerate().map(|(row, p)| p * count(row)).sum();
    let least = (neglect * total / models.pairs.max(1) as f64).max(f64::MIN_POSITIVE);
    let mut steps = vec![0.0f64; models.columns.count + 1];
    let mut members = Vec::new();
    let mut worked = 0.0;
    for (row, &p) in all.iter().enumerate().filter(|(row, p)| **p >= least && count(*row) > 0.0) {
        let (low, high) = rows.window[row];
        let pairs = count(row);
        tally.rows[row] = p * pairs;
        tally.total += p * pairs;
        tally.chi2 += p * pairs * above(row);
        steps[low as usize] += p;
        steps[high as usize] -= p;
        let offsets = offsets(models, weighed, row);
        let log = log_mass(weighed, row);
        tally.row_logs[row] = p * pairs * log;
        tally.add_scale(&offsets, 0.0, p * pairs);
        members.push(Member { row, p, offsets });
        worked += pairs;
    }
    match models.convention {
        Convention::Paper => exact_masses(models, &members, &mut tally.dust_mass),
        Convention::Mended => window_masses(models, &members, &mut tally.dust_mass),
    }
    spread(&mut tally.columns, &steps, &models.columns.rank);
    // Differences of sums may fall a rounding short of nothing.
    tally.columns.iter_mut().for_each(|p| *p = p.max(0.0));
    Outcome { tally, best, reference, penalty, signal: weighed.total, worked: worked as u64, tested: models.pairs }
}

fn offsets(models: &Models, weighed: &Weighed, row: usize) -> Offsets {
    let rows = &models.rows;
    let log = log_mass(weighed, row);
    let offset = |parameter, log| Offset::new(&models.axes.of(parameter).fine, log);
    Offsets {
        mass: offset(Parameter::StellarMass, log),
        luminosity: offset(Parameter::DustLuminosity, log + rows.log_luminosity[row]),
        sfr: offset(Parameter::Sfr, log + rows.log_ssfr[row]),
        dust: offset(Parameter::DustMass, log + rows.log_luminosity[row]),
    }
}

/// log10 of the row's best scale, in solar masses.
fn log_mass(weighed: &Weighed, row: usize) -> f64 {
    libm::log10(weighed.alone(row).1)
}

pogson_lanes::lanes! {
    /// What each row's best scale leaves, in units of the total.
    fn leave(left: &mut [f64], a: &[f64], c: &[f64]) {
        for ((left, a), c) in left.iter_mut().zip(a).zip(c) {
            let rest = 1.0 - a * a / c;
            let rest = if rest > 0.0 { rest } else { 0.0 };
            *left = if *a > 0.0 && *c > 0.0 { rest } else { 1.0 };
        }
    }
}

/// What priors take of the row at its best scale; no prior tells dust models apart here.
fn penalty_of(models: &Models, weighed: &Weighed, row: usize) -> f64 {
    if models.has_priors() { models.penalty_of(row, 0, weighed.alone(row).1) } else { 0.0 }
}

/// The row that leaves least, by chi2 and priors, with the first of its columns in the library's order.
fn best(models: &Models, data: &[Datum], weighed: &Weighed, left: &[f64]) -> Best {
    let rows = &models.rows;
    let counts = |row: &usize| rows.window[*row].0 < rows.window[*row].1;
    let per_total = f64::from(TWO_LN_2) / weighed.total;
    let score = |row: usize| left[row] + per_total * penalty_of(models, weighed, row);
    let least = (0..rows.model.len()).filter(counts).map(score).fold(f64::INFINITY, f64::min);
    let near = (0..rows.model.len()).filter(counts).filter(|&row| score(row) <= least + 1e-9);
    let mut best = Best::NONE;
    for row in near {
        let (low, high) = rows.window[row];
        let first = (0..models.columns.model.len())
            .filter(|&column| (low as i32..high as i32).contains(&models.columns.rank[column]))
            .min_by_key(|&column| models.columns.model[column]);
        let Some(column) = first else { continue };
        let (chi2, scale) = pair(models, data, row, column);
        let pair = Best { row, column, chi2, scale, penalty: models.penalty_of(row, column, scale) };
        let (score, least) = (pair.score(), best.score());
        if score < least || (score == least && rows.model[row] < rows.model[best.row]) {
            best = pair;
        }
    }
    best
}

fn window(models: &Models, member: &Member) -> Range<usize> {
    let (low, high) = models.rows.window[member.row];
    low as usize..high as usize
}

/// Adds a row's bins, which begin at `first`, to the pixel's; what lies beyond stays in the first or last.
fn put(bins: &mut [f64], row: &mut [f64], first: i32) {
    let last = bins.len() as i32 - 1;
    for (k, p) in row.iter_mut().enumerate() {
        bins[(first + k as i32).clamp(0, last) as usize] += std::mem::take(p).max(0.0);
    }
}

fn exact_masses(models: &Models, members: &[Member], bins: &mut [f64]) {
    let (first, reach) = models.masses.reach();
    let mut row = vec![0.0; reach];
    for chunk in members.chunks(GROUP) {
        let windows = || chunk.iter().map(|member| window(models, member));
        let low = windows().map(|window| window.start).max().unwrap_or(0);
        let high = windows().map(|window| window.end).min().unwrap_or(0);
        let group = models.masses.group(low.min(high)..high);
        for member in chunk {
            let offset = member.offsets.dust;
            models.masses.add_exactly(&mut row, &group, window(models, member), offset.part, member.p);
            put(bins, &mut row, first + offset.bin);
        }
    }
}

fn window_masses(models: &Models, members: &[Member], bins: &mut [f64]) {
    let share = |member: &Member| {
        let ((low, high), offset) = (models.rows.window[member.row], member.offsets.dust);
        Share { low, high, offset: f64::from(offset.bin) + f64::from(offset.part), p: member.p }
    };
    models.windows.add_to(bins, &members.iter().map(share).collect::<Vec<Share>>());
}

/// Hands each column the running sum at its rank.
fn spread(columns: &mut [f64], steps: &[f64], rank: &[i32]) {
    let mut running = 0.0f64;
    let sums: Vec<f64> = steps
        .iter()
        .map(|step| {
            running += step;
            running
        })
        .collect();
    for (column, &rank) in columns.iter_mut().zip(rank) {
        if let Some(&sum) = sums.get(rank as usize) {
            *column = sum;
        }
    }
}
