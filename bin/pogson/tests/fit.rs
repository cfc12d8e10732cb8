//! Fits of cubes and lists by the command: the same bytes however they are come by, and a sentence for all that cannot be.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use pogson_cube::correlation::NoiseCorrelation;
use pogson_cube::cube::{Cube, Layer, Saving};
use pogson_cube::result::{ResultFile, Special};
use pogson_image::sphere::Frame;
use pogson_image::wcs::{Projection, Wcs};
use pogson_sed::library::Band;

const POGSON: &str = env!("CARGO_BIN_EXE_pogson");
const BANDS: [(&str, f64, f32); 6] = [
    ("GALEX_NUV", 0.2304, 0.15),
    ("SDSS_g", 0.4702, 0.6),
    ("SDSS_r", 0.6176, 1.0),
    ("SDSS_i", 0.749, 1.3),
    ("WISE_W1", 3.35, 0.7),
    ("WISE_W3", 11.56, 2.0),
];
/// Small libraries, so that tests are quick.
const SMALL: [&str; 4] = ["--stellar", "300", "--dust", "300"];

/// A galaxy of `side` x `side` pixels whose light falls from the middle, with a masked corner and a band that lacks columns.
fn cube(side: usize) -> Cube {
    let scale = 3.0 / 3600.0;
    let cd = [[-scale, 0.0], [0.0, scale]];
    let middle = side as f64 / 2.0;
    let wcs = Wcs::new(Frame::Icrs, Projection::tan(), (121.6, 1.03), (middle, middle), cd, (side, side)).unwrap();
    let distance = |p: usize| libm::hypot((p % side) as f64 - middle, (p / side) as f64 - middle);
    let layer = |k: usize| {
        let (name, wavelength_um, light) = BANDS[k];
        let flux: Vec<f32> = (0..side * side)
            .map(|p| {
                // A little disorder, by the pixel's number.
                let noise = ((p * 7919 + k * 104_729) % 1000) as f32 / 1000.0 - 0.5;
                light * (1e-4 * libm::exp(-distance(p) / middle * 2.0) as f32 + 4e-6 * noise)
            })
            .map(|f| if f < 1e-7 { 1e-7 } else { f })
            .collect();
        let mut sigma: Vec<f32> = flux.iter().map(|f| 0.05 * f + 2e-6 * light).collect();
        if k == 5 {
            (0..side * side).filter(|p| p % side < 2).for_each(|p| sigma[p] = f32::NAN);
        }
        Layer {
            band: Band { name: name.into(), wavelength_um, id: 0 },
            flux,
            sigma,
            floor: 0.0,
            sky_sigma: 0.0,
            noise: NoiseCorrelation::none(),
            psf_fwhm_arcsec: Some(9.0),
            extinction_mag: 0.0,
            source: String::new(),
        }
    };
    let mut cube = Cube {
        name: "NGC 0".into(),
        wcs,
        width: side,
        height: side,
        pixel_area_arcsec2: 9.0,
        psf_fwhm_arcsec: Some(9.0),
        min_bands: 5,
        ebv: 0.0,
        redshift: Some(0.01),
        layers: (0..BANDS.len()).map(layer).collect(),
        mask: vec![0; side * side],
        bins: None,
        history: Vec::new(),
    };
    cube.mask[side * side - 1] = 2;
    cube
}

fn save(cube: &Cube, path: &Path) {
    cube.save(path, &Saving { overwrite: true, ..Saving::default() }).unwrap();
}

/// Runs a line of arguments in a folder.
fn run(dir: &Path, line: &str, env: &[(&str, &str)]) -> Output {
    Command::new(POGSON).args(line.split_whitespace()).current_dir(dir).envs(env.iter().copied()).output().unwrap()
}

/// Runs what has to succeed.
fn good(dir: &Path, line: &str) -> Output {
    let done = run(dir, line, &[]);
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    done
}

/// The sentence of what has to fail with an exit code.
fn bad(dir: &Path, line: &str, code: i32) -> String {
    let done = run(dir, line, &[]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(code), "{line}: {said}");
    said
}

fn bytes(path: PathBuf) -> Vec<u8> {
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    save(&cube(9), &dir.path().join("c.fits"));
    dir
}

#[test]
fn a_cube_gives_the_same_bytes_for_any_number_of_threads_and_simd_level_and_in_parts() {
    let dir = folder();
    let at = |name: &str| bytes(dir.path().join(name));
    let small = SMALL.join(" ");
    good(dir.path(), &format!("fit c.fits {small} -o one.h5 --threads 1"));
    good(dir.path(), &format!("fit c.fits {small} -o three.h5 --threads 3"));
    assert!(at("one.h5") == at("three.h5"));
    for level in ["off", "avx2", "avx512"] {
        let done = run(dir.path(), &format!("fit c.fits {small} -o {level}.h5"), &[("POGSON_SIMD", level)]);
        assert!(done.status.success());
        assert!(at("one.h5") == at(&format!("{level}.h5")), "{level}");
    }
    // 80 of 81 pixels are usable.
    for part in ["0..30", "30..31", "31..80"] {
        good(dir.path(), &format!("fit c.fits {small} -o {part}.h5 --pixels {part}"));
    }
    good(dir.path(), "fit --join 31..80.h5 0..30.h5 30..31.h5 -o joined.h5");
    assert!(at("one.h5") == at("joined.h5"));
    assert!(!dir.path().join("one.h5.journal").exists());

    let whole = ResultFile::read(&dir.path().join("one.h5")).unwrap();
    assert_eq!(whole.pixels.len(), 80);
    assert!(whole.pixels.iter().all(|record| (record.x, record.y) != (8, 8)));
    assert_eq!(whole.special[&Special::Integrated].len(), 1);
    // Two columns lack a band.
    assert!(whole.pixels.iter().all(|record| record.fit.bands_used == if record.x < 2 { 5 } else { 6 }));
    assert_eq!(whole.facts.galaxy, "NGC 0");
}

#[test]
fn a_library_from_a_file_gives_the_fits_of_one_that_is_made() {
    let dir = folder();
    let names: Vec<&str> = BANDS.iter().map(|band| band.0).collect();
    // In another order, and with a band more.
    let filters = format!("PACS_100,{}", names.iter().rev().copied().collect::<Vec<_>>().join(","));
    let small = SMALL.join(" ");
    good(dir.path(), &format!("library build --filters {filters} --redshift 0..0.02:0.01 {small} -o l.lib"));
    good(dir.path(), "fit c.fits --library l.lib -o file.h5");
    good(dir.path(), &format!("fit c.fits {small} -o made.h5"));
    let read = |name: &str| ResultFile::read(&dir.path().join(name)).unwrap();
    let (file, made) = (read("file.h5"), read("made.h5"));
    assert_ne!(file.facts.library, made.facts.library);
    for (a, b) in file.pixels.iter().zip(&made.pixels) {
        assert_eq!(a, b);
    }
}

#[test]
fn bins_are_fitted_beside_pixels_and_of_a_binned_cube_alone() {
    let dir = folder();
    let small = SMALL.join(" ");
    good(dir.path(), &format!("fit c.fits {small} -o both.h5 --bin voronoi:30 --bin-band SDSS_r"));
    let both = ResultFile::read(&dir.path().join("both.h5")).unwrap();
    let bins = both.bins.as_ref().unwrap();
    assert_eq!(both.pixels.len(), 80);
    assert!(bins.records.len() > 1 && bins.records.len() < 60, "{}", bins.records.len());
    let inside = bins.map.iter().filter(|bin| **bin >= 0).count();
    assert_eq!(inside, 80);

    good(dir.path(), "cube bin c.fits -o b.fits --voronoi 30 --band SDSS_r");
    good(dir.path(), &format!("fit b.fits {small} -o bins.h5"));
    let alone = ResultFile::read(&dir.path().join("bins.h5")).unwrap();
    assert!(alone.pixels.is_empty());
    assert_eq!(alone.bins.as_ref().unwrap().map, bins.map);
    assert_eq!(alone.bins.as_ref().unwrap().records.len(), bins.records.len());
    // The bins' light adds up to that of all.
    let light = |file: &ResultFile| -> f64 {
        // Of a mean pixel, as often as the bin has pixels.
        let bins = file.bins.as_ref().unwrap();
        let pixels = |number: u32| bins.map.iter().filter(|bin| **bin == number as i32).count() as f64;
        bins.records.iter().map(|record| pixels(record.x) * record.fit.best.model_jy[2]).sum()
    };
    let all = both.special[&Special::Integrated][0].fit.best.model_jy[2];
    assert!((light(&alone) / all - 1.0).abs() < 0.1, "{} {all}", light(&alone));
    assert!((light(&both) / all - 1.0).abs() < 0.1, "{} {all}", light(&both));
}

/// A fit that is ended by a signal once its journal holds something, and is then run again.
fn ended(name: &str, code: Option<i32>) {
    let dir = tempfile::tempdir().unwrap();
    save(&cube(60), &dir.path().join("c.fits"));
    let line = "fit c.fits --stellar 500 --dust 500 -o o.h5 --threads 1 --quiet";
    let (journal, output) = (dir.path().join("o.h5.journal"), dir.path().join("o.h5"));
    let begin = || {
        let mut command = Command::new(POGSON);
        command.args(line.split_whitespace()).current_dir(dir.path());
        command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    };
    let child = begin();
    let start = Instant::now();
    while std::fs::metadata(&journal).map_or(0, |meta| meta.len()) < 100_000 {
        assert!(start.elapsed() < Duration::from_secs(100), "no fit in the journal");
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = format!("kill {name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), code, "{said}");
    assert!(!output.exists() && journal.exists());
    if code.is_some() {
        assert!(said.contains("kept in o.h5.journal"), "{said}");
    }
    let again =
        Command::new(POGSON).args(line.split_whitespace()).arg("--json").current_dir(dir.path()).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert!(said["kept"].as_u64() > Some(0), "{said}");
    assert!(!journal.exists());
    let resumed = bytes(output);
    good(dir.path(), &line.replace("o.h5", "whole.h5"));
    assert!(resumed == bytes(dir.path().join("whole.h5")));
}

#[test]
fn a_fit_that_is_interrupted_goes_on_and_gives_the_same_bytes() {
    ended("-TERM", Some(5));
}

#[test]
fn a_fit_that_is_killed_goes_on_and_gives_the_same_bytes() {
    ended("-KILL", None);
}

#[test]
fn the_journal_of_another_run_is_refused_and_restart_begins_anew() {
    let dir = folder();
    let small = SMALL.join(" ");
    good(dir.path(), &format!("fit c.fits {small} -o a.h5"));
    // A journal as a killed run leaves it: that of other options.
    let mut result = ResultFile::read(&dir.path().join("a.h5")).unwrap();
    result.facts.options.insert("floor".into(), "0.5".into());
    let journal = dir.path().join("b.h5.journal");
    let (open, _) =
        pogson_cube::result::journal::Journal::open(&journal, &result.facts, Duration::from_secs(1)).unwrap();
    drop(open);
    let said = bad(dir.path(), &format!("fit c.fits {small} -o b.h5"), 3);
    assert!(said.contains("option floor is 0.5") && said.contains("--restart"), "{said}");
    good(dir.path(), &format!("fit c.fits {small} -o b.h5 --restart"));
    assert!(bytes(dir.path().join("a.h5")) == bytes(dir.path().join("b.h5")));
    // What is no journal stays.
    std::fs::write(dir.path().join("d.h5.journal"), "mine").unwrap();
    let said = bad(dir.path(), &format!("fit c.fits {small} -o d.h5 --restart"), 3);
    assert!(said.contains("is no journal"), "{said}");
    assert_eq!(bytes(dir.path().join("d.h5.journal")), b"mine");
}

#[test]
fn cubes_that_cannot_be_fitted_are_refused_with_a_sentence() {
    let dir = folder();
    let small = SMALL.join(" ");
    let at = |name: &str| dir.path().join(name);
    let refused = |line: &str, code: i32, words: &str| {
        let said = bad(dir.path(), line, code);
        assert!(said.contains(words), "{line}: {said}");
        assert!(!at("o.h5").exists());
    };
    refused("fit none.fits -o o.h5", 3, "none.fits");
    std::fs::write(at("text.fits"), "no FITS").unwrap();
    refused("fit text.fits -o o.h5", 3, "text.fits");
    refused(&format!("fit c.fits {small} -o o.h5 --redshift 7"), 2, "7");
    refused(&format!("fit c.fits {small} -o o.h5 --redshift 0"), 2, "--distance");
    refused(&format!("fit c.fits {small} -o o.h5 --redshift 0.2 --paper"), 3, "redshift 0.2");
    refused(&format!("fit c.fits {small} -o o.h5 --pixels 80..90"), 2, "80 usable pixels");
    refused("fit c.fits -o o.h5 --pixels 5..5", 2, "is empty");
    refused(&format!("fit c.fits {small} -o o.h5 --band-floor SDSS_z=0.1"), 2, "SDSS_z");
    refused("fit -o o.h5", 2, "CUBE.fits");
    refused("fit c.fits --stellar 0 -o o.h5", 2, "0 stellar");

    good(dir.path(), &format!("library build --filters SDSS_g,SDSS_r,SDSS_z --redshift 0.01 {small} -o other.lib"));
    refused("fit c.fits --library other.lib -o o.h5", 3, "no models in GALEX_NUV, SDSS_i, WISE_W1, WISE_W3");
    let names: Vec<&str> = BANDS.iter().map(|band| band.0).collect();
    let filters = names.join(",");
    good(dir.path(), &format!("library build --filters {filters} --redshift 0.01 {small} -o l.lib"));
    refused("fit c.fits --library l.lib --redshift 0.03 -o o.h5", 3, "redshift 0.03");
    let whole = bytes(at("l.lib"));
    std::fs::write(at("cut.lib"), &whole[..whole.len() / 2]).unwrap();
    refused("fit c.fits --library cut.lib -o o.h5", 3, "cut off");
    let mut damaged = whole.clone();
    damaged[whole.len() / 3] ^= 1;
    std::fs::write(at("damaged.lib"), &damaged).unwrap();
    refused("fit c.fits --library damaged.lib -o o.h5", 3, "damaged");

    let mut masked = cube(5);
    masked.mask.fill(2);
    save(&masked, &at("masked.fits"));
    refused(&format!("fit masked.fits {small} -o o.h5"), 3, "no pixel is usable");
    let mut zero = cube(5);
    zero.layers[2].sigma[7] = 0.0;
    save(&zero, &at("zero.fits"));
    refused(&format!("fit zero.fits {small} -o o.h5"), 3, "uncertainty of band SDSS_r at pixel 3 2 is 0");
    let mut own = cube(5);
    own.layers[2].band.name = "mine".into();
    save(&own, &at("own.fits"));
    refused(&format!("fit own.fits {small} -o o.h5"), 3, "no filter mine");
    let mut nameless = cube(5);
    nameless.redshift = None;
    save(&nameless, &at("z.fits"));
    refused(&format!("fit z.fits {small} -o o.h5"), 2, "--redshift");

    std::fs::write(at("there.h5"), "mine").unwrap();
    let said = bad(dir.path(), "fit c.fits -o there.h5", 1);
    assert!(said.contains("--force"), "{said}");
    assert_eq!(bytes(at("there.h5")), b"mine");
    good(dir.path(), &format!("fit c.fits {small} -o there.h5 --force"));
    // Another cube's part does not go with it.
    good(dir.path(), &format!("fit c.fits {small} -o p.h5 --floor 0.1 --pixels 0..3"));
    let said = bad(dir.path(), "fit --join there.h5 p.h5 -o o.h5", 3);
    assert!(said.contains("option floor"), "{said}");
}

#[test]
fn pixels_without_enough_bands_are_counted_and_the_rest_is_fitted() {
    let dir = tempfile::tempdir().unwrap();
    let mut cube = cube(6);
    for layer in &mut cube.layers[..3] {
        layer.flux[8] = f32::NAN;
    }
    // The mask says that it is usable.
    save(&cube, &dir.path().join("c.fits"));
    let done = good(dir.path(), &format!("fit c.fits {} -o o.h5 --json", SMALL.join(" ")));
    let said: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(said["fits"].as_u64(), Some(34));
    assert_eq!(said["skipped"]["too few bands"].as_u64(), Some(1), "{said}");
    let warned = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(warned.contains("3_2: 3 bands have a measurement, and a fit needs 5"), "{warned}");
}

const FILTERS: &str = "#name lambda_eff id fit\nGALEX_NUV 0.2301 1 1\nSDSS_g 0.4703 2 1\nSDSS_r 0.6176 3 1\nSDSS_i 0.7491 4 \
                       1\nWISE_W1 3.3683 5 1\nWISE_W3 12.07 6 1\n";
const OBJECTS: &str = "#name z fluxes\na 0.010 1e-5 1e-6 6e-5 3e-6 1e-4 5e-6 1.3e-4 6e-6 7e-5 4e-6 2e-4 1e-5\nb 0.010 -1 -1 6e-5 \
                       3e-6 1e-4 5e-6 -1 -1 7e-5 4e-6 -1 -1\nc 0.012 1e-5 1e-6 6e-5 3e-6 1e-4 5e-6 1.3e-4 6e-6 7e-5 4e-6 < 1e-5\n";

fn list(filters: &str, objects: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f.dat"), filters).unwrap();
    std::fs::write(dir.path().join("o.dat"), objects).unwrap();
    dir
}

/// A list's fit with small libraries.
const LIST: &str = "fit --observations o.dat --filters f.dat --stellar 300 --dust 300";

#[test]
fn a_list_gives_a_file_for_each_object_and_names_those_that_it_cannot_fit() {
    for mode in ["", "--paper"] {
        let dir = list(FILTERS, OBJECTS);
        let done = good(dir.path(), &format!("{LIST} {mode} -o fits --json --threads 1"));
        let said: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((said["fits"].as_u64(), said["skipped"]["too few bands"].as_u64()), (Some(2), Some(1)), "{said}");
        let warned = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(warned.contains("b: 3 bands"), "{warned}");
        let at = |name: &str| dir.path().join("fits").join(name);
        assert!(!at("2.fit").exists() && !at("fits.journal").exists());
        let text = String::from_utf8(bytes(at("1.fit"))).unwrap();
        assert!(text.starts_with(" ####### a"), "{}", &text[..40]);
        let table = String::from_utf8(bytes(at("fits.csv"))).unwrap();
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[1].starts_with("1,a,0.01,0.01,6,"), "{}", rows[1]);
        // The default makes a library for each redshift; MAGPHYS takes the nearest. It ignores the limit.
        let third = if mode.is_empty() { "3,c,0.012,0.012,6," } else { "3,c,0.012,0.01,5," };
        assert!(rows[2].starts_with(third), "{}", rows[2]);

        for (level, threads) in [("off", 2), ("avx2", 3), ("avx512", 1)] {
            let line = format!("{LIST} {mode} -o {level} --threads {threads}");
            assert!(run(dir.path(), &line, &[("POGSON_SIMD", level)]).status.success());
            for name in ["1.fit", "3.fit", "fits.csv"] {
                assert!(bytes(dir.path().join(level).join(name)) == bytes(at(name)), "{mode} {level} {name}");
            }
        }
        let said = bad(dir.path(), &format!("{LIST} {mode} -o fits"), 1);
        assert!(said.contains("1.fit: exists already"), "{said}");
        good(dir.path(), &format!("{LIST} {mode} -o fits --force"));
        // A part has the numbers of the whole.
        good(dir.path(), &format!("{LIST} {mode} -o part --pixels 2..3"));
        assert!(bytes(dir.path().join("part/3.fit")) == bytes(at("3.fit")));
        assert!(!dir.path().join("part/1.fit").exists() && dir.path().join("part/fits_2-3.csv").exists());
    }
}

#[test]
fn a_paper_fit_has_the_lines_of_magphys() {
    let dir = list(FILTERS, OBJECTS);
    good(dir.path(), &format!("{LIST} --paper -o fits"));
    let text = String::from_utf8(bytes(dir.path().join("fits/1.fit"))).unwrap();
    // As MAGPHYS's output has it for 16 parameters with its bins.
    assert_eq!(text.lines().count(), 916);
    assert_eq!(text.lines().filter(|line| line.starts_with("#....percentiles")).count(), 16);
}

#[test]
fn texts_of_magphys_are_fitted_as_the_library_that_they_were_written_from() {
    let dir = list(FILTERS, OBJECTS);
    good(dir.path(), "library build --filters f.dat --redshift 0.01 --stellar 300 --dust 300 -o l.lib --lbr lbr");
    let lbr = |start: &str| {
        let entries = std::fs::read_dir(dir.path().join("lbr")).unwrap().map(|e| e.unwrap().path());
        entries.into_iter().find(|p| p.file_name().unwrap().to_string_lossy().starts_with(start)).unwrap()
    };
    let texts = format!("--sfh {} --ir {}", lbr("starformhist").display(), lbr("infrared").display());
    let fit = "fit --observations o.dat --filters f.dat --paper";
    good(dir.path(), &format!("{fit} {texts} --zlibs lbr/zlibs.dat -o t"));
    good(dir.path(), &format!("{fit} {texts} -o u"));
    good(dir.path(), &format!("{fit} --library l.lib -o l"));
    assert!(bytes(dir.path().join("t/1.fit")) == bytes(dir.path().join("u/1.fit")));
    // Texts have six digits: the medians of masses agree to a bin.
    let mass = |dir: &Path| -> f64 {
        let table = String::from_utf8(bytes(dir.join("fits.csv"))).unwrap();
        let mut lines = table.lines();
        let place = lines.next().unwrap().split(',').position(|c| c == "log_m_star_p50").unwrap();
        lines.next().unwrap().split(',').nth(place).unwrap().parse().unwrap()
    };
    assert!((mass(&dir.path().join("t")) - mass(&dir.path().join("l"))).abs() < 0.0051);
}

#[test]
fn lists_that_cannot_be_fitted_are_refused_with_a_sentence() {
    let refused = |filters: &str, objects: &str, more: &str, code: i32, words: &str| {
        let dir = list(filters, objects);
        let said = bad(dir.path(), &format!("{LIST} {more} -o fits"), code);
        assert!(said.contains(words), "{words}: {said}");
        assert!(!dir.path().join("fits/1.fit").exists());
    };
    let twice = FILTERS.replace("SDSS_i", "SDSS_r");
    refused(&twice, OBJECTS, "", 3, "f.dat, line 5: filter SDSS_r");
    refused(&FILTERS.replace("SDSS_i", "r.sdss"), OBJECTS, "", 3, "r.sdss");
    refused(&FILTERS.replace("SDSS_i", "sdss.r"), OBJECTS, "", 3, "twice");
    refused(FILTERS, &OBJECTS.replace("1e-4", "NaN"), "", 3, "o.dat, line 2");
    refused(FILTERS, &OBJECTS.replace("5e-6", "0"), "", 3, "o.dat, line 2");
    refused(FILTERS, &OBJECTS.replace(" < 1e-5", ""), "", 3, "o.dat, line 4: has 12 fields");
    refused(FILTERS, &OBJECTS.replace("0.012", "0.2"), "--paper", 3, "c: redshift 0.2");
    refused(FILTERS, "#\nb 0.01 -1 -1 6e-5 3e-6 1e-4 5e-6 -1 -1 7e-5 4e-6 -1 -1\n", "", 3, "none of 1 objects");
    let mut lines: Vec<&str> = FILTERS.lines().collect();
    lines.swap(2, 3);
    refused(&lines.join("\n"), OBJECTS, "--paper", 3, "SDSS_g at 0.4703 um stands after SDSS_r");
    refused(FILTERS, OBJECTS, "--redshift 0.01", 2, "--redshift");
    refused(FILTERS, OBJECTS, "--pixels 3..4", 2, "3 objects");
    refused(FILTERS, OBJECTS, "--sfh none.lbr", 2, "--ir");
    let dir = list(FILTERS, OBJECTS);
    assert!(bad(dir.path(), "fit --observations o.dat -o fits", 2).contains("--filters"));
    assert!(bad(dir.path(), "fit --observations n.dat --filters f.dat -o fits", 3).contains("n.dat"));
    // With MAGPHYS's arithmetic a flux without an error has one of 5 %.
    std::fs::write(dir.path().join("o.dat"), OBJECTS.replace("5e-6", "0")).unwrap();
    good(dir.path(), &format!("{LIST} --paper -o fits"));
}
