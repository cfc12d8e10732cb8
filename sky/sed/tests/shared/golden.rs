//! MAGPHYS's text forms, read and put together, give the model fluxes that MAGPHYS's Fortran printed for its best fits.

use std::io::Read;

use pogson_sed::library::{Band, Dust, Stellar};
use pogson_sed::magphys::{ZeroSigma, read_filters, read_ir, read_observations, read_sfh, read_zlibs};
use pogson_sed::observation::Measurement;

use super::open;

struct Golden {
    bands: Vec<Band>,
    stellar: Stellar,
    dust: Dust,
}

fn golden() -> Option<Golden> {
    let filters = read_filters(open("fit_reference/golden/filters.dat")?, "filters.dat").unwrap();
    let bands: Vec<Band> = filters.into_iter().map(|filter| filter.band).collect();
    let sfh = open("fit_reference/golden/own_sfh_z0.0100.txt.gz")?;
    let ir = open("fit_reference/golden/own_ir_z0.0100.txt.gz")?;
    let stellar = read_sfh(sfh, "sfh", &bands, 0.01).unwrap();
    let dust = read_ir(ir, "ir", &bands, 0.01).unwrap();
    Some(Golden { bands, stellar, dust })
}

fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().map(|field| field.parse().unwrap()).collect()
}

#[test]
fn the_best_pairs_of_three_pixels_have_the_properties_and_fluxes_that_magphys_printed() {
    let Some(golden) = golden() else { return };
    assert_eq!((golden.stellar.len(), golden.dust.len()), (50_000, 50_000));
    for pixel in 1..=3 {
        let mut text = String::new();
        open(&format!("fit_reference/golden/{pixel}.fit")).unwrap().read_to_string(&mut text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let pair = numbers(lines[9]);
        let (s, i) = (pair[0] as usize - 1, pair[1] as usize - 1);
        let values = numbers(lines[11]);
        let printed = numbers(lines[13]);
        let close = |ours: f64, theirs: f64, tolerance: f64| {
            assert!((ours - theirs).abs() <= tolerance * theirs.abs().max(1e-30), "pixel {pixel}: {ours} {theirs}");
        };
        let (stellar, dust) = (&golden.stellar, &golden.dust);
        assert_eq!(stellar.index[s] as usize, s + 1);
        for (ours, theirs) in [
            (stellar.f_mu[s], values[0]),
            (dust.f_mu[i], values[1]),
            (stellar.mu[s], values[2]),
            (stellar.tau_v[s], values[3]),
            (stellar.ssfr[s], values[4]),
            (stellar.dust_luminosity[s] * values[5], values[6]),
            (dust.t_warm[i], values[7]),
            (dust.t_cold[i], values[8]),
            (dust.xi_cold[i] * dust.f_mu[i], values[9]),
            (dust.mass[i] * stellar.dust_luminosity[s] * values[5], values[14]),
        ] {
            // Printed with three decimals, temperatures with one.
            close(ours, theirs, 3e-3);
        }
        assert_eq!(printed.len(), golden.bands.len());
        for (band, &printed) in printed.iter().enumerate() {
            let flux = stellar.flux[band][s] + stellar.dust_luminosity[s] * dust.flux[band][i];
            close(flux * values[5] / 1.01, printed, 1e-3);
        }
    }
}

#[test]
fn a_thousand_observations_are_read_with_their_redshift() {
    let Some(input) = open("fit_reference/golden/filters.dat") else { return };
    let filters = read_filters(input, "filters.dat").unwrap();
    let input = open("fit_reference/golden/obs.dat").unwrap();
    let all = read_observations(input, "obs.dat", &filters, ZeroSigma::Refuse).unwrap();
    assert_eq!((all.len(), all[0].name.as_str(), all[999].name.as_str()), (1000, "pix0", "pix999"));
    assert!(all.iter().all(|one| one.redshift == 0.01 && one.bands.len() == 12));
    assert_eq!(all[0].bands[1], Measurement::Flux { flux_jy: 3.72094e-09, sigma_jy: 3.14393e-10 });
    assert_eq!(read_zlibs(open("fit_reference/golden/zlibs.dat").unwrap(), "zlibs.dat").unwrap(), [0.01]);
}

#[test]
fn the_projects_own_filter_tables_and_dust_draws_are_read() {
    let Some(input) = open("magphys/filters_run0001.dat") else { return };
    let filters = read_filters(input, "filters_run0001.dat").unwrap();
    assert_eq!(filters.len(), 6);
    let bands: Vec<Band> = filters.into_iter().map(|filter| filter.band).collect();
    let draws = open("magphys/infrared_dce08_z0.0100_run0001.lbr.gz").unwrap();
    let dust = read_ir(draws, "infrared.lbr", &bands, 0.01).unwrap();
    assert_eq!((dust.len(), dust.f_mu[0], dust.mass[0]), (50_000, 0.038, 3.104e-4));
    let ugc = read_filters(open("fit_reference/boinc_magphys_filters05.dat").unwrap(), "filters05.dat");
    assert!(ugc.is_ok(), "{ugc:?}");
}
