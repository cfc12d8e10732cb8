//! Tiled images of files, against astropy's reading of them.

use crate::fits::{Bitpix, FitsFile, Rect};
use std::path::PathBuf;

/// A file of the shared data, or nothing where they are absent.
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("POGSON_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("data").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent (set POGSON_SHARED)", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn a_quantised_mosaic_reads_as_astropy_reads_it() {
    // Count of NaN, sum of the rest, and pixels (500, 400), (1000, 700), (300, 900), by astropy 8.0.
    let cases = [
        (
            "ref_montage_nobg",
            2_428_876_101.793_823_2,
            [646.899_963_378_906_2, 695.239_990_234_375, 656.739_990_234_375],
        ),
        ("ref_montage", 2_428_452_961.195_312_5, [646.890_014_648_437_5, 694.979_980_468_75, 653.799_987_792_968_7]),
    ];
    for (name, sum, pixels) in cases {
        let Some(path) = shared(&format!("tiles_m17_2mass_k/montage_reference/{name}.fits.fz")) else { return };
        let file = FitsFile::open(&path).unwrap();
        let image = file.first_image().unwrap();
        assert_eq!((image.width(), image.height(), image.bitpix()), (1793, 2201, Bitpix::F32));
        assert_eq!(image.header().str("CTYPE1"), Some("RA---TAN"));
        assert!(!image.header().contains("ZCMPTYPE") && !image.header().contains("TTYPE1"));
        let mut all = vec![0f32; image.rect().area()];
        image.read_f32(0, image.rect(), &mut all).unwrap();
        assert_eq!(all.iter().filter(|p| p.is_nan()).count(), 329_108);
        let total: f64 = all.iter().filter(|p| !p.is_nan()).map(|&p| f64::from(p)).sum();
        assert!((total - sum).abs() < 1e-3, "{total}");
        let mut part = vec![0f32; 1];
        for ((x, y), pixel) in [(500, 400), (1000, 700), (300, 900)].into_iter().zip(pixels) {
            image.read_f32(0, Rect { x, y, width: 1, height: 1 }, &mut part).unwrap();
            assert_eq!(part[0], pixel as f32);
            assert_eq!(all[y * 1793 + x], pixel as f32);
        }
    }
}
