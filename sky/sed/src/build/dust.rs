//! Dust models: fluxes from tables over temperature.

use core::ops::Range;

use super::bands::{Builder, scaled};
use crate::dust::{Component, DustDraw, Mixture, grid};
use crate::filter::Filter;
use crate::library::{Band, Dust, Light};

/// Step of the tables, K. Cubic interpolation of the logarithm over it is good to 1e-7.
const STEP: f64 = 0.1;

/// Fluxes of spectra of unit luminosity, band by band.
#[derive(Debug)]
pub(super) struct DustTables {
    bands: Vec<Option<BandTable>>,
}

#[derive(Debug)]
struct BandTable {
    pah: f64,
    mir: f64,
    warm_diffuse: f64,
    warm: Logarithms,
    cold: Logarithms,
}

/// Natural logarithms of fluxes at temperatures one step apart.
#[derive(Debug)]
struct Logarithms {
    first: f64,
    values: Vec<f64>,
}

impl Logarithms {
    fn new(first: f64, last: f64, flux: impl Fn(f64) -> f64) -> Logarithms {
        // One step beyond each end, for the interpolation.
        let first = first - STEP;
        let count = ((last - first) / STEP) as usize + 3;
        // Light that is too faint for a number is as good as none.
        let value = |k: usize| libm::log(flux(first + STEP * k as f64).max(1e-300));
        Logarithms { first, values: (0..count).map(value).collect() }
    }

    /// Cubic through the four nearest values (Lagrange).
    fn at(&self, temperature: f64) -> f64 {
        let x = (temperature - self.first) / STEP;
        let k = (x as usize).clamp(1, self.values.len() - 3);
        let t = x - k as f64;
        let [a, b, c, d] = [self.values[k - 1], self.values[k], self.values[k + 1], self.values[k + 2]];
        let low = -t * (t - 1.0) * (t - 2.0) / 6.0 * a + (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0 * b;
        let high = -(t + 1.0) * t * (t - 2.0) / 2.0 * c + (t + 1.0) * t * (t - 1.0) / 6.0 * d;
        libm::exp(low + high)
    }
}

impl DustTables {
    pub(super) fn new(bands: &[Band], filters: &[&Filter], redshift: f64) -> DustTables {
        let grid = grid();
        // Spectra are computed once for all bands.
        let temperatures = |first: f64, last: f64| {
            let count = ((last - first + STEP) / STEP) as usize + 3;
            (0..count).map(move |k| first - STEP + STEP * k as f64)
        };
        let warm: Vec<Vec<f64>> = temperatures(30.0, 60.0).map(|t| grid.warm_of(t)).collect();
        let cold: Vec<Vec<f64>> = temperatures(15.0, 25.0).map(|t| grid.cold_of(t)).collect();
        let table = |(band, filter): (&Band, &&Filter)| {
            if band.light(redshift) == Light::Stars {
                return None;
            }
            let weights = scaled(filter.weights(&grid.wavelength, redshift), 1.0 + redshift);
            let flux = |light: &[f64]| weights.iter().map(|&(k, weight)| weight * light[k]).sum::<f64>();
            let of = |spectra: &[Vec<f64>], first: f64, last: f64| {
                let place = |t: f64| libm::round((t - first + STEP) / STEP) as usize;
                Logarithms::new(first, last, |t| spectra.get(place(t)).map_or(0.0, |light| flux(light)))
            };
            Some(BandTable {
                pah: flux(&grid.pah),
                mir: flux(&grid.mir),
                warm_diffuse: flux(&grid.warm),
                warm: of(&warm, 30.0, 60.0),
                cold: of(&cold, 15.0, 25.0),
            })
        };
        DustTables { bands: bands.iter().zip(filters).map(table).collect() }
    }

    /// Flux of a mixture in a band, Lsun/Hz per Lsun; 0 where the band holds no light of dust.
    fn flux(&self, band: usize, mixture: &Mixture) -> f64 {
        let Some(Some(table)) = self.bands.get(band) else { return 0.0 };
        let of = |&(component, share): &(Component, f64)| {
            let flux = match component {
                Component::Pah => table.pah,
                Component::Mir => table.mir,
                Component::WarmDiffuse => table.warm_diffuse,
                Component::Warm(temperature) => table.warm.at(temperature),
                Component::Cold(temperature) => table.cold.at(temperature),
            };
            share * flux
        };
        mixture.shares.iter().map(of).sum()
    }
}

impl Builder<'_> {
    /// Dust models of a range of numbers, from 0; all values are rounded to f32, as files hold them.
    pub fn dust(&self, numbers: Range<u32>) -> Dust {
        let round = |value: f64| f64::from(value as f32);
        let mut dust = Dust { flux: vec![Vec::new(); self.bands.len()], ..Dust::default() };
        for number in numbers {
            let draw = DustDraw::draw(self.seed, u64::from(number));
            let mixture = Mixture::of(&draw);
            for (band, flux) in dust.flux.iter_mut().enumerate() {
                flux.push(round(self.dust.flux(band, &mixture)));
            }
            dust.f_mu.push(round(draw.f_mu));
            dust.xi_cold.push(round(draw.xi_cold));
            dust.t_warm.push(round(draw.t_warm));
            dust.t_cold.push(round(draw.t_cold));
            dust.xi_pah.push(round(draw.xi_pah));
            dust.xi_mir.push(round(draw.xi_mir));
            dust.xi_warm.push(round(draw.xi_warm));
            dust.mass.push(round(mixture.mass));
        }
        dust
    }

    /// Spectrum of a dust model: wavelengths in the galaxy's frame (Angstrom) and L_nu per luminosity (1/Hz).
    ///
    /// - `number`: from 0.
    pub fn dust_spectrum(&self, number: u32) -> (Vec<f64>, Vec<f64>) {
        let grid = grid();
        let mixture = Mixture::of(&DustDraw::draw(self.seed, u64::from(number)));
        (grid.wavelength.clone(), mixture.spectrum(grid))
    }
}
