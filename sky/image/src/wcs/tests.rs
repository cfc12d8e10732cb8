//! Headers of all sorts against wcslib (through astropy 8.0.2), errors, writing.

use super::*;
use crate::fits::Header;
use crate::sphere::{SkyCoord, Vectors};
use proptest::prelude::*;

fn header(text: &str) -> Header {
    Header::from_text(text).unwrap()
}

fn read(text: &str) -> Result<Wcs, WcsError> {
    Wcs::from_header(&header(text))
}

const TAN: &str = "NAXIS1 = 200\nNAXIS2 = 100\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 100.5\n\
                   CRPIX2 = 50.5\nCRVAL1 = 10.0\nCRVAL2 = 20.0\n";

#[test]
fn headers_of_all_sorts_agree_with_wcslib() {
    // 1-based pixels of the celestial axes.
    let pixels = [(50.0, 40.0), (41.0, 47.5), (70.25, 33.0)];
    for (name, text, answers) in headers() {
        let wcs = read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for ((x, y), (lon, lat)) in pixels.iter().zip(answers) {
            let theirs = SkyCoord { lon_deg: lon, lat_deg: lat };
            let ours = wcs.pix_to_sky(x - 1.0, y - 1.0).unwrap_or_else(|| panic!("{name}: {x} {y}"));
            // wcslib stops its iteration for AIR early.
            let allowed = if name == "Airy" { 3e-11 } else { 5e-13 };
            assert!(ours.separation_deg(theirs) < allowed, "{name} ({x}, {y}): {ours:?}, not {theirs:?}");
            let (bx, by) = wcs.sky_to_pix(theirs).unwrap();
            assert!((bx + 1.0 - x).abs() < 1e-10 && (by + 1.0 - y).abs() < 1e-10, "{name}: back at {bx} {by}");
        }
    }
}

#[test]
fn writing_and_reading_again_keeps_every_place() {
    for (name, text, _) in headers() {
        let wcs = read(text).unwrap();
        let mut out = header("OBJECT = 'M17'\nA_ORDER = 3\nA_1_2 = 1E-5\nCD1_1 = 7.0\nPV9_9 = 1.0\nCROTA2 = 3.0");
        wcs.write_to(&mut out);
        assert!(!out.contains("A_ORDER") && !out.contains("CROTA2") && !out.contains("PV9_9"), "{name}");
        assert_eq!(out.str("OBJECT"), Some("M17"));
        let again = Wcs::from_header(&out).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (x, y) in [(49.0, 39.0), (40.0, 46.5), (69.25, 32.0)] {
            let (a, b) = (wcs.pix_to_sky(x, y).unwrap(), again.pix_to_sky(x, y).unwrap());
            assert!(a.separation_deg(b) < 2e-13, "{name}: {a:?} {b:?}");
        }
        assert_eq!(wcs.frame(), again.frame(), "{name}");
    }
}

#[test]
fn frames_follow_radesys_equinox_and_their_elders() {
    for (more, frame) in [
        ("", Frame::Icrs),
        ("EQUINOX = 2000.0", Frame::J2000),
        ("EQUINOX = 1950.0", Frame::B1950),
        ("EPOCH = 1950.0", Frame::B1950),
        ("EQUINOX = 'J2000'", Frame::J2000),
        ("RADESYS = 'FK4'", Frame::B1950),
        ("RADECSYS = 'FK5'", Frame::J2000),
        ("RADESYS = 'ICRS'\nEQUINOX = 2000.0", Frame::Icrs),
        ("RADESYS = 'FK4-NO-E'\nEQUINOX = 1900.0", Frame::Fk4NoE { equinox: 1900.0, epoch: 1900.0 }),
    ] {
        assert_eq!(*read(&format!("{TAN}CDELT1 = -0.1\nCDELT2 = 0.1\n{more}")).unwrap().frame(), frame, "{more}");
    }
    let other = read(&TAN.replace("RA--", "GLON").replace("DEC-", "GLAT")).unwrap();
    assert_eq!(*other.frame(), Frame::Galactic);
    let other = read(&TAN.replace("RA--", "SLON").replace("DEC-", "SLAT")).unwrap();
    assert_eq!(*other.frame(), Frame::Supergalactic);
    let other = read(&TAN.replace("RA--", "HPLN").replace("DEC-", "HPLT")).unwrap();
    assert_eq!(*other.frame(), Frame::Other("HPLN".into()));
}

#[test]
fn what_is_wrong_is_named() {
    assert!(matches!(read("NAXIS = 2"), Err(WcsError::Missing { .. })));
    assert!(matches!(read("CTYPE1 = 'LINEAR'"), Err(WcsError::Missing { .. })));
    let unknown = read(&TAN.replace("TAN", "XYZ")).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "CTYPE1 = 'RA---XYZ' names no projection that FITS defines; correct it, as to 'RA---TAN'"
    );
    assert!(matches!(read(&TAN.replace("DEC--TAN", "GLAT-TAN")), Err(WcsError::Unpaired { .. })));
    assert!(matches!(read(&TAN.replace("DEC--TAN", "DEC--SIN")), Err(WcsError::Unpaired { .. })));
    assert!(matches!(read("CTYPE1 = 'RA'\nCTYPE2 = 'DEC'"), Err(WcsError::UnknownProjection { .. })));
    assert!(matches!(
        read(&format!("{TAN}CD1_1 = 1.0\nCD1_2 = 2.0\nCD2_1 = 2.0\nCD2_2 = 4.0")),
        Err(WcsError::Singular { .. })
    ));
    assert!(matches!(read(&format!("{TAN}CD1_1 = 0.0\nCD2_2 = 1.0")), Err(WcsError::Singular { .. })));
    assert!(matches!(read(&TAN.replace("= 20.0", "= 95.0")), Err(WcsError::OutOfRange { .. })));
    assert!(matches!(read(&TAN.replace("TAN", "COP")), Err(WcsError::BadParameters { .. })));
    assert!(matches!(read(&format!("{}LONPOLE = 90.0", TAN.replace("TAN", "CAR"))), Err(WcsError::NoPole { .. })));
}

#[test]
fn odd_units_are_taken_as_degrees_with_a_warning() {
    let wcs = read(&format!("{TAN}CUNIT1 = 'deg'\nCUNIT2 = 'm/S'\nCDELT1 = -0.1\nCDELT2 = 0.1")).unwrap();
    assert_eq!(wcs.warnings().len(), 1);
    assert!(wcs.warnings()[0].contains("CUNIT2 = 'M/S'"), "{:?}", wcs.warnings());
}

#[test]
fn alternates_have_their_own_keywords() {
    let both = header(&format!(
        "{TAN}CTYPE1A = 'GLON-CAR'\nCTYPE2A = 'GLAT-CAR'\nCRPIX1A = 1.0\nCRPIX2A = 1.0\nCRVAL1A = 30.0\nCRVAL2A = 0.0"
    ));
    let alternate = Wcs::from_header_alt(&both, 'A').unwrap();
    assert_eq!((alternate.projection().code(), alternate.crval()), ("CAR", (30.0, 0.0)));
    assert_eq!(Wcs::from_header_alt(&both, ' ').unwrap().projection().code(), "TAN");
    assert!(Wcs::from_header_alt(&both, 'B').is_err());
}

#[test]
fn other_axes_are_kept_as_linear() {
    let wcs = read(&format!(
        "NAXIS = 3\nNAXIS3 = 10\n{TAN}CDELT1 = -0.1\nCDELT2 = 0.1\nCTYPE3 = 'FREQ'\nCUNIT3 = 'Hz'\nCRPIX3 = 1.0\n\
         CRVAL3 = 1.4E9\nCDELT3 = 1E6"
    ))
    .unwrap();
    let [freq] = wcs.other_axes() else { panic!("{:?}", wcs.other_axes()) };
    assert_eq!((freq.axis, freq.ctype.as_str(), freq.unit.as_str()), (3, "FREQ", "Hz"));
    assert_eq!((freq.crpix, freq.crval, freq.cdelt), (1.0, 1.4e9, 1e6));
    assert_eq!(wcs.naxis(), (200, 100));
}

#[test]
fn a_cylinder_is_cut_on_the_far_side_of_the_image() {
    // Galactic longitudes 300 to 310 counted from CRVAL 0: wcslib's natural range ends at 180.
    let wcs = read(
        "NAXIS1 = 100\nNAXIS2 = 10\nCTYPE1 = 'GLON-CAR'\nCTYPE2 = 'GLAT-CAR'\nCRPIX1 = 3101.0\nCRPIX2 = 1.0\n\
         CRVAL1 = 0.0\nCRVAL2 = 0.0\nCDELT1 = -0.1\nCDELT2 = 0.1",
    )
    .unwrap();
    let place = wcs.pix_to_sky(0.0, 0.0).unwrap();
    assert!((place.lon_deg - 310.0).abs() < 1e-10, "{place:?}");
    let (x, y) = wcs.sky_to_pix(place).unwrap();
    assert!(x.abs() < 1e-9 && y.abs() < 1e-9, "{x} {y}");
}

#[test]
fn pixel_sizes_are_those_of_the_plane_at_the_reference_point() {
    let wcs = read(&format!("{TAN}CDELT1 = -0.01\nCDELT2 = 0.02")).unwrap();
    let (a, b) = wcs.pixel_scales_deg(99.5, 49.5).unwrap();
    assert!((a - 0.01).abs() < 1e-12 && (b - 0.02).abs() < 1e-12);
    // A gnomonic pixel covers cos^3 of the distance.
    let far = wcs.pixel_area_sr(99.5, 49.5 + 1000.0).unwrap();
    let near = wcs.pixel_area_sr(99.5, 49.5).unwrap();
    let cosine = libm::cos(libm::atan(1000.0 * 0.02_f64.to_radians()));
    assert!((far / near / cosine.powi(3) - 1.0).abs() < 1e-9);
    assert_eq!(wcs.parity(), 1.0);
}

#[test]
fn frames_that_do_not_reach_each_other_give_no_pixels() {
    let sky = read(TAN).unwrap();
    let sun = read(&TAN.replace("RA--", "HPLN").replace("DEC-", "HPLT")).unwrap();
    assert!(PixelMap::between(&sky, &sun).apply_one(99.5, 49.5).is_none());
}

proptest! {
    #[test]
    fn a_pixel_map_goes_the_same_way_as_the_sky(
        x in 0.0..200.0_f64, y in 0.0..100.0_f64, code in prop::sample::select(vec!["TAN", "SIN", "CAR", "AIT"]),
        frame in prop::sample::select(vec!["RADESYS = 'ICRS'", "EQUINOX = 2000.0", "EQUINOX = 1950.0", "RADESYS = 'FK4-NO-E'"]),
    ) {
        let from = read(&format!("{TAN}CDELT1 = -0.01\nCDELT2 = 0.01\nCROTA2 = 12.0")).unwrap();
        let to = read(&format!("{}CDELT1 = -0.02\nCDELT2 = 0.015\n{frame}", TAN.replace("TAN", code))).unwrap();
        let there = PixelMap::between(&from, &to);
        let (u, v) = there.apply_one(x, y).unwrap();
        let sky = from.frame().convert_one(to.frame(), from.pix_to_sky(x, y).unwrap());
        let (a, b) = to.sky_to_pix(sky).unwrap();
        prop_assert!((u - a).abs() < 1e-9 && (v - b).abs() < 1e-9, "({u}, {v}) and ({a}, {b})");
        let (bx, by) = PixelMap::between(&to, &from).apply_one(u, v).unwrap();
        prop_assert!((bx - x).abs() < 1e-9 && (by - y).abs() < 1e-9, "back at ({bx}, {by})");
    }

    #[test]
    fn pixels_of_a_hundredth_of_an_arcsecond_come_back(x in -5e4..5e4_f64, y in -5e4..5e4_f64, code in prop::sample::select(vec!["TAN", "SIN", "STG", "ZEA", "ARC"])) {
        let text = format!("{}CDELT1 = -2.777777777777778E-6\nCDELT2 = 2.777777777777778E-6", TAN.replace("TAN", code));
        let wcs = read(&text).unwrap();
        let mut vectors = Vectors::new();
        wcs.pix_to_vectors(&[x], &[y], &mut vectors);
        let (mut bx, mut by) = ([0.0], [0.0]);
        wcs.vectors_to_pix(&vectors, &mut bx, &mut by);
        // 1e-16 radians are 2e-9 of such a pixel.
        prop_assert!((bx[0] - x).abs() < 2e-8 && (by[0] - y).abs() < 2e-8, "{} {}", bx[0] - x, by[0] - y);
        let map = PixelMap::between(&wcs, &wcs);
        let (mx, my) = map.apply_one(x, y).unwrap();
        let fine = if code == "TAN" { 1e-9 } else { 2e-8 };
        prop_assert!((mx - x).abs() < fine && (my - y).abs() < fine);
    }

    #[test]
    fn no_header_panics(
        code in "[A-Z]{3}", crval in -400.0..400.0_f64, latitude in -100.0..100.0_f64, cd in prop::array::uniform4(-1.0..1.0_f64),
        pv in prop::collection::vec(-100.0..100.0_f64, 5), lonpole in -400.0..400.0_f64, pick in 0..29_usize,
    ) {
        for code in [code.as_str(), CODES[pick]] {
            let text = format!(
                "CTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\nCRVAL1 = {crval:E}\nCRVAL2 = {latitude:E}\nCD1_1 = {:E}\n\
                 CD1_2 = {:E}\nCD2_1 = {:E}\nCD2_2 = {:E}\nLONPOLE = {lonpole:E}\nPV2_0 = {:E}\nPV2_1 = {:E}\nPV2_2 = {:E}\n\
                 PV2_3 = {:E}\nPV2_4 = {:E}",
                cd[0], cd[1], cd[2], cd[3], pv[0], pv[1], pv[2], pv[3], pv[4]
            );
            if let Ok(wcs) = read(&text) {
                for (x, y) in [(0.0, 0.0), (10.0, -7.0), (1e5, 1e5), (f64::NAN, 0.0)] {
                    if let Some(place) = wcs.pix_to_sky(x, y) {
                        prop_assert!((0.0..360.0).contains(&place.lon_deg) && place.lat_deg.abs() <= 90.0);
                        let _ = wcs.sky_to_pix(place);
                    }
                }
            }
        }
    }
}

/// Name, header, and where three pixels lie.
type Answer = (&'static str, &'static str, [(f64, f64); 3]);

#[rustfmt::skip]
fn headers() -> Vec<Answer> {
    vec![
    ("rotation of AIPS",
     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.4\nCROTA2 = 33.0",
     [(150.0, 20.0), (152.350327394541, 24.9360616281093), (142.974456531329, 12.0972681896358)]),
    ("PC and CDELT",
     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPC1_1 = 0.8\nPC1_2 = -0.6\nPC2_1 = 0.6\nPC2_2 = 0.8",
     [(150.0, 20.0), (156.212861110881, 20.1904221343113), (139.050054317049, 22.8917590580795)]),
    ("CD",
     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCD1_1 = -0.4\nCD1_2 = 0.1\nCD2_1 = 0.05\nCD2_2 = 0.45",
     [(150.0, 20.0), (154.706203941282, 22.8531311182187), (140.839549250803, 17.6498908076916)]),
    ("latitude first",
     "CTYPE1 = 'DEC--SIN'\nCTYPE2 = 'RA---SIN'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 20.0\nCRVAL2 = 150.0\nCDELT1 = 0.5\nCDELT2 = -0.5",
     [(150.0, 20.0), (146.106380078122, 15.4516278835557), (154.050359484298, 30.1354486459188)]),
    ("arc minutes",
     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 9000.0\nCRVAL2 = 1200.0\nCDELT1 = -30.0\nCDELT2 = 30.0\nCUNIT1 = 'arcmin'\nCUNIT2 = 'arcmin'",
     [(150.0, 20.0), (154.893726664914, 23.6676315935748), (139.576103137879, 16.2464354035243)]),
    ("LONPOLE",
     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nLONPOLE = 150.0",
     [(150.0, 20.0), (152.228635170836, 25.4639831649726), (142.932359982047, 11.8713235461071)]),
    ("cylinder off the equator",
     "CTYPE1 = 'GLON-CAR'\nCTYPE2 = 'GLAT-CAR'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5",
     [(150.0, 20.0), (154.904303886131, 23.6841597642953), (139.472494793716, 16.1825634858904)]),
    ("cylinder with LONPOLE and LATPOLE",
     "CTYPE1 = 'GLON-CAR'\nCTYPE2 = 'GLAT-CAR'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nLONPOLE = 30.0\nLATPOLE = -80.0",
     [(150.0, 20.0), (144.576855093969, 17.1940591221653), (161.386514793876, 20.94690919414)]),
    ("Mercator with fiducial latitude by PV",
     "CTYPE1 = 'RA---MER'\nCTYPE2 = 'DEC--MER'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV1_1 = 0.0\nPV1_2 = 20.0",
     [(150.0, 0.0), (154.5, 3.74732556207347), (139.875, -3.49782528315504)]),
    ("shifted plane by PV",
     "CTYPE1 = 'RA---SFL'\nCTYPE2 = 'DEC--SFL'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV1_0 = 1.0\nPV1_1 = 10.0\nPV1_2 = 20.0",
     [(150.0, 20.0), (155.182729076257, 23.75), (139.240656230088, 16.5)]),
    ("poles by PV",
     "CTYPE1 = 'RA---AIT'\nCTYPE2 = 'DEC--AIT'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV1_3 = 40.0\nPV1_4 = -60.0",
     [(150.0, 20.0), (144.29775968695, 17.7110573285103), (161.408173714677, 19.8881935176067)]),
    ("AIPS GLS",
     "CTYPE1 = 'RA---GLS'\nCTYPE2 = 'DEC--GLS'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5",
     [(150.0, 20.0), (154.916359187726, 23.75), (139.440142258449, 16.5)]),
    ("butterfly",
     "CTYPE1 = 'RA---XPH'\nCTYPE2 = 'DEC--XPH'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -2.0\nCDELT2 = 2.0",
     [(150.0, 20.0), (172.292448869742, 34.4718134734157), (112.945082904595, 0.956591204262328)]),
    ("HEALPix with H and K",
     "CTYPE1 = 'ELON-HPX'\nCTYPE2 = 'ELAT-HPX'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -2.0\nCDELT2 = 2.0\nPV2_1 = 6\nPV2_2 = 4",
     [(150.0, 20.0), (170.991079393354, 33.3584125915519), (110.811133273955, 1.92743081365623)]),
    ("cone",
     "CTYPE1 = 'RA---COO'\nCTYPE2 = 'DEC--COO'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = -30.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV2_1 = -45.0\nPV2_2 = 20.0",
     [(150.0, -30.0), (155.307713145282, -25.898025073003), (137.101863066385, -33.0956246523307)]),
    ("oblique cone",
     "CTYPE1 = 'RA---COP'\nCTYPE2 = 'DEC--COP'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV2_1 = 45.0\nPV2_2 = 25.0",
     [(150.0, 20.0), (155.424917412112, 24.0511393694924), (138.417859788142, 15.7614477373032)]),
    ("tilted perspective",
     "CTYPE1 = 'RA---AZP'\nCTYPE2 = 'DEC--AZP'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV2_1 = 2.0\nPV2_2 = 30.0",
     [(150.0, 20.0), (154.839436885042, 23.1449819264444), (139.324361088039, 16.628467563733)]),
    ("slant perspective",
     "CTYPE1 = 'RA---SZP'\nCTYPE2 = 'DEC--SZP'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV2_1 = -3.0\nPV2_2 = 20.0\nPV2_3 = 70.0",
     [(150.0, 20.0), (154.876019117284, 23.8625957568447), (139.05066936244, 16.6705368712341)]),
    ("slant orthographic",
     "CTYPE1 = 'RA---SIN'\nCTYPE2 = 'DEC--SIN'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV2_1 = 0.2\nPV2_2 = -0.3",
     [(150.0, 20.0), (154.857366582928, 23.7787888118004), (139.162481914608, 16.471447172151)]),
    ("NCP",
     "CTYPE1 = 'RA---NCP'\nCTYPE2 = 'DEC--NCP'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 60.0\nCDELT1 = -0.5\nCDELT2 = 0.5",
     [(150.0, 60.0), (160.046466033406, 63.2420586726006), (132.275466451378, 54.5173764630471)]),
    ("Airy",
     "CTYPE1 = 'RA---AIR'\nCTYPE2 = 'DEC--AIR'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV2_1 = 45.0",
     [(150.0, 20.0), (155.112433529749, 23.8236990249757), (139.052499875462, 16.0391878419401)]),
    ("Bonne south",
     "CTYPE1 = 'RA---BON'\nCTYPE2 = 'DEC--BON'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5\nPV2_1 = -35.0",
     [(150.0, 20.0), (154.919131056121, 23.7677395153325), (139.414105993624, 16.6313344928877)]),
    ("third axis between",
     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'FREQ'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 1000000000.0\nCDELT1 = -0.5\nCDELT2 = 1000000.0\nCTYPE3 = 'DEC--TAN'\nCRPIX3 = 40.0\nCRVAL3 = 20.0\nCDELT3 = 0.5",
     [(150.0, 20.0), (154.893726664914, 23.6676315935748), (139.576103137879, 16.2464354035243)]),
    ("lunar",
     "CTYPE1 = 'SELN-CAR'\nCTYPE2 = 'SELT-CAR'\nCRPIX1 = 50.0\nCRPIX2 = 40.0\nCRVAL1 = 150.0\nCRVAL2 = 20.0\nCDELT1 = -0.5\nCDELT2 = 0.5",
     [(150.0, 20.0), (154.904303886131, 23.6841597642953), (139.472494793716, 16.1825634858904)]),
    ]
}
