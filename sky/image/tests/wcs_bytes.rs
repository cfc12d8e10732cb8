//! The same coordinates, bit for bit, at every vector width.

use pogson_image::fits::Header;
use pogson_image::wcs::{PixelMap, Wcs};
use std::process::Command;

/// Set in the processes that only print their digest.
const CHILD: &str = "POGSON_TEST_PRINTS_DIGEST";

fn wcs(code: &str, more: &str) -> Wcs {
    let text = format!(
        "NAXIS1 = 400\nNAXIS2 = 300\nCTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\nCRPIX1 = 180.3\nCRPIX2 = 99.1\n\
         CRVAL1 = 275.196\nCRVAL2 = -16.172\nCDELT1 = -0.31\nCDELT2 = 0.29\nCROTA2 = 12.5\n{more}"
    );
    let header = Header::from_text(&text).unwrap_or_default();
    Wcs::from_header(&header).unwrap_or_else(|error| panic!("{code}: {error}"))
}

/// FNV-1a over the bits of all results.
fn digest() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |values: &[f64]| {
        for byte in values.iter().flat_map(|v| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }.to_le_bytes())
        {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    // A length that leaves a tail after whole vectors.
    let n = 4099;
    let x: Vec<f64> = (0..n).map(|i| f64::from(i % 397) * 1.013).collect();
    let y: Vec<f64> = (0..n).map(|i| f64::from(i % 293) * 0.997).collect();
    let (mut a, mut b) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let (mut c, mut d) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let tan = wcs("TAN", "");
    for (code, more) in [
        ("TAN", ""),
        ("SIN", ""),
        ("SIN", "PV2_1 = 0.1"),
        ("STG", ""),
        ("ZEA", ""),
        ("ARC", ""),
        ("AZP", "PV2_1 = 2.0"),
        ("ZPN", "PV2_1 = 1.0\nPV2_3 = 0.2"),
        ("AIR", ""),
        ("CAR", ""),
        ("CEA", ""),
        ("MER", ""),
        ("AIT", ""),
        ("MOL", ""),
        ("COE", "PV2_1 = -20.0"),
        ("BON", "PV2_1 = 30.0"),
        ("PCO", ""),
        ("QSC", ""),
        ("CSC", ""),
        ("HPX", ""),
        ("TAN", "EQUINOX = 1950.0"),
    ] {
        let other = wcs(code, more);
        other.pix_to_lonlat(&x, &y, &mut a, &mut b);
        take(&a);
        take(&b);
        other.lonlat_to_pix(&a, &b, &mut c, &mut d);
        take(&c);
        take(&d);
        PixelMap::between(&tan, &other).apply(&x, &y, &mut a, &mut b);
        take(&a);
        take(&b);
    }
    hash
}

#[test]
fn coordinates_are_the_same_bytes_at_every_vector_width() {
    if std::env::var_os(CHILD).is_some() {
        println!("digest {:016x}", digest());
        return;
    }
    let digests: Vec<String> = ["off", "avx2", "avx512"]
        .into_iter()
        .map(|level| {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "coordinates_are_the_same_bytes_at_every_vector_width", "--nocapture"])
                .env(CHILD, "1")
                .env("POGSON_SIMD", level)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let at = text.find("digest ").unwrap_or_else(|| panic!("no digest at {level}: {text}"));
            text[at..at + 23].to_owned()
        })
        .collect();
    assert!(digests.iter().all(|d| *d == digests[0]), "{digests:?}");
}
