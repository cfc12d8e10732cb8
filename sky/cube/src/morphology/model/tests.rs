#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::result::made_up::Stream;

/// A mock drawn four times as fine as the fit draws, blurred on the fine grid, with noise of unit variance.
struct Mock {
    side: usize,
    centre: (f64, f64),
    fwhm: f64,
    parts: Vec<Component>,
}

impl Mock {
    fn image(&self, seed: u64) -> Vec<f64> {
        const FINE: usize = 4;
        let n = self.side * FINE;
        let to_fine = |v: f64| (v + 0.5) * FINE as f64 - 0.5;
        let centre = (to_fine(self.centre.0), to_fine(self.centre.1));
        let grid = Grid { width: n, height: n, anchor: centre };
        let mut fine = vec![0.0; n * n];
        for part in &self.parts {
            let profile = match part.profile {
                Profile::Sersic { radius, n } => Profile::Sersic { radius: radius * FINE as f64, n },
                Profile::Ferrers { length } => Profile::Ferrers { length: length * FINE as f64 },
                Profile::Exponential { scale } => Profile::Exponential { scale: scale * FINE as f64 },
            };
            Component { profile, ..*part }.draw(centre, grid, &mut fine);
        }
        let fine = Psf::Gaussian { fwhm: self.fwhm * FINE as f64 }.blur(n, n).apply(fine);
        let mut stream = Stream(seed);
        (0..self.side * self.side)
            .map(|k| {
                let (x, y) = (k % self.side * FINE, k / self.side * FINE);
                let cells = (0..FINE * FINE).map(|c| fine[(y + c / FINE) * n + x + c % FINE]);
                cells.sum::<f64>() + stream.normal()
            })
            .collect()
    }
}

fn part(profile: Profile, total: f64, q: f64, theta: f64) -> Component {
    Component { profile, total, q, theta }
}

fn options(kinds: &[Kind], fwhm: f64) -> ModelOptions {
    ModelOptions { kinds: kinds.to_vec(), psf: Psf::Gaussian { fwhm }, pixels_per_beam: 1.0 }
}

fn fit(mock: &Mock, seed: u64, kinds: &[Kind]) -> Vec<ModelFit> {
    let image = mock.image(seed);
    fit_models(&image, mock.side, &[], &vec![1.0; image.len()], &options(kinds, mock.fwhm)).unwrap()
}

/// The truth lies within four sigma, and sigma is at most `most` times the value.
fn assert_found(fit: &ModelFit, name: &str, truth: f64, most: f64) {
    let found = fit.get(name).unwrap();
    let sigma = found.sigma.unwrap();
    assert!((found.value - truth).abs() < 4.0 * sigma + 2e-3 * truth.abs(), "{name}: {found:?}, truth {truth}");
    assert!(sigma < most * truth.abs(), "{name}: {found:?}");
}

#[test]
fn a_disc_is_recovered_and_preferred() {
    let disc = part(Profile::Exponential { scale: 7.0 }, 2e4, 0.6, 0.5);
    let mock = Mock { side: 72, centre: (36.3, 35.4), fwhm: 3.0, parts: vec![disc] };
    let fits = fit(&mock, 11, &[Kind::Disc, Kind::BulgeDisc]);
    assert_eq!(fits[0].kind, Kind::Disc);
    for (name, truth) in [("disc_scale", 7.0), ("disc_total", 2e4), ("disc_axis_ratio", 0.6), ("x", 36.3), ("y", 35.4)]
    {
        assert_found(&fits[0], name, truth, 0.05);
    }
    assert_found(&fits[0], "disc_angle", 0.5f64.to_degrees(), 0.05);
    assert!((fits[0].chi2 / fits[0].dof - 1.0).abs() < 0.1);
}

#[test]
fn bulge_and_disc_are_told_apart() {
    let bulge = part(Profile::Sersic { radius: 3.0, n: 2.5 }, 3e4, 0.8, 0.3);
    let disc = part(Profile::Exponential { scale: 10.0 }, 7e4, 0.5, 0.9);
    let mock = Mock { side: 90, centre: (44.6, 45.2), fwhm: 2.5, parts: vec![bulge, disc] };
    let fits = fit(&mock, 12, &[Kind::Disc, Kind::BulgeDisc]);
    assert_eq!(fits[0].kind, Kind::BulgeDisc);
    assert_found(&fits[0], "bulge_share", 0.3, 0.1);
    assert_found(&fits[0], "bulge_radius", 3.0, 0.15);
    assert_found(&fits[0], "bulge_index", 2.5, 0.2);
    assert_found(&fits[0], "disc_scale", 10.0, 0.05);
    assert_found(&fits[0], "disc_axis_ratio", 0.5, 0.05);
}

#[test]
fn bulge_bar_and_disc_are_recovered_under_seeing() {
    let bulge = part(Profile::Sersic { radius: 2.5, n: 1.5 }, 3e4, 0.9, 0.0);
    let bar = part(Profile::Ferrers { length: 16.0 }, 3e4, 0.3, 1.2);
    let disc = part(Profile::Exponential { scale: 11.0 }, 1.2e5, 0.7, 0.2);
    let mock = Mock { side: 96, centre: (47.7, 48.2), fwhm: 2.5, parts: vec![bulge, bar, disc] };
    let fits = fit(&mock, 13, &[Kind::BulgeDisc, Kind::BulgeBarDisc]);
    assert_eq!(fits[0].kind, Kind::BulgeBarDisc, "{fits:?}");
    for (name, truth) in [
        ("bar_length", 16.0),
        ("bar_axis_ratio", 0.3),
        ("bar_share", 3.0 / 18.0),
        ("bulge_share", 3.0 / 18.0),
        ("bulge_radius", 2.5),
        ("disc_scale", 11.0),
        ("disc_axis_ratio", 0.7),
    ] {
        assert_found(&fits[0], name, truth, 0.1);
    }
    assert_found(&fits[0], "bar_angle", 1.2f64.to_degrees(), 0.05);
}

#[test]
fn sigmas_are_the_scatter_of_repeated_fits() {
    let disc = part(Profile::Exponential { scale: 5.0 }, 6e3, 0.7, 0.4);
    let mock = Mock { side: 44, centre: (21.7, 22.3), fwhm: 2.5, parts: vec![disc] };
    let truth = [("disc_scale", 5.0), ("disc_total", 6e3), ("disc_axis_ratio", 0.7), ("x", 21.7)];
    let mut squares = [0.0; 4];
    let runs = 12;
    for seed in 0..runs {
        let fits = fit(&mock, 900 + seed, &[Kind::Disc]);
        for (sum, (name, truth)) in squares.iter_mut().zip(truth) {
            let found = fits[0].get(name).unwrap();
            let pull = (found.value - truth) / found.sigma.unwrap();
            *sum += pull * pull;
        }
    }
    // Chi squared of 12: within 3 and 28 but for one in a hundred.
    for (sum, (name, _)) in squares.iter().zip(truth) {
        assert!((3.0..29.0).contains(sum), "{name} {sum}");
    }
}

#[test]
fn without_variances_residuals_give_the_scale() {
    let disc = part(Profile::Exponential { scale: 6.0 }, 1e4, 0.8, 0.0);
    let mock = Mock { side: 50, centre: (25.0, 25.0), fwhm: 2.5, parts: vec![disc] };
    let image = mock.image(5);
    let with = fit_models(&image, 50, &[], &[1.0; 2500], &options(&[Kind::Disc], 2.5)).unwrap();
    let without = fit_models(&image, 50, &[], &[], &options(&[Kind::Disc], 2.5)).unwrap();
    let (a, b) = (with[0].get("disc_scale").unwrap(), without[0].get("disc_scale").unwrap());
    assert!((a.value - b.value).abs() < 1e-4 && (a.sigma.unwrap() / b.sigma.unwrap() - 1.0).abs() < 0.1, "{a:?} {b:?}");
    let mut correlated = options(&[Kind::Disc], 2.5);
    correlated.pixels_per_beam = 9.0;
    let wide = fit_models(&image, 50, &[], &[1.0; 2500], &correlated).unwrap();
    let ratio = wide[0].get("disc_scale").unwrap().sigma.unwrap() / a.sigma.unwrap();
    assert!((ratio / 3.0 - 1.0).abs() < 0.05, "{ratio}");
}

#[test]
fn images_without_enough_pixels_or_light_are_refused() {
    let o = options(&[Kind::Disc], 2.0);
    assert!(fit_models(&[1.0; 16], 4, &[], &[], &o).is_err());
    assert!(fit_models(&[-1.0; 400], 20, &[], &[], &o).is_err());
    assert!(fit_models(&[f64::NAN; 400], 20, &[], &[], &o).is_err());
    assert!(fit_models(&[1.0; 400], 20, &[], &[0.0; 400], &o).is_err());
}

#[test]
fn pixels_that_do_not_count_around_an_object_change_nothing() {
    let disc = part(Profile::Exponential { scale: 4.0 }, 8e3, 0.7, 0.6);
    let mock = Mock { side: 40, centre: (19.6, 20.3), fwhm: 2.5, parts: vec![disc] };
    let image = mock.image(21);
    let alone = fit_models(&image, 40, &[], &[1.0; 1600], &options(&[Kind::Disc], 2.5)).unwrap();
    // The same in the corner of a larger image.
    let mut wide = vec![f64::NAN; 70 * 60];
    for (k, v) in image.iter().enumerate() {
        wide[(k / 40 + 15) * 70 + k % 40 + 25] = *v;
    }
    let within = fit_models(&wide, 70, &[], &vec![1.0; 70 * 60], &options(&[Kind::Disc], 2.5)).unwrap();
    for (a, b) in alone[0].parameters.iter().zip(&within[0].parameters) {
        let shift = match a.name {
            "x" => 25.0,
            "y" => 15.0,
            _ => 0.0,
        };
        assert!((a.value + shift - b.value).abs() < 1e-9 * b.value.abs().max(1.0), "{a:?} {b:?}");
    }
    assert_eq!(within[0].image.len(), wide.len());
    let at = |x: usize, y: usize| (alone[0].image[y * 40 + x], within[0].image[(y + 15) * 70 + x + 25]);
    assert!((at(20, 20).0 - at(20, 20).1).abs() < 1e-9 && (at(3, 30).0 - at(3, 30).1).abs() < 1e-9);
}
