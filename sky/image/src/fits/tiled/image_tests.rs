//! Tiled images of files, against astropy's reading of them.

use super::{Codec, Pixels, TiledError, TiledImage, TiledOptions, write_tiled};
use crate::fits::{Bitpix, FitsFile, Header, Options, Rect};
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

/// A cube of `noise` on a slope, as 16-bit integers.
fn cube(axes: [usize; 3]) -> Vec<i16> {
    let mut x = 9u32;
    let next = |i: usize| {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((x >> 24) as i16) + (i % axes[0]) as i16
    };
    (0..axes.iter().product()).map(next).collect()
}

#[test]
fn any_rectangle_of_any_codec_equals_the_same_part_of_the_whole() {
    let axes = [23, 17, 3];
    let pixels = cube(axes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cube.fits.fz");
    let mut header = Header::new();
    header.set("OBJECT", "cube", "");
    header.set("BZERO", 100.0, "");
    header.set("BLANK", i64::from(pixels[40]), "");
    let value = |p: i16| if p == pixels[40] { f32::NAN } else { f32::from(p) + 100.0 };
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for codec in [Codec::Rice, Codec::Gzip1, Codec::Gzip2, Codec::Hcompress, Codec::None, Codec::Plio] {
        for tile in [vec![], vec![10, 8, 1], vec![23, 17, 1], vec![7, 5, 2]] {
            if codec == Codec::Hcompress && (tile.len() == 3 && tile[0] < 23) {
                continue;
            }
            let options = TiledOptions { codec, tile, ..TiledOptions::default() };
            let overwrite = Options { overwrite: true, checksum: true };
            write_tiled(&path, &header, &axes, &Pixels::I16(pixels.clone()), &options, overwrite).unwrap();
            let file = FitsFile::open(&path).unwrap();
            let image = file.first_image().unwrap();
            assert_eq!((image.axes(), image.header().str("OBJECT")), (&axes[..], Some("cube")));
            for (plane, x, y, width, height) in
                [(0, 0, 0, 23, 17), (1, 6, 4, 9, 9), (2, 22, 16, 1, 1), (2, 3, 0, 5, 17)]
            {
                let rect = Rect { x, y, width, height };
                let mut got = vec![0f32; rect.area()];
                image.read_f32(plane, rect, &mut got).unwrap();
                let row = |line: usize| &pixels[((plane * 17) + y + line) * 23 + x..][..width];
                let want: Vec<f32> = (0..height).flat_map(|line| row(line).iter().map(|&p| value(p))).collect();
                assert_eq!(bits(&got), bits(&want), "{options:?} {rect}");
            }
        }
    }
}

#[test]
fn floats_without_loss_keep_all_their_bits() {
    let pixels: Vec<f64> = cube([23, 17, 3]).into_iter().map(|p| f64::from(p).sqrt() / 7.0).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cube.fits.fz");
    for codec in [Codec::Gzip1, Codec::Gzip2, Codec::None] {
        let options = TiledOptions { codec, level: None, ..TiledOptions::default() };
        let overwrite = Options { overwrite: true, checksum: true };
        let all = Pixels::F64(pixels.clone());
        write_tiled(&path, &Header::new(), &[23, 17, 3], &all, &options, overwrite).unwrap();
        let file = FitsFile::open(&path).unwrap();
        let image = file.first_image().unwrap();
        let mut got = vec![0f64; 23 * 17];
        image.read_f64(2, image.rect(), &mut got).unwrap();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&got), bits(&pixels[2 * 23 * 17..]));
    }
}

#[test]
fn what_a_codec_cannot_hold_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.fits");
    let write = |pixels: Pixels, options: TiledOptions| {
        write_tiled(&path, &Header::new(), &[4, 2], &pixels, &options, Options::default()).unwrap_err().to_string()
    };
    let plio = TiledOptions { codec: Codec::Plio, ..TiledOptions::default() };
    assert!(write(Pixels::I16(vec![-1; 8]), plio.clone()).contains("-1"));
    assert!(write(Pixels::F32(vec![0.5; 8]), plio).contains("BITPIX"));
    assert!(write(Pixels::I64(vec![5; 8]), TiledOptions::default()).contains("GZIP"));
    let exact = TiledOptions { level: None, ..TiledOptions::default() };
    assert!(write(Pixels::F32(vec![0.5; 8]), exact).contains("GZIP"));
    let late = TiledOptions { seed: 0, ..TiledOptions::default() };
    assert!(write(Pixels::F32(vec![0.5; 8]), late).contains("ZDITHER0"));
    assert!(!path.exists());
}

#[test]
fn one_corrupt_tile_is_named_and_the_others_are_read() {
    let pixels = cube([23, 17, 1]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.fits");
    let all = Pixels::I16(pixels);
    write_tiled(&path, &Header::new(), &[23, 17], &all, &TiledOptions::default(), Options::default()).unwrap();
    let file = FitsFile::open(&path).unwrap();
    let (hdu, data) = (file.hdu(1).unwrap(), file.data(1).unwrap());
    let mut data = data.to_vec();
    // Row 3 of the table: a pointer of 8 bytes, whose length becomes 1.
    data[3 * 8..3 * 8 + 4].copy_from_slice(&1u32.to_be_bytes());
    let image = TiledImage::new(hdu.own_header(), &data).unwrap();
    let row = |y| image.read_f32(0, Rect { x: 0, y, width: 23, height: 1 }, &mut [0.0; 23]);
    assert!(matches!(row(3), Err(TiledError::Tile { row: 3, .. })));
    assert!(row(2).is_ok() && row(4).is_ok());
}
