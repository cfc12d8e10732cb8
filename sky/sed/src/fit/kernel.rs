//! One row against all its compatible columns: the innermost loops.
//!
//! A test in single precision, `num^2 >= k den`, finds pairs below the threshold without a division; only leaves of 16 with
//! such pairs are worked out. Where the total is large, `S - num^2 / den` cancels, and these are worked out in double
//! precision.

use crate::fit::bound::{Leaves, RowBound, bounds};
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
    /// Place among rows.
    pub row: usize,
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
    /// Whether to work in double precision.
    pub wide: bool,
    /// Look for the least chi2 alone.
    pub scout: bool,
}

/// What a sweep found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    /// Sum of probabilities.
    pub total: f64,
    /// Sum of probability times chi2 above the reference.
    pub chi2: f64,
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

/// `num` and `den` of 16 columns in single precision.
#[inline(always)]
fn terms<const M: usize>(row: (f32, f32, f32), mixed: &[f32; M], flux: &[&[f32]; M], b: &[f32], e: &[f32]) -> ([f32; 16], [f32; 16]) {
    let (a, c, l) = row;
    let (mut num, mut den) = ([0.0; 16], [0.0; 16]);
    let b: &[f32; 16] = b.try_into().unwrap_or(&[0.0; 16]);
    let e: &[f32; 16] = e.try_into().unwrap_or(&[0.0; 16]);
    for i in 0..16 {
        num[i] = l.mul_add(b[i], a);
        den[i] = l * e[i];
    }
    for band in 0..M {
        let flux: &[f32; 16] = flux[band].try_into().unwrap_or(&[0.0; 16]);
        for i in 0..16 {
            den[i] = mixed[band].mul_add(flux[i], den[i]);
        }
    }
    for i in 0..16 {
        den[i] = l.mul_add(den[i], c);
    }
    (num, den)
}

/// Works out 16 pairs in double precision.
#[inline(always)]
fn wide<const M: usize>(row: &Row, at: usize) -> Pairs {
    let weighed = row.weighed;
    let b = &weighed.b[at..at + 16];
    let e = &weighed.e[at..at + 16];
    let (mut num, mut den) = ([0.0f64; 16], [0.0f64; 16]);
    for i in 0..16 {
        num[i] = row.luminosity.mul_add(b[i], row.a);
        den[i] = row.luminosity * e[i];
    }
    for (band, mixed) in weighed.mixed.iter().enumerate().take(M) {
        let flux = &mixed.columns_double[at..at + 16];
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
        let num = if num[i] > 0.0 { num[i] } else { 0.0 };
        let scale = num / den[i];
        pairs.chi2[i] = (-(total * num)).mul_add(scale, excess);
        pairs.ratio[i] = scale * per_scale;
    }
    pairs
}

/// The body of a row's sweep for `M` mixed bands.
#[inline(always)]
fn sweep<const M: usize>(row: &Row, tally: &mut Tally, candidates: &mut Candidates, bounds_of: &mut [f32]) -> Found {
    let (weighed, columns) = (row.weighed, row.columns);
    let mixed = single::<M>(&row.mixed);
    let terms_row = (row.a as f32, row.c as f32, row.luminosity as f32);
    // chi2 / S <= t is num^2 >= (1 - t) den; a margin covers the rounding of single precision.
    let k = 1.0 - row.threshold - 1e-6;
    let (low, span) = (row.window.0 as i32, row.window.1 - row.window.0);
    let bounds_of = &mut bounds_of[..row.leaf_count];
    bounds(row.bound, row.leaves, row.first_leaf, bounds_of);
    let limit = row.threshold + 1e-6;
    let mut found = Found::default();
    let mut lanes_total = [0.0f64; 16];
    let mut lanes_chi2 = [0.0f64; 16];
    for leaf in 0..row.leaf_count {
        if bounds_of[leaf] > limit {
            continue;
        }
        let start = (row.first_leaf + leaf) * LEAF;
        found.tested += LEAF as u64;
        for at in (start..start + LEAF).step_by(16) {
            let mut flux: [&[f32]; M] = [&[]; M];
            for (slot, mixed) in flux.iter_mut().zip(&weighed.mixed) {
                *slot = &mixed.columns[at..at + 16];
            }
            let (num, den) = terms::<M>(terms_row, &mixed, &flux, &weighed.b_single[at..at + 16], &weighed.e_single[at..at + 16]);
            let rank = &columns.rank[at..at + 16];
            let mut live = [0u32; 16];
            let mut any = 0;
            for i in 0..16 {
                let square = if num[i] > 0.0 { num[i] * num[i] } else { 0.0 };
                let inside = (rank[i].wrapping_sub(low) as u32) < span;
                live[i] = u32::from(square >= k * den[i]) & u32::from(inside);
            }
            for &bit in &live {
                any |= bit;
            }
            if any == 0 {
                continue;
            }
            found.worked += 16;
            let pairs = if row.wide { wide::<M>(row, at) } else { narrow(row, &num, &den) };
            let mut least = f32::INFINITY;
            for i in 0..16 {
                let chi2 = if live[i] != 0 { pairs.chi2[i] } else { f32::INFINITY };
                least = if chi2 < least { chi2 } else { least };
            }
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
                let value = exp2(pairs.chi2[i] * (-0.5 * std::f32::consts::LOG2_E));
                p[i] = if live[i] != 0 { value } else { 0.0 };
                let ratio = if pairs.ratio[i] > 1e-30 { pairs.ratio[i] } else { 1e-30 };
                log[i] = log10(ratio);
            }
            let column = &mut tally.columns[at..at + 16];
            for i in 0..16 {
                let p = f64::from(p[i]);
                column[i] += p;
                lanes_total[i] += p;
                lanes_chi2[i] = p.mul_add(f64::from(pairs.chi2[i]), lanes_chi2[i]);
            }
            let keys = keys(&row.offsets, row.last_dust_bin, &log, &columns.mass_bin[at..at + 16], &columns.mass_part[at..at + 16]);
            tally.add(&keys, &p);
        }
    }
    for (total, chi2) in lanes_total.iter().zip(&lanes_chi2) {
        found.total += total;
        found.chi2 += chi2;
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
