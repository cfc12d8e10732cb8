//! The inner loops: spectra of many models over one stretch of wavelengths, and what bands and dust take of them.

use pogson_lanes::lanes;

use super::exponential::exp_negative;
use super::tile::{LANES, Stretch, Tile, VECTORS};

/// One model's stars: terms of the sum over the table's spectra.
#[derive(Debug, Clone, Default)]
pub(super) struct Mix {
    /// Place in the table and mass formed, of stars in birth clouds.
    pub(super) young: Vec<(u32, f64)>,
    /// The same of older stars.
    pub(super) old: Vec<(u32, f64)>,
    /// Optical depth of birth clouds in V.
    pub(super) clouds: f64,
    /// Optical depth of the diffuse medium in V.
    pub(super) diffuse: f64,
}

/// One model's sums, by lane.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    /// Light that birth clouds take, Lsun.
    pub(super) clouds: [f64; LANES],
    /// Light that the diffuse medium takes, Lsun.
    pub(super) diffuse: [f64; LANES],
    /// Flux in each band, Lsun/Hz.
    pub(super) bands: Vec<[f64; LANES]>,
}

impl Sums {
    pub(super) fn new(bands: usize) -> Sums {
        Sums { clouds: [0.0; LANES], diffuse: [0.0; LANES], bands: vec![[0.0; LANES]; bands] }
    }
}

/// Sum of lanes, always in the same order.
pub(super) fn total(lanes: &[f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = *lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// Adds up spectra with their masses.
#[inline(always)]
fn sum(light: &[Stretch], terms: &[(u32, f64)]) -> Stretch {
    let mut sum: Stretch = [[0.0; LANES]; VECTORS];
    for &(place, mass) in terms {
        let row = &light[place as usize];
        for v in 0..VECTORS {
            for l in 0..LANES {
                sum[v][l] = row[v][l].mul_add(mass, sum[v][l]);
            }
        }
    }
    sum
}

lanes! {
    /// Adds what one stretch of wavelengths gives to the sums of models.
    ///
    /// Birth clouds take `1 - exp(-tau_BC)` of the young stars' light; the diffuse medium takes `1 - exp(-tau_ISM)` of what is
    /// left of it and of the old stars' light (Charlot & Fall 2000, with the energy that the clouds took not counted again).
    pub(super) fn accumulate(tile: &Tile, mixes: &[Mix], sums: &mut [Sums]) {
        for (mix, sums) in mixes.iter().zip(sums) {
            let young = sum(&tile.light, &mix.young);
            let old = sum(&tile.light, &mix.old);
            let mut seen: Stretch = [[0.0; LANES]; VECTORS];
            for v in 0..VECTORS {
                for l in 0..LANES {
                    let left = young[v][l] * exp_negative(-mix.clouds * tile.clouds[v][l]);
                    let inside = left + old[v][l];
                    let out = inside * exp_negative(-mix.diffuse * tile.diffuse[v][l]);
                    let weight = tile.frequency[v][l];
                    sums.clouds[l] = (young[v][l] - left).mul_add(weight, sums.clouds[l]);
                    sums.diffuse[l] = (inside - out).mul_add(weight, sums.diffuse[l]);
                    seen[v][l] = out;
                }
            }
            for (band, weights) in &tile.bands {
                let lanes = &mut sums.bands[*band];
                for v in 0..VECTORS {
                    for l in 0..LANES {
                        lanes[l] = seen[v][l].mul_add(weights[v][l], lanes[l]);
                    }
                }
            }
        }
    }
}
