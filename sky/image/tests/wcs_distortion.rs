//! Distortion through whole world coordinates: TPV, TNX, ZPX, look-up tables and DSS plates, beside figures of
//! WCSLIB and astropy 8.0.2; the shared headers with SIP are in `wcs_reference.rs`.

use pogson_image::fits::{FitsFile, Header};
use pogson_image::sphere::SkyCoord;
use pogson_image::wcs::Wcs;
use std::path::{Path, PathBuf};

/// Pixel and place, or back: five points of the synthetic headers, 1-based.
const PIXELS: [(f64, f64); 5] = [(1.0, 1.0), (2000.0, 1.0), (100.0, 1500.0), (1000.0, 1000.0), (1990.5, 1777.25)];

fn header(code: &str, more: &str) -> Header {
    let text = format!(
        "NAXIS = 2\nNAXIS1 = 2000\nNAXIS2 = 2000\nCTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\nCRVAL1 = 30.0\n\
         CRVAL2 = 20.0\nCRPIX1 = 1000.0\nCRPIX2 = 1000.0\nCD1_1 = -3E-4\nCD1_2 = 1E-5\nCD2_1 = 1E-5\nCD2_2 = 3E-4\n{more}"
    );
    Header::from_text(&text).expect("a header")
}

/// Checks both directions; `pixels` 0-based.
fn assert_places(wcs: &Wcs, pixels: &[(f64, f64)], places: &[(f64, f64)], within_deg: f64, within_px: f64) {
    assert_eq!(pixels.len(), places.len());
    for ((x, y), (lon_deg, lat_deg)) in pixels.iter().copied().zip(places.iter().copied()) {
        let expected = SkyCoord { lon_deg, lat_deg };
        let got = wcs.pix_to_sky(x, y).expect("a place");
        let apart = got.separation_deg(expected);
        assert!(apart <= within_deg, "pixel {x}, {y}: {apart} degrees from {expected:?}");
        let (bx, by) = wcs.sky_to_pix(got).expect("a pixel");
        assert!((bx - x).abs().max((by - y).abs()) <= within_px, "{x}, {y} came back as {bx}, {by}");
    }
}

fn zero_based() -> Vec<(f64, f64)> {
    PIXELS.iter().map(|(x, y)| (x - 1.0, y - 1.0)).collect()
}

#[test]
fn tpv_with_odd_powers_of_the_radius_is_wcslibs() {
    let pv = "PV1_0=1E-4\nPV1_1=1.001\nPV1_2=2E-4\nPV1_3=3E-4\nPV1_5=.01\nPV1_11=.02\nPV1_23=-.03\nPV1_31=.01\nPV1_39=.04\n\
              PV2_0=-2E-4\nPV2_1=.999\nPV2_2=-1E-4\nPV2_3=-2E-4\nPV2_6=.005\nPV2_11=.01\nPV2_16=.03\nPV2_22=.02\nPV2_38=.01";
    let places = [
        (30.308517374762353, 19.691481541052326),
        (29.672813223013037, 19.711502933574437),
        (30.294402125292308, 20.14120238355006),
        (30.00010641764204, 19.99979999996825),
        (29.691746699911814, 20.24344617035259),
    ];
    for code in ["TPV", "TAN"] {
        let wcs = Wcs::from_header(&header(code, pv)).unwrap();
        assert!(wcs.has_distortion());
        assert_places(&wcs, &zero_based(), &places, 1e-13, 1e-9);
    }
}

/// Surfaces as IRAF writes them: Chebyshev with full cross terms, Legendre with half of them.
fn surfaces(kind: &str, projp: &str) -> String {
    let mut text = "WAT0_001 = 'system=image'\n".to_owned();
    for (axis, whole) in [
        (
            1,
            format!(
                "wtype={kind} axtype=ra {projp}lngcor = \"1. 4. 3. 1. -0.35 0.45 -0.4 0.5 -0.0005 -0.0001 0.0003 -0.0004 \
                 0. 0.0004 -0.0003 0.0001 0.0005 -0.0002 0.0002 -0.0005 \""
            ),
        ),
        (
            2,
            format!(
                "wtype={kind} axtype=dec {projp}latcor = \"2. 3. 4. 2. -0.35 0.45 -0.4 0.5 -0.0006 -0.0003 0. 0.0003 \
                 0.0006 -0.0004 -0.0001 0.0002 0.0005 \""
            ),
        ),
    ] {
        for (k, piece) in whole.as_bytes().chunks(68).enumerate() {
            text.push_str(&format!("WAT{axis}_{:03}= '{}'\n", k + 1, String::from_utf8_lossy(piece)));
        }
    }
    text
}

/// Expected: numpy's `chebval2d` and `legval2d` added to the plane coordinates, then the closed form of TAN, and
/// astropy's ZPN.
#[test]
fn tnx_and_zpx_are_their_published_formulas() {
    let tnx = [
        (30.307443710482637, 19.6887270240804),
        (29.67116928663082, 19.70999900642927),
        (30.291880055956327, 20.13997479432315),
        (29.99882959267475, 19.99953311944339),
        (29.69054693523622, 20.24210990707183),
    ];
    let wcs = Wcs::from_header(&header("TNX", &surfaces("tnx", ""))).unwrap();
    assert!(wcs.warnings().is_empty(), "{:?}", wcs.warnings());
    assert_places(&wcs, &zero_based(), &tnx, 1e-13, 1e-9);
    let zpx = [
        (30.307112961890976, 19.689062829854812),
        (29.67152159907796, 19.710310605169195),
        (30.29171450786237, 20.139895610387843),
        (29.998829592684746, 19.999533119447385),
        (29.690811843410536, 20.24190320017504),
    ];
    let wcs = Wcs::from_header(&header("ZPX", &surfaces("zpx", "projp1=1. projp3=20. "))).unwrap();
    assert_eq!(wcs.projection().code(), "ZPN");
    assert_places(&wcs, &zero_based(), &zpx, 1e-12, 1e-9);
}

#[test]
fn written_headers_keep_nothing_of_the_distortion() {
    let mut out = header("TNX", &surfaces("tnx", ""));
    let wcs = Wcs::from_header(&out).unwrap();
    wcs.write_to(&mut out);
    assert!(out.cards().all(|card| !card.key().starts_with("WAT")));
    assert_eq!(out.str("CTYPE1"), Some("RA---TAN"));
    let again = Wcs::from_header(&out).unwrap();
    assert!(!again.has_distortion());
    let (core, read) = (wcs.without_distortion().pix_to_sky(3.0, 4.0), again.pix_to_sky(3.0, 4.0));
    assert!(core.unwrap().separation_deg(read.unwrap()) < 1e-13);
}

fn shared(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("POGSON_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = folder.join("data/wcs").join(name);
    if !path.is_file() {
        println!("skipped: {} is not there (set POGSON_SHARED)", path.display());
        return None;
    }
    Some(path)
}

/// Detector correction, SIP and both look-up tables of one HST exposure: astropy's `all_pix2world`.
#[test]
fn look_up_tables_of_a_file_are_astropys() {
    let Some(path) = shared("astropy_tests/dist_lookup.fits.gz") else { return };
    let file = FitsFile::open(&path).unwrap();
    let wcs = Wcs::from_hdu(&file, 1).unwrap();
    let pixels = [(0.0, 0.0), (4095.0, 0.0), (2047.5, 1023.75), (100.3, 2000.6), (-20.0, 2100.0)];
    let places = [
        (5.526457896329408, -72.05171895426032),
        (5.6978846352433274, -72.0307972426697),
        (5.630604066834105, -72.05457876447693),
        (5.569354163895245, -72.07609494870967),
        (5.566434638742363, -72.07785396559115),
    ];
    assert_places(&wcs, &pixels, &places, 2e-13, 1e-8);
    // A header alone has no tables to look into.
    let alone = Wcs::from_header(file.hdus()[1].header());
    assert!(alone.is_err_and(|e| e.to_string().contains("CPDIS1")));
}

#[test]
fn detector_corrections_of_a_file_are_astropys() {
    let Some(path) = shared("astropy_tests/ie6d07ujq_wcs.fits") else { return };
    let file = FitsFile::open(&path).unwrap();
    let wcs = Wcs::from_hdu(&file, 0).unwrap();
    let pixels = [(0.0, 0.0), (1013.0, 5.0), (507.5, 507.75), (99.9, 900.1)];
    let places = [
        (83.19909371135866, -67.7063563612391),
        (83.20943626861224, -67.71686486674838),
        (83.19084184281218, -67.71392784477926),
        (83.17619950705904, -67.71149841319111),
    ];
    assert_places(&wcs, &pixels, &places, 2e-13, 1e-8);
}

/// The plate solution against WCSLIB's translation of it, and against the approximate TAN that the file carries.
#[test]
fn a_dss_plate_is_wcslibs_and_near_its_own_linear_description() {
    let Some(path) = shared("astropy_tests/dss.14.29.56-62.41.05.fits.gz") else { return };
    let file = FitsFile::open(&path).unwrap();
    let wcs = Wcs::from_hdu(&file, 0).unwrap();
    let pixels = [(0.0, 0.0), (99.0, 0.0), (49.0, 49.0), (12.5, 77.25)];
    let places = [
        (217.53322326596683, -62.70913991133057),
        (217.43134743720736, -62.707892310553426),
        (217.48416404699958, -62.685405575287625),
        (217.52246500240992, -62.672526982588174),
    ];
    assert_places(&wcs, &pixels, &places, 2e-13, 1e-8);
    let mut linear = file.hdus()[0].header().clone();
    linear.remove("PLTRAH");
    let linear = Wcs::from_header(&linear).unwrap();
    for ((x, y), _) in pixels.iter().zip(places) {
        let apart = linear.pix_to_sky(*x, *y).unwrap().separation_deg(wcs.pix_to_sky(*x, *y).unwrap());
        // The header itself warns of its skew: at the corners it is off by 0.4 pixels.
        assert!(apart * 3600.0 < 1.0, "{apart} degrees at {x}, {y}");
    }
}
