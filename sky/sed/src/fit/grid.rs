//! The bins of histograms: fine ones that percentiles are read from, coarse ones that are kept.

use crate::parameter::Parameter;

/// Bins of equal width that a value is sorted into.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    min: f64,
    /// Bins per unit of the value.
    scale: f64,
    centres: Vec<f64>,
}

impl Bins {
    /// Bins as MAGPHYS lays them (`get_histgrid`): edges are summed up step by step from `min` until `max`, and a
    /// value's bin is its share of the whole range times their number, which is not exactly a step wide.
    pub fn summed(min: f64, max: f64, step: f64) -> Bins {
        let mut centres = Vec::new();
        let (mut low, mut high) = (min, min + step);
        while high <= max {
            centres.push(0.5 * (low + high));
            low += step;
            high += step;
        }
        Bins { min, scale: centres.len() as f64 / (max - min), centres }
    }

    /// `count` bins of equal width from `min` to `max`.
    pub fn equal(min: f64, max: f64, count: usize) -> Bins {
        let step = (max - min) / count as f64;
        Bins {
            min,
            scale: count as f64 / (max - min),
            centres: (0..count).map(|bin| min + step * (bin as f64 + 0.5)).collect(),
        }
    }

    /// Number of bins.
    pub fn len(&self) -> usize {
        self.centres.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.centres.is_empty()
    }

    /// Where the bins begin.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// Bins per unit.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Centres, rising.
    pub fn centres(&self) -> &[f64] {
        &self.centres
    }

    /// Width of a bin.
    pub fn step(&self) -> f64 {
        match self.centres.as_slice() {
            [first, second, ..] => second - first,
            _ => 1.0 / self.scale,
        }
    }

    /// The place of `value` in bins from the lower edge; its floor is the bin, if within `0..len`.
    pub fn position(&self, value: f64) -> f64 {
        (value - self.min) * self.scale
    }

    /// The bin of `value`, the first or last one for values beyond; NaN counts as the first.
    pub fn index(&self, value: f64) -> usize {
        self.index_below(value, self.len())
    }

    /// The same with another number of bins as the limit.
    fn index_below(&self, value: f64, count: usize) -> usize {
        (self.position(value).max(0.0) as usize).min(count.saturating_sub(1))
    }

    /// The bin of each of `values`.
    pub fn indices(&self, values: impl Iterator<Item = f64>) -> Vec<u16> {
        values.map(|value| self.index(value) as u16).collect()
    }

    /// The bin of each, where the last one allowed is that of other bins: MAGPHYS's clip of sSFR.
    pub fn indices_clipped_by(&self, values: impl Iterator<Item = f64>, other: &Bins) -> Vec<u16> {
        values.map(|value| self.index_below(value, other.len()) as u16).collect()
    }
}

/// Fine and coarse bins of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Where probabilities are gathered.
    pub fine: Bins,
    /// What is kept.
    pub coarse: Bins,
    /// The coarse bin of each fine one; beyond the last it is dropped.
    pub coarse_of: Vec<u16>,
}

impl Axis {
    /// MAGPHYS's: fine bins, then coarse ones of width `step` from `min` to `max` (`degrade_hist`).
    fn paper(fine: Bins, min: f64, max: f64, step: f64) -> Axis {
        let coarse = Bins::summed(min, max + step / 2.0, step);
        let count = coarse.len() as f64;
        let coarse_of = fine.centres.iter().map(|centre| (((centre - min) / (max - min)) * count) as u16).collect();
        Axis { fine, coarse, coarse_of }
    }

    /// `count` coarse bins from `min` to `max`, each of `parts` fine ones.
    fn even(min: f64, max: f64, count: usize, parts: usize) -> Axis {
        Axis {
            fine: Bins::equal(min, max, count * parts),
            coarse: Bins::equal(min, max, count),
            coarse_of: (0..count * parts).map(|bin| (bin / parts) as u16).collect(),
        }
    }
}

/// A literal as Fortran's REAL*4 holds it.
const fn single(value: f32) -> f64 {
    value as f64
}

/// The bins of a fit, one [`Axis`] for each parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Axes {
    axes: Vec<Axis>,
}

impl Axes {
    /// MAGPHYS's bins (`fit_sed_skynet.f`), with its literals as REAL*4; the star formation histories have none there and
    /// get those of [`Axes::default`].
    pub fn paper() -> Axes {
        let unit = || Axis::paper(Bins::summed(0.0, single(1.0005), single(0.001)), 0.0, 1.0, single(0.05));
        let xi = || Axis::paper(Bins::summed(0.0, single(1.0001), single(0.001)), 0.0, 1.0, single(0.05));
        let depth = || Bins::summed(0.0, single(6.0025), single(0.005));
        let mass = || Axis::paper(Bins::summed(2.0, single(13.0025), single(0.005)), 2.0, 13.0, single(0.1));
        let warm = Bins::summed(30.0, single(60.0125), single(0.025));
        let cold = Bins::summed(15.0, single(25.0125), single(0.025));
        let ssfr = Bins::summed(-13.0, single(-5.9975), single(0.05));
        let sfr = Bins::summed(-8.0, single(3.5005), single(0.005));
        let dust_mass = Bins::summed(-2.0, 9.0, single(0.005));
        let axes = Parameter::all()
            .map(|parameter| match parameter {
                Parameter::FMuStars | Parameter::FMuDust | Parameter::Mu | Parameter::XiCold => unit(),
                Parameter::TauV => Axis::paper(depth(), 0.0, 6.0, single(0.125)),
                Parameter::TauVIsm => Axis::paper(depth(), 0.0, 6.0, single(0.075)),
                Parameter::SpecificSfr => Axis::paper(ssfr.clone(), -13.0, -6.0, single(0.1)),
                Parameter::StellarMass | Parameter::DustLuminosity => mass(),
                Parameter::ColdTemperature => Axis::paper(cold.clone(), 15.0, 25.0, 1.0),
                Parameter::WarmTemperature => Axis::paper(warm.clone(), 30.0, 60.0, 1.0),
                Parameter::XiPah | Parameter::XiMir | Parameter::XiWarm => xi(),
                Parameter::DustMass => Axis::paper(dust_mass.clone(), -2.0, 9.0, single(0.1)),
                Parameter::Sfr => Axis::paper(sfr.clone(), -8.0, 3.0, single(0.1)),
                history => Axes::even(history),
            })
            .collect();
        Axes { axes }
    }

    /// The default's bins for one parameter: MAGPHYS's coarse ones over ranges that hold all that the priors allow.
    fn even(parameter: Parameter) -> Axis {
        match parameter {
            Parameter::TauV => Axis::even(0.0, 6.0, 48, 50),
            Parameter::TauVIsm => Axis::even(0.0, 6.0, 80, 30),
            Parameter::SpecificSfr => Axis::even(-16.0, -6.0, 100, 20),
            Parameter::StellarMass | Parameter::DustLuminosity => Axis::even(-2.0, 14.0, 160, 20),
            Parameter::ColdTemperature => Axis::even(15.0, 25.0, 40, 50),
            Parameter::WarmTemperature => Axis::even(30.0, 60.0, 60, 40),
            Parameter::DustMass => Axis::even(-7.0, 11.0, 180, 20),
            Parameter::Sfr => Axis::even(-14.0, 6.0, 200, 20),
            Parameter::Age | Parameter::MassWeightedAge | Parameter::LightWeightedAge | Parameter::LastBurst => {
                Axis::even(5.0, 10.5, 110, 20)
            }
            Parameter::Metallicity => Axis::even(0.0, 2.5, 50, 50),
            _ => Axis::even(0.0, 1.0, 40, 50),
        }
    }

    /// The axis of `parameter`.
    pub fn of(&self, parameter: Parameter) -> &Axis {
        &self.axes[parameter as usize]
    }
}

impl Default for Axes {
    /// Bins of equal width over ranges that hold all that the priors allow.
    fn default() -> Self {
        Axes { axes: Parameter::all().map(Axes::even).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paper_bins_are_as_many_as_its_files_show() {
        let axes = Axes::paper();
        let fine = |parameter| axes.of(parameter).fine.len();
        assert_eq!(fine(Parameter::StellarMass), 2200);
        assert_eq!(fine(Parameter::Sfr), 2300);
        assert_eq!(fine(Parameter::SpecificSfr), 140);
        for (parameter, coarse) in
            Parameter::PAPER.iter().zip([20, 20, 20, 48, 70, 110, 110, 10, 30, 20, 20, 20, 20, 80, 110, 110])
        {
            assert_eq!(axes.of(*parameter).coarse.len(), coarse, "{parameter:?}");
        }
    }

    #[test]
    fn every_value_has_a_bin_and_its_centre_is_within_half_a_step() {
        let bins = Bins::equal(-2.0, 13.0, 3000);
        for value in [-2.0, -1.9999, 0.0, 4.2, 12.999] {
            assert!((bins.centres()[bins.index(value)] - value).abs() <= 0.5 * bins.step() + 1e-12);
        }
        assert_eq!(bins.index(f64::NAN), 0);
        assert_eq!(bins.index(1e9), 2999);
    }
}
