//! Models against sums made another way.

use super::Builder;
use crate::filter::{Filter, select};
use crate::history::History;
use crate::library::{Band, Light};
use crate::ssp::{LIGHT, embedded, nebular};

const NAMES: [&str; 12] = [
    "GALEX_FUV",
    "GALEX_NUV",
    "SDSS_u",
    "SDSS_g",
    "SDSS_r",
    "SDSS_i",
    "SDSS_z",
    "WISE_W1",
    "WISE_W2",
    "WISE_W3",
    "WISE_W4",
    "SPIRE_250",
];

fn bands() -> (Vec<Band>, Vec<&'static Filter>) {
    let filters = select(NAMES).unwrap();
    let band = |f: &&Filter| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 };
    (filters.iter().map(band).collect(), filters)
}

fn builder(redshift: f64) -> Builder<'static> {
    let (bands, filters) = bands();
    Builder::new(embedded(), &bands, &filters, redshift, 11).unwrap()
}

/// Trapezoidal sum over frequency, written apart from the kernel's weights.
fn luminosity(wavelength: &[f64], light: impl Fn(usize) -> f64) -> f64 {
    (1..wavelength.len())
        .map(|k| 0.5 * (light(k) + light(k - 1)) * (LIGHT / wavelength[k - 1] - LIGHT / wavelength[k]))
        .sum()
}

#[test]
fn dust_gives_what_it_takes_in_every_model() {
    let builder = builder(0.01);
    let stellar = builder.stellar(0..300);
    for number in 0..300 {
        let spectrum = builder.stellar_spectrum(number);
        let k = number as usize;
        let taken = luminosity(&spectrum.wavelength, |k| spectrum.intrinsic[k] - spectrum.attenuated[k]);
        let given = stellar.dust_luminosity[k];
        assert!((given / taken - 1.0).abs() < 1e-6, "{number}: {given} {taken}");
        let (wavelength, dust) = builder.dust_spectrum(number);
        let light = luminosity(&wavelength, |k| dust[k]);
        assert!((light - 1.0).abs() < 1e-6, "{number}: {light}");
        let diffuse = spectrum.diffuse / (spectrum.clouds + spectrum.diffuse);
        assert!((stellar.f_mu[k] - diffuse).abs() < 1e-6);
    }
}

#[test]
fn fluxes_are_those_of_spectra_integrated_directly() {
    for redshift in [0.0, 0.07] {
        let builder = builder(redshift);
        let (bands, filters) = bands();
        let (stellar, dust) = (builder.stellar(0..40), builder.dust(0..40));
        for number in 0..40 {
            let spectrum = builder.stellar_spectrum(number);
            let (grid, light) = builder.dust_spectrum(number);
            for (k, (band, filter)) in bands.iter().zip(&filters).enumerate() {
                let check = |ours: f64, grid: &[f64], light: &[f64], what: &str| {
                    let truth = mean_flux(filter, grid, light, redshift);
                    assert!((ours / truth - 1.0).abs() < 2e-4, "{what} {number} {} {ours:e} {truth:e}", band.name);
                };
                if band.light(redshift) != Light::Dust {
                    check(stellar.flux[k][number as usize], &spectrum.wavelength, &spectrum.attenuated, "stars");
                }
                if band.light(redshift) != Light::Stars {
                    check(dust.flux[k][number as usize], &grid, &light, "dust");
                }
            }
        }
    }
}

/// Mean flux in a band by a fine sum over wavelength in the observer's frame, each factor interpolated on its own.
fn mean_flux(filter: &Filter, grid: &[f64], light: &[f64], redshift: f64) -> f64 {
    let at = |x: &[f64], y: &[f64], v: f64| {
        let k = x.partition_point(|&w| w <= v);
        if k == 0 || k == x.len() { 0.0 } else { y[k - 1] + (y[k] - y[k - 1]) * (v - x[k - 1]) / (x[k] - x[k - 1]) }
    };
    let (first, last) = (filter.wavelength()[0], filter.wavelength()[filter.wavelength().len() - 1]);
    let (mut sum, mut norm) = (0.0, 0.0);
    let steps = 20_000;
    for k in 0..steps {
        let w = first + (last - first) * (f64::from(k) + 0.5) / f64::from(steps);
        let response = at(filter.wavelength(), filter.response(), w) / w;
        sum += response * at(grid, light, w / (1.0 + redshift));
        norm += response;
    }
    (1.0 + redshift) * sum / norm
}

#[test]
fn masses_and_rates_are_sums_over_the_history() {
    let builder = builder(0.0);
    let stellar = builder.stellar(0..30);
    let histories = stellar.history.as_ref().unwrap();
    for number in 0..30 {
        let history = History::draw(11, number as u64, builder.oldest);
        let rate = |ago: f64| {
            let gamma = history.gamma / 1e9;
            let total = (1.0 - libm::exp(-gamma * history.age)) / gamma;
            let bursts = history.bursts.iter().filter(|b| (b.began - b.duration..b.began).contains(&ago));
            libm::exp(-gamma * (history.age - ago)) / total + bursts.map(|b| b.amplitude / b.duration).sum::<f64>()
        };
        let steps = 400_000;
        let width = history.age / f64::from(steps);
        let (mut formed, mut aged, mut recent) = (0.0, 0.0, 0.0);
        for k in 0..steps {
            let ago = width * (f64::from(k) + 0.5);
            let mass = rate(ago) * width;
            formed += mass;
            aged += mass * ago;
            recent += if ago < 1e8 { mass } else { 0.0 };
        }
        let ours = stellar.ssfr[number] / histories.formed[number];
        assert!((ours / (recent / 1e8 / formed) - 1.0).abs() < 2e-3, "{number} {ours:e} {:e}", recent / 1e8 / formed);
        assert!((histories.mass_weighted_age[number] / (aged / formed) - 1.0).abs() < 2e-3);
        assert!((1.0..2.5).contains(&histories.formed[number]));
        assert!(histories.light_weighted_age[number] <= histories.age[number]);
    }
}

#[test]
fn star_formation_alone_without_dust_keeps_the_tables_luminosity() {
    // Sums over the spectra's tabulated luminosities, which PEGASE gives apart from the spectra.
    let ssp = embedded();
    let builder = builder(0.0);
    for number in 0..20 {
        let spectrum = builder.stellar_spectrum(number);
        let whole = luminosity(&spectrum.wavelength, |k| spectrum.intrinsic[k]);
        let history = History::draw(11, u64::from(number), builder.oldest);
        let weights = builder.ages.weights(&history);
        let metal = ssp.metallicity.partition_point(|&z| z <= history.metallicity * 0.02).clamp(1, 6);
        let share = libm::log(history.metallicity * 0.02 / ssp.metallicity[metal - 1])
            / libm::log(ssp.metallicity[metal] / ssp.metallicity[metal - 1]);
        let share = share.clamp(0.0, 1.0);
        let (mut light, mut mass) = (0.0, 0.0);
        for age in 0..ssp.age.len() {
            let stars = weights.young[age] + weights.old[age];
            for (metal, share) in [(metal - 1, 1.0 - share), (metal, share)] {
                let spectrum = ssp.spectrum(metal, age);
                light += share * stars * luminosity(&ssp.wavelength, |k| f64::from(spectrum[k]));
                mass += share * stars * f64::from(ssp.surviving(metal, age));
            }
        }
        assert!((whole / (light / mass) - 1.0).abs() < 1e-6, "{number} {whole} {}", light / mass);
    }
}

#[test]
fn gas_reddens_no_energy_away() {
    let ssp = embedded().with_nebular(nebular());
    let (bands, filters) = bands();
    let builder = Builder::new(&ssp, &bands, &filters, 0.0, 11).unwrap();
    let (with, without) = (builder.stellar(0..50), self::builder(0.0).stellar(0..50));
    for k in 0..50 {
        let spectrum = builder.stellar_spectrum(k as u32);
        let taken = luminosity(&spectrum.wavelength, |k| spectrum.intrinsic[k] - spectrum.attenuated[k]);
        assert!((with.dust_luminosity[k] / taken - 1.0).abs() < 1e-6);
        // Lines brighten r where stars are forming, and gas leaves less for dust below 912 Angstrom.
        assert!(with.flux[4][k] >= without.flux[4][k] * 0.999_999);
    }
}

#[test]
fn wrong_bands_and_redshifts_are_refused() {
    let (bands, filters) = bands();
    let say = |error: Option<super::BuildError>| error.map(|e| e.to_string()).unwrap_or_default();
    assert!(say(Builder::new(embedded(), &bands[1..], &filters, 0.0, 1).err()).contains("11 bands, but 12 filters"));
    assert!(say(Builder::new(embedded(), &bands, &filters, -0.1, 1).err()).contains("redshift -0.1"));
    assert!(say(Builder::new(embedded(), &[], &[], 0.0, 1).err()).contains("at least one band"));
}
