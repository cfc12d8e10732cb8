//! Where probabilities are gathered while rows are swept.

use crate::fit::grid::Bins;

/// Bins on each side of a row's reference that its own histogram of scales reaches.
const REACH: i32 = 2048;
/// Sub-bins of a bin of mass: which side of an edge of luminosity, and which of up to four bins of star formation.
const PARTS: i32 = 8;

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
    /// All of it.
    pub total: f64,
    /// `sum p (chi2 - reference)`, for the mean chi2.
    pub chi2: f64,
    /// The row in hand: by scale and by the sides of edges of the other two.
    scales: Vec<f64>,
    touched: (i32, i32),
}

/// The keys of 16 pairs: sub-bin of scale, bin of dust mass.
pub(crate) struct Keys {
    pub scale: [i32; 16],
    pub dust: [i32; 16],
}

/// `floor`, for lanes.
#[inline(always)]
fn floor(x: f32) -> i32 {
    let whole = x as i32;
    whole - i32::from((whole as f32) > x)
}

/// The keys of pairs whose scale is `10^log` times the row's reference.
#[inline(always)]
pub(crate) fn keys(offsets: &Offsets, last_dust: i32, log: &[f32; 16], mass_bin: &[i32], mass_part: &[f32]) -> Keys {
    let mut keys = Keys { scale: [0; 16], dust: [0; 16] };
    // A bin of luminosity begins within a bin of mass: before it counts as the bin below.
    let below = i32::from(offsets.luminosity.part < offsets.mass.part);
    let below_sfr = i32::from(offsets.sfr.part < offsets.mass.part);
    for i in 0..16 {
        let log = log[i];
        let mass = floor(log.mul_add(offsets.mass.scale, offsets.mass.part)).clamp(1 - REACH, REACH - 2);
        let luminosity = floor(log.mul_add(offsets.luminosity.scale, offsets.luminosity.part));
        let sfr = floor(log.mul_add(offsets.sfr.scale, offsets.sfr.part));
        let side = (luminosity - mass + below).clamp(0, 1);
        let step = (sfr - mass + below_sfr + 1).clamp(0, 3);
        keys.scale[i] = (mass + REACH) * PARTS + side * 4 + step;
        let dust = floor(log.mul_add(offsets.dust.scale, offsets.dust.part + mass_part[i]));
        keys.dust[i] = (offsets.dust.bin + mass_bin[i] + dust).clamp(0, last_dust);
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
            total: 0.0,
            chi2: 0.0,
            scales: vec![0.0; (2 * REACH * PARTS) as usize],
            touched: (i32::MAX, i32::MIN),
        }
    }

    /// Adds 16 pairs.
    #[inline(always)]
    pub(crate) fn add(&mut self, keys: &Keys, p: &[f32; 16]) {
        let (mut low, mut high) = self.touched;
        for i in 0..16 {
            let p = f64::from(p[i]);
            let key = keys.scale[i];
            low = if key < low { key } else { low };
            high = if key > high { key } else { high };
            self.scales[key as usize] += p;
            self.dust_mass[keys.dust[i] as usize] += p;
        }
        self.touched = (low, high);
    }

    /// Hands the row in hand on to the pixel's histograms.
    pub(crate) fn flush(&mut self, offsets: &Offsets) {
        let (low, high) = self.touched;
        if low > high {
            return;
        }
        let below = i32::from(offsets.luminosity.part < offsets.mass.part);
        let below_sfr = i32::from(offsets.sfr.part < offsets.mass.part);
        for key in low..=high {
            let p = std::mem::take(&mut self.scales[key as usize]);
            if p == 0.0 {
                continue;
            }
            let mass = key / PARTS - REACH;
            let luminosity = mass + (key % PARTS) / 4 - below;
            let sfr = mass + key % 4 - below_sfr - 1;
            put(&mut self.mass, offsets.mass.bin + mass, p);
            put(&mut self.luminosity, offsets.luminosity.bin + luminosity, p);
            put(&mut self.sfr, offsets.sfr.bin + sfr, p);
        }
        self.touched = (i32::MAX, i32::MIN);
    }

    /// Adds `p` to the row's scale `10^log` times its reference alone, whatever the dust.
    pub(crate) fn add_scale(&mut self, offsets: &Offsets, log: f32, p: f64) {
        for (bins, offset) in [
            (&mut self.mass, offsets.mass),
            (&mut self.luminosity, offsets.luminosity),
            (&mut self.sfr, offsets.sfr),
        ] {
            put(bins, offset.bin + floor(log * offset.scale + offset.part), p);
        }
    }

    /// Multiplies all by `factor`, when the reference chi2 moves.
    pub(crate) fn rescale(&mut self, factor: f64) {
        let parts = [
            &mut self.mass,
            &mut self.luminosity,
            &mut self.sfr,
            &mut self.dust_mass,
            &mut self.rows,
            &mut self.columns,
        ];
        for part in parts {
            for value in part.iter_mut() {
                *value *= factor;
            }
        }
        self.total *= factor;
        self.chi2 *= factor;
    }
}

fn put(bins: &mut [f64], bin: i32, p: f64) {
    let last = bins.len() as i32 - 1;
    if let Some(slot) = bins.get_mut(bin.clamp(0, last) as usize) {
        *slot += p;
    }
}
