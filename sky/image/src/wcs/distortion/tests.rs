//! The stages through headers, beside astropy's and WCSLIB's figures.

use super::*;
use proptest::prelude::*;

const SIP: &str = "NAXIS = 2
NAXIS1 = 2048
NAXIS2 = 1024
CTYPE1 = 'RA---TAN-SIP'
CTYPE2 = 'DEC--TAN-SIP'
CRPIX1 = 1000.5
CRPIX2 = 500.25
A_ORDER = 3
A_2_0 = 2E-5
A_1_1 = -3E-6
A_0_2 = 1E-6
A_3_0 = 4E-9
A_1_2 = -2E-9
A_1_0 = 1E-4
B_ORDER = 4
B_0_2 = -1.5E-5
B_2_0 = 3E-6
B_1_1 = 2E-6
B_0_3 = 5E-9
B_4_0 = 1E-13
B_0_0 = 0.125
";

fn header(text: &str) -> Header {
    Header::from_text(text).unwrap()
}

fn distortion(text: &str) -> Distortion {
    Distortion::from_header(&header(text), None).unwrap().unwrap()
}

fn assert_near(got: &[f64], expected: &[f64], within: f64) {
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= within, "{got:?} for {expected:?}");
    }
}

struct Tables;

impl LookupSource for Tables {
    fn table(&self, extname: &str, extver: i64) -> Result<LookupTable, DistortionError> {
        let (width, height, factor, cards) = match (extname, extver) {
            ("D2IMARR", 1) => (5, 1, 0.01, "CDELT1 = 512.0"),
            ("D2IMARR", 2) => (1, 5, 0.02, "CDELT2 = 256.0"),
            ("WCSDVARR", 1 | 2) => {
                let factor = if extver == 1 { 0.03 } else { -0.02 };
                (17, 9, factor, "CRPIX1=1.0\nCRPIX2=1.0\nCRVAL1=1.0\nCRVAL2=1.0\nCDELT1=128.0\nCDELT2=128.0")
            }
            _ => {
                let reason = "no such extension".to_owned();
                return Err(DistortionError::Table { extname: extname.to_owned(), extver, reason });
            }
        };
        let entry = |k: usize| ((((k % width) * 7 + (k / width) * 13) % 11) as f64 - 5.0) * factor;
        let values = (0..width * height).map(|k| entry(k) as f32).collect();
        LookupTable::new(&header(cards), width, height, values).map_err(|reason| DistortionError::Table {
            extname: extname.to_owned(),
            extver,
            reason,
        })
    }
}

const LOOKUPS: &str = "CPDIS1 = 'Lookup'
DP1 = 'EXTVER: 1'
DP1 = 'NAXES: 2'
DP1 = 'AXIS.1: 1'
DP1 = 'AXIS.2: 2'
CPDIS2 = 'LOOKUP'
DP2 = 'EXTVER: 2'
DP2 = 'AXIS.1: 1'
DP2 = 'AXIS.2: 2'
D2IMDIS1 = 'LOOKUP'
D2IM1 = 'EXTVER: 1'
D2IM1 = 'AXIS.1: 1'
D2IMDIS2 = 'LOOKUP'
D2IM2 = 'EXTVER: 2'
D2IM2 = 'AXIS.2: 2'
";

#[test]
fn sip_is_astropys_pix2foc() {
    let (mut x, mut y) = (vec![0.0, 2047.0, 999.5, 122.25], vec![0.0, 0.0, 499.25, 986.5]);
    let (x0, y0) = (x.clone(), y.clone());
    let sip = distortion(SIP);
    sip.pixel_forward(&mut x, &mut y);
    let shift = |v: &[f64]| v.iter().map(|v| v - 1.0).collect::<Vec<_>>();
    assert_near(&x, &shift(&[16.136553312437503, 2075.9433424465624, 1000.5, 137.78948676409377]), 1e-12);
    assert_near(&y, &shift(&[0.8588514958093825, -0.8697130263242179, 500.375, 986.1552539037158]), 1e-12);
    sip.pixel_inverse(&mut x, &mut y);
    assert_near(&x, &x0, 1e-11);
    assert_near(&y, &y0, 1e-11);
}

#[test]
fn detector_sip_and_tables_together_are_astropys_pix2foc() {
    let d = Distortion::from_header(&header(&format!("{SIP}{LOOKUPS}")), Some(&Tables)).unwrap().unwrap();
    let (mut x, mut y) = (vec![1.3, 2048.3, 1000.8, 123.55], vec![1.3, 1.3, 500.55, 987.8]);
    let (x0, y0) = (x.clone(), y.clone());
    d.pixel_forward(&mut x, &mut y);
    assert_near(&x, &[16.205570777758442, 2076.2772193974597, 1000.8936971259761, 137.96913917603456], 1e-12);
    assert_near(&y, &[1.1679026411314886, -0.5773801326801857, 500.56230649104106, 986.4756988468713], 1e-12);
    d.pixel_inverse(&mut x, &mut y);
    assert_near(&x, &x0, 1e-11);
    assert_near(&y, &y0, 1e-11);
}

#[test]
fn tables_without_a_source_are_an_error_or_a_warning_as_in_astropy() {
    let prior = Distortion::from_header(&header("CPDIS1 = 'LOOKUP'"), None);
    assert_eq!(prior, Err(DistortionError::NoSource { keyword: "CPDIS1".to_owned() }));
    let (none, warnings) = Distortion::read(&header("D2IMDIS1 = 'LOOKUP'"), None, None).unwrap();
    assert!(none.is_none());
    assert!(matches!(&warnings[..], [DistortionWarning::LeftOut { .. }]));
}

#[test]
fn half_a_sip_pair_and_wild_orders_are_errors() {
    for key in ["A_ORDER", "B_ORDER", "AP_ORDER", "BP_ORDER"] {
        let text = format!("CRPIX1 = 1.0\nCRPIX2 = 1.0\n{key} = 3");
        let found = Distortion::from_header(&header(&text), None);
        assert!(matches!(found, Err(DistortionError::HalfSip { present, .. }) if present == key), "{found:?}");
    }
    let text = "CRPIX1 = 1.0\nCRPIX2 = 1.0\nA_ORDER = 2000000000\nB_ORDER = 2";
    assert!(matches!(Distortion::from_header(&header(text), None), Err(DistortionError::Order { .. })));
    let text = "A_ORDER = 2\nB_ORDER = 2";
    assert!(matches!(Distortion::from_header(&header(text), None), Err(DistortionError::Missing { .. })));
}

#[test]
fn odd_sip_headers_are_read_as_astropy_reads_them() {
    let read = |text: &str| Distortion::read(&header(text), None, None).unwrap();
    let (applied, warnings) = read(&SIP.replace("-SIP", ""));
    assert!(applied.unwrap().has_pixel_stage());
    assert!(matches!(&warnings[..], [DistortionWarning::SipWithoutSuffix { .. }]));
    let (none, warnings) = read("CTYPE1 = 'RA---TAN-SIP'\nCTYPE2 = 'DEC--TAN-SIP'");
    assert!(none.is_none());
    assert!(matches!(&warnings[..], [DistortionWarning::SuffixWithoutSip { .. }]));
    let (none, warnings) = read("CRPIX1 = 1.0\nCRPIX2 = 1.0\nAP_ORDER = 2\nBP_ORDER = 2\nAP_0_2 = 1E-4");
    assert!(none.is_none());
    assert!(matches!(&warnings[..], [DistortionWarning::InverseSipAlone]));
    // Orders of 1 switch SIP off.
    let (none, _) = read("CRPIX1 = 1.0\nCRPIX2 = 1.0\nA_ORDER = 1\nB_ORDER = 1\nA_1_0 = 1E-4");
    assert!(none.is_none());
}

#[test]
fn sip_wins_over_pv_where_ctype_says_so_and_loses_elsewhere() {
    let pv = "PV1_1 = 1.0\nPV1_5 = 0.01\nPV2_1 = 1.0\n";
    let d = distortion(&format!("{SIP}{pv}"));
    assert!(d.has_pixel_stage() && !d.has_plane_stage());
    for ctype in ["TAN", "TPV"] {
        let d = distortion(&format!("{}{pv}", SIP.replace("TAN-SIP", ctype)));
        assert!(!d.has_pixel_stage() && d.has_plane_stage(), "{ctype}");
        let (mut xi, mut eta) = (vec![0.25], vec![0.5]);
        d.plane_forward(&mut xi, &mut eta);
        assert_eq!((xi[0], eta[0]), (0.25 + 0.01 * 0.125, 0.5));
    }
    // Up to PVi_4 the terms of TAN are the standard's phi_0, theta_0, LONPOLE and LATPOLE.
    let plain = "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nPV1_1 = 0.0\nPV1_2 = 90.0\nPV1_3 = 180.0";
    assert_eq!(Distortion::from_header(&header(plain), None), Ok(None));
}

#[test]
fn a_latitude_axis_that_comes_first_keeps_its_own_terms() {
    let text = "CTYPE1 = 'DEC--TPV'\nCTYPE2 = 'RA---TPV'\nPV1_1 = 2.0\nPV2_1 = 3.0\nPV2_2 = 1.0";
    let (mut xi, mut eta) = (vec![0.25], vec![0.5]);
    distortion(text).plane_forward(&mut xi, &mut eta);
    assert_eq!((xi[0], eta[0]), (3.0 * 0.25 + 0.5, 1.0));
}

#[test]
fn far_outside_there_is_no_false_answer_inside() {
    // x' = x - 2e-4 (x - 500)^2 turns back at x = 3000.
    let text = "NAXIS1 = 1000\nNAXIS2 = 1000\nCTYPE1 = 'RA---TAN-SIP'\nCTYPE2 = 'DEC--TAN-SIP'\nCRPIX1 = 501.0
CRPIX2 = 501.0\nA_ORDER = 2\nB_ORDER = 2\nA_2_0 = -2E-4";
    let d = distortion(text);
    let (mut x, mut y) = (vec![2500.0, 1e9, f64::NAN, -900.0], vec![500.0, 500.0, 1.0, 500.0]);
    d.pixel_inverse(&mut x, &mut y);
    assert!(x[..3].iter().chain(&y[..3]).all(|v| v.is_nan()), "{x:?} {y:?}");
    let u = x[3] - 500.0;
    assert!((u - 2e-4 * u * u + 1400.0).abs() < 1e-9 && u < 0.0);
}

/// A TNX header in the form that IRAF writes: text cut at 68 characters, here at a blank and within a number.
fn wat(kind: &str) -> String {
    let projp = if kind == "ZPX" { "projp1=1.0 projp3=337.74 " } else { "" };
    let lngcor = "\"1. 3. 3. 2. -0.35 0.45 -0.4 0.5 1.0000E-4 2.00000E-4 -3.0E-4 4.0E-4 5.0E-4 -6.0E-4 \"";
    let latcor = "\"3. 2. 2. 1. -0.35 0.45 -0.4 0.5 -1.5E-4 2.5E-4 3.5E-4 -4.5D-4 \"";
    let low = kind.to_lowercase();
    let mut text = format!("CTYPE1 = 'RA---{kind}'\nCTYPE2 = 'DEC--{kind}'\nCDELT1=-1E-4\nCDELT2=1E-4\n");
    for (axis, whole) in [
        (1, format!("wtype={low} axtype=ra {projp}lngcor = {lngcor}")),
        (2, format!("wtype={low} axtype=dec {projp}latcor = {latcor}")),
    ] {
        for (k, piece) in whole.as_bytes().chunks(68).enumerate() {
            let piece = String::from_utf8_lossy(piece);
            text.push_str(&format!("WAT{axis}_{:03}= '{piece}'\n", k + 1));
        }
    }
    text
}

#[test]
fn tnx_adds_its_surfaces_to_plane_coordinates() {
    let d = distortion(&wat("TNX"));
    assert!(d.zpn_coefficients().is_none() && d.warnings().is_empty());
    let (xi, eta) = (0.1, -0.2);
    let (u, v) = ((2.0 * xi - 0.1) / 0.8, (2.0 * eta - 0.1) / 0.9);
    let t2 = |t: f64| 2.0 * t * t - 1.0;
    let lng = 1e-4 + 2e-4 * u - 3e-4 * t2(u) + 4e-4 * v + 5e-4 * u * v - 6e-4 * t2(v);
    let lat = -1.5e-4 + 2.5e-4 * xi + 3.5e-4 * eta - 4.5e-4 * xi * eta;
    let (mut x, mut y) = (vec![xi], vec![eta]);
    d.plane_forward(&mut x, &mut y);
    assert_near(&[x[0], y[0]], &[xi + lng, eta + lat], 1e-16);
    d.plane_inverse(&mut x, &mut y);
    assert_near(&[x[0], y[0]], &[xi, eta], 1e-15);
}

#[test]
fn zpx_carries_the_coefficients_of_zpn() {
    let d = distortion(&wat("ZPX"));
    assert_eq!(d.zpn_coefficients(), Some(&[(1, 1.0), (3, 337.74)][..]));
    let (mut x, mut y) = (vec![0.1], vec![-0.2]);
    d.plane_forward(&mut x, &mut y);
    let (mut tx, mut ty) = (vec![0.1], vec![-0.2]);
    distortion(&wat("TNX")).plane_forward(&mut tx, &mut ty);
    assert_eq!((x, y), (tx, ty));
}

#[test]
fn wat_text_that_is_no_surface_is_refused_and_missing_text_is_said() {
    let text = wat("TNX").replace("-3.0E-4", "-3.0F-4");
    assert!(matches!(Distortion::from_header(&header(&text), None), Err(DistortionError::Surface { .. })));
    let bare = "CTYPE1 = 'RA---TNX'\nCTYPE2 = 'DEC--TNX'";
    let (none, warnings) = Distortion::read(&header(bare), None, None).unwrap();
    assert!(none.is_none());
    assert_eq!(warnings.len(), 2);
}

/// A plate of the southern survey; the figures are WCSLIB's of the same keywords, through astropy 8.0.2, projected
/// about the plate's centre, and the header's own formulas in Python: they agree to 5e-15 degrees.
#[test]
fn dss_plates_agree_with_wcslib_and_with_their_own_linear_description() {
    let plate = DssPlate::from_header(&header(DSS)).unwrap();
    let (ra, dec) = plate.centre();
    assert_near(&[ra, dec, plate.equinox()], &[219.445343875, -60.21646878055556, 2000.0], 1e-8);
    let (mut x, mut y) = (vec![0.0, 99.0, 49.0, 12.5], vec![0.0, 0.0, 49.0, 77.25]);
    let (x0, y0) = (x.clone(), y.clone());
    plate.forward(&mut x, &mut y);
    assert_near(&x, &[-0.8775010524784819, -0.9242856118763993, -0.900718790264538, -0.8835061059922176], 1e-15);
    assert_near(&y, &[-2.5072709934663124, -2.507446507619599, -2.4841767000815613, -2.47074792600955], 2e-15);
    plate.inverse(&mut x, &mut y);
    assert_near(&x, &x0, 1e-10);
    assert_near(&y, &y0, 1e-10);
}

const DSS: &str = "NAXIS1 = 100
NAXIS2 = 100
PLTRAH = 14
PLTRAM = 37
PLTRAS = 46.882530000000
PLTDECSN= '- '
PLTDECD = 60
PLTDECM = 12
PLTDECS = 59.287610000000
EQUINOX = 2000.0
CNPIX1 = 8860
CNPIX2 = 1708
XPIXELSZ= 25.284450000000
YPIXELSZ= 25.284450000000
PPO3 = 176616.98338150
PPO6 = 177193.56115606
AMDX1 = 6.7226158492105E+01
AMDX2 = -2.3024540155842E-01
AMDX3 = 1.0901493794544E+00
AMDX4 = 1.1835555135256E-06
AMDX5 = 5.5613287069447E-06
AMDX6 = -3.8419945268889E-05
AMDX7 = 0.0
AMDX8 = 2.2770722559048E-06
AMDX9 = 1.0335160125448E-07
AMDX10 = 2.3321693523829E-06
AMDX11 = 1.8565977703272E-07
AMDX12 = 0.0
AMDX13 = 0.0
AMDY1 = 6.7233319780690E+01
AMDY2 = 2.2606735154764E-01
AMDY3 = -5.2719954923422E-01
AMDY4 = -7.3037555803828E-06
AMDY5 = 1.9544740562734E-05
AMDY6 = -5.6277730545338E-06
AMDY7 = 0.0
AMDY8 = 2.2086510085905E-06
AMDY9 = 1.0292330494988E-08
AMDY10 = 2.1738798605975E-06
AMDY11 = -1.5811855244111E-08
";

#[test]
fn a_plate_solution_needs_all_its_keywords() {
    for line in DSS.lines().skip(2).filter(|l| !l.starts_with("EQUINOX") && !l.starts_with("PLTDECSN")) {
        let key = line.split('=').next().unwrap().trim();
        let optional =
            key.strip_prefix("AMDX").or(key.strip_prefix("AMDY")).is_some_and(|n| n.parse::<i32>().unwrap() > 3);
        let rest: String = DSS.lines().filter(|l| *l != line).flat_map(|l| [l, "\n"]).collect();
        assert_eq!(DssPlate::from_header(&header(&rest)).is_some(), optional, "{key}");
    }
}

proptest! {
    #[test]
    fn sip_inverse_finds_the_pixel_of_origin(
        c in prop::collection::vec(-1.0..1.0f64, 30),
        points in prop::collection::vec((-50.0..2098.0f64, -50.0..1074.0f64), 1..30),
        guess in any::<bool>(),
    ) {
        let mut text = SIP.lines().take(7).fold(String::new(), |t, l| t + l + "\n");
        let mut c = c.into_iter();
        for name in ["A", "B"] {
            text.push_str(&format!("{name}_ORDER = 4\n"));
            for p in 0..5 {
                for q in 0..5 - p {
                    let scale = 5.0 * libm::pow(1000.0, -((p + q) as f64));
                    text.push_str(&format!("{name}_{p}_{q} = {:E}\n", c.next().unwrap() * scale));
                }
            }
        }
        if guess {
            text.push_str("AP_ORDER = 2\nBP_ORDER = 2\nAP_2_0 = 3E-6\nBP_1_1 = -2E-6\n");
        }
        let d = distortion(&text);
        let (x0, y0): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let (mut x, mut y) = (x0.clone(), y0.clone());
        d.pixel_forward(&mut x, &mut y);
        d.pixel_inverse(&mut x, &mut y);
        for i in 0..x.len() {
            prop_assert!((x[i] - x0[i]).abs() < 1e-11 && (y[i] - y0[i]).abs() < 1e-11, "{} {}", x[i] - x0[i], y[i] - y0[i]);
        }
    }

    #[test]
    fn a_point_gets_the_same_bits_in_any_company(
        points in prop::collection::vec((-500.0..3000.0f64, -500.0..3000.0f64), 1..30), cut in 0usize..30,
    ) {
        let d = Distortion::from_header(&header(&format!("{SIP}{LOOKUPS}")), Some(&Tables)).unwrap().unwrap();
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let (mut sx, mut sy) = (x.clone(), y.clone());
        let cut = cut.min(x.len());
        d.pixel_inverse(&mut x, &mut y);
        let ((ax, bx), (ay, by)) = (sx.split_at_mut(cut), sy.split_at_mut(cut));
        d.pixel_inverse(ax, ay);
        d.pixel_inverse(bx, by);
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!((bits(&x), bits(&y)), (bits(&sx), bits(&sy)));
    }

    #[test]
    fn no_header_text_brings_the_reader_down(
        keys in prop::collection::vec(("(A|B|AP|BP)_(ORDER|[0-9]_[0-9])|PV[12]_[0-9]{1,2}|WAT[12]_00[12]|CPDIS1|D2IMDIS1|AXISCORR|CTYPE[12]",
            prop_oneof!["[-0-9.E]{1,8}", "'(RA---T(PV|NX)|lngcor=\"[0-9. ]{0,40}\"|LOOKUP|wtype=tnx)'"]), 0..20),
    ) {
        let text: String = keys.iter().map(|(k, v)| format!("{k:<8}= {v}\n")).collect();
        if let Ok(header) = Header::from_text(&text) {
            if let Ok(Some(d)) = Distortion::from_header(&header, Some(&Tables)) {
                let (mut x, mut y) = (vec![1.0, f64::INFINITY, 1e300], vec![1.0, 2.0, -1e300]);
                d.pixel_forward(&mut x, &mut y);
                d.plane_forward(&mut x, &mut y);
                d.plane_inverse(&mut x, &mut y);
                d.pixel_inverse(&mut x, &mut y);
            }
            let _ = DssPlate::from_header(&header);
        }
    }
}
