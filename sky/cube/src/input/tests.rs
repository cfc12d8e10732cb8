//! Images of many kinds, understood and read.

use std::path::{Path, PathBuf};

use pogson_image::fits::{Header, write_image_f32};

use super::*;

const GRID: &str = "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 4.5\nCRPIX2 = 4.5\nCRVAL1 = 121.6\nCRVAL2 = 1.03\n\
                    CDELT1 = -0.0005\nCDELT2 = 0.0005\n";

/// Writes an image of 8 x 8 pixels, all 2 but one NaN, with these keywords beside a WCS.
fn image(dir: &Path, name: &str, keywords: &str) -> ImageSpec {
    let path = dir.join(name);
    let header = Header::from_text(&format!("{GRID}{keywords}")).unwrap();
    let mut values = [2.0f32; 64];
    values[9] = f32::NAN;
    write_image_f32(&path, &header, &[8, 8], &values, true).unwrap();
    ImageSpec::new(path)
}

fn pixel(spec: &ImageSpec) -> f64 {
    let input = &open(std::slice::from_ref(spec)).unwrap()[0];
    let window = Window { x: 0, y: 0, width: 8, height: 8 };
    let loaded = input.load(window).unwrap();
    assert!(loaded.flux[9].is_nan());
    loaded.flux[0]
}

fn refusal(spec: &ImageSpec) -> String {
    let opened = open(std::slice::from_ref(spec));
    let window = Window { x: 0, y: 0, width: 8, height: 8 };
    opened.and_then(|inputs| inputs[0].load(window)).unwrap_err().to_string()
}

#[test]
fn values_of_each_survey_become_jy_in_a_pixel() {
    let dir = tempfile::tempdir().unwrap();
    let side = 1.8f64;
    let area_sr = (side / 206_264.806_247).powi(2);
    let close = |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 1e-4, "{found} {wanted}");
    close(pixel(&image(dir.path(), "SDSS_r.fits", "BUNIT = 'nanomaggy'")), 2.0 * 3.631e-6);
    // u_AB = u - 0.04.
    close(pixel(&image(dir.path(), "SDSS_u.fits", "BUNIT = 'nanomaggy'")), 2.0 * 3.631e-6 * libm::pow(10.0, 0.016));
    close(pixel(&image(dir.path(), "SDSS_u.fits", "BUNIT = 'Jy/pixel'\nTELESCOP = 'SDSS'")), 2.0);
    close(pixel(&image(dir.path(), "IRAC_3.6.fits", "BUNIT = 'MJy/sr'")), 2e6 * area_sr);
    // Vega's zero point where the name alone says 2MASS: 1024 Jy at H = 0 (Cohen et al. 2003).
    close(pixel(&image(dir.path(), "2MASS_H.fits", "MAGZP = 20.0")), 2.0 * 1024.0 * 1e-8);
    close(pixel(&image(dir.path(), "WISE_W4.fits", "BUNIT = 'DN'\nMAGZP = 13.0")), 2.0 * 8.363 * libm::pow(10.0, -5.2));
    // AB 18.82 for one count per second (Morrissey et al. 2007).
    close(pixel(&image(dir.path(), "GALEX_FUV.fits", "")), 2.0 * 3631.0 * libm::pow(10.0, -0.4 * 18.82));
    let said = ImageSpec { zero_point: Some(25.0), ..image(dir.path(), "PS1_g.fits", "BUNIT = 'ADU'") };
    close(pixel(&said), 2.0 * 3631.0 * 1e-10);
    let unit = ImageSpec { unit: Some("mJy".into()), ..image(dir.path(), "PACS_70.fits", "") };
    close(pixel(&unit), 2e-3);
    let per_area = ImageSpec { unit: Some("uJy/arcsec2".into()), ..image(dir.path(), "PACS_70.fits", "") };
    close(pixel(&per_area), 2e-6 * side * side);
}

#[test]
fn what_is_wrong_is_said_with_the_file_and_the_mend() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let said = refusal(&image(at, "image.fits", "BUNIT = 'Jy'"));
    assert!(said.contains("image.fits") && said.contains("--band"), "{said}");
    let said = refusal(&ImageSpec { band: Some("Strange_x".into()), ..image(at, "a.fits", "BUNIT = 'Jy'") });
    assert!(said.contains("Strange_x") && said.contains("SDSS_r"), "{said}");
    let said = refusal(&image(at, "PACS_70.fits", "BUNIT = 'furlong'"));
    assert!(said.contains("furlong") && said.contains("--unit"), "{said}");
    let said = refusal(&image(at, "SPIRE_250.fits", "BUNIT = 'K'"));
    assert!(said.contains("'K'"), "{said}");
    let said = refusal(&image(at, "IRAC_ch1.fits", ""));
    assert!(said.contains("zero point"), "{said}");
    write_image_f32(&at.join("SDSS_g.fits"), &Header::new(), &[8, 8], &[1.0; 64], true).unwrap();
    let said = refusal(&ImageSpec::new(at.join("SDSS_g.fits")));
    assert!(said.contains("SDSS_g.fits") && said.contains("celestial"), "{said}");
    let header = Header::from_text(&format!("{GRID}BUNIT = 'Jy'")).unwrap();
    write_image_f32(&at.join("SDSS_z.fits"), &header, &[8, 8], &[f32::NAN; 64], true).unwrap();
    let said = refusal(&ImageSpec::new(at.join("SDSS_z.fits")));
    assert!(said.contains("NaN"), "{said}");
}

#[test]
fn a_band_given_twice_is_refused_by_both_names() {
    let dir = tempfile::tempdir().unwrap();
    let a = image(dir.path(), "SDSS_r.fits", "BUNIT = 'nanomaggy'");
    let b = ImageSpec { band: Some("sdss r".into()), ..image(dir.path(), "other.fits", "BUNIT = 'Jy'") };
    let said = open(&[a, b]).unwrap_err().to_string();
    assert!(said.contains("SDSS_r.fits") && said.contains("other.fits") && said.contains("twice"), "{said}");
}

#[test]
fn uncertainties_are_read_and_bad_ones_refused() {
    let dir = tempfile::tempdir().unwrap();
    let spec = image(dir.path(), "SDSS_r.fits", "BUNIT = 'nanomaggy'");
    let map = |name: &str, values: [f32; 64]| -> PathBuf {
        let path = dir.path().join(name);
        write_image_f32(&path, &Header::new(), &[8, 8], &values, true).unwrap();
        path
    };
    let window = Window { x: 0, y: 0, width: 8, height: 8 };
    let with = |uncertainty| ImageSpec { uncertainty: Some(uncertainty), ..spec.clone() };
    let variance =
        |spec: &ImageSpec| open(std::slice::from_ref(spec)).unwrap()[0].load(window).unwrap().variance.unwrap();
    let jy2 = 3.631e-6f64.powi(2);
    let mut weights = [4.0; 64];
    weights[3] = 0.0;
    for (spec, wanted) in [
        (with(Uncertainty::Sigma(map("s.fits", [0.5; 64]))), 0.25 * jy2),
        (with(Uncertainty::Variance(map("v.fits", [0.5; 64]))), 0.5 * jy2),
        (with(Uncertainty::Weight(map("w.fits", weights))), 0.25 * jy2),
    ] {
        let found = variance(&spec);
        assert!((found[0] / wanted - 1.0).abs() < 1e-6);
        assert!(found[9].is_nan());
    }
    assert!(variance(&with(Uncertainty::Weight(map("w.fits", weights))))[3].is_nan());
    for bad in [-1.0, 0.0] {
        let mut values = [1.0; 64];
        values[20] = bad;
        let said = refusal(&with(Uncertainty::Sigma(map("bad.fits", values))));
        assert!(said.contains("bad.fits") && said.contains("(5, 3)"), "{said}");
    }
    let said = refusal(&with(Uncertainty::Weight(map("zero.fits", [0.0; 64]))));
    assert!(said.contains("masked"), "{said}");
}

#[test]
fn an_extension_of_uncertainties_is_found_by_its_name() {
    use pogson_image::fits::{Bitpix, FitsWriter, Options};
    let dir = tempfile::tempdir().unwrap();
    for (name, wanted) in [("ERR", Some(9.0)), ("VAR", Some(3.0)), ("IVAR", Some(1.0 / 3.0)), ("DQ", None)] {
        let path = dir.path().join(format!("SDSS_r_{name}.fits"));
        let mut file = FitsWriter::create(&path, Options::default()).unwrap();
        let header = Header::from_text(&format!("{GRID}BUNIT = 'Jy'")).unwrap();
        file.add_image(&header, &[8, 8], Bitpix::F32).unwrap();
        file.write_rows_f32(0, 0, 0, &[2.0; 64]).unwrap();
        let header = Header::from_text(&format!("EXTNAME = '{name}'")).unwrap();
        file.add_image(&header, &[8, 8], Bitpix::F32).unwrap();
        file.write_rows_f32(1, 0, 0, &[3.0; 64]).unwrap();
        file.finish().unwrap();
        let input = &open(&[ImageSpec::new(&path)]).unwrap()[0];
        let loaded = input.load(Window { x: 0, y: 0, width: 8, height: 8 }).unwrap();
        assert_eq!(loaded.variance.map(|v| v[0]), wanted, "{name}");
    }
}

#[test]
fn tables_say_the_same_in_both_forms() {
    let dir = tempfile::tempdir().unwrap();
    let toml = dir.path().join("bands.toml");
    std::fs::write(&toml, "[[image]]\nfile = \"r.fits\"\nband = \"SDSS_r\"\npsf = \"moffat:1.3,3.5\"\nfloor = 0.02\n")
        .unwrap();
    let csv = dir.path().join("bands.csv");
    std::fs::write(&csv, "# bands\nfile,band,psf,floor\nr.fits,SDSS_r,\"moffat:1.3,3.5\",0.02\n").unwrap();
    let (a, b) = (read_table(&toml).unwrap(), read_table(&csv).unwrap());
    assert_eq!(a, b);
    assert_eq!(a[0].path, dir.path().join("r.fits"));
    assert_eq!(a[0].psf, Some(PsfChoice::Moffat(1.3, 3.5)));
    for (text, word) in [
        ("file,band\nr.fits,SDSS_r,x\n", "line 2"),
        ("file,bond\nr.fits,SDSS_r\n", "bond"),
        ("band\nSDSS_r\n", "file"),
        ("file,floor\nr.fits,-1\n", "floor"),
        ("", "no image"),
    ] {
        std::fs::write(&csv, text).unwrap();
        let said = read_table(&csv).unwrap_err().to_string();
        assert!(said.contains(word) && said.contains("bands.csv"), "{said}");
    }
    std::fs::write(&toml, "[[image]]\nfile = 3.5.1\n").unwrap();
    assert!(read_table(&toml).unwrap_err().to_string().contains("bands.toml"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in "\\PC{0,200}") {
        let dir = tempfile::tempdir().unwrap();
        for name in ["t.toml", "t.csv"] {
            let path = dir.path().join(name);
            std::fs::write(&path, &text).unwrap();
            let _ = read_table(&path);
        }
        let _ = text.parse::<PsfChoice>();
        let _ = crate::band::named(&text);
    }
}
