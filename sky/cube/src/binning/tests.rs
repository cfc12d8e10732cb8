//! Bins of fields whose light and noise are known.

use super::*;

fn disc(width: usize, correlation: &NoiseCorrelation, peak: f64) -> Signal<'_> {
    let middle = 0.5 * (width as f64 - 1.0);
    let signal: Vec<f64> = (0..width * width)
        .map(|k| peak * libm::exp(-libm::hypot((k % width) as f64 - middle, (k / width) as f64 - middle) / 9.0))
        .collect();
    Signal { sigma: vec![1.0; signal.len()], signal, width, correlation }
}

#[test]
fn voronoi_bins_reach_the_target_evenly_and_hold_every_pixel() {
    let none = NoiseCorrelation::none();
    let signal = disc(70, &none, 12.0);
    let target = 20.0;
    let bins = voronoi(&signal, target).unwrap();
    assert!(bins.of_pixel.iter().all(|b| *b >= 0));
    let n = bins.bins.len() as f64;
    // vorbin gives 39 bins for this field, of mean 20.4 and scatter 2.8 (its cvt and wvt on).
    let many: Vec<f64> = bins.bins.iter().filter(|b| b.pixels > 4).map(|b| b.ratio).collect();
    let mean = many.iter().sum::<f64>() / many.len() as f64;
    let scatter = (many.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / many.len() as f64).sqrt();
    assert!((mean / target - 1.0).abs() < 0.1 && scatter / target < 0.15, "{n} bins, {mean} {scatter}");
    // As many bins as the summed squared ratios allow, within a fifth.
    let ideal: f64 = signal.signal.iter().map(|s| s * s).sum::<f64>() / (target * target);
    assert!(n > 0.75 * ideal && n < 1.6 * ideal, "{n} {ideal}");
    assert_eq!(bins.members().iter().map(Vec::len).sum::<usize>(), 4900);
}

#[test]
fn correlated_noise_needs_larger_bins() {
    let rho = [0.25, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 0.25];
    let correlated = NoiseCorrelation::new(1, rho.to_vec()).unwrap();
    let none = NoiseCorrelation::none();
    let few = voronoi(&disc(60, &correlated, 12.0), 15.0).unwrap();
    let many = voronoi(&disc(60, &none, 12.0), 15.0).unwrap();
    // The correlation area is 4: about a quarter of the bins, more where bins are small.
    assert!(few.bins.len() * 2 < many.bins.len(), "{} {}", few.bins.len(), many.bins.len());
    let signal = disc(60, &correlated, 12.0);
    for (pixels, bin) in few.members().iter().zip(&few.bins) {
        assert!((signal.ratio(pixels) - bin.ratio).abs() < 1e-9);
    }
}

#[test]
fn a_ratio_by_pairs_is_one_by_distances() {
    let rho = [0.25, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 0.25];
    let correlated = NoiseCorrelation::new(1, rho.to_vec()).unwrap();
    let signal = disc(20, &correlated, 3.0);
    let pixels: Vec<usize> = (45..95).collect();
    let places: Vec<_> = pixels.iter().map(|k| ((k % 20) as i64, (k / 20) as i64, 1.0)).collect();
    assert!((signal.variance_by_distance(&pixels) - correlated.variance_of(&places)).abs() < 1e-9);
    let mut of_pixel = vec![NO_BIN; 400];
    let mut variance = 0.0;
    for k in &pixels {
        variance += signal.added_variance(*k, 3, &of_pixel);
        of_pixel[*k] = 3;
    }
    assert!((variance - correlated.variance_of(&places)).abs() < 1e-9);
}

#[test]
fn half_of_the_hexagons_reach_the_target_and_none_is_far_below() {
    let none = NoiseCorrelation::none();
    let signal = disc(60, &none, 8.0);
    let bins = hexagons(&signal, 10.0).unwrap();
    assert!(bins.bins.iter().all(|b| b.ratio >= 5.0));
    assert!(bins.bins.len() > 5);
    // Whole hexagons have one size.
    let largest = bins.bins.iter().map(|b| b.pixels).max().unwrap();
    let middle = bins.bins.iter().filter(|b| libm::hypot(b.x - 29.5, b.y - 29.5) < 15.0);
    for bin in middle {
        assert!(bin.pixels as f64 > 0.85 * largest as f64, "{bin:?} {largest}");
    }
}

#[test]
fn light_that_does_not_suffice_gives_no_bins() {
    let none = NoiseCorrelation::none();
    let signal = disc(20, &none, 0.01);
    assert_eq!(voronoi(&signal, 50.0), None);
    assert_eq!(hexagons(&signal, 50.0), None);
    let empty = Signal { signal: vec![1.0; 9], sigma: vec![0.0; 9], width: 3, correlation: &none };
    assert_eq!(voronoi(&empty, 1.0), None);
    assert_eq!(hexagons(&empty, 1.0), None);
}

#[test]
fn a_binned_cube_holds_means_and_one_usable_pixel_a_bin() {
    let cube = crate::cube::tests::small();
    let mut of_pixel = vec![NO_BIN; 35];
    for k in [10, 11, 17, 18] {
        of_pixel[k] = 0;
    }
    for k in [20, 27] {
        of_pixel[k] = 1;
    }
    let signal = Signal::of(&cube, 0).unwrap();
    let bins = Bins::of_numbers(of_pixel, &signal);
    let binned = cube.binned(&bins);
    assert_eq!(binned.usable().len(), 2);
    let mean = (10 + 11 + 17 + 18) as f32 / 4.0 - 3.0;
    for k in [10, 18] {
        assert!((binned.layers[0].flux[k] / (mean * 1e-6) - 1.0).abs() < 1e-5);
    }
    // Layer 2 has correlated noise: neighbours add 0.3, diagonals 0.1.
    let s: Vec<f64> = [10, 11, 17, 18].iter().map(|k| cube.layers[2].noise_sigma(*k)).collect();
    let pairs =
        2.0 * (0.3 * (s[0] * s[1] + s[0] * s[2] + s[1] * s[3] + s[2] * s[3]) + 0.1 * (s[0] * s[3] + s[1] * s[2]));
    let variance = (s.iter().map(|s| s * s).sum::<f64>() + pairs) / 16.0;
    assert!((binned.layers[2].noise_sigma(10) / variance.sqrt() - 1.0).abs() < 1e-3);
    assert_eq!(binned.mask[0] & crate::cube::mask::FEW_BANDS, crate::cube::mask::FEW_BANDS);
    // And it comes back from a file.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.fits");
    binned.save(&path, &crate::cube::Saving::default()).unwrap();
    assert_eq!(Cube::open(&path).unwrap().bins, binned.bins);
}
