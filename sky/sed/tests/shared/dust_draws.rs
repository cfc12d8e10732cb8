//! The prior of dust models against the draws of the library that POGS used.

use pogson_sed::dust::{DustDraw, Mixture};
use pogson_sed::library::{Band, Dust};
use pogson_sed::magphys::{read_filters, read_ir};

use super::open;

fn draws() -> Option<Dust> {
    let filters = read_filters(open("magphys/filters_run0001.dat")?, "filters").unwrap();
    let bands: Vec<Band> = filters.into_iter().map(|filter| filter.band).collect();
    Some(read_ir(open("magphys/infrared_dce08_z0.0100_run0001.lbr.gz")?, "infrared", &bands, 0.01).unwrap())
}

/// Greatest distance between two samples' distributions (Kolmogorov & Smirnov).
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let share = |values: &[f64], x: f64| values.partition_point(|&v| v <= x) as f64 / values.len() as f64;
    a.iter().chain(&b).map(|&x| (share(&a, x) - share(&b, x)).abs()).fold(0.0, f64::max)
}

#[test]
fn shares_and_temperatures_are_distributed_as_the_real_ones() {
    let Some(real) = draws() else { return };
    // Rounded as theirs are printed, for steps of a thousandth are seen in a distribution.
    let round = |value: f64| (value * 1000.0).round() / 1000.0;
    let ours: Vec<DustDraw> = (0..50_000).map(|number| DustDraw::draw(1, number)).collect();
    let column = |f: fn(&DustDraw) -> f64| ours.iter().map(|draw| round(f(draw))).collect::<Vec<f64>>();
    for (name, ours, real) in [
        ("f_mu", column(|d| d.f_mu), &real.f_mu),
        ("xi_C", column(|d| d.xi_cold), &real.xi_cold),
        ("T_W", column(|d| d.t_warm), &real.t_warm),
        ("T_C", column(|d| d.t_cold), &real.t_cold),
        ("xi_PAH", column(|d| d.xi_pah), &real.xi_pah),
        ("xi_MIR", column(|d| d.xi_mir), &real.xi_mir),
        ("xi_W", column(|d| d.xi_warm), &real.xi_warm),
    ] {
        let d = distance(&ours, real);
        println!("{name}: D = {d:.4}");
        assert!(d < 0.02, "{name}: D = {d}");
    }
}

#[test]
fn dust_masses_of_the_real_draws_follow_from_their_parameters_and_one_factor() {
    let Some(real) = draws() else { return };
    let mut ratios: Vec<f64> = (0..real.len())
        .map(|k| {
            let draw = DustDraw {
                f_mu: real.f_mu[k],
                xi_cold: real.xi_cold[k],
                t_warm: real.t_warm[k],
                t_cold: real.t_cold[k],
                xi_pah: real.xi_pah[k],
                xi_mir: real.xi_mir[k],
                xi_warm: real.xi_warm[k],
            };
            Mixture::of(&draw).mass / real.mass[k]
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let factor = ratios[ratios.len() / 2];
    let near = ratios.iter().filter(|&&ratio| (ratio / factor - 1.0).abs() <= 0.02).count();
    let share = near as f64 / ratios.len() as f64;
    println!("common factor {factor:.4}, within 2 % of it {share:.4}");
    assert!((factor - 1.0).abs() < 0.02, "{factor}");
    assert!(share > 0.99, "{share}");
}
