//! A dust model as a mixture of spectra.

use super::greybody::light_per_mass;
use super::prior::DustDraw;
use super::templates::DustGrid;

/// Shares of the diffuse medium's light that is not cold grains' (DCE08; constants of MAGPHYS).
const DIFFUSE: [f64; 3] = [0.550, 0.275, 0.175];
/// Mass of all grains over that of those in equilibrium: the rest are heated by single photons (DCE08).
const ALL_GRAINS: f64 = 1.1;
/// Temperature of warm grains in the diffuse medium, K.
const WARM_DIFFUSE: f64 = 45.0;

/// A spectrum of unit luminosity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Component {
    /// Hydrocarbons.
    Pah,
    /// Hot continuum.
    Mir,
    /// Warm grains of the diffuse medium, 45 K.
    WarmDiffuse,
    /// Warm grains of birth clouds, of a temperature in K.
    Warm(f64),
    /// Cold grains, of a temperature in K.
    Cold(f64),
}

/// Shares of the luminosity, which sum to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixture {
    /// Each component with its share.
    pub shares: [(Component, f64); 5],
    /// Dust mass per luminosity, Msun/Lsun.
    pub mass: f64,
}

impl Mixture {
    /// The mixture that a draw stands for: birth clouds give `1 - f_mu` of the light, the diffuse medium `f_mu`.
    ///
    /// The mass is 1.1 times that of the grains in equilibrium, each `L / (4 pi int kappa B)` ([`light_per_mass`]).
    pub fn of(draw: &DustDraw) -> Mixture {
        let (clouds, diffuse) = (1.0 - draw.f_mu, draw.f_mu);
        let other = diffuse * (1.0 - draw.xi_cold);
        let (warm, warm_diffuse, cold) = (clouds * draw.xi_warm, other * DIFFUSE[2], diffuse * draw.xi_cold);
        let mass = ALL_GRAINS
            * (warm / light_per_mass(draw.t_warm, 1.5)
                + warm_diffuse / light_per_mass(WARM_DIFFUSE, 1.5)
                + cold / light_per_mass(draw.t_cold, 2.0));
        Mixture {
            shares: [
                (Component::Pah, clouds * draw.xi_pah + other * DIFFUSE[0]),
                (Component::Mir, clouds * draw.xi_mir + other * DIFFUSE[1]),
                (Component::WarmDiffuse, warm_diffuse),
                (Component::Warm(draw.t_warm), warm),
                (Component::Cold(draw.t_cold), cold),
            ],
            mass,
        }
    }

    /// The mixture's spectrum at the grid's wavelengths: L_nu per luminosity, 1/Hz.
    pub fn spectrum(&self, grid: &DustGrid) -> Vec<f64> {
        let mut sum = vec![0.0; grid.wavelength.len()];
        for &(component, share) in &self.shares {
            let own;
            let light = match component {
                Component::Pah => &grid.pah,
                Component::Mir => &grid.mir,
                Component::WarmDiffuse => &grid.warm,
                Component::Warm(temperature) => {
                    own = grid.warm_of(temperature);
                    &own
                }
                Component::Cold(temperature) => {
                    own = grid.cold_of(temperature);
                    &own
                }
            };
            for (sum, light) in sum.iter_mut().zip(light) {
                *sum += share * light;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid;
    use super::*;

    #[test]
    fn the_light_of_every_mixture_is_its_luminosity() {
        let grid = grid();
        for number in 0..50 {
            let mixture = Mixture::of(&DustDraw::draw(1, number));
            let light: f64 = mixture.spectrum(grid).iter().zip(&grid.weight).map(|(l, w)| l * w).sum();
            assert!((light - 1.0).abs() < 1e-12, "{light}");
        }
    }

    #[test]
    fn shares_of_the_whole_are_magphyss_totals() {
        let draw = DustDraw::draw(1, 4);
        let mixture = Mixture::of(&draw);
        let pah = draw.xi_pah * (1.0 - draw.f_mu) + 0.550 * (1.0 - draw.xi_cold) * draw.f_mu;
        assert!((mixture.shares[0].1 - pah).abs() < 1e-15);
        assert!((mixture.shares[4].1 - draw.xi_cold * draw.f_mu).abs() < 1e-15);
    }
}
