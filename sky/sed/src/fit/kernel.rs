//! One row against all its compatible columns: the innermost loops.
//!
//! A test in single precision, `num^2 >= k den`, finds pairs below the threshold without a division; only leaves of 16 with
//! such pairs are worked out. Where the total is large, `S - num^2 / den` cancels, and these are worked out in double
//! precision.
#![allow(clippy::needless_range_loop, reason = "lanes over several arrays at once")]

use crate::fit::bound::{Leaves, RowBound, bounds};
use crate::fit::likelihood::Likelihood;
use crate::fit::math::{exp2, log10};
use crate::fit::models::{Columns, LEAF};
use crate::fit::tally::{Offsets, Tally, keys};
use crate::fit::weigh::Weighed;

/// The most mixed bands that have kernels of their own.
pub(crate) const MOST_MIXED: usize = 12;

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
    /// Leaves to look at.
    pub first_leaf: usize,
    pub leaf_count: usize,
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
    /// Whether to work in double precision.
    pub wide: bool,
    /// Look for the least chi2 alone.
    pub scout: bool,
    /// Whether means of scales are wanted.
    pub means: bool,
}

/// What a sweep found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    /// Sum of probabilities.
    pub total: f64,
    /// Sum of probability times chi2 above the reference.
    pub chi2: f64,
    /// Sum of probability times log10 of the scale over the reference scale.
    pub log: f64,
    /// Pairs that were worked out.
    pub worked: u64,
    /// Pairs that were tested.
    pub tested: u64,
}

/// The least chi2 that was seen, above the reference, and where: candidates to be looked at in double precision.
pub(crate) struct Candidates {
    /// Pairs below this are candidates.
    pub below: f32,
    /// Column of each.
    pub columns: Vec<u32>,
}

/// What of a pair does not hang on its precision: chi2 above the reference, and the scale over the row's reference.
struct Pairs {
    chi2: [f32; 16],
    ratio: [f32; 16],
}

#[inline(always)]
fn single<const M: usize>(values: &[f64; MOST_MIXED]) -> [f32; M] {
    let mut out = [0.0; M];
    for i in 0..M {
        out[i] = values[i] as f32;
    }
    out
}

/// `N` values from `at`; the columns are padded to whole leaves, so that there are so many.
#[inline(always)]
fn part<T, const N: usize>(values: &[T], at: usize) -> &[T; N] {
    match values[at..].first_chunk() {
        Some(chunk) => chunk,
        None => unreachable!("columns are padded to whole leaves"),
    }
}

/// `num`, `den` and whether each pair passes, for a leaf of columns from `at`.
struct Leaf {
    num: [f32; LEAF],
    den: [f32; LEAF],
    live: [u32; LEAF],
}

/// Which columns a row looks at, and how.
struct Test<const M: usize> {
    a: f32,
    c: f32,
    luminosity: f32,
    mixed: [f32; M],
    k: f32,
    low: i32,
    span: u32,
}

#[inline(always)]
fn test<const M: usize>(test: &Test<M>, weighed: &Weighed, columns: &Columns, at: usize, leaf: &mut Leaf) {
    let b: &[f32; LEAF] = part(&weighed.b_single, at);
    let e: &[f32; LEAF] = part(&weighed.e_single, at);
    let rank: &[i32; LEAF] = part(&columns.rank, at);
    let mut flux: [&[f32; LEAF]; M] = [&[0.0; LEAF]; M];
    for (slot, mixed) in flux.iter_mut().zip(&weighed.mixed) {
        *slot = part(&mixed.columns, at);
    }
    for i in 0..LEAF {
        let num = test.luminosity.mul_add(b[i], test.a);
        let mut den = test.luminosity * e[i];
        for band in 0..M {
            den = test.mixed[band].mul_add(flux[band][i], den);
        }
        let den = test.luminosity.mul_add(den, test.c);
        let num = if num > 0.0 { num } else { 0.0 };
        let inside = (rank[i].wrapping_sub(test.low) as u32) < test.span;
        leaf.num[i] = num;
        leaf.den[i] = den;
        leaf.live[i] = u32::from(num * num >= test.k * den) & u32::from(inside);
    }
}

/// The least of 16, by halves.
#[inline(always)]
fn least_of(mut values: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            values[i] = if values[i + half] < values[i] { values[i + half] } else { values[i] };
        }
    }
    values[0]
}

/// Works out 16 pairs in double precision.
#[inline(always)]
fn wide<const M: usize>(row: &Row, at: usize) -> Pairs {
    let weighed = row.weighed;
    let b: &[f64; 16] = part(&weighed.b, at);
    let e: &[f64; 16] = part(&weighed.e, at);
    let (mut num, mut den) = ([0.0f64; 16], [0.0f64; 16]);
    for i in 0..16 {
        num[i] = row.luminosity.mul_add(b[i], row.a);
        den[i] = row.luminosity * e[i];
    }
    for (band, mixed) in weighed.mixed.iter().enumerate().take(M) {
        let flux: &[f64; 16] = part(&mixed.columns_double, at);
        for i in 0..16 {
            den[i] = row.mixed[band].mul_add(flux[i], den[i]);
        }
    }
    let mut pairs = Pairs { chi2: [0.0; 16], ratio: [0.0; 16] };
    let excess = weighed.total - row.reference;
    let per_scale = 1.0 / row.scale;
    for i in 0..16 {
        let den = row.luminosity.mul_add(den[i], row.c);
        let num = if num[i] > 0.0 { num[i] } else { 0.0 };
        let scale = num / den;
        pairs.chi2[i] = (-(weighed.total * num)).mul_add(scale, excess) as f32;
        pairs.ratio[i] = (scale * per_scale) as f32;
    }
    pairs
}

/// Works out 16 pairs in single precision from `num` and `den`.
#[inline(always)]
fn narrow(row: &Row, num: &[f32; 16], den: &[f32; 16]) -> Pairs {
    let total = row.weighed.total as f32;
    let excess = (row.weighed.total - row.reference) as f32;
    let per_scale = (1.0 / row.scale) as f32;
    let mut pairs = Pairs { chi2: [0.0; 16], ratio: [0.0; 16] };
    for i in 0..16 {
        let scale = num[i] / den[i];
        pairs.chi2[i] = (-(total * num[i])).mul_add(scale, excess);
        pairs.ratio[i] = scale * per_scale;
    }
    pairs
}

/// The body of a row's sweep for `M` mixed bands.
#[inline(always)]
fn sweep<const M: usize>(row: &Row, tally: &mut Tally, candidates: &mut Candidates, bounds_of: &mut [f32]) -> Found {
    let (weighed, columns) = (row.weighed, row.columns);
    let asked = Test {
        a: row.a as f32,
        c: row.c as f32,
        luminosity: row.luminosity as f32,
        mixed: single::<M>(&row.mixed),
        // chi2 / S <= t is num^2 >= (1 - t) den; a margin covers the rounding of single precision.
        k: 1.0 - row.threshold - 1e-6,
        low: row.window.0 as i32,
        span: row.window.1 - row.window.0,
    };
    let mut tested = Leaf { num: [0.0; LEAF], den: [0.0; LEAF], live: [0; LEAF] };
    let likelihood = row.likelihood;
    let bounds_of = &mut bounds_of[..row.leaf_count];
    bounds(row.bound, row.leaves, row.first_leaf, bounds_of);
    let limit = row.threshold + 1e-6;
    let mut found = Found::default();
    let mut lanes_total = [0.0f64; 16];
    let mut lanes_chi2 = [0.0f64; 16];
    let mut lanes_log = [0.0f64; 16];
    for leaf in 0..row.leaf_count {
        if bounds_of[leaf] > limit {
            continue;
        }
        let start = (row.first_leaf + leaf) * LEAF;
        found.tested += LEAF as u64;
        test::<M>(&asked, weighed, columns, start, &mut tested);
        for group in 0..LEAF / 16 {
            let at = start + group * 16;
            let live: &[u32; 16] = part(&tested.live, group * 16);
            if live.iter().fold(0, |any, bit| any | bit) == 0 {
                continue;
            }
            found.worked += 16;
            let pairs = if row.wide {
                wide::<M>(row, at)
            } else {
                narrow(row, part(&tested.num, group * 16), part(&tested.den, group * 16))
            };
            let mut least = [f32::INFINITY; 16];
            for i in 0..16 {
                least[i] = if live[i] != 0 { pairs.chi2[i] } else { f32::INFINITY };
            }
            let least = least_of(least);
            if least < candidates.below {
                for i in 0..16 {
                    if live[i] != 0 && pairs.chi2[i] < candidates.below {
                        candidates.columns.push((at + i) as u32);
                    }
                }
            }
            if row.scout {
                continue;
            }
            let (mut p, mut log) = ([0.0f32; 16], [0.0f32; 16]);
            for i in 0..16 {
                let above = pairs.chi2[i];
                let value = exp2(above * likelihood.square.mul_add(above, likelihood.linear));
                p[i] = if live[i] != 0 { value } else { 0.0 };
                let ratio = if pairs.ratio[i] > 1e-30 { pairs.ratio[i] } else { 1e-30 };
                log[i] = log10(ratio);
            }
            let column = &mut tally.columns[at..at + 16];
            let mut double = [0.0f64; 16];
            for i in 0..16 {
                double[i] = f64::from(p[i]);
                column[i] += double[i];
                lanes_total[i] += double[i];
                lanes_chi2[i] = double[i].mul_add(f64::from(pairs.chi2[i]), lanes_chi2[i]);
            }
            if row.means {
                for i in 0..16 {
                    lanes_log[i] = double[i].mul_add(f64::from(log[i]), lanes_log[i]);
                }
            }
            let keys =
                keys(&row.offsets, row.last_dust_bin, &log, part(&columns.mass_bin, at), part(&columns.mass_part, at));
            tally.add(&keys, &double);
        }
    }
    for lane in 0..16 {
        found.total += lanes_total[lane];
        found.chi2 += lanes_chi2[lane];
        found.log += lanes_log[lane];
    }
    found
}

/// A kernel for each number of mixed bands.
macro_rules! kernels {
    ($($name:ident = $count:literal),*) => {
        $(pogson_lanes::lanes! {
            fn $name(row: &Row, tally: &mut Tally, candidates: &mut Candidates, bounds_of: &mut [f32]) -> Found {
                sweep::<$count>(row, tally, candidates, bounds_of)
            }
        })*

        /// Sweeps a row.
        pub(crate) fn sweep_row(row: &Row, tally: &mut Tally, candidates: &mut Candidates, bounds_of: &mut [f32]) -> Found {
            match row.weighed.mixed.len() {
                $($count => $name(row, tally, candidates, bounds_of),)*
                _ => Found::default(),
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
