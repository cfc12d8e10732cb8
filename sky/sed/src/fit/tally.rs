//! Where probabilities are gathered while rows are swept.
#![allow(
    clippy::needless_range_loop,
    clippy::manual_clamp,
    reason = "lanes over several arrays at once; clamp asserts, which keeps loops from being vectors"
)]

use crate::fit::grid::Bins;
use crate::fit::models::LEAF;

/// Bins on each side of a row's reference that its own histogram of scales reaches.
const REACH: i32 = 2048;
/// Sub-bins of a bin of mass: which side of an edge of luminosity, and which of up to four bins of star formation.
const PARTS: i32 = 8;
/// Copies of each histogram, so that neighbours that fall into one bin need not wait for each other.
const COPIES: usize = 4;
/// Size of a row's own histogram, and of that of dust mass: powers of two, so that a masked index is within.
const SCALES: usize = 2 * REACH as usize * PARTS as usize;
const DUSTS: usize = 4096;

/// A row's offsets into the fine bins of the four parameters that hang on the scale.
#[derive(Clone, Copy, Default)]
pub(crate) struct Offset {
    /// The bin of the row's reference.
    pub bin: i32,
    /// Its place within the bin, 0..1.
    pub part: f32,
    /// Bins per decade.
    pub scale: f32,
}

impl Offset {
    /// Where `log10` of the reference lies.
    pub(crate) fn new(bins: &Bins, log: f64) -> Offset {
        let place = bins.position(log).clamp(-1e6, 1e6);
        Offset { bin: place.floor() as i32, part: (place - place.floor()) as f32, scale: bins.scale() as f32 }
    }
}

/// A row's offsets.
#[derive(Clone, Copy, Default)]
pub(crate) struct Offsets {
    pub mass: Offset,
    pub luminosity: Offset,
    pub sfr: Offset,
    pub dust: Offset,
}

/// The sums of a pixel's fit, in units of the likelihood at the reference chi2.
pub(crate) struct Tally {
    pub mass: Vec<f64>,
    pub luminosity: Vec<f64>,
    pub sfr: Vec<f64>,
    pub dust_mass: Vec<f64>,
    /// Probability of each row and column.
    pub rows: Vec<f64>,
    pub columns: Vec<f64>,
    /// Sum of probability times log10 of the stellar mass, by row.
    pub row_logs: Vec<f64>,
    /// All of it.
    pub total: f64,
    /// `sum p (chi2 - reference)`, for the mean chi2.
    pub chi2: f64,
}

/// The probability of one row by scale and by the sides of edges of luminosity and star formation rate. Single precision
/// holds a row's few thousand pairs.
pub(crate) struct RowTally {
    scales: Box<[f32; SCALES * COPIES]>,
    low: i32,
    high: i32,
}

/// The probability of a few rows by dust mass.
pub(crate) struct Dusts {
    bins: Box<[f32; DUSTS * COPIES]>,
    low: i32,
    high: i32,
}

/// The keys of a leaf's pairs: sub-bin of scale, bin of dust mass.
pub(crate) struct Keys {
    pub scale: [i32; LEAF],
    pub dust: [i32; LEAF],
}

/// `floor` for `x` within 2^21 of 0, for lanes. Adding 1.5 * 2^23 rounds to the nearest whole number and leaves it in the
/// low bits; the half that is taken away first is a little short, so that whole numbers stay what they are.
#[inline(always)]
fn floor(x: f32) -> i32 {
    const ROUND: f32 = 12_582_912.0;
    const HALF: f32 = 0.499_999_97;
    ((x - HALF) + ROUND).to_bits() as i32 - ROUND.to_bits() as i32
}

/// The keys of a leaf's pairs whose scale is `10^log` times the row's reference.
#[inline(always)]
pub(crate) fn keys(
    offsets: &Offsets,
    last_dust: i32,
    log: &[f32; LEAF],
    mass_bin: &[i32; LEAF],
    mass_part: &[f32; LEAF],
) -> Keys {
    // A bin of luminosity begins within a bin of mass: before it counts as the bin below.
    let below = i32::from(offsets.luminosity.part < offsets.mass.part);
    let below_sfr = i32::from(offsets.sfr.part < offsets.mass.part) + 1;
    let (mut mass, mut luminosity, mut sfr) = ([0i32; LEAF], [0i32; LEAF], [0i32; LEAF]);
    let mut dust = [0i32; LEAF];
    for i in 0..LEAF {
        mass[i] = floor(log[i].mul_add(offsets.mass.scale, offsets.mass.part)).max(1 - REACH).min(REACH - 2);
    }
    for i in 0..LEAF {
        luminosity[i] = floor(log[i].mul_add(offsets.luminosity.scale, offsets.luminosity.part));
    }
    for i in 0..LEAF {
        sfr[i] = floor(log[i].mul_add(offsets.sfr.scale, offsets.sfr.part));
    }
    for i in 0..LEAF {
        dust[i] = floor(log[i].mul_add(offsets.dust.scale, offsets.dust.part + mass_part[i]));
    }
    let mut keys = Keys { scale: [0; LEAF], dust: [0; LEAF] };
    for i in 0..LEAF {
        let side = (luminosity[i] - mass[i] + below).max(0).min(1);
        let step = (sfr[i] - mass[i] + below_sfr).max(0).min(3);
        keys.scale[i] = (mass[i] + REACH) * PARTS + side * 4 + step;
    }
    for i in 0..LEAF {
        keys.dust[i] = (offsets.dust.bin + mass_bin[i] + dust[i]).max(0).min(last_dust);
    }
    keys
}

impl Tally {
    pub(crate) fn new(mass: &Bins, luminosity: &Bins, sfr: &Bins, dust: &Bins, rows: usize, columns: usize) -> Tally {
        Tally {
            mass: vec![0.0; mass.len()],
            luminosity: vec![0.0; luminosity.len()],
            sfr: vec![0.0; sfr.len()],
            dust_mass: vec![0.0; dust.len()],
            rows: vec![0.0; rows],
            columns: vec![0.0; columns],
            row_logs: vec![0.0; rows],
            total: 0.0,
            chi2: 0.0,
        }
    }

    /// Adds `p` to the row's scale `10^log` times its reference alone, whatever the dust.
    pub(crate) fn add_scale(&mut self, offsets: &Offsets, log: f32, p: f64) {
        for (bins, offset) in
            [(&mut self.mass, offsets.mass), (&mut self.luminosity, offsets.luminosity), (&mut self.sfr, offsets.sfr)]
        {
            put(bins, offset.bin + floor(log * offset.scale + offset.part), p);
        }
    }
}

impl RowTally {
    pub(crate) fn new() -> RowTally {
        RowTally { scales: boxed(), low: i32::MAX, high: i32::MIN }
    }

    /// Hands the row on to the pixel's histograms, and tells its sum.
    pub(crate) fn flush(&mut self, offsets: &Offsets, tally: &mut Tally) -> f64 {
        let below = i32::from(offsets.luminosity.part < offsets.mass.part);
        let below_sfr = i32::from(offsets.sfr.part < offsets.mass.part);
        let mut sum = 0.0;
        for key in self.low..=self.high {
            let p = taken(&mut *self.scales, key as usize);
            if p == 0.0 {
                continue;
            }
            sum += p;
            let mass = key / PARTS - REACH;
            let luminosity = mass + (key % PARTS) / 4 - below;
            let sfr = mass + key % 4 - below_sfr - 1;
            put(&mut tally.mass, offsets.mass.bin + mass, p);
            put(&mut tally.luminosity, offsets.luminosity.bin + luminosity, p);
            put(&mut tally.sfr, offsets.sfr.bin + sfr, p);
        }
        (self.low, self.high) = (i32::MAX, i32::MIN);
        sum
    }
}

impl Dusts {
    pub(crate) fn new() -> Dusts {
        Dusts { bins: boxed(), low: i32::MAX, high: i32::MIN }
    }

    /// Hands the dust masses on to the pixel's histogram.
    pub(crate) fn flush(&mut self, tally: &mut Tally) {
        for key in self.low..=self.high {
            let p = taken(&mut *self.bins, key as usize);
            put(&mut tally.dust_mass, key, p);
        }
        (self.low, self.high) = (i32::MAX, i32::MIN);
    }
}

/// Adds a leaf's pairs to their row and to the dust masses.
#[inline(always)]
pub(crate) fn add(row: &mut RowTally, dusts: &mut Dusts, keys: &Keys, p: &[f32; LEAF]) {
    (row.low, row.high) = reached((row.low, row.high), &keys.scale);
    (dusts.low, dusts.high) = reached((dusts.low, dusts.high), &keys.dust);
    let (mut scale, mut dust) = ([0usize; LEAF], [0usize; LEAF]);
    for i in 0..LEAF {
        scale[i] = keys.scale[i] as u32 as usize * COPIES + i % COPIES;
        dust[i] = keys.dust[i] as u32 as usize * COPIES + i % COPIES;
    }
    for i in 0..LEAF {
        row.scales[scale[i] % (SCALES * COPIES)] += p[i];
        dusts.bins[dust[i] % (DUSTS * COPIES)] += p[i];
    }
}

/// The range of keys with those of a leaf.
#[inline(always)]
fn reached((mut low, mut high): (i32, i32), keys: &[i32; LEAF]) -> (i32, i32) {
    for i in 0..LEAF {
        low = if keys[i] < low { keys[i] } else { low };
        high = if keys[i] > high { keys[i] } else { high };
    }
    (low, high)
}

/// The sum of a bin's copies, which are zeroed.
fn taken(bins: &mut [f32], bin: usize) -> f64 {
    let copies = &mut bins[bin * COPIES..(bin + 1) * COPIES];
    let sum = copies.iter().map(|&p| f64::from(p)).sum();
    copies.fill(0.0);
    sum
}

/// Zeros on the heap.
fn boxed<const N: usize>() -> Box<[f32; N]> {
    match vec![0.0; N].into_boxed_slice().try_into() {
        Ok(zeros) => zeros,
        Err(_) => Box::new([0.0; N]),
    }
}

fn put(bins: &mut [f64], bin: i32, p: f64) {
    let last = bins.len() as i32 - 1;
    if let Some(slot) = bins.get_mut(bin.clamp(0, last) as usize) {
        *slot += p;
    }
}
