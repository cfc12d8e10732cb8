//! The prior of dust models (da Cunha, Charlot & Elbaz 2008, section 2.2.2, and the draws of the library that POGS used).

use crate::random::{Purpose, Stream};

/// A draw of the prior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DustDraw {
    /// Share of the luminosity from the diffuse medium.
    pub f_mu: f64,
    /// Share of cold grains in the diffuse medium's light.
    pub xi_cold: f64,
    /// Temperature of warm grains in birth clouds, K.
    pub t_warm: f64,
    /// Temperature of cold grains, K.
    pub t_cold: f64,
    /// Share of hydrocarbons in the birth clouds' light.
    pub xi_pah: f64,
    /// Share of the hot continuum in the birth clouds' light.
    pub xi_mir: f64,
    /// Share of warm grains in the birth clouds' light.
    pub xi_warm: f64,
}

impl DustDraw {
    /// The draw of a number of the library of a seed.
    ///
    /// f_mu uniform in 0 to 1, xi_C in 0.5 to 1, T_W in 30 to 60 K, T_C in 15 to 25 K. In birth clouds xi_W is uniform in 0 to
    /// 1, xi_MIR in 0 to 1 - xi_W, xi_PAH the rest; kept where xi_MIR <= 0.25, xi_PAH <= 0.25 and xi_PAH <= 2 xi_MIR. The
    /// cuts are not in the paper, but its library has them.
    pub fn draw(seed: u64, number: u64) -> DustDraw {
        let mut stream = Stream::new(seed, Purpose::Dust, number);
        let f_mu = stream.uniform();
        let xi_cold = stream.between(0.5, 1.0);
        let t_warm = stream.between(30.0, 60.0);
        let t_cold = stream.between(15.0, 25.0);
        loop {
            let xi_warm = stream.uniform();
            let xi_mir = (1.0 - xi_warm) * stream.uniform();
            let xi_pah = 1.0 - xi_warm - xi_mir;
            if xi_mir <= 0.25 && xi_pah <= 0.25 && xi_pah <= 2.0 * xi_mir {
                return DustDraw { f_mu, xi_cold, t_warm, t_cold, xi_pah, xi_mir, xi_warm };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_to_the_cuts_and_sum_to_one() {
        for number in 0..5000 {
            let draw = DustDraw::draw(3, number);
            assert!((draw.xi_pah + draw.xi_mir + draw.xi_warm - 1.0).abs() < 1e-15);
            assert!(draw.xi_mir <= 0.25 && draw.xi_pah <= 0.25 && draw.xi_pah <= 2.0 * draw.xi_mir);
            assert!((0.5..=1.0).contains(&draw.xi_cold) && (15.0..=25.0).contains(&draw.t_cold));
        }
    }
}
