//! One row against a slice of its compatible columns: the innermost loops.
//!
//! A leaf of 64 pairs goes through in stages, each a plain loop that becomes vectors at any width. A test in single
//! precision, `num^2 >= k den`, finds pairs below the threshold without a division; only leaves with such pairs are worked
//! out. Where the total is large, `S - num^2 / den` cancels, and these are worked out in double precision.
#![allow(clippy::needless_range_loop, reason = "lanes over several arrays at once")]

use crate::fit::bound::{Leaves, RowBound, bounds};
use crate::fit::likelihood::Likelihood;
use crate::fit::math::{exp2, log10};
use crate::fit::models::{Columns, LEAF, SLICE};
use crate::fit::prior::OfScale;
use crate::fit::tally::{Dusts, Offsets, RowTally, add, keys};
use crate::fit::weigh::Weighed;

/// The most mixed bands that have kernels of their own.
pub(crate) const MOST_MIXED: usize = 12;
/// What a penalty of 1 is in chi2.
pub(crate) const TWO_LN_2: f32 = 2.0 * std::f32::consts::LN_2;
/// Leaves in a slice.
const LEAVES: usize = SLICE / LEAF;

/// What a row is swept for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aim {
    /// The least chi2 alone.
    Least,
    /// The columns whose chi2, above the reference, is below this.
    Below(f32),
    /// All sums, and the least chi2.
    Sums,
}

/// A row and what its sweep needs of the pixel.
pub(crate) struct Row<'a> {
    pub weighed: &'a Weighed,
    pub columns: &'a Columns,
    pub leaves: &'a Leaves,
    pub bound: RowBound,
    /// `A`, `C`, `L`.
    pub a: f64,
    pub c: f64,
    pub luminosity: f64,
    /// `2 w s` for each mixed band.
    pub mixed: [f64; MOST_MIXED],
    /// First and one past the last rank.
    pub window: (u32, u32),
    /// Pairs above this chi2, in units of the total, are left out.
    pub threshold: f32,
    /// Reference chi2, not in units of the total.
    pub reference: f64,
    /// Reference scale.
    pub scale: f64,
    /// Offsets of the reference scale.
    pub offsets: Offsets,
    pub last_dust_bin: i32,
    pub likelihood: Likelihood,
    /// What priors take, where there are any.
    pub priors: Option<Priors<'a>>,
    /// Whether to work in double precision.
    pub wide: bool,
    /// Whether means of scales are wanted.
    pub means: bool,
}

/// What priors take from a row's pairs, as `-log2` of their weights.
pub(crate) struct Priors<'a> {
    /// From the row, above the reference pair's.
    pub row: f32,
    /// From each column; empty for nothing.
    pub columns: &'a [f32],
    /// By the scale.
    pub scale: OfScale,
}

/// What a sweep found.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    /// The least chi2, with `2 ln 2` times what priors take, above the reference's, in the order of whole numbers ([`ordered`]).
    pub least: i32,
    /// Sums of probability times chi2 above the reference, and times log10 of the scale over the reference scale, by lane.
    pub chi2: [f32; LEAF],
    pub log: [f32; LEAF],
    /// Pairs that were worked out.
    pub worked: u64,
    /// Pairs that were tested.
    pub tested: u64,
}

impl Found {
    pub(crate) fn nothing() -> Found {
        Found { least: i32::MAX, chi2: [0.0; LEAF], log: [0.0; LEAF], worked: 0, tested: 0 }
    }

    /// The least chi2 and penalty above the reference's; infinite where no pair passed.
    pub(crate) fn least(&self) -> f32 {
        if self.least == i32::MAX { f32::INFINITY } else { from_ordered(self.least) }
    }
}

/// Where a row's sweep leaves its sums.
pub(crate) struct Sums<'a> {
    pub row: &'a mut RowTally,
    pub columns: &'a mut [f64],
    pub dusts: &'a mut Dusts,
}

/// A whole number for each float, in the same order: vectors find the least of whole numbers, but not of floats.
#[inline(always)]
fn ordered(x: f32) -> i32 {
    let bits = x.to_bits() as i32;
    bits ^ ((bits >> 31) & i32::MAX)
}

fn from_ordered(bits: i32) -> f32 {
    f32::from_bits((bits ^ ((bits >> 31) & i32::MAX)) as u32)
}

#[inline(always)]
fn single<const M: usize>(values: &[f64; MOST_MIXED]) -> [f32; M] {
    let mut out = [0.0; M];
    for i in 0..M {
        out[i] = values[i] as f32;
    }
    out
}

/// A leaf of values from `at`; the columns are padded to whole leaves, so that there are so many.
#[inline(always)]
fn leaf_of<T>(values: &[T], at: usize) -> &[T; LEAF] {
    match values[at..].first_chunk() {
        Some(chunk) => chunk,
        None => unreachable!("columns are padded to whole leaves"),
    }
}

/// The pairs in hand: lane by lane.
struct Hand {
    num: [f32; LEAF],
    den: [f32; LEAF],
    /// All bits where a pair passes, else none.
    live: [u32; LEAF],
    chi2: [f32; LEAF],
    /// The scale over the row's reference.
    ratio: [f32; LEAF],
    /// log10 of it.
    log: [f32; LEAF],
    /// What priors take.
    penalty: [f32; LEAF],
}

impl Hand {
    #[inline(always)]
    fn new() -> Hand {
        let none = [0.0; LEAF];
        Hand { num: none, den: none, live: [0; LEAF], chi2: none, ratio: none, log: none, penalty: none }
    }
}

/// Which columns a row looks at, and how.
struct Test<const M: usize> {
    a: f32,
    c: f32,
    luminosity: f32,
    mixed: [f32; M],
    k: f32,
}

#[inline(always)]
fn test<const M: usize>(test: &Test<M>, weighed: &Weighed, at: usize, hand: &mut Hand) {
    let b: &[f32; LEAF] = leaf_of(&weighed.b_single, at);
    let e: &[f32; LEAF] = leaf_of(&weighed.e_single, at);
    let mut flux: [&[f32; LEAF]; M] = [&[0.0; LEAF]; M];
    for (slot, mixed) in flux.iter_mut().zip(&weighed.mixed) {
        *slot = leaf_of(&mixed.columns, at);
    }
    for i in 0..LEAF {
        let num = test.luminosity.mul_add(b[i], test.a);
        let mut den = test.luminosity * e[i];
        for band in 0..M {
            den = test.mixed[band].mul_add(flux[band][i], den);
        }
        let den = test.luminosity.mul_add(den, test.c);
        let num = if num > 0.0 { num } else { 0.0 };
        hand.num[i] = num;
        hand.den[i] = den;
        hand.live[i] = u32::from((num * num >= test.k * den) & (den > 0.0)).wrapping_neg();
    }
}

/// Works out a leaf in double precision.
#[inline(always)]
fn wide<const M: usize>(row: &Row, at: usize, hand: &mut Hand) {
    let weighed = row.weighed;
    let b: &[f64; LEAF] = leaf_of(&weighed.b, at);
    let e: &[f64; LEAF] = leaf_of(&weighed.e, at);
    let mut flux: [&[f64; LEAF]; M] = [&[0.0; LEAF]; M];
    for (slot, mixed) in flux.iter_mut().zip(&weighed.mixed) {
        *slot = leaf_of(&mixed.columns_double, at);
    }
    let excess = weighed.total - row.reference;
    let per_scale = 1.0 / row.scale;
    for i in 0..LEAF {
        let num = row.luminosity.mul_add(b[i], row.a);
        let mut den = row.luminosity * e[i];
        for band in 0..M {
            den = row.mixed[band].mul_add(flux[band][i], den);
        }
        let den = row.luminosity.mul_add(den, row.c);
        let num = if num > 0.0 { num } else { 0.0 };
        let scale = num / den;
        hand.chi2[i] = (-(weighed.total * num)).mul_add(scale, excess) as f32;
        hand.ratio[i] = (scale * per_scale) as f32;
    }
}

/// Works out a leaf in single precision from `num` and `den`.
#[inline(always)]
fn narrow(row: &Row, hand: &mut Hand) {
    let total = row.weighed.total as f32;
    let excess = (row.weighed.total - row.reference) as f32;
    let per_scale = (1.0 / row.scale) as f32;
    for i in 0..LEAF {
        let scale = hand.num[i] / hand.den[i];
        hand.chi2[i] = (-(total * hand.num[i])).mul_add(scale, excess);
        hand.ratio[i] = scale * per_scale;
    }
}

/// Works out what priors take from a leaf.
#[inline(always)]
fn penalise(priors: &Priors, columns: &Columns, at: usize, hand: &mut Hand) {
    let mass: &[f64; LEAF] = leaf_of(&columns.log_mass, at);
    for i in 0..LEAF {
        hand.penalty[i] = priors.row + priors.scale.penalty(hand.log[i], mass[i] as f32);
    }
    if !priors.columns.is_empty() {
        let taken: &[f32; LEAF] = leaf_of(priors.columns, at);
        for i in 0..LEAF {
            hand.penalty[i] += taken[i];
        }
    }
}

/// The body of a row's sweep over a slice for `M` mixed bands.
#[inline(always)]
fn sweep<const M: usize>(row: &Row, slice: usize, aim: Aim, sums: &mut Sums, below: &mut Vec<u32>, found: &mut Found) {
    let (weighed, columns) = (row.weighed, row.columns);
    let asked = Test {
        a: row.a as f32,
        c: row.c as f32,
        luminosity: row.luminosity as f32,
        mixed: single::<M>(&row.mixed),
        // chi2 / S <= t is num^2 >= (1 - t) den; a margin covers the rounding of single precision.
        k: 1.0 - row.threshold - 1e-6,
    };
    let mut hand = Hand::new();
    let first_leaf = slice * LEAVES;
    let count = LEAVES.min(row.leaves.left.len() - first_leaf);
    let mut bounds_of = [0.0f32; LEAVES];
    bounds(row.bound, row.leaves, first_leaf, &mut bounds_of[..count]);
    let limit = row.threshold + 1e-6;
    // Ranks lie in their slice; those of the first and last slice may be outside the window, and padding is.
    let ranks = (slice * SLICE) as u32..((slice + 1) * SLICE) as u32;
    let inside = row.window.0 <= ranks.start && ranks.end <= row.window.1;
    let (low, span) = (row.window.0 as i32, row.window.1 - row.window.0);
    let likelihood = row.likelihood;
    for leaf in 0..count {
        if bounds_of[leaf] > limit {
            continue;
        }
        let at = (first_leaf + leaf) * LEAF;
        found.tested += LEAF as u64;
        test::<M>(&asked, weighed, at, &mut hand);
        if !inside {
            let rank: &[i32; LEAF] = leaf_of(&columns.rank, at);
            for i in 0..LEAF {
                hand.live[i] &= u32::from((rank[i].wrapping_sub(low) as u32) < span).wrapping_neg();
            }
        }
        let mut any = 0;
        for i in 0..LEAF {
            any |= hand.live[i];
        }
        if any == 0 {
            continue;
        }
        found.worked += LEAF as u64;
        if row.wide {
            wide::<M>(row, at, &mut hand);
        } else {
            narrow(row, &mut hand);
        }
        if aim == Aim::Sums || row.priors.is_some() {
            for i in 0..LEAF {
                let ratio = if hand.ratio[i] > 1e-30 { hand.ratio[i] } else { 1e-30 };
                hand.log[i] = log10(ratio);
            }
        }
        let mut least = i32::MAX;
        if let Some(priors) = &row.priors {
            penalise(priors, columns, at, &mut hand);
            for i in 0..LEAF {
                let score = ordered(hand.penalty[i].mul_add(TWO_LN_2, hand.chi2[i]));
                let score = if hand.live[i] != 0 { score } else { i32::MAX };
                least = if score < least { score } else { least };
            }
        } else {
            for i in 0..LEAF {
                let score = ordered(hand.chi2[i]);
                let score = if hand.live[i] != 0 { score } else { i32::MAX };
                least = if score < least { score } else { least };
            }
        }
        found.least = if least < found.least { least } else { found.least };
        match aim {
            Aim::Least => {}
            Aim::Below(limit) => {
                let passes =
                    |i: &usize| hand.live[*i] != 0 && hand.penalty[*i].mul_add(TWO_LN_2, hand.chi2[*i]) < limit;
                below.extend((0..LEAF).filter(passes).map(|i| (at + i) as u32));
            }
            Aim::Sums => {
                let mut p = [0.0f32; LEAF];
                for i in 0..LEAF {
                    let above = hand.chi2[i];
                    let taken = hand.penalty[i];
                    let value = exp2(above.mul_add(likelihood.square.mul_add(above, likelihood.linear), -taken));
                    p[i] = f32::from_bits(value.to_bits() & hand.live[i]);
                }
                let log = &hand.log;
                let column = &mut sums.columns[at..at + LEAF];
                for i in 0..LEAF {
                    column[i] += f64::from(p[i]);
                }
                for i in 0..LEAF {
                    // Dead pairs may hold what is no number.
                    let chi2 = f32::from_bits(hand.chi2[i].to_bits() & hand.live[i]);
                    found.chi2[i] = p[i].mul_add(chi2, found.chi2[i]);
                }
                if row.means {
                    for i in 0..LEAF {
                        found.log[i] = p[i].mul_add(log[i], found.log[i]);
                    }
                }
                let keys = keys(
                    &row.offsets,
                    row.last_dust_bin,
                    log,
                    leaf_of(&columns.mass_bin, at),
                    leaf_of(&columns.mass_part, at),
                );
                add(sums.row, sums.dusts, &keys, &p);
            }
        }
    }
}

/// A kernel for each number of mixed bands.
macro_rules! kernels {
    ($($name:ident = $count:literal),*) => {
        $(pogson_lanes::lanes! {
            fn $name(row: &Row, slice: usize, aim: Aim, sums: &mut Sums, below: &mut Vec<u32>, found: &mut Found) {
                sweep::<$count>(row, slice, aim, sums, below, found)
            }
        })*

        /// Sweeps a row over a slice of columns; `below` gains the columns of [`Aim::Below`].
        pub(crate) fn sweep_slice(row: &Row, slice: usize, aim: Aim, sums: &mut Sums, below: &mut Vec<u32>, found: &mut Found) {
            match row.weighed.mixed.len() {
                $($count => $name(row, slice, aim, sums, below, found),)*
                _ => {}
            }
        }
    };
}

kernels!(
    sweep_0 = 0,
    sweep_1 = 1,
    sweep_2 = 2,
    sweep_3 = 3,
    sweep_4 = 4,
    sweep_5 = 5,
    sweep_6 = 6,
    sweep_7 = 7,
    sweep_8 = 8,
    sweep_9 = 9,
    sweep_10 = 10,
    sweep_11 = 11,
    sweep_12 = 12
);
