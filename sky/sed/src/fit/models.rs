//! A library laid out for the sweep over its pairs.

use crate::fit::grid::Axes;
use crate::fit::masses::Masses;
use crate::fit::prior::Scaled;
use crate::fit::windows::Windows;
use crate::library::{Band, Library, Light};
use crate::parameter::Parameter;

/// Dust models in a leaf: those that one bound speaks for.
pub(crate) const LEAF: usize = 64;
/// Dust models in a slice: a range of f_mu within which they are sorted by colour.
pub(crate) const SLICE: usize = 1024;

/// A library's models in the order of the sweep.
pub struct Models {
    /// Bands of the library, in its order.
    pub bands: Vec<Band>,
    /// What each band holds.
    pub light: Vec<Light>,
    /// The library's redshift.
    pub redshift: f64,
    /// Stellar models, by f_mu.
    pub(crate) rows: Rows,
    /// Dust models, by f_mu in slices and by colour within.
    pub(crate) columns: Columns,
    /// Bins of each parameter.
    pub axes: Axes,
    /// Number of compatible pairs.
    pub pairs: u64,
    /// Sum of their weights before any data; their number, where no prior weighs them.
    pub(crate) weight: f64,
    /// Priors on what hangs on the scale.
    pub(crate) scaled: Scaled,
    /// Dust masses in order of f_mu.
    pub(crate) masses: Masses,
    /// The same for sums over many windows at once.
    pub(crate) windows: Windows,
    /// Whose arithmetic is followed.
    pub(crate) convention: Convention,
}

/// Stellar models sorted by f_mu.
pub(crate) struct Rows {
    /// Place in the library of each.
    pub model: Vec<u32>,
    /// Number in the library's file of each.
    pub number: Vec<u32>,
    /// Light by band, for all bands (zeros where there is none).
    pub flux: Vec<Vec<f64>>,
    /// Dust luminosity per stellar mass.
    pub luminosity: Vec<f64>,
    /// log10 of it.
    pub log_luminosity: Vec<f64>,
    /// log10 of the specific star formation rate, as binned.
    pub log_ssfr: Vec<f64>,
    /// First and one past the last rank of the compatible dust models.
    pub window: Vec<(u32, u32)>,
    /// Parameters that depend on the stellar model alone: value and fine bin of each.
    pub alone: Vec<Alone>,
    /// Number of compatible dust models, by their weights and its own.
    pub prior: Vec<f64>,
    /// `-log2` of its weight; empty where no prior weighs.
    pub penalty: Vec<f32>,
}

/// Dust models in slices of f_mu, padded to whole leaves.
pub(crate) struct Columns {
    /// Place in the library of each; `u32::MAX` for padding.
    pub model: Vec<u32>,
    /// Place in the order of f_mu; `i32::MAX` for padding.
    pub rank: Vec<i32>,
    /// Light by band.
    pub flux: Vec<Vec<f64>>,
    /// Whole and fractional part of the place of log10 of mass per luminosity in fine bins.
    pub mass_bin: Vec<i32>,
    /// The fraction.
    pub mass_part: Vec<f32>,
    /// log10 of mass per luminosity.
    pub log_mass: Vec<f64>,
    /// Parameters that depend on the dust model alone.
    pub alone: Vec<Alone>,
    /// Number of compatible stellar models, by their weights and its own.
    pub prior: Vec<f64>,
    /// `-log2` of its weight; empty where no prior weighs.
    pub penalty: Vec<f32>,
    /// Number of models without padding.
    pub count: usize,
}

/// A parameter that one component decides.
pub(crate) struct Alone {
    pub parameter: Parameter,
    /// The value, or its log10.
    pub value: Vec<f64>,
    /// Its fine bin.
    pub bin: Vec<u16>,
    /// One more than the greatest of these.
    pub reach: usize,
}

impl Alone {
    fn new(parameter: Parameter, value: Vec<f64>, bin: Vec<u16>) -> Alone {
        let reach = bin.iter().max().map_or(0, |&bin| usize::from(bin) + 1);
        Alone { parameter, value, bin, reach }
    }
}

/// What of MAGPHYS's arithmetic is followed in laying out a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// MAGPHYS's to the letter.
    Paper,
    /// Bins that hold all values, no clip of small star formation rates.
    Mended,
}

/// Why a library can't be fitted with.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ModelsError {
    /// No models, or too many for 32 bits of number.
    #[error(
        "the library holds {stellar} stellar and {dust} dust models; a fit needs at least one of each and at most 2^24"
    )]
    Count {
        /// Stellar models.
        stellar: usize,
        /// Dust models.
        dust: usize,
    },
    /// A column is not as long as the others.
    #[error(
        "the library's column {column} has {found} entries for {wanted} models; the file is damaged: build the library again"
    )]
    Ragged {
        /// Which column.
        column: String,
        /// Entries found.
        found: usize,
        /// Models.
        wanted: usize,
    },
    /// A value that no model can have.
    #[error(
        "the library's model {model} has {column} = {value}, which is not a number that a model can have; build the library again"
    )]
    Value {
        /// Which column.
        column: String,
        /// Place of the model, from 1.
        model: usize,
        /// What stands there.
        value: f64,
    },
    /// A prior of what the library does not tell.
    #[error("a prior of {parameter} cannot be held: the library's models do not tell it; build one with histories")]
    PriorOf {
        /// Name of the parameter.
        parameter: &'static str,
    },
    /// A prior that is none.
    #[error("the prior of {parameter} is none: a range has to run upwards, and a Gaussian to have a width above 0")]
    Prior {
        /// Name of the parameter.
        parameter: &'static str,
    },
    /// No pair of models that the priors allow.
    #[error("no pair of the library's models lies within the priors; widen them")]
    EmptyPrior,
}

impl Models {
    /// Lays out `library` for fits where `|f_mu(stars) - f_mu(dust)| <= tolerance` makes a pair compatible.
    ///
    /// # Errors
    /// Columns of unequal length, no models, values that are not finite (or not positive where they must be).
    pub fn new(library: &Library, tolerance: f64, convention: Convention) -> Result<Models, ModelsError> {
        check(library)?;
        let axes = match convention {
            Convention::Paper => Axes::paper(),
            Convention::Mended => Axes::default(),
        };
        let light: Vec<Light> = library.bands.iter().map(|band| band.light(library.redshift)).collect();
        let by_f_mu = sorted_by(&library.dust.f_mu);
        let sorted: Vec<f64> = by_f_mu.iter().map(|&model| library.dust.f_mu[model as usize]).collect();
        let rows = Rows::new(library, &sorted, tolerance, &axes, convention);
        let columns = Columns::new(library, &by_f_mu, &light, &axes);
        let scale = axes.of(Parameter::DustMass).fine.scale();
        let places: Vec<f64> =
            by_f_mu.iter().map(|&model| libm::log10(library.dust.mass[model as usize]) * scale).collect();
        let mut models = Models {
            bands: library.bands.clone(),
            light,
            redshift: library.redshift,
            rows,
            columns,
            axes,
            pairs: 0,
            weight: 0.0,
            scaled: Scaled::new(),
            masses: Masses::new(&places),
            windows: Windows::new(&places),
            convention,
        };
        models.count();
        Ok(models)
    }

    /// Number of stellar models.
    pub fn stellar(&self) -> usize {
        self.rows.model.len()
    }

    /// Number of dust models.
    pub fn dust(&self) -> usize {
        self.columns.count
    }
}

/// The order of `values`, rising; equal ones keep theirs.
fn sorted_by(values: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
    order
}

impl Rows {
    fn new(library: &Library, sorted_dust: &[f64], tolerance: f64, axes: &Axes, convention: Convention) -> Rows {
        let stellar = &library.stellar;
        let model = sorted_by(&stellar.f_mu);
        let pick = |column: &[f64]| -> Vec<f64> { model.iter().map(|&m| column[m as usize]).collect() };
        let f_mu = pick(&stellar.f_mu);
        let window: Vec<(u32, u32)> = f_mu
            .iter()
            .map(|&f| {
                let low = sorted_dust.partition_point(|&dust| f - dust > tolerance);
                let high = sorted_dust.partition_point(|&dust| dust - f <= tolerance);
                (low as u32, high.max(low) as u32)
            })
            .collect();
        let luminosity = pick(&stellar.dust_luminosity);
        // Galaxies that form nothing: far below all bins, yet a number.
        let mut log_ssfr: Vec<f64> = pick(&stellar.ssfr).into_iter().map(|ssfr| libm::log10(ssfr).max(-40.0)).collect();
        if convention == Convention::Paper {
            for value in &mut log_ssfr {
                *value = value.max(-13.0);
            }
        }
        let mu = pick(&stellar.mu);
        let tau_v = pick(&stellar.tau_v);
        let tau_ism = mu.iter().zip(&tau_v).map(|(mu, tau)| mu * tau).collect();
        let mut values = vec![
            (Parameter::FMuStars, f_mu),
            (Parameter::Mu, mu),
            (Parameter::TauV, tau_v),
            (Parameter::SpecificSfr, log_ssfr.clone()),
            (Parameter::TauVIsm, tau_ism),
        ];
        if let Some(history) = &stellar.history {
            let log = |column: &[f64]| pick(column).into_iter().map(libm::log10).collect();
            values.push((Parameter::Age, log(&history.age)));
            values.push((Parameter::MassWeightedAge, log(&history.mass_weighted_age)));
            values.push((Parameter::LightWeightedAge, log(&history.light_weighted_age)));
            values.push((Parameter::Gamma, pick(&history.gamma)));
            values.push((Parameter::Metallicity, pick(&history.metallicity)));
            values.push((Parameter::LastBurst, log(&history.last_burst)));
        }
        let alone = values
            .into_iter()
            .map(|(parameter, value)| {
                let fine = &axes.of(parameter).fine;
                let bin = if parameter == Parameter::SpecificSfr && convention == Convention::Paper {
                    fine.indices_clipped_by(value.iter().copied(), &axes.of(Parameter::Sfr).fine)
                } else {
                    fine.indices(value.iter().copied())
                };
                Alone::new(parameter, value, bin)
            })
            .collect();
        Rows {
            number: model.iter().map(|&m| stellar.index[m as usize]).collect(),
            flux: stellar.flux.iter().map(|band| pick(band)).collect(),
            log_luminosity: luminosity.iter().map(|&l| libm::log10(l)).collect(),
            luminosity,
            log_ssfr,
            prior: vec![0.0; window.len()],
            penalty: Vec::new(),
            window,
            alone,
            model,
        }
    }
}

impl Columns {
    fn new(library: &Library, by_f_mu: &[u32], light: &[Light], axes: &Axes) -> Columns {
        let dust = &library.dust;
        let count = dust.len();
        let mut order: Vec<(u32, i32)> =
            by_f_mu.iter().enumerate().map(|(rank, &model)| (model, rank as i32)).collect();
        let keys = colour_keys(library, light);
        for slice in order.chunks_mut(SLICE) {
            sort_by_colour(slice, &keys);
        }
        let padded = count.div_ceil(LEAF) * LEAF;
        let model: Vec<u32> =
            order.iter().map(|entry| entry.0).chain(std::iter::repeat(u32::MAX)).take(padded).collect();
        let rank = order.iter().map(|entry| entry.1).chain(std::iter::repeat(i32::MAX)).take(padded).collect();
        let pick = |column: &[f64], pad: f64| -> Vec<f64> {
            model.iter().map(|&m| column.get(m as usize).copied().unwrap_or(pad)).collect()
        };
        let log_mass: Vec<f64> = pick(&dust.mass, 1.0).into_iter().map(libm::log10).collect();
        let scale = axes.of(Parameter::DustMass).fine.scale();
        let places: Vec<f64> = log_mass.iter().map(|log| log * scale).collect();
        let (f_mu, cold) = (pick(&dust.f_mu, 0.0), pick(&dust.xi_cold, 0.0));
        // Share of a component in all of the dust's light: its share in the birth clouds and its fixed share in the
        // diffuse medium's light that is not cold dust's (da Cunha et al. 2008, section 2.2.1).
        let total = |column: &[f64], share: f64| -> Vec<f64> {
            let birth = pick(column, 0.0);
            (0..padded).map(|i| birth[i] * (1.0 - f_mu[i]) + share * (1.0 - cold[i]) * f_mu[i]).collect()
        };
        let share = |value: f32| f64::from(value);
        let values = vec![
            (Parameter::FMuDust, f_mu.clone()),
            (Parameter::ColdTemperature, pick(&dust.t_cold, 0.0)),
            (Parameter::WarmTemperature, pick(&dust.t_warm, 0.0)),
            (Parameter::XiCold, cold.iter().zip(&f_mu).map(|(cold, f_mu)| cold * f_mu).collect()),
            (Parameter::XiPah, total(&dust.xi_pah, share(0.55))),
            (Parameter::XiMir, total(&dust.xi_mir, share(0.275))),
            (Parameter::XiWarm, total(&dust.xi_warm, share(0.175))),
        ];
        let alone = values
            .into_iter()
            .map(|(parameter, value)| {
                let bin = axes.of(parameter).fine.indices(value.iter().copied());
                Alone::new(parameter, value, bin)
            })
            .collect();
        Columns {
            rank,
            flux: dust.flux.iter().map(|band| pick(band, 0.0)).collect(),
            mass_bin: places.iter().map(|place| place.floor() as i32).collect(),
            mass_part: places.iter().map(|place| (place - place.floor()) as f32).collect(),
            prior: vec![0.0; padded],
            penalty: Vec::new(),
            log_mass,
            alone,
            count,
            model,
        }
    }
}

/// For each dust model the logarithms that it is sorted by: light in bands of dust alone, else in mixed ones.
fn colour_keys(library: &Library, light: &[Light]) -> Vec<Vec<f64>> {
    let of = |wanted: Light| -> Vec<Vec<f64>> {
        light
            .iter()
            .zip(&library.dust.flux)
            .filter(|(light, _)| **light == wanted)
            .map(|(_, flux)| flux.iter().map(|&f| libm::log10(f.max(1e-300))).collect())
            .collect()
    };
    let pure = of(Light::Dust);
    if pure.is_empty() { of(Light::Both) } else { pure }
}

/// Halves `slice` again and again at the median of the key that spreads most, down to leaves.
fn sort_by_colour(slice: &mut [(u32, i32)], keys: &[Vec<f64>]) {
    if slice.len() <= LEAF || keys.is_empty() {
        return;
    }
    let spread = |key: &[f64]| {
        let (low, high) = slice.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), entry| {
            let value = key[entry.0 as usize];
            (low.min(value), high.max(value))
        });
        high - low
    };
    let widest = (0..keys.len()).max_by(|&a, &b| spread(&keys[a]).total_cmp(&spread(&keys[b]))).unwrap_or(0);
    let key = &keys[widest];
    slice.sort_by(|a, b| key[a.0 as usize].total_cmp(&key[b.0 as usize]).then(a.1.cmp(&b.1)));
    // Halves are whole leaves, so that only the last leaf of all is padded.
    let half = (slice.len().div_ceil(LEAF) / 2) * LEAF;
    let (left, right) = slice.split_at_mut(half);
    sort_by_colour(left, keys);
    sort_by_colour(right, keys);
}

/// Refuses columns that do not fit together and values that no model can have.
fn check(library: &Library) -> Result<(), ModelsError> {
    let (stellar, dust) = (&library.stellar, &library.dust);
    let (rows, columns) = (stellar.len(), dust.len());
    let limit = 1 << 24;
    if rows == 0 || columns == 0 || rows > limit || columns > limit {
        return Err(ModelsError::Count { stellar: rows, dust: columns });
    }
    if stellar.index.len() != rows {
        return Err(ModelsError::Ragged { column: "index".into(), found: stellar.index.len(), wanted: rows });
    }
    let bands = library.bands.len();
    for (column, found) in [("stellar fluxes", stellar.flux.len()), ("dust fluxes", dust.flux.len())] {
        if found != bands {
            return Err(ModelsError::Ragged { column: column.into(), found, wanted: bands });
        }
    }
    let positive =
        |column: &str, values: &[f64], wanted| check_column(column, values, wanted, |v| v.is_finite() && v > 0.0);
    let zero_up =
        |column: &str, values: &[f64], wanted| check_column(column, values, wanted, |v| v.is_finite() && v >= 0.0);
    for (band, flux) in library.bands.iter().zip(&stellar.flux) {
        zero_up(&format!("stellar flux in {}", band.name), flux, rows)?;
    }
    for (band, flux) in library.bands.iter().zip(&dust.flux) {
        zero_up(&format!("dust flux in {}", band.name), flux, columns)?;
    }
    zero_up("f_mu of stars", &stellar.f_mu, rows)?;
    zero_up("mu", &stellar.mu, rows)?;
    zero_up("tau_V", &stellar.tau_v, rows)?;
    zero_up("specific star formation rate", &stellar.ssfr, rows)?;
    positive("dust luminosity per mass", &stellar.dust_luminosity, rows)?;
    zero_up("f_mu of dust", &dust.f_mu, columns)?;
    zero_up("xi_C", &dust.xi_cold, columns)?;
    positive("T_W", &dust.t_warm, columns)?;
    positive("T_C", &dust.t_cold, columns)?;
    zero_up("xi_PAH", &dust.xi_pah, columns)?;
    zero_up("xi_MIR", &dust.xi_mir, columns)?;
    zero_up("xi_W", &dust.xi_warm, columns)?;
    positive("dust mass per luminosity", &dust.mass, columns)?;
    if let Some(history) = &stellar.history {
        positive("age", &history.age, rows)?;
        positive("mass-weighted age", &history.mass_weighted_age, rows)?;
        positive("light-weighted age", &history.light_weighted_age, rows)?;
        zero_up("gamma", &history.gamma, rows)?;
        positive("metallicity", &history.metallicity, rows)?;
        zero_up("last burst", &history.last_burst, rows)?;
    }
    Ok(())
}

fn check_column(column: &str, values: &[f64], wanted: usize, good: impl Fn(f64) -> bool) -> Result<(), ModelsError> {
    if values.len() != wanted {
        return Err(ModelsError::Ragged { column: column.into(), found: values.len(), wanted });
    }
    match values.iter().position(|&value| !good(value)) {
        Some(bad) => Err(ModelsError::Value { column: column.into(), model: bad + 1, value: values[bad] }),
        None => Ok(()),
    }
}
