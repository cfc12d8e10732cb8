//! Tables of spectra cut into stretches of wavelength, so that a stretch of all ages stays in the cache.

use crate::ssp::{Ssp, frequency_weights};

/// Values in a vector of the widest registers.
pub(super) const LANES: usize = 8;
/// Vectors in a stretch.
pub(super) const VECTORS: usize = 4;
/// Wavelengths in a stretch.
pub(super) const WIDTH: usize = LANES * VECTORS;

/// Values at a stretch's wavelengths.
pub(super) type Stretch = [[f64; LANES]; VECTORS];

/// A stretch of wavelengths.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    /// Spectra: `[metallicity][age]`, flat.
    pub(super) light: Vec<Stretch>,
    /// `(lambda/5500)^-0.7`: optical depth of the diffuse medium over that in V.
    pub(super) diffuse: Stretch,
    /// `(lambda/5500)^-1.3`: optical depth of birth clouds over that in V.
    pub(super) clouds: Stretch,
    /// Weights of the sum over frequency, Hz.
    pub(super) frequency: Stretch,
    /// Weights in the flux of each band that reaches into the stretch.
    pub(super) bands: Vec<(usize, Stretch)>,
}

/// Cuts a table into tiles.
///
/// - `bands`: for each band the weights of the table's wavelengths ([`crate::filter::Filter::weights`]).
pub(super) fn tiles(ssp: &Ssp, bands: &[Vec<(usize, f64)>]) -> Vec<Tile> {
    let count = ssp.wavelength.len();
    let frequency = frequency_weights(&ssp.wavelength);
    let stretch = |first: usize, value: &dyn Fn(usize) -> f64| -> Stretch {
        core::array::from_fn(|v| {
            core::array::from_fn(|l| {
                let k = first + v * LANES + l;
                // Beyond the last wavelength all weights are 0.
                if k < count { value(k) } else { 0.0 }
            })
        })
    };
    let places = ssp.metallicity.len() * ssp.age.len();
    (0..count)
        .step_by(WIDTH)
        .map(|first| Tile {
            light: (0..places).map(|place| stretch(first, &|k| f64::from(ssp.light[place * count + k]))).collect(),
            diffuse: stretch(first, &|k| libm::pow(ssp.wavelength[k] / 5500.0, -0.7)),
            clouds: stretch(first, &|k| libm::pow(ssp.wavelength[k] / 5500.0, -1.3)),
            frequency: stretch(first, &|k| frequency[k]),
            bands: (bands.iter().enumerate())
                .filter_map(|(band, weights)| {
                    let own: Vec<_> = weights.iter().filter(|pair| (first..first + WIDTH).contains(&pair.0)).collect();
                    let of = |k: usize| own.iter().find(|pair| pair.0 == k).map_or(0.0, |pair| pair.1);
                    (!own.is_empty()).then(|| (band, stretch(first, &of)))
                })
                .collect(),
        })
        .collect()
}
