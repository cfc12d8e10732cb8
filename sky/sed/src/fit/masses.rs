//! The bins of dust mass of many models at once, exactly, for pixels whose dust models all share their stellar model's
//! probability.
//!
//! A stellar model's dust masses are those of its window times one factor: its histogram is that of `log10 mass` moved by
//! an offset. Positions are in units of a bin with 18 bits of fraction; 6 of these make the phase.
//! Which models a move carries into the next bin follows from the phase but for those of one phase, which are looked at
//! one by one.

use std::ops::Range;

/// Bits of a position below the bin.
const FRACTION: i32 = 18;
/// One bin.
const BIN: i32 = 1 << FRACTION;
/// Bits of the phase of a group.
const PHASE: i32 = 6;

/// `log10` of mass per luminosity of each dust model, in order of f_mu.
pub(crate) struct Masses {
    /// In bins, with [`FRACTION`] bits behind the point.
    position: Vec<i32>,
    /// The lowest bin, and how many bins there are from there.
    first: i32,
    bins: usize,
}

pogson_lanes::lanes! {
    /// Adds `p` for each of `below` to `bins`, and for each of the rest of `all` to the bin above.
    fn add_moved(bins: &mut [f64], below: &[f32], all: &[f32], p: f64) {
        for ((bin, &below), _) in bins.iter_mut().zip(below).zip(all) {
            *bin = p.mul_add(f64::from(below), *bin);
        }
        for ((bin, &below), &all) in bins[1..].iter_mut().zip(below).zip(all) {
            *bin = p.mul_add(f64::from(all - below), *bin);
        }
    }
}

/// The models that a group of stellar models share, by phase and bin.
pub(crate) struct Group {
    core: Range<usize>,
    /// `[phase][bin]`: models of a lower phase.
    below: Vec<f32>,
    /// Models in order of their phase, and where each phase begins.
    ordered: Vec<i32>,
    begins: Vec<usize>,
}

impl Masses {
    /// `places`: of each model in bins, by rank.
    pub(crate) fn new(places: &[f64]) -> Masses {
        let position: Vec<i32> = places.iter().map(|place| libm::floor(place * f64::from(BIN)) as i32).collect();
        let low = position.iter().copied().min().unwrap_or(0) >> FRACTION;
        let high = position.iter().copied().max().unwrap_or(0) >> FRACTION;
        Masses { position, first: low, bins: (high - low) as usize + 1 }
    }

    /// Number of bins that a row's masses may reach, and the first of them before a row's offset.
    pub(crate) fn reach(&self) -> (i32, usize) {
        (self.first, self.bins + 1)
    }

    /// What rows whose windows all hold `core` share.
    pub(crate) fn group(&self, core: Range<usize>) -> Group {
        let phases = 1usize << PHASE;
        let phase_of = |position: i32| ((position >> (FRACTION - PHASE)) & (phases as i32 - 1)) as usize;
        let mut below = vec![0.0f32; (phases + 1) * self.bins];
        let mut begins = vec![0usize; phases + 1];
        for &position in &self.position[core.clone()] {
            let phase = phase_of(position);
            begins[phase + 1] += 1;
            below[(phase + 1) * self.bins + ((position >> FRACTION) - self.first) as usize] += 1.0;
        }
        for phase in 0..phases {
            begins[phase + 1] += begins[phase];
            let (before, now) = below.split_at_mut((phase + 1) * self.bins);
            for (now, before) in now[..self.bins].iter_mut().zip(&before[phase * self.bins..]) {
                *now += before;
            }
        }
        let mut next = begins.clone();
        let mut ordered = vec![0; core.len()];
        for &position in &self.position[core.clone()] {
            let slot = &mut next[phase_of(position)];
            ordered[*slot] = position;
            *slot += 1;
        }
        Group { core, below, ordered, begins }
    }

    /// Adds `p` for each model of `ranks`, moved by `part` of a bin, to `bins`, whose first is `self.first`: exactly.
    pub(crate) fn add_exactly(&self, bins: &mut [f64], group: &Group, ranks: Range<usize>, part: f32, p: f64) {
        let offset = (f64::from(part) * f64::from(BIN)) as i32;
        let limit = BIN - offset;
        if !group.core.is_empty() {
            let phase = (limit >> (FRACTION - PHASE)) as usize;
            let all = &group.below[(1 << PHASE) * self.bins..];
            add_moved(bins, &group.below[phase * self.bins..(phase + 1) * self.bins], all, p);
            let of_phase = group.begins.get(phase + 1).map_or(&[][..], |&end| &group.ordered[group.begins[phase]..end]);
            for &position in of_phase {
                if position & (BIN - 1) < limit {
                    let bin = ((position >> FRACTION) - self.first) as usize;
                    bins[bin] += p;
                    bins[bin + 1] -= p;
                }
            }
        }
        let (before, after) = if group.core.is_empty() {
            (ranks.clone(), 0..0)
        } else {
            (ranks.start..group.core.start, group.core.end..ranks.end)
        };
        for &position in self.position[before].iter().chain(&self.position[after]) {
            bins[(((position + offset) >> FRACTION) - self.first) as usize] += p;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positions without order, by a fixed recurrence.
    fn places(count: usize) -> Vec<f64> {
        let mut state = 12345u64;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 11) as f64 / (1u64 << 53) as f64 * 300.0 - 700.0
            })
            .collect()
    }

    fn plainly(places: &[f64], ranks: Range<usize>, part: f64, first: i32, bins: usize) -> Vec<f64> {
        let mut out = vec![0.0; bins];
        for place in &places[ranks] {
            out[((place + part).floor() as i32 - first) as usize] += 1.0;
        }
        out
    }

    #[test]
    fn a_group_gives_what_the_plain_loop_gives() {
        let places = places(5000);
        let masses = Masses::new(&places);
        let (first, bins) = masses.reach();
        for (ranks, core, part) in
            [(100..4000, 300..3900, 0.3f32), (0..5000, 0..5000, 0.999), (7..9, 0..0, 0.5), (40..900, 40..900, 0.0)]
        {
            let group = masses.group(core);
            let mut sums = vec![0.0; bins];
            masses.add_exactly(&mut sums, &group, ranks.clone(), part, 1.0);
            let plain = plainly(&places, ranks, f64::from(part), first, bins);
            // Positions keep 18 bits behind the point: at most one model in 2^18 lies so near to an edge.
            let off: f64 = sums.iter().zip(&plain).map(|(a, b)| (a - b).abs()).sum();
            assert!(off <= 2.0, "{off}");
        }
    }
}
