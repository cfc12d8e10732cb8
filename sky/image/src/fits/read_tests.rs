//! Tests of reading: files made in memory, and real ones whose figures astropy 8.0.2 gave.

use std::path::PathBuf;

use super::{FitsError, FitsFile, Rect};

/// Bytes of an HDU: cards given without padding, END added, data padded.
pub(crate) fn hdu(cards: &[&str], data: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = cards.iter().flat_map(|card| format!("{card:<80}").into_bytes()).collect();
    out.extend(format!("{:<80}", "END").bytes());
    out.resize(out.len().next_multiple_of(2880), b' ');
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(2880), 0);
    out
}

fn image_file(bitpix: i64, axes: &[usize], more: &[&str], data: &[u8]) -> Vec<u8> {
    let mut cards = vec!["SIMPLE  = T".to_owned(), format!("BITPIX  = {bitpix}"), format!("NAXIS   = {}", axes.len())];
    cards.extend(axes.iter().enumerate().map(|(i, n)| format!("NAXIS{:<3}= {n}", i + 1)));
    cards.extend(more.iter().map(|c| (*c).to_owned()));
    hdu(&cards.iter().map(String::as_str).collect::<Vec<_>>(), data)
}

fn open(bytes: Vec<u8>) -> Result<FitsFile, FitsError> {
    FitsFile::from_bytes("memory.fits", bytes)
}

fn read_all(bytes: Vec<u8>) -> Vec<f64> {
    let file = open(bytes).unwrap();
    let image = file.image(0).unwrap();
    let mut out = vec![0.0; image.rect().area()];
    image.read_f64(0, image.rect(), &mut out).unwrap();
    let mut single = vec![0.0f32; out.len()];
    image.read_f32(0, image.rect(), &mut single).unwrap();
    for (d, s) in out.iter().zip(&single) {
        assert!(*d as f32 == *s || d.is_nan() && s.is_nan(), "{d} {s}");
    }
    out
}

pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("POGSON_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join("data").join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there (set POGSON_SHARED)", path.display());
    None
}

#[test]
fn all_pixel_types_are_read() {
    assert_eq!(read_all(image_file(8, &[3, 1], &[], &[0, 1, 255])), [0.0, 1.0, 255.0]);
    assert_eq!(read_all(image_file(16, &[2, 1], &[], &[0x80, 0, 0x7f, 0xff])), [-32768.0, 32767.0]);
    assert_eq!(read_all(image_file(32, &[1, 1], &[], &(-7i32).to_be_bytes())), [-7.0]);
    assert_eq!(read_all(image_file(64, &[1, 1], &[], &(1i64 << 60).to_be_bytes())), [(1i64 << 60) as f64]);
    assert_eq!(read_all(image_file(-32, &[1, 1], &[], &1.5f32.to_be_bytes())), [1.5]);
    assert_eq!(read_all(image_file(-64, &[1, 1], &[], &0.1f64.to_be_bytes())), [0.1]);
}

#[test]
fn stored_integers_become_values_and_blank_becomes_nan() {
    let data: Vec<u8> = [0i16, 100, -99].iter().flat_map(|v| v.to_be_bytes()).collect();
    let cards = ["BSCALE  = 0.5", "BZERO   = 10.0", "BLANK   = -99"];
    let values = read_all(image_file(16, &[3, 1], &cards, &data));
    assert_eq!(values[..2], [10.0, 60.0]);
    assert!(values[2].is_nan());
}

#[test]
fn unsigned_integers_of_64_bits_keep_their_low_bits() {
    // 5 and 2^63 + 2048, stored as the standard asks: minus 2^63.
    let data: Vec<u8> = [5 ^ i64::MIN, 2048].iter().flat_map(|v| v.to_be_bytes()).collect();
    let bytes = image_file(64, &[2, 1], &["BZERO   = 9223372036854775808"], &data);
    assert_eq!(read_all(bytes.clone()), [5.0, 9_223_372_036_854_777_856.0]);
    let file = open(bytes).unwrap();
    let image = file.image(0).unwrap();
    let mut one = [0];
    image.read_i64(0, Rect { x: 0, y: 0, width: 1, height: 1 }, &mut one).unwrap();
    assert_eq!(one, [5]);
    let err = image.read_i64(0, Rect { x: 1, y: 0, width: 1, height: 1 }, &mut one).unwrap_err();
    assert!(matches!(err, FitsError::Unfit { .. }), "{err}");
}

#[test]
fn signed_bytes_and_unsigned_words_are_told_by_bzero() {
    let file = open(image_file(8, &[2, 1], &["BZERO   = -128"], &[0, 255])).unwrap();
    let mut out = [0; 2];
    file.image(0).unwrap().read_i64(0, file.image(0).unwrap().rect(), &mut out).unwrap();
    assert_eq!(out, [-128, 127]);
    assert_eq!(read_all(image_file(16, &[1, 1], &["BZERO   = 32768.0"], &[0x7f, 0xff])), [65535.0]);
    assert_eq!(read_all(image_file(32, &[1, 1], &["BZERO   = 2147483648"], &[0x7f, 0xff, 0xff, 0xff])), [4294967295.0]);
}

#[test]
fn a_rectangle_of_a_plane_is_read_from_a_cube() {
    let data: Vec<u8> = (0..60i32).flat_map(i32::to_be_bytes).collect();
    let file = open(image_file(32, &[5, 4, 3], &[], &data)).unwrap();
    let image = file.first_image().unwrap();
    assert_eq!((image.width(), image.height(), image.planes()), (5, 4, 3));
    let mut out = [0.0f32; 4];
    image.read_f32(2, Rect { x: 3, y: 1, width: 2, height: 2 }, &mut out).unwrap();
    assert_eq!(out, [48.0, 49.0, 53.0, 54.0]);
    let outside = image.read_f32(0, Rect { x: 4, y: 1, width: 2, height: 2 }, &mut out).unwrap_err();
    assert!(outside.to_string().contains("not within the image of 5 x 4 x 3 pixels"), "{outside}");
    assert!(image.read_f32(3, Rect { x: 0, y: 0, width: 2, height: 2 }, &mut out).is_err());
    let short = image.read_f32(0, Rect { x: 0, y: 0, width: 2, height: 3 }, &mut out).unwrap_err();
    assert!(matches!(short, FitsError::WrongLength { found: 4, wanted: 6, .. }));
}

#[test]
fn what_is_no_fits_is_said_to_be_what_it_is() {
    for (bytes, word) in
        [(&b""[..], "empty"), (b"BZh91AY", "bzip2"), (b"<html>", "web page"), (b"hello world", "SIMPLE")]
    {
        let err = open(bytes.to_vec()).unwrap_err();
        assert!(matches!(err, FitsError::NotFits { .. }) && err.to_string().contains(word), "{err}");
    }
}

#[test]
fn bad_structure_is_named_by_keyword_and_value() {
    let bad = |cards: &[&str]| open(hdu(cards, &[])).unwrap_err().to_string();
    assert!(bad(&["SIMPLE  = T", "BITPIX  = 17", "NAXIS   = 0"]).contains("BITPIX = 17"));
    assert!(bad(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = -1"]).contains("NAXIS = -1"));
    assert!(bad(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1000"]).contains("NAXIS = 1000"));
    assert!(bad(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = -5"]).contains("NAXIS1 = -5"));
    assert!(bad(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1"]).contains("NAXIS1 is missing"));
    assert!(bad(&["SIMPLE  = T", "NAXIS   = 0"]).contains("BITPIX is missing"));
    let huge =
        ["SIMPLE  = T", "BITPIX  = -64", "NAXIS   = 3", "NAXIS1  = 9000000000", "NAXIS2  = 9000000000", "NAXIS3  = 9"];
    assert!(bad(&huge).contains("9000000000 x 9000000000 x 9"));
}

#[test]
fn a_claim_of_10_to_the_15_pixels_fails_before_memory_is_taken() {
    let file = open(image_file(-32, &[1_000_000_000, 1_000_000], &[], &[0; 100])).unwrap();
    let err = file.image(0).unwrap_err();
    assert!(matches!(err, FitsError::TruncatedData { expected: 4_000_000_000_000_000, .. }), "{err}");
}

#[test]
fn truncated_data_say_how_many_bytes_are_missing() {
    let mut bytes = image_file(-32, &[100, 100], &[], &[0; 40_000]);
    bytes.truncate(2880 + 39_990);
    let file = open(bytes).unwrap();
    assert_eq!(
        file.image(0).unwrap_err().to_string(),
        "memory.fits: HDU 0: data are cut short: 10 of 40000 bytes are missing; fetch the file again"
    );
    let mut bytes = image_file(-32, &[100, 100], &[], &[0; 40_000]);
    bytes.truncate(2880 + 40_000);
    let file = open(bytes).unwrap();
    assert!(file.image(0).is_ok());
    assert_eq!(file.warnings(), ["HDU 0 lacks its last padding"]);
}

#[test]
fn an_image_of_no_groups_is_refused() {
    let mut bytes = hdu(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"], &[]);
    let cards = ["XTENSION= 'IMAGE   '", "BITPIX  = 16", "NAXIS   = 1", "NAXIS1  = 64", "PCOUNT  = 0", "GCOUNT  = 0"];
    bytes.extend(hdu(&cards, &[]));
    let err = open(bytes).unwrap().image(1).unwrap_err();
    assert!(err.to_string().contains("GCOUNT = 0"), "{err}");
}

#[test]
fn axes_of_no_length_make_images_without_pixels() {
    let file = open(image_file(16, &[0, 5], &[], &[])).unwrap();
    let image = file.image(0).unwrap();
    image.read_f32(0, image.rect(), &mut []).unwrap();
    let none = open(image_file(8, &[], &[], &[])).unwrap();
    assert!(none.image(0).unwrap_err().to_string().contains("a header without data"));
}

#[test]
fn extensions_are_found_by_name_and_inherit_when_asked() {
    let mut bytes = hdu(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "TELESCOP= 'HST'", "OBJECT  = 'A'"], &[]);
    for ver in 1..=2 {
        let version = format!("EXTVER  = {ver}");
        let cards = [
            "XTENSION= 'IMAGE   '",
            "BITPIX  = 8",
            "NAXIS   = 2",
            "NAXIS1  = 2",
            "NAXIS2  = 1",
            "PCOUNT  = 0",
            "GCOUNT  = 1",
            "EXTNAME = 'SCI'",
            &version,
            "INHERIT = T",
            "OBJECT  = 'B'",
        ];
        bytes.extend(hdu(&cards, &[1, 2]));
    }
    bytes.extend([0u8; 2880]);
    let file = open(bytes).unwrap();
    assert_eq!(file.hdus().len(), 3);
    assert_eq!(file.named("sci", Some(2)).unwrap(), 2);
    assert_eq!(file.first_image().unwrap().hdu(), 1);
    let header = file.hdus()[2].header();
    assert_eq!((header.str("TELESCOP"), header.str("OBJECT")), (Some("HST"), Some("B")));
    assert!(!file.hdus()[2].own_header().contains("TELESCOP"));
    assert!(file.named("ERR", None).unwrap_err().to_string().contains("extension 'ERR'"));
    assert!(file.warnings().is_empty());
}

/// Sum of the values of an HDU's planes, NaN left out.
fn sum(file: &FitsFile, hdu: usize) -> f64 {
    let image = file.image(hdu).unwrap();
    let mut out = vec![0.0; image.rect().area()];
    let mut sum = 0.0;
    for plane in 0..image.planes() {
        image.read_f64(plane, image.rect(), &mut out).unwrap();
        sum += out.iter().filter(|v| !v.is_nan()).sum::<f64>();
    }
    sum
}

#[test]
fn real_files_have_the_shapes_and_sums_that_astropy_finds() {
    // (file, HDU, axes, BITPIX, sum without NaN): astropy 8.0.2, numpy.nansum in double precision.
    let known: [(&str, usize, &[usize], i64, f64); 7] = [
        ("tiles_m17_2mass_k/raw/aK_asky_990502s1430080.fits", 0, &[512, 1024], -32, 345803337.19085693),
        ("wcs/astropy_tests/dss.14.29.56-62.41.05.fits.gz", 0, &[100, 100], 16, 51011936.0),
        ("wcs/astropy_tests/dist_lookup.fits.gz", 1, &[100, 100], -32, 977642.8834705353),
        ("wcs/astropy_tests/dist_lookup.fits.gz", 4, &[65, 33], -32, -0.01815617977990769),
        ("wcs/reproject_refs/equatorial_3d.fits", 0, &[7, 5, 4], -64, 76.74557851079359),
        ("wcs/aegean/1904-66_SIN.fits", 0, &[192, 192], -32, 635.6082706251914),
        ("galaxies/ngc5584/NGC5584_SPIRE_250.fits.gz", 0, &[601, 601], -64, 93.33179668999831),
    ];
    for (name, hdu, axes, code, expected) in known {
        let Some(path) = shared(name) else { return };
        let file = FitsFile::open(&path).unwrap();
        let image = file.image(hdu).unwrap();
        assert_eq!((image.axes(), image.bitpix().code()), (axes, code), "{name}");
        let found = sum(&file, hdu);
        assert!((found - expected).abs() <= 1e-10 * expected.abs(), "{name}: {found} {expected}");
    }
}

#[test]
fn all_real_files_open_and_their_headers_are_written_back_as_they_stood() {
    let Some(root) = shared("wcs") else { return };
    for entry in ["astropy_tests", "drizzle", "reproject_refs", "toasty", "aegean"] {
        for file in std::fs::read_dir(root.join(entry)).unwrap() {
            let path = file.unwrap().path();
            if !path.to_string_lossy().contains(".fits") {
                continue;
            }
            let file = FitsFile::open(&path).unwrap();
            println!("{}: {:?}", path.display(), file.warnings());
            for (index, hdu) in file.hdus().iter().enumerate() {
                if !hdu.own_header().warnings().is_empty() {
                    // What is mended cannot stay as it stood.
                    continue;
                }
                let stored = file.hdu_bytes(index).unwrap();
                let written = hdu.own_header().to_bytes();
                let end = written.iter().rposition(|b| *b != b' ').unwrap() - 2;
                assert!(stored.starts_with(&written[..end]), "{} HDU {index}", path.display());
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn reading_through_a_large_file_leaves_few_of_its_pages_in_memory() {
    use std::os::unix::fs::FileExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.fits");
    let (width, height) = (8192usize, 9000usize);
    let axes = [format!("NAXIS1  = {width}"), format!("NAXIS2  = {height}")];
    let head = hdu(&["SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 2", &axes[0], &axes[1]], &[]);
    let file = std::fs::File::create(&path).unwrap();
    file.write_all_at(&head, 0).unwrap();
    // A hole but for the last row: 295 MB that take no room.
    let last = head.len() as u64 + ((height - 1) * width * 4) as u64;
    file.write_all_at(&7.5f32.to_be_bytes().repeat(width), last).unwrap();
    file.set_len((last + (width * 4) as u64).next_multiple_of(2880)).unwrap();
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let ours = text.split("VmFlags").find(|part| part.contains("large.fits")).unwrap_or_default();
        let line = ours.lines().find(|l| l.starts_with("Rss:")).unwrap_or("Rss: 0 kB");
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
    };
    let file = FitsFile::open(&path).unwrap();
    let image = file.first_image().unwrap();
    let mut rows = vec![0.0f32; width * 100];
    let mut most = 0;
    for y in (0..height).step_by(100) {
        image.read_f32(0, Rect { x: 0, y, width, height: 100 }, &mut rows).unwrap();
        most = most.max(resident());
    }
    assert_eq!(rows[width * 100 - 1], 7.5);
    assert_eq!(rows[0], 0.0);
    assert!(most < 16, "{most} MiB of the file stayed in memory");
}
