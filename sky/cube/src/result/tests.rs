#![allow(clippy::unwrap_used, reason = "tests")]

use super::made_up::{facts, galaxy, record};
use super::*;

/// Differences that 32-bit planes leave.
fn assert_close(a: &PixelRecord, b: &PixelRecord) {
    assert_eq!((a.x, a.y), (b.x, b.y));
    assert_eq!(a.observation, b.observation);
    assert_eq!(a.draws, b.draws);
    assert_eq!(a.redshift, b.redshift);
    assert_eq!(a.fit.best.model_jy, b.fit.best.model_jy);
    assert_eq!((a.fit.best.chi2, a.fit.ln_evidence, a.fit.flags), (b.fit.best.chi2, b.fit.ln_evidence, b.fit.flags));
    for (a, b) in a.fit.best.values.iter().zip(&b.fit.best.values) {
        assert!((a / b - 1.0).abs() < 3e-6, "{a} {b}");
    }
    assert_eq!(a.fit.marginals.len(), b.fit.marginals.len());
    for (a, b) in a.fit.marginals.iter().zip(&b.fit.marginals) {
        assert_eq!((a.parameter, a.first, a.step, &a.histogram), (b.parameter, b.first, b.step, &b.histogram));
        for (a, b) in a.percentiles.iter().chain([&a.peak]).zip(b.percentiles.iter().chain([&b.peak])) {
            assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0));
        }
    }
}

#[test]
fn who_fitted_what_reads_back_and_changes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let [one, many] = ["one.h5", "many.h5"].map(|name| folder.path().join(name));
    let mut file = galaxy(9, 8, 1, 2);
    file.write(&one, false).unwrap();
    let area = |number, first, last, users: &[i64]| Area { number, first, last, users: users.to_vec() };
    let areas = vec![area(1, (0, 0), (8, 6), &[3, 1 << 40]), area(2, (0, 7), (8, 7), &[3])];
    let users = BTreeMap::from([(3, "Ada".to_owned()), (1 << 40, "\u{c6}gir <b>".to_owned())]);
    file.crowd = Some(Crowd { areas, users });
    file.write(&many, false).unwrap();
    let [one, many] = [one, many].map(|path| ResultFile::read(&path).unwrap());
    assert_eq!(many.crowd, file.crowd);
    let alone = one.crowd.unwrap();
    assert!(alone.users.is_empty());
    // An ellipse of 2, 6, 8, 8, 8, 6 pixels in the rows of the first stripe of seven, and 2 above it; an area has 15 or more.
    let corners: Vec<_> = alone.areas.iter().map(|area| (area.number, area.first, area.last)).collect();
    assert_eq!(corners, [(1, (1, 1), (4, 6)), (2, (5, 1), (8, 6)), (3, (4, 7), (5, 7))]);
    assert_eq!(one.pixels, many.pixels);
}

#[test]
fn a_file_reads_back_as_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.h5");
    let mut file = galaxy(24, 18, 1, 5);
    for (k, record) in file.pixels.iter_mut().enumerate().filter(|(k, _)| k % 3 != 0) {
        let p = 0.2 + 0.01 * (k % 50) as f64;
        record.redshift = Some(RedshiftPosterior { grid: vec![(0.01, p), (0.02, 1.0 - p), (0.04, 0.0)] });
    }
    let map = (0..24 * 18).map(|k| if k % 7 == 0 { -1 } else { k % 3 }).collect();
    file.bins = Some(Bins { map, records: (0..3).map(|k| record(&file.facts, k, 0, 9, 0)).collect() });
    let mut whole = record(&file.facts, 0, 0, 5, 3);
    whole.observation.name = "the whole galaxy".into();
    file.push_special(Special::Integrated, whole);
    file.write(&path, false).unwrap();
    let back = ResultFile::read(&path).unwrap();
    assert_eq!(back.facts.galaxy, "NGC 0000");
    assert_eq!(back.facts.bands, file.facts.bands);
    assert_eq!(back.facts.parameters, file.facts.parameters);
    assert_eq!(back.facts.options, file.facts.options);
    assert_eq!(back.facts.header.to_bytes(), file.facts.header.to_bytes());
    assert_eq!(back.pixels.len(), file.pixels.len());
    file.pixels.iter().zip(&back.pixels).for_each(|(a, b)| assert_close(a, b));
    let (bins, read) = (file.bins.unwrap(), back.bins.unwrap());
    assert_eq!(bins.map, read.map);
    for (a, b) in bins.records.iter().zip(&read.records) {
        let mut a = a.clone();
        a.fit.marginals.iter_mut().for_each(|m| *m = m.trimmed());
        assert_close(&a, b);
    }
    let special = &back.special[&Special::Integrated];
    assert_eq!(special[0].observation.name, "the whole galaxy");
    assert_close(&file.special[&Special::Integrated][0], &special[0]);
    assert!(!back.special.contains_key(&Special::Radial));
}

#[test]
fn pixels_in_any_order_make_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.h5"), folder.path().join("b.h5"));
    let mut file = galaxy(20, 15, 1, 3);
    file.write(&a, false).unwrap();
    file.pixels.reverse();
    file.write(&b, false).unwrap();
    assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
}

#[test]
fn a_file_that_was_read_is_written_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.h5"), folder.path().join("b.h5"));
    galaxy(20, 15, 3, 3).write(&a, false).unwrap();
    ResultFile::read(&a).unwrap().write(&b, false).unwrap();
    assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
}

#[test]
fn frames_wider_than_a_block_are_cut_into_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.h5");
    let mut file = ResultFile::new(facts(1030, 2, false));
    for x in [0, 5, 1023, 1024, 1029] {
        let record = record(&file.facts, x, 1, 1, 0);
        file.push(record);
    }
    file.write(&path, false).unwrap();
    let back = ResultFile::read(&path).unwrap();
    assert_eq!(back.pixels.iter().map(|p| p.x).collect::<Vec<_>>(), [0, 5, 1023, 1024, 1029]);
    file.pixels.iter().zip(&back.pixels).for_each(|(a, b)| assert_close(a, b));
}

#[test]
fn records_that_do_not_belong_to_the_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.h5");
    let good = galaxy(8, 6, 1, 0);
    let problem = |change: &dyn Fn(&mut ResultFile)| {
        let mut file = good.clone();
        change(&mut file);
        file.write(&path, false).unwrap_err().to_string()
    };
    assert!(problem(&|f| f.pixels[0].x = 8).contains("outside"));
    assert!(problem(&|f| f.pixels.push(f.pixels[0].clone())).contains("twice"));
    assert!(problem(&|f| drop(f.pixels[0].fit.marginals.pop())).contains("parameters"));
    assert!(problem(&|f| f.pixels[0].observation.bands.clear()).contains("bands"));
    assert!(!path.exists());
    good.write(&path, false).unwrap();
    assert!(good.write(&path, false).unwrap_err().to_string().contains("--force"));
}

#[test]
fn files_of_another_make_and_damaged_ones_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.h5");
    std::fs::write(&path, b"SIMPLE  = T").unwrap();
    assert!(matches!(ResultFile::read(&path), Err(ResultError::Hdf5 { .. })));
    hdf5_pure::FileBuilder::new().write(&path).unwrap();
    assert!(matches!(ResultFile::read(&path), Err(ResultError::Layout { .. })));
    galaxy(12, 10, 1, 0).write(&path, true).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for cut in [bytes.len() / 7, bytes.len() / 2, bytes.len() - 9] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert!(ResultFile::read(&path).is_err(), "{cut}");
    }
}

#[test]
fn changed_bytes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.h5");
    galaxy(6, 5, 1, 2).write(&path, true).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let mut stream = made_up::Stream(4);
    for _ in 0..150 {
        let mut changed = bytes.clone();
        let at = (stream.next() * bytes.len() as f64) as usize;
        changed[at] = (stream.next() * 256.0) as u8;
        std::fs::write(&path, &changed).unwrap();
        // Whether it reads or not is of no interest here.
        let _ = ResultFile::read(&path);
    }
}

#[test]
fn one_pixel_of_each_bin_stands_for_the_bin() {
    let mut file = ResultFile::new(facts(4, 2, false));
    // Bins 0 and 1 side by side; the last column belongs to none.
    let map = vec![0, 0, 1, -1, 0, 0, 1, -1];
    for (x, y) in [(2, 1), (0, 0), (3, 0)] {
        let record = record(&file.facts, x, y, 1, 0);
        file.push(record);
    }
    let (first, second) = (file.pixels[1].fit.clone(), file.pixels[0].fit.clone());
    let file = file.binned(map.clone());
    let bins = file.bins.as_ref().unwrap();
    assert_eq!(bins.map, map);
    assert_eq!(bins.records.iter().map(|r| (r.x, r.y)).collect::<Vec<_>>(), [(0, 0), (1, 0)]);
    assert_eq!((&bins.records[0].fit, &bins.records[1].fit), (&first, &second));
    assert_eq!(file.pixels.len(), 1);
}
