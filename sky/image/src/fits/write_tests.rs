//! Tests of writing: round trips, check sums, what is left behind when writing fails.

use std::path::Path;

use proptest::prelude::*;

use super::checksum::Verdict;
use super::output::remove_unfinished;
use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn assert_sums_right(path: &Path) {
    let file = FitsFile::open(path).unwrap();
    for hdu in 0..file.hdus().len() {
        assert_eq!(file.verify(hdu).unwrap(), (Verdict::Right, Verdict::Right), "HDU {hdu}");
        assert!(file.hdus()[hdu].own_header().str("DATASUM").unwrap().bytes().all(|b| b.is_ascii_digit()));
    }
}

#[test]
fn an_image_is_read_back_with_its_header_and_right_sums() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let mut header = Header::new();
    header.set("CRVAL1", 275.0, "degrees");
    header.set("NAXIS1", 999, "stale");
    header.set("BSCALE", 2.0, "stale");
    let values: Vec<f32> = (0..60).map(|v| v as f32 - 0.5).collect();
    write_image_f32(&path, &header, &[5, 4, 3], &values, false).unwrap();
    assert_sums_right(&path);
    let file = FitsFile::open(&path).unwrap();
    let image = file.first_image().unwrap();
    assert_eq!(image.axes(), [5, 4, 3]);
    assert_eq!(image.header().f64("CRVAL1"), Some(275.0));
    assert!(image.header().contains("DATE") && !image.header().contains("BSCALE"));
    let mut back = vec![0.0; 20];
    image.read_f32(1, image.rect(), &mut back).unwrap();
    assert_eq!(back, values[20..40]);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 2 * 2880);
    assert_eq!(names(folder.path()), ["a.fits"]);
}

#[test]
fn threads_write_one_file_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let (width, height) = (301, 200);
    let writer = ImageWriter::create(&path, &Header::new(), &[width, height], Bitpix::I16, Options::default()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let writer = &writer;
            scope.spawn(move || {
                for y in (thread..height).step_by(4).collect::<Vec<_>>().into_iter().rev() {
                    // Odd columns, so that pieces begin within a 32-bit word.
                    for (x, size) in [(101, 200), (0, 101)] {
                        let row: Vec<f32> = (x..x + size).map(|x| (x * y % 1000) as f32).collect();
                        writer.write_rect_f32(0, Rect { x, y, width: size, height: 1 }, &row).unwrap();
                    }
                }
            });
        }
    });
    writer.finish().unwrap();
    assert_sums_right(&path);
    let file = FitsFile::open(&path).unwrap();
    let image = file.first_image().unwrap();
    let mut back = vec![0; width * height];
    image.read_i64(0, image.rect(), &mut back).unwrap();
    assert!(back.iter().enumerate().all(|(i, v)| *v == (i % width * (i / width) % 1000) as i64));
}

#[test]
fn a_pixel_written_twice_still_gives_right_sums() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let writer = ImageWriter::create(&path, &Header::new(), &[8, 8], Bitpix::F32, Options::default()).unwrap();
    writer.write_rows_f32(0, 0, &[1.0; 64]).unwrap();
    writer.write_rect_f32(0, Rect { x: 2, y: 2, width: 3, height: 3 }, &[f32::NAN; 9]).unwrap();
    writer.finish().unwrap();
    assert_sums_right(&path);
}

#[test]
fn pixels_that_nobody_wrote_hold_zero_and_count_in_the_sums() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let writer = ImageWriter::create(&path, &Header::new(), &[100, 100], Bitpix::F64, Options::default()).unwrap();
    writer.write_rect_f64(0, Rect { x: 50, y: 50, width: 1, height: 1 }, &[7.0]).unwrap();
    writer.finish().unwrap();
    assert_sums_right(&path);
}

#[test]
fn several_hdus_stand_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let mut writer = FitsWriter::create(&path, Options::default()).unwrap();
    let none = writer.add_image(&Header::new(), &[], Bitpix::U8).unwrap();
    let mut header = Header::new();
    header.set("EXTNAME", "SCI", "");
    let sci = writer.add_image(&header, &[3, 2], Bitpix::F32).unwrap();
    header.set("EXTNAME", "MASK", "");
    let mask = writer.add_image(&header, &[3, 2], Bitpix::U8).unwrap();
    writer.write_rect_i64(mask, 0, Rect { x: 0, y: 0, width: 3, height: 2 }, &[0, 1, 2, 3, 4, 255]).unwrap();
    writer.write_rows_f32(sci, 0, 0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    writer.header_mut(sci).unwrap().push_history("changed late");
    writer.finish().unwrap();
    assert_sums_right(&path);
    let file = FitsFile::open(&path).unwrap();
    assert_eq!((none, file.named("SCI", None).unwrap(), file.named("MASK", None).unwrap()), (0, 1, 2));
    assert!(file.hdus()[1].header().contains("HISTORY"));
    let mut back = [0; 6];
    file.image(2).unwrap().read_i64(0, file.image(2).unwrap().rect(), &mut back).unwrap();
    assert_eq!(back, [0, 1, 2, 3, 4, 255]);
}

#[test]
fn a_header_that_outgrows_its_room_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let mut writer = ImageWriter::create(&path, &Header::new(), &[1], Bitpix::U8, Options::default()).unwrap();
    writer.header_mut().unwrap().push_history(&"too long ".repeat(500));
    assert!(matches!(writer.finish(), Err(FitsError::BadValue { .. })));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn integers_are_scaled_and_what_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut header = Header::new();
    header.set("BSCALE", 0.5, "");
    header.set("BZERO", 100.0, "");
    header.set("BLANK", -32768, "");
    let path = folder.path().join("a.fits");
    let writer = ImageWriter::create(&path, &header, &[3], Bitpix::I16, Options::default()).unwrap();
    let row = Rect { x: 0, y: 0, width: 3, height: 1 };
    writer.write_rect_f64(0, row, &[100.26, f64::NAN, -1000.0]).unwrap();
    let err = writer.write_rect_f64(0, row, &[0.0, 1e9, 0.0]).unwrap_err();
    assert!(err.to_string().contains("1000000000"), "{err}");
    writer.finish().unwrap();
    let file = FitsFile::open(&path).unwrap();
    let mut back = [0.0; 3];
    file.image(0).unwrap().read_f64(0, row, &mut back).unwrap();
    assert!(back[0] == 100.5 && back[1].is_nan() && back[2] == -1000.0, "{back:?}");
    let path = folder.path().join("b.fits");
    let writer = ImageWriter::create(&path, &Header::new(), &[3], Bitpix::I16, Options::default()).unwrap();
    assert!(matches!(writer.write_rect_f64(0, row, &[f64::NAN; 3]), Err(FitsError::Unfit { .. })));
}

#[test]
fn unsigned_integers_are_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let top =
        [(Bitpix::U8, -128, 127), (Bitpix::I16, 0, 65535), (Bitpix::I32, 0, 4_294_967_295), (Bitpix::I64, 0, i64::MAX)];
    for (bitpix, low, high) in top {
        let path = folder.path().join(format!("{}.fits", bitpix.code()));
        let mut header = Header::new();
        header.set("BZERO", bitpix.unsigned_zero().unwrap(), "");
        let writer = ImageWriter::create(&path, &header, &[2, 1], bitpix, Options::default()).unwrap();
        writer.write_rect_i64(0, Rect { x: 0, y: 0, width: 2, height: 1 }, &[low, high]).unwrap();
        writer.finish().unwrap();
        let file = FitsFile::open(&path).unwrap();
        let mut back = [0; 2];
        file.first_image().unwrap().read_i64(0, file.first_image().unwrap().rect(), &mut back).unwrap();
        assert_eq!(back, [low, high]);
    }
}

#[test]
fn an_existing_file_stays_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    std::fs::write(&path, "precious").unwrap();
    let refused = write_image_f32(&path, &Header::new(), &[1], &[0.0], false).unwrap_err();
    assert!(matches!(refused, FitsError::Exists { .. }));
    let writer = |overwrite| {
        ImageWriter::create(&path, &Header::new(), &[1], Bitpix::F32, Options { overwrite, checksum: true })
    };
    drop(writer(true).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["a.fits"]);
    writer(true).unwrap().finish().unwrap();
    assert!(FitsFile::open(&path).is_ok());
}

#[test]
fn a_file_that_another_makes_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let writer = FitsWriter::create(&path, Options::default()).unwrap();
    std::fs::write(&path, "of another").unwrap();
    assert!(matches!(writer.finish(), Err(FitsError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"of another");
    assert_eq!(names(folder.path()), ["a.fits"]);
}

#[test]
fn folders_and_devices_are_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let overwrite = Options { overwrite: true, checksum: false };
    for path in [folder.path(), Path::new("/dev/null")] {
        let err = FitsWriter::create(path, overwrite).unwrap_err();
        assert!(matches!(err, FitsError::NotReplaceable { .. }), "{err}");
    }
    let missing = FitsWriter::create(&folder.path().join("no/such/a.fits"), overwrite).unwrap_err();
    assert!(matches!(missing, FitsError::Io { .. }), "{missing}");
}

#[test]
fn more_than_the_disk_holds_is_refused_at_once_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let axes = [1 << 28, 1 << 28];
    let err = ImageWriter::create(&path, &Header::new(), &axes, Bitpix::F32, Options::default()).unwrap_err();
    assert!(err.is_no_room() && err.to_string().contains("no room to write"), "{err}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn unfinished_files_can_be_removed_when_the_process_is_interrupted() {
    // Alone in its process it would be simpler: other tests' unfinished files must not be touched.
    let folder = tempfile::tempdir().unwrap();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "fits::write_tests::leaves_an_unfinished_file_and_removes_it"])
        .env("POGSON_TEST_FOLDER", folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(names(folder.path()).is_empty());
}

#[test]
#[ignore = "run by the test above in a process of its own"]
fn leaves_an_unfinished_file_and_removes_it() {
    let Some(folder) = std::env::var_os("POGSON_TEST_FOLDER") else { return };
    let path = Path::new(&folder).join("a.fits");
    let writer = FitsWriter::create(&path, Options::default()).unwrap();
    assert_eq!(names(Path::new(&folder)).len(), 1);
    remove_unfinished();
    std::mem::forget(writer);
}

proptest! {
    // Each case brings a file to the disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rectangles_written_are_read_back(
        values in proptest::collection::vec(any::<f32>(), 63),
        x in 0usize..9, y in 0usize..7, width in 1usize..9, height in 1usize..7,
        code in prop::sample::select(vec![-32i64, -64]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.fits");
        let rect = Rect { x, y, width: width.min(9 - x), height: height.min(7 - y) };
        let writer = ImageWriter::create(&path, &Header::new(), &[9, 7], Bitpix::from_code(code).unwrap(),
            Options { overwrite: false, checksum: true }).unwrap();
        writer.write_rect_f32(0, rect, &values[..rect.area()]).unwrap();
        writer.finish().unwrap();
        let file = FitsFile::open(&path).unwrap();
        prop_assert_eq!(file.verify(0).unwrap(), (Verdict::Right, Verdict::Right));
        let mut back = vec![0.0; rect.area()];
        file.image(0).unwrap().read_f32(0, rect, &mut back).unwrap();
        for (a, b) in back.iter().zip(&values) {
            prop_assert!(a == b || a.is_nan() && b.is_nan());
        }
    }
}
