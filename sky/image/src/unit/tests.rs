use super::*;
use crate::fits::header::Header;
use proptest::prelude::*;

fn close(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-9
}

/// Factor between two units, as astropy gives it.
fn ratio(a: &str, b: &str) -> f64 {
    Unit::parse(a).unwrap().in_terms_of(&Unit::parse(b).unwrap()).unwrap()
}

#[test]
fn units_are_worth_what_astropy_says() {
    for (a, b, factor) in [
        ("MJy/sr", "Jy/arcsec2", 2.350_443_053_909_788_6e-5),
        ("mJy/pixel", "Jy/pix", 1e-3),
        ("erg/s/cm2/Hz", "Jy", 1e23),
        ("erg / (s cm2 Hz)", "Jy", 1e23),
        ("W m-2 Hz-1", "Jy", 1e26),
        ("1E-17 erg s-1 cm-2 Angstrom-1", "W/m3", 1e-10),
        ("10**(-17)*erg/s/cm**2/Ang", "W/m^3", 1e-10),
        ("10-17 erg/cm2/s/A", "W.m-3", 1e-10),
        ("nW m-2 sr-1", "W/m**2/sr", 1e-9),
        ("nanomaggies", "Jy", 3.631e-6),
        ("uJy", "µJy", 1.0),
        ("MJY/SR", "MJy/sr", 1.0),
        ("JY/BEAM", "Jy beam^-1", 1.0),
        ("ERG/S/CM2/HZ", "Jy", 1e23),
        ("ELECTRONS/S", "e-/sec", 1.0),
        ("counts per second", "DN/s", 1.0),
        ("adu", "count", 1.0),
        ("sqrt(Jy2)", "Jy", 1.0),
        ("km**(1/2)", "m^0.5", 31.622_776_601_683_793),
        ("Jy/\"2", "Jy arcsec-2", 1.0),
        ("deg2", "sr", 3.046_174_197_867_086e-4),
        ("kJy", "Jy", 1e3),
        ("GHz", "s-1", 1e9),
        ("mas", "arcsec", 1e-3),
    ] {
        assert!(close(ratio(a, b), factor), "{a} in {b}: {} but astropy says {factor}", ratio(a, b));
    }
}

#[test]
fn a_quotient_divides_by_the_next_factor_alone() {
    assert!(Unit::parse("Jy/m s").unwrap().same_as(&Unit::parse("Jy s m-1").unwrap()));
}

#[test]
fn what_is_no_unit_is_named() {
    let message = |text: &str| Unit::parse(text).unwrap_err().to_string();
    assert_eq!(message("furlong/s"), "unit 'furlong/s': 'furlong' names no known unit");
    assert!(message("Jy/").contains("nothing after '/'"));
    assert!(message("(Jy").contains("a ')' is missing at character 4"));
    assert!(message("Jy)").contains("a ')' without '('"));
    assert!(message("Jy**").contains("number"));
    assert!(message("#").contains("a character that no unit has"));
}

fn scale_of(text: &str) -> PhotometricScale {
    PhotometricScale::from_header(&Header::from_text(text).unwrap()).unwrap()
}

#[test]
fn surface_brightness_flux_per_pixel_and_per_beam_agree_about_one_source() {
    // 1 Jy spread over 4 pixels of 2" x 2" is 0.25 Jy/pixel, 0.0625 Jy/arcsec2.
    let area = 4.0 * ARCSEC2_SR;
    let beam = "BMAJ = 0.002777777777777778\nBMIN = 0.002777777777777778\n";
    // A Gaussian of 10" has 113.309 arcsec2.
    assert!(close(gaussian_beam_sr(1.0 / 360.0, 1.0 / 360.0) / ARCSEC2_SR, 113.309_003_545_679_84));
    for (header, value) in [
        ("BUNIT = 'Jy'\n".to_owned(), 0.25),
        ("BUNIT = 'mJy/pixel'\n".to_owned(), 250.0),
        ("BUNIT = 'MJy/sr'\n".to_owned(), 0.0625 / 2.350_443_053_909_788_6e-5),
        (format!("BUNIT = 'JY/BEAM'\n{beam}"), 0.0625 * 113.309_003_545_679_84),
        ("BUNIT = 'mag/arcsec2'\n".to_owned(), -2.5 * libm::log10(0.0625 / 3631.0)),
        ("BUNIT = 'mag'\n".to_owned(), -2.5 * libm::log10(0.25 / 3631.0)),
    ] {
        let scale = scale_of(&header);
        assert!(close(scale.jy_per_pixel(value, area), 0.25), "{header}: {}", scale.jy_per_pixel(value, area));
        assert!(close(scale.jy_per_arcsec2(value, area), 0.0625), "{header}");
    }
}

#[test]
fn sdss_nanomaggies_are_brought_to_ab() {
    let scale = |filter: &str| scale_of(&format!("ORIGIN = 'SDSS'\nBUNIT = 'nanomaggy'\nFILTER = '{filter}'\n"));
    // A star of r = 22.5 has 1 nanomaggy.
    assert!(close(scale("r").jy_per_pixel(1.0, 1.0), 3.631e-6));
    assert!((scale("r").ab_zero_point().unwrap() - 22.5).abs() < 1e-12);
    assert!((scale("u").ab_zero_point().unwrap() - 22.46).abs() < 1e-12);
    assert!((scale("z").ab_zero_point().unwrap() - 22.52).abs() < 1e-12);
    assert!(scale("u").why.starts_with("SDSS u image: the unit is 'nanomaggy'"), "{}", scale("u").why);
}

#[test]
fn legacy_nanomaggies_are_ab_as_they_are() {
    let scale = scale_of("LEGPIPEV = 'DR9'\nBUNIT = 'nanomaggy'\nFILTER = 'z'\n");
    assert_eq!((scale.survey, scale.band.as_str()), (Some(Survey::Legacy), "z"));
    assert!((scale.ab_zero_point().unwrap() - 22.5).abs() < 1e-12);
}

#[test]
fn a_2mass_star_of_magnitude_zero_has_cohens_flux() {
    for (filter, flux) in [("j", 1594.0), ("h", 1024.0), ("k", 666.7), ("Ks", 666.7)] {
        let scale = scale_of(&format!("ORIGIN = '2MASS'\nFILTER = '{filter}'\nMAGZP = 20.0\n"));
        assert!(close(scale.jy_per_pixel(1e8, 1.0), flux), "{filter}");
        assert_eq!(scale.system, MagnitudeSystem::Vega);
    }
    let absent = Header::from_text("ORIGIN = '2MASS'\nFILTER = 'k'\n").unwrap();
    let error = PhotometricScale::from_header(&absent).unwrap_err().to_string();
    assert_eq!(error, "2MASS image: MAGZP is absent; the zero point in magnitudes is needed");
}

#[test]
fn wise_galex_and_herschel_follow_their_handbooks() {
    let wise = scale_of("TELESCOP = 'WISE'\nBAND = 3\nBUNIT = 'DN'\nMAGZP = 18.0\n");
    assert!(close(wise.jy_per_pixel(1.0, 1.0), 31.674 * libm::pow(10.0, -7.2)));
    // The explanatory supplement's DN to Jy of W3: 1.8326e-06 (Vega flux 29.045 there); with 31.674 it is 1.9985e-6.
    assert!((wise.jy_per_pixel(1.0, 1.0) - 1.9985e-6).abs() < 1e-10);
    let galex = scale_of("MPSTYPE = 'AIS'\nPHTFIRST = 1.0\nBUNIT = ' '\nBAND = 2\n");
    assert_eq!(galex.band, "FUV");
    assert!((galex.ab_zero_point().unwrap() - 18.82).abs() < 1e-12);
    let spire = scale_of("TELESCOP = 'Herschel'\nINSTRUME = 'SPIRE'\nDETECTOR = 'PLW'\nBUNIT = 'Jy/beam'\n");
    assert!(close(spire.jy_per_arcsec2(1804.31, 1.0), 1.0));
    let pacs = scale_of("TELESCOP= 'Herschel'\nINSTRMNT= 'PACS    '\nWVLNGTH = '100um   '\nSIGUNIT = 'Jy/pix  '\n");
    assert_eq!((pacs.survey, pacs.band.as_str(), pacs.jy_per_pixel(2.0, 1.0)), (Some(Survey::Pacs), "100", 2.0));
    let irac = scale_of("INSTRUME= 'IRAC    '\nCHNLNUM = 1\nBUNIT = 'MJy/sr'\n");
    assert!(close(irac.jy_per_pixel(1.0, 1e-10), 1e-4));
}

#[test]
fn a_comment_inside_the_quotes_is_no_part_of_the_unit() {
    let scale = scale_of("SIGUNIT = 'Jy/pix              / Unit of the map'\nTELESCOP= 'GALEX        / it'\n");
    assert_eq!((scale.survey, scale.jy_per_pixel(3.0, 1.0)), (Some(Survey::Galex), 3.0));
}

#[test]
fn pan_starrs_stack_pixels_are_asinh_scaled() {
    // Header of skycell 1725.051 g in form; the formula by hand: 0.5 + 2 (e^1 - e^-1) at v = α.
    let text =
        "BOFFSET = 0.5\nBSOFTEN = 2.0\nEXPTIME = 100.0\nHIERARCH FPA.ZP = 25.0\nHIERARCH FPA.FILTERID = 'g.00000'\n";
    let scale = scale_of(text);
    assert_eq!((scale.survey, scale.band.as_str()), (Some(Survey::PanStarrs1), "g"));
    let counts = 0.5 + 2.0 * (std::f64::consts::E - 1.0 / std::f64::consts::E);
    let flux = 3631.0 * 1e-10 * counts / 100.0;
    assert!(close(scale.jy_per_pixel(1.085_736_204_758_129_6, 1.0), flux));
    assert!(!scale.is_linear());
    let mut row = [1.085_736_2_f32, f32::NAN];
    scale.linearise(&mut row);
    assert!((f64::from(row[0]) - counts).abs() < 1e-5 && row[1].is_nan());
    assert!(close(scale.linearised().jy_per_pixel(counts, 1.0), flux));
    // Cutouts come linear; 25 + 2.5 log10(100) = 30.
    let cutout = scale_of("EXPTIME = 100.0\nHIERARCH FPA.ZP = 25.0\n");
    assert!((cutout.ab_zero_point().unwrap() - 30.0).abs() < 1e-12);
}

#[test]
fn hubbles_photflam_gives_its_ab_zero_point() {
    // ACS F814W: PHOTFLAM 7.0486e-20, PHOTPLAM 8045.5; -2.5 log f -5 log p - 2.408 = 25.944.
    let text = "BUNIT = 'ELECTRONS/S'\nPHOTFLAM = 7.0486E-20\nPHOTPLAM = 8045.5\n";
    assert!((scale_of(text).ab_zero_point().unwrap() - 25.944).abs() < 2e-3);
    let counts = scale_of(&text.replace("/S'", "'\nEXPTIME = 100.0"));
    assert!((counts.ab_zero_point().unwrap() - 25.944 - 5.0).abs() < 2e-3);
}

#[test]
fn what_cannot_be_calibrated_says_what_it_needs() {
    let message =
        |text: &str| PhotometricScale::from_header(&Header::from_text(text).unwrap()).unwrap_err().to_string();
    assert!(message("BUNIT = 'DN'\n").contains("no zero point"));
    assert!(message("OBJECT = 'M 17'\n").contains("no zero point"));
    assert!(message("BUNIT = 'Jy/beam'\n").contains("BMAJ"));
    assert!(message("BUNIT = 'erg/s/cm2/A'\n").contains("PHOTPLAM"));
    assert!(message("BUNIT = 'K'\n").contains("no flux density"));
    assert!(message("BUNIT = 'wibble'\n").contains("'wibble' names no known unit"));
}

#[test]
fn the_shared_galaxies_are_recognised() {
    let root = std::env::var_os("POGSON_SHARED").map_or_else(
        || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        std::path::PathBuf::from,
    );
    let dir = root.join("data/galaxies");
    if !dir.exists() {
        eprintln!("skipped: {} is absent (set POGSON_SHARED)", dir.display());
        return;
    }
    for (name, survey, band, zero_point) in [
        ("2010H_host/2MASS_J", Survey::TwoMass, "J", 20.8058 - 2.5 * libm::log10(1594.0 / 3631.0)),
        ("2010H_host/GALEX_FUV", Survey::Galex, "FUV", 18.82),
        ("2010H_host/GALEX_NUV", Survey::Galex, "NUV", 20.08),
        ("2010H_host/SDSS_r", Survey::Sdss, "r", 22.5),
        ("2010H_host/SDSS_u", Survey::Sdss, "u", 22.46),
        ("2010H_host/WISE_W1", Survey::Wise, "W1", 20.5 - 2.5 * libm::log10(309.54 / 3631.0)),
        ("ngc5584/NGC5584_PACS_100", Survey::Pacs, "100", 8.9),
        ("ngc5584/NGC5584_SPIRE_250", Survey::Spire, "250", 8.9),
    ] {
        let bytes = std::fs::read(dir.join(name).with_extension("fits.gz")).unwrap();
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut plain).unwrap();
        let (header, _) = Header::parse(&plain).unwrap();
        let scale = PhotometricScale::from_header(&header).unwrap();
        assert_eq!((scale.survey, scale.band.as_str()), (Some(survey), band), "{name}");
        assert!((scale.ab_zero_point().unwrap() - zero_point).abs() < 2e-4, "{name}: {:?}", scale.ab_zero_point());
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_unit_parser_panic(text in "\\PC{0,40}") {
        let _ = Unit::parse(&text);
    }

    #[test]
    fn no_likely_text_makes_the_unit_parser_panic(text in "[JyMmerg/s().*^0-9 \"+-]{0,30}") {
        if let Ok(unit) = Unit::parse(&text) {
            prop_assert!(unit.scale.is_finite() && unit.scale != 0.0);
        }
    }

    #[test]
    fn products_and_quotients_undo_each_other(power in -3_i32..4) {
        let there = Unit::parse(&format!("mJy arcsec{power}")).unwrap();
        let back = there.times(&Unit::parse("arcsec").unwrap(), -f64::from(power));
        prop_assert!(back.same_as(&Unit::parse("mJy").unwrap()));
    }
}
