//! Images of one grid, cubes, masks of DS9 regions, and the chi-square of several bands.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use pogson_image::fits::{Bitpix, FitsFile, Header, ImageWriter, Options};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn pogson(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).output().unwrap()
}

fn good(args: &[&str]) -> serde_json::Value {
    let done = pogson(args);
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap_or(serde_json::Value::Null)
}

const SIDE: usize = 60;

/// A TAN image about (30, 40) degrees, 1 second of arc per pixel, whose first pixel is pixel (`x`, `y`) of the grid.
fn header(x: f64, y: f64) -> Header {
    let mut header = Header::new();
    for (key, value) in [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN")] {
        header.set(key, value, "");
    }
    let numbers = [
        ("CRPIX1", 30.0 - x),
        ("CRPIX2", 30.0 - y),
        ("CRVAL1", 30.0),
        ("CRVAL2", 40.0),
        ("CDELT1", -1.0 / 3600.0),
        ("CDELT2", 1.0 / 3600.0),
    ];
    for (key, value) in numbers {
        header.set(key, value, "");
    }
    header
}

fn write(dir: &Path, name: &str, header: &Header, axes: &[usize], values: &[f32]) -> String {
    let path = dir.join(name);
    let writer =
        ImageWriter::create(&path, header, axes, Bitpix::F32, Options { overwrite: true, checksum: true }).unwrap();
    writer.write_rows_f32(0, 0, &values[..axes[0] * axes[1]]).unwrap();
    for (plane, values) in values.chunks(axes[0] * axes[1]).enumerate().skip(1) {
        writer.write_rows_f32(plane, 0, values).unwrap();
    }
    writer.finish().unwrap();
    path.display().to_string()
}

fn read(path: &str, plane: usize) -> Vec<f32> {
    let file = FitsFile::open(Path::new(path)).unwrap();
    let image = file.first_image().unwrap();
    let mut out = vec![0.0; image.width() * image.height()];
    image.read_f32(plane, image.rect(), &mut out).unwrap();
    out
}

/// Values that no sum or product gives by chance.
fn values(seed: u32, n: usize) -> Vec<f32> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 65_536.0
        })
        .collect()
}

fn path(dir: &tempfile::TempDir, name: &str) -> String {
    dir.path().join(name).display().to_string()
}

#[test]
fn images_of_one_grid_are_added_without_resampling() {
    let dir = tempfile::tempdir().unwrap();
    let (mut a, b) = (values(1, SIDE * SIDE), values(2, SIDE * SIDE));
    a[5 * SIDE + 45] = f32::NAN;
    let fa = write(dir.path(), "a.fits", &header(0.0, 0.0), &[SIDE, SIDE], &a);
    let fb = write(dir.path(), "b.fits", &header(40.0, -10.0), &[SIDE, SIDE], &b);
    let out = path(&dir, "m.fits");
    let made = good(&["mosaic", &fa, &fb, "-o", &out, "--background", "none", "--json"]);
    assert_eq!(made["method"], "aligned");
    // The frame is the two images' own: 100 columns, 70 rows.
    assert_eq!((made["width"].as_u64(), made["height"].as_u64()), (Some(100), Some(70)));
    let m = read(&out, 0);
    for y in 0..70usize {
        for x in 0..100usize {
            let pa = (x < SIDE && y >= 10).then(|| a[(y - 10) * SIDE + x]).filter(|v| v.is_finite());
            let pb = (x >= 40 && y < SIDE).then(|| b[y * SIDE + x - 40]);
            let found = m[y * 100 + x];
            match (pa, pb) {
                // One value passes through unaltered.
                (Some(v), None) | (None, Some(v)) => assert_eq!(found.to_bits(), v.to_bits(), "({x}, {y})"),
                (Some(p), Some(q)) => assert!((found - 0.5 * (p + q)).abs() <= 1e-5 * found, "({x}, {y})"),
                (None, None) => assert!(found.is_nan(), "({x}, {y})"),
            }
        }
    }
    // Half a pixel off there is no common grid to take values from.
    let fc = write(dir.path(), "c.fits", &header(0.5, 0.0), &[SIDE, SIDE], &b);
    let refused = pogson(&["mosaic", &fa, &fc, "-o", &path(&dir, "n.fits"), "--method", "aligned"]);
    assert_eq!(refused.status.code(), Some(3));
    let made = good(&["mosaic", &fa, &fc, "-o", &path(&dir, "n.fits"), "--json"]);
    assert_eq!(made["method"], "bspline5");
}

#[test]
fn a_cube_has_the_same_planes_as_its_images_one_by_one_and_keeps_its_third_axis() {
    let dir = tempfile::tempdir().unwrap();
    let n = SIDE * SIDE;
    let cube = values(7, 3 * n);
    let mut h = header(0.0, 0.0);
    h.set("CTYPE3", "FREQ", "");
    h.set("CUNIT3", "Hz", "");
    h.set("CRPIX3", 1.0, "");
    h.set("CRVAL3", 1.4e9, "");
    h.set("CDELT3", 1e6, "");
    h.set("RESTFRQ", 1.42e9, "");
    let whole = write(dir.path(), "cube.fits", &h, &[SIDE, SIDE, 3], &cube);
    let flags = ["--center", "30 40", "--size", "0.01", "--scale", "0.8", "--frame", "fk5", "--force", "--quiet"];
    let run = |command: &str, input: &str, out: &str, more: &[&str]| {
        let mut args = vec![command, input, "-o", out];
        args.extend(flags);
        args.extend(more);
        good(&args);
    };
    for (command, more) in [("reproject", &[][..]), ("mosaic", &["--background", "none"][..])] {
        let out = path(&dir, "out.fits");
        run(command, &whole, &out, more);
        let file = FitsFile::open(Path::new(&out)).unwrap();
        let image = file.first_image().unwrap();
        assert_eq!(image.axes()[2], 3, "{command}");
        for (key, value) in [("CRVAL3", 1.4e9), ("CDELT3", 1e6), ("RESTFRQ", 1.42e9)] {
            assert_eq!(image.header().f64(key), Some(value), "{command}: {key}");
        }
        assert_eq!(image.header().str("CTYPE3"), Some("FREQ"), "{command}");
        for plane in 0..3 {
            let one =
                write(dir.path(), "one.fits", &header(0.0, 0.0), &[SIDE, SIDE], &cube[plane * n..(plane + 1) * n]);
            let alone = path(&dir, "alone.fits");
            run(command, &one, &alone, more);
            let same = read(&alone, 0).iter().zip(read(&out, plane)).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{command}, plane {plane}");
        }
    }
    let flat = write(dir.path(), "flat.fits", &header(0.0, 0.0), &[SIDE, SIDE], &cube[..n]);
    let refused = pogson(&["mosaic", &whole, &flat, "-o", &path(&dir, "x.fits")]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("planes"));
}

#[test]
fn regions_mask_the_same_sky_in_all_tiles_and_the_same_pixels_in_each() {
    let dir = tempfile::tempdir().unwrap();
    let ones = vec![1.0; SIDE * SIDE];
    let fa = write(dir.path(), "a.fits", &header(0.0, 0.0), &[SIDE, SIDE], &ones);
    let region = |name: &str, text: &str| -> String {
        std::fs::write(dir.path().join(name), text).unwrap();
        path(&dir, name)
    };
    let masked = |file: &str| -> Vec<bool> {
        let out = path(&dir, "m.fits");
        good(&[
            "mosaic",
            &fa,
            "-o",
            &out,
            "--header",
            &fa,
            "--mask",
            file,
            "--background",
            "none",
            "--force",
            "--quiet",
        ]);
        read(&out, 0).iter().map(|v| v.is_nan()).collect()
    };
    // A box of 4 x 6 pixels about pixel (20.5, 30.5), 1-based: columns 19-22, rows 28-33.
    let boxed = masked(&region("p.reg", "image\nbox(20.5,30.5,4,6,0)\n"));
    for (k, masked) in boxed.iter().enumerate() {
        let (x, y) = (k % SIDE + 1, k / SIDE + 1);
        assert_eq!(*masked, (19..=22).contains(&x) && (28..=33).contains(&y), "({x}, {y})");
    }
    // A circle of 5" about the reference point, pixel (30, 30), less one of 2".
    let ring = masked(&region("s.reg", "fk5\ncircle(30,40,5\")\n-circle(30,40,2\")\n"));
    for (k, masked) in ring.iter().enumerate() {
        let r = libm::hypot((k % SIDE) as f64 - 29.0, (k / SIDE) as f64 - 29.0);
        if (r - 5.0).abs() > 0.01 && (r - 2.0).abs() > 0.01 {
            assert_eq!(*masked, r < 5.0 && r > 2.0, "{r}");
        }
    }
    // Excluding figures alone keep what lies in them.
    let kept = masked(&region("k.reg", "fk5\n-circle(30,40,10\")\n"));
    assert!(!kept[29 * SIDE + 29] && kept[0]);
    let refused = pogson(&["mosaic", &fa, "-o", &path(&dir, "x.fits"), "--mask", &region("b.reg", "fk5\nblob(1,2)\n")]);
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("b.reg") && said.contains("line 2") && said.contains("blob"), "{said}");
}

#[test]
fn chi_square_is_the_root_mean_square_of_the_bands_in_units_of_their_noise() {
    let dir = tempfile::tempdir().unwrap();
    let bands = [(3.0f32, 0.5f32), (-4.0, 2.0), (12.0, 4.0)];
    let files: Vec<String> = bands
        .iter()
        .enumerate()
        .map(|(k, (value, sigma))| {
            let name = format!("b{k}.fits");
            write(dir.path(), &format!("b{k}.rms.fits"), &header(0.0, 0.0), &[SIDE, SIDE], &vec![*sigma; SIDE * SIDE]);
            write(dir.path(), &name, &header(0.0, 0.0), &[SIDE, SIDE], &vec![*value; SIDE * SIDE])
        })
        .collect();
    let out = PathBuf::from(path(&dir, "chi.fits"));
    let mut args: Vec<&str> = vec!["mosaic", "-o", out.to_str().unwrap(), "--combine", "chi"];
    args.extend(files.iter().map(String::as_str));
    args.extend(["--weight-type", "map-rms", "--weight-map", ".rms.fits", "--background", "none", "--quiet"]);
    good(&args);
    // sqrt((6^2 + 2^2 + 3^2) / 3), by hand.
    let truth = libm::sqrt(49.0 / 3.0) as f32;
    for value in read(out.to_str().unwrap(), 0) {
        assert!((value / truth - 1.0).abs() < 1e-6, "{value} for {truth}");
    }
}

#[test]
fn a_distorted_grid_is_written_with_its_distortion() {
    let dir = tempfile::tempdir().unwrap();
    let image = write(dir.path(), "a.fits", &header(0.0, 0.0), &[SIDE, SIDE], &values(3, SIDE * SIDE));
    let grid = path(&dir, "sip.hdr");
    let sip = "SIMPLE = T\nBITPIX = -32\nNAXIS = 2\nNAXIS1 = 40\nNAXIS2 = 40\nCTYPE1 = 'RA---TAN-SIP'\n\
               CTYPE2 = 'DEC--TAN-SIP'\nCRPIX1 = 20\nCRPIX2 = 20\nCRVAL1 = 30\nCRVAL2 = 40\nCDELT1 = -0.0003\n\
               CDELT2 = 0.0003\nA_ORDER = 2\nB_ORDER = 2\nA_2_0 = 0.002\nB_1_1 = -0.003\nEND\n";
    std::fs::write(&grid, sip).unwrap();
    for command in ["reproject", "mosaic"] {
        let out = path(&dir, "out.fits");
        good(&[command, &image, "-o", &out, "--header", &grid, "--force", "--quiet"]);
        let places = |file: &str| {
            let points = good(&["info", file, "--pix2sky", "37.5 3.25", "--json"]);
            (points["ra"].as_f64().unwrap(), points["dec"].as_f64().unwrap())
        };
        let file = FitsFile::open(Path::new(&out)).unwrap();
        let image = file.first_image().unwrap();
        assert_eq!(image.header().f64("A_2_0"), Some(0.002), "{command}");
        assert_eq!(image.header().str("CTYPE1"), Some("RA---TAN-SIP"), "{command}");
        // By hand: u = 17.5, so that x = 17.5 + 0.002 * 17.5^2 pixels; the tangent plane is flat to 1e-6 degrees here.
        let (ra, _) = places(&out);
        let x = (17.5 + 0.002 * 17.5f64 * 17.5) * -0.0003;
        assert!(((ra - 30.0) * libm::cos(40f64.to_radians()) - x).abs() < 1e-5, "{command}: {ra}");
    }
}
